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
    /// The platform whose programs are installed, where the platform runs those of another one and
    /// there are none of its own; null otherwise.
    pub emulated: Option<Platform>,
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
    /// The executor that built it, or whose cache had it; null if none did, or if that was not
    /// recorded.
    pub executor: Option<String>,
    /// Who vouches for the installed artifact, such as `signed by release` or `unsigned`; null if it
    /// is not up to date, or if the project says nothing about signatures.
    pub signed: Option<String>,
}

/// `verify --all`: what is proven, and what is not.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ProofsDocument {
    /// The project.
    pub project: String,
    /// How many things are proven.
    pub proven: usize,
    /// How many are as they were made, and nothing from outside of this machine says that they are
    /// right.
    pub unproven: usize,
    /// How many contradict their description, a pin, or `trust:`.
    pub different: usize,
    /// Each thing.
    pub entries: Vec<ProofEntry>,
}

/// A thing that `verify --all` looked at.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ProofEntry {
    /// Where it is: `installed`, `cached`, `packaged` or `collected`.
    pub place: &'static str,
    /// What it is: subsystem, version and platform, or a file of the cache.
    pub what: String,
    /// Whether it is proven.
    pub state: ProofState,
    /// What proves it, or why it is not proven.
    pub reason: String,
}

/// Whether a thing is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProofState {
    /// A signature or a pin says that it is right.
    Proven,
    /// It is as it was made, and nothing else says that it is right.
    Unproven,
    /// It contradicts its description, a pin, or `trust:`.
    Different,
}

/// `env`: what puts the installed binaries on PATH.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EnvDocument {
    /// Folders, in the order in which they must be added to PATH.
    pub path: Vec<String>,
}
