//! `larder serve backup`, of databases that a server has open.

use std::sync::Arc;

use camino::Utf8Path;
use larder_serve::fleet::record::{ChannelRecord, Event};
use larder_serve::fleet::store::{self, Location, Store, Stored, Write};
use larder_serve::log::{Level, Log};
use tokio::runtime::Runtime;

use crate::env::{TestEnv, has_mode, list, remove};
use crate::servers::postgres::PostgresServer;

fn open(runtime: &Runtime, location: &Location) -> Arc<dyn Store> {
    let log = Log::new(Arc::new(|_| ()), false, Level::Error);
    let opened = runtime.block_on(store::open(location, log));
    opened.expect("open the database")
}

/// Writes something, and gives what there is.
fn fill(runtime: &Runtime, store: &dyn Store) -> (Stored, Vec<Event>) {
    let channel = ChannelRecord {
        name: "app".to_owned(),
        channel: "stable".to_owned(),
        version: "1.0.0".to_owned(),
    };
    let event = Event {
        id: 7,
        event: "channel".to_owned(),
        ..Event::default()
    };
    let writes = [Write::Channel(channel), Write::Event(Box::new(event))];
    runtime.block_on(store.commit(&writes)).expect("commit");
    everything(runtime, store)
}

fn everything(runtime: &Runtime, store: &dyn Store) -> (Stored, Vec<Event>) {
    let stored = runtime.block_on(store.load()).expect("load");
    let events = runtime.block_on(store.events(0, 100)).expect("events");
    (stored, events)
}

/// Puts a backup where a server finds it, and reads it.
fn restored(env: &TestEnv, runtime: &Runtime, backup: &Utf8Path) -> (Stored, Vec<Event>) {
    let location = Location::in_data(&env.base().join("restored"));
    let file = location.file().expect("a file");
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("create the folder");
    std::fs::rename(backup, file).expect("move the backup");
    let stored = everything(runtime, &*open(runtime, &location));
    remove(&env.base().join("restored"));
    stored
}

#[test]
fn a_backup_beside_the_server_has_everything() {
    let env = TestEnv::new();
    let runtime = Runtime::new().expect("a runtime");
    let location = Location::in_data(&env.path("data"));
    let store = open(&runtime, &location);
    let expected = fill(&runtime, &*store);
    let url = format!("sqlite://{}", location.file().expect("a file"));
    for options in [["--data", "data"], ["--database", &url]] {
        let command = [&["serve", "backup", "backup.db"], &options[..]].concat();
        let done = env.larder(&command).success();
        assert!(done.stderr.contains("copied"), "{}", done.stderr);
        assert!(has_mode(&env.path("backup.db"), 0o600));
        // It replaces nothing.
        let before = std::fs::read(env.path("backup.db")).expect("read the backup");
        let refused = env.larder(&command).exits(2);
        assert!(
            refused.stderr.contains("exists already"),
            "{}",
            refused.stderr
        );
        assert_eq!(
            std::fs::read(env.path("backup.db")).expect("read it"),
            before
        );
        assert_eq!(restored(&env, &runtime, &env.path("backup.db")), expected);
    }
}

#[test]
fn a_backup_of_postgresql_starts_with_sqlite() {
    let Some(server) = PostgresServer::start() else {
        return;
    };
    let env = TestEnv::new();
    let runtime = Runtime::new().expect("a runtime");
    let url = server.create("fleet");
    let location = Location::parse(&url, env.base()).expect("a url");
    let store = open(&runtime, &location);
    let expected = fill(&runtime, &*store);
    let done = env.larder(["serve", "backup", "backup.db", "--database", &url]);
    let done = done.success();
    assert!(
        done.stderr.contains("postgres://larder@127.0.0.1"),
        "{}",
        done.stderr
    );
    assert!(!done.stderr.contains("secret"), "{}", done.stderr);
    assert_eq!(restored(&env, &runtime, &env.path("backup.db")), expected);
    // Also with the password where PostgreSQL's own programs look for it.
    let mut without = env.command(["serve", "backup", "backup.db", "--database"]);
    without
        .arg(url.replace(":secret", ""))
        .env("PGPASSWORD", "secret");
    env.output(without).success();
}

#[test]
fn what_cannot_be_copied_is_named() {
    let env = TestEnv::new();
    env.write("other.db", "not a database");
    env.write("data/fleet.db", "not a database".repeat(100));
    for (options, code, said) in [
        (&["--data", "none"][..], 2, "there is no database"),
        (&[], 2, "there is no database"),
        (&["--data", "data"], 2, "file is not a database"),
        (&["--database", "sqlite://other.db"], 2, "not a database"),
        (
            &["--database", "mysql://me:secret@db/fleet"],
            2,
            "sqlite://PATH or postgres://",
        ),
        (
            &["--database", "postgres://me:secret@127.0.0.1:1/fleet"],
            5,
            "cannot connect",
        ),
    ] {
        let command = [&["serve", "backup", "backup.db"], options].concat();
        let refused = env.larder(&command).exits(code);
        assert!(
            refused.stderr.contains(said),
            "{options:?}: {}",
            refused.stderr
        );
        assert!(
            refused.stderr.contains("help:"),
            "{options:?}: {}",
            refused.stderr
        );
        assert!(!refused.stderr.contains("secret"), "{}", refused.stderr);
        let left = list(env.project());
        assert!(!left.iter().any(|name| name.contains("backup")), "{left:?}");
    }
    let refused = env
        .larder(["serve", "--database", "redis://me:secret@db"])
        .exits(2);
    assert!(refused.stderr.contains("postgres://"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("secret"), "{}", refused.stderr);
}
