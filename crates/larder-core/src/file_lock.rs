//! File locks: the one way in which a process waits for another. A lock keeps two processes from
//! doing the same work, or from losing each other's changes of a small file. Nothing that is
//! installed or published is correct only because of a lock: on a file system without locks, larder
//! works without them.
//!
//! Every wait ends: when the lock is free, when the run is cancelled, or after the time-out with an
//! error that names the holder. The holder writes into the lock's file who it is; this text is only
//! for messages.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use camino::Utf8Path;

use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::fs::{OwnFolder, io_error};
use crate::{human, variables};

/// After this time a waiting process reports which process it waits for.
const REPORT_AFTER: Duration = Duration::from_secs(5);
/// How often a waiting process tries again.
const PAUSE: Duration = Duration::from_millis(20);
/// How long to wait for a holder that works, if nothing else is set.
const USUAL: Duration = Duration::from_mins(10);
/// How long to wait, at most, for a lock under which only a small file is written.
const BRIEF: Duration = Duration::from_mins(1);
/// How often a lock is taken again whose file was removed meanwhile.
const TRIES: usize = 16;
/// How much of a lock's file is read: it may be anybody's.
const LONGEST: u64 = 400;

/// What a process states as the holder of a lock, and how long it waits for others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockSettings {
    /// The command of this process, without its arguments, which may be secrets.
    pub command: String,
    /// How long to wait for another process that holds a lock while it works, if that is set.
    pub timeout: Option<Duration>,
}

impl Default for LockSettings {
    fn default() -> Self {
        Self {
            command: "larder".to_owned(),
            timeout: None,
        }
    }
}

/// How a run waits for file locks. Clones share what they report to.
#[derive(Clone)]
pub struct Waiting {
    settings: LockSettings,
    timeout: Duration,
    cancel: Cancel,
    report: Arc<dyn Fn(String) + Send + Sync>,
}

impl Waiting {
    /// Waits until `cancel` ends the run. After a long wait `report` is called once, with a message.
    pub fn new(
        settings: LockSettings,
        cancel: Cancel,
        report: impl Fn(String) + Send + Sync + 'static,
    ) -> Self {
        Self {
            timeout: settings.timeout.unwrap_or(USUAL),
            settings,
            cancel,
            report: Arc::new(report),
        }
    }

    /// The same, for a lock under which only a small file is read and written.
    #[must_use]
    pub fn briefly(mut self) -> Self {
        self.timeout = self.timeout.min(BRIEF);
        self
    }

    /// The same, for a lock whose holder may run a build, which may take this long. A time-out that
    /// is set stays as it is.
    #[must_use]
    pub fn for_build(mut self, limit: Option<Duration>) -> Self {
        if self.settings.timeout.is_none() {
            self.timeout = USUAL.saturating_add(limit.unwrap_or_default());
        }
        self
    }
}

impl Default for Waiting {
    /// Nobody cancels, and nobody is told.
    fn default() -> Self {
        Self::new(LockSettings::default(), Cancel::new(), |_| ())
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// A file lock, which is held until it is dropped.
#[derive(Debug)]
pub struct FileLock {
    file: Option<File>,
}

impl FileLock {
    /// Takes the lock of the file with the path `below` in a folder, and waits while another process
    /// holds it. Links below the folder are refused. If it holds the lock for longer
    /// than that, the error (exit code 5) names it.
    pub fn take(base: &Utf8Path, below: impl AsRef<Utf8Path>, waiting: &Waiting) -> Result<Self> {
        let path = &base.join(&below);
        let mut start = Instant::now();
        let mut holder = None;
        let mut reported = false;
        loop {
            let Some(mut file) = open(base, below.as_ref())? else {
                return Ok(Self { file: None });
            };
            match file.try_lock() {
                // If the folder was deleted meanwhile, another process may have created and locked
                // a new file at this path, so the lock counts only if the path still leads to this
                // file.
                Ok(()) if is_at(&file, path) => {
                    write_holder(&mut file, &waiting.settings.command);
                    return Ok(Self { file: Some(file) });
                }
                Ok(()) => waiting.cancel.check()?,
                Err(TryLockError::WouldBlock) => {
                    let waited = start.elapsed();
                    if holder.is_none() || waited >= waiting.timeout {
                        let now = Some(read_holder(&mut file));
                        if holder == now {
                            return Err(timed_out(path, waited, &describe(now.as_deref())));
                        }
                        // Another process has it now, so this one waits anew.
                        holder = now;
                        start = Instant::now();
                    } else if !reported && waited >= REPORT_AFTER {
                        reported = true;
                        (waiting.report)(format!(
                            "waiting for another larder{} ({path})",
                            describe(Some(&read_holder(&mut file)))
                        ));
                    }
                    waiting.cancel.sleep(PAUSE)?;
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

    /// Takes a lock that this process is to hold as long as it runs, without waiting. `Ok(Err)` is the
    /// process that holds it, as ` (pid 123, `larder serve`, for 4 s)`. Unlike [`Self::take`] it is an
    /// error if the file system has no locks: the caller can't do without.
    pub fn take_now(
        base: &Utf8Path,
        below: impl AsRef<Utf8Path>,
        command: &str,
    ) -> Result<Result<Self, String>> {
        let path = &base.join(&below);
        let failed = || Error::failed(format!("cannot lock {path}"));
        for _ in 0..TRIES {
            let mut file = open(base, below.as_ref())?
                .ok_or_else(|| failed().hint("this user must be able to write to it"))?;
            match file.try_lock() {
                Ok(()) if is_at(&file, path) => {
                    write_holder(&mut file, command);
                    return Ok(Ok(Self { file: Some(file) }));
                }
                // It was removed meanwhile, and another process may lock its successor.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Ok(Err(describe(Some(&read_holder(&mut file)))));
                }
                Err(TryLockError::Error(error)) => {
                    return Err(io_error("lock", path, &error)
                        .hint("use a folder on a file system that has locks"));
                }
            }
        }
        Err(failed().cause("it is removed again and again"))
    }

    /// Whether the lock was really taken. If not (see `open`), another process may be doing the
    /// same work.
    pub fn is_held(&self) -> bool {
        self.file.is_some()
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            // Closing the file is not enough while a child that was just started still has it open.
            let _ = file.unlock();
        }
    }
}

fn timed_out(path: &Utf8Path, waited: Duration, holder: &str) -> Error {
    Error::unavailable(format!("another larder holds the lock {path}"))
        .cause(format!(
            "after {} it still holds it{holder}",
            human::duration(waited)
        ))
        .hint(format!(
            "if that process hangs, end it; {} sets how long larder waits",
            variables::LOCK_TIMEOUT
        ))
}

/// Writes who holds the lock. An error is ignored: the text is only for messages.
fn write_holder(file: &mut File, command: &str) {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let pid = std::process::id();
    let _ = file
        .set_len(0)
        .and_then(|()| write!(file, "pid: {pid}\ncommand: {command}\nsince: {since}\n"));
}

/// What the file of a lock says about its holder.
fn read_holder(file: &mut File) -> String {
    let mut text = String::new();
    let _ = file.take(LONGEST).read_to_string(&mut text);
    text
}

/// The process that holds a lock, as ` (pid 123, `larder release`, for 4 s)`; empty if the lock's
/// file does not name it.
fn describe(text: Option<&str>) -> String {
    let text = text.unwrap_or_default();
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        let clean: String = line.chars().filter(|c| !c.is_control()).collect();
        (!clean.is_empty()).then_some(clean)
    };
    let since = value("since: ")
        .and_then(|seconds| seconds.parse().ok())
        .and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)))
        .and_then(|since| since.elapsed().ok());
    let parts: Vec<String> = [
        value("pid: ").map(|pid| format!("pid {pid}")),
        value("command: ").map(|command| format!("`{command}`")),
        since.map(|since| format!("for {}", human::duration(since))),
    ]
    .into_iter()
    .flatten()
    .collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!(" ({})", parts.join(", "))
    }
}

/// Opens the lock's file. `None` if it can't be opened, for example in a read-only cache; at worst
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
    let name = below.file_name().unwrap_or_default();
    match folder.lock_file(name)? {
        Some(file) => Ok(Some(file)),
        // The folder of a hub can belong to several users; its lock's file belongs to one of them.
        // The others can open it for reading, which is enough to lock it.
        None => Ok(folder.open_file(name).ok().flatten()),
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Utf8Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(ours), Ok(Some(there))) = (file.metadata(), crate::fs::stat(path)) else {
        return false;
    };
    (ours.dev(), ours.ino()) == (there.dev(), there.ino())
}

#[cfg(not(unix))]
fn is_at(_file: &File, _path: &Utf8Path) -> bool {
    true
}
