//! Counts the steps of all lines of `ci:`, or of all needs of a task, so that the outer command can
//! print one summary.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::Global;
use crate::report;
use larder_core::error::{Error, Result};
use larder_core::model::Outcome;

/// The counts of all steps of a run of command lines. Clones share the same counts.
#[derive(Clone, Debug, Default)]
pub struct Counts(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    counts: BTreeMap<Outcome, usize>,
    error: Option<Error>,
}

impl Counts {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a step.
    pub fn count(&self, outcome: Outcome) {
        self.add(&BTreeMap::from([(outcome, 1)]));
    }

    /// Counts the steps of a line.
    pub fn add(&self, counts: &BTreeMap<Outcome, usize>) {
        let mut inner = self.inner();
        for (outcome, count) in counts {
            *inner.counts.entry(*outcome).or_default() += count;
        }
    }

    /// Keeps the first error that ended a line outside of its steps.
    pub fn keep(&self, error: &Error) {
        self.inner().error.get_or_insert_with(|| error.clone());
    }

    /// Removes and returns the error that was kept.
    pub fn take_error(&self) -> Option<Error> {
        self.inner().error.take()
    }

    /// Ends the command that runs the lines. With `--json` it prints the summary of all lines last,
    /// unless the command is itself a line of another command.
    pub fn end(
        &self,
        global: &Global,
        started: Instant,
        ended: Result<ExitCode>,
    ) -> Result<ExitCode> {
        if !global.json || global.parent_counts.is_some() {
            return ended;
        }
        let code = match ended {
            Ok(code) => code,
            Err(error) => {
                super::show_message(&error, global);
                self.keep(&error);
                ExitCode::from(error.kind().exit_code())
            }
        };
        let Inner { counts, error } = &*self.inner();
        let line = report::summary_line(
            code == ExitCode::SUCCESS,
            counts,
            started.elapsed().as_secs_f64(),
            error.as_ref(),
            &global.redactor(),
        );
        match report::print_data(&(line + "\n")) {
            Err(error) if code == ExitCode::SUCCESS => Err(error),
            // The failure of the lines decides the exit code.
            _ => Ok(code),
        }
    }
}
