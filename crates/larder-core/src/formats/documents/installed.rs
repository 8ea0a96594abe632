//! `status` and `env`: what is installed.

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{Digest, Name, Origin, Platform, SourceKind, Version};

/// `status`: what is wanted and what is installed.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StatusDocument {
    /// The project's name.
    pub project: String,
    /// The folder that contains versions.yml.
    pub root: String,
    /// Whether everything that was requested is installed and up to date.
    pub fresh: bool,
    /// Each requested subsystem on each requested platform, sorted by name.
    pub subsystems: Vec<StatusEntry>,
}

/// A subsystem on a platform: what is wanted and what is installed.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StatusEntry {
    /// The subsystem.
    pub name: Name,
    /// The platform.
    pub platform: Platform,
    /// The version that versions.yml pins.
    pub wanted: Version,
    /// The version that is installed; null if none is installed.
    pub installed: Option<Version>,
    /// The source that it was installed from; null if that was not recorded.
    #[serde(rename = "via")]
    pub source: Option<SourceKind>,
    /// Who made it; null if nothing is installed.
    pub origin: Option<Origin>,
    /// Whether it is up to date, so that `ensure` would do nothing.
    pub fresh: bool,
    /// Why it is not up to date; null if it is.
    pub reason: Option<String>,
    /// Digest of the installed artifact; null if nothing is installed.
    pub artifact: Option<Digest>,
    /// Fingerprint of the inputs of the installed artifact; null if nothing is installed.
    pub inputs: Option<Digest>,
    /// Commit of the git source that it was built from; null if there is none.
    pub commit: Option<String>,
    /// Who vouches for the installed artifact, such as `signed by release` or `unsigned`; null if it
    /// is not up to date, or if the project says nothing about signatures.
    pub signed: Option<String>,
}

/// `env`: what puts the installed binaries on PATH.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EnvDocument {
    /// Folders, in the order in which they must be added to PATH.
    pub path: Vec<String>,
}
