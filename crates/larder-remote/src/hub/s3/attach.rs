//! Adds files without sidecars to a release, unless another file has the name.

use super::{S3Hub, kind, too_many_writers};
use crate::hub::attachment::{Attachment, attach_missing, differs};
use crate::hub::{HubReader as _, PlainFile, Progress};
use crate::s3::Created;
use larder_core::error::Result;
use larder_core::model::Tag;

/// How many times one file is tried. A try fails if another writer takes the name between the check
/// and the write.
const TRIES: usize = 16;

/// Adds files to an existing release. All are compared with what is there before the first one is
/// written.
pub(super) fn attach(
    hub: &S3Hub,
    tag: &Tag,
    files: &[PlainFile<'_>],
    progress: Progress<'_>,
) -> Result<Vec<Attachment>> {
    attach_missing(
        files,
        |file| is_present(hub, tag, file),
        |file| add(hub, tag, file, progress),
    )
}

/// Adds one file. Another writer may add the same one meanwhile.
fn add(hub: &S3Hub, tag: &Tag, file: &PlainFile<'_>, progress: Progress<'_>) -> Result<()> {
    let key = hub.key(tag, file.name.as_str());
    let kind = kind(file.name.as_str());
    for _ in 0..TRIES {
        if is_present(hub, tag, file)? {
            return Ok(());
        }
        let staged = hub
            .bucket
            .stage(&key, file.file, &file.sha256, file.size, kind, progress)?;
        let guard = hub.guard(tag, staged.is_in_parts())?;
        if guard.commit(&key, &staged)? == Created::New {
            return Ok(());
        }
        hub.bucket.discard(&staged);
    }
    Err(too_many_writers(&hub.shown(&key)))
}

/// Whether the release has this file; an error if it has another one of that name.
fn is_present(hub: &S3Hub, tag: &Tag, file: &PlainFile<'_>) -> Result<bool> {
    match hub.hashed(tag, &file.name)?.and_then(|found| found.sha256) {
        None => Ok(false),
        Some(theirs) if theirs == file.sha256 => Ok(true),
        Some(theirs) => Err(differs(tag, &file.name, &file.sha256, &theirs.to_string())),
    }
}
