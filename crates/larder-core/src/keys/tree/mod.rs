//! Identity of a source folder: the relative paths and bytes of its files. Links count as their
//! target text; modes and times do not count. Files that the folder's `.gitignore` or
//! `.larderignore` exclude are left out, and so are always recipes and the files that larder
//! writes.
//!
//! The working copy of a build is made from the same listing, so a build sees exactly the files
//! that the key covers.

use std::io;
use std::time::{Duration, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use crate::error::Result;
use crate::fs::{self, IoContext};
use crate::model::{Digest, Hasher};

mod ignore;
mod walk;

pub use walk::list;

/// Names that are never part of a source, at any depth.
const ALWAYS_EXCLUDED: &[&str] = &[
    "recipe.yml",
    ".git",
    ".bin",
    ".dist",
    ".larder",
    ".larder-hub",
    ".collection",
];

/// The content of a source folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Files and links, with paths relative to the folder and separated by `/`, sorted by bytes.
    pub entries: Vec<Entry>,
    /// Every folder that was read, with relative paths, sorted. The source folder itself is an
    /// empty path.
    pub folders: Vec<Utf8PathBuf>,
    /// The ignore files in these folders that are not among the entries, because they exclude
    /// themselves. They are not part of the source, and a change in them changes the listing.
    pub ignore_files: Vec<Utf8PathBuf>,
}

/// One file or link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Relative path.
    pub path: Utf8PathBuf,
    /// The target, if it is a link.
    pub link: Option<String>,
}

/// Digest of a listed source: the sha256 over the field `larder-tree-v1`, and then for each entry
/// the fields path, `file` or `link`, and the sha256 (as raw bytes) of the file's content or of the
/// link's target.
pub fn digest(root: &Utf8Path, listing: &Listing) -> Result<Digest> {
    let Listing {
        entries,
        folders: _,
        ignore_files: _,
    } = listing;
    let contents: Vec<Result<Digest>> = entries
        .par_iter()
        .map(|Entry { path, link }| match link {
            Some(target) => Ok(Digest::of(target.as_bytes())),
            None => hash_file(&root.join(path)).map(|(digest, _)| digest),
        })
        .collect();
    let mut hasher = Hasher::new();
    hasher.field(b"larder-tree-v1");
    for (Entry { path, link }, content) in entries.iter().zip(contents) {
        hasher.field(path.as_str().as_bytes());
        hasher.field(if link.is_some() { b"link" } else { b"file" });
        hasher.field(content?.as_bytes());
    }
    Ok(hasher.finish())
}

/// Copies a listed source into an existing, empty folder. Links are copied as they are, also those
/// that lead outside the source. The copy has nothing that the key does not have: every file is
/// executable, and there are no empty folders. [`level_times`] is for the times.
pub fn copy(root: &Utf8Path, listing: &Listing, into: &Utf8Path) -> Result<()> {
    for Entry { path, link } in &listing.entries {
        let target = into.join(path);
        fs::create_dir_all(fs::parent(target.as_std_path()))?;
        if let Some(text) = link {
            fs::symlink(text, &target)?;
        } else {
            let mut from = fs::open(root.join(path))?;
            let mut to = fs::create(&target)?;
            io::copy(&mut from, &mut to).at("copy", root.join(path))?;
            fs::set_mode(&target, 0o755)?;
        }
    }
    Ok(())
}

/// The modification time of every file in a copy of a source: 1 January 2000, in seconds since 1970.
/// It is old, so that what a build makes is newer, and not so old that programs refuse it.
const SOURCE_TIME: u64 = 946_684_800;

/// Gives all files and folders below a folder one modification time. Otherwise `make` would find
/// files older than those that they were generated from, and generate them again: the order in which
/// files are copied or unpacked is not that in which they were made. Links keep their times.
pub fn level_times(folder: &Utf8Path) -> Result<()> {
    let time = UNIX_EPOCH + Duration::from_secs(SOURCE_TIME);
    for name in fs::list(folder)? {
        let path = folder.join(name);
        match fs::lstat(&path)? {
            Some(meta) if meta.is_dir() => level_times(&path)?,
            Some(meta) if meta.is_file() => fs::set_modified(&path, time)?,
            _ => {}
        }
    }
    fs::set_modified(folder, time)
}

/// Digest and size of a file.
pub fn hash_file(path: &Utf8Path) -> Result<(Digest, u64)> {
    Digest::of_reader(fs::open(path)?).at("read", path)
}
