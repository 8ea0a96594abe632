//! The file that a step's commands print to.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};

use camino::{Utf8Path, Utf8PathBuf};

use larder_core::error::Result;
use larder_core::fs::{self, IoContext};

/// An append-only file, written by several commands in sequence and by larder itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log(Utf8PathBuf);

impl Log {
    /// A log at a path. Existing content is kept; the file is created if it is missing.
    pub fn at(path: impl Into<Utf8PathBuf>) -> Self {
        Self(path.into())
    }

    /// The path of the file.
    pub fn path(&self) -> &Utf8Path {
        &self.0
    }

    /// Appends a line that larder itself writes.
    pub fn note(&self, line: &str) -> Result<()> {
        writeln!(self.open()?, "{line}").at("write", &self.0)
    }

    /// The current length in bytes; 0 if the file does not exist.
    pub fn len(&self) -> Result<u64> {
        Ok(fs::stat(&self.0)?.map_or(0, |meta| meta.len()))
    }

    /// Whether nothing has been written yet.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// The text that was written after the first `start` bytes.
    pub fn since(&self, start: u64) -> Result<String> {
        let mut file = fs::open(&self.0)?;
        let mut text = Vec::new();
        file.seek(SeekFrom::Start(start)).at("read", &self.0)?;
        file.read_to_end(&mut text).at("read", &self.0)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Opens the file for appending.
    pub(crate) fn open(&self) -> Result<File> {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.0)
            .at("open", &self.0)
    }
}
