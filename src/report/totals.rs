//! What a run came to: counted from the very events that were shown.

use std::collections::BTreeMap;

use larder_core::error::Kind;
use larder_core::model::{Action, Outcome};
use larder_engine::events::{Did, Finished, Summary};

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Totals {
    /// Nothing failed.
    pub ok: bool,
    /// What the command does, where it said so.
    pub action: Option<Action>,
    /// How many steps ended how.
    pub counts: BTreeMap<Outcome, usize>,
    /// The steps that did something or failed to: all but the up-to-date ones, as they ended.
    pub finished: Vec<Finished>,
    /// How many warnings were given.
    pub warnings: usize,
    /// Wall time, seconds.
    pub seconds: f64,
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            ok: true,
            action: None,
            counts: BTreeMap::new(),
            finished: Vec::new(),
            warnings: 0,
            seconds: 0.0,
        }
    }
}

impl Totals {
    pub(super) fn add(&mut self, finished: &Finished) {
        *self.counts.entry(finished.outcome).or_default() += 1;
        self.ok &= !failed(finished);
        if finished.outcome != Outcome::UpToDate || finished.error.is_some() {
            self.finished.push(finished.clone());
        }
    }

    pub(super) fn did(&mut self, did: &Did) {
        *self.counts.entry(did.outcome).or_default() += 1;
        self.ok &= did.outcome != Outcome::Failed;
    }

    /// The run's own word on how it ended. Counts stay those of the steps that were shown.
    pub(super) fn finish(&mut self, summary: &Summary) {
        self.ok &= summary.ok;
        self.seconds = summary.seconds;
    }

    /// The steps that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Finished> {
        self.finished.iter().filter(|f| failed(f))
    }

    /// Whether steps only said what they would do.
    pub fn is_dry_run(&self) -> bool {
        self.finished.iter().any(|finished| finished.dry_run)
    }

    /// All steps that ended.
    pub fn steps(&self) -> usize {
        self.counts.values().sum()
    }

    /// The kind of failure that names the exit code, if any step failed.
    pub fn worst(&self) -> Option<Kind> {
        Kind::worst(self.failures().map(|f| {
            f.error
                .as_ref()
                .map_or(Kind::Failed, larder_core::Error::kind)
        }))
    }
}

/// Whether a step counts as failed.
pub(super) fn failed(finished: &Finished) -> bool {
    finished.outcome == Outcome::Failed || finished.error.is_some()
}
