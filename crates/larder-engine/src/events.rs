//! The events of a run: the interface between the code that runs and the code that shows. The
//! terminal, plain text, JSON and the tests read the same events.

mod output;
mod record;

pub use output::OutputLine;
pub use record::{Moment, Planned, Slot, What};

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use larder_core::error::Error;
use larder_core::model::{
    Action, ChannelKind, Name, Outcome, Platform, SourceKind, Target, Version,
};

/// What a step is currently doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It checks stamps, the cache or the hub.
    Checking,
    /// It waits for another process that works on the same target.
    Waiting,
    /// It receives bytes, and unpacks them meanwhile.
    Downloading,
    /// It takes files from the cache.
    Restoring,
    /// It runs the commands of a build.
    Building,
    /// It sends the inputs of a build to an executor, or its outputs to the executor's cache.
    Sending,
    /// It waits for a worker of an executor.
    Queued,
    /// It writes an archive.
    Packing,
    /// It sends bytes.
    Uploading,
    /// It hashes or runs files.
    Verifying,
    /// It stores an artifact in the cache, and switches what is installed to it.
    Installing,
}

/// How important a note is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Shown only with `-v`.
    Detail,
    /// Always shown.
    Info,
    /// A problem that did not stop the run.
    Warning,
}

/// An event of a run.
#[derive(Clone, Debug)]
pub enum Event {
    /// The run starts.
    Started {
        /// What the command does.
        action: Action,
        /// The number of steps that are known at the start.
        steps: usize,
        /// The number of characters of the longest name with its version, and with its platform if that
        /// is not the host's.
        longest: usize,
    },
    /// A step enters a phase.
    Phase {
        /// The target of the step.
        target: Target,
        /// The phase.
        phase: Phase,
        /// The number of bytes to come, if it is known.
        total: Option<u64>,
    },
    /// Progress in the current phase of a step.
    Progress {
        /// The target of the step.
        target: Target,
        /// The number of bytes transferred since the phase began.
        bytes: u64,
    },
    /// A message.
    Note {
        /// The target that it is about, if it is about one.
        target: Option<Target>,
        /// How important it is.
        level: Level,
        /// The text.
        text: String,
    },
    /// A line that a build printed.
    Output {
        /// The target that is built.
        target: Target,
        /// The line.
        line: OutputLine,
    },
    /// A step ended.
    Finished(Finished),
    /// A step of the whole project ended.
    Did(Did),
    /// The run ended.
    Summary(Summary),
}

/// The result of a step on one target.
#[derive(Clone, Debug)]
pub struct Finished {
    /// What the step did.
    pub action: Action,
    /// The target.
    pub target: Target,
    /// The target's version.
    pub version: Version,
    /// The outcome.
    pub outcome: Outcome,
    /// The source that gave the artifact, if one did.
    pub source: Option<SourceKind>,
    /// The platform whose programs the artifact has, if they are not those of the target's.
    pub emulated: Option<Platform>,
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
    /// The log of the build, if there was a build.
    pub log: Option<Utf8PathBuf>,
    /// Nothing was done; this is the predicted result.
    pub dry_run: bool,
}

/// The result of a step that is not about a single subsystem: a bundle, a project release, a task,
/// a line of `ci:`.
#[derive(Clone, Debug)]
pub struct Did {
    /// What the step did.
    pub action: Action,
    /// What it worked on: a file, a tag, a task or a command line.
    pub subject: String,
    /// The platform, if the step was for one.
    pub platform: Option<Platform>,
    /// The outcome.
    pub outcome: Outcome,
    /// Bytes transferred or written.
    pub bytes: u64,
    /// Wall time, seconds.
    pub seconds: f64,
    /// Why it failed.
    pub error: Option<Error>,
    /// Why it was skipped, or another remark.
    pub reason: Option<String>,
    /// Where the bytes went to: a url or path.
    pub place: Option<String>,
    /// It was not done, because this is a dry run; `reason` says what would be done.
    pub dry_run: bool,
    /// The subsystem and the channel, if the step fed a channel.
    pub of: Option<OfChannel>,
}

/// What a step of publishing worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfChannel {
    /// The subsystem.
    pub subsystem: Name,
    /// Its version.
    pub version: Version,
    /// The channel; `None` if the step failed for all of them.
    pub channel: Option<ChannelKind>,
}

impl Finished {
    /// A result with only these fields; the caller sets the others.
    pub fn new(action: Action, target: Target, version: Version, outcome: Outcome) -> Self {
        Self {
            action,
            target,
            version,
            outcome,
            source: None,
            emulated: None,
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
    /// A result with only these fields; the caller sets the others.
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
            dry_run: false,
            of: None,
        }
    }
}

/// The result of the run.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Whether nothing failed.
    pub ok: bool,
    /// The number of steps for each outcome.
    pub counts: BTreeMap<Outcome, usize>,
    /// Wall time, seconds.
    pub seconds: f64,
}

/// The sender of a run's events. Clones send to the same receiver. Sending never fails, and it blocks
/// only for the output of builds.
#[derive(Clone, Debug)]
pub struct Events {
    sender: std::sync::mpsc::Sender<Event>,
    /// The room for output that waits to be shown, if output is shown at all.
    output: Option<output::Room>,
    /// Receives everything with its time, if the run is recorded.
    recording: Option<record::Recording>,
}

impl Events {
    /// Creates a sender and its receiver.
    pub fn channel() -> (Self, std::sync::mpsc::Receiver<Event>) {
        let (sender, receiver) = std::sync::mpsc::channel();
        let events = Self {
            sender,
            output: None,
            recording: None,
        };
        (events, receiver)
    }
    /// The same sender, which also sends what builds print.
    #[must_use]
    pub fn with_output(self) -> Self {
        let output = Some(output::Room::default());
        Self { output, ..self }
    }
    /// Where the lines go that the build of a target prints; `None` if nobody wants them.
    pub fn output_of(&self, target: &Target) -> Option<impl Fn(&str) + Send + Sync + use<>> {
        let room = self.output.clone()?;
        let (events, target) = (self.clone(), target.clone());
        Some(move |text: &str| {
            let (target, line) = (target.clone(), room.line(text));
            events.send(Event::Output { target, line });
        })
    }
    /// Sends an event.
    pub fn send(&self, event: Event) {
        self.record_event(&event);
        // A failure is ignored: if the receiver was dropped, nothing is shown any more.
        let _ = self.sender.send(event);
    }
    /// Reports that a run starts, with the targets that are known.
    pub fn started<'a>(
        &self,
        action: Action,
        steps: usize,
        known: impl IntoIterator<Item = (&'a Target, &'a Version)>,
    ) {
        let host = Platform::host();
        let length = |(target, version): (&Target, &Version)| {
            let platform = if target.platform == host {
                0
            } else {
                target.platform.to_string().len() + 3
            };
            target.name.as_str().len() + 1 + version.as_str().len() + platform
        };
        let longest = known.into_iter().map(length).max().unwrap_or(0);
        self.send(Event::Started {
            action,
            steps,
            longest,
        });
    }
    /// Sends a note.
    pub fn note(&self, target: Option<&Target>, level: Level, text: impl Into<String>) {
        self.send(Event::Note {
            target: target.cloned(),
            level,
            text: text.into(),
        });
    }
    /// Reports that a step enters a phase.
    pub fn phase(&self, target: &Target, phase: Phase, total: Option<u64>) {
        self.send(Event::Phase {
            target: target.clone(),
            phase,
            total,
        });
    }
    /// Reports the number of bytes transferred since the phase began.
    pub fn progress(&self, target: &Target, bytes: u64) {
        self.send(Event::Progress {
            target: target.clone(),
            bytes,
        });
    }
}
