//! The hub: the store of the team's managed releases, one file or folder per kind.
//!
//! Reading and publishing are two traits, [`HubReader`] and [`HubPublisher`]. A project's hub,
//! opened by [`open`], is a [`Hub`]: one can always read it, and publish to it unless it is
//! read-only.
//!
//! A hub knows tags, assets and sidecars. It does not know recipes, which inputs are wanted, or
//! where things get installed.

pub mod derived;
mod dir;
mod github;
mod http;
mod memory;
mod publisher;
mod reader;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::github::GitHubConfig;
use crate::http::Client;
use larder_core::error::Result;
use larder_core::project::HubConfig;

pub use dir::DirHub;
pub use github::GitHubHub;
pub use http::HttpHub;
pub use memory::MemoryHub;
pub use publisher::{
    HubPublisher, PlainFile, Progress, PublishOptions, Published, ReadOnly, Receipt, Upload,
};
pub use reader::{Body, HubReader, Listed, Release};

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

    /// A hub that nobody can write through this value.
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

    /// Reads from it.
    pub fn reader(&self) -> &dyn HubReader {
        &*self.reader
    }

    /// Publishes to it, or the reason why that can't work. Asks nobody: a hub may still refuse what
    /// is published.
    pub fn publisher(&self) -> Result<&dyn HubPublisher, ReadOnly> {
        let publisher = self.publisher.as_deref().map_err(Clone::clone)?;
        publisher.ready()?;
        Ok(publisher)
    }
}

/// Opens the hub that a project names. Nothing is read, and nobody is asked, before that is needed.
/// `github` says where GitHub is, and who we are there, should it be a hub of GitHub.
pub fn open(config: &HubConfig, client: &Arc<Client>, github: &GitHubConfig) -> Result<Hub> {
    Ok(match config {
        HubConfig::Dir {
            path,
            written: _,
            default: _,
        } => Hub::new(DirHub::new(path)),
        HubConfig::Http { url } => Hub::read_only(HttpHub::new(url, client)?),
        HubConfig::GitHub { repo } => Hub::new(GitHubHub::new(
            repo,
            client.as_ref().clone(),
            github.clone(),
        )),
    })
}
