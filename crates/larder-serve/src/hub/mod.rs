//! A hub as the origin of what is served, in place of a folder.
//!
//! - `listing` reads which binaries the released assets hold. Their sidecars say it, so nothing is
//!   downloaded for it.
//! - `keeper` reads the listing again and again, and publishes it through the
//!   [`Index`].
//! - `obtain` gets the bytes that a request asks for: one download for all that wait for it.
//! - `store` keeps verified bytes, in a folder of larder's cache.
//!
//! A hub that does not answer changes nothing of what is known. Bytes that are not what the sidecar
//! states are never served.

mod keeper;
mod listing;
mod obtain;
mod store;

use std::fmt;
use std::sync::mpsc::Sender;
use std::sync::{Arc, PoisonError, RwLock};

use camino::Utf8PathBuf;
use http::{HeaderMap, Method};
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};
use larder_core::file_lock::Waiting;
use larder_core::fs;
use larder_core::model::Digest;
use larder_core::project::{HubConfig, TrustConfig};
use larder_remote::RemoteSettings;
use larder_remote::http::Client;
use larder_remote::hub::HubReader;

use crate::bytes::{Answer, Content, Opened, Represented, plan_now};
use crate::index::{Entry, Folder, Index};
use crate::log::Log;
use crate::problem;

pub use listing::{Listing, Package};

/// A hub, and how it is read.
#[derive(Clone, Debug)]
pub struct HubOrigin {
    /// The hub.
    pub config: HubConfig,
    /// How other machines may be accessed.
    pub remote: RemoteSettings,
    /// The folder of larder's cache for bytes that are served.
    pub served: Utf8PathBuf,
    /// Whose signatures what is served must have: what the project says that the server is started
    /// in, and the user's configuration.
    pub trust: TrustConfig,
}

/// The hub that is served.
pub struct Hub {
    opened: larder_remote::hub::Hub,
    config: HubConfig,
    trust: TrustConfig,
    store: store::Store,
    known: RwLock<Arc<Listing>>,
    away: RwLock<Option<String>>,
    flights: obtain::Flights,
    /// Asks for the listing to be read now.
    poke: Sender<()>,
    log: Log,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Starts to serve a hub. What an earlier run knew of it is served until it has answered.
pub fn open(origin: &HubOrigin, log: &Log) -> Result<Arc<Index>> {
    let client = Arc::new(Client::new(origin.remote.http.clone(), Cancel::new()));
    let remote = &origin.remote;
    let opened = larder_remote::hub::open(&origin.config, &client, remote, &Waiting::default())?;
    let id = Digest::of(opened.reader().id().as_bytes()).to_string();
    let folder = origin.served.join(&id[..16]);
    let known = listing::read_saved(&folder, &origin.trust);
    if known.is_none()
        && let HubConfig::Dir { path, .. } = &origin.config
        && !fs::exists(path)
    {
        return Err(Error::usage(format!("there is no folder {path}")).hint(
            "--hub takes a folder that `larder release` writes, a url, or github:owner/name",
        ));
    }
    fs::create_own_dir_all(&folder)?;
    let folder = Folder::open(&folder)?;
    let (poke, poked) = std::sync::mpsc::channel();
    let hub = Arc::new(Hub {
        opened,
        config: origin.config.clone(),
        trust: origin.trust.clone(),
        store: store::Store::new(folder),
        known: RwLock::default(),
        away: RwLock::default(),
        flights: obtain::Flights::default(),
        poke,
        log: log.clone(),
    });
    let index = Index::of_hub(hub.store.folder().clone(), hub);
    keeper::start(&index, known, poked)?;
    Ok(index)
}

impl Hub {
    /// The hub for reading.
    fn reader(&self) -> &dyn HubReader {
        self.opened.reader()
    }

    /// The hub's name in messages.
    pub fn describe(&self) -> String {
        self.reader().describe()
    }

    /// What is known of the hub.
    pub fn known(&self) -> Arc<Listing> {
        let known = self.known.read();
        known.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why the hub could not be read the last time, if that is so.
    pub fn away(&self) -> Option<String> {
        let away = self.away.read();
        away.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers GET or HEAD of a package. Unlike a binary, it can be replaced under its name.
    pub async fn package(
        self: &Arc<Self>,
        method: &Method,
        package: &Arc<Package>,
        headers: &HeaderMap,
    ) -> problem::Result<(Answer, Option<Opened>)> {
        let sidecar = &package.sidecar;
        let file = Represented::new(sidecar.sha256, sidecar.size, package.modified);
        let mut answer = plan_now(method, headers, &file)?;
        crate::bytes::may_change(&mut answer.headers);
        let opened = match &answer.content {
            Content::File(_) if method == Method::GET => {
                Some(self.open(sidecar.sha256, package.clone()).await?)
            }
            _ => None,
        };
        Ok((answer, opened))
    }

    /// Opens the bytes of a binary.
    pub async fn binary(self: &Arc<Self>, entry: &Entry) -> problem::Result<Opened> {
        match self.known().package_of(&entry.digest) {
            Some(package) => self.open(entry.digest, package.clone()).await,
            None => Err(problem::Problem::not_found(format!(
                "{} was removed from {}",
                entry.file,
                self.describe()
            ))),
        }
    }
}
