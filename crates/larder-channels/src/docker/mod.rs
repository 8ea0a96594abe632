//! Docker: an image for each Linux platform as an OCI image layout, from scratch or on a base.
//!
//! One layer is added: the binaries in `/usr/local/bin` and the licences. It has no entries for
//! folders, because those would replace what a base has in their place, such as a link. A base is
//! always a folder here; the engine fetches one that is in a registry and renders with
//! [`DockerBase::Layout`].

use camino::Utf8Path;
use larder_core::error::{Error, Result};
use larder_core::model::{Arch, ChannelKind, Digest, Libc, Os, Platform, Version};
use larder_core::project::publish::{ChannelConfig, Docker, DockerBase};
use serde_json::{Map, Value, json};

use crate::linux::linkage::{Needs, needs};
use crate::output::Output;
use crate::readme::{one_line, repository};
use crate::release::{PlatformRelease, Release};
use crate::render::{Facts, Render};

mod base;
mod layer;
mod layout;
#[cfg(test)]
mod tests;

use base::{Base, BaseImage};
use layout::{Descriptor, Layout};

const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
/// An empty image sets no PATH, and without one no program is found by its name.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What the channel supports.
pub(crate) const FACTS: Facts = Facts {
    kind: ChannelKind::Docker,
    takes: |platform| platform.os == Os::Linux,
    version: tag,
    prerelease: Some("a tag of its own, and no `latest`"),
    needs_urls: false,
    files: "an OCI image layout with a manifest for each Linux platform",
};

/// The tag: the version. A tag can't contain `+`, so `_` stands for it, as Helm does it.
fn tag(version: &Version) -> std::result::Result<String, String> {
    let tag = version.number().replace('+', "_");
    if tag.starts_with(['.', '-']) {
        return Err("a tag starts with a letter, a digit or `_`".into());
    }
    Ok(tag)
}

impl Render for Docker {
    fn render(&self, release: &Release, _: &ChannelConfig, out: &Output<'_>) -> Result<()> {
        let base = match &self.base {
            DockerBase::Scratch => None,
            DockerBase::Layout(folder) => Some(Base::open(folder)?),
            DockerBase::Registry(image) => {
                return Err(Error::usage(format!("the base {image} is in a registry"))
                    .cause("files are rendered without the network")
                    .hint("`larder publish` fetches it; to render, copy it into a folder with `skopeo copy --all` and write `base: FOLDER`"));
            }
        };
        let layout = Layout::new(out)?;
        let mut manifests = Vec::new();
        for platform in platforms(release, base.is_some())? {
            let image = match &base {
                Some(base) => Some(base.image(platform.platform())?),
                None => None,
            };
            let manifest = write_image(release, platform, image, &layout)?;
            manifests.push(manifest.with(&json!({"platform": words(platform.platform())})));
        }
        let index = json!({
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": manifests,
            "annotations": texts(release),
        });
        let index = layout.json(OCI_INDEX, &index)?;
        let tag = tag(&release.version).map_err(Error::failed)?;
        let name = json!({"annotations": {"org.opencontainers.image.ref.name": tag}});
        layout.finish(&index.with(&name))
    }
}

/// The layers of the image that a platform gets from a base: digest and size of each. The folder may
/// lack the layers themselves; who fetches a base asks this for what to fetch.
pub fn layers_of_base(folder: &Utf8Path, platform: Platform) -> Result<Vec<(Digest, u64)>> {
    Base::open(folder)?.image(platform)?.layers()
}

/// The Linux platforms whose programs load a C library. An empty image has none, so they do not
/// start in it.
pub fn not_static(release: &Release) -> Result<Vec<Platform>> {
    let mut found = Vec::new();
    for platform in platforms(release, false)? {
        let programs = platform.binaries(release);
        let mut native = programs.map(|file| larder_core::executable::inspect(platform.path(file)));
        let is_native = native.try_fold(true, |all, kind| {
            Ok::<_, Error>(all && matches!(kind?, larder_core::executable::Executable::Native(_)))
        })?;
        if is_native && needs(release, platform)? != Needs::Nothing {
            found.push(platform.platform());
        }
    }
    Ok(found)
}

/// One platform for each architecture. A static program comes first, because it runs on any base
/// and on none; among the others musl is only better where there is no base to bring glibc.
fn platforms(release: &Release, has_base: bool) -> Result<Vec<&PlatformRelease>> {
    let order = if has_base {
        [None, Some(Libc::Gnu), Some(Libc::Musl)]
    } else {
        [Some(Libc::Musl), None, Some(Libc::Gnu)]
    };
    let mut chosen = Vec::new();
    for arch in [Arch::Amd64, Arch::Arm64, Arch::I386, Arch::Arm] {
        let mut best: Option<&PlatformRelease> = None;
        for libc in order {
            let Some(found) = release.best_of(Os::Linux, arch, [libc]) else {
                continue;
            };
            if needs(release, found)? == Needs::Nothing {
                best = Some(found);
                break;
            }
            best = best.or(Some(found));
        }
        chosen.extend(best);
    }
    Ok(chosen)
}

/// Writes layer, config and manifest of one platform; returns the manifest's descriptor.
fn write_image(
    release: &Release,
    platform: &PlatformRelease,
    base: Option<BaseImage<'_>>,
    layout: &Layout<'_>,
) -> Result<Descriptor> {
    let is_docker = base
        .as_ref()
        .is_some_and(|base| base.media_type == DOCKER_MANIFEST);
    let [manifest_type, config_type, layer_type] = if is_docker {
        [DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER]
    } else {
        [OCI_MANIFEST, OCI_CONFIG, OCI_LAYER]
    };
    let (layer, diff_id) = layer::write(release, platform, layer_type, layout)?;
    let mut layers = Vec::new();
    if let Some(base) = &base {
        layers = base.copy_layers(layout)?;
    }
    layers.push(layer.to_json());
    let config = config(release, platform, base.as_ref(), &diff_id)?;
    let config = layout.json(config_type, &config)?;
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": manifest_type,
        "config": config.to_json(),
        "layers": layers,
    });
    // Docker's own manifests have no annotations.
    if !is_docker {
        let mut annotations = texts(release);
        if let Some(base) = &base {
            let key = "org.opencontainers.image.base.digest".into();
            annotations.insert(key, format!("sha256:{}", base.digest).into());
        }
        manifest["annotations"] = annotations.into();
    }
    layout.json(manifest_type, &manifest)
}

/// The image's config: that of the base, extended.
fn config(
    release: &Release,
    platform: &PlatformRelease,
    base: Option<&BaseImage<'_>>,
    diff_id: &Digest,
) -> Result<Value> {
    let time = created(release);
    let mut image = Map::new();
    image.insert("created".into(), time.clone().into());
    image.extend(words(platform.platform()));
    if let Some(base) = base {
        // The base's own words for the platform are kept, with all else that it states.
        image.extend(base.config.clone());
        image.insert("created".into(), time.clone().into());
        for stale in ["container", "container_config", "id", "parent"] {
            image.remove(stale);
        }
    }

    let config = object(&mut image, "config")?;
    let env = array(config, "Env")?;
    let has_path = |value: &Value| value.as_str().is_some_and(|text| text.starts_with("PATH="));
    if !env.iter().any(has_path) {
        env.push(PATH.into());
    }
    let first = platform
        .binaries(release)
        .next()
        .ok_or_else(|| Error::failed(format!("{} has no binary", platform.asset)))?;
    config.insert(
        "Entrypoint".into(),
        json!([format!("/{}/{}", layer::PROGRAMS, first.name)]),
    );
    // The base's command would become an argument of the program.
    config.remove("Cmd");
    object(config, "Labels")?.extend(texts(release));

    let rootfs = object(&mut image, "rootfs")?;
    rootfs.insert("type".into(), "layers".into());
    array(rootfs, "diff_ids")?.push(format!("sha256:{diff_id}").into());
    array(&mut image, "history")?.push(json!({
        "created": time,
        "created_by": format!("larder: {} {}", release.name, release.version.number()),
    }));
    Ok(image.into())
}

fn object<'a>(map: &'a mut Map<String, Value>, key: &str) -> Result<&'a mut Map<String, Value>> {
    let value = map.entry(key).or_insert(Value::Null);
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().ok_or_else(|| base::odd_config(key))
}

fn array<'a>(map: &'a mut Map<String, Value>, key: &str) -> Result<&'a mut Vec<Value>> {
    let value = map.entry(key).or_insert(Value::Null);
    if value.is_null() {
        *value = Value::Array(Vec::new());
    }
    value.as_array_mut().ok_or_else(|| base::odd_config(key))
}

/// The annotations of the image, which are its labels too.
fn texts(release: &Release) -> Map<String, Value> {
    let version = release.version.number();
    let description = release.description.as_deref().map(one_line);
    [
        ("title", Some(release.name.as_str())),
        ("description", description.as_deref()),
        ("version", Some(version)),
        ("url", release.homepage.as_deref()),
        ("source", repository(release)),
        ("licenses", release.license.as_deref()),
        ("created", Some(created(release).as_str())),
    ]
    .into_iter()
    .filter_map(|(key, text)| Some((format!("org.opencontainers.image.{key}"), text?.into())))
    .collect()
}

fn created(release: &Release) -> String {
    jiff::Timestamp::from_second(release.time)
        .unwrap_or_default()
        .to_string()
}

/// The words of the OCI specification for a platform.
fn words(platform: Platform) -> Map<String, Value> {
    let mut words = Map::new();
    words.insert("architecture".into(), platform.arch.as_str().into());
    words.insert("os".into(), "linux".into());
    if platform.arch == Arch::Arm {
        words.insert("variant".into(), "v7".into());
    }
    words
}
