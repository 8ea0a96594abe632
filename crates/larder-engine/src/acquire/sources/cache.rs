//! The local cache as a source: an artifact of accepted inputs that the project may take from there.

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

/// The entries that may serve, in the order in which the project searches origins.
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

/// What the cache would give. Files are read and hashed as taking them would.
pub fn probe(request: &Request<'_>) -> Result<Availability<Offer>> {
    for entry in entries(request)? {
        line(request, &entry)?;
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
        let line = line(request, &entry)?;
        if let Some(taken) = restore(request, entry, into)? {
            return Ok(Availability::Have(Taken { line, ..taken }));
        }
    }
    Ok(Availability::Absent(NOTHING.into()))
}

/// Restores one entry; `None`, and an empty folder, where the cache lost or damaged a file of it.
pub fn restore(request: &Request<'_>, entry: Entry, into: &Utf8Path) -> Result<Option<Taken>> {
    let Request { run, target, .. } = request;
    let size = entry.artifact.size();
    run.events.phase(target, Phase::Checking, Some(size));
    let progress = |bytes| run.events.progress(target, bytes);
    if !run.cache.restore(&entry.artifact, into, progress)? {
        let text = "the cached copy is incomplete or damaged; it was set aside";
        run.events.note(Some(target), Level::Warning, text);
        crate::acquire::intake::empty(into)?;
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

/// An original from the cache is as good as its line in the lock: the line is needed with `--locked`, else added.
pub fn line(request: &Request<'_>, entry: &Entry) -> Result<Option<LockLine>> {
    let is_original =
        entry.artifact.origin == Origin::Original && entry.via == SourceKind::Original;
    if !is_original || request.pin(Origin::Original, PinKind::Upstream).is_some() {
        return Ok(None);
    }
    if request.run.options.locked {
        return Err(lock::lacks_line(request.target));
    }
    Ok(entry.file.as_ref().map(|TakenFrom { sha256, size, url }| {
        lock::line(&entry.artifact, PinKind::Upstream, *sha256, *size, url)
    }))
}

/// A managed entry serves only the same hub or a lock match; nothing serves that contradicts the lock.
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
