//! What a step does and how it ends: the words that events, documents and records share.

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
    /// Install every pinned binary and verify it.
    Ensure,
    /// Write an asset to `.dist`.
    Package,
    /// Write an asset to the hub.
    Release,
    /// Write a bundle to `.dist`.
    Bundle,
    /// Check what is installed.
    Verify,
    /// Write a collection.
    Collect,
    /// Write lock lines.
    Lock,
    /// Remove what was installed.
    Clean,
    /// Go back to the previous artifact.
    Rollback,
    /// Run a task.
    Run,
    /// Run a line of `ci:`.
    Ci,
    /// Start a service.
    Up,
    /// Stop a service.
    Down,
    /// Change a version in versions.yml.
    Bump,
    /// Feed a channel.
    Publish,
    /// Take a version back from a channel.
    Unpublish,
    /// Copy a release to another hub.
    Copy,
    /// Remove from the hub what nothing needs.
    Gc,
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
    /// There was nothing to do.
    UpToDate,
    /// It was installed from the local cache.
    Restored,
    /// It was downloaded from the hub or the publisher.
    Downloaded,
    /// It was built on this machine.
    Built,
    /// An asset was written to `.dist`.
    Packaged,
    /// An asset was written to the hub.
    Released,
    /// It was checked and is correct.
    Verified,
    /// It was written to `.collection`.
    Collected,
    /// Lock lines were written.
    Locked,
    /// What was installed was removed.
    Cleaned,
    /// The previous artifact is installed again.
    RolledBack,
    /// A task ran.
    Ran,
    /// A service was started and is ready.
    Started,
    /// A service was stopped with all its children.
    Stopped,
    /// The version in versions.yml was changed.
    Bumped,
    /// The files of a channel were written.
    Rendered,
    /// A version was pushed to a channel, and read back.
    Published,
    /// A version was taken back from a channel.
    Withdrawn,
    /// The step failed.
    Failed,
    /// The step was not done; there is a reason.
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
            Self::Up => "up",
            Self::Down => "down",
            Self::Bump => "bump",
            Self::Publish => "publish",
            Self::Unpublish => "unpublish",
            Self::Copy => "copy",
            Self::Gc => "gc",
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
            Self::Started => "started",
            Self::Stopped => "stopped",
            Self::Bumped => "bumped",
            Self::Rendered => "rendered",
            Self::Published => "published",
            Self::Withdrawn => "withdrawn",
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
