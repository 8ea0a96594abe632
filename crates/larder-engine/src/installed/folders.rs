//! Reads the metadata of many paths in one project: they are looked up in folders that are open.

use std::ffi::CStr;
use std::io;

use camino::Utf8Path;

use super::signature::Signature;

/// The folder of a project, and the folder in it that most paths are in.
#[derive(Debug)]
pub(super) struct Folders {
    root: Handle,
    common: Handle,
}

#[cfg(unix)]
type Handle = std::os::fd::OwnedFd;
#[cfg(not(unix))]
type Handle = camino::Utf8PathBuf;

impl Folders {
    /// Opens the folders; `None` if one of them can't be opened.
    #[cfg(unix)]
    pub(super) fn open(root: &Utf8Path, common: &str) -> Option<Self> {
        use rustix::fs::{CWD, Mode, OFlags, openat};
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(CWD, root.as_str(), flags, Mode::empty()).ok()?;
        let name = if common.is_empty() { "." } else { common };
        let common = openat(&root, name, flags, Mode::empty()).ok()?;
        Some(Self { root, common })
    }

    /// Remembers the folders.
    #[cfg(not(unix))]
    pub(super) fn open(root: &Utf8Path, common: &str) -> Option<Self> {
        Some(Self {
            root: root.to_owned(),
            common: root.join(common),
        })
    }

    fn folder(&self, in_common: bool) -> &Handle {
        if in_common { &self.common } else { &self.root }
    }

    /// The signature of what is at a path; `None` if nothing is there. `follow` follows a link at its end.
    #[cfg(unix)]
    pub(super) fn signature(
        &self,
        in_common: bool,
        path: &CStr,
        follow: bool,
    ) -> io::Result<Option<Signature>> {
        use rustix::fs::{AtFlags, statat};
        use rustix::io::Errno;
        // The empty path is the project's folder itself.
        let path = if path.is_empty() { c"." } else { path };
        let flags = if follow {
            AtFlags::empty()
        } else {
            AtFlags::SYMLINK_NOFOLLOW
        };
        match statat(self.folder(in_common), path, flags) {
            Ok(stat) => Ok(Some(Signature::of_stat(&stat))),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The same where there are no handles of folders.
    #[cfg(not(unix))]
    pub(super) fn signature(
        &self,
        in_common: bool,
        path: &CStr,
        follow: bool,
    ) -> io::Result<Option<Signature>> {
        let path = path.to_str().map_err(io::Error::other)?;
        Signature::read(&self.folder(in_common).join(path), follow).map_err(io::Error::other)
    }
}
