//! `rollback`.

use super::verify::app_and_base;

#[test]
fn rollback_switches_between_the_two_last_versions() {
    let env = app_and_base();
    env.larder(["ensure", "app"]).success();
    let out = env.larder(["rollback", "app"]).exits(1);
    assert!(
        out.stderr.contains("has no previous set to roll back to"),
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
    let env = app_and_base();
    env.larder(["ensure", "app"]).success();
    env.edit("versions.yml", "app: v1.0.0", "app: v1.1.0");
    env.larder(["ensure", "app"]).success();
    env.flip_bit("subsystems/app/.bin/.v/previous/app");
    env.larder(["rollback", "app"]).exits(4);
    assert_eq!(env.sh("subsystems/app/.bin/app"), "app v1.1.0\n");
}
