//! `clean`.

use super::verify::app_and_base;
use crate::env::{host, redact};

#[test]
fn clean_removes_what_can_be_restored() {
    let env = app_and_base();
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
fn clean_all_removes_the_binaries_of_a_deleted_recipe() {
    let env = app_and_base();
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
    let env = app_and_base();
    env.write(
        "versions.yml",
        env.read("versions.yml") + "hub: {dir: .dist/hub}\nupload: always\n",
    );
    env.larder(["ensure", "all"]).success();
    let out = env.larder(["clean", "all"]).exits(2);
    assert!(
        redact(&out.stderr, env.base())
            .contains("remove .dist: the hub [PROJECT]/.dist/hub is in it, or contains it"),
        "{}",
        out.stderr
    );
    assert!(env.exists(".dist/hub"));
    env.larder(["clean"]).exits(2);
    env.larder(["clean", "bsae"]).exits(2);
}

#[test]
fn a_dry_run_counts_what_it_would_remove() {
    let env = app_and_base();
    env.larder(["ensure", "all"]).success();
    env.larder(["package", "all"]).success();
    let out = env.larder(["clean", "all", "--dry-run"]).success();
    let line = |name: &str| {
        let found = out.stderr.lines().find(|line| line.contains(name));
        found.unwrap_or_default().to_owned()
    };
    assert!(
        line(".dist").contains("  dry run     ") && line(".dist").ends_with(" would be removed"),
        "{}",
        out.stderr
    );
    assert!(
        out.stderr.ends_with("a real run would give: 3 cleaned\n"),
        "{}",
        out.stderr
    );
    assert!(env.exists(".dist"));
    env.larder(["clean", "all"]).success();
    let out = env.larder(["clean", "all", "--dry-run"]).success();
    assert!(!out.stderr.contains("cleaned"), "{}", out.stderr);
}
