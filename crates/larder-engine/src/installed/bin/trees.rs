//! Where the files of a tree are in an installed set, and whether they are as they should be.

use camino::{Utf8Path, Utf8PathBuf};

use super::Bin;
use crate::installed::tree::{self, Links};
use crate::installed::{Signature, starters};
use larder_core::error::Result;
use larder_core::formats::stamp;
use larder_core::fs;
use larder_core::model::Artifact;

impl Bin {
    /// Path of one of the files of the installed artifact.
    pub fn path(&self, artifact: &Artifact, file: &str) -> Utf8PathBuf {
        if artifact.tree.is_some() {
            self.root(artifact).join(file)
        } else {
            self.file(file)
        }
    }

    /// Path of the program that a binary is.
    pub fn program(&self, artifact: &Artifact, name: &str) -> Utf8PathBuf {
        let binaries = artifact.tree.iter().flat_map(|tree| &tree.binaries);
        let mut binaries = binaries.filter(|binary| binary.name.as_str() == name);
        match binaries.next() {
            Some(binary) => self.path(artifact, binary.path.as_str()),
            None => self.file(name),
        }
    }

    /// The folder of the files of a tree.
    pub(super) fn root(&self, artifact: &Artifact) -> Utf8PathBuf {
        if let Some((pinned, _)) = &self.pinned {
            return pinned.clone();
        }
        let set = if self.is_linked() {
            None
        } else {
            starters::newest_set(&fs::list(self.versions()).unwrap_or_default(), artifact)
        };
        self.versions().join(set.as_deref().unwrap_or("current"))
    }

    /// Whether the set is reached through links.
    pub fn is_linked(&self) -> bool {
        match &self.pinned {
            Some((_, links)) => *links == Links::All,
            None => fs::read_link(self.dir.join(stamp::FILE)).is_some(),
        }
    }

    /// The same for a tree: its folder, and what has the names of its binaries in `.bin`.
    pub(super) fn tree_difference(
        &self,
        artifact: &Artifact,
        contents: bool,
    ) -> Result<Option<String>> {
        let root = self.root(artifact);
        if !fs::stat(&root)?.is_some_and(|meta| meta.is_dir()) {
            return Ok(Some("its folder is missing".into()));
        }
        let (links, odd) = if self.is_linked() {
            let odd = artifact.programs().find(|name| {
                let there = |path: &Utf8Path| fs::stat(path).ok().flatten();
                let visible = self.dir.join(name);
                // A missing link is made without further ado.
                fs::lstat(&visible).is_ok_and(|meta| meta.is_some())
                    && there(&visible).map(|meta| Signature::of(&meta))
                        != there(&root.join(name)).map(|meta| Signature::of(&meta))
            });
            (Links::All, odd.map(str::to_owned))
        } else {
            let starters = starters::of(root.file_name().unwrap_or_default(), artifact);
            let mut odd = None;
            for (name, text) in starters {
                let found = fs::read_or_absent(self.dir.join(&name)).ok().flatten();
                if found.as_deref() != Some(text.as_bytes()) {
                    odd = odd.or(Some(name));
                }
            }
            (Links::None, odd)
        };
        if let Some(name) = odd {
            return Ok(Some(format!("{name} does not lead to its program")));
        }
        tree::difference(&root, artifact, links, contents, || self.keeps_modes())
    }
}
