//! The state of each host in this run, shared by all workers: whether it can be reached at all, how
//! many requests run at once, and until when its rate limit forbids more. This module sends no
//! requests.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use larder_core::error::{Error, Result};

/// Small requests and transfers are limited separately: a worker in the middle of a transfer must
/// be able to request a small file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Small,
    Transfer,
}

/// Whether a host can be reached.
#[derive(Debug, Default)]
enum Reach {
    #[default]
    Unknown,
    Reachable,
    Unreachable(Error),
}

/// The state of one host.
#[derive(Debug)]
pub(super) struct Host {
    reach: Arc<tokio::sync::Mutex<Reach>>,
    /// The number of failed connections since the host last answered.
    failed_connections: AtomicUsize,
    small: Arc<Semaphore>,
    transfers: Arc<Semaphore>,
    /// Until when a rate limit forbids requests, and its error: without and with our credential,
    /// because the limits differ.
    rate_limit: Mutex<[Option<(Instant, Error)>; 2]>,
}

/// Permission to have one request open. It is held until the response body has been read.
pub(super) type Permit = Option<OwnedSemaphorePermit>;

/// The first request to a host. All others wait for its result.
pub(super) struct FirstRequest(OwnedMutexGuard<Reach>);

impl FirstRequest {
    pub(super) fn reached(mut self) {
        *self.0 = Reach::Reachable;
    }
    pub(super) fn not_reached(mut self, error: Error) {
        *self.0 = Reach::Unreachable(error);
    }
}

impl Host {
    fn new(per_host: usize) -> Self {
        Self {
            reach: Arc::default(),
            failed_connections: AtomicUsize::new(0),
            small: Arc::new(Semaphore::new(per_host * 2)),
            transfers: Arc::new(Semaphore::new(per_host)),
            rate_limit: Mutex::default(),
        }
    }

    /// Waits for a free slot. The limit only reduces the load on the server, so after `patience`
    /// the request is sent anyway: a transfer whose body is not being read can't block a run for
    /// ever.
    pub(super) async fn acquire_slot(&self, lane: Lane, patience: Duration) -> Permit {
        let gate = match lane {
            Lane::Small => &self.small,
            Lane::Transfer => &self.transfers,
        };
        tokio::time::timeout(patience, Arc::clone(gate).acquire_owned())
            .await
            .ok()?
            .ok()
    }

    /// An error if the host is known to be unreachable; `Some` if no request has been sent to it
    /// yet, so that this request finds out for all others.
    pub(super) async fn check_reachable(&self) -> Result<Option<FirstRequest>> {
        let guard = Arc::clone(&self.reach).lock_owned().await;
        match &*guard {
            Reach::Reachable => Ok(None),
            Reach::Unreachable(error) => Err(error.clone()),
            Reach::Unknown => Ok(Some(FirstRequest(guard))),
        }
    }

    /// Records that the host answered.
    pub(super) fn answered(&self) {
        self.failed_connections.store(0, Ordering::Relaxed);
    }

    /// Records that a host that answered before could not be reached. After more than `tolerated`
    /// such failures in a row, it counts as unreachable.
    pub(super) async fn connection_failed(&self, tolerated: usize, error: &Error) {
        if self.failed_connections.fetch_add(1, Ordering::Relaxed) >= tolerated {
            *self.reach.lock().await = Reach::Unreachable(error.clone());
        }
    }

    /// How long a rate limit still forbids requests, and its error.
    pub(super) fn rate_limit(&self, authorized: bool) -> Option<(Duration, Error)> {
        let rate_limit = self
            .rate_limit
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (until, error) = rate_limit[usize::from(authorized)].as_ref()?;
        let left = until.checked_duration_since(Instant::now())?;
        Some((left, error.clone()))
    }

    /// Records that a rate limit forbids requests for this long.
    pub(super) fn set_rate_limit(&self, authorized: bool, pause: Duration, error: &Error) {
        let mut rate_limit = self
            .rate_limit
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(until) = Instant::now().checked_add(pause) else {
            return;
        };
        let slot = &mut rate_limit[usize::from(authorized)];
        if slot.as_ref().is_none_or(|(old, _)| *old < until) {
            *slot = Some((until, error.clone()));
        }
    }
}

/// The state of all hosts of a run, by host and port.
#[derive(Debug, Default)]
pub(super) struct Hosts(Mutex<HashMap<String, Arc<Host>>>);

impl Hosts {
    /// A host of which nothing is known.
    pub(super) fn unknown(per_host: usize) -> Arc<Host> {
        Arc::new(Host::new(per_host))
    }

    pub(super) fn get(&self, authority: &str, per_host: usize) -> Arc<Host> {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(
            hosts
                .entry(authority.to_owned())
                .or_insert_with(|| Arc::new(Host::new(per_host))),
        )
    }
}
