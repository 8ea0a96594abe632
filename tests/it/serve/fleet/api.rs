//! Every route: what it answers, and what it refuses.

use serde_json::{Value, json};

use super::{
    BAD, Farm, fleet_machine, lines, move_to, nodes, roll_out, rollout, serving, wait_for,
};
use crate::serve::{Serving, sha256};

/// Sends a request with a body in a form that no client of JSON would name.
fn send(serving: &Serving, method: &str, target: &str, body: &str) -> crate::serve::Response {
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    serving.send(method, target, &headers, body.as_bytes())
}

#[test]
fn nodes_are_listed_and_changed() {
    let env = fleet_machine();
    let serving = serving(&env, &[]);
    assert_eq!(serving.get("/api/nodes").json(), json!([]));
    let farm = Farm::start(&serving, &["b", "a", "c d"]);
    move_to(&serving, "1.0.0");
    let all = nodes(&serving);
    let names: Vec<&str> = all
        .iter()
        .filter_map(|node| node["agent_id"].as_str())
        .collect();
    assert_eq!(names, ["a", "b", "c d"]);
    let node = serving.get("/api/nodes/a").json();
    let id = node["node_id"].as_str().expect("an id").to_owned();
    for key in [
        "node_id",
        "agent_id",
        "platform",
        "arch",
        "state",
        "state_since",
        "running",
        "health",
        "pinned",
        "channel",
        "last_seen",
    ] {
        assert!(node.get(key).is_some(), "{key} {node}");
    }
    assert_eq!(
        node["running"],
        json!({"name": "tool", "version": "1.0.0", "checksum": sha256(b"1.0.0")})
    );
    assert_eq!(
        (&node["state"], &node["health"]),
        (&json!("ready"), &json!("healthy"))
    );
    assert_eq!(
        serving.get(&format!("/api/nodes/{id}")).json()["agent_id"],
        "a"
    );
    assert_eq!(serving.get("/api/nodes/c%20d").json()["agent_id"], "c d");
    serving.get("/api/nodes/x").problem(404);

    let drained = send(&serving, "POST", "/api/nodes/a/drain", "");
    assert_eq!(
        (drained.status, &drained.json()["node_id"]),
        (200, &json!(id))
    );
    let state = |serving: &Serving| serving.get("/api/nodes/a").json()["state"].clone();
    serving.wait("drained", |serving| state(serving) == "drained");
    assert_eq!(
        send(&serving, "POST", "/api/nodes/a/undrain", "").status,
        200
    );
    serving.wait("ready", |serving| state(serving) == "ready");

    let pinned = send(
        &serving,
        "PUT",
        "/api/nodes/a/pin",
        "{\"version\": \"v1.1.0\"}",
    );
    assert_eq!(
        (pinned.status, &pinned.json()["pinned"]),
        (200, &json!("1.1.0"))
    );
    let runs = |serving: &Serving| serving.get("/api/nodes/a").json()["running"]["version"].clone();
    serving.wait("the pinned version", |serving| runs(serving) == "1.1.0");
    let free = send(&serving, "PUT", "/api/nodes/a/pin", "{\"version\": null}");
    assert_eq!((free.status, &free.json()["pinned"]), (200, &Value::Null));
    serving.wait("the version of the channel", |serving| {
        runs(serving) == "1.0.0"
    });
    for (body, status, says) in [
        ("", 400, "JSON"),
        ("{}", 400, "missing field `version`"),
        ("{\"version\": 1}", 400, "invalid type"),
        (
            "{\"version\": \"1.0.0\", \"until\": 1}",
            400,
            "unknown field `until`",
        ),
        (
            "{\"version\": \"3.0.0\"}",
            404,
            "there is no tool 3.0.0 for linux/x86_64",
        ),
    ] {
        let detail = send(&serving, "PUT", "/api/nodes/a/pin", body).problem(status);
        assert!(detail.contains(says), "{body}: {detail}");
    }

    assert_eq!(serving.send("DELETE", "/api/nodes/b", &[], b"").status, 204);
    serving.get("/api/nodes/b").problem(404);
    serving
        .send("DELETE", "/api/nodes/b", &[], b"")
        .problem(404);
    assert_eq!(nodes(&serving).len(), 2);
    drop(farm);
}

#[test]
fn a_bad_version_comes_back_and_its_digest_is_lifted() {
    let env = fleet_machine();
    let serving = serving(&env, &[]);
    let _farm = Farm::start(&serving, &["a", "b", "c"]);
    move_to(&serving, "1.0.0");
    let id = roll_out(&serving, BAD);
    wait_for(&serving, &id, "rolled_back");
    let ended = rollout(&serving, &id);
    assert_eq!(serving.get("/api/channels").json()[0]["version"], "1.0.0");
    let failed: Vec<&Value> = ended["members"]
        .as_array()
        .expect("members")
        .iter()
        .filter(|member| member["phase"] != "pending" && member["phase"] != "cancelled")
        .collect();
    assert_eq!(failed.len(), 1, "{ended}");
    assert_eq!(failed[0]["rank"], 0);
    let name = failed[0]["agent_id"].as_str().expect("a name");
    let digest = sha256(BAD.as_bytes());
    let path = format!("/api/nodes/{name}");
    assert_eq!(serving.get(&path).json()["denied"], json!([digest]));
    let pin = format!("{{\"version\": \"{BAD}\"}}");
    send(&serving, "PUT", &format!("{path}/pin"), &pin).problem(409);
    let denied = |digest: &str| format!("{path}/denied/{digest}");
    let lift = |digest: &str| serving.send("DELETE", &denied(digest), &[], b"");
    lift("abc").problem(400);
    lift(&sha256(b"other")).problem(404);
    assert_eq!(lift(&digest.to_uppercase()).status, 204);
    assert_eq!(serving.get(&path).json()["denied"], json!([]));
    lift(&digest).problem(404);
}

#[test]
fn channels_point_at_versions_that_stay() {
    let env = fleet_machine();
    let serving = serving(&env, &[]);
    let put = |target: &str, body: &str| send(&serving, "PUT", target, body);
    assert_eq!(serving.get("/api/channels").json(), json!([]));
    let moved = put("/api/channels/tool/stable", "{\"version\": \"v1.0.0\"}");
    let channel = json!({"name": "tool", "channel": "stable", "version": "1.0.0"});
    assert_eq!((moved.status, moved.json()), (200, channel.clone()));
    assert_eq!(serving.get("/api/channels").json(), json!([channel]));
    for (target, body, status) in [
        ("/api/channels/tool/stable", "{\"version\": \"9.0.0\"}", 404),
        (
            "/api/channels/other/stable",
            "{\"version\": \"1.0.0\"}",
            404,
        ),
        ("/api/channels/tool/a_b", "{\"version\": \"1.0.0\"}", 400),
        ("/api/channels/tool/stable", "{}", 400),
        ("/api/channels/tool/stable", "[", 400),
        ("/api/channels/tool/stable", "{\"version\": null}", 400),
        (
            "/api/channels/tool/stable",
            "{\"version\":\"1.0.0\",\"at\":1}",
            400,
        ),
    ] {
        put(target, body).problem(status);
    }
    let delete = |version: &str| {
        let path = format!("/api/binaries/tool/{version}/linux/x86_64");
        serving.send("DELETE", &path, &[], b"")
    };
    let detail = delete("1.0.0").problem(409);
    assert!(
        detail.contains("the channel stable points at it"),
        "{detail}"
    );
    let id = roll_out(&serving, "1.1.0");
    let detail = delete("1.1.0").problem(409);
    assert!(detail.contains(&format!("the rollout {id}")), "{detail}");
    // Nobody else moves a channel that a rollout moves.
    let detail = put("/api/channels/tool/stable", "{\"version\": \"1.0.0\"}").problem(409);
    assert!(detail.contains(&id), "{detail}");
    assert_eq!(delete(BAD).status, 204);
    let abort = format!("/api/rollouts/{id}/abort");
    assert_eq!(send(&serving, "POST", &abort, "").status, 200);
    assert_eq!(delete("1.1.0").status, 204);
    let audit = serving.log();
    assert!(
        audit.contains(
            "\"action\":\"put\",\"object\":\"/api/channels/tool/stable\",\"outcome\":\"done\""
        ),
        "{audit}"
    );
}

#[test]
fn rollouts_are_started_steered_and_shown() {
    let env = fleet_machine();
    let serving = serving(&env, &[]);
    let _farm = Farm::start(&serving, &["a", "b", "c", "d"]);
    move_to(&serving, "1.0.0");
    let start = |more: &str| {
        let body =
            format!("{{\"name\":\"tool\",\"channel\":\"stable\",\"version\":\"1.1.0\"{more}}}");
        send(&serving, "POST", "/api/rollouts", &body)
    };
    for (more, says) in [
        (",\"canary\":0", "`canary` is 0"),
        (",\"canary\":-1", "invalid value"),
        (",\"canary\":\"1\"", "invalid type"),
        (",\"steps\":[50,25]", "`steps` must grow"),
        (",\"steps\":[0]", "from 1 to 100"),
        (",\"steps\":[101]", "from 1 to 100"),
        (",\"steps\":[256]", "invalid value"),
        (",\"steps\":5", "invalid type"),
        (",\"soak\":\"soon\"", "`soak` must be a time"),
        (",\"soak\":10", "invalid type"),
        (",\"max_in_flight\":0", "`max_in_flight`"),
        (",\"max_in_flight\":\"0%\"", "from 1 to 100"),
        (",\"max_in_flight\":\"many\"", "`max_in_flight`"),
        (",\"deadline\":\"0s\"", "`deadline` is 0"),
        (",\"halt\":{\"failures\":0}", "`halt.failures` is 0"),
        (",\"halt\":{\"percent\":0}", "from 1 to 100"),
        (",\"halt\":{\"number\":1}", "unknown field `number`"),
        (",\"rollback\":\"no\"", "invalid type"),
        (",\"speed\":1", "unknown field `speed`"),
    ] {
        let detail = start(more).problem(400);
        assert!(detail.contains(says), "{more}: {detail}");
    }
    for (body, status) in [
        ("", 400),
        ("[]", 400),
        ("{\"name\":\"tool\",\"channel\":\"stable\"}", 400),
        (
            "{\"name\":\"tool\",\"channel\":\"stable\",\"version\":\"4.0.0\"}",
            404,
        ),
        (
            "{\"name\":\"other\",\"channel\":\"stable\",\"version\":\"1.0.0\"}",
            404,
        ),
        (
            "{\"name\":\"tool\",\"channel\":\"a/b\",\"version\":\"1.0.0\"}",
            400,
        ),
    ] {
        send(&serving, "POST", "/api/rollouts", body).problem(status);
    }
    assert_eq!(serving.get("/api/rollouts").json(), json!([]));

    // With its defaults it soaks for ten minutes.
    let started = start("");
    assert_eq!(started.status, 201, "{}", started.text());
    let made = started.json();
    let id = made["id"].as_str().expect("an id");
    assert_eq!(
        started.header("location"),
        Some(format!("/api/rollouts/{id}").as_str())
    );
    for (key, value) in [
        ("state", json!("running")),
        ("step", json!(0)),
        ("canary", json!(1)),
        ("steps", json!([5, 25, 100])),
        ("soak", json!("10m")),
        ("max_in_flight", json!("20%")),
        ("deadline", json!("5m")),
        ("halt", json!({"failures": 2, "percent": 5})),
        ("rollback", json!(true)),
        ("previous", json!("1.0.0")),
        ("by", json!("anyone")),
    ] {
        assert_eq!(made[key], value, "{key}");
    }
    let members = made["members"].as_array().expect("members");
    let ranks: Vec<u64> = members.iter().filter_map(|m| m["rank"].as_u64()).collect();
    assert_eq!(ranks, [0, 1, 2, 3]);
    assert!(
        members
            .iter()
            .all(|m| m["phase"] == "pending" && m["reason"].is_null())
    );
    let second = start("").problem(409);
    assert!(second.contains(id), "{second}");

    let steer = |verb: &str| send(&serving, "POST", &format!("/api/rollouts/{id}/{verb}"), "");
    let state = |verb: &str| steer(verb).json()["state"].clone();
    assert_eq!(state("pause"), "paused");
    steer("pause").problem(409);
    assert_eq!(state("resume"), "running");
    steer("resume").problem(409);
    assert_eq!(state("abort"), "aborted");
    for verb in ["pause", "resume", "abort"] {
        let detail = steer(verb).problem(409);
        assert!(detail.contains("aborted"), "{detail}");
    }
    for verb in ["pause", "resume", "abort"] {
        send(&serving, "POST", &format!("/api/rollouts/r-0/{verb}"), "").problem(404);
    }
    serving.get("/api/rollouts/r-0").problem(404);

    let good = roll_out(&serving, "1.1.0");
    wait_for(&serving, &good, "succeeded");
    assert_eq!(serving.get("/api/channels").json()[0]["version"], "1.1.0");
    let all = serving.get("/api/rollouts").json();
    let ids: Vec<&str> = all
        .as_array()
        .expect("an array")
        .iter()
        .filter_map(|rollout| rollout["id"].as_str())
        .collect();
    assert_eq!(ids, [good.as_str(), id]);
    let of = |id: &str| {
        let text = serving
            .get(&format!("/api/events?follow=false&rollout={id}"))
            .text();
        lines(&text)
    };
    assert!(of(id).iter().all(|event| event["rollout"] == id));
    let states: Vec<String> = of(&good)
        .iter()
        .filter(|event| event["event"] == "rollout_state")
        .filter_map(|event| event["to"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(states, ["running", "succeeded"]);
}
