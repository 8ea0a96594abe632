//! `versions.lock`: what was ever accepted, pinned. Format, lookup, and appending so that two
//! processes lose nothing.
//!
//! ```text
//! # larder lock v1: …
//! name version platform origin kind inputs artifact sha256 size url
//! ```
//! One line for each entry, fields separated by one space, lines sorted by bytes (as
//! `LC_ALL=C sort` does), `-` for a field that has no meaning. No line depends on another: with
//! `versions.lock merge=union` in `.gitattributes` git merges any two versions of the file; order
//! and repeated lines don't matter when it is read.
//!
//! | kind | pins | fields |
//! |---|---|---|
//! | `asset` | an asset of the hub | all; `sha256` and `size` are the archive's |
//! | `upstream` | an original publisher's file | all; `artifact` may be `-` where it was locked without being unpacked; for npm and PyPI the coordinate stands in for the url |
//! | `commit` | the commit behind a git source's rev text | `platform inputs artifact sha256 size` are `-`, `url` is `<git url>#<rev>@<commit>` |
//!
//! Urls are kept readable: only what can't stand in a line (white space, control characters,
//! anything beyond ASCII) is percent-encoded. Knows nothing of where the file lies, nor of which
//! inputs are accepted today: lines with others are stale, and it is for the asker to pass over
//! them.

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

/// What makes git merge locks without hands; belongs into `.gitattributes`.
pub const GIT_ATTRIBUTES: &str = "versions.lock merge=union";

/// A lock in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    pins: BTreeMap<Key, Pin>,
    commits: BTreeMap<CommitKey, String>,
    /// Lines that people put in; kept, at the top.
    comments: Vec<String>,
}

impl Lock {
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

    /// The commit pinned for a git source's rev.
    pub fn commit(&self, name: &Name, version: &Version, url: &str, rev: &str) -> Option<&str> {
        self.commits
            .get(&commit_key(name.clone(), version.clone(), url, rev))
            .map(String::as_str)
    }
}
