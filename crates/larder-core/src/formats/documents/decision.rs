//! `why` and `plan`: what `ensure` would do, and why.

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{Digest, Name, Origin, Platform, SourceKind, Version};

/// `why`: the decision about one subsystem on one platform, and its reasons.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WhyDocument {
    /// The subsystem.
    pub name: Name,
    /// The version that versions.yml pins.
    pub version: Version,
    /// The platform.
    pub platform: Platform,
    /// What `ensure` would do.
    pub decision: Decision,
    /// Why; null if it is up to date.
    pub reason: Option<String>,
    /// The installed artifact; null if none is installed.
    pub installed: Option<InstalledEntry>,
    /// Who vouches for the installed artifact, such as `signed by release` or `unsigned`; null if it
    /// is not up to date, or if the project says nothing about signatures.
    pub signed: Option<String>,
    /// The fingerprints that are accepted: one for each origin that the recipe declares.
    pub wanted: Vec<InputsEntry>,
    /// The sources in the order in which they are asked, up to the one that has it, and what each
    /// answered.
    pub sources: Vec<SourceEntry>,
    /// What the differences below were found in: what is installed, or an asset of the hub; null
    /// where nothing of other inputs was found.
    pub compared: Option<ComparedEntry>,
}

/// What `ensure` would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Do nothing: it is up to date.
    UpToDate,
    /// Restore it from the local cache.
    Restore,
    /// Download it, from the hub or the publisher.
    Download,
    /// Build it.
    Build,
    /// Fail: no source has it.
    Fail,
    /// Skip it: it does not exist on this platform.
    Skip,
}

impl Decision {
    /// The decision to use a source.
    pub fn of(source: SourceKind) -> Self {
        match source {
            SourceKind::Cache => Self::Restore,
            SourceKind::Managed | SourceKind::Original | SourceKind::RemoteCache => Self::Download,
            SourceKind::Build => Self::Build,
        }
    }

    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UpToDate => "up to date",
            Self::Restore => "restore",
            Self::Download => "download",
            Self::Build => "build",
            Self::Fail => "fail",
            Self::Skip => "skip",
        }
    }
}

/// An installed artifact.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InstalledEntry {
    /// Its version.
    pub version: Version,
    /// Who made it.
    pub origin: Origin,
    /// The platform whose programs it has, if they are not those of its own; null otherwise.
    pub emulated: Option<Platform>,
    /// Fingerprint of its inputs.
    pub inputs: Digest,
    /// Its digest.
    pub artifact: Digest,
    /// Whether its inputs equal the inputs that are wanted for its origin.
    pub accepted: bool,
    /// The executor that built it, or whose cache had it; null if none did, or if that was not
    /// recorded.
    pub executor: Option<String>,
}

/// A fingerprint and the fields that it is computed from.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InputsEntry {
    /// The origin that the fingerprint is for.
    pub origin: Origin,
    /// The fingerprint.
    pub inputs: Digest,
    /// The fields, in the order in which they are hashed.
    pub fields: Vec<FieldEntry>,
}

/// A field of a fingerprint.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FieldEntry {
    /// Its path, such as `commands.0`.
    pub field: String,
    /// Its value.
    pub value: String,
}

/// A source and its answer.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SourceEntry {
    /// The source.
    pub source: SourceKind,
    /// Whether this source would be used.
    pub chosen: bool,
    /// What it answered.
    pub answer: String,
}

/// An artifact with other inputs than those that are wanted, and the differences.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ComparedEntry {
    /// Where it was found.
    pub place: String,
    /// Who made it.
    pub origin: Origin,
    /// Its fingerprint.
    pub inputs: Digest,
    /// Whether the fields of its inputs are known, so that the list of differences is complete.
    pub known: bool,
    /// The fields that differ.
    pub differences: Vec<DifferenceEntry>,
}

/// A field that differs.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DifferenceEntry {
    /// Its path, such as `commands.0`.
    pub field: String,
    /// The value that was found; null if there was no such field.
    pub found: Option<String>,
    /// The value that is wanted; null if the field no longer exists.
    pub wanted: Option<String>,
}

/// `plan`: what `ensure` would do now.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlanDocument {
    /// Whether `ensure` would do nothing.
    pub up_to_date: bool,
    /// Each subsystem on each platform, including needs, sorted by name.
    pub steps: Vec<PlanStep>,
}

/// What would be done to a subsystem on a platform.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlanStep {
    /// The subsystem.
    pub name: Name,
    /// The version that versions.yml pins.
    pub version: Version,
    /// The platform.
    pub platform: Platform,
    /// What would be done.
    pub decision: Decision,
    /// The source that would be used; null if none is needed or none has it.
    pub source: Option<SourceKind>,
    /// Why something would be done; null if nothing would be done.
    pub reason: Option<String>,
    /// The answer of that source.
    pub answer: Option<String>,
    /// The subsystems whose builds need it, if it was not requested itself.
    pub needed_by: Vec<Name>,
}
