//! The four sources. Each can be *probed* (what would it give?). Each except the build can also be
//! *taken* from, into an empty folder. Both check the same conditions, so that a probe predicts the
//! result of taking, as far as this is possible without reading the bytes.
//!
//! The build is not run here: it has its own limits and needs, so the search only reports that the
//! target has to be built. The cache of an executor is asked right before the commands of a build
//! would run, because only the source and the needs say which result is wanted.

mod build;
pub mod cache;
mod described;
mod expectation;
pub(crate) mod launcher;
mod managed;
pub mod original;
pub mod several;

use camino::Utf8Path;

use larder_core::archive::Destination;
use larder_core::error::Result;
use larder_core::formats::LockLine;
use larder_core::model::{Outcome, SourceKind};
use larder_core::staging::StagedDir;

use super::admission::Admitted;
use super::availability::Availability;
use super::intake;
use super::request::Request;
use crate::cache::Entry;

pub use described::admit_sidecar;
pub use managed::ManagedAsset;

/// What a source would give.
#[derive(Clone, Debug)]
pub struct Offer {
    /// What it has, as text for people.
    pub answer: String,
}

/// What a source gave. The artifact's files are in the folder, and they are verified.
pub struct Taken {
    /// The artifact, admitted for the target.
    pub artifact: Admitted,
    /// The artifact as an entry for the cache.
    pub entry: Entry,
    /// The line that pins it, if it should be added to the lock.
    pub line: Option<LockLine>,
    /// Whether it was restored or downloaded.
    pub outcome: Outcome,
    /// The number of bytes transferred.
    pub bytes: u64,
    /// The place they came from, for messages.
    pub place: String,
    /// A folder with second copies of large files, for the cache.
    pub copies: Option<StagedDir>,
}

/// The destination of files that are unpacked into a folder to be installed.
fn kept<'a>(folder: &'a Utf8Path, copies: Option<&'a StagedDir>) -> Destination<'a> {
    Destination {
        folder,
        copies: copies.map(StagedDir::path),
        durable: true,
    }
}

/// Asks a source what it would give. Changes nothing.
pub fn probe(request: &Request<'_>, source: SourceKind) -> Result<Availability<Offer>> {
    match source {
        SourceKind::Cache => cache::probe(request),
        SourceKind::Managed => several::ask(request, managed::probe),
        SourceKind::Original => original::probe(request),
        SourceKind::Build => Ok(build::probe(request)),
        SourceKind::RemoteCache => Ok(build::probe_remote_cache(request)),
    }
}

/// If the build was chosen, checks that its source code is available.
pub fn probe_build(request: &Request<'_>, source: SourceKind) -> Result<()> {
    match source {
        SourceKind::Build | SourceKind::RemoteCache => build::probe_source(request),
        SourceKind::Cache | SourceKind::Managed | SourceKind::Original => Ok(()),
    }
}

/// Takes what a source has into an existing, empty folder. `Have(None)` means that the target has
/// to be built.
pub fn take(
    request: &Request<'_>,
    source: SourceKind,
    into: &Utf8Path,
) -> Result<Availability<Option<Taken>>> {
    let taken = match source {
        SourceKind::Cache => cache::take(request, into)?,
        SourceKind::Managed => {
            let mut is_used = false;
            several::ask(request, |request| {
                if std::mem::replace(&mut is_used, true) {
                    // The hub before this one may have broken off.
                    intake::clear_folder(into)?;
                }
                managed::take(request, into)
            })?
        }
        SourceKind::Original => original::take(request, into)?,
        SourceKind::Build => return Ok(build::possible(request).map(|()| None)),
        SourceKind::RemoteCache => return Ok(build::probe_remote_cache(request).map(|_| None)),
    };
    Ok(taken.map(Some))
}
