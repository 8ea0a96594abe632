//! `ensure`: installs and verifies the targets of a plan, or runs a dry run of this.

pub mod dry_run;
mod work;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::acquire::Done;
use crate::build;
use crate::context::Context;
use crate::events::Level;
use crate::init::restore_schemas;
use crate::plan::{Plan, Platforms, Selection};
use crate::runner::{self, Limits, Work as _};
use larder_core::error::Error;
use larder_core::model::{Action, Target};

pub use work::Ensure;

/// The result of a run.
#[derive(Debug, Default)]
pub struct Ensured {
    /// The targets that are now installed and verified.
    pub done: BTreeMap<Target, Done>,
    /// Every failure. Each has been reported as an event already.
    pub errors: Vec<Error>,
}

impl From<Vec<Error>> for Ensured {
    /// The result of a command that ensures no target.
    fn from(errors: Vec<Error>) -> Self {
        Self {
            done: BTreeMap::new(),
            errors,
        }
    }
}

/// Ensures the selected targets and their needs. With `dry_run` it only reports what would be done.
pub fn ensure_selected(
    ctx: &Arc<Context>,
    selection: &Selection,
    platforms: &Platforms,
    limits: Limits,
) -> Ensured {
    if ctx.project.subsystems.is_empty() {
        let text = "nothing to do: versions.yml has no subsystems; `larder add` adds one";
        ctx.events.note(None, Level::Info, text);
    }
    let plan = Plan::new(&ctx.project, selection, platforms);
    let known = plan.known_goals(&ctx.project);
    ctx.events
        .started(Action::Ensure, plan.goals().len(), known);
    let ensured = ensure(ctx, &plan, limits);
    if !ctx.options.dry_run {
        restore_schemas(&ctx.project.root);
    }
    ensured
}

/// Ensures the targets of a plan. With `dry_run` it only reports what would be done.
pub fn ensure(ctx: &Arc<Context>, plan: &Plan, limits: Limits) -> Ensured {
    let ensure = Arc::new(Ensure::new(Arc::clone(ctx)));
    for (target, reason) in plan.skipped() {
        ensure.skipped(target, reason);
    }
    if ctx.options.dry_run {
        let results = dry_run::dry_run(ctx, plan, limits);
        let errors = results
            .iter()
            .filter_map(|result| ensure.report_dry_run(result))
            .collect();
        return Ensured {
            done: ensure.done(),
            errors,
        };
    }
    let remove_abandoned = || {
        // A failure is ignored: a folder that stays costs only disk space.
        let _ = build::remove_abandoned(ctx);
    };
    remove_abandoned();
    ctx.events.record_plan(plan);
    let work: Arc<dyn runner::Work> = ensure.clone();
    let remote = ctx.settings.executor.as_ref();
    let limits = Limits {
        remote: remote.map_or(0, |settings| settings.jobs.get()),
        ..limits
    };
    let ended = runner::run(plan, &work, limits, &ctx.runtime, &ctx.cancel);
    let mut errors: Vec<Error> = ended.errors.into_iter().map(|(_, error)| error).collect();
    errors.extend(ensure.release_errors());
    // Another process that this run waited for may have been killed, so clean up again.
    remove_abandoned();
    Ensured {
        done: ensure.done(),
        errors,
    }
}
