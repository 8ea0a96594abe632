//! The served folder: its files are opened and inspected here, and nowhere else.
//!
//! A name is never resolved outside of the folder: on Linux the kernel resolves links and refuses
//! those that lead out (`openat2` with `RESOLVE_BENEATH`), elsewhere links are not followed at all.
//! Opening waits for nothing, and only regular files are opened. Folders in the folder are not
//! entered: only the files that lie directly in it are served.

use std::fs::File;
use std::io;
use std::sync::{Arc, RwLock};

use camino::{Utf8Path, Utf8PathBuf};
use larder_core::error::{Error, Result};
use larder_core::fs;

use super::name::Unfit;

/// What tells one content of a file from another without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The size in bytes.
    pub size: u64,
    /// The time of the last change of the content, in nanoseconds since 1970.
    pub modified: i128,
    /// The number of the file in its file system; 0 where there is none.
    pub inode: u64,
}

impl Stamp {
    /// The time of the last change in whole seconds.
    pub fn modified_seconds(&self) -> i64 {
        i64::try_from(self.modified.div_euclid(1_000_000_000)).unwrap_or(0)
    }

    /// The stamp of an open file, or of metadata that was read.
    pub fn of(meta: &std::fs::Metadata) -> Self {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            Self {
                size: meta.len(),
                modified: i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec()),
                inode: meta.ino(),
            }
        }
        #[cfg(not(unix))]
        {
            let modified = meta.modified().ok();
            let since = modified.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
            Self {
                size: meta.len(),
                modified: since.map_or(0, |time| i128::try_from(time.as_nanos()).unwrap_or(0)),
                inode: 0,
            }
        }
    }
}

/// What is under a name.
#[derive(Debug)]
pub enum Found {
    /// Nothing.
    Absent,
    /// Something that is never served.
    Unfit(Unfit),
    /// A regular file.
    File {
        /// What tells its content.
        stamp: Stamp,
        /// Whether it came into the folder under this name without being written there: a link,
        /// or a file with several names.
        is_linked: bool,
    },
}

/// The folder.
#[derive(Debug)]
pub struct Folder {
    path: Utf8PathBuf,
    #[cfg(unix)]
    descriptor: RwLock<Arc<std::os::fd::OwnedFd>>,
    #[cfg(not(unix))]
    descriptor: RwLock<Arc<()>>,
}

impl Folder {
    /// Opens a folder.
    pub fn open(path: &Utf8Path) -> Result<Self> {
        match fs::stat(path)? {
            Some(meta) if meta.is_dir() => {}
            Some(_) => {
                return Err(Error::usage(format!("{path} is not a folder"))
                    .hint("--dir takes the folder with the binaries"));
            }
            None => {
                return Err(Error::usage(format!("there is no folder {path}"))
                    .hint("make it, or name another one with --dir"));
            }
        }
        let path = fs::canonicalize(path)?;
        let descriptor = RwLock::new(Arc::new(descriptor(&path)?));
        Ok(Self { path, descriptor })
    }

    /// Opens the path again, after another folder took its place.
    pub fn reopen(&self) -> Result<()> {
        let new = Arc::new(descriptor(&self.path)?);
        if let Ok(mut current) = self.descriptor.write() {
            *current = new;
        }
        Ok(())
    }

    /// The path, without links.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// The names in the folder, sorted.
    pub fn names(&self) -> Result<Vec<String>> {
        fs::list(&self.path)
    }

    /// What is under a name.
    pub fn inspect(&self, name: &str) -> Found {
        match self.lstat(name) {
            Ok(Seen::File { stamp, is_alone }) => Found::File {
                stamp,
                is_linked: !is_alone,
            },
            Ok(Seen::Other) => Found::Unfit(Unfit::NotRegular),
            Ok(Seen::Link) => match self.open_file(name) {
                Ok((_, stamp)) => Found::File {
                    stamp,
                    is_linked: true,
                },
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    Found::Unfit(Unfit::NotRegular)
                }
                Err(_) => Found::Unfit(Unfit::LeadsOut),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Found::Absent,
            Err(error) => Found::Unfit(Unfit::Unreadable(error.to_string())),
        }
    }

    /// Opens a regular file for reading, and tells its stamp.
    pub fn open_file(&self, name: &str) -> io::Result<(File, Stamp)> {
        let file = self.open_beneath(name)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "it is not a regular file",
            ));
        }
        Ok((file, Stamp::of(&meta)))
    }

    #[cfg(unix)]
    fn handle(&self) -> io::Result<Arc<std::os::fd::OwnedFd>> {
        match self.descriptor.read() {
            Ok(descriptor) => Ok(descriptor.clone()),
            Err(_) => Err(io::Error::other("the folder is not open")),
        }
    }

    #[cfg(unix)]
    fn lstat(&self, name: &str) -> io::Result<Seen> {
        use rustix::fs::{AtFlags, FileType, statat};
        let stat = statat(&*self.handle()?, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Seen::File {
                stamp: Stamp {
                    size: u64::try_from(stat.st_size).unwrap_or(0),
                    modified: i128::from(stat.st_mtime) * 1_000_000_000
                        + i128::from(stat.st_mtime_nsec),
                    inode: stat.st_ino,
                },
                is_alone: stat.st_nlink == 1,
            },
            FileType::Symlink => Seen::Link,
            _ => Seen::Other,
        })
    }

    #[cfg(not(unix))]
    fn lstat(&self, name: &str) -> io::Result<Seen> {
        let absent = || io::Error::from(io::ErrorKind::NotFound);
        let meta = fs::lstat(self.path.join(name))
            .map_err(io::Error::other)?
            .ok_or_else(absent)?;
        Ok(if meta.is_file() {
            Seen::File {
                stamp: Stamp::of(&meta),
                is_alone: true,
            }
        } else if meta.is_symlink() {
            Seen::Link
        } else {
            Seen::Other
        })
    }

    #[cfg(target_os = "linux")]
    fn open_beneath(&self, name: &str) -> io::Result<File> {
        use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let handle = self.handle()?;
        match openat2(&*handle, name, flags, Mode::empty(), resolve) {
            Ok(file) => Ok(file.into()),
            // An old kernel, or a sandbox: links are not followed at all.
            Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => {
                let flags = flags | OFlags::NOFOLLOW;
                Ok(rustix::fs::openat(&*handle, name, flags, Mode::empty())?.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    #[cfg(all(unix, not(target_os = "linux")))]
    fn open_beneath(&self, name: &str) -> io::Result<File> {
        use rustix::fs::{Mode, OFlags, openat};
        let flags =
            OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
        Ok(openat(&*self.handle()?, name, flags, Mode::empty())?.into())
    }

    #[cfg(not(unix))]
    fn open_beneath(&self, name: &str) -> io::Result<File> {
        match self.lstat(name)? {
            Seen::Link => Err(io::Error::other("it is a link")),
            _ => fs::open(self.path.join(name)).map_err(io::Error::other),
        }
    }
}

enum Seen {
    File { stamp: Stamp, is_alone: bool },
    Link,
    Other,
}

#[cfg(unix)]
fn descriptor(path: &Utf8Path) -> Result<std::os::fd::OwnedFd> {
    use rustix::fs::{Mode, OFlags, open};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY;
    open(path.as_std_path(), flags, Mode::empty())
        .map_err(|error| fs::io_error("open the folder", path, &error.into()))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it is fallible on Unix")]
fn descriptor(_path: &Utf8Path) -> Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_of_the_folder_is_opened() {
        let root = tempfile::Builder::new()
            .tempdir_in(env!("CARGO_MANIFEST_DIR"))
            .unwrap();
        let root = Utf8Path::from_path(root.path()).unwrap().to_owned();
        fs::create_dir_all(root.join("served/sub")).unwrap();
        fs::write_atomic(root.join("secret"), b"secret").unwrap();
        fs::write_atomic(root.join("served/file"), b"file").unwrap();
        for (target, link) in [
            ("file", "in"),
            ("sub", "folder"),
            ("../secret", "out"),
            ("/etc/passwd", "absolute"),
            ("nothing", "broken"),
            ("loop", "loop"),
        ] {
            fs::symlink(target, root.join("served").join(link)).unwrap();
        }
        let folder = Folder::open(&root.join("served")).unwrap();
        for name in ["file", "in"] {
            assert!(matches!(folder.inspect(name), Found::File { .. }), "{name}");
            assert!(folder.open_file(name).is_ok(), "{name}");
        }
        for name in ["out", "absolute", "broken", "loop"] {
            let found = folder.inspect(name);
            assert!(matches!(found, Found::Unfit(Unfit::LeadsOut)), "{found:?}");
        }
        for name in ["sub", "folder"] {
            let found = folder.inspect(name);
            assert!(
                matches!(found, Found::Unfit(Unfit::NotRegular)),
                "{found:?}"
            );
        }
        for name in [
            "out",
            "absolute",
            "broken",
            "loop",
            "sub",
            "folder",
            "../secret",
            "/etc/passwd",
        ] {
            assert!(folder.open_file(name).is_err(), "{name}");
        }
        assert!(matches!(folder.inspect("nothing"), Found::Absent));
    }
}
