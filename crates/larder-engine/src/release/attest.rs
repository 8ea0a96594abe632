//! `release --attest`: the SBOM and the provenance that are attached to a release. `larder-channels`
//! makes them, the hub keeps them up to date; here is which asset the files are of.

use camino::Utf8Path;
use larder_channels::provenance;
use larder_channels::sbom::{self, About, AssetBom, Bom};
use larder_core::error::Result;
use larder_core::formats::Sidecar;
use larder_core::fs::Scratch;
use larder_core::model::{AssetName, Digest};
use larder_core::project::Subsystem;
use larder_remote::hub::attached::Described;
use larder_remote::hub::{Attest, Attested};

/// What is attached to the release of a subsystem.
pub(super) struct Attestation<'a> {
    about: About<'a>,
    /// The artifact whose files are here.
    artifact: Digest,
    files: &'a Scratch,
}

impl<'a> Attestation<'a> {
    /// For a subsystem's package, whose files are in a folder.
    pub(super) fn new(subsystem: &'a Subsystem, package: &Sidecar, files: &'a Scratch) -> Self {
        Self {
            about: about(subsystem),
            artifact: package.artifact,
            files,
        }
    }

    fn folder(&self) -> &Utf8Path {
        self.files.path()
    }
}

/// The texts of the recipe. The time is that of the sidecars, so that every machine that adds a
/// platform writes the same files.
fn about(subsystem: &Subsystem) -> About<'_> {
    About {
        name: &subsystem.name,
        version: &subsystem.version,
        description: subsystem.description.as_deref(),
        homepage: subsystem.homepage.as_deref(),
        license: subsystem.license.as_deref(),
        time: None,
    }
}

impl Attest for Attestation<'_> {
    fn of_asset(&self, asset: &AssetName, sidecar: &Sidecar) -> Result<Option<Vec<u8>>> {
        if sidecar.artifact != self.artifact {
            return Ok(None);
        }
        let bom = sbom::of_asset(self.about, asset, sidecar, self.folder())?;
        Ok(Some(bom.to_json().into_bytes()))
    }

    fn of_release(&self, assets: &[Described<'_>]) -> Result<(Vec<u8>, Vec<u8>)> {
        let boms: Vec<AssetBom<'_>> = assets
            .iter()
            .map(
                |Described {
                     asset,
                     sidecar,
                     sbom,
                 }| AssetBom {
                    asset,
                    sidecar,
                    bom: sbom.as_deref().and_then(Bom::parse),
                },
            )
            .collect();
        let sbom = sbom::of_release(self.about, &boms).to_json();
        let assets = assets.iter().map(|one| (one.asset, one.sidecar));
        let provenance = provenance::of_release(assets);
        Ok((sbom.into_bytes(), provenance.into_bytes()))
    }
}

/// What to tell about the attached files of a release.
pub(super) fn reason(attested: Attested) -> Option<&'static str> {
    match attested {
        Attested::Written => Some("the SBOM and the provenance were attached"),
        Attested::Present => None,
        Attested::Immutable => {
            Some("the SBOM and the provenance were skipped: the release is published and immutable")
        }
    }
}
