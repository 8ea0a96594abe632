//! Files about the assets of a release that are attached to it on request: an SBOM for each asset,
//! and one SBOM and the provenance of the whole release. Like `manifest.json` they are derived
//! from what the release has, rewritten until they agree with it, and no assets: they have no
//! sidecars. `checksums.txt` does not list them. Their content is the caller's.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use larder_core::error::Result;
use larder_core::formats::Sidecar;
use larder_core::model::AssetName;

/// The file name of a release's SBOM.
pub const SBOM: &str = "sbom.cdx.json";
/// The file name of a release's provenance.
pub const PROVENANCE: &str = "provenance.intoto.jsonl";
/// What follows the name of an asset in the file name of its SBOM.
const ASSET_SBOM: &str = ".cdx.json";

/// An asset of a release, and its SBOM if the release has one.
#[derive(Clone, Debug)]
pub struct Described<'a> {
    /// Its name.
    pub asset: &'a AssetName,
    /// Its sidecar.
    pub sidecar: &'a Sidecar,
    /// Its SBOM, which another publisher may have written.
    pub sbom: Option<Vec<u8>>,
}

/// Writes the files that are attached. The same release must give the same bytes.
pub trait Attest: Sync {
    /// The SBOM of an asset. `None` if the asset's files are not here: then its SBOM is left as it
    /// is.
    fn of_asset(&self, asset: &AssetName, sidecar: &Sidecar) -> Result<Option<Vec<u8>>>;

    /// The SBOM and the provenance of a release with these assets.
    fn of_release(&self, assets: &[Described<'_>]) -> Result<(Vec<u8>, Vec<u8>)>;
}

/// What became of the attached files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attested {
    /// Some of them were written.
    Written,
    /// They were there; nothing was written.
    Present,
    /// Some are missing or outdated, and the release is immutable.
    Immutable,
}

/// The file name of the SBOM of an asset.
pub(super) fn sbom_of(asset: &AssetName) -> String {
    format!("{asset}{ASSET_SBOM}")
}

/// Whether a name is that of an attached file.
pub(super) fn is_attached(name: &str) -> bool {
    name == PROVENANCE || name.ends_with(ASSET_SBOM)
}

/// The names and bytes of all attached files, for a release with these assets. `read` reads a file
/// that the release has.
pub(super) fn files<S: Borrow<Sidecar>>(
    attest: &dyn Attest,
    sidecars: &BTreeMap<AssetName, S>,
    mut read: impl FnMut(&str) -> Result<Option<Vec<u8>>>,
) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    let mut assets = Vec::new();
    for (asset, sidecar) in sidecars {
        let sidecar = sidecar.borrow();
        let name = sbom_of(asset);
        let sbom = match attest.of_asset(asset, sidecar)? {
            Some(sbom) => {
                files.push((name, sbom.clone()));
                Some(sbom)
            }
            None => read(&name)?,
        };
        assets.push(Described {
            asset,
            sidecar,
            sbom,
        });
    }
    let (sbom, provenance) = attest.of_release(&assets)?;
    files.push((SBOM.to_owned(), sbom));
    files.push((PROVENANCE.to_owned(), provenance));
    Ok(files)
}
