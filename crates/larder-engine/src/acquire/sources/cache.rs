//! The source `cache`: gives an artifact of accepted inputs from the local cache, if the project
//! may use it.

use camino::Utf8Path;

use larder_core::error::Result;
use larder_core::formats::{LockLine, PinKind};
use larder_core::model::{Origin, Outcome, SourceKind};

use super::{Offer, Taken};
use crate::acquire::availability::Availability;
use crate::acquire::request::Request;
use crate::cache::{Entry, TakenFrom};
use crate::events::{Level, Phase};
use crate::lock;

const NOTHING: &str = "nothing for these inputs";

/// The entries that the project may use, in the order in which it searches the origins.
pub fn entries(request: &Request<'_>) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for origin in request.origins() {
        let Some(inputs) = request.wanted.of(origin) else {
            continue;
        };
        let entry = request.run.cache.lookup(origin, &inputs.digest)?;
        entries.extend(entry.filter(|entry| may_serve(request, entry)));
    }
    Ok(entries)
}

/// What the cache would give. It reads and hashes the files, as taking them does.
pub fn probe(request: &Request<'_>) -> Result<Availability<Offer>> {
    for entry in entries(request)? {
        lock_line(request, &entry)?;
        if request.run.cache.is_whole(&entry.artifact)? {
            return Ok(Availability::Have(Offer {
                answer: format!("has it ({})", entry.artifact.origin),
            }));
        }
    }
    Ok(Availability::Absent(NOTHING.into()))
}

/// Takes an artifact out of the cache.
pub fn take(request: &Request<'_>, into: &Utf8Path) -> Result<Availability<Taken>> {
    for entry in entries(request)? {
        let line = lock_line(request, &entry)?;
        if let Some(taken) = restore(request, entry, into)? {
            return Ok(Availability::Have(Taken { line, ..taken }));
        }
    }
    Ok(Availability::Absent(NOTHING.into()))
}

/// Restores one entry. If the cache lost or damaged one of its files, the result is `None` and the
/// folder is empty again.
pub fn restore(request: &Request<'_>, entry: Entry, into: &Utf8Path) -> Result<Option<Taken>> {
    let Request { run, target, .. } = request;
    let size = entry.artifact.size();
    run.events.phase(target, Phase::Checking, Some(size));
    let progress = |bytes| run.events.progress(target, bytes);
    if !run.cache.restore(&entry.artifact, into, progress)? {
        let text = "the cached copy is incomplete or damaged; it was set aside";
        run.events.note(Some(target), Level::Warning, text);
        crate::acquire::intake::clear_folder(into)?;
        return Ok(None);
    }
    Ok(Some(Taken {
        entry,
        line: None,
        outcome: Outcome::Restored,
        bytes: size,
        place: run.cache.root().to_string(),
    }))
}

/// The line to add to the lock for an entry: an original from the cache needs a line like a
/// downloaded one. With `--locked` a missing line is an error.
pub fn lock_line(request: &Request<'_>, entry: &Entry) -> Result<Option<LockLine>> {
    let is_original =
        entry.artifact.origin == Origin::Original && entry.source == SourceKind::Original;
    if !is_original || request.pin(Origin::Original, PinKind::Upstream).is_some() {
        return Ok(None);
    }
    if request.run.options.locked {
        return Err(lock::missing_line(request.target));
    }
    Ok(entry.file.as_ref().map(|TakenFrom { sha256, size, url }| {
        lock::line(&entry.artifact, PinKind::Upstream, *sha256, *size, url)
    }))
}

/// Whether the project may use an entry. An entry that contradicts the lock is never used. An entry
/// from a hub is used only if the lock pins this artifact or if the project has the same hub.
fn may_serve(request: &Request<'_>, entry: &Entry) -> bool {
    let digest = entry.artifact.digest();
    let pinned = |kind| {
        let pin = request.pin(entry.artifact.origin, kind);
        pin.and_then(|pin| pin.artifact)
    };
    match &entry.hub {
        Some(hub) => match pinned(PinKind::Asset) {
            Some(pinned) => pinned == digest,
            None => request.run.hub().is_ok_and(|ours| ours.id() == *hub),
        },
        None => pinned(PinKind::Upstream).is_none_or(|pinned| pinned == digest),
    }
}
