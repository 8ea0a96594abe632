//! What the store keeps: nodes, channels, rollouts and events.

use std::collections::BTreeMap;

use larder_core::model::Digest;
use serde::{Deserialize, Serialize};

use super::rollout::Rollout;

/// A node, as far as it outlives the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// Its id.
    pub node_id: String,
    /// The name that its configuration gives the agent.
    pub agent_id: String,
    /// The operating system: linux, darwin or windows.
    pub platform: String,
    /// The architecture: `x86_64`, aarch64, arm or x86.
    pub arch: String,
    /// What it runs.
    pub name: String,
    /// The channel that it follows.
    pub channel: Option<String>,
    /// The version that its configuration pins.
    pub version: Option<String>,
    /// The version of larder.
    pub agent_version: String,
    /// Its state.
    pub state: NodeState,
    /// Since when, in milliseconds since 1970.
    pub state_since: i64,
    /// The version that an administrator has pinned.
    pub pinned: Option<String>,
    /// Whether it is drained, or to be.
    pub is_drained: bool,
    /// What it ran when that last changed.
    pub running: Option<RunningRecord>,
    /// When it was last heard, in milliseconds since 1970, as of the last write.
    pub last_seen: i64,
    /// The digests of its secrets, the newest last.
    pub secrets: Vec<Digest>,
    /// The digests that it must not run, and why.
    pub denied: BTreeMap<String, String>,
}

/// What a node runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunningRecord {
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
    /// The SHA-256 of the binary, in hex.
    pub checksum: String,
}

/// The state of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// It is heard in time.
    Ready,
    /// It is late.
    Suspect,
    /// It is away.
    Lost,
    /// It leaves the rollouts that it is on its way in.
    Draining,
    /// It takes part in no rollout.
    Drained,
    /// Two live processes claim to be it.
    Conflict,
    /// An administrator has removed it.
    Removed,
}

impl NodeState {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Suspect => "suspect",
            Self::Lost => "lost",
            Self::Draining => "draining",
            Self::Drained => "drained",
            Self::Conflict => "conflict",
            Self::Removed => "removed",
        }
    }
}

/// A channel: which version of a name its nodes run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChannelRecord {
    /// The name of what it is a channel of.
    #[schema(example = "storage-server")]
    pub name: String,
    /// Its own name.
    #[schema(example = "stable")]
    pub channel: String,
    /// The version.
    #[schema(example = "1.0.0")]
    pub version: String,
}

/// A rollout, and when it was started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RolloutRecord {
    /// The rollout.
    pub rollout: Rollout,
    /// When it was started, in milliseconds since 1970.
    pub started: i64,
    /// Who has started it.
    pub by: String,
    /// Whether it still says what the nodes of its channel run. Only the last one of a channel does.
    pub is_current: bool,
}

/// Something that has happened. Fields that do not matter to its kind are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Event {
    /// Its number: larger than that of every event before it.
    pub id: u64,
    /// When, RFC 3339 in UTC.
    pub time: String,
    /// What has happened, such as `node_state` or `rollout_state`.
    pub event: String,
    /// The node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_id: Option<String>,
    /// The name of the node's agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// The rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<String>,
    /// The name of what runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    /// What it was before: a state, a phase, a version or a step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whose token it was, if a person has asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}
