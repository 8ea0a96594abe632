//! How many nodes and rollouts there are in each state.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Fleet;
use super::record::NodeState;
use super::rollout::State;

/// The counts. States that nothing is in are there with 0.
#[derive(Clone, Debug)]
pub struct Counts {
    /// The nodes that were not removed, by the words of the API.
    pub nodes: BTreeMap<&'static str, i64>,
    /// The rollouts.
    pub rollouts: BTreeMap<&'static str, i64>,
    /// The mean time between two heartbeats of a node.
    pub interval: Duration,
}

impl Fleet {
    /// How many nodes and rollouts there are.
    pub fn counts(&self) -> Counts {
        let nodes = [
            NodeState::Ready,
            NodeState::Suspect,
            NodeState::Lost,
            NodeState::Draining,
            NodeState::Drained,
            NodeState::Conflict,
        ];
        let rollouts = [
            State::Running,
            State::Paused,
            State::Succeeded,
            State::Halted,
            State::RolledBack,
            State::Aborted,
        ];
        let mut counts = Counts {
            nodes: nodes.map(|state| (state.as_str(), 0)).into(),
            rollouts: rollouts.map(|state| (state.as_str(), 0)).into(),
            interval: self.rhythm().interval(),
        };
        let book = self.book();
        for node in book.nodes.values() {
            if let Some(count) = counts.nodes.get_mut(node.state.as_str()) {
                *count += 1;
            }
        }
        for record in book.rollouts.values() {
            *counts
                .rollouts
                .entry(record.rollout.state.as_str())
                .or_default() += 1;
        }
        counts
    }
}
