//! What is decided, told as stories: events and times in, actions out.

mod processes;
mod versions;

use std::collections::BTreeSet;

use super::*;

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
            let is_stuck = self.machine.due() == Some(due) && self.done.len() == before;
            assert!(!is_stuck, "{due:?} is due: {:?}", self.machine);
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
