//! Operations on names in an open folder, by the system calls that take one.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use camino::Utf8Path;
use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags};
use rustix::path::Arg;

use super::Entry;

#[derive(Clone, Debug)]
pub(super) struct Handle(Arc<OwnedFd>);

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);
/// Opening never waits, whatever has the name.
const FILE: OFlags = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

impl Handle {
    /// Opens a folder; links in its path are followed.
    pub(super) fn base(path: &Utf8Path) -> io::Result<Self> {
        Ok(Self(Arc::new(fs::open(
            path.as_str(),
            FOLDER,
            Mode::empty(),
        )?)))
    }

    pub(super) fn folder(&self, name: impl Arg) -> io::Result<Self> {
        let flags = FOLDER | OFlags::NOFOLLOW;
        Ok(Self(Arc::new(fs::openat(
            &self.0,
            name,
            flags,
            Mode::empty(),
        )?)))
    }

    pub(super) fn make_folder(&self, name: &str) -> io::Result<()> {
        Ok(fs::mkdirat(&self.0, name, Mode::from_raw_mode(0o777))?)
    }

    pub(super) fn make_private_folder(&self, name: &str) -> io::Result<()> {
        Ok(fs::mkdirat(&self.0, name, Mode::from_raw_mode(0o700))?)
    }

    pub(super) fn entry(&self, name: impl Arg) -> io::Result<Entry> {
        let stat = fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Entry::File(stat.st_size.unsigned_abs()),
            FileType::Directory => Entry::Folder,
            FileType::Symlink => Entry::Link,
            _ => Entry::Other,
        })
    }

    pub(super) fn read_link(&self, name: &str) -> io::Result<String> {
        let target = fs::readlinkat(&self.0, name, Vec::new())?;
        Ok(target.to_string_lossy().into_owned())
    }

    pub(super) fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        self.each(|name| {
            names.extend(name.to_str().map(str::to_owned));
            Ok(())
        })?;
        Ok(names)
    }

    fn each(&self, mut action: impl FnMut(&CStr) -> io::Result<()>) -> io::Result<()> {
        // All names are read first, as what is done with one may change the folder.
        let names = Dir::read_from(&self.0)?
            .map(|entry| entry.map(|entry| entry.file_name().to_owned()))
            .collect::<Result<Vec<_>, _>>()?;
        names
            .iter()
            .filter(|name| ![c".", c".."].contains(&name.as_c_str()))
            .try_for_each(|name| action(name))
    }

    pub(super) fn symlink(&self, target: &str, name: &str) -> io::Result<()> {
        Ok(fs::symlinkat(target, &self.0, name)?)
    }

    pub(super) fn rename(&self, name: &str, to: &Self, new: &str) -> io::Result<()> {
        Ok(fs::renameat(&self.0, name, &to.0, new)?)
    }

    pub(super) fn hard_link(&self, name: &str, to: &Self, new: &str) -> io::Result<()> {
        Ok(fs::linkat(&self.0, name, &to.0, new, AtFlags::empty())?)
    }

    pub(super) fn exchange(&self, one: &str, other: &str) -> io::Result<bool> {
        #[cfg(any(target_os = "linux", target_vendor = "apple"))]
        {
            use rustix::io::Errno;
            let exchange = fs::RenameFlags::EXCHANGE;
            match fs::renameat_with(&self.0, one, &self.0, other, exchange) {
                Ok(()) => Ok(true),
                Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(false),
                Err(e) => Err(e.into()),
            }
        }
        #[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
        {
            let _ = (one, other);
            Ok(false)
        }
    }

    pub(super) fn remove_file(&self, name: impl Arg) -> io::Result<()> {
        Ok(fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    pub(super) fn remove_empty_folder(&self, name: &str) -> io::Result<()> {
        Ok(fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }

    /// Removes a folder with its content. Nothing is followed: a link is removed itself.
    pub(super) fn remove_folder(&self, name: impl Arg + Copy) -> io::Result<()> {
        let folder = match self.folder(name) {
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                self.make_readable(name)?;
                self.folder(name)?
            }
            opened => opened?,
        };
        folder.each(|inner| folder.remove_from(inner))?;
        match fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR) {
            Err(rustix::io::Errno::NOENT) => Ok(()),
            removed => Ok(removed?),
        }
    }

    fn remove_from(&self, name: &CStr) -> io::Result<()> {
        let remove = || match self.entry(name)? {
            Entry::Folder => self.remove_folder(name),
            _ => self.remove_file(name),
        };
        match remove() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            // Go's module cache, for example, makes its folders read-only.
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                self.set_mode(0o700)?;
                remove()
            }
            removed => removed,
        }
    }

    /// Lets the owner open a folder. A link is followed only if it took the folder's place since
    /// the failure to open it, and then only the mode of what it leads to changes.
    fn make_readable(&self, name: impl Arg) -> io::Result<()> {
        Ok(fs::chmodat(
            &self.0,
            name,
            Mode::from_raw_mode(0o700),
            AtFlags::empty(),
        )?)
    }

    pub(super) fn create_new(&self, name: &str) -> io::Result<File> {
        let flags = FILE | OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        Ok(fs::openat(&self.0, name, flags, Mode::from_raw_mode(0o666))?.into())
    }

    pub(super) fn truncated(&self, name: &str) -> io::Result<File> {
        let flags = FILE | OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
        Ok(fs::openat(&self.0, name, flags, Mode::from_raw_mode(0o666))?.into())
    }

    pub(super) fn read(&self, name: &str) -> io::Result<File> {
        let flags = FILE | OFlags::RDONLY;
        Ok(fs::openat(&self.0, name, flags, Mode::empty())?.into())
    }

    pub(super) fn read_write(&self, name: &str) -> io::Result<File> {
        let flags = FILE | OFlags::RDWR | OFlags::CREATE;
        Ok(fs::openat(&self.0, name, flags, Mode::from_raw_mode(0o666))?.into())
    }

    pub(super) fn set_mode(&self, mode: u32) -> io::Result<()> {
        Ok(fs::fchmod(&self.0, raw(mode))?)
    }

    pub(super) fn flushable_file_system(&self) -> Option<u64> {
        super::super::whole::number(&self.0)
    }

    pub(super) fn sync_file_system(&self) -> io::Result<()> {
        super::super::whole::flush(&self.0)
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        super::simple::folder_flushed(fs::fsync(&self.0).map_err(io::Error::from))
    }
}

pub(super) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    Ok(fs::fchmod(file, raw(mode))?)
}

/// Whether an open file has these permission bits.
pub(super) fn has_mode(file: &File, mode: u32) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|meta| meta.permissions().mode() & 0o7777 == mode)
}

#[allow(
    clippy::useless_conversion,
    reason = "the type of a raw mode has 16 bits on macOS"
)]
fn raw(mode: u32) -> Mode {
    Mode::from_raw_mode(mode.try_into().unwrap_or(0o700))
}
