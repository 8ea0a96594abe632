//! Clocks that are a year off, and one that jumps: nothing is decided by them.

use serde_json::json;

use super::child::Kind;
use super::{Prefix, World, members};

/// A command that sees another time. Running times are left alone.
fn at(shift: &str) -> Prefix {
    ["faketime", "--exclude-monotonic", "-f", shift]
        .map(str::to_owned)
        .to_vec()
}

fn both_ways(server: &str, agents: [&str; 3]) {
    let mut world = World::new(at(server));
    for (number, shift) in agents.iter().enumerate() {
        world.start_agent(&format!("agent-{number}"), &at(shift));
    }
    world.wait_for_all("1.0.0");
    let settings = json!({"soak": "2s", "max_in_flight": 3});
    world.release("2.0.0", Kind::CrashesLater);
    let ended = world.ended(&world.roll_out("2.0.0", &settings));
    assert_eq!(ended["state"], "rolled_back", "{ended}");
    world.wait_for_all("1.0.0");
    world.release("3.0.0", Kind::Good);
    let ended = world.ended(&world.roll_out("3.0.0", &settings));
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert_eq!(members(&ended, "succeeded").len(), 3, "{ended}");
    world.wait_for_all("3.0.0");
    let nodes = world.get("/api/nodes");
    let ready = nodes
        .as_array()
        .expect("a list")
        .iter()
        .filter(|node| node["state"] == "ready");
    assert_eq!(ready.count(), 3, "{nodes}");
}

#[test]
fn agents_and_server_are_a_year_apart() {
    both_ways("+1y", ["-1y", "+0", "+2y"]);
    both_ways("-1y", ["+1y", "+0", "-2y"]);
}

#[test]
fn the_servers_clock_jumps_during_a_rollout() {
    let env = crate::env::TestEnv::new();
    let file = env.write("shift", "+0");
    // The file decides, and not the variable that the wrapper has set.
    let follows = [
        "env",
        "-u",
        "FAKETIME",
        "FAKETIME_NO_CACHE=1",
        &format!("FAKETIME_TIMESTAMP_FILE={file}"),
    ]
    .map(str::to_owned);
    let mut world = World::new([&at("+0")[..], &follows].concat());
    world.start_agents(3);
    world.release("2.0.0", Kind::Good);
    let id = world.roll_out("2.0.0", &json!({"soak": "3s", "max_in_flight": 3}));
    let year = || {
        let nodes = world.get("/api/nodes");
        let seen = nodes[0]["last_seen"].as_str().expect("a time");
        seen[..4].parse::<i32>().expect("a year")
    };
    let now = year();
    std::fs::write(&file, "+1y").expect("write");
    world.wait("the jump ahead", |_| year() == now + 1);
    std::fs::write(&file, "-1y").expect("write");
    world.wait("the jump back", |_| year() < now);
    let ended = world.ended(&id);
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert_eq!(members(&ended, "succeeded").len(), 3, "{ended}");
    let nodes = world.get("/api/nodes");
    assert!(!nodes.to_string().contains("\"lost\""), "{nodes}");
}
