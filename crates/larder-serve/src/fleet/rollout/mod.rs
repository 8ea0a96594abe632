//! A rollout: moves the members of a channel to another version, a few first, and takes the version
//! back if it does not hold.
//!
//! A [`Rollout`] is a value. [`Rollout::advance`] gets what is known of every member and how much
//! time the server has run since the last call, and changes the value; [`Rollout::offers`] says
//! what a member is to run. Membership and its order are fixed at the start. A member's time counts
//! only while the server runs, so a restart neither skips nor repeats anything.

mod advance;
#[cfg(test)]
mod laws;
mod rank;
mod request;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use rank::{Step, ranked, step_sizes};
pub use request::{Halt, InFlight, Params, Request};

/// A rollout of one version of one name in one channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// Its id.
    pub id: String,
    /// The name of what is rolled out.
    pub name: String,
    /// The channel.
    pub channel: String,
    /// The version that members are moved to.
    pub version: String,
    /// The version that the channel points at until the rollout has succeeded, and members return to.
    pub previous: Option<String>,
    /// How it proceeds.
    pub params: Params,
    /// Where it is.
    pub state: State,
    /// The number of the open step: 0 is the canary, then `params.steps`.
    pub step: usize,
    /// The members, by their rank.
    pub members: Vec<Member>,
    /// Why it was halted.
    pub reason: Option<String>,
    /// The running time without any member.
    #[serde(default)]
    pub empty: Duration,
}

impl Rollout {
    /// A rollout over these nodes, in this order. `Err` says which value of the request is wrong.
    pub fn new(
        id: &str,
        request: &Request,
        previous: Option<String>,
        nodes: Vec<String>,
    ) -> Result<Self, String> {
        let member = |(rank, node)| Member {
            node,
            rank,
            phase: Phase::Pending,
            reason: None,
            waited: Duration::ZERO,
            soaked: Duration::ZERO,
            unheard: Duration::ZERO,
        };
        Ok(Self {
            id: id.to_owned(),
            name: request.name.clone(),
            channel: request.channel.clone(),
            version: request.version.clone(),
            previous,
            params: request.params(nodes.len())?,
            state: State::Running,
            step: 0,
            members: nodes.into_iter().enumerate().map(member).collect(),
            reason: None,
            empty: Duration::ZERO,
        })
    }
}

/// Where a rollout is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It proceeds.
    Running,
    /// Nothing more is started until it is resumed.
    Paused,
    /// Every step has passed; the channel points at the version.
    Succeeded,
    /// It was stopped by failures. Members return, unless it was to leave them as they are.
    Halted,
    /// It was stopped by failures, and every member that can has returned.
    RolledBack,
    /// A person has ended it.
    Aborted,
}

impl State {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Succeeded => "succeeded",
            Self::Halted => "halted",
            Self::RolledBack => "rolled_back",
            Self::Aborted => "aborted",
        }
    }

    /// Whether the rollout still decides what members run.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}

/// A member of a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The id of its node.
    pub node: String,
    /// Its place in the order; 0 comes first.
    pub rank: usize,
    /// How far it is.
    pub phase: Phase,
    /// Why it failed, or another remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The running time since it was offered the version, until it runs healthily.
    #[serde(default)]
    pub waited: Duration,
    /// The running time during which it was healthy without a break.
    #[serde(default)]
    pub soaked: Duration,
    /// The running time since it was last heard of.
    #[serde(default)]
    pub unheard: Duration,
}

/// How far a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Its step is not open, or too many others are on their way.
    Pending,
    /// It is to run the version.
    Offered,
    /// It downloads the version.
    Downloading,
    /// It has the version, and the bytes are right.
    Verified,
    /// It starts the version.
    Starting,
    /// It runs the version, and is healthy so far.
    Soaking,
    /// It was healthy for the whole soak time.
    Succeeded,
    /// The version does not hold there.
    Failed,
    /// It runs the version before again, because others failed.
    RolledBack,
    /// It was not done in time, or not heard of for as long.
    TimedOut,
    /// It left the rollout before it was done.
    Cancelled,
}

impl Phase {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Offered => "offered",
            Self::Downloading => "downloading",
            Self::Verified => "verified",
            Self::Starting => "starting",
            Self::Soaking => "soaking",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::RolledBack => "rolled_back",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the member is on its way: it counts for `max_in_flight`.
    pub fn is_in_flight(self) -> bool {
        (Self::Offered..=Self::Soaking).contains(&self)
    }

    /// Whether it counts as a failure of the version.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::TimedOut)
    }

    /// Whether the member may run the version, or be about to.
    fn is_touched(self) -> bool {
        self.is_in_flight() || matches!(self, Self::Succeeded | Self::TimedOut)
    }
}

/// A moment: how much running time it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The running time since the last moment.
    pub passed: Duration,
    /// How long a node may be unheard until it is lost. What happened during a longer silence is not
    /// known.
    pub patience: Duration,
}

/// What is known of a member's node at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Whether it was heard of since the last moment. Nothing else counts if it was not.
    pub fresh: bool,
    /// The version of the rollout's name that it runs.
    pub running: Option<String>,
    /// How the process is that it runs.
    pub health: Health,
    /// The phase that it reports of its own for the rollout's version.
    pub reported: Option<Reported>,
    /// Why the node takes part in no rollout: drained, pinned or removed.
    pub left: Option<&'static str>,
    /// Why it can't run the rollout's version: there is none for its platform, or it is denied.
    pub refused: Option<String>,
    /// Why it can't return to the version before.
    pub stuck: Option<String>,
}

/// How the process of a node is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// Nothing is known yet.
    #[default]
    Unknown,
    /// The last check has failed.
    Unhealthy,
    /// Every check has passed for so long.
    Healthy(Duration),
}

/// What a node reports of its way to a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reported {
    /// It downloads.
    Downloading,
    /// The bytes are right.
    Verified,
    /// It starts.
    Starting,
    /// The version did not hold; why. The node went back by itself.
    Failed(String),
}

/// A change of a rollout or a member, for the audit and for those who watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A member has another phase.
    Member {
        /// Its node.
        node: String,
        /// The phase.
        phase: Phase,
        /// Why.
        reason: Option<String>,
    },
    /// Another step is open.
    Step(usize),
    /// The rollout is in another state.
    State(State, Option<String>),
}
