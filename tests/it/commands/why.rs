//! `why`.

use super::plan::{app_base_and_tool, checkout};
use crate::env::redact;

#[test]
fn why_says_what_differs_from_what_is_installed() {
    let env = app_base_and_tool();
    env.larder(["ensure", "all"]).success();
    insta::assert_snapshot!(env.larder(["why", "app"]).redacted(), @r"
    exit: 0
    --- stdout
    app v1.0.0 for [HOST] is up to date

               version  origin  inputs
    installed  v1.0.0   build   [HEX12] (accepted)
    wanted     v1.0.0   build   [HEX12]
    --- stderr
    ");
    env.edit("versions.yml", "tool: v3", "tool: v4");
    env.edit("subsystems/app/recipe.yml", "chmod +x", "chmod 755");
    env.edit(
        "subsystems/app/recipe.yml",
        "build:\n",
        "build:\n  env: {MODE: fast}\n",
    );
    insta::assert_snapshot!(env.larder(["why", "app"]).redacted(), @r"
    exit: 0
    --- stdout
    app v1.0.0 for [HOST] would be built: `app`'s inputs changed but its version is still v1.0.0

               version  origin  inputs
    installed  v1.0.0   build   [HEX12] (not accepted)
    wanted     v1.0.0   build   [HEX12]

    source        answer
    cache         nothing for these inputs
    managed       app-v1.0.0/app-[HOST].tar.gz was made from other inputs (build)
    original      the recipe has no upstream
    build     ->  this machine can build it

    differences between what is installed (build) and what is wanted:
      env.MODE
        - (none)
        + fast
      commands.1
        - chmod +x <out>/app
        + chmod 755 <out>/app
      build.needs.tool (version, recipe or source of what it is built with)
        - [HEX12]
        + [HEX12]
    --- stderr
    ");
    let document = env.larder_json(["why", "app"]).success().document();
    assert_eq!(
        (&document["decision"], &document["compared"]["known"]),
        (&"build".into(), &true.into())
    );
    let fields: Vec<_> = document["compared"]["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["field"].as_str().unwrap())
        .collect();
    assert_eq!(fields, ["env.MODE", "commands.1", "build.needs.tool"]);
    let all = env.larder(["why", "app", "-v"]).success().stdout;
    assert!(
        all.contains("\ninputs of build, ") && all.contains("\nenv.MODE "),
        "{all}"
    );
}

#[test]
fn why_compares_with_the_hubs_asset_of_other_inputs() {
    let env = app_base_and_tool();
    env.larder(["ensure", "all"]).success();
    let other = checkout(&env);
    other.edit("subsystems/base/src/base.sh", "echo", "printf '%s\\n'");
    insta::assert_snapshot!(redact(&other.larder(["why", "base"]).redacted(), env.base()), @r"
    exit: 0
    --- stdout
    base v2.0.0 for [HOST] would be built: not installed

               version  origin  inputs
    installed  -        -       -
    wanted     v2.0.0   build   [HEX12]

    source        answer
    cache         nothing for these inputs
    managed       base-v2.0.0/base-[HOST].tar.gz was made from other inputs (build)
    original      the recipe has no upstream
    build     ->  this machine can build it

    differences between [BASE]/hub/base-v2.0.0/base-[HOST].tar.gz (build) and what is wanted:
      source.dir (bytes or names of files in the source's folder)
        - [HEX12]
        + [HEX12]
    --- stderr
    ");
    let document = other.larder_json(["why", "base"]).success().document();
    assert_eq!(
        document["compared"]["differences"][0]["field"],
        "source.dir"
    );
    assert_eq!(
        (
            &document["sources"][3]["source"],
            &document["sources"][3]["chosen"]
        ),
        (&"build".into(), &true.into())
    );
}

#[test]
fn why_shows_the_answer_that_stops_the_search() {
    let env = app_base_and_tool();
    env.larder(["ensure", "all"]).success();
    let other = checkout(&env);
    let host = crate::env::host();
    std::fs::write(
        env.base()
            .join(format!("hub/base-v2.0.0/base-{host}.tar.gz.json")),
        "{}",
    )
    .unwrap();
    let document = other.larder_json(["why", "base"]).success().document();
    assert!(
        document["sources"][1]["answer"]
            .as_str()
            .unwrap()
            .ends_with("which versions.lock pins"),
        "{document}"
    );
    other.remove("versions.lock");
    insta::assert_snapshot!(redact(&other.larder(["why", "base"]).redacted(), env.base()), @r"
    exit: 0
    --- stdout
    base v2.0.0 for [HOST] can't be obtained: not installed

               version  origin  inputs
    installed  -        -       -
    wanted     v2.0.0   build   [HEX12]

    source     answer
    cache      nothing for these inputs
    managed    the sidecar [BASE]/hub/base-v2.0.0/base-[HOST].tar.gz.json is damaged: it has no schema number
    --- stderr
    help: someone with write access to the hub can repair it with `larder release NAME --replace`
    ");
    let out = other.larder(["ensure", "base"]).exits(4);
    assert!(
        redact(&out.stderr, env.base()).contains("is damaged"),
        "{}",
        out.stderr
    );
    other.larder(["ensure", "base", "--dry-run"]).exits(4);
}

#[test]
fn why_accepts_exactly_one_subsystem() {
    let env = app_base_and_tool();
    for (args, message) in [
        (vec!["why", "all"], "`why` explains one subsystem"),
        (vec!["why", "bsae"], "no subsystem is called `bsae`"),
        (
            vec!["why", "app", "--platform", "windows-arm64"],
            "not for windows-arm64: add `platforms: [",
        ),
        (
            vec!["why", "app", "--platform", "all"],
            "`why` takes one platform",
        ),
        (
            vec!["why"],
            "the following required arguments were not provided",
        ),
    ] {
        let out = env.larder(args).exits(2);
        assert!(out.stderr.contains(message), "{}", out.stderr);
    }
}
