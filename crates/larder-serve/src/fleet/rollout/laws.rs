//! What holds in every rollout, whatever its nodes do.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::{Health, Moment, Phase, Reported, Request, Rollout, Seen, State, ranked};

const HEALTHY: Health = Health::Healthy(Duration::from_hours(1));
const MOMENT: Moment = Moment {
    passed: Duration::from_secs(1),
    patience: Duration::from_secs(4),
};

fn seen() -> impl Strategy<Value = Seen> {
    let reported = prop_oneof![
        4 => Just(None),
        1 => Just(Some(Reported::Downloading)),
        1 => Just(Some(Reported::Starting)),
        1 => Just(Some(Reported::Failed("it crashed".to_owned()))),
    ];
    (
        prop::bool::weighted(0.8),
        prop::sample::select(vec![None, Some("1.0.0"), Some("2.0.0")]),
        prop::sample::select(vec![Health::Unknown, HEALTHY, HEALTHY, Health::Unhealthy]),
        reported,
        prop::bool::weighted(0.02),
        prop::bool::weighted(0.02),
    )
        .prop_map(|(fresh, running, health, reported, left, refused)| Seen {
            fresh,
            running: running.map(str::to_owned),
            health,
            reported,
            left: left.then_some("drained"),
            refused: refused.then(|| "it failed there before".to_owned()),
            stuck: None,
        })
}

/// What happens at one moment.
#[derive(Clone, Debug)]
enum Event {
    Advance(Vec<Seen>),
    Pause,
    Resume,
    Abort,
}

fn events(nodes: usize) -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        30 => prop::collection::vec(seen(), nodes).prop_map(Event::Advance),
        2 => Just(Event::Pause),
        3 => Just(Event::Resume),
        1 => Just(Event::Abort),
    ];
    prop::collection::vec(event, 0..80)
}

fn settings() -> impl Strategy<Value = (usize, Vec<Event>, usize, bool)> {
    (1..12_usize).prop_flat_map(|nodes| (Just(nodes), events(nodes), 1..4_usize, any::<bool>()))
}

fn is_final(state: State) -> bool {
    matches!(state, State::Succeeded | State::RolledBack | State::Aborted)
}

proptest! {
    #[test]
    fn nothing_moves_before_its_step_and_nothing_final_changes((nodes, events, in_flight, rollback) in settings()) {
        let text = format!(
            r#"{{"name": "app", "channel": "stable", "version": "2.0.0", "soak": "3s", "deadline": "4s",
                "max_in_flight": {in_flight}, "rollback": {rollback}}}"#
        );
        let request: Request = serde_json::from_str(&text).unwrap();
        let names = ranked("r-1", (0..nodes).map(|number| format!("node-{number}")));
        let mut rollout = Rollout::new("r-1", &request, Some("1.0.0".into()), names.clone()).unwrap();
        for event in events {
            let before = rollout.clone();
            match event {
                Event::Advance(seen) => {
                    let nodes: BTreeMap<String, Seen> = names.iter().cloned().zip(seen).collect();
                    rollout.advance(MOMENT, &nodes);
                }
                Event::Pause => drop(rollout.pause()),
                Event::Resume => drop(rollout.resume()),
                Event::Abort => drop(rollout.abort()),
            }
            prop_assert!(rollout.step >= before.step);
            if is_final(before.state) {
                prop_assert_eq!(rollout.state, before.state);
            }
            if !before.state.is_open() {
                prop_assert!(!rollout.state.is_open());
            }
            let on_their_way = rollout.members.iter().filter(|member| member.phase.is_in_flight()).count();
            prop_assert!(on_their_way <= in_flight);
            let open = rollout.open_members();
            for (member, was) in rollout.members.iter().zip(&before.members) {
                if member.rank >= open {
                    let is_untouched = matches!(member.phase, Phase::Pending | Phase::Cancelled | Phase::Failed);
                    prop_assert!(is_untouched, "{member:?}");
                }
                if member.phase == Phase::Succeeded && was.phase != Phase::Succeeded {
                    prop_assert!(member.soaked >= rollout.params.soak && was.phase == Phase::Soaking);
                }
                // A verdict is not taken back, and who has returned is not moved again.
                if matches!(was.phase, Phase::Failed | Phase::RolledBack | Phase::Cancelled) {
                    prop_assert_eq!(member.phase, was.phase);
                }
                if !before.state.is_open() && !was.phase.is_in_flight() {
                    prop_assert!(!member.phase.is_in_flight());
                }
            }
            // After an end without success nobody is offered the version.
            if matches!(rollout.state, State::RolledBack | State::Aborted) {
                prop_assert!(names.iter().all(|name| rollout.offers(name) == Some("1.0.0")));
            }
            if rollout.state == State::Succeeded {
                let halts = rollout.params.canary;
                prop_assert!(rollout.members[..halts.min(nodes)].iter().all(|member| !member.phase.is_failure()));
            }
        }
    }
}
