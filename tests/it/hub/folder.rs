//! The folder hub, and the same folder behind a static server.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use larder_core::Kind;
use larder_core::cancel::Cancel;
use larder_core::formats::{Observed, Sidecar};
use larder_core::model::{Artifact, ArtifactFile, AssetName, Digest, Origin, Tag};
use larder_remote::http::{Client, Settings};
use larder_remote::hub::{
    DirHub, HttpHub, Hub, HubPublisher, HubReader, PlainFile, PublishOptions, Published, Upload,
};

use crate::servers::files::FileServer;

struct Box {
    _temp: tempfile::TempDir,
    root: Utf8PathBuf,
    hub: DirHub,
}

fn new_box() -> Box {
    let temp = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::from_path_buf(temp.path().to_owned()).unwrap();
    let hub = DirHub::new(&root.join("hub"));
    Box {
        _temp: temp,
        root,
        hub,
    }
}

fn tag() -> Tag {
    "tool-v1.0.0".parse().unwrap()
}

/// A package file with its sidecar, made from `inputs` and `bytes`.
fn package(
    root: &Utf8Path,
    platform: &str,
    inputs: &str,
    bytes: &str,
) -> (Utf8PathBuf, AssetName, Sidecar) {
    let file = root.join(format!(
        "{platform}-{inputs}-{}.tar.gz",
        Digest::of(bytes.as_bytes()).short()
    ));
    std::fs::write(&file, bytes).unwrap();
    let content = Artifact {
        name: "tool".parse().unwrap(),
        version: "v1.0.0".parse().unwrap(),
        platform: platform.parse().unwrap(),
        emulated: None,
        origin: Origin::Build,
        inputs: Digest::of(inputs.as_bytes()),
        commit: None,
        tree: None,
        files: vec![ArtifactFile {
            name: "tool".parse().unwrap(),
            mode: 0o755,
            size: bytes.len() as u64,
            sha256: Digest::of(format!("unpacked {bytes}").as_bytes()),
        }],
    };
    let observed = Observed {
        time: Some(format!("2026-08-0{}T00:00:00Z", platform.len() % 9 + 1)),
        ..Observed::default()
    };
    let sidecar = Sidecar::new(
        content,
        Digest::of(bytes.as_bytes()),
        bytes.len() as u64,
        observed,
        Vec::new(),
    );
    (
        file,
        format!("tool-{platform}.tar.gz").parse().unwrap(),
        sidecar,
    )
}

fn publish(
    hub: &DirHub,
    package: &(Utf8PathBuf, AssetName, Sidecar),
    replace: bool,
) -> larder_core::Result<Published> {
    let (file, name, sidecar) = package;
    let upload = Upload {
        name: name.clone(),
        file,
        sidecar: sidecar.clone(),
        text: None,
        signer: None,
    };
    let options = PublishOptions {
        replace,
        ..PublishOptions::default()
    };
    let receipt = hub.publish(&tag(), &[upload], options, &|| None, None, &|_| ())?;
    assert_eq!(receipt.assets.len(), 1);
    Ok(receipt.assets[0].1.clone())
}

fn content(hub: &dyn HubReader, asset: &AssetName) -> Option<String> {
    let mut text = String::new();
    hub.fetch(&tag(), asset)
        .unwrap()?
        .reader
        .read_to_string(&mut text)
        .unwrap();
    Some(text)
}

/// Every file with its content and inode, so that any write is visible.
fn snapshot(dir: &Utf8Path) -> BTreeMap<String, (Vec<u8>, u64)> {
    let entry = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(&path).unwrap());
        #[cfg(not(unix))]
        let inode = 0;
        (
            path.file_name().unwrap().to_str().unwrap().to_owned(),
            (std::fs::read(&path).unwrap(), inode),
        )
    };
    let mut files: BTreeMap<_, _> = std::fs::read_dir(dir).unwrap().map(entry).collect();
    // It names its last holder, and since when it was held.
    files.remove(".lock");
    files
}

#[test]
#[cfg_attr(not(unix), ignore = "it needs sha256sum")]
fn published_assets_are_read_back_and_a_second_publish_writes_nothing() {
    let b = new_box();
    let linux = package(&b.root, "linux-amd64", "i", "linux bytes");
    let darwin = package(&b.root, "darwin-arm64", "i", "darwin bytes");
    assert!(b.hub.release(&tag()).unwrap().is_none());
    assert!(b.hub.sidecar(&tag(), &linux.1).unwrap().is_none());
    assert!(b.hub.fetch(&tag(), &linux.1).unwrap().is_none());
    assert_eq!(publish(&b.hub, &linux, false).unwrap(), Published::Added);
    assert_eq!(publish(&b.hub, &darwin, false).unwrap(), Published::Added);
    assert_eq!(b.hub.sidecar(&tag(), &linux.1).unwrap().unwrap(), linux.2);
    assert_eq!(content(&b.hub, &darwin.1).unwrap(), "darwin bytes");
    let names: Vec<String> = b
        .hub
        .release(&tag())
        .unwrap()
        .unwrap()
        .assets
        .iter()
        .map(|a| a.name.to_string())
        .collect();
    assert_eq!(
        names,
        [
            "checksums.txt",
            "manifest.json",
            "tool-darwin-arm64.tar.gz",
            "tool-darwin-arm64.tar.gz.json",
            "tool-linux-amd64.tar.gz",
            "tool-linux-amd64.tar.gz.json"
        ]
    );
    assert_eq!(b.hub.releases().unwrap().len(), 1);

    let dir = b.root.join("hub").join("tool-v1.0.0");
    let checked = std::process::Command::new("sha256sum")
        .args(["--strict", "--quiet", "-c", "checksums.txt"])
        .current_dir(&dir)
        .status();
    assert!(checked.unwrap().success());
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(dir.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["binary"], "tool");
    assert_eq!(
        manifest["collection_date"], "2026-08-04T00:00:00Z",
        "the newest sidecar's, not a clock's"
    );
    assert_eq!(
        manifest["platforms"]["linux-amd64"]["filename"],
        "tool-linux-amd64.tar.gz"
    );
    assert_eq!(manifest["platforms"]["linux-amd64"]["executable"], true);
    assert_eq!(manifest["managed_release"]["tag"], "tool-v1.0.0");

    let before = snapshot(&dir);
    assert_eq!(publish(&b.hub, &linux, false).unwrap(), Published::Present);
    assert_eq!(publish(&b.hub, &darwin, true).unwrap(), Published::Present);
    assert_eq!(snapshot(&dir), before);
}

#[test]
fn the_first_published_asset_is_kept() {
    let b = new_box();
    let first = package(&b.root, "linux-amd64", "i", "first");
    publish(&b.hub, &first, false).unwrap();
    let before = snapshot(&b.root.join("hub/tool-v1.0.0"));
    let other_bytes = package(&b.root, "linux-amd64", "i", "second");
    assert_eq!(
        publish(&b.hub, &other_bytes, false).unwrap(),
        Published::AlreadyPublished(std::boxed::Box::new(first.2.clone()))
    );
    let other_inputs = package(&b.root, "linux-amd64", "j", "third");
    assert_eq!(
        publish(&b.hub, &other_inputs, false).unwrap(),
        Published::NameTaken(Some(std::boxed::Box::new(first.2.clone())))
    );
    assert_eq!(snapshot(&b.root.join("hub/tool-v1.0.0")), before);
    assert_eq!(
        publish(&b.hub, &other_inputs, true).unwrap(),
        Published::Replaced
    );
    assert_eq!(content(&b.hub, &first.1).unwrap(), "third");
    assert_eq!(
        b.hub.sidecar(&tag(), &first.1).unwrap().unwrap(),
        other_inputs.2
    );
}

/// A missing asset is replaced even by a build with other bytes.
#[test]
fn a_sidecar_without_its_asset_does_not_block_publishing() {
    let b = new_box();
    let first = package(&b.root, "linux-amd64", "i", "first");
    publish(&b.hub, &first, false).unwrap();
    std::fs::remove_file(b.root.join("hub/tool-v1.0.0").join(first.1.as_str())).unwrap();
    let again = package(&b.root, "linux-amd64", "i", "second");
    assert_eq!(publish(&b.hub, &again, false).unwrap(), Published::Replaced);
    assert_eq!(content(&b.hub, &first.1).unwrap(), "second");
    assert_eq!(b.hub.sidecar(&tag(), &first.1).unwrap().unwrap(), again.2);
}

#[test]
#[cfg_attr(not(unix), ignore = "without locks that show it, the age decides")]
fn after_a_kill_at_any_point_the_next_run_converges() {
    let wanted = {
        let b = new_box();
        publish(
            &b.hub,
            &package(&b.root, "linux-amd64", "i", "bytes"),
            false,
        )
        .unwrap();
        snapshot(&b.root.join("hub/tool-v1.0.0"))
            .into_iter()
            .map(|(name, (bytes, _))| (name, bytes))
            .collect::<Vec<_>>()
    };
    let left_overs: [&[(&str, &str)]; 4] = [
        &[(".tmp-abcdef", "byt")],
        &[("tool-linux-amd64.tar.gz", "bytes")],
        &[
            ("tool-linux-amd64.tar.gz", "bytes"),
            (".tmp-xxxxxx", "{"),
            ("checksums.txt", "old"),
        ],
        &[(".next-tool-linux-amd64.tar.gz.json", "{half")],
    ];
    for files in left_overs {
        let b = new_box();
        let dir = b.root.join("hub/tool-v1.0.0");
        std::fs::create_dir_all(&dir).unwrap();
        for (name, text) in files {
            std::fs::write(dir.join(name), text).unwrap();
        }
        let p = package(&b.root, "linux-amd64", "i", "bytes");
        assert!(b.hub.sidecar(&tag(), &p.1).unwrap().is_none(), "invisible");
        assert_eq!(publish(&b.hub, &p, false).unwrap(), Published::Added);
        let now: Vec<_> = snapshot(&dir)
            .into_iter()
            .map(|(name, (bytes, _))| (name, bytes))
            .collect();
        assert_eq!(now, wanted, "after {files:?}");
    }
    // Bytes without a sidecar belong to someone else and are not overwritten.
    let b = new_box();
    let dir = b.root.join("hub/tool-v1.0.0");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("tool-linux-amd64.tar.gz"), "by hand").unwrap();
    let p = package(&b.root, "linux-amd64", "i", "bytes");
    assert_eq!(
        publish(&b.hub, &p, false).unwrap(),
        Published::NameTaken(None)
    );
    assert_eq!(content(&b.hub, &p.1).unwrap(), "by hand");
    // A replacement that was killed between its two renames.
    let old = package(&b.root, "linux-amd64", "i", "old");
    let new = package(&b.root, "linux-amd64", "i", "new");
    publish(&b.hub, &old, true).unwrap();
    std::fs::write(dir.join("tool-linux-amd64.tar.gz"), "new").unwrap();
    std::fs::write(
        dir.join(".next-tool-linux-amd64.tar.gz.json"),
        new.2.to_json(),
    )
    .unwrap();
    assert_eq!(publish(&b.hub, &new, false).unwrap(), Published::Present);
    assert_eq!(b.hub.sidecar(&tag(), &new.1).unwrap().unwrap(), new.2);
    assert!(!dir.join(".next-tool-linux-amd64.tar.gz.json").exists());
}

#[test]
fn a_package_that_changed_is_never_published() {
    let b = new_box();
    let p = package(&b.root, "linux-amd64", "i", "bytes");
    std::fs::write(&p.0, "other").unwrap();
    assert_eq!(
        publish(&b.hub, &p, false).unwrap_err().kind(),
        Kind::Integrity
    );
    assert!(b.hub.release(&tag()).unwrap().is_none());
    assert!(
        snapshot(&b.root.join("hub/tool-v1.0.0"))
            .keys()
            .all(|name| name == ".lock")
    );
}

#[test]
fn a_truncated_or_damaged_asset_is_repaired() {
    let b = new_box();
    let p = package(&b.root, "linux-amd64", "i", "bytes");
    publish(&b.hub, &p, false).unwrap();
    let asset = b.root.join("hub/tool-v1.0.0").join(p.1.as_str());
    std::fs::write(&asset, "byt").unwrap();
    assert_eq!(publish(&b.hub, &p, false).unwrap(), Published::Replaced);
    assert_eq!(content(&b.hub, &p.1).unwrap(), "bytes");
    std::fs::write(&asset, "bytez").unwrap();
    assert_eq!(publish(&b.hub, &p, true).unwrap(), Published::Replaced);
    std::fs::write(format!("{asset}.json"), "{}").unwrap();
    assert_eq!(
        publish(&b.hub, &p, false).unwrap_err().kind(),
        Kind::Integrity
    );
    assert!(matches!(
        publish(&b.hub, &p, true).unwrap(),
        Published::Added | Published::Replaced
    ));
    assert_eq!(b.hub.sidecar(&tag(), &p.1).unwrap().unwrap(), p.2);
}

#[test]
fn six_concurrent_writers_lose_no_asset() {
    for round in 0..5 {
        let b = new_box();
        let platforms = [
            "linux-amd64",
            "linux-arm64",
            "darwin-amd64",
            "darwin-arm64",
            "windows-amd64",
            "windows-arm64",
        ];
        let all: Vec<_> = platforms
            .iter()
            .map(|p| package(&b.root, p, "i", &format!("bytes of {p}")))
            .collect();
        let root = b.root.join("hub");
        std::thread::scope(|scope| {
            for p in &all {
                // Twice for each platform: two jobs of the same platform agree.
                for _ in 0..2 {
                    scope.spawn(|| {
                        let what = publish(&DirHub::new(&root), p, false).unwrap();
                        assert!(
                            matches!(what, Published::Added | Published::Present),
                            "{what:?}"
                        );
                    });
                }
            }
        });
        let dir = root.join("tool-v1.0.0");
        let manifest: serde_json::Value =
            serde_json::from_slice(&std::fs::read(dir.join("manifest.json")).unwrap()).unwrap();
        assert_eq!(
            manifest["platforms"].as_object().unwrap().len(),
            6,
            "round {round}"
        );
        assert_eq!(
            std::fs::read_to_string(dir.join("checksums.txt"))
                .unwrap()
                .lines()
                .count(),
            6
        );
        assert!(
            !snapshot(&dir)
                .keys()
                .any(|name| name.starts_with(".tmp-") || name.starts_with(".next-"))
        );
    }
}

#[test]
fn a_project_release_appears_complete() {
    let b = new_box();
    let file = b.root.join("bundle.tar.gz");
    std::fs::write(&file, "bundle").unwrap();
    let tag: Tag = "v1.0.0".parse().unwrap();
    let plain = |sha: &str| PlainFile {
        name: "bundle.tar.gz".parse().unwrap(),
        file: &file,
        sha256: Digest::of(sha.as_bytes()),
        size: sha.len() as u64,
    };
    let run = |files: &[PlainFile<'_>], replace| {
        b.hub.publish_project(
            &tag,
            files,
            "notes",
            PublishOptions {
                replace,
                ..PublishOptions::default()
            },
            &|_| (),
        )
    };
    assert_eq!(
        run(&[plain("other!")], false).unwrap_err().kind(),
        Kind::Integrity
    );
    assert!(
        b.hub.release(&tag).unwrap().is_none(),
        "nothing of it is visible"
    );
    assert_eq!(
        run(&[plain("bundle")], false).unwrap().assets[0].1,
        Published::Added
    );
    assert_eq!(
        run(&[plain("bundle")], false).unwrap().assets[0].1,
        Published::Present
    );
    let names: Vec<String> = b
        .hub
        .release(&tag)
        .unwrap()
        .unwrap()
        .assets
        .iter()
        .map(|a| a.name.to_string())
        .collect();
    assert_eq!(names, ["bundle.tar.gz"]);
    std::fs::write(&file, "newer!").unwrap();
    assert_eq!(
        run(&[plain("newer!")], false).unwrap_err().kind(),
        Kind::Failed
    );
    assert_eq!(
        run(&[plain("newer!")], true).unwrap().assets[0].1,
        Published::Replaced
    );
    assert!(std::fs::read_dir(b.root.join("hub")).unwrap().all(|e| {
        !e.unwrap()
            .file_name()
            .to_str()
            .unwrap()
            .starts_with(".tmp-")
    }));
}

#[test]
fn a_folder_hub_behind_a_static_server_is_readable() {
    let b = new_box();
    let p = package(&b.root, "linux-amd64", "i", "bytes");
    publish(&b.hub, &p, false).unwrap();
    let server = FileServer::start(&b.root.join("hub"));
    let client = Arc::new(Client::new(Settings::default(), Cancel::new()));
    let hub = HttpHub::new(&format!("{}/", server.url()), &client).unwrap();
    assert_eq!(hub.sidecar(&tag(), &p.1).unwrap().unwrap(), p.2);
    assert_eq!(content(&hub, &p.1).unwrap(), "bytes");
    let absent: AssetName = "absent.tar.gz".parse().unwrap();
    assert!(hub.sidecar(&tag(), &absent).unwrap().is_none());
    assert!(hub.fetch(&tag(), &absent).unwrap().is_none());
    assert_eq!(client.moved().requests, 4, "one each");
    let opened = Hub::read_only(HttpHub::new(server.url(), &client).unwrap());
    assert!(
        opened
            .publisher()
            .is_err_and(|why| why.why.ends_with("is read-only"))
    );
    assert_eq!(hub.release(&tag()).unwrap_err().kind(), Kind::Usage);
    std::fs::write(
        b.root.join("hub/tool-v1.0.0").join(p.1.sidecar().as_str()),
        "{\"schema\": 1}",
    )
    .unwrap();
    assert_eq!(
        hub.sidecar(&tag(), &p.1).unwrap_err().kind(),
        Kind::Integrity
    );
}
