//! The hub: the store of the team's managed releases. One trait in domain types, one file per kind.
//!
//! A hub knows tags, assets and sidecars. It does not know recipes, inputs that are wanted, or where things get installed.

pub mod derived;
mod dir;
mod github;
mod http;

use std::io::Read;
use std::sync::Arc;

use camino::Utf8Path;

use crate::http::Client;
use larder_core::error::Result;
use larder_core::formats::Sidecar;
use larder_core::model::{AssetName, Digest, Tag};
use larder_core::project::HubConfig;

pub use dir::DirHub;
pub use github::{GitHub, GitHubConfig, TokenSource};
pub use http::HttpHub;

/// Bytes on their way. The reader gives exactly the asset's bytes or an error (a cut is resumed inside).
pub struct Body {
    /// The bytes.
    pub reader: Box<dyn Read + Send>,
    /// How many, where known.
    pub size: Option<u64>,
    /// Where from, for people: a url or path.
    pub place: String,
}

/// An asset of a release as the hub lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: AssetName,
    /// Bytes.
    pub size: u64,
    /// Digest the hub computed itself, where it does.
    pub sha256: Option<Digest>,
    /// Of a sidecar: the first 12 hex digits of the inputs it speaks of, where the listing tells them.
    pub inputs: Option<String>,
}

/// A release as the hub lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its tag.
    pub tag: Tag,
    /// Not visible to readers yet.
    pub draft: bool,
    /// Nothing can be added or replaced any more.
    pub immutable: bool,
    /// Assets and sidecars alike, sorted by name; only whole ones.
    pub assets: Vec<Listed>,
}

/// One asset to publish: a package in `.dist` and its sidecar.
#[derive(Clone, Debug)]
pub struct Upload<'a> {
    /// Its name in the release (may be suffixed).
    pub name: AssetName,
    /// The package's file.
    pub file: &'a Utf8Path,
    /// The truth about it.
    pub sidecar: Sidecar,
}

/// A file of a project release: bundles, packages, `checksums.txt`. It has no sidecar.
#[derive(Clone, Debug)]
pub struct PlainFile<'a> {
    /// Its name in the release.
    pub name: AssetName,
    /// The file.
    pub file: &'a Utf8Path,
    /// Digest of its bytes.
    pub sha256: Digest,
    /// How many.
    pub size: u64,
}

/// Told of bytes sent, from any thread.
pub type Progress<'a> = &'a (dyn Fn(u64) + Sync);

/// How to publish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublishOptions {
    /// Replace assets of the same name (`--replace`), never losing the old before the new is there.
    pub replace: bool,
    /// Leave the release a draft; `finalize` publishes it (`--stage`).
    pub stage: bool,
}

/// What became of one upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// It is there now and was not before (or its sidecar was missing).
    Added,
    /// It took the place of another (`--replace`).
    Replaced,
    /// The same artifact was there already, whole; nothing was written.
    Present,
    /// Another artifact of the same inputs was published first and stands: adopt it, with a warning.
    Stands(Box<Sidecar>),
    /// The name belongs to an artifact of other inputs, or to bytes without a sidecar: nothing was written. Publish under
    /// the suffixed name.
    Taken(Option<Box<Sidecar>>),
}

/// What `publish` did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Per upload, in the order given: the tag it went to (suffixed where the release is immutable), and what became of it.
    pub assets: Vec<(Tag, Published)>,
    /// It is in a draft that waits for `finalize` (immutable releases, `--stage`).
    pub staged: bool,
    /// The release's page, for people.
    pub url: Option<String>,
}

/// A store of releases.
///
/// All methods may be called from several threads and several processes at once. Errors follow DESIGN 4's classes by
/// their [`Kind`](larder_core::Kind): `Unavailable`, `Refused`, `Integrity`; `Ok(None)` is *absent*.
pub trait Hub: Send + Sync {
    /// Identity for records in the cache: `dir:/abs/path`, `http:<url>`, `github:owner/name`. Holds no secret.
    fn id(&self) -> String;

    /// For people: `.larder-hub`, `github.com/acme/x`.
    fn describe(&self) -> String;

    /// How many transfers at once do it good.
    fn concurrency(&self) -> usize;

    /// Where an asset is: for people, and for the lock.
    fn place(&self, tag: &Tag, asset: &AssetName) -> String;

    /// Whether `release` and `releases` can tell what there is; else only single assets can be asked for.
    fn lists(&self) -> bool {
        true
    }

    /// Whether `publish` can work at all; else why not.
    fn writable(&self) -> Result<(), String>;

    /// Whether a release can be closed to further assets, so that a late one gets a release with a suffixed tag.
    fn suffixes_tags(&self) -> bool {
        false
    }

    /// The sidecar of an asset.
    fn sidecar(&self, tag: &Tag, asset: &AssetName) -> Result<Option<Sidecar>>;

    /// An asset's bytes. With `sidecar` known the reader may check size early; the caller checks the digest.
    fn fetch(&self, tag: &Tag, asset: &AssetName) -> Result<Option<Body>>;

    /// A release with what it holds, drafts included where the hub has them and the caller may see them.
    fn release(&self, tag: &Tag) -> Result<Option<Release>>;

    /// Every release there is, as cheaply as the hub can.
    fn releases(&self) -> Result<Vec<Release>>;

    /// Adds assets with their sidecars to a release (made if absent), asset before sidecar, then rewrites the derived
    /// `manifest.json` and `checksums.txt` until they agree with the sidecars. Resumable: what is already there whole is
    /// left alone. Progress is told through `progress(bytes_sent)`.
    fn publish(
        &self,
        tag: &Tag,
        uploads: &[Upload<'_>],
        options: PublishOptions,
        progress: Progress<'_>,
    ) -> Result<Receipt>;

    /// Publishes a project release: all these files and the notes, or nothing visible at all. A file that is there with
    /// the same bytes is left alone; one with other bytes is an error unless `options.replace`. Sidecars and derived files
    /// are not made here. `Taken` and `Stands` don't occur.
    fn publish_project(
        &self,
        tag: &Tag,
        files: &[PlainFile<'_>],
        notes: &str,
        options: PublishOptions,
        progress: Progress<'_>,
    ) -> Result<Receipt>;

    /// Publishes a staged draft. A hub without drafts has nothing to do.
    fn finalize(&self, tag: &Tag) -> Result<()>;

    /// Deletes a draft with its assets. A hub without drafts has nothing to do.
    fn abort(&self, tag: &Tag) -> Result<()>;
}

/// Opens the hub a project names; nothing is read or asked yet.
pub fn open(
    config: &HubConfig,
    client: &Arc<Client>,
    github: &GitHubConfig,
) -> Result<Box<dyn Hub>> {
    Ok(match config {
        HubConfig::Dir {
            path,
            written: _,
            default: _,
        } => Box::new(dir::DirHub::new(path)),
        HubConfig::Http { url } => Box::new(http::HttpHub::new(url, client)?),
        HubConfig::GitHub { repo } => {
            Box::new(GitHub::new(repo, client.as_ref().clone(), github.clone()))
        }
    })
}
