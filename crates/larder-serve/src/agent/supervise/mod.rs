//! What the agent decides: events in, actions out. Knows no clock, files, processes or servers;
//! times are measured from the start of the agent, by a clock that nobody sets.
//!
//! Three things are decided, each in its own file: which version comes next ([`next`]), what the
//! process of the current version needs ([`life`]), and what others are told ([`told`]). After each
//! event [`Machine::step`] looks at the whole and orders what is due, so the order of events does
//! not matter.
//!
//! A version other than the first is on *trial* until it has been healthy for its soak time without
//! a break. One that ends, hangs or is unhealthy meanwhile fails: the agent returns to the version
//! before it, and never tries the failed bytes again. A version that has held is restarted when it
//! ends. So is one that has no version before it, unless a rollout offered it: there is nothing to
//! return to, and its failure may well be the configuration's.

mod life;
mod next;
#[cfg(test)]
mod tests;
mod told;

use std::time::Duration;

use larder_core::model::Digest;

use super::data::Kept;
use super::release::{Attempt, Offer, Release};
use life::Life;
use next::Next;
pub use told::Picture;

/// How often a version on trial may be started without a verdict. More than one start happens only
/// if the agent or the machine ended during the trial, which the version may have caused.
const MAX_STARTS: u32 = 3;

/// The first pause before something is tried again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// After this time a process that ends is not counted together with those before it.
const LASTED: Duration = Duration::from_mins(1);

/// When a process counts as healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How many checks in a row must pass.
    pub passes: u32,
    /// How many checks in a row must fail.
    pub failures: u32,
    /// How long a new process may take until it is healthy.
    pub grace: Duration,
}

/// Why something could not be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The version's own.
    Version,
    /// The machine's or the server's.
    Elsewhere,
    /// The binary is not there, or damaged.
    Missing,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// What the server wants to run; nothing if the agent is to keep what it runs.
    Offered(Option<Offer>),
    /// What must not run, as the server has it.
    Denied(Vec<Digest>),
    /// The server has recorded a failure.
    Reported(Attempt),
    /// A binary is there, and right.
    Fetched(Digest),
    /// A binary could not be fetched.
    NotFetched(Digest, String),
    /// The last decision could not be written down.
    NotKept(String),
    /// A process was started.
    Started {
        /// Its id.
        pid: u32,
        /// When, in the system's own form.
        started: String,
    },
    /// A process was not started.
    NotStarted(Fault, String),
    /// The process and its group have ended.
    Ended(String),
    /// A check of the process's health.
    Checked(Result<(), String>),
    /// The agent is to end.
    End,
    /// Time has passed.
    Tick,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write down what is decided before anything that follows is done. If that fails, nothing that
    /// follows is done, and the event is `NotKept`.
    Commit,
    /// Write down what is decided, now or later.
    Keep,
    /// Make a binary present.
    Fetch(Release),
    /// Stop fetching a binary.
    StopFetching(Digest),
    /// Start a process.
    Start(Release),
    /// Stop the process.
    Stop,
    /// Tell the server.
    Report(Attempt),
    /// Tell people.
    Say(Note, String),
    /// Remove what nobody needs.
    Clean,
    /// The agent has nothing left to do.
    Finish,
}

/// How important a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// What happens.
    Info,
    /// What someone should have a look at.
    Warning,
}

/// What is restored if a decision can't be written down.
#[derive(Debug)]
struct Before {
    kept: Kept,
    is_stopping: bool,
}

/// Everything that is decided.
#[derive(Debug)]
pub struct Machine {
    kept: Kept,
    /// What was so before the decisions of this event, which are not written down yet.
    before: Option<Before>,
    rules: Option<Rules>,
    /// The file that the configuration names. Then the server has no say.
    fixed: bool,
    offer: Option<Offer>,
    next: Option<Next>,
    life: Option<Life>,
    /// What is being started.
    starting: Option<Release>,
    /// When the current version is started again.
    restart_at: Option<Duration>,
    /// The current version's binary is missing.
    repair: Option<next::Stage>,
    /// How often the process has ended by itself, one time after the other.
    crashes: u32,
    /// How often fetching has failed, one time after the other.
    hindrances: u32,
    /// Why it is as it is.
    trouble: Option<String>,
    /// Nothing can be run, for the reason in `trouble`.
    is_stuck: bool,
    ending: bool,
    /// The offer that was reported as running.
    reported: Option<(String, Digest)>,
    /// The denied digest that people have been told of.
    refused: Option<Digest>,
    actions: Vec<Action>,
}

impl Machine {
    /// Starts with what was kept. `fixed` is the file that the configuration names.
    pub fn new(kept: Kept, rules: Option<Rules>, fixed: Option<Release>) -> Self {
        let mut machine = Self {
            kept,
            before: None,
            rules,
            fixed: fixed.is_some(),
            offer: None,
            next: None,
            life: None,
            starting: None,
            restart_at: None,
            repair: None,
            crashes: 0,
            hindrances: 0,
            trouble: None,
            is_stuck: false,
            ending: false,
            reported: None,
            refused: None,
            actions: Vec::new(),
        };
        if let Some(release) = fixed {
            machine.set_fixed(release);
        } else {
            // A file that an earlier configuration named is none that could be fetched.
            {
                let kept = &mut machine.kept;
                kept.current = kept
                    .current
                    .take()
                    .filter(|current| !current.file.is_empty());
            }
        }
        machine
    }

    /// The file that the configuration names has these bytes now.
    pub fn set_fixed(&mut self, release: Release) {
        self.kept.trial = None;
        self.starting = self.starting.take().map(|_| release.clone());
        self.kept.current = Some(release);
    }

    /// A process of the current version runs already: an earlier agent has started it.
    pub fn adopt(&mut self, now: Duration, pid: u32) {
        if let Some(release) = self.kept.current.clone() {
            self.life = Some(Life::new(release, pid, now, self.rules.is_none()));
        }
    }

    /// What is to be kept.
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// The digest of the version that comes next.
    pub fn next_digest(&self) -> Option<Digest> {
        self.next.as_ref().map(|next| next.offer.release.checksum)
    }

    /// Takes an event in, and gives what is to be done.
    pub fn handle(&mut self, now: Duration, event: Event) -> Vec<Action> {
        if !matches!(event, Event::NotKept(_)) {
            self.before = None;
        }
        match event {
            Event::Offered(offer) => self.offered(offer),
            Event::Denied(denied) => self.denied(denied),
            Event::Reported(attempt) => self.recorded(&attempt),
            Event::Fetched(digest) => self.fetched(now, digest),
            Event::NotFetched(digest, reason) => self.not_fetched(now, digest, reason),
            Event::NotKept(reason) => self.not_kept(now, reason),
            Event::Started { pid, started } => self.started(now, pid, started),
            Event::NotStarted(fault, reason) => self.not_started(now, fault, reason),
            Event::Ended(how) => self.ended(now, &how),
            Event::Checked(check) => self.checked(now, check),
            Event::End => self.ending = true,
            Event::Tick => {}
        }
        self.step(now);
        std::mem::take(&mut self.actions)
    }

    /// When something is due at the latest.
    pub fn due(&self) -> Option<Duration> {
        let next = self.next.as_ref().and_then(Next::due);
        let repair = self.repair.as_ref().and_then(next::Stage::due);
        let times = [next, repair, self.restart_at, self.life_due()];
        times.into_iter().flatten().min()
    }

    fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    fn say(&mut self, note: Note, text: impl Into<String>) {
        self.act(Action::Say(note, text.into()));
    }

    /// Remembers what is so before the first decision of an event that has to be written down.
    fn remember(&mut self) {
        if self.before.is_none() {
            self.before = Some(Before {
                kept: self.kept.clone(),
                is_stopping: self.life.as_ref().is_some_and(|life| life.stopping),
            });
        }
    }

    /// Stops the process, if there is one that was not told so before.
    fn stop(&mut self) {
        if let Some(life) = &mut self.life
            && !life.stopping
        {
            life.stopping = true;
            self.act(Action::Stop);
        }
    }

    /// Orders what is due.
    fn step(&mut self, now: Duration) {
        if self.ending {
            return self.step_to_the_end();
        }
        self.step_next(now);
        self.step_life(now);
        self.step_current(now);
    }

    fn step_to_the_end(&mut self) {
        if let Some(next) = self.next.take() {
            self.act(Action::StopFetching(next.offer.release.checksum));
        }
        if let (Some(_), Some(current)) = (self.repair.take(), &self.kept.current) {
            let digest = current.checksum;
            self.act(Action::StopFetching(digest));
        }
        match &self.life {
            Some(life) if !life.stopping => {
                // A start that ends on somebody's order says nothing about the version.
                if let Some(trial) = &mut self.kept.trial {
                    trial.starts = trial.starts.saturating_sub(1);
                    self.act(Action::Keep);
                }
                self.stop();
            }
            None if self.starting.is_none() => self.act(Action::Finish),
            _ => {}
        }
    }
}

/// The pause before the try after this many failures.
fn pause(failures: u32) -> Duration {
    let factor = 1 << failures.saturating_sub(1).min(10);
    (FIRST_PAUSE * factor).min(LONGEST_PAUSE)
}
