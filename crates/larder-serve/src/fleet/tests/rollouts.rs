//! Good and bad versions, from the start of a rollout to its end.

use super::world::{MOMENT, Version, World, digest_of};
use crate::fleet::rollout::{Phase, Request, State};
use crate::fleet::{Proof, v1};

#[tokio::test]
async fn a_good_version_reaches_all_in_steps() {
    let mut world = World::new(10, Version::Good).await;
    assert_eq!(
        (world.running("1.0.0"), world.channel().as_str()),
        (10, "1.0.0")
    );
    let rollout = world.start("").await;
    assert_eq!(
        (rollout.sizes.as_slice(), rollout.state),
        (&[1, 1, 3, 10][..], State::Running)
    );
    let mut most = 0;
    while world.fleet.rollout(&rollout.id).unwrap().state == State::Running {
        assert_eq!(
            world.channel(),
            "1.0.0",
            "the channel shows the old version"
        );
        let now = world.fleet.rollout(&rollout.id).unwrap();
        let touched = now
            .members
            .iter()
            .filter(|member| member.phase != Phase::Pending)
            .count();
        assert!(touched <= now.sizes[now.step]);
        most = most.max(world.running("2.0.0"));
        assert!(world.running("2.0.0") <= now.sizes[now.step]);
        world.run(1).await;
    }
    world.run(2).await;
    assert_eq!(
        (world.running("2.0.0"), world.channel().as_str()),
        (10, "2.0.0")
    );
    for (step, count) in [("1", 1), ("2", 1), ("3", 1), ("4", 0)] {
        assert_eq!(world.events("rollout_step", step), count, "step {step}");
    }
    // Nobody has started it twice.
    for agent in &world.agents {
        assert_eq!(agent.started, ["1.0.0", "2.0.0"], "{}", agent.name);
    }
    assert!(most > 0);
}

#[tokio::test]
async fn bad_versions_are_halted_early_and_taken_back_everywhere() {
    for bad in [
        Version::CrashesAtOnce,
        Version::Hangs,
        Version::HealthyFor(0),
        Version::HealthyFor(1),
        Version::HealthyFor(2),
    ] {
        let mut world = World::new(10, bad).await;
        let rollout = world.start(r#""deadline": "60s""#).await;
        let ended = world.run_until_ended(&rollout.id).await;
        assert_eq!(ended.state, State::RolledBack, "{bad:?}");
        assert!(ended.step <= 1, "{bad:?}");
        let reason = ended.reason.as_deref().unwrap();
        let name = ended.members[0].agent_id.as_deref().unwrap();
        assert!(reason.contains(name), "{reason}");
        world.run(3).await;
        assert_eq!(
            (world.running("1.0.0"), world.channel().as_str()),
            (10, "1.0.0"),
            "{bad:?}"
        );
        let canary = &ended.members[0];
        assert!(
            matches!(canary.phase, Phase::Failed | Phase::TimedOut),
            "{bad:?}"
        );
        let node = world.fleet.node(&canary.node).unwrap();
        assert_eq!(node.denied, [digest_of("2.0.0")], "{bad:?}");
        // The same version again: the canary of before fails at once, and never starts it.
        let agent = |world: &World| {
            let of = world.agents.iter().find(|agent| agent.node == canary.node);
            of.unwrap().started.clone()
        };
        let before = agent(&world);
        let again = world.start(r#""deadline": "60s", "canary": 10"#).await;
        let ended = world.run_until_ended(&again.id).await;
        assert_eq!(ended.state, State::RolledBack, "{bad:?}");
        let member = ended
            .members
            .iter()
            .find(|member| member.node == canary.node)
            .unwrap();
        assert_eq!(member.phase, Phase::Failed, "{bad:?}");
        assert_eq!(agent(&world), before, "{bad:?}");
        // Another version is not held back by that.
        world
            .fleet
            .lift(&canary.node, &digest_of("2.0.0"), "test")
            .await
            .unwrap();
        assert!(world.fleet.node(&canary.node).unwrap().denied.is_empty());
    }
}

#[tokio::test]
async fn a_second_rollout_waits_for_the_end_of_the_first_and_inherits_nothing() {
    let mut world = World::new(4, Version::HealthyFor(1)).await;
    let first = world.start("").await;
    let request = || {
        let text = r#"{"name": "app", "channel": "stable", "version": "v3.0.0", "soak": "10s"}"#;
        serde_json::from_str::<Request>(text).unwrap()
    };
    let refused = world
        .fleet
        .start_rollout(request(), "test")
        .await
        .unwrap_err();
    assert_eq!(refused.status(), 409);
    let refused = world
        .fleet
        .move_channel("app", "stable", "3.0.0", "test")
        .await
        .unwrap_err();
    assert_eq!(refused.status(), 409);
    assert!(world.fleet.needs("app", "2.0.0").unwrap().is_some());
    world.run_until_ended(&first.id).await;
    assert!(world.fleet.needs("app", "2.0.0").unwrap().is_none());
    let second = world.fleet.start_rollout(request(), "test").await.unwrap();
    assert!(
        second
            .members
            .iter()
            .all(|member| member.phase == Phase::Pending)
    );
    let ended = world.run_until_ended(&second.id).await;
    assert_eq!(ended.state, State::Succeeded);
    world.run(1).await;
    assert_eq!(world.running("3.0.0"), 4);
}

#[tokio::test]
async fn who_is_away_counts_and_catches_up() {
    let mut world = World::new(10, Version::Good).await;
    let settings = r#""deadline": "60s", "halt": {"failures": 9, "percent": 100},
        "max_in_flight": "100%", "steps": [100]"#;
    let rollout = world.start(settings).await;
    // The canary comes first; then half of the others are cut off.
    while world.fleet.rollout(&rollout.id).unwrap().step == 0 {
        world.run(1).await;
    }
    let last: Vec<String> = rollout.members[5..]
        .iter()
        .map(|member| member.node.clone())
        .collect();
    for agent in &mut world.agents {
        agent.is_cut = last.contains(&agent.node) && agent.running.as_ref().unwrap().0 == "1.0.0";
    }
    let cut = world.agents.iter().filter(|agent| agent.is_cut).count();
    assert_eq!(cut, 5);
    let ended = world.run_until_ended(&rollout.id).await;
    assert_eq!(ended.state, State::Succeeded);
    let late = ended
        .members
        .iter()
        .filter(|member| member.phase == Phase::TimedOut)
        .count();
    assert_eq!(
        (late, world.running("2.0.0"), world.running("1.0.0")),
        (5, 5, 5)
    );
    world.run(20).await;
    let lost = world
        .fleet
        .nodes()
        .unwrap()
        .iter()
        .filter(|node| node.state.as_str() == "lost")
        .count();
    assert_eq!(lost, 5);
    for agent in &mut world.agents {
        agent.is_cut = false;
    }
    world.run(3).await;
    assert_eq!(world.running("2.0.0"), 10, "they catch up");
    let late = world.fleet.rollout(&rollout.id).unwrap();
    let remarks = late.members.iter().filter(|member| {
        member.phase == Phase::TimedOut && member.reason.as_deref().unwrap().contains("too late")
    });
    assert_eq!(remarks.count(), 5);
}

#[tokio::test]
async fn a_lost_majority_halts_and_nothing_moves_without_data() {
    let mut world = World::new(10, Version::Good).await;
    for agent in &mut world.agents {
        agent.is_cut = true;
    }
    let rollout = world.start(r#""deadline": "60s""#).await;
    let ended = world.run_until_ended(&rollout.id).await;
    assert_eq!(ended.state, State::RolledBack);
    assert_eq!(world.events("rollout_step", "1"), 0);
    assert_eq!(world.channel(), "1.0.0");
}

#[tokio::test]
async fn a_channel_without_nodes_shows_nothing() {
    let mut world = World::new(0, Version::Good).await;
    let rollout = world.start(r#""deadline": "60s""#).await;
    assert_eq!(rollout.state, State::Running);
    let ended = world.run_until_ended(&rollout.id).await;
    assert_eq!(
        (ended.state, world.channel().as_str()),
        (State::RolledBack, "1.0.0")
    );
    assert!(ended.reason.unwrap().contains("no node"));
}

#[tokio::test]
async fn joiners_come_with_the_last_step_and_who_follows_nothing_stays() {
    let mut world = World::new(4, Version::Good).await;
    world.enroll("alone", "").await;
    world.run(2).await;
    // Without a channel the newest version was chosen once.
    assert_eq!(world.agents[4].running.as_ref().unwrap().0, "3.0.0");
    let rollout = world.start(r#""steps": [50, 100]"#).await;
    assert_eq!(rollout.members.len(), 4);
    world.enroll("late", "stable").await;
    world.run(2).await;
    assert_eq!(world.agents[5].running.as_ref().unwrap().0, "1.0.0");
    let ended = world.run_until_ended(&rollout.id).await;
    assert_eq!((ended.state, ended.members.len()), (State::Succeeded, 4));
    world.run(2).await;
    assert_eq!(world.running("2.0.0"), 5);
    assert_eq!(world.agents[4].started, ["3.0.0"]);
}

#[tokio::test]
async fn pausing_aborting_and_leaving_without_rollback() {
    let mut world = World::new(6, Version::Good).await;
    let rollout = world.start("").await;
    world.run(1).await;
    world.fleet.pause(&rollout.id, "test").await.unwrap();
    assert_eq!(
        world
            .fleet
            .pause(&rollout.id, "test")
            .await
            .unwrap_err()
            .status(),
        409
    );
    world.run(20).await;
    assert_eq!(world.running("2.0.0"), 1);
    world.fleet.resume(&rollout.id, "test").await.unwrap();
    world.run(1).await;
    let aborted = world.fleet.abort(&rollout.id, "test").await.unwrap();
    assert_eq!(aborted.state, State::Aborted);
    world.run(3).await;
    assert_eq!(world.running("1.0.0"), 6, "they follow the channel");
    let mut world = World::new(6, Version::HealthyFor(2)).await;
    let rollout = world.start(r#""rollback": false"#).await;
    let ended = world.run_until_ended(&rollout.id).await;
    assert_eq!(ended.state, State::Halted);
    world.run(5).await;
    assert_eq!(
        world.fleet.rollout(&rollout.id).unwrap().state,
        State::Halted
    );
    assert!(
        world
            .fleet
            .move_channel("app", "stable", "3.0.0", "test")
            .await
            .is_ok()
    );
    world.run(2).await;
    assert_eq!(world.running("3.0.0"), 6);
}

#[tokio::test]
async fn a_verdict_of_an_old_rollout_is_none_on_a_new_one() {
    let mut world = World::new(3, Version::CrashesAtOnce).await;
    let first = world.start("").await;
    let ended = world.run_until_ended(&first.id).await;
    assert_eq!(ended.state, State::RolledBack);
    // The cause was elsewhere: an administrator lifts the verdict, and the agent still says what it
    // has said of the first rollout.
    let canary = ended.members[0].node.clone();
    world
        .fleet
        .lift(&canary, &digest_of("2.0.0"), "test")
        .await
        .unwrap();
    world.versions.insert("2.0.0", Version::Good);
    let second = world.start(r#""canary": 3, "max_in_flight": 3"#).await;
    let ended = world.run_until_ended(&second.id).await;
    assert_eq!(ended.state, State::Succeeded, "{ended:?}");
}

#[tokio::test]
async fn what_is_not_heard_of_any_more_does_not_succeed() {
    let mut world = World::new(3, Version::Good).await;
    let rollout = world.start(r#""deadline": "60s""#).await;
    let phase = |world: &World| world.fleet.rollout(&rollout.id).unwrap().members[0].phase;
    while phase(&world) != Phase::Soaking {
        world.run(1).await;
    }
    for agent in &mut world.agents {
        agent.is_cut = true;
    }
    world.run(4).await;
    assert_eq!(phase(&world), Phase::Soaking, "no data is no progress");
    let ended = world.run_until_ended(&rollout.id).await;
    assert_eq!(ended.state, State::RolledBack);
    assert_eq!(world.events("member_phase", "succeeded"), 0);
}

#[tokio::test]
async fn a_version_to_return_to_that_is_gone_or_denied_holds_nobody_up() {
    for is_gone in [true, false] {
        let mut world = World::new(4, Version::Good).await;
        let settings = r#""canary": 2, "max_in_flight": 2, "deadline": "60s""#;
        let rollout = world.start(settings).await;
        world.run(2).await;
        assert_eq!(world.running("2.0.0"), 2);
        let stays = rollout.members[1].node.clone();
        let report = |node: &str, version: &str, rollout: &str| v1::ReportRequest {
            node_id: node.to_owned(),
            process: format!("{}-1", world.fleet.node(node).unwrap().agent_id),
            attempt: Some(v1::Attempt {
                version: version.to_owned(),
                checksum: digest_of(version),
                phase: v1::Phase::Failed.into(),
                reason: "it crashed".to_owned(),
                rollout: rollout.to_owned(),
            }),
        };
        if is_gone {
            world.remove("1.0.0").await;
        } else {
            let request = report(&stays, "1.0.0", "");
            world.fleet.report(&Proof::Open, &request).await.unwrap();
        }
        let canary = report(&rollout.members[0].node, "2.0.0", &rollout.id);
        world.fleet.report(&Proof::Open, &canary).await.unwrap();
        world.fleet.tick(MOMENT).await;
        let ended = world.run_until_ended(&rollout.id).await;
        assert_eq!(ended.state, State::RolledBack, "{ended:?}");
        let member = &ended.members[1];
        assert_eq!(member.phase, Phase::Failed, "{member:?}");
        let why = if is_gone {
            "there is no app 1.0.0"
        } else {
            "must not run"
        };
        assert!(
            member.reason.as_deref().unwrap().contains(why),
            "{member:?}"
        );
        let agent = world
            .agents
            .iter()
            .find(|agent| agent.node == stays)
            .unwrap();
        assert_eq!(
            agent.running.as_ref().unwrap().0,
            "2.0.0",
            "it stays as it is"
        );
    }
}
