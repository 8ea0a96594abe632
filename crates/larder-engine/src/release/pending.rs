//! Uploads that are due: a note in `.larder/pending` for each target whose build is to be released.
//! It is written before the build and removed after the upload, so that a run that is killed in
//! between does not leave a build unreleased: the next `ensure` of the target sees the note.
//!
//! Without the note nothing is wrong, and with it nothing is released twice: the hub is asked.

use camino::{Utf8Path, Utf8PathBuf};

use larder_core::error::Result;
use larder_core::fs;
use larder_core::model::Target;

fn dir(root: &Utf8Path) -> Utf8PathBuf {
    root.join(".larder/pending")
}

fn path(root: &Utf8Path, target: &Target) -> Utf8PathBuf {
    dir(root).join(format!("{}-{}", target.name, target.platform))
}

/// Notes that a target's build is to be released.
pub fn note(root: &Utf8Path, target: &Target) -> Result<()> {
    fs::create_dir_all(dir(root))?;
    let text = format!("the build of {target} is to be released\n");
    fs::write_atomic(path(root, target), text.as_bytes())
}

/// Whether a target has a note.
pub fn is_noted(root: &Utf8Path, target: &Target) -> bool {
    fs::lstat(path(root, target)).is_ok_and(|found| found.is_some())
}

/// Removes a target's note, if there is one.
pub fn forget(root: &Utf8Path, target: &Target) -> Result<()> {
    fs::remove_file(path(root, target))
}

/// The names of the notes: `<name>-<platform>`.
pub fn noted(root: &Utf8Path) -> Result<Vec<String>> {
    fs::list(dir(root))
}
