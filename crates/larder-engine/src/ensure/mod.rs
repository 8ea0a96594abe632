//! `ensure`: a plan's targets made present and right, or a dry run of it.

pub mod dry_run;
mod work;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::acquire::Done;
use crate::build;
use crate::context::Context;
use crate::plan::Plan;
use crate::release::upload::UploadDecision;
use crate::runner::{self, Limits, Work as _};
use larder_core::error::Error;
use larder_core::model::Target;

pub use work::Ensure;

/// What a run left behind.
#[derive(Debug, Default)]
pub struct Ensured {
    /// What is present and right now.
    pub done: BTreeMap<Target, Done>,
    /// Every failure; each has been told already.
    pub errors: Vec<Error>,
}

impl From<Vec<Error>> for Ensured {
    /// Of a command that ensures nothing.
    fn from(errors: Vec<Error>) -> Self {
        Self {
            done: BTreeMap::new(),
            errors,
        }
    }
}

/// Ensures the targets of a plan, or with `dry_run` tells what would become of them. `upload`: what happens after a build.
pub fn ensure(ctx: &Arc<Context>, plan: &Plan, limits: Limits, upload: UploadDecision) -> Ensured {
    let ensure = Arc::new(Ensure::new(Arc::clone(ctx), upload));
    for (target, reason) in plan.skipped() {
        ensure.skipped(target, reason);
    }
    if ctx.options.dry_run {
        let foreseen = dry_run::dry_run(ctx, plan, limits);
        let errors = foreseen
            .iter()
            .filter_map(|foreseen| ensure.foreseen(foreseen))
            .collect();
        return Ensured {
            done: ensure.done(),
            errors,
        };
    }
    let sweep = || {
        // What can't be removed is only litter.
        let _ = build::sweep(ctx);
    };
    sweep();
    let work: Arc<dyn runner::Work> = ensure.clone();
    let ended = runner::run(plan, &work, limits, &ctx.runtime, &ctx.cancel);
    let mut errors: Vec<Error> = ended.errors.into_iter().map(|(_, error)| error).collect();
    errors.extend(ensure.late_errors());
    // Once more: whoever was waited for may have been killed.
    sweep();
    Ensured {
        done: ensure.done(),
        errors,
    }
}
