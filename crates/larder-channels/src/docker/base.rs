//! Reads the image that another one is based on, from a folder with an OCI layout. Nothing in it is
//! trusted: every blob is compared with its digest.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::model::{Arch, Digest, Platform};
use serde_json::{Map, Value};

use super::layout::Layout;
use super::{DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};

const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// The largest JSON document; registries accept no larger ones.
const MAX_JSON: u64 = 4 << 20;
/// How deep indexes can be in each other.
const MAX_DEPTH: usize = 8;

/// A folder with an OCI layout.
pub struct Base {
    folder: Utf8PathBuf,
    images: Vec<Candidate>,
}

/// A manifest that is somewhere in the layout's index.
struct Candidate {
    digest: Digest,
    media_type: String,
    os: String,
    arch: String,
    variant: Option<String>,
}

/// The base of one platform.
pub struct BaseImage<'a> {
    folder: &'a Utf8Path,
    /// The digest of its manifest.
    pub digest: Digest,
    /// The media type of its manifest.
    pub media_type: String,
    /// Its config.
    pub config: Map<String, Value>,
    manifest: Value,
}

impl Base {
    /// Reads the indexes.
    pub fn open(folder: &Utf8Path) -> Result<Self> {
        let path = folder.join("index.json");
        let bytes = fs::read_bounded(&path, MAX_JSON)?.ok_or_else(|| {
            Error::usage(format!("the base {folder} has no index.json"))
                .cause("the folder of a base is an OCI image layout")
                .hint("make it with: skopeo copy --all docker://IMAGE oci:FOLDER")
        })?;
        let mut base = Self {
            folder: folder.to_owned(),
            images: Vec::new(),
        };
        let index = parse(&bytes, &path)?;
        base.collect(&index, &mut BTreeSet::new(), 0)?;
        Ok(base)
    }

    fn collect(&mut self, index: &Value, seen: &mut BTreeSet<Digest>, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(self.odd("its indexes are in each other too often"));
        }
        let manifests = index["manifests"].as_array();
        for descriptor in manifests.ok_or_else(|| self.odd("an index has no `manifests`"))? {
            let (digest, _) = self.blob(descriptor)?;
            if !seen.insert(digest) {
                continue;
            }
            let media_type = descriptor["mediaType"].as_str().unwrap_or_default();
            match media_type {
                OCI_INDEX | DOCKER_INDEX => {
                    let nested = read(&self.folder, digest)?;
                    self.collect(&nested, seen, depth + 1)?;
                }
                OCI_MANIFEST | DOCKER_MANIFEST => {
                    let mut platform = descriptor["platform"].clone();
                    if platform.is_null() {
                        // The index does not say it, but the image's config does.
                        let manifest = read(&self.folder, digest)?;
                        let (config, _) = self.blob(&manifest["config"])?;
                        platform = read(&self.folder, config)?;
                    }
                    let text = |key: &str| platform[key].as_str().map(str::to_owned);
                    self.images.push(Candidate {
                        digest,
                        media_type: media_type.to_owned(),
                        os: text("os").unwrap_or_default(),
                        arch: text("architecture").unwrap_or_default(),
                        variant: text("variant"),
                    });
                }
                // Signatures and the like.
                _ => {}
            }
        }
        Ok(())
    }

    /// The base's image for a platform.
    pub fn image(&self, platform: Platform) -> Result<BaseImage<'_>> {
        // An image for an older processor of the same kind runs, too.
        let variants: &[Option<&str>] = match platform.arch {
            Arch::Arm => &[Some("v7"), None, Some("v6"), Some("v5")],
            Arch::Arm64 => &[None, Some("v8")],
            Arch::Amd64 | Arch::I386 => &[None, Some("v1")],
        };
        let found = variants.iter().find_map(|variant| {
            let found: Vec<&Candidate> = self
                .images
                .iter()
                .filter(|image| image.os == "linux" && image.arch == platform.arch.as_str())
                .filter(|image| image.variant.as_deref() == *variant)
                .collect();
            (!found.is_empty()).then_some(found)
        });
        let image = match found.as_deref() {
            Some([image]) => image,
            Some(several) => {
                return Err(Error::usage(format!(
                    "the base {} has {} images for {platform}",
                    self.folder,
                    several.len()
                ))
                .hint("copy only the one that is meant into a folder of its own"));
            }
            None => {
                return Err(Error::usage(format!(
                    "the base {} has no image for {platform}",
                    self.folder
                ))
                .cause(format!("it has {}", self.platforms()))
                .hint("copy all its platforms (skopeo copy --all), choose another base, or `base: scratch`"));
            }
        };
        let manifest = read(&self.folder, image.digest)?;
        let (config, _) = self.blob(&manifest["config"])?;
        let Value::Object(config) = read(&self.folder, config)? else {
            return Err(self.odd("a config is no JSON object"));
        };
        let count = |value: &Value| value.as_array().map_or(0, Vec::len);
        let diff_ids = config.get("rootfs").map_or(0, |fs| count(&fs["diff_ids"]));
        if diff_ids != count(&manifest["layers"]) {
            return Err(self.odd("a config does not have as many `diff_ids` as there are layers"));
        }
        Ok(BaseImage {
            folder: &self.folder,
            digest: image.digest,
            media_type: image.media_type.clone(),
            config,
            manifest,
        })
    }

    fn platforms(&self) -> String {
        let names: BTreeSet<String> = self
            .images
            .iter()
            .map(|image| match &image.variant {
                Some(variant) => format!("{}/{}/{variant}", image.os, image.arch),
                None => format!("{}/{}", image.os, image.arch),
            })
            .collect();
        if names.is_empty() {
            return "no image".to_owned();
        }
        names.into_iter().collect::<Vec<_>>().join(", ")
    }

    fn blob(&self, descriptor: &Value) -> Result<(Digest, u64)> {
        blob(descriptor).ok_or_else(|| self.odd("a descriptor has no digest or no size"))
    }

    fn odd(&self, why: &str) -> Error {
        odd(&self.folder, why)
    }
}

impl BaseImage<'_> {
    /// Digest and size of each layer.
    pub fn layers(&self) -> Result<Vec<(Digest, u64)>> {
        let layers = self.manifest["layers"].as_array();
        let layers = layers.ok_or_else(|| odd(self.folder, "a manifest has no `layers`"))?;
        let digest_of_each = layers.iter().map(|layer| {
            blob(layer).ok_or_else(|| odd(self.folder, "a layer has no digest or no size"))
        });
        digest_of_each.collect()
    }

    /// Copies the layers. Returns their descriptors, which stay as they are.
    pub fn copy_layers(&self, layout: &Layout<'_>) -> Result<Vec<Value>> {
        let layers = self.manifest["layers"].as_array();
        let layers = layers.ok_or_else(|| odd(self.folder, "a manifest has no `layers`"))?;
        for layer in layers {
            let (digest, size) =
                blob(layer).ok_or_else(|| odd(self.folder, "a layer has no digest or no size"))?;
            let name = format!("blobs/sha256/{digest}");
            // Platforms can share layers.
            if fs::exists(layout.out.path(&name)) {
                continue;
            }
            let path = self.folder.join(&name);
            if !fs::exists(&path) {
                return Err(odd(self.folder, &format!("it lacks the layer {digest}")));
            }
            let out = layout.out;
            out.file(&name, 0o644, |to| out.copy(&path, to).map(|_| ()))?;
            let copied = out.digest(&name)?;
            if copied != (digest, size) {
                fs::remove_file(out.path(&name))?;
                return Err(Error::integrity(format!(
                    "{path} has {} bytes with the SHA-256 {}, and its name and its manifest say another thing",
                    copied.1, copied.0
                )));
            }
        }
        Ok(layers.clone())
    }
}

/// Digest and size of a descriptor.
fn blob(descriptor: &Value) -> Option<(Digest, u64)> {
    let digest = descriptor["digest"].as_str()?.strip_prefix("sha256:")?;
    Some((digest.parse().ok()?, descriptor["size"].as_u64()?))
}

/// Reads a JSON document that is a blob.
fn read(folder: &Utf8Path, digest: Digest) -> Result<Value> {
    let path = folder.join(format!("blobs/sha256/{digest}"));
    let bytes = fs::read_bounded(&path, MAX_JSON)?
        .ok_or_else(|| odd(folder, &format!("it lacks the blob {digest}")))?;
    let actual = Digest::of(&bytes);
    if actual != digest {
        return Err(Error::integrity(format!(
            "{path} has the SHA-256 {actual}, and its name says another one"
        )));
    }
    parse(&bytes, &path)
}

fn parse(bytes: &[u8], path: &Utf8Path) -> Result<Value> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::usage(format!("{path} is no JSON document")).cause(error))
}

fn odd(folder: &Utf8Path, why: &str) -> Error {
    Error::usage(format!("the base {folder} can't be used: {why}"))
        .hint("copy it again: skopeo copy --all docker://IMAGE oci:FOLDER")
}

/// The error for a config whose field is of another kind than the specification says.
pub fn odd_config(key: &str) -> Error {
    Error::usage(format!(
        "the config of the base has a `{key}` of another kind"
    ))
    .hint("choose another base")
}
