//! Tests of the hub in a registry, against a registry in memory that can be slow, break off, delete
//! nothing, or know no list of referrers.

use std::io::Read as _;
use std::time::Duration;

use camino::Utf8PathBuf;
use larder_core::Kind;
use larder_core::cancel::Cancel;
use larder_core::error::Result;
use larder_core::formats::{Observed, Sidecar};
use larder_core::fs;
use larder_core::model::{Artifact, ArtifactFile, AssetName, Digest, Origin, Tag};

use super::OciHub;
use crate::RemoteSettings;
use crate::http::{Client, Settings};
use crate::hub::{
    Attachment, HubPublisher, HubReader, PlainFile, PublishOptions, Published, Receipt, Upload,
};

mod races;
#[path = "../../../../../../tests/it/servers/registry/mod.rs"]
mod registry;
#[path = "../../../../../../tests/it/servers/scripted.rs"]
mod scripted;
mod signed;

use registry::Registry;

const REPOSITORY: &str = "acme/tools";

/// A hub with a client of its own, as on another machine.
fn hub(registry: &Registry) -> OciHub {
    let settings = Settings {
        backoff: Duration::from_millis(2),
        retries: 0,
        idle: Duration::from_secs(5),
        ..Settings::default()
    };
    let client = Client::new(settings, Cancel::new());
    let name = format!("{}/{REPOSITORY}", registry.host());
    let mut hub = OciHub::new(&name, &client, &RemoteSettings::default()).unwrap();
    hub.store.settle = Duration::from_millis(150);
    hub
}

struct Dist {
    _temp: tempfile::TempDir,
    root: Utf8PathBuf,
}

struct Package {
    name: AssetName,
    file: Utf8PathBuf,
    sidecar: Sidecar,
}

impl Dist {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(temp.path().to_owned()).unwrap();
        Self { _temp: temp, root }
    }

    fn file(&self, bytes: &[u8]) -> Utf8PathBuf {
        let path = self.root.join(Digest::of(bytes).short());
        fs::write_atomic(&path, bytes).unwrap();
        path
    }

    fn package(&self, platform: &str, bytes: &str, inputs: &str) -> Package {
        let content = Artifact {
            name: "arc".parse().unwrap(),
            version: "v1".parse().unwrap(),
            platform: platform.parse().unwrap(),
            emulated: None,
            origin: Origin::Build,
            inputs: Digest::of(inputs.as_bytes()),
            commit: None,
            tree: None,
            files: vec![ArtifactFile {
                name: "arc".parse().unwrap(),
                mode: 0o755,
                size: bytes.len() as u64,
                sha256: Digest::of(bytes.as_bytes()),
            }],
        };
        let sha256 = Digest::of(bytes.as_bytes());
        let size = bytes.len() as u64;
        Package {
            name: format!("arc-{platform}.tar.gz").parse().unwrap(),
            file: self.file(bytes.as_bytes()),
            sidecar: Sidecar::new(content, sha256, size, Observed::default(), Vec::new()),
        }
    }

    fn plain(&self, name: &str, bytes: &str) -> (AssetName, Utf8PathBuf, Digest, u64) {
        let size = bytes.len() as u64;
        (
            name.parse().unwrap(),
            self.file(bytes.as_bytes()),
            Digest::of(bytes.as_bytes()),
            size,
        )
    }
}

fn plain((name, file, sha256, size): &(AssetName, Utf8PathBuf, Digest, u64)) -> PlainFile<'_> {
    PlainFile {
        name: name.clone(),
        file,
        sha256: *sha256,
        size: *size,
    }
}

fn tag() -> Tag {
    "arc-v1".parse().unwrap()
}

fn publish_all(hub: &OciHub, packages: &[&Package], replace: bool) -> Result<Receipt> {
    let uploads: Vec<Upload<'_>> = packages
        .iter()
        .map(|package| Upload {
            name: package.name.clone(),
            file: &package.file,
            sidecar: package.sidecar.clone(),
            text: None,
            signer: None,
        })
        .collect();
    let options = PublishOptions {
        replace,
        ..PublishOptions::default()
    };
    hub.publish(&tag(), &uploads, options, &|| None, None, &|_| ())
}

fn publish(hub: &OciHub, package: &Package, replace: bool) -> Result<Published> {
    Ok(publish_all(hub, &[package], replace)?.assets.remove(0).1)
}

fn content(hub: &OciHub, tag: &Tag, name: &AssetName) -> Option<String> {
    let mut text = String::new();
    let mut body = hub.fetch(tag, name).unwrap()?;
    body.reader.read_to_string(&mut text).unwrap();
    Some(text)
}

/// The tags that are not claims.
fn tags(registry: &Registry) -> Vec<String> {
    let mut tags = registry.tags(REPOSITORY);
    tags.retain(|tag| !tag.ends_with("_c"));
    tags
}

#[test]
fn an_asset_is_one_artifact_with_its_sidecar_as_config() {
    let (registry, dist) = (Registry::start(), Dist::new());
    let hub = hub(&registry);
    let package = dist.package("linux-amd64", "bytes", "inputs");
    assert!(hub.release(&tag()).unwrap().is_none() && hub.releases().unwrap().is_empty());
    assert!(hub.described(&tag(), &package.name).unwrap().is_none());
    assert_eq!(publish(&hub, &package, false).unwrap(), Published::Added);
    // The claim is gone.
    assert_eq!(registry.tags(REPOSITORY), ["arc-v1-linux-amd64"]);
    let manifest = registry.manifest(REPOSITORY, "arc-v1-linux-amd64").unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["artifactType"], "application/vnd.larder.asset.v1");
    let sidecar = package.sidecar.to_json();
    let digest = format!("sha256:{}", Digest::of(sidecar.as_bytes()));
    assert_eq!(manifest["config"]["digest"], digest);
    assert_eq!(
        manifest["layers"][0]["digest"],
        format!("sha256:{}", package.sidecar.sha256)
    );

    registry.take();
    assert_eq!(
        hub.described(&tag(), &package.name).unwrap().unwrap().text,
        sidecar
    );
    assert_eq!(
        registry.take(),
        [format!("GET /v2/{REPOSITORY}/manifests/arc-v1-linux-amd64")]
    );
    let pinned = hub.fetch_pinned(&tag(), &package.name, &package.sidecar.sha256);
    let mut text = String::new();
    pinned
        .unwrap()
        .unwrap()
        .reader
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!((text.as_str(), registry.take().len()), ("bytes", 1));
    assert_eq!(content(&hub, &tag(), &package.name).unwrap(), "bytes");

    let [release] = &hub.releases().unwrap()[..] else {
        panic!("one release")
    };
    let names: Vec<&str> = release
        .assets
        .iter()
        .map(|asset| asset.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["arc-linux-amd64.tar.gz", "arc-linux-amd64.tar.gz.json"]
    );
    let short = package.sidecar.content.inputs.short();
    assert_eq!(release.assets[1].inputs.as_deref(), Some(short.as_str()));
    let sums = hub
        .small_file(&tag(), &"checksums.txt".parse().unwrap())
        .unwrap()
        .unwrap();
    let line = format!("{}  {}\n", package.sidecar.sha256, package.name);
    assert_eq!(String::from_utf8(sums).unwrap(), line);

    // A second run writes nothing.
    registry.take();
    assert_eq!(publish(&hub, &package, false).unwrap(), Published::Present);
    assert_eq!(registry.writes(), 0);
}

#[test]
fn what_is_published_stands_unless_it_is_replaced() {
    let (registry, dist) = (Registry::start(), Dist::new());
    let hub = hub(&registry);
    let first = dist.package("linux-amd64", "first", "inputs");
    publish(&hub, &first, false).unwrap();
    let later = dist.package("linux-amd64", "later", "inputs");
    let Published::AlreadyPublished(stands) = publish(&hub, &later, false).unwrap() else {
        panic!("the first stands")
    };
    assert_eq!(*stands, first.sidecar);
    let other = dist.package("linux-amd64", "other", "other inputs");
    assert!(matches!(
        publish(&hub, &other, false).unwrap(),
        Published::NameTaken(Some(_))
    ));
    assert_eq!(content(&hub, &tag(), &first.name).unwrap(), "first");
    assert_eq!(publish(&hub, &other, true).unwrap(), Published::Replaced);
    assert_eq!(content(&hub, &tag(), &first.name).unwrap(), "other");
    // The same platform in another format has the same tag; it goes beside.
    let mut zip = dist.package("linux-amd64", "zip", "other inputs");
    zip.name = "arc-linux-amd64.zip".parse().unwrap();
    assert_eq!(publish(&hub, &zip, false).unwrap(), Published::Added);
    assert_eq!(content(&hub, &tag(), &zip.name).unwrap(), "zip");
    assert_eq!(content(&hub, &tag(), &first.name).unwrap(), "other");
    assert!(hub.remove(&tag(), &first.name).unwrap());
    assert!(hub.described(&tag(), &first.name).unwrap().is_none());
    assert_eq!(content(&hub, &tag(), &zip.name).unwrap(), "zip");
    assert!(hub.remove(&tag(), &zip.name).unwrap() && !hub.remove(&tag(), &zip.name).unwrap());
    assert!(hub.releases().unwrap().is_empty());
}

#[test]
fn a_release_of_files_becomes_visible_at_once() {
    let (registry, dist) = (Registry::start(), Dist::new());
    let hub = hub(&registry);
    let release: Tag = "v1.0.0".parse().unwrap();
    let files = [
        dist.plain("arc-linux-amd64.tar.gz", "bundle"),
        dist.plain("checksums.txt", "sums"),
    ];
    let files: Vec<PlainFile<'_>> = files.iter().map(plain).collect();
    let options = PublishOptions::default();
    registry.take();
    let receipt = hub
        .publish_project(&release, &files, "notes", options, &|_| ())
        .unwrap();
    assert!(
        receipt
            .assets
            .iter()
            .all(|(_, outcome)| *outcome == Published::Added)
    );
    let puts: Vec<String> = registry
        .take()
        .into_iter()
        .filter(|r| r.ends_with("manifests/v1.0.0") && r.starts_with("PUT"))
        .collect();
    assert_eq!(puts.len(), 1);
    assert_eq!(tags(&registry), ["v1.0.0"]);
    assert_eq!(content(&hub, &release, &files[0].name).unwrap(), "bundle");
    assert_eq!(
        hub.small_file(&release, &files[1].name).unwrap().unwrap(),
        b"sums"
    );
    assert_eq!(hub.notes(&release).unwrap().unwrap(), "notes");
    assert_eq!(hub.release(&release).unwrap().unwrap().assets.len(), 2);
    hub.publish_project(&release, &files, "notes", options, &|_| ())
        .unwrap();
    assert_eq!(registry.writes(), 0);
    let other = dist.plain("checksums.txt", "other");
    let error = hub
        .publish_project(&release, &[plain(&other)], "notes", options, &|_| ())
        .unwrap_err();
    assert!(error.to_string().contains("different bytes"), "{error}");
    let replace = PublishOptions {
        replace: true,
        ..options
    };
    hub.publish_project(&release, &[plain(&other)], "notes", replace, &|_| ())
        .unwrap();
    assert_eq!(
        hub.small_file(&release, &other.0).unwrap().unwrap(),
        b"other"
    );
    assert_eq!(content(&hub, &release, &files[0].name).unwrap(), "bundle");
}

#[test]
fn files_join_a_release_and_are_never_replaced() {
    let (registry, dist) = (Registry::start(), Dist::new());
    let hub = hub(&registry);
    let deb = dist.plain("arc_1_amd64.deb", "a package");
    assert_eq!(
        hub.attach(&tag(), &[plain(&deb)], &|_| ())
            .unwrap_err()
            .kind(),
        Kind::Failed
    );
    publish(&hub, &dist.package("linux-amd64", "bytes", "inputs"), false).unwrap();
    assert_eq!(
        hub.attach(&tag(), &[plain(&deb)], &|_| ()).unwrap(),
        [Attachment::Added]
    );
    assert_eq!(
        hub.attach(&tag(), &[plain(&deb)], &|_| ()).unwrap(),
        [Attachment::Present]
    );
    let other = dist.plain("arc_1_amd64.deb", "other");
    assert_eq!(
        hub.attach(&tag(), &[plain(&other)], &|_| ())
            .unwrap_err()
            .kind(),
        Kind::Integrity
    );
    assert_eq!(content(&hub, &tag(), &deb.0).unwrap(), "a package");
    let found = hub
        .files(&tag(), &[deb.0.clone(), "none.deb".parse().unwrap()])
        .unwrap()
        .unwrap();
    assert_eq!(found.files[0].unwrap().sha256, Some(deb.2));
    assert!(found.files[1].is_none());
}

#[test]
fn a_registry_that_deletes_nothing_keeps_claims_and_refuses_to_remove() {
    let (registry, dist) = (Registry::start(), Dist::new());
    registry.without_deletes();
    let hub = hub(&registry);
    let package = dist.package("linux-amd64", "bytes", "inputs");
    assert_eq!(publish(&hub, &package, false).unwrap(), Published::Added);
    assert_eq!(publish(&hub, &package, false).unwrap(), Published::Present);
    assert_eq!(
        registry.tags(REPOSITORY),
        ["arc-v1-linux-amd64", "arc-v1-linux-amd64_c"]
    );
    assert_eq!(hub.releases().unwrap().len(), 1);
    let error = hub.remove(&tag(), &package.name).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(
        error.to_string().contains("deletes no manifests"),
        "{error}"
    );
    assert!(hub.described(&tag(), &package.name).unwrap().is_some());
}

#[test]
fn uploads_resume_and_blobs_are_mounted() {
    let (registry, dist) = (Registry::start(), Dist::new());
    let hub = hub(&registry);
    let package = dist.package("linux-amd64", "some bytes that break off", "inputs");
    registry.cut_upload(10);
    assert_eq!(publish(&hub, &package, false).unwrap(), Published::Added);
    assert_eq!(registry.count("PATCH"), 1);
    let found = content(&hub, &tag(), &package.name).unwrap();
    assert_eq!(found, "some bytes that break off");

    let bytes = b"of another repository";
    registry.put_blob("acme/other", bytes);
    hub.copies_from(&format!("oci:{}/acme/other", registry.host()));
    registry.take();
    hub.store.repository.upload_bytes(bytes).unwrap();
    assert_eq!(registry.count("PUT"), 0);
    // Not there: uploaded as ever.
    hub.store.repository.upload_bytes(b"of nobody").unwrap();
    assert_eq!(registry.count("PUT"), 1);
}
