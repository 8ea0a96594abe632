//! Publishes a project release: files without sidecars, which become visible all together.
//!
//! A store has no rename. While the files of a new release arrive, the object [`INCOMPLETE`] is among
//! them, which makes the release a draft for every larder; it is deleted last. Large files are there
//! before that as parts, which nobody can read, so for other tools the time between the first file
//! and the last one is short. A writer that was killed leaves the draft, and the next one completes it.

use super::{S3Hub, kind};
use crate::hub::publisher::same_notes;
use crate::hub::reader::{MAX_SIDECAR, NOTES};
use crate::hub::{HubReader as _, PlainFile, Progress, Published};
use larder_core::error::{Error, Result};
use larder_core::model::Tag;

/// The object that marks a release whose files are still arriving.
pub(super) const INCOMPLETE: &str = ".incomplete";

/// Publishes files and notes under a tag.
pub(super) fn publish(
    hub: &S3Hub,
    tag: &Tag,
    files: &[PlainFile<'_>],
    notes: &str,
    replace: bool,
    progress: Progress<'_>,
) -> Result<Vec<Published>> {
    let (notes_key, marker) = (hub.key(tag, NOTES), hub.key(tag, INCOMPLETE));
    let compare = || -> Result<(bool, Vec<Published>)> {
        let is_incomplete = hub.bucket.head(&marker)?.is_some();
        let found = files.iter().map(|file| compare(hub, tag, file));
        let found = found.collect::<Result<Vec<_>>>()?;
        // Nobody has seen the files of a release that is incomplete.
        if !is_incomplete && !replace {
            check(hub, tag, files, &found)?;
        }
        Ok((is_incomplete, found))
    };
    let is_same = |there: &[u8]| same_notes(&String::from_utf8_lossy(there), notes);
    let (is_incomplete, found) = compare()?;
    let there = hub.bucket.get(&notes_key, MAX_SIDECAR)?;
    let is_there = found.iter().all(|found| *found == Published::Present);
    if is_there && !is_incomplete && there.as_deref().is_some_and(is_same) {
        return Ok(found);
    }
    let mut staged = Vec::new();
    for (file, _) in files
        .iter()
        .zip(&found)
        .filter(|(_, found)| **found != Published::Present)
    {
        let PlainFile {
            name,
            file,
            sha256,
            size,
        } = file;
        let (key, kind) = (hub.key(tag, name.as_str()), kind(name.as_str()));
        staged.push(
            hub.bucket
                .stage(&key, file, sha256, *size, kind, progress)?,
        );
    }
    let guard = hub.lock(tag)?;
    // Another writer may have published the release before we had the lock.
    let (is_incomplete, _) = compare()?;
    let there = hub.bucket.get(&notes_key, MAX_SIDECAR)?;
    let is_new = is_incomplete || (there.is_none() && hub.listed(tag)?.is_empty());
    if is_new {
        guard.put(
            &marker,
            b"the files of this release are still arriving\n",
            "text/plain",
        )?;
    }
    for staged in &staged {
        guard.replace(staged)?;
    }
    if !there.as_deref().is_some_and(is_same) {
        guard.put(&notes_key, notes.as_bytes(), "text/markdown")?;
    }
    if is_new {
        hub.bucket.delete(&marker)?;
    }
    Ok(found)
}

/// Decides the outcome of publishing a file.
fn compare(hub: &S3Hub, tag: &Tag, file: &PlainFile<'_>) -> Result<Published> {
    let there = hub.bucket.head(&hub.key(tag, file.name.as_str()))?;
    let Some(there) = there else {
        return Ok(Published::Added);
    };
    let is_same = there.size == file.size
        && hub.hashed(tag, &file.name)?.and_then(|found| found.sha256) == Some(file.sha256);
    Ok(if is_same {
        Published::Present
    } else {
        Published::Replaced
    })
}

/// An error if files of the release have other bytes.
fn check(hub: &S3Hub, tag: &Tag, files: &[PlainFile<'_>], found: &[Published]) -> Result<()> {
    let differ: Vec<&str> = files
        .iter()
        .zip(found)
        .filter(|(_, published)| **published == Published::Replaced)
        .map(|(file, _)| file.name.as_str())
        .collect();
    if differ.is_empty() {
        return Ok(());
    }
    Err(Error::failed(format!(
        "the release {tag} in {} already has different bytes for {}",
        hub.describe(),
        differ.join(", ")
    ))
    .hint("published bytes are never overwritten: use another tag, or `--replace`"))
}
