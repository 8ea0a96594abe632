//! Records as rows: the columns by which they are found, and the record as JSON.

use std::collections::HashMap;
use std::hash::Hash;

use larder_core::error::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Write;

/// Rows of one table. Each key is there once, at the place at which it came first, with the
/// document that came last: a database takes a key only once in one statement.
#[derive(Clone, Debug)]
pub(super) struct Rows<K> {
    pub list: Vec<(K, String)>,
    places: HashMap<K, usize>,
}

impl<K> Default for Rows<K> {
    fn default() -> Self {
        Self {
            list: Vec::new(),
            places: HashMap::new(),
        }
    }
}

impl<K: Clone + Eq + Hash> Rows<K> {
    /// Rows as a database had them: each key is there once.
    pub fn of(rows: impl IntoIterator<Item = (K, String)>) -> Self {
        Self {
            list: rows.into_iter().collect(),
            places: HashMap::new(),
        }
    }

    fn put(&mut self, key: K, record: &impl Serialize) -> Result<()> {
        let document = serde_json::to_string(record)
            .map_err(|error| Error::failed("cannot write a record as JSON").cause(error))?;
        let next = self.list.len();
        match self.places.entry(key.clone()).or_insert(next) {
            place if *place == next => self.list.push((key, document)),
            place => self.list[*place].1 = document,
        }
        Ok(())
    }
}

/// The rows of one transaction.
#[derive(Clone, Debug, Default)]
pub(super) struct Batch {
    pub nodes: Rows<String>,
    pub channels: Rows<(String, String)>,
    pub rollouts: Rows<String>,
    pub events: Rows<i64>,
    /// The largest number of its events, or 0.
    pub last_event: i64,
}

impl Batch {
    /// The rows of a list of writes.
    pub fn new(writes: &[Write]) -> Result<Self> {
        let mut batch = Self::default();
        for write in writes {
            match write {
                Write::Node(node) => batch.nodes.put(node.node_id.clone(), node)?,
                Write::Channel(channel) => {
                    let key = (channel.name.clone(), channel.channel.clone());
                    batch.channels.put(key, channel)?;
                }
                Write::Rollout(record) => {
                    batch.rollouts.put(record.rollout.id.clone(), record)?;
                }
                Write::Event(event) => {
                    let id = number(event.id)?;
                    batch.last_event = batch.last_event.max(id);
                    batch.events.put(id, event)?;
                }
            }
        }
        Ok(batch)
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.nodes.list.is_empty()
            && self.channels.list.is_empty()
            && self.rollouts.list.is_empty()
            && self.events.list.is_empty()
    }
}

/// The number of an event as databases have them.
fn number(id: u64) -> Result<i64> {
    i64::try_from(id)
        .map_err(|_| Error::failed(format!("the number {id} of an event is too large")))
}

/// A number of the interface as one of the database. What is larger than any row counts as the
/// largest number.
pub(super) fn clamped(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// Reads the records of a table.
pub(super) fn read<T: DeserializeOwned>(table: &str, documents: Vec<(String,)>) -> Result<Vec<T>> {
    let read = |(document,): (String,)| serde_json::from_str(&document);
    let records: Result<Vec<T>, _> = documents.into_iter().map(read).collect();
    records.map_err(|error| {
        Error::failed(format!(
            "a record in the table `{table}` of the fleet's database cannot be read"
        ))
        .cause(error)
        .hint("use the larder that has written it, or start with a backup of the database")
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::record::ChannelRecord;
    use super::*;

    #[test]
    fn the_last_of_a_key_stays_at_the_place_of_the_first() {
        let channel = |name: &str, version: &str| {
            Write::Channel(ChannelRecord {
                name: name.to_owned(),
                channel: "stable".to_owned(),
                version: version.to_owned(),
            })
        };
        let batch = Batch::new(&[channel("b", "1"), channel("a", "1"), channel("b", "2")]).unwrap();
        let keys: Vec<&str> = batch.channels.list.iter().map(|row| &*row.0.0).collect();
        assert_eq!(keys, ["b", "a"]);
        assert!(batch.channels.list[0].1.contains("\"2\""));
        assert!(!batch.is_empty() && Batch::new(&[]).unwrap().is_empty());
    }
}
