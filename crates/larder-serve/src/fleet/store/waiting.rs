//! A database that is not there yet: another server uses it, or it does not answer. The server runs
//! without its fleet until then, and takes it over as soon as it can.

use std::sync::Arc;

use camino::Utf8Path;
use larder_core::error::Result;
use tokio::sync::Mutex;

use super::{Location, Reply, Store, Stored, Write, open_now};
use crate::fleet::record::Event;
use crate::log::Log;

/// The store of a location, opened by the first call that can.
#[derive(Debug)]
pub(super) struct Waiting {
    location: Location,
    log: Log,
    opened: Mutex<Option<Arc<dyn Store>>>,
}

impl Waiting {
    pub(super) fn new(location: &Location, log: Log) -> Self {
        Self {
            location: location.clone(),
            log,
            opened: Mutex::default(),
        }
    }

    pub(super) async fn store(&self) -> Result<Arc<dyn Store>> {
        let mut opened = self.opened.lock().await;
        if let Some(store) = &*opened {
            return Ok(store.clone());
        }
        let store = open_now(&self.location, self.log.clone()).await?;
        Ok(opened.insert(store).clone())
    }
}

impl Store for Waiting {
    fn load(&self) -> Reply<'_, Stored> {
        Box::pin(async { self.store().await?.load().await })
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> Reply<'a, ()> {
        Box::pin(async move { self.store().await?.commit(writes).await })
    }

    fn events(&self, after: u64, limit: usize) -> Reply<'_, Vec<Event>> {
        Box::pin(async move { self.store().await?.events(after, limit).await })
    }

    fn prune(&self, keep: u64) -> Reply<'_, u64> {
        Box::pin(async move { self.store().await?.prune(keep).await })
    }

    fn backup<'a>(&'a self, file: &'a Utf8Path) -> Reply<'a, ()> {
        Box::pin(async move { self.store().await?.backup(file).await })
    }

    fn close(&self) -> Reply<'_, ()> {
        Box::pin(async {
            match &*self.opened.lock().await {
                Some(store) => store.close().await,
                None => Ok(()),
            }
        })
    }
}
