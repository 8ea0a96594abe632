//! What steps do and how they end: the two words that events, documents and records share.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a step does.
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
pub enum Action {
    /// Make a binary present and right.
    Ensure,
    /// Write an asset to `.dist`.
    Package,
    /// Write an asset to the hub.
    Release,
    /// Write a bundle to `.dist`.
    Bundle,
    /// Check what is installed.
    Verify,
    /// Lay out a collection.
    Collect,
    /// Write lock lines.
    Lock,
    /// Remove what was installed.
    Clean,
    /// Go back to the previous artifact.
    Rollback,
    /// Run a task.
    Run,
    /// Do a line of `ci:`.
    Ci,
    /// Change a version in versions.yml.
    Bump,
}

/// How a step ended.
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
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing to do.
    UpToDate,
    /// From the local cache.
    Restored,
    /// From the hub or the publisher.
    Downloaded,
    /// Built here.
    Built,
    /// An asset was written to `.dist`.
    Packaged,
    /// An asset was written to the hub.
    Released,
    /// Checked and found right.
    Verified,
    /// Laid out in `.collection`.
    Collected,
    /// Lock lines were written.
    Locked,
    /// Removed.
    Cleaned,
    /// Back at the previous artifact.
    RolledBack,
    /// A task ran.
    Ran,
    /// versions.yml pins another version now.
    Bumped,
    /// It did not end well.
    Failed,
    /// Not done, with a reason.
    Skipped,
}

impl Action {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ensure => "ensure",
            Self::Package => "package",
            Self::Release => "release",
            Self::Bundle => "bundle",
            Self::Verify => "verify",
            Self::Collect => "collect",
            Self::Lock => "lock",
            Self::Clean => "clean",
            Self::Rollback => "rollback",
            Self::Run => "run",
            Self::Ci => "ci",
            Self::Bump => "bump",
        }
    }
}

impl Outcome {
    /// The word in JSON and on the terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UpToDate => "up-to-date",
            Self::Restored => "restored",
            Self::Downloaded => "downloaded",
            Self::Built => "built",
            Self::Packaged => "packaged",
            Self::Released => "released",
            Self::Verified => "verified",
            Self::Collected => "collected",
            Self::Locked => "locked",
            Self::Cleaned => "cleaned",
            Self::RolledBack => "rolled-back",
            Self::Ran => "ran",
            Self::Bumped => "bumped",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
