//! The server is killed before and after each of its transactions, and starts again: the outcome is
//! the same, no step is skipped, and nothing is counted twice.

use super::world::{Kill, Version, World, digest_of};
use crate::fleet::rollout::{Phase, State};

/// One rollout, with a kill. Returns the number of transactions.
async fn rollout(version: Version, kill: Option<Kill>, restarts: bool) -> u64 {
    let mut world = World::new(6, version).await;
    world.restarts = restarts;
    let rollout = world
        .start(r#""max_in_flight": "100%", "deadline": "60s""#)
        .await;
    let before = world.store.commits();
    world.store.kill(kill.map(|kill| match kill {
        Kill::Before(at) => Kill::Before(before + at),
        Kill::After(at) => Kill::After(before + at),
        Kill::Away => kill,
    }));
    let ended = world.run_until_ended(&rollout.id).await;
    world.run(3).await;
    let what = format!("{version:?}, {kill:?}, restarts: {restarts}");
    let is_good = version == Version::Good;
    let (state, runs) = if is_good {
        (State::Succeeded, "2.0.0")
    } else {
        (State::RolledBack, "1.0.0")
    };
    assert_eq!((ended.state, world.running(runs)), (state, 6), "{what}");
    assert_eq!(world.channel(), runs, "{what}");
    assert_eq!(world.events("rollout_state", state.as_str()), 1, "{what}");
    for step in 1..=3 {
        let expected = usize::from(is_good);
        assert_eq!(
            world.events("rollout_step", &step.to_string()),
            expected,
            "{what}"
        );
    }
    for agent in &world.agents {
        let times = agent
            .started
            .iter()
            .filter(|version| *version == "2.0.0")
            .count();
        assert!(
            times <= 1,
            "{what}: {} has started it {times} times",
            agent.name
        );
        let phases = world.store.all_events();
        let succeeded = phases.iter().filter(|event| {
            event.node_id.as_ref() == Some(&agent.node)
                && event.to.as_deref() == Some(Phase::Succeeded.as_str())
        });
        assert_eq!(succeeded.count(), usize::from(is_good), "{what}");
    }
    if !is_good {
        let denied = world
            .fleet
            .nodes()
            .unwrap()
            .iter()
            .filter(|node| !node.denied.is_empty())
            .count();
        assert_eq!(denied, 1, "{what}");
        let node = world.fleet.node(&ended.members[0].node).unwrap();
        assert_eq!(node.denied, [digest_of("2.0.0")], "{what}");
    }
    world.store.commits() - before
}

#[tokio::test]
async fn a_kill_at_any_transaction_changes_no_outcome() {
    let mut kills = 0;
    for version in [
        Version::Good,
        Version::CrashesAtOnce,
        Version::HealthyFor(2),
    ] {
        let commits = rollout(version, None, true).await;
        assert!(commits > 3, "{commits}");
        for at in 1..=commits {
            for kill in [Kill::Before(at), Kill::After(at)] {
                rollout(version, Some(kill), true).await;
                // The server lives on, and does not know what the store has taken.
                rollout(version, Some(kill), false).await;
                kills += 2;
            }
        }
    }
    assert!(kills > 50, "only {kills} kills");
}

#[tokio::test]
async fn a_store_that_is_away_for_long_counts_against_nobody() {
    let mut world = World::new(6, Version::Good).await;
    world.restarts = false;
    let rollout = world
        .start(r#""max_in_flight": "100%", "deadline": "60s""#)
        .await;
    // Longer than any grace after a start.
    world.run(40).await;
    let state = world.fleet.rollout(&rollout.id).unwrap().state;
    assert_eq!(state, State::Succeeded);
    let third = r#"{"name": "app", "channel": "stable", "version": "3.0.0", "soak": "30s"}"#;
    let third = serde_json::from_str(third).unwrap();
    let rollout = world.fleet.start_rollout(third, "test").await.unwrap();
    world.run(2).await;
    world.store.kill(Some(Kill::Away));
    world.run(100).await;
    assert_eq!(world.fleet.rollout(&rollout.id).unwrap_err().status(), 503);
    assert_eq!(
        world.running("2.0.0") + world.running("3.0.0"),
        6,
        "all keep what they run"
    );
    world.store.kill(None);
    let ended = world.run_until_ended(&rollout.id).await;
    assert_eq!(ended.state, State::Succeeded, "{ended:?}");
    assert_eq!(world.events("node_state", "lost"), 0);
}
