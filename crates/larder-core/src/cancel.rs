//! Cancellation: one flag for the whole run. The first signal sets it, and every wait observes it.
//!
//! Blocking code calls [`Cancel::check`] between pieces of work. Async code selects on
//! [`Cancel::cancelled`], which works under any runtime.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use event_listener::Listener as _;

use crate::error::{Error, Kind, Result};

/// A handle on the run's cancellation; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<State>);

#[derive(Debug, Default)]
struct State {
    signal: OnceLock<i32>,
    cancelled: event_listener::Event,
}

impl Cancel {
    /// A handle that is not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels the run because of a signal (2 for Ctrl-C). Later calls have no effect.
    pub fn cancel(&self, signal: i32) {
        if self.0.signal.set(signal).is_ok() {
            self.0.cancelled.notify(usize::MAX);
        }
    }

    /// The signal that cancelled the run, if it is cancelled.
    pub fn signal(&self) -> Option<i32> {
        self.0.signal.get().copied()
    }

    /// Returns an `Interrupted` error if the run is cancelled.
    pub fn check(&self) -> Result<()> {
        match self.signal() {
            Some(signal) => Err(interrupted(signal)),
            None => Ok(()),
        }
    }

    /// Sleeps on the calling thread. Returns an `Interrupted` error as soon as the run is
    /// cancelled.
    pub fn sleep(&self, time: Duration) -> Result<()> {
        // Listen first, check second: a cancellation between the two still wakes the listener.
        let listener = self.0.cancelled.listen();
        self.check()?;
        listener.wait_timeout(time);
        self.check()
    }

    /// Resolves with an `Interrupted` error when the run is cancelled.
    pub async fn cancelled(&self) -> Error {
        loop {
            // Listen first, check second: a cancellation between the two still wakes the listener.
            let listener = self.0.cancelled.listen();
            if let Some(signal) = self.signal() {
                return interrupted(signal);
            }
            listener.await;
        }
    }
}

fn interrupted(signal: i32) -> Error {
    Error::new(Kind::Interrupted(signal), "interrupted")
}
