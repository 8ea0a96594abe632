//! Cancellation: one flag for the whole run, set by the first signal, seen by every wait.
//!
//! Blocking code asks [`Cancel::check`] between pieces of work; async code selects on [`Cancel::cancelled`].

use std::sync::Arc;

use tokio::sync::watch;

use crate::error::{Error, Kind, Result};

/// A handle on the run's cancellation; clones share it.
#[derive(Clone, Debug)]
pub struct Cancel(Arc<watch::Sender<Option<i32>>>);

impl Default for Cancel {
    fn default() -> Self {
        Self::new()
    }
}

impl Cancel {
    /// Not cancelled.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
    /// Cancels, naming the signal (2 for Ctrl-C). The first one stands.
    pub fn cancel(&self, signal: i32) {
        self.0.send_if_modified(|state| {
            let first = state.is_none();
            state.get_or_insert(signal);
            first
        });
    }
    /// The signal, once cancelled.
    pub fn signal(&self) -> Option<i32> {
        *self.0.borrow()
    }
    /// An `Interrupted` error once cancelled.
    pub fn check(&self) -> Result<()> {
        match self.signal() {
            Some(signal) => Err(interrupted(signal)),
            None => Ok(()),
        }
    }
    /// Resolves with that error when cancelled.
    pub async fn cancelled(&self) -> Error {
        let mut receiver = self.0.subscribe();
        // Copied out: the guard must not live across an await, or this future could not change threads.
        let signal = receiver.wait_for(Option::is_some).await.map(|state| *state);
        match signal {
            Ok(signal) => interrupted(signal.unwrap_or(2)),
            Err(_) => std::future::pending().await,
        }
    }
}

fn interrupted(signal: i32) -> Error {
    Error::new(Kind::Interrupted(signal), "interrupted")
}
