//! A store that forgets everything when it is dropped: the twin of the databases for tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use camino::Utf8Path;
use larder_core::error::{Error, Result};

use super::{Reply, Store, Stored, Write};
use crate::fleet::record::{ChannelRecord, Event, NodeRecord, RolloutRecord};

/// A store in memory.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    nodes: BTreeMap<String, NodeRecord>,
    channels: BTreeMap<(String, String), ChannelRecord>,
    rollouts: BTreeMap<String, RolloutRecord>,
    events: BTreeMap<u64, Event>,
    last_event: u64,
}

impl Memory {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn stored(&self) -> Stored {
        let mut rollouts: Vec<RolloutRecord> = self.rollouts.values().cloned().collect();
        rollouts.sort_by_key(|record| record.started);
        Stored {
            nodes: self.nodes.values().cloned().collect(),
            channels: self.channels.values().cloned().collect(),
            rollouts,
            last_event: self.last_event,
        }
    }

    fn write(&mut self, write: &Write) {
        match write {
            Write::Node(node) => {
                let node = NodeRecord::clone(node);
                self.nodes.insert(node.node_id.clone(), node);
            }
            Write::Channel(channel) => {
                let key = (channel.name.clone(), channel.channel.clone());
                self.channels.insert(key, channel.clone());
            }
            Write::Rollout(record) => {
                let record = RolloutRecord::clone(record);
                self.rollouts.insert(record.rollout.id.clone(), record);
            }
            Write::Event(event) => {
                self.last_event = self.last_event.max(event.id);
                self.events.insert(event.id, Event::clone(event));
            }
        }
    }
}

impl Store for Memory {
    fn load(&self) -> Reply<'_, Stored> {
        Box::pin(async { Ok(self.kept().stored()) })
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> Reply<'a, ()> {
        Box::pin(async move {
            let mut kept = self.kept();
            for write in writes {
                kept.write(write);
            }
            Ok(())
        })
    }

    fn events(&self, after: u64, limit: usize) -> Reply<'_, Vec<Event>> {
        Box::pin(async move {
            let kept = self.kept();
            let later = kept.events.range(after.saturating_add(1)..);
            Ok(later.take(limit).map(|(_, event)| event.clone()).collect())
        })
    }

    fn prune(&self, keep: u64) -> Reply<'_, u64> {
        Box::pin(async move {
            let mut kept = self.kept();
            let before = kept.events.len();
            let first = kept.last_event.saturating_sub(keep) + 1;
            kept.events = kept.events.split_off(&first);
            Ok((before - kept.events.len()) as u64)
        })
    }

    fn backup<'a>(&'a self, file: &'a Utf8Path) -> Reply<'a, ()> {
        let refused: Result<()> = Err(Error::failed(format!(
            "cannot write {file}: a store in memory has no backup"
        )));
        Box::pin(async move { refused })
    }
}
