//! Freshness: checks whether what is installed is up to date, from the state's record or by reading
//! and hashing. This module asks no source and changes nothing.
//!
//! Installed files are up to date if their stamp is admitted (accepted inputs, and no pin
//! contradicts the bytes) and the files match the stamp. The record of an earlier run makes reading unnecessary: a file with the same metadata
//! (size, times, inode) is taken as unchanged. In any doubt the files are read.

use std::collections::BTreeSet;

use larder_core::error::Result;
use larder_core::model::{Artifact, Origin};

use super::admission::{self, Admitted, Candidate, Evidence, Refusal, UnpackedFrom};
use super::request::Request;
use crate::cache::Entry;
use crate::installed::{Bin, TargetState, Watched};
use crate::trust::Vouched;

/// Whether what is installed of a target is up to date.
#[derive(Clone, Debug)]
pub enum Freshness {
    /// It is installed and verified.
    UpToDate(Installed),
    /// It has to be acquired.
    Stale(Stale),
}

/// An installed artifact that is up to date.
#[derive(Clone, Debug)]
pub struct Installed {
    /// The artifact.
    pub artifact: Admitted,
    /// The file that it was unpacked from, as far as that is known.
    pub file: Option<UnpackedFrom>,
    /// The file metadata that has to stay the same for it to remain up to date.
    pub watched: Vec<Watched>,
    /// Whether the files were read and hashed; `false` if only the record was compared.
    pub read: bool,
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
    /// A pin contradicts the installed bytes, or nothing shows that they are the pinned ones.
    Pinned,
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
    if run.options.reinstall || request.rebuilds() {
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
    match admit_installed(request, &artifact)? {
        Ok((artifact, file)) => Ok(Some(Freshness::UpToDate(Installed {
            artifact,
            file,
            watched: record.watched.clone(),
            read: false,
        }))),
        // Reading states the reason.
        Err(_) => Ok(None),
    }
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
    if request.rebuilds() {
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
    match admit_installed(request, &artifact)? {
        Ok((artifact, file)) => Ok(Freshness::UpToDate(Installed {
            artifact,
            file,
            watched,
            read: true,
        })),
        // Bytes that can't be shown to be the pinned ones are not wrong: they are acquired again. So are
        // those that nobody vouches for any more: a signature may have come with them elsewhere.
        Err(Refusal::Contradiction(error)) if run.options.locked => Err(error),
        Err(refusal) => {
            let error = refusal.into_error(request);
            stale(Some(artifact), Cause::Pinned, error.to_string())
        }
    }
}

/// The installed artifact, as its stamp describes it. A stamp that contradicts the inputs that it
/// names is damaged and counts as no stamp.
pub fn stamped(request: &Request<'_>, bin: &Bin) -> Result<Option<Artifact>> {
    let is_consistent = |artifact: &Artifact| {
        !request.wanted.accepts(artifact.origin, &artifact.inputs)
            || admission::check_claim(request, artifact).is_ok()
    };
    Ok(bin.stamped()?.filter(is_consistent))
}

/// Admits an installed artifact of accepted inputs, with the file that it was unpacked from. The
/// inner refusal says what contradicts it; the outer error ends the run.
pub fn admit_installed(
    request: &Request<'_>,
    artifact: &Artifact,
) -> Result<Result<(Admitted, Option<UnpackedFrom>), Refusal>> {
    let Request { run, target, .. } = request;
    let trust = &run.project.trust;
    let digest = artifact.digest();
    let record = run
        .state
        .target(target.name.as_str(), &target.platform.to_string())
        .filter(|record| record.artifact == digest);
    // What was built here came from no file, and the record says so.
    let knows_file =
        |record: &TargetState| record.file.is_some() || artifact.origin == Origin::Build;
    let knows_signer =
        |record: &TargetState| record.vouched != Vouched::Nobody || !trust.needs_signature;
    let entry = if record.is_some_and(|record| knows_file(record) && knows_signer(record)) {
        None
    } else {
        let entry = run.cache.lookup(artifact.origin, &artifact.inputs)?;
        entry.filter(|entry| entry.artifact.digest() == digest)
    };
    let file = match record {
        Some(record) if knows_file(record) => record.file,
        _ => entry.as_ref().and_then(Entry::unpacked_from),
    };
    let candidate = Candidate {
        artifact,
        file,
        // Where it came from was checked when it was installed.
        places: &BTreeSet::new(),
        evidence: match (record, &entry) {
            (Some(record), _) if record.vouched != Vouched::Nobody => {
                Evidence::Recorded(&record.vouched)
            }
            (_, Some(entry)) => Evidence::from(entry),
            (Some(record), None) => Evidence::Recorded(&record.vouched),
            (None, None) => Evidence::Unknown,
        },
    };
    match admission::admit(request, candidate) {
        Ok(admitted) => Ok(Ok((admitted, file))),
        Err(Refusal::NoLine(error)) => Err(error),
        Err(refusal) => Ok(Err(refusal)),
    }
}
