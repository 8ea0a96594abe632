//! Input roots: folders of this machine as the messages of the protocol, and files by their digests.
//! The form is canonical: entries are sorted by name, and neither times nor owners are in it.
//!
//! A file is hashed once in a run: its digest is remembered by what identifies its content to the
//! file system. Actions with equal roots share the messages.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use bazel_remote_apis::build::bazel::remote::execution::v2 as re;
use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::model::Digest;
use larder_engine::executor::remote::RemoteAction;
use prost::Message as _;

use crate::upload::{Blobs, Content};
use crate::wire::BlobId;

/// The number of digests of files that are remembered.
const REMEMBERED: usize = 100_000;

/// The longest chain of folders.
const DEEPEST: usize = 200;

/// A tree of folders whose files are hashed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Folder(pub BTreeMap<String, Node>);

/// What is in a folder.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Folder(Folder),
    File {
        id: BlobId,
        path: Utf8PathBuf,
        is_executable: bool,
    },
    Link(String),
}

impl Folder {
    /// The folder at a path, which is made if need be.
    fn below(&mut self, path: &str) -> Result<&mut Folder> {
        let mut folder = self;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let empty = || Node::Folder(Folder::default());
            match folder.0.entry(name.to_owned()).or_insert_with(empty) {
                Node::Folder(next) => folder = next,
                _ => {
                    return Err(Error::usage(format!(
                        "the inputs of a remote build need a folder at `{path}`, where a file is"
                    )));
                }
            }
        }
        Ok(folder)
    }

    /// The message of this folder, after those of the folders in it. `take` gets each as bytes.
    pub fn encode(&self, take: &mut impl FnMut(BlobId, Bytes)) -> re::Directory {
        let mut message = re::Directory::default();
        // A `BTreeMap` is sorted by name, and so are the three lists.
        for (name, node) in &self.0 {
            let name = name.clone();
            match node {
                Node::Folder(folder) => {
                    let bytes = Bytes::from(folder.encode(take).encode_to_vec());
                    let id = BlobId::of(&bytes);
                    take(id, bytes);
                    message.directories.push(re::DirectoryNode {
                        name,
                        digest: Some(id.to_wire()),
                    });
                }
                Node::File {
                    id, is_executable, ..
                } => message.files.push(re::FileNode {
                    name,
                    digest: Some(id.to_wire()),
                    is_executable: *is_executable,
                    node_properties: None,
                }),
                Node::Link(target) => message.symlinks.push(re::SymlinkNode {
                    name,
                    target: target.clone(),
                    node_properties: None,
                }),
            }
        }
        message
    }

    /// The files of this folder and of the folders in it.
    pub fn files(&self, take: &mut impl FnMut(BlobId, &Utf8PathBuf)) {
        for node in self.0.values() {
            match node {
                Node::Folder(folder) => folder.files(take),
                Node::File { id, path, .. } => take(*id, path),
                Node::Link(_) => {}
            }
        }
    }
}

/// An input root: the digest of its folder, and all blobs that it needs.
#[derive(Debug)]
pub(crate) struct InputRoot {
    pub id: BlobId,
    pub blobs: Blobs,
}

/// Makes input roots, and remembers digests. Shared by all actions of a run.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    files: Mutex<HashMap<Identity, BlobId>>,
    roots: Mutex<HashMap<Digest, Weak<InputRoot>>>,
    /// The number of files that were read.
    hashed: std::sync::atomic::AtomicUsize,
}

impl Inputs {
    /// The input root of an action.
    pub fn root(&self, action: &RemoteAction<'_>, cancel: &Cancel) -> Result<Arc<InputRoot>> {
        let mut root = Folder::default();
        for input in &action.inputs {
            let folder = root.below(&input.path)?;
            self.read(input.folder, input.without, folder, 0, cancel)?;
        }
        for path in &action.empty_folders {
            if !root.below(path)?.0.is_empty() {
                return Err(Error::usage(format!(
                    "the folder `{path}` has to be empty on the worker, and the sources have files there"
                )));
            }
        }
        let mut blobs = Blobs::new();
        let message = root.encode(&mut |id, bytes| {
            blobs.insert(id, Content::Bytes(bytes));
        });
        let bytes = Bytes::from(message.encode_to_vec());
        let id = BlobId::of(&bytes);
        blobs.insert(id, Content::Bytes(bytes));
        root.files(&mut |id, path| {
            blobs
                .entry(id)
                .or_insert_with(|| Content::File(path.clone()));
        });
        let made = InputRoot { id, blobs };
        let mut roots = self.roots.lock().unwrap_or_else(PoisonError::into_inner);
        // The files of another action's root may be gone before those of this one.
        if let Some(known) = roots.get(&id.digest).and_then(Weak::upgrade)
            && made
                .blobs
                .iter()
                .all(|(id, content)| known.has(*id, content))
        {
            return Ok(known);
        }
        let made = Arc::new(made);
        roots.retain(|_, root| root.strong_count() > 0);
        roots.insert(id.digest, Arc::downgrade(&made));
        Ok(made)
    }

    /// Reads what is in a folder of this machine, such as the output folder of a build, without the
    /// files and folders right in it that have these names.
    pub fn folder(&self, path: &Utf8Path, without: &[&str], cancel: &Cancel) -> Result<Folder> {
        let mut folder = Folder::default();
        self.read(path, without, &mut folder, 0, cancel)?;
        Ok(folder)
    }

    fn read(
        &self,
        path: &Utf8Path,
        without: &[&str],
        folder: &mut Folder,
        depth: usize,
        cancel: &Cancel,
    ) -> Result<()> {
        cancel.check()?;
        if depth > DEEPEST {
            return Err(Error::usage(format!(
                "{path} is too deep for a remote build"
            )));
        }
        for name in fs::list(path)? {
            if without.contains(&name.as_str()) {
                continue;
            }
            let path = path.join(&name);
            let Some(metadata) = fs::lstat(&path)? else {
                continue;
            };
            let node = if metadata.is_symlink() {
                let target = fs::read_link(&path).unwrap_or_default();
                let target = target.into_os_string().into_string().map_err(|_| {
                    Error::usage(format!("the target of the link {path} is not UTF-8"))
                })?;
                Node::Link(if cfg!(windows) {
                    target.replace('\\', "/")
                } else {
                    target
                })
            } else if metadata.is_dir() {
                let mut inner = Folder::default();
                self.read(&path, &[], &mut inner, depth + 1, cancel)?;
                Node::Folder(inner)
            } else if metadata.is_file() {
                Node::File {
                    id: self.hash(&path, &metadata)?,
                    is_executable: is_executable(&metadata),
                    path,
                }
            } else {
                return Err(Error::usage(format!(
                    "{path} is neither a file, a folder nor a link; a remote build can't have it"
                )));
            };
            if folder.0.insert(name.clone(), node).is_some() {
                return Err(Error::usage(format!(
                    "two inputs of a remote build have `{name}`"
                )));
            }
        }
        Ok(())
    }

    /// The digest of a file, which is read unless it was read before.
    fn hash(&self, path: &Utf8Path, metadata: &std::fs::Metadata) -> Result<BlobId> {
        let identity = Identity::of(metadata);
        let known = |identity| {
            let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            files.get(identity).copied()
        };
        if let Some(id) = identity.as_ref().and_then(known) {
            return Ok(id);
        }
        self.hashed
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let read = Digest::of_reader(fs::open(path)?);
        let (digest, size) = read.map_err(|error| fs::io_error("read", path, &error))?;
        let id = BlobId { digest, size };
        if let Some(identity) = identity.filter(Identity::is_settled) {
            let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            if files.len() >= REMEMBERED {
                files.clear();
            }
            files.insert(identity, id);
        }
        Ok(id)
    }

    #[cfg(test)]
    pub fn hashed(&self) -> usize {
        self.hashed.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl InputRoot {
    /// Whether it has the same blob from the same place.
    fn has(&self, id: BlobId, content: &Content) -> bool {
        match (self.blobs.get(&id), content) {
            (Some(Content::File(known)), Content::File(path)) => known == path,
            (Some(Content::Bytes(_)), Content::Bytes(_)) => true,
            _ => false,
        }
    }
}

/// What identifies the content of a file to the file system: whoever writes to the file changes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified: SystemTime,
    changed: (i64, i64),
}

impl Identity {
    #[cfg(unix)]
    #[expect(clippy::unnecessary_wraps, reason = "other systems have none")]
    fn of(metadata: &std::fs::Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    /// The number of a file is not in the metadata here.
    #[cfg(not(unix))]
    fn of(_: &std::fs::Metadata) -> Option<Self> {
        None
    }

    /// Whether a further write would be seen: times have steps of some milliseconds.
    fn is_settled(&self) -> bool {
        let (seconds, nanos) = self.changed;
        let changed = Duration::new(
            u64::try_from(seconds).unwrap_or(0),
            u32::try_from(nanos).unwrap_or(0),
        );
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH + changed)
            .is_ok_and(|age| age > Duration::from_millis(50))
    }
}

/// Whether a file can be executed. Where files have no such mode, all can be.
#[cfg(unix)]
fn is_executable(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &std::fs::Metadata) -> bool {
    true
}

#[cfg(test)]
#[path = "tests/inputs.rs"]
mod tests;
