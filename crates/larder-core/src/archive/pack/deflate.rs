//! A deflate stream that is the same for any number of threads.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, sync_channel};

use flate2::{Compress, Crc, FlushCompress};

use super::stream::ArchiveWriter;
use crate::error::{Error, Result};

/// Uncompressed bytes of a deflate block. This number is part of the format: another one gives
/// other archive bytes. It is small, so that many blocks in flight need little memory. The overhead
/// of a block (an empty stored block, a new Huffman table) is less than a thousandth of its size.
const BLOCK: usize = 256 << 10;
/// How many earlier bytes deflate can refer to.
const DICTIONARY: usize = 32 << 10;
/// The level of `gzip -6`.
const DEFLATE_LEVEL: u32 = 6;

/// Checksum and sizes of a stream that a [`Deflater`] wrote.
pub(super) struct Deflated {
    pub(super) crc: u32,
    pub(super) size: u64,
    pub(super) compressed: u64,
}

thread_local! {
    /// The last compressor of this thread. It is dropped just before the next one is allocated, so
    /// that the next one reuses its memory.
    static LAST_COMPRESSOR: Cell<Option<Compress>> = const { Cell::new(None) };
}

/// The input and output buffers of one block. Buffers are reused, so that memory is allocated only
/// once.
struct BlockBuffers {
    /// The end of the previous block (the dictionary), then the block.
    input: Vec<u8>,
    dictionary: usize,
    output: Vec<u8>,
    crc: Crc,
}

impl BlockBuffers {
    fn new() -> Self {
        Self {
            input: Vec::with_capacity(DICTIONARY + BLOCK),
            dictionary: 0,
            // Incompressible data grows by a few bytes per 16 KiB.
            output: Vec::with_capacity(BLOCK + BLOCK / 256 + 1024),
            crc: Crc::new(),
        }
    }

    /// Clears the buffers for a block that follows these bytes.
    fn follow(&mut self, before: &[u8]) {
        self.input.clear();
        self.input
            .extend_from_slice(&before[before.len().saturating_sub(DICTIONARY)..]);
        self.dictionary = self.input.len();
    }

    fn block(&self) -> &[u8] {
        &self.input[self.dictionary..]
    }

    /// Compresses the block. Every block except the last ends on a byte boundary with an empty
    /// stored block, so that blocks can be concatenated.
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
        // Each block needs a new compressor: the output of a reset one depends on what it
        // compressed before. The previous one (some 300 KiB) is dropped just before the new one is
        // allocated, because dropping it between other allocations fragments the heap.
        drop(LAST_COMPRESSOR.take());
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
            // Skip the input that earlier calls have consumed.
            let done = usize::try_from(compress.total_in()).unwrap_or(block.len());
            let status = compress
                .compress_vec(&block[done..], output, flush)
                .map_err(|e| failed(&e))?;
            let complete = match status {
                flate2::Status::StreamEnd => true,
                // A flush is complete if there is space left in the buffer.
                _ => !last && output.len() < output.capacity(),
            };
            if complete {
                LAST_COMPRESSOR.set(Some(compress));
                return Ok(());
            }
            output.reserve(BLOCK / 4);
        }
    }
}

/// Compresses a raw deflate stream block by block on several threads and writes the blocks in
/// order.
pub(super) struct Deflater<'a, 'b> {
    out: &'a mut ArchiveWriter<'b>,
    window: usize,
    current: BlockBuffers,
    spare: Vec<BlockBuffers>,
    in_flight: VecDeque<Receiver<Result<BlockBuffers>>>,
    crc: Crc,
    size: u64,
    compressed: u64,
}

impl<'a, 'b> Deflater<'a, 'b> {
    pub(super) fn new(out: &'a mut ArchiveWriter<'b>, threads: usize) -> Self {
        Self {
            out,
            window: threads + threads.div_ceil(2),
            current: BlockBuffers::new(),
            spare: Vec::new(),
            in_flight: VecDeque::new(),
            crc: Crc::new(),
            size: 0,
            compressed: 0,
        }
    }

    /// Compresses the remaining bytes as the last block and waits for all blocks.
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
        let mut next = self.spare.pop().unwrap_or_else(BlockBuffers::new);
        next.follow(&self.current.input);
        let mut slot = std::mem::replace(&mut self.current, next);
        self.size += slot.block().len() as u64;
        let (sender, receiver) = sync_channel(1);
        let work = move || {
            let done = slot.deflate(last).map(|()| slot);
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
        // Submit a full block only when more bytes follow: the last block must be submitted by
        // `finish`.
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
