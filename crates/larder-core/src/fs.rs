//! The file system, with errors that name the operation and the path. Clippy refuses direct
//! `std::fs` calls in other modules.
//!
//! Durability rule (used by [`write_atomic`], the installed sets and the cache): write to a
//! temporary path on the same file system, set the mode, fsync files and folders, rename, fsync the
//! parent. After a failed fsync, the same descriptor is never used again.
#![expect(clippy::disallowed_methods, reason = "this is the wrapper")]

use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{Error, Kind, Result, find};
use crate::staging::{self, StagedDir, StagedFile};

pub(crate) mod busy;
mod copying;
mod own;
mod reading;
mod simple;
#[cfg(unix)]
mod whole;

pub use copying::{EarlyFlush, copy_content, share_blocks};
pub use own::{Entry, OwnFolder};
pub use reading::{
    FolderEntry, entries, open, open_opt, read, read_bounded, read_opt, read_or_absent, read_text,
    read_text_opt,
};
pub use simple::{flush, free_space, noexec_hint};

/// Converts an io error to a larder error: `cannot <verb> <path>: <why>`. If the io error wraps a
/// larder error (as a transfer does), the kind, causes and hints of that error are kept.
pub fn io_error(verb: &str, path: impl AsRef<Path>, error: &io::Error) -> Error {
    if let Some(wrapped) = find::<Error>(error) {
        return wrapped
            .clone()
            .context(format!("cannot {verb} {}", path.as_ref().display()));
    }
    let mut e = Error::new(
        Kind::Failed,
        format!("cannot {verb} {}", path.as_ref().display()),
    )
    .cause(error);
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            e = e.hint("free some space (`larder cache prune` removes entries that were not used recently), then run again");
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            e = e.hint("the file system is mounted read-only; reading still works");
        }
        io::ErrorKind::PermissionDenied if cfg!(windows) => {
            e = e.hint("end the program that has it open, or check the permissions of that path");
        }
        io::ErrorKind::PermissionDenied => e = e.hint("check the owner and mode of that path"),
        _ => {}
    }
    e
}

/// Adds the operation and the path to the error of an io result.
pub trait IoContext<T> {
    /// Converts the error to `cannot <verb> <path>: <why>`.
    fn at(self, verb: &str, path: impl AsRef<Path>) -> Result<T>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn at(self, verb: &str, path: impl AsRef<Path>) -> Result<T> {
        self.map_err(|e| io_error(verb, path, &e))
    }
}

/// Creates or truncates a file.
pub fn create(path: impl AsRef<Path>) -> Result<File> {
    File::create(&path).at("create", &path)
}

/// Creates or truncates a file that can also be read.
pub fn create_readable(path: impl AsRef<Path>) -> Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(true);
    options.open(&path).at("create", &path)
}

/// Creates a file that only its owner can write to, whatever the umask is; it is an error if it
/// exists already.
pub fn create_own(path: impl AsRef<Path>) -> Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o644);
    options.open(&path).at("create", &path)
}

/// Creates a file; it is an error if it exists already.
pub fn create_new(path: impl AsRef<Path>) -> Result<File> {
    File::create_new(&path).at("create", &path)
}

/// Metadata of a path, following links; `None` if it does not exist.
pub fn stat(path: impl AsRef<Path>) -> Result<Option<Metadata>> {
    absent_is_none(std::fs::metadata(&path)).at("read the metadata of", &path)
}

/// Metadata of a path, without following a link; `None` if it does not exist.
pub fn lstat(path: impl AsRef<Path>) -> Result<Option<Metadata>> {
    absent_is_none(std::fs::symlink_metadata(&path)).at("read the metadata of", &path)
}

/// Target of a symbolic link; `None` if the path does not exist or is not a link.
pub fn read_link(path: impl AsRef<Path>) -> Option<PathBuf> {
    std::fs::read_link(path).ok()
}

/// Makes a folder and its parents. If a file has the path of one of them, a hint names it.
pub fn create_dir_all(path: impl AsRef<Path>) -> Result<()> {
    std::fs::create_dir_all(&path)
        .at("create the folder", &path)
        .map_err(|error| {
            let in_the_way =
                |path: &&Path| std::fs::metadata(path).is_ok_and(|meta| !meta.is_dir());
            match path.as_ref().ancestors().find(in_the_way) {
                Some(file) => error.hint(format!(
                    "{} is not a folder; move it elsewhere",
                    file.display()
                )),
                None => error,
            }
        })
}

/// Makes a folder and its parents, which only their owner can write to, whatever the umask is.
pub fn create_own_dir_all(path: impl AsRef<Path>) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        let made = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&path);
        if made.is_ok() {
            return Ok(());
        }
    }
    // Gives the error, with its hint.
    create_dir_all(path)
}

/// The absolute path without links.
pub fn canonicalize(path: &Utf8Path) -> Result<Utf8PathBuf> {
    let real = path.canonicalize_utf8().at("find", path)?;
    // Few programs of Windows understand the form that the system gives, and cmd does not.
    match real.as_str().strip_prefix(r"\\?\") {
        Some(plain) if cfg!(windows) && plain.get(1..2) == Some(":") => Ok(plain.into()),
        _ => Ok(real),
    }
}

/// Whether something is at the path, with links followed. `false` if that can't be found out.
pub fn exists(path: impl AsRef<Path>) -> bool {
    std::fs::metadata(path).is_ok()
}

/// Sorted names in a folder; empty if the folder does not exist.
pub fn list(path: impl AsRef<Path>) -> Result<Vec<String>> {
    let Some(entries) = absent_is_none(std::fs::read_dir(&path)).at("list", &path)? else {
        return Ok(Vec::new());
    };
    let mut names = Vec::new();
    for entry in entries {
        // Skip names that are not UTF-8: larder makes no such files.
        if let Ok(name) = entry.at("list", &path)?.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Renames within a file system.
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<()> {
    busy::patiently(|| std::fs::rename(&from, &to))
        .at(&format!("rename {} to", from.as_ref().display()), &to)
}

/// Removes a file or link; not an error if it does not exist.
pub fn remove_file(path: impl AsRef<Path>) -> Result<()> {
    absent_is_none(std::fs::remove_file(&path))
        .at("remove", &path)
        .map(drop)
}

/// Removes a folder with its content, even if inner folders have no write permission; not an error
/// if it does not exist.
pub fn remove_dir_all(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    match busy::patiently(|| std::fs::remove_dir_all(path)) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            make_writable(path);
            absent_is_none(std::fs::remove_dir_all(path))
                .at("remove the folder", path)
                .map(drop)
        }
        Err(e) => Err(io_error("remove the folder", path, &e)),
    }
}

#[cfg(unix)]
fn make_writable(dir: &Path) {
    use std::os::unix::fs::PermissionsExt;
    // Errors are ignored, because removing then reports them. Go's module cache, for example, makes
    // its folders read-only.
    let _ = std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700));
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            make_writable(&entry.path());
        }
    }
}

#[cfg(not(unix))]
fn make_writable(_dir: &Path) {}

/// Sets the permission bits of something that larder has made, independent of the umask. Does
/// nothing on Windows and on file systems that keep no permissions.
pub fn set_mode(path: impl AsRef<Path>, mode: u32) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let set = std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode));
        simple::attribute_set(set).at("set the mode of", &path)
    }
    #[cfg(not(unix))]
    {
        let _ = (path, mode);
        Ok(())
    }
}

/// Sets the modification time of a file or folder. Does nothing to folders on Windows, and on file
/// systems where times can't be set.
pub fn set_modified(path: impl AsRef<Path>, time: std::time::SystemTime) -> Result<()> {
    if cfg!(not(unix)) && path.as_ref().is_dir() {
        return Ok(());
    }
    // On Unix a file needs no permission to be written for this, on Windows it does.
    let file = File::options()
        .read(true)
        .write(cfg!(not(unix)))
        .open(&path);
    file.and_then(|file| simple::attribute_set(file.set_modified(time)))
        .at("set the time of", &path)
}

/// Sets the modification time of a link itself, where the system and the file system can do that.
pub fn set_link_modified(path: impl AsRef<Path>, time: std::time::SystemTime) -> Result<()> {
    #[cfg(unix)]
    {
        use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
        let since = time
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        let time = Timespec {
            tv_sec: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: since.subsec_nanos().into(),
        };
        let times = Timestamps {
            last_access: time,
            last_modification: time,
        };
        match utimensat(CWD, path.as_ref(), &times, AtFlags::SYMLINK_NOFOLLOW) {
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(()),
            set => set.map_err(io::Error::from).at("set the time of", &path),
        }
    }
    #[cfg(not(unix))]
    {
        let _ = (path, time);
        Ok(())
    }
}

/// Makes a symbolic link.
pub fn symlink(target: impl AsRef<Path>, link: impl AsRef<Path>) -> Result<()> {
    try_symlink(target, &link).at("link", &link)
}

/// Makes a symbolic link. Returns the io error, for callers that handle a file system without
/// links.
pub fn try_symlink(target: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::symlink(target, &link);
    #[cfg(windows)]
    {
        // A link to a folder is made in another way there, and a slash in a target is a letter.
        let target = target.as_ref().to_string_lossy().replace('/', "\\");
        if parent(link.as_ref()).join(&target).is_dir() {
            return std::os::windows::fs::symlink_dir(target, &link);
        }
        std::os::windows::fs::symlink_file(target, &link)
    }
}

/// Flushes a file that was written before to disk. On Windows only a file that is open for writing
/// can be flushed.
pub fn sync_file(path: impl AsRef<Path>) -> Result<()> {
    if cfg!(unix) {
        return flush(&open(&path)?).at("flush", &path);
    }
    let file = File::options().write(true).open(&path).at("open", &path)?;
    flush(&file).at("flush", &path)
}

/// Makes another name of a file. Returns the io error, for callers that handle a file system without
/// links.
pub fn try_hard_link(file: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    std::fs::hard_link(file, link)
}

/// Flushes a folder's entries to disk (a no-op where folders can't be opened or flushed).
pub fn sync_dir(path: impl AsRef<Path>) -> Result<()> {
    #[cfg(unix)]
    {
        let folder = File::open(&path).at("open", &path)?;
        simple::folder_flushed(folder.sync_all()).at("flush", &path)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        Ok(())
    }
}

/// The folder that contains a path; `.` for a bare name.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    }
}

/// Writes a small file atomically: readers see the complete old or the complete new content. Writes
/// a temporary file in the same folder, flushes it and renames it. What killed processes left when
/// they wrote this file is removed.
pub fn write_atomic(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    let dir = parent(path);
    let mut staged = StagedFile::new(dir, &staged_prefix(path))?;
    staged.write(bytes)?;
    staged.flush(0o644)?;
    staged.rename_over(path)?;
    sync_dir(dir)
}

/// Creates a file that only this user can read, in one step. It must not exist.
pub fn write_secret(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    let dir = parent(path);
    let mut staged = StagedFile::new(dir, &staged_prefix(path))?;
    staged.write(bytes)?;
    staged.flush(0o600)?;
    match staged.rename_new(path) {
        Ok(()) => sync_dir(dir),
        Err((error, _)) => Err(io_error("create", path, &error)),
    }
}

/// A temporary folder. Dropping this removes the folder.
#[derive(Debug)]
pub struct Scratch(StagedDir);

impl Scratch {
    /// Makes a folder named `larder-<what>-…` in `parent`, and removes those that killed processes
    /// left.
    pub fn new(parent: &Path, what: &str) -> Result<Self> {
        let made = StagedDir::new(parent, &format!("larder-{what}-"));
        made.map(Self).map_err(|error| no_temp(error, parent))
    }

    /// The folder's path. It is absolute if the parent's path is.
    pub fn path(&self) -> &Utf8Path {
        self.0.path()
    }
}

/// Adds to an error about the folder for temporary files whether it is missing, and what to do.
pub fn no_temp(error: Error, parent: &Path) -> Error {
    let variable = if cfg!(windows) { "TEMP" } else { "TMPDIR" };
    if exists(parent) {
        return error.hint(format!(
            "{variable} names the folder for temporary files: set it to a folder that can be written"
        ));
    }
    error
        .cause("there is no folder for temporary files")
        .hint(format!(
            "make {}, or name another folder in {variable}",
            parent.display()
        ))
}

/// Replaces the content of a user's file atomically, as [`write_atomic`] does. If the path is a
/// link, it stays a link, and the file keeps its mode.
pub fn rewrite(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let real = std::fs::canonicalize(&path).at("find", &path)?;
    let permissions = std::fs::metadata(&real)
        .at("read the metadata of", &path)?
        .permissions();
    write_atomic(&real, bytes)?;
    simple::attribute_set(std::fs::set_permissions(&real, permissions)).at("set the mode of", &path)
}

/// Renames a file, unless something has the new name already. If that fails, the file is removed.
pub fn rename_new(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<()> {
    let from = tempfile::TempPath::try_from_path(from.as_ref()).at("find", &from)?;
    let renamed = from.persist_noclobber(&to);
    renamed.map_err(|failed| io_error("create", &to, &failed.error))
}

/// Removes the temporary files that killed processes left when they wrote this file with
/// [`write_atomic`] or [`rewrite`].
pub fn sweep_staged(path: impl AsRef<Path>) {
    let path = path.as_ref();
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    staging::sweep(parent(&real), &staged_prefix(&real));
}

fn staged_prefix(path: &Path) -> String {
    staging::prefix(&path.file_name().unwrap_or_default().to_string_lossy())
}

/// Appends to a file to which other programs may append too. Creates the file if it does not exist.
pub fn append(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let mut file = File::options()
        .append(true)
        .create(true)
        .open(&path)
        .at("open", &path)?;
    file.write_all(bytes).at("write", &path)
}

fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(e) => Err(e),
    }
}
