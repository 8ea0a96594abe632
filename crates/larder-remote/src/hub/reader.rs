//! Reading a hub.

use std::io::Read;

use larder_core::error::Result;
use larder_core::formats::Sidecar;
use larder_core::model::{AssetName, Digest, Tag};

/// A sidecar is a few KiB; a larger one is not read.
pub(super) const MAX_SIDECAR: u64 = 16 * 1024 * 1024;

/// Bytes on their way. The reader gives exactly the asset's bytes or an error; a transfer that is
/// cut is resumed inside.
pub struct Body {
    /// The bytes.
    pub reader: Box<dyn Read + Send>,
    /// How many there are, where that is known.
    pub size: Option<u64>,
    /// Where they come from, for people: a url or path.
    pub place: String,
}

/// An asset of a release as the hub lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: AssetName,
    /// How many bytes it has.
    pub size: u64,
    /// The digest that the hub computed itself, where it does that.
    pub sha256: Option<Digest>,
    /// Of a sidecar: the first 12 hex digits of the inputs that its asset was made from, where the
    /// listing tells them.
    pub inputs: Option<String>,
}

/// A release as the hub lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its tag.
    pub tag: Tag,
    /// It is not visible to readers yet.
    pub draft: bool,
    /// Nothing can be added or replaced any more.
    pub immutable: bool,
    /// Assets and sidecars alike, sorted by name; only whole ones.
    pub assets: Vec<Listed>,
}

/// A store of releases, to be read.
///
/// All methods may be called from several threads at once, while other processes read and write the
/// same hub. Every asset is asked for by its own name, so readers never wait for each other.
///
/// What is not there is `Ok(None)`. An error says by its [`Kind`](larder_core::Kind) what it means
/// for whoever looks for an artifact: `Unavailable`, the hub gave no answer and may give one later;
/// `Refused`, it will not give one to us; `Integrity`, it gave something that contradicts itself.
pub trait HubReader: Send + Sync {
    /// Identity for records in the cache: `dir:/abs/path`, `http:<url>`, `github:owner/name`. Holds
    /// no secret.
    fn id(&self) -> String;

    /// For people: `.larder-hub`, `github.com/acme/x`.
    fn describe(&self) -> String;

    /// Where an asset is, for people and for the lock.
    fn place(&self, tag: &Tag, asset: &AssetName) -> String;

    /// Whether `release` and `releases` can tell what there is; otherwise only single assets can be
    /// asked for.
    fn lists(&self) -> bool;

    /// Whether a release can be closed to further assets, so that a late one gets a release with a
    /// suffixed tag.
    fn suffixes_tags(&self) -> bool;

    /// The sidecar of an asset.
    fn sidecar(&self, tag: &Tag, asset: &AssetName) -> Result<Option<Sidecar>>;

    /// An asset's bytes. The caller checks their digest.
    fn fetch(&self, tag: &Tag, asset: &AssetName) -> Result<Option<Body>>;

    /// A release with what it holds; drafts too, where the hub has them and the caller may see
    /// them.
    fn release(&self, tag: &Tag) -> Result<Option<Release>>;

    /// Every release there is, as cheaply as the hub can tell.
    fn releases(&self) -> Result<Vec<Release>>;
}
