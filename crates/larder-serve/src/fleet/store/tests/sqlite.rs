//! The suite on SQLite, and what only its files can do.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use larder_core::error::Kind;
use larder_core::fs;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection, raw_sql};

use super::{as_write, assert_mode, error, event, everything, folder, killed, laws, log, open};
use crate::fleet::store::{Location, Store, back_up};

/// An empty database, with its url.
fn database() -> (tempfile::TempDir, Location, String) {
    let (dir, path) = folder();
    let url = format!("sqlite://{path}/fleet.db");
    (dir, Location::in_data(&path), url)
}

/// Changes a database from outside.
async fn change(path: &Utf8Path, sql: &str) {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    raw_sql(AssertSqlSafe(sql))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn records_come_back() {
    super::records_come_back(&database().1).await;
}

#[tokio::test]
async fn a_transaction_is_whole_or_not_there() {
    let (_dir, location, _) = database();
    super::a_transaction_is_whole_or_not_there(&location).await;
}

#[tokio::test]
async fn events_are_listed_and_pruned() {
    let (_dir, location, _) = database();
    super::events_are_listed_and_pruned(&location).await;
}

#[tokio::test]
async fn one_server_at_a_time() {
    let (_dir, location, url) = database();
    super::one_server_at_a_time(&location, &url).await;
}

#[tokio::test]
async fn a_backup_is_equal() {
    let (_dir, location, _) = database();
    super::a_backup_is_equal(&location).await;
}

#[tokio::test]
async fn every_transaction_is_whole_after_a_kill() {
    let (_dir, location, url) = database();
    killed::every_transaction_is_whole_after_a_kill(&location, &url).await;
}

#[test]
fn any_writes_are_kept() {
    let (_dir, folder) = folder();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let number = std::cell::Cell::new(0);
    laws::any_writes_are_kept(&runtime, 30, || {
        number.set(number.get() + 1);
        let location = Location::in_data(&folder.join(number.get().to_string()));
        runtime.block_on(open(&location))
    });
}

#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    let (dir, location, _) = database();
    let store = open(&location).await;
    store.commit(&[as_write(event(1, "x"))]).await.unwrap();
    let path = Utf8Path::from_path(dir.path()).unwrap();
    let names = ["fleet.db", "fleet.db-shm", "fleet.db-wal", "fleet.db.lock"];
    assert_eq!(fs::list(path).unwrap(), names);
    for name in names {
        assert_mode(&path.join(name));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn another_name_of_the_database_has_the_same_lock() {
    let (dir, location, _) = database();
    let _store = open(&location).await;
    let link = Utf8PathBuf::from_path_buf(dir.path().join("link.db")).unwrap();
    fs::symlink("fleet.db", &link).unwrap();
    let other = Location::parse(&format!("sqlite://{link}"), &link).unwrap();
    let refused = error(crate::fleet::store::open_now(&other, log()).await);
    assert_eq!(refused.kind(), Kind::Unavailable, "{refused}");
}

#[tokio::test]
async fn databases_of_others_are_left_alone() {
    let newer = "INSERT INTO _sqlx_migrations VALUES (99, 'later', '2030-01-01', true, x'00', 0)";
    for (made, sql, said) in [
        (true, newer, "written by a newer larder"),
        (
            false,
            "CREATE TABLE nodes (a)",
            "not a database of larder serve",
        ),
        (
            false,
            "PRAGMA application_id = 7",
            "not a database of larder serve",
        ),
    ] {
        let (_dir, location, _) = database();
        if made {
            open(&location).await;
        }
        change(location.file().unwrap(), sql).await;
        let refused = error(crate::fleet::store::open_now(&location, log()).await);
        assert_eq!(refused.kind(), Kind::Usage, "{refused}");
        assert!(refused.message().contains(said), "{refused}");
        assert!(!refused.hints().is_empty(), "{refused}");
    }
    let (_dir, location, _) = database();
    for text in [
        "this is not a database, whatever its name says. ".repeat(99),
        "x".into(),
    ] {
        fs::write_atomic(location.file().unwrap(), text.as_bytes()).unwrap();
        let file = location.file().unwrap();
        let refused = error(crate::fleet::store::open_now(&location, log()).await);
        assert_eq!(refused.kind(), Kind::Usage, "{refused}");
        let text_of = refused.to_string();
        assert!(text_of.contains("file is not a database"), "{refused}");
        let refused = error(back_up(&location, &file.with_extension("b")).await);
        assert_eq!(refused.kind(), Kind::Usage, "{refused}");
        assert_eq!(fs::read_text(location.file().unwrap()).unwrap(), text);
    }
}

#[tokio::test]
async fn a_full_disk_changes_nothing() {
    let (_dir, location, _) = database();
    let store = super::super::sqlite::Sqlite::open(location.file().unwrap());
    let store = Arc::new(store.await.unwrap());
    store.commit(&[as_write(event(1, "kept"))]).await.unwrap();
    let before = everything(&*store).await;
    store.limit_pages(50).await;
    let large = "x".repeat(1_000_000);
    let failed = error(
        store
            .commit(&[as_write(event(2, "small")), as_write(event(3, &large))])
            .await,
    );
    assert!(
        failed.to_string().contains("database or disk is full"),
        "{failed}"
    );
    assert!(failed.hints()[0].contains("free some space"), "{failed}");
    assert_eq!(everything(&*store).await, before);
    store.commit(&[as_write(event(2, &large))]).await.unwrap();
    drop(store);
    assert_eq!(open(&location).await.load().await.unwrap().last_event, 2);
}

#[tokio::test]
async fn a_killed_server_is_backed_up() {
    let (dir, location, url) = database();
    let mut other = killed::Committing::start(&url);
    let told = other.wait_for(10);
    other.kill();
    let copy = Utf8PathBuf::from_path_buf(dir.path().join("copy/fleet.db")).unwrap();
    fs::create_dir_all(copy.parent().unwrap()).unwrap();
    back_up(&location, &copy).await.unwrap();
    let copied = open(&Location::in_data(copy.parent().unwrap())).await;
    let copied = copied.load().await.unwrap().last_event;
    assert!(copied >= told);
    assert_eq!(
        open(&location).await.load().await.unwrap().last_event,
        copied
    );
}

#[tokio::test]
async fn there_must_be_something_to_back_up() {
    let (dir, location, _) = database();
    let copy = Utf8PathBuf::from_path_buf(dir.path().join("copy.db")).unwrap();
    let refused = error(back_up(&location, &copy).await);
    assert_eq!(refused.kind(), Kind::Usage, "{refused}");
    assert!(refused.hints()[0].contains("--data"), "{refused}");
    assert_eq!(fs::list(dir.path()).unwrap(), [""; 0]);
}
