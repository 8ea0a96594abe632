//! Versions: finding the newest one of a subsystem, and pinning another one.

pub mod bump;
pub mod outdated;
pub mod remove;

use camino::Utf8Path;

use larder_core::error::Result;
use larder_core::file_lock::{FileLock, Waiting};

/// The name of the lock's file.
pub(crate) const LOCK: &str = "versions";

/// The file lock under which `versions.yml` is read, changed and written, so that processes do not
/// lose each other's changes.
pub(crate) fn lock(root: &Utf8Path, waiting: &Waiting) -> Result<FileLock> {
    FileLock::take(
        root,
        format!(".larder/locks/{LOCK}"),
        &waiting.clone().briefly(),
    )
}
