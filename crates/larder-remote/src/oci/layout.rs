//! Reads and pushes a folder with an OCI image layout that has one image: an index with a manifest
//! for each platform.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::model::Digest;
use serde_json::Value;

use super::{MAX_JSON, Manifest, Repository};

/// What a blob is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blob {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

impl Blob {
    /// From a descriptor; `None` if that lacks something or has another kind of digest.
    pub fn of(descriptor: &Value) -> Option<Self> {
        let digest = descriptor["digest"].as_str()?.strip_prefix("sha256:")?;
        Some(Self {
            digest: digest.parse().ok()?,
            size: descriptor["size"].as_u64()?,
        })
    }
}

/// A folder with an image.
#[derive(Clone, Debug)]
pub struct Layout {
    folder: Utf8PathBuf,
    /// The index, which the tags lead to.
    pub index: Manifest,
    /// The manifests of the platforms.
    pub manifests: Vec<Manifest>,
    /// The configs and layers, each once.
    pub blobs: BTreeSet<Blob>,
}

impl Layout {
    /// Reads the folder's documents.
    pub fn open(folder: &Utf8Path) -> Result<Self> {
        let odd = |why: &str| {
            Error::failed(format!("{folder} is no OCI layout with one image"))
                .cause(why.to_owned())
                .hint("render the files again")
        };
        let read = |descriptor: &Value| -> Result<Manifest> {
            let blob = Blob::of(descriptor).ok_or_else(|| odd("a descriptor lacks something"))?;
            let path = place(folder, &blob.digest);
            let bytes = fs::read_bounded(&path, MAX_JSON)?
                .ok_or_else(|| odd(&format!("there is no {path}")))?;
            let found = Digest::of(&bytes);
            if found != blob.digest {
                return Err(Error::integrity(format!(
                    "{path} has the SHA-256 {found}, and its name says another one"
                )));
            }
            let media_type = descriptor["mediaType"].as_str().unwrap_or_default();
            Ok(Manifest {
                digest: found,
                media_type: media_type.to_owned(),
                bytes,
            })
        };
        let path = folder.join("index.json");
        let bytes =
            fs::read_bounded(&path, MAX_JSON)?.ok_or_else(|| odd("there is no index.json"))?;
        let entry: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let index = match entry["manifests"].as_array().map(Vec::as_slice) {
            Some([descriptor]) => read(descriptor)?,
            _ => return Err(odd("index.json has not exactly one descriptor")),
        };
        let mut manifests = Vec::new();
        let mut blobs = BTreeSet::new();
        let images = index.json();
        for descriptor in images["manifests"].as_array().into_iter().flatten() {
            let manifest = read(descriptor)?;
            let json = manifest.json();
            let layers = json["layers"].as_array().into_iter().flatten();
            for descriptor in std::iter::once(&json["config"]).chain(layers) {
                blobs
                    .insert(Blob::of(descriptor).ok_or_else(|| odd("a manifest lacks something"))?);
            }
            manifests.push(manifest);
        }
        if manifests.is_empty() {
            return Err(odd("its index has no manifests"));
        }
        Ok(Self {
            folder: folder.to_owned(),
            index,
            manifests,
            blobs,
        })
    }
}

/// The file of a blob.
fn place(folder: &Utf8Path, digest: &Digest) -> Utf8PathBuf {
    folder.join(format!("blobs/sha256/{digest}"))
}

impl Repository {
    /// Pushes an image under a tag, with all that is not there yet. What is named comes before what
    /// names it, so that no reader finds an incomplete image.
    pub fn push(&self, layout: &Layout, tag: &str) -> Result<()> {
        for blob in &layout.blobs {
            self.upload_blob(blob, &place(&layout.folder, &blob.digest), &|_| ())?;
        }
        for manifest in &layout.manifests {
            let reference = format!("sha256:{}", manifest.digest);
            if self.digest_of(&reference)?.is_none() {
                self.put_manifest(&reference, manifest)?;
            }
        }
        self.put_manifest(tag, &layout.index)
    }
}
