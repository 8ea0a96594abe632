//! The file system, with errors that carry verb and path. Raw `std::fs` calls elsewhere are refused
//! by clippy.
//!
//! Durability rule (used by [`write_atomic`], `bin` and the cache): stage on the same file system,
//! write, chmod, fsync files and folders, rename, fsync the parent. After a failed fsync the
//! descriptor is never retried.
#![expect(clippy::disallowed_methods, reason = "this is the wrapper")]

use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{Error, Kind, Result, find};

/// An io error as a larder error: `cannot <verb> <path>: <why>`. One that carries a larder error (a
/// transfer's) keeps its kind, causes and hints.
pub fn io_error(verb: &str, path: impl AsRef<Path>, error: &io::Error) -> Error {
    if let Some(inside) = find::<Error>(error) {
        return inside
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
        io::ErrorKind::PermissionDenied => e = e.hint("check the owner and mode of that path"),
        _ => {}
    }
    e
}

/// Attaches verb and path to an io result.
pub trait IoContext<T> {
    /// `cannot <verb> <path>: <why>`.
    fn at(self, verb: &str, path: impl AsRef<Path>) -> Result<T>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn at(self, verb: &str, path: impl AsRef<Path>) -> Result<T> {
        self.map_err(|e| io_error(verb, path, &e))
    }
}

/// Opens a file for reading.
pub fn open(path: impl AsRef<Path>) -> Result<File> {
    File::open(&path).at("open", &path)
}

/// Opens a file for reading; `None` where there is none.
pub fn open_opt(path: impl AsRef<Path>) -> Result<Option<File>> {
    absent_is_none(File::open(&path)).at("open", &path)
}

/// Creates or truncates a file.
pub fn create(path: impl AsRef<Path>) -> Result<File> {
    File::create(&path).at("create", &path)
}

/// Creates a file that must not be there yet.
pub fn create_new(path: impl AsRef<Path>) -> Result<File> {
    File::create_new(&path).at("create", &path)
}

/// Reads a whole (small) file.
pub fn read(path: impl AsRef<Path>) -> Result<Vec<u8>> {
    std::fs::read(&path).at("read", &path)
}

/// Reads a whole (small) file; `None` where there is none.
pub fn read_opt(path: impl AsRef<Path>) -> Result<Option<Vec<u8>>> {
    absent_is_none(std::fs::read(&path)).at("read", &path)
}

/// Reads a whole (small) text file.
pub fn read_text(path: impl AsRef<Path>) -> Result<String> {
    std::fs::read_to_string(&path).at("read", &path)
}

/// Reads a whole (small) text file; `None` where there is none.
pub fn read_text_opt(path: impl AsRef<Path>) -> Result<Option<String>> {
    absent_is_none(std::fs::read_to_string(&path)).at("read", &path)
}

/// Metadata of what a path leads to; `None` where there is nothing.
pub fn stat(path: impl AsRef<Path>) -> Result<Option<Metadata>> {
    absent_is_none(std::fs::metadata(&path)).at("read the metadata of", &path)
}

/// Metadata of the path itself, links not followed; `None` where there is nothing.
pub fn lstat(path: impl AsRef<Path>) -> Result<Option<Metadata>> {
    absent_is_none(std::fs::symlink_metadata(&path)).at("read the metadata of", &path)
}

/// Target of a symbolic link; `None` where there is none or it is not a link.
pub fn read_link(path: impl AsRef<Path>) -> Option<PathBuf> {
    std::fs::read_link(path).ok()
}

/// Makes a folder and its parents.
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

/// Sorted names in a folder; empty where there is no such folder.
pub fn list(path: impl AsRef<Path>) -> Result<Vec<String>> {
    let Some(entries) = absent_is_none(std::fs::read_dir(&path)).at("list", &path)? else {
        return Ok(Vec::new());
    };
    let mut names = Vec::new();
    for entry in entries {
        // A name that is not UTF-8 can't be one of ours.
        if let Ok(name) = entry.at("list", &path)?.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Renames within a file system.
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<()> {
    std::fs::rename(&from, &to).at(&format!("rename {} to", from.as_ref().display()), &to)
}

/// Removes a file or link; fine where there is none.
pub fn remove_file(path: impl AsRef<Path>) -> Result<()> {
    absent_is_none(std::fs::remove_file(&path))
        .at("remove", &path)
        .map(drop)
}

/// Removes a folder with all in it, also where inner folders lack write permission; fine where
/// there is none.
pub fn remove_dir_all(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    match std::fs::remove_dir_all(path) {
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
    // Best effort: Go's module cache, for one, makes its folders read-only.
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

/// Sets permission bits, independent of the umask; nothing on Windows.
pub fn set_mode(path: impl AsRef<Path>, mode: u32) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))
            .at("set the mode of", &path)
    }
    #[cfg(not(unix))]
    {
        let _ = (path, mode);
        Ok(())
    }
}

/// Makes a symbolic link.
pub fn symlink(target: impl AsRef<Path>, link: impl AsRef<Path>) -> Result<()> {
    try_symlink(target, &link).at("link", &link)
}

/// Makes a symbolic link, where that it can't be made is an answer.
pub fn try_symlink(target: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::symlink(target, &link);
    #[cfg(windows)]
    return std::os::windows::fs::symlink_file(target, &link);
}

/// Flushes a folder's entries to disk (a no-op where folders can't be opened).
pub fn sync_dir(path: impl AsRef<Path>) -> Result<()> {
    #[cfg(unix)]
    {
        open(&path)?.sync_all().at("flush", &path)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        Ok(())
    }
}

/// The folder a path lies in.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    }
}

/// Writes a small file so that readers see the old or the new one, whole: staged beside, flushed,
/// renamed.
pub fn write_atomic(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    let dir = parent(path);
    let mut staged = tempfile::Builder::new()
        .prefix(&staged_prefix(path))
        .tempfile_in(dir)
        .at("create a file in", dir)?;
    staged.write_all(bytes).at("write", path)?;
    set_mode(staged.path(), 0o644)?;
    staged.as_file().sync_all().at("flush", path)?;
    staged
        .persist(path)
        .map_err(|e| io_error("write", path, &e.error))?;
    sync_dir(dir)
}

/// A temporary folder, which goes with this.
#[derive(Debug)]
pub struct Scratch {
    _dir: tempfile::TempDir,
    path: Utf8PathBuf,
}

impl Scratch {
    /// A new one in a folder for temporary files: `larder-<what>-…`.
    pub fn new(parent: &Path, what: &str) -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix(&format!("larder-{what}-"))
            .tempdir_in(parent)
            .at("create a folder in", parent)?;
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned());
        let path = path.map_err(|_| {
            Error::failed("the temporary folder's path is not UTF-8")
                .hint("set TMPDIR to a folder whose path is UTF-8")
        })?;
        Ok(Self { _dir: dir, path })
    }

    /// Where it is, absolute.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }
}

/// Writes a file of the user's anew, readers seeing the old or the new one, whole: a link to it
/// stays one, its mode stays too.
pub fn rewrite(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let real = std::fs::canonicalize(&path).at("find", &path)?;
    let permissions = std::fs::metadata(&real)
        .at("read the metadata of", &path)?
        .permissions();
    write_atomic(&real, bytes)?;
    std::fs::set_permissions(&real, permissions).at("set the mode of", &path)
}

/// Removes what killed writers of a file left beside it. For who holds the lock under which that
/// file is written.
pub fn remove_staged(path: impl AsRef<Path>) -> Result<()> {
    let (dir, prefix) = (parent(path.as_ref()), staged_prefix(path.as_ref()));
    list(dir)?
        .iter()
        .filter(|name| name.starts_with(&prefix))
        .try_for_each(|name| remove_file(dir.join(name)))
}

fn staged_prefix(path: &Path) -> String {
    format!(".tmp-{}-", path.file_name().unwrap_or_default().display())
}

/// Adds to the end of a file that other programs add to as well; makes it where there is none.
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
