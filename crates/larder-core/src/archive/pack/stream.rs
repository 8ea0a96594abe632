//! Reads the files that are packed, and writes the archive.

use std::io::{self, Read, Write};

use super::super::{Content, PackEntry, Packed};
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::fs;
use crate::model::Hasher;

const BUFFER: usize = 256 << 10;

pub(super) fn cannot_write(error: &io::Error) -> Error {
    // The io error can wrap a larder error.
    match error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>())
    {
        Some(ours) => ours.clone(),
        None => Error::failed("cannot write the archive").cause(error),
    }
}

/// Writes the archive's bytes; hashes and counts them.
pub(super) struct ArchiveWriter<'a> {
    inner: &'a mut dyn Write,
    hasher: Hasher,
    size: u64,
}

impl<'a> ArchiveWriter<'a> {
    pub(super) fn new(inner: &'a mut dyn Write) -> Self {
        Self {
            inner,
            hasher: Hasher::new(),
            size: 0,
        }
    }
    /// Flushes the output and returns the digest and size of the archive.
    pub(super) fn finish(self) -> Result<Packed> {
        self.inner.flush().map_err(|e| cannot_write(&e))?;
        Ok(Packed {
            sha256: self.hasher.finish(),
            size: self.size,
        })
    }
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_all(bytes).map_err(|e| cannot_write(&e))
    }
    pub(super) fn position(&self) -> u64 {
        self.size
    }
}

impl Write for ArchiveWriter<'_> {
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

/// Hashes what is read.
struct Hashed<R> {
    inner: R,
    hasher: Hasher,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..n]);
        Ok(n)
    }
}

/// Copies the contents of files, reports progress and stops when the run is cancelled.
pub(super) struct ContentCopier<'a> {
    cancel: &'a Cancel,
    progress: &'a dyn Fn(u64),
    done: u64,
    buffer: Vec<u8>,
}

impl<'a> ContentCopier<'a> {
    pub(super) fn new(cancel: &'a Cancel, progress: &'a dyn Fn(u64)) -> Self {
        Self {
            cancel,
            progress,
            done: 0,
            buffer: vec![0; BUFFER],
        }
    }
    /// Copies an entry's content. It is an error if the content does not have the entry's size.
    pub(super) fn content(&mut self, entry: &PackEntry<'_>, out: &mut dyn Write) -> Result<()> {
        match entry.content {
            Content::Link(_) => Ok(()),
            Content::Bytes(bytes) => self.copy(entry, bytes, entry.name, out),
            Content::File(path) => self.copy(entry, fs::open(path)?, path.as_str(), out),
            Content::Known(path, sha256) => {
                let mut from = Hashed {
                    inner: fs::open(path)?,
                    hasher: Hasher::new(),
                };
                self.copy(entry, &mut from, path.as_str(), out)?;
                if from.hasher.finish() == sha256 {
                    return Ok(());
                }
                Err(Error::integrity(format!(
                    "{} is not the file that is recorded (sha256 differs)",
                    entry.name
                )))
            }
        }
    }

    fn copy(
        &mut self,
        entry: &PackEntry<'_>,
        from: impl Read,
        place: &str,
        out: &mut dyn Write,
    ) -> Result<()> {
        // Read one byte more than the stated size, to detect a file that has grown.
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
                    Error::failed(format!("{place} changed while it was being packed"))
                        .hint("run again"),
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
