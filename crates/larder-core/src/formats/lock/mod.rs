//! `versions.lock`: pins everything that was ever accepted. Its format, lookup, and appending that
//! is safe for several processes at once.
//!
//! ```text
//! # larder lock v1: …
//! name version platform origin kind inputs artifact sha256 size url
//! ```
//! There is one line for each entry. Fields are separated by one space, lines are sorted by bytes
//! (as `LC_ALL=C sort` does), and `-` stands for a field that does not apply. Lines are independent
//! of each other: with `versions.lock merge=union` in `.gitattributes`, git merges any two versions
//! of the file. When it is read, the order and repeated lines do not matter. A file whose lines end
//! in CRLF keeps such line ends.
//!
//! | kind | pins | fields |
//! |---|---|---|
//! | `asset` | an asset of the hub | all; `sha256` and `size` are the archive's |
//! | `upstream` | an original publisher's file | all; `artifact` is `-` if the file was locked without being unpacked; for npm and PyPI, the package coordinate is used instead of a url |
//! | `commit` | the commit that a git source's rev points to | `platform inputs artifact sha256 size` are `-`, `url` is `<git url>#<rev>@<commit>` |
//!
//! Urls are kept readable: only characters that a line can't contain (white space, control
//! characters, non-ASCII characters) are percent-encoded. This module does not depend on where the
//! file is or on the inputs that are accepted today. Lines with other inputs are stale, and the
//! caller must ignore them.

use std::collections::BTreeMap;

use crate::model::{Digest, Name, Origin, Platform, Version};

mod change;
mod line;
mod merge;
mod parse;
#[cfg(test)]
mod tests;

use line::{CommitKey, commit_key};
pub use line::{Key, Line, Pin, PinKind};

/// First line of every lock.
const HEADER: &str =
    "# larder lock v1: name version platform origin kind inputs artifact sha256 size url";

/// The line for `.gitattributes` that makes git merge locks without conflicts.
pub const GIT_ATTRIBUTES: &str = "versions.lock merge=union";

/// A lock in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    pins: BTreeMap<Key, Pin>,
    commits: BTreeMap<CommitKey, String>,
    /// Comment lines that people added. They are kept, at the top of the file.
    comments: Vec<String>,
    /// Whether most lines of the file end in CRLF. git makes such files on Windows (`core.autocrlf`), and a file whose
    /// every line changes would hide which lines are new.
    has_crlf: bool,
}

impl Lock {
    /// The file's text: the header, then all lines sorted by bytes.
    pub fn to_text(&self) -> String {
        let mut lines: Vec<String> = self.lines().map(|line| line.to_string()).collect();
        lines.sort_unstable();
        let end = if self.has_crlf { "\r\n" } else { "\n" };
        let mut text = format!("{HEADER}{end}");
        for line in self.comments.iter().chain(&lines) {
            text.push_str(line);
            text.push_str(end);
        }
        text
    }

    /// All lines, without the comments.
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

    /// Whether the lock pins nothing.
    pub fn is_empty(&self) -> bool {
        self.pins.is_empty() && self.commits.is_empty()
    }

    /// The pin whose key has exactly these values.
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

    /// The commit pinned for a git source's rev.
    pub fn commit(&self, name: &Name, version: &Version, url: &str, rev: &str) -> Option<&str> {
        self.commits
            .get(&commit_key(name.clone(), version.clone(), url, rev))
            .map(String::as_str)
    }
}
