//! The permissions of folders and files in a folder hub.
//!
//! A hub is shared: whoever may enter its root folder may enter the folders of its releases and
//! read their files, whatever the umask of the publisher was. A root folder that larder creates is
//! readable by all. Write permission for a group is passed on only to folders of the same group.
//!
//! File systems without permissions refuse to set them. That is no error: there, everyone sees the
//! same.

use std::fs::File;

use camino::Utf8Path;

use larder_core::error::Result;
use larder_core::fs::{self, OwnFolder};

/// The mode of a root folder that larder creates.
const ROOT: u32 = 0o755;

/// Opens the root folder of a hub. If opening creates it, everyone may read it.
pub(super) fn open_root(
    root: &Utf8Path,
    open: impl FnOnce() -> Result<OwnFolder>,
) -> Result<OwnFolder> {
    let is_new = !fs::exists(root);
    let folder = open()?;
    if is_new {
        let _ = folder.set_mode(ROOT);
    }
    Ok(folder)
}

/// Opens the folder of a release, in the root folder. Creates it if it is missing.
pub(super) fn open_release(root: &OwnFolder, name: &str) -> Result<OwnFolder> {
    if let Some(folder) = root.folder(name)? {
        return Ok(folder);
    }
    let folder = root.make_folder(name)?;
    if let Some(mode) = folder_mode(root.path(), folder.path()) {
        let _ = folder.set_mode(mode);
    }
    Ok(folder)
}

/// The mode for a new folder: that of the folder above it.
pub(super) fn folder_mode(above: &Utf8Path, own: &Utf8Path) -> Option<u32> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let (above, own) = (fs::stat(above).ok()??, fs::stat(own).ok()??);
        let kept = if above.gid() == own.gid() {
            0o3777
        } else {
            0o1757
        };
        Some(above.mode() & kept | 0o700)
    }
    #[cfg(not(unix))]
    {
        let _ = (above, own);
        None
    }
}

/// Lets those read a new file who may read the folder that it is in.
pub(super) fn share_file(file: &File, folder: &Utf8Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        if let Ok(Some(above)) = fs::stat(folder) {
            let mode = above.mode() & 0o444 | 0o600;
            let _ = file.set_permissions(std::fs::Permissions::from_mode(mode));
        }
    }
    #[cfg(not(unix))]
    let _ = (file, folder);
}
