//! Restoring files from the cache: each is copied and hashed at the same time.
//!
//! What is hashed is what was copied, whatever happens to the cached file meanwhile: either the bytes
//! that were read once, which are both written and hashed, or, where the copy shares the blocks of
//! the cached file on disk, the copy. The copy belongs to this process alone.

use std::fs::File;
use std::io::{Read, Seek as _, Write};
use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use camino::Utf8Path;
use rayon::prelude::*;

use super::{Cache, Restored};
use larder_core::error::{Error, Result};
use larder_core::fs::{self, EarlyFlush, IoContext};
use larder_core::model::{Artifact, ArtifactFile, Digest, Hasher, Tree};

/// A piece of a file in memory. Together the pieces of one file fit into the cache of a core.
const PIECE: usize = 256 << 10;
/// How many pieces of a file are in memory at most.
const PIECES: usize = 4;
/// Files up to this size are copied and hashed on one thread.
const SMALL: u64 = 2 * PIECE as u64;

/// The hash and the size of a copy.
type Copied = (Digest, u64);

impl Cache {
    /// Copies an artifact's files into an existing folder and hashes them on the way. Unless
    /// all of them are restored, the caller must discard the content of the folder. A damaged file
    /// is set aside.
    pub fn restore(
        &self,
        artifact: &Artifact,
        into: &Utf8Path,
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<Restored> {
        if let Some(tree) = &artifact.tree {
            return self.restore_tree(artifact, tree, into, progress);
        }
        let mut done = 0;
        for file in &artifact.files {
            let restored = self.restore_file(file, into, |bytes| progress(done + bytes))?;
            if restored != Restored::Whole {
                return Ok(restored);
            }
            done += file.size;
        }
        Ok(Restored::Whole)
    }

    /// The same for a tree: on all cores, as it has many small files. Its links are made when it is
    /// installed.
    fn restore_tree(
        &self,
        artifact: &Artifact,
        tree: &Tree,
        into: &Utf8Path,
        progress: impl FnMut(u64) + Send,
    ) -> Result<Restored> {
        for folder in tree.folders(&artifact.files) {
            fs::create_dir_all(into.join(folder))?;
        }
        let done = Mutex::new((0, progress));
        let restored = artifact.files.par_iter().map(|file| {
            let restored = self.restore_file(file, into, |_| ())?;
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            done.0 += file.size;
            let bytes = done.0;
            (done.1)(bytes);
            Ok(restored)
        });
        let other = restored.find_any(|restored| !matches!(restored, Ok(Restored::Whole)));
        other.unwrap_or(Ok(Restored::Whole))
    }

    fn restore_file(
        &self,
        file: &ArtifactFile,
        into: &Utf8Path,
        progress: impl FnMut(u64),
    ) -> Result<Restored> {
        let ArtifactFile {
            name,
            mode,
            size,
            sha256,
        } = file;
        let path = self.file(sha256);
        let opened = fs::open_opt(&path);
        let is_unreadable = opened.is_err();
        let Some(from) = self.readable(opened) else {
            return Ok(if is_unreadable {
                Restored::Unreadable
            } else {
                Restored::Incomplete
            });
        };
        // A file of another size is damaged; it is not read, as it could be endlessly large.
        let is_whole = |meta: &std::fs::Metadata| meta.is_file() && meta.len() == *size;
        if !from.metadata().is_ok_and(|meta| is_whole(&meta)) {
            let _ = self.quarantine(&path);
            return Ok(Restored::Incomplete);
        }
        let target = into.join(name);
        let to = fs::create_readable(&target)?;
        let copied = Copying {
            from: &from,
            path: &path,
            to: &to,
            target: &target,
        }
        .run(*size, progress)?;
        if copied != (*sha256, *size) || to.metadata().at("look at", &target)?.len() != *size {
            // A failure is ignored: in a read-only cache the damaged file stays, and the next
            // restore rejects it again.
            let _ = self.quarantine(&path);
            return Ok(Restored::Incomplete);
        }
        fs::set_mode(&target, *mode)?;
        // A failure is ignored: a read-only cache can still restore; only the time of the last
        // use is not updated.
        let _ = from.set_modified(SystemTime::now());
        Ok(Restored::Whole)
    }
}

/// One file that is being copied.
struct Copying<'a> {
    from: &'a File,
    path: &'a Utf8Path,
    to: &'a File,
    target: &'a Utf8Path,
}

impl Copying<'_> {
    fn run(&self, size: u64, progress: impl FnMut(u64)) -> Result<Copied> {
        if fs::share_blocks(self.from, self.to) {
            return self.hash_copy(progress);
        }
        if size <= SMALL {
            return self.on_one_thread(progress);
        }
        self.on_two_threads(progress)
    }

    /// Hashes a copy that shares the blocks of the cached file.
    fn hash_copy(&self, mut progress: impl FnMut(u64)) -> Result<Copied> {
        let (mut hasher, mut done) = (Hasher::new(), 0);
        let mut buffer = vec![0; PIECE];
        let mut copy = self.to;
        copy.rewind().at("read", self.target)?;
        loop {
            match copy.read(&mut buffer).at("read", self.target)? {
                0 => return Ok((hasher.finish(), done)),
                n => {
                    hasher.update(&buffer[..n]);
                    done += n as u64;
                    progress(done);
                }
            }
        }
    }

    fn on_one_thread(&self, mut progress: impl FnMut(u64)) -> Result<Copied> {
        let (mut hasher, mut done) = (Hasher::new(), 0);
        let mut buffer = vec![0; PIECE];
        loop {
            match self.copy_piece(&mut buffer)? {
                0 => return Ok((hasher.finish(), done)),
                n => {
                    hasher.update(&buffer[..n]);
                    done += n as u64;
                    progress(done);
                }
            }
        }
    }

    /// A second thread reads and writes; this one hashes, which takes longest.
    fn on_two_threads(&self, mut progress: impl FnMut(u64)) -> Result<Copied> {
        std::thread::scope(|scope| {
            let (full, filled) = sync_channel(PIECES);
            let (empty, emptied) = channel();
            for _ in 0..PIECES {
                // This can't fail: the receiver is here.
                let _ = empty.send(vec![0; PIECE]);
            }
            let copying = scope.spawn(move || {
                let mut flush = EarlyFlush::default();
                while let Ok(mut buffer) = emptied.recv() {
                    let n = self.copy_piece(&mut buffer)?;
                    flush.wrote(self.to, n);
                    if n == 0 || full.send((buffer, n)).is_err() {
                        break;
                    }
                }
                flush.finish().at("flush", self.target)
            });
            let (mut hasher, mut done) = (Hasher::new(), 0);
            for (buffer, n) in filled {
                hasher.update(&buffer[..n]);
                done += n as u64;
                progress(done);
                // This fails if the other thread has ended, which is fine.
                let _ = empty.send(buffer);
            }
            copying
                .join()
                .unwrap_or_else(|_| Err(Error::failed("a thread that copies a file crashed")))?;
            Ok((hasher.finish(), done))
        })
    }

    /// Reads one piece and writes it; 0 at the end.
    fn copy_piece(&self, buffer: &mut [u8]) -> Result<usize> {
        let (mut from, mut to) = (self.from, self.to);
        let n = loop {
            match from.read(buffer) {
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                read => break read.at("read", self.path)?,
            }
        };
        to.write_all(&buffer[..n]).at("write", self.target)?;
        Ok(n)
    }
}
