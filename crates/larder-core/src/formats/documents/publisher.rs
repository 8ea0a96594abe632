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
    /// Where it is released: `github:owner/name`, a url, the package of a registry, or `aqua:` and a
    /// package of aqua's registry.
    pub source: String,
    /// The tag of the release; null for a url and a package.
    pub tag: Option<String>,
    /// Its binaries, the main one first.
    pub binaries: Vec<String>,
    /// The asset, the url, or the package with its version, for each platform.
    pub assets: BTreeMap<String, String>,
    /// Common platforms, and platforms of the project, that have no asset.
    pub missing: Vec<Platform>,
    /// The file that states digests, in which `<asset>` stands for the name of each asset; null if
    /// there is none.
    pub checksums: Option<String>,
    /// What could not be decided, as sentences.
    pub unsure: Vec<String>,
    /// The platform whose asset was inspected; null if none was, as of a crate, which is built.
    pub seen: Option<Platform>,
    /// What the recipe leaves out, such as a signature that larder can't check.
    pub notes: Vec<String>,
    /// The text of the recipe.
    pub recipe: String,
    /// Files that were written; empty with `--dry-run`.
    pub written: Vec<String>,
}

/// `search`: the packages of aqua's registry that match.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SearchDocument {
    /// The revision of the registry; null for a folder.
    pub revision: Option<String>,
    /// The words.
    pub words: Vec<String>,
    /// How many packages match; not all of them may be listed.
    pub found: usize,
    /// The packages, the best matches first.
    pub packages: Vec<SearchEntry>,
}

/// A package of aqua's registry.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SearchEntry {
    /// Its name.
    pub name: String,
    /// One line that says what it is.
    pub description: String,
    /// The url of its home page.
    pub homepage: String,
    /// What `larder add` adds it by.
    pub source: String,
}

/// `outdated`: which versions are not the newest.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OutdatedDocument {
    /// The project's name.
    pub project: String,
    /// How many subsystems are outdated.
    pub outdated: usize,
    /// Each requested subsystem, sorted by name.
    pub subsystems: Vec<OutdatedEntry>,
}

/// The version of a subsystem, and the newest version.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OutdatedEntry {
    /// The subsystem.
    pub name: Name,
    /// The version that versions.yml pins.
    pub current: Version,
    /// The newest version; null if it is not known.
    pub newest: Option<Version>,
    /// Whether the current version is the newest.
    pub state: Age,
    /// Where the newest version was looked up: the url of a repository, or a registry and a
    /// package; null if it is not known.
    pub asked: Option<String>,
    /// Why the newest version is not known, or another remark.
    pub note: Option<String>,
}

/// Whether a version is the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Age {
    /// It is the newest version.
    Newest,
    /// There is a newer version.
    Outdated,
    /// There is no place where its versions can be looked up.
    Unknown,
    /// The place where its versions are published could not be reached.
    Unavailable,
}

impl Age {
    /// The word that stands for it in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Outdated => "outdated",
            Self::Unknown => "unknown",
            Self::Unavailable => "unavailable",
        }
    }
}
