//! Removes from the hub: an asset with all that belongs to it, and what killed publishers left.
//!
//! Removing holds the lock of the release, which those who replace take too. Those who add do not: one
//! that adds the same asset at the same moment may find its sidecar without the asset, which the next
//! publisher stores again.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::guard::{LOCK, PROBE};
use super::project::INCOMPLETE;
use super::{S3Hub, publish, release, sidecars};
use crate::hub::leftover::{self, Leftover, bare_assets};
use crate::hub::reader::{NOTES, next_sidecar};
use crate::s3::Listed;
use larder_core::error::{Error, Result};
use larder_core::model::{AssetName, Tag};

/// What the name of a new sidecar begins with while its asset is being replaced.
const NEXT: &str = ".next-";
/// What the key of a leftover begins with that is an upload in parts: then follow its id and its key.
const UPLOAD: &str = "upload ";

/// Removes an asset, its sidecar first, then rewrites the derived files. Those go before the last
/// sidecar does: a release of files without sidecars and with checksums is one of plain files.
pub(super) fn remove(hub: &S3Hub, tag: &Tag, asset: &AssetName) -> Result<bool> {
    let mut there = Vec::new();
    for name in leftover::belonging(asset) {
        // A list may not have it yet.
        if hub.bucket.head(&hub.key(tag, &name))?.is_some() {
            there.push(name);
        }
    }
    if there.is_empty() {
        return Ok(false);
    }
    let _guard = hub.lock(tag)?;
    let listed = hub.listed(tag)?;
    let names: BTreeSet<&str> = listed.iter().map(|(name, _)| name.as_str()).collect();
    let sidecar = asset.sidecar();
    let is_another = |name: &&str| {
        let asset = name.strip_suffix(".json");
        *name != sidecar.as_str() && asset.is_some_and(|asset| names.contains(asset))
    };
    if there.iter().any(|name| name == sidecar.as_str()) && !names.iter().any(is_another) {
        for name in names.iter().filter(|name| leftover::is_derived(name)) {
            hub.bucket.delete(&hub.key(tag, name))?;
        }
    }
    for name in &there {
        hub.bucket.delete(&hub.key(tag, name))?;
    }
    hub.bucket.delete(&hub.key(tag, &next_sidecar(asset)))?;
    sidecars::derive(hub, tag, &[], None)?;
    let left = hub.listed(tag)?;
    if !left.is_empty() && left.iter().all(|(name, _)| name == NOTES) {
        hub.bucket.delete(&hub.key(tag, NOTES))?;
    }
    Ok(true)
}

/// What was begun and never published.
pub(super) fn leftovers(hub: &S3Hub) -> Result<Vec<Leftover>> {
    let listed = hub.bucket.list(&hub.prefix)?;
    let mut found = Vec::new();
    // Some stores give more than what was asked for.
    let below = |listed: &'_ Listed| Some(listed.key.strip_prefix(&hub.prefix)?.to_owned());
    let objects: Vec<(String, &Listed)> = listed
        .iter()
        .filter_map(|listed| Some((below(listed)?, listed)))
        .collect();
    for (name, listed) in &objects {
        let file = name.rsplit('/').next().unwrap_or_default();
        if file.starts_with(NEXT) || name.starts_with(LOCK) || name.starts_with(PROBE) {
            found.push(leftover(hub, listed, None));
        }
        if let Some(tag) = name
            .strip_suffix(INCOMPLETE)
            .and_then(|rest| rest.strip_suffix('/'))
        {
            let stays = format!("`larder release project {tag}` completes the release");
            found.push(leftover(hub, listed, Some(stays)));
        }
    }
    let tag_of = |name: &str| name.split_once('/').map(|(tag, _)| tag.to_owned());
    for objects in objects.chunk_by(|(one, _), (other, _)| tag_of(one) == tag_of(other)) {
        let Some(Ok(tag)) = tag_of(&objects[0].0).map(|tag| tag.parse::<Tag>()) else {
            continue;
        };
        let named: Vec<(&str, &Listed)> = objects
            .iter()
            .filter_map(|(name, listed)| Some((name.split_once('/')?.1, *listed)))
            .collect();
        let is_plain = named
            .iter()
            .any(|(name, _)| [NOTES, INCOMPLETE].contains(name));
        let release = release(&tag, named.iter().copied()).filter(|_| !is_plain);
        for asset in release.iter().flat_map(bare_assets) {
            let listed = named.iter().find(|(name, _)| *name == asset.name.as_str());
            found.extend(listed.map(|(_, listed)| leftover(hub, listed, None)));
        }
    }
    for begun in hub.bucket.begun(&hub.prefix)? {
        found.push(Leftover {
            place: format!("the upload {} of {}", begun.id, hub.shown(&begun.key)),
            key: format!("{UPLOAD}{} {}", begun.id, begun.key),
            size: None,
            since: begun.since.and_then(|at| Timestamp::from_second(at).ok()),
            stays: None,
        });
    }
    Ok(found)
}

fn leftover(hub: &S3Hub, listed: &Listed, stays: Option<String>) -> Leftover {
    Leftover {
        place: hub.shown(&listed.key),
        key: listed.key.clone(),
        size: Some(listed.size),
        since: listed.stored.and_then(|at| Timestamp::from_second(at).ok()),
        stays,
    }
}

/// Removes a leftover if it still is one.
pub(super) fn remove_leftover(hub: &S3Hub, leftover: &Leftover) -> Result<()> {
    let key = leftover.key.as_str();
    if let Some((id, key)) = key
        .strip_prefix(UPLOAD)
        .and_then(|rest| rest.split_once(' '))
    {
        return hub.bucket.abort(key, id);
    }
    let Some(there) = hub.bucket.head(key)? else {
        return Ok(());
    };
    let name = key.strip_prefix(&hub.prefix).unwrap_or(key);
    if name.starts_with(LOCK) && there.age < hub.stale() {
        return Err(Error::unavailable(format!(
            "{} belongs to a publisher that still runs",
            hub.shown(key)
        )));
    }
    if name.starts_with(LOCK) || name.starts_with(PROBE) {
        return hub.bucket.delete(key);
    }
    let Some((tag, name)) = name.split_once('/') else {
        return Ok(());
    };
    let tag: Tag = tag.parse()?;
    let guard = hub.lock(&tag)?;
    if let Some(replaced) = name.strip_prefix(NEXT) {
        let replaced = replaced.strip_suffix(".json").map(str::parse::<AssetName>);
        return match replaced {
            // The new asset may be there already, and this is the only sidecar that is true of it.
            Some(Ok(asset)) => publish::finish_replacement(hub, &guard, &tag, &asset),
            _ => hub.bucket.delete(key),
        };
    }
    let Ok(asset) = name.parse::<AssetName>() else {
        return Ok(());
    };
    // A list may not have the sidecar yet.
    let sidecar = hub.key(&tag, asset.sidecar().as_str());
    let is_bare = hub.bucket.head(&sidecar)?.is_none();
    let is_plain = hub.bucket.head(&hub.key(&tag, NOTES))?.is_some();
    if is_bare && !is_plain {
        hub.bucket.delete(key)?;
    }
    Ok(())
}
