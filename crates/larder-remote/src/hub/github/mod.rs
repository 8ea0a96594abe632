//! Releases of a GitHub repository as a hub.
//!
//! Reading a public hub costs no API call; writing is a state machine that can be cut anywhere and goes on from what is
//! there. The parts: [`config`] says where GitHub is and who we are, [`api`] speaks its REST API, [`read`] reads,
//! [`session`] writes one thing at a time, [`swap`] replaces, [`label`] tells inputs in a listing, [`publish`] and [`project`] decide what belongs into a release.
//!
//! A token goes to the API's origin and to the upload origin that the API names; everything else is asked anonymously.

mod api;
mod config;
mod label;
mod project;
mod publish;
mod read;
mod session;
mod swap;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use config::{GitHubConfig, TokenSource};

use super::{Body, Hub, PlainFile, Progress, PublishOptions, Receipt, Release, Upload, derived};
use crate::http::Client;
use larder_core::error::Result;
use larder_core::formats::Sidecar;
use larder_core::model::{AssetName, Tag};

/// Releases of one repository.
pub struct GitHub {
    api: api::Api,
    memory: read::Memory,
    sidecars: publish::Sidecars,
}

impl GitHub {
    /// The hub of a repository, `owner/name`. Nothing is asked before it is needed.
    pub fn new(repo: &str, client: Client, config: GitHubConfig) -> Self {
        let api = api::Api::new(repo, client, config);
        Self {
            api,
            memory: read::Memory::default(),
            sidecars: publish::Sidecars::default(),
        }
    }
}

impl Hub for GitHub {
    fn id(&self) -> String {
        match self.api.config.web.host_str() {
            Some("github.com") => format!("github:{}", self.api.repo),
            host => format!("github:{}/{}", host.unwrap_or_default(), self.api.repo),
        }
    }

    fn describe(&self) -> String {
        format!(
            "{}/{}",
            self.api.config.web.host_str().unwrap_or_default(),
            self.api.repo
        )
    }

    fn concurrency(&self) -> usize {
        6
    }

    fn place(&self, tag: &Tag, asset: &AssetName) -> String {
        read::place(&self.api, tag, asset)
    }

    fn writable(&self) -> Result<(), String> {
        if self.api.has_token() {
            return Ok(());
        }
        Err("there is no token: set GH_TOKEN, or log in with `gh auth login`".to_owned())
    }

    fn suffixes_tags(&self) -> bool {
        true
    }

    fn sidecar(&self, tag: &Tag, asset: &AssetName) -> Result<Option<Sidecar>> {
        read::sidecar(&self.api, &self.memory, tag, asset)
    }

    fn fetch(&self, tag: &Tag, asset: &AssetName) -> Result<Option<Body>> {
        read::fetch(&self.api, &self.memory, tag, asset)
    }

    fn release(&self, tag: &Tag) -> Result<Option<Release>> {
        if let Some(published) = self.api.by_tag(tag.as_str())? {
            return Ok(read::shown(&published));
        }
        // Drafts are only in the list, which also tells a missing repository from a missing release.
        let same = self
            .api
            .releases()?
            .into_iter()
            .filter(|release| release.tag_name == tag.as_str());
        Ok(read::canonical(same).as_ref().and_then(read::shown))
    }

    fn releases(&self) -> Result<Vec<Release>> {
        let mut by_tag: BTreeMap<String, api::RawRelease> = BTreeMap::new();
        for release in self.api.releases()? {
            let kept = match by_tag.remove(&release.tag_name) {
                Some(other) => read::canonical([other, release]),
                None => Some(release),
            };
            by_tag.extend(kept.map(|release| (release.tag_name.clone(), release)));
        }
        let shown = by_tag.values().filter_map(read::shown).collect();
        // Whoever reads one of them next need not ask for it again.
        self.memory.remember(by_tag.into_values());
        Ok(shown)
    }

    fn publish(
        &self,
        tag: &Tag,
        uploads: &[Upload<'_>],
        options: PublishOptions,
        progress: Progress<'_>,
    ) -> Result<Receipt> {
        self.require_token()?;
        self.memory.forget(tag);
        let receipt = publish::publish(&self.api, &self.sidecars, tag, uploads, options, progress);
        self.memory.forget(tag);
        receipt
    }

    fn publish_project(
        &self,
        tag: &Tag,
        files: &[PlainFile<'_>],
        notes: &str,
        options: PublishOptions,
        progress: Progress<'_>,
    ) -> Result<Receipt> {
        self.require_token()?;
        self.memory.forget(tag);
        project::publish(&self.api, tag, files, notes, options, progress)
    }

    fn finalize(&self, tag: &Tag) -> Result<()> {
        self.require_token()?;
        self.memory.forget(tag);
        publish::finalize(&self.api, &self.sidecars, tag)
    }

    fn abort(&self, tag: &Tag) -> Result<()> {
        self.require_token()?;
        publish::abort(&self.api, tag)
    }
}

impl GitHub {
    fn require_token(&self) -> Result<()> {
        self.writable().map_err(|why| {
            larder_core::Error::refused(format!("cannot write to {}", self.describe())).cause(why)
        })
    }
}

/// `manifest.json` and `checksums.txt` of a release, from its sidecars.
fn derived_files(
    api: &api::Api,
    tag: &Tag,
    pairs: &BTreeMap<AssetName, Arc<Sidecar>>,
) -> [(&'static str, Vec<u8>); 2] {
    let page = format!(
        "{}/{}/releases/tag/{tag}",
        api.config.web.as_str().trim_end_matches('/'),
        api.repo
    );
    derived::files(
        derived::Home {
            repo: Some(&api.repo),
            url: Some(&page),
        },
        tag,
        pairs,
    )
}
