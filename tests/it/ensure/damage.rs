//! Damage to installed files is detected, reported and repaired.

use crate::env::{Output, TestEnv};

/// A subsystem that is released, installed and cached; `sources` sets the order of the search.
pub fn released(sources: &str) -> TestEnv {
    let env = TestEnv::new();
    env.script_subsystem("tool", "v1.0.0");
    env.write(
        "versions.yml",
        env.read("versions.yml") + "sources: [build]\n",
    );
    env.larder(["ensure", "all"]).success();
    env.larder(["release", "all"]).success();
    env.edit("versions.yml", "[build]", sources);
    env.remove("versions.lock");
    env
}

#[track_caller]
pub fn repaired(env: &TestEnv, outcome: &str) -> Output {
    let output = env.larder_json(["ensure", "tool"]).success();
    assert_eq!(
        output.outcome("tool"),
        outcome,
        "{}{}",
        output.stdout,
        output.stderr
    );
    crate::env::assert_intact(env, "tool");
    assert_eq!(env.sh("subsystems/tool/.bin/tool"), "tool v1.0.0\n");
    let again = env.larder_json(["ensure", "tool"]).success();
    assert_eq!(again.outcome("tool"), "up-to-date");
    output
}

#[test]
fn a_damaged_installed_binary_is_repaired_and_reported() {
    let env = released("[build]");
    env.flip_bit("subsystems/tool/.bin/tool");
    let output = repaired(&env, "restored");
    let said = output.stdout + &output.stderr;
    assert!(
        said.contains("sha256 differs") && said.contains("repairing"),
        "{said}"
    );
    // Damage to the mode, the size, the existence and the type of the file.
    for damage in [
        "chmod 0644 F",
        "echo >> F",
        "rm F",
        "rm F && mkdir F",
        ": > F",
    ] {
        env.sh(&damage.replace('F', "$(readlink -f subsystems/tool/.bin/tool)"));
        repaired(&env, "restored");
    }
    // Damage to the links themselves.
    for damage in [
        "rm B/tool",
        "rm B/.version",
        "rm B/.v/current",
        "ln -sfn nowhere B/.v/current",
        "rm -r B/.v",
        "rm B/tool && echo x > B/tool",
    ] {
        env.sh(&damage.replace('B', "subsystems/tool/.bin"));
        let output = env.larder_json(["ensure", "tool"]).success();
        assert!(["restored", "up-to-date"].contains(&output.outcome("tool").as_str()));
        crate::env::assert_intact(&env, "tool");
        assert_eq!(
            env.sh("subsystems/tool/.bin/tool"),
            "tool v1.0.0\n",
            "{damage}"
        );
    }
}

#[test]
fn a_flipped_bit_anywhere_in_a_stamp_is_repaired() {
    let env = released("[build]");
    let stamp = env
        .path("subsystems/tool/.bin/.version")
        .canonicalize_utf8()
        .unwrap();
    let bytes = std::fs::read(&stamp).unwrap();
    // Every third byte of the head (version, checksum, platform, origin, inputs, artifact), then
    // larger steps.
    let head = bytes.len().min(30);
    for at in (0..head).step_by(3).chain((head..bytes.len()).step_by(37)) {
        let path = env
            .path("subsystems/tool/.bin/.version")
            .canonicalize_utf8()
            .unwrap();
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        std::fs::write(&path, &damaged).unwrap();
        env.larder(["ensure", "tool"]).success();
        let now = std::fs::read(env.path("subsystems/tool/.bin/.version")).unwrap();
        assert_eq!(
            now,
            bytes,
            "byte {at}: {}",
            String::from_utf8_lossy(&damaged)
        );
        crate::env::assert_intact(&env, "tool");
    }
    let text = String::from_utf8(bytes).unwrap();
    for odd in [
        String::new(),
        format!("schema: 2\n{text}"),
        text.replace("files:", "files_v2:"),
        text.replace('\n', "\r\n"),
        text.repeat(2),
    ] {
        let path = env
            .path("subsystems/tool/.bin/.version")
            .canonicalize_utf8()
            .unwrap();
        std::fs::write(&path, &odd).unwrap();
        repaired(&env, "restored");
    }
}

#[test]
fn a_damaged_state_file_changes_no_outcome() {
    let env = released("[build]");
    let state = std::fs::read(env.path(".larder/state")).unwrap();
    for at in (0..state.len()).step_by(53) {
        let mut bytes = state.clone();
        bytes[at] ^= 1 << (at % 8);
        env.write(".larder/state", bytes);
        let output = env.larder_json(["ensure", "all"]).success();
        assert_eq!(output.outcomes(), ["tool=up-to-date"], "byte {at}");
    }
    for odd in [
        Vec::new(),
        b"larder\x009 from the future".to_vec(),
        state[..state.len() / 2].to_vec(),
    ] {
        env.write(".larder/state", odd);
        assert_eq!(
            env.larder_json(["ensure", "all"]).success().outcomes(),
            ["tool=up-to-date"]
        );
    }
}
