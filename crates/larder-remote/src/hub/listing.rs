//! `releases.json`: the listing of a hub behind HTTP.
//!
//! A static web server has none. `larder serve --hub` makes one, so that its hub can be listed too:
//! `{"schema": 1, "releases": [{"tag", "assets": [{"name", "size", "sha256"}]}]}`.

use serde::{Deserialize, Serialize};

use larder_core::error::{Error, Result};
use larder_core::model::{Digest, Tag};

use super::{ListedAsset, Release};

/// The name of the document, in the folder of the hub.
pub const FILE: &str = "releases.json";

/// The format that is written here.
const SCHEMA: u32 = 1;

/// The document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Releases {
    schema: u32,
    releases: Vec<Listed>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Listed {
    tag: String,
    assets: Vec<Asset>,
}

/// A package or a sidecar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// The digest of its bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
}

impl Default for Releases {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            releases: Vec::new(),
        }
    }
}

impl Releases {
    /// Adds assets to a release. Those of one release must be added one after the other.
    pub fn add(&mut self, tag: &Tag, assets: impl IntoIterator<Item = Asset>) {
        match self.releases.last_mut() {
            Some(last) if last.tag == tag.as_str() => last.assets.extend(assets),
            _ => self.releases.push(Listed {
                tag: tag.to_string(),
                assets: assets.into_iter().collect(),
            }),
        }
    }

    /// Reads the document. A release or an asset whose name is not one is left out.
    pub(super) fn parse(bytes: &[u8], place: &str) -> Result<Vec<Release>> {
        let wrong = || Error::failed(format!("{place} is not a listing of releases"));
        let document: Self = serde_json::from_slice(bytes).map_err(|error| wrong().cause(error))?;
        if document.schema != SCHEMA {
            return Err(Error::failed(format!(
                "{place} has schema {}, but this larder reads schema {SCHEMA}",
                document.schema
            ))
            .hint("update larder"));
        }
        let releases = document.releases.into_iter().filter_map(|listed| {
            let mut assets: Vec<_> = listed.assets.into_iter().filter_map(Asset::parse).collect();
            assets.sort_by(|a, b| a.name.cmp(&b.name));
            Some(Release {
                tag: listed.tag.parse().ok()?,
                draft: false,
                immutable: false,
                assets,
            })
        });
        Ok(releases.collect())
    }
}

impl Asset {
    fn parse(self) -> Option<ListedAsset> {
        Some(ListedAsset {
            name: self.name.parse().ok()?,
            size: self.size,
            sha256: self.sha256,
            inputs: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_read_as_it_was_written() {
        let mut releases = Releases::default();
        let asset = |name: &str| Asset {
            name: name.to_owned(),
            size: 3,
            sha256: Some(Digest::of(b"abc")),
        };
        let (one, two): (Tag, Tag) = ("a-v1".parse().unwrap(), "b-v1".parse().unwrap());
        releases.add(&one, [asset("z.tar.gz")]);
        releases.add(&one, [asset("a.tar.gz"), asset("../x")]);
        releases.add(&two, []);
        let bytes = serde_json::to_vec(&releases).unwrap();
        let read = Releases::parse(&bytes, "there").unwrap();
        let names: Vec<_> = read[0].assets.iter().map(|a| a.name.as_str()).collect();
        assert_eq!(names, ["a.tar.gz", "z.tar.gz"]);
        assert_eq!((read.len(), &read[1].tag), (2, &two));
        for bad in ["", "[]", "{}", r#"{"schema":2,"releases":[]}"#] {
            let error = Releases::parse(bad.as_bytes(), "there").unwrap_err();
            assert!(error.to_string().contains("there"), "{error}");
        }
    }
}
