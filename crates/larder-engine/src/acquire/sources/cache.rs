//! The source `cache`: gives an artifact of accepted inputs from the local cache, if the project
//! may use it.

use camino::Utf8Path;

use larder_core::error::Result;
use larder_core::formats::{LockLine, PinKind};
use larder_core::model::{Origin, Outcome, SourceKind};

use super::{Offer, Taken};
use crate::acquire::admission::{self, Admitted, Candidate, Refusal};
use crate::acquire::availability::Availability;
use crate::acquire::request::Request;
use crate::cache::{Entry, Ignored, Restored, TakenFrom};
use crate::events::{Level, Phase};
use crate::lock;

const NOTHING: &str = "nothing for these inputs";
const DAMAGED: &str = "its copy is incomplete or damaged";
const SET_ASIDE: &str = "its copy was incomplete or damaged, and was set aside";

/// The entries that are admitted, in the order in which the project searches the origins. An entry
/// that a pin contradicts is passed over: another source may have what is pinned.
pub fn entries(request: &Request<'_>) -> Result<Vec<(Admitted, Entry)>> {
    let mut entries = Vec::new();
    for origin in request.origins() {
        let Some(inputs) = request.wanted.of(origin) else {
            continue;
        };
        let Some(entry) = request.run.cache.lookup(origin, &inputs.digest)? else {
            continue;
        };
        match admission::admit(request, Candidate::from(&entry)) {
            Ok(admitted) => entries.push((admitted, entry)),
            Err(Refusal::NoLine(error)) => return Err(error),
            Err(refusal) => {
                let text = format!(
                    "the cached artifact is not used: {}",
                    refusal.into_error(request)
                );
                request
                    .run
                    .events
                    .note(Some(request.target), Level::Detail, text);
            }
        }
    }
    Ok(entries)
}

/// What the cache would give. It reads and hashes the files, as taking them does.
pub fn probe(request: &Request<'_>) -> Result<Availability<Offer>> {
    let mut answer = NOTHING;
    for (_, entry) in entries(request)? {
        answer = DAMAGED;
        if request.run.cache.is_whole(&entry.artifact)? {
            return Ok(Availability::Have(Offer {
                answer: format!("has it ({})", entry.artifact.origin),
            }));
        }
    }
    let ignored = request.run.cache.ignored();
    let answer = ignored.map_or_else(|| answer.into(), Ignored::answer);
    Ok(Availability::Absent(answer))
}

/// Takes an artifact out of the cache.
pub fn take(request: &Request<'_>, into: &Utf8Path) -> Result<Availability<Taken>> {
    let mut answer = NOTHING;
    for (artifact, entry) in entries(request)? {
        answer = SET_ASIDE;
        if let Some(taken) = restore(request, artifact, entry, into)? {
            return Ok(Availability::Have(taken));
        }
    }
    Ok(Availability::Absent(answer.into()))
}

/// Restores one entry. If the cache lost or damaged one of its files, or this user can't read it, the result is `None` and the
/// folder is empty again.
pub fn restore(
    request: &Request<'_>,
    artifact: Admitted,
    entry: Entry,
    into: &Utf8Path,
) -> Result<Option<Taken>> {
    let Request { run, target, .. } = request;
    let size = entry.artifact.size();
    run.events.phase(target, Phase::Restoring, Some(size));
    let progress = |bytes| run.events.progress(target, bytes);
    match run.cache.restore(&entry.artifact, into, progress)? {
        Restored::Whole => {}
        other => {
            if other == Restored::Incomplete {
                let text = "the cached copy is incomplete or damaged; it was set aside";
                run.events.note(Some(target), Level::Warning, text);
            }
            crate::acquire::intake::clear_folder(into)?;
            return Ok(None);
        }
    }
    Ok(Some(Taken {
        line: lock_line(request, &entry),
        artifact,
        entry,
        outcome: Outcome::Restored,
        bytes: size,
        copies: None,
        place: run.cache.root().to_string(),
    }))
}

/// The line to add to the lock for an entry: an original from the cache needs a line like a
/// downloaded one.
pub fn lock_line(request: &Request<'_>, entry: &Entry) -> Option<LockLine> {
    let is_original =
        entry.artifact.origin == Origin::Original && entry.source == SourceKind::Original;
    if !is_original || request.pin(Origin::Original, PinKind::Upstream).is_some() {
        return None;
    }
    let TakenFrom { sha256, size, url } = entry.file.as_ref()?;
    Some(lock::line(
        &entry.artifact,
        PinKind::Upstream,
        *sha256,
        *size,
        url,
    ))
}
