//! Paths inside an archive: which paths are allowed, which paths conflict with each other, and
//! where links lead.
//!
//! This module works on text only and never accesses the file system. Its messages complete the
//! sentence "the archive is refused: `path`: …".

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use crate::model::{fold, is_ignorable};

/// Longest path, in bytes.
pub(super) const MAX_PATH: usize = 4096;
/// Most bytes of the paths and targets of all links together.
const MAX_LINK_TEXT: usize = 8 << 20;
/// Most links that are followed to resolve one link, as on Linux.
const MAX_HOPS: u32 = 40;
/// Most path components that are processed to follow one link.
const MAX_STEPS: u32 = 100_000;

/// Reason a path is refused.
pub(super) type Reason = String;

/// A path that does not lead outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cleaned {
    /// Its normal form: no leading `./`, no empty or `.` parts, no trailing `/`. The root itself
    /// becomes an empty text.
    pub(super) path: String,
    /// Why no file can be extracted under this path, if that is so. The path is then only for
    /// messages.
    pub(super) odd: Option<Reason>,
}

/// Checks a path and returns its normal form. A path that leads outside on any system is an error.
pub(super) fn clean(raw: &[u8]) -> Result<Cleaned, Reason> {
    if raw.is_empty() {
        return Err("its name is empty".into());
    }
    if raw.len() > MAX_PATH {
        return Err(format!("its name is longer than {MAX_PATH} bytes"));
    }
    if raw.contains(&0) {
        return Err("its name contains a NUL".into());
    }
    let text = String::from_utf8_lossy(raw);
    if text.starts_with(['/', '\\']) {
        return Err("its path is absolute".into());
    }
    if has_drive(&text) {
        return Err("its path begins with a drive letter".into());
    }
    if text.split(['/', '\\']).any(|part| part == "..") {
        return Err("its path contains `..`".into());
    }
    let odd = if std::str::from_utf8(raw).is_err() {
        Some("its name is not UTF-8".to_owned())
    } else if let Some(c) = text.chars().find(|c| c.is_control()) {
        Some(format!("its name contains the control character {c:?}"))
    } else if text.contains('\\') {
        Some("its name contains a backslash".to_owned())
    } else {
        None
    };
    let parts: Vec<&str> = text
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    Ok(Cleaned {
        path: parts.join("/"),
        odd,
    })
}

fn has_drive(text: &str) -> bool {
    matches!(text.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

/// What an entry of an archive is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// A regular file.
    File,
    /// A folder.
    Dir,
    /// A symbolic link, with its target as it is stored.
    Symlink(String),
    /// A hard link, with the path of another entry as it is stored.
    Hardlink(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Dir,
    Link,
}

/// How a path relates to the earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placed {
    /// There was none like it, or both are folders.
    New,
    /// There was an earlier entry of the same path and kind.
    Again,
    /// It differs from an earlier path only in case or Unicode form, so some file systems can't
    /// store both.
    Clash,
}

/// The reason for refusing [`Placed::Clash`].
pub(super) const CLASH: &str = "it differs from an earlier path only in case or Unicode form, so some file systems can't store both";

/// A link: its own path, where it leads, and whether that is counted from the archive's top, as for
/// hard links.
struct Link {
    path: String,
    target: String,
    hard: bool,
}

/// All paths of an archive so far. It stores hashes instead of names, so memory is bounded by the
/// number of entries.
pub(super) struct Tree {
    hashing: RandomState,
    /// Hash of the folded path (see [`fold`]) → hash of the exact path, and the kind of entry.
    nodes: HashMap<u64, (u64, Kind)>,
    limit: u64,
    /// Folded path → link.
    links: HashMap<String, Link>,
    link_text: usize,
}

impl Tree {
    /// `limit` is the most paths that are accepted, including the folders that paths imply.
    pub(super) fn new(limit: u64) -> Self {
        Self {
            hashing: RandomState::new(),
            nodes: HashMap::new(),
            limit,
            links: HashMap::new(),
            link_text: 0,
        }
    }

    /// Adds a cleaned path.
    pub(super) fn add(&mut self, path: &str, node: &Node) -> Result<Placed, Reason> {
        if path.is_empty() {
            return if *node == Node::Dir {
                Ok(Placed::New)
            } else {
                Err("its name is empty".into())
            };
        }
        let kind = match node {
            Node::File => Kind::File,
            Node::Dir => Kind::Dir,
            // tar stores a file that it is told to pack twice as a hard link to itself.
            Node::Hardlink(target) if target == path => Kind::File,
            Node::Symlink(_) | Node::Hardlink(_) => Kind::Link,
        };
        let mut folded = self.hashing.build_hasher();
        let mut exact = self.hashing.build_hasher();
        let mut parts = path.split('/').peekable();
        let mut placed = Placed::New;
        while let Some(part) = parts.next() {
            folded.write(fold(part).as_bytes());
            folded.write_u8(b'/');
            exact.write(part.as_bytes());
            exact.write_u8(b'/');
            let leaf = parts.peek().is_none();
            let kind = if leaf { kind } else { Kind::Dir };
            match self.put(folded.clone().finish(), exact.clone().finish(), kind, leaf)? {
                Placed::New => {}
                other => placed = other,
            }
        }
        match node {
            Node::File | Node::Dir => {}
            Node::Symlink(target) => self.add_link(path, target, false, placed)?,
            Node::Hardlink(target) if target == path => {}
            Node::Hardlink(target) => self.add_link(path, target, true, placed)?,
        }
        Ok(placed)
    }

    fn put(&mut self, folded: u64, exact: u64, kind: Kind, leaf: bool) -> Result<Placed, Reason> {
        match self.nodes.get(&folded) {
            None => {
                if self.nodes.len() as u64 >= self.limit {
                    return Err(format!("there are more than {} paths", self.limit));
                }
                self.nodes.insert(folded, (exact, kind));
                Ok(Placed::New)
            }
            Some((_, Kind::Link)) if !leaf => Err("it would be written through a link".into()),
            Some((other, _)) if *other != exact => Ok(Placed::Clash),
            Some((_, Kind::Dir)) if kind == Kind::Dir => Ok(Placed::New),
            Some((_, Kind::File)) if !leaf => {
                Err("the archive has a file at the path of its folder".into())
            }
            Some((_, there)) if *there == kind => Ok(Placed::Again),
            Some(_) => Err("it occurs twice".into()),
        }
    }

    fn add_link(
        &mut self,
        path: &str,
        target: &str,
        hard: bool,
        placed: Placed,
    ) -> Result<(), Reason> {
        self.link_text += path.len() + target.len();
        if self.link_text > MAX_LINK_TEXT || target.len() > MAX_PATH {
            return Err("its links are too long".into());
        }
        match placed {
            Placed::New => {
                self.links.insert(
                    fold_path(path),
                    Link {
                        path: path.to_owned(),
                        target: target.to_owned(),
                        hard,
                    },
                );
            }
            Placed::Again => {
                let same = self
                    .links
                    .get(&fold_path(path))
                    .is_some_and(|link| link.target == target && link.hard == hard);
                if !same {
                    return Err("it occurs twice".into());
                }
            }
            Placed::Clash => {}
        }
        Ok(())
    }

    fn is_file(&self, path: &[String]) -> bool {
        let mut folded = self.hashing.build_hasher();
        let mut exact = self.hashing.build_hasher();
        for part in path {
            folded.write(fold(part).as_bytes());
            folded.write_u8(b'/');
            exact.write(part.as_bytes());
            exact.write_u8(b'/');
        }
        self.nodes.get(&folded.finish()) == Some(&(exact.finish(), Kind::File))
    }

    /// Follows a link, also through other links, to a regular file of the archive, and returns the
    /// path of that file.
    pub(super) fn follow(&self, path: &str) -> Result<String, Reason> {
        let at = self.resolve(path)?;
        if self.is_file(&at) {
            return Ok(at.join("/"));
        }
        let link = self.links.get(&fold_path(path));
        Err(format!(
            "it is a link to `{}`, which is not a file of the archive",
            escape_name(link.map_or("", |link| &link.target).as_bytes())
        ))
    }

    /// The links, sorted: for each its path, its target, and whether it is a hard link.
    pub(super) fn links(&self) -> Vec<(&str, &str, bool)> {
        let links = self.links.values();
        let mut links: Vec<_> = links
            .map(|Link { path, target, hard }| (path.as_str(), target.as_str(), *hard))
            .collect();
        links.sort_unstable();
        links
    }

    /// The symbolic links, sorted: the path and the target of each.
    pub(super) fn symbolic_links(&self) -> Vec<(String, String)> {
        let links = self.links().into_iter().filter(|(_, _, hard)| !hard);
        links
            .map(|(path, target, _)| (path.to_owned(), target.to_owned()))
            .collect()
    }

    /// Follows a link, also through other links, to a path inside the archive, which need not exist.
    pub(super) fn resolve(&self, path: &str) -> Result<Vec<String>, Reason> {
        let Some(Link { target, .. }) = self.links.get(&fold_path(path)) else {
            return Err("it is not a link".into());
        };
        let leads = |why: &str| {
            format!(
                "it is a link to `{}`, which {why}",
                escape_name(target.as_bytes())
            )
        };
        let mut at: Vec<String> = Vec::new();
        // The parts that remain to be followed, in reverse order.
        let mut ahead: Vec<&str> = path.split('/').rev().collect();
        let (mut hops, mut steps) = (0, 0);
        while let Some(part) = ahead.pop() {
            steps += 1;
            if steps > MAX_STEPS || at.len() > MAX_PATH / 2 || ahead.len() > 2 * MAX_PATH {
                return Err("its links are too complex to be followed".into());
            }
            match part {
                "" | "." => {}
                ".." => {
                    if at.pop().is_none() {
                        return Err(leads("leads outside of the archive"));
                    }
                }
                part => {
                    at.push(part.to_owned());
                    let here = at.join("/");
                    let link = self.links.get(&fold_path(&here));
                    let Some(link) = link.filter(|link| link.path == here) else {
                        continue;
                    };
                    hops += 1;
                    if hops > MAX_HOPS {
                        return Err(leads("leads through too many links"));
                    }
                    if let Some(why) = bad_target(&link.target) {
                        return Err(leads(why));
                    }
                    at.pop();
                    if link.hard {
                        at.clear();
                    }
                    ahead.extend(link.target.split('/').rev());
                }
            }
        }
        Ok(at)
    }
}

/// Why a link can't be followed inside the archive, if its target says so by itself.
fn bad_target(target: &str) -> Option<&'static str> {
    match target {
        "" => Some("is empty"),
        t if t.starts_with('/') || has_drive(t) => Some("leads outside of the archive"),
        t if t.contains('\\') => Some("contains a backslash"),
        t if t.chars().any(char::is_control) => Some("contains a control character"),
        _ => None,
    }
}

/// Why a link is odd: where it leads can't be in the archive. `None` for a link that may lead to a
/// file of the archive.
pub(super) fn odd_link(path: &str, node: &Node) -> Option<Reason> {
    let (target, from) = match node {
        Node::Symlink(target) => (
            target,
            path.rsplit_once('/').map_or("", |(folder, _)| folder),
        ),
        Node::Hardlink(target) => (target, ""),
        Node::File | Node::Dir => return None,
    };
    let mut depth = from.split('/').filter(|part| !part.is_empty()).count();
    let mut outside = false;
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." if depth == 0 => outside = true,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    let why = bad_target(target).or(outside.then_some("leads outside of the archive"))?;
    Some(format!(
        "it is a link to `{}`, which {why}",
        escape_name(target.as_bytes())
    ))
}

fn fold_path(path: &str) -> String {
    path.split('/').map(fold).collect::<Vec<_>>().join("/")
}

/// A name for messages: escaped, and shortened if it is long.
pub(super) fn escape_name(raw: &[u8]) -> String {
    const LONGEST: usize = 160;
    let cut = &raw[..raw.len().min(LONGEST)];
    let dots = if raw.len() > LONGEST { "…" } else { "" };
    format!(
        "{}{dots}",
        String::from_utf8_lossy(cut)
            .chars()
            .flat_map(escape)
            .collect::<String>()
    )
}

fn escape(c: char) -> Box<dyn Iterator<Item = char>> {
    if c.is_control() || is_ignorable(c) {
        Box::new(c.escape_default())
    } else {
        Box::new(std::iter::once(c))
    }
}
