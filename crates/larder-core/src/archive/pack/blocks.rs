//! Compresses blocks of a fixed size on several threads, and writes them in order.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, sync_channel};

use flate2::Crc;

use super::stream::ArchiveWriter;
use crate::error::{Error, Result};

/// Checksum and sizes of what was compressed.
pub(super) struct Totals {
    pub(super) crc: u32,
    pub(super) size: u64,
    pub(super) compressed: u64,
}

/// How blocks are compressed. Each block stands alone, so the bytes don't depend on which thread
/// compresses it.
#[derive(Clone, Copy)]
pub(super) struct Method {
    /// Uncompressed bytes of a block.
    pub(super) block: usize,
    /// The most bytes that a block is compressed to.
    pub(super) bound: usize,
    /// Compresses a block; the flag says whether it is the last one.
    pub(super) compress: fn(block: &[u8], output: &mut Vec<u8>, last: bool) -> Result<()>,
    /// The most blocks that are held in memory for a number of threads.
    pub(super) in_flight: fn(threads: usize) -> usize,
}

/// The input and output buffers of one block. Buffers are reused, so that memory is allocated only
/// once.
struct Buffers {
    input: Vec<u8>,
    output: Vec<u8>,
    crc: Crc,
}

impl Buffers {
    fn new(method: Method) -> Self {
        Self {
            input: Vec::with_capacity(method.block),
            output: Vec::with_capacity(method.bound),
            crc: Crc::new(),
        }
    }

    fn compress(&mut self, method: Method, last: bool) -> Result<()> {
        self.crc.reset();
        self.crc.update(&self.input);
        self.output.clear();
        (method.compress)(&self.input, &mut self.output, last)
    }
}

/// Splits what is written into blocks, and writes them compressed.
pub(super) struct Blocks<'a, 'b> {
    out: &'a mut ArchiveWriter<'b>,
    method: Method,
    window: usize,
    current: Buffers,
    spare: Vec<Buffers>,
    in_flight: VecDeque<Receiver<Result<Buffers>>>,
    crc: Crc,
    size: u64,
    compressed: u64,
}

impl<'a, 'b> Blocks<'a, 'b> {
    pub(super) fn new(out: &'a mut ArchiveWriter<'b>, method: Method, threads: usize) -> Self {
        Self {
            out,
            method,
            window: (method.in_flight)(threads),
            current: Buffers::new(method),
            spare: Vec::new(),
            in_flight: VecDeque::new(),
            crc: Crc::new(),
            size: 0,
            compressed: 0,
        }
    }

    /// Compresses the remaining bytes as the last block and waits for all blocks.
    pub(super) fn finish(mut self) -> Result<Totals> {
        self.submit(true)?;
        while !self.in_flight.is_empty() {
            self.collect()?;
        }
        Ok(Totals {
            crc: self.crc.sum(),
            size: self.size,
            compressed: self.compressed,
        })
    }

    fn submit(&mut self, last: bool) -> Result<()> {
        while self.in_flight.len() >= self.window {
            self.collect()?;
        }
        let method = self.method;
        let mut next = self.spare.pop().unwrap_or_else(|| Buffers::new(method));
        next.input.clear();
        let mut block = std::mem::replace(&mut self.current, next);
        self.size += block.input.len() as u64;
        let (sender, receiver) = sync_channel(1);
        let work = move || {
            let done = block.compress(method, last).map(|()| block);
            // Sending fails if packing has already stopped with an error.
            let _ = sender.send(done);
        };
        // A thread of rayon's pool must not wait for other threads of the pool: all of them could
        // be waiting, and nothing would make progress.
        if rayon::current_thread_index().is_some() {
            work();
        } else {
            rayon::spawn(work);
        }
        self.in_flight.push_back(receiver);
        Ok(())
    }

    fn collect(&mut self) -> Result<()> {
        let Some(next) = self.in_flight.pop_front() else {
            return Ok(());
        };
        let block = next
            .recv()
            .map_err(|_| Error::failed("a compression thread ended early"))??;
        self.crc.combine(&block.crc);
        self.compressed += block.output.len() as u64;
        self.out.put(&block.output)?;
        self.spare.push(block);
        Ok(())
    }
}

impl Write for Blocks<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Submit a full block only when more bytes follow: the last block must be submitted by
        // `finish`.
        if self.current.input.len() == self.method.block && !bytes.is_empty() {
            self.submit(false).map_err(io::Error::other)?;
        }
        let n = bytes
            .len()
            .min(self.method.block - self.current.input.len());
        self.current.input.extend_from_slice(&bytes[..n]);
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
