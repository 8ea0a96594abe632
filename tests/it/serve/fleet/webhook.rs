//! The webhook: a receiver that fails, hangs, goes away and comes back gets each event, in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::{fleet_machine, serving};
use crate::env::TestEnv;
use crate::serve::Serving;
use crate::servers::scripted::{Reply, Script, Seen};

fn make(serving: &Serving, versions: &[&str]) {
    for version in versions {
        let body = format!("{{\"version\": \"{version}\"}}");
        let target = "/api/channels/tool/stable";
        let moved = serving.send("PUT", target, &[], body.as_bytes());
        assert_eq!(moved.status, 200, "{}", moved.text());
    }
}

fn config(env: &TestEnv, url: &str, more: &str) {
    env.write("hooks/secret", "the secret\n");
    let text = format!("url: {url}/hook\nsecret_file: secret\ntimeout: 2s\n{more}");
    env.write("hooks/webhook.yml", text);
}

/// Waits until the server has noted that an event was taken: before that it may send it again.
#[track_caller]
fn noted(serving: &Serving, env: &TestEnv, number: u64) {
    serving.wait("the note", |_| {
        let position: Value =
            serde_json::from_str(&env.read(".larder/serve/webhook.json")).expect("JSON");
        position["delivered"] == number
    });
}

const OPTIONS: [&str; 2] = ["--webhook", "hooks/webhook.yml"];

/// The number of an event that was posted.
fn id(seen: &Seen) -> u64 {
    let event: Value = serde_json::from_slice(&seen.body).expect("JSON");
    assert_eq!(seen.header("x-larder-event"), event["event"].as_str());
    let id = event["id"].as_u64().expect("a number");
    assert_eq!(
        seen.header("x-larder-delivery"),
        Some(id.to_string().as_str())
    );
    id
}

#[test]
fn deliveries_are_signed_and_tried_until_they_are_taken() {
    let env = fleet_machine();
    let receiver = Script::start(|_, before| match before {
        0 => Reply::status(500),
        1 => Reply::nothing(),
        2 => Reply::status(429).header("retry-after", "0"),
        3 => Reply::ok("x").hang().claim(5),
        4 => Reply::status(404),
        _ => Reply::status(204),
    });
    config(&env, &receiver.url, "");
    let serving = serving(&env, &OPTIONS);
    make(&serving, &["1.0.0", "1.1.0", "1.0.0"]);
    serving.wait("deliveries", |_| receiver.count() >= 8);
    let seen = receiver.seen();
    let ids: Vec<u64> = seen.iter().map(id).collect();
    assert_eq!(ids, [1, 1, 1, 1, 1, 1, 2, 3]);
    let body = String::from_utf8(seen[0].body.clone()).expect("UTF-8");
    env.write("body", &body);
    let hmac = env.sh("openssl dgst -sha256 -hmac 'the secret' -r body");
    let hex = hmac.split(' ').next().expect("a digest");
    let signature = format!("sha256={hex}");
    assert_eq!(
        seen[0].header("x-larder-signature"),
        Some(signature.as_str())
    );
    assert_eq!(seen[0].method, "POST");
    assert_eq!(seen[0].path, "/hook");
    assert_eq!(seen[0].header("content-type"), Some("application/json"));
    serving.says("the webhook takes events again");
    serving.says_once("the webhook does not take events");
    let log = serving.log();
    assert!(!log.contains("the secret"), "{log}");
}

#[test]
fn a_receiver_that_was_away_loses_nothing_across_restarts() {
    let env = fleet_machine();
    let answers = Arc::new(AtomicUsize::new(500));
    let status = answers.clone();
    let receiver = Script::start(move |_, _| {
        let status = status.load(Ordering::Relaxed);
        Reply::status(u16::try_from(status).expect("a status"))
    });
    config(&env, &receiver.url, "");
    let serving = serving(&env, &OPTIONS);
    make(&serving, &["1.0.0", "1.1.0"]);
    serving.wait("a try", |_| receiver.count() >= 1);
    // It is away, and nothing else minds.
    make(&serving, &["1.0.0", "1.1.0", "1.0.0"]);
    assert_eq!(serving.get("/readyz").status, 200);
    assert_eq!(serving.stop(), Some(0));
    answers.store(200, Ordering::Relaxed);
    let before = receiver.count();
    let serving = super::serving(&env, &OPTIONS);
    serving.wait("deliveries", |_| receiver.count() >= before + 5);
    let ids: Vec<u64> = receiver.seen()[before..].iter().map(id).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5]);
    noted(&serving, &env, 5);
    assert_eq!(serving.stop(), Some(0));
    // What was taken is not sent again.
    let before = receiver.count();
    let serving = super::serving(&env, &OPTIONS);
    make(&serving, &["1.1.0"]);
    serving.wait("a delivery", |_| receiver.count() > before);
    assert_eq!(id(&receiver.seen()[before]), 6);
}

#[test]
fn only_wanted_events_are_sent_and_refused_ones_are_left_out() {
    let env = fleet_machine();
    let receiver = Script::start(|_, before| Reply::status([422, 200][before.min(1)]));
    config(&env, &receiver.url, "events: [rollout_state]\n");
    let serving = serving(&env, &OPTIONS);
    make(&serving, &["1.0.0"]);
    for _ in 0..2 {
        let id = super::roll_out(&serving, "1.1.0");
        let target = format!("/api/rollouts/{id}/abort");
        assert_eq!(serving.send("POST", &target, &[], b"").status, 200);
    }
    serving.wait("deliveries", |_| receiver.count() >= 4);
    let ids: Vec<u64> = receiver.seen().iter().map(id).collect();
    assert_eq!(ids, [2, 3, 4, 5]);
    serving.says("the webhook refuses event 2");
}

#[test]
fn a_wrong_file_ends_the_start() {
    let env = fleet_machine();
    let start = |text: &str| {
        env.write("hooks/webhook.yml", text);
        let args = ["serve", "--port", "0", "--webhook", "hooks/webhook.yml"];
        let output = env.larder(args);
        (output.code, output.stderr)
    };
    for (text, says) in [
        ("url: 7\n", "is not a url"),
        (
            "url: https://x.example\nsecret_file: none\n",
            "there is no secret",
        ),
        ("url: https://x.example\nsecret: x\n", "secret_file"),
        (
            "url: https://x.example\nevents: [boom]\n",
            "unknown event `boom`",
        ),
    ] {
        let (code, stderr) = start(text);
        assert_eq!(code, Some(2), "{text}\n{stderr}");
        assert!(stderr.contains(says), "{text}\n{stderr}");
    }
    let (code, stderr) = start("url: http://hooks.example.com/x\n");
    assert_ne!(code, Some(0));
    assert!(stderr.contains("plain http"), "{stderr}");
}
