//! The ways in which a run is shown, one for each kind of reader. Each gets the same events.

use std::time::Duration;

use super::mode::Verbosity;
use super::totals::Totals;
use larder_core::model::Outcome;
use larder_engine::events::{Did, Event, Level};

mod github_actions;
mod json;
mod live;
mod plain;
mod terminal;

pub(super) use github_actions::GitHubActions;
pub use github_actions::annotations;
pub use json::{DidLine, FinishedLine, SummaryLine, failure_line, summary_line};
pub(super) use json::{Json, did_line};
pub(super) use plain::Plain;
#[cfg(test)]
pub(super) use terminal::Screen;
pub(super) use terminal::{Stderr, Terminal};

/// A way to show events. Times are since the run's start.
pub(in crate::report) trait View: Send {
    /// Shows an event.
    fn event(&mut self, event: &Event, now: Duration);
    /// Time passes.
    fn tick(&mut self, _now: Duration) {}
    /// Nothing more comes for the moment.
    fn flush(&mut self) {}
    /// The run is over.
    fn close(&mut self, totals: &Totals);
}

/// Whether a note is shown.
pub(super) fn shows_note(level: Level, verbosity: Verbosity) -> bool {
    match level {
        Level::Detail => verbosity == Verbosity::Verbose,
        Level::Info | Level::Warning => verbosity > Verbosity::Quiet,
    }
}

/// Whether a step of the project is shown: like other steps, but one that was left alone is told
/// too.
pub(super) fn shows_did(did: &Did, verbosity: Verbosity) -> bool {
    verbosity > Verbosity::Quiet || did.outcome == Outcome::Failed
}
