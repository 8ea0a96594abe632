//! One at a time: file locks that save work. Correctness never rests on them: where a file system has no locks, everything
//! goes on without.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use camino::Utf8Path;

use crate::cancel::Cancel;
use crate::error::Result;
use crate::fs::{self, IoContext};

/// Held until dropped.
#[derive(Debug)]
pub struct Exclusive {
    _file: Option<File>,
}

/// After this long a waiting process says whom it waits for.
const NAMED_AFTER: Duration = Duration::from_secs(5);

/// Takes a lock, waiting for whoever holds it; `on_wait` gets a sentence once the wait is long.
pub fn exclusive(path: &Utf8Path, cancel: &Cancel, on_wait: impl Fn(String)) -> Result<Exclusive> {
    fs::create_dir_all(fs::parent(path.as_std_path()))?;
    let mut file = match OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path) {
        Ok(file) => file,
        // A read-only cache, say: work is done twice at worst.
        Err(e) if matches!(e.kind(), std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem) => {
            return Ok(Exclusive { _file: None });
        }
        Err(e) => return Err(fs::io_error("open", path, &e)),
    };
    let start = Instant::now();
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) => {
                cancel.check()?;
                if !told && start.elapsed() >= NAMED_AFTER {
                    told = true;
                    let mut holder = String::new();
                    let _ = file.read_to_string(&mut holder);
                    on_wait(format!("waiting for {} ({path})", if holder.is_empty() { "another larder" } else { holder.trim() }));
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::Error(_)) => return Ok(Exclusive { _file: None }),
        }
    }
    file.set_len(0).at("write", path)?;
    // Only for the sentence above.
    let _ = write!(file, "larder, process {}", std::process::id());
    Ok(Exclusive { _file: Some(file) })
}
