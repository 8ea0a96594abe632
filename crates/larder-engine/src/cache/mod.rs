//! The local cache: content-addressed, shared by all projects of a user.
//!
//! ```text
//! <cache>/v1/files/3f/3f2a9c…           one file's bytes, named by their sha256
//! <cache>/v1/index/<origin>/<inputs>    what these inputs gave: a line `larder-entry-1 <sha256>`, then JSON, see [`Entry`]
//! <cache>/v1/explanations/<inputs>      the fields of an inputs digest, to explain a miss later: JSON
//! <cache>/v1/locks/<inputs>             held while someone works on these inputs; only saves work
//! <cache>/v1/tmp/                       staging of this file system
//! <cache>/v1/quarantine/                what was found damaged
//! ```
//!
//! Files are written beside and renamed, so a reader sees all or nothing; they are hashed on every way in *and* out, so
//! damage is found, set aside and fetched again. Nothing here is flushed to disk: what a power cut spoils fails its hash.
//! A file's modification time is when it was last used; `prune` goes by it.
//!
//! Knows artifacts; does not know projects, except that a managed entry names the hub it came from.

mod prune;

use std::io::{self, Read, Write};
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

pub use prune::{Checked, Pruned, Usage};

use larder_core::error::{Error, Result};
use larder_core::formats::Observed;
use larder_core::fs::{self, IoContext};
use larder_core::keys::tree;
use larder_core::model::{Artifact, ArtifactFile, Digest, Hasher, Origin, SourceKind};

/// What an entry's first line begins with; its sha256 is of what follows the line.
const MARK: &str = "larder-entry-1 ";

/// A cache folder.
#[derive(Clone, Debug)]
pub struct Cache {
    root: Utf8PathBuf,
}

/// What some inputs gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The artifact.
    pub artifact: Artifact,
    /// How it first came here.
    #[serde(rename = "via")]
    pub source: SourceKind,
    /// Identity of the hub it was downloaded from, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hub: Option<String>,
    /// The file it was taken from, for artifacts that were not built here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<TakenFrom>,
    /// What was observed when it was made.
    #[serde(default)]
    pub observed: Observed,
}

/// The archive an artifact was taken from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenFrom {
    /// Its digest.
    pub sha256: Digest,
    /// Its bytes.
    pub size: u64,
    /// Where it was had: a url, or a registry coordinate.
    pub url: String,
}

impl Entry {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut json = serde_json::to_string_pretty(self)
            .map_err(|e| Error::failed("cannot write a cache entry").cause(e))?;
        json.push('\n');
        Ok(format!("{MARK}{}\n{json}", Digest::of(json.as_bytes())).into_bytes())
    }

    /// `None` where it is damaged or of another format.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (sha256, json) = std::str::from_utf8(bytes)
            .ok()?
            .strip_prefix(MARK)?
            .split_once('\n')?;
        if Digest::of(json.as_bytes()).to_string() != sha256 {
            return None;
        }
        serde_json::from_str(json).ok()
    }
}

impl Cache {
    /// The cache at a folder, which need not exist yet.
    pub fn at(dir: &Utf8Path) -> Self {
        Self {
            root: dir.join("v1"),
        }
    }

    /// Folder of this cache's format, inside the cache folder.
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

    /// Where to put things together before they enter.
    pub fn staging(&self) -> Result<tempfile::TempDir> {
        let dir = self.root.join("tmp");
        fs::create_dir_all(&dir)?;
        tempfile::Builder::new()
            .prefix("stage-")
            .tempdir_in(&dir)
            .at("create a folder in", &dir)
    }

    /// What these inputs gave, if that is known here. A damaged entry counts as absent.
    pub fn lookup(&self, origin: Origin, inputs: &Digest) -> Result<Option<Entry>> {
        let Some(bytes) = fs::read_opt(self.entry_path(origin, inputs))? else {
            return Ok(None);
        };
        Ok(Entry::parse(&bytes)
            .filter(|e| e.artifact.inputs == *inputs && e.artifact.origin == origin))
    }

    /// Takes in an artifact whose files stand, verified, in a folder, and records what inputs it answers.
    pub fn insert(&self, dir: &Utf8Path, entry: &Entry) -> Result<()> {
        for ArtifactFile {
            name,
            mode: _,
            size: _,
            sha256,
        } in &entry.artifact.files
        {
            self.insert_file(&dir.join(name), sha256)?;
        }
        let path = self.entry_path(entry.artifact.origin, &entry.artifact.inputs);
        fs::create_dir_all(fs::parent(path.as_std_path()))?;
        self.write_small(&path, &entry.to_bytes()?)
    }

    fn insert_file(&self, from: &Utf8Path, digest: &Digest) -> Result<()> {
        let to = self.file(digest);
        if let Some(meta) = fs::stat(&to)?
            && fs::stat(from)?.is_some_and(|source| source.len() == meta.len())
        {
            return Ok(());
        }
        fs::create_dir_all(fs::parent(to.as_std_path()))?;
        let staging = self.root.join("tmp");
        fs::create_dir_all(&staging)?;
        let mut staged = tempfile::Builder::new()
            .prefix("file-")
            .tempfile_in(&staging)
            .at("create a file in", &staging)?;
        // The kernel copies (shares extents where it can): the bytes were hashed on their way to `from`.
        io::copy(&mut fs::open(from)?, staged.as_file_mut()).at("copy into the cache", from)?;
        staged
            .persist(&to)
            .map_err(|e| fs::io_error("write", &to, &e.error))?;
        Ok(())
    }

    /// Whether the files of an artifact are all there and undamaged: each is read and hashed, nothing is changed.
    pub fn is_whole(&self, artifact: &Artifact) -> Result<bool> {
        for file in &artifact.files {
            let path = self.file(&file.sha256);
            let is_there = fs::stat(&path)?.is_some_and(|meta| meta.len() == file.size);
            if !is_there || tree::hash_file(&path)?.0 != file.sha256 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Puts an artifact's files into an existing folder under their names, hashing them on the way. `false` where the
    /// cache lacks one, or holds damaged bytes (which are set aside): then the folder's content is worth nothing.
    pub fn restore(
        &self,
        artifact: &Artifact,
        into: &Utf8Path,
        mut progress: impl FnMut(u64),
    ) -> Result<bool> {
        let mut done = 0;
        for ArtifactFile {
            name,
            mode,
            size,
            sha256,
        } in &artifact.files
        {
            let path = self.file(sha256);
            let Some(mut from) = fs::open_opt(&path)? else {
                return Ok(false);
            };
            let target = into.join(name);
            let mut to = fs::create(&target)?;
            let mut hasher = Hasher::new();
            let mut buffer = vec![0; 128 * 1024];
            loop {
                match from.read(&mut buffer).at("read", &path)? {
                    0 => break,
                    n => {
                        hasher.update(&buffer[..n]);
                        to.write_all(&buffer[..n]).at("write", &target)?;
                        done += n as u64;
                        progress(done);
                    }
                }
            }
            if hasher.finish() != *sha256
                || fs::stat(&target)?.is_none_or(|meta| meta.len() != *size)
            {
                // Best effort: in a read-only cache it stays, and is refused again next time.
                let _ = self.quarantine(&path);
                return Ok(false);
            }
            fs::set_mode(&target, *mode)?;
            // Best effort: a read-only cache still restores, its files just look unused.
            let _ = from.set_modified(SystemTime::now());
        }
        Ok(true)
    }

    /// Whether every file of an artifact is here (by name and size; bytes are checked when they leave).
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
        fs::create_dir_all(&dir)?;
        fs::rename(path, dir.join(path.file_name().unwrap_or("damaged")))
    }

    /// Remembers what an inputs digest was made of.
    pub fn explain(&self, inputs: &Digest, fields: &[(String, String)]) -> Result<()> {
        let path = self.root.join("explanations").join(inputs.to_string());
        if fs::stat(&path)?.is_some() {
            return Ok(());
        }
        fs::create_dir_all(fs::parent(path.as_std_path()))?;
        let json = serde_json::to_vec(fields)
            .map_err(|e| Error::failed("cannot write an explanation").cause(e))?;
        self.write_small(&path, &json)
    }

    /// What an inputs digest was made of, if that was ever seen here.
    pub fn explanation(&self, inputs: &Digest) -> Option<Vec<(String, String)>> {
        let bytes =
            fs::read_opt(self.root.join("explanations").join(inputs.to_string())).ok()??;
        serde_json::from_slice(&bytes).ok()
    }

    fn write_small(&self, path: &Utf8Path, bytes: &[u8]) -> Result<()> {
        let staging = self.root.join("tmp");
        fs::create_dir_all(&staging)?;
        let mut staged = tempfile::Builder::new()
            .prefix("small-")
            .tempfile_in(&staging)
            .at("create a file in", &staging)?;
        staged.write_all(bytes).at("write", path)?;
        staged
            .persist(path)
            .map_err(|e| fs::io_error("write", path, &e.error))?;
        Ok(())
    }

    /// Path of the lock for work on some inputs; the folder is made.
    pub fn lock_path(&self, inputs: &Digest) -> Result<Utf8PathBuf> {
        let dir = self.root.join("locks");
        fs::create_dir_all(&dir)?;
        Ok(dir.join(inputs.to_string()))
    }
}
