//! The folder that a channel's files are written to. Modes do not depend on the umask.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};

use camino::{Utf8Path, Utf8PathBuf};
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};
use larder_core::fs::{self, IoContext};
use larder_core::model::{Digest, Hasher};

/// A folder for the files of one channel.
#[derive(Clone, Debug)]
pub struct Output<'a> {
    folder: Utf8PathBuf,
    threads: usize,
    cancel: &'a Cancel,
}

impl<'a> Output<'a> {
    /// Writes to a folder, which must exist. Compression uses up to `threads` threads, which never
    /// changes a byte.
    pub fn new(folder: impl Into<Utf8PathBuf>, threads: usize, cancel: &'a Cancel) -> Self {
        Self {
            folder: folder.into(),
            threads,
            cancel,
        }
    }

    /// The number of threads for compression.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// What cancels the run.
    pub fn cancel(&self) -> &'a Cancel {
        self.cancel
    }

    /// The path of a file in the folder.
    pub fn path(&self, name: &str) -> Utf8PathBuf {
        self.folder.join(name)
    }

    /// A folder in this folder.
    pub fn folder(&self, name: &str) -> Result<Self> {
        let folder = self.folder.join(name);
        fs::create_dir_all(&folder)?;
        Ok(Self { folder, ..*self })
    }

    /// Writes a text file. `name` may contain folders.
    pub fn text(&self, name: &str, text: &str) -> Result<()> {
        self.file(name, 0o644, |out| {
            out.write_all(text.as_bytes())
                .map_err(|error| self.cannot_write(name, &error))
        })
    }

    /// Writes a file with these permission bits. `name` may contain folders.
    pub fn file(
        &self,
        name: &str,
        mode: u32,
        write: impl FnOnce(&mut BufWriter<File>) -> Result<()>,
    ) -> Result<()> {
        self.cancel.check()?;
        let path = self.path(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut out = BufWriter::with_capacity(256 << 10, fs::create(&path)?);
        write(&mut out)?;
        out.flush().at("write", &path)?;
        drop(out);
        fs::set_mode(&path, mode)
    }

    /// Moves a file inside the folder to its final name.
    pub fn rename(&self, from: &str, to: &str) -> Result<()> {
        let to = self.path(to);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::rename(self.path(from), to)
    }

    /// Copies a file's bytes, in pieces, until the end or until the run is cancelled.
    pub fn copy(&self, from: &Utf8Path, to: &mut dyn Write) -> Result<u64> {
        let mut file = fs::open(from)?;
        let mut buffer = vec![0; 256 << 10];
        let mut copied = 0;
        loop {
            self.cancel.check()?;
            let n = file.read(&mut buffer).at("read", from)?;
            if n == 0 {
                return Ok(copied);
            }
            to.write_all(&buffer[..n])
                .map_err(|error| self.cannot_write("", &error))?;
            copied += n as u64;
        }
    }

    /// The digest and the size of a file in the folder.
    pub fn digest(&self, name: &str) -> Result<(Digest, u64)> {
        let mut hasher = HashingWriter::default();
        let size = self.copy(&self.path(name), &mut hasher)?;
        Ok((hasher.0.finish(), size))
    }

    /// The error that a file of this folder can't be written.
    pub fn cannot_write(&self, name: &str, error: &io::Error) -> Error {
        // The io error can wrap a larder error.
        match error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Error>())
        {
            Some(ours) => ours.clone(),
            None => fs::io_error("write", self.path(name), error),
        }
    }
}

/// Hashes what is written.
struct HashingWriter(Hasher);

impl Default for HashingWriter {
    fn default() -> Self {
        Self(Hasher::new())
    }
}

impl Write for HashingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
