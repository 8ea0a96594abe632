//! Hundreds of agents, and a server that is killed while they send heartbeats.
//! `tests/programs/fleet_load.rs` measures the same with thousands.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use larder_core::model::Digest;
use serde_json::Value;

use crate::fleet_load::{self, Options};
use crate::serve::{Serving, machine};
use crate::servers::ports::free_port;

const AGENTS: u32 = 300;

fn publish(serving: &Serving, version: &str) -> String {
    let bytes = format!("the server of {version}");
    let path = format!("/api/binaries/storage-server/{version}/linux/x86_64");
    assert_eq!(
        serving.send("PUT", &path, &[], bytes.as_bytes()).status,
        201
    );
    let body = format!("{{\"version\": \"{version}\"}}");
    let path = "/api/channels/storage-server/stable";
    assert_eq!(serving.send("PUT", path, &[], body.as_bytes()).status, 200);
    Digest::of(bytes.as_bytes()).to_string()
}

/// Waits until all agents are there, wait for hints, and run a binary.
fn wait_for_all(serving: &Serving, checksum: &str) {
    serving.wait("all agents", |serving| {
        let nodes = serving.get("/api/nodes").json();
        let nodes = nodes.as_array().expect("an array");
        let is_there = |node: &Value| {
            node["state"] == "ready" && node["running"]["checksum"].as_str() == Some(checksum)
        };
        nodes.len() == AGENTS as usize
            && nodes.iter().all(is_there)
            && serving.metric("fleet_watches") == u64::from(AGENTS)
    });
}

#[test]
fn a_server_that_is_killed_loses_none_of_its_agents() {
    let env = machine();
    let [http, grpc] = [free_port(), free_port()].map(|port| port.to_string());
    let options = ["--port", &http, "--grpc-port", &grpc, "--heartbeat", "1s"];
    let start = || {
        let mut command = env.command(["serve"]);
        command.args(options);
        let serving = Serving::spawn(&env, command);
        serving.wait("readiness", |serving| serving.get("/readyz").status == 200);
        serving
    };
    let serving = start();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let agents = Options {
        grpc: SocketAddr::from((Ipv4Addr::LOCALHOST, serving.grpc.port())),
        agents: AGENTS,
        connections: 4,
        settle: Duration::from_secs(1),
        bad: None,
        watches: true,
    };
    let record = runtime.block_on(async { fleet_load::start(agents) });
    wait_for_all(&serving, &publish(&serving, "1.0.0"));
    // More than 200 heartbeats in a second would be too many, so that the interval is stretched.
    let told = serving.get("/metrics").text();
    assert!(
        told.contains("\nlarder_serve_fleet_heartbeat_interval_seconds 1.5\n"),
        "{told}"
    );
    record.metrics(&told);

    drop(serving);
    let serving = start();
    let second = publish(&serving, "2.0.0");
    wait_for_all(&serving, &second);
    record.metrics(&serving.get("/metrics").text());
    let measured = record.json();
    assert_eq!(measured["most"]["lost"], 0.0, "{measured}");
    let failed = measured["failed"].as_object().expect("an object");
    let because_it_was_away = [
        "Unavailable",
        "Unknown",
        "DeadlineExceeded",
        "Cancelled",
        "Internal",
    ];
    let others: Vec<_> = failed
        .keys()
        .filter(|code| !because_it_was_away.contains(&code.as_str()))
        .collect();
    assert!(others.is_empty(), "{measured}");
    let url = format!("http://{}/api/events?follow=false", serving.address);
    let events = env.run("curl", ["--silent", "--fail", &url]);
    assert!(events.contains("node_enrolled"), "{events}");
    assert!(!events.contains("\"to\":\"lost\""), "{events}");
}
