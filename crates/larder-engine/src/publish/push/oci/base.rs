//! Fetches the image that others are based on from a registry into a folder with an OCI layout, for
//! rendering, which reads folders only.
//!
//! First come the indexes, then the manifests and configs of our architectures; then the channel
//! itself says which images it will use, and their layers are fetched. Every digest is compared. A
//! file that is there with the right bytes is kept, so the folder may be used again.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use larder_channels::docker::layers_of_base;
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::model::{Digest, Os, Platform};
use larder_remote::oci::{
    Blob, DOCKER_INDEX, DOCKER_MANIFEST, ImageName, MAX_JSON, Manifest, OCI_INDEX, OCI_MANIFEST,
    Repository,
};
use serde_json::{Value, json};

use crate::publish::push::Attempt;

/// How deep indexes can be in each other.
const MAX_DEPTH: usize = 8;

/// Fetches an image that is pinned by its digest, such as `registry.example/base@sha256:…`, for some
/// platforms. `into` is then what `base:` may name; it is created.
pub(in crate::publish) fn fetch_base(
    attempt: &Attempt<'_>,
    reference: &str,
    platforms: &[Platform],
    into: &Utf8Path,
) -> Result<()> {
    let failed = |error: Error| error.context(format!("cannot fetch the base {reference}"));
    let name: ImageName = reference.parse().map_err(failed)?;
    let digest = name.digest().copied().ok_or_else(|| {
        Error::usage(format!("the base {reference} is not pinned"))
            .hint("write its digest after the name, `@sha256:…`: `skopeo inspect` shows it")
    })?;
    let Attempt {
        client,
        remote,
        cancel,
        dry_run: _,
    } = attempt;
    let linux = platforms.iter().filter(|platform| platform.os == Os::Linux);
    let mut base = Base {
        repository: &Repository::new(client, remote, cancel, &name),
        into,
        arches: linux
            .clone()
            .map(|platform| platform.arch.as_str())
            .collect(),
        seen: BTreeSet::new(),
    };
    base.fetch(digest, linux.copied()).map_err(failed)
}

/// A base that is being fetched.
struct Base<'a> {
    repository: &'a Repository,
    into: &'a Utf8Path,
    /// The architectures that are wanted.
    arches: BTreeSet<&'static str>,
    /// What was fetched already.
    seen: BTreeSet<Digest>,
}

impl Base<'_> {
    fn fetch(&mut self, digest: Digest, platforms: impl Iterator<Item = Platform>) -> Result<()> {
        fs::create_dir_all(self.into.join("blobs/sha256"))?;
        let top = self.document(&digest)?;
        self.images(&top, 0)?;
        // The folder is a layout once these are there.
        let entry = json!({
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [{
                "mediaType": top.media_type,
                "digest": format!("sha256:{digest}"),
                "size": top.bytes.len(),
            }],
        });
        let version = "{\"imageLayoutVersion\":\"1.0.0\"}";
        fs::write_atomic(self.into.join("oci-layout"), version.as_bytes())?;
        fs::write_atomic(self.into.join("index.json"), entry.to_string().as_bytes())?;
        // Before anything large is fetched, it is known that the base fits.
        let mut layers = BTreeSet::new();
        for platform in platforms {
            layers.extend(layers_of_base(self.into, platform).map_err(of_registry)?);
        }
        for (digest, size) in layers {
            let path = self.place(&digest);
            self.repository.fetch_blob(&Blob { digest, size }, &path)?;
        }
        Ok(())
    }

    /// Fetches what an index or a manifest names, except layers.
    fn images(&mut self, manifest: &Manifest, depth: usize) -> Result<()> {
        if !self.seen.insert(manifest.digest) {
            return Ok(());
        }
        if depth > MAX_DEPTH {
            return Err(odd("its indexes are in each other too often"));
        }
        let json = manifest.json();
        if !manifest.is_index() {
            let config = Blob::of(&json["config"])
                .ok_or_else(|| odd("a manifest has no config with a sha256 digest"))?;
            return self.config(&config.digest);
        }
        for descriptor in json["manifests"].as_array().into_iter().flatten() {
            let is_wanted = match descriptor["mediaType"].as_str().unwrap_or_default() {
                OCI_INDEX | DOCKER_INDEX => true,
                OCI_MANIFEST | DOCKER_MANIFEST => self.is_wanted(&descriptor["platform"]),
                // Signatures and the like.
                _ => false,
            };
            if is_wanted {
                let blob = Blob::of(descriptor)
                    .ok_or_else(|| odd("an index names something without a sha256 digest"))?;
                let nested = self.document(&blob.digest)?;
                self.images(&nested, depth + 1)?;
            }
        }
        Ok(())
    }

    /// Whether an image can be for one of our platforms. Where the index does not say it, its config
    /// does.
    fn is_wanted(&self, platform: &Value) -> bool {
        platform.is_null()
            || (platform["os"] == "linux"
                && platform["architecture"]
                    .as_str()
                    .is_some_and(|arch| self.arches.contains(arch)))
    }

    /// An index or a manifest, from the folder or the registry.
    fn document(&self, digest: &Digest) -> Result<Manifest> {
        let path = self.place(digest);
        if let Some(bytes) = kept(&path, digest)? {
            return Ok(manifest(*digest, bytes));
        }
        let reference = format!("sha256:{digest}");
        let fetched = self.repository.manifest(&reference)?;
        let fetched = fetched.ok_or_else(|| {
            odd(&format!("its registry has no {reference}"))
                .hint("check the name; if the image was deleted, choose another base")
        })?;
        fs::write_atomic(&path, &fetched.bytes)?;
        Ok(manifest(*digest, fetched.bytes))
    }

    fn config(&self, digest: &Digest) -> Result<()> {
        let path = self.place(digest);
        if kept(&path, digest)?.is_some() {
            return Ok(());
        }
        let bytes = self.repository.small_blob(digest)?;
        let bytes = bytes.ok_or_else(|| odd(&format!("its registry has no sha256:{digest}")))?;
        fs::write_atomic(&path, &bytes)
    }

    fn place(&self, digest: &Digest) -> Utf8PathBuf {
        self.into.join(format!("blobs/sha256/{digest}"))
    }
}

/// The document in a file, if it has the digest.
fn kept(path: &Utf8Path, digest: &Digest) -> Result<Option<Vec<u8>>> {
    let bytes = fs::read_bounded(path, MAX_JSON)?;
    Ok(bytes.filter(|bytes| Digest::of(bytes) == *digest))
}

/// An index or a manifest. Those of the OCI specification need not say which of the two they are.
fn manifest(digest: Digest, bytes: Vec<u8>) -> Manifest {
    let json: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let guessed = if json["manifests"].is_array() {
        OCI_INDEX
    } else {
        OCI_MANIFEST
    };
    let media_type = json["mediaType"].as_str().unwrap_or(guessed).to_owned();
    Manifest {
        digest,
        media_type,
        bytes,
    }
}

/// The error of a folder as one of a base that was fetched: copying it again is no help.
fn of_registry(error: Error) -> Error {
    let same = Error::new(error.kind(), error.message());
    let same = error.causes().iter().fold(same, Error::cause);
    same.hint("choose another base, or `base: scratch`")
}

fn odd(why: &str) -> Error {
    Error::failed("the image can't be used").cause(why.to_owned())
}
