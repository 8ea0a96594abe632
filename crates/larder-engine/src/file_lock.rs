//! One at a time: file locks that save work. Correctness never rests on them: where a file system has no locks, everything
//! goes on without.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use camino::Utf8Path;

use larder_core::cancel::Cancel;
use larder_core::error::Result;
use larder_core::fs;

/// Held until dropped.
#[derive(Debug)]
pub struct FileLock {
    file: Option<File>,
}

/// After this long a waiting process says whom it waits for.
const NAMED_AFTER: Duration = Duration::from_secs(5);

impl FileLock {
    /// Takes a lock, waiting for whoever holds it; `on_wait` gets a sentence once the wait is long.
    pub fn take(path: &Utf8Path, cancel: &Cancel, on_wait: impl Fn(String)) -> Result<Self> {
        let start = Instant::now();
        let mut told = false;
        loop {
            let Some(mut file) = open(path)? else {
                return Ok(Self { file: None });
            };
            match file.try_lock() {
                // Whoever deleted `.larder` meanwhile made another file of that name possible.
                Ok(()) if is_at(&file, path) => {
                    // Only for the sentence below.
                    let _ = file
                        .set_len(0)
                        .and_then(|()| write!(file, "larder, process {}", std::process::id()));
                    return Ok(Self { file: Some(file) });
                }
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    cancel.check()?;
                    if !told && start.elapsed() >= NAMED_AFTER {
                        told = true;
                        let mut holder = String::new();
                        let _ = file.read_to_string(&mut holder);
                        on_wait(format!(
                            "waiting for {} ({path})",
                            if holder.is_empty() {
                                "another larder"
                            } else {
                                holder.trim()
                            }
                        ));
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(TryLockError::Error(_)) => return Ok(Self { file: None }),
            }
        }
    }

    /// Takes a lock that nobody holds at this moment.
    pub fn take_now(path: &Utf8Path) -> Option<Self> {
        let file = open(path).ok()??;
        (file.try_lock().is_ok() && is_at(&file, path)).then_some(Self { file: Some(file) })
    }

    /// Whether there is a lock at all: without one, others may be at the same work.
    pub fn is_held(&self) -> bool {
        self.file.is_some()
    }
}

/// The lock's file; `None` where nothing can be written (a read-only cache, say): work is done twice at worst.
fn open(path: &Utf8Path) -> Result<Option<File>> {
    let read_only = |e: &io::Error| {
        matches!(
            e.kind(),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
        )
    };
    let open = || {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
    };
    let opened = match open() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(fs::parent(path.as_std_path())).ok();
            open()
        }
        // What is in the way is named.
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => {
            fs::create_dir_all(fs::parent(path.as_std_path()))?;
            open()
        }
        opened => opened,
    };
    match opened {
        Ok(file) => Ok(Some(file)),
        Err(e) if read_only(&e) => Ok(None),
        // The folder could not be made, for one of those reasons.
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(fs::io_error("open", path, &e)),
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Utf8Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(ours), Ok(Some(there))) = (file.metadata(), fs::stat(path)) else {
        return false;
    };
    (ours.dev(), ours.ino()) == (there.dev(), there.ino())
}

#[cfg(not(unix))]
fn is_at(_file: &File, _path: &Utf8Path) -> bool {
    true
}
