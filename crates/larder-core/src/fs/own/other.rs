//! The same operations by paths, for systems that can't name something in an open folder. A link is
//! noticed before each operation.

use std::fs::{self, File, OpenOptions};
use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use super::super::busy;
use super::Entry;

#[derive(Clone, Debug)]
pub(super) struct Handle(Utf8PathBuf);

#[expect(clippy::disallowed_methods, reason = "this is the wrapper")]
impl Handle {
    pub(super) fn base(path: &Utf8Path) -> io::Result<Self> {
        if fs::metadata(path)?.is_dir() {
            Ok(Self(path.to_owned()))
        } else {
            Err(io::ErrorKind::NotADirectory.into())
        }
    }

    pub(super) fn folder(&self, name: &str) -> io::Result<Self> {
        match self.entry(name)? {
            Entry::Folder => Ok(Self(self.0.join(name))),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    pub(super) fn make_folder(&self, name: &str) -> io::Result<()> {
        fs::create_dir(self.0.join(name))
    }

    pub(super) fn make_private_folder(&self, name: &str) -> io::Result<()> {
        self.make_folder(name)
    }

    pub(super) fn entry(&self, name: &str) -> io::Result<Entry> {
        let meta = fs::symlink_metadata(self.0.join(name))?;
        Ok(if meta.is_symlink() {
            Entry::Link
        } else if meta.is_dir() {
            Entry::Folder
        } else if meta.is_file() {
            Entry::File(meta.len())
        } else {
            Entry::Other
        })
    }

    pub(super) fn read_link(&self, name: &str) -> io::Result<String> {
        let target = fs::read_link(self.0.join(name))?;
        Ok(target.display().to_string().replace('\\', "/"))
    }

    pub(super) fn list(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.0)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(io::Result::transpose).collect()
    }

    pub(super) fn symlink(&self, target: &str, name: &str) -> io::Result<()> {
        crate::fs::try_symlink(target, self.0.join(name))
    }

    pub(super) fn rename(&self, name: &str, to: &Self, new: &str) -> io::Result<()> {
        busy::patiently(|| fs::rename(self.0.join(name), to.0.join(new)))
    }

    pub(super) fn hard_link(&self, name: &str, to: &Self, new: &str) -> io::Result<()> {
        fs::hard_link(self.0.join(name), to.0.join(new))
    }

    #[allow(clippy::unnecessary_wraps, reason = "other systems can fail")]
    pub(super) fn exchange(&self, _one: &str, _other: &str) -> io::Result<bool> {
        Ok(false)
    }

    pub(super) fn remove_file(&self, name: &str) -> io::Result<()> {
        let path = self.0.join(name);
        // A link to a folder is removed like a folder.
        #[cfg(windows)]
        if std::os::windows::fs::FileTypeExt::is_symlink_dir(
            &fs::symlink_metadata(&path)?.file_type(),
        ) {
            return fs::remove_dir(path);
        }
        fs::remove_file(path)
    }

    pub(super) fn remove_empty_folder(&self, name: &str) -> io::Result<()> {
        fs::remove_dir(self.0.join(name))
    }

    pub(super) fn remove_folder(&self, name: &str) -> io::Result<()> {
        fs::remove_dir_all(self.0.join(name))
    }

    pub(super) fn create_new(&self, name: &str) -> io::Result<File> {
        File::create_new(self.0.join(name))
    }

    pub(super) fn truncated(&self, name: &str) -> io::Result<File> {
        File::create(self.0.join(name))
    }

    pub(super) fn read(&self, name: &str) -> io::Result<File> {
        match self.entry(name)? {
            Entry::File(_) => File::open(self.0.join(name)),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    pub(super) fn read_write(&self, name: &str) -> io::Result<File> {
        if matches!(self.entry(name), Ok(Entry::Link | Entry::Other)) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.0.join(name))
    }

    pub(super) fn set_mode(&self, _mode: u32) -> io::Result<()> {
        Ok(())
    }

    #[expect(clippy::unused_self, reason = "other systems need it")]
    pub(super) fn flushable_file_system(&self) -> Option<u64> {
        None
    }

    #[expect(clippy::unused_self, reason = "other systems need it")]
    pub(super) fn sync_file_system(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn set_mode(_file: &File, _mode: u32) -> io::Result<()> {
    Ok(())
}

/// Files here have no permission bits to compare.
pub(super) fn has_mode(_file: &File, _mode: u32) -> bool {
    true
}
