//! `larder release` and `larder hub copy` are killed before and after each request that they make. Readers see the whole asset
//! or none; the next run completes the release, and the run after it writes nothing.
//!
//! An ordinary test run takes the first and the last request and some between them; all of them are
//! taken with `LARDER_TEST_KILL=full`, and a number takes about that many of each. Releases to GitHub are
//! killed in `slow::github_kill`, and those to a folder in `slow::kill::release`.

use std::process::Stdio;
use std::time::Duration;

use super::place::{Kind, Place, SERVER};
use super::team::{TAG, Team, asset, ensure, release};
use crate::env::TestEnv;
use crate::servers::tripwire::{Act, Fault, Side};

const AMD: &str = "linux-amd64";
const ARM: &str = "linux-arm64";

#[test]
fn a_release_to_s3_that_is_killed_is_completed_by_the_next() {
    sweep_all(Kind::S3);
}

#[test]
fn a_release_to_a_registry_that_is_killed_is_completed_by_the_next() {
    sweep_all(Kind::Oci);
}

fn sweep_all(kind: Kind) {
    let team = Team::new(Place::start(kind));
    let author = team.builder("author", AMD);
    let other = team.builder("other", ARM);
    let prepare_nothing = || ();
    let release_other = || drop(other.larder(release(ARM)).success());
    let run = |name: &str, args: &[&str], prepare: &dyn Fn(), assets: &[String]| {
        let scene = Scene {
            name,
            args,
            prepare,
            assets,
        };
        scene.sweep(&team, &author);
    };
    let both = [asset(AMD), asset(ARM)];
    run("a new release", &release(AMD), &prepare_nothing, &both[..1]);
    run("a platform more", &release(AMD), &release_other, &both);
    // Another build of the same inputs was released before.
    team.salt("the first build");
    let first = team.builder("first", AMD);
    team.salt("");
    let release_first = || drop(first.larder(release(AMD)).success());
    let replace = [&release(AMD)[..], &["--replace"]].concat();
    run("a replacement", &replace, &release_first, &both[..1]);
    team.place.empty();
    author.larder(release(AMD)).success();
    other.larder(release(ARM)).success();
    let mirror = author.base().join("mirror").to_string();
    let hub = team.place.argument();
    author.larder(["hub", "copy", &hub, &mirror]).success();
    let copy = ["hub", "copy", &mirror, &hub, "--tag", TAG];
    run("a copy", &copy, &prepare_nothing, &both);
}

/// What is killed, and what is there before.
struct Scene<'a> {
    name: &'a str,
    args: &'a [&'a str],
    prepare: &'a dyn Fn(),
    /// What the release has in the end.
    assets: &'a [String],
}

impl Scene<'_> {
    fn sweep(&self, team: &Team, author: &TestEnv) {
        team.place.empty();
        (self.prepare)();
        team.place.mark();
        author.larder(self.args).success();
        let all = team.place.requests();
        println!("{}: {all} requests\n   n  side", self.name);
        for side in [Side::Before, Side::After] {
            for n in chosen(all, side) {
                let context = format!("{}, killed {side:?} request {n} of {all}", self.name);
                println!("{n:4}  {side:?}");
                self.kill(team, author, (n, side), &context);
            }
        }
    }

    fn kill(&self, team: &Team, author: &TestEnv, (n, side): (usize, Side), context: &str) {
        team.place.empty();
        (self.prepare)();
        let before = team.place.files(TAG);
        kill(&team.place, author, self.args, (n, side), context);
        // Readers see it whole or not at all; what was there is still there.
        let reader = team.machine("reader");
        let args = [&ensure(AMD)[..], &["--source", "managed"]].concat();
        let read = reader.larder(args);
        assert_ne!(read.code, Some(4), "{context}: {}", read.stderr);
        crate::env::remove(reader.project());
        crate::env::remove(&reader.cache());
        if before.contains_key(&asset(AMD)) {
            assert_eq!(read.code, Some(0), "{context}: {}", read.stderr);
        }
        for name in before.keys().filter(|name| name.contains(ARM)) {
            assert_eq!(
                team.place.files(TAG).get(name),
                before.get(name),
                "{context}"
            );
        }
        run_later(&team.place, author, self.args);
        team.assert_whole(TAG, self.assets, context);
        team.place.mark();
        author.larder(self.args).success();
        assert_eq!(
            team.place.writes(),
            [""; 0],
            "{context}: a further run wrote"
        );
    }
}

/// Runs larder and kills it at a request.
pub fn kill(place: &Place, env: &TestEnv, args: &[&str], (n, side): (usize, Side), context: &str) {
    place.arm(n, side);
    let mut command = env.command(args);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("larder");
    let ended = loop {
        if place.struck() {
            child.kill().expect("killed");
            break child.wait().expect("its end");
        }
        if let Some(ended) = child.try_wait().expect("its state") {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    assert!(
        !ended.success() || !place.struck(),
        "{context}: it ended by itself"
    );
    place.disarm();
}

/// Runs larder an hour after one that was killed: a lock that it left is stale by then.
pub fn run_later(place: &Place, env: &TestEnv, args: &[&str]) {
    if place.kind() == Kind::S3 {
        place.wire.fault(Fault {
            place: SERVER,
            method: Some("HEAD"),
            contains: "/.lock-",
            act: Act::Later(3600),
        });
    }
    env.larder(args).success();
    place.wire.heal();
}

/// The numbers of the requests that are taken.
pub fn chosen(all: usize, side: Side) -> Vec<usize> {
    let sample = match std::env::var("LARDER_TEST_KILL").as_deref() {
        Ok("full") => return (1..=all).collect(),
        Ok(number) => number.parse().expect("`full` or a number"),
        Err(_) => 2,
    };
    // The first and the last, and others that are spread and not the same on both sides.
    let stride = all.div_ceil(sample).max(1);
    let shift = match side {
        Side::Before => stride / 3,
        Side::After => 2 * stride / 3,
    };
    let mut taken: Vec<_> = (1 + shift..=all).step_by(stride).collect();
    match side {
        Side::Before => taken.push(1),
        Side::After => taken.push(all),
    }
    taken.sort_unstable();
    taken.dedup();
    taken
}
