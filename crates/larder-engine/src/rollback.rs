//! `rollback`: switches to the set that was installed before, if it may still be used: its inputs are
//! those of another version or recipe, so only what holds whatever the recipe says is checked.

use std::collections::BTreeSet;

use crate::acquire::admission::{self, Candidate, Evidence};
use crate::acquire::lock_target;
use crate::acquire::request::Request;
use crate::context::Context;
use crate::events::Level;
use crate::lock;
use crate::plan::Targets;
use crate::runner::each::{StepReport, each};
use crate::trust::yank;
use larder_core::error::{Error, Result};
use larder_core::formats::PinKind;
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
    let may_be_used = |artifact: &Artifact| check(ctx, target, artifact);
    held.bin.rollback(may_be_used)?.ok_or_else(|| {
        Error::failed(format!("{target} has no previous set to roll back to"))
            .hint("only the set that was installed before the current one is kept")
            .hint(format!(
                "for another version, set it in versions.yml and run `larder ensure {}`",
                target.name
            ))
    })
}

/// Whether the artifact of the previous set may still be used: its version was not yanked, no line of
/// the lock contradicts it, and somebody vouches for it whom the project accepts today.
fn check(ctx: &Context, target: &Target, artifact: &Artifact) -> Result<()> {
    let request = Request::new(ctx, target)?;
    yank::check_version(&request, &artifact.version)?;
    let digest = artifact.digest();
    for kind in [PinKind::Upstream, PinKind::Asset] {
        let pinned = ctx.lock.pin_of(artifact, kind).and_then(|pin| pin.artifact);
        if let Some(pinned) = pinned
            && pinned != digest
        {
            return Err(Error::integrity(format!(
                "the previous {target} ({}) is not what {} pins",
                artifact.version,
                lock::FILE
            ))
            .cause(format!(
                "{} says artifact {pinned}, this is {digest}",
                lock::FILE
            ))
            .hint(format!(
                "set the version in versions.yml and run `larder ensure {}`",
                target.name
            )));
        }
    }
    let entry = ctx
        .cache
        .lookup(artifact.origin, &artifact.inputs)?
        .filter(|entry| entry.artifact.digest() == digest);
    let candidate = Candidate {
        artifact,
        file: None,
        places: &BTreeSet::new(),
        evidence: entry.as_ref().map_or(Evidence::Unknown, Evidence::from),
    };
    admission::check_trust(&request, candidate).map(drop)
}
