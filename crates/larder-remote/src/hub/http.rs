//! A read-only hub on any static web server, with the layout of a folder hub:
//! `<url>/<tag>/<asset>`. `larder serve --hub` also has a listing, [`listing::FILE`].

use std::sync::Arc;

use crate::http::{Client, Request, Url, parse_url, shown};
use larder_core::error::{Error, Result};
use larder_core::model::{AssetName, Tag};

use super::listing::{self, Releases};
use super::reader::{Body, HubReader, MAX_SIDECAR, Release, next_sidecar};

/// More bytes than the listing of a large hub has.
const MAX_LISTING: u64 = 256 * 1024 * 1024;

/// A hub on a static server.
pub struct HttpHub {
    url: Url,
    client: Arc<Client>,
}

impl HttpHub {
    /// A hub at a base url.
    pub fn new(url: &str, client: &Arc<Client>) -> Result<Self> {
        Ok(Self {
            url: parse_url(url.trim_end_matches('/'))?,
            client: Arc::clone(client),
        })
    }

    fn request(&self, tag: &Tag, file: &str) -> Result<Request<'static>> {
        self.below(&[tag.as_str(), file])
    }

    fn below(&self, names: &[&str]) -> Result<Request<'static>> {
        let mut url = self.url.clone();
        match url.path_segments_mut() {
            Ok(mut path) => path.pop_if_empty().extend(names),
            Err(()) => {
                return Err(Error::usage(format!(
                    "{} can't be the base url of a hub",
                    shown(&self.url)
                )));
            }
        };
        Request::new(crate::http::Method::GET, url)
    }
}

impl HttpHub {
    /// All releases; `None` if the server has no listing.
    fn listing(&self) -> Result<Option<Vec<Release>>> {
        let request = self.below(&[listing::FILE])?;
        let bytes = self.client.get_small(request, MAX_LISTING)?;
        let place = format!("{}/{}", self.describe(), listing::FILE);
        bytes
            .map(|bytes| Releases::parse(&bytes, &place))
            .transpose()
    }
}

impl HubReader for HttpHub {
    fn id(&self) -> String {
        format!("http:{}", shown(&self.url).trim_end_matches('/'))
    }

    fn describe(&self) -> String {
        shown(&self.url).trim_end_matches('/').to_owned()
    }

    fn place(&self, tag: &Tag, asset: &AssetName) -> String {
        format!("{}/{tag}/{asset}", self.describe())
    }

    fn lists(&self) -> bool {
        false
    }

    fn suffixes_tags(&self) -> bool {
        false
    }

    fn small_file(&self, tag: &Tag, name: &AssetName) -> Result<Option<Vec<u8>>> {
        self.client
            .get_small(self.request(tag, name.as_str())?, MAX_SIDECAR)
    }

    fn fetch(&self, tag: &Tag, asset: &AssetName) -> Result<Option<Body>> {
        let Some(download) = self.client.get(self.request(tag, asset.as_str())?)? else {
            return Ok(None);
        };
        Ok(Some(Body {
            size: download.size(),
            place: download.place().to_owned(),
            version: download.version().map(str::to_owned),
            reader: Box::new(download),
        }))
    }

    fn is_replacing(&self, tag: &Tag, asset: &AssetName) -> bool {
        let next = self.request(tag, &next_sidecar(asset));
        next.and_then(|request| self.client.get_small(request, MAX_SIDECAR))
            .is_ok_and(|found| found.is_some())
    }

    fn release(&self, tag: &Tag) -> Result<Option<Release>> {
        let what = || format!("the release {tag} of {}", self.describe());
        let releases = self.listing()?.ok_or_else(|| cannot_list(&what()))?;
        Ok(releases.into_iter().find(|release| release.tag == *tag))
    }

    fn releases(&self) -> Result<Vec<Release>> {
        self.listing()?.ok_or_else(|| cannot_list(&self.describe()))
    }
}

fn cannot_list(what: &str) -> Error {
    Error::usage(format!(
        "{what} can't be listed: a static server has no listing"
    ))
    .hint("use the folder itself as the hub (`hub: {dir: PATH}`), or name a single asset")
}
