//! Removes from the folder of a release: an asset with all that belongs to it, and what killed
//! publishers left. Whoever calls this holds the folder's lock.

use camino::Utf8Path;
use jiff::Timestamp;

use super::stage::STAGED;
use super::{DirHub, LOCK, publish, sidecars};
use crate::hub::leftover::{self, Leftover, bare_assets};
use crate::hub::reader::NOTES;
use crate::hub::{HubReader, Release};
use larder_core::error::{Error, Result};
use larder_core::file_lock::FileLock;
use larder_core::fs::{self, OwnFolder};
use larder_core::model::{AssetName, Tag};

/// What the name of a new sidecar begins with while its asset is being replaced.
const NEXT: &str = ".next-";

/// Removes an asset, its sidecar first, then rewrites the derived files. Those go before the last
/// sidecar does: a release of files without sidecars and with checksums is one of plain files.
pub(super) fn remove(folder: &OwnFolder, tag: &Tag, asset: &AssetName) -> Result<bool> {
    let dir = folder.path();
    let names = folder.list()?;
    let sidecar = asset.sidecar();
    let has_sidecar = names.iter().any(|name| *name == sidecar.as_str());
    let is_another = |name: &String| {
        let asset = name.strip_suffix(".json");
        name != sidecar.as_str() && asset.is_some_and(|asset| names.iter().any(|n| n == asset))
    };
    if has_sidecar && !names.iter().any(is_another) {
        for name in names.iter().filter(|name| leftover::is_derived(name)) {
            folder.remove_file(name)?;
        }
    }
    let mut is_removed = false;
    for name in leftover::belonging(asset) {
        if names.contains(&name) {
            folder.remove_file(&name)?;
            is_removed = true;
        }
    }
    folder.remove_file(&format!("{NEXT}{sidecar}"))?;
    if is_removed {
        fs::sync_dir(dir)?;
        sidecars::derive(dir, tag, None)?;
    }
    Ok(is_removed)
}

/// Removes the folder of a release that holds nothing but its lock and notes.
pub(super) fn remove_if_empty(hub: &OwnFolder, folder: OwnFolder, lock: FileLock) -> Result<()> {
    let names = folder.list()?;
    if names
        .iter()
        .any(|name| ![LOCK, NOTES].contains(&name.as_str()))
    {
        return Ok(());
    }
    let Some(tag) = folder.path().file_name().map(str::to_owned) else {
        return Ok(());
    };
    for name in names {
        folder.remove_file(&name)?;
    }
    // Windows removes no folder that is open.
    drop(folder);
    // A publisher that waits for the lock finds out that it is gone, and makes the folder again.
    let _ = hub.remove_empty_folder(&tag);
    drop(lock);
    Ok(())
}

/// What killed publishers left in the hub and in the folders of its releases.
pub(super) fn leftovers(hub: &DirHub, root: &Utf8Path) -> Result<Vec<Leftover>> {
    let mut found = Vec::new();
    for name in fs::list(root)? {
        if name.starts_with(STAGED) {
            found.extend(leftover(root, &name, &name)?);
        }
        let Ok(tag) = name.parse::<Tag>() else {
            continue;
        };
        let dir = root.join(tag.as_str());
        if !fs::stat(&dir)?.is_some_and(|meta| meta.is_dir()) {
            continue;
        }
        let is_plain = fs::exists(dir.join(NOTES));
        let release = hub.release(&tag)?;
        let bare = release.iter().filter(|_| !is_plain).flat_map(bare_assets);
        let hidden = fs::list(&dir)?
            .into_iter()
            .filter(|name| name.starts_with(STAGED) || name.starts_with(NEXT));
        for name in bare.map(|asset| asset.name.to_string()).chain(hidden) {
            found.extend(leftover(&dir, &name, &format!("{tag}/{name}"))?);
        }
    }
    Ok(found)
}

fn leftover(dir: &Utf8Path, name: &str, key: &str) -> Result<Option<Leftover>> {
    let path = dir.join(name);
    let Some(meta) = fs::lstat(&path)? else {
        return Ok(None);
    };
    let since = meta.modified().ok();
    Ok(Some(Leftover {
        place: path.into_string(),
        key: key.to_owned(),
        size: meta.is_file().then_some(meta.len()),
        since: since.and_then(|time| Timestamp::try_from(time).ok()),
        stays: None,
    }))
}

/// The folder that a leftover is in, and its name there; `None` if the folder is gone.
pub(super) fn find(hub: &OwnFolder, leftover: &Leftover) -> Result<Option<(OwnFolder, String)>> {
    let Some((tag, name)) = leftover.key.split_once('/') else {
        return Ok(Some((hub.clone(), leftover.key.clone())));
    };
    let folder = hub.folder(tag)?;
    Ok(folder.map(|folder| (folder, name.to_owned())))
}

/// Removes a leftover if it still is one.
pub(super) fn remove_leftover(hub: &DirHub, folder: &OwnFolder, name: &str) -> Result<()> {
    if folder.entry(name)?.is_none() {
        return Ok(());
    }
    if name.starts_with(STAGED) {
        // The lock's holder has removed what belongs to nobody.
        return Err(Error::unavailable(format!(
            "{} belongs to a publisher that still runs",
            folder.path().join(name)
        )));
    }
    if let Some(replaced) = name.strip_prefix(NEXT) {
        let replaced = replaced.strip_suffix(".json").map(str::parse::<AssetName>);
        return match replaced {
            // The new asset may be there already, and this is the only sidecar that is true of it.
            Some(Ok(asset)) => publish::finish_replacement(folder.path(), &asset),
            _ => folder.remove_file(name),
        };
    }
    let tag = folder.path().file_name().unwrap_or_default().parse()?;
    let is_bare = |release: &Release| bare_assets(release).any(|asset| asset.name.as_str() == name);
    if hub.release(&tag)?.as_ref().is_some_and(is_bare) && folder.entry(NOTES)?.is_none() {
        folder.remove_file(name)?;
    }
    Ok(())
}
