//! A release to render in tests, whose files are small texts.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use larder_core::cancel::Cancel;
use larder_core::formats::{Observed, Sidecar};
use larder_core::model::{
    Artifact, ArtifactFile, AssetCoordinates, Digest, Origin, PackageFormat, Platform,
};
use larder_core::project::publish::{Channel, ChannelConfig};

use crate::output::Output;
use crate::release::{EARLIEST, PlatformRelease, Release};
use crate::render::{Rendered, render};

/// A release in a folder that is removed with this value.
pub struct Sample {
    /// The release.
    pub release: Release,
    folder: tempfile::TempDir,
}

impl Sample {
    /// A release of `arc` with the binary `arc`, a licence and a page of the manual, for these
    /// platforms.
    pub fn new(version: &str, platforms: &[&str]) -> Self {
        Self::with_binaries("arc", version, &["arc"], platforms)
    }

    /// A release with these binaries.
    pub fn with_binaries(name: &str, version: &str, binaries: &[&str], platforms: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut sample = Self {
            release: Release {
                name: name.parse().unwrap(),
                version: version.parse().unwrap(),
                project: "acme-tools".into(),
                binaries: binaries.iter().map(|name| name.parse().unwrap()).collect(),
                description: Some("Draws an arc on the terminal".into()),
                homepage: Some("https://arc.example".into()),
                license: Some("MIT".into()),
                maintainer: Some("Acme Tools <tools@acme.example>".into()),
                time: EARLIEST,
                changelog: Some("- a first version\n".into()),
                platforms: Vec::new(),
            },
            folder,
        };
        for platform in platforms {
            sample.add(platform);
        }
        sample
            .release
            .platforms
            .sort_by_key(PlatformRelease::platform);
        sample
    }

    fn add(&mut self, platform: &str) {
        let platform: Platform = platform.parse().unwrap();
        let release = &self.release;
        let folder = self.root().join("files").join(platform.to_string());
        larder_core::fs::create_dir_all(&folder).unwrap();
        let mut files = Vec::new();
        let programs = release
            .binaries
            .iter()
            .map(|name| platform.program(name.as_str()));
        let named = programs.map(|name| (name, 0o755));
        let included = ["LICENSE", "arc.1"].map(|name| (name.to_owned(), 0o644));
        for (name, mode) in named.chain(included) {
            let content = format!("{name} for {platform}\n");
            larder_core::fs::write_atomic(folder.join(&name), content.as_bytes()).unwrap();
            files.push(ArtifactFile {
                name: name.parse().unwrap(),
                mode,
                size: content.len() as u64,
                sha256: Digest::of(content.as_bytes()),
            });
        }
        let coordinates = AssetCoordinates::new(
            &release.name,
            &release.version,
            &release.binaries[0],
            platform,
            PackageFormat::default_for(&platform),
        );
        let asset = coordinates.asset();
        let content = Artifact {
            name: release.name.clone(),
            version: release.version.clone(),
            platform,
            emulated: None,
            origin: Origin::Build,
            inputs: Digest::of(b"inputs"),
            commit: None,
            files,
        };
        let archive = Digest::of(asset.as_str().as_bytes());
        self.release.platforms.push(PlatformRelease {
            tag: coordinates.tag().clone(),
            url: Some(format!("https://hub.example/{}/{asset}", coordinates.tag())),
            sidecar: Sidecar::new(content, archive, 4321, Observed::default(), Vec::new()),
            asset,
            folder,
        });
    }

    /// The folder that is removed with it.
    pub fn root(&self) -> &Utf8Path {
        Utf8Path::from_path(self.folder.path()).unwrap()
    }

    /// Renders a channel with default settings. Returns what became of it, and the folder.
    pub fn render(&self, channel: Channel) -> (Rendered, Utf8PathBuf) {
        self.render_with(&Self::config(channel))
    }

    /// Renders a channel with a text that is shown after the installation.
    pub fn render_after(
        &self,
        channel: Channel,
        post_install: Option<&str>,
    ) -> (Rendered, Utf8PathBuf) {
        self.render_with(&ChannelConfig {
            post_install: post_install.map(str::to_owned),
            ..Self::config(channel)
        })
    }

    /// The default settings of a channel.
    pub fn config(channel: Channel) -> ChannelConfig {
        ChannelConfig {
            channel,
            priority: 0,
            timeout: None,
            retry: None,
            prerelease: false,
            post_install: None,
        }
    }

    /// Renders a channel. Returns what became of it, and the folder.
    pub fn render_with(&self, config: &ChannelConfig) -> (Rendered, Utf8PathBuf) {
        let folder = self.root().join("out").join(config.channel.kind().as_str());
        larder_core::fs::create_dir_all(&folder).unwrap();
        let cancel = Cancel::new();
        let rendered = render(&self.release, config, &Output::new(&folder, 2, &cancel)).unwrap();
        (rendered, folder)
    }
}

/// Every file of a folder with its path in it and its content.
pub fn read(folder: &Utf8Path) -> BTreeMap<String, Vec<u8>> {
    fn collect(root: &Utf8Path, folder: &Utf8Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in folder.read_dir_utf8().unwrap() {
            let path = entry.unwrap().into_path();
            if path.is_dir() {
                collect(root, &path, found);
            } else {
                let name = path.strip_prefix(root).unwrap().to_string();
                found.insert(name, larder_core::fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    collect(folder, folder, &mut found);
    found
}
