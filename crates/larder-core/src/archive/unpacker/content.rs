//! The content of one extracted file while it is written: it is hashed, and if that is wanted, a
//! second copy is written and the file is flushed in part.

use std::fs::File;
use std::io::Write;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::Result;
use crate::fs::{self, EarlyFlush, IoContext};
use crate::model::{Digest, Hasher};

/// How many bytes say that a file is a program.
const START: usize = 6;
/// Smaller files get no second copy: copying them afterwards costs no more.
pub(super) const LEAST_COPIED: u64 = 1 << 20;

/// What happens to a file beside being written. See [`Destination`](super::Destination).
pub(super) struct Extras<'a> {
    pub(super) copies: Option<&'a Utf8Path>,
    /// A number that no other copy has.
    pub(super) number: usize,
    pub(super) durable: bool,
}

/// A file while it is written: its hash, size and first bytes.
pub(super) struct Content<'a> {
    path: Utf8PathBuf,
    file: File,
    copy: Option<SecondCopy<'a>>,
    flush: Option<EarlyFlush>,
    hasher: Hasher,
    size: u64,
    /// The first bytes, at most [`START`].
    start: Vec<u8>,
}

/// A file that was written.
pub(super) struct Finished {
    pub(super) path: Utf8PathBuf,
    pub(super) size: u64,
    pub(super) sha256: Digest,
    pub(super) start: Vec<u8>,
}

impl<'a> Content<'a> {
    /// The content of a new, empty file.
    pub(super) fn new(path: Utf8PathBuf, file: File, extras: Extras<'a>) -> Self {
        let Extras {
            copies,
            number,
            durable,
        } = extras;
        Self {
            path,
            file,
            copy: copies.and_then(|copies| SecondCopy::create(copies, number)),
            flush: durable.then(EarlyFlush::default),
            hasher: Hasher::new(),
            size: 0,
            start: Vec::new(),
        }
    }

    pub(super) fn take(&mut self, piece: &[u8]) -> Result<()> {
        if self.start.len() < START {
            self.start
                .extend(piece.iter().take(START - self.start.len()));
        }
        self.size += piece.len() as u64;
        self.hasher.update(piece);
        self.file.write_all(piece).at("write", &self.path)?;
        if let Some(flush) = &mut self.flush {
            flush.wrote(&self.file, piece.len());
        }
        if let Some(copy) = self.copy.take() {
            self.copy = copy.write(piece);
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Finished> {
        let Self {
            path,
            file,
            copy,
            flush,
            hasher,
            size,
            start,
        } = self;
        if let Some(flush) = flush {
            flush.finish().at("flush", &path)?;
        }
        // Close the file now: an executable that is open for writing can't be started.
        drop(file);
        let sha256 = hasher.finish();
        if let Some(copy) = copy {
            copy.finish(&sha256);
        }
        Ok(Finished {
            path,
            size,
            sha256,
            start,
        })
    }
}

/// The second copy of a file while it is written. If anything about it fails, there is none.
struct SecondCopy<'a> {
    copies: &'a Utf8Path,
    path: Utf8PathBuf,
    file: File,
}

impl<'a> SecondCopy<'a> {
    fn create(copies: &'a Utf8Path, number: usize) -> Option<Self> {
        let path = copies.join(format!("{number}"));
        let file = fs::create_own(&path).ok()?;
        Some(Self { copies, path, file })
    }

    fn write(mut self, piece: &[u8]) -> Option<Self> {
        if self.file.write_all(piece).is_ok() {
            return Some(self);
        }
        // The disk may be full, and the file itself needs the space.
        let _ = fs::remove_file(&self.path);
        None
    }

    /// Gives it its name.
    fn finish(self, sha256: &Digest) {
        let Self { copies, path, file } = self;
        drop(file);
        if fs::rename(&path, copies.join(sha256.to_string())).is_err() {
            let _ = fs::remove_file(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As on a full disk: the file itself is written all the same.
    #[test]
    fn a_copy_that_cannot_be_written_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let copies = dir.join("copies");
        fs::create_dir_all(&copies).unwrap();
        let path = dir.join("file");
        let extras = Extras {
            copies: Some(&copies),
            number: 0,
            durable: false,
        };
        let mut content = Content::new(path.clone(), fs::create(&path).unwrap(), extras);
        content.take(b"first ").unwrap();
        // Nothing can be written to a file that is open for reading.
        content.copy.as_mut().unwrap().file = fs::open(copies.join("0")).unwrap();
        content.take(b"second").unwrap();
        assert!(content.copy.is_none());
        let finished = content.finish().unwrap();
        assert_eq!(finished.sha256, Digest::of(b"first second"));
        assert_eq!(fs::read(&path).unwrap(), b"first second");
        assert!(fs::list(&copies).unwrap().is_empty());
    }
}
