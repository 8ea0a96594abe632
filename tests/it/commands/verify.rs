//! The commands that look after what is installed: `verify`, `clean`, `rollback`.

use crate::env::{TestEnv, host, redact};

fn two() -> TestEnv {
    let env = TestEnv::new();
    env.script_subsystem("app", "v1.0.0");
    env.script_subsystem("base", "v2.0.0");
    env
}

#[test]
fn verify_checks_what_is_installed() {
    let env = two();
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
fn verify_believes_no_record() {
    let env = two();
    env.larder(["ensure", "all"]).success();
    // The same size and times as recorded: only reading tells.
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
    // A stamp that says nothing: something is installed, and it is not right.
    env.larder(["ensure", "all"]).success();
    env.write("subsystems/app/.bin/.v/current/.version", "rubbish\n");
    env.larder(["verify"]).exits(1);
}

#[test]
fn verify_runs_the_recipes_command() {
    let env = two();
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

#[test]
fn hints_name_the_platform_that_lacks_something() {
    let env = two();
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
fn clean_removes_what_can_be_had_again() {
    let env = two();
    env.write(
        "versions.yml",
        env.read("versions.yml") + "upload: always\n",
    );
    env.larder(["ensure", "all"]).success();
    env.larder(["package", "all"]).success();
    let package = |name: &str| format!(".dist/{name}-{}.tar.gz", host());
    env.write(".dist/app-server-linux-amd64.tar.gz", "someone else's");
    let out = env.larder_json(["clean", "app", "--dry-run"]).success();
    assert_eq!(out.finished("clean")[0]["outcome"], "skipped");
    assert!(
        env.exists("subsystems/app/.bin/app") && env.exists(&package("app")),
        "a dry run removed something"
    );

    let out = env.larder_json(["clean", "app"]).success();
    assert_eq!(out.finished("clean")[0]["outcome"], "cleaned");
    assert!(
        !env.exists("subsystems/app/.bin")
            && !env.exists(&package("app"))
            && !env.exists(&(package("app") + ".json"))
    );
    assert!(env.exists("subsystems/base/.bin/base") && env.exists(&package("base")));
    assert!(env.exists(".dist/app-server-linux-amd64.tar.gz"));
    assert_eq!(
        env.larder_json(["clean", "app"])
            .success()
            .finished("clean")[0]["outcome"],
        "up-to-date"
    );

    let hub = env.sh("find .larder-hub -type f | sort");
    env.larder(["clean", "all"]).success();
    assert!(!env.exists("subsystems/base/.bin") && !env.exists(".dist"));
    assert_eq!(env.sh("find .larder-hub -type f | sort"), hub);
    assert_eq!(
        env.larder_json(["ensure", "all"]).success().outcomes(),
        ["app=restored", "base=restored"]
    );
}

#[test]
fn clean_all_removes_what_lost_its_recipe() {
    let env = two();
    env.larder(["ensure", "all"]).success();
    env.remove("subsystems/base/recipe.yml");
    env.edit("versions.yml", "  base: v2.0.0\n", "");
    env.write("subsystems/mine/.bin/own-script", "not larder's");
    env.larder(["clean", "all"]).success();
    assert!(!env.exists("subsystems/base/.bin"));
    assert!(env.exists("subsystems/mine/.bin/own-script"));
}

#[test]
fn clean_never_removes_the_hub() {
    let env = two();
    env.write(
        "versions.yml",
        env.read("versions.yml") + "hub: {dir: .dist/hub}\nupload: always\n",
    );
    env.larder(["ensure", "all"]).success();
    let out = env.larder(["clean", "all"]).exits(2);
    assert!(
        redact(&out.stderr, env.base())
            .contains("the hub [PROJECT]/.dist/hub and .dist lie in each other"),
        "{}",
        out.stderr
    );
    assert!(env.exists(".dist/hub"));
    env.larder(["clean"]).exits(2);
    env.larder(["clean", "bsae"]).exits(2);
}

#[test]
fn rollback_goes_back_and_forth() {
    let env = two();
    env.larder(["ensure", "app"]).success();
    let out = env.larder(["rollback", "app"]).exits(1);
    assert!(
        out.stderr
            .contains("there is nothing to go back to for app"),
        "{}",
        out.stderr
    );
    env.edit("versions.yml", "app: v1.0.0", "app: v1.1.0");
    env.larder(["ensure", "app"]).success();
    assert_eq!(env.sh("subsystems/app/.bin/app"), "app v1.1.0\n");
    let out = env.larder(["rollback", "app"]).success();
    assert!(
        out.stderr
            .contains("v1.0.0 is installed now; versions.yml still pins v1.1.0"),
        "{}",
        out.stderr
    );
    assert_eq!(
        env.sh("subsystems/app/.bin/app; grep version: subsystems/app/.bin/.version"),
        "app v1.0.0\nversion: v1.0.0\n"
    );
    assert_eq!(
        env.larder_json(["status", "app"]).success().document()["subsystems"][0]["reason"],
        "v1.0.0 → v1.1.0"
    );
    let out = env.larder_json(["rollback", "app"]).success();
    assert_eq!(out.finished("rollback")[0]["version"], "v1.1.0");
    assert_eq!(env.sh("subsystems/app/.bin/app"), "app v1.1.0\n");
    let out = env.larder_json(["rollback", "app"]).success();
    assert_eq!(
        out.finished("rollback")[0]["version"],
        "v1.0.0",
        "what is installed now, not what is pinned"
    );
    env.larder(["rollback", "all"]).exits(2);
}

#[test]
fn rollback_refuses_a_damaged_set() {
    let env = two();
    env.larder(["ensure", "app"]).success();
    env.edit("versions.yml", "app: v1.0.0", "app: v1.1.0");
    env.larder(["ensure", "app"]).success();
    env.flip_bit("subsystems/app/.bin/.v/previous/app");
    env.larder(["rollback", "app"]).exits(4);
    assert_eq!(env.sh("subsystems/app/.bin/app"), "app v1.1.0\n");
}
