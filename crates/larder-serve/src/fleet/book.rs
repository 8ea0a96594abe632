//! The state of the fleet in memory, as far as it is kept: what the store has, changed only by what
//! the store has taken.

use std::collections::BTreeMap;

use super::record::{ChannelRecord, Event, NodeRecord, RolloutRecord};
use super::rollout::{Change, State};
use super::store::{Stored, Write};

/// The nodes, channels and rollouts.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// The nodes by their id.
    pub nodes: BTreeMap<String, NodeRecord>,
    /// The version of each channel, by the name of what runs and that of the channel.
    pub channels: BTreeMap<(String, String), String>,
    /// The rollouts by their id.
    pub rollouts: BTreeMap<String, RolloutRecord>,
    last_event: u64,
}

impl Book {
    /// What the store has.
    pub fn new(stored: Stored) -> Self {
        let mut book = Self {
            last_event: stored.last_event,
            ..Self::default()
        };
        book.apply(
            stored
                .nodes
                .into_iter()
                .map(|node| Write::Node(Box::new(node))),
        );
        book.apply(stored.channels.into_iter().map(Write::Channel));
        let rollouts = stored.rollouts.into_iter();
        book.apply(rollouts.map(|rollout| Write::Rollout(Box::new(rollout))));
        book
    }

    /// Takes up what the store has taken.
    pub fn apply(&mut self, writes: impl IntoIterator<Item = Write>) {
        for write in writes {
            match write {
                Write::Node(node) => drop(self.nodes.insert(node.node_id.clone(), *node)),
                Write::Channel(ChannelRecord {
                    name,
                    channel,
                    version,
                }) => drop(self.channels.insert((name, channel), version)),
                Write::Rollout(record) => {
                    drop(self.rollouts.insert(record.rollout.id.clone(), *record));
                }
                Write::Event(event) => self.last_event = self.last_event.max(event.id),
            }
        }
    }

    /// The number of the last event.
    pub fn last_event(&self) -> u64 {
        self.last_event
    }

    /// The node of an agent, unless it was removed.
    pub fn node_of(&self, agent_id: &str) -> Option<&NodeRecord> {
        self.nodes.values().find(|node| {
            node.agent_id == agent_id && node.state != super::record::NodeState::Removed
        })
    }

    /// The version of a channel.
    pub fn channel(&self, name: &str, channel: &str) -> Option<&str> {
        let key = (name.to_owned(), channel.to_owned());
        self.channels.get(&key).map(String::as_str)
    }

    /// The rollout that says what the nodes of a channel run, if there is one.
    pub fn current_rollout(&self, name: &str, channel: &str) -> Option<&RolloutRecord> {
        self.rollouts.values().find(|record| {
            record.is_current && record.rollout.name == name && record.rollout.channel == channel
        })
    }
}

/// A transaction in the making: writes, and the events that tell of them.
#[derive(Debug)]
pub struct Draft {
    /// What is written.
    pub writes: Vec<Write>,
    next: u64,
    time: String,
}

impl Draft {
    /// An empty one.
    pub fn new(book: &Book) -> Self {
        Self {
            writes: Vec::new(),
            next: book.last_event() + 1,
            time: jiff::Timestamp::now().to_string(),
        }
    }

    /// Adds an event; its number and time are filled in.
    pub fn event(&mut self, event: &str, details: Event) {
        let event = Event {
            id: self.next,
            time: self.time.clone(),
            event: event.to_owned(),
            ..details
        };
        self.next += 1;
        self.writes.push(Write::Event(Box::new(event)));
    }

    /// Adds a node.
    pub fn node(&mut self, node: NodeRecord) {
        self.writes.push(Write::Node(Box::new(node)));
    }

    /// Adds a rollout, and what has changed in it.
    pub fn rollout(
        &mut self,
        book: &Book,
        record: RolloutRecord,
        changes: Vec<Change>,
        by: Option<&str>,
    ) {
        let of = &record.rollout;
        let details = || Event {
            rollout: Some(of.id.clone()),
            name: Some(of.name.clone()),
            channel: Some(of.channel.clone()),
            version: Some(of.version.clone()),
            by: by.map(str::to_owned),
            ..Event::default()
        };
        let mut moved = None;
        for change in changes {
            match change {
                Change::Member {
                    node,
                    phase,
                    reason,
                } => self.event(
                    "member_phase",
                    Event {
                        agent_id: book.nodes.get(&node).map(|node| node.agent_id.clone()),
                        node_id: Some(node),
                        to: Some(phase.as_str().to_owned()),
                        reason,
                        ..details()
                    },
                ),
                Change::Step(step) => self.event(
                    "rollout_step",
                    Event {
                        to: Some(step.to_string()),
                        ..details()
                    },
                ),
                Change::State(state, reason) => {
                    self.event(
                        "rollout_state",
                        Event {
                            to: Some(state.as_str().to_owned()),
                            reason,
                            ..details()
                        },
                    );
                    if state == State::Succeeded {
                        moved = Some(ChannelRecord {
                            name: of.name.clone(),
                            channel: of.channel.clone(),
                            version: of.version.clone(),
                        });
                    }
                }
            }
        }
        let previous = of.previous.clone();
        if let Some(channel) = moved {
            self.channel(channel, previous, by);
        }
        self.writes.push(Write::Rollout(Box::new(record)));
    }

    /// Points a channel at a version.
    pub fn channel(&mut self, channel: ChannelRecord, from: Option<String>, by: Option<&str>) {
        self.event(
            "channel_moved",
            Event {
                name: Some(channel.name.clone()),
                channel: Some(channel.channel.clone()),
                version: Some(channel.version.clone()),
                from,
                to: Some(channel.version.clone()),
                by: by.map(str::to_owned),
                ..Event::default()
            },
        );
        self.writes.push(Write::Channel(channel));
    }
}
