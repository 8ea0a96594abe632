//! `status` and `env`: what is installed.

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{Digest, Name, Origin, Platform, SourceKind, Version};

/// `status`: what is wanted and what is installed.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StatusDocument {
    /// The project's name.
    pub project: String,
    /// The folder that holds versions.yml.
    pub root: String,
    /// Everything that was asked for is installed and fresh.
    pub fresh: bool,
    /// Each subsystem on each platform asked for, by name.
    pub subsystems: Vec<StatusEntry>,
}

/// A subsystem on a platform: what is wanted, what is there.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StatusEntry {
    /// The subsystem.
    pub name: Name,
    /// The platform.
    pub platform: Platform,
    /// The version that versions.yml pins.
    pub wanted: Version,
    /// The version that is installed; null where none is.
    pub installed: Option<Version>,
    /// The source that it was installed from; null if that was not recorded.
    #[serde(rename = "via")]
    pub source: Option<SourceKind>,
    /// How it was made; null where nothing is installed.
    pub origin: Option<Origin>,
    /// Nothing would be done by `ensure`.
    pub fresh: bool,
    /// Why it is not fresh; null where it is.
    pub reason: Option<String>,
    /// Digest of the installed artifact.
    pub artifact: Option<Digest>,
    /// Fingerprint of what decided the installed artifact.
    pub inputs: Option<Digest>,
    /// Commit of the git source it was built from.
    pub commit: Option<String>,
}

/// `env`: what puts the installed binaries on PATH.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EnvDocument {
    /// Folders, in the order in which they belong on PATH.
    pub path: Vec<String>,
}
