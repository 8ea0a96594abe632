//! `ensure`: a plan's targets made present and right, or a dry run of it.

pub mod dry_run;
mod work;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::acquire::Done;
use crate::build;
use crate::context::Context;
use crate::events::Event;
use crate::init::restore_schemas;
use crate::plan::{Plan, Platforms, Selection};
use crate::runner::{self, Limits, Work as _};
use larder_core::error::Error;
use larder_core::model::{Action, Target};

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

/// Ensures what is selected, needs included, or with `dry_run` tells what would become of it.
pub fn ensure_selected(
    ctx: &Arc<Context>,
    selection: &Selection,
    platforms: &Platforms,
    limits: Limits,
) -> Ensured {
    let plan = Plan::new(&ctx.project, selection, platforms);
    ctx.events.send(Event::Started {
        action: Action::Ensure,
        steps: plan.goals().len(),
    });
    let ensured = ensure(ctx, &plan, limits);
    if !ctx.options.dry_run {
        restore_schemas(&ctx.project.root);
    }
    ensured
}

/// Ensures the targets of a plan, or with `dry_run` tells what would become of them.
pub fn ensure(ctx: &Arc<Context>, plan: &Plan, limits: Limits) -> Ensured {
    let ensure = Arc::new(Ensure::new(Arc::clone(ctx)));
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
