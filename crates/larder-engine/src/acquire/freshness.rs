//! Freshness: checks whether what is installed is up to date, from the state's record or by reading
//! and hashing. This module asks no source and changes nothing.
//!
//! Installed files are up to date if the inputs in their stamp are accepted and the files match the
//! stamp. The record of an earlier run makes reading unnecessary: a file with the same metadata
//! (size, times, inode) is taken as unchanged. In any doubt the files are read.

use larder_core::error::Result;
use larder_core::formats::PinKind;
use larder_core::model::{Artifact, Origin};

use super::request::Request;
use crate::installed::{Bin, Watched};
use crate::lock;

/// Whether what is installed of a target is up to date.
#[derive(Clone, Debug)]
pub enum Freshness {
    /// It is installed and verified.
    UpToDate {
        /// The installed artifact.
        artifact: Artifact,
        /// The file metadata that has to stay the same for it to remain up to date.
        watched: Vec<Watched>,
        /// Whether the files were read and hashed; `false` if only the record was compared.
        read: bool,
    },
    /// It has to be acquired.
    Stale(Stale),
}

/// Why something has to be acquired.
#[derive(Clone, Debug)]
pub struct Stale {
    /// The installed artifact, as its stamp describes it.
    pub found: Option<Artifact>,
    /// The kind of reason.
    pub cause: Cause,
    /// The reason as text.
    pub reason: String,
}

/// The reasons for which something has to be acquired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Nothing is installed, or its stamp is not valid.
    NotInstalled,
    /// Another version is installed.
    OtherVersion,
    /// The inputs (the recipe or the source code) changed, but the version did not.
    Changed,
    /// The files do not match their stamp.
    Damaged,
    /// The user asked for it with `--reinstall` or `--rebuild`.
    AskedFor,
}

/// Checks by the record if that is enough, else by reading.
pub fn check(request: &Request<'_>, bin: &Bin) -> Result<Freshness> {
    match recorded(request, bin)? {
        Some(fresh) => Ok(fresh),
        None => read(request, bin),
    }
}

/// Checks by the state's record alone, without opening or hashing the binaries. `None` means that
/// the record is not enough and the files have to be read.
pub fn recorded(request: &Request<'_>, bin: &Bin) -> Result<Option<Freshness>> {
    let Request {
        run,
        target,
        wanted,
        ..
    } = request;
    if run.options.reinstall || run.options.rebuild {
        return Ok(None);
    }
    let record = run
        .state
        .target(target.name.as_str(), &target.platform.to_string());
    let Some(record) = record.filter(|record| record.watched.iter().all(Watched::is_unchanged))
    else {
        return Ok(None);
    };
    let artifact = stamped(request, bin)?.filter(|artifact| {
        wanted.accepts(artifact.origin, &artifact.inputs) && artifact.digest() == record.artifact
    });
    let Some(artifact) = artifact else {
        return Ok(None);
    };
    check_locked(request, &artifact)?;
    Ok(Some(Freshness::UpToDate {
        artifact,
        watched: record.watched.clone(),
        read: false,
    }))
}

/// Checks by reading and hashing, and ignores the record.
pub fn read(request: &Request<'_>, bin: &Bin) -> Result<Freshness> {
    let Request {
        run,
        target,
        subsystem,
        wanted,
        ..
    } = request;
    let stale = |found: Option<Artifact>, cause: Cause, reason: String| {
        Ok(Freshness::Stale(Stale {
            found,
            cause,
            reason,
        }))
    };
    let found = stamped(request, bin)?;
    if run.options.rebuild {
        return stale(found, Cause::AskedFor, "--rebuild".into());
    }
    let Some(artifact) = found else {
        return stale(None, Cause::NotInstalled, "not installed".into());
    };
    if !wanted.accepts(artifact.origin, &artifact.inputs) {
        let version = &subsystem.version;
        return if artifact.version == *version {
            let reason = format!(
                "`{}`'s inputs changed but its version is still {version}",
                target.name
            );
            stale(Some(artifact), Cause::Changed, reason)
        } else {
            let reason = format!("{} → {version}", artifact.version);
            stale(Some(artifact), Cause::OtherVersion, reason)
        };
    }
    if run.options.reinstall {
        return stale(Some(artifact), Cause::AskedFor, "--reinstall".into());
    }
    let watched = bin.watch(&artifact)?;
    if let Some(damage) = bin.damage(&artifact)? {
        return stale(Some(artifact), Cause::Damaged, format!("damaged: {damage}"));
    }
    check_locked(request, &artifact)?;
    Ok(Freshness::UpToDate {
        artifact,
        watched,
        read: true,
    })
}

/// The installed artifact, as its stamp describes it. A stamp whose version differs from the
/// version in its inputs is damaged and counts as no stamp.
pub fn stamped(request: &Request<'_>, bin: &Bin) -> Result<Option<Artifact>> {
    let is_consistent = |artifact: &Artifact| {
        let inputs = request.wanted.of(artifact.origin);
        let Some(inputs) = inputs.filter(|inputs| inputs.digest == artifact.inputs) else {
            return true;
        };
        let version = inputs.fields.iter().find(|(field, _)| field == "version");
        version.is_none_or(|(_, version)| version == artifact.version.as_str())
    };
    Ok(bin.stamped()?.filter(is_consistent))
}

/// With `--locked`, an installed artifact that a publisher made must have a line in the lock.
fn check_locked(request: &Request<'_>, artifact: &Artifact) -> Result<()> {
    let has_line = |kind| request.pin(artifact.origin, kind).is_some();
    if !request.run.options.locked
        || artifact.origin == Origin::Build
        || has_line(PinKind::Upstream)
        || has_line(PinKind::Asset)
    {
        return Ok(());
    }
    Err(lock::missing_line(request.target))
}
