//! Things in `.bin` where larder needs a link, a file or a folder of its own.
//!
//! Files, links and empty folders are replaced, and so are the links in `.v`, which is larder's
//! alone. A folder with content, in the place of a binary or of the stamp, is somebody's: it is named
//! in an error and kept. A link in place of a folder is refused when the folder is opened.

use camino::Utf8Path;

use larder_core::error::{Error, Result};
use larder_core::fs::{self, Entry, OwnFolder};

/// Removes empty folders that have these names in a folder. It is an error if one is not empty.
pub(super) fn clear_names<'a>(dir: &OwnFolder, names: impl Iterator<Item = &'a str>) -> Result<()> {
    for name in names {
        if dir.entry(name)? == Some(Entry::Folder) && !dir.remove_empty_folder(name)? {
            let path = dir.path().join(name);
            return Err(
                Error::failed(format!("cannot install {name}: {path} is a folder"))
                    .cause("it holds files that larder did not put there")
                    .hint("move it elsewhere, then run again"),
            );
        }
    }
    Ok(())
}

/// Removes a file that has the name of the folder of the installed sets.
pub(super) fn clear_versions(dir: &OwnFolder, name: &str) -> Result<()> {
    match dir.entry(name)? {
        Some(Entry::File(_) | Entry::Other) => dir.remove_file(name),
        _ => Ok(()),
    }
}

/// Removes a folder that has the name of a link in `.v`.
pub(super) fn clear_link(versions: &OwnFolder, link: &str) -> Result<()> {
    match versions.entry(link)? {
        Some(Entry::Folder) => versions.remove(link),
        _ => Ok(()),
    }
}

/// Whether a path leads to a file. A path that can't be followed, such as a link to itself, does
/// not.
pub(super) fn leads_to_file(path: &Utf8Path) -> bool {
    matches!(fs::stat(path), Ok(Some(meta)) if meta.is_file())
}
