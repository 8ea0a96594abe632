//! Identity of a source folder: the relative paths and bytes of its files. Links count as their
//! target text; modes and times do not count. Files that the folder's `.gitignore` or
//! `.larderignore` exclude are left out, and so are always recipes and the files that larder
//! writes.
//!
//! The working copy of a build is made from the same listing, so a build sees exactly the files
//! that the key covers.

use std::io;
use std::sync::mpsc;
use std::time::{Duration, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::fs::{self, IoContext};
use crate::model::{Digest, Hasher};

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

/// The ignore file that is read in addition to git's.
const IGNORE_FILE: &str = ".larderignore";

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

/// Lists a source folder.
pub fn list(root: &Utf8Path) -> Result<Listing> {
    let mut listing = Listing {
        entries: Vec::new(),
        folders: Vec::new(),
        ignore_files: Vec::new(),
    };
    if fs::stat(root)?.is_none_or(|meta| !meta.is_dir()) {
        return Err(
            Error::usage(format!("the source folder {root} does not exist"))
                .hint("check `build.source.dir` of the recipe"),
        );
    }
    // The folder itself may be a link; the walk would take that for a link in the source.
    let root = &root.canonicalize_utf8().at("find the folder", root)?;
    check_ignore_files(root)?;
    // The walk reads a folder's ignore files after it has asked whether to enter the folder.
    let (refused, found) = mpsc::channel();
    let walk = ignore::WalkBuilder::new(root)
        .standard_filters(false)
        .git_ignore(true)
        .require_git(false)
        .add_custom_ignore_filename(IGNORE_FILE)
        .filter_entry(move |entry| {
            if entry.depth() == 0 {
                return true;
            }
            if ALWAYS_EXCLUDED
                .iter()
                .any(|name| entry.file_name() == *name)
            {
                return false;
            }
            if !entry.file_type().is_some_and(|kind| kind.is_dir()) {
                return true;
            }
            let checked = Utf8Path::from_path(entry.path()).map_or(Ok(()), check_ignore_files);
            // Nobody receives a second error, as the first one ends the walk.
            checked.map_err(|error| refused.send(error).ok()).is_ok()
        })
        .build();
    for entry in walk {
        if let Ok(error) = found.try_recv() {
            return Err(error);
        }
        let entry = entry
            .map_err(|e| Error::failed(format!("cannot list the source folder {root}")).cause(e))?;
        let path = Utf8Path::from_path(entry.path()).ok_or_else(|| {
            Error::failed(format!(
                "{} has a name that is not UTF-8",
                entry.path().display()
            ))
        })?;
        let relative = path.strip_prefix(root).unwrap_or(path).to_owned();
        let kind = entry
            .file_type()
            .ok_or_else(|| Error::failed(format!("cannot read the file type of {path}")))?;
        if kind.is_dir() {
            listing.folders.push(relative);
        } else if kind.is_symlink() {
            let target =
                fs::read_link(path).and_then(|target| target.into_os_string().into_string().ok());
            let target =
                target.ok_or_else(|| Error::failed(format!("cannot read the link {path}")))?;
            listing.entries.push(Entry {
                path: relative,
                link: Some(target),
            });
        } else if kind.is_file() {
            listing.entries.push(Entry {
                path: relative,
                link: None,
            });
        } else {
            return Err(
                Error::failed(format!("{path} is neither a file nor a folder nor a link")).hint(
                    "a source can't contain sockets, pipes or devices: exclude it in .larderignore",
                ),
            );
        }
    }
    if let Ok(error) = found.try_recv() {
        return Err(error);
    }
    listing
        .entries
        .sort_by(|a, b| a.path.as_str().as_bytes().cmp(b.path.as_str().as_bytes()));
    listing.folders.sort();
    listing.ignore_files = unlisted_ignore_files(root, &listing)?;
    Ok(listing)
}

/// The ignore files of the listed folders that are not entries themselves.
fn unlisted_ignore_files(root: &Utf8Path, listing: &Listing) -> Result<Vec<Utf8PathBuf>> {
    let mut found = Vec::new();
    for folder in &listing.folders {
        for name in [".gitignore", IGNORE_FILE] {
            let path = folder.join(name);
            let order =
                |entry: &Entry| entry.path.as_str().as_bytes().cmp(path.as_str().as_bytes());
            if listing.entries.binary_search_by(order).is_err()
                && fs::stat(root.join(&path))?.is_some()
            {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// The size of the largest ignore file that is read, in bytes.
const MAX_IGNORE_FILE: u64 = 16 * 1024 * 1024;

/// Refuses a folder whose ignore files would be read without an end. A folder of such a name is no
/// ignore file.
fn check_ignore_files(folder: &Utf8Path) -> Result<()> {
    for name in [".gitignore", IGNORE_FILE] {
        let path = folder.join(name);
        let why = match fs::stat(&path)? {
            Some(meta) if meta.is_file() && meta.len() > MAX_IGNORE_FILE => {
                "it is larger than 16 MiB"
            }
            Some(meta) if !meta.is_file() && !meta.is_dir() => "it is not a regular file",
            _ => continue,
        };
        return Err(Error::failed(format!("cannot read {path}"))
            .cause(why)
            .hint("an ignore file is a short text; remove this one"));
    }
    Ok(())
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
