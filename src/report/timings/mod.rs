//! `--timings`: records a run, and writes what ran when and what waited for what as a page (HTML) and
//! as a trace (JSON of Chrome's trace format).
//!
//! ```text
//! events ─▶ record    every event with its time, and how busy the processors were
//!            └─▶ timeline    spans of slots, with phases; waits adds lanes, waits and the critical path
//!                 ├─▶ page    one HTML file without anything from elsewhere
//!                 └─▶ trace   for chrome://tracing and Perfetto
//! ```
//!
//! Every text is cleaned as everything is that larder shows: it holds no secrets and no control
//! characters. This module does not know where the files go.

mod page;
mod record;
mod timeline;
mod trace;
mod waits;

#[cfg(test)]
mod tests;

pub use record::{Recorded, Recorder};
pub use timeline::Timeline;

use serde::Serialize;

use super::text::Redactor;
use larder_engine::events::{Phase, Slot};

/// What is said about a run at the top of its page.
#[derive(Clone, Debug, Serialize)]
pub struct Heading {
    /// The name of the project.
    pub project: String,
    /// The command line.
    pub command: String,
    /// When the run started, in words.
    pub time: String,
    /// The version of larder.
    pub larder: String,
    /// The platform of this machine.
    pub host: String,
    /// The number of its cores.
    pub cores: usize,
}

/// The files of one run.
pub struct Files {
    /// The page.
    pub html: String,
    /// The trace.
    pub json: String,
}

/// Makes the files of a run.
pub fn files(timeline: &Timeline, heading: &Heading, redactor: &Redactor) -> Files {
    let heading = &heading.cleaned(redactor);
    Files {
        html: page::page(timeline, heading, redactor),
        json: trace::trace(timeline, heading, redactor),
    }
}

impl Heading {
    fn cleaned(&self, redactor: &Redactor) -> Self {
        let clean = |text: &str| redactor.clean_line(text);
        Self {
            project: clean(&self.project),
            command: clean(&self.command),
            time: clean(&self.time),
            larder: clean(&self.larder),
            host: clean(&self.host),
            cores: self.cores,
        }
    }
}

/// The word for a kind of slot.
fn slot_word(slot: Slot) -> &'static str {
    match slot {
        Slot::Acquire => "acquire",
        Slot::Build => "build",
        Slot::Install => "install",
    }
}

/// The words for a phase: a key for the colour, and what people read.
fn phase_words(phase: Phase) -> (&'static str, &'static str) {
    match phase {
        Phase::Checking => ("checking", "checking"),
        Phase::Waiting => ("lock", "waiting for a lock"),
        Phase::Downloading => ("downloading", "downloading and unpacking"),
        Phase::Restoring => ("restoring", "restoring from the cache"),
        Phase::Building => ("building", "building"),
        Phase::Sending => ("sending", "sending to the executor"),
        Phase::Queued => ("queued", "waiting for a worker"),
        Phase::Packing => ("packing", "packing"),
        Phase::Uploading => ("uploading", "releasing"),
        Phase::Verifying => ("verifying", "verifying"),
        Phase::Installing => ("installing", "storing and installing"),
    }
}
