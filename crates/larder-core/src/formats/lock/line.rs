//! One line of the lock: its key, what it pins, and its text.

use std::fmt::{self, Write as _};

use crate::model::{Digest, Name, Origin, Platform, Version};

/// What kind of file a line pins.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub enum PinKind {
    /// An asset of the hub.
    Asset,
    /// A file of the original publisher.
    Upstream,
}

/// What a line pins something for. A lock has one [`Pin`] per key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The subsystem.
    pub name: Name,
    /// Its version.
    pub version: Version,
    /// The platform.
    pub platform: Platform,
    /// Who made the artifact.
    pub origin: Origin,
    /// What kind of file is pinned.
    pub kind: PinKind,
    /// Fingerprint of the artifact's inputs.
    pub inputs: Digest,
}

/// The bytes that a line pins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The artifact's digest; `None` if the file was locked without being unpacked.
    pub artifact: Option<Digest>,
    /// Digest of the file.
    pub sha256: Digest,
    /// Size of the file in bytes.
    pub size: u64,
    /// The url of the file, or its coordinate in a package registry. It informs people and does not
    /// have to match.
    pub url: String,
}

/// A rev of a git source.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct CommitKey {
    pub(super) name: Name,
    pub(super) version: Version,
    pub(super) url: String,
    pub(super) rev: String,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Pins the bytes of a file.
    Bytes(Key, Pin),
    /// Pins the commit of a git source.
    Commit {
        /// The subsystem.
        name: Name,
        /// Its version.
        version: Version,
        /// The repository.
        url: String,
        /// Tag, branch or commit, as it is written in the recipe.
        rev: String,
        /// The commit's full hexadecimal name.
        commit: String,
    },
}

impl PinKind {
    /// The word that stands for it in a line.
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
    /// The line as it is written in the file.
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

/// Percent-encodes the characters that a line can't contain, and also `#` if `hash_too` is set.
/// Encoding a text twice gives the same result.
pub(super) fn encode(text: &str, hash_too: bool) -> String {
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

pub(super) fn commit_key(name: Name, version: Version, url: &str, rev: &str) -> CommitKey {
    CommitKey {
        name,
        version,
        url: encode(url, true),
        rev: encode(rev, false),
    }
}
