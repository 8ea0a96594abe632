//! What was installed or collected before is judged again when it is used again.

use super::{Key, Team, trust};
use crate::env::TestEnv;
use crate::servers::scripted::{Reply, Script};
use larder_core::model::Digest;

/// A reader that has installed v1.0.0 and then v2.0.0, both signed.
fn upgraded(team: &Team) -> TestEnv {
    let reader = team.reader("reader");
    reader.larder(["ensure", "tool"]).success();
    for env in [&team.env, &reader] {
        env.edit("versions.yml", "tool: v1.0.0", "tool: v2.0.0");
    }
    team.env.larder(["ensure", "tool"]).success();
    team.release(&["release", "tool", "--sign"]).success();
    reader.larder(["ensure", "tool"]).success();
    assert!(reader.sh("subsystems/tool/.bin/tool").contains("v2.0.0"));
    reader
}

#[test]
fn a_yanked_version_is_not_rolled_back_to() {
    let team = Team::released();
    let reader = upgraded(&team);
    team.release(&["yank", "tool@v1.0.0", "--reason", "loses data"])
        .success();
    let out = reader.larder(["rollback", "tool"]).exits(4);
    assert!(out.stderr.contains("loses data"), "{}", out.stderr);
    assert!(reader.sh("subsystems/tool/.bin/tool").contains("v2.0.0"));
    let out = reader
        .larder(["rollback", "tool", "--allow-yanked"])
        .success();
    assert!(out.stderr.contains("loses data"), "{}", out.stderr);
    assert!(reader.sh("subsystems/tool/.bin/tool").contains("v1.0.0"));
}

#[test]
fn a_set_whose_key_is_gone_is_not_rolled_back_to() {
    let team = Team::released();
    let reader = upgraded(&team);
    // The key is accepted for nothing any more.
    let stranger = Key::new(&team.env, "stranger");
    reader.versions(
        &[("tool", "v2.0.0")],
        &format!("hub: {{dir: {}}}\n{}", team.hub, trust(&stranger)),
    );
    let out = reader.larder(["rollback", "tool"]).exits(4);
    assert!(
        out.stderr
            .contains("no signature that this project accepts"),
        "{}",
        out.stderr
    );
    assert!(reader.sh("subsystems/tool/.bin/tool").contains("v2.0.0"));
    // With the right keys it is a rollback like any other, and so is one of a build of this machine.
    reader.versions(
        &[("tool", "v2.0.0")],
        &format!("hub: {{dir: {}}}\n{}", team.hub, team.trust()),
    );
    reader.larder(["rollback", "tool"]).success();
    team.env.larder(["rollback", "tool"]).success();
}

#[test]
fn a_set_that_the_lock_contradicts_is_not_rolled_back_to() {
    let team = Team::released();
    let reader = upgraded(&team);
    let lock = reader.read("versions.lock");
    let line = lock
        .lines()
        .find(|line| line.contains(" v1.0.0 "))
        .expect("a line of v1.0.0");
    let digest = line.split(' ').nth(6).expect("the artifact");
    reader.write(
        "versions.lock",
        lock.replace(digest, &"0".repeat(digest.len())),
    );
    let out = reader.larder(["rollback", "tool"]).exits(4);
    assert!(
        out.stderr.contains("is not what versions.lock pins"),
        "{}",
        out.stderr
    );
    assert!(reader.sh("subsystems/tool/.bin/tool").contains("v2.0.0"));
    reader.write("versions.lock", lock);
    reader.larder(["rollback", "tool"]).success();
}

#[test]
fn a_collection_is_judged_by_the_lock_and_by_tombstones() {
    let team = Team::new();
    let env = &team.env;
    let server = Script::start(|_, _| Reply::ok("#!/bin/sh\necho tool\n"));
    let url = server.at("/tool");
    env.recipe(
        "tool",
        &format!("binaries: [tool]\nupstream:\n  url: \"{url}\"\n"),
    );
    env.larder(["collect", "tool"]).success();
    // Bytes and manifest are changed together: only the lock shows it.
    let file = env.path(format!(
        ".collection/binaries/tool/v1.0.0/{}/tool",
        crate::env::host()
    ));
    let manifest = ".collection/binaries/tool/v1.0.0/manifest.json";
    let (good, evil) = (std::fs::read(&file).unwrap(), b"#!/bin/sh\necho evil\n");
    let digest = |bytes: &[u8]| Digest::of(bytes).to_string();
    std::fs::write(&file, evil).unwrap();
    let text = env.read(manifest);
    env.write(manifest, text.replace(&digest(&good), &digest(evil)));
    env.larder(["collect", "tool", "--missing-only"]).success();
    assert_eq!(std::fs::read(&file).unwrap(), good);

    team.release(&["yank", "tool@v1.0.0", "--reason", "loses data"])
        .success();
    for args in [
        &["collect", "tool"][..],
        &["collect", "tool", "--missing-only"],
    ] {
        let out = env.larder(args).exits(4);
        assert!(out.stderr.contains("loses data"), "{}", out.stderr);
    }
}

/// The files of a project can name any server, and none of them gets a token of the user.
#[test]
fn no_server_that_a_project_names_gets_a_token() {
    let mut env = TestEnv::new();
    for name in ["GH_TOKEN", "GITHUB_TOKEN", "LARDER_GITHUB_TOKEN"] {
        env.set(name, "token-of-the-user");
    }
    let server = Script::start(|seen, _| match seen.path.as_str() {
        "/upstream/tool" => Reply::ok("#!/bin/sh\necho tool\n"),
        _ => Reply::status(404),
    });
    env.versions(
        &[("tool", "v1.0.0")],
        &format!("hub: {{http: \"{}\"}}\n", server.at("/hub")),
    );
    let url = server.at("/upstream/tool");
    env.recipe(
        "tool",
        &format!("binaries: [tool]\nupstream:\n  url: \"{url}\"\n"),
    );
    for args in [
        &["ensure", "tool"][..],
        &["collect", "tool"],
        &["lock", "tool", "--update"],
        &["release", "status"],
        &["outdated"],
        &["why", "tool"],
    ] {
        let _ = env.larder(args);
    }
    let seen = server.seen();
    assert!(seen.iter().any(|seen| seen.path.starts_with("/hub/")));
    assert!(seen.iter().any(|seen| seen.path.starts_with("/upstream/")));
    for request in seen {
        let told = format!("{request:?}");
        assert!(!told.contains("token-of-the-user"), "{told}");
    }
}
