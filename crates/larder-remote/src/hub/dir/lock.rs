//! The file lock of a folder that is written. It avoids duplicate work, and it shows that staged
//! files were left by killed publishers and not by running ones. Publishing is correct without it.

use std::fs::File;
use std::time::Duration;

use camino::Utf8Path;

use super::permissions;
use super::stage::{CLAIM, STAGED, is_older};
use larder_core::error::Result;
use larder_core::fs::{self, OwnFolder};

const LOCK: &str = ".lock";
/// On file systems without locks, a staged file of this age is considered to be left by a killed
/// publisher.
const ABANDONED: Duration = Duration::from_hours(24);

/// The lock of a folder, held until it is dropped. It is empty if the file system does not support
/// locks.
pub(super) struct Lock(Option<File>);

impl Lock {
    /// Waits for the lock, then removes staged files that killed publishers left.
    pub(super) fn take(folder: &OwnFolder) -> Result<Self> {
        let is_new = folder.entry(LOCK)?.is_none();
        let file = match folder.lock_file(LOCK)? {
            Some(file) => Some(file),
            // On a share, the lock's file may belong to another user, who may keep it private.
            None => folder.open_file(LOCK).unwrap_or(None),
        };
        if let Some(file) = file.as_ref().filter(|_| is_new) {
            permissions::share_file(file, folder.path());
        }
        let locked = file.filter(|file| file.lock().is_ok());
        for name in folder.list().unwrap_or_default() {
            if is_staged(&name) && (locked.is_some() || is_abandoned(&folder.path().join(&name))) {
                // A file that can't be removed does no harm.
                let _ = folder.remove(&name);
            }
        }
        Ok(Self(locked))
    }
}

/// Whether a name is one that a publisher gave to a staged file or folder.
fn is_staged(name: &str) -> bool {
    let random = name.strip_prefix(STAGED);
    random.is_some_and(|random| {
        random.starts_with(CLAIM)
            || random.len() == 6 && random.chars().all(|c| c.is_ascii_alphanumeric())
    })
}

fn is_abandoned(path: &Utf8Path) -> bool {
    let meta = fs::lstat(path).ok().flatten();
    meta.is_some_and(|meta| is_older(&meta, ABANDONED))
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(file) = &self.0 {
            // An error is harmless: closing the file also releases the lock.
            let _ = file.unlock();
        }
    }
}
