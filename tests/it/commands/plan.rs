//! `plan`.

use crate::env::{TestEnv, copy_tree};

/// A project in which `app` needs `base` and is built with `tool`; its hub is a folder next to it,
/// to which builds are uploaded.
pub(super) fn app_base_and_tool() -> TestEnv {
    let env = TestEnv::new();
    env.script_subsystem("app", "v1.0.0");
    env.script_subsystem("base", "v2.0.0");
    env.script_subsystem("tool", "v3");
    env.edit(
        "subsystems/app/recipe.yml",
        "build:\n",
        "needs: [base]\nbuild:\n  needs: [tool]\n",
    );
    env.write(
        "versions.yml",
        env.read("versions.yml") + &format!("hub: {{dir: {}/hub}}\nupload: always\n", env.base()),
    );
    env
}

/// A second checkout of the same project in another folder, with the same hub.
pub(super) fn checkout(env: &TestEnv) -> TestEnv {
    let other = env.another("elsewhere");
    copy_tree(env.project(), other.project());
    other
}

#[test]
fn plan_shows_what_would_be_done() {
    let env = app_base_and_tool();
    insta::assert_snapshot!(env.larder(["plan", "app"]).redacted(), @r"
    exit: 0
    --- stdout
    name  version  would  from  why
    app   v1.0.0   build  -     not installed
    base  v2.0.0   build  -     not installed
    tool  v3       build  -     not installed; needed to build app
    --- stderr
    3 to build
    ");
    let out = env.larder_json(["ensure", "app", "--dry-run"]).success();
    let decision_of = |line: &serde_json::Value| {
        format!(
            "{} {} {}",
            line["subsystem"], line["outcome"], line["reason"]
        )
        .replace('"', "")
    };
    let lines: Vec<_> = out.finished("ensure").iter().map(decision_of).collect();
    let foreseen = [
        "app built would be built: not installed",
        "base built would be built: not installed",
        "tool built would be built: not installed; needed to build app",
    ];
    assert_eq!(lines, foreseen, "ensure --dry-run foresees what plan does");
    assert!(
        !env.exists("subsystems/app/.bin") && !env.exists(".larder"),
        "plan made something"
    );
    env.larder(["ensure", "app"]).success();
    env.larder(["clean", "base"]).success();
    env.edit("versions.yml", "tool: v3", "tool: v4");
    insta::assert_snapshot!(env.larder(["plan"]).redacted(), @r"
    exit: 0
    --- stdout
    name  version  would    from   why
    app   v1.0.0   build    -      `app`'s inputs changed but its version is still v1.0.0
    base  v2.0.0   restore  cache  not installed
    tool  v4       build    -      v3 → v4
    --- stderr
    1 to restore, 2 to build
    ");
}

#[test]
fn plan_takes_the_hub_and_installed_binaries_into_account() {
    let env = app_base_and_tool();
    env.larder(["ensure", "all"]).success();
    let out = env.larder(["plan"]).success();
    assert_eq!(
        (out.stdout.as_str(), out.stderr.as_str()),
        ("", "3 up to date\n")
    );
    let other = checkout(&env);
    insta::assert_snapshot!(other.larder(["plan", "-v"]).redacted(), @r"
    exit: 0
    --- stdout
    name  version  would     from     why
    app   v1.0.0   download  managed  not installed
    base  v2.0.0   download  managed  not installed
    tool  v3       download  managed  not installed
    --- stderr
    3 to download
    ");
    other.larder(["ensure", "base"]).success();
    let document = other.larder_json(["plan", "base"]).success().document();
    assert_eq!(
        (&document["up_to_date"], &document["steps"][0]["decision"]),
        (&true.into(), &"up-to-date".into())
    );
    let document = other.larder_json(["plan", "app"]).success().document();
    let app = &document["steps"][0];
    assert_eq!(
        (&app["decision"], &app["source"]),
        (&"download".into(), &"managed".into())
    );
    assert!(
        app["answer"]
            .as_str()
            .unwrap()
            .contains(" has app-v1.0.0/app-"),
        "{app}"
    );
    assert_eq!(
        document["steps"].as_array().map(Vec::len),
        Some(2),
        "tool is not needed: app is to be had. {document}"
    );
}

#[test]
fn plan_reports_what_no_source_has() {
    let env = app_base_and_tool();
    env.write(
        "versions.yml",
        env.read("versions.yml") + "platforms: [linux-amd64, windows-arm64]\n",
    );
    env.edit(
        "subsystems/base/recipe.yml",
        "build:",
        "platforms: [linux-amd64]\nbuild:",
    );
    let out = env
        .larder(["plan", "app", "base", "--platform", "windows-arm64"])
        .success();
    insta::assert_snapshot!(out.redacted(), @r"
    exit: 0
    --- stdout
    name  platform       version  would  from  why
    app   windows-arm64  v1.0.0   fail   -     not installed; this machine's build can't produce windows-arm64 (see `build.platforms`)
    base  windows-arm64  v2.0.0   skip   -     `base` is only for [HOST], not for windows-arm64 (see `platforms` of its recipe)
    --- stderr
    1 would fail, 1 to skip
    ");
}
