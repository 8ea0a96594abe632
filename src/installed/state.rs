//! The state snapshot `.larder/state`: what was seen when all was well, so that the next run only has to look again.
//!
//! It is a cache of looks: deleting it, or finding it damaged or of another format, costs a re-hash and nothing else. Its
//! form is postcard behind a 8-byte mark that names the format.

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::Watched;
use crate::error::Result;
use crate::fs;
use crate::model::{Digest, Via};

const MARK: &[u8; 8] = b"larder\x001";

/// All that is remembered of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// What this larder is (version and build), so that another one starts afresh.
    pub larder: String,
    /// `versions.yml`, recipes and the folders that list them.
    pub definition: Vec<Watched>,
    /// Source folders.
    pub sources: Vec<SourceState>,
    /// Installed cells.
    pub cells: Vec<CellState>,
    /// Every subsystem that exists on the host, as `all` means it there.
    pub all: Vec<String>,
    /// Those are all of the project's subsystems.
    pub complete: bool,
    /// Counts the looks of `definition`: a cell recorded under another one may have been judged by other files.
    pub generation: u64,
}

/// A source folder whose digest is known while it looks the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceState {
    /// The folder.
    pub path: Utf8PathBuf,
    /// Its digest.
    pub digest: Digest,
    /// Its files and folders.
    pub watched: Vec<Watched>,
}

/// An installed cell that was whole and wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellState {
    /// The subsystem's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The platform.
    pub platform: String,
    /// How it came here, as far as known.
    pub via: Option<Via>,
    /// Names ensured along with it.
    pub needs: Vec<String>,
    /// The artifact's digest.
    pub artifact: Digest,
    /// The installed files.
    pub watched: Vec<Watched>,
    /// Source folders its keys depend on, with the digests they had.
    pub sources: Vec<(Utf8PathBuf, Digest)>,
    /// The state's generation when it was recorded.
    pub generation: u64,
}

impl State {
    /// Path of the snapshot of a project.
    pub fn path(root: &Utf8Path) -> Utf8PathBuf {
        root.join(".larder/state")
    }

    /// Reads the snapshot; an empty one where there is none that this larder wrote.
    pub fn load(root: &Utf8Path, larder: &str) -> Self {
        let read = || {
            let bytes = fs::read_opt(Self::path(root)).ok()??;
            let state: Self = postcard::from_bytes(bytes.strip_prefix(MARK)?).ok()?;
            (state.larder == larder).then_some(state)
        };
        read().unwrap_or_else(|| Self { larder: larder.to_owned(), ..Self::default() })
    }

    /// Writes the snapshot, atomically.
    pub fn save(&self, root: &Utf8Path) -> Result<()> {
        let path = Self::path(root);
        fs::create_dir_all(fs::parent(path.as_std_path()))?;
        let mut bytes = MARK.to_vec();
        bytes.extend(postcard::to_allocvec(self).unwrap_or_default());
        fs::write_atomic(&path, &bytes)
    }

    /// What is remembered of a cell.
    pub fn cell(&self, name: &str, platform: &str) -> Option<&CellState> {
        self.cells.iter().find(|cell| cell.name == name && cell.platform == platform)
    }
}
