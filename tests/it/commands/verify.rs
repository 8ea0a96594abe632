//! `verify`.

use crate::env::TestEnv;

pub(super) fn app_and_base() -> TestEnv {
    let env = TestEnv::new();
    env.script_subsystem("app", "v1.0.0");
    env.script_subsystem("base", "v2.0.0");
    env
}

#[test]
fn verify_checks_what_is_installed() {
    let env = app_and_base();
    let out = env.larder(["verify"]).exits(1);
    assert_eq!(
        out.stderr,
        "error: nothing is installed, so there is nothing to verify\n  help: `larder ensure all` installs everything\n"
    );
    env.larder(["ensure", "app"]).success();
    let lines = env.larder_json(["verify"]).success().finished("verify");
    let outcomes: Vec<_> = lines
        .iter()
        .map(|line| (line["subsystem"].as_str(), line["outcome"].as_str()))
        .collect();
    assert_eq!(outcomes.len(), 2, "{lines:?}");
    assert!(
        outcomes.contains(&(Some("app"), Some("verified")))
            && outcomes.contains(&(Some("base"), Some("skipped")))
    );
    let out = env.larder(["verify", "all"]).exits(1);
    assert!(out.stderr.contains("base"), "{}", out.stderr);
    assert!(
        out.stderr
            .contains("help: `larder ensure base` installs it"),
        "{}",
        out.stderr
    );
}

#[test]
fn verify_reads_every_file_despite_matching_metadata() {
    let env = app_and_base();
    env.larder(["ensure", "all"]).success();
    // Size and times equal the recorded ones, so only reading the file reveals the change.
    let path = env.path("subsystems/app/.bin/app");
    let before = std::fs::metadata(&path).unwrap();
    env.flip_bit("subsystems/app/.bin/app");
    std::fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(before.modified().unwrap())
        .unwrap();
    let out = env.larder(["verify"]).exits(4);
    assert!(
        out.stderr
            .contains("damaged: app is not the file that its stamp names"),
        "{}",
        out.stderr
    );
    assert!(
        out.stderr.contains("help: `larder ensure app` repairs it"),
        "{}",
        out.stderr
    );
    // An empty stamp: something is installed, and it is not valid.
    env.larder(["ensure", "all"]).success();
    env.write("subsystems/app/.bin/.v/current/.version", "rubbish\n");
    env.larder(["verify"]).exits(1);
}

#[test]
fn verify_runs_the_recipes_command() {
    let env = app_and_base();
    env.larder(["ensure", "all"]).success();
    env.edit(
        "subsystems/app/recipe.yml",
        "verify: \"app --version\"",
        "verify: \"echo 9.9.9\"",
    );
    let out = env.larder(["verify", "app"]).exits(1);
    assert!(
        out.stderr.contains("does not print the version 1.0.0"),
        "{}",
        out.stderr
    );
    assert!(
        out.stderr.contains("caused by: it printed `9.9.9`"),
        "{}",
        out.stderr
    );
    env.edit("subsystems/app/recipe.yml", "echo 9.9.9", "exit 3");
    let out = env.larder(["verify", "app"]).exits(1);
    assert!(
        out.stderr.contains("caused by: it printed nothing"),
        "{}",
        out.stderr
    );
}

/// Each check creates a folder that must not exist while the other check runs.
#[test]
fn jobs_limit_how_many_are_checked_at_once() {
    let env = app_and_base();
    env.larder(["ensure", "all"]).success();
    let busy = env.base().join("busy");
    for name in ["app", "base"] {
        env.edit(
            &format!("subsystems/{name}/recipe.yml"),
            &format!("verify: \"{name} --version\""),
            &format!("verify: \"mkdir {busy} && sleep 1 && rmdir {busy} && {name} --version\""),
        );
    }
    env.larder(["verify", "--jobs", "1"]).success();
    let mut by_variable = env.command(["verify"]);
    by_variable.env("LARDER_JOBS", "1");
    env.output(by_variable).success();
    let out = env.larder(["verify", "-j", "2"]).exits(1);
    assert!(out.stderr.contains("failed"), "{}", out.stderr);
}

#[test]
fn hints_name_the_platform_that_lacks_something() {
    let env = app_and_base();
    env.write(
        "versions.yml",
        env.read("versions.yml") + "platforms: [linux-amd64, windows-arm64]\n",
    );
    let first = "help: run `larder ensure app --platform windows-arm64` first\n";
    for (command, hint) in [
        ("package", first),
        ("release", first),
        (
            "verify",
            "help: `larder ensure app --platform windows-arm64` installs it\n",
        ),
    ] {
        let out = env
            .larder([command, "app", "--platform", "windows-arm64"])
            .exits(1);
        assert!(out.stderr.contains(hint), "{command}: {}", out.stderr);
    }
}

#[test]
fn verify_says_where_it_compared_only_bytes() {
    let env = TestEnv::new();
    env.script_subsystem("with", "v1.0.0");
    env.script_subsystem("without", "v1.0.0");
    let recipe = env.read("subsystems/without/recipe.yml");
    let line = |line: &&str| !line.starts_with("verify:");
    let kept: Vec<&str> = recipe.lines().filter(line).collect();
    env.write("subsystems/without/recipe.yml", kept.join("\n") + "\n");
    if !env.read("subsystems/with/recipe.yml").contains("verify:") {
        let recipe = env.read("subsystems/with/recipe.yml") + "verify: with --version\n";
        env.write("subsystems/with/recipe.yml", recipe);
    }
    env.larder(["ensure", "all"]).success();
    let out = env.larder(["verify"]).success();
    let said = |name: &str| {
        let line = out
            .stderr
            .lines()
            .find(|line| line.contains(&format!(" {name} ")));
        line.unwrap_or_default()
            .contains("(bytes only: its recipe has no `verify`)")
    };
    assert!(said("without") && !said("with"), "{}", out.stderr);
}
