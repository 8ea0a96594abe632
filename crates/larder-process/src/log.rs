//! The file that a step's commands print to. Secrets are removed line by line before they reach the
//! disk, because logs are kept, shown and handed around.
//!
//! A thread reads what the commands print, as in [`crate::capture`], and with the same patience for
//! a process that left its group and keeps the pipe open.

use std::borrow::Cow;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{PipeReader, PipeWriter, Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};

use larder_core::error::Result;
use larder_core::fs::{self, IoContext};
use larder_core::redact::Redactor;

/// The longest part of a line that is held back until the line ends.
const LONGEST_LINE: usize = 64 * 1024;

/// An append-only file, written by several commands in sequence and by larder itself.
#[derive(Clone, Debug)]
pub struct Log {
    path: Utf8PathBuf,
    redactor: Redactor,
    reader: Option<Reader>,
}

/// Gets each line, without secrets and without its end.
#[derive(Clone)]
struct Reader(Arc<dyn Fn(&str) + Send + Sync>);

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reader")
    }
}

impl Reader {
    /// Passes on the lines of a text. A carriage return ends a line, too; empty lines are left out.
    fn read(&self, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        let lines = text.split(['\n', '\r']).filter(|line| !line.is_empty());
        lines.for_each(|line| self.0(line));
    }
}

impl Log {
    /// A log at a path, without the secrets that the redactor finds. Existing content is kept; the
    /// file is created if it is missing.
    pub fn at(path: impl Into<Utf8PathBuf>, redactor: Redactor) -> Self {
        Self {
            path: path.into(),
            redactor,
            reader: None,
        }
    }

    /// The same log, whose lines are also passed to `reader` as they come. While it runs, the
    /// commands may have to wait.
    #[must_use]
    pub fn read_by(mut self, reader: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.reader = Some(Reader(Arc::new(reader)));
        self
    }

    /// The path of the file.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Appends a line that larder itself writes.
    pub fn note(&self, line: &str) -> Result<()> {
        let line = self.redactor.mask(line);
        if let Some(reader) = &self.reader {
            reader.read(line.as_bytes());
        }
        writeln!(self.open()?, "{line}").at("write", &self.path)
    }

    /// The current length in bytes; 0 if the file does not exist.
    pub fn len(&self) -> Result<u64> {
        Ok(fs::stat(&self.path)?.map_or(0, |meta| meta.len()))
    }

    /// Whether nothing has been written yet.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// The text that was written after the first `start` bytes.
    pub fn since(&self, start: u64) -> Result<String> {
        let mut file = fs::open(&self.path)?;
        let mut text = Vec::new();
        file.seek(SeekFrom::Start(start)).at("read", &self.path)?;
        file.read_to_end(&mut text).at("read", &self.path)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Opens the file for appending.
    fn open(&self) -> Result<File> {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        {
            use rustix::fs::OFlags;
            use std::os::unix::fs::OpenOptionsExt;
            // The file was made by larder; a link has come in its place since.
            options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
        }
        options.open(&self.path).at("open", &self.path)
    }

    /// Starts to write what is printed into a pipe to the file.
    pub(crate) fn receive(&self) -> Result<(Receiving, PipeWriter)> {
        let file = self.open()?;
        let (pipe, writer) = std::io::pipe().at("write", &self.path)?;
        let (open, end) = channel();
        let (redactor, reader) = (self.redactor.clone(), self.reader.clone());
        std::thread::Builder::new()
            .spawn(move || {
                // The commands must not wait for a disk that is full: what can't be written is lost.
                let _ = copy_lines(pipe, file, &redactor, reader.as_ref());
                drop(open);
            })
            .at("write", &self.path)?;
        Ok((Receiving(end), writer))
    }
}

/// A thread that writes a log. It is disconnected when the pipe has ended.
pub(crate) struct Receiving(Receiver<()>);

impl Receiving {
    /// Waits until everything that was printed is written, or until `latest`.
    pub(crate) fn finish(self, latest: Instant) {
        let left = latest.saturating_duration_since(Instant::now());
        let _ = self.0.recv_timeout(left);
    }
}

/// Copies whole lines, without the secrets in them. A progress bar returns the carriage and ends no
/// line, so that counts as an end, too.
fn copy_lines(
    mut pipe: PipeReader,
    mut file: File,
    redactor: &Redactor,
    reader: Option<&Reader>,
) -> std::io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    let mut line = Vec::new();
    let mut failed = Ok(());
    loop {
        let count = match pipe.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        line.extend_from_slice(&buffer[..count]);
        let end = line.iter().rposition(|b| matches!(b, b'\n' | b'\r'));
        let end = end.map_or(0, |at| at + 1);
        let whole = if end == 0 && line.len() > LONGEST_LINE {
            line.len()
        } else {
            end
        };
        // The pipe is read to its end in any case, so that the commands don't block.
        if failed.is_ok() || reader.is_some() {
            let lines = line[..whole].split_inclusive(|b| *b == b'\n');
            let text: Vec<_> = lines.map(|line| masked(line, redactor)).collect();
            let text = text.concat();
            if failed.is_ok() {
                failed = file.write_all(&text);
            }
            if let Some(reader) = reader {
                reader.read(&text);
            }
        }
        line.drain(..whole);
    }
    let rest = masked(&line, redactor);
    if let Some(reader) = reader {
        reader.read(&rest);
    }
    failed?;
    file.write_all(&rest)
}

/// The bytes without secrets. Bytes that are no text stay as they are where there is no secret.
fn masked<'b>(bytes: &'b [u8], redactor: &Redactor) -> Cow<'b, [u8]> {
    let text = String::from_utf8_lossy(bytes);
    match redactor.mask(&text) {
        Cow::Borrowed(_) => Cow::Borrowed(bytes),
        Cow::Owned(masked) => Cow::Owned(masked.into_bytes()),
    }
}
