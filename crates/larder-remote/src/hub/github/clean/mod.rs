//! Removes assets from published releases, and what killed publishers left: drafts without assets,
//! uploads that were cut off, and assets without a sidecar. A draft that holds assets is only listed:
//! `release abort` deletes it.

use jiff::Timestamp;

use super::list::Releases;
use super::names;
use super::session::{NOTES_BEGIN, Session};
use super::sidecars::{Sidecars, derive};
use super::view;
use crate::github::{Api, Asset, Release};
use crate::hub::leftover::{self, Leftover, bare_assets};
use larder_core::error::{Error, Result};
use larder_core::model::{AssetName, Tag};

/// What the key of a draft begins with; its id follows.
const DRAFT: &str = "draft:";
/// What the key of an asset begins with; the id of its release and its own id follow.
const ASSET: &str = "asset:";

/// Removes an asset of a published release with all that belongs to it, the sidecar first. A release
/// that holds nothing any more is deleted.
pub(super) fn remove(
    releases: &Releases,
    sidecars: &Sidecars,
    tag: &Tag,
    asset: &AssetName,
) -> Result<bool> {
    let mut session = Session::new(releases, tag, &|_| {});
    let mut is_removed = false;
    let done = session.run(|session| {
        let Some(mut release) = session.api().by_tag(tag.as_str())? else {
            return Ok(());
        };
        if release.immutable {
            return Err(Error::refused(format!("the release {tag} is immutable"))
                .hint("GitHub deletes an immutable release only as a whole, on its page")
                .into());
        }
        let own: Vec<String> = leftover::belonging(asset).collect();
        let is_own = |there: &Asset| {
            own.contains(&there.name)
                || names::final_name(&there.name).is_some_and(|name| own.iter().any(|o| o == name))
        };
        let mut going: Vec<Asset> = release
            .assets
            .iter()
            .filter(|a| is_own(a))
            .cloned()
            .collect();
        if going.is_empty() {
            return Ok(());
        }
        going.sort_by_key(|there| own.iter().position(|name| *name == there.name));
        release.assets.retain(|there| !is_own(there));
        is_removed = true;
        if release.assets.iter().all(|a| leftover::is_derived(&a.name)) {
            // The sidecar goes first here, too, in case the release can't be deleted.
            if let Some(sidecar) = going.first() {
                session.delete(sidecar.id)?;
            }
            session.wrote = true;
            return Ok(session.api().delete_release(release.id)?);
        }
        let has_sidecar = |there: &Asset| release.asset(&format!("{}.json", there.name)).is_some();
        if !release.assets.iter().any(has_sidecar) {
            // Without sidecars, what has checksums is a release of plain files.
            for there in release
                .assets
                .iter()
                .filter(|a| leftover::is_derived(&a.name))
            {
                session.delete(there.id)?;
            }
        }
        for there in going {
            session.delete(there.id)?;
        }
        derive(session, sidecars, release, None).map(drop)
    });
    releases.forget();
    done?;
    Ok(is_removed)
}

/// Drafts of subsystems' releases, and in published releases cut-off uploads, temporary assets and
/// assets without a sidecar.
pub(super) fn leftovers(releases: &Releases) -> Result<Vec<Leftover>> {
    let mut found = Vec::new();
    for release in releases.all()? {
        let is_ours = release
            .body
            .as_deref()
            .is_some_and(|body| body.starts_with(&format!("{NOTES_BEGIN}{}", release.tag)));
        if release.draft {
            // A person's own draft is nobody's leftover.
            if is_ours {
                found.push(draft(&releases.api, &release));
            }
            continue;
        }
        let Some(listed) = view::to_hub_release(&release).filter(|_| is_ours && !release.immutable)
        else {
            continue;
        };
        let bare: Vec<&str> = bare_assets(&listed).map(|a| a.name.as_str()).collect();
        let is_left = |asset: &&Asset| {
            !asset.is_whole()
                || names::is_temporary(&asset.name)
                || bare.contains(&asset.name.as_str())
        };
        found.extend(release.assets.iter().filter(is_left).map(|asset| Leftover {
            place: releases.api.web_url(&format!(
                "/releases/download/{}/{}",
                release.tag, asset.name
            )),
            key: format!("{ASSET}{}/{}", release.id, asset.id),
            size: Some(asset.size),
            since: time(asset.created.as_deref()),
            stays: None,
        }));
    }
    Ok(found)
}

fn draft(api: &Api, release: &Release) -> Leftover {
    let assets = release.assets.len();
    let newest = release
        .assets
        .iter()
        .filter_map(|a| time(a.created.as_deref()))
        .max();
    Leftover {
        place: api.web_url(&format!("/releases (the draft of {})", release.tag)),
        key: format!("{DRAFT}{}", release.id),
        size: Some(release.assets.iter().map(|asset| asset.size).sum()),
        since: newest.or_else(|| time(release.created.as_deref())),
        stays: (assets > 0).then(|| {
            format!("this draft holds files ({assets}): `larder release finalize` publishes it, `larder release abort` deletes it")
        }),
    }
}

fn time(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok()
}

/// Removes a leftover if it still is one.
pub(super) fn remove_leftover(api: &Api, leftover: &Leftover) -> Result<()> {
    let id = |text: &str| text.parse::<u64>().ok();
    if let Some(id) = leftover.key.strip_prefix(DRAFT).and_then(id) {
        let Some(draft) = api.by_id(id)?.filter(|release| release.draft) else {
            return Ok(());
        };
        if !draft.assets.is_empty() {
            return Err(
                Error::refused(format!("the draft of {} holds files", draft.tag)).hint(
                    "`larder release finalize` publishes it, `larder release abort` deletes it",
                ),
            );
        }
        return Ok(api.delete_release(id)?);
    }
    let Some((release, asset)) = leftover
        .key
        .strip_prefix(ASSET)
        .and_then(|key| key.split_once('/'))
    else {
        return Ok(());
    };
    let (Some(release), Some(asset)) = (id(release), id(asset)) else {
        return Ok(());
    };
    let Some(release) = api.by_id(release)? else {
        return Ok(());
    };
    let Some(there) = release.assets.iter().find(|other| other.id == asset) else {
        return Ok(());
    };
    let is_bare = view::to_hub_release(&release)
        .is_some_and(|listed| bare_assets(&listed).any(|a| a.name.as_str() == there.name));
    if !there.is_whole() || names::is_temporary(&there.name) || is_bare {
        api.delete_asset(asset)?;
    }
    Ok(())
}
