//! What is decided, told as stories: events and times in, actions out.

use std::collections::BTreeSet;

use super::*;
use crate::agent::release::Phase;

const RULES: Rules = Rules {
    passes: 2,
    failures: 2,
    grace: seconds(10),
};

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn release(version: &str) -> Release {
    Release {
        name: "tool".into(),
        version: version.into(),
        checksum: Digest::of(version.as_bytes()),
        file: format!("tool-{version}-linux-x86_64"),
        size: 10,
    }
}

fn offer(version: &str, rollout: &str) -> Offer {
    Offer {
        release: release(version),
        rollout: rollout.into(),
        soak: seconds(60),
        delay: seconds(3),
        is_first: false,
    }
}

/// A machine with a clock and a world that does at once what it is told, unless a test says
/// otherwise.
struct World {
    machine: Machine,
    now: Duration,
    pids: u32,
    /// Versions that can't be fetched.
    missing: BTreeSet<&'static str>,
    /// Nothing can be written down.
    is_full: bool,
    /// What was done, in words.
    done: Vec<String>,
    alive: Option<u32>,
}

impl World {
    fn with(kept: Kept, rules: Option<Rules>) -> Self {
        let mut world = Self {
            machine: Machine::new(kept, rules, None),
            now: Duration::ZERO,
            pids: 100,
            missing: BTreeSet::new(),
            is_full: false,
            done: Vec::new(),
            alive: None,
        };
        world.event(Event::Tick);
        world
    }

    fn new() -> Self {
        Self::with(Kept::default(), Some(RULES))
    }

    /// One that runs a version that has held.
    fn running(version: &str) -> Self {
        let mut world = Self::new();
        world.event(Event::Offered(Some(offer(version, ""))));
        world.healthy();
        assert_eq!(world.state(), "running");
        world.done.clear();
        world
    }

    fn event(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for action in self.machine.handle(self.now, event) {
                if action == Action::Commit && self.is_full {
                    events.push(Event::NotKept("disk full".into()));
                    break;
                }
                events.extend(self.carry_out(action));
            }
        }
    }

    fn carry_out(&mut self, action: Action) -> Option<Event> {
        let version = |release: &Release| release.version.clone();
        let (word, event) = match action {
            Action::Fetch(release) => {
                let digest = release.checksum;
                let event = if self.missing.contains(&*release.version) {
                    Event::NotFetched(digest, "not there".into())
                } else {
                    Event::Fetched(digest)
                };
                (format!("fetch {}", version(&release)), Some(event))
            }
            Action::Start(release) => {
                assert_eq!(self.alive, None, "there are two children");
                self.pids += 1;
                self.alive = Some(self.pids);
                let started = Event::Started {
                    pid: self.pids,
                    started: "then".into(),
                };
                (format!("start {}", version(&release)), Some(started))
            }
            Action::Stop => {
                assert!(self.alive.take().is_some(), "nothing is there to stop");
                (
                    "stop".to_owned(),
                    Some(Event::Ended("it was stopped".into())),
                )
            }
            Action::Report(attempt) => (
                format!("report {} {:?}", attempt.version, attempt.phase),
                None,
            ),
            Action::Finish => ("finish".to_owned(), None),
            Action::StopFetching(_) => ("stop fetching".to_owned(), None),
            Action::Commit | Action::Keep | Action::Say(..) | Action::Clean => return None,
        };
        self.done.push(word);
        event
    }

    /// Lets time pass, with what is due in between.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.machine.due().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            let before = self.done.len();
            self.event(Event::Tick);
            if self.machine.due() == Some(due) && self.done.len() == before {
                panic!("what is due at {due:?} is not done: {:?}", self.machine);
            }
        }
        self.now = end;
        self.event(Event::Tick);
    }

    /// Lets time pass until a version runs.
    fn wait_for(&mut self, version: &str) {
        for _ in 0..100 {
            if self.runs().as_deref() == Some(version) {
                return;
            }
            self.wait(seconds(1));
        }
        panic!("{version} does not run: {:?}", self.machine);
    }

    fn healthy(&mut self) {
        for _ in 0..RULES.passes {
            self.event(Event::Checked(Ok(())));
        }
    }

    fn unhealthy(&mut self) {
        for _ in 0..RULES.failures {
            self.event(Event::Checked(Err("503".into())));
        }
    }

    fn crash(&mut self) {
        self.alive = None;
        self.event(Event::Ended("exit status: 1".into()));
    }

    fn state(&self) -> &'static str {
        self.machine.picture().state
    }

    fn runs(&self) -> Option<String> {
        let picture = self.machine.picture();
        assert_eq!(picture.pid, self.alive);
        picture
            .pid
            .and(picture.release)
            .map(|release| release.version)
    }

    fn denied(&self) -> Vec<Digest> {
        self.machine.kept().denied.iter().copied().collect()
    }

    fn did(&mut self) -> Vec<String> {
        std::mem::take(&mut self.done)
    }

    /// The agent is killed, and started again without finding the child.
    fn restarted(self) -> Self {
        let mut world = Self::with(self.machine.kept().clone(), self.machine.rules);
        world.pids = self.pids;
        world
    }
}

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
            for world in [&mut world] {
                world.event(Event::Offered(Some(offer("2", rollout))));
                world.wait(seconds(100));
                assert_eq!(world.did(), [""; 0], "{what}");
            }
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
