//! Builds that fail, and what a failure does to the rest of a run.

use serde_json::Value;

use super::{builds_in_order, logged_subsystem, reason, sorted_builds};
use crate::env::{TestEnv, host};

#[test]
fn a_wrong_build_output_is_not_installed() {
    let env = TestEnv::new();
    env.versions(&[("tool", "v1.0.0")], "sources: [build]\n");
    env.write("subsystems/tool/src/x", "");
    // Headers of executables of other systems, by hand: a 64-bit Mach-O for arm64, a PE for 386 with its DOS stub.
    let mut macho = vec![
        0xcf, 0xfa, 0xed, 0xfe, 0x0c, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0,
    ];
    macho.extend([0; 16]);
    let mut pe = b"MZ".to_vec();
    pe.resize(0x3c, 0);
    pe.extend(0x40_u32.to_le_bytes());
    pe.extend(b"PE\0\0\x4c\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xe0\0\x02\x01\x0b\x01");
    pe.resize(0x40 + 24 + 0xe0, 0);
    env.write("subsystems/tool/src/macho", macho);
    env.write("subsystems/tool/src/pe", pe);
    let build = |command: &str| {
        env.recipe(
            "tool",
            &format!(
                "any: true\nbinaries: [tool]\nbuild:\n  source: {{dir: src}}\n  commands: [\"{command}\"]\n"
            ),
        );
    };
    build("echo good > {{ out }}/tool");
    env.larder(["ensure", "all"]).success();
    for (command, says) in [
        ("true", "did not make `tool`"),
        ("echo x > tool", "did not make `tool`"),
        (": > {{ out }}/tool", "empty `tool`"),
        ("mkdir {{ out }}/tool", "not as a file"),
        ("ln -s nowhere {{ out }}/tool", "did not make `tool`"),
        ("cp macho {{ out }}/tool", "darwin"),
        ("cp pe {{ out }}/tool", "windows"),
        (
            "echo told; echo told on stderr >&2; exit 7",
            "exit status 7",
        ),
        ("no-such-program-anywhere", "exit status 127"),
        ("kill -9 $$", "signal 9"),
    ] {
        build(command);
        let output = env.larder(["ensure", "all"]).exits(1);
        assert!(output.stderr.contains(says), "{command}: {}", output.stderr);
        assert!(
            output.stderr.contains(".larder/logs/tool-"),
            "{command}: {}",
            output.stderr
        );
        assert_eq!(env.read("subsystems/tool/.bin/tool"), "good\n", "{command}");
        crate::env::assert_intact(&env, "tool");
        assert!(
            crate::env::list(&env.path(".larder/work")).is_empty(),
            "{command}"
        );
    }
    build("i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo line $i; done; exit 3");
    let output = env.larder(["ensure", "all"]).exits(1);
    assert!(
        output.stderr.contains("line 100") && !output.stderr.contains("line 5\n"),
        "the tail: {}",
        output.stderr
    );
    assert!(
        env.read(&format!(".larder/logs/tool-{}.log", host()))
            .contains("line 5\n"),
        "the log is whole"
    );
    // A link is replaced by the file it points to; a script is valid on every platform.
    build("echo linked > {{ out }}/real; ln -s real {{ out }}/tool");
    env.larder(["ensure", "all"]).success();
    assert_eq!(env.read("subsystems/tool/.bin/tool"), "linked\n");
}

#[test]
fn after_a_failure_no_further_build_starts() {
    let env = TestEnv::new();
    env.versions(
        &[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1")],
        "sources: [build]\n",
    );
    logged_subsystem(&env, "a", "", "", "exit 1");
    for name in ["b", "c", "d"] {
        logged_subsystem(&env, name, "", "", "true");
    }
    let output = env.larder_json(["ensure", "all", "-j", "1"]).exits(1);
    // The builds run one at a time, in any order; after the failure no other one starts.
    let begun = builds_in_order(&env);
    assert_eq!(begun.last().map(String::as_str), Some("a"));
    for name in ["b", "c", "d"] {
        let did = begun.iter().any(|n| n == name);
        let outcome = format!("{name}={}", if did { "built" } else { "skipped" });
        assert!(
            output.outcomes().contains(&outcome),
            "{outcome}: {}",
            output.stdout
        );
        assert!(
            did || reason(&output, name).contains("a failed"),
            "{}",
            output.stdout
        );
    }
    let summary = output.summary();
    assert_eq!(
        (&summary["ok"], &summary["counts"]["failed"]),
        (&Value::from(false), &Value::from(1))
    );
    // Builds that had started finish, and their results are kept.
    let output = env.larder_json(["ensure", "all", "-j", "1", "-k"]).exits(1);
    assert!(
        output.outcomes().contains(&"a=failed".to_owned())
            && !output.stdout.contains("\"skipped\""),
        "{}",
        output.stdout
    );
    let mut all = [begun, sorted_builds(&env)].concat();
    all.sort();
    all.dedup();
    assert_eq!(all, ["a", "b", "c", "d"]);
}

#[test]
fn keep_going_skips_only_the_dependents_of_a_failure() {
    let env = TestEnv::new();
    env.versions(
        &[("gen", "1"), ("user", "1"), ("apart", "1"), ("along", "1")],
        "sources: [build]\n",
    );
    logged_subsystem(&env, "gen", "", "", "exit 1");
    logged_subsystem(&env, "user", "", "  needs: [gen]\n", "true");
    logged_subsystem(&env, "along", "needs: [user]\n", "", "true");
    logged_subsystem(&env, "apart", "", "", "true");
    let output = env.larder_json(["ensure", "all", "-k"]).exits(1);
    assert_eq!(
        output.outcomes(),
        ["along=skipped", "apart=built", "gen=failed", "user=skipped"],
        "{}",
        output.stdout
    );
    assert!(
        reason(&output, "user").contains("needs `gen`"),
        "{}",
        output.stdout
    );
    assert!(
        reason(&output, "along").contains("needs `user`"),
        "{}",
        output.stdout
    );
    assert_eq!(sorted_builds(&env), ["apart", "gen"]);
}

#[test]
fn a_failed_build_hints_at_a_space_in_the_project_path() {
    let env = TestEnv::new().another("with a space");
    env.recipe(
        "tool",
        "any: true\nbinaries: [tool]\nbuild:\n  source: {dir: .}\n  commands: [\"echo x > {{ out }}/tool\"]\n",
    );
    env.versions(&[("tool", "v1")], "");
    let said = env.larder(["ensure", "all"]).exits(1).stderr;
    assert!(
        said.contains("help: the project's path contains a space: quote"),
        "{said}"
    );
    env.edit(
        "subsystems/tool/recipe.yml",
        "> {{ out }}/tool",
        "> '{{ out }}/tool'",
    );
    env.larder(["ensure", "all"]).success();
}
