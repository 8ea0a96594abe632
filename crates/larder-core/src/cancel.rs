//! Cancellation: one flag for the whole run. The first signal sets it, and every wait observes it.
//!
//! Blocking code calls [`Cancel::check`] between pieces of work. Async code selects on
//! [`Cancel::cancelled`], which works under any runtime.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
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
    children: Mutex<Vec<Weak<State>>>,
}

impl State {
    fn cancel(&self, signal: i32) {
        if self.signal.set(signal).is_ok() {
            self.cancelled.notify(usize::MAX);
            let children = std::mem::take(&mut *lock(&self.children));
            for child in children.iter().filter_map(Weak::upgrade) {
                child.cancel(signal);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cancel {
    /// A handle that is not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels the run because of a signal (2 for Ctrl-C). Later calls have no effect.
    pub fn cancel(&self, signal: i32) {
        self.0.cancel(signal);
    }

    /// A handle for a part of the run: it is cancelled with this one, and can be cancelled alone.
    pub fn child(&self) -> Self {
        let child = Self::new();
        let mut children = lock(&self.0.children);
        children.retain(|child| child.strong_count() > 0);
        children.push(Arc::downgrade(&child.0));
        drop(children);
        // A cancellation before the child was listed has not reached it.
        if let Some(signal) = self.signal() {
            child.cancel(signal);
        }
        child
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

#[cfg(test)]
mod tests {
    use super::Cancel;

    #[test]
    fn a_child_is_cancelled_with_its_parent_and_not_the_other_way_round() {
        let parent = Cancel::new();
        let (one, other) = (parent.child(), parent.child());
        one.cancel(14);
        assert_eq!(one.signal(), Some(14));
        assert_eq!((parent.signal(), other.signal()), (None, None));
        parent.cancel(2);
        assert_eq!((one.signal(), other.signal()), (Some(14), Some(2)));
        assert_eq!(parent.child().signal(), Some(2));
    }
}
