//! The process of a version: its starts, its health, its end.

use super::*;
use crate::agent::release::Phase;

#[test]
fn what_has_held_is_started_again_when_it_ends() {
    let mut world = World::running("1");
    for pause in [500, 1000, 2000, 4000] {
        world.crash();
        assert_eq!(world.state(), "restarting");
        world.wait(Duration::from_millis(pause - 1));
        assert_eq!(world.runs(), None);
        world.wait(Duration::from_millis(1));
        assert_eq!(world.runs().as_deref(), Some("1"));
    }
    world.healthy();
    world.wait(seconds(120));
    world.crash();
    world.wait(Duration::from_millis(500));
    assert_eq!(world.runs().as_deref(), Some("1"));
    // One that was healthy and hangs is started again; one that starts slowly is waited for.
    world.healthy();
    world.unhealthy();
    world.wait(seconds(2));
    assert_eq!(world.state(), "starting");
    world.did();
    world.wait(seconds(1000));
    assert_eq!(world.did(), [""; 0]);
    assert!(world.denied().is_empty());
}

#[test]
fn a_version_that_kills_the_agent_is_found_by_its_counter() {
    let mut world = World::running("1");
    world.event(Event::Offered(Some(offer("2", "r"))));
    world.wait(seconds(3));
    for starts in 1..=MAX_STARTS {
        assert_eq!(world.runs().as_deref(), Some("2"));
        let trial = world.machine.kept().trial.clone().unwrap();
        assert_eq!(trial.starts, starts);
        world = world.restarted();
    }
    assert_eq!(world.runs().as_deref(), Some("1"));
    assert_eq!(world.denied(), [release("2").checksum]);
    // Starts that end on somebody's order do not count.
    let mut world = World::running("1");
    world.event(Event::Offered(Some(offer("2", "r"))));
    world.wait(seconds(3));
    for _ in 0..10 {
        world.event(Event::End);
        assert_eq!(world.did().last().map(String::as_str), Some("finish"));
        world = world.restarted();
    }
    assert_eq!(world.runs().as_deref(), Some("2"));
}

#[test]
fn a_binary_that_is_missing_is_fetched_again() {
    for is_there in [true, false] {
        let mut world = World::running("1");
        world.event(Event::Offered(Some(offer("2", "r"))));
        world.wait(seconds(3));
        // The way back is blocked at first: the bytes of version 1 are gone.
        if !is_there {
            world.missing.insert("1");
        }
        let actions = {
            world.alive = None;
            world
                .machine
                .handle(world.now, Event::Ended("exit status: 1".into()))
        };
        assert!(actions.contains(&Action::Start(release("1"))));
        world.event(Event::NotStarted(Fault::Missing, "it is missing".into()));
        if is_there {
            assert_eq!(world.runs().as_deref(), Some("1"));
        } else {
            assert_eq!((world.state(), world.runs()), ("stopped", None));
            world.wait(seconds(100));
            assert_eq!(world.state(), "stopped");
            world.missing.clear();
            world.wait(seconds(100));
            assert_eq!(world.runs().as_deref(), Some("1"));
        }
    }
}

#[test]
fn an_adopted_child_is_not_started_a_second_time() {
    let mut world = World::running("1");
    world.event(Event::Offered(Some(offer("2", "r"))));
    world.wait(seconds(3));
    let (kept, pid) = (world.machine.kept().clone(), world.alive.unwrap());
    let mut machine = Machine::new(kept, Some(RULES), None);
    machine.adopt(Duration::ZERO, pid);
    let actions = machine.handle(Duration::ZERO, Event::Tick);
    assert_eq!(actions, []);
    assert_eq!(
        machine.kept().trial.as_ref().map(|trial| trial.starts),
        Some(1)
    );
    let actions = machine.handle(RULES.grace, Event::Tick);
    assert!(actions.contains(&Action::Stop), "it is still on trial");
}

#[test]
fn without_checks_a_process_that_runs_is_healthy() {
    let mut world = World::with(Kept::default(), None);
    world.event(Event::Offered(Some(offer("1", ""))));
    assert_eq!(world.state(), "running");
    world.event(Event::Offered(Some(offer("2", "r"))));
    world.wait(seconds(3));
    assert_eq!(world.state(), "soaking");
    assert_eq!(world.machine.picture().is_healthy, Some(true));
    world.wait(seconds(60));
    assert_eq!(world.state(), "running");
}

#[test]
fn what_is_not_the_versions_fault_is_no_verdict() {
    let mut world = World::running("1");
    world.event(Event::Offered(Some(offer("2", "r"))));
    world.wait(seconds(2));
    world.now += seconds(1);
    // The old one is stopped, and the new one can't be started for a moment.
    let mut actions = world.machine.handle(world.now, Event::Tick);
    assert!(actions.contains(&Action::Stop));
    world.alive = None;
    actions = world
        .machine
        .handle(world.now, Event::Ended("stopped".into()));
    assert!(actions.contains(&Action::Start(release("2"))));
    world.event(Event::NotStarted(Fault::Elsewhere, "no memory".into()));
    let attempt = world.machine.picture().attempt.unwrap();
    assert_eq!(attempt.phase, Phase::Hindered);
    world.wait(seconds(1));
    assert_eq!(world.runs().as_deref(), Some("2"));
    let trial = world.machine.kept().trial.clone().unwrap();
    assert_eq!(trial.starts, 1);
}

#[test]
fn the_end_stops_the_child_and_nothing_is_started_any_more() {
    let mut world = World::running("1");
    world.event(Event::End);
    assert_eq!(world.did(), ["stop", "finish"]);
    assert_eq!(world.state(), "stopped");
    world.event(Event::Offered(Some(offer("2", "r"))));
    assert_eq!(world.did(), ["finish"]);
}
