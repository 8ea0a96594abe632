//! The thread that reads a hub's listing again and again, and publishes it.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::project::HubConfig;

use super::Hub;
use super::listing::{self, Listing};
use crate::index::{Index, Snapshot};

/// The longest time between two readings of a folder.
const LONGEST: Duration = Duration::from_secs(30);

/// Starts the thread. `known` is what an earlier run knew.
pub fn start(index: &Arc<Index>, known: Option<Listing>, poked: Receiver<()>) -> Result<()> {
    let Some(hub) = index.hub().cloned() else {
        return Ok(());
    };
    let is_known = known.is_some();
    if let Some(known) = known {
        publish(index, &hub, known);
    }
    let index = Arc::downgrade(index);
    thread::Builder::new()
        .name("larder-hub".to_owned())
        .spawn(move || run(&index, &hub, is_known, &poked))
        .map(drop)
        .map_err(|e| Error::failed("cannot start the thread that reads the hub").cause(e))
}

fn run(index: &Weak<Index>, hub: &Arc<Hub>, mut is_known: bool, poked: &Receiver<()>) {
    let mut refused = Vec::new();
    let mut failures = 0;
    loop {
        let started = Instant::now();
        let read = read(hub);
        let took = started.elapsed();
        let Some(index) = index.upgrade() else { return };
        let pause = match read {
            Ok(listing) => {
                failures = 0;
                if hub.set_away(None).is_some() {
                    hub.log
                        .info(&format!("{} answers again", hub.describe()), &[]);
                }
                for why in &listing.refused {
                    if !refused.contains(why) {
                        hub.log.warning(why, &[]);
                    }
                }
                refused.clone_from(&listing.refused);
                if !is_known || !listing.is_same(&hub.known()) {
                    is_known = true;
                    keep(hub, &listing);
                    publish(&index, hub, listing);
                }
                pace(&hub.config, took)
            }
            Err(error) => {
                let text = error.to_string();
                if hub.set_away(Some(text.clone())).as_ref() != Some(&text) {
                    hub.log.warning(
                        &format!(
                            "{} can't be read: {text}; {}",
                            hub.describe(),
                            if is_known {
                                "what is known of it is served"
                            } else {
                                "it is tried again"
                            }
                        ),
                        &[],
                    );
                }
                failures += 1;
                Duration::from_secs(1 << failures.min(5)).min(LONGEST)
            }
        };
        drop(index);
        match poked.recv_timeout(pause) {
            // Several requests at once can find out that the listing is old.
            Ok(()) => while poked.try_recv().is_ok() {},
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// How long to wait. A folder costs nobody anything but this machine; GitHub counts requests, and stores charge for lists.
fn pace(config: &HubConfig, took: Duration) -> Duration {
    match config {
        HubConfig::Dir { .. } => (took * 20).clamp(Duration::from_secs(1), LONGEST),
        HubConfig::Http { .. } => LONGEST,
        HubConfig::GitHub { .. } | HubConfig::S3 { .. } | HubConfig::Oci { .. } => {
            Duration::from_mins(2)
        }
    }
}

fn read(hub: &Hub) -> Result<Listing> {
    if let HubConfig::Dir { path, .. } = &hub.config
        && fs::stat(path)?.is_none()
    {
        return Err(Error::unavailable(format!("there is no folder {path}")));
    }
    listing::read(hub.reader(), &hub.known(), &hub.trust)
}

/// Keeps what is needed after a restart, and removes what is not needed any more.
fn keep(hub: &Hub, listing: &Listing) {
    let saved = listing.save(hub.store.path());
    if let Err(error) = saved.and_then(|()| hub.store.sweep(&listing.digests())) {
        hub.log.warning(
            &format!(
                "what {} has can't be kept for the next start: {error}",
                hub.describe()
            ),
            &[],
        );
    }
}

fn publish(index: &Index, hub: &Hub, listing: Listing) {
    let snapshot = Snapshot::new(listing.entries.clone());
    let refused = listing.refused.len() as u64;
    *hub.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(listing);
    index.publish(snapshot);
    let counts = index.counts();
    counts
        .refused
        .store(refused, std::sync::atomic::Ordering::Relaxed);
    counts
        .walks
        .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    index.set_ready();
}

impl Hub {
    fn set_away(&self, why: Option<String>) -> Option<String> {
        let mut away = self.away.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut away, why)
    }
}
