//! `larder fleet`: what it shows to people and to programs, and what it does.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use regex::Regex;
use serde_json::Value;

use super::{BAD, Farm, fleet_machine, lines, move_to, roll_out, rollout, serving, wait_for};
use crate::env::{Output, TestEnv};
use crate::serve::guarded::access::tokens;
use crate::serve::{Serving, sha256};
use crate::servers::ports::free_port;

/// Runs `larder fleet` against a server.
fn fleet(env: &TestEnv, serving: &Serving, args: &str) -> Output {
    let url = format!("http://{}", serving.address);
    let args: Vec<&str> = args.split(' ').collect();
    env.larder([&["fleet", "--server", &url][..], &args].concat())
}

/// What differs from run to run, replaced.
fn stable(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, with) in [
        (r"r-[0-9a-f]{16}", "r-0000000000000000"),
        (r"\d+ s ago", "0 s ago"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-01-02T03:04:05Z"),
    ] {
        let pattern = Regex::new(pattern).expect("a pattern");
        text = pattern.replace_all(&text, with).into_owned();
    }
    text
}

#[test]
fn people_see_tables() {
    let env = fleet_machine();
    let serving = serving(&env, &[]);
    let shown = |args: &str| {
        let output = fleet(&env, &serving, args);
        assert_eq!(output.code, Some(0), "{args}\n{}", output.stderr);
        stable(&output.stdout)
    };
    insta::assert_snapshot!(
        ["nodes", "channels", "rollouts", "events"].map(shown).concat(), @r"
    there are no nodes yet; `larder agent` makes this machine one
    there are no channels yet; `larder fleet channel NAME/CHANNEL VERSION` makes one
    there are no rollouts yet; `larder fleet rollout start NAME/CHANNEL VERSION` starts one
    ");
    let _farm = Farm::start(&serving, &["agent-1", "agent-2"]);
    move_to(&serving, "1.0.0");
    let id = roll_out(&serving, "1.1.0");
    wait_for(&serving, &id, "succeeded");
    insta::assert_snapshot!(shown("nodes"), @r"
    node     state  runs        health   channel  seen     note
    agent-1  ready  tool 1.1.0  healthy  stable   0 s ago
    agent-2  ready  tool 1.1.0  healthy  stable   0 s ago
    ");
    insta::assert_snapshot!(shown("nodes agent-2"), @r"
    node     state  runs        health   channel  seen     note
    agent-2  ready  tool 1.1.0  healthy  stable   0 s ago
    ");
    insta::assert_snapshot!(shown("channels"), @r"
    name  channel  version
    tool  stable   1.1.0
    ");
    insta::assert_snapshot!(shown("rollouts"), @r"
    rollout             channel      from   to     state      step  members  started  reason
    r-0000000000000000  tool/stable  1.0.0  1.1.0  succeeded  3/3   2 of 2   0 s ago
    ");
    let text = shown(&format!("rollout show {id}"));
    insta::assert_snapshot!(text.replace("agent-2", "agent-1"), @r"
    r-0000000000000000  succeeded
      moves    tool/stable from 1.0.0 to 1.1.0
      steps    canary 1 50% [100%]
      healthy  2 of 2
      rules    soak 100ms, at most 20% at a time, 1m each; halts at 2 failures and 5%
      started  0 s ago by anyone

    step  node     phase      reason
       1  agent-1  succeeded
       3  agent-1  succeeded
    ");
    let events = shown(&format!("events --rollout {id}"));
    let states: Vec<&str> = events
        .lines()
        .filter(|line| line.contains("_state"))
        .collect();
    insta::assert_snapshot!(states.join("\n"), @r"
    2026-01-02T03:04:05Z  rollout_state  r-0000000000000000  tool/stable  running  by anyone
    2026-01-02T03:04:05Z  rollout_state  r-0000000000000000  tool/stable  succeeded
    ");
    let moved = shown("events --last 1000");
    assert!(
        moved.contains("channel_moved  tool/stable  1.0.0 -> 1.1.0"),
        "{moved}"
    );
}

#[test]
fn programs_get_documents() {
    let env = fleet_machine();
    let serving = serving(&env, &[]);
    let _farm = Farm::start(&serving, &["a", "b"]);
    move_to(&serving, "1.0.0");
    let id = roll_out(&serving, "1.1.0");
    wait_for(&serving, &id, "succeeded");
    let json = |args: &str| {
        let output = fleet(&env, &serving, &format!("{args} --json"));
        assert_eq!(output.code, Some(0), "{args}\n{}", output.stderr);
        lines(&output.stdout)
    };
    let same = |path: &str, document: &Value| {
        let mut theirs = serving.get(path).json();
        let mut ours = document.clone();
        for list in [&mut theirs, &mut ours] {
            for node in list.as_array_mut().expect("an array") {
                // Heartbeats go on.
                node.as_object_mut().expect("an object").remove("last_seen");
            }
        }
        assert_eq!(theirs, ours, "{path}");
    };
    same("/api/nodes", &json("nodes")[0]["nodes"]);
    same("/api/channels", &json("channels")[0]["channels"]);
    same("/api/rollouts", &json("rollouts")[0]["rollouts"]);
    assert_eq!(json("nodes b")[0]["nodes"][0]["agent_id"], "b");
    assert_eq!(
        json(&format!("rollout show {id}"))[0],
        rollout(&serving, &id)
    );
    let events = json("events --last 1000");
    assert_eq!(
        events,
        lines(&serving.get("/api/events?follow=false").text())
    );
    assert_eq!(json("events --after 1")[0]["id"], 2);
    for (args, key, value) in [
        ("drain a", "agent_id", "a"),
        ("undrain a", "agent_id", "a"),
        ("pin a 1.0.0", "pinned", "1.0.0"),
        ("channel tool/beta 1.0.0", "channel", "beta"),
        ("remove a", "state", "removed"),
    ] {
        assert_eq!(json(args)[0][key], value, "{args}");
    }
}

#[test]
fn the_fleet_is_changed() {
    let env = fleet_machine();
    let serving = serving(&env, &[]);
    let _farm = Farm::start(&serving, &["agent-1", "agent-2", "agent-3"]);
    let said = |args: &str| {
        let output = fleet(&env, &serving, args);
        assert_eq!(output.code, Some(0), "{args}\n{}", output.stderr);
        stable(&output.stderr).trim().to_owned()
    };
    assert_eq!(
        said("channel tool/stable v1.0.0"),
        "tool/stable points at 1.0.0"
    );
    move_to(&serving, "1.0.0");
    assert_eq!(said("drain agent-1"), "agent-1 takes no part in rollouts");
    assert_eq!(
        said("undrain agent-1"),
        "agent-1 takes part in rollouts again"
    );
    assert_eq!(said("pin agent-1 1.1.0"), "agent-1 stays on 1.1.0");
    assert_eq!(
        said("pin agent-1 --off"),
        "agent-1 follows its channel again"
    );
    let start = "rollout start tool/stable 1.1.0";
    let started = said(start);
    assert!(
        started.contains("moves 3 nodes of tool/stable to 1.1.0"),
        "{started}"
    );
    let rollouts = serving.get("/api/rollouts").json();
    let id = rollouts[0]["id"].as_str().expect("an id");
    assert_eq!(rollouts[0]["soak"], "10m");
    for (verb, state) in [
        ("pause", "paused"),
        ("resume", "running"),
        ("abort", "aborted"),
    ] {
        assert_eq!(
            said(&format!("rollout {verb} {id}")),
            format!("the rollout r-0000000000000000 is {state}")
        );
    }
    said(
        "rollout start tool/stable 1.1.0 --canary 2 --steps 10,50 --soak 1h --max-in-flight 3 \
         --deadline 2m --halt-failures 4 --halt-percent 7 --no-rollback",
    );
    let made = serving.get("/api/rollouts").json()[0].clone();
    for (key, value) in [
        ("canary", "2"),
        ("steps", "[10,50,100]"),
        ("soak", "\"1h\""),
        ("max_in_flight", "\"3\""),
        ("deadline", "\"2m\""),
        ("halt", "{\"failures\":4,\"percent\":7}"),
        ("rollback", "false"),
    ] {
        assert_eq!(made[key].to_string(), value, "{key}");
    }
    let removed = said("remove agent-3");
    assert!(removed.starts_with("agent-3 (n-"), "{removed}");
}

#[test]
fn watching_a_rollout_ends_with_it() {
    let env = fleet_machine();
    let serving = serving(&env, &[]);
    let _farm = Farm::start(&serving, &["a", "b", "c"]);
    move_to(&serving, "1.0.0");
    let start = |version: &str| {
        let args = format!("rollout start tool/stable {version} --soak 100ms --watch");
        fleet(&env, &serving, &args)
    };
    let good = start("1.1.0");
    assert_eq!(good.code, Some(0), "{}", good.stderr);
    assert!(
        good.stdout.contains("succeeded: step 4/4, healthy 3 of 3"),
        "{}",
        good.stdout
    );
    let bad = start(BAD);
    assert_eq!(bad.code, Some(1), "{}", bad.stderr);
    assert!(bad.stdout.contains("rolled_back"), "{}", bad.stdout);
    let ended = serving.get("/api/rollouts").json()[0].clone();
    let id = ended["id"].as_str().expect("an id");
    let again = fleet(&env, &serving, &format!("rollout show {id} --watch --json"));
    assert_eq!(again.code, Some(1), "{}", again.stderr);
    assert_eq!(lines(&again.stdout), [ended]);
    let digest = sha256(BAD.as_bytes());
    let nodes = serving.get("/api/nodes").json();
    let denied = nodes.as_array().expect("an array").iter();
    let denied: Vec<&str> = denied
        .filter(|node| node["denied"][0] == digest)
        .filter_map(|node| node["agent_id"].as_str())
        .collect();
    let lifted = fleet(&env, &serving, &format!("lift {} {digest}", denied[0]));
    assert_eq!(lifted.code, Some(0), "{}", lifted.stderr);
    assert!(lifted.stderr.contains("may run"), "{}", lifted.stderr);
}

#[test]
fn a_signal_ends_watching() {
    let env = fleet_machine();
    let serving = serving(&env, &[]);
    let _farm = Farm::start(&serving, &["a"]);
    let url = format!("http://{}", serving.address);
    for args in [&["nodes", "--watch"][..], &["events", "--follow"]] {
        let mut command = env.command([&["fleet", "--json", "--server", &url][..], args].concat());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("start");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        assert!(line.starts_with('{'), "{line}");
        let id = child.id().to_string();
        env.run("kill", ["-s", "INT", &id]);
        let output = child.wait_with_output().expect("the end");
        assert_eq!(output.status.code(), Some(130), "{args:?} {output:?}");
        assert!(output.stderr.is_empty(), "{args:?} {output:?}");
    }
}

#[test]
fn mistakes_are_explained() {
    let mut env = fleet_machine();
    tokens(&env);
    env.write("admin", "admin-secret\n");
    env.write("empty", "\n");
    let serving = serving(&env, &["--tokens", "tokens.yml"]);
    for (args, code, says) in [
        ("nodes agent-9", 2, "there is no node `agent-9`"),
        ("rollout show r-1", 2, "there is no rollout `r-1`"),
        ("drain x", 1, "this needs a token with the role admin"),
        ("drain x", 1, "--token-file"),
        ("drain x --token-file admin", 2, "there is no node `x`"),
        ("drain x --token-file empty", 2, "has no token"),
        ("drain x --token-file none", 2, "none"),
        ("channel stable 1.0.0", 2, "write NAME/CHANNEL"),
        (
            "channel tool/stable 9.0.0 --token-file admin",
            2,
            "there is no binary of tool 9.0.0",
        ),
        (
            "rollout start tool/stable 1.1.0 --soak x --token-file admin",
            2,
            "`soak` must be a time",
        ),
        ("rollout start tool/stable 1.1.0 --steps 5,x", 2, "--steps"),
        ("lift x abc", 2, "is not a SHA-256"),
        ("pin x", 2, "VERSION"),
        ("pin x 1.0.0 --off", 2, "cannot be used with"),
        ("node", 2, "nodes"),
    ] {
        let output = fleet(&env, &serving, args);
        assert_eq!(output.code, Some(code), "{args}\n{}", output.stderr);
        assert!(output.stderr.contains(says), "{args}\n{}", output.stderr);
        assert!(!output.stderr.contains("-secret"), "{}", output.stderr);
    }
    env.set("LARDER_SERVER_TOKEN", "read-secret");
    let output = fleet(&env, &serving, "drain x");
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    assert!(
        output.stderr.contains("has the role read"),
        "{}",
        output.stderr
    );
    env.set("LARDER_SERVER", format!("http://{}", serving.address));
    assert_eq!(env.larder(["fleet", "nodes"]).code, Some(0));
    // Nobody is there.
    let address = format!("127.0.0.1:{}", free_port());
    env.set("LARDER_HTTP_RETRIES", "0");
    let output = env.larder(["fleet", "nodes", "--server", &format!("http://{address}")]);
    assert_eq!(output.code, Some(5), "{}", output.stderr);
    assert!(
        output.stderr.contains("is `larder serve` running there?"),
        "{}",
        output.stderr
    );
}
