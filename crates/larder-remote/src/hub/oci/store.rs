//! Reads and writes single artifacts of the repository.

use std::time::Duration;

use larder_core::error::{Error, Result};
use larder_core::hosts::is_loopback;
use larder_core::model::{AssetName, Digest, Tag};

use super::artifact::{self, Content, EMPTY_CONFIG, Part, Stored};
use super::names;
use crate::http::Download;
use crate::oci::{Blob, Manifest, Repository};

/// How long a write may take from the read before it until it is seen. Writers of one tag wait so
/// long before they rely on what they see.
const SETTLE: Duration = Duration::from_secs(2);
/// The same for a registry on this machine.
const SETTLE_HERE: Duration = Duration::from_millis(250);

/// The artifacts in a repository.
pub(super) struct Store {
    pub(super) repository: Repository,
    pub(super) settle: Duration,
}

impl Store {
    pub(super) fn new(repository: Repository) -> Self {
        let site = repository.name().site();
        let settle = if is_loopback(site.host()) {
            SETTLE_HERE
        } else {
            SETTLE
        };
        Self { repository, settle }
    }

    /// What a tag leads to; `None` if that is nothing, or nothing of larder's.
    pub(super) fn stored(&self, tag: &str) -> Result<Option<Stored>> {
        let manifest = self.repository.manifest(tag)?;
        Ok(manifest.and_then(|manifest| Stored::parse(tag, manifest)))
    }

    /// An asset. Its tag may be taken, such as by an asset with the same platform and another name;
    /// then it is where other files are.
    pub(super) fn asset(&self, release: &Tag, asset: &AssetName) -> Result<Option<Stored>> {
        let Some(tag) = names::asset_tag(release, asset) else {
            return Ok(None);
        };
        let Some(manifest) = self.repository.manifest(&tag)? else {
            return Ok(None);
        };
        let found = Stored::parse(&tag, manifest);
        if let Some(found) = found.filter(|found| found.is_asset(release, asset)) {
            return Ok(Some(found));
        }
        let other = self.stored(&names::file_tag(release, asset))?;
        Ok(other.filter(|found| found.is_asset(release, asset)))
    }

    /// Where an asset is to be written: its own tag, unless another asset has that.
    pub(super) fn place_for(&self, release: &Tag, asset: &AssetName) -> Result<String> {
        let tag = names::asset_tag(release, asset).ok_or_else(|| {
            Error::failed(format!(
                "`{asset}` can't be an asset on {}",
                self.repository.name()
            ))
            .cause("its name does not end with a platform and .tar.gz, .tar.zst or .zip")
        })?;
        Ok(match self.repository.manifest(&tag)? {
            Some(there) => match Stored::parse(&tag, there) {
                Some(there) if there.is_asset(release, asset) => tag,
                _ => names::file_tag(release, asset),
            },
            None => tag,
        })
    }

    /// A release of plain files.
    pub(super) fn release(&self, release: &Tag) -> Result<Option<Stored>> {
        let found = self.stored(&names::release_tag(release))?;
        Ok(found.filter(|found| found.kind == artifact::RELEASE && found.release == *release))
    }

    /// A file that joined a release.
    pub(super) fn joined(&self, release: &Tag, name: &AssetName) -> Result<Option<Stored>> {
        let found = self.stored(&names::file_tag(release, name))?;
        Ok(found.filter(|found| found.release == *release && found.file(name).is_some()))
    }

    /// The signature of an asset's sidecar.
    pub(super) fn signature(&self, asset: &Stored, name: &AssetName) -> Result<Option<Stored>> {
        let tag = names::signature_tag(&asset.release, name, &asset.manifest.digest);
        let found = self.stored(&tag)?;
        Ok(found.filter(|found| found.subject == Some(asset.manifest.digest)))
    }

    /// The bytes of a small part.
    pub(super) fn bytes(&self, part: &Part) -> Result<Vec<u8>> {
        match &part.data {
            Some(data) => Ok(data.clone()),
            None => self
                .repository
                .small_blob(&part.blob.digest)?
                .ok_or_else(|| self.lacks(&part.blob.digest)),
        }
    }

    /// The bytes of a part as a stream.
    pub(super) fn open(&self, part: &Part) -> Result<Option<Download>> {
        self.repository.open_blob(&part.blob.digest)
    }

    fn lacks(&self, digest: &Digest) -> Error {
        Error::integrity(format!(
            "{} lacks the blob sha256:{digest}",
            self.repository.name()
        ))
        .cause("a manifest names it")
        .hint("someone with write access can repair it with `larder release NAME --replace`")
    }

    /// Uploads bytes and the manifest of a file of them, which may be about an asset, and puts that
    /// under a tag.
    pub(super) fn put_file(
        &self,
        tag: &str,
        kind: &str,
        (release, name): (&Tag, &AssetName),
        bytes: &[u8],
        subject: Option<&Manifest>,
    ) -> Result<()> {
        let Blob { digest, size } = self.repository.upload_bytes(bytes)?;
        self.repository.upload_bytes(EMPTY_CONFIG)?;
        let content = Content {
            name,
            sha256: digest,
            size,
            data: Some(bytes),
        };
        let manifest = artifact::file(kind, release, content, subject);
        self.repository.put_manifest(tag, &manifest)?;
        if let Some(subject) = subject {
            self.repository
                .add_referrer(&subject.digest, &manifest, self.settle)?;
        }
        Ok(())
    }
}
