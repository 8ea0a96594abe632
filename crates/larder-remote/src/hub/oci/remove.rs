//! Removes what a hub has. A registry deletes a manifest, with the tags that lead to it, and later
//! collects the blobs that nothing names. Many registries delete nothing on request.

use larder_core::error::{Error, Result};
use larder_core::model::{AssetName, Tag};

use super::artifact::{self, Content, Stored};
use super::names;
use super::store::Store;
use crate::hub::Leftover;
use crate::hub::attached::sbom_of;
use crate::oci::{Deleted, Manifest, referrers_tag};

impl Store {
    /// Removes an asset with its sidecar, which are one manifest, and then what is about it; or a
    /// file without a sidecar. False if there was none.
    pub(super) fn remove(&self, tag: &Tag, name: &AssetName) -> Result<bool> {
        if let Some(asset) = self.asset(tag, name)? {
            self.delete(&asset.manifest)?;
            self.remove_what_is_about(tag, name, &asset)?;
            self.move_to_own_tag(tag, &asset.at)?;
            return Ok(true);
        }
        if let Some(file) = self.joined(tag, name)? {
            self.delete(&file.manifest)?;
            return Ok(true);
        }
        let Some(release) = self
            .release(tag)?
            .filter(|found| found.file(name).is_some())
        else {
            return Ok(false);
        };
        let left: Vec<Content<'_>> = release
            .files
            .iter()
            .filter_map(|part| {
                let own = part.name.as_ref().filter(|own| *own != name)?;
                Some(Content {
                    name: own,
                    sha256: part.blob.digest,
                    size: part.blob.size,
                    data: part.data.as_deref(),
                })
            })
            .collect();
        if !left.is_empty() {
            let notes = self.bytes(&release.config)?;
            let notes = String::from_utf8_lossy(&notes);
            let manifest = artifact::release(tag, &left, &notes);
            self.repository.put_manifest(&release.at, &manifest)?;
        }
        self.delete(&release.manifest)?;
        Ok(true)
    }

    /// Removes the signatures and the SBOM of an asset that is gone, and the index of them.
    fn remove_what_is_about(&self, tag: &Tag, name: &AssetName, asset: &Stored) -> Result<()> {
        let signature = names::signature_tag(tag, name, &asset.manifest.digest);
        let sbom = names::file_tag(tag, &sbom_of(name).parse()?);
        let index = referrers_tag(&asset.manifest.digest);
        let claim = names::claim_tag(&asset.at);
        for at in [signature, sbom, index, claim] {
            if let Some(manifest) = self.repository.manifest(&at)? {
                self.delete(&manifest)?;
            }
        }
        Ok(())
    }

    /// Gives a tag that has become free to the asset that is elsewhere because it was taken.
    fn move_to_own_tag(&self, tag: &Tag, free: &str) -> Result<()> {
        for other in self.assets_of(tag)? {
            let name = other.files.first().and_then(|file| file.name.as_ref());
            let own = name.and_then(|name| names::asset_tag(tag, name));
            if own.as_deref() == Some(free) && other.at != free {
                self.repository.put_new_manifest(free, &other.manifest)?;
            }
        }
        Ok(())
    }

    fn delete(&self, manifest: &Manifest) -> Result<()> {
        match self.repository.delete_manifest(&manifest.digest)? {
            Deleted::Done | Deleted::Absent => Ok(()),
            Deleted::Unsupported => {
                let name = self.repository.name();
                let registry = name.registry();
                Err(Error::refused(format!("{registry} deletes no manifests on request"))
                    .cause(format!("sha256:{} of {name} stays", manifest.digest))
                    .hint(format!(
                        "delete it with the registry's own pages or tools, or let {registry} allow \
                         deleting"
                    )))
            }
        }
    }

    /// Claims that writers left behind, and signatures of assets that were replaced.
    pub(super) fn leftovers(&self) -> Result<Vec<Leftover>> {
        let mut leftovers = Vec::new();
        for tag in self.repository.tags()? {
            if names::claimed(&tag).is_none() {
                continue;
            }
            let Some(claim) = self.repository.manifest(&tag)? else {
                continue;
            };
            leftovers.push(Leftover {
                place: format!("{}:{tag}", self.repository.name()),
                size: None,
                since: artifact::claimed_at(&claim),
                stays: None,
                key: format!("{tag}@sha256:{}", claim.digest),
            });
        }
        Ok(leftovers)
    }

    /// Removes a leftover if it is still the one that was listed.
    pub(super) fn remove_leftover(&self, leftover: &Leftover) -> Result<()> {
        let Some((tag, digest)) = leftover.key.split_once('@') else {
            return Ok(());
        };
        match self.repository.manifest(tag)? {
            Some(claim) if format!("sha256:{}", claim.digest) == digest => self.delete(&claim),
            _ => Ok(()),
        }
    }
}
