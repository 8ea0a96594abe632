//! `status`.

use crate::env::{TestEnv, host};

/// Two subsystems, `app` needs `base`; nothing installed.
pub(super) fn app_and_base() -> TestEnv {
    let env = TestEnv::new();
    env.script_subsystem("app", "v1.0.0");
    env.script_subsystem("base", "v2.0.0");
    env.edit(
        "subsystems/app/recipe.yml",
        "build:",
        "description: What people use\nneeds: [base]\nbuild:",
    );
    env
}

pub(super) fn everything(env: &TestEnv) -> String {
    env.sh("find . -printf '%p %l %T@\\n' | sort")
}

#[test]
fn status_shows_wanted_and_installed_versions() {
    let env = app_and_base();
    insta::assert_snapshot!(env.larder(["status"]).redacted(), @r"
    exit: 0
    --- stdout
    name  wanted  installed  origin  via  state
    app   v1.0.0  -          -       -    not installed
    base  v2.0.0  -          -       -    not installed
    --- stderr
    ");
    env.larder(["ensure", "all", "--source", "build"]).success();
    insta::assert_snapshot!(env.larder(["status"]).redacted(), @r"
    exit: 0
    --- stdout
    name  wanted  installed  origin  via    state
    app   v1.0.0  v1.0.0     build   build  fresh
    base  v2.0.0  v2.0.0     build   build  fresh
    --- stderr
    ");
    env.edit("versions.yml", "app: v1.0.0", "app: v1.1.0");
    env.write(
        "subsystems/base/src/base.sh",
        "#!/bin/sh\necho \"base @VERSION@\" # changed\n",
    );
    insta::assert_snapshot!(env.larder(["status"]).redacted(), @r"
    exit: 0
    --- stdout
    name  wanted  installed  origin  via    state
    app   v1.1.0  v1.0.0     build   build  v1.0.0 → v1.1.0
    base  v2.0.0  v2.0.0     build   build  `base`'s inputs changed but its version is still v2.0.0
    --- stderr
    ");
}

#[test]
fn status_reports_damage_and_changes_nothing() {
    let env = app_and_base();
    env.larder(["ensure", "all", "--source", "build"]).success();
    env.flip_bit("subsystems/app/.bin/app");
    env.write(
        "subsystems/base/.bin/.v/current/.version",
        "version: v2.0.0\n",
    );
    let before = everything(&env);
    let document = env.larder_json(["status"]).success().document();
    assert_eq!(everything(&env), before);
    assert_eq!(document["fresh"], false);
    let reason = |n: usize| {
        document["subsystems"][n]["reason"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert!(
        reason(0).starts_with("damaged: app is not the file that its stamp names"),
        "{document}"
    );
    assert_eq!(reason(1), "not installed");
}

#[test]
fn status_prints_one_json_document() {
    let env = app_and_base();
    env.larder(["ensure", "base", "--source", "build"])
        .success();
    let document = env.larder_json(["status", "base"]).success().document();
    assert_eq!(
        (
            &document["fresh"],
            document["subsystems"].as_array().map(Vec::len)
        ),
        (&true.into(), Some(1))
    );
    let entry = &document["subsystems"][0];
    assert_eq!(
        (&entry["name"], &entry["platform"]),
        (&"base".into(), &host().into())
    );
    assert_eq!(
        (&entry["via"], &entry["origin"], &entry["reason"]),
        (&"build".into(), &"build".into(), &().into())
    );
    assert_eq!(
        (&entry["wanted"], &entry["installed"]),
        (&"v2.0.0".into(), &"v2.0.0".into())
    );
    let text = env.read("subsystems/base/.bin/.version");
    for key in ["artifact", "inputs"] {
        let value = entry[key].as_str().unwrap();
        assert!(
            text.contains(&format!("{key}: {value}\n")),
            "{key} {value} in {text}"
        );
    }
}

#[test]
fn status_covers_other_platforms() {
    let env = app_and_base();
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
        .larder(["status", "--platform", "windows-arm64"])
        .success();
    insta::assert_snapshot!(out.redacted(), @r"
    exit: 0
    --- stdout
    name  platform       wanted  installed  origin  via  state
    app   windows-arm64  v1.0.0  -          -       -    not installed
    base  windows-arm64  v2.0.0  -          -       -    does not exist for windows-arm64
    --- stderr
    ");
    insta::assert_snapshot!(env.larder(["status", "--platform", "plan9-amd64"]).redacted(), @r"
    exit: 2
    --- stdout
    --- stderr
    error: unknown platform `plan9-amd64`: unknown os `plan9`
      help: a platform is <os>-<arch>, such as [HOST], darwin-arm64, windows-amd64 or [HOST]-musl
    ");
    insta::assert_snapshot!(env.larder(["status", "bass"]).redacted(), @r"
    exit: 2
    --- stdout
    --- stderr
    error: no subsystem is called `bass`
      help: did you mean `base`?
    ");
}

#[test]
fn status_continues_after_a_subsystem_that_cannot_be_checked() {
    let env = app_and_base();
    env.sh("mkfifo subsystems/app/src/pipe");
    let out = env.larder(["status"]).exits(1);
    assert!(out.stdout.contains("base  v2.0.0  -"), "{}", out.stdout);
    insta::assert_snapshot!(crate::env::redact(&out.stderr, env.base()), @r"
    error: can't determine the status of app ([HOST])
      caused by: [PROJECT]/subsystems/app/src/pipe is neither a file nor a folder nor a link
      help: a source can't contain sockets, pipes or devices: exclude it in .larderignore
    ");
}
