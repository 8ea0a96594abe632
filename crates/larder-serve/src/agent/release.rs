//! What an agent runs and what it is asked to run, in the words that it keeps.

use std::time::Duration;

use larder_core::model::Digest;
use serde::{Deserialize, Serialize};

/// A version with its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The name.
    pub name: String,
    /// The version; empty for a file that the configuration names.
    pub version: String,
    /// The digest of the bytes.
    pub checksum: Digest,
    /// The name of the file on the server.
    pub file: String,
    /// The size in bytes; 0 if nobody has told it.
    pub size: u64,
}

/// What the agent is to run from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The version.
    pub release: Release,
    /// The rollout that offers it; empty if none does.
    pub rollout: String,
    /// How long it must be healthy to hold.
    pub soak: Duration,
    /// How long to wait before it is applied, once it is there.
    pub delay: Duration,
    /// Whether the agent has looked for it itself, because it has nothing to run.
    pub is_first: bool,
}

/// How long a version must be healthy to hold if no rollout says it.
pub const DEFAULT_SOAK: Duration = Duration::from_mins(10);

/// A step on the way to a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It is being downloaded.
    Downloading,
    /// Its bytes are there and right.
    Verified,
    /// It is being started.
    Starting,
    /// It runs and is healthy.
    Running,
    /// It did not hold.
    Failed,
    /// It could not be fetched or started for a reason that is not the version's.
    Hindered,
}

/// A step on the way to a version, as it is reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The version.
    pub version: String,
    /// Its digest.
    pub checksum: Digest,
    /// The step.
    pub phase: Phase,
    /// Why it failed or is hindered.
    pub reason: String,
    /// The rollout that offered it; empty if none did.
    pub rollout: String,
}

impl Attempt {
    /// A step of a version.
    pub fn new(release: &Release, phase: Phase, rollout: &str, reason: &str) -> Self {
        Self {
            version: release.version.clone(),
            checksum: release.checksum,
            phase,
            reason: reason.to_owned(),
            rollout: rollout.to_owned(),
        }
    }
}
