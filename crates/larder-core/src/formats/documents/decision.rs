//! `why` and `plan`: what `ensure` would do, and what that rests on.

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{Digest, Name, Origin, Platform, SourceKind, Version};

/// `why`: the decision about one subsystem on one platform, and what it rests on.
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
    /// Why; null where it is up to date.
    pub reason: Option<String>,
    /// What is installed.
    pub installed: Option<InstalledEntry>,
    /// The fingerprints that are wanted: one for each way in which it can be made.
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
    /// Nothing.
    UpToDate,
    /// Restore it from the local cache.
    Restore,
    /// Download it, from the hub or the publisher.
    Download,
    /// Build it.
    Build,
    /// Fail: no source has it.
    Fail,
    /// Leave it out: it does not exist on this platform.
    Skip,
}

impl Decision {
    /// What a chosen source means.
    pub fn of(source: SourceKind) -> Self {
        match source {
            SourceKind::Cache => Self::Restore,
            SourceKind::Managed | SourceKind::Original => Self::Download,
            SourceKind::Build => Self::Build,
        }
    }

    /// The word, for people.
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
    /// How it was made.
    pub origin: Origin,
    /// Fingerprint of what decided it.
    pub inputs: Digest,
    /// Its digest.
    pub artifact: Digest,
    /// Its inputs are those wanted.
    pub accepted: bool,
}

/// A fingerprint and what it is made of.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InputsEntry {
    /// The way in which it would be made.
    pub origin: Origin,
    /// The fingerprint.
    pub inputs: Digest,
    /// What it is made of, in the order in which it is hashed.
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
    /// This one would be used.
    pub chosen: bool,
    /// What it answered.
    pub answer: String,
}

/// An artifact of other inputs than those wanted, and what differs.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ComparedEntry {
    /// Where it was found.
    pub place: String,
    /// How it was made.
    pub origin: Origin,
    /// Its fingerprint.
    pub inputs: Digest,
    /// What its inputs were made of is known, so that the differences are all there are.
    pub known: bool,
    /// What differs.
    pub differences: Vec<DifferenceEntry>,
}

/// A field that differs.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DifferenceEntry {
    /// Its path, such as `commands.0`.
    pub field: String,
    /// What was found; null where there was no such field.
    pub found: Option<String>,
    /// What is wanted; null where there is no such field any more.
    pub wanted: Option<String>,
}

/// `plan`: what `ensure` would do now.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlanDocument {
    /// Nothing would be done.
    pub up_to_date: bool,
    /// Each subsystem on each platform, needs included, by name.
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
    /// The source that would be used; null where none is needed or none has it.
    pub source: Option<SourceKind>,
    /// Why anything would be done; null where nothing would.
    pub reason: Option<String>,
    /// What that source answered.
    pub answer: Option<String>,
    /// The builds it is needed for, where it was not asked for.
    pub needed_by: Vec<Name>,
}
