//! The four sources. Each can be *probed* (what would it give?) and, but for the build, *taken* into an empty folder; both
//! go through the same conditions, so that a probe says what taking comes to, as far as that can be told without the bytes.
//!
//! A build is not taken here: it has its own limits and needs, so the search only says that it is its turn.

mod build;
pub mod cache;
mod managed;
pub mod original;

use camino::Utf8Path;

use larder_core::error::Result;
use larder_core::formats::LockLine;
use larder_core::model::{Outcome, SourceKind};

use super::availability::Availability;
use super::request::Request;
use crate::cache::Entry;

pub use managed::{Managed, anywhere};

/// What a source would give.
#[derive(Clone, Debug)]
pub struct Offer {
    /// What it has, in words.
    pub answer: String,
}

/// What a source gave: the artifact's files stand, verified, in the folder.
pub struct Taken {
    /// The artifact and what is known of it.
    pub entry: Entry,
    /// The line that pins it, where the lock is to have one.
    pub line: Option<LockLine>,
    /// How it came.
    pub outcome: Outcome,
    /// Bytes moved.
    pub bytes: u64,
    /// Where from.
    pub place: String,
}

/// Asks a source what it would give; changes nothing.
pub fn probe(request: &Request<'_>, source: SourceKind) -> Result<Availability<Offer>> {
    match source {
        SourceKind::Cache => cache::probe(request),
        SourceKind::Managed => managed::probe(request),
        SourceKind::Original => original::probe(request),
        SourceKind::Build => Ok(build::probe(request)),
    }
}

/// Where a build was chosen: whether what it would be built from can be had.
pub fn probe_build(request: &Request<'_>, source: SourceKind) -> Result<()> {
    match source {
        SourceKind::Build => build::probe_source(request),
        SourceKind::Cache | SourceKind::Managed | SourceKind::Original => Ok(()),
    }
}

/// Takes what a source has into an existing, empty folder; `Have(None)` where it is to be built.
pub fn take(
    request: &Request<'_>,
    source: SourceKind,
    into: &Utf8Path,
) -> Result<Availability<Option<Taken>>> {
    let taken = match source {
        SourceKind::Cache => cache::take(request, into)?,
        SourceKind::Managed => managed::take(request, into)?,
        SourceKind::Original => original::take(request, into, original::Pins::Lock)?,
        SourceKind::Build => return Ok(build::possible(request).map(|()| None)),
    };
    Ok(taken.map(Some))
}
