//! New versions: good ones, bad ones, and what the server is told.

use larder_serve::fleet::v1::{Health, Phase};
use tonic::Code;

use super::*;

/// A site whose agent runs version 1.0.0, which has held.
fn running(site: &Site) -> Agent<'_> {
    running_with_grace(site, "20s")
}

fn running_with_grace<'a>(site: &'a Site, grace: &str) -> Agent<'a> {
    site.upload("1.0.0", Behaviour::Good);
    site.offer("1.0.0", "");
    site.configure_with_grace(grace, "", "stop_grace = \"1s\"");
    let agent = site.start();
    agent.wait_for("1.0.0", "running");
    agent
}

#[test]
fn a_good_version_takes_over_and_holds() {
    let site = Site::with_fleet();
    let agent = running(&site);
    let old = site.status()["pid"].as_u64().expect("a pid");
    let digest = site.upload("2.0.0", Behaviour::Good);
    site.offer("2.0.0", "r-1");
    site.fleet().state().wake();
    agent.wait_for("2.0.0", "soaking");
    let pid = agent.wait_for("2.0.0", "running");
    assert!(!runs(old));
    assert_eq!(site.status()["previous"], "1.0.0");
    assert_eq!(site.status()["node_id"], "node-1");
    let told = || {
        let state = site.fleet().state();
        let last = &state.heartbeats.last().expect("a heartbeat").0;
        last.running.as_ref().is_some_and(|running| {
            running.version == "2.0.0"
                && running.checksum == digest
                && last.health() == Health::Healthy
                && u64::from(last.pid) == pid
                && last.healthy_for_ms >= 2000
        })
    };
    agent.wait("the heartbeat", told);
    assert_eq!(
        site.fleet().state().phases("2.0.0"),
        [
            Phase::Downloading,
            Phase::Verified,
            Phase::Starting,
            Phase::Running
        ]
    );
    {
        let state = site.fleet().state();
        let (enrolment, secret) = &state.enrolments[0];
        assert_eq!((&*enrolment.agent_id, &**secret), ("agent-1", ""));
        assert!(
            state
                .heartbeats
                .iter()
                .all(|(_, secret)| secret == "secret-1")
        );
        assert_eq!(state.enrolments.len(), 1);
        assert!(state.watches() >= 1);
    }
    assert!(crate::env::has_mode(
        &site.env.path("data/node.json"),
        0o600
    ));
    // Only what is needed is kept.
    agent.wait("a clean folder", || {
        crate::env::list(&site.env.path("data/binaries")).len() <= 2 * 2
    });
    agent.stop();
    assert_eq!(site.starts(), ["1.0.0", "2.0.0"]);
}

#[test]
fn bad_versions_are_taken_back() {
    for behaviour in [
        Behaviour::Crash,
        Behaviour::Hang,
        Behaviour::Lie,
        Behaviour::CrashLater,
        Behaviour::Sick,
    ] {
        let site = Site::with_fleet();
        let agent = running_with_grace(&site, "5s");
        let digest = site.upload("2.0.0", behaviour);
        site.offer("2.0.0", "r-1");
        agent.wait_for("1.0.0", "returned");
        assert_eq!(
            site.status()["denied"],
            serde_json::json!([digest]),
            "{behaviour:?}"
        );
        agent.wait("the report", || {
            site.fleet()
                .state()
                .phases("2.0.0")
                .contains(&Phase::Failed)
        });
        {
            let state = site.fleet().state();
            let failures: Vec<_> = state
                .reports
                .iter()
                .filter_map(|report| report.attempt.as_ref())
                .filter(|attempt| attempt.phase() == Phase::Failed)
                .collect();
            assert_eq!(failures.len(), 1);
            assert_eq!(
                (&*failures[0].rollout, &*failures[0].checksum),
                ("r-1", &*digest)
            );
            assert!(!failures[0].reason.is_empty());
        }
        // It is offered again and again, also to the next agent.
        let heard = || site.fleet().state().heartbeats.len();
        let before = heard();
        agent.wait("heartbeats", || heard() > before + 5);
        agent.stop();
        let agent = site.start();
        agent.wait_for("1.0.0", "returned");
        let before = heard();
        agent.wait("heartbeats", || heard() > before + 5);
        assert_eq!(site.starts(), ["1.0.0", "2.0.0", "1.0.0", "1.0.0"]);
        agent.stop();
    }
}

#[test]
fn a_stubborn_version_is_replaced_with_all_that_it_has_started() {
    let site = Site::with_fleet();
    site.upload("1.0.0", Behaviour::Stubborn);
    site.offer("1.0.0", "");
    site.configure_with_health("", "stop_grace = \"300ms\"");
    let agent = site.start();
    let old = agent.wait_for("1.0.0", "running");
    site.upload("2.0.0", Behaviour::Good);
    site.offer("2.0.0", "");
    agent.wait_for("2.0.0", "soaking");
    assert!(!runs(old));
    agent.stop();
    assert_eq!(site.starts(), ["1.0.0", "2.0.0"]);
}

#[test]
fn failures_are_reported_until_the_server_has_them() {
    let site = Site::with_fleet();
    let agent = running(&site);
    let digest = site.upload("2.0.0", Behaviour::Crash);
    site.fleet().state().loses_reports = true;
    site.offer("2.0.0", "r-1");
    agent.wait_for("1.0.0", "returned");
    // The server's list is empty, and does not replace what it does not know.
    let heard = || site.fleet().state().heartbeats.len();
    let before = heard();
    agent.wait("heartbeats", || heard() > before + 3);
    assert_eq!(site.status()["denied"], serde_json::json!([digest]));
    agent.stop();
    site.fleet().state().loses_reports = false;
    let agent = site.start();
    agent.wait_for("1.0.0", "returned");
    agent.wait("the report", || {
        site.fleet()
            .state()
            .phases("2.0.0")
            .contains(&Phase::Failed)
    });
    // An administrator lifts it.
    site.fleet().state().target = None;
    site.fleet().state().denied.clear();
    agent.wait("the end of the denial", || {
        site.status()["denied"] == serde_json::json!([])
    });
    agent.stop();
    assert_eq!(site.starts(), ["1.0.0", "2.0.0", "1.0.0", "1.0.0"]);
}

#[test]
fn a_cancelled_rollout_stops_its_download() {
    let site = Site::with_fleet();
    let agent = running(&site);
    // A server that gives a byte now and then.
    let slow = crate::servers::scripted::Script::start(|seen, _| {
        use crate::servers::scripted::Reply;
        if seen.path.starts_with("/binaries/") {
            return Reply::ok(vec![0; 1_000_000]).drip(Duration::from_millis(20));
        }
        Reply::status(404)
    });
    agent.stop();
    let text = site.env.read("agent.toml");
    let url = format!(
        "http://{}",
        site.serving.as_ref().expect("a server").address
    );
    site.env
        .write("agent.toml", text.replace(&url, &slow.at("")));
    let agent = site.start();
    agent.wait_for("1.0.0", "running");
    site.upload("2.0.0", Behaviour::Good);
    site.offer("2.0.0", "r-1");
    agent.wait("the download", || {
        site.status()["state"] == "downloading" && slow.count() > 0
    });
    site.offer("1.0.0", "");
    agent.wait_for("1.0.0", "running");
    let heard = || site.fleet().state().heartbeats.len();
    let before = heard();
    agent.wait("heartbeats", || heard() > before + 3);
    assert_eq!(site.status()["state"], "running");
    agent.stop();
    assert_eq!(site.starts(), ["1.0.0", "1.0.0"]);
}

#[test]
fn a_conflict_takes_no_version_and_a_removed_node_says_nothing_more() {
    let site = Site::with_fleet();
    let agent = running(&site);
    site.upload("2.0.0", Behaviour::Good);
    site.fleet().state().condition = "conflict".into();
    let heard = || site.fleet().state().heartbeats.len();
    let before = heard();
    agent.wait("heartbeats", || heard() > before + 1);
    site.offer("2.0.0", "");
    agent.wait("heartbeats", || heard() > before + 6);
    assert_eq!(site.starts(), ["1.0.0"]);
    agent.says("another process has");
    assert_eq!(agent.log().matches("another process has").count(), 1);
    site.fleet().state().target = None;
    site.fleet().state().condition = "ready".into();
    site.fleet().state().failure = Some((Code::PermissionDenied, "the node was removed".into()));
    agent.says("has removed this node");
    assert!(runs(site.status()["pid"].as_u64().expect("a pid")));
    site.fleet().state().failure = None;
    let before = heard();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(heard(), before);
    agent.stop();
    let agent = site.start();
    agent.wait_for("1.0.0", "running");
    agent.wait("a new enrolment", || {
        site.fleet().state().enrolments.len() >= 2
    });
    let enrolments = site.fleet().state().enrolments.clone();
    let (second, secret) = &enrolments[1];
    assert_eq!((&*second.node_id, &**secret), ("node-1", "secret-1"));
    assert_ne!(second.process, enrolments[0].0.process);
    agent.stop();
}

#[test]
fn a_real_server_is_followed() {
    let mut site = Site::new();
    site.serving = None;
    site.serving = Some(Serving::start(&site.env, &["--heartbeat", "200ms"]));
    site.upload("1.0.0", Behaviour::Good);
    site.upload("2.0.0", Behaviour::Crash);
    let grpc = site.serving.as_ref().expect("a server").grpc;
    let host = format!("master_host = \"{grpc}\"\n");
    site.configure_with_health(&format!("{host}version = \"1.0.0\""), "");
    let agent = site.start();
    agent.wait_for("1.0.0", "running");
    let node = site.status()["node_id"].clone();
    assert!(node.is_string(), "{node}");
    agent.stop();
    site.configure_with_health(&format!("{host}version = \"2.0.0\""), "");
    let agent = site.start();
    agent.wait_for("1.0.0", "returned");
    assert_eq!(site.status()["node_id"], node);
    // The server knows the failure, also when the agent has forgotten it.
    agent.wait("the report", || {
        site.env
            .read("data/state.json")
            .contains("\"unreported\":[]")
    });
    agent.stop();
    let denied = site.status()["denied"].clone();
    for file in ["data/state.json", "data/state.copy.json"] {
        site.env.remove(file);
    }
    let agent = site.start();
    agent.wait("the list", || site.status()["denied"] == denied);
    agent.stop();
    assert_eq!(
        site.starts()
            .iter()
            .filter(|version| *version == "2.0.0")
            .count(),
        1
    );
}

#[test]
fn a_token_enrols_the_agent() {
    let site = Site::with_fleet();
    site.upload("1.0.0", Behaviour::Good);
    site.offer("1.0.0", "");
    site.env.write("token", "join-me\n");
    site.configure_with_health("token_file = \"token\"\nchannel = \"stable\"", "");
    let agent = site.start();
    agent.wait_for("1.0.0", "running");
    {
        let state = site.fleet().state();
        let (enrolment, secret) = &state.enrolments[0];
        assert_eq!((&**secret, &*enrolment.channel), ("join-me", "stable"));
    }
    // A server that has forgotten the node is enrolled with anew.
    site.fleet().state().failure = Some((Code::NotFound, "there is no such node".into()));
    agent.says("no such node");
    site.fleet().state().failure = None;
    agent.wait("a second enrolment", || {
        site.fleet().state().enrolments.len() >= 2
    });
    agent.stop();
    for log in [agent_logs(&site), site.child_log()] {
        assert!(
            !log.contains("join-me") && !log.contains("secret-1"),
            "{log}"
        );
    }
}

fn agent_logs(site: &Site) -> String {
    crate::env::list(site.env.project())
        .into_iter()
        .filter(|name| name.starts_with("agent-") && name.ends_with(".log"))
        .map(|name| site.env.read(&name))
        .collect()
}
