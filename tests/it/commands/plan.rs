//! The commands that tell what `ensure` would do: `plan` and `why`.

use crate::env::{TestEnv, copy_tree, redact};

/// `app` needs `base`, is built with `tool`, in a project whose hub is beside it and gets what is built.
fn three() -> TestEnv {
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

/// Another checkout of the same project, elsewhere, with the same hub.
fn checkout(env: &TestEnv) -> TestEnv {
    let other = env.another("elsewhere");
    copy_tree(env.project(), other.project());
    other
}

#[test]
fn plan_tells_what_would_be_done() {
    let env = three();
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
    let told = |line: &serde_json::Value| {
        format!(
            "{} {} {}",
            line["subsystem"], line["outcome"], line["reason"]
        )
        .replace('"', "")
    };
    let lines: Vec<_> = out.finished("ensure").iter().map(told).collect();
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
    app   v1.0.0   build    -      `app` changed but is still v1.0.0
    base  v2.0.0   restore  cache  not installed
    tool  v4       build    -      v3 → v4
    --- stderr
    1 to restore, 2 to build
    ");
}

#[test]
fn plan_sees_the_hub_and_what_is_there() {
    let env = three();
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
fn plan_of_what_nobody_has() {
    let env = three();
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
    base  windows-arm64  v2.0.0   skip   -     `base` does not exist for windows-arm64 (see `platforms` of its recipe)
    --- stderr
    1 would fail, 1 to skip
    ");
}

#[test]
fn why_says_what_differs_from_what_is_installed() {
    let env = three();
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
    app v1.0.0 for [HOST] would be built: `app` changed but is still v1.0.0

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
    let env = three();
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
fn why_tells_of_an_answer_that_stops_the_search() {
    let env = three();
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
    base v2.0.0 for [HOST] can't be had: not installed

               version  origin  inputs
    installed  -        -       -
    wanted     v2.0.0   build   [HEX12]

    source     answer
    cache      nothing for these inputs
    managed    the sidecar [BASE]/hub/base-v2.0.0/base-[HOST].tar.gz.json is damaged: it has no schema number
    --- stderr
    help: whoever may write to the hub can repair it with `larder release --replace`
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
fn why_explains_one() {
    let env = three();
    for (args, message) in [
        (vec!["why", "all"], "`why` explains one subsystem"),
        (vec!["why", "bsae"], "no subsystem is called `bsae`"),
        (
            vec!["why", "app", "--platform", "windows-arm64"],
            "`app` does not exist for windows-arm64 (see `platforms` in versions.yml)",
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
