//! Tests of the images. skopeo reads what real programs give in `tests/oracles`.

use camino::Utf8Path;
use larder_core::cancel::Cancel;
use larder_core::model::Digest;
use larder_core::project::publish::{Channel, ChannelConfig, Docker, DockerBase};
use serde_json::{Value, json};

use super::*;
use crate::render::{Rendered, Skip};
use crate::tests::{Sample, read};

fn docker(base: DockerBase) -> Channel {
    Channel::Docker(Docker {
        images: Vec::new(),
        base,
    })
}

fn blob(folder: &Utf8Path, descriptor: &Value) -> Value {
    let digest = descriptor["digest"].as_str().unwrap();
    let name = digest.strip_prefix("sha256:").unwrap();
    let bytes = larder_core::fs::read(folder.join("blobs/sha256").join(name)).unwrap();
    assert_eq!(Digest::of(&bytes).to_string(), name);
    assert_eq!(descriptor["size"], bytes.len());
    serde_json::from_slice(&bytes).unwrap()
}

/// The manifests of an image, with their configs.
fn images(folder: &Utf8Path) -> Vec<(Value, Value, Value)> {
    let index: Value =
        serde_json::from_slice(&larder_core::fs::read(folder.join("index.json")).unwrap()).unwrap();
    assert_eq!(index["manifests"].as_array().unwrap().len(), 1);
    let nested = blob(folder, &index["manifests"][0]);
    let manifests = nested["manifests"].as_array().unwrap();
    let image = |descriptor: &Value| {
        let manifest = blob(folder, descriptor);
        let config = blob(folder, &manifest["config"]);
        (descriptor["platform"].clone(), manifest, config)
    };
    manifests.iter().map(image).collect()
}

#[test]
fn each_linux_platform_has_an_image() {
    for (platforms, expected) in [
        (
            vec![
                "linux-amd64",
                "darwin-arm64",
                "linux-arm",
                "linux-386",
                "linux-arm64",
            ],
            vec!["amd64", "arm64", "386", "arm"],
        ),
        (vec!["linux-arm64-musl", "windows-amd64"], vec!["arm64"]),
        (vec!["linux-amd64", "linux-amd64-musl"], vec!["amd64"]),
    ] {
        let sample = Sample::with_binaries("arc-2", "1.2.3-rc.1+b", &["arc-2", "arcd"], &platforms);
        let (rendered, folder) = sample.render(docker(DockerBase::Scratch));
        assert_eq!(rendered, Rendered::Files);
        let images = images(&folder);
        let archs: Vec<_> = images
            .iter()
            .map(|image| &image.0["architecture"])
            .collect();
        assert_eq!(archs, expected, "{platforms:?}");
        for (platform, _, config) in &images {
            assert_eq!(
                config["config"]["Entrypoint"],
                json!(["/usr/local/bin/arc-2"])
            );
            assert_eq!(config["config"]["Env"], json!([PATH]));
            assert_eq!(config["created"], "1980-01-01T00:00:00Z");
            let is_arm = platform["architecture"] == "arm";
            let variant = if is_arm { json!("v7") } else { Value::Null };
            assert_eq!(
                (&platform["variant"], &config["variant"]),
                (&variant, &variant)
            );
        }
        let index = read(&folder).remove("index.json").unwrap();
        let index = String::from_utf8(index).unwrap();
        assert!(index.contains("\"org.opencontainers.image.ref.name\":\"1.2.3-rc.1_b\""));
    }
    let none = Sample::new("1.0.0", &["darwin-arm64"]);
    let (rendered, _) = none.render(docker(DockerBase::Scratch));
    assert_eq!(rendered, Rendered::Skipped(Skip::NoPlatform));
}

#[test]
fn labels_have_the_texts_of_the_recipe() {
    let mut sample = Sample::new("1.0.0", &["linux-amd64"]);
    sample.release.description = Some("It's \"quoted\" $x #{y}\n<b> & 🎉".into());
    sample.release.homepage = Some("https://github.com/acme/arc".into());
    let (_, folder) = sample.render(docker(DockerBase::Scratch));
    let (_, manifest, config) = images(&folder).remove(0);
    assert_eq!(manifest["annotations"], config["config"]["Labels"]);
    for (key, text) in [
        ("title", "arc"),
        ("description", "It's \"quoted\" $x #{y} <b> & 🎉"),
        ("version", "1.0.0"),
        ("url", "https://github.com/acme/arc"),
        ("source", "https://github.com/acme/arc"),
        ("licenses", "MIT"),
        ("created", "1980-01-01T00:00:00Z"),
    ] {
        let key = format!("org.opencontainers.image.{key}");
        assert_eq!(config["config"]["Labels"][&key], text, "{key}");
    }
}

/// Writes a base with one layer for amd64 whose manifest has this media type. The index says the
/// platform, or only the config does, and it is in another index or not.
fn base(folder: &Utf8Path, media_type: &str, stated: bool, nested: bool) {
    let cancel = Cancel::new();
    larder_core::fs::create_dir_all(folder).unwrap();
    let out = Output::new(folder, 1, &cancel);
    let layout = Layout::new(&out).unwrap();
    let layer = json!("not really a tar");
    let layer = layout.json(OCI_LAYER, &layer).unwrap();
    let config = json!({
        "architecture": "amd64", "os": "linux", "os.features": ["odd"],
        "config": {"Env": ["A=b", "PATH=/bin"], "User": "65532", "Cmd": ["sh"], "Labels": {"of": "base"}},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:0"]},
        "history": [{"created_by": "base"}],
    });
    let config = layout.json(OCI_CONFIG, &config).unwrap();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media_type,
        "config": config.to_json(), "layers": [layer.to_json()],
    });
    let manifest = layout.json(media_type, &manifest).unwrap();
    let platform = json!({"platform": {"architecture": "amd64", "os": "linux"}});
    let mut entry = manifest.with(if stated { &platform } else { &Value::Null });
    if nested {
        let index = json!({"schemaVersion": 2, "manifests": [entry]});
        entry = layout.json(OCI_INDEX, &index).unwrap().to_json();
    }
    layout.finish(&entry).unwrap();
}

#[test]
fn a_base_is_extended() {
    let folder = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(folder.path()).unwrap();
    for (n, (media_type, stated, nested)) in [
        (OCI_MANIFEST, true, false),
        (OCI_MANIFEST, false, true),
        (DOCKER_MANIFEST, true, true),
    ]
    .into_iter()
    .enumerate()
    {
        let from = root.join(n.to_string());
        base(&from, media_type, stated, nested);
        let sample = Sample::new("1.0.0", &["linux-amd64"]);
        let (_, folder) = sample.render(docker(DockerBase::Layout(from)));
        let (_, manifest, config) = images(&folder).remove(0);
        assert_eq!(manifest["mediaType"], media_type);
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 2);
        let is_docker = media_type == DOCKER_MANIFEST;
        assert_eq!(manifest["annotations"].is_null(), is_docker);
        let own = if is_docker { DOCKER_LAYER } else { OCI_LAYER };
        assert_eq!(manifest["layers"][1]["mediaType"], own);
        assert_eq!(config["config"]["Env"], json!(["A=b", "PATH=/bin"]));
        assert_eq!(config["config"]["User"], "65532");
        assert_eq!(config["config"]["Cmd"], Value::Null);
        assert_eq!(config["config"]["Labels"]["of"], "base");
        assert_eq!(config["os.features"], json!(["odd"]));
        assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 2);
        assert_eq!(config["history"][0]["created_by"], "base");
        assert_eq!(config["history"][1]["created_by"], "larder: arc 1.0.0");
    }
}

#[test]
fn a_base_that_does_not_fit_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(folder.path()).unwrap();
    let from = root.join("base");
    base(&from, OCI_MANIFEST, true, false);
    let render = |platform: &str, base: DockerBase| {
        let sample = Sample::new("1.0.0", &[platform]);
        let config = ChannelConfig {
            channel: docker(base),
            priority: 0,
            timeout: None,
            retry: None,
            prerelease: false,
            post_install: None,
        };
        let cancel = Cancel::new();
        let out = root.join("out");
        larder_core::fs::create_dir_all(&out).unwrap();
        let out = Output::new(out, 1, &cancel);
        crate::render::render(&sample.release, &config, &out).unwrap_err()
    };
    let lacks = render("linux-arm64", DockerBase::Layout(from.clone()));
    assert!(
        lacks.message().ends_with("has no image for linux-arm64"),
        "{lacks:?}"
    );
    assert_eq!(lacks.causes(), ["it has linux/amd64"]);
    let fetched = render("linux-amd64", DockerBase::Registry("acme/base".into()));
    assert!(fetched.message().contains("acme/base") && !fetched.hints().is_empty());
    let absent = render("linux-amd64", DockerBase::Layout(root.join("absent")));
    assert!(absent.message().contains("no index.json"));

    // A layer with other bytes.
    let (layer, _) = read(&from.join("blobs"))
        .into_iter()
        .find(|(_, bytes)| bytes.starts_with(b"\"not"))
        .unwrap();
    larder_core::fs::rewrite(from.join("blobs").join(layer), b"\"hot really a tar\"").unwrap();
    let changed = render("linux-amd64", DockerBase::Layout(from));
    assert_eq!(changed.kind(), larder_core::error::Kind::Integrity);
}
