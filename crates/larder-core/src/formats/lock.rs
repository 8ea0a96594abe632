//! `versions.lock`: what was ever accepted, pinned. Format, lookup, and appending so that two processes lose nothing.
//!
//! ```text
//! # larder lock v1: …
//! name version platform origin kind inputs artifact sha256 size url
//! ```
//! One line for each entry, fields separated by one space, lines sorted by bytes (as `LC_ALL=C sort` does), `-` for a
//! field that has no meaning. No line depends on another: with `versions.lock merge=union` in `.gitattributes` git merges
//! any two versions of the file; order and repeated lines don't matter when it is read.
//!
//! | kind | pins | fields |
//! |---|---|---|
//! | `asset` | an asset of the hub | all; `sha256` and `size` are the archive's |
//! | `upstream` | an original publisher's file | all; `artifact` may be `-` where it was locked without being unpacked; for npm and PyPI the coordinate stands in for the url |
//! | `commit` | the commit behind a git source's rev text | `platform inputs artifact sha256 size` are `-`, `url` is `<git url>#<rev>@<commit>` |
//!
//! Urls are kept readable: only what can't stand in a line (white space, control characters, anything beyond ASCII) is
//! percent-encoded. Knows nothing of where the file lies, nor of which inputs are accepted today: lines with others are
//! stale, and it is for the asker to pass over them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use camino::Utf8Path;

use crate::error::Problem;
use crate::error::{Error, Result};
use crate::fs;
use crate::model::{Digest, Name, Origin, Platform, Version};

mod merge;
mod parse;
#[cfg(test)]
mod tests;

/// First line of every lock.
const HEADER: &str =
    "# larder lock v1: name version platform origin kind inputs artifact sha256 size url";

/// What makes git merge locks without hands; belongs into `.gitattributes`.
pub const GIT_ATTRIBUTES: &str = "versions.lock merge=union";

/// What kind of file a line pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PinKind {
    /// An asset of the hub.
    Asset,
    /// A file of the original publisher.
    Upstream,
}

/// What a line is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The subsystem.
    pub name: Name,
    /// Its version.
    pub version: Version,
    /// For which platform.
    pub platform: Platform,
    /// How the artifact was made.
    pub origin: Origin,
    /// What kind of file is pinned.
    pub kind: PinKind,
    /// Fingerprint of what decided it.
    pub inputs: Digest,
}

/// What a line pins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The artifact's digest; none where the file was locked without being unpacked.
    pub artifact: Option<Digest>,
    /// Digest of the file.
    pub sha256: Digest,
    /// Its bytes.
    pub size: u64,
    /// Where it was had, or its registry coordinate. Told to people; no part of what must match.
    pub url: String,
}

/// A git source at a rev.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct CommitKey {
    name: Name,
    version: Version,
    url: String,
    rev: String,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Pins bytes.
    Bytes(Key, Pin),
    /// Pins the commit of a git source.
    Commit {
        /// The subsystem.
        name: Name,
        /// Its version.
        version: Version,
        /// The repository.
        url: String,
        /// Tag, branch or commit, as the recipe has it.
        rev: String,
        /// The commit's full hexadecimal name.
        commit: String,
    },
}

/// A lock in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    pins: BTreeMap<Key, Pin>,
    commits: BTreeMap<CommitKey, String>,
    /// Lines that people put in; kept, at the top.
    comments: Vec<String>,
}

impl PinKind {
    /// The word in a line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asset => "asset",
            Self::Upstream => "upstream",
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            version,
            platform,
            origin,
            kind,
            inputs,
        } = self;
        write!(
            f,
            "{name} {version} {platform} {origin} {} {inputs}",
            kind.as_str()
        )
    }
}

impl fmt::Display for Line {
    /// As it stands in the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(
                key,
                Pin {
                    artifact,
                    sha256,
                    size,
                    url,
                },
            ) => {
                write!(f, "{key} ")?;
                match artifact {
                    Some(artifact) => write!(f, "{artifact}")?,
                    None => f.write_str("-")?,
                }
                write!(f, " {sha256} {size} {}", or_dash(&encode(url, false)))
            }
            Self::Commit {
                name,
                version,
                url,
                rev,
                commit,
            } => {
                write!(
                    f,
                    "{name} {version} - build commit - - - - {}#{}@{commit}",
                    encode(url, true),
                    encode(rev, false)
                )
            }
        }
    }
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

/// What can't stand in a line percent-encoded, the rest as it is. Encoding twice changes nothing.
fn encode(text: &str, hash_too: bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !(hash_too && byte == b'#') {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

impl Lock {
    /// Reads a lock; where there is no file it is empty. Problems are told with line and column, all of them (exit 2).
    pub fn load(path: &Utf8Path) -> Result<Self> {
        match fs::read_text_opt(path)? {
            Some(text) => Self::parse(&text, path),
            None => Ok(Self::default()),
        }
    }

    /// Parses a lock's text; problems name the file by the last part of its path.
    pub fn parse(text: &str, path: &Utf8Path) -> Result<Self> {
        let file = Utf8Path::new(path.file_name().unwrap_or("versions.lock"));
        let shared: Arc<str> = Arc::from(text);
        parse::parse(text, &|span, message: String, hint: Option<String>| {
            Problem {
                file: file.to_owned(),
                text: Arc::clone(&shared),
                span,
                message,
                hint,
            }
        })
    }

    /// The file's text: the header, then all lines sorted by bytes.
    pub fn to_text(&self) -> String {
        let mut lines: Vec<String> = self.lines().map(|line| line.to_string()).collect();
        lines.sort_unstable();
        let mut text = format!("{HEADER}\n");
        for line in self.comments.iter().chain(&lines) {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// All lines.
    pub fn lines(&self) -> impl Iterator<Item = Line> {
        let pins = self
            .pins
            .iter()
            .map(|(key, pin)| Line::Bytes(key.clone(), pin.clone()));
        let commits = self.commits.iter().map(
            |(
                CommitKey {
                    name,
                    version,
                    url,
                    rev,
                },
                commit,
            )| Line::Commit {
                name: name.clone(),
                version: version.clone(),
                url: url.clone(),
                rev: rev.clone(),
                commit: commit.clone(),
            },
        );
        pins.chain(commits)
    }

    /// Whether nothing is pinned.
    pub fn is_empty(&self) -> bool {
        self.pins.is_empty() && self.commits.is_empty()
    }

    /// What is pinned for exactly this.
    pub fn lookup(
        &self,
        name: &Name,
        version: &Version,
        platform: &Platform,
        origin: Origin,
        kind: PinKind,
        inputs: &Digest,
    ) -> Option<&Pin> {
        let (name, version) = (name.clone(), version.clone());
        self.pins.get(&Key {
            name,
            version,
            platform: *platform,
            origin,
            kind,
            inputs: *inputs,
        })
    }

    /// All that is pinned of a subsystem on a platform, stale lines too.
    pub fn lines_for<'a>(
        &'a self,
        name: &'a Name,
        platform: &'a Platform,
    ) -> impl Iterator<Item = (&'a Key, &'a Pin)> {
        self.pins
            .iter()
            .filter(move |(key, _)| key.name == *name && key.platform == *platform)
    }

    /// The commit pinned for a git source's rev.
    pub fn commit(&self, name: &Name, version: &Version, url: &str, rev: &str) -> Option<&str> {
        self.commits
            .get(&commit_key(name.clone(), version.clone(), url, rev))
            .map(String::as_str)
    }

    /// Adds a line; whether that changed anything. A line that pins other bytes for the same thing stands: that is an
    /// integrity error (exit 4), naming both.
    pub fn insert(&mut self, line: Line) -> Result<bool> {
        match line {
            Line::Bytes(key, mut pin) => {
                pin.url = encode(&pin.url, false);
                match self.pins.entry(key) {
                    Entry::Vacant(entry) => {
                        entry.insert(pin);
                        Ok(true)
                    }
                    Entry::Occupied(mut entry) => match same_bytes(entry.get(), &pin) {
                        // Two mirrors may have served the same bytes: the line that is there stands.
                        Ok(learned) => {
                            if learned {
                                entry.get_mut().artifact = pin.artifact;
                            }
                            Ok(learned)
                        }
                        Err(Difference { what, ours, theirs }) => {
                            let Key {
                                name,
                                version,
                                platform,
                                origin: _,
                                kind,
                                inputs: _,
                            } = entry.key();
                            Err(Error::integrity(format!(
                                "the lock pins other bytes of {name} {version} ({platform}, {})",
                                kind.as_str()
                            ))
                            .cause(format!("versions.lock names {what} {ours}, these bytes have {theirs}"))
                            .hint(format!("if the change is known and wanted, `larder lock --update {name}` pins the new bytes")))
                        }
                    },
                }
            }
            Line::Commit {
                name,
                version,
                url,
                rev,
                commit,
            } => match self.commits.entry(commit_key(name, version, &url, &rev)) {
                Entry::Vacant(entry) => {
                    entry.insert(commit);
                    Ok(true)
                }
                Entry::Occupied(entry) if *entry.get() == commit => Ok(false),
                Entry::Occupied(entry) => {
                    let CommitKey {
                        name,
                        version,
                        url,
                        rev,
                    } = entry.key();
                    Err(Error::integrity(format!("`{rev}` of {url} has moved, the source of {name} {version}"))
                        .cause(format!("versions.lock names commit {}, it is {commit} now", entry.get()))
                        .hint(format!("if the change is known and wanted, `larder lock --update {name}` pins the new commit")))
                }
            },
        }
    }

    /// Puts a line in the place of one that may pin something else (`lock --update`); whether that changed anything.
    pub fn replace(&mut self, line: Line) -> bool {
        match line {
            Line::Bytes(key, mut pin) => {
                pin.url = encode(&pin.url, false);
                self.pins.insert(key, pin.clone()).as_ref() != Some(&pin)
            }
            Line::Commit {
                name,
                version,
                url,
                rev,
                commit,
            } => {
                self.commits
                    .insert(commit_key(name, version, &url, &rev), commit.clone())
                    != Some(commit)
            }
        }
    }

    /// Keeps only the lines that are wanted; whether any went.
    pub fn retain(&mut self, wanted: impl Fn(&Line) -> bool) -> bool {
        let before = self.pins.len() + self.commits.len();
        self.pins
            .retain(|key, pin| wanted(&Line::Bytes(key.clone(), pin.clone())));
        self.commits.retain(
            |CommitKey {
                 name,
                 version,
                 url,
                 rev,
             },
             commit| {
                wanted(&Line::Commit {
                    name: name.clone(),
                    version: version.clone(),
                    url: url.clone(),
                    rev: rev.clone(),
                    commit: commit.clone(),
                })
            },
        );
        self.pins.len() + self.commits.len() < before
    }
}

fn commit_key(name: Name, version: Version, url: &str, rev: &str) -> CommitKey {
    CommitKey {
        name,
        version,
        url: encode(url, true),
        rev: encode(rev, false),
    }
}

/// How two pins of one key contradict each other.
struct Difference {
    what: &'static str,
    ours: String,
    theirs: String,
}

/// Whether the second of two pins that agree knows an artifact that the first does not.
fn same_bytes(ours: &Pin, theirs: &Pin) -> Result<bool, Difference> {
    let differ = |what, ours: &dyn fmt::Display, theirs: &dyn fmt::Display| Difference {
        what,
        ours: ours.to_string(),
        theirs: theirs.to_string(),
    };
    if ours.sha256 != theirs.sha256 {
        return Err(differ("sha256", &ours.sha256, &theirs.sha256));
    }
    if ours.size != theirs.size {
        return Err(differ("size", &ours.size, &theirs.size));
    }
    match (&ours.artifact, &theirs.artifact) {
        (Some(ours), Some(theirs)) if ours != theirs => Err(differ("artifact", ours, theirs)),
        (None, Some(_)) => Ok(true),
        _ => Ok(false),
    }
}
