//! Appending to the file: read, merge, write whole, so that two processes lose nothing.

use std::fs::OpenOptions;

use camino::Utf8Path;

use super::Lock;
use super::line::Line;
use crate::error::{Error, Result};
use crate::fs;

impl Lock {
    /// Adds lines to a lock file, made where there is none; whether that changed it. A file that
    /// can't be parsed is left as it is (exit 2), so is one that pins other bytes (exit 4).
    ///
    /// `guard` is the file that processes lock while they read and write. Where locks don't work
    /// two writers at the same instant may lose a line, which the next run adds again; half a file
    /// is never seen.
    pub fn append_to(path: &Utf8Path, guard: &Utf8Path, lines: &[Line]) -> Result<bool> {
        Self::update(path, guard, |lock| {
            let mut changed = false;
            for line in lines {
                changed |= lock.insert(line.clone())?;
            }
            Ok(changed)
        })
    }

    /// Changes a lock file under the guard; the change says whether there is anything to write.
    pub fn update(
        path: &Utf8Path,
        guard: &Utf8Path,
        change: impl Fn(&mut Self) -> Result<bool>,
    ) -> Result<bool> {
        // Mostly there is nothing new: that needs no guard and no writable folder.
        if !change(&mut Self::load(path)?)? {
            return Ok(false);
        }
        fs::create_dir_all(fs::parent(guard.as_std_path()))?;
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(guard);
        let file = file.map_err(|e| fs::io_error("open", guard, &e))?;
        // Held until dropped. Without locks it goes on without.
        let alone = file.lock().is_ok();
        let mut lock = Self::load(path)?;
        if !change(&mut lock)? {
            return Ok(false);
        }
        if alone {
            fs::remove_staged(path)?;
        }
        fs::write_atomic(path, lock.to_text().as_bytes())
            .map_err(|e: Error| e.hint("with `--locked` larder does not write the lock"))?;
        Ok(true)
    }
}
