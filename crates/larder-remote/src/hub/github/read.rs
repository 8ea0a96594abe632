//! Reads assets: with direct downloads from a public repository, through the API with the token
//! from a private one.
//!
//! 1. Request the asset from the website, without the token. If it is there, no API call is needed.
//! 2. On the first miss of a run, ask the API once who may see the repository. If it is public, the
//!    asset is absent. If it is not visible to us, an absent asset can't be distinguished from a
//!    hidden one, so that is an error. If it is private, every asset is from now on read through
//!    the API.
//!
//! Drafts and writes are not handled here.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::github::{Api, Release, Visibility, segment};
use crate::http::{Download, Request};
use crate::hub::reader::{Body, MAX_SIDECAR};
use larder_core::error::{Kind, Result};
use larder_core::model::{AssetName, Tag};

/// What a run has learned while reading.
#[derive(Default)]
pub(super) struct ReadState {
    visibility: Mutex<Option<Result<Visibility>>>,
    /// The published releases of a private repository, by tag.
    releases: Mutex<HashMap<String, Option<Arc<Release>>>>,
    /// Whether the website has given an asset without the token, as it does for a public repository
    /// only. Then what it does not have is absent, and the API need not be asked.
    seen_public: AtomicBool,
}

impl ReadState {
    /// Forgets a release, because it is about to be written.
    pub(super) fn forget(&self, tag: &Tag) {
        self.releases
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(tag.as_str());
    }

    /// Keeps published releases that were listed, so that reading one of them needs no further
    /// lookup.
    pub(super) fn remember(&self, listed: impl Iterator<Item = Release>) {
        let mut releases = self.releases.lock().unwrap_or_else(PoisonError::into_inner);
        for release in listed.filter(|release| !release.draft) {
            releases
                .entry(release.tag.clone())
                .or_insert_with(|| Some(Arc::new(release)));
        }
    }

    /// Who may see the repository. It is requested once per run; other threads wait for the answer.
    fn visibility(&self, api: &Api) -> Result<Visibility> {
        let mut known = self
            .visibility
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        known.get_or_insert_with(|| api.visibility()).clone()
    }

    fn known_private(&self) -> bool {
        // The lock is held while another thread requests it; the visibility is not known yet then.
        self.visibility
            .try_lock()
            .is_ok_and(|known| matches!(&*known, Some(Ok(Visibility::Private))))
    }

    fn release(&self, api: &Api, tag: &Tag) -> Result<Option<Arc<Release>>> {
        let mut releases = self.releases.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = releases.get(tag.as_str()) {
            return Ok(known.clone());
        }
        let found = api.by_tag(tag.as_str())?.map(Arc::new);
        releases.insert(tag.as_str().to_owned(), found.clone());
        Ok(found)
    }
}

/// The bytes of a sidecar or a signature.
pub(super) fn small_file(
    api: &Api,
    read_state: &ReadState,
    tag: &Tag,
    name: &AssetName,
) -> Result<Option<Vec<u8>>> {
    let from_web = |request: Request<'static>| api.client().get_small(request, MAX_SIDECAR);
    from_web_or_api(api, read_state, tag, name, from_web, |id| {
        api.small_asset(id)
    })
}

/// An asset's bytes.
pub(super) fn fetch(
    api: &Api,
    read_state: &ReadState,
    tag: &Tag,
    asset: &AssetName,
) -> Result<Option<Body>> {
    let from_web = |request: Request<'static>| api.client().get(request);
    let found: Option<Download> =
        from_web_or_api(api, read_state, tag, asset, from_web, |id| api.asset(id))?;
    Ok(found.map(|download| Body {
        size: download.size(),
        place: place(api, tag, asset),
        reader: Box::new(download),
        version: None,
    }))
}

/// The url of an asset on the website, for messages and for the lock.
pub(super) fn place(api: &Api, tag: &Tag, asset: &AssetName) -> String {
    api.web_url(&format!("/releases/download/{tag}/{asset}"))
}

fn from_web_or_api<T>(
    api: &Api,
    read_state: &ReadState,
    tag: &Tag,
    asset: &AssetName,
    from_web: impl Fn(Request<'static>) -> Result<Option<T>>,
    from_api: impl Fn(u64) -> Result<Option<T>>,
) -> Result<Option<T>> {
    if !read_state.known_private() {
        let url = api.web_url(&format!(
            "/releases/download/{}/{}",
            segment(tag.as_str()),
            segment(asset.as_str())
        ));
        match from_web(Request::get(&url)?) {
            Ok(Some(found)) => {
                read_state.seen_public.store(true, Ordering::Relaxed);
                return Ok(Some(found));
            }
            Ok(None) if read_state.seen_public.load(Ordering::Relaxed) => return Ok(None),
            Ok(None) => match read_state.visibility(api)? {
                Visibility::Public => return Ok(None),
                Visibility::Private => {}
            },
            // Some servers answer with a login page if a repository is private.
            Err(error) if error.kind() == Kind::Unavailable && api.has_token() => {
                match read_state.visibility(api) {
                    Ok(Visibility::Private) => {}
                    _ => return Err(error),
                }
            }
            Err(error) => return Err(error),
        }
    }
    let Some(release) = read_state.release(api, tag)? else {
        return Ok(None);
    };
    match release.whole(asset.as_str()) {
        Some(asset) => from_api(asset.id),
        None => Ok(None),
    }
}
