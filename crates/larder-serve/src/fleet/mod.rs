//! The fleet: the machines whose agents follow channels, and the rollouts that move them in steps.
//!
//! ```text
//! heartbeat ─► live    what was heard, in memory only
//! tick      ─► live + book ─► Draft ─► store (one transaction) ─► book ─► hints to the nodes
//! request   ─────────► book ─► Draft ─► store (one transaction) ─► book ─► hints to the nodes
//! ```
//! The `book` is the state as the store has it. It is changed only by `Fleet::commit`, after the
//! store has taken the change, so a kill at any moment leaves either the state before or the one
//! after. [`rollout`] has the rules of a rollout and [`presence`] those of whether a node is there;
//! both read no clock, no network and no file, so that every rule can be tested alone.

mod admin;
mod agents;
mod book;
mod counts;
mod live;
mod moves;
pub mod presence;
pub mod reader;
pub mod record;
pub mod rollout;
pub mod store;
mod target;
#[cfg(test)]
mod tests;
mod tick;
pub mod v1;
pub mod view;

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use larder_core::error::{Kind, Result};
use tokio::sync::watch;

pub use self::agents::Proof;
use self::book::{Book, Draft};
use self::live::Live;
use self::presence::Rhythm;
use self::record::{Event, NodeRecord, NodeState};
use self::store::{Store, Write};
use crate::index::Index;
use crate::log::Log;
use crate::problem::{self, Problem};

/// The right to change the state; true inside if the book may not be what the store has.
type Writing = tokio::sync::OwnedMutexGuard<bool>;

const AWAY: &str = "the state of the fleet can't be read now";
const NOT_WRITTEN: &str = "the state of the fleet can't be written now; the server's log says why";

/// How many events are kept.
pub const KEPT_EVENTS: u64 = 100_000;

/// Tells the running time of the server. The clock of the machine may jump; this can't.
struct Clock(Box<dyn Fn() -> Duration + Send + Sync>);

impl Clock {
    fn start() -> Self {
        let started = Instant::now();
        Self(Box::new(move || started.elapsed()))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&(self.0)()).finish()
    }
}

/// The fleet of a server.
#[derive(Debug)]
pub struct Fleet {
    store: Arc<dyn Store>,
    book: RwLock<Book>,
    live: Mutex<Live>,
    /// Held from the reading of the book until the change is in it. True if the book may not be what
    /// the store has: the answer to a transaction was lost.
    writing: Arc<tokio::sync::Mutex<bool>>,
    /// Why the state is not known, if it is not.
    away: RwLock<Option<String>>,
    index: Arc<Index>,
    log: Log,
    /// The least time between two heartbeats of a node.
    least: Duration,
    clock: Clock,
    /// The running time when the state became known, in milliseconds: before that nobody could be heard.
    known_since: AtomicU64,
    /// How many nodes are not away, as of the last tick.
    present: AtomicUsize,
    /// The number of the last event.
    latest: watch::Sender<u64>,
}

impl Fleet {
    /// The fleet that a store has.
    pub async fn open(
        store: Arc<dyn Store>,
        index: Arc<Index>,
        least: Duration,
        log: Log,
    ) -> Result<Arc<Self>> {
        Self::with_clock(store, index, least, log, Clock::start()).await
    }

    /// The fleet that a store has, with a running time of its own.
    async fn with_clock(
        store: Arc<dyn Store>,
        index: Arc<Index>,
        least: Duration,
        log: Log,
        clock: Clock,
    ) -> Result<Arc<Self>> {
        // What can't be read yet is read by a later tick.
        let (book, away) = match store.load().await {
            Ok(stored) => (Book::new(stored), None),
            Err(error) if error.kind() == Kind::Unavailable => {
                let text = format!("{AWAY}: {error}");
                log.warning(&format!("{text}; until then this server has no fleet"), &[]);
                (Book::default(), Some(text))
            }
            Err(error) => return Err(error),
        };
        let present = book.nodes.values().filter(|node| is_present(node)).count();
        Ok(Arc::new(Self {
            latest: watch::Sender::new(book.last_event()),
            store,
            book: RwLock::new(book),
            live: Mutex::default(),
            writing: Arc::new(tokio::sync::Mutex::new(away.is_some())),
            away: RwLock::new(away),
            index,
            log,
            least,
            clock,
            known_since: AtomicU64::new(0),
            present: AtomicUsize::new(present),
        }))
    }

    fn book(&self) -> RwLockReadGuard<'_, Book> {
        self.book.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The running time of the server.
    fn now(&self) -> Duration {
        (self.clock.0)()
    }

    /// Since when nodes can be heard, in running time.
    fn known_since(&self) -> Duration {
        Duration::from_millis(self.known_since.load(Ordering::Relaxed))
    }

    /// How often nodes are heard, for as many as there are.
    fn rhythm(&self) -> Rhythm {
        Rhythm::new(self.present.load(Ordering::Relaxed), self.least)
    }

    /// Begins a change: nobody else writes until it ends. A book that may not be what the store has
    /// is read again first.
    async fn begin(&self) -> problem::Result<Writing> {
        let mut is_doubtful = self.writing.clone().lock_owned().await;
        if *is_doubtful {
            let stored = match self.store.load().await {
                Ok(stored) => stored,
                Err(error) => return Err(self.go_away(&format!("{AWAY}: {error}"))),
            };
            let book = Book::new(stored);
            self.latest.send_replace(book.last_event());
            *self.book.write().unwrap_or_else(PoisonError::into_inner) = book;
            *is_doubtful = false;
            let mut away = self.away.write().unwrap_or_else(PoisonError::into_inner);
            if away.take().is_some() {
                let now = u64::try_from(self.now().as_millis()).unwrap_or(u64::MAX);
                self.known_since.store(now, Ordering::Relaxed);
                self.log.info(
                    "the state of the fleet is read: this server has its fleet",
                    &[],
                );
            }
        }
        Ok(is_doubtful)
    }

    /// From now on the state is not known: what was known may be another server's by now.
    fn go_away(&self, why: &str) -> Box<Problem> {
        let mut away = self.away.write().unwrap_or_else(PoisonError::into_inner);
        if away.is_none() {
            self.log.error(why, &[]);
            *away = Some(why.to_owned());
        }
        Problem::unavailable(why, 5)
    }

    /// Whether the state is known, or why it is not.
    pub fn is_here(&self) -> problem::Result<()> {
        let away = self.away.read().unwrap_or_else(PoisonError::into_inner);
        match &*away {
            Some(why) => Err(Problem::unavailable(why.clone(), 5)),
            None => Ok(()),
        }
    }

    /// Gives a draft to the store, and then to the book. If nobody waits any more for the answer,
    /// because a client has gone away, the next change waits for it, and reads the book again.
    async fn commit(&self, mut writing: Writing, draft: Draft) -> problem::Result<()> {
        if draft.writes.is_empty() {
            return Ok(());
        }
        *writing = true;
        let store = self.store.clone();
        let committed = tokio::spawn(async move {
            let answer = store.commit(&draft.writes).await;
            (answer, draft, writing)
        });
        let (answer, draft, mut writing) = committed.await.map_err(|error| {
            self.log.error(
                &format!("the state of the fleet was not written: {error}"),
                &[],
            );
            Problem::unavailable(NOT_WRITTEN, 5)
        })?;
        if let Err(error) = answer {
            self.log.error(
                &format!("the state of the fleet can't be written: {error}"),
                &[],
            );
            return Err(Problem::unavailable(NOT_WRITTEN, 5));
        }
        for write in &draft.writes {
            if let Write::Event(event) = write {
                self.audit(event);
            }
        }
        let last = {
            let mut book = self.book.write().unwrap_or_else(PoisonError::into_inner);
            book.apply(draft.writes);
            book.last_event()
        };
        *writing = false;
        self.latest.send_replace(last);
        Ok(())
    }

    /// Leaves the database, after the last change that is under way.
    pub async fn close(&self) {
        let _writing = self.writing.lock().await;
        if let Err(error) = self.store.close().await {
            self.log.warning(
                &format!("the state of the fleet was not closed: {error}"),
                &[],
            );
        }
    }

    /// Every decision of a rollout is a line of the audit log.
    fn audit(&self, event: &Event) {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        if event.rollout.is_none() && event.event != "channel_moved" {
            return;
        }
        let (rollout, node, to) = (text(&event.rollout), text(&event.node_id), text(&event.to));
        let (reason, by) = (text(&event.reason), text(&event.by));
        let message = format!("{} {rollout} {node} {to}", event.event);
        self.log.audit(
            message
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .as_str(),
            &[
                ("event", &event.event),
                ("rollout", &rollout),
                ("node_id", &node),
                ("to", &to),
                ("reason", &reason),
                ("by", &by),
            ],
        );
    }

    /// Events after a number, the oldest first.
    pub async fn events(&self, after: u64, limit: usize) -> problem::Result<Vec<Event>> {
        self.is_here()?;
        self.store.events(after, limit).await.map_err(|error| {
            self.log
                .error(&format!("events can't be read: {error}"), &[]);
            Problem::unavailable("the events can't be read now; the server's log says why", 5)
        })
    }

    /// The number of the last event, as it changes.
    pub fn latest(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }
}

/// Whether a node counts for how often nodes are heard.
fn is_present(node: &NodeRecord) -> bool {
    !matches!(node.state, NodeState::Lost | NodeState::Removed)
}
