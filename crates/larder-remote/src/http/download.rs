//! A transfer as its reader sees it. Knows nothing of cuts and repetitions: [`pump`](super::pump)
//! resumes a transfer that was cut before its reader learns of it.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

use larder_core::error::{Error, Result};

use super::agent::Agent;
use super::pump::Pump;
use super::request::Head;
use super::runtime::Runtime;
use super::transport::Hop;

/// Chunks in the queue between network and reader; one is at most some hundred KiB.
const QUEUE: usize = 8;

/// A body on its way. Reading gives exactly its bytes, or an error that
/// [`read_error`](super::read_error) turns into one of larder's, with its class. Dropping it ends
/// the transfer.
#[derive(Debug)]
pub struct Download {
    queue: mpsc::Receiver<Result<Option<Bytes>>>,
    chunk: Bytes,
    state: State,
    size: Option<u64>,
    place: String,
    /// Keeps the network's threads alive.
    _runtime: Arc<Runtime>,
}

#[derive(Debug)]
enum State {
    Flowing,
    Done,
    Failed(Error),
}

impl Download {
    /// Checks the answer and starts pumping.
    pub(super) fn start(
        runtime: Arc<Runtime>,
        agent: Arc<Agent>,
        head: Head,
        hop: Hop,
    ) -> Result<Self> {
        let pump = Pump::new(agent, head, &hop)?;
        let (size, place) = (pump.total, pump.place.clone());
        let (sender, queue) = mpsc::channel(QUEUE);
        runtime.handle().spawn(pump.run(hop, sender));
        Ok(Self {
            queue,
            chunk: Bytes::new(),
            state: State::Flowing,
            size,
            place,
            _runtime: runtime,
        })
    }

    /// How many bytes there will be, where the server said so.
    pub fn size(&self) -> Option<u64> {
        self.size
    }
    /// Where they come from in the end, fit for messages.
    pub fn place(&self) -> &str {
        &self.place
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
