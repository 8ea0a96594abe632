//! Writes the files of the hub: each is staged in its final folder, flushed, then renamed. A reader
//! sees either no file or the complete file.

use std::io::{self, Read, Write};

use camino::Utf8Path;
use tempfile::NamedTempFile;

use crate::hub::Progress;
use larder_core::error::{Error, Result};
use larder_core::fs::{self, IoContext};
use larder_core::model::{Digest, Hasher};

/// The name prefix of staged files and folders.
pub(super) const STAGED: &str = ".tmp-";

/// The digest of a file.
pub(super) fn digest(path: &Utf8Path) -> Result<Digest> {
    Ok(Digest::of_reader(fs::open(path)?).at("read", path)?.0)
}

/// A flushed temporary file in its final folder.
pub(super) struct Staged(NamedTempFile);

impl Staged {
    fn in_dir(dir: &Utf8Path) -> Result<Self> {
        tempfile::Builder::new()
            .prefix(STAGED)
            .tempfile_in(dir)
            .at("create a file in", dir)
            .map(Self)
    }

    fn flush(&self) -> Result<()> {
        fs::set_mode(self.0.path(), 0o644)?;
        self.0.as_file().sync_all().at("flush", self.0.path())
    }

    /// Renames the file to `path` unless a file is already there; returns whether it was renamed.
    pub(super) fn rename_new(self, path: &Utf8Path) -> Result<bool> {
        match self.0.persist_noclobber(path) {
            Ok(_) => fs::sync_dir(fs::parent(path.as_std_path())).map(|()| true),
            Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(fs::io_error("write", path, &e.error)),
        }
    }

    /// Renames the file to `path`, replacing any file there.
    pub(super) fn rename_over(self, path: &Utf8Path) -> Result<()> {
        self.0
            .persist(path)
            .map_err(|e| fs::io_error("write", path, &e.error))?;
        fs::sync_dir(fs::parent(path.as_std_path()))
    }
}

/// Stages a file with these bytes.
pub(super) fn stage_bytes(dir: &Utf8Path, bytes: &[u8]) -> Result<Staged> {
    let mut staged = Staged::in_dir(dir)?;
    staged.0.write_all(bytes).at("write", staged.0.path())?;
    staged.flush()?;
    Ok(staged)
}

/// Stages a copy of a package; returns an error if its digest or size differs from the stated one.
pub(super) fn stage(
    dir: &Utf8Path,
    file: &Utf8Path,
    sha256: &Digest,
    size: u64,
    progress: Progress<'_>,
) -> Result<Staged> {
    let mut staged = Staged::in_dir(dir)?;
    let (mut hasher, mut copied) = (Hasher::new(), 0);
    let mut source = fs::open(file)?;
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let n = source.read(&mut buffer).at("read", file)?;
        if n == 0 {
            break;
        }
        hasher.update(&buffer[..n]);
        staged
            .0
            .write_all(&buffer[..n])
            .at("write", staged.0.path())?;
        copied += n as u64;
        progress(n as u64);
    }
    let found = hasher.finish();
    if found != *sha256 || copied != size {
        return Err(
            Error::integrity(format!("{file} changed after it was packaged"))
                .cause(format!("sha256 {found}, its sidecar says {sha256}"))
                .hint("package it again"),
        );
    }
    staged.flush()?;
    Ok(staged)
}
