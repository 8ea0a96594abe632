//! `list` and `graph`.

use super::status::app_and_base;

#[test]
fn list_shows_subsystems_versions_and_platforms() {
    let env = app_and_base();
    insta::assert_snapshot!(env.larder(["list"]).redacted(), @r"
    exit: 0
    --- stdout
    name  version  platforms    needs  description
    app   v1.0.0   [HOST]  base   What people use
    base  v2.0.0   [HOST]  -      -
    --- stderr
    ");
    insta::assert_snapshot!(env.larder(["list", "-v"]).redacted(), @r"
    exit: 0
    --- stdout
    app v1.0.0
      what       What people use
      binaries   app
      platforms  [HOST]
      needs      base
      origins    build

    base v2.0.0
      binaries   base
      platforms  [HOST]
      origins    build
    --- stderr
    ");
    let document = env.larder_json(["list"]).success().document();
    assert_eq!(
        document["subsystems"][0]["needs"],
        serde_json::json!(["base"])
    );
    assert_eq!(
        document["subsystems"][1]["description"],
        serde_json::Value::Null
    );
}

#[test]
fn graph_shows_needs() {
    let env = app_and_base();
    env.script_subsystem("tool", "v3");
    env.edit(
        "subsystems/app/recipe.yml",
        "build:\n",
        "build:\n  needs: [tool]\n",
    );
    insta::assert_snapshot!(env.larder(["graph", "app"]).success().stdout, @r#"
    digraph larder {
      rankdir=LR;
      node [shape=box];
      "app";
      "base";
      "tool" [style=dashed];
      "app" -> "base";
      "app" -> "tool" [style=dashed];
    }
    "#);
    insta::assert_snapshot!(env.larder(["graph", "--format", "mermaid"]).success().stdout, @r#"
    graph LR
      n0["app"]
      n1["base"]
      n2["tool"]
      n0 --> n1
      n0 -.-> n2
    "#);
    let document = env.larder_json(["graph", "app"]).success().document();
    assert_eq!(
        document["edges"][1],
        serde_json::json!({"from": "app", "to": "tool", "kind": "build.needs"})
    );
    assert_eq!(
        env.larder(["graph", "app", "--format", "json"])
            .success()
            .document(),
        document
    );
    env.larder(["graph", "--format", "pdf"]).exits(2);
}
