//! `rollback`: switches to the set that was installed before.

use crate::acquire::lock_target;
use crate::context::Context;
use crate::events::Level;
use crate::plan::Targets;
use crate::runner::each::{StepReport, each};
use larder_core::error::{Error, Result};
use larder_core::model::{Action, Artifact, Outcome, Target};

/// Rolls back some targets. Returns every failure.
pub fn rollback_all(ctx: &Context, targets: &Targets) -> Vec<Error> {
    each(ctx, Action::Rollback, targets, None, |target| {
        let artifact = rollback(ctx, target)?;
        let pinned = &ctx.subsystem(target)?.version;
        let now = if artifact.version == *pinned {
            format!("another build of {pinned} is installed now")
        } else {
            format!(
                "{} is installed now; versions.yml still pins {pinned}",
                artifact.version
            )
        };
        ctx.events.note(Some(target), Level::Info, now.clone());
        Ok(StepReport {
            bytes: artifact.size(),
            reason: Some(now),
            version: Some(artifact.version),
            ..StepReport::new(Outcome::RolledBack)
        })
    })
}

/// Switches a target to its previous set; the current one becomes the previous.
fn rollback(ctx: &Context, target: &Target) -> Result<Artifact> {
    let held = lock_target(ctx, target)?;
    held.bin.rollback()?.ok_or_else(|| {
        Error::failed(format!("{target} has no previous set to roll back to"))
            .hint("only the set that was installed before the current one is kept")
            .hint(format!(
                "for another version, set it in versions.yml and run `larder ensure {}`",
                target.name
            ))
    })
}
