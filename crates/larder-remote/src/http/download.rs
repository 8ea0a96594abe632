//! The reader's side of a transfer. [`pump`](super::pump) resumes an interrupted transfer without
//! the reader noticing.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

use larder_core::archive;
use larder_core::error::{Error, Result};

use super::agent::Agent;
use super::body::page;
use super::pump::Pump;
use super::request::{Expect, Head};
use super::runtime::Runtime;
use super::transport::Hop;

/// The number of chunks in the queue between network and reader. A chunk has at most a few hundred
/// KiB.
const QUEUE: usize = 8;
/// The number of bytes that show whether a body is an HTML page.
const START: usize = 1024;

/// A response body that is being transferred. Reading returns exactly its bytes, or an error that
/// [`read_error`](super::read_error) converts to a larder error with its kind. Dropping it ends the
/// transfer.
#[derive(Debug)]
pub struct Download {
    queue: mpsc::Receiver<Result<Option<Bytes>>>,
    chunk: Bytes,
    state: State,
    size: Option<u64>,
    place: String,
    version: Option<String>,
    /// Keeps the network threads alive.
    _runtime: Arc<Runtime>,
}

#[derive(Debug)]
enum State {
    Flowing,
    Done,
    Failed(Error),
}

impl Download {
    /// Checks the answer and starts the task that reads the body.
    pub(super) fn start(
        runtime: Arc<Runtime>,
        agent: Arc<Agent>,
        head: Head,
        hop: Hop,
    ) -> Result<Self> {
        let expects_page = head.expect != Expect::Asset;
        let pump = Pump::new(agent, head, &hop)?;
        let (size, place, html) = (pump.total, pump.place.clone(), pump.html);
        let version = pump.validator.clone();
        let (sender, queue) = mpsc::channel(QUEUE);
        runtime.handle().spawn(pump.run(hop, sender));
        let mut download = Self {
            queue,
            chunk: Bytes::new(),
            state: State::Flowing,
            size,
            place,
            version,
            _runtime: runtime,
        };
        if html && !expects_page && archive::is_page(download.start_of_body()?) {
            return Err(page(&download.place));
        }
        Ok(download)
    }

    /// Waits for the first bytes of the body, without consuming them.
    fn start_of_body(&mut self) -> Result<&[u8]> {
        while self.chunk.len() < START {
            match self.queue.blocking_recv() {
                Some(Ok(Some(chunk))) => {
                    self.chunk = Bytes::from([&self.chunk[..], &chunk[..]].concat());
                }
                Some(Ok(None)) => {
                    self.state = State::Done;
                    break;
                }
                Some(Err(error)) => return Err(error),
                None => break,
            }
        }
        Ok(&self.chunk)
    }

    /// The size of the body, if the server stated it.
    pub fn size(&self) -> Option<u64> {
        self.size
    }
    /// The url that the bytes come from, after redirects, for messages.
    pub fn place(&self) -> &str {
        &self.place
    }
    /// What tells these bytes from others at the same url, if the server states it.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match &self.state {
                State::Done => return Ok(0),
                State::Failed(error) => return Err(io::Error::other(error.clone())),
                State::Flowing => {}
            }
            match self.queue.blocking_recv() {
                Some(Ok(Some(chunk))) => self.chunk = chunk,
                Some(Ok(None)) => self.state = State::Done,
                Some(Err(error)) => self.state = State::Failed(error),
                None => {
                    self.state = State::Failed(Error::unavailable(format!(
                        "the transfer from {} ended early",
                        self.place
                    )));
                }
            }
        }
        let count = self.chunk.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.chunk[..count]);
        self.chunk.advance(count);
        Ok(count)
    }
}
