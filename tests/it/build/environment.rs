//! What the commands of a build see.

use crate::env::{TestEnv, host};

#[test]
fn a_build_sees_only_the_declared_environment_and_a_clean_copy() {
    let mut env = TestEnv::new();
    env.versions(&[("tool", "v1.0.0")], "sources: [build]\n");
    env.recipe(
        "tool",
        "any: true\nbinaries: [tool]\nbuild:\n  source: {dir: .}\n  env: {DECLARED: \"{{ version }}\"}\n  commands: [\"env > {{ out }}/tool; pwd >> {{ out }}/tool; ls -A >> {{ out }}/tool; touch made-in-source\"]\n",
    );
    env.write("subsystems/tool/src.txt", "");
    for (key, value) in [
        ("GITHUB_TOKEN", "secret-1"),
        ("LARDER_GITHUB_TOKEN", "secret-2"),
        ("GH_TOKEN", "secret-3"),
        ("STRAY", "stray"),
        ("TZ", "Asia/Tokyo"),
        ("LC_ALL", "C"),
    ] {
        env.set(key, value);
    }
    env.larder(["ensure", "all"]).success();
    let seen = env.read("subsystems/tool/.bin/tool");
    assert!(
        seen.contains("DECLARED=v1.0.0\n")
            && seen.contains("TZ=UTC\n")
            && seen.contains("LC_ALL=C.UTF-8\n"),
        "{seen}"
    );
    assert!(
        !seen.contains("secret") && !seen.contains("stray"),
        "{seen}"
    );
    assert!(
        seen.contains("src.txt") && !seen.contains("recipe.yml") && !seen.contains(".bin\n"),
        "{seen}"
    );
    assert!(!env.exists("subsystems/tool/made-in-source"));
    assert!(
        !env.read(&format!(".larder/logs/tool-{}.log", host()))
            .contains("secret")
    );
}
