//! The totals of a run, counted from the events that were shown.

use std::collections::BTreeMap;

use larder_core::error::Kind;
use larder_core::model::{Action, Outcome};
use larder_engine::events::{Did, Finished, Summary};

/// The totals of a run.
#[derive(Clone, Debug)]
pub struct Totals {
    /// Whether nothing failed.
    pub ok: bool,
    /// The action of the run, if a `Started` event named it.
    pub action: Option<Action>,
    /// The number of steps by their outcome.
    pub counts: BTreeMap<Outcome, usize>,
    /// The steps that were not up to date, in the order in which they ended.
    pub finished: Vec<Finished>,
    /// The steps of the whole project.
    pub done: Vec<Did>,
    /// What the steps would have done that a dry run counts as skipped.
    pub would: BTreeMap<Outcome, usize>,
    /// How many failures only repeat another one: a version is not pinned because it could not be
    /// locked. People see one failure.
    pub repeated: usize,
    /// How many warnings were given.
    pub warnings: usize,
    /// Elapsed time in seconds.
    pub seconds: f64,
    /// The kind of the error that kept data from being written to stdout, if there was one.
    pub lost: Option<Kind>,
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            ok: true,
            action: None,
            counts: BTreeMap::new(),
            finished: Vec::new(),
            done: Vec::new(),
            would: BTreeMap::new(),
            repeated: 0,
            warnings: 0,
            seconds: 0.0,
            lost: None,
        }
    }
}

impl Totals {
    /// The totals of a run that found all of its targets up to date.
    pub fn all_up_to_date(count: usize, seconds: f64) -> Self {
        Self {
            action: Some(Action::Ensure),
            counts: BTreeMap::from([(Outcome::UpToDate, count)]),
            seconds,
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, finished: &Finished) {
        *self.counts.entry(finished.outcome).or_default() += 1;
        self.ok &= !failed(finished);
        if finished.dry_run && finished.outcome == Outcome::Skipped {
            self.would(finished.action);
        }
        if finished.outcome != Outcome::UpToDate || finished.error.is_some() {
            self.finished.push(finished.clone());
        }
    }

    pub(super) fn did(&mut self, did: &Did) {
        *self.counts.entry(did.outcome).or_default() += 1;
        self.ok &= did.outcome != Outcome::Failed;
        self.done.push(did.clone());
        if did.dry_run {
            self.would(did.action);
        }
        let is_its_lock = |f: &&Finished| {
            f.action == Action::Lock && f.target.name.as_str() == did.subject.as_str()
        };
        if did.action == Action::Bump
            && did.outcome == Outcome::Failed
            && self.failures().any(|f| is_its_lock(&f))
        {
            self.repeated += 1;
        }
    }

    fn would(&mut self, action: Action) {
        let outcome = match action {
            Action::Bump => Outcome::Bumped,
            Action::Bundle => Outcome::Packaged,
            Action::Clean => Outcome::Cleaned,
            _ => return,
        };
        *self.would.entry(outcome).or_default() += 1;
    }

    /// The counts for people: skipped steps of a dry run count as what they would do, and a failure
    /// is counted once.
    pub(super) fn for_people(&self) -> BTreeMap<Outcome, usize> {
        let mut counts = self.counts.clone();
        if let Some(failed) = counts.get_mut(&Outcome::Failed) {
            *failed -= self.repeated;
        }
        for (outcome, count) in &self.would {
            *counts.entry(*outcome).or_default() += count;
            if let Some(skipped) = counts.get_mut(&Outcome::Skipped) {
                *skipped = skipped.saturating_sub(*count);
            }
        }
        counts.retain(|_, count| *count > 0);
        counts
    }

    /// Adds the result and the time from the run's summary. The counts remain those of the steps
    /// that were shown.
    pub(super) fn finish(&mut self, summary: &Summary) {
        self.ok &= summary.ok;
        self.seconds = summary.seconds;
    }

    /// Whether anything was done, or failed.
    pub(super) fn has_rows(&self) -> bool {
        !self.finished.is_empty() || !self.done.is_empty()
    }

    /// The steps that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Finished> {
        self.finished.iter().filter(|f| failed(f))
    }

    /// Whether this was a dry run.
    pub fn is_dry_run(&self) -> bool {
        !self.would.is_empty() || self.finished.iter().any(|finished| finished.dry_run)
    }

    /// The number of steps that ended.
    pub fn steps(&self) -> usize {
        self.counts.values().sum::<usize>() - self.repeated
    }

    /// The kind of failure that decides the exit code, if any step failed or data was lost.
    pub fn worst(&self) -> Option<Kind> {
        let failures = self.failures().map(|f| {
            f.error
                .as_ref()
                .map_or(Kind::Failed, larder_core::Error::kind)
        });
        Kind::worst(failures.chain(self.lost))
    }
}

/// How long each step took, the slowest first, and how long all of them took one after the other.
pub fn slowest(totals: &Totals) -> Vec<String> {
    let mut steps: Vec<&Finished> = totals.finished.iter().collect();
    steps.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    let line = |seconds: f64, what: String| {
        format!("{:>10}  {what}", larder_core::human::seconds(seconds))
    };
    let mut lines: Vec<String> = steps
        .iter()
        .map(|step| {
            let what = format!(
                "{} {} {}",
                step.action.as_str(),
                step.target,
                step.outcome.as_str().replace('-', " ")
            );
            line(step.seconds, what)
        })
        .collect();
    if let (0, Some(count)) = (steps.len(), totals.counts.get(&Outcome::UpToDate)) {
        let what = larder_core::human::count(*count, "step");
        lines.push(format!("nothing was to be done: {what} up to date"));
        lines.push(line(totals.seconds, "the run".into()));
        return lines;
    }
    let all: f64 = steps.iter().map(|step| step.seconds).sum();
    lines.push(line(all, "all steps, one after the other".into()));
    lines.push(line(totals.seconds, "the run".into()));
    lines
}

/// Whether a step counts as failed.
pub(super) fn failed(finished: &Finished) -> bool {
    finished.outcome == Outcome::Failed || finished.error.is_some()
}
