//! File locks keep two processes from doing the same work. Correctness never depends on them: on a
//! file system without locks, larder works without them.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use camino::Utf8Path;

use larder_core::cancel::Cancel;
use larder_core::error::Result;
use larder_core::fs;

/// A file lock, which is held until it is dropped.
#[derive(Debug)]
pub struct FileLock {
    file: Option<File>,
}

/// After this time a waiting process reports which process it waits for.
const REPORT_AFTER: Duration = Duration::from_secs(5);

impl FileLock {
    /// Takes a lock, and waits while another process holds it. After a long wait `on_wait` is
    /// called once, with a message.
    pub fn take(path: &Utf8Path, cancel: &Cancel, on_wait: impl Fn(String)) -> Result<Self> {
        let start = Instant::now();
        let mut reported = false;
        loop {
            let Some(mut file) = open(path)? else {
                return Ok(Self { file: None });
            };
            match file.try_lock() {
                // If `.larder` was deleted meanwhile, another process may have created and locked a
                // new file at this path, so the lock counts only if the path still leads to this
                // file.
                Ok(()) if is_at(&file, path) => {
                    // The text is only for the message of a process that waits; see `holder_of`.
                    let _ = file
                        .set_len(0)
                        .and_then(|()| write!(file, "larder, process {}", std::process::id()));
                    return Ok(Self { file: Some(file) });
                }
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    cancel.check()?;
                    if !reported && start.elapsed() >= REPORT_AFTER {
                        reported = true;
                        on_wait(format!(
                            "waiting for another larder{} ({path})",
                            holder_of(&mut file)
                        ));
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(TryLockError::Error(_)) => return Ok(Self { file: None }),
            }
        }
    }

    /// Takes a lock if no process holds it at this moment.
    pub fn try_take(path: &Utf8Path) -> Option<Self> {
        let file = open(path).ok()??;
        (file.try_lock().is_ok() && is_at(&file, path)).then_some(Self { file: Some(file) })
    }

    /// Whether the lock was really taken. If not (see `open`), another process may be doing the
    /// same work.
    pub fn is_held(&self) -> bool {
        self.file.is_some()
    }
}

/// The process that holds a lock, as ` (pid 123)`; empty if the lock's file does not name it.
fn holder_of(file: &mut File) -> String {
    let mut text = String::new();
    let _ = file.read_to_string(&mut text);
    match text.trim().rsplit_once(' ') {
        Some((_, pid)) => format!(" (pid {pid})"),
        None => String::new(),
    }
}

/// Opens the lock's file. `None` if it can't be written, for example in a read-only cache; at worst
/// two processes then do the same work.
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
        // Creating the folder gives an error that names the file that is in the way.
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => {
            fs::create_dir_all(fs::parent(path.as_std_path()))?;
            open()
        }
        opened => opened,
    };
    match opened {
        Ok(file) => Ok(Some(file)),
        Err(e) if read_only(&e) => Ok(None),
        // The folder could not be created above, because the place is read-only.
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
