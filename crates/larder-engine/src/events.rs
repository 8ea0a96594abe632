//! What a run tells while it goes: the API between running and showing. Terminal, plain text, JSON and tests read the
//! same events.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use larder_core::error::Error;
use larder_core::model::{Action, Outcome, Platform, SourceKind, Target, Version};

/// What a running step is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Looking: stamps, cache, hub.
    Checking,
    /// Bytes arrive.
    Downloading,
    /// A build's commands run.
    Building,
    /// An archive is made.
    Packing,
    /// Bytes leave.
    Uploading,
    /// Files are hashed or run.
    Verifying,
}

/// How loud a note is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Only with `-v`.
    Detail,
    /// Ordinary.
    Info,
    /// Worth a look.
    Warning,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The run begins with so many steps known.
    Started {
        /// What the command does.
        action: Action,
        /// Steps known at the start.
        steps: usize,
    },
    /// A step is now busy with a phase.
    Phase {
        /// Which.
        target: Target,
        /// With what.
        phase: Phase,
        /// Bytes to come, where known.
        total: Option<u64>,
    },
    /// Bytes moved since the phase began.
    Progress {
        /// Which.
        target: Target,
        /// So far.
        bytes: u64,
    },
    /// Something to say.
    Note {
        /// Of which step, if of one.
        target: Option<Target>,
        /// How loud.
        level: Level,
        /// What.
        text: String,
    },
    /// A step ended.
    Finished(Finished),
    /// A step of the whole project ended.
    Did(Did),
    /// The run ended.
    Summary(Summary),
}

/// How a step ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// What it did.
    pub action: Action,
    /// On what.
    pub target: Target,
    /// At which version.
    pub version: Version,
    /// How it ended.
    pub outcome: Outcome,
    /// How the bytes came, where bytes came.
    pub source: Option<SourceKind>,
    /// Bytes transferred or written.
    pub bytes: u64,
    /// Wall time, seconds.
    pub seconds: f64,
    /// Why it failed.
    pub error: Option<Error>,
    /// Why it was skipped, or why it was done.
    pub reason: Option<String>,
    /// Where the bytes came from or went to: a url or path.
    pub place: Option<String>,
    /// A build's log.
    pub log: Option<Utf8PathBuf>,
    /// Nothing was done: this is how it would end.
    pub dry_run: bool,
}

/// How a step ended that is about no single subsystem: a bundle, a project release, a task, a line of `ci:`.
#[derive(Clone, Debug)]
pub struct Did {
    /// What it did.
    pub action: Action,
    /// On what: a file, a tag, a task, a command line.
    pub subject: String,
    /// For which platform, if for one.
    pub platform: Option<Platform>,
    /// How it ended.
    pub outcome: Outcome,
    /// Bytes transferred or written.
    pub bytes: u64,
    /// Wall time, seconds.
    pub seconds: f64,
    /// Why it failed.
    pub error: Option<Error>,
    /// Why it was skipped, or what else there is to say.
    pub reason: Option<String>,
    /// Where the bytes went to: a url or path.
    pub place: Option<String>,
}

impl Finished {
    /// One that is yet to say more.
    pub fn new(action: Action, target: Target, version: Version, outcome: Outcome) -> Self {
        Self {
            action,
            target,
            version,
            outcome,
            source: None,
            bytes: 0,
            seconds: 0.0,
            error: None,
            reason: None,
            place: None,
            log: None,
            dry_run: false,
        }
    }
}

impl Did {
    /// One that is yet to say more.
    pub fn new(action: Action, subject: impl Into<String>, outcome: Outcome) -> Self {
        Self {
            action,
            subject: subject.into(),
            platform: None,
            outcome,
            bytes: 0,
            seconds: 0.0,
            error: None,
            reason: None,
            place: None,
        }
    }
}

/// How the run ended.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Nothing failed.
    pub ok: bool,
    /// How many steps ended how.
    pub counts: BTreeMap<Outcome, usize>,
    /// Wall time, seconds.
    pub seconds: f64,
}

/// The sending end of a run's events; clones share it. Sending never blocks and never fails.
#[derive(Clone, Debug)]
pub struct Events(std::sync::mpsc::Sender<Event>);

impl Events {
    /// A sender and the receiver it feeds.
    pub fn channel() -> (Self, std::sync::mpsc::Receiver<Event>) {
        let (sender, receiver) = std::sync::mpsc::channel();
        (Self(sender), receiver)
    }
    /// Tells.
    pub fn send(&self, event: Event) {
        // A receiver that is gone has nothing to show any more.
        let _ = self.0.send(event);
    }
    /// A note of a step.
    pub fn note(&self, target: Option<&Target>, level: Level, text: impl Into<String>) {
        self.send(Event::Note {
            target: target.cloned(),
            level,
            text: text.into(),
        });
    }
    /// A step is now busy with a phase.
    pub fn phase(&self, target: &Target, phase: Phase, total: Option<u64>) {
        self.send(Event::Phase {
            target: target.clone(),
            phase,
            total,
        });
    }
    /// Bytes moved since the phase began.
    pub fn progress(&self, target: &Target, bytes: u64) {
        self.send(Event::Progress {
            target: target.clone(),
            bytes,
        });
    }
}
