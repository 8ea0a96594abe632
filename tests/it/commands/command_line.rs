//! Behaviour common to all commands: unknown commands, variables, folders without a project, closed
//! pipes.

use std::process::Stdio;

use super::status::app_and_base;

#[test]
fn a_closed_output_pipe_is_not_a_failure() {
    let env = app_and_base();
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
fn an_unknown_command_that_names_a_subsystem_or_task_gets_a_hint() {
    let env = app_and_base();
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
            .contains("tip: write `all` in place of the names: `larder ensure all`")
    );
    assert!(said(&["version"]).contains("tip: did you mean `larder --version`?"));
    assert!(said(&["build"]).contains("tip: did you mean `larder ensure`?"));
    assert!(said(&["ensure"]).contains("tip: `all` means every subsystem of the project"));
    assert!(
        said(&[
            "publish", "all", "--render", "--to", "deb,rpm", "--skip", "rpm"
        ])
        .contains("`--to` and `--skip` both name rpm")
    );
    let mut command = env.command(["-C", env.project().as_str(), "base"]);
    command.current_dir(env.base());
    assert!(env.output(command).stderr.contains("larder ensure base"));
    // Without a valid project only clap's own message is printed.
    env.write("versions.yml", "versions: [");
    assert!(!said(&["base"]).contains("tip:"));
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let mut env = app_and_base();
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
fn a_wrong_value_of_a_variable_is_reported_with_its_name() {
    let mut env = app_and_base();
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
fn folders_without_a_project_get_distinct_errors() {
    let env = app_and_base();
    let said = |args: &[&str]| env.larder(args).exits(2).stderr;
    assert!(said(&["-C", "nowhere", "status"]).starts_with("error: there is no folder nowhere\n"));
    assert!(
        said(&["-C", "versions.yml", "status"])
            .starts_with("error: versions.yml is not a folder\n")
    );
    env.remove("versions.yml");
    assert!(said(&["status"]).contains("or above\n  help: `larder init` makes one here"));
    env.write("versions.yml/x", "");
    assert!(said(&["status"]).contains("is a folder; it must be a file"));
}

#[test]
fn a_file_where_a_folder_is_needed_is_reported() {
    let env = app_and_base();
    for file in ["subsystems/app/.bin", ".larder"] {
        env.remove(file);
        env.write(file, "");
        let said = env.larder(["ensure", "app"]).exits(1).stderr;
        assert!(said.contains(&format!("{file} is not a folder")), "{said}");
        env.remove(file);
    }
}
