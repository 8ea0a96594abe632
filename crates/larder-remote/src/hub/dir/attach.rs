//! Adds files without sidecars to the folder of a release. Each is staged there and renamed to its
//! name, unless another file has the name.

use camino::Utf8Path;

use super::stage::{digest, stage};
use crate::hub::attachment::{Attachment, attach_missing, differs};
use crate::hub::{PlainFile, Progress};
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::model::Tag;

/// How many times one file is tried. A try fails if another writer takes the name between the check
/// and the rename.
const TRIES: usize = 16;

/// Adds files to the existing folder of a release. All are compared with what is there before the
/// first one is written.
pub(super) fn attach(
    dir: &Utf8Path,
    tag: &Tag,
    files: &[PlainFile<'_>],
    progress: Progress<'_>,
) -> Result<Vec<Attachment>> {
    attach_missing(
        files,
        |file| is_present(dir, tag, file),
        |file| add(dir, tag, file, progress),
    )
}

/// Adds one file. Another writer may add the same one meanwhile.
fn add(dir: &Utf8Path, tag: &Tag, file: &PlainFile<'_>, progress: Progress<'_>) -> Result<()> {
    let path = dir.join(file.name.as_str());
    for _ in 0..TRIES {
        if is_present(dir, tag, file)? {
            return Ok(());
        }
        let staged = stage(dir, file.file, &file.sha256, file.size, progress)?;
        if staged.rename_new(&path)? {
            return Ok(());
        }
    }
    Err(Error::unavailable(format!("too many writers publish {path} at once")).hint("run again"))
}

/// Whether the folder has this file; an error if it has another one of that name.
fn is_present(dir: &Utf8Path, tag: &Tag, file: &PlainFile<'_>) -> Result<bool> {
    let path = dir.join(file.name.as_str());
    if fs::stat(&path)?.is_none() {
        return Ok(false);
    }
    let theirs = digest(&path)?;
    if theirs == file.sha256 {
        return Ok(true);
    }
    Err(differs(tag, &file.name, &file.sha256, &theirs.to_string()))
}
