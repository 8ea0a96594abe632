//! Lists a source folder: walks through it, and leaves out what its ignore files exclude and what is
//! larder's own.

use camino::{Utf8Path, Utf8PathBuf};

use super::ignore::{Candidate, IgnoreFile};
use super::own::Projects;
use super::{Content, Entry, Listing, links};
use crate::error::{Error, Result};
use crate::fs::{self, FolderEntry};
use crate::project::{Links, SourceFolder};

/// What is never part of a source, at any depth.
const GIT: &str = ".git";

/// The names of ignore files. The later one has precedence.
const IGNORE_FILES: [&str; 2] = [".gitignore", ".larderignore"];

/// The size of the largest ignore file that is read, in bytes.
const MAX_IGNORE_FILE: u64 = 16 * 1024 * 1024;

/// Lists a source folder. The files that are larder's own in these projects, in those in the source
/// and in those around it are left out.
pub fn list(source: &SourceFolder, projects: &Projects) -> Result<Listing> {
    let SourceFolder { path: root, links } = source;
    if fs::stat(root)?.is_none_or(|meta| !meta.is_dir()) {
        return Err(
            Error::usage(format!("the source folder {root} does not exist"))
                .hint("check `build.source.dir` of the recipe"),
        );
    }
    // The folder itself may be a link; the walk would take that for a link in the source.
    let place = fs::canonicalize(root)?;
    let mut projects = projects.clone();
    projects.add_above(&place);
    let mut walk = Walk {
        root,
        links: *links,
        projects,
        ignore_files: Vec::new(),
        scope: place.clone(),
        followed: Vec::new(),
        listing: Listing {
            entries: Vec::new(),
            folders: Vec::new(),
            ignore_files: Vec::new(),
        },
    };
    walk.folder("", &place)?;
    let mut listing = walk.listing;
    listing
        .entries
        .sort_by(|a, b| a.path.as_str().as_bytes().cmp(b.path.as_str().as_bytes()));
    listing.folders.sort();
    listing.ignore_files.sort();
    Ok(listing)
}

/// A walk through a source.
struct Walk<'a> {
    /// The source folder, for errors.
    root: &'a Utf8Path,
    links: Links,
    projects: Projects,
    /// The ignore files of the current folder and of those above it, in the order of their
    /// precedence, the strongest last.
    ignore_files: Vec<IgnoreFile>,
    /// The folder that links must not lead out of: the source, or the last link's folder that was
    /// followed.
    scope: Utf8PathBuf,
    /// The links to folders that were followed on the way to the current folder.
    followed: Vec<Followed>,
    listing: Listing,
}

/// A link to a folder that was followed.
struct Followed {
    /// The link's path in the source.
    link: String,
    /// The folder that the link is in.
    from: Utf8PathBuf,
    /// The folder that it leads to.
    to: Utf8PathBuf,
}

impl Walk<'_> {
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
                let unlisted = joined(path, name.as_bytes());
                self.listing
                    .ignore_files
                    .push(utf8(&unlisted, folder)?.into());
            }
        }
        let own_names = self.projects.own_names(folder, &entries);
        let is_own = |entry: &&FolderEntry| {
            entry.name == GIT || own_names.iter().any(|name| entry.name == *name)
        };
        for entry in entries.iter().filter(|entry| !is_own(entry)) {
            self.entry(path, folder, entry)?;
        }
        self.ignore_files.truncate(above);
        Ok(())
    }

    fn entry(&mut self, folder: &str, place: &Utf8Path, entry: &FolderEntry) -> Result<()> {
        let FolderEntry { name, kind } = entry;
        let path = joined(folder, name.as_encoded_bytes());
        if self.is_excluded(&path, name.len(), kind.is_dir()) {
            return Ok(());
        }
        let path = utf8(&path, place)?;
        if kind.is_symlink() {
            return self.link(path, place, &path[path.len() - name.len()..]);
        }
        let place = place.join(&path[path.len() - name.len()..]);
        if kind.is_dir() {
            return self.folder(path, &place);
        }
        if !kind.is_file() {
            return Err(not_content(&place));
        }
        self.push(path, Content::File);
        Ok(())
    }

    /// Lists a link as what it is, or as what it leads to if that is out of the source.
    fn link(&mut self, path: &str, folder: &Utf8Path, name: &str) -> Result<()> {
        let place = folder.join(name);
        let shown = self.root.join(path);
        let target =
            fs::read_link(&place).and_then(|target| target.into_os_string().into_string().ok());
        let target =
            target.ok_or_else(|| Error::failed(format!("cannot read the link {shown}")))?;
        if !links::leads_out(&self.scope, folder, Utf8Path::new(&target)) {
            self.push(path, Content::Link(with_slashes(target)));
            return Ok(());
        }
        let found = fs::canonicalize(&place).ok();
        if self.links == Links::Refuse {
            let to = found.unwrap_or_else(|| folder.join(target));
            return Err(Error::usage(format!(
                "the link {shown} leads out of the source folder, to {to}"
            ))
            .cause("the key does not cover what is there")
            .hint("`links: follow` beside `dir:` in the recipe takes what it leads to into the source")
            .hint("or exclude the link in .larderignore"));
        }
        let Some(found) = found else {
            return Err(Error::usage(format!(
                "the link {shown} leads to {target}, which can't be followed"
            ))
            .hint("make what it leads to, or exclude the link in .larderignore"));
        };
        match fs::stat(&found)? {
            Some(meta) if meta.is_dir() => self.follow(path, name, folder, found),
            Some(meta) if meta.is_file() => {
                self.push(path, Content::Followed);
                Ok(())
            }
            _ => Err(not_content(&shown)),
        }
    }

    /// Lists the folder that a link leads to, in the place of the link.
    fn follow(&mut self, path: &str, name: &str, from: &Utf8Path, to: Utf8PathBuf) -> Result<()> {
        if self.is_excluded(path.as_bytes(), name.len(), true) {
            return Ok(());
        }
        self.followed.push(Followed {
            link: path.to_owned(),
            from: from.to_owned(),
            to: to.clone(),
        });
        // To list a link a second time, the walk would have to come back to its folder from above.
        if self
            .followed
            .iter()
            .any(|before| before.from.starts_with(&to))
        {
            let links = self.followed.iter().map(|Followed { link, from: _, to }| {
                format!("{} leads to {to}", self.root.join(link))
            });
            return Err(links
                .fold(
                    Error::usage(format!(
                        "the links of the source {} form a cycle",
                        self.root
                    )),
                    Error::cause,
                )
                .hint("remove the link, or exclude it in .larderignore"));
        }
        self.projects.add_above(&to);
        let scope = std::mem::replace(&mut self.scope, to.clone());
        self.folder(path, &to)?;
        self.scope = scope;
        self.followed.pop();
        Ok(())
    }

    fn push(&mut self, path: &str, content: Content) {
        let path = path.into();
        self.listing.entries.push(Entry { path, content });
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

/// The target of a link with `/` between its names, as it is on every system.
fn with_slashes(target: String) -> String {
    if cfg!(windows) {
        target.replace('\\', "/")
    } else {
        target
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
