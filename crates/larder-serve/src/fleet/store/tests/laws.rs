//! A store is a map for each kind of record, whatever is written in which order.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{as_write, channel, event, everything, node, rollout};
use crate::fleet::record::Event;
use crate::fleet::store::{Store, Stored, Write};

fn write() -> impl Strategy<Value = Write> {
    let name = prop_oneof![Just("a"), Just("b"), Just("a'\"b"), Just("\u{e4}")];
    prop_oneof![
        ("[a-d]{1,2}", ".*").prop_map(|(id, text)| Write::Node(Box::new(node(&id, &text)))),
        (name.clone(), name, ".*")
            .prop_map(|(one, two, version)| { Write::Channel(channel(one, two, &version)) }),
        ("[a-d]", 0..4_usize, any::<i64>()).prop_map(|(id, members, started)| {
            Write::Rollout(Box::new(rollout(&id, members, started)))
        }),
        (1..12_u64, ".*").prop_map(|(id, text)| as_write(event(id, &text))),
    ]
}

/// What a store is to have.
#[derive(Default)]
struct Model {
    stored: Stored,
    events: BTreeMap<u64, Event>,
}

fn put<T, K: Ord>(list: &mut Vec<T>, record: T, key: impl Fn(&T) -> K) {
    match list.iter().position(|other| key(other) == key(&record)) {
        Some(place) => list[place] = record,
        None => list.push(record),
    }
}

impl Model {
    fn take(&mut self, write: Write) {
        let stored = &mut self.stored;
        match write {
            Write::Node(node) => {
                put(&mut stored.nodes, *node, |node| node.node_id.clone());
                stored.nodes.sort_by_key(|node| node.node_id.clone());
            }
            Write::Channel(channel) => {
                let key = |channel: &crate::fleet::record::ChannelRecord| {
                    (channel.name.clone(), channel.channel.clone())
                };
                put(&mut stored.channels, channel, key);
                stored.channels.sort_by_key(key);
            }
            Write::Rollout(rollout) => {
                put(&mut stored.rollouts, *rollout, |record| {
                    record.rollout.id.clone()
                });
            }
            Write::Event(event) => {
                stored.last_event = stored.last_event.max(event.id);
                self.events.insert(event.id, *event);
            }
        }
    }
}

/// `empty` gives a store that has nothing.
pub fn any_writes_are_kept(
    runtime: &tokio::runtime::Runtime,
    cases: u32,
    empty: impl Fn() -> std::sync::Arc<dyn Store>,
) {
    let transactions = prop::collection::vec(prop::collection::vec(write(), 0..6), 0..6);
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    });
    let run = |transactions: Vec<Vec<Write>>| {
        let store = empty();
        let mut model = Model::default();
        runtime.block_on(async {
            for writes in transactions {
                store.commit(&writes).await.unwrap();
                for write in writes {
                    model.take(write);
                }
                let (stored, events) = everything(&*store).await;
                prop_assert_eq!(&stored, &model.stored);
                let expected: Vec<Event> = model.events.values().cloned().collect();
                prop_assert_eq!(events, expected);
            }
            Ok(())
        })
    };
    runner.run(&transactions, run).unwrap();
}
