//! The commands that only look: `status`, `list`, `check`, `graph`.

use std::process::Stdio;

use crate::env::{TestEnv, host};

/// Two subsystems, `app` needs `base`; nothing installed.
fn two() -> TestEnv {
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

fn everything(env: &TestEnv) -> String {
    env.sh("find . -printf '%p %l %T@\\n' | sort")
}

#[test]
fn status_tells_what_is_wanted_and_what_is_there() {
    let env = two();
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
    base  v2.0.0  v2.0.0     build   build  `base` changed but is still v2.0.0
    --- stderr
    ");
}

#[test]
fn status_sees_damage_and_changes_nothing() {
    let env = two();
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
fn status_as_a_document() {
    let env = two();
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
fn status_of_other_platforms() {
    let env = two();
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
fn status_goes_on_where_one_cannot_be_told() {
    let env = two();
    env.sh("mkfifo subsystems/app/src/pipe");
    let out = env.larder(["status"]).exits(1);
    assert!(out.stdout.contains("base  v2.0.0  -"), "{}", out.stdout);
    insta::assert_snapshot!(crate::env::redact(&out.stderr, env.base()), @r"
    error: cannot tell the status of app ([HOST])
      caused by: [PROJECT]/subsystems/app/src/pipe is neither file, folder nor link
      help: a source can't hold sockets, pipes or devices: exclude it in .larderignore
    ");
}

#[test]
fn list_tells_what_there_is() {
    let env = two();
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
fn a_reader_that_had_enough_is_no_failure() {
    let env = two();
    let mut child = env
        .command(["list", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).as_ref()
        ),
        (Some(0), "")
    );
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = env.command(["list"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&output.stderr)
            .starts_with("error: cannot write to standard output\n")
    );
}

#[test]
fn check_counts_what_is_right() {
    let env = two();
    insta::assert_snapshot!(env.larder(["check"]).redacted(), @r"
    exit: 0
    --- stdout
    ok: 2 subsystems, 1 platform
    --- stderr
    ");
    let tasks = "tasks:\n  test: {needs: [ensure all], commands: [\"true\"]}\nci: [ensure all, run test, status --json]\n";
    env.write("versions.yml", env.read("versions.yml") + tasks);
    let document = env.larder_json(["check"]).success().document();
    assert_eq!(
        document,
        serde_json::json!({"ok": true, "subsystems": 2, "tasks": 1, "problems": []})
    );
}

#[test]
fn check_shows_every_problem() {
    let env = two();
    env.edit(
        "versions.yml",
        "versions:\n",
        "platfroms: [all]\nversions:\n",
    );
    env.edit(
        "subsystems/app/recipe.yml",
        "binaries: [app]",
        "binaries: app",
    );
    let wanted = env.larder(["check"]).exits(2);
    insta::assert_snapshot!(wanted.redacted(), @r"
    exit: 2
    --- stdout
    --- stderr
    error: unknown key `platfroms`
     --> versions.yml:1:1
      |
    1 | platfroms: [all]
      | ^^^^^^^^^
      |
      = help: did you mean `platforms`?

    error: `binaries` must be a list, not a text
     --> subsystems/app/recipe.yml:1:11
      |
    1 | binaries: app
      |           ^^^
      |
      = help: write `binaries: [app]`

    error: 2 problems in the project's files
    ");
    let out = env.larder_json(["check"]).exits(2);
    assert_eq!(out.stderr, wanted.stderr);
    let document = out.document();
    assert_eq!(
        (&document["ok"], &document["subsystems"]),
        (&false.into(), &().into())
    );
    let problem = &document["problems"][1];
    assert_eq!(
        (&problem["file"], &problem["line"], &problem["column"]),
        (&"subsystems/app/recipe.yml".into(), &1.into(), &11.into())
    );
    assert_eq!(problem["hint"], "write `binaries: [app]`");
}

#[test]
fn check_parses_the_lines_of_ci() {
    let env = two();
    env.write(
        "versions.yml",
        env.read("versions.yml") + "ci:\n  - ensure all --platfrom all\n  - status --platform\n",
    );
    insta::assert_snapshot!(env.larder(["check"]).redacted(), @r"
    exit: 2
    --- stdout
    --- stderr
    error: `ensure all --platfrom all` is no larder command line: unexpected argument '--platfrom' found
     --> versions.yml:5:5
      |
    5 |   - ensure all --platfrom all
      |     ^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: a similar argument exists: '--platform'

    error: `status --platform` is no larder command line: a value is required for '--platform <PLATFORM>' but none was supplied
     --> versions.yml:6:5
      |
    6 |   - status --platform
      |     ^^^^^^^^^^^^^^^^^
      |
      = help: lines are written as after `larder`; `larder help` shows the commands

    error: 2 problems in the project's files
    ");
}

#[test]
fn graph_draws_needs() {
    let env = two();
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
    env.larder(["graph", "--format", "svg"]).exits(2);
}

#[test]
fn a_word_that_is_no_command_may_be_a_subsystem_or_a_task() {
    let env = two();
    env.script_subsystem("hello", "v1");
    env.write(
        "versions.yml",
        env.read("versions.yml") + "tasks:\n  deploy: {commands: [\"true\"]}\n",
    );
    let said = |args: &[&str]| env.larder(args).exits(2).stderr;
    insta::assert_snapshot!(said(&["hello"]), @r"
    error: unrecognized subcommand 'hello'

      tip: did you mean `larder ensure hello`?

    Usage: larder [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
    assert!(said(&["bas"]).contains("tip: did you mean `larder ensure base`?"));
    assert!(said(&["deploy"]).contains("tip: did you mean `larder run deploy`?"));
    assert!(said(&["statsu"]).contains("tip: a similar subcommand exists: 'status'"));
    assert!(!said(&["nothing-like-it"]).contains("tip:"));
    assert!(
        said(&["ensure", "--all"])
            .contains("tip: `all` stands where names do: `larder ensure all`")
    );
    assert!(said(&["version"]).contains("tip: did you mean `larder --version`?"));
    assert!(said(&["build"]).contains("tip: did you mean `larder ensure`?"));
    assert!(said(&["ensure"]).contains("tip: `all` means every subsystem of the project"));
    let mut command = env.command(["-C", env.project().as_str(), "base"]);
    command.current_dir(env.base());
    assert!(env.output(command).stderr.contains("larder ensure base"));
    // No project, or a broken one: nothing more than clap's own word.
    env.write("versions.yml", "versions: [");
    assert!(!said(&["base"]).contains("tip:"));
}

#[test]
fn a_variable_that_is_set_to_nothing_is_unset() {
    let mut env = two();
    for (name, _) in larder_core::variables::ALL
        .iter()
        .filter(|(name, _)| *name != larder_core::variables::CACHE_DIR)
    {
        env.set(name, "");
    }
    env.larder(["ensure", "all"]).success();
    env.larder(["plan", "--matrix"]).success();
    env.larder(["collect", "--help"]).success();
    env.write(
        "versions.yml",
        env.read("versions.yml") + "ci: [ensure all, status]\n",
    );
    env.larder(["ci"]).success();
    env.set(larder_core::variables::CACHE_DIR, "");
    let dir = env.larder(["cache", "dir"]).success().stdout;
    assert_eq!(dir.trim(), env.home().join(".cache/larder"));
}

#[test]
fn a_variable_with_a_wrong_value_is_named() {
    let mut env = two();
    env.write(
        "versions.yml",
        env.read("versions.yml") + "ci: [ensure all]\n",
    );
    for (name, value, commands) in [
        (
            larder_core::variables::OFFLINE,
            "maybe",
            [&["ensure", "all"], &["ci"], &["plan"]] as [&[&str]; 3],
        ),
        (
            larder_core::variables::JOBS,
            "x",
            [&["ensure", "all"], &["ci"], &["bundle"]],
        ),
        (
            larder_core::variables::COLOR,
            "foo",
            [&["ensure", "all"], &["ci"], &["status"]],
        ),
        (
            larder_core::variables::LINKS,
            "maybe",
            [&["ensure", "all"], &["ci"], &["status"]],
        ),
    ] {
        env.set(name, value);
        for command in commands {
            let out = env.larder(command).exits(2);
            let first = out.stderr.split("\n  help").next().unwrap_or_default();
            assert!(
                first.contains(name) && first.contains(value) && !first.contains("for '--"),
                "{name}: {}",
                out.stderr
            );
        }
        env.unset(name);
    }
    let out = env.larder(["ensure", "all", "--jobs", "x"]).exits(2);
    assert!(out.stderr.contains("'--jobs <N>'"), "{}", out.stderr);
}

#[test]
fn places_that_are_no_project_are_told_apart() {
    let env = two();
    let said = |args: &[&str]| env.larder(args).exits(2).stderr;
    assert!(said(&["-C", "nowhere", "status"]).starts_with("error: there is no folder nowhere\n"));
    assert!(
        said(&["-C", "versions.yml", "status"])
            .starts_with("error: versions.yml is not a folder\n")
    );
    env.remove("versions.yml");
    assert!(said(&["status"]).contains("or above\n  help: `larder init` makes one here"));
    env.write("versions.yml/x", "");
    assert!(said(&["status"]).contains("help: the versions.yml here is no file"));
}

#[test]
fn a_file_in_the_place_of_a_folder_is_named() {
    let env = two();
    for file in ["subsystems/app/.bin", ".larder"] {
        env.remove(file);
        env.write(file, "");
        let said = env.larder(["ensure", "app"]).exits(1).stderr;
        assert!(
            said.contains(&format!("{file} is in the way: it is no folder")),
            "{said}"
        );
        env.remove(file);
    }
}
