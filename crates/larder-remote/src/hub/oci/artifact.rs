//! What is stored under a tag: the manifests of assets, files, releases and claims.
//!
//! An asset is one manifest: the sidecar is its config, the package its layer. A reader therefore
//! gets both or neither. Small blobs are also in the manifest itself, as the `data` of their
//! descriptor, so that a sidecar or a signature takes one request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use larder_core::model::{AssetName, Digest, Tag};

use crate::oci::{Blob, Manifest, OCI_INDEX, OCI_MANIFEST};

/// An asset: a package with its sidecar.
pub(super) const ASSET: &str = "application/vnd.larder.asset.v1";
/// A file of a release without a sidecar.
pub(super) const FILE: &str = "application/vnd.larder.file.v1";
/// A signature of an asset's sidecar.
pub(super) const SIGNATURE: &str = "application/vnd.larder.signature.v1";
/// An SBOM of an asset.
pub(super) const SBOM: &str = "application/vnd.cyclonedx+json";
/// A release of plain files.
pub(super) const RELEASE: &str = "application/vnd.larder.release.v1";
/// A claim to a tag.
pub(super) const CLAIM: &str = "application/vnd.larder.claim.v1";

const SIDECAR: &str = "application/vnd.larder.sidecar.v1+json";
const NOTES: &str = "text/markdown";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const TITLE: &str = "org.opencontainers.image.title";
const CREATED: &str = "org.opencontainers.image.created";
const RELEASE_KEY: &str = "vnd.larder.release";
const INPUTS_KEY: &str = "vnd.larder.inputs";
const CLAIM_KEY: &str = "vnd.larder.claim";
/// The largest config that is also written into its manifest.
const MAX_CONFIG_DATA: usize = 64 * 1024;
/// The largest file that is also written into its manifest, which may have many files.
pub(super) const MAX_DATA: usize = 16 * 1024;

/// The content of the config of an artifact without one.
pub(super) const EMPTY_CONFIG: &[u8] = b"{}";

/// A blob that a manifest names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The blob.
    pub(super) blob: Blob,
    /// The name of the file, of a layer.
    pub(super) name: Option<AssetName>,
    /// Its bytes, if they are in the manifest. They have the blob's digest.
    pub(super) data: Option<Vec<u8>>,
}

/// What a tag leads to.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    /// The tag.
    pub(super) at: String,
    /// The manifest.
    pub(super) manifest: Manifest,
    /// What kind of artifact it is.
    pub(super) kind: String,
    /// The release that it is of.
    pub(super) release: Tag,
    /// The config: an asset's sidecar, a release's notes.
    pub(super) config: Part,
    /// The files.
    pub(super) files: Vec<Part>,
    /// The manifest that it is about.
    pub(super) subject: Option<Digest>,
    /// The start of an asset's inputs.
    pub(super) inputs: Option<String>,
}

impl Stored {
    /// Reads a manifest; `None` if larder did not write it.
    pub(super) fn parse(at: &str, manifest: Manifest) -> Option<Self> {
        let json = manifest.json();
        let layers = json["layers"].as_array()?;
        Some(Self {
            at: at.to_owned(),
            kind: json["artifactType"].as_str()?.to_owned(),
            release: json["annotations"][RELEASE_KEY].as_str()?.parse().ok()?,
            config: part(&json["config"])?,
            files: layers.iter().map(part).collect::<Option<_>>()?,
            subject: json["subject"]["digest"]
                .as_str()
                .and_then(|text| text.parse().ok()),
            inputs: json["annotations"][INPUTS_KEY].as_str().map(str::to_owned),
            manifest,
        })
    }

    /// A file by its name.
    pub(super) fn file(&self, name: &AssetName) -> Option<&Part> {
        self.files
            .iter()
            .find(|file| file.name.as_ref() == Some(name))
    }

    /// Whether it is this asset.
    pub(super) fn is_asset(&self, release: &Tag, asset: &AssetName) -> bool {
        self.kind == ASSET && self.release == *release && self.file(asset).is_some()
    }
}

fn part(descriptor: &Value) -> Option<Part> {
    let blob = Blob::of(descriptor)?;
    let data = descriptor["data"]
        .as_str()
        .and_then(|data| STANDARD.decode(data).ok());
    let name = descriptor["annotations"][TITLE].as_str();
    Some(Part {
        data: data.filter(|data| Digest::of(data) == blob.digest),
        name: name.and_then(|name| name.parse().ok()),
        blob,
    })
}

/// A file for a manifest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Content<'a> {
    pub(super) name: &'a AssetName,
    pub(super) sha256: Digest,
    pub(super) size: u64,
    /// Its bytes, if it is small.
    pub(super) data: Option<&'a [u8]>,
}

/// The manifest of an asset. The same asset has the same manifest wherever it is made.
pub(super) fn asset(release: &Tag, file: Content<'_>, sidecar: &str, inputs: &Digest) -> Manifest {
    let mut manifest = document(ASSET, release);
    manifest["config"] = descriptor(SIDECAR, sidecar.as_bytes());
    manifest["layers"] = json!([layer(file)]);
    manifest["annotations"][INPUTS_KEY] = inputs.short().into();
    Manifest::of(&manifest)
}

/// The manifest of a file, which may be about an asset.
pub(super) fn file(
    kind: &str,
    release: &Tag,
    file: Content<'_>,
    subject: Option<&Manifest>,
) -> Manifest {
    let mut manifest = document(kind, release);
    manifest["layers"] = json!([layer(file)]);
    if let Some(subject) = subject {
        manifest["subject"] = subject.descriptor();
    }
    Manifest::of(&manifest)
}

/// The manifest of a release of plain files.
pub(super) fn release(release: &Tag, files: &[Content<'_>], notes: &str) -> Manifest {
    let mut manifest = document(RELEASE, release);
    manifest["config"] = descriptor(NOTES, notes.as_bytes());
    manifest["layers"] = files.iter().map(|file| layer(*file)).collect();
    Manifest::of(&manifest)
}

/// A claim of a manifest to a tag.
pub(super) fn claim(tag: &str, manifest: &Manifest) -> Manifest {
    Manifest::of(&json!({
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "artifactType": CLAIM,
        "manifests": [manifest.descriptor()],
        "annotations": {
            CLAIM_KEY: tag,
            CREATED: jiff::Timestamp::now().to_string(),
        },
    }))
}

/// The digest of the manifest that a claim is for.
pub(super) fn claimant(claim: &Manifest) -> Option<Digest> {
    let json = claim.json();
    json["manifests"][0]["digest"].as_str()?.parse().ok()
}

/// When a claim was made, by the clock of its writer.
pub(super) fn claimed_at(claim: &Manifest) -> Option<jiff::Timestamp> {
    claim.json()["annotations"][CREATED].as_str()?.parse().ok()
}

fn document(kind: &str, release: &Tag) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": kind,
        "config": descriptor(EMPTY, EMPTY_CONFIG),
        "annotations": {RELEASE_KEY: release.as_str()},
    })
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    let mut descriptor = json!({
        "mediaType": media_type,
        "digest": format!("sha256:{}", Digest::of(bytes)),
        "size": bytes.len(),
    });
    if bytes.len() <= MAX_CONFIG_DATA {
        descriptor["data"] = STANDARD.encode(bytes).into();
    }
    descriptor
}

fn layer(file: Content<'_>) -> Value {
    let Content {
        name,
        sha256,
        size,
        data,
    } = file;
    let mut layer = json!({
        "mediaType": media_type(name.as_str()),
        "digest": format!("sha256:{sha256}"),
        "size": size,
        "annotations": {TITLE: name.as_str()},
    });
    if let Some(data) = data.filter(|data| data.len() <= MAX_DATA) {
        layer["data"] = STANDARD.encode(data).into();
    }
    layer
}

fn media_type(name: &str) -> &'static str {
    [
        (".tar.gz", "application/vnd.larder.package.v1.tar+gzip"),
        (".tar.zst", "application/vnd.larder.package.v1.tar+zstd"),
        (".zip", "application/zip"),
        (".cdx.json", SBOM),
        (".minisig", "text/plain"),
    ]
    .into_iter()
    .find_map(|(ending, media_type)| name.ends_with(ending).then_some(media_type))
    .unwrap_or("application/octet-stream")
}
