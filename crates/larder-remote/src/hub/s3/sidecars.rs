//! The files of a release that are derived from its sidecars.
//!
//! Which assets there are comes from three places, because a list may lag behind: the list, the
//! uploads of this call, and the names in `checksums.txt`, which an earlier writer knew. Each is
//! asked for by its name, so a wrong name costs a request and no more.

use std::collections::{BTreeMap, BTreeSet};

use super::{S3Hub, kind};
use crate::hub::HubReader as _;
use crate::hub::attached::{self, Attest, Attested};
use crate::hub::derived::{self, ReleaseAddress};
use crate::hub::reader::MAX_SIDECAR;
use crate::s3::Content;
use larder_core::error::{Kind, Result};
use larder_core::formats::Sidecar;
use larder_core::model::{AssetName, Tag};

/// How many times derived files are written before giving up. They are written again when another
/// writer added an asset in the meantime.
const ROUNDS: usize = 16;

/// The sidecars that were read, by asset, with what tells them from others in the list.
type Read = BTreeMap<AssetName, (String, Option<Sidecar>)>;

/// All sidecars of a release by asset. A damaged one is skipped here; the code that reads it reports
/// the damage. What an earlier round read is not read again.
fn all(
    hub: &S3Hub,
    tag: &Tag,
    own: &[&AssetName],
    read: &mut Read,
) -> Result<BTreeMap<AssetName, Sidecar>> {
    let listed: BTreeMap<String, String> = hub
        .listed(tag)?
        .into_iter()
        .map(|(name, listed)| (name, listed.etag))
        .collect();
    let sums = hub
        .bucket
        .get(&hub.key(tag, derived::CHECKSUMS), MAX_SIDECAR)?;
    let sums = String::from_utf8_lossy(sums.as_deref().unwrap_or_default()).into_owned();
    let known = sums
        .lines()
        .filter_map(|line| line.split_once("  ")?.1.parse().ok());
    let assets: BTreeSet<AssetName> = listed
        .keys()
        .filter(|name| *name != derived::MANIFEST)
        .filter_map(|name| name.strip_suffix(".json")?.parse().ok())
        .chain(own.iter().map(|&name| name.clone()))
        .chain(known)
        .collect();
    let mut found = BTreeMap::new();
    for asset in assets {
        let etag = listed
            .get(asset.sidecar().as_str())
            .cloned()
            .unwrap_or_default();
        let seen = read
            .get(&asset)
            .filter(|(seen, _)| !etag.is_empty() && *seen == etag);
        let sidecar = match seen {
            Some((_, sidecar)) => sidecar.clone(),
            None => match hub.sidecar(tag, &asset) {
                Err(error) if error.kind() == Kind::Integrity => None,
                other => other?,
            },
        };
        let is_there = listed.contains_key(asset.as_str())
            || (sidecar.is_some() && hub.bucket.head(&hub.key(tag, asset.as_str()))?.is_some());
        if let Some(sidecar) = sidecar.clone().filter(|_| is_there) {
            found.insert(asset.clone(), sidecar);
        }
        read.insert(asset, (etag, sidecar));
    }
    Ok(found)
}

/// Updates `manifest.json`, `checksums.txt` and the attached files from what the release has, and
/// repeats that until nothing new is found. When two writers run at once, the last one therefore
/// lists the assets of both. `own` are assets of this call, which a list may not have yet.
pub(super) fn derive(
    hub: &S3Hub,
    tag: &Tag,
    own: &[&AssetName],
    attest: Option<&dyn Attest>,
) -> Result<Option<Attested>> {
    let mut attested = attest.map(|_| Attested::Present);
    let mut read = Read::new();
    for _ in 0..ROUNDS {
        let sidecars = all(hub, tag, own, &mut read)?;
        if sidecars.is_empty() {
            return Ok(None);
        }
        let mut wanted: Vec<(String, Vec<u8>)> =
            derived::files(ReleaseAddress::default(), tag, &sidecars)
                .map(|(name, bytes)| (name.to_owned(), bytes))
                .into();
        if let Some(attest) = attest {
            wanted.extend(attached::files(attest, &sidecars, |name| {
                hub.bucket.get(&hub.key(tag, name), MAX_SIDECAR)
            })?);
        }
        let mut is_right = true;
        for (name, bytes) in &wanted {
            let key = hub.key(tag, name);
            if hub.bucket.get(&key, MAX_SIDECAR)?.as_deref() != Some(bytes.as_slice()) {
                is_right = false;
                hub.bucket.put(&key, Content::Bytes(bytes), kind(name))?;
                if attached::is_attached(name) {
                    attested = Some(Attested::Written);
                }
            }
        }
        if is_right {
            break;
        }
    }
    Ok(attested)
}
