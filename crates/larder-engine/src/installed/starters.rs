//! Trees where links can't be made: their folder stays whole in `.v`, and `.bin` has a small script for
//! each binary, which starts the program there.
//!
//! ```text
//! .bin/nvim, on Windows nvim.cmd         starts .v/3f2a9c01d2e4-7/bin/nvim
//! .bin/.version                          the stamp
//! .bin/.v/3f2a9c01d2e4-7/{bin,share,…}   the current set: the newest one of the stamp's artifact
//! ```
//!
//! The folder is complete and flushed before a script names it, and the scripts are replaced like other
//! plain files: see [`super::plain`].

use std::io::Write as _;

use super::open::{OpenSet, is_set};
use super::tree::{self, Links};
use larder_core::error::Result;
use larder_core::formats::stamp;
use larder_core::fs::{self, IoContext, OwnFolder};
use larder_core::model::Artifact;

/// The scripts of a tree whose files are in a set: name and text.
pub(super) fn of(set: &str, artifact: &Artifact) -> Vec<(String, String)> {
    let binaries = artifact.tree.iter().flat_map(|tree| &tree.binaries);
    binaries
        .map(|binary| {
            let path = format!(".v/{set}/{}", binary.path);
            tree::starter(cfg!(windows), binary.name.as_str(), &path)
        })
        .collect()
}

/// Whether a set's folder is of an artifact.
pub(super) fn is_of(set: &str, artifact: &Artifact) -> bool {
    let digest = artifact.digest().short();
    is_set(set) && set.rsplit_once('-').is_some_and(|(hex, _)| hex == digest)
}

/// The newest set of an artifact among the names in `.v`.
pub(super) fn newest_set(names: &[String], artifact: &Artifact) -> Option<String> {
    let sets = names.iter().filter(|set| is_of(set, artifact));
    let counter = |set: &&String| {
        set.rsplit_once('-')
            .and_then(|(_, n)| n.parse::<u64>().ok())
    };
    sets.max_by_key(counter).cloned()
}

/// Whether a set's folder holds the whole tree, by its names and sizes. `true` for other artifacts.
pub(super) fn is_complete(folder: &OwnFolder, artifact: &Artifact) -> Result<bool> {
    let found = tree::difference(folder.path(), artifact, Links::None, false, || Ok(false))?;
    Ok(found.is_none())
}

impl OpenSet {
    /// Replaces what is installed with the scripts and the stamp of a tree whose files are in a set.
    pub(super) fn install_starters(
        &self,
        set: &str,
        artifact: &Artifact,
        locked: bool,
    ) -> Result<()> {
        self.versions.sync()?;
        let from = self.versions.unique_folder("tmp-")?;
        let stamp = (stamp::FILE.to_owned(), stamp::render(artifact));
        for (name, text) in of(set, artifact).into_iter().chain([stamp]) {
            let mut file = from.create_file(&name)?;
            let path = from.path().join(&name);
            file.write_all(text.as_bytes()).at("write", &path)?;
            let mode = if name == stamp::FILE { 0o644 } else { 0o755 };
            fs::set_mode(&path, mode)?;
            fs::flush(&file).at("flush", &path)?;
        }
        from.sync()?;
        self.install_plain(&from, artifact, locked)?;
        let name = from.path().file_name().unwrap_or_default();
        self.versions.remove(name)
    }
}
