//! `install`: into a folder that the user chooses, from a project or directly from a hub.

use crate::env::{TestEnv, host};
use crate::servers::files::FileServer;

/// A machine with a project of one script, built.
fn project() -> TestEnv {
    let env = TestEnv::new();
    env.script_subsystem("tool", "v1.2.0");
    env
}

/// What an installed program prints.
fn says(env: &TestEnv, path: &str) -> String {
    env.run(env.base().join(path).as_str(), [""; 0])
}

#[test]
fn install_takes_any_version_of_a_subsystem_of_the_project() {
    let env = project();
    let out = env.larder(["install", "tool"]).success();
    assert_eq!(
        out.stdout,
        format!("{}\n", env.home().join(".local/bin/tool"))
    );
    assert_eq!(says(&env, "home/.local/bin/tool"), "tool v1.2.0\n");
    env.larder(["install", "tool@v1.1.0", "--to", "../bin"])
        .success();
    assert_eq!(says(&env, "bin/tool"), "tool v1.1.0\n");
    // The new file replaces the old one atomically: a running process keeps the old file.
    let old = std::fs::File::open(env.base().join("bin/tool")).expect("open");
    env.larder(["install", "tool", "--to", "../bin"]).success();
    assert_eq!(says(&env, "bin/tool"), "tool v1.2.0\n");
    assert!(
        std::io::read_to_string(old)
            .expect("read")
            .contains("v1.1.0")
    );
    assert_eq!(env.sh("ls -A ../bin"), "tool\n");
    assert!(
        !env.exists("subsystems/tool/.bin") && !env.exists("versions.lock"),
        "the project is as it was"
    );
    for (args, code, words) in [
        (&["install", "tol"][..], 2, "did you mean `tool`"),
        (&["install", "all"], 2, "one subsystem"),
        (&["install", "tool@../x"], 2, "version"),
        (
            &[
                "install", "tool", "--source", "original", "--to", "../other",
            ],
            1,
            "no upstream",
        ),
    ] {
        let out = env.larder(args).exits(code);
        assert!(out.stderr.contains(words), "{args:?}: {}", out.stderr);
    }
    assert!(!env.base().join("other/tool").exists());
}

#[test]
fn a_dry_run_of_install_prints_every_source_and_the_chosen_one() {
    let env = project();
    env.sh("mkdir ../files && printf '#!/bin/sh\\necho published\\n' > ../files/tool");
    let server = FileServer::start(&env.base().join("files"));
    let recipe = env.read("subsystems/tool/recipe.yml");
    env.write(
        "subsystems/tool/recipe.yml",
        format!("{recipe}upstream: {{url: \"{}/tool\"}}\n", server.url()),
    );
    let dry = env
        .larder(["install", "tool", "--to", "../bin", "--dry-run"])
        .success();
    insta::assert_snapshot!(crate::env::redact(&dry.stdout, env.base()), @r"
    tool v1.2.0 for [HOST]
        cache     nothing for these inputs
        managed   [PROJECT]/.larder-hub has no tool-v1.2.0/tool-[HOST].tar.gz
      → original  http://[SERVER]/tool has it
    would install from original into [PROJECT]/../bin
    ");
    let forced = env
        .larder([
            "install", "tool", "--to", "../bin", "-n", "--source", "build",
        ])
        .success();
    assert!(
        forced.stdout.ends_with(&format!(
            "would install from build into {}\n",
            env.project().join("../bin")
        )),
        "{}",
        forced.stdout
    );
    assert!(!env.base().join("bin").exists() && !env.exists("versions.lock"));
    assert_eq!(
        server.take(),
        ["GET /tool"],
        "the publisher is asked whether it has the file, and only where it would be used"
    );
    env.larder(["install", "tool", "--to", "../bin", "--source", "original"])
        .success();
    assert_eq!(says(&env, "bin/tool"), "published\n");
}

#[test]
fn install_from_a_hub_needs_no_project() {
    let team = project();
    for version in ["v1.10.0", "v1.9.0"] {
        team.edit(
            "versions.yml",
            &team.read("versions.yml"),
            &format!("versions: {{tool: {version}}}\nhub: {{dir: ../hub}}\n"),
        );
        team.larder(["ensure", "all"]).success();
        team.larder(["release", "all"]).success();
    }
    // The lock contains the hub as versions.yml writes it: the same in every checkout.
    assert!(
        team.read("versions.lock")
            .contains(&format!(" ../hub/tool-v1.9.0/tool-{}.tar.gz", host()))
    );
    let hub = team.base().join("hub");
    let server = FileServer::start(&hub);
    for hub in [hub.as_str(), server.url()] {
        let alone = team.another(&format!("alone-{}", hub.len()));
        let dry = alone
            .larder(["install", "tool@v1.9.0", "--hub", hub, "--dry-run"])
            .success();
        assert!(
            dry.stdout
                .contains(&format!("tool v1.9.0 for {}\n  → managed", host())),
            "{}",
            dry.stdout
        );
        assert!(
            dry.stdout
                .contains(&format!("tool-v1.9.0/tool-{}.tar.gz", host()))
                && dry.stdout.contains("would install into")
        );
        assert!(!alone.home().join(".local").exists());
        alone
            .larder(["install", "tool@v1.9.0", "--hub", hub])
            .success();
        assert_eq!(says(&alone, "home/.local/bin/tool"), "tool v1.9.0\n");
        let installed = alone
            .larder_json(["install", "tool@v1.9.0", "--hub", hub])
            .success();
        assert_eq!(
            (
                installed.outcomes(),
                installed.summary()["counts"]["downloaded"].as_u64()
            ),
            (vec!["tool=downloaded".into()], Some(1))
        );
        assert!(
            installed.stderr.contains("/.local/bin/tool\n"),
            "{}",
            installed.stderr
        );
        let out = alone.larder(["install", "tool@v7", "--hub", hub]).exits(1);
        assert!(out.stderr.contains("has no tool v7"), "{}", out.stderr);
        let out = alone.larder(["install", "tool"]).exits(2);
        assert!(
            out.stderr.contains("--hub github:owner/name"),
            "{}",
            out.stderr
        );
    }
    // Without a version the newest one is installed, if the hub can list its releases.
    let alone = team.another("newest");
    alone
        .larder(["install", "tool", "--hub", hub.as_str(), "--to", "../bin"])
        .success();
    assert_eq!(says(&alone, "bin/tool"), "tool v1.10.0\n");
    // A damaged release is refused, and the installed file is kept.
    crate::env::flip_bit(&hub.join(format!("tool-v1.9.0/tool-{}.tar.gz", host())));
    alone
        .larder([
            "install",
            "tool@v1.9.0",
            "--hub",
            hub.as_str(),
            "--to",
            "../bin",
        ])
        .exits(4);
    assert_eq!(
        (says(&alone, "bin/tool"), alone.sh("ls -A ../bin")),
        ("tool v1.10.0\n".into(), "tool\n".into())
    );
    let out = alone
        .larder([
            "install",
            "tool@v1.10.0",
            "--hub",
            server.url(),
            "--offline",
        ])
        .exits(5);
    assert!(out.stderr.contains("--offline"), "{}", out.stderr);
}
