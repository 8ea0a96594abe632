//! Identity of a source folder: the relative paths and bytes of its files (links as text; no mode,
//! no time), minus what its own `.gitignore` and `.larderignore` exclude, always minus recipes and
//! what larder writes.
//!
//! The same listing makes the work copy of a build, so a build sees exactly what the key covers.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::fs::{self, IoContext};
use crate::model::{Digest, Hasher};

/// Never part of a source, at any depth.
const NEVER: &[&str] = &[
    "recipe.yml",
    ".git",
    ".bin",
    ".dist",
    ".larder",
    ".larder-hub",
    ".collection",
];

/// What stands in a source folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Files and links, relative to the folder with `/`, sorted by bytes.
    pub entries: Vec<Entry>,
    /// Every folder that was read, relative, the source itself as an empty path; sorted.
    pub folders: Vec<Utf8PathBuf>,
}

/// One file or link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Relative path.
    pub path: Utf8PathBuf,
    /// Target, if it is a link.
    pub link: Option<String>,
    /// Executable by its owner; matters to the work copy, not to the identity.
    pub executable: bool,
}

/// Lists a source folder.
pub fn list(root: &Utf8Path) -> Result<Listing> {
    let mut listing = Listing {
        entries: Vec::new(),
        folders: Vec::new(),
    };
    if fs::stat(root)?.is_none_or(|meta| !meta.is_dir()) {
        return Err(
            Error::usage(format!("the source folder {root} does not exist"))
                .hint("check `build.source.dir` of the recipe"),
        );
    }
    let walk = ignore::WalkBuilder::new(root)
        .standard_filters(false)
        .git_ignore(true)
        .require_git(false)
        .add_custom_ignore_filename(".larderignore")
        .filter_entry(|entry| {
            entry.depth() == 0 || !NEVER.iter().any(|never| entry.file_name() == *never)
        })
        .build();
    for entry in walk {
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
                executable: false,
            });
        } else if kind.is_file() {
            let executable = fs::lstat(path)?.is_some_and(|meta| is_executable(&meta));
            listing.entries.push(Entry {
                path: relative,
                link: None,
                executable,
            });
        } else {
            return Err(
                Error::failed(format!("{path} is neither a file nor a folder nor a link")).hint(
                    "a source can't contain sockets, pipes or devices: exclude it in .larderignore",
                ),
            );
        }
    }
    listing
        .entries
        .sort_by(|a, b| a.path.as_str().as_bytes().cmp(b.path.as_str().as_bytes()));
    listing.folders.sort();
    Ok(listing)
}

/// Digest of a listed source: sha256 of the field `larder-tree-v1`, then per entry the fields path,
/// `file` or `link`, and the sha256 (raw) of the file's bytes or of the link's text.
pub fn digest(root: &Utf8Path, listing: &Listing) -> Result<Digest> {
    let Listing {
        entries,
        folders: _,
    } = listing;
    let contents: Vec<Result<Digest>> = entries
        .par_iter()
        .map(
            |Entry {
                 path,
                 link,
                 executable: _,
             }| match link {
                Some(target) => Ok(Digest::of(target.as_bytes())),
                None => hash_file(&root.join(path)).map(|(digest, _)| digest),
            },
        )
        .collect();
    let mut hasher = Hasher::new();
    hasher.field(b"larder-tree-v1");
    for (
        Entry {
            path,
            link,
            executable: _,
        },
        content,
    ) in entries.iter().zip(contents)
    {
        hasher.field(path.as_str().as_bytes());
        hasher.field(if link.is_some() { b"link" } else { b"file" });
        hasher.field(content?.as_bytes());
    }
    Ok(hasher.finish())
}

/// Copies a listed source into an existing, empty folder. Links that lead out of the source are
/// copied as they are.
pub fn copy(root: &Utf8Path, listing: &Listing, into: &Utf8Path) -> Result<()> {
    for folder in &listing.folders {
        fs::create_dir_all(into.join(folder))?;
    }
    for Entry {
        path,
        link,
        executable,
    } in &listing.entries
    {
        let target = into.join(path);
        if let Some(text) = link {
            fs::symlink(text, &target)?;
        } else {
            let mut from = fs::open(root.join(path))?;
            let mut to = fs::create(&target)?;
            io::copy(&mut from, &mut to).at("copy", root.join(path))?;
            fs::set_mode(&target, if *executable { 0o755 } else { 0o644 })?;
        }
    }
    Ok(())
}

/// Digest and size of a file.
pub fn hash_file(path: &Utf8Path) -> Result<(Digest, u64)> {
    Digest::of_reader(fs::open(path)?).at("read", path)
}

#[cfg(unix)]
fn is_executable(meta: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    meta.permissions().mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn is_executable(_meta: &std::fs::Metadata) -> bool {
    false
}
