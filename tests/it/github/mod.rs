//! Shared by the tests of the GitHub hub: a fake GitHub with a repository, hubs that connect to it
//! like different machines, and packages to publish.
#![allow(dead_code, reason = "a toolbox: not every test file needs every tool")]

mod attach;
#[cfg(unix)]
mod build_once;
mod clean;
mod drafts;
mod immutable;
mod known_failures;
mod notes;
mod project_release;
mod publish;
mod read;
mod refused;
mod release;

use std::collections::BTreeMap;
use std::time::Duration;

use camino::Utf8PathBuf;
use larder_core::cancel::Cancel;
use larder_core::formats::{Observed, Sidecar};
use larder_core::keys::SourceDigests;
use larder_core::model::{Artifact, ArtifactFile, AssetName, Digest, Origin, Platform, Tag};
use larder_core::project::Subsystem;
use larder_remote::github::{GitHubConfig, TokenSource};
use larder_remote::http::{Client, Secret, Settings, parse_url};
use larder_remote::hub::{
    GitHubHub, HubPublisher, HubReader, PublishOptions, Published, Receipt, Upload,
};

use crate::fake_github::{FakeGitHub, Release, Visibility, WRITE};

/// The repository of these tests.
pub const REPO: &str = "acme/tools";

/// Six platforms.
pub const SIX: [&str; 6] = [
    "linux-amd64",
    "linux-arm64",
    "darwin-amd64",
    "darwin-arm64",
    "windows-amd64",
    "windows-arm64",
];

/// A fake GitHub with the repository.
pub fn github(visibility: Visibility) -> FakeGitHub {
    let github = FakeGitHub::start();
    github.repo(REPO, visibility);
    github
}

/// Short timeouts and pauses, so that tests detect faults within milliseconds.
pub fn settings() -> Settings {
    Settings {
        backoff: Duration::from_millis(2),
        retries: 2,
        rate_limit_wait: Duration::from_secs(5),
        idle: Duration::from_secs(5),
        ..Settings::default()
    }
}

/// A hub with a client of its own, as on another machine.
pub fn hub(github: &FakeGitHub, token: Option<&str>) -> GitHubHub {
    hub_with(github, token, settings(), Duration::from_millis(400))
}

/// The same with other client settings.
pub fn hub_with(
    github: &FakeGitHub,
    token: Option<&str>,
    settings: Settings,
    settle: Duration,
) -> GitHubHub {
    hub_paced(github, token, settings, settle, Duration::ZERO)
}

/// The same with a pause between writes.
pub fn hub_paced(
    github: &FakeGitHub,
    token: Option<&str>,
    settings: Settings,
    settle: Duration,
    pace: Duration,
) -> GitHubHub {
    hub_of(
        github,
        token,
        Client::new(settings, Cancel::new()),
        settle,
        pace,
    )
}

/// A hub for tests without failing hosts: the client, which is expensive to create, is shared. Not
/// for tests in which hosts fail or are paused: clients remember that by port.
pub fn shared_client_hub(github: &FakeGitHub, token: Option<&str>) -> GitHubHub {
    static CLIENT: std::sync::LazyLock<Client> =
        std::sync::LazyLock::new(|| Client::new(settings(), Cancel::new()));
    hub_of(
        github,
        token,
        CLIENT.clone(),
        Duration::from_millis(400),
        Duration::ZERO,
    )
}

fn hub_of(
    github: &FakeGitHub,
    token: Option<&str>,
    client: Client,
    settle: Duration,
    pace: Duration,
) -> GitHubHub {
    let config = GitHubConfig {
        api: parse_url(&github.api_url()).expect("url"),
        web: parse_url(&github.web_url()).expect("url"),
        token: TokenSource::Given(token.map(Secret::new)),
        pace,
        settle,
    };
    GitHubHub::new(REPO, client, config)
}

/// A hub with a token that may write.
pub fn writer(github: &FakeGitHub) -> GitHubHub {
    hub(github, Some(WRITE))
}

/// Packages in a folder.
pub struct Dist {
    folder: tempfile::TempDir,
}

/// A package: its name, file and sidecar.
#[derive(Clone)]
pub struct Package {
    pub name: AssetName,
    pub file: Utf8PathBuf,
    pub sidecar: Sidecar,
}

impl Package {
    /// The package as an upload for the hub.
    pub fn upload(&self) -> Upload<'_> {
        Upload {
            name: self.name.clone(),
            file: &self.file,
            sidecar: self.sidecar.clone(),
            text: None,
            signer: None,
        }
    }
}

impl Dist {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("temp folder"),
        }
    }

    /// A package of `arc` v1 for a platform with this content; `inputs` and the platform are hashed
    /// into its inputs digest.
    pub fn package(&self, platform: &str, bytes: &str, inputs: &str) -> Package {
        let platform: Platform = platform.parse().expect("platform");
        let name: AssetName = format!("arc-{platform}.tar.gz").parse().expect("name");
        let content = Artifact {
            name: "arc".parse().expect("name"),
            version: "v1".parse().expect("version"),
            platform,
            emulated: None,
            origin: Origin::Build,
            inputs: Digest::of(format!("{inputs} {platform}").as_bytes()),
            commit: None,
            tree: None,
            files: vec![ArtifactFile {
                name: "arc".parse().expect("name"),
                mode: 0o755,
                size: bytes.len() as u64,
                sha256: Digest::of(bytes.as_bytes()),
            }],
        };
        let file = Utf8PathBuf::from_path_buf(self.folder.path().join(format!(
            "{}-{}",
            Digest::of(bytes.as_bytes()).short(),
            name
        )))
        .expect("UTF-8");
        std::fs::write(&file, bytes).expect("package");
        let sidecar = Sidecar::new(
            content,
            Digest::of(bytes.as_bytes()),
            bytes.len() as u64,
            Observed::default(),
            Vec::new(),
        );
        Package {
            name,
            file,
            sidecar,
        }
    }
}

/// The tag of these tests.
pub fn tag() -> Tag {
    "arc-v1".parse().expect("tag")
}

/// Publishes one package.
pub fn publish(hub: &GitHubHub, package: &Package) -> larder_core::Result<Receipt> {
    publish_with(hub, package, PublishOptions::default())
}

/// The same, with options.
pub fn publish_with(
    hub: &GitHubHub,
    package: &Package,
    options: PublishOptions,
) -> larder_core::Result<Receipt> {
    hub.publish(
        &tag(),
        &[package.upload()],
        options,
        &|| None,
        None,
        &|_| {},
    )
}

/// The only release, which must be published.
pub fn only_release(github: &FakeGitHub) -> Release {
    let releases = github.releases(REPO);
    assert_eq!(
        releases.len(),
        1,
        "{:?}",
        releases
            .iter()
            .map(|r| (&r.tag, r.draft, r.assets.len()))
            .collect::<Vec<_>>()
    );
    releases.into_iter().next().expect("one")
}

/// The assets of a release: name → bytes.
pub fn assets(release: &Release) -> BTreeMap<String, Vec<u8>> {
    release
        .assets
        .iter()
        .map(|a| (a.name.clone(), a.bytes.to_vec()))
        .collect()
}

/// Checks that a published release has exactly these packages with their sidecars, and that the
/// derived files agree.
pub fn assert_whole(release: &Release, packages: &[&Package]) {
    assert!(!release.draft, "still a draft");
    assert!(!release.latest, "it became the latest");
    let found = assets(release);
    let mut expected: Vec<String> = packages
        .iter()
        .flat_map(|p| [p.name.to_string(), p.name.sidecar().to_string()])
        .collect();
    expected.extend(["checksums.txt".to_owned(), "manifest.json".to_owned()]);
    expected.sort();
    assert_eq!(found.keys().cloned().collect::<Vec<_>>(), expected);
    assert!(release.assets.iter().all(|a| a.state == "uploaded"));
    let mut lines = Vec::new();
    for package in packages {
        assert_eq!(
            found[package.name.as_str()],
            std::fs::read(&package.file).expect("package")
        );
        let sidecar =
            Sidecar::parse(&found[package.name.sidecar().as_str()], "sidecar").expect("sidecar");
        assert_eq!(sidecar, package.sidecar);
        lines.push(format!("{}  {}", package.sidecar.sha256, package.name));
    }
    let checksums = String::from_utf8(found["checksums.txt"].clone()).expect("text");
    for line in lines {
        assert!(
            checksums.lines().any(|l| l == line),
            "{line} in\n{checksums}"
        );
    }
    assert_eq!(checksums.lines().count(), packages.len());
    let manifest = String::from_utf8(found["manifest.json"].clone()).expect("text");
    for package in packages {
        assert!(
            manifest.contains(&package.sidecar.sha256.to_string()),
            "{} in\n{manifest}",
            package.name
        );
    }
}

/// Reads an asset like a downloader.
pub fn read(hub: &dyn HubReader, asset: &AssetName) -> larder_core::Result<Option<Vec<u8>>> {
    let Some(mut body) = hub.fetch(&tag(), asset)? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut body.reader, &mut bytes)
        .map_err(|e| larder_remote::http::read_error(&e, "read"))?;
    Ok(Some(bytes))
}

pub const REPLACE: PublishOptions = PublishOptions {
    replace: true,
    stage: false,
    never_latest: false,
};

pub const STAGE: PublishOptions = PublishOptions {
    replace: false,
    stage: true,
    never_latest: false,
};

pub fn outcome(receipt: larder_core::Result<larder_remote::hub::Receipt>) -> Published {
    receipt.expect("published").assets.remove(0).1
}

/// For recipes that have no source folder.
pub struct NoFolders;

impl SourceDigests for NoFolders {
    fn dir(&self, folder: &larder_core::project::SourceFolder) -> larder_core::Result<Digest> {
        panic!("{}", folder.path)
    }
}

/// The sidecar of an artifact with one file, whose archive is `bytes`.
pub fn sidecar_of(
    subsystem: &Subsystem,
    platform: Platform,
    (origin, inputs): (Origin, Digest),
) -> Sidecar {
    let name = subsystem.name.clone();
    let file = ArtifactFile {
        name: name.as_str().parse().expect("name"),
        mode: 0o755,
        size: 1,
        sha256: Digest::of(b"x"),
    };
    let content = Artifact {
        name,
        version: subsystem.version.clone(),
        platform,
        emulated: None,
        origin,
        inputs,
        commit: None,
        tree: None,
        files: vec![file],
    };
    let archive = Digest::of(b"bytes");
    Sidecar::new(content, archive, 5, Observed::default(), Vec::new())
}
