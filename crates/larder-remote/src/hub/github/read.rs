//! Reading a hub: direct downloads while the repository is public, the API with the token where it is not.
//!
//! 1. Ask the web origin, anonymously. A hit costs no API call.
//! 2. On the first miss of a run ask once what the repository is. Public: absent is absent. Not visible to us: nobody can
//!    say, so it is an error. Private: from now on the API.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::api::{Api, RawAsset, RawRelease, segment};
use crate::http::{Download, Request};
use crate::hub::{Body, Listed, Release};
use larder_core::error::{Kind, Result};
use larder_core::formats::Sidecar;
use larder_core::model::{AssetName, Tag};

/// Sidecars are small; more than this is none of ours.
const SIDECAR: u64 = 16 * 1024 * 1024;

/// What is known of a repository's visibility.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sight {
    Public,
    Private,
}

/// What a run learned while reading.
#[derive(Default)]
pub(super) struct Memory {
    sight: Mutex<Option<Result<Sight>>>,
    /// Published releases of a private repository, by tag.
    releases: Mutex<HashMap<String, Option<Arc<RawRelease>>>>,
}

impl Memory {
    /// Forgets a release: it is about to be written.
    pub(super) fn forget(&self, tag: &Tag) {
        self.releases
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(tag.as_str());
    }

    /// Keeps published releases that were listed.
    pub(super) fn remember(&self, listed: impl Iterator<Item = RawRelease>) {
        let mut releases = self.releases.lock().unwrap_or_else(PoisonError::into_inner);
        for release in listed.filter(|release| !release.draft) {
            releases
                .entry(release.tag_name.clone())
                .or_insert_with(|| Some(Arc::new(release)));
        }
    }

    /// What the repository is; asked once per run. Others wait for the answer.
    fn sight(&self, api: &Api) -> Result<Sight> {
        let mut known = self.sight.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = known.get_or_insert_with(|| match api.is_private()? {
            Some(true) => Ok(Sight::Private),
            Some(false) => Ok(Sight::Public),
            None => Err(api.invisible()),
        });
        asked.clone()
    }

    fn known_private(&self) -> bool {
        // Whoever asks right now has not got an answer yet.
        self.sight
            .try_lock()
            .is_ok_and(|known| matches!(&*known, Some(Ok(Sight::Private))))
    }

    fn release(&self, api: &Api, tag: &Tag) -> Result<Option<Arc<RawRelease>>> {
        let mut releases = self.releases.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = releases.get(tag.as_str()) {
            return Ok(known.clone());
        }
        let found = api.by_tag(tag.as_str())?.map(Arc::new);
        releases.insert(tag.as_str().to_owned(), found.clone());
        Ok(found)
    }
}

/// A sidecar.
pub(super) fn sidecar(
    api: &Api,
    memory: &Memory,
    tag: &Tag,
    asset: &AssetName,
) -> Result<Option<Sidecar>> {
    let name = asset.sidecar();
    let from_web = |request: Request<'static>| api.client().get_small(request, SIDECAR);
    let found = either(api, memory, tag, &name, from_web, |id| api.small_asset(id))?;
    found
        .map(|bytes| Sidecar::parse(&bytes, &place(api, tag, &name)))
        .transpose()
}

/// An asset's bytes.
pub(super) fn fetch(
    api: &Api,
    memory: &Memory,
    tag: &Tag,
    asset: &AssetName,
) -> Result<Option<Body>> {
    let from_web = |request: Request<'static>| api.client().get(request);
    let found: Option<Download> = either(api, memory, tag, asset, from_web, |id| api.asset(id))?;
    Ok(found.map(|download| Body {
        size: download.size(),
        place: place(api, tag, asset),
        reader: Box::new(download),
    }))
}

/// Where an asset is in the browser's world, for people and for the lock.
pub(super) fn place(api: &Api, tag: &Tag, asset: &AssetName) -> String {
    format!(
        "{}/{}/releases/download/{tag}/{asset}",
        api.config.web.as_str().trim_end_matches('/'),
        api.repo
    )
}

fn either<T>(
    api: &Api,
    memory: &Memory,
    tag: &Tag,
    asset: &AssetName,
    from_web: impl Fn(Request<'static>) -> Result<Option<T>>,
    from_api: impl Fn(u64) -> Result<Option<T>>,
) -> Result<Option<T>> {
    if !memory.known_private() {
        let web = api.config.web.as_str().trim_end_matches('/');
        let url = format!(
            "{web}/{}/releases/download/{}/{}",
            api.repo,
            segment(tag.as_str()),
            segment(asset.as_str())
        );
        match from_web(Request::get(&url)?) {
            Ok(Some(found)) => return Ok(Some(found)),
            Ok(None) => match memory.sight(api)? {
                Sight::Public => return Ok(None),
                Sight::Private => {}
            },
            // A login page instead of an asset is how some servers hide private repositories.
            Err(error) if error.kind() == Kind::Unavailable && api.has_token() => {
                match memory.sight(api) {
                    Ok(Sight::Private) => {}
                    _ => return Err(error),
                }
            }
            Err(error) => return Err(error),
        }
    }
    let Some(release) = memory.release(api, tag)? else {
        return Ok(None);
    };
    match release.whole(asset.as_str()) {
        Some(asset) => from_api(asset.id),
        None => Ok(None),
    }
}

/// A release as larder sees it: only whole assets with names of ours, no leftovers of a replacement.
pub(super) fn shown(release: &RawRelease) -> Option<Release> {
    let listed = |asset: &RawAsset| {
        let name: AssetName = asset.name.parse().ok()?;
        let whole = asset.is_whole() && !super::swap::is_temporary(&asset.name);
        let inputs = asset
            .label
            .as_deref()
            .and_then(super::label::inputs)
            .map(str::to_owned);
        whole.then(|| Listed {
            name,
            size: asset.size,
            sha256: asset.sha256(),
            inputs,
        })
    };
    let mut assets: Vec<Listed> = release.assets.iter().filter_map(listed).collect();
    assets.sort_by(|a, b| a.name.cmp(&b.name));
    let RawRelease {
        id: _,
        tag_name,
        draft,
        immutable,
        upload_url: _,
        html_url: _,
        body: _,
        assets: _,
    } = release;
    // A tag that larder would not write can't be one of its releases.
    Some(Release {
        tag: tag_name.parse().ok()?,
        draft: *draft,
        immutable: *immutable,
        assets,
    })
}

/// Of several releases with one tag the one that counts: published before draft, then the oldest.
pub(super) fn canonical(releases: impl IntoIterator<Item = RawRelease>) -> Option<RawRelease> {
    releases
        .into_iter()
        .min_by_key(|release| (release.draft, release.id))
}
