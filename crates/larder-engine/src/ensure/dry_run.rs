//! What a run would come to: the same runner over the same plan, with work that probes where `ensure` acts.
//!
//! A build that is foreseen wakes what it needs, as a build that happens does; a target that fails keeps others from
//! starting, as it would.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::acquire::search::End;
use crate::acquire::{self, Probe};
use crate::context::Context;
use crate::plan::Plan;
use crate::runner::{Answer, Limits, Work, run};
use larder_core::error::{Error, Result};
use larder_core::model::{Name, Outcome, SourceKind, Target};

/// A target of a run that did not happen.
#[derive(Clone, Debug)]
pub struct Foreseen {
    /// Which.
    pub target: Target,
    /// What was found out; `None` where the run would not have come to it.
    pub probe: Option<Result<Probe>>,
    /// Why it would be skipped, if it would be.
    pub skipped: Option<String>,
    /// The builds that need it, where nothing else does.
    pub needed_by: BTreeSet<Name>,
}

impl Foreseen {
    /// How the target would end.
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

    /// The source that would be used, if it comes to that.
    pub fn source(&self) -> Option<SourceKind> {
        let probe = self.probe.as_ref()?.as_ref().ok()?;
        probe.choice().filter(|_| self.skipped.is_none())
    }
}

/// Foresees every target that a run would come to, sorted; targets that do not exist are left out.
pub fn dry_run(ctx: &Arc<Context>, plan: &Plan, limits: Limits) -> Vec<Foreseen> {
    let probing = Arc::new(Probing {
        ctx: Arc::clone(ctx),
        seen: Mutex::default(),
    });
    let work: Arc<dyn Work> = probing.clone();
    run(plan, &work, limits, &ctx.runtime, &ctx.cancel);
    let mut seen = std::mem::take(&mut *probing.seen());
    for id in plan.ids().into_iter().filter(|id| !plan.is_goal(*id)) {
        let builds = plan.ids().into_iter().filter(|build| {
            let foreseen = seen.get(plan.target(*build));
            foreseen.is_some_and(|foreseen| foreseen.source() == Some(SourceKind::Build))
                && plan.before_build(*build).contains(&id)
        });
        let names: BTreeSet<Name> = builds
            .map(|build| plan.target(build).name.clone())
            .collect();
        if let Some(foreseen) = seen.get_mut(plan.target(id)) {
            foreseen.needed_by = names;
        }
    }
    seen.into_values().collect()
}

fn outcome(probe: &Probe) -> Outcome {
    match &probe.end {
        None => Outcome::UpToDate,
        Some(End::Found(SourceKind::Cache, ())) => Outcome::Restored,
        Some(End::Found(SourceKind::Managed | SourceKind::Original, ())) => Outcome::Downloaded,
        Some(End::Found(SourceKind::Build, ())) => Outcome::Built,
        Some(End::NotFound | End::Stopped(_)) => Outcome::Failed,
    }
}

/// Work that only looks.
struct Probing {
    ctx: Arc<Context>,
    seen: Mutex<BTreeMap<Target, Foreseen>>,
}

impl Probing {
    fn seen(&self) -> std::sync::MutexGuard<'_, BTreeMap<Target, Foreseen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, target: &Target, change: impl FnOnce(&mut Foreseen)) {
        let mut seen = self.seen();
        change(seen.entry(target.clone()).or_insert_with(|| Foreseen {
            target: target.clone(),
            probe: None,
            skipped: None,
            needed_by: BTreeSet::new(),
        }));
    }

    fn failure(&self, target: &Target, probe: &Probe) -> Option<Error> {
        probe.failure(&self.ctx, target)
    }
}

impl Work for Probing {
    fn acquire(&self, target: &Target) -> Answer {
        let probe = acquire::probe(&self.ctx, target);
        let answer = match &probe {
            Err(error) => Answer::Failed(error.clone()),
            Ok(probe) => match (self.failure(target, probe), probe.choice()) {
                (Some(error), _) => Answer::Failed(error),
                (None, Some(SourceKind::Build)) => {
                    Answer::MustBuild(probe.stale().map_or_else(String::new, |s| s.reason.clone()))
                }
                (None, _) => Answer::Done(outcome(probe)),
            },
        };
        self.note(target, |foreseen| foreseen.probe = Some(probe));
        answer
    }

    fn build(&self, _target: &Target, _reason: &str) -> Answer {
        Answer::Done(Outcome::Built)
    }

    fn skipped(&self, target: &Target, reason: &str) {
        self.note(target, |foreseen| {
            foreseen.skipped = Some(reason.to_owned());
        });
    }
}
