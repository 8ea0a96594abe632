//! Tests of what all hubs have in common, run on the two kinds that need no server. What only one
//! kind of hub does (drafts, races, crashes) is tested with that kind.

mod removing;

use std::io::Read as _;

use camino::Utf8PathBuf;

use super::attached::{self, Described};
use super::{
    Attachment, Attest, Attested, DirHub, Hub, HubFile, HubPublisher, HubReader, MemoryHub,
    PlainFile, PublishOptions, Published, Upload,
};
use larder_core::Kind;
use larder_core::error::Error;
use larder_core::formats::{Observed, Sidecar};
use larder_core::fs;
use larder_core::model::{Artifact, ArtifactFile, AssetName, Digest, Origin, Tag};

/// A folder with packages, and room for a hub.
struct Packages {
    _temp: tempfile::TempDir,
    root: Utf8PathBuf,
}

struct Package {
    name: AssetName,
    file: Utf8PathBuf,
    sidecar: Sidecar,
}

impl Package {
    fn upload(&self) -> Upload<'_> {
        Upload {
            name: self.name.clone(),
            file: &self.file,
            sidecar: self.sidecar.clone(),
            text: None,
            signer: None,
        }
    }
}

impl Packages {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(temp.path().to_owned()).unwrap();
        Self { _temp: temp, root }
    }

    fn file(&self, bytes: &str) -> Utf8PathBuf {
        let path = self.root.join(Digest::of(bytes.as_bytes()).short());
        fs::write_atomic(&path, bytes.as_bytes()).unwrap();
        path
    }

    fn package(&self, bytes: &str, inputs: &str) -> Package {
        let sha256 = Digest::of(bytes.as_bytes());
        let content = Artifact {
            name: "arc".parse().unwrap(),
            version: "v1".parse().unwrap(),
            platform: "linux-amd64".parse().unwrap(),
            emulated: None,
            origin: Origin::Build,
            inputs: Digest::of(inputs.as_bytes()),
            commit: None,
            tree: None,
            files: vec![ArtifactFile {
                name: "arc".parse().unwrap(),
                mode: 0o755,
                size: bytes.len() as u64,
                sha256,
            }],
        };
        let size = bytes.len() as u64;
        Package {
            name: "arc-linux-amd64.tar.gz".parse().unwrap(),
            file: self.file(bytes),
            sidecar: Sidecar::new(content, sha256, size, Observed::default(), Vec::new()),
        }
    }

    /// One hub of each kind, empty.
    fn hubs(&self) -> [Hub; 2] {
        [
            Hub::new(MemoryHub::new()),
            Hub::new(DirHub::new(&self.root.join("hub"))),
        ]
    }
}

fn tag() -> Tag {
    "arc-v1".parse().unwrap()
}

fn publish(hub: &Hub, package: &Package, replace: bool) -> Published {
    let options = PublishOptions {
        replace,
        stage: false,
        ..PublishOptions::default()
    };
    let publisher = hub.publisher().unwrap();
    let mut receipt = publisher
        .publish(
            &tag(),
            &[package.upload()],
            options,
            &|| None,
            None,
            &|_| {},
        )
        .unwrap();
    assert_eq!(receipt.assets.len(), 1);
    let (at, published) = receipt.assets.remove(0);
    assert_eq!(at, tag());
    published
}

fn content(hub: &Hub, name: &AssetName) -> Option<String> {
    let mut text = String::new();
    let mut body = hub.reader().fetch(&tag(), name).unwrap()?;
    body.reader.read_to_string(&mut text).unwrap();
    Some(text)
}

#[test]
fn a_published_asset_can_be_read_back() {
    let packages = Packages::new();
    let package = packages.package("bytes", "inputs");
    for hub in packages.hubs() {
        let reader = hub.reader();
        assert!(reader.release(&tag()).unwrap().is_none());
        assert!(reader.releases().unwrap().is_empty());
        assert!(reader.sidecar(&tag(), &package.name).unwrap().is_none());
        assert_eq!(content(&hub, &package.name), None);
        assert_eq!(publish(&hub, &package, false), Published::Added);
        assert_eq!(content(&hub, &package.name).unwrap(), "bytes");
        let sidecar = reader.sidecar(&tag(), &package.name).unwrap().unwrap();
        assert_eq!(sidecar, package.sidecar);
        let [release] = &reader.releases().unwrap()[..] else {
            panic!("one release")
        };
        let names: Vec<&str> = release.assets.iter().map(|a| a.name.as_str()).collect();
        let expected = [
            "arc-linux-amd64.tar.gz",
            "arc-linux-amd64.tar.gz.json",
            "checksums.txt",
            "manifest.json",
        ];
        assert_eq!(names, expected);
        assert_eq!(reader.release(&tag()).unwrap().as_ref(), Some(release));
    }
}

#[test]
fn the_first_published_asset_is_kept_until_it_is_replaced() {
    let packages = Packages::new();
    let first = packages.package("first", "inputs");
    let second = packages.package("second", "inputs");
    let other = packages.package("other", "other inputs");
    for hub in packages.hubs() {
        assert_eq!(publish(&hub, &first, false), Published::Added);
        assert_eq!(publish(&hub, &first, false), Published::Present);
        let already = Published::AlreadyPublished(Box::new(first.sidecar.clone()));
        assert_eq!(publish(&hub, &second, false), already);
        let taken = Published::NameTaken(Some(Box::new(first.sidecar.clone())));
        assert_eq!(publish(&hub, &other, false), taken);
        assert_eq!(content(&hub, &first.name).unwrap(), "first");
        assert_eq!(publish(&hub, &other, true), Published::Replaced);
        assert_eq!(content(&hub, &first.name).unwrap(), "other");
        let sidecar = hub.reader().sidecar(&tag(), &first.name).unwrap();
        assert_eq!(sidecar, Some(other.sidecar.clone()));
    }
}

#[test]
fn bytes_that_changed_since_they_were_packaged_are_not_published() {
    let packages = Packages::new();
    let package = packages.package("bytes", "inputs");
    fs::write_atomic(&package.file, b"bytez").unwrap();
    for hub in packages.hubs() {
        let publisher = hub.publisher().unwrap();
        let options = PublishOptions::default();
        let error = publisher
            .publish(
                &tag(),
                &[package.upload()],
                options,
                &|| None,
                None,
                &|_| {},
            )
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Integrity);
        assert_eq!(content(&hub, &package.name), None);
    }
}

#[test]
fn a_project_release_is_not_overwritten() {
    let packages = Packages::new();
    let file = |bytes: &str| (packages.file(bytes), Digest::of(bytes.as_bytes()));
    for hub in packages.hubs() {
        let publish = |bytes: &str, replace| {
            let (path, sha256) = file(bytes);
            let plain = PlainFile {
                name: "bundle.tar.gz".parse().unwrap(),
                file: &path,
                sha256,
                size: bytes.len() as u64,
            };
            let options = PublishOptions {
                replace,
                stage: false,
                ..PublishOptions::default()
            };
            let publisher = hub.publisher().unwrap();
            let receipt = publisher.publish_project(&tag(), &[plain], "notes", options, &|_| {});
            receipt.map(|mut receipt| receipt.assets.remove(0).1)
        };
        assert_eq!(publish("one", false).unwrap(), Published::Added);
        assert_eq!(publish("one", false).unwrap(), Published::Present);
        assert_eq!(publish("two", false).unwrap_err().kind(), Kind::Failed);
        assert_eq!(publish("two", true).unwrap(), Published::Replaced);
    }
}

#[test]
fn files_join_a_release_and_are_never_replaced() {
    let packages = Packages::new();
    let package = packages.package("bytes", "inputs");
    let script: AssetName = "install.sh".parse().unwrap();
    let deb: AssetName = "arc_1_amd64.deb".parse().unwrap();
    for hub in packages.hubs() {
        let attach = |files: &[(&AssetName, &str)]| {
            let paths: Vec<_> = files.iter().map(|(_, text)| packages.file(text)).collect();
            let plain = files
                .iter()
                .zip(&paths)
                .map(|((name, text), path)| PlainFile {
                    name: (*name).clone(),
                    file: path,
                    sha256: Digest::of(text.as_bytes()),
                    size: text.len() as u64,
                });
            let publisher = hub.publisher().unwrap();
            publisher.attach(&tag(), &plain.collect::<Vec<_>>(), &|_| {})
        };
        let held = || {
            let names = [script.clone(), deb.clone()];
            let held = hub.reader().files(&tag(), &names).unwrap();
            held.map(|held| held.files)
        };
        assert_eq!(attach(&[(&script, "1")]).unwrap_err().kind(), Kind::Failed);
        assert!(hub.reader().releases().unwrap().is_empty());
        assert_eq!(held(), None);
        assert_eq!(publish(&hub, &package, false), Published::Added);
        assert_eq!(attach(&[(&script, "1")]).unwrap(), [Attachment::Added]);
        let error = attach(&[(&deb, "d"), (&script, "2")]).unwrap_err();
        assert_eq!(error.kind(), Kind::Integrity);
        let digests = [Digest::of(b"1"), Digest::of(b"2")].map(|digest| digest.to_string());
        let causes = error.causes().join("\n");
        assert!(
            digests.iter().all(|digest| causes.contains(digest)),
            "{causes}"
        );
        assert_eq!(content(&hub, &deb), None);
        let both = attach(&[(&deb, "d"), (&script, "1")]).unwrap();
        assert_eq!(both, [Attachment::Added, Attachment::Present]);
        let file = |text: &str| HubFile {
            size: 1,
            sha256: Some(Digest::of(text.as_bytes())),
        };
        assert_eq!(held().unwrap(), [Some(file("1")), Some(file("d"))]);
        // They are no assets, and stay when assets come.
        let other = packages.package("other", "other inputs");
        assert_eq!(publish(&hub, &other, true), Published::Replaced);
        let checksums = content(&hub, &"checksums.txt".parse().unwrap()).unwrap();
        assert_eq!(checksums.lines().count(), 1, "{checksums}");
        assert_eq!(content(&hub, &script).unwrap(), "1");
        let taken = attach(&[(&package.name.sidecar(), "{}")]).unwrap_err();
        assert_eq!(taken.kind(), Kind::Failed);
        assert!(hub.reader().sidecar(&tag(), &script).unwrap().is_none());
    }
}

#[test]
fn the_in_memory_hub_can_inject_errors() {
    let packages = Packages::new();
    let package = packages.package("bytes", "inputs");
    let hub = MemoryHub::new();
    hub.put(&tag(), &package.name.sidecar(), b"{}");
    assert_eq!(
        hub.sidecar(&tag(), &package.name).unwrap_err().kind(),
        Kind::Integrity
    );
    hub.fail(Some(Error::unavailable("it is down")));
    let error = hub.sidecar(&tag(), &package.name).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    hub.fail(None);
    assert!(hub.fetch(&tag(), &package.name).unwrap().is_none());
    assert_eq!(hub.reads(), 3);
    assert!(hub.ready().is_ok());
}

#[test]
fn a_read_only_hub_says_why() {
    let hub = Hub::read_only(MemoryHub::new());
    assert!(hub.reader().releases().unwrap().is_empty());
    let Err(why) = hub.publisher() else {
        panic!("it can be written")
    };
    let error = Error::from(why);
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().contains("is read-only"), "{error}");
}

/// Writes the names of assets and the lengths of their SBOMs; knows the files of one artifact.
struct Names(Digest);

impl Attest for Names {
    fn of_asset(
        &self,
        asset: &AssetName,
        sidecar: &Sidecar,
    ) -> larder_core::error::Result<Option<Vec<u8>>> {
        let own = sidecar.artifact == self.0;
        Ok(own.then(|| asset.as_str().as_bytes().to_vec()))
    }

    fn of_release(
        &self,
        assets: &[Described<'_>],
    ) -> larder_core::error::Result<(Vec<u8>, Vec<u8>)> {
        let length = |asset: &Described<'_>| asset.sbom.as_ref().map_or(0, Vec::len);
        let text = assets
            .iter()
            .map(|one| format!("{} {}\n", one.asset, length(one)));
        let text: String = text.collect();
        Ok((text.clone().into_bytes(), text.into_bytes()))
    }
}

#[test]
fn attached_files_follow_what_the_release_has() {
    let packages = Packages::new();
    let first = packages.package("first", "inputs");
    let mut second = packages.package("second", "inputs");
    second.name = "arc-linux-arm64.tar.gz".parse().unwrap();
    for hub in packages.hubs() {
        let attest = |package: &Package, replace| {
            let options = PublishOptions {
                replace,
                ..PublishOptions::default()
            };
            let names = Names(package.sidecar.artifact);
            let publisher = hub.publisher().unwrap();
            publisher
                .publish(
                    &tag(),
                    &[package.upload()],
                    options,
                    &|| None,
                    Some(&names),
                    &|_| {},
                )
                .unwrap()
                .attested
        };
        let text = |name: &str| content(&hub, &name.parse().unwrap()).unwrap();
        assert_eq!(publish(&hub, &first, false), Published::Added);
        assert_eq!(attest(&second, false), Some(Attested::Written));
        // The first asset has no SBOM yet, and gets one when its files are there.
        let expected = "arc-linux-amd64.tar.gz 0\narc-linux-arm64.tar.gz 22\n";
        assert_eq!(text(attached::SBOM), expected);
        assert_eq!(attest(&first, false), Some(Attested::Written));
        let expected = "arc-linux-amd64.tar.gz 22\narc-linux-arm64.tar.gz 22\n";
        assert_eq!(text(attached::PROVENANCE), expected);
        assert_eq!(attest(&first, false), Some(Attested::Present));
        assert_eq!(attest(&second, false), Some(Attested::Present));
        assert!(!text("checksums.txt").contains(".cdx.json"));
    }
}
