//! File locks keep two processes from doing the same work. Correctness never depends on them: on a
//! file system without locks, larder works without them.

use std::fs::{File, TryLockError};
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use camino::Utf8Path;

use larder_core::cancel::Cancel;
use larder_core::error::Result;
use larder_core::fs::{self, OwnFolder};

/// A file lock, which is held until it is dropped.
#[derive(Debug)]
pub struct FileLock {
    file: Option<File>,
}

/// After this time a waiting process reports which process it waits for.
const REPORT_AFTER: Duration = Duration::from_secs(5);

impl FileLock {
    /// Takes the lock of the file with the path `below` in a folder, and waits while another process
    /// holds it. Links below the folder are refused. After a long wait `on_wait` is called once,
    /// with a message.
    pub fn take(
        base: &Utf8Path,
        below: impl AsRef<Utf8Path>,
        cancel: &Cancel,
        on_wait: impl Fn(String),
    ) -> Result<Self> {
        let path = &base.join(&below);
        let start = Instant::now();
        let mut reported = false;
        loop {
            let Some(mut file) = open(base, below.as_ref())? else {
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
    pub fn try_take(base: &Utf8Path, below: impl AsRef<Utf8Path>) -> Option<Self> {
        let file = open(base, below.as_ref()).ok()??;
        let held = file.try_lock().is_ok() && is_at(&file, &base.join(below));
        held.then_some(Self { file: Some(file) })
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
fn open(base: &Utf8Path, below: &Utf8Path) -> Result<Option<File>> {
    let parent = below.parent().unwrap_or(Utf8Path::new(""));
    let folder = match OwnFolder::open(base, parent)? {
        Some(folder) => folder,
        // If the folder can't be made, the place is read-only.
        None => match OwnFolder::create(base, parent) {
            Ok(folder) => folder,
            Err(_) => return Ok(None),
        },
    };
    folder.lock_file(below.file_name().unwrap_or_default())
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
