//! What `larder fleet` prints, and what a server answers to it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The nodes of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FleetNodesDocument {
    /// The nodes, sorted by the names of their agents.
    pub nodes: Vec<FleetNode>,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FleetNode {
    /// Its id.
    pub node_id: String,
    /// The name that its configuration gives the agent.
    pub agent_id: String,
    /// The operating system: linux, darwin or windows.
    pub platform: String,
    /// The architecture: `x86_64`, aarch64, arm or x86.
    pub arch: String,
    /// ready, suspect, lost, draining, drained, conflict or removed.
    pub state: String,
    /// Since when, RFC 3339 in UTC.
    pub state_since: String,
    /// What it runs; null if that is nothing.
    pub running: Option<FleetRunning>,
    /// healthy, unhealthy or unknown.
    pub health: String,
    /// The version that an administrator has pinned.
    pub pinned: Option<String>,
    /// The channel that it follows.
    pub channel: Option<String>,
    /// When it was last heard, RFC 3339 in UTC.
    pub last_seen: String,
    /// The name of what it runs.
    #[serde(default)]
    pub name: String,
    /// The version that its own configuration pins.
    #[serde(default)]
    pub version: Option<String>,
    /// The version of its larder.
    #[serde(default)]
    pub agent_version: String,
    /// The digests that it must not run.
    #[serde(default)]
    pub denied: Vec<String>,
    /// Why it can't move on or has failed last.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What a node runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FleetRunning {
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
    /// The SHA-256 of the binary, in hex.
    pub checksum: String,
}

/// The channels of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FleetChannelsDocument {
    /// The channels, sorted by name.
    pub channels: Vec<FleetChannel>,
}

/// One channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FleetChannel {
    /// The name of what it is a channel of.
    pub name: String,
    /// Its own name.
    pub channel: String,
    /// The version.
    pub version: String,
}

/// The rollouts of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FleetRolloutsDocument {
    /// The rollouts, the newest first.
    pub rollouts: Vec<FleetRollout>,
}

/// One rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FleetRollout {
    /// Its id.
    pub id: String,
    /// The name of what is rolled out.
    pub name: String,
    /// The channel.
    pub channel: String,
    /// The version.
    pub version: String,
    /// The version that the channel points at until it has succeeded.
    pub previous: Option<String>,
    /// running, paused, succeeded, halted, `rolled_back` or aborted.
    pub state: String,
    /// The number of the open step; 0 is the canary.
    pub step: usize,
    /// How many members each step and those before it have.
    #[serde(default)]
    pub sizes: Vec<usize>,
    /// Why it was halted.
    #[serde(default)]
    pub reason: Option<String>,
    /// When it was started, RFC 3339 in UTC.
    pub started: String,
    /// Who has started it.
    pub by: String,
    /// The number of members of the first step.
    pub canary: usize,
    /// The percentages of the steps after it.
    pub steps: Vec<u8>,
    /// How long a member must be healthy.
    pub soak: String,
    /// How many members may be on their way at a time.
    pub max_in_flight: String,
    /// How long a member may take.
    pub deadline: String,
    /// When failures stop it.
    pub halt: FleetHalt,
    /// Whether members return after that.
    pub rollback: bool,
    /// The members, by their rank.
    pub members: Vec<FleetMember>,
}

impl FleetRollout {
    /// Whether nothing changes any more.
    pub fn is_final(&self) -> bool {
        match self.state.as_str() {
            "succeeded" | "rolled_back" | "aborted" => true,
            "halted" => !self.rollback,
            _ => false,
        }
    }

    /// How many members are in one of these phases.
    pub fn count(&self, phases: &[&str]) -> usize {
        let is_one = |member: &&FleetMember| phases.contains(&member.phase.as_str());
        self.members.iter().filter(is_one).count()
    }
}

/// When failures stop a rollout: both limits must be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FleetHalt {
    /// The number of failures.
    pub failures: usize,
    /// Their percentage of all members.
    pub percent: u8,
}

/// A member of a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FleetMember {
    /// The id of its node.
    pub node: String,
    /// The name of the node's agent.
    #[serde(default)]
    pub agent_id: Option<String>,
    /// Its place in the order; 0 comes first.
    pub rank: usize,
    /// How far it is.
    pub phase: String,
    /// Why it failed, or another remark.
    pub reason: Option<String>,
}

/// Something that has happened. Fields that do not matter to its kind are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FleetEvent {
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
