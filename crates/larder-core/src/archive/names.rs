//! Paths inside an archive: which paths are allowed, which paths conflict with each other, and
//! where links lead.
//!
//! This module works on text only and never accesses the file system. Its messages complete the
//! sentence "the archive is refused: `path`: …".

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

/// Longest path, in bytes.
pub(super) const MAX_PATH: usize = 4096;
/// Most bytes of the paths and targets of all links together.
const MAX_LINK_TEXT: usize = 8 << 20;
/// Most links that are followed to resolve one link, as on Linux.
const MAX_HOPS: u32 = 40;
/// Most path components that are processed to resolve all links.
const MAX_STEPS: u32 = 4_000_000;

/// Reason a path is refused.
pub(super) type Reason = String;

/// Checks a path and returns its normal form: no leading `./`, no empty or `.` parts, no trailing
/// `/`. The root itself becomes an empty text.
pub(super) fn clean(raw: &[u8]) -> Result<String, Reason> {
    let text = std::str::from_utf8(raw).map_err(|_| "its name is not UTF-8")?;
    if text.is_empty() {
        return Err("its name is empty".into());
    }
    if text.len() > MAX_PATH {
        return Err(format!("its name is longer than {MAX_PATH} bytes"));
    }
    if text.contains('\0') {
        return Err("its name contains a NUL".into());
    }
    if let Some(c) = text.chars().find(|c| c.is_control()) {
        return Err(format!("its name contains the control character {c:?}"));
    }
    if text.contains('\\') {
        return Err("its name contains a backslash".into());
    }
    if text.starts_with('/') {
        return Err("its path is absolute".into());
    }
    if has_drive(text) {
        return Err("its path begins with a drive letter".into());
    }
    let mut clean = String::with_capacity(text.len());
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err("its path contains `..`".into()),
            part => {
                if !clean.is_empty() {
                    clean.push('/');
                }
                clean.push_str(part);
            }
        }
    }
    Ok(clean)
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
    /// A hard link, with the cleaned path of an earlier entry.
    Hardlink(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Dir,
    Link,
}

/// All paths of an archive so far. It stores hashes instead of names, so memory is bounded by the
/// number of entries.
pub(super) struct Tree {
    hashing: RandomState,
    /// Hash of the folded path (see [`fold`]) → hash of the exact path, and the kind of entry.
    nodes: HashMap<u64, (u64, Kind)>,
    limit: u64,
    /// Folded path → path and target.
    links: HashMap<String, (String, String)>,
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
    pub(super) fn add(&mut self, path: &str, node: Node) -> Result<(), Reason> {
        if path.is_empty() {
            return if node == Node::Dir {
                Ok(())
            } else {
                Err("its name is empty".into())
            };
        }
        let kind = match &node {
            Node::File => Kind::File,
            Node::Dir => Kind::Dir,
            Node::Symlink(_) | Node::Hardlink(_) => Kind::Link,
        };
        let mut folded = self.hashing.build_hasher();
        let mut exact = self.hashing.build_hasher();
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            folded.write(fold(part).as_bytes());
            folded.write_u8(b'/');
            exact.write(part.as_bytes());
            exact.write_u8(b'/');
            let kind = if parts.peek().is_some() {
                Kind::Dir
            } else {
                kind
            };
            self.put(
                folded.clone().finish(),
                exact.clone().finish(),
                kind,
                parts.peek().is_none(),
            )?;
        }
        match node {
            Node::File | Node::Dir => Ok(()),
            Node::Symlink(target) => self.add_symlink(path, target),
            Node::Hardlink(target) => self.check_hardlink(&target),
        }
    }

    fn put(&mut self, folded: u64, exact: u64, kind: Kind, leaf: bool) -> Result<(), Reason> {
        match self.nodes.get(&folded) {
            None => {
                if self.nodes.len() as u64 >= self.limit {
                    return Err(format!("there are more than {} paths", self.limit));
                }
                self.nodes.insert(folded, (exact, kind));
                Ok(())
            }
            Some((other, _)) if *other != exact => {
                Err("it differs from an earlier path only in case or Unicode form, so some file systems can't store both".into())
            }
            Some((_, Kind::Dir)) if kind == Kind::Dir => Ok(()),
            Some((_, Kind::Link)) if !leaf => Err("it would be written through a link".into()),
            Some((_, Kind::File)) if !leaf => Err("the archive has a file at the path of its folder".into()),
            Some(_) => Err("it occurs twice".into()),
        }
    }

    fn add_symlink(&mut self, path: &str, target: String) -> Result<(), Reason> {
        self.link_text += path.len() + target.len();
        if self.link_text > MAX_LINK_TEXT || target.len() > MAX_PATH {
            return Err("its links are too long".into());
        }
        check_target(&target)?;
        self.links
            .insert(fold_path(path), (path.to_owned(), target));
        Ok(())
    }

    fn check_hardlink(&self, target: &str) -> Result<(), Reason> {
        let mut folded = self.hashing.build_hasher();
        let mut exact = self.hashing.build_hasher();
        for part in target.split('/') {
            folded.write(fold(part).as_bytes());
            folded.write_u8(b'/');
            exact.write(part.as_bytes());
            exact.write_u8(b'/');
        }
        match self.nodes.get(&folded.finish()) {
            Some((other, Kind::File)) if *other == exact.finish() => Ok(()),
            _ => Err(format!(
                "it is a hard link to `{}`, which is not an earlier file of the archive",
                escape_name(target.as_bytes())
            )),
        }
    }

    /// Resolves every symbolic link, also through other links. Each one must stay inside the
    /// archive. The error has the path of the link.
    pub(super) fn finish(&self) -> Result<(), (String, Reason)> {
        let mut steps = 0;
        for (path, target) in self.links.values() {
            self.resolve(path, target, &mut steps)
                .map_err(|why| (path.clone(), why))?;
        }
        Ok(())
    }

    fn resolve(&self, path: &str, target: &str, steps: &mut u32) -> Result<(), Reason> {
        let mut at: Vec<String> = fold_path(path).split('/').map(str::to_owned).collect();
        at.pop();
        // The parts that remain to be followed, in reverse order.
        let mut ahead: Vec<&str> = target.split('/').rev().collect();
        let mut hops = 0;
        while let Some(part) = ahead.pop() {
            *steps += 1;
            if *steps > MAX_STEPS {
                return Err("its links are too complex to be followed".into());
            }
            match part {
                "" | "." => {}
                ".." => {
                    if at.pop().is_none() {
                        return Err(format!(
                            "it is a link to `{}`, which leads outside of the archive",
                            escape_name(target.as_bytes())
                        ));
                    }
                }
                part => {
                    at.push(fold(part).into_owned());
                    if let Some((_, next)) = self.links.get(&at.join("/")) {
                        hops += 1;
                        if hops > MAX_HOPS {
                            return Err(format!(
                                "it is a link to `{}`, which leads through too many links",
                                escape_name(target.as_bytes())
                            ));
                        }
                        at.pop();
                        ahead.extend(next.split('/').rev());
                    }
                }
            }
            if at.len() > MAX_PATH / 2 || ahead.len() > 2 * MAX_PATH {
                return Err("its links are too complex to be followed".into());
            }
        }
        Ok(())
    }
}

fn check_target(target: &str) -> Result<(), Reason> {
    let why = match target {
        "" => "is empty",
        t if t.starts_with('/') || has_drive(t) => "leads outside of the archive",
        t if t.contains('\\') => "contains a backslash",
        t if t.chars().any(char::is_control) => "contains a control character",
        _ => return Ok(()),
    };
    Err(format!(
        "it is a link to `{}`, which {why}",
        escape_name(target.as_bytes())
    ))
}

fn fold_path(path: &str) -> String {
    path.split('/').map(fold).collect::<Vec<_>>().join("/")
}

/// Removes the differences that some file systems ignore: case and Unicode form. Two names that are
/// equal after folding can be the same name on such a file system.
fn fold(part: &str) -> std::borrow::Cow<'_, str> {
    if part.is_ascii() {
        return if part.bytes().any(|b| b.is_ascii_uppercase()) {
            part.to_ascii_lowercase().into()
        } else {
            part.into()
        };
    }
    let plain = DecomposingNormalizerBorrowed::new_nfd().normalize(part);
    let folded: String = plain
        .chars()
        .filter(|c| !is_ignorable(*c))
        .collect::<String>()
        .to_uppercase()
        .to_lowercase();
    ComposingNormalizerBorrowed::new_nfc()
        .normalize(&folded)
        .into_owned()
        .into()
}

/// Format characters that HFS+ ignores in names.
fn is_ignorable(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
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
