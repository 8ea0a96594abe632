//! The sidecars of a release: they are read once per run and compared with the assets they
//! describe, and the derived files `manifest.json` and `checksums.txt` are computed from them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::names;
use super::replace;
use super::session::{Session, Stop};
use super::transfer::Item;
use crate::github::{Api, Asset, Release};
use crate::hub::attached::{self, Attest, Attested};
use crate::hub::derived;
use larder_core::error::{Error, Kind, Result};
use larder_core::formats::Sidecar;
use larder_core::model::{AssetName, Tag};

/// How many times derived files are written before giving up. They are written again when another
/// writer changed them in the meantime.
const DERIVED_ROUNDS: u32 = 12;

/// Sidecars and SBOMs by their asset ids: the bytes of an asset id never change.
#[derive(Default)]
pub(super) struct Sidecars {
    parsed: Mutex<HashMap<u64, Arc<Sidecar>>>,
    sboms: Mutex<HashMap<u64, Vec<u8>>>,
}

impl Sidecars {
    pub(super) fn get(&self, api: &Api, asset: &Asset) -> Result<Option<Arc<Sidecar>>> {
        if let Some(known) = self.lock().get(&asset.id) {
            return Ok(Some(Arc::clone(known)));
        }
        let Some(bytes) = api.small_asset(asset.id)? else {
            return Ok(None);
        };
        let sidecar = Arc::new(Sidecar::parse(&bytes, &asset.name)?);
        self.lock().insert(asset.id, Arc::clone(&sidecar));
        Ok(Some(sidecar))
    }
    /// The bytes of an asset's SBOM.
    fn sbom(&self, api: &Api, asset: &Asset) -> Result<Option<Vec<u8>>> {
        let known = || self.sboms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = known().get(&asset.id) {
            return Ok(Some(bytes.clone()));
        }
        let bytes = api.small_asset(asset.id)?;
        known().extend(bytes.clone().map(|bytes| (asset.id, bytes)));
        Ok(bytes)
    }
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Sidecar>>> {
        self.parsed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error for an asset that differs from what its sidecar states.
pub(super) fn contradiction(
    tag: &Tag,
    name: &AssetName,
    sidecar: &Sidecar,
    asset: &Asset,
) -> Error {
    let found = asset.sha256().map_or_else(
        || format!("{} bytes", asset.size),
        |digest| digest.to_string(),
    );
    Error::integrity(format!("{name} of {tag} is not what its sidecar states"))
        .cause(format!(
            "the sidecar says {}, the hub has {found}",
            sidecar.sha256
        ))
        .hint("run `larder release NAME --replace` to publish it again")
}

/// The sidecars of a release by the names of their assets, for assets that are there and as stated.
pub(super) fn pairs(
    api: &Api,
    sidecars: &Sidecars,
    release: &Release,
) -> Result<BTreeMap<AssetName, Arc<Sidecar>>> {
    let mut pairs = BTreeMap::new();
    for stated in &release.assets {
        let Some(asset) = stated
            .name
            .strip_suffix(".json")
            .and_then(|name| release.whole(name))
        else {
            continue;
        };
        let (true, Ok(name)) = (stated.is_whole(), asset.name.parse::<AssetName>()) else {
            continue;
        };
        // Skip a damaged sidecar here: `audit` reports it before a draft becomes visible.
        let Some(sidecar) = (match sidecars.get(api, stated) {
            Err(error) if error.kind() == Kind::Integrity => None,
            found => found?,
        }) else {
            continue;
        };
        if asset.size == sidecar.size
            && asset.sha256().is_none_or(|digest| digest == sidecar.sha256)
        {
            pairs.insert(name, sidecar);
        }
    }
    Ok(pairs)
}

/// Writes the derived and the attached files until they agree with what the release has. Every
/// writer checks again after writing, so the last one leaves the correct files.
pub(super) fn derive(
    session: &mut Session<'_>,
    sidecars: &Sidecars,
    mut release: Release,
    attest: Option<&dyn Attest>,
) -> Result<(Release, Option<Attested>), Stop> {
    let mut attested = attest.map(|_| Attested::Present);
    let mut why = Error::unavailable("the derived files kept changing while they were written");
    for _ in 0..DERIVED_ROUNDS {
        let pairs = pairs(session.api(), sidecars, &release)?;
        if pairs.is_empty() {
            return Ok((release, None));
        }
        let mut files: Vec<(String, Vec<u8>)> = derived_files(session.api(), session.tag, &pairs)
            .map(|(name, bytes)| (name.to_owned(), bytes))
            .into();
        files.extend(attached_files(
            session.api(),
            sidecars,
            &release,
            &pairs,
            attest,
        )?);
        let mut right = true;
        for (name, bytes) in &files {
            let item = Item::bytes(name, bytes);
            let done = match release.asset(name) {
                Some(there) if session.has_bytes(there, item.size, &item.sha256)? => continue,
                Some(broken) if !broken.is_whole() => session
                    .delete(broken.id)
                    .and_then(|()| session.upload(&release, item).map(drop)),
                Some(_) => replace::replace_one(session, &release, item),
                None => session.upload(&release, item).map(drop),
            };
            right = false;
            if attached::is_attached(name) {
                attested = Some(Attested::Written);
            }
            match done {
                Ok(()) => {}
                Err(Stop::Retry(error)) => {
                    why = error;
                    break;
                }
                Err(stop) => return Err(stop),
            }
        }
        if right {
            return Ok((release, attested));
        }
        release = session.read_release(release.id)?;
    }
    Err(Stop::Retry(why))
}

/// The attached files that a release should have, from what it has.
fn attached_files(
    api: &Api,
    sidecars: &Sidecars,
    release: &Release,
    pairs: &BTreeMap<AssetName, Arc<Sidecar>>,
    attest: Option<&dyn Attest>,
) -> Result<Vec<(String, Vec<u8>)>> {
    let Some(attest) = attest else {
        return Ok(Vec::new());
    };
    attached::files(attest, pairs, |name| match release.whole(name) {
        Some(asset) => sidecars.sbom(api, asset),
        None => Ok(None),
    })
}

/// Whether an immutable release has the attached files that it should have.
pub(super) fn attested_if_immutable(
    session: &Session<'_>,
    sidecars: &Sidecars,
    release: &Release,
    attest: Option<&dyn Attest>,
) -> Result<Option<Attested>, Stop> {
    if attest.is_none() {
        return Ok(None);
    }
    let pairs = pairs(session.api(), sidecars, release)?;
    for (name, bytes) in attached_files(session.api(), sidecars, release, &pairs, attest)? {
        let item = Item::bytes(&name, &bytes);
        let right = match release.asset(&name) {
            Some(there) => session.has_bytes(there, item.size, &item.sha256)?,
            None => false,
        };
        if !right {
            return Ok(Some(Attested::Immutable));
        }
    }
    Ok(Some(Attested::Present))
}

/// Checks before a draft becomes visible that every sidecar can be read and that its asset is as
/// stated.
pub(super) fn audit(
    session: &Session<'_>,
    sidecars: &Sidecars,
    release: &Release,
) -> Result<(), Stop> {
    for stated in release
        .assets
        .iter()
        .filter(|a| a.is_whole() && !names::is_derived(&a.name))
    {
        let Some(name) = stated.name.strip_suffix(".json") else {
            continue;
        };
        let (Some(asset), Ok(parsed)) = (release.whole(name), name.parse::<AssetName>()) else {
            continue;
        };
        let Some(sidecar) = sidecars.get(session.api(), stated)? else {
            continue;
        };
        if !session.has_bytes(asset, sidecar.size, &sidecar.sha256)? {
            return Err(contradiction(session.tag, &parsed, &sidecar, asset).into());
        }
    }
    Ok(())
}

/// `manifest.json` and `checksums.txt` of a release, from its sidecars.
fn derived_files(
    api: &Api,
    tag: &Tag,
    pairs: &BTreeMap<AssetName, Arc<Sidecar>>,
) -> [(&'static str, Vec<u8>); 2] {
    let page = api.web_url(&format!("/releases/tag/{tag}"));
    derived::files(
        derived::ReleaseAddress {
            repo: Some(api.repo()),
            url: Some(&page),
        },
        tag,
        pairs,
    )
}
