//! What the agent finds again after it was killed, and what it does without a server, without disk
//! space, with damaged files.

use super::*;

fn running(site: &Site) -> Agent<'_> {
    site.upload("1.0.0", Behaviour::Good);
    if site.fleet.is_some() {
        site.offer("1.0.0", "");
    }
    site.configure_with_health("", "stop_grace = \"2s\"");
    let agent = site.start();
    agent.wait_for("1.0.0", "running");
    agent
}

#[test]
fn the_child_of_a_killed_agent_is_taken_over() {
    let site = Site::new();
    let agent = running(&site);
    let pid = site.status()["pid"].as_u64().expect("a pid");
    agent.kill();
    assert!(runs(pid));
    let agent = site.start();
    agent.says("is taken over");
    assert_eq!(agent.wait_for("1.0.0", "running"), pid);
    // It is watched as its own.
    kill(&pid.to_string(), "KILL");
    agent.wait("a new child", || {
        let status = site.status();
        status["state"] == "running" && status["pid"].as_u64().is_some_and(|new| new != pid)
    });
    let new = site.status()["pid"].as_u64().expect("a pid");
    agent.kill();
    let agent = site.start();
    agent.says("is taken over");
    agent.stop();
    assert!(!runs(new));
    assert_eq!(site.starts(), ["1.0.0", "1.0.0"]);
}

#[test]
fn a_child_that_was_not_written_down_is_ended() {
    let site = Site::new();
    let agent = running(&site);
    let pid = site.status()["pid"].as_u64().expect("a pid");
    agent.kill();
    for file in ["data/state.json", "data/state.copy.json"] {
        let mut kept: Value = serde_json::from_str(&site.env.read(file)).expect("JSON");
        kept["child"] = Value::Null;
        site.env.write(file, kept.to_string());
    }
    let agent = site.start();
    agent.wait_for("1.0.0", "running");
    assert!(!runs(pid));
    agent.stop();
    assert_eq!(site.starts(), ["1.0.0", "1.0.0"]);
}

#[test]
fn a_process_that_has_the_old_id_of_the_child_is_left_alone() {
    let site = Site::new();
    running(&site).stop();
    let mut stranger = Command::new("sleep").arg("600").spawn().expect("sleep");
    for file in ["data/state.json", "data/state.copy.json"] {
        let mut kept: Value = serde_json::from_str(&site.env.read(file)).expect("JSON");
        let checksum = kept["current"]["checksum"].clone();
        kept["child"] = serde_json::json!({
            "pid": stranger.id(), "started": "another boot/1", "checksum": checksum,
        });
        site.env.write(file, kept.to_string());
    }
    let agent = site.start();
    agent.wait_for("1.0.0", "running");
    agent.stop();
    assert!(runs(stranger.id().into()));
    stranger.kill().expect("end it");
    let _ = stranger.wait();
}

/// An agent that is killed in each state that it passes through on its way to a version ends at the
/// same place, and never runs two children.
#[test]
fn an_agent_that_is_killed_at_any_time_goes_on() {
    for behaviour in [Behaviour::Good, Behaviour::CrashLater] {
        let site = Site::with_fleet();
        let mut agent = Some(running(&site));
        let digest = site.upload("2.0.0", behaviour);
        site.offer("2.0.0", "r-1");
        let mut killed = Vec::new();
        let start = Instant::now();
        loop {
            let status = site.status();
            let state = (
                status["version"].to_string(),
                status["state"].to_string(),
                status["denied"].to_string(),
            );
            if status.is_null() && agent.is_some() {
                std::thread::sleep(Duration::from_millis(1));
                continue;
            }
            let is_at_the_end = match behaviour {
                Behaviour::Good => state.0 == "\"2.0.0\"" && state.1 == "\"running\"",
                _ => state.0 == "\"1.0.0\"" && state.1 == "\"returned\"",
            };
            if is_at_the_end {
                break;
            }
            // The first state is that of before the offer.
            if !killed.contains(&state) && state.1 != "\"running\"" {
                killed.push(state);
                if let Some(agent) = agent.take() {
                    agent.kill();
                }
            }
            let agent = agent.get_or_insert_with(|| site.start());
            assert!(start.elapsed() < LONG * 2, "{killed:?}\n{}", agent.log());
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(killed.len() >= 2, "{killed:?}");
        let agent = agent.expect("an agent");
        let denied = match behaviour {
            Behaviour::Good => serde_json::json!([]),
            _ => serde_json::json!([digest]),
        };
        agent.wait("the list", || site.status()["denied"] == denied);
        // The failed version has not been started again after its verdict.
        let starts = site.starts();
        let last = starts.last().expect("a start");
        assert_eq!(
            last,
            if behaviour == Behaviour::Good {
                "2.0.0"
            } else {
                "1.0.0"
            }
        );
        agent.stop();
    }
}

#[test]
fn what_runs_keeps_running_without_a_server() {
    let mut site = Site::with_fleet();
    running(&site).stop();
    // Neither of the servers is there.
    site.fleet().stop();
    let serving = site.serving.take();
    drop(serving);
    let pid = {
        let agent = site.start();
        let pid = agent.wait_for("1.0.0", "running");
        agent.says("can't be asked");
        agent.kill();
        pid
    };
    assert!(runs(pid));
    site.fleet().restart();
    let agent = site.start();
    assert_eq!(agent.wait_for("1.0.0", "running"), pid);
    site.fleet().state().heartbeats.clear();
    agent.wait("heartbeats", || site.fleet().state().heartbeats.len() > 2);
    agent.stop();
}

#[test]
fn heartbeats_keep_their_rhythm_while_the_server_is_away() {
    let site = Site::with_fleet();
    site.fleet().state().next_in_ms = 1500;
    let agent = running(&site);
    let watches = site.fleet().state().watches();
    assert!(watches >= 1);
    site.fleet().stop();
    agent.says("can't be asked");
    site.fleet().state().heartbeats.clear();
    site.fleet().restart();
    agent.wait("the stream", || site.fleet().state().watches() > watches);
    // The stream was opened again after a heartbeat, and not before.
    assert!(!site.fleet().state().heartbeats.is_empty());
    agent.stop();
}

#[test]
fn damaged_files_are_put_aside() {
    let site = Site::with_fleet();
    running(&site).stop();
    for file in ["state.json", "node.json", "status.json"] {
        let text = site.env.read(&format!("data/{file}"));
        site.env
            .write(&format!("data/{file}"), &text[..text.len() / 2]);
    }
    std::fs::remove_file(site.env.path("data/status.json")).expect("remove");
    let agent = site.start();
    agent.wait_for("1.0.0", "running");
    assert!(site.env.exists("data/state.json.damaged"));
    agent.wait("the node", || site.env.exists("data/node.json"));
    agent.stop();
    // Both copies: the agent begins anew.
    for file in ["data/state.json", "data/state.copy.json"] {
        site.env.write(file, "{");
    }
    let agent = site.start();
    agent.wait_for("1.0.0", "running");
    agent.stop();
}

#[test]
fn a_damaged_binary_is_fetched_again_before_it_is_started() {
    let site = Site::new();
    let agent = running(&site);
    let digest = site.status()["checksum"]
        .as_str()
        .expect("a digest")
        .to_owned();
    agent.stop();
    crate::env::flip_bit(&site.env.path(format!("data/binaries/{digest}/{NAME}")));
    let agent = site.start();
    agent.wait_for("1.0.0", "running");
    agent.says("fetched again");
    agent.stop();
    assert_eq!(site.starts(), ["1.0.0", "1.0.0"]);
}

/// The limit for the size of files stands for a full disk: both fail in the middle of a write.
#[test]
fn a_full_disk_hinders_and_is_no_verdict() {
    let site = Site::with_fleet();
    running(&site).stop();
    site.upload_bytes(
        "2.0.0",
        &[
            program("2.0.0", Behaviour::Good).as_bytes(),
            &vec![b'\n'; 3_000_000],
        ]
        .concat(),
    );
    // SIGXFSZ must not end the agent: a full disk sends no signal.
    let line = "trap '' XFSZ; ulimit -f 2000; exec \"$0\" agent --config agent.toml";
    let mut command = site.env.program("sh");
    command.args(["-c", line, crate::env::LARDER]);
    let agent = site.start_with(command);
    agent.wait_for("1.0.0", "running");
    site.offer("2.0.0", "r-1");
    agent.wait("the hindrance", || site.status()["state"] == "hindered");
    assert_eq!(site.status()["version"], "1.0.0");
    assert_eq!(site.status()["denied"], serde_json::json!([]));
    let reason = site.status()["reason"].to_string();
    assert!(reason.contains("cannot write"), "{reason}");
    let phases = || site.fleet().state().phases("2.0.0");
    agent.wait("the report", || {
        phases().contains(&larder_serve::fleet::v1::Phase::Hindered)
    });
    agent.stop();
    // Once there is room, it goes on.
    let agent = site.start();
    agent.wait_for("2.0.0", "running");
    agent.stop();
}
