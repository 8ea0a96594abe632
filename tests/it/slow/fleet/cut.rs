//! A network that is cut between the server and half of its nodes, by two network namespaces of the
//! kernel: the others go on, the lost ones count, and those that were cut off keep running and catch
//! up.

use std::process::Command;

use serde_json::{Value, json};

use super::child::Kind;
use super::{Prefix, World, members};

/// Two networks with a wire between them. They end with the test.
struct Networks {
    near: String,
    far: String,
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output().expect("ip");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments:?}: {errors}");
}

fn netns(network: &str) -> Prefix {
    ["ip", "netns", "exec", network].map(str::to_owned).to_vec()
}

impl Networks {
    /// `None` where they can't be made: that needs rights which not every machine gives.
    fn new() -> Option<Self> {
        let id = std::process::id();
        let networks = Self {
            near: format!("larder-near-{id}"),
            far: format!("larder-far-{id}"),
        };
        let first = ["netns", "add", &networks.near];
        let made = Command::new("ip").args(first).status().expect("ip");
        if !made.success() {
            return None;
        }
        ip(&["netns", "add", &networks.far]);
        let (near, far) = (networks.near.as_str(), networks.far.as_str());
        ip(&[
            "-n", near, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", far,
        ]);
        for (network, address) in [(near, "10.231.7.1/24"), (far, "10.231.7.2/24")] {
            ip(&["-n", network, "address", "add", address, "dev", "wire"]);
            ip(&["-n", network, "link", "set", "lo", "up"]);
            ip(&["-n", network, "link", "set", "wire", "up"]);
        }
        Some(networks)
    }

    fn wire(&self, state: &str) {
        ip(&["-n", &self.near, "link", "set", "wire", state]);
    }
}

impl Drop for Networks {
    fn drop(&mut self) {
        for network in [&self.near, &self.far] {
            let _ = Command::new("ip")
                .args(["netns", "delete", network])
                .status();
        }
    }
}

#[test]
fn half_of_the_nodes_are_cut_off_and_catch_up() {
    let Some(networks) = Networks::new() else {
        eprintln!("skipped: no network namespace can be made here");
        return;
    };
    let mut world = World::in_network("10.231.7.1", netns(&networks.near));
    let (near, far) = (netns(&networks.near), netns(&networks.far));
    for number in 0..6 {
        let place = if number % 2 == 0 { &near } else { &far };
        world.start_agent(&format!("agent-{number}"), place);
    }
    world.wait_for_all("1.0.0");
    world.release("2.0.0", Kind::Good);
    let settings = json!({
        "canary": 1, "steps": [100], "soak": "2s", "max_in_flight": 6, "deadline": "15s",
        "halt": {"failures": 4, "percent": 60},
    });
    let id = world.roll_out("2.0.0", &settings);
    world.wait("the step after the canary", |world| {
        world.rollout(&id)["step"] == 1
    });
    networks.wire("down");
    let ended = world.ended(&id);
    assert_eq!(ended["state"], "succeeded", "{ended}\n{}", world.told());
    // At most three could not be heard in time; the canary may be one of the far ones.
    let (late, done) = (members(&ended, "timed_out"), members(&ended, "succeeded"));
    assert_eq!(late.len() + done.len(), 6, "{ended}");
    assert!((2..=3).contains(&late.len()), "{ended}");
    world.wait("three lost nodes", |world| {
        let nodes = world.get("/api/nodes");
        nodes
            .as_array()
            .expect("a list")
            .iter()
            .filter(|node| node["state"] == "lost")
            .count()
            == 3
    });
    // Those that are cut off keep running what they run.
    world.assert_one_child_each();
    // A rollout over the lost ones does not take silence for success.
    world.release("3.0.0", Kind::Good);
    let all = json!({"canary": 6, "deadline": "5s", "max_in_flight": 6, "soak": "1s"});
    let halted = world.ended(&world.roll_out("3.0.0", &all));
    assert_eq!(halted["state"], "rolled_back", "{halted}");
    assert_eq!(world.get("/api/channels")[0]["version"], "2.0.0");
    networks.wire("up");
    world.wait_for_all("2.0.0");
    let denied = |node: &Value| {
        node["denied"]
            .as_array()
            .is_some_and(|list| !list.is_empty())
    };
    let nodes = world.get("/api/nodes");
    let nodes = nodes.as_array().expect("a list");
    assert!(
        !nodes.iter().any(denied),
        "who was only away has no verdict: {nodes:?}"
    );
    world.assert_one_child_each();
}
