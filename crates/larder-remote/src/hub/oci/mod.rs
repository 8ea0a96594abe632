//! The hub in a repository of an OCI registry.
//!
//! Each asset is an artifact of its own, so writers of different platforms never meet. Its manifest
//! has the sidecar as config and the package as layer: writing its tag makes both visible at once.
//! [`names`] says which tag leads to what, [`artifact`] what the manifests contain. [`store`] reads
//! and writes single artifacts, [`read`] finds a file of a release, [`list`] lists releases.
//! [`elect`] decides which of several writers gets a tag, [`publish`] publishes assets, [`plain`]
//! files without sidecars, and [`remove`] removes.
//!
//! `manifest.json` and `checksums.txt` are not stored: they are made from the sidecars when they are
//! read. Releases are never drafts and never immutable. The protocol of registries, with logins, is
//! in [`crate::oci`].

mod artifact;
mod elect;
mod list;
mod names;
mod plain;
mod publish;
mod read;
mod remove;
mod store;
#[cfg(test)]
mod tests;

use larder_core::error::Result;
use larder_core::model::{AssetName, Digest, Tag};

use self::store::Store;
use super::attachment::{self, Attachment};
use super::{
    Attest, Body, HubPublisher, HubReader, Leftover, Notes, PlainFile, Progress, PublishOptions,
    ReadOnly, Receipt, Release, Upload,
};
use crate::RemoteSettings;
use crate::http::Client;
use crate::oci::{ImageName, Repository};

/// A hub in a repository of a registry.
pub struct OciHub {
    store: Store,
}

impl OciHub {
    /// The hub in a repository, `registry.example/acme/tools`. Sends no request before one is needed.
    pub fn new(repository: &str, client: &Client, settings: &RemoteSettings) -> Result<Self> {
        let name: ImageName = repository.parse()?;
        let cancel = client.cancel().clone();
        Ok(Self {
            store: Store::new(Repository::new(client, settings, &cancel, &name)),
        })
    }

    fn name(&self) -> &ImageName {
        self.store.repository.name()
    }
}

impl HubReader for OciHub {
    fn id(&self) -> String {
        format!("oci:{}", self.name())
    }

    fn describe(&self) -> String {
        self.name().to_string()
    }

    fn place(&self, tag: &Tag, asset: &AssetName) -> String {
        format!("oci://{}/{tag}/{asset}", self.name())
    }

    fn lists(&self) -> bool {
        true
    }

    fn suffixes_tags(&self) -> bool {
        false
    }

    fn small_file(&self, tag: &Tag, name: &AssetName) -> Result<Option<Vec<u8>>> {
        self.store.small_file(tag, name)
    }

    fn notes(&self, tag: &Tag) -> Result<Option<String>> {
        self.store.notes(tag)
    }

    fn fetch(&self, tag: &Tag, asset: &AssetName) -> Result<Option<Body>> {
        self.store.fetch(tag, asset, &self.place(tag, asset))
    }

    fn fetch_pinned(&self, tag: &Tag, asset: &AssetName, sha256: &Digest) -> Result<Option<Body>> {
        let body = self.store.repository.open_blob(sha256)?;
        Ok(body.map(|body| Body {
            size: body.size(),
            reader: Box::new(body),
            place: self.place(tag, asset),
            version: Some(sha256.to_string()),
        }))
    }

    fn release(&self, tag: &Tag) -> Result<Option<Release>> {
        self.store.listed(tag)
    }

    fn releases(&self) -> Result<Vec<Release>> {
        self.store.releases()
    }
}

impl HubPublisher for OciHub {
    fn ready(&self) -> Result<(), ReadOnly> {
        Ok(())
    }

    fn publish(
        &self,
        tag: &Tag,
        uploads: &[Upload<'_>],
        options: PublishOptions,
        _notes: Notes<'_>,
        attest: Option<&dyn Attest>,
        progress: Progress<'_>,
    ) -> Result<Receipt> {
        self.store.publish(tag, uploads, options, attest, progress)
    }

    fn publish_project(
        &self,
        tag: &Tag,
        files: &[PlainFile<'_>],
        notes: &str,
        options: PublishOptions,
        progress: Progress<'_>,
    ) -> Result<Receipt> {
        let published = self
            .store
            .publish_plain(tag, files, notes, options, progress)?;
        Ok(Receipt::plain(tag, published))
    }

    fn attach(
        &self,
        tag: &Tag,
        files: &[PlainFile<'_>],
        progress: Progress<'_>,
    ) -> Result<Vec<Attachment>> {
        if self.store.all_of(tag)?.is_empty() {
            return Err(attachment::no_release(tag, &self.describe()));
        }
        self.store.attach(tag, files, progress)
    }

    fn copies_from(&self, id: &str) {
        let own = format!("oci:{}/", self.name().registry());
        if let Some(repository) = id.strip_prefix(&own) {
            self.store.repository.mount_from(repository);
        }
    }

    fn remove(&self, tag: &Tag, asset: &AssetName) -> Result<bool> {
        self.store.remove(tag, asset)
    }

    fn leftovers(&self) -> Result<Vec<Leftover>> {
        self.store.leftovers()
    }

    fn remove_leftover(&self, leftover: &Leftover) -> Result<()> {
        self.store.remove_leftover(leftover)
    }
}
