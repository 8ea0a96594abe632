//! The rules of a rollout, moment by moment.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    Change, Health, InFlight, Moment, Phase, Reported, Request, Rollout, Seen, State, ranked,
    step_sizes,
};

/// A rollout of 2.0.0 over some nodes, and what is known of each.
struct World {
    rollout: Rollout,
    nodes: BTreeMap<String, Seen>,
}

const MOMENT: Moment = Moment {
    passed: Duration::from_secs(1),
    patience: Duration::from_secs(4),
};
/// Healthy for longer than any soak time here.
const HEALTHY: Health = Health::Healthy(Duration::from_hours(1));

impl World {
    /// With the settings of a request as JSON, without its names.
    fn new(nodes: usize, settings: &str) -> Self {
        let text = format!(
            r#"{{"name": "app", "channel": "stable", "version": "2.0.0"{}{settings}}}"#,
            if settings.is_empty() { "" } else { ", " }
        );
        let request: Request = serde_json::from_str(&text).unwrap();
        let names = ranked("r-1", (0..nodes).map(|number| format!("node-{number}")));
        let rollout = Rollout::new("r-1", &request, Some("1.0.0".into()), names.clone()).unwrap();
        let seen = || Seen {
            fresh: true,
            running: Some("1.0.0".into()),
            ..Seen::default()
        };
        Self {
            rollout,
            nodes: names.into_iter().map(|name| (name, seen())).collect(),
        }
    }

    fn node(&mut self, rank: usize) -> &mut Seen {
        let name = self.rollout.members[rank].node.clone();
        self.nodes.get_mut(&name).unwrap()
    }

    fn phase(&self, rank: usize) -> Phase {
        self.rollout.members[rank].phase
    }

    fn count(&self, phase: Phase) -> usize {
        let members = &self.rollout.members;
        members
            .iter()
            .filter(|member| member.phase == phase)
            .count()
    }

    fn advance(&mut self) -> Vec<Change> {
        self.rollout.advance(MOMENT, &self.nodes)
    }

    /// Every node runs what it is offered and is healthy, except those that `bad` says.
    fn obey(&mut self, bad: impl Fn(usize) -> bool) {
        for rank in 0..self.rollout.members.len() {
            let name = self.rollout.members[rank].node.clone();
            let offered = self.rollout.offers(&name).map(str::to_owned);
            let is_bad = bad(rank) && offered.as_deref() == Some("2.0.0");
            let seen = self.node(rank);
            if is_bad {
                seen.reported = Some(Reported::Failed("it crashed".into()));
            } else {
                seen.running = offered.or(seen.running.take());
                seen.health = HEALTHY;
            }
        }
    }

    fn run(&mut self, moments: usize, bad: impl Fn(usize) -> bool + Copy) {
        for _ in 0..moments {
            self.advance();
            self.obey(bad);
        }
    }
}

#[test]
fn a_good_version_reaches_everyone_in_steps() {
    let mut world = World::new(40, r#""soak": "5s", "max_in_flight": "100%""#);
    let mut steps = vec![world.rollout.open_members()];
    for _ in 0..60 {
        world.advance();
        if steps.last() != Some(&world.rollout.open_members()) {
            steps.push(world.rollout.open_members());
        }
        // Nobody outside the open step is moved.
        let open = world.rollout.open_members();
        assert!((open..40).all(|rank| world.phase(rank) == Phase::Pending));
        world.obey(|_| false);
    }
    // 5 canaries above 20 agents, and 5 % of 40 are fewer.
    assert_eq!(steps, [5, 10, 40]);
    assert_eq!(world.rollout.state, State::Succeeded);
    assert_eq!(world.count(Phase::Succeeded), 40);
    assert_eq!(
        world.rollout.offers("a node that came later"),
        Some("2.0.0")
    );
}

#[test]
fn a_failed_canary_halts_and_everyone_returns() {
    let mut world = World::new(10, r#""soak": "5s""#);
    world.run(3, |rank| rank == 0);
    assert_eq!(world.phase(0), Phase::Failed);
    assert!(
        world
            .rollout
            .reason
            .as_deref()
            .unwrap()
            .contains("it crashed")
    );
    world.run(3, |_| false);
    assert_eq!(world.rollout.state, State::RolledBack);
    // Nobody else was ever moved.
    assert_eq!(world.count(Phase::Cancelled), 9);
    assert_eq!(
        world.rollout.offers(&world.rollout.members[0].node),
        Some("1.0.0")
    );
}

#[test]
fn both_limits_must_be_reached_after_the_canary() {
    // 2 failures of 100 are 2 %, below 5 %.
    let settings = r#""soak": "2s", "canary": 1, "steps": [50, 100], "max_in_flight": "100%""#;
    let mut world = World::new(100, settings);
    world.run(30, |rank| rank == 20 || rank == 30);
    assert_eq!(world.rollout.state, State::Succeeded);
    assert_eq!(
        (world.count(Phase::Failed), world.count(Phase::Succeeded)),
        (2, 98)
    );
    let mut world = World::new(100, settings);
    world.run(30, |rank| (20..25).contains(&rank));
    assert_eq!(world.rollout.state, State::RolledBack);
    assert_eq!(world.count(Phase::Failed), 5);
    assert_eq!(
        world.count(Phase::Succeeded),
        0,
        "those that had succeeded return, too"
    );
    // 1 of 10 is 10 %, but one failure is below two.
    let mut world = World::new(10, r#""soak": "2s", "max_in_flight": "100%""#);
    world.run(30, |rank| rank == 5);
    assert_eq!(world.rollout.state, State::Succeeded);
}

#[test]
fn no_data_is_no_progress_and_no_success() {
    let mut world = World::new(4, r#""soak": "3s", "deadline": "10s""#);
    world.run(2, |_| false);
    assert_eq!(world.phase(0), Phase::Soaking);
    // The canary is healthy, and then not heard of.
    world.node(0).fresh = false;
    for _ in 0..10 {
        world.advance();
        assert_eq!(world.phase(0), Phase::Soaking);
    }
    world.advance();
    assert_eq!(world.phase(0), Phase::TimedOut);
    assert_eq!(world.rollout.state, State::Halted);
    assert_eq!(world.count(Phase::Succeeded), 0);
    // It comes back later, healthy: that is recorded, and not counted.
    world.node(0).fresh = true;
    world.advance();
    assert_eq!(world.phase(0), Phase::TimedOut);
}

#[test]
fn a_failed_check_starts_the_soak_anew() {
    let mut world = World::new(2, r#""soak": "3s""#);
    world.run(3, |_| false);
    assert_eq!(world.rollout.members[0].soaked, Duration::from_secs(1));
    world.node(0).health = Health::Unhealthy;
    world.advance();
    assert_eq!(
        (world.phase(0), world.rollout.members[0].soaked),
        (Phase::Starting, Duration::ZERO)
    );
    world.node(0).health = HEALTHY;
    for soaked in 0..3 {
        world.advance();
        assert_eq!(world.rollout.members[0].soaked, Duration::from_secs(soaked));
        assert_eq!(world.phase(0), Phase::Soaking);
    }
    world.advance();
    assert_eq!(world.phase(0), Phase::Succeeded);
}

#[test]
fn a_restart_loses_and_repeats_nothing() {
    let mut world = World::new(30, r#""soak": "4s", "max_in_flight": 3"#);
    let mut restarted = World::new(30, r#""soak": "4s", "max_in_flight": 3"#);
    for moment in 0..200 {
        let changes = world.advance();
        assert_eq!(restarted.advance(), changes, "moment {moment}");
        assert!(
            world
                .rollout
                .members
                .iter()
                .filter(|member| member.phase.is_in_flight())
                .count()
                <= 3
        );
        world.obey(|rank| rank == 17);
        restarted.obey(|rank| rank == 17);
        let text = serde_json::to_string(&restarted.rollout).unwrap();
        restarted.rollout = serde_json::from_str(&text).unwrap();
        assert_eq!(restarted.rollout, world.rollout);
    }
    assert_eq!(world.rollout.state, State::Succeeded);
}

#[test]
fn pausing_starts_nothing_and_aborting_ends_it() {
    let mut world = World::new(10, r#""soak": "2s""#);
    world.run(1, |_| false);
    assert!(world.rollout.pause() && !world.rollout.pause());
    world.run(10, |_| false);
    assert_eq!(
        (world.count(Phase::Succeeded), world.count(Phase::Pending)),
        (1, 9)
    );
    assert!(world.rollout.resume());
    world.run(1, |_| false);
    // 25 % of 10 are 3, of which one has succeeded.
    assert_eq!(world.count(Phase::Offered), 2);
    let changes = world.rollout.abort().unwrap();
    assert_eq!(changes.len(), 10);
    assert_eq!(world.count(Phase::Cancelled), 9);
    assert!(world.rollout.abort().is_none());
    let (first, last) = (
        world.rollout.members[0].node.clone(),
        world.rollout.members[9].node.clone(),
    );
    assert_eq!(world.rollout.offers(&first), Some("1.0.0"));
    assert_eq!(world.rollout.offers(&last), Some("1.0.0"));
}

#[test]
fn nodes_that_leave_hold_nobody_up_and_denied_digests_fail_at_once() {
    let mut world = World::new(3, r#""soak": "2s", "max_in_flight": "100%""#);
    world.node(0).left = Some("drained");
    world.node(2).refused = Some("it failed there before".into());
    world.run(20, |_| false);
    assert_eq!(world.phase(0), Phase::Cancelled);
    assert_eq!(world.phase(2), Phase::Failed);
    // One of three is above 5 %, and one failure is below two.
    assert_eq!(world.rollout.state, State::Succeeded);
}

#[test]
fn without_rollback_everything_stays_as_it_is() {
    let settings = r#""soak": "2s", "rollback": false, "canary": 2, "max_in_flight": 2"#;
    let mut world = World::new(10, settings);
    world.run(2, |rank| rank == 1);
    world.run(5, |_| false);
    assert_eq!(world.rollout.state, State::Halted);
    let name = |rank: usize| world.rollout.members[rank].node.clone();
    assert_eq!(
        world.rollout.offers(&name(0)),
        None,
        "it keeps what it runs"
    );
    assert_eq!(world.rollout.offers(&name(5)), Some("1.0.0"));
}

#[test]
fn steps_have_whole_members_and_never_shrink() {
    for (members, canary, steps, sizes) in [
        (1, 1, &[5, 25, 100][..], &[1, 1, 1, 1][..]),
        (10, 1, &[5, 25, 100], &[1, 1, 3, 10]),
        (50, 5, &[5, 25, 100], &[5, 5, 13, 50]),
        (3, 5, &[100], &[3, 3]),
        (0, 1, &[100], &[0, 0]),
    ] {
        assert_eq!(step_sizes(members, canary, steps), sizes);
    }
    let one = ranked("r-1", ["a", "b", "c", "b"].map(str::to_owned));
    assert_eq!(one.len(), 3);
    assert_eq!(one, ranked("r-1", ["c", "b", "a"].map(str::to_owned)));
    assert_ne!(one, ranked("r-2", ["c", "b", "a"].map(str::to_owned)));
}

#[test]
fn what_does_not_parse_is_refused() {
    let params = |settings: &str| {
        let text =
            format!(r#"{{"name": "app", "channel": "stable", "version": "2.0.0", {settings}}}"#);
        let request: Request = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        request.params(10)
    };
    for (settings, word) in [
        (r#""canary": 0"#, "canary"),
        (r#""steps": [0]"#, "steps"),
        (r#""steps": [50, 25]"#, "grow"),
        (r#""steps": [101]"#, "steps"),
        (r#""soak": "soon""#, "soak"),
        (r#""soak": "10""#, "soak"),
        (r#""deadline": "0s""#, "deadline"),
        (r#""max_in_flight": 0"#, "max_in_flight"),
        (r#""max_in_flight": "many""#, "max_in_flight"),
        (r#""halt": {"percent": 0}"#, "halt.percent"),
        (r#""halt": {"failures": 0}"#, "halt.failures"),
        (r#""halt": {"fail": 1}"#, "fail"),
        (r#""speed": 1"#, "speed"),
    ] {
        let error = params(settings).unwrap_err();
        assert!(error.contains(word), "{settings}: {error}");
    }
    let given = params(r#""steps": [10], "max_in_flight": "3", "soak": "200ms""#).unwrap();
    assert_eq!(given.steps, [10, 100]);
    assert_eq!(given.max_in_flight, InFlight::Count(3));
    assert_eq!(given.soak, Duration::from_millis(200));
    let defaults = params(r#""rollback": true"#).unwrap();
    assert_eq!(
        (
            defaults.canary,
            defaults.halt.failures,
            defaults.halt.percent
        ),
        (1, 2, 5)
    );
}

#[test]
fn a_heartbeat_also_covers_the_moments_before_it() {
    let mut world = World::new(1, r#""soak": "10s""#);
    world.run(2, |_| false);
    let soaked = |world: &World| world.rollout.members[0].soaked.as_secs();
    assert_eq!((world.phase(0), soaked(&world)), (Phase::Soaking, 0));
    for (silent, health, expected) in [
        (2, HEALTHY, 3),
        // Nobody knows what happened during a silence that is longer than the patience.
        (4, HEALTHY, 4),
        // The process is younger than the time: a check has failed meanwhile.
        (1, Health::Healthy(Duration::from_secs(2)), 2),
    ] {
        world.node(0).fresh = false;
        for _ in 0..silent {
            world.advance();
        }
        world.node(0).fresh = true;
        world.node(0).health = health;
        world.advance();
        assert_eq!(soaked(&world), expected, "after {silent} moments");
    }
}

#[test]
fn who_cannot_return_holds_nobody_up() {
    let mut world = World::new(4, r#""soak": "2s", "canary": 2, "max_in_flight": 2"#);
    world.run(2, |_| false);
    world.node(0).reported = Some(Reported::Failed("it crashed".into()));
    world.node(1).stuck = Some("there is no version before".into());
    world.advance();
    assert_eq!(world.rollout.state, State::Halted);
    world.advance();
    assert_eq!(world.rollout.state, State::RolledBack);
    assert_eq!(world.phase(1), Phase::Failed);
}

#[test]
fn who_was_away_is_not_moved_back_and_forth() {
    let settings = r#""soak": "60s", "deadline": "5s", "canary": 1, "steps": [100],
        "max_in_flight": 4, "halt": {"failures": 4, "percent": 100}"#;
    let mut world = World::new(4, settings);
    world.run(70, |_| false);
    assert_eq!(
        (world.phase(0), world.phase(1)),
        (Phase::Succeeded, Phase::Soaking)
    );
    let name = |world: &World, rank: usize| world.rollout.members[rank].node.clone();
    world.node(1).fresh = false;
    world.node(2).health = Health::Unhealthy;
    for _ in 0..7 {
        world.advance();
    }
    assert_eq!(
        (world.phase(1), world.phase(2)),
        (Phase::TimedOut, Phase::TimedOut)
    );
    assert_eq!(
        world.rollout.offers(&name(&world, 1)),
        None,
        "it keeps what it runs"
    );
    assert_eq!(world.rollout.offers(&name(&world, 2)), Some("1.0.0"));
}
