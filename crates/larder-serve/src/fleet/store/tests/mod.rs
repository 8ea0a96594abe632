//! What every database has to do, as functions that take an empty one.

mod killed;
mod laws;
#[cfg(unix)]
mod postgres;
#[cfg(unix)]
#[path = "../../../../../../tests/it/servers/postgres.rs"]
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "the tests of larder use it too"
)]
mod postgres_server;
mod sqlite;

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use larder_core::error::{Kind, Result};
use larder_core::fs;
use larder_core::model::Digest;
use serde_json::json;

use super::{Location, Store, Stored, Write};
use crate::fleet::record::{
    ChannelRecord, Event, NodeRecord, NodeState, RolloutRecord, RunningRecord,
};
use crate::log::{Level, Log};

/// A folder for a test.
pub fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    (dir, path)
}

pub async fn open(location: &Location) -> Arc<dyn Store> {
    super::open_now(location, log()).await.unwrap()
}

/// A log that nobody reads.
pub fn log() -> Log {
    Log::new(Arc::new(|_| ()), false, Level::Error)
}

pub fn error<T>(result: Result<T>) -> larder_core::error::Error {
    match result {
        Ok(_) => panic!("it did not fail"),
        Err(error) => error,
    }
}

/// A node in which every field has a value. Quotes, line ends, other scripts and NUL must survive.
pub fn node(id: &str, text: &str) -> NodeRecord {
    NodeRecord {
        node_id: id.to_owned(),
        agent_id: text.to_owned(),
        platform: "linux".to_owned(),
        arch: "x86_64".to_owned(),
        name: "app \"quoted\" \\ '; DROP TABLE nodes; --".to_owned(),
        channel: Some("stable\n\u{0}\u{1f980}".to_owned()),
        version: Some("1.0.0".to_owned()),
        agent_version: "0.1.0".to_owned(),
        state: NodeState::Suspect,
        state_since: -1,
        pinned: Some("2.0.0".to_owned()),
        is_drained: true,
        running: Some(RunningRecord {
            name: "app".to_owned(),
            version: "1.0.0".to_owned(),
            checksum: "ab".repeat(32),
        }),
        last_seen: i64::MAX,
        secrets: vec![Digest::of(b"one"), Digest::of(b"two")],
        denied: BTreeMap::from([("cd".repeat(32), "it crashed".to_owned())]),
    }
}

pub fn channel(name: &str, channel: &str, version: &str) -> ChannelRecord {
    ChannelRecord {
        name: name.to_owned(),
        channel: channel.to_owned(),
        version: version.to_owned(),
    }
}

/// A rollout over some nodes.
pub fn rollout(id: &str, members: usize, started: i64) -> RolloutRecord {
    let request = json!({"name": "app", "channel": "stable", "version": "2.0.0"});
    let request = serde_json::from_value(request).unwrap();
    let nodes = (0..members).map(|number| format!("node-{number:032}"));
    let previous = Some("1.0.0".to_owned());
    RolloutRecord {
        rollout: crate::fleet::rollout::Rollout::new(id, &request, previous, nodes.collect())
            .unwrap(),
        started,
        by: "ops".to_owned(),
        is_current: true,
    }
}

pub fn event(id: u64, text: &str) -> Event {
    Event {
        id,
        time: "2026-01-01T00:00:00Z".to_owned(),
        event: "node_state".to_owned(),
        reason: Some(text.to_owned()),
        ..Event::default()
    }
}

pub fn as_write(event: Event) -> Write {
    Write::Event(Box::new(event))
}

fn ids(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.id).collect()
}

/// What a store has, its events included.
pub async fn everything(store: &dyn Store) -> (Stored, Vec<Event>) {
    let stored = store.load().await.unwrap();
    (stored, store.events(0, usize::MAX).await.unwrap())
}

pub async fn records_come_back(location: &Location) {
    let store = open(location).await;
    assert_eq!(store.load().await.unwrap(), Stored::default());
    assert_eq!(store.events(0, 10).await.unwrap(), []);
    store.commit(&[]).await.unwrap();
    // The clock was set back between the rollouts.
    let (first, second) = (rollout("r-b", 3, 2000), rollout("r-a", 0, 1000));
    let bare = NodeRecord {
        channel: None,
        version: None,
        pinned: None,
        running: None,
        secrets: Vec::new(),
        denied: BTreeMap::new(),
        ..node("b", "")
    };
    let writes = [
        Write::Node(Box::new(bare.clone())),
        Write::Node(Box::new(node("a", "\u{e4}\u{0}"))),
        Write::Channel(channel("b", "x", "1")),
        Write::Channel(channel("a", "y", "2")),
        Write::Rollout(Box::new(first.clone())),
        Write::Rollout(Box::new(second.clone())),
        as_write(event(7, "seven")),
        as_write(event(3, "three")),
    ];
    store.commit(&writes).await.unwrap();
    let mut expected = Stored {
        nodes: vec![node("a", "\u{e4}\u{0}"), bare],
        channels: vec![channel("a", "y", "2"), channel("b", "x", "1")],
        rollouts: vec![first, second.clone()],
        last_event: 7,
    };
    assert_eq!(store.load().await.unwrap(), expected);

    // A record takes the place of the one before, also within one transaction.
    let later = rollout("r-b", 1, 2000);
    let writes = [
        Write::Node(Box::new(node("a", "old"))),
        Write::Node(Box::new(node("a", "new"))),
        Write::Channel(channel("a", "y", "3")),
        Write::Rollout(Box::new(later.clone())),
        as_write(event(3, "again")),
    ];
    store.commit(&writes).await.unwrap();
    expected.nodes[0] = node("a", "new");
    expected.channels[0] = channel("a", "y", "3");
    expected.rollouts = vec![later, second];
    let events = vec![event(3, "again"), event(7, "seven")];
    assert_eq!(
        everything(&*store).await,
        (expected.clone(), events.clone())
    );
    drop(store);
    assert_eq!(everything(&*open(location).await).await, (expected, events));
}

pub async fn a_transaction_is_whole_or_not_there(location: &Location) {
    let store = open(location).await;
    let good = [
        Write::Node(Box::new(node("a", "kept"))),
        as_write(event(1, "kept")),
    ];
    store.commit(&good).await.unwrap();
    let before = everything(&*store).await;
    // The number 0 is refused by the database, and too large ones before that.
    for number in [0, u64::MAX] {
        let bad = [
            Write::Node(Box::new(node("a", "lost"))),
            Write::Node(Box::new(node("b", "lost"))),
            Write::Channel(channel("app", "stable", "1.0.0")),
            Write::Rollout(Box::new(rollout("r-1", 2, 0))),
            as_write(event(2, "lost")),
            as_write(event(number, "wrong")),
        ];
        let error = error(store.commit(&bad).await);
        assert_eq!(error.kind(), Kind::Failed, "{error}");
        assert_eq!(everything(&*store).await, before);
    }
    // It goes on after that.
    store.commit(&[as_write(event(2, "next"))]).await.unwrap();
    assert_eq!(ids(&store.events(0, 9).await.unwrap()), [1, 2]);
}

pub async fn events_are_listed_and_pruned(location: &Location) {
    let store = open(location).await;
    let writes: Vec<Write> = (1..=100).map(|id| as_write(event(id * 2, "x"))).collect();
    store.commit(&writes).await.unwrap();
    for (after, limit, expected) in [
        (0, 3, vec![2, 4, 6]),
        (4, 2, vec![6, 8]),
        (5, 1, vec![6]),
        (196, 100, vec![198, 200]),
        (200, 5, vec![]),
        (u64::MAX, usize::MAX, vec![]),
        (0, 0, vec![]),
    ] {
        let found = store.events(after, limit).await.unwrap();
        assert_eq!(ids(&found), expected, "after {after}, {limit}");
    }
    assert_eq!(store.prune(u64::MAX).await.unwrap(), 0);
    assert_eq!(store.prune(100).await.unwrap(), 0);
    assert_eq!(store.prune(98).await.unwrap(), 2);
    assert_eq!(ids(&store.events(0, 1).await.unwrap()), [6]);
    assert_eq!(store.prune(0).await.unwrap(), 98);
    assert_eq!(store.events(0, 1).await.unwrap(), []);
    assert_eq!(store.load().await.unwrap().last_event, 200);
    drop(store);
    // No number is used twice.
    assert_eq!(open(location).await.load().await.unwrap().last_event, 200);
}

pub async fn one_server_at_a_time(location: &Location, url: &str) {
    let store = open(location).await;
    let refused = error(super::open_now(location, log()).await);
    assert_eq!(refused.kind(), Kind::Unavailable, "{refused}");
    let text = refused.to_string();
    assert!(text.contains("another server"), "{text}");
    assert!(text.contains("larder serve"), "{text}");
    assert!(!text.contains("secret"), "{text}");
    assert!(!refused.hints().is_empty(), "{text}");
    store.commit(&[as_write(event(1, "x"))]).await.unwrap();
    drop(store);
    assert_eq!(open(location).await.load().await.unwrap().last_event, 1);
    // The same for a process that is killed.
    let mut other = killed::Committing::start(url);
    other.wait_for(3);
    assert!(
        error(super::open_now(location, log()).await)
            .to_string()
            .contains("pid")
    );
    other.kill();
    open(location).await;
}

pub async fn a_backup_is_equal(location: &Location) {
    let (_dir, folder) = folder();
    let store = open(location).await;
    let mut writes: Vec<Write> = (1..=2_500)
        .map(|id| as_write(event(id, "\u{0} \u{e4}")))
        .collect();
    writes.push(Write::Node(Box::new(node("a", "\u{0}"))));
    writes.push(Write::Channel(channel("app", "stable", "1.0.0")));
    writes.push(Write::Rollout(Box::new(rollout("r-b", 9, 7))));
    writes.push(Write::Rollout(Box::new(rollout("r-a", 9, 3))));
    store.commit(&writes).await.unwrap();
    store.prune(2_200).await.unwrap();
    let expected = everything(&*store).await;
    let one = folder.join("one.db");
    store.backup(&one).await.unwrap();
    let two = folder.join("two.db");
    // From beside the server.
    super::back_up(location, &two).await.unwrap();
    for file in [&one, &two] {
        assert_mode(file);
        let refused = error(store.backup(file).await);
        assert_eq!(refused.kind(), Kind::Usage);
        assert!(refused.message().contains("exists already"));
        let data = folder.join("data");
        let restored = Location::in_data(&data);
        fs::create_dir_all(&data).unwrap();
        fs::rename(file, restored.file().unwrap()).unwrap();
        let restored = open(&restored).await;
        assert_eq!(everything(&*restored).await, expected);
        restored
            .commit(&[as_write(event(2_501, "x"))])
            .await
            .unwrap();
        drop(restored);
        fs::remove_dir_all(&data).unwrap();
    }
    // A folder that is not there.
    error(store.backup(&folder.join("none/backup.db")).await);
    assert_eq!(fs::list(&folder).unwrap(), [""; 0]);
}

fn assert_mode(file: &Utf8Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    assert!(file.is_file());
}
