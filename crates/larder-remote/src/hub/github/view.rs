//! Converts a repository's releases to those of the hub: chooses one of several releases with the
//! same tag, and selects the assets that belong to larder. Sends no request.

use super::{label, names};
use crate::github::{Asset, Release};
use crate::hub;
use larder_core::model::AssetName;

/// Chooses one of several releases with the same tag: a published one before drafts, then the
/// oldest. Every reader and writer chooses the same one.
pub(super) fn choose_release(releases: impl IntoIterator<Item = Release>) -> Option<Release> {
    releases
        .into_iter()
        .min_by_key(|release| (release.draft, release.id))
}

/// The release with only its complete assets that have valid names, without temporary assets of
/// replacements. `None` if the tag is not a valid tag of larder.
pub(super) fn to_hub_release(release: &Release) -> Option<hub::Release> {
    let listed = |asset: &Asset| {
        let name: AssetName = asset.name.parse().ok()?;
        let whole = asset.is_whole() && !names::is_temporary(&asset.name);
        let inputs = asset
            .label
            .as_deref()
            .and_then(label::inputs)
            .map(str::to_owned);
        whole.then(|| hub::ListedAsset {
            name,
            size: asset.size,
            sha256: asset.sha256(),
            inputs,
        })
    };
    let mut assets: Vec<hub::ListedAsset> = release.assets.iter().filter_map(listed).collect();
    assets.sort_by(|a, b| a.name.cmp(&b.name));
    let Release {
        id: _,
        tag,
        draft,
        immutable,
        upload_url: _,
        page: _,
        body: _,
        created: _,
        assets: _,
    } = release;
    Some(hub::Release {
        tag: tag.parse().ok()?,
        draft: *draft,
        immutable: *immutable,
        assets,
    })
}
