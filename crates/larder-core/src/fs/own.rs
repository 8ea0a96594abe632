//! Folders that belong to larder: `.bin`, `.larder`, `.dist`, `.collection`, and what is in them.
//! Anyone can commit a link in their place to a repository, so that what larder writes and removes
//! there would be somewhere else.
//!
//! A folder is opened component by component, and no link is followed on the way. Afterwards every
//! operation is relative to the open folder and takes one name in it, which is not followed either.
//! So what happens is in that folder, even if a component of its path becomes a link meanwhile.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Write};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::{IoContext, absent_is_none, simple, staged_prefix};
use crate::error::{Error, Kind, Result};
use crate::staging;

#[cfg(not(unix))]
mod other;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
use other as system;
#[cfg(unix)]
use unix as system;

use system::Handle;

/// An open folder that belongs to larder.
#[derive(Clone, Debug)]
pub struct OwnFolder {
    path: Utf8PathBuf,
    handle: Handle,
}

/// What has a name in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A regular file with this many bytes.
    File(u64),
    /// A folder.
    Folder,
    /// A link, wherever it leads.
    Link,
    /// Anything else: a FIFO, a socket, a device.
    Other,
}

impl OwnFolder {
    /// Opens a folder below `base`; `None` if it does not exist. The path of `base` itself may
    /// contain links, because the user chose it.
    pub fn open(base: &Utf8Path, below: impl AsRef<Utf8Path>) -> Result<Option<Self>> {
        let Some(handle) = absent_is_none(Handle::base(base)).at("open the folder", base)? else {
            return Ok(None);
        };
        let mut folder = Self::new(base, handle);
        for name in names(below.as_ref())? {
            match folder.folder(name)? {
                Some(inner) => folder = inner,
                None => return Ok(None),
            }
        }
        Ok(Some(folder))
    }

    /// Opens a folder below `base`, and makes it and its parents if they are missing.
    pub fn create(base: &Utf8Path, below: impl AsRef<Utf8Path>) -> Result<Self> {
        let handle = match Handle::base(base) {
            Err(e) if e.kind() == ErrorKind::NotFound => {
                super::create_dir_all(base)?;
                Handle::base(base)
            }
            opened => opened,
        };
        let mut folder = Self::new(base, handle.at("open the folder", base)?);
        for name in names(below.as_ref())? {
            folder = folder.make_folder(name)?;
        }
        Ok(folder)
    }

    fn new(path: &Utf8Path, handle: Handle) -> Self {
        Self {
            path: path.to_owned(),
            handle,
        }
    }

    /// The path by which it was opened.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }
    fn join(&self, name: &str) -> Utf8PathBuf {
        self.path.join(name)
    }

    /// Opens a folder in this one; `None` if it does not exist.
    pub fn folder(&self, name: &str) -> Result<Option<Self>> {
        let opened = match self.handle.folder(name) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened,
        };
        let handle = opened.map_err(|e| self.refuse(name, "open the folder", &e))?;
        Ok(Some(Self::new(&self.join(name), handle)))
    }

    /// Opens a folder in this one, and makes it if it does not exist.
    pub fn make_folder(&self, name: &str) -> Result<Self> {
        if let Some(folder) = self.folder(name)? {
            return Ok(folder);
        }
        match self.handle.make_folder(name) {
            Err(e) if e.kind() != ErrorKind::AlreadyExists => {
                return Err(super::io_error("create the folder", self.join(name), &e));
            }
            _ => {}
        }
        let vanished = || Error::failed(format!("{} was removed meanwhile", self.join(name)));
        self.folder(name)?
            .ok_or_else(|| vanished().hint("run again"))
    }

    /// The error of an operation that found something else than it needs. It names the link that
    /// has the name, if there is one, and where that leads.
    fn refuse(&self, name: &str, verb: &str, error: &io::Error) -> Error {
        let path = self.join(name);
        if let Some(target) = self.read_link(name) {
            return Error::new(Kind::Usage, format!("{path} is a link to {target}"))
                .cause("larder writes and removes files there, and a link could lead it anywhere")
                .hint(format!(
                    "if you do not need the link, remove it: `rm {path}`"
                ));
        }
        let error = super::io_error(verb, &path, error);
        match self.entry(name) {
            Ok(Some(Entry::File(_) | Entry::Other)) if verb.ends_with("folder") => {
                error.hint(format!("{path} is not a folder; move it elsewhere"))
            }
            Ok(Some(Entry::Folder | Entry::Other)) => {
                error.hint(format!("{path} is not a file; move it elsewhere"))
            }
            _ => error,
        }
    }

    /// What has this name; `None` if nothing has.
    pub fn entry(&self, name: &str) -> Result<Option<Entry>> {
        absent_is_none(self.handle.entry(name)).at("read the metadata of", self.join(name))
    }

    /// The target of a link; `None` if nothing has that name or it is not a link.
    pub fn read_link(&self, name: &str) -> Option<String> {
        self.handle.read_link(name).ok()
    }

    /// Sorted names in the folder. Names that are not UTF-8 are left out: larder makes none.
    pub fn list(&self) -> Result<Vec<String>> {
        let mut names = self.handle.list().at("list", &self.path)?;
        names.sort();
        Ok(names)
    }

    /// Makes a link. Returns the io error, for callers that handle a file system without links.
    pub fn try_symlink(&self, target: &str, name: &str) -> io::Result<()> {
        self.handle.symlink(target, name)
    }

    /// Makes a link in place of whatever file or link has the name, with one rename of a link with
    /// the name `staged`.
    pub fn replace_link(&self, target: &str, staged: &str, to: (&Self, &str)) -> Result<()> {
        self.remove_file(staged)?;
        self.try_symlink(target, staged)
            .at("link", self.join(staged))?;
        self.rename(staged, to)
    }

    /// Renames something in this folder; the new place may be in another folder.
    pub fn rename(&self, name: &str, to: (&Self, &str)) -> Result<()> {
        self.handle
            .rename(name, &to.0.handle, to.1)
            .at(&format!("rename {} to", self.join(name)), to.0.join(to.1))
    }

    /// Gives a file a second name, in another folder. Returns the io error, for callers that handle
    /// a file system without such names.
    pub fn hard_link(&self, name: &str, to: (&Self, &str)) -> io::Result<()> {
        self.handle.hard_link(name, &to.0.handle, to.1)
    }

    /// Removes a file or link; not an error if it does not exist.
    pub fn remove_file(&self, name: &str) -> Result<()> {
        absent_is_none(self.handle.remove_file(name))
            .at("remove", self.join(name))
            .map(drop)
    }

    /// Removes a file, a link, or a folder with its content, even if inner folders have no write
    /// permission; not an error if it does not exist.
    pub fn remove(&self, name: &str) -> Result<()> {
        if self.entry(name)? != Some(Entry::Folder) {
            return self.remove_file(name);
        }
        absent_is_none(self.handle.remove_folder(name))
            .at("remove the folder", self.join(name))
            .map(drop)
    }

    /// Removes a folder if it is empty; returns whether it was.
    pub fn remove_empty_folder(&self, name: &str) -> Result<bool> {
        match self.handle.remove_empty_folder(name) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == ErrorKind::DirectoryNotEmpty => Ok(false),
            Err(e) => Err(super::io_error("remove the folder", self.join(name), &e)),
        }
    }

    /// Opens an empty file for writing: the one that has the name, or a new one in place of whatever
    /// else has it, such as a link or a FIFO.
    pub fn create_file(&self, name: &str) -> Result<File> {
        if matches!(self.entry(name)?, Some(Entry::Link | Entry::Other)) {
            self.remove_file(name)?;
        }
        self.handle
            .truncated(name)
            .map_err(|e| self.refuse(name, "create", &e))
    }

    /// Opens a file to lock it, and makes it if it does not exist. It must be a regular file; a
    /// link is not followed. `None` if it can't be written, or the folder was removed meanwhile.
    pub fn lock_file(&self, name: &str) -> Result<Option<File>> {
        let no_file = || io::Error::new(ErrorKind::InvalidData, "it is not a regular file");
        let opened = self.handle.read_write(name).and_then(|file| {
            let regular = file.metadata()?.is_file();
            if regular { Ok(file) } else { Err(no_file()) }
        });
        match opened {
            Ok(file) => Ok(Some(file)),
            Err(e)
                if matches!(
                    e.kind(),
                    ErrorKind::NotFound
                        | ErrorKind::PermissionDenied
                        | ErrorKind::ReadOnlyFilesystem
                ) =>
            {
                Ok(None)
            }
            Err(e) => Err(self.refuse(name, "open", &e)),
        }
    }

    /// Opens a regular file for reading; a link is not followed. `None` if it does not exist or is
    /// none.
    pub fn open_file(&self, name: &str) -> Result<Option<File>> {
        match self.handle.read(name) {
            Ok(file) if file.metadata().is_ok_and(|meta| meta.is_file()) => Ok(Some(file)),
            Ok(_) => Ok(None),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(self.refuse(name, "open", &e)),
        }
    }

    /// Writes a small file atomically, as [`super::write_atomic`] does.
    pub fn write_atomic(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let prefix = staged_prefix(name.as_ref());
        self.sweep(&prefix);
        let (staged, mut file) = self.stage(&prefix)?;
        let write = || {
            file.write_all(bytes)?;
            simple::attribute_set(system::set_mode(&file, 0o644))?;
            simple::flush(&file)
        };
        let written = { write }()
            .at("write", self.join(name))
            .and_then(|()| self.rename(&staged, (self, name)));
        if written.is_err() {
            // The first error is reported.
            let _ = self.remove_file(&staged);
        }
        written?;
        self.sync()
    }

    /// A new file with a temporary name, locked to show that it belongs to a running process; see
    /// [`crate::staging`].
    fn stage(&self, prefix: &str) -> Result<(String, File)> {
        let mut tries = 0;
        loop {
            let staged = unused(prefix, |name| self.handle.create_new(name));
            let (name, file) = staged.at("create a file in", &self.path)?;
            tries += 1;
            // Another process may have swept it before it was locked.
            if staging::own(&file) && self.entry(&name)?.is_some() || tries == staging::TRIES {
                return Ok((name, file));
            }
        }
    }

    /// Removes the files with temporary names that killed processes have left, as
    /// [`staging::sweep`] does.
    pub fn sweep(&self, prefix: &str) {
        for name in self.list().unwrap_or_default() {
            if staging::is_staged(&name, prefix)
                && let Ok(Some(file)) = self.open_file(&name)
                && staging::belongs_to_nobody(&file)
            {
                // A file that can't be removed costs only space.
                let _ = self.remove_file(&name);
            }
        }
    }

    /// Exchanges what has two names, in one step. `false` if this system or its file system can't:
    /// then nothing was changed.
    pub fn exchange(&self, one: &str, other: &str) -> Result<bool> {
        self.handle.exchange(one, other).at(
            &format!("exchange {} with", self.join(one)),
            self.join(other),
        )
    }

    /// Makes a new folder with a name that begins with `prefix`, which only its owner can enter.
    pub fn unique_folder(&self, prefix: &str) -> Result<Self> {
        let made = unused(prefix, |name| {
            self.handle.make_private_folder(name)?;
            self.handle.folder(name)
        });
        let (name, handle) = made.at("create a folder in", &self.path)?;
        Ok(Self::new(&self.join(&name), handle))
    }

    /// Whether files in this folder keep the permission bits that are set. File systems without
    /// permissions give every file the same. `true` also where that can't be tried.
    pub fn keeps_modes(&self) -> bool {
        let Ok((name, file)) = self.stage(&staging::prefix("mode")) else {
            return true;
        };
        let kept = [0o640, 0o755].iter().all(|mode| {
            let set = system::set_mode(&file, *mode);
            set.is_ok() && system::has_mode(&file, *mode)
        });
        // A file that stays is removed by the next `sweep`.
        let _ = self.remove_file(&name);
        kept
    }

    /// Sets the permission bits of this folder. Does nothing on Windows and on file systems that
    /// keep no permissions.
    pub fn set_mode(&self, mode: u32) -> Result<()> {
        simple::attribute_set(self.handle.set_mode(mode)).at("set the mode of", &self.path)
    }

    /// The number of its file system, if [`Self::sync_file_system`] does what flushing each file does.
    pub fn flushable_file_system(&self) -> Option<u64> {
        self.handle.flushable_file_system()
    }
    /// Flushes everything that was written to the file system of the folder, by whomever.
    pub fn sync_file_system(&self) -> Result<()> {
        self.handle.sync_file_system().at("flush", &self.path)
    }
    /// Flushes the folder's entries to disk (a no-op where folders can't be opened).
    pub fn sync(&self) -> Result<()> {
        self.handle.sync().at("flush", &self.path)
    }
}

/// The names that a relative path consists of; `..` is none.
fn names(below: &Utf8Path) -> Result<Vec<&str>> {
    let name = |component| match component {
        Utf8Component::Normal(name) => Ok(name),
        _ => Err(Error::usage(format!("{below} does not stay in its folder"))),
    };
    below.components().map(name).collect()
}

/// Makes something under a name that nothing has yet: the prefix and six letters and digits.
pub(super) fn unused<T>(
    prefix: &str,
    make: impl Fn(&str) -> io::Result<T>,
) -> io::Result<(String, T)> {
    let mut tries = 0;
    loop {
        // The keys of a `RandomState` are random, so its hashes are.
        let name = format!("{prefix}{:06x}", RandomState::new().hash_one(tries) >> 40);
        match make(&name) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists && tries < 1000 => tries += 1,
            made => return made.map(|made| (name, made)),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::fs;

    /// A folder with `base/a/b/file`, and beside `base` a folder of someone else.
    fn folders() -> (tempfile::TempDir, Utf8PathBuf, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let (base, other) = (root.join("base"), root.join("other"));
        for folder in [base.join("a/b"), other.join("b")] {
            fs::create_dir_all(&folder).unwrap();
            fs::write_atomic(folder.join("file"), b"text").unwrap();
        }
        (dir, base, other)
    }

    #[test]
    fn no_component_of_an_own_folder_may_be_a_link() {
        let (_dir, base, other) = folders();
        fs::symlink(&other, base.join("link")).unwrap();
        for below in ["link", "link/b", "link/new"] {
            for opened in [
                OwnFolder::open(&base, below).map(|_| ()),
                OwnFolder::create(&base, below).map(|_| ()),
            ] {
                let error = opened.unwrap_err();
                assert_eq!(error.kind(), Kind::Usage);
                let text = format!("{base}/link is a link to {other}");
                assert_eq!(error.message(), text);
            }
        }
        assert!(!other.join("new").exists());
        assert!(OwnFolder::open(&base, "a/../../other").is_err());
        assert!(OwnFolder::open(&base, "a/b/file").is_err());
        assert!(OwnFolder::open(&base, "none/b").unwrap().is_none());
        // The path to the base is the user's own.
        fs::symlink(&base, other.join("base")).unwrap();
        OwnFolder::open(&other.join("base"), "a/b")
            .unwrap()
            .unwrap();
    }

    #[test]
    fn operations_stay_in_the_folder_that_was_opened() {
        let (_dir, base, other) = folders();
        let folder = OwnFolder::open(&base, "a/b").unwrap().unwrap();
        // A link takes its place.
        fs::rename(base.join("a"), base.join("moved")).unwrap();
        fs::symlink(&other, base.join("a")).unwrap();
        folder.remove("file").unwrap();
        folder.write_atomic("new", b"new").unwrap();
        folder.make_folder("c").unwrap();
        assert_eq!(fs::list(base.join("moved/b")).unwrap(), ["c", "new"]);
        assert_eq!(fs::list(other.join("b")).unwrap(), ["file"]);
    }

    #[test]
    fn links_are_replaced_and_removed_and_never_followed() {
        let (_dir, base, other) = folders();
        let folder = OwnFolder::open(&base, "a").unwrap().unwrap();
        let link =
            |name: &str, target: &str| fs::symlink(other.join(target), base.join("a").join(name));
        link("folder", "b").unwrap();
        link("b/inner", "b").unwrap();
        for name in ["made", "written"] {
            link(name, "b/file").unwrap();
        }
        folder.create_file("made").unwrap();
        folder.write_atomic("written", b"new").unwrap();
        link("locked", "b/file").unwrap();
        assert!(folder.lock_file("locked").is_err());
        link("dangling", "b/new").unwrap();
        assert!(folder.lock_file("dangling").is_err());
        assert!(folder.open_file("locked").is_err());
        for name in ["folder", "b"] {
            folder.remove(name).unwrap();
        }
        assert_eq!(
            folder.list().unwrap(),
            ["dangling", "locked", "made", "written"]
        );
        assert_eq!(fs::list(other.join("b")).unwrap(), ["file"]);
        assert_eq!(fs::read(other.join("b/file")).unwrap(), b"text");
        let mode = base
            .join("a/written")
            .metadata()
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o644);
    }

    #[test]
    fn read_only_folders_are_removed() {
        let (_dir, base, _) = folders();
        for (folder, mode) in [("a/b", 0o500), ("a", 0o000)] {
            fs::set_mode(base.join(folder), mode).unwrap();
        }
        let folder = OwnFolder::open(&base, "").unwrap().unwrap();
        folder.remove("a").unwrap();
        assert!(folder.list().unwrap().is_empty());
    }
}
