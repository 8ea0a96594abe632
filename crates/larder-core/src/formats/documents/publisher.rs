//! `add` and `outdated`: what publishers offer.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{Name, Platform, Version};

/// `add`: what was found, and what was written.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AddDocument {
    /// The subsystem.
    pub name: Name,
    /// The version that is pinned.
    pub version: Version,
    /// Where it is released: `github:owner/name`, or a url.
    pub source: String,
    /// The release's tag; null for a url.
    pub tag: Option<String>,
    /// Its binaries, the main one first.
    pub binaries: Vec<String>,
    /// The asset, or the url, for each platform.
    pub assets: BTreeMap<String, String>,
    /// Usual platforms, and those of the project, that no asset is for.
    pub missing: Vec<Platform>,
    /// The file that states digests, `<asset>` standing for each asset's name; null where nobody states any.
    pub checksums: Option<String>,
    /// The platform whose asset was looked into.
    pub seen: Platform,
    /// Text of the recipe.
    pub recipe: String,
    /// Files that were written; none with `--dry-run`.
    pub written: Vec<String>,
}

/// `outdated`: which versions are not the newest.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OutdatedDocument {
    /// The project's name.
    pub project: String,
    /// How many are outdated.
    pub outdated: usize,
    /// Each subsystem asked about, by name.
    pub subsystems: Vec<OutdatedEntry>,
}

/// A subsystem's version, and the newest there is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OutdatedEntry {
    /// The subsystem.
    pub name: Name,
    /// The version that versions.yml pins.
    pub current: Version,
    /// The newest version; null where it is not known.
    pub newest: Option<Version>,
    /// What the two make of it.
    pub state: Age,
    /// Who was asked: a repository's url, or a registry and a package; null where nobody answered.
    pub asked: Option<String>,
    /// Why nothing is known, or what else there is to say.
    pub note: Option<String>,
}

/// Whether a version is the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Age {
    /// None is newer.
    Newest,
    /// One is.
    Outdated,
    /// Nobody announces versions of it.
    Unknown,
    /// Whoever knows could not be asked.
    Unavailable,
}

impl Age {
    /// The word, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Outdated => "outdated",
            Self::Unknown => "unknown",
            Self::Unavailable => "unavailable",
        }
    }
}
