//! Nodes: who may speak for them, doubles, drain, pin, removal.

use std::future::Future as _;
use std::task::{Context, Waker};

use super::world::{MOMENT, Version, World, digest_of, enrolment};
use crate::fleet::rollout::{Phase, State};
use crate::fleet::{Proof, v1};

fn heartbeat(node: &str, process: &str) -> v1::HeartbeatRequest {
    v1::HeartbeatRequest {
        node_id: node.to_owned(),
        process: process.to_owned(),
        ..v1::HeartbeatRequest::default()
    }
}

#[tokio::test]
async fn only_who_has_the_secret_speaks_for_a_node() {
    let world = World::new(2, Version::Good).await;
    let (one, other) = (&world.agents[0], &world.agents[1]);
    for (proof, status) in [
        (Proof::Secret(one.secret.clone()), None),
        (Proof::Open, None),
        (Proof::Secret(other.secret.clone()), Some(401)),
        (Proof::Secret(String::new()), Some(401)),
        (Proof::Join("join".into()), Some(401)),
        (Proof::Nothing, Some(401)),
    ] {
        let answer = world
            .fleet
            .heartbeat(&proof, &heartbeat(&one.node, &one.process));
        assert_eq!(
            answer.err().map(|problem| problem.status().as_u16()),
            status,
            "{proof:?}"
        );
        let again = enrolment(&one.name, &one.node, "process-2", "stable");
        let status = if matches!(proof, Proof::Join(_)) {
            None
        } else {
            status
        };
        let answer = world.fleet.enroll(&proof, &again).await;
        assert_eq!(
            answer.err().map(|problem| problem.status().as_u16()),
            status,
            "{proof:?}"
        );
    }
}

#[tokio::test]
async fn what_an_agent_says_of_itself_is_checked() {
    let world = World::new(0, Version::Good).await;
    for (change, word) in [
        (
            (|request| request.agent_id.clear()) as fn(&mut v1::EnrollRequest),
            "agent_id",
        ),
        (|request| request.agent_id = "a\nb".into(), "agent_id"),
        (|request| request.agent_id = "a".repeat(129), "agent_id"),
        (|request| request.process.clear(), "process"),
        (|request| request.platform = "plan9".into(), "plan9"),
        (|request| request.arch = "mips".into(), "mips"),
        (|request| request.name = "../x".into(), "name"),
        (|request| request.channel = "a b".into(), "channel"),
    ] {
        let mut request = enrolment("agent", "", "process", "stable");
        change(&mut request);
        let problem = world
            .fleet
            .enroll(&Proof::Open, &request)
            .await
            .unwrap_err();
        assert_eq!(problem.status(), 400);
        assert!(problem.detail().contains(word), "{}", problem.detail());
    }
    assert!(world.fleet.nodes().unwrap().is_empty());
}

#[tokio::test]
async fn two_live_processes_of_one_node_are_a_conflict_and_neither_is_moved() {
    // A cloned disk has the same node id and secret; a copied configuration has the same agent id.
    for (node_id, agent_id) in [(true, "agent-0"), (false, "agent-0"), (true, "agent-9")] {
        let mut world = World::new(2, Version::Good).await;
        let first = world.agents[0].clone();
        let node = if node_id { first.node.as_str() } else { "" };
        let request = enrolment(agent_id, node, "clone", "stable");
        let answer = world
            .fleet
            .enroll(&Proof::Join("join".into()), &request)
            .await
            .unwrap();
        assert_eq!(answer.node_id, first.node);
        let rollout = world
            .start(r#""deadline": "60s", "halt": {"failures": 9}"#)
            .await;
        for _ in 0..20 {
            let answer = world
                .fleet
                .heartbeat(&Proof::Open, &heartbeat(&first.node, "clone"));
            assert_eq!(answer.unwrap().target, None, "{agent_id}");
            world.run(1).await;
        }
        let found = world.fleet.node(&first.node).unwrap();
        assert_eq!(
            (found.state.as_str(), found.agent_id.as_str()),
            ("conflict", "agent-0")
        );
        assert_eq!(
            world.agents[0].running.as_ref().unwrap().0,
            "1.0.0",
            "{agent_id}"
        );
        let member = world.fleet.rollout(&rollout.id).unwrap().members;
        let member = member
            .iter()
            .find(|member| member.node == first.node)
            .unwrap();
        assert_ne!(member.phase, Phase::Succeeded);
        // The clone ends: the other one is the node again.
        world.run(10).await;
        assert_eq!(
            world.fleet.node(&first.node).unwrap().state.as_str(),
            "ready"
        );
    }
}

#[tokio::test]
async fn drained_and_pinned_nodes_take_part_in_no_rollout() {
    let mut world = World::new(4, Version::Good).await;
    world.fleet.drain("agent-0", "test").await.unwrap();
    world
        .fleet
        .pin("agent-1", Some("v3.0.0"), "test")
        .await
        .unwrap();
    world.run(3).await;
    let state = |world: &World, id: &str| world.fleet.node(id).unwrap().state.as_str();
    assert_eq!(state(&world, "agent-0"), "drained");
    assert_eq!(world.agents[1].running.as_ref().unwrap().0, "3.0.0");
    let rollout = world.start("").await;
    assert_eq!(rollout.members.len(), 2);
    // One of the two is drained on its way.
    world.run(2).await;
    let canary = rollout.members[0].node.clone();
    world.fleet.drain(&canary, "test").await.unwrap();
    let ended = world.run_until_ended(&rollout.id).await;
    assert_eq!(
        (ended.state, ended.members[0].phase),
        (State::Succeeded, Phase::Cancelled)
    );
    world.run(2).await;
    assert_eq!(
        world.agents[0].running.as_ref().unwrap().0,
        "1.0.0",
        "its child runs on"
    );
    world.fleet.undrain("agent-0", "test").await.unwrap();
    world.fleet.pin("agent-1", None, "test").await.unwrap();
    world.run(3).await;
    assert_eq!(world.running("2.0.0"), 4, "they follow the channel again");
    assert_eq!(state(&world, "agent-0"), "ready");
    for (version, status) in [("9.0.0", 404), ("2.0.0", 409)] {
        if status == 409 {
            let report = v1::ReportRequest {
                node_id: world.agents[0].node.clone(),
                process: world.agents[0].process.clone(),
                attempt: Some(v1::Attempt {
                    version: version.into(),
                    checksum: digest_of(version),
                    phase: v1::Phase::Failed.into(),
                    ..v1::Attempt::default()
                }),
            };
            let denied = world
                .fleet
                .report(&Proof::Open, &report)
                .await
                .unwrap()
                .denied;
            assert_eq!(denied, [digest_of(version)]);
        }
        let problem = world
            .fleet
            .pin("agent-0", Some(version), "test")
            .await
            .unwrap_err();
        assert_eq!(problem.status(), status, "{version}");
    }
}

#[tokio::test]
async fn a_removed_node_is_refused_until_its_agent_starts_anew() {
    let mut world = World::new(2, Version::Good).await;
    let first = world.agents[0].clone();
    world.fleet.remove("agent-0", "test").await.unwrap();
    assert_eq!(world.fleet.nodes().unwrap().len(), 1);
    assert_eq!(
        world.fleet.node(&first.node).unwrap().state.as_str(),
        "removed"
    );
    assert_eq!(world.fleet.node("agent-0").unwrap_err().status(), 404);
    let secret = Proof::Secret(first.secret.clone());
    let problem = world
        .fleet
        .heartbeat(&secret, &heartbeat(&first.node, &first.process));
    assert_eq!(problem.unwrap_err().status(), 403);
    world.run(2).await;
    assert_eq!(world.fleet.nodes().unwrap().len(), 1);
    // The secret of a removed node enrols nobody; a join token does.
    let request = enrolment("agent-0", &first.node, "process-2", "stable");
    assert_eq!(
        world
            .fleet
            .enroll(&secret, &request)
            .await
            .unwrap_err()
            .status(),
        401
    );
    let answer = world
        .fleet
        .enroll(&Proof::Join("join".into()), &request)
        .await
        .unwrap();
    assert_ne!(answer.node_id, first.node);
}

#[tokio::test]
async fn silence_and_restarts() {
    let mut world = World::new(3, Version::Good).await;
    let state = |world: &World| world.fleet.node("agent-0").unwrap().state.as_str();
    assert_eq!(state(&world), "ready");
    // Nobody is lost in the first 25 heartbeats after a start.
    world.run(30).await;
    world.agents[0].is_cut = true;
    let mut states = Vec::new();
    for _ in 0..8 {
        world.run(1).await;
        if states.last() != Some(&state(&world)) {
            states.push(state(&world));
        }
    }
    assert_eq!(states, ["ready", "suspect", "lost"]);
    // The lost one stays lost across a restart; the others are not lost by it.
    world.restart().await;
    world.fleet.tick(MOMENT).await;
    assert_eq!(state(&world), "lost");
    world.pass(MOMENT * 20);
    world.fleet.tick(MOMENT).await;
    let lost = world
        .fleet
        .nodes()
        .unwrap()
        .iter()
        .filter(|node| node.state.as_str() == "lost")
        .count();
    assert_eq!(lost, 1);
    world.agents[0].is_cut = false;
    world.run(2).await;
    assert_eq!(state(&world), "ready");
}

#[tokio::test]
async fn who_goes_away_before_the_answer_leaves_no_doubt_behind() {
    let world = World::new(2, Version::Good).await;
    let fleet = &world.fleet;
    for number in 0..10 {
        // Polled once, and dropped while the store is at work.
        let version = (number % 2 == 0).then_some("3.0.0");
        {
            let mut pin = std::pin::pin!(fleet.pin("agent-0", version, "test"));
            let mut context = Context::from_waker(Waker::noop());
            assert!(pin.as_mut().poll(&mut context).is_pending());
        }
        fleet.drain("agent-1", "test").await.unwrap();
        fleet.undrain("agent-1", "test").await.unwrap();
        let pinned = fleet.node("agent-0").unwrap().pinned;
        assert_eq!(pinned.as_deref(), version, "what was written is known");
    }
    assert_eq!(
        *fleet.latest().borrow(),
        world.store.all_events().last().unwrap().id
    );
}

#[tokio::test]
async fn an_agent_that_starts_again_may_follow_another_channel() {
    let mut world = World::new(1, Version::Good).await;
    let first = world.agents[0].clone();
    let secret = Proof::Secret(first.secret.clone());
    let again = enrolment(&first.name, &first.node, "process-2", "edge");
    let answer = world.fleet.enroll(&secret, &again).await.unwrap();
    assert_eq!(
        (answer.node_id, answer.secret),
        (first.node.clone(), String::new())
    );
    let node = world.fleet.node(&first.node).unwrap();
    assert_eq!(node.channel.as_deref(), Some("edge"));
    world
        .fleet
        .move_channel("app", "edge", "3.0.0", "test")
        .await
        .unwrap();
    world.agents[0].process = "process-2".to_owned();
    world.run(4).await;
    assert_eq!(world.running("3.0.0"), 1);
    // The secret reads as the node, and nothing else does.
    assert_eq!(
        world.fleet.node_of_secret(&first.secret).as_deref(),
        Some("node agent-0")
    );
    assert_eq!(world.fleet.node_of_secret("another"), None);
    world.fleet.remove(&first.node, "test").await.unwrap();
    assert_eq!(world.fleet.node_of_secret(&first.secret), None);
}
