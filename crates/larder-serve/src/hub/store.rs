//! Verified bytes of a hub, each file named by its digest.
//!
//! ```text
//! <cache>/served/<hub>/<sha256>        a package, or a binary that was unpacked from one
//! <cache>/served/<hub>/listing.json    what the hub had when it was last read
//! ```
//! A file is hashed before it comes here, and again by the first request after a start.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use camino::Utf8Path;
use larder_core::error::Result;
use larder_core::model::{Digest, Hasher};
use larder_core::{fs, staging};

use crate::bytes::Opened;
use crate::index::{Folder, Stamp};

/// The beginning of the names of files that are not complete.
pub const STAGED: &str = ".tmp-";
/// How long a file is kept after the hub no longer has it: a download may still need it.
const KEPT: Duration = Duration::from_hours(24);

/// The files.
#[derive(Debug)]
pub struct Store {
    folder: Arc<Folder>,
    /// What was hashed, or written, by this process.
    verified: Mutex<HashMap<Digest, Stamp>>,
}

impl Store {
    /// The files in a folder that no other program changes.
    pub fn new(folder: Folder) -> Self {
        staging::sweep(folder.path(), STAGED);
        Self {
            folder: Arc::new(folder),
            verified: Mutex::default(),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Arc<Folder> {
        &self.folder
    }

    /// The path of the folder.
    pub fn path(&self) -> &Utf8Path {
        self.folder.path()
    }

    /// Opens bytes that were verified by this process.
    pub fn open(&self, digest: &Digest) -> Option<Opened> {
        let known = self.locked().get(digest).copied()?;
        let (file, stamp) = self.folder.open_file(&digest.to_string()).ok()?;
        (stamp == known).then(|| Opened::new(file, stamp))
    }

    /// Whether the bytes are there. They are hashed unless this process has done so; other bytes
    /// under this name are removed.
    pub fn verify(&self, digest: &Digest) -> Result<bool> {
        if self.open(digest).is_some() {
            return Ok(true);
        }
        let name = digest.to_string();
        let Ok((mut file, stamp)) = self.folder.open_file(&name) else {
            return Ok(false);
        };
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let read = file.read(&mut buffer);
            match read.map_err(|e| fs::io_error("read", self.path().join(&name), &e))? {
                0 => break,
                read => hasher.update(&buffer[..read]),
            }
        }
        if hasher.finish() == *digest {
            self.locked().insert(*digest, stamp);
            return Ok(true);
        }
        fs::remove_file(self.path().join(&name))?;
        Ok(false)
    }

    /// Marks the file of a digest as verified: its bytes were hashed while they were written.
    pub fn written(&self, digest: &Digest) {
        if let Ok((_, stamp)) = self.folder.open_file(&digest.to_string()) {
            self.locked().insert(*digest, stamp);
        }
    }

    /// Removes old files that nobody needs any more.
    pub fn sweep(&self, needed: &HashSet<Digest>) -> Result<()> {
        for name in fs::list(self.path())? {
            let Ok(digest) = name.parse::<Digest>() else {
                continue;
            };
            let path = self.path().join(&name);
            let is_old = || {
                let modified = fs::stat(&path).ok().flatten()?.modified().ok()?;
                Some(SystemTime::now().duration_since(modified).ok()? > KEPT)
            };
            if !needed.contains(&digest) && is_old() == Some(true) {
                fs::remove_file(&path)?;
                self.locked().remove(&digest);
            }
        }
        Ok(())
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, Stamp>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
