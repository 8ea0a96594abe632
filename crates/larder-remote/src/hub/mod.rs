//! The hub: the store of the team's releases. Each kind of hub has its own file or folder.
//!
//! Reading and publishing are two traits, [`HubReader`] and [`HubPublisher`]. [`open`] opens a
//! project's hub as a [`Hub`]: it can always be read, and written unless it is read-only.
//!
//! A hub handles tags, assets and sidecars. It does not know recipes, which inputs are wanted, or
//! where artifacts are installed.

pub mod attached;
mod attachment;
pub mod derived;
mod dir;
mod github;
mod http;
mod leftover;
pub mod listing;
mod memory;
mod oci;
mod publisher;
mod reader;
mod s3;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::RemoteSettings;
use crate::http::Client;
use crate::s3::Place;
use larder_core::error::{Error, Result};
use larder_core::file_lock::Waiting;
use larder_core::project::HubConfig;

pub use attached::{Attest, Attested};
pub use attachment::{Attachment, HubFile, HubFiles};
pub use dir::DirHub;
pub use github::GitHubHub;
pub use http::HttpHub;
pub use leftover::{Leftover, ReleaseKind};
pub use memory::MemoryHub;
pub use oci::OciHub;
pub use publisher::{
    CHANGES, HubPublisher, LocalFile, Notes, PlainFile, Progress, PublishOptions, Published,
    ReadOnly, Receipt, SidecarSigner, Signing, Upload,
};
pub use reader::{Body, Described, HubReader, ListedAsset, Release};
pub use s3::S3Hub;

/// An opened hub. Clones share it.
#[derive(Clone)]
pub struct Hub {
    reader: Arc<dyn HubReader>,
    publisher: Result<Arc<dyn HubPublisher>, ReadOnly>,
}

impl Hub {
    /// A hub that can be read and written.
    pub fn new<H: HubReader + HubPublisher + 'static>(hub: H) -> Self {
        let hub = Arc::new(hub);
        Self {
            reader: Arc::clone(&hub) as Arc<dyn HubReader>,
            publisher: Ok(hub),
        }
    }

    /// A hub that can't be written.
    pub fn read_only<H: HubReader + 'static>(hub: H) -> Self {
        let why = ReadOnly {
            hub: hub.describe(),
            why: format!("the hub {} is read-only", hub.describe()),
        };
        Self {
            reader: Arc::new(hub),
            publisher: Err(why),
        }
    }

    /// The hub for reading.
    pub fn reader(&self) -> &dyn HubReader {
        &*self.reader
    }

    /// The hub for publishing, or the reason why publishing can't work. Sends no request, so the
    /// hub may still refuse a later upload.
    pub fn publisher(&self) -> Result<&dyn HubPublisher, ReadOnly> {
        let publisher = self.publisher.as_deref().map_err(Clone::clone)?;
        publisher.ready()?;
        Ok(publisher)
    }
}

/// Opens the hub that a project names. Reads nothing and sends no request before that is needed.
/// `settings` are those of servers that have any, `waiting` is used only for a hub in a folder.
pub fn open(
    config: &HubConfig,
    client: &Arc<Client>,
    settings: &RemoteSettings,
    waiting: &Waiting,
) -> Result<Hub> {
    Ok(match config {
        HubConfig::Dir {
            path,
            written,
            default: _,
        } => Hub::new(DirHub::named(path, written).waiting(waiting.clone())),
        HubConfig::Http { url } => Hub::read_only(HttpHub::new(url, client)?),
        HubConfig::GitHub { repo } => Hub::new(GitHubHub::new(
            repo,
            client.as_ref().clone(),
            settings.github.clone(),
        )),
        HubConfig::S3 { .. } => match open_s3(config, client, settings) {
            Some(hub) => Hub::new(hub),
            None => return Err(Error::failed("the hub is not in a bucket")),
        },
        HubConfig::Oci {
            registry,
            repository,
        } => Hub::new(OciHub::new(
            &format!("{registry}/{repository}"),
            client,
            settings,
        )?),
    })
}

/// Opens the hub that a project names if it is in a bucket.
pub fn open_s3(
    config: &HubConfig,
    client: &Arc<Client>,
    settings: &RemoteSettings,
) -> Option<S3Hub> {
    let HubConfig::S3 {
        bucket,
        prefix,
        region,
        endpoint,
    } = config
    else {
        return None;
    };
    let place = Place {
        bucket: bucket.clone(),
        region: region.clone(),
        endpoint: endpoint.clone(),
    };
    Some(S3Hub::new(place, prefix, &settings.s3, client))
}
