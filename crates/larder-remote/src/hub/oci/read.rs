//! Reads one file of a release. Its name says where it is, so that a hit takes one request.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use larder_core::error::Result;
use larder_core::formats::Sidecar;
use larder_core::model::{AssetName, Tag};

use super::artifact::{Part, Stored};
use super::names::is_package;
use super::store::Store;
use crate::hub::Body;
use crate::hub::attached::is_attached;
use crate::hub::attachment::check_name;
use crate::hub::derived::{self, CHECKSUMS, MANIFEST, ReleaseAddress};
use crate::hub::reader::{MAX_SIDECAR, NOTES};

/// What the name of a file says.
enum Meaning {
    Package,
    Sidecar(AssetName),
    Signature(AssetName),
    /// Made from the sidecars when it is asked for, unless the release is one of plain files.
    Derived,
    /// A file that joined a release, or of a release of plain files.
    Plain,
    /// Nothing that may join a release.
    PlainOnly,
}

fn meaning(name: &AssetName) -> Meaning {
    let asset = |ending: &str| {
        let asset: AssetName = name.as_str().strip_suffix(ending)?.parse().ok()?;
        is_package(&asset).then_some(asset)
    };
    if is_package(name) {
        Meaning::Package
    } else if let Some(asset) = asset(".json") {
        Meaning::Sidecar(asset)
    } else if let Some(asset) = asset(".json.minisig") {
        Meaning::Signature(asset)
    } else if [MANIFEST, CHECKSUMS].contains(&name.as_str()) {
        Meaning::Derived
    } else if is_attached(name.as_str()) || check_name(name).is_ok() {
        Meaning::Plain
    } else {
        Meaning::PlainOnly
    }
}

/// A file that was found.
enum Found {
    Part(Part),
    Bytes(Vec<u8>),
}

impl Store {
    /// The bytes of a small file.
    pub(super) fn small_file(&self, tag: &Tag, name: &AssetName) -> Result<Option<Vec<u8>>> {
        let part = match self.find(tag, name)? {
            None => return Ok(None),
            Some(Found::Bytes(bytes)) => return Ok(Some(bytes)),
            Some(Found::Part(part)) => part,
        };
        if let Some(data) = part.data {
            return Ok(Some(data));
        }
        let place = format!("{name} of {tag}");
        let body = self.open(&part)?;
        body.map(|body| crate::http::read_small(body, MAX_SIDECAR, &place))
            .transpose()
    }

    /// The bytes of a file as a stream.
    pub(super) fn fetch(&self, tag: &Tag, name: &AssetName, place: &str) -> Result<Option<Body>> {
        let part = match self.find(tag, name)? {
            None => return Ok(None),
            Some(Found::Bytes(bytes)) => {
                return Ok(Some(Body {
                    size: Some(bytes.len() as u64),
                    reader: Box::new(Cursor::new(bytes)),
                    place: place.to_owned(),
                    version: None,
                }));
            }
            Some(Found::Part(part)) => part,
        };
        Ok(self.open(&part)?.map(|body| Body {
            reader: Box::new(body) as Box<dyn Read + Send>,
            size: Some(part.blob.size),
            place: place.to_owned(),
            version: Some(part.blob.digest.to_string()),
        }))
    }

    fn find(&self, tag: &Tag, name: &AssetName) -> Result<Option<Found>> {
        let of_plain = || {
            let release = self.release(tag)?;
            let Some(release) = release else {
                return Ok(None);
            };
            if name.as_str() == NOTES {
                return Ok(Some(Found::Bytes(self.bytes(&release.config)?)));
            }
            Ok(release.file(name).cloned().map(Found::Part))
        };
        let own = |found: Option<Stored>| {
            let part = found.and_then(|found| found.file(name).cloned());
            part.map(Found::Part)
        };
        match meaning(name) {
            Meaning::Package => match own(self.asset(tag, name)?) {
                None => of_plain(),
                found => Ok(found),
            },
            Meaning::Sidecar(asset) => {
                let Some(found) = self.asset(tag, &asset)? else {
                    return Ok(None);
                };
                self.bytes(&found.config)
                    .map(|bytes| Some(Found::Bytes(bytes)))
            }
            Meaning::Signature(asset) => {
                let Some(found) = self.asset(tag, &asset)? else {
                    return Ok(None);
                };
                Ok(own(self.signature(&found, &asset)?))
            }
            Meaning::Derived => match of_plain()? {
                None => Ok(self.derived(tag, name)?.map(Found::Bytes)),
                found => Ok(found),
            },
            Meaning::Plain => match own(self.joined(tag, name)?) {
                None => of_plain(),
                found => Ok(found),
            },
            Meaning::PlainOnly => of_plain(),
        }
    }

    /// The sidecars of a release by asset. A damaged one is skipped here; the code that reads it
    /// reports the damage.
    pub(super) fn sidecars(&self, tag: &Tag) -> Result<BTreeMap<AssetName, (Stored, Sidecar)>> {
        let mut sidecars = BTreeMap::new();
        for stored in self.assets_of(tag)? {
            let Some(asset) = stored.files.first().and_then(|file| file.name.clone()) else {
                continue;
            };
            let bytes = self.bytes(&stored.config)?;
            if let Ok(sidecar) = Sidecar::parse(&bytes, asset.as_str()) {
                sidecars.insert(asset, (stored, sidecar));
            }
        }
        Ok(sidecars)
    }

    /// `manifest.json` or `checksums.txt`, made from the sidecars that are there now.
    fn derived(&self, tag: &Tag, name: &AssetName) -> Result<Option<Vec<u8>>> {
        let sidecars = self.sidecars(tag)?;
        if sidecars.is_empty() {
            return Ok(None);
        }
        let sidecars = sidecars
            .into_iter()
            .map(|(asset, (_, sidecar))| (asset, sidecar))
            .collect();
        let files = derived::files(ReleaseAddress::default(), tag, &sidecars);
        let found = files.into_iter().find(|(own, _)| *own == name.as_str());
        Ok(found.map(|(_, bytes)| bytes))
    }
}
