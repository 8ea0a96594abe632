//! The hub in a bucket of an object store: `<prefix>/<tag>/<asset>` and `<prefix>/<tag>/<asset>.json`,
//! the layout of a folder hub.
//!
//! This file contains the reading part. [`publish`] writes assets, [`project`] and [`attach`] files
//! without sidecars, [`sidecars`] the derived files; [`clean`] removes. [`guard`] is what makes "only if there is none"
//! true on every store.
//!
//! A store shows an object whole or not at all, so a reader needs no care. A list may lag behind:
//! what was just written is asked for by its key, and nothing is taken to be absent because a list
//! does not have it. A name that starts with a dot is not an asset.

mod attach;
mod clean;
mod guard;
mod project;
mod publish;
mod sidecars;

use std::sync::Arc;
use std::time::Duration;

use crate::http::{Client, Url};
use crate::s3::{Bucket, Listed, Place, S3Config};
use larder_core::error::{Error, Result};
use larder_core::model::{AssetName, Digest, Tag};

use self::guard::Conditions;
use super::attachment::{self, Attachment};
use super::reader::{MAX_SIDECAR, NOTES, next_sidecar};
use super::{
    Attest, Body, HubFile, HubPublisher, HubReader, Leftover, ListedAsset, Notes, PlainFile,
    Progress, PublishOptions, ReadOnly, Receipt, Release, Upload,
};

/// A hub in a bucket.
pub struct S3Hub {
    bucket: Arc<Bucket>,
    /// The keys of the hub begin with this: empty, or with a slash at its end.
    prefix: String,
    /// What the project names as its endpoint.
    endpoint: Option<String>,
    conditions: Conditions,
}

impl S3Hub {
    /// A hub below a prefix, which has no slashes at its ends and may be empty.
    pub fn new(place: Place, prefix: &str, config: &S3Config, client: &Arc<Client>) -> Self {
        let prefix = match prefix {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        Self {
            endpoint: place.endpoint.clone(),
            bucket: Arc::new(Bucket::new(place, config, client)),
            prefix,
            conditions: Conditions::default(),
        }
    }

    fn key(&self, tag: &Tag, name: &str) -> String {
        format!("{}{tag}/{name}", self.prefix)
    }

    /// A key as messages and the lock have it.
    fn shown(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket.name())
    }

    /// A url with which anyone can read a file of a release for a while.
    pub fn presign(&self, tag: &Tag, name: &AssetName, lasts: Duration) -> Result<Url> {
        self.bucket.presign(&self.key(tag, name.as_str()), lasts)
    }

    /// When the keys that presign end, in seconds since 1970; `None` if they don't.
    pub fn keys_end(&self) -> Result<Option<i64>> {
        self.bucket.keys_end()
    }

    /// The objects of a release by their names in it.
    fn listed(&self, tag: &Tag) -> Result<Vec<(String, Listed)>> {
        let start = self.key(tag, "");
        let named = |listed: Listed| {
            let name = listed.key.strip_prefix(&start)?.to_owned();
            (!name.contains('/')).then_some((name, listed))
        };
        Ok(self
            .bucket
            .list(&start)?
            .into_iter()
            .filter_map(named)
            .collect())
    }
}

/// A release from its objects. One that is incomplete counts as a draft.
fn release<'a>(tag: &Tag, objects: impl Iterator<Item = (&'a str, &'a Listed)>) -> Option<Release> {
    let mut release = Release {
        tag: tag.clone(),
        draft: false,
        immutable: false,
        assets: Vec::new(),
    };
    for (name, listed) in objects {
        release.draft |= name == project::INCOMPLETE;
        if let Ok(parsed) = name.parse::<AssetName>()
            && name != NOTES
        {
            release.assets.push(ListedAsset {
                name: parsed,
                size: listed.size,
                sha256: None,
                inputs: None,
            });
        }
    }
    release.assets.sort_by(|a, b| a.name.cmp(&b.name));
    (!release.assets.is_empty()).then_some(release)
}

impl HubReader for S3Hub {
    fn id(&self) -> String {
        let place = format!("s3:{}/{}", self.bucket.name(), self.prefix);
        let place = place.trim_end_matches('/');
        match self.bucket.endpoint() {
            Ok(Some(endpoint)) => {
                let endpoint = crate::http::shown(&endpoint);
                format!("{place}@{}", endpoint.trim_end_matches('/'))
            }
            _ => place.to_owned(),
        }
    }

    fn describe(&self) -> String {
        self.shown(self.prefix.trim_end_matches('/'))
            .trim_end_matches('/')
            .to_owned()
    }

    fn place(&self, tag: &Tag, asset: &AssetName) -> String {
        self.shown(&self.key(tag, asset.as_str()))
    }

    fn lists(&self) -> bool {
        true
    }

    fn suffixes_tags(&self) -> bool {
        false
    }

    fn small_file(&self, tag: &Tag, name: &AssetName) -> Result<Option<Vec<u8>>> {
        self.bucket.get(&self.key(tag, name.as_str()), MAX_SIDECAR)
    }

    fn fetch(&self, tag: &Tag, asset: &AssetName) -> Result<Option<Body>> {
        let key = self.key(tag, asset.as_str());
        let Some(download) = self.bucket.download(&key)? else {
            return Ok(None);
        };
        Ok(Some(Body {
            size: download.size(),
            place: self.shown(&key),
            version: download.version().map(str::to_owned),
            reader: Box::new(download),
        }))
    }

    fn hashed(&self, tag: &Tag, name: &AssetName) -> Result<Option<HubFile>> {
        let key = self.key(tag, name.as_str());
        // The store computed the digest of what was stored in one request.
        let Some(there) = self.bucket.head(&key)? else {
            return Ok(None);
        };
        if there.sha256.is_some() {
            return Ok(Some(HubFile {
                size: there.size,
                sha256: there.sha256,
            }));
        }
        let Some(download) = self.bucket.download(&key)? else {
            return Ok(None);
        };
        let doing = || format!("cannot read {}", self.shown(&key));
        let (sha256, size) = Digest::of_reader(download)
            .map_err(|error| crate::http::read_error(&error, &doing()))?;
        Ok(Some(HubFile {
            size,
            sha256: Some(sha256),
        }))
    }

    fn is_replacing(&self, tag: &Tag, asset: &AssetName) -> bool {
        let next = self.key(tag, &next_sidecar(asset));
        self.bucket.head(&next).is_ok_and(|found| found.is_some())
    }

    fn release(&self, tag: &Tag) -> Result<Option<Release>> {
        let listed = self.listed(tag)?;
        Ok(release(
            tag,
            listed.iter().map(|(name, listed)| (name.as_str(), listed)),
        ))
    }

    fn releases(&self) -> Result<Vec<Release>> {
        let listed = self.bucket.list(&self.prefix)?;
        let mut releases = Vec::new();
        let mut objects: Vec<(&str, &str, &Listed)> = listed
            .iter()
            .filter_map(|listed| {
                let (tag, name) = listed.key.strip_prefix(&self.prefix)?.split_once('/')?;
                (!name.contains('/')).then_some((tag, name, listed))
            })
            .collect();
        objects.sort_by_key(|(tag, name, _)| (*tag, *name));
        for objects in objects.chunk_by(|(one, ..), (other, ..)| one == other) {
            if let Ok(tag) = objects[0].0.parse::<Tag>() {
                let named = objects.iter().map(|(_, name, listed)| (*name, *listed));
                releases.extend(release(&tag, named));
            }
        }
        Ok(releases)
    }
}

impl HubPublisher for S3Hub {
    fn ready(&self) -> Result<(), ReadOnly> {
        if self.bucket.may_sign() {
            return Ok(());
        }
        let endpoint = self.endpoint.as_deref().unwrap_or_default();
        Err(ReadOnly {
            hub: self.describe(),
            why: format!(
                "`endpoint: {endpoint}` is read without credentials, because a project does not say where they go; to write, remove it and set AWS_ENDPOINT_URL_S3"
            ),
        })
    }

    fn publish(
        &self,
        tag: &Tag,
        uploads: &[Upload<'_>],
        options: PublishOptions,
        _notes: Notes<'_>,
        attest: Option<&dyn Attest>,
        progress: Progress<'_>,
    ) -> Result<Receipt> {
        let (assets, signatures) = publish::publish(self, tag, uploads, options.replace, progress)?;
        let own: Vec<&AssetName> = uploads.iter().map(|upload| &upload.name).collect();
        Ok(Receipt {
            attested: sidecars::derive(self, tag, &own, attest)?,
            signatures,
            ..Receipt::plain(tag, assets)
        })
    }

    fn publish_project(
        &self,
        tag: &Tag,
        files: &[PlainFile<'_>],
        notes: &str,
        options: PublishOptions,
        progress: Progress<'_>,
    ) -> Result<Receipt> {
        let assets = project::publish(self, tag, files, notes, options.replace, progress)?;
        Ok(Receipt::plain(tag, assets))
    }

    fn attach(
        &self,
        tag: &Tag,
        files: &[PlainFile<'_>],
        progress: Progress<'_>,
    ) -> Result<Vec<Attachment>> {
        let none = || attachment::no_release(tag, &self.describe());
        self.release(tag)?.ok_or_else(none)?;
        attach::attach(self, tag, files, progress)
    }

    fn remove(&self, tag: &Tag, asset: &AssetName) -> Result<bool> {
        clean::remove(self, tag, asset)
    }

    fn leftovers(&self) -> Result<Vec<Leftover>> {
        clean::leftovers(self)
    }

    fn remove_leftover(&self, leftover: &Leftover) -> Result<()> {
        clean::remove_leftover(self, leftover)
    }
}

/// The error that an object changes all the time.
fn too_many_writers(shown: &str) -> Error {
    Error::unavailable(format!("too many writers publish {shown} at once")).hint("run again")
}

/// The content type of a file, for people who open it in a browser.
fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "json" | "jsonl" => "application/json",
        "txt" | "minisig" => "text/plain",
        "md" => "text/markdown",
        "zip" => "application/zip",
        "gz" | "tgz" => "application/gzip",
        "zst" => "application/zstd",
        _ => "application/octet-stream",
    }
}
