//! Changing the file: read, merge and write it as a whole under a file lock, so that processes do
//! not lose each other's lines.

use camino::Utf8Path;

use super::Lock;
use super::line::Line;
use crate::error::{Error, Result};
use crate::file_lock::{FileLock, Waiting};
use crate::fs;

impl Lock {
    /// Adds lines to a lock file, and creates the file if needed. Returns whether that changed it.
    /// A file that can't be parsed (exit 2) or that pins other bytes (exit 4) is left unchanged.
    ///
    /// `guard` is the file that processes lock while they read and write. On a file system without
    /// file locks, two writers at the same time can lose a line, which the next run adds again.
    /// Readers never see a partly written file.
    pub fn append_to(
        path: &Utf8Path,
        guard: &Utf8Path,
        waiting: &Waiting,
        lines: &[Line],
    ) -> Result<bool> {
        Self::update(path, guard, waiting, |lock| {
            let mut changed = false;
            for line in lines {
                changed |= lock.insert(line.clone())?;
            }
            Ok(changed)
        })
    }

    /// Changes a lock file while holding the lock on `guard`. `change` returns whether there is
    /// anything to write; it can be called twice.
    pub fn update(
        path: &Utf8Path,
        guard: &Utf8Path,
        waiting: &Waiting,
        change: impl Fn(&mut Self) -> Result<bool>,
    ) -> Result<bool> {
        // Usually nothing changes. That needs neither the guard nor a writable folder.
        if !change(&mut Self::load(path)?)? {
            return Ok(false);
        }
        // The guard is in a folder of larder, below the one of the lock.
        let base = path.parent().unwrap_or(path);
        let below = guard.strip_prefix(base).unwrap_or(guard);
        let _alone = FileLock::take(base, below, &waiting.clone().briefly())?;
        let mut lock = Self::load(path)?;
        if !change(&mut lock)? {
            return Ok(false);
        }
        fs::write_atomic(path, lock.to_text().as_bytes())
            .map_err(|e: Error| e.hint("with `--locked` larder does not write the lock"))?;
        Ok(true)
    }
}
