//! The key: what changes it and what does not, here and on another machine.

use crate::env::TestEnv;

const RECIPE: &str = "\
description: a tool
any: true
binaries: [tool]
needs: [other]
build:
  needs: [gen]
  tools: {sh: \"\"}
  source: {dir: src}
  env: {FLAVOUR: plain, LEVEL: \"1\"}
  commands:
    - \"gen > {{ out }}/tool\"
    - \"cat text >> {{ out }}/tool\"
  timeout: 5m
package: {include: [NOTICE]}
verify: \"echo {{ version_number }}\"
";

fn project() -> TestEnv {
    let env = TestEnv::new();
    write(&env);
    env
}

fn write(env: &TestEnv) {
    env.versions(
        &[
            ("tool", "v1.0.0"),
            ("gen", "v1.0.0"),
            ("other", "v1.0.0"),
            ("friend", "v1.0.0"),
        ],
        "sources: [build]\n",
    );
    env.recipe("tool", &RECIPE.replace("  tools: {sh: \"\"}\n", ""));
    env.write("subsystems/tool/src/text", "text\n");
    env.write("subsystems/tool/src/NOTICE", "notice\n");
    for (name, more) in [("gen", ""), ("other", ""), ("friend", "needs: [tool]\n")] {
        env.recipe(
            name,
            &format!("binaries: [{name}]\n{more}build:\n  source: {{dir: src}}\n  commands: [\"cp run {{{{ out }}}}/{name}; chmod +x {{{{ out }}}}/{name}\"]\n"),
        );
        env.write(
            &format!("subsystems/{name}/src/run"),
            format!("#!/bin/sh\necho {name}\n"),
        );
    }
}

/// The key that the stamp records.
fn inputs(env: &TestEnv, name: &str) -> String {
    let stamp = env.read(&format!("subsystems/{name}/.bin/.version"));
    stamp
        .lines()
        .find_map(|line| line.strip_prefix("inputs: "))
        .unwrap()
        .to_owned()
}

#[test]
fn edits_outside_the_key_cause_no_rebuild() {
    let env = project();
    env.larder(["ensure", "all"]).success();
    let key = inputs(&env, "tool");
    let recipe = "subsystems/tool/recipe.yml";
    let original = env.read(recipe);
    let edits: [(&str, &str); 13] = [
        ("binaries:", "# a comment\nbinaries:"),
        (
            "description: a tool",
            "description: a better tool\nhomepage: https://example.com\nlicense: MIT",
        ),
        (
            "{FLAVOUR: plain, LEVEL: \"1\"}",
            "{LEVEL: \"1\", FLAVOUR: plain}",
        ),
        ("timeout: 5m", "timeout: 6m"),
        ("{dir: src}", "{dir: src, links: follow}"),
        (
            "verify: \"echo {{ version_number }}\"",
            "verify: \"echo v{{ version_number }}\"",
        ),
        ("needs: [other]", "needs: []"),
        (
            "package: {include: [NOTICE]}",
            "package: {include: [NOTICE], format: zip}",
        ),
        (
            "package: {include: [NOTICE]}",
            "package: {include: [NOTICE], name: tool-package}",
        ),
        ("  timeout: 5m", "  platforms: all"),
        (
            "    - \"gen > {{ out }}/tool\"",
            "    - 'gen > {{ out }}/tool'",
        ),
        (
            "    - \"gen > {{ out }}/tool\"",
            "    - \"gen > {{out}}/tool\"",
        ),
        ("binaries: [tool]", "binaries:\n  - tool"),
    ];
    for (from, to) in edits {
        env.write(recipe, &original);
        env.edit(recipe, from, to);
        let output = env.larder_json(["ensure", "tool"]).success();
        assert_eq!(
            output.outcome("tool"),
            "up-to-date",
            "{from} → {to}: {}",
            output.stdout
        );
        assert_eq!(inputs(&env, "tool"), key);
    }
    // The YAML keys in another order: the blocks of the file are reversed.
    let (head, build) = original.split_once("build:\n").unwrap();
    let (build, tail) = build.split_once("package:").unwrap();
    env.write(recipe, format!("package:{tail}build:\n{build}{head}"));
    assert_eq!(
        env.larder_json(["ensure", "tool"])
            .success()
            .outcome("tool"),
        "up-to-date"
    );
    // Modes and times of source files, and ignored files.
    env.sh("chmod 755 subsystems/tool/src/text; touch -d 2001-01-01 subsystems/tool/src/text; mkdir subsystems/tool/src/.git");
    env.write("subsystems/tool/src/.git/config", "x");
    assert_eq!(
        env.larder_json(["ensure", "tool"])
            .success()
            .outcome("tool"),
        "up-to-date"
    );
    env.write(
        "versions.yml",
        format!(
            "project: another\nupload: never\n# comment\n{}",
            env.read("versions.yml")
        ),
    );
    assert_eq!(
        env.larder_json(["ensure", "tool"])
            .success()
            .outcome("tool"),
        "up-to-date"
    );
}

#[test]
fn edits_inside_the_key_cause_a_rebuild_and_are_named() {
    let env = project();
    env.larder(["ensure", "all"]).success();
    let original = env.read("subsystems/tool/recipe.yml");
    let key = inputs(&env, "tool");
    let edits: [(&str, &str); 7] = [
        ("cat text >>", "cat text text >>"),
        ("FLAVOUR: plain", "FLAVOUR: sweet"),
        ("LEVEL: \"1\"", "LEVEL: \"1\", MORE: \"\""),
        ("build:\n", "build:\n  tools: {git: \"2\"}\n"),
        ("binaries: [tool]", "binaries: [tool, tool2]"),
        ("include: [NOTICE]", "include: [NOTICE, text]"),
        ("  needs: [gen]\n", "  needs: [gen, other]\n"),
    ];
    let mut keys = vec![key.clone()];
    for (from, to) in edits {
        env.write("subsystems/tool/recipe.yml", &original);
        env.edit("subsystems/tool/recipe.yml", from, to);
        if to.contains("tool2") {
            env.edit(
                "subsystems/tool/recipe.yml",
                "    - \"cat text",
                "    - \"echo > {{ out }}/tool2\"\n    - \"cat text",
            );
        }
        let output = env.larder_json(["ensure", "tool"]).success();
        assert_eq!(
            output.outcome("tool"),
            "built",
            "{from} → {to}: {}",
            output.stdout
        );
        let said = output.stdout + &output.stderr;
        assert!(
            said.contains("`tool`'s inputs changed but its version is still v1.0.0"),
            "{from} → {to}: {said}"
        );
        let key = inputs(&env, "tool");
        assert!(!keys.contains(&key), "{from} → {to}");
        keys.push(key);
    }
    env.write("subsystems/tool/recipe.yml", &original);
    // After undoing the edit the earlier artifact is found in the cache.
    assert_eq!(
        env.larder_json(["ensure", "tool"])
            .success()
            .outcome("tool"),
        "restored"
    );
    assert_eq!(inputs(&env, "tool"), key);
    for change in [
        "echo more >> src/text",
        "mv src/text src/texts; ln -s texts src/text",
        "echo new > src/new",
        "rm src/new",
        "mkdir src/d; mv src/texts src/d; ln -sf d/texts src/text",
    ] {
        env.sh(&format!("cd subsystems/tool; {change}"));
        let output = env.larder_json(["ensure", "tool"]).success();
        assert!(
            ["built", "restored"].contains(&output.outcome("tool").as_str()),
            "{change}: {}",
            output.stdout
        );
    }
}

#[test]
fn the_key_is_the_same_on_another_machine() {
    let env = project();
    env.larder(["ensure", "all"]).success();
    let mut other = env.another("elsewhere/with-a-much-longer/path");
    for (key, value) in [
        ("TZ", "Pacific/Chatham"),
        ("LANG", "tr_TR.UTF-8"),
        ("LC_ALL", "de_DE"),
        ("USER", "someone"),
        ("STRAY", "1"),
    ] {
        other.set(key, value);
    }
    write(&other);
    other.sh(
        "umask 077; find . -type f -exec chmod go-rwx {} +; touch -d 1999-09-09 subsystems/*/src/*",
    );
    let mut command = other.program("sh");
    command.args([
        "-c",
        &format!("umask 077; exec {} ensure all", crate::env::LARDER),
    ]);
    other.output(command).success();
    for name in ["tool", "gen", "other", "friend"] {
        let stamp = format!("subsystems/{name}/.bin/.version");
        assert_eq!(env.read(&stamp), other.read(&stamp), "{name}");
    }
    // Both machines share a cache: nothing is built the second time.
    let mut third = env.another("third");
    third.set("LARDER_CACHE_DIR", env.cache());
    write(&third);
    let output = third.larder_json(["ensure", "all"]).success();
    assert!(
        output
            .outcomes()
            .iter()
            .all(|outcome| outcome.ends_with("=restored")),
        "{:?}",
        output.outcomes()
    );
}

#[test]
fn a_bump_rebuilds_the_subsystem_and_what_is_built_with_it() {
    let env = project();
    env.larder(["ensure", "all"]).success();
    let friend = env.read("subsystems/friend/.bin/.version");
    env.edit("versions.yml", "gen: v1.0.0", "gen: v1.1.0");
    let output = env.larder_json(["ensure", "all"]).success();
    // `tool` is built with gen; `friend` merely needs tool.
    assert_eq!(
        output.outcomes(),
        [
            "friend=up-to-date",
            "gen=built",
            "other=up-to-date",
            "tool=built"
        ]
    );
    assert_eq!(env.read("subsystems/friend/.bin/.version"), friend);
    env.edit("versions.yml", "other: v1.0.0", "other: v1.1.0");
    assert_eq!(
        env.larder_json(["ensure", "all"]).success().outcomes(),
        [
            "friend=up-to-date",
            "gen=up-to-date",
            "other=built",
            "tool=up-to-date"
        ]
    );
    env.edit("versions.yml", "gen: v1.1.0", "gen: v1.0.0");
    assert_eq!(
        env.larder_json(["ensure", "all"]).success().outcomes(),
        [
            "friend=up-to-date",
            "gen=restored",
            "other=up-to-date",
            "tool=restored"
        ]
    );
}
