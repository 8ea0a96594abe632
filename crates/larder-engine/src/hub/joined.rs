//! What goes with the release of a subsystem beside its assets: the attached files, which describe
//! it as a whole, the attachments, which joined it, and the derived files, which the other hub makes.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::copy::{Asset, Copying};
use super::transfer::CopiedAttest;
use crate::events::Level;
use larder_core::error::{Error, Result};
use larder_core::model::AssetName;
use larder_remote::hub::attached::{PROVENANCE, SBOM, sbom_of};
use larder_remote::hub::derived::CHECKSUMS;
use larder_remote::hub::{Attachment, HubPublisher, LocalFile, PlainFile, Release};

impl Copying<'_> {
    /// Whether the derived files of the other hub lack an asset that it has: a copy was interrupted
    /// before it wrote them. `checksums.txt` is the last of them.
    pub(super) fn lacks_derived(&self, assets: &[Asset], there: Option<&Release>) -> Result<bool> {
        let Some(there) = there else {
            return Ok(false);
        };
        let sums = self.to.small_file(&there.tag, &CHECKSUMS.parse()?)?;
        let sums = String::from_utf8_lossy(sums.as_deref().unwrap_or_default()).into_owned();
        let is_in_it = |asset: &Asset| {
            let mut names = sums.lines().filter_map(|line| line.split_once("  "));
            names.any(|(_, name)| name == asset.name.as_str())
        };
        Ok(assets
            .iter()
            .filter(|asset| there.listed(&asset.name).is_some())
            .any(|asset| !is_in_it(asset)))
    }

    /// The attached files, if this hub has them all, the other one has no assets besides, and lacks
    /// any of them: they describe the release as a whole.
    pub(super) fn attached(
        &self,
        assets: &[Asset],
        there: Option<&Release>,
    ) -> Result<Option<CopiedAttest>> {
        let tag = &self.release.tag;
        let small = |name: &str| self.from.small_file(tag, &name.parse()?);
        let has = |name: &str| self.release.assets.iter().any(|a| a.name.as_str() == name);
        if !has(SBOM) || !has(PROVENANCE) {
            return Ok(None);
        }
        let is_ours = |theirs: &AssetName| assets.iter().any(|asset| asset.name == *theirs);
        if there.is_some_and(|there| there.described().any(|theirs| !is_ours(&theirs.name))) {
            let text = format!(
                "{}/{tag} has further assets: it keeps its own SBOM and provenance",
                self.to.describe()
            );
            self.ctx.events.note(None, Level::Warning, text);
            return Ok(None);
        }
        let (Some(sbom), Some(provenance)) = (small(SBOM)?, small(PROVENANCE)?) else {
            return Ok(None);
        };
        let mut of_assets = BTreeMap::new();
        for asset in assets {
            let name = sbom_of(&asset.name);
            if has(&name)
                && let Some(bytes) = small(&name)?
            {
                of_assets.insert(asset.name.clone(), bytes);
            }
        }
        let copied = CopiedAttest {
            of_assets,
            sbom,
            provenance,
        };
        let mut is_same = there.is_some();
        for (name, bytes) in copied.files() {
            is_same = is_same && self.to.small_file(tag, &name.parse()?)?.as_ref() == Some(bytes);
        }
        Ok((!is_same).then_some(copied))
    }

    /// Copies the attachments that the other hub lacks.
    pub(super) fn attachments(
        &self,
        publisher: &dyn HubPublisher,
        there: Option<&Release>,
        scratch: &Utf8Path,
    ) -> Result<()> {
        let tag = &self.release.tag;
        let mut got: Vec<LocalFile> = Vec::new();
        for listed in self.release.attachments() {
            let theirs = there.and_then(|there| there.listed(&listed.name));
            if theirs.is_some_and(|theirs| {
                theirs.size == listed.size
                    && (theirs.sha256.is_none()
                        || listed.sha256.is_none()
                        || theirs.sha256 == listed.sha256)
            }) {
                continue;
            }
            let file = scratch.join(listed.name.as_str());
            let (sha256, size) = self.transfer().file(tag, &listed.name, &file, None, None)?;
            if listed.sha256.is_some_and(|stated| stated != sha256) {
                return Err(Error::integrity(format!(
                    "{} is not what its hub states: it is not copied",
                    self.from.place(tag, &listed.name)
                )));
            }
            got.push(LocalFile {
                name: listed.name.clone(),
                path: file,
                sha256,
                size,
            });
        }
        if got.is_empty() {
            return Ok(());
        }
        let files: Vec<PlainFile<'_>> = got.iter().map(LocalFile::plain).collect();
        let attached = publisher.attach(tag, &files, &|_| {})?;
        for (file, attachment) in files.iter().zip(attached) {
            if attachment == Attachment::Immutable {
                let text = format!(
                    "{tag} is immutable on {}: {} can't join it",
                    self.to.describe(),
                    file.name
                );
                self.ctx.events.note(None, Level::Warning, text);
            }
        }
        Ok(())
    }
}
