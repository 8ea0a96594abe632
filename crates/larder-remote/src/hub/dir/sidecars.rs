//! The sidecars in a release's folder, and the files that are derived from them.

use std::collections::BTreeMap;
use std::fs::File;

use camino::Utf8Path;

use super::stage::stage_bytes;
use crate::hub::attached::{self, Attest, Attested};
use crate::hub::derived::{self, ReleaseAddress};
use crate::hub::reader::MAX_SIDECAR;
use larder_core::error::{Error, Kind, Result};
use larder_core::formats::Sidecar;
use larder_core::fs;
use larder_core::model::{AssetName, Tag};

/// How many times derived files are written before giving up. They are written again when another
/// writer added an asset in the meantime.
const ROUNDS: usize = 16;

/// The sidecar of an asset.
pub(super) fn read(dir: &Utf8Path, asset: &AssetName) -> Result<Option<Sidecar>> {
    let name = asset.sidecar();
    let Some(bytes) = small_file(dir, &name)? else {
        return Ok(None);
    };
    Sidecar::parse(&bytes, dir.join(name.as_str()).as_str()).map(Some)
}

/// The bytes of a sidecar or a signature.
pub(super) fn small_file(dir: &Utf8Path, name: &AssetName) -> Result<Option<Vec<u8>>> {
    let path = dir.join(name.as_str());
    let Some(file) = open(&path)? else {
        return Ok(None);
    };
    crate::http::read_small(file, MAX_SIDECAR, path.as_str()).map(Some)
}

/// Opens a file of the hub for reading; `None` if it does not exist. A file that can't be read is
/// an error.
pub(super) fn open(path: &Utf8Path) -> Result<Option<File>> {
    match fs::open_opt(path) {
        Ok(file) => Ok(file),
        Err(_) if fs::stat(path).is_ok_and(|meta| meta.is_some_and(|meta| !meta.is_file())) => {
            Err(Error::integrity(format!("{path} is not a file")))
        }
        Err(error) => {
            let denied = error
                .causes()
                .iter()
                .any(|cause| cause.to_lowercase().contains("permission denied"));
            Err(error.with_kind(if denied {
                Kind::Refused
            } else {
                Kind::Unavailable
            }))
        }
    }
}

/// All sidecars of a release by asset. A damaged one is skipped here; the code that reads it
/// reports the damage.
fn all(dir: &Utf8Path) -> Result<BTreeMap<AssetName, Sidecar>> {
    let mut found = BTreeMap::new();
    for name in fs::list(dir)? {
        let Some(asset) = name
            .strip_suffix(".json")
            .and_then(|asset| asset.parse::<AssetName>().ok())
        else {
            continue;
        };
        if name == derived::MANIFEST || fs::stat(dir.join(asset.as_str()))?.is_none() {
            continue;
        }
        match read(dir, &asset) {
            Ok(Some(sidecar)) => drop(found.insert(asset, sidecar)),
            Err(error) if error.kind() != Kind::Integrity => return Err(error),
            Ok(None) | Err(_) => {}
        }
    }
    Ok(found)
}

/// Updates `manifest.json`, `checksums.txt` and the attached files from what the release has, and
/// repeats that until nothing new is found. When two writers run at once, the last one therefore
/// lists the assets of both.
pub(super) fn derive(
    dir: &Utf8Path,
    tag: &Tag,
    attest: Option<&dyn Attest>,
) -> Result<Option<Attested>> {
    let mut attested = attest.map(|_| Attested::Present);
    let mut written = None;
    for _ in 0..ROUNDS {
        let sidecars = all(dir)?;
        if sidecars.is_empty() {
            return Ok(None);
        }
        let mut wanted: Vec<(String, Vec<u8>)> =
            derived::files(ReleaseAddress::default(), tag, &sidecars)
                .map(|(name, bytes)| (name.to_owned(), bytes))
                .into();
        if let Some(attest) = attest {
            wanted.extend(attached::files(attest, &sidecars, |name| {
                let path = dir.join(name);
                let file = open(&path)?;
                file.map(|file| crate::http::read_small(file, MAX_SIDECAR, path.as_str()))
                    .transpose()
            })?);
        }
        if written.as_ref() == Some(&wanted) {
            return Ok(attested);
        }
        for (name, bytes) in &wanted {
            let path = dir.join(name);
            if fs::read_or_absent(&path)?.as_deref() != Some(bytes.as_slice()) {
                stage_bytes(dir, bytes)?.rename_over(&path)?;
                if attached::is_attached(name) {
                    attested = Some(Attested::Written);
                }
            }
        }
        written = Some(wanted);
    }
    Ok(attested)
}
