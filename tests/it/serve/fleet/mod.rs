//! The fleet over HTTP: what administrators and their tools see and do. The nodes are agents that only
//! speak gRPC and run nothing.

mod api;
mod cli;
mod events;
mod page;
mod rights;
mod webhook;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use larder_serve::fleet::v1;
use larder_serve::fleet::v1::fleet_client::FleetClient;
use serde_json::Value;

use super::{Serving, machine, put};
use crate::env::TestEnv;

/// The versions that the folder has. Agents fail to run the last one.
const VERSIONS: [&str; 3] = ["1.0.0", "1.1.0", "6.6.6"];
const BAD: &str = "6.6.6";

/// A machine whose folder has all versions.
fn fleet_machine() -> TestEnv {
    let env = machine();
    for version in VERSIONS {
        put(&env, &format!("tool-{version}-linux-x86_64"), version);
    }
    env
}

/// A server that looks at its nodes twice per second. Agents are heard much more often.
fn serving(env: &TestEnv, options: &[&str]) -> Serving {
    Serving::start(env, &[&["--heartbeat", "1s"][..], options].concat())
}

/// Agents that do at once what they are told. They end with the test.
struct Farm {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Farm {
    /// Starts agents that follow the channel `stable` of `tool`, and waits until all are nodes.
    fn start(serving: &Serving, names: &[&str]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (grpc, stopping) = (serving.grpc, stop.clone());
        let agents: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(run(grpc, agents, &stopping));
        });
        let farm = Self {
            stop,
            thread: Some(thread),
        };
        let count = names.len();
        serving.wait("nodes", |serving| nodes(serving).len() == count);
        farm
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// An agent that claims to run whatever it is told.
struct Agent {
    node_id: String,
    process: String,
    running: Option<v1::Running>,
    attempt: Option<v1::Attempt>,
}

async fn run(grpc: SocketAddr, names: Vec<String>, stop: &AtomicBool) {
    let url = format!("http://{grpc}");
    let mut client = FleetClient::connect(url).await.expect("connect");
    let mut agents = Vec::new();
    for name in names {
        let process = format!("process-of-{name}");
        let request = v1::EnrollRequest {
            agent_id: name,
            process: process.clone(),
            platform: "linux".into(),
            arch: "x86_64".into(),
            name: "tool".into(),
            channel: "stable".into(),
            agent_version: "0.1.0".into(),
            ..v1::EnrollRequest::default()
        };
        let enrolled = client.enroll(request).await.expect("enrol").into_inner();
        agents.push(Agent {
            node_id: enrolled.node_id,
            process,
            running: None,
            attempt: None,
        });
    }
    while !stop.load(Ordering::Relaxed) {
        for agent in &mut agents {
            let request = v1::HeartbeatRequest {
                node_id: agent.node_id.clone(),
                process: agent.process.clone(),
                running: agent.running.clone(),
                health: if agent.running.is_some() {
                    v1::Health::Healthy.into()
                } else {
                    v1::Health::Unspecified.into()
                },
                healthy_for_ms: 3_600_000,
                pid: 0,
                attempt: agent.attempt.clone(),
            };
            // The server may be stopping, or a node may be removed.
            let Ok(answer) = client.heartbeat(request).await else {
                continue;
            };
            let Some(target) = answer.into_inner().target else {
                continue;
            };
            let runs = agent.running.as_ref().map(|running| &running.version);
            if runs == Some(&target.version) {
                continue;
            }
            let failed = target.version == BAD;
            let attempt = v1::Attempt {
                version: target.version.clone(),
                checksum: target.checksum.clone(),
                phase: if failed {
                    v1::Phase::Failed.into()
                } else {
                    v1::Phase::Running.into()
                },
                reason: if failed {
                    "it ended with code 7 after 2 s".into()
                } else {
                    String::new()
                },
                rollout: target.rollout.clone(),
            };
            agent.attempt = Some(attempt.clone());
            if !failed {
                agent.running = Some(v1::Running {
                    name: target.name,
                    version: target.version,
                    checksum: target.checksum,
                });
            }
            let report = v1::ReportRequest {
                node_id: agent.node_id.clone(),
                process: agent.process.clone(),
                attempt: Some(attempt),
            };
            let _ = client.report(report).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What each kind of command prints with `--json`, by the name of its schema.
pub fn documents() -> Vec<(String, Value)> {
    let env = fleet_machine();
    let serving = serving(&env, &[]);
    let _farm = Farm::start(&serving, &["a", "b"]);
    move_to(&serving, "1.0.0");
    let id = roll_out(&serving, BAD);
    wait_for(&serving, &id, "rolled_back");
    let url = format!("http://{}", serving.address);
    let mut documents = Vec::new();
    for (name, line) in [
        ("fleet-nodes", "nodes"),
        ("fleet-node", "drain a"),
        ("fleet-channels", "channels"),
        ("fleet-channel", "channel tool/beta 1.1.0"),
        ("fleet-rollouts", "rollouts"),
        ("fleet-rollout", &format!("rollout show {id}")),
        ("fleet-event", "events"),
    ] {
        let args: Vec<&str> = line.split(' ').collect();
        let output = env.larder_json([&["fleet", "--server", &url][..], &args].concat());
        let printed = lines(&output.success().stdout);
        documents.extend(printed.into_iter().map(|value| (name.to_owned(), value)));
    }
    documents
}

fn nodes(serving: &Serving) -> Vec<Value> {
    let nodes = serving.get("/api/nodes").json();
    nodes.as_array().expect("an array").clone()
}

/// Points the channel at a version, and waits until all nodes run it.
fn move_to(serving: &Serving, version: &str) {
    let body = format!("{{\"version\": \"{version}\"}}");
    let moved = serving.send("PUT", "/api/channels/tool/stable", &[], body.as_bytes());
    assert_eq!(moved.status, 200, "{}", moved.text());
    serving.wait("the version", |serving| {
        nodes(serving)
            .iter()
            .all(|node| node["running"]["version"] == version)
    });
}

/// Starts a rollout whose members need not be healthy for long, and gives its id.
fn roll_out(serving: &Serving, version: &str) -> String {
    let body = format!(
        "{{\"name\":\"tool\",\"channel\":\"stable\",\"version\":\"{version}\",\"soak\":\"100ms\",\
         \"deadline\":\"1m\",\"steps\":[50,100]}}"
    );
    let started = serving.send("POST", "/api/rollouts", &[], body.as_bytes());
    assert_eq!(started.status, 201, "{}", started.text());
    let id = started.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(
        started.header("location"),
        Some(format!("/api/rollouts/{id}").as_str())
    );
    id
}

fn rollout(serving: &Serving, id: &str) -> Value {
    serving.get(&format!("/api/rollouts/{id}")).json()
}

fn wait_for(serving: &Serving, id: &str, state: &str) {
    serving.wait(state, |serving| rollout(serving, id)["state"] == state);
}

/// The events of an answer in JSON lines.
fn lines(text: &str) -> Vec<Value> {
    let lines = text.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}
