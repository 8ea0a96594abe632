//! Captures in memory what a child prints.
//!
//! A thread reads each pipe. It keeps the first [`LIMIT`] bytes and drops the rest, so that the
//! child never blocks on a full pipe. A pipe reaches its end when every process that holds the
//! write end has closed it. After the child's group has ended, only a process that left the group
//! can still hold it. The reader waits two seconds for such a process; then it leaves the thread
//! behind and returns what was read until then.

use std::io::{PipeReader, PipeWriter, Read};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};

use crate::run::GRACE;
use crate::{Command, Ended};

/// How many bytes of a stream are kept.
pub const LIMIT: usize = 16 * 1024 * 1024;

/// How a child ended, and the first [`LIMIT`] bytes that it printed on each stream.
#[derive(Debug)]
pub struct Captured {
    /// How it ended.
    pub ended: Ended,
    /// Its stdout.
    pub out: String,
    /// Its stderr.
    pub err: String,
}

/// How a child ended, and the first [`LIMIT`] bytes that it printed on both streams, in the order
/// of its writes.
#[derive(Debug)]
pub struct Merged {
    /// How it ended.
    pub ended: Ended,
    /// What it printed.
    pub text: String,
}

impl Command {
    /// Runs the command as [`Command::run`] does and captures each stream separately.
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

    /// Runs the command as [`Command::run`] does and captures each stream separately, its stdout as
    /// bytes.
    pub fn capture_bytes(&self, cancel: &Cancel) -> Result<(Ended, Vec<u8>, String)> {
        let (out, out_end) = self.reading()?;
        let (err, err_end) = self.reading()?;
        let ended = self.supervise(out_end.into(), err_end.into(), cancel)?;
        let latest = Instant::now() + GRACE;
        Ok((ended, out.bytes(latest), err.text(latest)))
    }

    /// Runs the command as [`Command::run`] does and captures both streams together.
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

/// A pipe that a thread reads.
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

    /// What was printed until the pipe ended, or until `latest` if it has not ended by then.
    fn text(self, latest: Instant) -> String {
        String::from_utf8_lossy(&self.bytes(latest)).into_owned()
    }

    fn bytes(self, latest: Instant) -> Vec<u8> {
        let left = latest.saturating_duration_since(Instant::now());
        let _ = self.end.recv_timeout(left);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *kept)
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
            // Treat a read error as the end of the output.
            Err(_) => return,
        }
    }
}
