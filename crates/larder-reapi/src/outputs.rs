//! The output folder of an action: from its result to files of this machine, and from files of this
//! machine to a result. What comes from the cluster is untrusted: names are one segment each, links
//! stay inside the folder, and size and number of entries are limited.

use std::collections::HashMap;
use std::sync::Arc;

use bazel_remote_apis::build::bazel::remote::execution::v2 as re;
use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::model::Digest;
use larder_engine::executor::remote::RemoteProgress;
use prost::Message as _;

use crate::download::{Lack, Wanted};
use crate::inputs::Folder;
use crate::session::{Session, Tuning};
use crate::upload::{Blobs, Content};
use crate::wire::{BlobId, RawTree};

/// The size of the largest listing of an output folder.
const LARGEST_TREE: u64 = 32 * 1024 * 1024;

/// The number of bytes of the listings of all folders. One that is in several folders counts for each.
const LARGEST_PLAN: u64 = 8 * LARGEST_TREE;

/// What no name has: on Windows these separate folders and drives.
const FOREIGN: [char; 4] = ['/', '\\', '\0', if cfg!(windows) { ':' } else { '/' }];

/// The number of bytes of what an action printed that are kept.
const PRINTED: usize = 1024 * 1024;

impl Session {
    /// Receives the output folder of a result into `out`. Returns the number of bytes received.
    pub async fn receive_outputs(
        self: &Arc<Self>,
        result: &re::ActionResult,
        output: &str,
        out: &Utf8Path,
        progress: &dyn RemoteProgress,
    ) -> Result<u64, Lack> {
        let folder = result
            .output_directories
            .iter()
            .find(|folder| folder.path == output);
        let Some(folder) = folder else {
            // A result without the folder has no outputs, which the engine reports.
            return Ok(0);
        };
        let id = BlobId::from_wire(folder.tree_digest.as_ref(), "the listing of the outputs")?;
        check_listing(id.size)?;
        let tree = self
            .receive_end(id, usize::try_from(LARGEST_TREE).unwrap_or(0))
            .await?;
        let plan = Plan::new(&tree, out, &self.tuning)?;
        for folder in &plan.folders {
            fs::create_dir_all(folder)?;
        }
        let received = self.download(plan.files, progress).await?;
        for (link, target) in &plan.links {
            fs::symlink(target, link)?;
        }
        Ok(id.size + received)
    }

    /// What an action printed on both streams.
    pub async fn printed(self: &Arc<Self>, result: &re::ActionResult) -> Result<Vec<u8>, Lack> {
        let mut printed = Vec::new();
        for (raw, digest) in [
            (&result.stdout_raw, &result.stdout_digest),
            (&result.stderr_raw, &result.stderr_digest),
        ] {
            match digest {
                // A server may state the digest of what it sends along.
                Some(_) if !raw.is_empty() => printed.extend_from_slice(raw),
                Some(_) => {
                    let id = BlobId::from_wire(digest.as_ref(), "what the action printed")?;
                    if id.size > self.tuning.outputs {
                        let size = id.size;
                        return Err(refused(&format!("the action printed {size} bytes")).into());
                    }
                    printed.extend(self.receive_end(id, PRINTED).await?);
                }
                None => printed.extend_from_slice(raw),
            }
        }
        let extra = printed.len().saturating_sub(PRINTED);
        printed.drain(..extra);
        Ok(printed)
    }
}

/// The result of an action that was carried out on this machine, the listing of its outputs, and the
/// blobs that the listing names.
pub(crate) fn result_of(folder: &Folder, output: &str) -> (re::ActionResult, Bytes, Blobs) {
    let mut blobs = Blobs::new();
    let mut children: HashMap<BlobId, Bytes> = HashMap::new();
    let root = folder.encode(&mut |id, bytes| {
        children.insert(id, bytes);
    });
    let mut children: Vec<(BlobId, Bytes)> = children.into_iter().collect();
    children.sort();
    let tree = RawTree {
        root: root.encode_to_vec(),
        children: children
            .into_iter()
            .map(|(_, bytes)| bytes.to_vec())
            .collect(),
    };
    let tree = Bytes::from(tree.encode_to_vec());
    let id = BlobId::of(&tree);
    folder.files(&mut |id, path| {
        blobs.insert(id, Content::File(path.clone()));
    });
    let result = re::ActionResult {
        output_directories: vec![re::OutputDirectory {
            path: output.to_owned(),
            tree_digest: Some(id.to_wire()),
            ..re::OutputDirectory::default()
        }],
        execution_metadata: Some(re::ExecutedActionMetadata::default()),
        ..re::ActionResult::default()
    };
    (result, tree, blobs)
}

/// An error if a machine that receives this listing of outputs would refuse it.
pub(crate) fn acceptable(tree: &[u8], tuning: &Tuning) -> Result<()> {
    let size = tree.len() as u64;
    let plan = check_listing(size).and_then(|()| Plan::new(tree, Utf8Path::new("out"), tuning));
    plan.map(drop).map_err(|error| {
        Error::failed(format!("no other machine would accept the result: {error}"))
    })
}

/// What has to be made in the output folder.
#[derive(Debug, Default)]
struct Plan {
    folders: Vec<Utf8PathBuf>,
    files: Wanted,
    links: Vec<(Utf8PathBuf, String)>,
    entries: u64,
    bytes: u64,
    /// The number of bytes of all messages of folders that were read, as often as they were.
    read: u64,
}

impl Plan {
    fn new(tree: &[u8], out: &Utf8Path, tuning: &Tuning) -> Result<Self> {
        let tree = RawTree::decode(tree).map_err(|error| unreadable(&error))?;
        let children: HashMap<Digest, &[u8]> = tree
            .children
            .iter()
            .map(|bytes| (Digest::of(bytes), &bytes[..]))
            .collect();
        let mut plan = Self::default();
        plan.folder(&tree.root, &children, out, 0, tuning)?;
        Ok(plan)
    }

    fn folder(
        &mut self,
        message: &[u8],
        children: &HashMap<Digest, &[u8]>,
        path: &Utf8Path,
        depth: usize,
        tuning: &Tuning,
    ) -> Result<()> {
        self.read += message.len() as u64;
        if self.read > LARGEST_PLAN {
            return Err(refused("the listings of their folders are too large"));
        }
        let message = re::Directory::decode(message).map_err(|error| unreadable(&error))?;
        let mut names = std::collections::HashSet::new();
        let mut check = |name: &str| {
            if matches!(name, "" | "." | "..") || name.contains(FOREIGN) {
                return Err(refused(&format!(
                    "`{}` is no name of a file",
                    name.escape_debug()
                )));
            }
            if !names.insert(name.to_owned()) {
                return Err(refused(&format!("`{name}` is there twice")));
            }
            Ok(path.join(name))
        };
        let entries = message.files.len() + message.directories.len() + message.symlinks.len();
        self.entries += entries as u64;
        if self.entries > tuning.entries {
            return Err(refused(&format!(
                "they are more than {} files",
                tuning.entries
            )));
        }
        for file in &message.files {
            let path = check(&file.name)?;
            let id = BlobId::from_wire(file.digest.as_ref(), "an output")?;
            self.bytes = self.bytes.saturating_add(id.size);
            if self.bytes > tuning.outputs {
                return Err(refused(&format!(
                    "they have more than {} bytes",
                    tuning.outputs
                )));
            }
            self.files
                .entry(id)
                .or_default()
                .push((path, file.is_executable));
        }
        for link in &message.symlinks {
            let path = check(&link.name)?;
            if !is_contained(&link.target, depth) {
                return Err(refused(&format!(
                    "the link `{}` leads out of the output folder, to `{}`",
                    link.name,
                    link.target.escape_debug()
                )));
            }
            self.links.push((path, link.target.clone()));
        }
        for folder in &message.directories {
            let path = check(&folder.name)?;
            let id = BlobId::from_wire(folder.digest.as_ref(), "an output folder")?;
            let Some(message) = children.get(&id.digest).filter(|_| depth < 200) else {
                return Err(Error::integrity(
                    "the executor's listing of the outputs lacks a folder that it names",
                ));
            };
            self.folders.push(path.clone());
            self.folder(message, children, &path, depth + 1, tuning)?;
        }
        Ok(())
    }
}

/// Whether the target of a link that is `depth` folders below the root stays inside it. `..` may
/// only be at the start: after another name it would be relative to where that leads.
fn is_contained(target: &str, depth: usize) -> bool {
    let parts: Vec<&str> = target.split('/').filter(|part| *part != ".").collect();
    let up = parts.iter().take_while(|part| **part == "..").count();
    !target.is_empty()
        && !target.replace('/', "").contains(FOREIGN)
        && up <= depth
        && parts[up..].iter().all(|part| !matches!(*part, "" | ".."))
}

fn check_listing(size: u64) -> Result<()> {
    if size > LARGEST_TREE {
        return Err(refused(&format!("their listing has {size} bytes")));
    }
    Ok(())
}

fn refused(why: &str) -> Error {
    Error::failed(format!("the outputs of the action are refused: {why}"))
}

fn unreadable(error: &prost::DecodeError) -> Error {
    Error::integrity("the executor's listing of the outputs can't be read").cause(error)
}

#[cfg(test)]
#[path = "tests/outputs.rs"]
mod tests;
