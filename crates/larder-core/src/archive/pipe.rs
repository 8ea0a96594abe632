//! Two threads for one archive: one reads and decompresses, the other parses, hashes and writes.
//! They exchange a fixed number of buffers, so memory is bounded. This module also checks the
//! budget, and it distinguishes a damaged archive from a failed transfer.

use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use super::{Budget, refused};
use crate::cancel::Cancel;
use crate::error::{Error, Kind, Result};

const BUFFER: usize = 256 << 10;
/// Most full buffers that wait to be parsed.
const QUEUE: usize = 6;

/// State that both threads of one unpacking share.
pub(super) struct Shared<'a> {
    pub(super) cancel: &'a Cancel,
    pub(super) budget: Budget,
    pub(super) archive_size: Option<u64>,
    /// Bytes of the archive that were read so far.
    read: AtomicU64,
    /// The first error that is not caused by the archive's content.
    failure: Mutex<Option<Error>>,
}

impl<'a> Shared<'a> {
    pub(super) fn new(cancel: &'a Cancel, budget: &Budget, archive_size: Option<u64>) -> Self {
        Self {
            cancel,
            budget: *budget,
            archive_size,
            read: AtomicU64::new(0),
            failure: Mutex::new(None),
        }
    }

    /// Bytes of the archive that were read so far.
    pub(super) fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Records an error that is not caused by the archive's content.
    fn fail(&self, error: Error) -> io::Error {
        let text = error.to_string();
        if let Ok(mut slot) = self.failure.lock() {
            slot.get_or_insert(error);
        }
        io::Error::other(text)
    }

    /// Converts an io error of reading the archive. If the transfer failed, that failure is
    /// returned; otherwise the archive is damaged.
    pub(super) fn explain(&self, error: &io::Error) -> Error {
        if let Some(failure) = self.failure.lock().ok().and_then(|slot| slot.clone()) {
            return failure;
        }
        match wrapped_error(error) {
            Some(error) => error,
            None if error.kind() == io::ErrorKind::UnexpectedEof => {
                refused("it ends early").cause(error)
            }
            None => refused("it is damaged").cause(error),
        }
    }
}

/// The larder error that an io error wraps, if it wraps one.
fn wrapped_error(error: &io::Error) -> Option<Error> {
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>())
        .cloned()
}

/// Reads the archive's bytes. It counts them, stops when the run is cancelled, and records a failed
/// transfer in [`Shared`].
pub(super) struct Source<'a, R> {
    inner: R,
    shared: &'a Shared<'a>,
    /// The first bytes, which were read in advance, and how many of them were returned.
    start: Vec<u8>,
    returned: usize,
    copy: Option<File>,
}

impl<'a, R: Read> Source<'a, R> {
    pub(super) fn new(inner: R, shared: &'a Shared<'a>) -> Self {
        Self {
            inner,
            shared,
            start: Vec::new(),
            returned: 0,
            copy: None,
        }
    }

    /// Reads the first bytes without consuming them: fewer than `n` only if the archive is shorter.
    /// Called before anything else is read.
    pub(super) fn start(&mut self, n: usize) -> Result<&[u8]> {
        let mut start = vec![0; n];
        let mut filled = 0;
        while filled < n {
            match self.read(&mut start[filled..]) {
                Ok(0) => break,
                Ok(more) => filled += more,
                Err(error) => return Err(self.shared.explain(&error)),
            }
        }
        start.truncate(filled);
        self.start = start;
        Ok(&self.start)
    }

    /// Writes everything that is read from now on to a file too. If that fails, for example because
    /// the disk is full, the copy stays incomplete, and its size shows that.
    pub(super) fn copy_to(&mut self, file: File) {
        self.copy = Some(file);
    }

    /// Reads and drops the rest of an archive that was refused, so that the caller can compute its
    /// digest. Errors are ignored.
    pub(super) fn drain(&mut self) {
        let limit = self
            .shared
            .archive_size
            .unwrap_or(self.shared.budget.unpacked);
        let ahead = (self.start.len() - self.returned) as u64;
        let left = limit
            .saturating_sub(self.shared.bytes_read())
            .saturating_add(ahead);
        // The archive is already refused; an error here must not replace that reason.
        let _ = io::copy(&mut self.take(left), &mut io::sink());
    }
}

impl<R: Read> Read for Source<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ahead = &self.start[self.returned..];
        if !ahead.is_empty() {
            let n = ahead.len().min(buffer.len());
            buffer[..n].copy_from_slice(&ahead[..n]);
            self.returned += n;
            self.write_copy(&buffer[..n]);
            return Ok(n);
        }
        self.shared
            .cancel
            .check()
            .map_err(|e| self.shared.fail(e))?;
        let n = loop {
            match self.inner.read(buffer) {
                Ok(n) => break n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    let error = wrapped_error(&e)
                        .unwrap_or_else(|| Error::failed("cannot read the archive").cause(&e));
                    return Err(self.shared.fail(error));
                }
            }
        };
        let read = self.shared.read.fetch_add(n as u64, Ordering::Relaxed) + n as u64;
        // An archive within its budget is hardly larger than its unpacked content. This limit stops
        // a response that never ends.
        let limit = self
            .shared
            .budget
            .unpacked
            .saturating_add(Budget::RATIO_FREE);
        if read > limit {
            return Err(self
                .shared
                .fail(refused(format!("it is itself larger than {limit} bytes"))));
        }
        self.write_copy(&buffer[..n]);
        Ok(n)
    }
}

impl<R> Source<'_, R> {
    fn write_copy(&mut self, bytes: &[u8]) {
        if let Some(file) = &mut self.copy
            && file.write_all(bytes).is_err()
        {
            self.copy = None;
        }
    }
}

type Filled = io::Result<(Vec<u8>, usize)>;

/// The writing end of the channel between the threads.
pub(super) struct Pump {
    full: SyncSender<Filled>,
    empty: Receiver<Vec<u8>>,
}

/// The reading end of the channel: gives the unpacked bytes.
pub(super) struct Pipe<'a> {
    full: Receiver<Filled>,
    empty: Sender<Vec<u8>>,
    shared: &'a Shared<'a>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    unpacked: u64,
}

pub(super) fn pipe<'a>(shared: &'a Shared<'a>) -> (Pump, Pipe<'a>) {
    let (full, filled) = sync_channel(QUEUE);
    let (empty, emptied) = channel();
    let pipe = Pipe {
        full: filled,
        empty,
        shared,
        buffer: Vec::new(),
        start: 0,
        end: 0,
        unpacked: 0,
    };
    (
        Pump {
            full,
            empty: emptied,
        },
        pipe,
    )
}

impl Pump {
    /// Sends all bytes of a reader, and then its error if it has one. Stops early when the receiver
    /// is dropped. Returns true if the reader was read to its end.
    pub(super) fn run(self, from: impl Read) -> bool {
        match self.send_all(from) {
            Ok(whole) => whole,
            Err(error) => {
                let _ = self.full.send(Err(error));
                false
            }
        }
    }

    /// Sends all bytes of a reader. Returns false if the receiver was dropped.
    pub(super) fn send_all(&self, mut from: impl Read) -> io::Result<bool> {
        loop {
            let mut buffer = self.empty.try_recv().unwrap_or_else(|_| vec![0; BUFFER]);
            let mut n = 0;
            // Never call `read` with an empty buffer: some decoders then take the result 0 for
            // their end.
            let mut ended = false;
            let error = loop {
                if n == buffer.len() {
                    break None;
                }
                match from.read(&mut buffer[n..]) {
                    Ok(0) => {
                        ended = true;
                        break None;
                    }
                    Ok(more) => n += more,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => break Some(e),
                }
            };
            if n > 0 && self.full.send(Ok((buffer, n))).is_err() {
                return Ok(false);
            }
            if let Some(error) = error {
                return Err(error);
            }
            if ended {
                return Ok(true);
            }
        }
    }

    /// A buffer of that size. Only `most` of them are made; then it waits until one was read.
    /// Nothing if the receiver was dropped.
    pub(super) fn buffer(&self, size: usize, made: &mut usize, most: usize) -> Option<Vec<u8>> {
        let mut buffer = match self.empty.try_recv() {
            Ok(buffer) => buffer,
            Err(_) if *made < most => {
                *made += 1;
                vec![0; size]
            }
            Err(_) => self.empty.recv().ok()?,
        };
        buffer.resize(size, 0);
        Some(buffer)
    }

    /// Sends the first `n` bytes of a buffer. Returns false if the receiver was dropped.
    pub(super) fn send(&self, buffer: Vec<u8>, n: usize) -> bool {
        self.full.send(Ok((buffer, n))).is_ok()
    }

    /// Sends an error.
    pub(super) fn fail(self, error: io::Error) {
        // Sending fails only if the receiver has already stopped with another error.
        let _ = self.full.send(Err(error));
    }
}

/// Runs `produce` on a new thread and `consume` on this one, and returns both results. It is an
/// error if `produce` panics.
pub(super) fn on_two_threads<'s, S: Send, T>(
    shared: &'s Shared<'s>,
    produce: impl FnOnce(Pump) -> S + Send,
    consume: impl FnOnce(&mut Pipe<'s>) -> Result<T>,
) -> Result<(Result<T>, S)> {
    std::thread::scope(|scope| {
        let (pump, mut pipe) = pipe(shared);
        let other = scope.spawn(move || produce(pump));
        let result = consume(&mut pipe);
        // The other thread stops when its receiver is dropped.
        drop(pipe);
        let produced = other
            .join()
            .map_err(|_| refused("its decompressor crashed"))?;
        Ok((result, produced))
    })
}

/// Like [`on_two_threads`], for an archive that is read as a stream. `open` creates the
/// decompressor around the source and runs the pump on it to its end. An archive that is refused is
/// drained.
pub(super) fn with_pump<'s, R: Read + Send, T>(
    shared: &'s Shared<'s>,
    mut source: Source<'s, R>,
    open: impl FnOnce(&mut Source<'s, R>, Pump) -> io::Result<()> + Send,
    consume: impl FnOnce(&mut Pipe<'s>) -> Result<T>,
) -> Result<T> {
    let produce = move |pump: Pump| {
        let full = pump.full.clone();
        if let Err(error) = open(&mut source, pump) {
            // Sending fails only if the receiver has already stopped with another error.
            let _ = full.send(Err(error));
        }
        source
    };
    let (result, mut source) = on_two_threads(shared, produce, consume)?;
    if result.as_ref().is_err_and(|e| e.kind() == Kind::Integrity) {
        source.drain();
    }
    result
}

impl Pipe<'_> {
    /// Returns the next unread bytes. The slice is empty only at the end.
    pub(super) fn peek(&mut self) -> Result<&[u8]> {
        while self.start == self.end {
            self.shared.cancel.check()?;
            let Ok(next) = self.full.recv() else {
                return Ok(&[]);
            };
            let (buffer, n) = next.map_err(|e| self.shared.explain(&e))?;
            self.unpacked += n as u64;
            self.check_budget()?;
            let used = std::mem::replace(&mut self.buffer, buffer);
            // Sending fails if the other thread has ended, which is fine.
            if !used.is_empty() {
                let _ = self.empty.send(used);
            }
            (self.start, self.end) = (0, n);
        }
        Ok(&self.buffer[self.start..self.end])
    }

    /// Marks `n` bytes of [`Self::peek`] as read.
    pub(super) fn consume(&mut self, n: usize) {
        self.start = (self.start + n).min(self.end);
    }

    fn check_budget(&self) -> Result<()> {
        let Budget {
            unpacked,
            ratio,
            entries: _,
        } = self.shared.budget;
        let archive = self
            .shared
            .archive_size
            .unwrap_or_else(|| self.shared.read.load(Ordering::Relaxed));
        check_budget(self.unpacked, archive, unpacked, ratio)
    }

    /// Counts bytes that are written although the archive does not contain them: the holes of a
    /// sparse file.
    pub(super) fn count_holes(&mut self, bytes: u64) -> Result<()> {
        self.unpacked = self.unpacked.saturating_add(bytes);
        self.check_budget()
    }

    /// Fills a buffer. Returns false if the stream is at its end. If the stream ends before the
    /// buffer is full, that is an error.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<bool> {
        let mut filled = 0;
        while filled < buffer.len() {
            let bytes = self.peek()?;
            let n = bytes.len().min(buffer.len() - filled);
            if n == 0 {
                return if filled == 0 {
                    Ok(false)
                } else {
                    Err(refused("it ends early"))
                };
            }
            buffer[filled..filled + n].copy_from_slice(&bytes[..n]);
            filled += n;
            self.consume(n);
        }
        Ok(true)
    }

    /// Passes the next `size` bytes to a function, piece by piece.
    pub(super) fn for_each_piece(
        &mut self,
        size: u64,
        mut visit: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut left = size;
        while left > 0 {
            let bytes = self.peek()?;
            if bytes.is_empty() {
                return Err(refused("it ends early"));
            }
            let n = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
            visit(&bytes[..n])?;
            self.consume(n);
            left -= n as u64;
        }
        Ok(())
    }

    /// Drops the next `size` bytes.
    pub(super) fn skip(&mut self, size: u64) -> Result<()> {
        self.for_each_piece(size, |_| Ok(()))
    }

    /// Reads the next `size` bytes into memory; more than `limit` bytes are refused.
    pub(super) fn read_small(&mut self, size: u64, limit: u64) -> Result<Vec<u8>> {
        if size > limit {
            return Err(refused(format!(
                "a header in it is {size} bytes long, and at most {limit} are allowed"
            )));
        }
        let mut bytes = Vec::new();
        self.for_each_piece(size, |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(bytes)
    }
}

/// Returns an error if an archive of `archive` bytes must not unpack to `unpacked` bytes.
pub(super) fn check_budget(unpacked: u64, archive: u64, limit: u64, ratio: u64) -> Result<()> {
    let hint = "if this is expected, raise the limit with `limits:` in the recipe";
    if unpacked > limit {
        return Err(refused(format!("it unpacks to more than {limit} bytes")).hint(hint));
    }
    if unpacked > Budget::RATIO_FREE && unpacked > archive.saturating_mul(ratio) {
        return Err(refused(format!("it unpacks to more than {ratio} times its size")).hint(hint));
    }
    Ok(())
}

/// Reads to the end, and returns an error if there is anything else than zeros.
pub(super) fn zeros_to_the_end(mut reader: impl BufRead) -> io::Result<()> {
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok(());
        }
        if bytes.iter().any(|b| *b != 0) {
            return Err(io::Error::other(refused("there is data after its end")));
        }
        let n = bytes.len();
        reader.consume(n);
    }
}
