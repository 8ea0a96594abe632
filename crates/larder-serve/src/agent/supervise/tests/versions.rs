//! One version after the other: what is taken, what is taken back.

use super::*;
use crate::agent::release::Phase;

#[test]
fn the_first_version_is_fetched_and_started_at_once() {
    let mut world = World::new();
    assert_eq!(world.state(), "waiting");
    world.event(Event::Offered(Some(offer("1", ""))));
    assert_eq!(world.state(), "starting");
    world.healthy();
    assert_eq!(world.state(), "running");
    assert_eq!(
        world.did(),
        [
            "report 1 Downloading",
            "fetch 1",
            "report 1 Verified",
            "start 1"
        ]
    );
}

#[test]
fn a_good_version_is_applied_in_its_time_and_holds_after_its_soak() {
    let mut world = World::running("1");
    world.event(Event::Offered(Some(offer("2", "r"))));
    assert_eq!(world.runs().as_deref(), Some("1"));
    world.wait(seconds(2));
    // Offers are repeated with each heartbeat; the time that was chosen stays.
    let again = Offer {
        delay: seconds(100),
        ..offer("2", "r")
    };
    world.event(Event::Offered(Some(again)));
    assert_eq!(world.runs().as_deref(), Some("1"));
    world.wait(seconds(1));
    assert_eq!(
        (world.runs().as_deref(), world.state()),
        (Some("2"), "starting")
    );
    world.healthy();
    assert_eq!(world.state(), "soaking");
    world.wait(seconds(59));
    assert_eq!(world.state(), "soaking");
    // A failed check restarts the soak.
    world.event(Event::Checked(Err("503".into())));
    world.healthy();
    world.wait(seconds(59));
    assert_eq!(world.state(), "soaking");
    world.wait(seconds(1));
    assert_eq!(world.state(), "running");
    assert_eq!(
        world.did(),
        [
            "report 2 Downloading",
            "fetch 2",
            "report 2 Verified",
            "stop",
            "report 2 Starting",
            "start 2",
            "report 2 Running",
        ]
    );
    let kept = world.machine.kept();
    assert_eq!(kept.previous.as_ref().map(|r| &*r.version), Some("1"));
    assert_eq!(kept.trial, None);
}

#[test]
fn bad_versions_are_taken_back_and_never_tried_again() {
    type Story = fn(&mut World);
    let bad: [(&str, Story); 6] = [
        ("crashes at once", World::crash),
        ("crashes after its soak began", |world| {
            world.healthy();
            world.wait(seconds(30));
            world.crash();
        }),
        ("hangs", |world| world.wait(RULES.grace)),
        ("is never healthy", |world| {
            for _ in 0..20 {
                world.event(Event::Checked(Err("503".into())));
                world.wait(seconds(1));
            }
        }),
        ("lies at first", |world| {
            world.healthy();
            world.wait(seconds(30));
            world.unhealthy();
        }),
        ("is healthy now and then", |world| {
            for _ in 0..20 {
                world.event(Event::Checked(Ok(())));
                world.event(Event::Checked(Err("503".into())));
                world.wait(seconds(1));
            }
        }),
    ];
    for rollout in ["", "r"] {
        for (what, story) in bad {
            let mut world = World::running("1");
            world.event(Event::Offered(Some(offer("2", rollout))));
            world.wait(seconds(3));
            assert_eq!(world.runs().as_deref(), Some("2"), "{what}");
            story(&mut world);
            assert_eq!(world.runs().as_deref(), Some("1"), "{what}");
            assert_eq!(world.denied(), [release("2").checksum], "{what}");
            let failure = world.machine.kept().unreported[0].clone();
            assert_eq!(failure.phase, Phase::Failed);
            assert_eq!(
                (&*failure.rollout, failure.reason.is_empty()),
                (rollout, false)
            );
            world.healthy();
            assert_eq!(world.state(), "returned", "{what}");
            // Whatever the server offers.
            world.did();
            world.event(Event::Offered(Some(offer("2", rollout))));
            world.wait(seconds(100));
            assert_eq!(world.did(), [""; 0], "{what}");
            let mut world = world.restarted();
            world.did();
            world.event(Event::Offered(Some(offer("2", rollout))));
            world.wait(seconds(100));
            assert_eq!(world.did(), [""; 0], "{what}");
            assert_eq!(world.runs().as_deref(), Some("1"));
            // Until an administrator lifts it, once the failure is known.
            world.event(Event::Denied(vec![]));
            assert_eq!(world.denied(), [release("2").checksum], "{what}");
            world.event(Event::Reported(failure));
            world.event(Event::Denied(vec![]));
            world.event(Event::Offered(Some(offer("2", rollout))));
            world.wait(seconds(3));
            assert_eq!(world.runs().as_deref(), Some("2"), "{what}");
        }
    }
}

#[test]
fn a_first_version_that_does_not_hold_has_nothing_to_return_to() {
    let mut world = World::new();
    world.event(Event::Offered(Some(offer("1", ""))));
    world.crash();
    assert_eq!((world.state(), world.denied().len()), ("restarting", 0));
    // A rollout must be told, so that it is halted.
    let mut world = World::new();
    world.event(Event::Offered(Some(offer("1", "r"))));
    world.crash();
    assert_eq!((world.state(), world.runs()), ("stopped", None));
    assert_eq!(world.denied(), [release("1").checksum]);
    world.event(Event::Offered(Some(offer("0", ""))));
    assert_eq!(world.runs().as_deref(), Some("0"));
}

#[test]
fn what_is_no_longer_offered_is_given_up() {
    for then in [None, Some(offer("1", "")), Some(offer("3", "s"))] {
        let mut world = World::running("1");
        world.missing.insert("2");
        world.event(Event::Offered(Some(offer("2", "r"))));
        assert_eq!(world.state(), "hindered");
        world.missing.clear();
        world.event(Event::Offered(then.clone()));
        match then {
            Some(offer) => world.wait_for(&offer.release.version),
            None => world.wait(seconds(100)),
        }
        assert!(!world.did().contains(&"start 2".to_owned()));
    }
}

#[test]
fn a_download_that_fails_is_no_verdict() {
    let mut world = World::running("1");
    world.missing.insert("2");
    world.event(Event::Offered(Some(offer("2", "r"))));
    world.wait(seconds(20));
    assert_eq!(
        (world.state(), world.runs().as_deref()),
        ("hindered", Some("1"))
    );
    let attempt = world.machine.picture().attempt.unwrap();
    assert_eq!(
        (attempt.phase, &*attempt.reason),
        (Phase::Hindered, "not there")
    );
    world.missing.clear();
    world.wait_for("2");
    assert!(world.denied().is_empty());
}

#[test]
fn nothing_is_stopped_or_started_that_can_not_be_written_down() {
    let mut world = World::running("1");
    world.is_full = true;
    world.event(Event::Offered(Some(offer("2", "r"))));
    world.wait(seconds(10));
    assert_eq!(
        (world.state(), world.runs().as_deref()),
        ("hindered", Some("1"))
    );
    assert_eq!(world.machine.kept().current, Some(release("1")));
    assert!(!world.did().contains(&"stop".to_owned()));
    world.is_full = false;
    world.wait_for("2");
}

#[test]
fn a_version_to_return_to_that_is_denied_is_not_returned_to() {
    let mut world = World::running("1");
    world.event(Event::Offered(Some(offer("2", "r"))));
    world.wait(seconds(3));
    world.event(Event::Denied(vec![release("1").checksum]));
    assert_eq!(world.runs().as_deref(), Some("2"));
    world.crash();
    assert_eq!((world.state(), world.runs()), ("stopped", None));
    let denied: BTreeSet<_> = world.denied().into_iter().collect();
    assert_eq!(
        denied,
        [release("1").checksum, release("2").checksum].into()
    );
}

#[test]
fn a_version_on_trial_can_be_replaced() {
    // By the version before it, as after a rollout was halted: that one has held already.
    let mut world = World::running("1");
    world.event(Event::Offered(Some(offer("2", "r"))));
    world.wait(seconds(3));
    world.healthy();
    world.event(Event::Offered(Some(offer("1", "r"))));
    world.wait(seconds(3));
    world.healthy();
    assert_eq!(
        (world.runs().as_deref(), world.state()),
        (Some("1"), "running")
    );
    assert!(world.denied().is_empty());
    // By a newer one: the way back leads to what has held.
    let mut world = World::running("1");
    for version in ["2", "3"] {
        world.event(Event::Offered(Some(offer(version, "r"))));
        world.wait(seconds(3));
    }
    world.crash();
    assert_eq!(world.runs().as_deref(), Some("1"));
    assert_eq!(world.denied(), [release("3").checksum]);
}
