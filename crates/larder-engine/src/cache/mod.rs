//! The local cache: content-addressed, shared by all projects of a user.
//!
//! ```text
//! <cache>/v1/files/3f/3f2a9c…           one file's bytes, named by their sha256
//! <cache>/v1/index/<origin>/<inputs>    the artifact of these inputs: a line `larder-entry-2 <sha256>`, then JSON ([`Entry`])
//! <cache>/v1/explanations/<inputs>      the fields of an inputs digest, to explain a miss later: JSON
//! <cache>/v1/locks/<inputs>             file locks, so that two processes don't build the same inputs
//! <cache>/v1/tmp/                       staging, on the same file system
//! <cache>/v1/quarantine/                files that were found damaged
//! <cache>/v1/pruned                     empty; its time says when the user's limits were last applied
//! ```
//!
//! Files are written under a temporary name and then renamed, so a reader sees a complete file or
//! none. They are hashed when they are stored *and* when they are restored, so damage is detected,
//! and the damaged file is set aside and obtained again. Nothing is flushed to disk, because a file
//! that a power failure damaged does not match its hash. A file's modification time is the time of
//! its last use, and `prune` relies on it.
//!
//! A cache that somebody else could have written to is not used; see `guard.rs`.
//!
//! The cache knows artifacts. It does not know projects, except that a managed entry names the hub
//! it came from.

mod guard;
mod prune;
mod restore;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once, OnceLock};

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use guard::Guard;
pub use guard::Ignored;
pub use prune::{Checked, Pruned, Usage};

use crate::events::Events;
use crate::trust::Shown;
use larder_core::error::{Error, Result};
use larder_core::formats::{Observed, PinKind};
use larder_core::fs::{self, IoContext};
use larder_core::keys::tree;
use larder_core::model::{Artifact, ArtifactFile, Digest, Origin, Proof, SourceKind};
use larder_core::staging::{self, StagedDir, StagedFile};

/// The beginning of an entry's first line. The sha256 that follows it covers everything after that
/// line. Entries of format 1 did not name the places behind a build's needs; they count as absent.
const MARK: &str = "larder-entry-2 ";

/// An archive from this size on may have files that are worth a second copy while it is unpacked.
const LEAST_ARCHIVE: u64 = 256 << 10;

/// The beginning of the names of folders with second copies.
const COPIES: &str = "copies-";

/// The cache in one folder.
#[derive(Clone, Debug)]
pub struct Cache {
    root: Utf8PathBuf,
    guard: Guard,
    /// The folder for temporary files where the cache itself can't hold them.
    temp: PathBuf,
    swept: Arc<Once>,
    /// Whether files of the cache share blocks on disk with what is installed.
    shares_blocks: Arc<OnceLock<bool>>,
}

/// The artifact of some inputs, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The artifact.
    pub artifact: Artifact,
    /// The source that it first came from.
    #[serde(rename = "via")]
    pub source: SourceKind,
    /// The hubs and mirrors that it came from and, for a build, those that the subsystems it was
    /// built with came from.
    pub places: BTreeSet<String>,
    /// The file that it was unpacked from; `None` if it was built on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<TakenFrom>,
    /// Facts that were recorded when it was built, such as tool versions.
    #[serde(default)]
    pub observed: Observed,
    /// For what came from a hub: its sidecar with its signature, if it was signed. An entry of an
    /// earlier larder has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Box<Proof>>,
    /// For what came from a publisher: what was shown about the file when it was downloaded.
    #[serde(default, skip_serializing_if = "is_least")]
    pub shown: Shown,
}

/// Whether nothing was shown, so that nothing needs to be stored.
fn is_least(shown: &Shown) -> bool {
    *shown == Shown::Lock
}

/// The archive an artifact was taken from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenFrom {
    /// Its digest.
    pub sha256: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The place it was downloaded from: a url or a registry coordinate.
    pub url: String,
}

/// What came of restoring an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restored {
    /// All its files are there and right.
    Whole,
    /// A file is missing or damaged.
    Incomplete,
    /// A file can't be read by this user, which was told.
    Unreadable,
}

/// Whether two folders are on one file system on which files can share blocks.
fn shares_blocks(a: &Utf8Path, b: &Utf8Path) -> bool {
    let try_it = || -> io::Result<bool> {
        let (mut from, to) = (tempfile::tempfile_in(a)?, tempfile::tempfile_in(b)?);
        from.write_all(&[1; 4096])?;
        Ok(fs::share_blocks(&from, &to))
    };
    try_it().unwrap_or(false)
}

impl Entry {
    /// The file that the artifact was unpacked from, with the kind of lock line that pins it.
    pub fn unpacked_from(&self) -> Option<(PinKind, Digest)> {
        let kind = match self.source {
            SourceKind::Managed => PinKind::Asset,
            SourceKind::Original => PinKind::Upstream,
            SourceKind::Cache | SourceKind::Build | SourceKind::RemoteCache => return None,
        };
        self.file.as_ref().map(|file| (kind, file.sha256))
    }

    fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut json = serde_json::to_string_pretty(self)
            .map_err(|e| Error::failed("cannot write a cache entry").cause(e))?;
        json.push('\n');
        Ok(format!("{MARK}{}\n{json}", Digest::of(json.as_bytes())).into_bytes())
    }

    /// `None` if the entry is damaged or has another format.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (sha256, json) = std::str::from_utf8(bytes)
            .ok()?
            .strip_prefix(MARK)?
            .split_once('\n')?;
        if Digest::of(json.as_bytes()).to_string() != sha256 {
            return None;
        }
        let entry: Self = serde_json::from_str(json).ok()?;
        entry.artifact.check().is_ok().then_some(entry)
    }
}

impl Cache {
    /// The executor that built an artifact, if the cache knows of one.
    pub fn executor_of(&self, artifact: &Artifact) -> Option<String> {
        if artifact.origin != Origin::Build {
            return None;
        }
        let entry = self.lookup(artifact.origin, &artifact.inputs).ok()??;
        let is_it = entry.artifact.digest() == artifact.digest();
        entry.observed.executor.filter(|_| is_it)
    }

    /// The cache in a folder, which does not have to exist yet. `temp` is the folder for temporary
    /// files where the cache can't be written; the events get a warning if the cache is not used.
    pub fn new(dir: &Utf8Path, temp: &Path, events: Option<&Events>) -> Self {
        Self {
            root: dir.join("v1"),
            guard: Guard::new(dir, events.cloned()),
            temp: temp.to_owned(),
            swept: Arc::new(Once::new()),
            shares_blocks: Arc::default(),
        }
    }

    /// Why the cache is not used, if that is so. It is then treated as empty and unwritable.
    pub fn ignored(&self) -> Option<&Ignored> {
        self.guard.ignored()
    }

    /// The folder for this version of the format, inside the cache folder.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    fn file(&self, digest: &Digest) -> Utf8PathBuf {
        let hex = digest.to_string();
        self.root.join("files").join(&hex[..2]).join(hex)
    }

    fn entry_path(&self, origin: Origin, inputs: &Digest) -> Utf8PathBuf {
        self.root
            .join("index")
            .join(origin.as_str())
            .join(inputs.to_string())
    }

    /// Creates a temporary folder for files that are about to be stored: on the file system of the
    /// cache, or elsewhere if the cache can't be written.
    pub fn staging(&self) -> Result<StagedDir> {
        if let Ok(true) = self.guard.may_write() {
            let made = self
                .tmp()
                .and_then(|dir| StagedDir::without_sweep(dir.as_std_path(), "stage-"));
            if made.is_ok() {
                return made;
            }
        }
        let made = StagedDir::new(&self.temp, "larder-stage-");
        made.map_err(|error| fs::no_temp(error, &self.temp))
    }

    /// Creates a folder for second copies of large files that are unpacked into an existing, empty
    /// folder, which [`Self::keep`] then takes over. `archive` is the size of what is unpacked. `None`
    /// if it would bring nothing: the archive is small, the cache is not used, or storing a file
    /// costs no copy, because it shares blocks with the installed file.
    pub fn copies(&self, into: &Utf8Path, archive: Option<u64>) -> Option<StagedDir> {
        let is_small = archive.is_some_and(|size| size < LEAST_ARCHIVE);
        if is_small || !self.guard.may_write().ok()? {
            return None;
        }
        let dir = StagedDir::without_sweep(self.tmp().ok()?.as_std_path(), COPIES).ok()?;
        let shares = *self
            .shares_blocks
            .get_or_init(|| shares_blocks(into, dir.path()));
        (!shares).then_some(dir)
    }

    /// The folder for what is staged. What killed processes left there is removed once per run.
    fn tmp(&self) -> Result<Utf8PathBuf> {
        let dir = self.root.join("tmp");
        fs::create_own_dir_all(&dir)?;
        self.sweep();
        Ok(dir)
    }

    /// Removes what killed processes have staged, unless this was done in this run already.
    pub fn sweep(&self) {
        if let Ok(true) = self.guard.may_write() {
            self.swept.call_once(|| {
                for prefix in ["stage-", COPIES, "file-", "small-"] {
                    staging::sweep(self.root.join("tmp"), prefix);
                }
            });
        }
    }

    /// The entry for these inputs, if there is one. A damaged or unreadable entry counts as absent.
    pub fn lookup(&self, origin: Origin, inputs: &Digest) -> Result<Option<Entry>> {
        if !self.guard.may_read() {
            return Ok(None);
        }
        let read = fs::read_or_absent(self.entry_path(origin, inputs));
        let Some(bytes) = self.readable(read) else {
            return Ok(None);
        };
        Ok(Entry::parse(&bytes)
            .filter(|e| e.artifact.inputs == *inputs && e.artifact.origin == origin))
    }

    /// What was read; `None` if it is absent or can't be read. The latter is told once.
    fn readable<T>(&self, read: Result<Option<T>>) -> Option<T> {
        match read {
            Ok(found) => found,
            Err(error) => {
                self.guard.note_unreadable(&error);
                None
            }
        }
    }

    /// Stores an artifact as [`Self::insert`] does. If the cache can't be written, this is told once
    /// in a run, and the next run has to obtain the artifact again.
    pub fn keep(&self, dir: &Utf8Path, copies: Option<&Utf8Path>, entry: &Entry) {
        if let Err(error) = self.insert(dir, copies, entry) {
            self.guard.note_unkept(&error);
        }
    }

    /// Stores an artifact under its inputs. Its files must be in the folder, and they must be
    /// verified already. Does nothing if the cache is not used. `copies`: a folder of
    /// [`Self::copies`], whose files are taken over.
    pub fn insert(&self, dir: &Utf8Path, copies: Option<&Utf8Path>, entry: &Entry) -> Result<()> {
        if !self.guard.may_write()? {
            return Ok(());
        }
        let files = &entry.artifact.files;
        let insert = |file: &ArtifactFile| {
            let ArtifactFile {
                name,
                mode: _,
                size: _,
                sha256,
            } = file;
            self.insert_file(&dir.join(name), copies, sha256)
        };
        if entry.artifact.tree.is_some() {
            // Many small files.
            files.par_iter().try_for_each(insert)?;
        } else {
            files.iter().try_for_each(insert)?;
        }
        let path = self.entry_path(entry.artifact.origin, &entry.artifact.inputs);
        fs::create_own_dir_all(fs::parent(path.as_std_path()))?;
        self.write_small(&path, &entry.to_bytes()?)
    }

    fn insert_file(
        &self,
        from: &Utf8Path,
        copies: Option<&Utf8Path>,
        digest: &Digest,
    ) -> Result<()> {
        let to = self.file(digest);
        if let Some(meta) = fs::stat(&to)?
            && fs::stat(from)?.is_some_and(|source| source.len() == meta.len())
        {
            return Ok(());
        }
        fs::create_own_dir_all(fs::parent(to.as_std_path()))?;
        if let Some(copies) = copies {
            // Unpacking wrote and hashed the same bytes here, if it wrote a copy.
            let copy = copies.join(digest.to_string());
            let size = |path: &Utf8Path| fs::stat(path).map(|meta| meta.map(|meta| meta.len()));
            if let (Some(copied), Some(size)) = (size(&copy)?, size(from)?)
                && copied == size
            {
                return fs::rename(&copy, &to);
            }
        }
        let mut staged = StagedFile::without_sweep(self.tmp()?.as_std_path(), "file-")?;
        // No hash is needed: the bytes were hashed when they were written to `from`.
        fs::copy_content(&mut fs::open(from)?, staged.file_mut())
            .at("copy into the cache", from)?;
        staged.rename_over(&to)
    }

    /// Whether all files of an artifact are in the cache and undamaged. Reads and hashes each of
    /// them, and changes nothing.
    pub fn is_whole(&self, artifact: &Artifact) -> Result<bool> {
        for file in &artifact.files {
            let path = self.file(&file.sha256);
            let there = self.readable(fs::stat(&path));
            if there.is_none_or(|meta| meta.len() != file.size) {
                return Ok(false);
            }
            let hashed = self.readable(tree::hash_file(&path).map(Some));
            if hashed.is_none_or(|(digest, _)| digest != file.sha256) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether every file of an artifact is in the cache. Compares only name and size; the bytes
    /// are checked when they are restored.
    pub fn holds(&self, artifact: &Artifact) -> Result<bool> {
        for file in &artifact.files {
            if fs::stat(self.file(&file.sha256))?.is_none_or(|meta| meta.len() != file.size) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn quarantine(&self, path: &Utf8Path) -> Result<()> {
        let dir = self.root.join("quarantine");
        fs::create_own_dir_all(&dir)?;
        fs::rename(path, dir.join(path.file_name().unwrap_or("damaged")))
    }

    /// Stores the fields that an inputs digest was computed from.
    pub fn explain(&self, inputs: &Digest, fields: &[(String, String)]) -> Result<()> {
        if !self.guard.may_write()? {
            return Ok(());
        }
        let path = self.root.join("explanations").join(inputs.to_string());
        if fs::stat(&path)?.is_some() {
            return Ok(());
        }
        fs::create_own_dir_all(fs::parent(path.as_std_path()))?;
        let json = serde_json::to_vec(fields)
            .map_err(|e| Error::failed("cannot write an explanation").cause(e))?;
        self.write_small(&path, &json)
    }

    /// The fields that an inputs digest was computed from, if they were stored.
    pub fn explanation(&self, inputs: &Digest) -> Option<Vec<(String, String)>> {
        if !self.guard.may_read() {
            return None;
        }
        let bytes =
            fs::read_or_absent(self.root.join("explanations").join(inputs.to_string())).ok()??;
        serde_json::from_slice(&bytes).ok()
    }

    fn write_small(&self, path: &Utf8Path, bytes: &[u8]) -> Result<()> {
        let mut staged = StagedFile::without_sweep(self.tmp()?.as_std_path(), "small-")?;
        staged.write(bytes)?;
        staged.rename_over(path)
    }

    /// The path of the lock file for some inputs. Creates the folder if necessary. `None` if the
    /// cache is not used.
    pub fn lock_path(&self, inputs: &Digest) -> Result<Option<Utf8PathBuf>> {
        if !self.guard.may_write()? {
            return Ok(None);
        }
        let dir = self.root.join("locks");
        fs::create_own_dir_all(&dir)?;
        Ok(Some(dir.join(inputs.to_string())))
    }
}
