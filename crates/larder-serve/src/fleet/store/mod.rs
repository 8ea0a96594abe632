//! What outlives the server: one trait, and a database behind it.
//!
//! The server keeps the state of its fleet in memory and is the only one that writes it, so a store
//! is small: it gives everything at the start, and takes a list of writes as one transaction. What
//! is not committed has not happened: the server changes its memory only after that.

mod backup;
mod location;
mod postgres;
mod rows;
mod session;
mod sqlite;
#[cfg(test)]
mod tests;
mod waiting;

use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use camino::Utf8Path;
use larder_core::error::{Error, Kind, Result};
use sqlx::migrate::MigrateError;

use self::backup::Backup;
use self::location::Place;
pub use self::location::{FILE, Location};
use crate::log::Log;

use super::record::{ChannelRecord, Event, NodeRecord, RolloutRecord};

/// The answer of a store.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// A change to what is kept. A record takes the place of the one with the same key.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// A node, by its id.
    Node(Box<NodeRecord>),
    /// A channel, by its name and that of what it is a channel of.
    Channel(ChannelRecord),
    /// A rollout, by its id.
    Rollout(Box<RolloutRecord>),
    /// An event, by its number.
    Event(Box<Event>),
}

/// Everything that is kept, except events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stored {
    /// The nodes.
    pub nodes: Vec<NodeRecord>,
    /// The channels.
    pub channels: Vec<ChannelRecord>,
    /// The rollouts, in the order of their start.
    pub rollouts: Vec<RolloutRecord>,
    /// The number of the last event that there ever was; 0 if there was none.
    pub last_event: u64,
}

/// A database that belongs to one server at a time.
pub trait Store: Send + Sync + std::fmt::Debug {
    /// Everything that is kept.
    fn load(&self) -> Reply<'_, Stored>;

    /// Takes all of the writes, or none. They are on the disk when it returns.
    fn commit<'a>(&'a self, writes: &'a [Write]) -> Reply<'a, ()>;

    /// Events after a number, the oldest first, at most `limit`.
    fn events(&self, after: u64, limit: usize) -> Reply<'_, Vec<Event>>;

    /// Removes events except the last `keep`, and returns how many it has removed.
    fn prune(&self, keep: u64) -> Reply<'_, u64>;

    /// Writes everything of one moment into a new `SQLite` database, which a server can be started
    /// with.
    fn backup<'a>(&'a self, file: &'a Utf8Path) -> Reply<'a, ()>;

    /// Leaves the database as a whole: nothing of it is in another file beside it.
    fn close(&self) -> Reply<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Opens a database for a server, and creates what is missing there. One that another server uses,
/// or that does not answer, is opened by a later call.
pub async fn open(location: &Location, log: Log) -> Result<Arc<dyn Store>> {
    let store = waiting::Waiting::new(location, log);
    match store.store().await {
        Err(error) if error.kind() != Kind::Unavailable => Err(error),
        _ => Ok(Arc::new(store)),
    }
}

async fn open_now(location: &Location, log: Log) -> Result<Arc<dyn Store>> {
    match &location.0 {
        Place::Sqlite(path) => Ok(Arc::new(sqlite::Sqlite::open(path).await?)),
        Place::Postgres(options) => {
            let opened = postgres::Postgres::open(location, options, log);
            Ok(Arc::new(opened.await?))
        }
    }
}

/// Writes everything of one moment into a new SQLite database, also while a server uses the one that
/// is named.
pub async fn back_up(location: &Location, file: &Utf8Path) -> Result<()> {
    let backup = Backup::begin(file)?;
    match &location.0 {
        Place::Sqlite(path) => sqlite::copy(path, &backup.path()).await?,
        Place::Postgres(options) => postgres::copy(location, options, &backup.path()).await?,
    }
    backup.finish()
}

/// Runs something to its end, even if nobody waits for it any more: a transaction of which it is not
/// known whether it was committed would be worse than one that took place.
fn detached<T: Send + 'static>(
    run: impl Future<Output = Result<T>> + Send + 'static,
) -> Reply<'static, T> {
    Box::pin(async {
        match tokio::spawn(run).await {
            Ok(result) => result,
            Err(error) => Err(Error::failed("the fleet's database was not reached").cause(error)),
        }
    })
}

/// Why a database could not be brought to the schema of this larder.
fn migration_error(database: impl Display, error: MigrateError) -> Error {
    match error {
        MigrateError::VersionMissing(number) | MigrateError::VersionTooOld(_, number) => {
            Error::usage(format!(
                "the database {database} was written by a newer larder"
            ))
            .cause(format!(
                "it has change {number} of the tables, which this larder does not know"
            ))
            .hint("use that version of larder, or start with a backup that is older")
        }
        error => Error::failed(format!(
            "cannot prepare the tables of the database {database}"
        ))
        .cause(error),
    }
}
