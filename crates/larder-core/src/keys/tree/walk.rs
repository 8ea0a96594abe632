//! Lists a source folder: walks through it, and leaves out what its ignore files exclude and what is
//! larder's own.

use camino::Utf8Path;

use super::ignore::{Candidate, IgnoreFile};
use super::{ALWAYS_EXCLUDED, Entry, Listing};
use crate::error::{Error, Result};
use crate::fs::{self, FolderEntry};

/// The names of ignore files. The later one has precedence.
const IGNORE_FILES: [&str; 2] = [".gitignore", ".larderignore"];

/// The size of the largest ignore file that is read, in bytes.
const MAX_IGNORE_FILE: u64 = 16 * 1024 * 1024;

/// Lists a source folder.
pub fn list(root: &Utf8Path) -> Result<Listing> {
    if fs::stat(root)?.is_none_or(|meta| !meta.is_dir()) {
        return Err(
            Error::usage(format!("the source folder {root} does not exist"))
                .hint("check `build.source.dir` of the recipe"),
        );
    }
    // The folder itself may be a link; the walk would take that for a link in the source.
    let root = fs::canonicalize(root)?;
    let mut walk = Walk {
        ignore_files: Vec::new(),
        listing: Listing {
            entries: Vec::new(),
            folders: Vec::new(),
            ignore_files: Vec::new(),
        },
    };
    walk.folder("", &root)?;
    let mut listing = walk.listing;
    listing
        .entries
        .sort_by(|a, b| a.path.as_str().as_bytes().cmp(b.path.as_str().as_bytes()));
    listing.folders.sort();
    listing.ignore_files.sort();
    Ok(listing)
}

/// A walk through a source.
struct Walk {
    /// The ignore files of the current folder and of those above it, in the order of their
    /// precedence, the strongest last.
    ignore_files: Vec<IgnoreFile>,
    listing: Listing,
}

impl Walk {
    /// Lists a folder. `path` is its path in the source, and `folder` is where it is.
    fn folder(&mut self, path: &str, folder: &Utf8Path) -> Result<()> {
        let entries = fs::entries(folder)?;
        self.listing.folders.push(path.into());
        let above = self.ignore_files.len();
        let is_ignore_file = |name: &&str| {
            let mut found = entries.iter().filter(|entry| entry.name == *name);
            // As for git, a folder or a link of that name is no ignore file.
            found.any(|entry| !entry.kind.is_dir() && !entry.kind.is_symlink())
        };
        let names: Vec<&str> = IGNORE_FILES.into_iter().filter(is_ignore_file).collect();
        for name in &names {
            let file = folder.join(name);
            let text = fs::read_bounded(&file, MAX_IGNORE_FILE).map_err(|error| {
                error.hint("an ignore file is a short text that you can read; remove this one")
            })?;
            let text = text.unwrap_or_default();
            self.ignore_files
                .push(IgnoreFile::parse(&text, path, &file)?);
        }
        for name in names {
            if self.is_excluded(&joined(path, name.as_bytes()), name.len(), false) {
                let unlisted = Utf8Path::new(path).join(name);
                self.listing.ignore_files.push(unlisted);
            }
        }
        for entry in &entries {
            self.entry(path, folder, entry)?;
        }
        self.ignore_files.truncate(above);
        Ok(())
    }

    fn entry(&mut self, folder: &str, place: &Utf8Path, entry: &FolderEntry) -> Result<()> {
        let FolderEntry { name, kind } = entry;
        if ALWAYS_EXCLUDED.iter().any(|excluded| name == excluded) {
            return Ok(());
        }
        let path = joined(folder, name.as_encoded_bytes());
        if self.is_excluded(&path, name.len(), kind.is_dir()) {
            return Ok(());
        }
        let path = utf8(&path, place)?;
        let place = place.join(name.to_str().unwrap_or_default());
        if kind.is_dir() {
            return self.folder(path, &place);
        }
        let link = if kind.is_symlink() {
            let target =
                fs::read_link(&place).and_then(|target| target.into_os_string().into_string().ok());
            let no_text = || Error::failed(format!("cannot read the link {place}"));
            Some(target.ok_or_else(no_text)?)
        } else if kind.is_file() {
            None
        } else {
            return Err(not_content(&place));
        };
        self.listing.entries.push(Entry {
            path: path.into(),
            link,
        });
        Ok(())
    }

    /// Whether the ignore files exclude a path. The strongest file with a pattern for it decides.
    fn is_excluded(&self, path: &[u8], name_len: usize, is_folder: bool) -> bool {
        let candidate = Candidate {
            path,
            name: path.len() - name_len,
            is_folder,
        };
        let mut files = self.ignore_files.iter().rev();
        files
            .find_map(|file| file.excludes(candidate))
            .unwrap_or(false)
    }
}

/// The path of a name in a folder of the source.
fn joined(folder: &str, name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(folder.len() + 1 + name.len());
    if !folder.is_empty() {
        path.extend(folder.as_bytes());
        path.push(b'/');
    }
    path.extend(name);
    path
}

/// A path as text.
fn utf8<'a>(path: &'a [u8], folder: &Utf8Path) -> Result<&'a str> {
    str::from_utf8(path).map_err(|_| {
        let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        Error::failed(format!(
            "{folder}/{} has a name that is not UTF-8",
            String::from_utf8_lossy(name)
        ))
        .hint("rename it, or exclude it in .larderignore")
    })
}

fn not_content(path: &Utf8Path) -> Error {
    Error::failed(format!("{path} is neither a file nor a folder nor a link"))
        .hint("a source can't contain sockets, pipes or devices: exclude it in .larderignore")
}
