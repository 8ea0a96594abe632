//! What a build needs: ensured once, and only when a build really happens.

use super::{logged_subsystem, sorted_builds};
use crate::env::TestEnv;

#[test]
fn diamond_dependencies_are_built_once_and_in_order() {
    let env = TestEnv::new();
    env.versions(
        &[("base", "1"), ("left", "1"), ("right", "1"), ("top", "1")],
        "sources: [build]\n",
    );
    logged_subsystem(&env, "base", "", "", "sleep 0.2");
    // The binaries of a need are on PATH.
    logged_subsystem(&env, "left", "", "  needs: [base]\n", "command -v base");
    logged_subsystem(&env, "right", "", "  needs: [base]\n", "command -v base");
    logged_subsystem(
        &env,
        "top",
        "",
        "  needs: [left, right]\n",
        "command -v left && command -v right",
    );
    let output = env.larder_json(["ensure", "top"]).success();
    assert_eq!(
        output.outcomes(),
        ["base=built", "left=built", "right=built", "top=built"]
    );
    assert_eq!(sorted_builds(&env), ["base", "left", "right", "top"]);
}

#[test]
fn build_needs_are_not_ensured_when_nothing_is_built() {
    let env = TestEnv::new();
    env.versions(&[("gen", "1"), ("tool", "1")], "sources: [build]\n");
    logged_subsystem(&env, "gen", "", "", "true");
    logged_subsystem(&env, "tool", "", "  needs: [gen]\n", "true");
    env.larder(["ensure", "tool"]).success();
    sorted_builds(&env);
    for name in ["gen", "tool"] {
        env.remove(&format!("subsystems/{name}/.bin"));
    }
    let output = env.larder_json(["ensure", "tool"]).success();
    assert_eq!(output.outcomes(), ["tool=restored"]);
    assert!(!env.exists("subsystems/gen/.bin"));
    assert_eq!(sorted_builds(&env), Vec::<String>::new());
}
