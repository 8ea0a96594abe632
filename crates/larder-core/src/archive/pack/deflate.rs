//! A deflate stream that is the same for any number of threads.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, sync_channel};

use flate2::{Compress, Crc, FlushCompress};

use super::stream::Out;
use crate::error::{Error, Result};

/// Uncompressed bytes of a deflate block. Part of the format: another number gives other bytes.
/// Small, so that many in flight take little memory; what a block costs (an empty stored block, a
/// new Huffman table) is below a thousandth.
const BLOCK: usize = 256 << 10;
/// What deflate can look back on.
const DICTIONARY: usize = 32 << 10;
/// As gzip -6.
const DEFLATE_LEVEL: u32 = 6;

/// What a [`Deflater`] made.
pub(super) struct Deflated {
    pub(super) crc: u32,
    pub(super) size: u64,
    pub(super) compressed: u64,
}

thread_local! {
    /// This thread's last compressor, whose memory the next takes.
    static BEFORE: Cell<Option<Compress>> = const { Cell::new(None) };
}

/// A block on its way: what it is made of and what it becomes. They go round, so that memory is
/// taken once.
struct Slot {
    /// The end of the block before, then the block.
    input: Vec<u8>,
    dictionary: usize,
    output: Vec<u8>,
    crc: Crc,
}

impl Slot {
    fn new() -> Self {
        Self {
            input: Vec::with_capacity(DICTIONARY + BLOCK),
            dictionary: 0,
            // What does not compress grows by some bytes per 16 KiB.
            output: Vec::with_capacity(BLOCK + BLOCK / 256 + 1024),
            crc: Crc::new(),
        }
    }

    /// Begins a block that follows these bytes.
    fn follow(&mut self, before: &[u8]) {
        self.input.clear();
        self.input
            .extend_from_slice(&before[before.len().saturating_sub(DICTIONARY)..]);
        self.dictionary = self.input.len();
    }

    fn block(&self) -> &[u8] {
        &self.input[self.dictionary..]
    }

    /// Compresses the block. All but the last end on a byte boundary with an empty stored block, so
    /// that blocks can simply be joined.
    fn deflate(&mut self, last: bool) -> Result<()> {
        let failed = |e: &dyn std::fmt::Display| Error::failed("cannot compress").cause(e);
        let Self {
            input,
            dictionary,
            output,
            crc,
        } = self;
        let (before, block) = input.split_at(*dictionary);
        crc.reset();
        crc.update(block);
        output.clear();
        // A new compressor for each block: one that was reset gives other bytes, depending on what
        // it compressed before. The one before (some 300 KiB) is dropped right here, so that the
        // new one takes its memory: dropping it between other allocations fragments the heap.
        drop(BEFORE.take());
        let mut compress = Compress::new(flate2::Compression::new(DEFLATE_LEVEL), false);
        if !before.is_empty() {
            compress.set_dictionary(before).map_err(|e| failed(&e))?;
        }
        let flush = if last {
            FlushCompress::Finish
        } else {
            FlushCompress::Sync
        };
        loop {
            // Read before the call: consumed input is not given twice.
            let done = usize::try_from(compress.total_in()).unwrap_or(block.len());
            let status = compress
                .compress_vec(&block[done..], output, flush)
                .map_err(|e| failed(&e))?;
            let complete = match status {
                flate2::Status::StreamEnd => true,
                // A flush is complete when it left room in the buffer.
                _ => !last && output.len() < output.capacity(),
            };
            if complete {
                BEFORE.set(Some(compress));
                return Ok(());
            }
            output.reserve(BLOCK / 4);
        }
    }
}

/// A raw deflate stream compressed block by block on several threads, written in order.
pub(super) struct Deflater<'a, 'b> {
    out: &'a mut Out<'b>,
    window: usize,
    current: Slot,
    spare: Vec<Slot>,
    in_flight: VecDeque<Receiver<Result<Slot>>>,
    crc: Crc,
    size: u64,
    compressed: u64,
}

impl<'a, 'b> Deflater<'a, 'b> {
    pub(super) fn new(out: &'a mut Out<'b>, threads: usize) -> Self {
        Self {
            out,
            window: threads + threads.div_ceil(2),
            current: Slot::new(),
            spare: Vec::new(),
            in_flight: VecDeque::new(),
            crc: Crc::new(),
            size: 0,
            compressed: 0,
        }
    }

    /// Compresses what is left as the last block and waits for all.
    pub(super) fn finish(mut self) -> Result<Deflated> {
        self.submit(true)?;
        while !self.in_flight.is_empty() {
            self.collect()?;
        }
        Ok(Deflated {
            crc: self.crc.sum(),
            size: self.size,
            compressed: self.compressed,
        })
    }

    fn submit(&mut self, last: bool) -> Result<()> {
        while self.in_flight.len() >= self.window {
            self.collect()?;
        }
        let mut next = self.spare.pop().unwrap_or_else(Slot::new);
        next.follow(&self.current.input);
        let mut slot = std::mem::replace(&mut self.current, next);
        self.size += slot.block().len() as u64;
        let (sender, receiver) = sync_channel(1);
        let work = move || {
            let done = slot.deflate(last).map(|()| slot);
            // A receiver that is gone gave up on this archive.
            let _ = sender.send(done);
        };
        // Waiting for the pool on one of its own threads could wait for ever.
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
        let slot = next
            .recv()
            .map_err(|_| Error::failed("a compression thread ended early"))??;
        self.crc.combine(&slot.crc);
        self.compressed += slot.output.len() as u64;
        self.out.put(&slot.output)?;
        self.spare.push(slot);
        Ok(())
    }
}

impl Write for Deflater<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full block waits for one more byte: only then it is known not to be the last.
        if self.current.block().len() == BLOCK && !bytes.is_empty() {
            self.submit(false).map_err(io::Error::other)?;
        }
        let n = bytes.len().min(BLOCK - self.current.block().len());
        self.current.input.extend_from_slice(&bytes[..n]);
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
