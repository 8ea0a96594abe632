//! What servers and networks do to requests: limits, errors, lost answers, cut, stalled and wrong
//! bodies, lists that lag behind. What may be temporary is survived within one run, what is wrong is
//! refused, and what can't be reached is said to be so.

use super::place::{Kind, Place, SERVER, Words};
use super::team::{TAG, TOOL, Team, asset, ensure, release};
use crate::env::TestEnv;
use crate::servers::tripwire::{Act, Fault};

const AMD: &str = "linux-amd64";
const ARM: &str = "linux-arm64";
const HTML: &str = "<!DOCTYPE html><html><title>Please log in</title></html>";

fn say(status: u16, headers: &[(&'static str, &'static str)]) -> Act {
    Act::Say(status, headers.to_vec(), String::new())
}

#[test]
fn faults_on_the_way_to_s3_are_survived_or_told() {
    faults(Kind::S3);
}

#[test]
fn faults_on_the_way_to_a_registry_are_survived_or_told() {
    faults(Kind::Oci);
}

fn faults(kind: Kind) {
    let team = Team::new(Place::start(kind));
    let mut author = team.builder("author", AMD);
    author.set("LARDER_HTTP_IDLE_TIMEOUT", "2s");
    writes_survive(&team, &author);
    writes_that_can_not_succeed(&team, &author);
    reads(&team);
    lists_that_lag(&team);
}

fn put(team: &Team, method: &'static str, contains: &'static str, act: Act) {
    let fault = Fault {
        place: SERVER,
        method: Some(method),
        contains,
        act,
    };
    team.place.wire.fault(fault);
}

/// A release succeeds and is whole, although requests fail or their answers are lost.
fn writes_survive(team: &Team, author: &TestEnv) {
    let Words {
        write,
        asset_write,
        sidecar_write,
        list,
        again,
        ..
    } = team.place.words();
    let soon = [("retry-after", "1")];
    for (what, method, contains, act) in [
        ("503", again.0, again.1, say(503, &[]).first(2)),
        ("503, later", write, sidecar_write, say(503, &soon).once()),
        ("429, later", again.0, again.1, say(429, &soon).once()),
        ("500", "GET", list, say(500, &[]).once()),
        ("a cut list", "GET", list, Act::Cut(10).once()),
        (
            "asset there, answer lost",
            write,
            asset_write,
            Act::Lose.once(),
        ),
        (
            "sidecar there, answer lost",
            write,
            sidecar_write,
            Act::Lose.once(),
        ),
        (
            "502 after it was done",
            write,
            sidecar_write,
            Act::Cut(0).once(),
        ),
    ] {
        if contains == list && !team.place.is_listed_by_writers() {
            continue;
        }
        team.place.empty();
        put(team, method, contains, act);
        let out = author.larder(release(AMD));
        assert_eq!(out.code, Some(0), "{what}: {}", out.stderr);
        let hits = team.place.wire.hits();
        assert!(hits[0] > 0, "{what}: no request was {method} {contains}");
        team.place.wire.heal();
        team.assert_whole(TAG, &[asset(AMD)], what);
        team.place.mark();
        author.larder(release(AMD)).success();
        assert_eq!(team.place.writes(), [""; 0], "{what}: a further run wrote");
    }
}

/// Nothing is visible after a refusal or while the server fails, and the next run completes it.
fn writes_that_can_not_succeed(team: &Team, author: &TestEnv) {
    let Words {
        write, asset_write, ..
    } = team.place.words();
    for (status, code) in [(503, 5), (403, 1)] {
        team.place.empty();
        put(team, write, asset_write, say(status, &[]));
        let mut command = author.command(release(AMD));
        command.env("LARDER_HTTP_RETRIES", "1");
        let out = author.output(command).exits(code);
        assert!(out.stderr.contains(&status.to_string()), "{}", out.stderr);
        assert_eq!(team.place.files(TAG).len(), 0, "something of it is visible");
        team.place.wire.heal();
    }
    author.larder(release(AMD)).success();
    team.assert_whole(TAG, &[asset(AMD)], "after refusals");
}

/// What a reader makes of answers.
fn reads(team: &Team) {
    let Words { asset, sidecar, .. } = team.place.words();
    let html = || Act::Say(200, vec![("content-type", "text/html")], HTML.into());
    let soon = [("retry-after", "1")];
    for (what, contains, act, code) in [
        ("503", asset, say(503, &soon).once(), 0),
        ("429", sidecar, say(429, &soon).once(), 0),
        ("a cut asset", asset, Act::Cut(100).once(), 0),
        ("a stalled asset", asset, Act::Stall(100).once(), 0),
        ("a cut sidecar", sidecar, Act::Cut(100).once(), 0),
        ("one wrong bit, once", asset, Act::Flip.once(), 0),
        ("one wrong bit, always", asset, Act::Flip, 4),
        ("a wrong sidecar", sidecar, Act::Flip, 4),
        ("a page", asset, html(), 5),
        ("a page for the sidecar", sidecar, html(), 5),
        ("503 always", sidecar, say(503, &[]), 5),
    ] {
        put(team, "GET", contains, act);
        team.place.mark();
        let mut reader = team.machine("reader");
        reader
            .set("LARDER_HTTP_IDLE_TIMEOUT", "1s")
            .set("LARDER_HTTP_RETRIES", "2");
        let out = reader.larder_json([&ensure(AMD)[..], &["--source", "managed"]].concat());
        assert_eq!(out.code, Some(code), "{what}: {}{}", out.stdout, out.stderr);
        assert!(team.place.wire.hits()[0] > 0, "{what}: no GET {contains}");
        if code == 0 {
            assert_eq!(out.outcome(TOOL), "downloaded", "{what}");
        } else {
            assert!(!reader.exists("subsystems/tool/.bin/tool"), "{what}");
        }
        if what == "a cut asset" || what == "a stalled asset" {
            let log = team.place.wire.log();
            let resumed = log.iter().any(|passed| {
                let head = String::from_utf8_lossy(&passed.sent).to_ascii_lowercase();
                head.contains("range: bytes=100-")
            });
            assert!(resumed, "{what}: it began again");
        }
        team.place.wire.heal();
        crate::env::remove(reader.base());
    }
}

/// A list that does not show yet what was released hides nothing from readers, and no writer loses
/// what another one has added.
fn lists_that_lag(team: &Team) {
    let Words { list, .. } = team.place.words();
    team.place.empty();
    let author = team.builder("first-author", AMD);
    let other = team.builder("second-author", ARM);
    put(team, "GET", list, Act::Stale);
    // What is listed now is listed until the fault is removed.
    Team::states(&author);
    author.larder(release(AMD)).success();
    other.larder(release(ARM)).success();
    let reader = team.machine("early-reader");
    reader
        .larder(["ensure", TOOL, "--platform", "all", "--source", "managed"])
        .success();
    team.place.wire.heal();
    other.larder(release(ARM)).success();
    author.larder(release(AMD)).success();
    team.assert_whole(TAG, &[asset(AMD), asset(ARM)], "once lists are current");
}
