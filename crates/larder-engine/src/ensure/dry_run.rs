//! The dry run: runs the same runner over the same plan, with work that only probes the sources.
//!
//! It follows the rules of a real run: a predicted build starts the targets that it needs, and a
//! predicted failure keeps other targets from starting.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::acquire::search::End;
use crate::acquire::{self, Probe};
use crate::context::Context;
use crate::plan::{Plan, TargetId};
use crate::runner::{Answer, Limits, Work, run};
use larder_core::error::{Error, Result};
use larder_core::model::{Name, Outcome, SourceKind, Target};

/// The predicted result for one target.
#[derive(Clone, Debug)]
pub struct DryRunResult {
    /// The target.
    pub target: Target,
    /// The result of the probe; `None` if the run would not have reached the target.
    pub probe: Option<Result<Probe>>,
    /// Why it would be skipped; `None` if it would not be.
    pub skipped: Option<String>,
    /// The builds that need it, if it was not selected itself.
    pub needed_by: BTreeSet<Name>,
}

impl DryRunResult {
    /// The outcome that is predicted for the target.
    pub fn outcome(&self) -> Outcome {
        if self.skipped.is_some() {
            return Outcome::Skipped;
        }
        match &self.probe {
            Some(Ok(probe)) => outcome(probe),
            Some(Err(_)) => Outcome::Failed,
            None => Outcome::Skipped,
        }
    }

    /// The source that would be used, if one would be.
    pub fn source(&self) -> Option<SourceKind> {
        let probe = self.probe.as_ref()?.as_ref().ok()?;
        probe.choice().filter(|_| self.skipped.is_none())
    }
}

/// Predicts the result for every target that a run would reach, sorted. Targets that do not exist
/// on the platform are left out.
pub fn dry_run(ctx: &Arc<Context>, plan: &Plan, limits: Limits) -> Vec<DryRunResult> {
    let recorder = Arc::new(DryRunWork {
        ctx: Arc::clone(ctx),
        results: Mutex::default(),
    });
    let work: Arc<dyn Work> = recorder.clone();
    run(plan, &work, limits, &ctx.runtime, &ctx.cancel);
    let mut results = std::mem::take(&mut *recorder.results());
    let mut needed_by: BTreeMap<TargetId, BTreeSet<Name>> = BTreeMap::new();
    for build in plan.ids() {
        let target = plan.target(build);
        let result = results.get(target);
        let source = result.and_then(DryRunResult::source);
        if matches!(source, Some(SourceKind::Build | SourceKind::RemoteCache)) {
            for need in plan.before_build(build).filter(|id| !plan.is_goal(*id)) {
                let names = needed_by.entry(need).or_default();
                names.insert(target.name.clone());
            }
        }
    }
    for (id, names) in needed_by {
        if let Some(result) = results.get_mut(plan.target(id)) {
            result.needed_by = names;
        }
    }
    results.into_values().collect()
}

fn outcome(probe: &Probe) -> Outcome {
    match &probe.end {
        None => Outcome::UpToDate,
        Some(End::Found(SourceKind::Cache, ())) => Outcome::Restored,
        Some(End::Found(
            SourceKind::Managed | SourceKind::Original | SourceKind::RemoteCache,
            (),
        )) => Outcome::Downloaded,
        Some(End::Found(SourceKind::Build, ())) => Outcome::Built,
        Some(End::NotFound | End::Stopped(_)) => Outcome::Failed,
    }
}

/// Work that probes and changes nothing.
struct DryRunWork {
    ctx: Arc<Context>,
    results: Mutex<BTreeMap<Target, DryRunResult>>,
}

impl DryRunWork {
    fn results(&self) -> std::sync::MutexGuard<'_, BTreeMap<Target, DryRunResult>> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, target: &Target, change: impl FnOnce(&mut DryRunResult)) {
        let mut results = self.results();
        change(
            results
                .entry(target.clone())
                .or_insert_with(|| DryRunResult {
                    target: target.clone(),
                    probe: None,
                    skipped: None,
                    needed_by: BTreeSet::new(),
                }),
        );
    }

    fn failure(&self, target: &Target, probe: &Probe) -> Option<Error> {
        probe.failure(&self.ctx, target)
    }
}

impl Work for DryRunWork {
    fn acquire(&self, target: &Target) -> Answer {
        let probe = acquire::probe(&self.ctx, target);
        let answer = match &probe {
            Err(error) => Answer::Failed(error.clone()),
            Ok(probe) => match (self.failure(target, probe), probe.choice()) {
                (Some(error), _) => Answer::Failed(error),
                (None, Some(SourceKind::Build | SourceKind::RemoteCache)) => {
                    Answer::MustBuild(probe.stale().map_or_else(String::new, |s| s.reason.clone()))
                }
                (None, _) => Answer::Done(outcome(probe)),
            },
        };
        self.note(target, |result| result.probe = Some(probe));
        answer
    }

    fn build(&self, _target: &Target, _reason: &str) -> Answer {
        Answer::Done(Outcome::Built)
    }

    fn skipped(&self, target: &Target, reason: &str) {
        self.note(target, |result| {
            result.skipped = Some(reason.to_owned());
        });
    }
}
