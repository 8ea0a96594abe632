//! The views of a run, one for each kind of reader. All views get the same events.

use std::time::Duration;

use super::mode::Verbosity;
use super::totals::Totals;
use larder_core::error::Error;
use larder_core::model::Outcome;
use larder_engine::events::{Did, Event, Level};

mod github_actions;
mod json;
mod live;
mod plain;
mod step_summary;
mod terminal;

pub(super) use github_actions::{GitHubActions, Nested};
pub use github_actions::{annotations, escape_data, warning_annotation};
pub use json::{DidLine, FinishedLine, SummaryLine, failure_line, summary_line};
pub(super) use json::{Json, did_line};
pub(super) use plain::Plain;
pub use step_summary::summarise;
#[cfg(test)]
pub(super) use terminal::Screen;
pub(super) use terminal::{Stderr, Terminal};

/// A view shows events. All times are since the start of the run.
pub(in crate::report) trait View: Send {
    /// Shows an event.
    fn event(&mut self, event: &Event, now: Duration);
    /// Updates what depends on the time. Called regularly.
    fn tick(&mut self, _now: Duration) {}
    /// Writes buffered output. Called when no event is waiting.
    fn flush(&mut self) {}
    /// Shows the summary and the failures at the end of the run.
    fn close(&mut self, totals: &Totals);
    /// The error of data that could not be written, after [`View::close`] has shown it.
    fn lost(&self) -> Option<&Error> {
        None
    }
}

/// Whether a note is shown.
pub(super) fn shows_note(level: Level, verbosity: Verbosity) -> bool {
    match level {
        Level::Detail => verbosity >= Verbosity::Verbose,
        Level::Info | Level::Warning => verbosity > Verbosity::Quiet,
    }
}

/// Whether a step of the whole project is shown. Unlike other steps, it is shown even if it was up
/// to date.
pub(super) fn shows_did(did: &Did, verbosity: Verbosity) -> bool {
    verbosity > Verbosity::Quiet || did.outcome == Outcome::Failed
}
