//! Versions: finding the newest one of a subsystem, and pinning another one.

pub mod bump;
pub mod outdated;
pub mod remove;

use camino::Utf8Path;

use larder_core::error::Result;
use larder_core::file_lock::{FileLock, Waiting};
use larder_core::fs;
use larder_core::model::{Name, Version};
use larder_core::project::user::UserConfig;
use larder_core::project::{Project, edit};

/// The name of the lock's file.
pub(crate) const LOCK: &str = "versions";

/// A project that can't be loaded, because one subsystem has a recipe and no version, as if it had
/// one. That is what `add` and `remove` leave when they are interrupted between their two files.
/// `None` if this is not the reason.
pub fn as_if_pinned(root: &Utf8Path, name: &Name, user: &UserConfig) -> Option<Project> {
    let versions = fs::read_text(root.join("versions.yml")).ok()?;
    if edit::pinned_version(&versions, name).is_some() {
        return None;
    }
    let any: Version = "v0".parse().ok()?;
    let pinned = edit::add_version(&versions, name, &any).ok()?;
    Project::load_as_if(root, &pinned, user).ok()
}

/// The file lock under which `versions.yml` is read, changed and written, so that processes do not
/// lose each other's changes.
pub(crate) fn lock(root: &Utf8Path, waiting: &Waiting) -> Result<FileLock> {
    FileLock::take(
        root,
        format!(".larder/locks/{LOCK}"),
        &waiting.clone().briefly(),
    )
}
