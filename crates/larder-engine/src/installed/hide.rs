//! Makes installed sets invisible before they are removed, so that no reader sees a part of one.

use larder_core::error::Result;
use larder_core::formats::stamp;
use larder_core::fs::{Entry, OwnFolder};

/// Makes the set in a folder and those of other platforms in it invisible.
pub(super) fn hide_all(dir: &OwnFolder) -> Result<()> {
    if let Some(platforms) = folder_in(dir, ".p")? {
        for platform in platforms.list()? {
            if let Some(set) = folder_in(&platforms, &platform)? {
                hide(&set)?;
            }
        }
    }
    hide(dir)
}

/// Without the pivot, all links of a set lead nowhere. A partly removed set of plain files does not
/// count as installed, because its stamp is removed first.
fn hide(set: &OwnFolder) -> Result<()> {
    if let Some(versions) = folder_in(set, ".v")? {
        versions.remove("current")?;
    }
    set.remove(stamp::FILE)
}

/// A folder in a folder; `None` if it is a link or does not exist.
fn folder_in(folder: &OwnFolder, name: &str) -> Result<Option<OwnFolder>> {
    match folder.entry(name)? {
        Some(Entry::Folder) => folder.folder(name),
        _ => Ok(None),
    }
}
