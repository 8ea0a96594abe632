//! Packing. What makes the bytes the same everywhere: entries are sorted by name, owner is 0, time is fixed, modes are
//! given; the stream is cut into blocks of a fixed size, each compressed on whatever thread is free with what came
//! before as its dictionary, and joined in order.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, sync_channel};

use flate2::{Compress, Crc, FlushCompress};

use super::{Content, PackEntry, Packed, names, zip_write};
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::fs::{self, IoContext};
use crate::model::{Hasher, PackageFormat};

/// 1980-01-01 00:00:00 UTC, the earliest time a zip can state and one that no tar finds implausible.
const MTIME: u64 = 315_532_800;
/// Uncompressed bytes of a deflate block. Part of the format: another number gives other bytes. Small, so that many in
/// flight take little memory; what a block costs (an empty stored block, a new Huffman table) is below a thousandth.
const BLOCK: usize = 256 << 10;
/// What deflate can look back on.
const DICTIONARY: usize = 32 << 10;
/// As gzip -6.
const DEFLATE_LEVEL: u32 = 6;
const ZSTD_LEVEL: i32 = 3;
/// Uncompressed bytes of a zstd job. Part of the format, as `BLOCK` is.
const ZSTD_JOB: u32 = 2 << 20;
/// Each zstd worker holds some 8 MiB; three of them write faster than most disks do.
const MAX_ZSTD_THREADS: usize = 3;
/// Threads used at most, and with them blocks in flight, so that memory stays small on large machines.
const MAX_THREADS: usize = 16;
const BUFFER: usize = 256 << 10;

/// Packs regular files into an archive, on up to `threads` threads; `progress` is told the uncompressed bytes so far.
///
/// Compression runs on rayon's pool, called from one of its own threads it runs there.
pub fn pack(
    format: PackageFormat,
    entries: &[PackEntry<'_>],
    out: &mut dyn Write,
    threads: usize,
    cancel: &Cancel,
    progress: &dyn Fn(u64),
) -> Result<Packed> {
    let mut entries: Vec<&PackEntry<'_>> = entries.iter().collect();
    entries.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    let mut tree = names::Tree::new(u64::MAX);
    for entry in &entries {
        let name = names::clean(entry.name.as_bytes()).and_then(|clean| {
            if clean == entry.name {
                tree.add(&clean, names::Node::File)
            } else {
                Err("it is not plain".into())
            }
        });
        name.map_err(|why| Error::failed(format!("can't pack `{}`: {why}", entry.name)))?;
    }
    let threads = threads.clamp(1, MAX_THREADS);
    let mut out = Out {
        inner: out,
        hasher: Hasher::new(),
        size: 0,
    };
    let mut feed = Feed {
        cancel,
        progress,
        done: 0,
        buffer: vec![0; BUFFER],
    };
    match format {
        PackageFormat::TarGz => {
            // No name, no time; 255: made on no particular system.
            out.put(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])?;
            let mut blocks = Deflater::new(&mut out, threads);
            write_tar(&entries, &mut feed, &mut blocks)?;
            let Deflated {
                crc,
                size,
                compressed: _,
            } = blocks.finish()?;
            let mut trailer = crc.to_le_bytes().to_vec();
            // gzip states the length modulo 2^32.
            trailer.extend_from_slice(&size.to_le_bytes()[..4]);
            out.put(&trailer)?;
        }
        PackageFormat::TarZst => {
            let total = tar_size(&entries)?;
            let mut encoder =
                zstd_encoder(&mut out, threads, total).map_err(|e| cannot_write(&e))?;
            write_tar(&entries, &mut feed, &mut encoder)?;
            encoder.finish().map_err(|e| cannot_write(&e))?;
        }
        PackageFormat::Zip => zip_write::write(&entries, &mut feed, &mut out, threads)?,
    }
    out.inner.flush().map_err(|e| cannot_write(&e))?;
    Ok(Packed {
        sha256: out.hasher.finish(),
        size: out.size,
    })
}

fn zstd_encoder<W: Write>(
    out: W,
    threads: usize,
    total: u64,
) -> io::Result<zstd::Encoder<'static, W>> {
    let mut encoder = zstd::Encoder::new(out, ZSTD_LEVEL)?;
    // Never 0 workers: the single-threaded encoder gives other bytes than the multi-threaded one, which gives the same for
    // any number of them.
    encoder.multithread(u32::try_from(threads.min(MAX_ZSTD_THREADS)).unwrap_or(1))?;
    encoder.set_parameter(zstd::zstd_safe::CParameter::JobSize(ZSTD_JOB))?;
    encoder.include_checksum(true)?;
    encoder.set_pledged_src_size(Some(total))?;
    Ok(encoder)
}

pub(super) fn cannot_write(error: &io::Error) -> Error {
    // Errors of our own travel inside io errors.
    match error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>())
    {
        Some(ours) => ours.clone(),
        None => Error::failed("cannot write the archive").cause(error),
    }
}

/// The archive's bytes on their way out.
pub(super) struct Out<'a> {
    inner: &'a mut dyn Write,
    hasher: Hasher,
    size: u64,
}

impl Out<'_> {
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_all(bytes).map_err(|e| cannot_write(&e))
    }
    pub(super) fn position(&self) -> u64 {
        self.size
    }
}

impl Write for Out<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..n]);
        self.size += n as u64;
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Files' bytes on their way in.
pub(super) struct Feed<'a> {
    cancel: &'a Cancel,
    progress: &'a dyn Fn(u64),
    done: u64,
    buffer: Vec<u8>,
}

impl Feed<'_> {
    /// Copies an entry's content, exactly its size.
    pub(super) fn content(&mut self, entry: &PackEntry<'_>, out: &mut dyn Write) -> Result<()> {
        match entry.content {
            Content::Bytes(bytes) => self.copy(entry, bytes, entry.name, out),
            Content::File(path) => self.copy(entry, fs::open(path)?, path.as_str(), out),
        }
    }

    fn copy(
        &mut self,
        entry: &PackEntry<'_>,
        from: impl Read,
        place: &str,
        out: &mut dyn Write,
    ) -> Result<()> {
        // One byte more than stated, so that a file that grew is seen.
        let mut from = from.take(entry.size + 1);
        let mut copied = 0;
        loop {
            self.cancel.check()?;
            let n = match from.read(&mut self.buffer) {
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(fs::io_error("read", place, &e)),
            };
            copied += n as u64;
            if copied > entry.size || (n == 0 && copied < entry.size) {
                return Err(
                    Error::failed(format!("{place} changed while it was packed")).hint("run again"),
                );
            }
            if n == 0 {
                return Ok(());
            }
            out.write_all(&self.buffer[..n])
                .map_err(|e| cannot_write(&e))?;
            self.done += n as u64;
            (self.progress)(self.done);
        }
    }
}

fn write_tar(entries: &[&PackEntry<'_>], feed: &mut Feed<'_>, out: &mut dyn Write) -> Result<()> {
    for entry in entries {
        out.write_all(&tar_headers(entry)?)
            .map_err(|e| cannot_write(&e))?;
        feed.content(entry, out)?;
        out.write_all(&[0; 512][..padding(entry.size)])
            .map_err(|e| cannot_write(&e))?;
    }
    out.write_all(&[0; 1024]).map_err(|e| cannot_write(&e))
}

fn tar_size(entries: &[&PackEntry<'_>]) -> Result<u64> {
    entries.iter().try_fold(1024, |sum, entry| {
        Ok(sum + tar_headers(entry)?.len() as u64 + entry.size + padding(entry.size) as u64)
    })
}

fn padding(size: u64) -> usize {
    // Below 512, so it fits.
    ((512 - size % 512) % 512) as usize
}

/// The header block of a file; before it, where the name is too long for a ustar header, a pax header with the name.
fn tar_headers(entry: &PackEntry<'_>) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(512);
    let mut header = tar_header(entry.mode, entry.size, tar::EntryType::Regular);
    if header.set_path(entry.name).is_err() {
        let record = pax_record("path", entry.name);
        let mut extension = tar_header(0o644, record.len() as u64, tar::EntryType::XHeader);
        extension.set_path("@PaxHeader").at("name", entry.name)?;
        extension.set_cksum();
        bytes.extend_from_slice(extension.as_bytes());
        bytes.extend_from_slice(record.as_bytes());
        bytes.resize(bytes.len() + padding(record.len() as u64), 0);
        header.set_path("long-name").at("name", entry.name)?;
    }
    header.set_cksum();
    bytes.extend_from_slice(header.as_bytes());
    Ok(bytes)
}

fn tar_header(mode: u32, size: u64, kind: tar::EntryType) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(MTIME);
    header.set_size(size);
    header
}

/// `<length> <key>=<value>\n`, where the length counts itself.
pub(super) fn pax_record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    format!("{length} {key}={value}\n")
}

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

/// A block on its way: what it is made of and what it becomes. They go round, so that memory is taken once.
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

    /// Compresses the block. All but the last end on a byte boundary with an empty stored block, so that blocks can simply
    /// be joined.
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
        // A new one each time: one that was reset gives other bytes, depending on what it compressed before. The one before is
        // kept until here, or small things would come to lie in its place, and each new one (some 300 KiB) behind the last.
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
