//! Staged files and folders: what is written under a temporary name and then renamed.
//!
//! A process that is killed leaves them behind. Each is therefore locked by the process that made
//! it, until it is renamed or removed. Such a lock ends with its process, so [`sweep`] can remove
//! what belongs to nobody, and nothing that a running process still needs, wherever that process
//! runs. Where file locks don't work, only what is a day old is removed.

use std::fs::{File, Metadata, TryLockError};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::{NamedTempFile, TempDir};

use crate::error::{Error, Result};
use crate::fs::{self, IoContext, io_error};

/// Without file locks, this is the age at which something staged belongs to nobody.
const ABANDONED: Duration = Duration::from_hours(24);
/// How often something is staged again if another process sweeps it before it is locked.
pub(crate) const TRIES: usize = 16;

/// The beginning of the name of what is staged for `what`, for example for a file's name.
pub fn prefix(what: &str) -> String {
    format!(".tmp-{what}-")
}

/// A file under a temporary name. It is removed when it is dropped, unless it was renamed.
#[derive(Debug)]
pub struct StagedFile(NamedTempFile);

impl StagedFile {
    /// Creates an empty file in `dir`, whose name starts with `prefix`. What killed processes left
    /// under such names is removed.
    pub fn new(dir: impl AsRef<Path>, prefix: &str) -> Result<Self> {
        let dir = dir.as_ref();
        sweep(dir, prefix);
        Self::without_sweep(dir, prefix)
    }

    /// The same without removing anything, for callers that have called [`sweep`].
    pub fn without_sweep(dir: &Path, prefix: &str) -> Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(prefix);
        // Others may read it as far as the umask allows, so that a cache of root's can serve all
        // users of a machine.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o644));
        }
        let create = || builder.tempfile_in(dir).at("create a file in", dir);
        for _ in 1..TRIES {
            let file = create()?;
            if own(file.as_file()) && is_at(file.as_file(), file.path()) {
                return Ok(Self(file));
            }
        }
        create().map(Self)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The open file.
    pub fn file(&self) -> &File {
        self.0.as_file()
    }

    /// The open file, for writing.
    pub fn file_mut(&mut self) -> &mut File {
        self.0.as_file_mut()
    }

    /// Writes bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write_all(bytes).at("write", self.0.path())
    }

    /// Sets its mode and flushes it to disk.
    pub fn flush(&self, mode: u32) -> Result<()> {
        fs::set_mode(self.path(), mode)?;
        fs::flush(self.file()).at("flush", self.path())
    }

    /// Renames it to `path`, replacing what is there, even a program that runs.
    pub fn rename_over(self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let mut staged = Some(self.0);
        let mut rename = || {
            let Some(file) = staged.take() else {
                return Ok(());
            };
            file.persist(path).map(drop).map_err(|e| {
                staged = Some(e.file);
                e.error
            })
        };
        let renamed = match fs::busy::patiently(&mut rename) {
            Err(error) if fs::busy::move_aside(path, &error) => rename(),
            renamed => renamed,
        };
        renamed.map_err(|error| io_error("write", path, &error))
    }

    /// Renames it to `path` unless something is there. An error gives the file back: not every file
    /// system can do this in one step.
    pub fn rename_new(self, path: impl AsRef<Path>) -> std::result::Result<(), (io::Error, Self)> {
        match self.0.persist_noclobber(&path) {
            Ok(_) => Ok(()),
            Err(e) => Err((e.error, Self(e.file))),
        }
    }
}

/// A folder under a temporary name. It is removed with its content when it is dropped, unless it
/// was renamed.
#[derive(Debug)]
pub struct StagedDir {
    dir: TempDir,
    path: Utf8PathBuf,
    // The lock that shows that the folder belongs to a running process.
    _owner: Option<File>,
}

impl StagedDir {
    /// Creates an empty folder in `parent`, whose name starts with `prefix`. What killed processes
    /// left under such names is removed.
    pub fn new(parent: impl AsRef<Path>, prefix: &str) -> Result<Self> {
        let parent = parent.as_ref();
        sweep(parent, prefix);
        Self::without_sweep(parent, prefix)
    }

    /// The same without removing anything, for callers that have called [`sweep`].
    pub fn without_sweep(parent: &Path, prefix: &str) -> Result<Self> {
        let create = || {
            tempfile::Builder::new()
                .prefix(prefix)
                .tempdir_in(parent)
                .at("create a folder in", parent)
        };
        for _ in 1..TRIES {
            let dir = create()?;
            match open_quietly(dir.path()) {
                Some(owner) if own(&owner) && is_at(&owner, dir.path()) => {
                    return Self::of(dir, Some(owner));
                }
                None if dir.path().exists() => return Self::of(dir, None),
                // Another process has swept it.
                Some(_) | None => {}
            }
        }
        Self::of(create()?, None)
    }

    fn of(dir: TempDir, owner: Option<File>) -> Result<Self> {
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).map_err(|path| {
            Error::failed(format!("the path {} is not UTF-8", path.display()))
                .hint("use a folder whose path is UTF-8 (for temporary files it is in TMPDIR)")
        })?;
        Ok(Self {
            dir,
            path,
            _owner: owner,
        })
    }

    /// Its path, which is absolute if that of its parent is.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Flushes its files and folders to disk, which goes before renaming it.
    pub fn flush(&self) -> Result<()> {
        flush_all(&self.path)
    }

    /// Renames it. If that fails, it is removed.
    pub fn rename_to(mut self, path: impl AsRef<Path>) -> Result<()> {
        fs::rename(&self.path, path)?;
        self.dir.disable_cleanup(true);
        Ok(())
    }
}

fn flush_all(dir: &Utf8Path) -> Result<()> {
    for name in fs::list(dir)? {
        let path = dir.join(name);
        match fs::lstat(&path)? {
            Some(meta) if meta.is_dir() => flush_all(&path)?,
            Some(meta) if meta.is_file() => fs::sync_file(&path)?,
            // A link is a part of its folder.
            Some(_) | None => {}
        }
    }
    fs::sync_dir(dir)
}

/// Removes what killed processes have staged in a folder under names that start with `prefix`. What
/// can't be removed stays: it costs only space.
pub fn sweep(dir: impl AsRef<Path>, prefix: &str) {
    let dir = dir.as_ref();
    for name in fs::list(dir).unwrap_or_default() {
        if is_staged(&name, prefix) {
            sweep_one(&dir.join(name));
        }
    }
}

fn sweep_one(path: &Path) {
    let Ok(Some(meta)) = fs::lstat(path) else {
        return;
    };
    // The lock is held until the removal has ended, so that nobody takes over what is removed.
    let owner = if meta.is_file() || meta.is_dir() {
        open_quietly(path)
    } else {
        None
    };
    let is_left = match &owner {
        Some(owner) => belongs_to_nobody(owner) && is_at(owner, path),
        None => is_old(&meta),
    };
    if is_left {
        let _ = if meta.is_dir() {
            fs::remove_dir_all(path)
        } else {
            fs::remove_file(path)
        };
    }
}

/// Whether a name is one that was made for this prefix: with six letters and digits, or ten. Other
/// names that begin like that may be somebody's.
pub(crate) fn is_staged(name: &str, prefix: &str) -> bool {
    let random = name.strip_prefix(prefix);
    random.is_some_and(|random| {
        [6, 10].contains(&random.len()) && random.chars().all(|c| c.is_ascii_alphanumeric())
    })
}

/// Whether no running process has locked an open file. If so, this process has it locked now.
pub(crate) fn belongs_to_nobody(file: &File) -> bool {
    match file.try_lock() {
        Ok(()) => cfg!(unix) || file.metadata().is_ok_and(|meta| is_old(&meta)),
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(_)) => file.metadata().is_ok_and(|meta| is_old(&meta)),
    }
}

fn is_old(meta: &Metadata) -> bool {
    let age = meta.modified().ok().and_then(|at| at.elapsed().ok());
    age.is_some_and(|age| age >= ABANDONED)
}

/// Marks what was just made as belonging to this process. `false` if another process is about to
/// remove it, because it took it for something that belongs to nobody. Locks of Windows also keep
/// others from reading, so there the age decides.
pub(crate) fn own(file: &File) -> bool {
    !cfg!(unix) || !matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(ours), Ok(Some(there))) = (file.metadata(), fs::lstat(path)) else {
        return false;
    };
    (ours.dev(), ours.ino()) == (there.dev(), there.ino())
}

#[cfg(not(unix))]
fn is_at(_file: &File, _path: &Path) -> bool {
    true
}

/// Opens a file or folder to lock it: follows no link, and waits for nobody. `None` if it is not
/// there, or locks would not work.
#[cfg(unix)]
fn open_quietly(path: &Path) -> Option<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).ok()?;
    let mut options = File::options();
    options.read(true).custom_flags(flags).open(path).ok()
}

#[cfg(not(unix))]
fn open_quietly(_path: &Path) -> Option<File> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(not(unix), ignore = "without locks that show it, the age decides")]
    fn only_what_belongs_to_nobody_is_swept() {
        let dir = tempfile::tempdir().unwrap();
        let file = StagedFile::new(dir.path(), ".tmp-a-").unwrap();
        let folder = StagedDir::new(dir.path(), ".tmp-a-").unwrap();
        fs::write_atomic(folder.path().join("x"), b"x").unwrap();
        fs::write_atomic(dir.path().join(".tmp-a-left00"), b"half").unwrap();
        fs::create_dir_all(dir.path().join(".tmp-a-folder/in")).unwrap();
        fs::write_atomic(dir.path().join(".tmp-b-other0"), b"half").unwrap();
        sweep(dir.path(), ".tmp-a-");
        assert!(file.path().exists() && folder.path().join("x").exists());
        assert_eq!(fs::list(dir.path()).unwrap().len(), 3);
        folder.rename_to(dir.path().join("done")).unwrap();
        file.rename_new(dir.path().join("new")).unwrap();
        assert_eq!(
            fs::list(dir.path()).unwrap(),
            [".tmp-b-other0", "done", "new"]
        );
    }

    // Rustix makes no pipes on macOS.
    #[cfg(target_os = "linux")]
    #[test]
    fn links_and_pipes_are_neither_followed_nor_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let outside = dir.path().join("outside");
        fs::create_dir_all(outside.join("in")).unwrap();
        fs::symlink(&outside, dir.path().join(".tmp-a-link00")).unwrap();
        rustix::fs::mkfifoat(
            rustix::fs::CWD,
            dir.path().join(".tmp-a-pipe00"),
            rustix::fs::Mode::from_raw_mode(0o600),
        )
        .unwrap();
        sweep(dir.path(), ".tmp-a-");
        assert!(outside.join("in").exists());
    }
}
