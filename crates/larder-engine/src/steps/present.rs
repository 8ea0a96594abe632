//! Whether what is installed is up to date: by the state's record, or by reading and hashing. Knows no source.

use super::context::Context;
use super::exclusive::{Exclusive, exclusive};
use super::locking;
use super::obtain::Done;
use crate::events::Level;
use crate::installed::{Bin, Watched};
use larder_core::error::Result;
use larder_core::formats::PinKind;
use larder_core::keys::Wanted;
use larder_core::model::{Artifact, Origin, Outcome, Target};

/// A target's lock in this project, and its installed set as seen by who holds it.
pub(super) struct Held {
    /// The installed set; shared where there is no lock.
    pub(super) bin: Bin,
    /// The lock.
    _lock: Exclusive,
}

/// Holds the target's lock in this project.
pub(super) fn hold(ctx: &Context, target: &Target) -> Result<Held> {
    let path = ctx
        .project
        .root
        .join(".larder/locks")
        .join(format!("{}-{}", target.name, target.platform));
    let lock = exclusive(&path, &ctx.cancel, |text| {
        ctx.events.note(Some(target), Level::Info, text);
    })?;
    let bin = ctx.bin(target);
    Ok(Held {
        bin: if lock.is_held() { bin } else { bin.shared() },
        _lock: lock,
    })
}

/// Up to date by the state's record alone: no hashing, no opening of binaries.
pub(super) fn recorded(ctx: &Context, target: &Target, wanted: &Wanted) -> Result<Option<Done>> {
    if ctx.options.reinstall || ctx.options.rebuild {
        return Ok(None);
    }
    let Some(record) = ctx
        .state
        .target(target.name.as_str(), &target.platform.to_string())
    else {
        return Ok(None);
    };
    if !record.watched.iter().all(Watched::holds) {
        return Ok(None);
    }
    let Some(artifact) = stamped(&ctx.bin(target), wanted)? else {
        return Ok(None);
    };
    let accepted =
        wanted.accepts(artifact.origin, &artifact.inputs) && artifact.digest() == record.artifact;
    if accepted {
        check_locked(ctx, target, wanted, &artifact)?;
    }
    Ok(accepted.then(|| up_to_date(artifact, record.watched.clone())))
}

/// `--locked`: what is installed of a publisher has its line.
fn check_locked(
    ctx: &Context,
    target: &Target,
    wanted: &Wanted,
    artifact: &Artifact,
) -> Result<()> {
    let has_line = |kind| {
        ctx.locking
            .pin(ctx, target, wanted, artifact.origin, kind)
            .is_some()
    };
    if !ctx.options.locked
        || artifact.origin == Origin::Build
        || has_line(PinKind::Upstream)
        || has_line(PinKind::Asset)
    {
        return Ok(());
    }
    Err(locking::unlocked(target))
}

pub(super) fn up_to_date(artifact: Artifact, watched: Vec<Watched>) -> Done {
    Done {
        outcome: Outcome::UpToDate,
        via: None,
        bytes: 0,
        place: None,
        reason: None,
        artifact,
        watched,
        log: None,
    }
}

/// The installed artifact by its stamp. A stamp whose version is not that of its inputs is damaged.
pub(super) fn stamped(bin: &Bin, wanted: &Wanted) -> Result<Option<Artifact>> {
    let version = |artifact: &Artifact| {
        let inputs = wanted
            .of(artifact.origin)
            .filter(|inputs| inputs.digest == artifact.inputs)?;
        inputs
            .fields
            .iter()
            .find(|(field, _)| field == "version")
            .map(|(_, version)| version == artifact.version.as_str())
    };
    Ok(bin
        .stamped()?
        .filter(|artifact| version(artifact) != Some(false)))
}

/// Up to date by reading and hashing, whatever was said of it before.
pub(super) fn present(bin: &Bin, wanted: &Wanted) -> Result<Option<Done>> {
    let Some(artifact) =
        stamped(bin, wanted)?.filter(|artifact| wanted.accepts(artifact.origin, &artifact.inputs))
    else {
        return Ok(None);
    };
    let watched = bin.watch(&artifact)?;
    Ok(if bin.damage(&artifact)?.is_none() {
        Some(up_to_date(artifact, watched))
    } else {
        None
    })
}

/// Up to date by reading and hashing; else the reason why not.
pub(super) fn installed(
    ctx: &Context,
    target: &Target,
    bin: &Bin,
    wanted: &Wanted,
) -> Result<Result<Done, String>> {
    if ctx.options.rebuild {
        return Ok(Err("--rebuild".into()));
    }
    let Some(artifact) = stamped(bin, wanted)? else {
        return Ok(Err("not installed".into()));
    };
    if !wanted.accepts(artifact.origin, &artifact.inputs) {
        return Ok(Err(not_accepted(ctx, target, &artifact)?));
    }
    if ctx.options.reinstall {
        return Ok(Err("--reinstall".into()));
    }
    let watched = bin.watch(&artifact)?;
    if let Some(damage) = bin.damage(&artifact)? {
        ctx.events
            .note(Some(target), Level::Warning, format!("{damage}; repairing"));
        return Ok(Err(format!("damaged: {damage}")));
    }
    check_locked(ctx, target, wanted, &artifact)?;
    bin.heal(&artifact)?;
    let again = bin.watch(&artifact)?;
    // Something moved while we read: the numbers are not recorded, the next run reads again.
    let watched = if again == watched {
        watched
    } else {
        Vec::new()
    };
    Ok(Ok(up_to_date(artifact, watched)))
}

/// Why an installed artifact is not what is wanted; a changed recipe under an unchanged version is said plainly.
fn not_accepted(ctx: &Context, target: &Target, found: &Artifact) -> Result<String> {
    let version = &ctx.subsystem(target)?.version;
    if found.version != *version {
        return Ok(format!("{} → {version}", found.version));
    }
    let text = format!("`{}` changed but is still {version}", target.name);
    // It names the subsystem itself.
    ctx.events.note(None, Level::Warning, text.clone());
    Ok(text)
}
