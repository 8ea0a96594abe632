//! Writes the files of the hub: each is staged in its final folder, flushed, then renamed. A reader
//! sees either no file or the complete file.
//!
//! Not every file system can rename a file only if its new name is free: FAT, some network shares
//! and file systems in user space have neither such a rename nor hard links. There, a publisher
//! first creates a claim, a file that only one of them can create, then looks whether the name is
//! free, and renames.

use std::io::{self, Read};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::permissions;
use crate::hub::Progress;
use larder_core::error::{Error, Result};
use larder_core::fs::{self, IoContext};
use larder_core::model::{Digest, Hasher};
use larder_core::staging::StagedFile;

/// The name prefix of staged files and folders.
pub(super) const STAGED: &str = ".tmp-";
/// What follows in the name of a claim, before the name that it is for.
pub(super) const CLAIM: &str = "claim-";

/// The digest of a file.
pub(super) fn digest(path: &Utf8Path) -> Result<Digest> {
    Ok(Digest::of_reader(fs::open(path)?).at("read", path)?.0)
}

/// A claim of this age was left by a killed publisher: it is held only for a look and a rename.
const STALE_CLAIM: Duration = Duration::from_mins(1);
/// How often a claim is tried that was there and is gone when it is looked at.
const CLAIM_TRIES: usize = 8;
/// How long a publisher waits before it looks again whether another one still has its claim.
const CLAIM_PAUSE: Duration = Duration::from_millis(50);

/// A flushed temporary file in its final folder.
pub(super) struct Staged(StagedFile);

impl Staged {
    fn in_dir(dir: &Utf8Path) -> Result<Self> {
        StagedFile::without_sweep(dir.as_std_path(), STAGED).map(Self)
    }

    fn flush(&self) -> Result<()> {
        let path = Utf8Path::from_path(self.0.path());
        if let Some(folder) = path.and_then(Utf8Path::parent) {
            permissions::share_file(self.0.file(), folder);
        }
        fs::flush(self.0.file()).at("flush", self.0.path())
    }

    /// Renames the file to `path` unless a file is already there; returns whether it was renamed.
    pub(super) fn rename_new(self, path: &Utf8Path) -> Result<bool> {
        match self.0.rename_new(path) {
            Ok(()) => fs::sync_dir(fs::parent(path.as_std_path())).map(|()| true),
            Err((e, _)) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            // A disk that is full or fails gives its error again.
            Err((_, staged)) => Self(staged).rename_claimed(path),
        }
    }

    /// The same with a claim, for file systems that can't do it in one step.
    fn rename_claimed(self, path: &Utf8Path) -> Result<bool> {
        let name = path.file_name().unwrap_or_default();
        let claim = path.with_file_name(format!("{STAGED}{CLAIM}{name}"));
        let Some(_claim) = Claim::take(&claim)? else {
            // The caller looks what is there, and tries again if that is still nothing.
            std::thread::sleep(CLAIM_PAUSE);
            return Ok(false);
        };
        if fs::lstat(path)?.is_some() {
            return Ok(false);
        }
        self.rename_over(path).map(|()| true)
    }

    /// Renames the file to `path`, replacing any file there.
    pub(super) fn rename_over(self, path: &Utf8Path) -> Result<()> {
        self.0.rename_over(path)?;
        fs::sync_dir(fs::parent(path.as_std_path()))
    }
}

/// The right to create one name, until it is dropped.
struct Claim(Utf8PathBuf);

impl Claim {
    /// Takes it; `None` if another publisher has it.
    fn take(path: &Utf8Path) -> Result<Option<Self>> {
        let mut tries = 0;
        loop {
            let Err(error) = fs::create_new(path) else {
                return Ok(Some(Self(path.to_owned())));
            };
            tries += 1;
            match fs::lstat(path)? {
                Some(meta) => {
                    if is_older(&meta, STALE_CLAIM) {
                        fs::remove_file(path)?;
                    }
                    return Ok(None);
                }
                // Its owner may have dropped it since; otherwise the folder can't be written.
                None if tries < CLAIM_TRIES => {}
                None => return Err(error),
            }
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // A claim that stays is stale after a while.
        let _ = fs::remove_file(&self.0);
    }
}

/// Whether a file was last changed at least this long ago.
pub(super) fn is_older(meta: &std::fs::Metadata, than: Duration) -> bool {
    let modified = meta.modified().ok();
    modified.is_some_and(|at| at.elapsed().is_ok_and(|age| age >= than))
}

/// Stages a file with these bytes.
pub(super) fn stage_bytes(dir: &Utf8Path, bytes: &[u8]) -> Result<Staged> {
    let mut staged = Staged::in_dir(dir)?;
    staged.0.write(bytes)?;
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
        staged.0.write(&buffer[..n])?;
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
