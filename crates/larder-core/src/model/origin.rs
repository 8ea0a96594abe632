//! Who made an artifact, and which source it was obtained from.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Invalid;

/// Who made an artifact.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The publisher of the program.
    Original,
    /// A build of the team's.
    Build,
}

/// The source that an artifact was obtained from: the field `source` in JSON and the value of
/// `--source`.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// The local cache.
    Cache,
    /// The team's hub.
    Managed,
    /// The publisher's release.
    Original,
    /// A build on this machine or on an executor.
    Build,
    /// The cache of an executor.
    #[serde(rename = "remote-cache")]
    RemoteCache,
}

impl Origin {
    /// The word in files, arguments and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Original => "original",
            Self::Build => "build",
        }
    }
}

impl SourceKind {
    /// The word in files, arguments and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Managed => "managed",
            Self::Original => "original",
            Self::Build => "build",
            Self::RemoteCache => "remote-cache",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Origin {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "original" => Ok(Self::Original),
            "build" => Ok(Self::Build),
            _ => {
                Err(Invalid::new(format!("unknown origin `{text}`")).hint("known: original, build"))
            }
        }
    }
}

impl FromStr for SourceKind {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "cache" => Ok(Self::Cache),
            "managed" => Ok(Self::Managed),
            "original" => Ok(Self::Original),
            "build" => Ok(Self::Build),
            "remote-cache" => Ok(Self::RemoteCache),
            "hub" => Err(Invalid::new(format!("unknown source `{text}`")).hint(
                "known: cache, managed, original, build, remote-cache; the hub is `managed`",
            )),
            _ => Err(Invalid::new(format!("unknown source `{text}`"))
                .hint("known: cache, managed, original, build, remote-cache")),
        }
    }
}
