//! Changing a lock in memory. [`Lock::insert`] never changes an existing pin; only
//! [`Lock::replace`] does.

use std::collections::btree_map::Entry;
use std::fmt;

use super::Lock;
use super::line::{CommitKey, Key, Line, Pin, commit_key, encode};
use crate::error::{Error, Result};

impl Lock {
    /// Adds a line. Returns whether that changed the lock. If the lock already pins other bytes for
    /// the same key, it is not changed, and an integrity error (exit 4) names both digests.
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
                        // Two mirrors can serve the same bytes, so the url can differ. The existing
                        // url is kept.
                        Ok(adds_artifact) => {
                            if adds_artifact {
                                entry.get_mut().artifact = pin.artifact;
                            }
                            Ok(adds_artifact)
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
                            .cause(format!("versions.lock pins {what} {ours}, but these bytes have {theirs}"))
                            .hint(format!("if this change is expected, `larder lock --update {name}` pins the new bytes")))
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
                    Err(Error::integrity(format!("`{rev}` of {url}, the source of {name} {version}, now points to another commit"))
                        .cause(format!("versions.lock pins commit {}, but it is now {commit}", entry.get()))
                        .hint(format!("if this change is expected, `larder lock --update {name}` pins the new commit")))
                }
            },
        }
    }

    /// Adds a line, replacing an existing line with the same key (`lock --update`). Returns whether
    /// that changed the lock.
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

    /// Keeps only the lines for which `wanted` returns true. Returns whether any line was removed.
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

/// A field in which two pins of the same key differ.
pub(super) struct Difference {
    pub(super) what: &'static str,
    pub(super) ours: String,
    pub(super) theirs: String,
}

/// Compares two pins. Returns the first field that differs, or else whether only the second pin has
/// an artifact digest.
pub(super) fn same_bytes(ours: &Pin, theirs: &Pin) -> Result<bool, Difference> {
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
