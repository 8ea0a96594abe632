//! Six processes release to one hub at the same time: nothing is lost, and the first build stands.

use std::process::{Child, Stdio};

use super::place::{Kind, Place, SERVER};
use super::team::{PLATFORMS, TAG, TOOL, Team, asset, ensure, release};
use crate::env::TestEnv;
use crate::servers::tripwire::{Act, Fault, Passed};

#[test]
fn six_writers_on_a_folder_lose_nothing() {
    six_writers(&Team::new(Place::start(Kind::Folder)));
}

#[test]
fn six_writers_on_github_lose_nothing() {
    six_writers(&Team::new(Place::start(Kind::GitHub)));
}

#[test]
fn six_writers_on_s3_lose_nothing() {
    six_writers(&Team::new(Place::start(Kind::S3)));
}

/// Some stores ignore `If-None-Match`. larder finds that out, and a lock object stands in.
#[test]
fn six_writers_on_s3_without_conditional_writes_lose_nothing() {
    let team = Team::new(Place::start(Kind::S3));
    team.place.wire.fault(Fault {
        place: SERVER,
        method: None,
        contains: "",
        act: Act::Strip("if-none-match"),
    });
    assert!(six_writers(&team), "nobody took a lock");
}

#[test]
fn six_writers_in_a_registry_lose_nothing() {
    six_writers(&Team::new(Place::start(Kind::Oci)));
}

/// Returns whether a lock object was written on the way.
fn six_writers(team: &Team) -> bool {
    six_platforms(team);
    team.place.empty();
    team.place.mark();
    six_builds(team)
}

/// Each of six machines releases another platform.
fn six_platforms(team: &Team) {
    let machines: Vec<_> = PLATFORMS
        .iter()
        .map(|platform| {
            let env = team.machine(&format!("for-{platform}"));
            env.edit(
                "versions.yml",
                "platforms: [linux-amd64, linux-arm64]",
                &six(),
            );
            env.larder(ensure(platform)).success();
            (env, platform)
        })
        .collect();
    let running = machines
        .iter()
        .map(|(env, platform)| start(env, &release(platform)));
    all_succeed(running.collect());
    team.assert_whole(TAG, &PLATFORMS.map(asset), "six platforms at once");
    team.place.mark();
    for (env, platform) in &machines {
        env.larder(release(platform)).success();
    }
    assert_eq!(team.place.writes(), [""; 0], "a second release wrote");
}

fn six() -> String {
    format!("platforms: [{}]", PLATFORMS.join(", "))
}

/// Each of six machines releases other bytes of the same inputs, and signs them. Returns whether a lock
/// object was written.
fn six_builds(team: &Team) -> bool {
    let platform = crate::env::host();
    let machines: Vec<_> = (0..6)
        .map(|n| {
            team.salt(&format!("build {n}"));
            team.builder(&format!("build-{n}"), &platform)
        })
        .collect();
    let signed = [&release(&platform)[..], &["--sign"]].concat();
    let running = machines.iter().map(|env| start(env, &signed));
    all_succeed(running.collect());
    let log = team.place.wire.log();
    let is_lock = |passed: &Passed| passed.writes() && passed.path.contains("/.lock-");
    let locked = log.iter().any(is_lock);
    team.assert_whole(TAG, &[asset(&platform)], "six builds at once");
    // It accepts only what is signed: no loser has replaced the signature of the winner.
    let reader = team.machine("reader-of-six");
    reader.edit("versions.yml", "trust:\n", "trust:\n  managed: [release]\n");
    let read = reader.larder_json(ensure(&platform)).success();
    assert_eq!(read.outcome(TOOL), "downloaded");
    team.place.mark();
    let installed = |env: &TestEnv| env.read("subsystems/tool/.bin/tool");
    for env in &machines {
        assert_eq!(
            installed(env),
            installed(&reader),
            "the first build was not adopted"
        );
        env.larder(release(&platform)).success();
    }
    assert_eq!(team.place.writes(), [""; 0], "a second release wrote");
    locked
}

fn start(env: &TestEnv, args: &[&str]) -> Child {
    let mut command = env.command(args);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().expect("larder")
}

fn all_succeed(children: Vec<Child>) {
    for child in children {
        let output = child.wait_with_output().expect("its end");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
}
