//! The trait for reading a hub, and its types.

use std::io::Read;

use larder_core::error::{Error, Result};
use larder_core::formats::Sidecar;
use larder_core::model::{AssetName, Digest, Proof, Tag};

use super::attachment::{HubFile, HubFiles};

/// The size limit for reading a sidecar; a usual one has a few KiB.
pub(super) const MAX_SIDECAR: u64 = 16 * 1024 * 1024;

/// The file with the notes of a project release, on hubs that have no page for it. It is not listed.
pub(super) const NOTES: &str = "notes.md";

/// The name, in a folder hub, of an asset's new sidecar while the asset is being replaced. It is
/// renamed right after the asset.
pub(super) fn next_sidecar(asset: &AssetName) -> String {
    format!(".next-{}", asset.sidecar())
}

/// A stream of an asset's bytes. The reader returns exactly these bytes or an error; it resumes an
/// interrupted transfer itself.
pub struct Body {
    /// The bytes.
    pub reader: Box<dyn Read + Send>,
    /// The number of bytes, if it is known.
    pub size: Option<u64>,
    /// The url or path that the bytes come from, for messages.
    pub place: String,
    /// What tells this file from others that have the same name before or after it; `None` if the
    /// hub does not say.
    pub version: Option<String>,
}

/// A sidecar, and its text as the hub has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The sidecar.
    pub sidecar: Sidecar,
    /// Its text.
    pub text: String,
}

impl Described {
    /// Reads a sidecar; `place` names it in messages.
    pub fn parse(bytes: Vec<u8>, place: &str) -> Result<Self> {
        let sidecar = Sidecar::parse(&bytes, place)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Error::integrity(format!("the sidecar {place} is not a text")))?;
        Ok(Self { sidecar, text })
    }
}

/// An asset of a release as the hub lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedAsset {
    /// Its name.
    pub name: AssetName,
    /// Its size in bytes.
    pub size: u64,
    /// The digest that the hub computed, if it computes digests.
    pub sha256: Option<Digest>,
    /// For a sidecar: the first 12 hex digits of the inputs that its asset was made from, if the
    /// listing contains them.
    pub inputs: Option<String>,
}

/// A release as the hub lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its tag.
    pub tag: Tag,
    /// Whether it is a draft, which readers can't see yet.
    pub draft: bool,
    /// Whether assets can no longer be added or replaced.
    pub immutable: bool,
    /// Its complete assets and sidecars, sorted by name.
    pub assets: Vec<ListedAsset>,
}

/// A store of releases that can be read.
///
/// All methods may be called from several threads at once, while other processes read and write the
/// same hub. Each asset is requested by its own name, so readers never wait for each other.
///
/// An asset or release that does not exist is `Ok(None)`. The [`Kind`](larder_core::Kind) of an
/// error gives its meaning. `Unavailable`: the hub gave no answer, and a later call may succeed.
/// `Refused`: the hub does not permit the read. `Integrity`: the hub's content contradicts itself.
pub trait HubReader: Send + Sync {
    /// The hub's identity in cache records: `dir:/abs/path`, `http:<url>`, `github:owner/name`. It
    /// contains no secret.
    fn id(&self) -> String;

    /// The hub's name in messages: `.larder-hub`, `github.com/acme/x`.
    fn describe(&self) -> String;

    /// The location of an asset, for messages and for the lock.
    fn place(&self, tag: &Tag, asset: &AssetName) -> String;

    /// Whether `release` and `releases` work; otherwise only single assets can be requested by
    /// name.
    fn lists(&self) -> bool;

    /// Whether a release can become immutable, so that a later asset gets a release with a suffixed
    /// tag.
    fn suffixes_tags(&self) -> bool;

    /// The bytes of a small file of a release by its name, such as a sidecar or a signature.
    fn small_file(&self, tag: &Tag, name: &AssetName) -> Result<Option<Vec<u8>>>;

    /// The notes of a project release, as [`publish_project`](super::HubPublisher::publish_project)
    /// got them; `None` if there are none.
    fn notes(&self, tag: &Tag) -> Result<Option<String>> {
        let notes = self.small_file(tag, &NOTES.parse()?)?;
        Ok(notes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The sidecar of an asset with its exact text, which a signature is of.
    fn described(&self, tag: &Tag, asset: &AssetName) -> Result<Option<Described>> {
        let name = asset.sidecar();
        let Some(bytes) = self.small_file(tag, &name)? else {
            return Ok(None);
        };
        Described::parse(bytes, &self.place(tag, &name)).map(Some)
    }

    /// The sidecar of an asset.
    fn sidecar(&self, tag: &Tag, asset: &AssetName) -> Result<Option<Sidecar>> {
        Ok(self.described(tag, asset)?.map(|found| found.sidecar))
    }

    /// The signature of an asset's sidecar, with what it is of. It proves nothing before it is
    /// compared with the keys that a project accepts.
    fn proof(&self, tag: &Tag, asset: &AssetName, sidecar: &str) -> Result<Option<Proof>> {
        let Some(bytes) = self.small_file(tag, &asset.signature())? else {
            return Ok(None);
        };
        Ok(Some(Proof {
            tag: tag.clone(),
            asset: asset.clone(),
            sidecar: sidecar.to_owned(),
            signature: String::from_utf8_lossy(&bytes).into_owned(),
        }))
    }

    /// The bytes of an asset. The caller checks their digest.
    fn fetch(&self, tag: &Tag, asset: &AssetName) -> Result<Option<Body>>;

    /// Whether the asset is being replaced right now: it may be a newer one than its sidecar says.
    /// `false` if the hub does not show that.
    fn is_replacing(&self, _tag: &Tag, _asset: &AssetName) -> bool {
        false
    }

    /// A release with its assets. Includes drafts if the hub has them and the caller may see them.
    fn release(&self, tag: &Tag) -> Result<Option<Release>>;

    /// What a release has under these names, with digests; `None` if there is no release. A draft
    /// counts as the release if the caller may see it.
    fn files(&self, tag: &Tag, names: &[AssetName]) -> Result<Option<HubFiles>> {
        let hashed = |name: &AssetName| self.hashed(tag, name);
        if !self.lists() {
            return Ok(Some(HubFiles {
                draft: false,
                immutable: false,
                files: names.iter().map(hashed).collect::<Result<_>>()?,
            }));
        }
        let Some(release) = self.release(tag)? else {
            return Ok(None);
        };
        let file = |name: &AssetName| {
            let Some(listed) = release.assets.iter().find(|asset| asset.name == *name) else {
                return Ok(None);
            };
            let stated = HubFile {
                size: listed.size,
                sha256: listed.sha256,
            };
            if stated.sha256.is_some() {
                return Ok(Some(stated));
            }
            Ok(Some(hashed(name)?.unwrap_or(stated)))
        };
        Ok(Some(HubFiles {
            draft: release.draft,
            immutable: release.immutable,
            files: names.iter().map(file).collect::<Result<_>>()?,
        }))
    }

    /// A file with the digest of its bytes, which are read.
    fn hashed(&self, tag: &Tag, name: &AssetName) -> Result<Option<HubFile>> {
        let Some(body) = self.fetch(tag, name)? else {
            return Ok(None);
        };
        let (sha256, size) = Digest::of_reader(body.reader).map_err(|error| {
            crate::http::read_error(&error, &format!("cannot read {}", body.place))
        })?;
        Ok(Some(HubFile {
            size,
            sha256: Some(sha256),
        }))
    }

    /// All releases, with as few requests as the hub allows.
    fn releases(&self) -> Result<Vec<Release>>;
}
