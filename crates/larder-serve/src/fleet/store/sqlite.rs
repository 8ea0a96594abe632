//! The store in a file of SQLite, next to a lock that keeps a second server out.
//!
//! There is one connection that writes. After a failure it is closed, and the next call opens
//! another one: SQLite then has rolled back whatever was not committed.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use larder_core::error::{Error, Kind, Result};
use larder_core::file_lock::FileLock;
use larder_core::fs;
use sqlx::error::DatabaseError;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection, SqlSafeStr, query, query_as, query_scalar};
use tokio::sync::Mutex;

use super::backup::Backup;
use super::rows::{self, Batch};
use super::{Reply, Store, Stored, Write, detached};
use crate::fleet::record::Event;

/// The `application_id` in the head of the file, which the first migration sets.
const APPLICATION: i32 = 0x6c72_6472;

/// How long to wait for another program that has the database locked, such as the shell of SQLite.
const BUSY: Duration = Duration::from_secs(10);

/// The changes of the schema, from the first one on.
fn migrator() -> Migrator {
    let sql = include_str!("../../../migrations/sqlite/0001_fleet.sql").into_sql_str();
    Migrator::with_migrations(vec![Migration::new(
        1,
        "fleet".into(),
        MigrationType::Simple,
        sql,
        false,
    )])
}

async fn migrate(connection: &mut SqliteConnection, path: &Utf8Path) -> Result<()> {
    // `run` gives a future that is not `Send`.
    let migrated = migrator().run_direct(None, connection, false).await;
    migrated.map_err(|error| super::migration_error(path, error))
}

/// The store.
#[derive(Clone, Debug)]
pub struct Sqlite(Arc<Shared>);

struct Shared {
    path: Utf8PathBuf,
    /// Closed before the lock is released.
    connection: Mutex<Option<SqliteConnection>>,
    _lock: FileLock,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sqlite")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Sqlite {
    /// Opens a database, and creates it with its folder if it does not exist.
    pub async fn open(path: &Utf8Path) -> Result<Self> {
        fs::create_own_dir_all(fs::parent(path.as_std_path()))?;
        create(path)?;
        // Two names of one database have one lock.
        let path = fs::canonicalize(path)?;
        let lock = lock(&path)?;
        check_head(&path)?;
        let mut connection = connect(&path).await?;
        migrate(&mut connection, &path).await?;
        Ok(Self(Arc::new(Shared {
            path,
            connection: Mutex::new(Some(connection)),
            _lock: lock,
        })))
    }
}

/// Creates the file, which only its owner can read. SQLite gives its other files the same mode.
fn create(path: &Utf8Path) -> Result<()> {
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => fs::sync_dir(fs::parent(path.as_std_path())),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(fs::io_error("create", path, &error)),
    }
}

/// Refuses a file that SQLite has not written. SQLite itself takes a very short one for an empty
/// database. This must come before the database is opened: closing a file of a process ends the locks
/// that its SQLite has on it.
fn check_head(path: &Utf8Path) -> Result<()> {
    let mut head = Vec::new();
    let read = fs::open(path)?.take(16).read_to_end(&mut head);
    read.map_err(|error| fs::io_error("read", path, &error))?;
    if head.is_empty() || head == *b"SQLite format 3\0" {
        return Ok(());
    }
    Err(foreign(
        Error::usage(format!("cannot open the database {path}")).cause("file is not a database"),
    ))
}

fn foreign(error: Error) -> Error {
    error.hint("move it elsewhere to start with an empty database, or put a backup there")
}

/// The lock of a database.
fn lock(path: &Utf8Path) -> Result<FileLock> {
    let folder = path.parent().unwrap_or(Utf8Path::new("."));
    let name = format!("{}.lock", path.file_name().unwrap_or_default());
    match FileLock::take_now(folder, &name, "larder serve")? {
        Ok(lock) => {
            fs::set_mode(folder.join(name), 0o600)?;
            Ok(lock)
        }
        Err(holder) => Err(Error::unavailable(format!(
            "another server uses the database {path}{holder}"
        ))
        .hint("a database belongs to one server: stop that one, or give this one another --data")),
    }
}

async fn connect(path: &Utf8Path) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY);
    let opened = SqliteConnection::connect_with(&options).await;
    let mut connection = opened.map_err(|error| failed("open", path, &error))?;
    check_owner(&mut connection, path, true).await?;
    Ok(connection)
}

/// Refuses the database of another program. `may_be_empty` says whether it may have nothing yet.
async fn check_owner(
    connection: &mut SqliteConnection,
    path: &Utf8Path,
    may_be_empty: bool,
) -> Result<()> {
    let failed = |error| failed("read", path, &error);
    let application: i32 = query_scalar("PRAGMA application_id")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    let tables: i64 = query_scalar("SELECT count(*) FROM sqlite_schema")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    // If it was killed while it created the database, only the table of the migrations is there.
    let is_new = may_be_empty && application == 0 && {
        let own: i64 =
            query_scalar("SELECT count(*) FROM sqlite_schema WHERE tbl_name = '_sqlx_migrations'")
                .fetch_one(&mut *connection)
                .await
                .map_err(failed)?;
        own == tables
    };
    if application == APPLICATION || is_new {
        return Ok(());
    }
    Err(
        Error::usage(format!("{path} is not a database of larder serve"))
            .hint("name another file, or move this one elsewhere"),
    )
}

/// What failed, and what can be done.
fn failed(verb: &str, path: &Utf8Path, error: &sqlx::Error) -> Error {
    let code = error.as_database_error().and_then(DatabaseError::code);
    let code = code.and_then(|code| code.parse::<u32>().ok());
    let failed = Error::failed(format!("cannot {verb} the database {path}")).cause(error);
    // The lowest byte is the code that all versions of SQLite have.
    match code.map(|code| code & 0xff) {
        Some(5 | 6) => failed.hint("another program has locked it; end that program"),
        Some(8 | 14) => failed.hint("this user must be able to write to it and its folder"),
        Some(13) => failed.hint("free some space; nothing was changed"),
        Some(11) => failed.hint("it is damaged: put a backup in its place"),
        Some(26) => foreign(failed.with_kind(Kind::Usage)),
        _ => failed,
    }
}

impl Shared {
    /// Runs something with the connection. If it fails, the connection is closed.
    async fn with<T>(
        &self,
        verb: &str,
        run: impl AsyncFnOnce(&mut SqliteConnection) -> sqlx::Result<T>,
    ) -> Result<T> {
        let mut held = self.connection.lock().await;
        let mut connection = match held.take() {
            Some(connection) => connection,
            None => connect(&self.path).await?,
        };
        match run(&mut connection).await {
            Ok(value) => {
                *held = Some(connection);
                Ok(value)
            }
            Err(error) => {
                // It is of no use any more, whether or not this works.
                let _ = connection.close_hard().await;
                Err(failed(verb, &self.path, &error))
            }
        }
    }

    async fn commit(&self, batch: Batch) -> Result<()> {
        self.with("write to", async |connection| {
            let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
            write(&mut transaction, &batch).await?;
            transaction.commit().await
        })
        .await
    }

    async fn load(&self) -> Result<Stored> {
        let (nodes, channels, rollouts, last_event) = self
            .with("read", async |connection| {
                let mut transaction = connection.begin().await?;
                let nodes = query_as("SELECT document FROM nodes ORDER BY node_id")
                    .fetch_all(&mut *transaction)
                    .await?;
                let channels = query_as("SELECT document FROM channels ORDER BY name, channel")
                    .fetch_all(&mut *transaction)
                    .await?;
                let rollouts = query_as("SELECT document FROM rollouts ORDER BY place")
                    .fetch_all(&mut *transaction)
                    .await?;
                let last: i64 = query_scalar("SELECT last_event FROM fleet")
                    .fetch_one(&mut *transaction)
                    .await?;
                transaction.commit().await?;
                Ok((nodes, channels, rollouts, last))
            })
            .await?;
        Ok(Stored {
            nodes: rows::read("nodes", nodes)?,
            channels: rows::read("channels", channels)?,
            rollouts: rows::read("rollouts", rollouts)?,
            last_event: u64::try_from(last_event).unwrap_or(0),
        })
    }

    async fn events(&self, after: u64, limit: usize) -> Result<Vec<Event>> {
        let documents = self.with("read", async |connection| {
            query_as("SELECT document FROM events WHERE id > ?1 ORDER BY id LIMIT ?2")
                .bind(rows::clamped(after))
                .bind(rows::clamped(limit))
                .fetch_all(connection)
                .await
        });
        rows::read("events", documents.await?)
    }

    async fn prune(&self, keep: u64) -> Result<u64> {
        self.with("write to", async |connection| {
            let removed = query(
                "DELETE FROM events
                 WHERE id <= (SELECT id FROM events ORDER BY id DESC LIMIT 1 OFFSET ?1)",
            )
            .bind(rows::clamped(keep))
            .execute(connection)
            .await?;
            Ok(removed.rows_affected())
        })
        .await
    }
}

/// Writes rows, in a transaction that is open.
pub(super) async fn write(connection: &mut SqliteConnection, batch: &Batch) -> sqlx::Result<()> {
    let Batch {
        nodes,
        channels,
        rollouts,
        events,
        last_event,
    } = batch;
    // All rows of a table are one text: a statement for each row would wait for the thread of
    // SQLite each time.
    if !nodes.list.is_empty() {
        query(
            "INSERT INTO nodes (node_id, document)
             SELECT value ->> 0, value ->> 1 FROM json_each(?1) WHERE true
             ON CONFLICT (node_id) DO UPDATE SET document = excluded.document",
        )
        .bind(json(&nodes.list)?)
        .execute(&mut *connection)
        .await?;
    }
    for ((name, channel), document) in &channels.list {
        query(
            "INSERT INTO channels (name, channel, document) VALUES (?1, ?2, ?3)
             ON CONFLICT (name, channel) DO UPDATE SET document = excluded.document",
        )
        .bind(name)
        .bind(channel)
        .bind(document)
        .execute(&mut *connection)
        .await?;
    }
    for (id, document) in &rollouts.list {
        query(
            "INSERT INTO rollouts (id, document) VALUES (?1, ?2)
             ON CONFLICT (id) DO UPDATE SET document = excluded.document",
        )
        .bind(id)
        .bind(document)
        .execute(&mut *connection)
        .await?;
    }
    if !events.list.is_empty() {
        query(
            "INSERT INTO events (id, document)
             SELECT value ->> 0, value ->> 1 FROM json_each(?1) WHERE true
             ON CONFLICT (id) DO UPDATE SET document = excluded.document",
        )
        .bind(json(&events.list)?)
        .execute(&mut *connection)
        .await?;
    }
    query("UPDATE fleet SET last_event = max(last_event, ?1)")
        .bind(*last_event)
        .execute(&mut *connection)
        .await?;
    Ok(())
}

fn json(rows: &impl serde::Serialize) -> sqlx::Result<String> {
    serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}

/// Writes what a database has at one moment into a new file. A server can write to the database
/// meanwhile.
pub(super) async fn copy(path: &Utf8Path, to: &Utf8Path) -> Result<()> {
    if !fs::exists(path) {
        return Err(Error::usage(format!("there is no database {path}")).hint(
            "name the server's folder with --data, or its database with --database, as for the server",
        ));
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(BUSY);
    let opened = SqliteConnection::connect_with(&options).await;
    let mut connection = opened.map_err(|error| failed("open", path, &error))?;
    check_owner(&mut connection, path, false).await?;
    let copied = query("VACUUM INTO ?1")
        .bind(to.as_str())
        .execute(&mut connection)
        .await;
    copied.map_err(|error| failed("copy", path, &error))?;
    let closed = connection.close().await;
    closed.map_err(|error| failed("close", path, &error))
}

/// Creates a database in a new file, to copy another one into it.
pub(super) async fn create_copy(path: &Utf8Path) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true);
    let opened = SqliteConnection::connect_with(&options).await;
    let mut connection = opened.map_err(|error| failed("create", path, &error))?;
    migrate(&mut connection, path).await?;
    Ok(connection)
}

#[cfg(test)]
impl Sqlite {
    /// Lets the database grow to this size only, as a full disk would, until the connection fails.
    pub async fn limit_pages(&self, pages: u32) {
        let sql = format!("PRAGMA max_page_count = {pages}");
        let mut held = self.0.connection.lock().await;
        let connection = held.as_mut().expect("an open connection");
        let limited = query(sqlx::AssertSqlSafe(sql)).execute(connection).await;
        limited.expect("a limit");
    }
}

impl Store for Sqlite {
    fn load(&self) -> Reply<'_, Stored> {
        let shared = self.0.clone();
        detached(async move { shared.load().await })
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> Reply<'a, ()> {
        let shared = self.0.clone();
        let batch = Batch::new(writes);
        detached(async move {
            match batch? {
                batch if batch.is_empty() => Ok(()),
                batch => shared.commit(batch).await,
            }
        })
    }

    fn events(&self, after: u64, limit: usize) -> Reply<'_, Vec<Event>> {
        let shared = self.0.clone();
        detached(async move { shared.events(after, limit).await })
    }

    fn prune(&self, keep: u64) -> Reply<'_, u64> {
        let shared = self.0.clone();
        detached(async move { shared.prune(keep).await })
    }

    fn backup<'a>(&'a self, file: &'a Utf8Path) -> Reply<'a, ()> {
        Box::pin(async {
            let backup = Backup::begin(file)?;
            copy(&self.0.path, &backup.path()).await?;
            backup.finish()
        })
    }

    fn close(&self) -> Reply<'_, ()> {
        let shared = self.0.clone();
        detached(async move {
            let Some(connection) = shared.connection.lock().await.take() else {
                return Ok(());
            };
            let closed = connection.close().await;
            closed.map_err(|error| failed("close", &shared.path, &error))
        })
    }
}
