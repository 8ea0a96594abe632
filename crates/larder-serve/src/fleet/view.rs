//! The fleet as the API shows it.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::live::LiveNode;
use super::record::{NodeRecord, NodeState, RolloutRecord, RunningRecord};
use super::rollout::{Health, InFlight, Phase, State};

/// One node.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Node {
    /// Its id.
    pub node_id: String,
    /// The name that its configuration gives the agent.
    #[schema(example = "agent-1")]
    pub agent_id: String,
    /// The operating system: linux, darwin or windows.
    pub platform: String,
    /// The architecture: `x86_64`, aarch64, arm or x86.
    pub arch: String,
    /// Its state.
    pub state: NodeState,
    /// Since when, RFC 3339 in UTC.
    pub state_since: String,
    /// What it runs; null if that is nothing.
    pub running: Option<RunningRecord>,
    /// `healthy`, `unhealthy` or `unknown`.
    pub health: &'static str,
    /// The version that an administrator has pinned.
    pub pinned: Option<String>,
    /// The channel that it follows.
    pub channel: Option<String>,
    /// When it was last heard, RFC 3339 in UTC.
    pub last_seen: String,
    /// What it runs is one of these names.
    pub name: String,
    /// The version that its own configuration pins.
    pub version: Option<String>,
    /// The version of its larder.
    pub agent_version: String,
    /// The digests that it must not run.
    pub denied: Vec<String>,
    /// Why it can't move on or has failed last.
    pub reason: Option<String>,
}

impl Node {
    /// A node, as it is kept and as it was heard.
    pub fn new(record: &NodeRecord, live: Option<&LiveNode>) -> Self {
        let known = live.filter(|live| live.is_known);
        Self {
            node_id: record.node_id.clone(),
            agent_id: record.agent_id.clone(),
            platform: record.platform.clone(),
            arch: record.arch.clone(),
            state: record.state,
            state_since: time(record.state_since),
            running: match known {
                Some(live) => live.running.clone(),
                None => record.running.clone(),
            },
            health: match known.map(|live| live.health) {
                Some(Health::Healthy(_)) => "healthy",
                Some(Health::Unhealthy) => "unhealthy",
                Some(Health::Unknown) | None => "unknown",
            },
            pinned: record.pinned.clone(),
            channel: record.channel.clone(),
            last_seen: time(
                live.and_then(|live| live.last_seen)
                    .unwrap_or(record.last_seen),
            ),
            name: record.name.clone(),
            version: record.version.clone(),
            agent_version: record.agent_version.clone(),
            denied: record.denied.keys().cloned().collect(),
            reason: known
                .and_then(|live| live.attempt.as_ref())
                .map(|attempt| attempt.reason.clone())
                .filter(|reason| !reason.is_empty()),
        }
    }
}

/// A rollout.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Rollout {
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
    #[schema(value_type = String)]
    pub state: State,
    /// The number of the open step; 0 is the canary.
    pub step: usize,
    /// How many members each step and those before it have.
    pub sizes: Vec<usize>,
    /// Why it was halted.
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
    pub halt: Halt,
    /// Whether members return after that.
    pub rollback: bool,
    /// The members, by their rank.
    pub members: Vec<Member>,
}

/// When failures stop a rollout: both limits must be reached.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Halt {
    /// The number of failures.
    pub failures: usize,
    /// Their percentage of all members.
    pub percent: u8,
}

/// A member of a rollout.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Member {
    /// The id of its node.
    pub node: String,
    /// The name of the node's agent.
    pub agent_id: Option<String>,
    /// Its place in the order; 0 comes first.
    pub rank: usize,
    /// How far it is.
    #[schema(value_type = String)]
    pub phase: Phase,
    /// Why it failed, or another remark.
    pub reason: Option<String>,
}

impl Rollout {
    /// A rollout as it is kept; `agent` knows the names of the agents.
    pub fn new(record: &RolloutRecord, agent: impl Fn(&str) -> Option<String>) -> Self {
        let of = &record.rollout;
        let member = |member: &super::rollout::Member| Member {
            node: member.node.clone(),
            agent_id: agent(&member.node),
            rank: member.rank,
            phase: member.phase,
            reason: member.reason.clone(),
        };
        Self {
            id: of.id.clone(),
            name: of.name.clone(),
            channel: of.channel.clone(),
            version: of.version.clone(),
            previous: of.previous.clone(),
            state: of.state,
            step: of.step,
            sizes: super::rollout::step_sizes(of.members.len(), of.params.canary, &of.params.steps),
            reason: of.reason.clone().map(|reason| named(reason, of, &agent)),
            started: time(record.started),
            by: record.by.clone(),
            canary: of.params.canary,
            steps: of.params.steps.clone(),
            soak: duration(of.params.soak),
            max_in_flight: match of.params.max_in_flight {
                InFlight::Count(count) => count.to_string(),
                InFlight::Percent(percent) => format!("{percent}%"),
            },
            deadline: duration(of.params.deadline),
            halt: Halt {
                failures: of.params.halt.failures,
                percent: of.params.halt.percent,
            },
            rollback: of.params.rollback,
            members: of.members.iter().map(member).collect(),
        }
    }
}

/// A reason with the names of agents in place of their nodes' ids.
fn named(
    reason: String,
    of: &super::rollout::Rollout,
    agent: impl Fn(&str) -> Option<String>,
) -> String {
    let mut members = of.members.iter().map(|member| member.node.as_str());
    match members.find(|node| reason.contains(node)) {
        Some(node) => reason.replace(node, &agent(node).unwrap_or_else(|| node.to_owned())),
        None => reason,
    }
}

/// A time in the way that requests write it.
fn duration(time: std::time::Duration) -> String {
    let millis = time.as_millis();
    let units = [(3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let fits = |(size, _): &(u128, &str)| millis > 0 && millis.is_multiple_of(*size);
    match units.into_iter().find(fits) {
        Some((size, unit)) => format!("{}{unit}", millis / size),
        None => format!("{millis}ms"),
    }
}

/// A time in milliseconds since 1970, as RFC 3339 in UTC.
fn time(millis: i64) -> String {
    Timestamp::from_millisecond(millis)
        .unwrap_or_default()
        .to_string()
}
