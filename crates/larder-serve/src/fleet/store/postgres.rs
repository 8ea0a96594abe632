//! The store in a database of PostgreSQL.

use std::sync::{Arc, Weak};
use std::time::Duration;

use camino::Utf8Path;
use larder_core::error::{Error, Result};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, SqlSafeStr, query, query_as, query_scalar};
use tokio::sync::Mutex;

use super::backup::Backup;
use super::rows::{self, Batch, Rows};
use super::session::{Session, connect, failed};
use super::{Location, Reply, Store, Stored, Write, detached, sqlite};
use crate::fleet::record::Event;
use crate::log::Log;

/// The table with the changes of the schema that were made.
const MIGRATIONS: &str = "larder_migrations";

/// How often the connection is checked.
const CHECKED: Duration = Duration::from_secs(5);

/// How many rows are copied at a time.
const PAGE: i64 = 10_000;

/// How many rollouts are copied at a time: they can be large.
const LARGE_PAGE: i64 = 16;

/// The changes of the schema, from the first one on.
fn migrator() -> Migrator {
    let sql = include_str!("../../../migrations/postgres/0001_fleet.sql").into_sql_str();
    let mut migrator = Migrator::with_migrations(vec![Migration::new(
        1,
        "fleet".into(),
        MigrationType::Simple,
        sql,
        false,
    )]);
    migrator.dangerous_set_table_name(MIGRATIONS);
    migrator
}

pub(super) async fn migrate(connection: &mut PgConnection, location: &Location) -> Result<()> {
    // `run` gives a future that is not `Send`.
    let migrated = migrator().run_direct(None, connection, false).await;
    migrated.map_err(|error| match error {
        sqlx::migrate::MigrateError::ExecuteMigration(error, _)
        | sqlx::migrate::MigrateError::Execute(error) => {
            failed("prepare the tables of", location, &error)
        }
        error => super::migration_error(location, error),
    })
}

/// The store.
#[derive(Clone, Debug)]
pub struct Postgres(Arc<Shared>);

struct Shared {
    session: Mutex<Session>,
    location: Location,
    options: PgConnectOptions,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres")
            .field("location", &self.location)
            .finish_non_exhaustive()
    }
}

impl Postgres {
    /// Opens a database, and creates its tables if they do not exist.
    pub async fn open(location: &Location, options: &PgConnectOptions, log: Log) -> Result<Self> {
        let session = Session::open(location.clone(), options.clone()).await?;
        let shared = Arc::new(Shared {
            session: Mutex::new(session),
            location: location.clone(),
            options: options.clone(),
        });
        tokio::spawn(watch(Arc::downgrade(&shared), log));
        Ok(Self(shared))
    }
}

/// Checks the connection from time to time, so that a loss is noticed while nothing is written.
async fn watch(store: Weak<Shared>, log: Log) {
    let mut is_lost = false;
    loop {
        tokio::time::sleep(CHECKED).await;
        let Some(shared) = store.upgrade() else {
            return;
        };
        let mut session = shared.session.lock().await;
        match session.check().await {
            Ok(()) if is_lost => {
                is_lost = false;
                log.info(&format!("connected again to {}", shared.location), &[]);
            }
            Ok(()) => {}
            Err(error) if session.over().is_some() => {
                let hints = error.hints().join("; ");
                return log.error(
                    &format!("nothing is written any more: {error}; {hints}"),
                    &[],
                );
            }
            Err(error) => {
                if !is_lost {
                    log.warning(&format!("nothing can be written for now: {error}"), &[]);
                }
                is_lost = true;
            }
        }
    }
}

/// Writes rows, in a transaction that is open.
pub(super) async fn write(connection: &mut PgConnection, batch: &Batch) -> sqlx::Result<()> {
    let Batch {
        nodes,
        channels,
        rollouts,
        events,
        last_event,
    } = batch;
    if !nodes.list.is_empty() {
        query(
            "INSERT INTO larder_nodes (node_id, document)
             SELECT * FROM unnest($1::text[], $2::text[])
             ON CONFLICT (node_id) DO UPDATE SET document = excluded.document",
        )
        .bind(nodes.list.iter().map(|row| &*row.0).collect::<Vec<_>>())
        .bind(documents(nodes))
        .execute(&mut *connection)
        .await?;
    }
    for ((name, channel), document) in &channels.list {
        query(
            "INSERT INTO larder_channels (name, channel, document) VALUES ($1, $2, $3)
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
            "INSERT INTO larder_rollouts (id, document) VALUES ($1, $2)
             ON CONFLICT (id) DO UPDATE SET document = excluded.document",
        )
        .bind(id)
        .bind(document)
        .execute(&mut *connection)
        .await?;
    }
    if !events.list.is_empty() {
        query(
            "INSERT INTO larder_events (id, document)
             SELECT * FROM unnest($1::bigint[], $2::text[])
             ON CONFLICT (id) DO UPDATE SET document = excluded.document",
        )
        .bind(events.list.iter().map(|row| row.0).collect::<Vec<_>>())
        .bind(documents(events))
        .execute(&mut *connection)
        .await?;
    }
    query("UPDATE larder_fleet SET last_event = greatest(last_event, $1), commits = commits + 1")
        .bind(*last_event)
        .execute(&mut *connection)
        .await?;
    Ok(())
}

fn documents<K>(rows: &Rows<K>) -> Vec<&str> {
    rows.list.iter().map(|row| &*row.1).collect()
}

impl Shared {
    async fn load(&self) -> Result<Stored> {
        let mut session = self.session.lock().await;
        // The lock keeps all others from writing, so this needs no transaction.
        let tables = session.run("read", |connection| Box::pin(tables(connection)));
        let (nodes, channels, rollouts, last_event) = tables.await?;
        Ok(Stored {
            nodes: rows::read("nodes", nodes)?,
            channels: rows::read("channels", channels)?,
            rollouts: rows::read("rollouts", rollouts)?,
            last_event: u64::try_from(last_event).unwrap_or(0),
        })
    }

    async fn events(&self, after: u64, limit: usize) -> Result<Vec<Event>> {
        let (after, limit) = (rows::clamped(after), rows::clamped(limit));
        let mut session = self.session.lock().await;
        let documents = session.run("read", move |connection| {
            let sql = "SELECT document FROM larder_events WHERE id > $1 ORDER BY id LIMIT $2";
            Box::pin(query_as(sql).bind(after).bind(limit).fetch_all(connection))
        });
        rows::read("events", documents.await?)
    }

    async fn prune(&self, keep: u64) -> Result<u64> {
        let keep = rows::clamped(keep);
        let mut session = self.session.lock().await;
        let removed = session.run("write to", move |connection| {
            Box::pin(
                query(
                    "DELETE FROM larder_events
                     WHERE id <= (SELECT id FROM larder_events ORDER BY id DESC LIMIT 1 OFFSET $1)",
                )
                .bind(keep)
                .execute(connection),
            )
        });
        Ok(removed.await?.rows_affected())
    }
}

type Documents = Vec<(String,)>;

/// The documents of all tables but that of events, and the number of the last event.
async fn tables(
    connection: &mut PgConnection,
) -> sqlx::Result<(Documents, Documents, Documents, i64)> {
    let nodes = query_as("SELECT document FROM larder_nodes ORDER BY node_id")
        .fetch_all(&mut *connection)
        .await?;
    let channels = query_as("SELECT document FROM larder_channels ORDER BY name, channel")
        .fetch_all(&mut *connection)
        .await?;
    let rollouts = query_as("SELECT document FROM larder_rollouts ORDER BY place")
        .fetch_all(&mut *connection)
        .await?;
    let last_event = query_scalar("SELECT last_event FROM larder_fleet")
        .fetch_one(&mut *connection)
        .await?;
    Ok((nodes, channels, rollouts, last_event))
}

/// Copies what a database has at one moment into a new file of SQLite. A server can write to the
/// database meanwhile.
pub(super) async fn copy(
    location: &Location,
    options: &PgConnectOptions,
    to: &Utf8Path,
) -> Result<()> {
    let options = options.clone().application_name("larder serve backup");
    let mut from = connect(location, &options).await?;
    check_schema(&mut from, location).await?;
    let mut copy = sqlite::create_copy(to).await?;
    let copied = async {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
        let mut from = from.begin_with(begin).await?;
        let mut into = copy.begin().await?;
        copy_rows(&mut from, &mut into).await?;
        into.commit().await?;
        from.commit().await
    };
    let copied: sqlx::Result<()> = copied.await;
    copied.map_err(|error| failed("copy", location, &error))?;
    // It has all that it needs.
    let _ = from.close().await;
    copy.close()
        .await
        .map_err(|error| Error::failed(format!("cannot close {to}")).cause(error))
}

async fn copy_rows(
    from: &mut PgConnection,
    into: &mut sqlx::sqlite::SqliteConnection,
) -> sqlx::Result<()> {
    let channels: Vec<(String, String, String)> =
        query_as("SELECT name, channel, document FROM larder_channels")
            .fetch_all(&mut *from)
            .await?;
    let channel = |(name, channel, document)| ((name, channel), document);
    let first = Batch {
        channels: Rows::of(channels.into_iter().map(channel)),
        last_event: query_scalar("SELECT last_event FROM larder_fleet")
            .fetch_one(&mut *from)
            .await?,
        ..Batch::default()
    };
    sqlite::write(into, &first).await?;
    let mut after = String::new();
    loop {
        let page: Vec<(String, String)> = query_as(
            "SELECT node_id, document FROM larder_nodes WHERE node_id > $1
             ORDER BY node_id LIMIT $2",
        )
        .bind(&after)
        .bind(PAGE)
        .fetch_all(&mut *from)
        .await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.0);
        let nodes = Rows::of(page);
        sqlite::write(
            into,
            &Batch {
                nodes,
                ..Batch::default()
            },
        )
        .await?;
    }
    let mut after = 0;
    loop {
        let page: Vec<(i64, String, String)> = query_as(
            "SELECT place, id, document FROM larder_rollouts WHERE place > $1
             ORDER BY place LIMIT $2",
        )
        .bind(after)
        .bind(LARGE_PAGE)
        .fetch_all(&mut *from)
        .await?;
        let Some(last) = page.last() else { break };
        after = last.0;
        let rollouts = Rows::of(page.into_iter().map(|(_, id, document)| (id, document)));
        sqlite::write(
            into,
            &Batch {
                rollouts,
                ..Batch::default()
            },
        )
        .await?;
    }
    let mut after = 0;
    loop {
        let page: Vec<(i64, String)> =
            query_as("SELECT id, document FROM larder_events WHERE id > $1 ORDER BY id LIMIT $2")
                .bind(after)
                .bind(PAGE)
                .fetch_all(&mut *from)
                .await?;
        let Some(last) = page.last() else { break };
        after = last.0;
        let events = Rows::of(page);
        sqlite::write(
            into,
            &Batch {
                events,
                ..Batch::default()
            },
        )
        .await?;
    }
    Ok(())
}

/// Checks that a database has the tables that this larder knows, without changing it.
async fn check_schema(connection: &mut PgConnection, location: &Location) -> Result<()> {
    let failed = |error| failed("read", location, &error);
    let is_there: bool = query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .bind(MIGRATIONS)
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    if !is_there {
        return Err(Error::usage(format!(
            "the database {location} has no tables of larder serve"
        ))
        .hint("name the database with --database as for the server"));
    }
    let versions: Vec<i64> =
        query_scalar("SELECT version FROM larder_migrations WHERE success ORDER BY version")
            .fetch_all(connection)
            .await
            .map_err(failed)?;
    let migrator = migrator();
    let known: Vec<i64> = migrator.iter().map(|migration| migration.version).collect();
    match versions.iter().find(|version| !known.contains(version)) {
        Some(newer) => Err(super::migration_error(
            location,
            sqlx::migrate::MigrateError::VersionMissing(*newer),
        )),
        None if versions.len() < known.len() => Err(Error::usage(format!(
            "the database {location} was written by an older larder"
        ))
        .hint("start the server once with this version of larder, or use the older one")),
        None => Ok(()),
    }
}

impl Store for Postgres {
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
                batch => shared.session.lock().await.commit(&batch).await,
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
            copy(&self.0.location, &self.0.options, &backup.path()).await?;
            backup.finish()
        })
    }
}
