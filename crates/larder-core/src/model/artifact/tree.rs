//! What an artifact has besides its files, if it keeps the folder of its archive. None of its links
//! leads out of it.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::hash_files;
use super::path::{ArtifactPath, LinkTarget, check_part};
use crate::model::{ArtifactFile, Digest, FileName, Hasher, fold};

/// Most links that are followed to resolve one path, as on Linux.
const MAX_HOPS: u32 = 40;
/// Most parts that are processed to resolve one path.
const MAX_STEPS: u32 = 10_000;
/// The name of the stamp, which lies beside the files.
const STAMP: &str = ".version";

/// What an artifact has besides its files, if it keeps the folder of its archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// The binaries, in the recipe's order. If the name of one differs from its path, an
    /// installation has a link of that name at its top.
    pub binaries: Vec<TreeBinary>,
    /// The links of the archive, sorted by their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<TreeLink>,
}

/// A binary of a tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeBinary {
    /// Its name.
    pub name: FileName,
    /// The path of the file, or of the link of the archive, that it is.
    pub path: ArtifactPath,
}

impl TreeBinary {
    /// Whether it lies at the top of the tree under its own name, so that it needs no link.
    pub fn is_at_top(&self) -> bool {
        self.name.as_str() == self.path.as_str()
    }
}

/// A link of a tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeLink {
    /// Its path.
    pub name: ArtifactPath,
    /// Where it leads.
    pub target: LinkTarget,
}

/// Follows links by their texts.
#[derive(Clone, Debug, Default)]
pub struct Follow<'a>(HashMap<&'a str, &'a str>);

impl<'a> Follow<'a> {
    /// Follows these links: the path and the target of each.
    pub fn new(links: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(links.into_iter().collect())
    }

    /// The path that a path leads to when all links in it are followed. It need not exist. `None` if
    /// it leads outside, or through too many links.
    pub fn resolve(&self, path: &str) -> Option<String> {
        let mut at: Vec<&str> = Vec::new();
        // The parts that remain to be followed, in reverse order.
        let mut ahead: Vec<&str> = path.split('/').rev().collect();
        let (mut hops, mut steps) = (0, 0);
        while let Some(part) = ahead.pop() {
            steps += 1;
            if steps > MAX_STEPS {
                return None;
            }
            match part {
                "" | "." => {}
                ".." => {
                    at.pop()?;
                }
                part => {
                    at.push(part);
                    let Some(target) = self.0.get(&*at.join("/")) else {
                        continue;
                    };
                    hops += 1;
                    if hops > MAX_HOPS {
                        return None;
                    }
                    at.pop();
                    ahead.extend(target.split('/').rev());
                }
            }
        }
        Some(at.join("/"))
    }
}

impl Tree {
    /// Follows the links of the archive.
    pub fn follow(&self) -> Follow<'_> {
        let links = self.links.iter();
        Follow::new(links.map(|link| (link.name.as_str(), link.target.as_str())))
    }

    /// The links that an installation has: those of the archive, and those of binaries. Each has its
    /// path and its target.
    pub fn all_links(&self) -> impl Iterator<Item = (&str, &str)> {
        let own = self.binaries.iter().filter(|binary| !binary.is_at_top());
        let own = own.map(|binary| (binary.name.as_str(), binary.path.as_str()));
        let links = self.links.iter();
        own.chain(links.map(|link| (link.name.as_str(), link.target.as_str())))
    }

    /// The folders that hold the files and links, sorted, each before those in it.
    pub fn folders(&self, files: &[ArtifactFile]) -> Vec<String> {
        let names = files.iter().map(|file| file.name.as_str());
        let links = self.links.iter().map(|link| link.name.as_str());
        let mut folders: HashSet<&str> = HashSet::new();
        for name in names.chain(links) {
            let mut path = name;
            while let Some((folder, _)) = path.rsplit_once('/') {
                if !folders.insert(folder) {
                    break;
                }
                path = folder;
            }
        }
        let mut folders: Vec<String> = folders.into_iter().map(str::to_owned).collect();
        folders.sort();
        folders
    }

    /// Puts files into the order of an artifact: those that the binaries are, in the recipe's order,
    /// then the others by their paths.
    pub fn sort(&self, files: &mut [ArtifactFile]) {
        let follow = self.follow();
        // The first of several binaries that are one file counts.
        let programs = self.binaries.iter().enumerate().rev();
        let place: HashMap<String, usize> = programs
            .filter_map(|(number, binary)| Some((follow.resolve(binary.path.as_str())?, number)))
            .collect();
        files.sort_by_cached_key(|file| {
            let name = file.name.as_str();
            let place = place.get(name).copied().unwrap_or(usize::MAX);
            (place, name.to_owned())
        });
    }

    /// Checks what holds for every tree with these files. The error says what does not.
    pub fn check(&self, files: &[ArtifactFile]) -> Result<(), String> {
        let mut nodes = Nodes::default();
        for file in files {
            nodes.add(file.name.as_str(), Node::File(file.mode))?;
        }
        for link in &self.links {
            nodes.add(link.name.as_str(), Node::Link)?;
        }
        let follow = self.follow();
        for TreeLink { name, target } in &self.links {
            let leads = follow.resolve(name.as_str());
            let is_in = |leads: &str| {
                let node = nodes.0.get(&folded(leads));
                leads.is_empty() || node.is_some_and(|(exact, _)| *exact == leads)
            };
            if !leads.as_deref().is_some_and(is_in) {
                return Err(format!(
                    "its link `{name}` leads to `{target}`, which is not in it"
                ));
            }
        }
        if self.binaries.is_empty() {
            return Err("it has no binaries".into());
        }
        for (number, binary) in self.binaries.iter().enumerate() {
            let TreeBinary { name, path } = binary;
            let leads = follow.resolve(path.as_str()).unwrap_or_default();
            let file = match nodes.0.get(&folded(&leads)) {
                Some((exact, Node::File(0o755))) if *exact == leads => leads,
                _ => return Err(format!("its binary `{name}` is no program in it")),
            };
            if number == 0 && files[0].name.as_str() != file {
                return Err(format!("its first file is not the binary `{name}`"));
            }
            if !binary.is_at_top() {
                nodes
                    .add(name.as_str(), Node::Link)
                    .map_err(|_| format!("it has something else called `{name}` at its top, where the link to the binary belongs"))?;
            }
        }
        Ok(())
    }

    /// The digest of a tree with these files: the sha256 of the field `larder-artifact-tree-v1`; for
    /// each file, sorted by the paths, the fields path, mode (decimal text) and sha256 (raw bytes);
    /// for each link, sorted by the paths, the fields `link`, path and target; for each binary, sorted
    /// by the names, the fields `binary`, name and path. Each field has its length before it.
    pub fn digest(&self, files: &[ArtifactFile]) -> Digest {
        let mut hasher = Hasher::new();
        hasher.field(b"larder-artifact-tree-v1");
        hash_files(&mut hasher, files);
        let Self { binaries, links } = self;
        let links = links
            .iter()
            .map(|TreeLink { name, target }| (name.as_str(), target.as_str()));
        let binaries = binaries
            .iter()
            .map(|TreeBinary { name, path }| (name.as_str(), path.as_str()));
        for (kind, entries) in [
            ("link", links.collect::<BTreeMap<_, _>>()),
            ("binary", binaries.collect()),
        ] {
            for (name, leads) in entries {
                for field in [kind, name, leads] {
                    hasher.field(field.as_bytes());
                }
            }
        }
        hasher.finish()
    }
}

/// What has a path in a tree.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Node {
    File(u32),
    Link,
    Folder,
}

/// All paths of a tree, by their folded form.
#[derive(Default)]
struct Nodes<'a>(HashMap<String, (&'a str, Node)>);

impl<'a> Nodes<'a> {
    fn add(&mut self, path: &'a str, node: Node) -> Result<(), String> {
        path.split('/')
            .try_for_each(check_part)
            .map_err(|why| format!("its path `{path}` {why}"))?;
        if *fold(path) == *STAMP {
            return Err(format!("its file `{path}` has the name of the stamp"));
        }
        match self.0.insert(folded(path), (path, node)) {
            None => {}
            Some((other, Node::Folder)) if other == path => return Err(both(path)),
            Some((other, _)) if other == path => return Err(format!("it has `{path}` twice")),
            Some((other, _)) => return Err(differ(other, path)),
        }
        let mut below = path;
        while let Some((folder, _)) = below.rsplit_once('/') {
            match self.0.insert(folded(folder), (folder, Node::Folder)) {
                None => below = folder,
                Some((other, Node::Folder)) if other == folder => break,
                Some((other, _)) if other != folder => return Err(differ(other, folder)),
                Some(_) => return Err(both(folder)),
            }
        }
        Ok(())
    }
}

fn both(path: &str) -> String {
    format!("its `{path}` is both a folder and something else")
}

fn differ(one: &str, other: &str) -> String {
    format!("its paths `{one}` and `{other}` differ only in case or Unicode form")
}

fn folded(path: &str) -> String {
    path.split('/').map(fold).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests;
