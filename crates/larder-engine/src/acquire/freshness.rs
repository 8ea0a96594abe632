//! Whether what is installed is up to date: by the state's record, or by reading and hashing. Knows no source, and changes
//! nothing.
//!
//! Installed files are up to date if their stamp is of accepted inputs and they are the files that the stamp names. The
//! record of an earlier run spares the reading: files that look as they did then (size, times, inode) are what they were.
//! Any doubt means reading.

use larder_core::error::Result;
use larder_core::formats::PinKind;
use larder_core::model::{Artifact, Origin};

use super::request::Request;
use crate::installed::{Bin, Watched};
use crate::lock;

/// What there is of a target.
#[derive(Clone, Debug)]
pub enum Freshness {
    /// It is installed and right.
    UpToDate {
        /// What is installed.
        artifact: Artifact,
        /// What has to look the same for it to stay so.
        watched: Vec<Watched>,
        /// It was read and hashed, not only recorded.
        read: bool,
    },
    /// It has to be acquired.
    Stale(Stale),
}

/// Why something has to be acquired.
#[derive(Clone, Debug)]
pub struct Stale {
    /// What is installed, by its stamp.
    pub found: Option<Artifact>,
    /// Which of the reasons it is.
    pub cause: Cause,
    /// In words.
    pub reason: String,
}

/// The reasons for which something has to be acquired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// There is nothing, or nothing with a valid stamp.
    NotInstalled,
    /// Another version is installed.
    OtherVersion,
    /// The recipe or a source changed, and the version did not.
    Changed,
    /// The files are not what their stamp says.
    Damaged,
    /// `--reinstall` or `--rebuild`.
    AskedFor,
}

/// By the record if that says enough, else by reading.
pub fn look(request: &Request<'_>, bin: &Bin) -> Result<Freshness> {
    match recorded(request, bin)? {
        Some(fresh) => Ok(fresh),
        None => read(request, bin),
    }
}

/// Up to date by the state's record alone: no hashing, no opening of binaries.
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
    let Some(record) = record.filter(|record| record.watched.iter().all(Watched::holds)) else {
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

/// Up to date by reading and hashing, whatever was recorded before; else the reason why not.
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
            let reason = format!("`{}` changed but is still {version}", target.name);
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

/// The installed artifact by its stamp. A stamp whose version is not that of its inputs is damaged.
pub fn stamped(request: &Request<'_>, bin: &Bin) -> Result<Option<Artifact>> {
    let is_right = |artifact: &Artifact| {
        let inputs = request.wanted.of(artifact.origin);
        let Some(inputs) = inputs.filter(|inputs| inputs.digest == artifact.inputs) else {
            return true;
        };
        let version = inputs.fields.iter().find(|(field, _)| field == "version");
        version.is_none_or(|(_, version)| version == artifact.version.as_str())
    };
    Ok(bin.stamped()?.filter(is_right))
}

/// `--locked`: what is installed of a publisher has its line.
fn check_locked(request: &Request<'_>, artifact: &Artifact) -> Result<()> {
    let has_line = |kind| request.pin(artifact.origin, kind).is_some();
    if !request.run.options.locked
        || artifact.origin == Origin::Build
        || has_line(PinKind::Upstream)
        || has_line(PinKind::Asset)
    {
        return Ok(());
    }
    Err(lock::lacks_line(request.target))
}
