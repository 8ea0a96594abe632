//! What a child prints, kept in memory.
//!
//! A thread reads each pipe: it keeps the first part and drops the rest, so that the child never
//! waits for a reader. The pipe ends when all that hold its other end are gone. Once the child's
//! group is gone, only a process that left the group can hold it: that one gets two seconds, then
//! its thread is left behind, and what was read until then counts.

use std::io::{PipeReader, PipeWriter, Read};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};

use crate::run::GRACE;
use crate::{Command, Ended};

/// How much of a stream is kept.
pub const LIMIT: usize = 16 * 1024 * 1024;

/// How a child ended and what it printed on each stream, the first [`LIMIT`] bytes.
#[derive(Debug)]
pub struct Captured {
    /// How it ended.
    pub ended: Ended,
    /// Its stdout.
    pub out: String,
    /// Its stderr.
    pub err: String,
}

/// How a child ended and what it printed on both streams, in the order of its writes, the first
/// [`LIMIT`] bytes.
#[derive(Debug)]
pub struct Merged {
    /// How it ended.
    pub ended: Ended,
    /// What it printed.
    pub text: String,
}

impl Command {
    /// Runs it as [`Command::run`] does and keeps what it prints.
    pub fn capture(&self, cancel: &Cancel) -> Result<Captured> {
        let (out, out_end) = self.reading()?;
        let (err, err_end) = self.reading()?;
        let ended = self.supervise(out_end.into(), err_end.into(), cancel)?;
        let latest = Instant::now() + GRACE;
        Ok(Captured {
            ended,
            out: out.text(latest),
            err: err.text(latest),
        })
    }

    /// Likewise, with both streams as one.
    pub fn capture_merged(&self, cancel: &Cancel) -> Result<Merged> {
        let (both, end) = self.reading()?;
        let second: Stdio = end.try_clone().map_err(|e| self.cannot_read(&e))?.into();
        let ended = self.supervise(end.into(), second, cancel)?;
        Ok(Merged {
            ended,
            text: both.text(Instant::now() + GRACE),
        })
    }

    fn reading(&self) -> Result<(Reading, PipeWriter)> {
        Reading::start().map_err(|e| self.cannot_read(&e))
    }

    fn cannot_read(&self, error: &std::io::Error) -> Error {
        Error::failed(format!("cannot read what `{}` prints", self.program())).cause(error)
    }
}

/// A pipe that is being read.
struct Reading {
    kept: Arc<Mutex<Vec<u8>>>,
    /// Disconnected when the pipe has ended.
    end: Receiver<()>,
}

impl Reading {
    fn start() -> std::io::Result<(Self, PipeWriter)> {
        let (pipe, writer) = std::io::pipe()?;
        let (open, end) = channel();
        let kept = Arc::default();
        let filled = Arc::clone(&kept);
        std::thread::Builder::new().spawn(move || {
            keep(pipe, &filled);
            drop(open);
        })?;
        Ok((Self { kept, end }, writer))
    }

    /// All that was printed until the pipe ended, or until the latest time to wait for that.
    fn text(self, latest: Instant) -> String {
        let left = latest.saturating_duration_since(Instant::now());
        let _ = self.end.recv_timeout(left);
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).into_owned()
    }
}

fn keep(mut pipe: PipeReader, kept: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 16 * 1024];
    loop {
        match pipe.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                let room = LIMIT - kept.len();
                kept.extend_from_slice(&buffer[..count.min(room)]);
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            // What can't be read was not printed.
            Err(_) => return,
        }
    }
}
