//! Replaces an asset so that the old or the new bytes exist at every moment. GitHub can't replace
//! an asset in one step: the old one must be deleted before the new one can have its name. So the
//! new bytes are uploaded first, under a temporary name, and checked there.
//!
//! For an asset with its sidecar:
//!
//! | step | the release holds | after a crash here |
//! |---|---|---|
//! | | the old asset and its sidecar | |
//! | 1 | also the new asset under a temporary name | the old one is used; the next run removes the new one or continues |
//! | 2 | also the new sidecar under a temporary name | the same |
//! | 3 | the old sidecar is deleted: readers see no asset | from here on [`finish_replacement`] finishes the replacement in the next run |
//! | 4 | the old asset is deleted | |
//! | 5 | the new asset gets its name | |
//! | 6 | the new sidecar gets its name | nothing is left to do |
//!
//! The caller decides whether an asset may be replaced.

use super::names::{final_name, temporary_name};
use super::session::{Session, Stop};
use super::transfer::Item;
use crate::github::Release;
use larder_core::formats::Sidecar;
use larder_core::model::AssetName;

/// Replaces one asset that has no sidecar.
pub(super) fn replace_one(
    session: &mut Session<'_>,
    release: &Release,
    item: Item<'_>,
) -> Result<(), Stop> {
    let name = temporary_name(item.name, &item.sha256);
    let new = stage(session, release, item.named(&name))?;
    if let Some(old) = release.asset(item.name) {
        session.delete_own(old.id)?;
    }
    session.rename(new, item.name)
}

/// Replaces an asset and its sidecar, one of which may be missing, and the signature of the
/// sidecar: it has its name before the new sidecar has.
pub(super) fn replace_pair(
    session: &mut Session<'_>,
    release: &Release,
    asset: Item<'_>,
    sidecar: Item<'_>,
    signature: Option<Item<'_>>,
) -> Result<(), Stop> {
    let (asset_name, sidecar_name) = (
        temporary_name(asset.name, &asset.sha256),
        temporary_name(sidecar.name, &sidecar.sha256),
    );
    let new_asset = stage(session, release, asset.named(&asset_name))?;
    let new_sidecar = stage(session, release, sidecar.named(&sidecar_name))?;
    let signature_name = signature.map(|item| temporary_name(item.name, &item.sha256));
    let new_signature = match (signature, &signature_name) {
        (Some(item), Some(name)) => Some((stage(session, release, item.named(name))?, item.name)),
        _ => None,
    };
    let of_old = new_signature.map(|(_, name)| name);
    for old in [sidecar.name, asset.name].into_iter().chain(of_old) {
        if let Some(old) = release.asset(old) {
            session.delete_own(old.id)?;
        }
    }
    session.rename(new_asset, asset.name)?;
    if let Some((id, name)) = new_signature {
        session.rename(id, name)?;
    }
    session.rename(new_sidecar, sidecar.name)
}

fn stage(session: &mut Session<'_>, release: &Release, item: Item<'_>) -> Result<u64, Stop> {
    if let Some(there) = release.whole(item.name)
        && session.has_bytes(there, item.size, &item.sha256)?
    {
        return Ok(there.id);
    }
    let made = session.upload(release, item)?;
    session.staged.insert(made.id);
    Ok(made.id)
}

/// Finishes a replacement of this asset that was interrupted after step 3; returns whether there
/// was one.
pub(super) fn finish_replacement(
    session: &mut Session<'_>,
    release: &Release,
    name: &AssetName,
) -> Result<bool, Stop> {
    let sidecar_name = name.sidecar();
    if release.asset(sidecar_name.as_str()).is_some() {
        return Ok(false);
    }
    let staged = release
        .assets
        .iter()
        .filter(|a| a.is_whole() && final_name(&a.name) == Some(sidecar_name.as_str()));
    for new_sidecar in staged {
        let Some(bytes) = session.api().small_asset(new_sidecar.id)? else {
            continue;
        };
        let Ok(sidecar) = Sidecar::parse(&bytes, &new_sidecar.name) else {
            continue;
        };
        let present = release.asset(name.as_str());
        let in_place = match present {
            Some(asset) => session.has_bytes(asset, sidecar.size, &sidecar.sha256)?,
            None => false,
        };
        if !in_place {
            let Some(new) = release.whole(&temporary_name(name.as_str(), &sidecar.sha256)) else {
                continue;
            };
            if !session.has_bytes(new, sidecar.size, &sidecar.sha256)? {
                continue;
            }
            if let Some(old) = present {
                session.delete_own(old.id)?;
            }
            session.rename(new.id, name.as_str())?;
        }
        session.rename(new_sidecar.id, sidecar_name.as_str())?;
        return Ok(true);
    }
    Ok(false)
}

/// Removes temporary assets that earlier replacements of these names left behind. Call it only when
/// all these names have their final bytes.
pub(super) fn remove_leftovers<'n>(
    session: &mut Session<'_>,
    release: &Release,
    names: impl Fn(&str) -> bool + 'n,
) -> Result<(), Stop> {
    for asset in &release.assets {
        if final_name(&asset.name).is_some_and(&names) {
            session.delete(asset.id)?;
        }
    }
    // `release` may not yet contain the assets that this session staged, and another writer may
    // have renamed them, so each is read again.
    for id in session.staged.clone() {
        let staged = session.api().asset_by_id(id)?;
        if staged.is_some_and(|asset| final_name(&asset.name).is_some_and(&names)) {
            session.delete(id)?;
        }
    }
    Ok(())
}
