//! The hub in the releases of a GitHub repository.
//!
//! Reading a public hub needs no API call ([`read`]). Writing is a sequence of rounds; a round can
//! be interrupted at any point, and the next one continues from the existing state ([`session`]).
//! [`transfer`] uploads, renames or deletes one asset, [`replace`] replaces one, [`upload`] handles
//! one upload with its sidecar, [`sidecars`] writes the derived files, [`visible`] publishes the
//! draft. [`publish`], [`plain`] and [`draft`] are the operations on a whole release. [`list`] reads
//! the list of releases, [`view`] chooses one of several releases with the same tag, [`names`] and
//! [`label`] parse names and labels.
//!
//! HTTP and the API are in [`crate::github`].

mod clean;
mod draft;
mod label;
mod list;
mod names;
mod plain;
mod publish;
mod read;
mod replace;
mod session;
mod sidecars;
mod transfer;
mod upload;
mod view;
mod visible;

use std::collections::BTreeMap;

use super::{
    Attachment, Attest, Body, HubPublisher, HubReader, Leftover, Notes, PlainFile, Progress,
    PublishOptions, ReadOnly, Receipt, Release, Upload,
};
use crate::github::{self, Api, GitHubConfig, Login};
use crate::http::Client;
use larder_core::error::Result;
use larder_core::model::{AssetName, Tag};
use list::Releases;

/// A hub in the releases of one repository.
pub struct GitHubHub {
    releases: Releases,
    read_state: read::ReadState,
    sidecars: sidecars::Sidecars,
}

impl GitHubHub {
    /// The hub of the repository `owner/name`. Sends no request before one is needed.
    pub fn new(repo: &str, client: Client, config: GitHubConfig) -> Self {
        Self {
            releases: Releases::new(Api::new(repo, client, config, Login::Always)),
            read_state: read::ReadState::default(),
            sidecars: sidecars::Sidecars::default(),
        }
    }

    fn api(&self) -> &Api {
        &self.releases.api
    }

    fn host(&self) -> &str {
        self.api().config().web.host_str().unwrap_or_default()
    }
}

impl HubReader for GitHubHub {
    fn id(&self) -> String {
        match self.host() {
            "github.com" => format!("github:{}", self.api().repo()),
            host => format!("github:{host}/{}", self.api().repo()),
        }
    }

    fn describe(&self) -> String {
        format!("{}/{}", self.host(), self.api().repo())
    }

    fn place(&self, tag: &Tag, asset: &AssetName) -> String {
        read::place(self.api(), tag, asset)
    }

    fn lists(&self) -> bool {
        true
    }

    fn suffixes_tags(&self) -> bool {
        true
    }

    fn notes(&self, tag: &Tag) -> Result<Option<String>> {
        let release = self.api().by_tag(tag.as_str())?;
        Ok(release.and_then(|release| release.body))
    }

    fn small_file(&self, tag: &Tag, name: &AssetName) -> Result<Option<Vec<u8>>> {
        read::small_file(self.api(), &self.read_state, tag, name)
    }

    fn fetch(&self, tag: &Tag, asset: &AssetName) -> Result<Option<Body>> {
        read::fetch(self.api(), &self.read_state, tag, asset)
    }

    fn release(&self, tag: &Tag) -> Result<Option<Release>> {
        if let Some(published) = self.api().by_tag(tag.as_str())? {
            return Ok(view::to_hub_release(&published));
        }
        // Drafts are only in the list. Reading it also distinguishes a missing repository from a
        // missing release.
        let same = self
            .releases
            .all()?
            .into_iter()
            .filter(|release| release.tag == tag.as_str());
        Ok(view::choose_release(same)
            .as_ref()
            .and_then(view::to_hub_release))
    }

    fn releases(&self) -> Result<Vec<Release>> {
        let mut by_tag: BTreeMap<String, github::Release> = BTreeMap::new();
        for release in self.releases.all()? {
            let kept = match by_tag.remove(&release.tag) {
                Some(other) => view::choose_release([other, release]),
                None => Some(release),
            };
            by_tag.extend(kept.map(|release| (release.tag.clone(), release)));
        }
        let shown = by_tag.values().filter_map(view::to_hub_release).collect();
        self.read_state.remember(by_tag.into_values());
        Ok(shown)
    }
}

impl HubPublisher for GitHubHub {
    fn ready(&self) -> Result<(), ReadOnly> {
        if self.api().has_token() {
            return Ok(());
        }
        Err(ReadOnly {
            hub: self.describe(),
            why: "there is no token: set GH_TOKEN, or log in with `gh auth login`".to_owned(),
        })
    }

    fn publish(
        &self,
        tag: &Tag,
        uploads: &[Upload<'_>],
        options: PublishOptions,
        notes: Notes<'_>,
        attest: Option<&dyn Attest>,
        progress: Progress<'_>,
    ) -> Result<Receipt> {
        self.require_token()?;
        self.read_state.forget(tag);
        let receipt = publish::publish(
            &self.releases,
            &self.sidecars,
            tag,
            uploads,
            options,
            attest,
            (notes, progress),
        );
        self.read_state.forget(tag);
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
        self.read_state.forget(tag);
        plain::publish(&self.releases, tag, files, notes, options, progress)
    }

    fn attach(
        &self,
        tag: &Tag,
        files: &[PlainFile<'_>],
        progress: Progress<'_>,
    ) -> Result<Vec<Attachment>> {
        self.require_token()?;
        self.read_state.forget(tag);
        let attached = plain::attach(&self.releases, &self.describe(), tag, files, progress);
        self.read_state.forget(tag);
        attached
    }

    fn finalize(&self, tag: &Tag) -> Result<()> {
        self.require_token()?;
        self.read_state.forget(tag);
        draft::finalize(&self.releases, &self.sidecars, tag)
    }

    fn abort(&self, tag: &Tag) -> Result<()> {
        self.require_token()?;
        draft::abort(&self.releases, tag)
    }

    fn remove(&self, tag: &Tag, asset: &AssetName) -> Result<bool> {
        self.require_token()?;
        let removed = clean::remove(&self.releases, &self.sidecars, tag, asset);
        self.read_state.forget(tag);
        removed
    }

    fn leftovers(&self) -> Result<Vec<Leftover>> {
        self.require_token()?;
        clean::leftovers(&self.releases)
    }

    fn remove_leftover(&self, leftover: &Leftover) -> Result<()> {
        self.require_token()?;
        clean::remove_leftover(self.api(), leftover)
    }
}

impl GitHubHub {
    /// Returns an error before the first write if there is no token, because every write would
    /// fail.
    fn require_token(&self) -> Result<()> {
        Ok(self.ready()?)
    }
}
