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
fn rollback_works_without_links() {
    let mut env = app_and_base();
    let is = |env: &crate::env::TestEnv, version: &str| {
        let said = env.sh("subsystems/app/.bin/app; grep version: subsystems/app/.bin/.version");
        assert_eq!(said, format!("app {version}\nversion: {version}\n"));
    };
    env.set("LARDER_LINKS", "never");
    env.larder(["ensure", "app"]).success();
    env.larder(["rollback", "app"]).exits(1);
    is(&env, "v1.0.0");
    for (from, to) in [("v1.0.0", "v1.1.0"), ("v1.1.0", "v1.2.0")] {
        env.edit(
            "versions.yml",
            &format!("app: {from}"),
            &format!("app: {to}"),
        );
        env.larder(["ensure", "app"]).success();
        is(&env, to);
    }
    // The same version again is no other set.
    env.larder(["ensure", "app", "--reinstall"]).success();
    for version in ["v1.1.0", "v1.2.0", "v1.1.0"] {
        env.larder(["rollback", "app"]).success();
        is(&env, version);
        assert!(!env.path("subsystems/app/.bin/app").is_symlink());
        let sets = crate::env::list(&env.path("subsystems/app/.bin/.v"));
        assert_eq!(sets.len(), 1, "{sets:?}");
    }
    // From links to plain files: the set that was current stays.
    env.unset("LARDER_LINKS");
    env.edit("versions.yml", "app: v1.2.0", "app: v1.3.0");
    env.larder(["ensure", "app"]).success();
    env.set("LARDER_LINKS", "never");
    env.edit("versions.yml", "app: v1.3.0", "app: v1.4.0");
    env.larder(["ensure", "app"]).success();
    env.larder(["rollback", "app"]).success();
    is(&env, "v1.3.0");
    // A damaged set is refused, and an incomplete one is none.
    let set = crate::env::list(&env.path("subsystems/app/.bin/.v"));
    let file = format!("subsystems/app/.bin/.v/{}/app", set.first().unwrap());
    env.flip_bit(&file);
    env.larder(["rollback", "app"]).exits(4);
    is(&env, "v1.3.0");
    env.remove(&file);
    env.larder(["rollback", "app"]).exits(1);
    is(&env, "v1.3.0");
}

#[test]
fn what_can_not_be_replaced_leaves_the_old_set_without_links() {
    let mut env = app_and_base();
    env.set("LARDER_LINKS", "never");
    let renames = "rename,renameat,renameat2";
    let mut kept = 0;
    // One rename after the other fails, as if a program ran that can't be replaced.
    for call in 1..16 {
        env.larder(["ensure", "app"]).success();
        env.edit("versions.yml", "app: v1.0.0", "app: v1.1.0");
        let mut command = env.program("strace");
        let trace = format!("trace={renames}");
        let inject = format!("inject={renames}:error=EACCES:when={call}");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject]);
        command.args([crate::env::LARDER, "ensure", "app"]);
        let failed = env.output(command).code != Some(0);
        let stamp = env.sh("grep version: subsystems/app/.bin/.version");
        let said = env.sh("subsystems/app/.bin/app");
        assert_eq!(
            stamp.trim().replace("version:", "app"),
            said.trim(),
            "{call}"
        );
        env.edit("versions.yml", "app: v1.1.0", "app: v1.0.0");
        kept += usize::from(failed && said == "app v1.0.0\n");
    }
    assert!(kept > 1, "{kept}");
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
