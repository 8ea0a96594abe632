//! A repository's releases as the hub shows them: which of several with one tag counts, and which
//! of its assets are larder's. Asks for nothing.

use super::{label, names};
use crate::github::{Asset, Release};
use crate::hub;
use larder_core::model::AssetName;

/// The release that counts among several with one tag: a published one before drafts, then the
/// oldest. Every reader and writer chooses the same one.
pub(super) fn canonical(releases: impl IntoIterator<Item = Release>) -> Option<Release> {
    releases
        .into_iter()
        .min_by_key(|release| (release.draft, release.id))
}

/// A release as larder sees it: only whole assets with names that larder would give, and nothing
/// that a replacement left behind. `None` where larder would not write such a tag.
pub(super) fn shown(release: &Release) -> Option<hub::Release> {
    let listed = |asset: &Asset| {
        let name: AssetName = asset.name.parse().ok()?;
        let whole = asset.is_whole() && !names::is_temporary(&asset.name);
        let inputs = asset
            .label
            .as_deref()
            .and_then(label::inputs)
            .map(str::to_owned);
        whole.then(|| hub::Listed {
            name,
            size: asset.size,
            sha256: asset.sha256(),
            inputs,
        })
    };
    let mut assets: Vec<hub::Listed> = release.assets.iter().filter_map(listed).collect();
    assets.sort_by(|a, b| a.name.cmp(&b.name));
    let Release {
        id: _,
        tag,
        draft,
        immutable,
        upload_url: _,
        page: _,
        body: _,
        assets: _,
    } = release;
    Some(hub::Release {
        tag: tag.parse().ok()?,
        draft: *draft,
        immutable: *immutable,
        assets,
    })
}
