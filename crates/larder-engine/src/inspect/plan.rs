//! `plan`: shows what `ensure` would do now.

use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::acquire::Probe;
use crate::context::Context;
use crate::ensure::dry_run::{DryRunResult, dry_run};
use crate::plan::{Plan, Platforms, Selection};
use crate::runner::Limits;
use larder_core::error::{Error, Result};
use larder_core::formats::documents::{Decision, PlanDocument, PlanStep};
use larder_core::model::Target;

/// The decision for each target of a plan, including needs. Also returns an error for every target without a decision.
pub fn document(
    ctx: &Arc<Context>,
    selection: &Selection,
    platforms: &Platforms,
) -> Result<(PlanDocument, Vec<Error>)> {
    let plan = Plan::new(&ctx.project, selection, platforms);
    let mut errors: Vec<Error> = Vec::new();
    let mut steps = Vec::new();
    for (target, reason) in plan.skipped() {
        let mut step = step(ctx, target)?;
        (step.decision, step.reason) = (Decision::Skip, Some(reason.clone()));
        steps.push(step);
    }
    // Nothing is built, so the number of jobs needs no limit. After a failure the run goes on, so that all are reported.
    let limits = Limits {
        jobs: Some(NonZeroUsize::MAX),
        keep_going: true,
        ..Limits::default()
    };
    for foreseen in dry_run(ctx, &plan, limits) {
        let (step, error) = of(ctx, foreseen)?;
        steps.push(step);
        errors.extend(error);
    }
    steps.sort_by(|a, b| (&a.name, a.platform).cmp(&(&b.name, b.platform)));
    let up_to_date = steps
        .iter()
        .all(|step| matches!(step.decision, Decision::UpToDate | Decision::Skip));
    Ok((PlanDocument { up_to_date, steps }, errors))
}

/// What `ensure` would do with a target.
pub(super) fn decision(probe: &Probe) -> Decision {
    match (probe.stale(), probe.choice()) {
        (None, _) => Decision::UpToDate,
        (Some(_), Some(source)) => Decision::of(source),
        (Some(_), None) => Decision::Fail,
    }
}

fn step(ctx: &Context, target: &Target) -> Result<PlanStep> {
    Ok(PlanStep {
        name: target.name.clone(),
        version: ctx.subsystem(target)?.version.clone(),
        platform: target.platform,
        decision: Decision::UpToDate,
        source: None,
        reason: None,
        answer: None,
        needed_by: Vec::new(),
    })
}

/// The step of one target, and an error if it could not be determined.
fn of(ctx: &Context, foreseen: DryRunResult) -> Result<(PlanStep, Option<Error>)> {
    let mut step = step(ctx, &foreseen.target)?;
    step.source = foreseen.source();
    let DryRunResult {
        target,
        probe,
        skipped,
        needed_by,
    } = foreseen;
    step.needed_by = needed_by.into_iter().collect();
    Ok(match probe {
        Some(Ok(probe)) => {
            let last = probe.attempts.last();
            step.decision = decision(&probe);
            step.reason = probe.stale().map(|stale| stale.reason.clone());
            step.answer = probe
                .stopped()
                .map(Error::to_string)
                .or(last.map(|attempt| attempt.answer.clone()));
            if let Some(reason) = skipped {
                (step.decision, step.reason) = (Decision::Skip, Some(reason));
            }
            (step, None)
        }
        Some(Err(error)) => {
            step.decision = Decision::Fail;
            step.reason = Some(error.to_string());
            let error = error.context(format!(
                "can't determine what `ensure` would do with {target}"
            ));
            (step, Some(error))
        }
        None => {
            (step.decision, step.reason) = (Decision::Skip, skipped);
            (step, None)
        }
    })
}
