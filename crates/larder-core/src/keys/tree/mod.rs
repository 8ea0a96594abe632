//! Identity of a source folder: the relative paths and bytes of its files. Links count as their
//! target text; modes and times do not count. Files that the folder's `.gitignore` or
//! `.larderignore` exclude are left out, and so are `.git` and what is larder's own: recipes and the
//! files that larder writes. A link that leads out of the folder is refused or, if the recipe says
//! so, counts as what it leads to.
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
mod links;
mod own;
mod walk;

pub use own::Projects;
pub use walk::list;

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
    /// What it is.
    pub content: Content,
}

/// What an entry of a source is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A file.
    File,
    /// A link that counts as the file that it leads to.
    Followed,
    /// A link that stays a link, with its target.
    Link(String),
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
        .map(|Entry { path, content }| match content {
            Content::Link(target) => Ok(Digest::of(target.as_bytes())),
            Content::File | Content::Followed => {
                hash_file(&root.join(path)).map(|(digest, _)| digest)
            }
        })
        .collect();
    let mut hasher = Hasher::new();
    hasher.field(b"larder-tree-v1");
    for (Entry { path, content }, digest) in entries.iter().zip(contents) {
        hasher.field(path.as_str().as_bytes());
        hasher.field(match content {
            Content::Link(_) => b"link",
            Content::File | Content::Followed => b"file",
        });
        hasher.field(digest?.as_bytes());
    }
    Ok(hasher.finish())
}

/// Copies a listed source into an existing, empty folder. The copy has nothing that the key does not
/// have: every file is executable, and there are no empty folders. [`level_times`] is for the times.
pub fn copy(root: &Utf8Path, listing: &Listing, into: &Utf8Path) -> Result<()> {
    for Entry { path, content } in &listing.entries {
        let target = into.join(path);
        fs::create_dir_all(fs::parent(target.as_std_path()))?;
        if let Content::Link(text) = content {
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

/// Gives all files, folders and links below a folder one modification time, except what git keeps in
/// `.git`. Otherwise `make` would find files older than those that they were generated from, and
/// generate them again: the order in which files are copied, unpacked or checked out is not that in
/// which they were made.
pub fn level_times(folder: &Utf8Path) -> Result<()> {
    let time = UNIX_EPOCH + Duration::from_secs(SOURCE_TIME);
    for name in fs::list(folder)?.iter().filter(|name| *name != ".git") {
        let path = folder.join(name);
        match fs::lstat(&path)? {
            Some(meta) if meta.is_dir() => level_times(&path)?,
            Some(meta) if meta.is_file() => fs::set_modified(&path, time)?,
            Some(meta) if meta.is_symlink() => fs::set_link_modified(&path, time)?,
            _ => {}
        }
    }
    fs::set_modified(folder, time)
}

/// Digest and size of a file.
pub fn hash_file(path: &Utf8Path) -> Result<(Digest, u64)> {
    Digest::of_reader(fs::open(path)?).at("read", path)
}
