//! A release in a folder, and attempts, for tests of places.

use camino::Utf8PathBuf;

use super::{Attempt, Files};
use larder_channels::release::{EARLIEST, PlatformRelease, Release};
use larder_core::cancel::Cancel;
use larder_core::formats::{Observed, Sidecar};
use larder_core::fs;
use larder_core::model::{Artifact, ArtifactFile, Digest, Origin, Tag};
use larder_remote::RemoteSettings;
use larder_remote::hub::{DirHub, HubPublisher, PublishOptions, Upload};

/// A folder with a hub in `hub`, and the files of a channel in `files`.
pub(super) struct Sample {
    _temp: tempfile::TempDir,
    pub(super) root: Utf8PathBuf,
    pub(super) release: Release,
    remote: RemoteSettings,
}

impl Sample {
    pub(super) fn new(version: &str) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(temp.path().to_owned()).unwrap();
        fs::create_dir_all(root.join("files")).unwrap();
        Self {
            _temp: temp,
            release: release(version),
            root,
            remote: RemoteSettings::default(),
        }
    }

    pub(super) fn tag(&self) -> Tag {
        self.release.platforms[0].tag.clone()
    }

    /// Writes a file of the channel.
    pub(super) fn file(&self, name: &str, text: &[u8]) {
        fs::write_atomic(self.root.join("files").join(name), text).unwrap();
    }

    /// Publishes the release to the hub.
    pub(super) fn publish(&self) {
        let platform = &self.release.platforms[0];
        let file = self.root.join("package");
        fs::write_atomic(&file, b"package").unwrap();
        let upload = Upload {
            name: platform.asset.clone(),
            file: &file,
            sidecar: platform.sidecar.clone(),
            text: None,
            signer: None,
        };
        let options = PublishOptions::default();
        let hub = DirHub::new(&self.root.join("hub"));
        hub.publish(&platform.tag, &[upload], options, &|| None, None, &|_| {})
            .unwrap();
    }

    pub(super) fn attempt<T>(&self, with: impl FnOnce(&Attempt<'_>, &Files<'_>) -> T) -> T {
        let cancel = Cancel::new();
        let attempt = Attempt {
            client: larder_remote::http::Client::new(self.remote.http.clone(), cancel.clone()),
            remote: &self.remote,
            cancel,
            dry_run: false,
        };
        let files = Files {
            release: &self.release,
            folder: &self.root.join("files"),
        };
        with(&attempt, &files)
    }
}

fn release(version: &str) -> Release {
    let content = Artifact {
        name: "arc".parse().unwrap(),
        version: version.parse().unwrap(),
        platform: "linux-amd64".parse().unwrap(),
        emulated: None,
        origin: Origin::Build,
        inputs: Digest::of(b"inputs"),
        commit: None,
        tree: None,
        files: vec![ArtifactFile {
            name: "arc".parse().unwrap(),
            mode: 0o755,
            size: 1,
            sha256: Digest::of(b"x"),
        }],
    };
    let digest = Digest::of(b"package");
    let sidecar = Sidecar::new(content, digest, 7, Observed::default(), Vec::new());
    Release {
        name: "arc".parse().unwrap(),
        version: version.parse().unwrap(),
        project: "acme-tools".into(),
        binaries: vec!["arc".parse().unwrap()],
        description: None,
        homepage: None,
        license: None,
        maintainer: None,
        time: EARLIEST,
        changelog: None,
        platforms: vec![PlatformRelease {
            tag: Tag::of(&"arc".parse().unwrap(), &version.parse().unwrap()),
            asset: "arc-linux-amd64.tar.gz".parse().unwrap(),
            url: None,
            sidecar,
            folder: Utf8PathBuf::new(),
        }],
    }
}
