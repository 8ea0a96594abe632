//! The checked project: templates are parsed and names are resolved. Templates are rendered for a
//! platform on demand; loading has tried that once for every platform.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::Problem;
use crate::model::{FileName, Name, Platform, SourceKind, Target};

mod build;
pub mod publish;
mod services;
mod subsystem;
mod trust;
mod upstream;

pub use build::{
    Build, BuildPlatforms, BuildSource, IMAGE_PROPERTY, Links, OS_PROPERTY, RemoteBuild,
    RenderedBuild, RenderedSource, SourceFolder,
};
use publish::PublishRun;
pub use services::{Ready, Service};
pub use subsystem::{Binary, Include, PackageConfig, Subsystem};
pub use trust::{OriginalTrust, TrustConfig, TrustedKey};
pub use upstream::{
    Checksum, Coordinate, Emulated, Keep, Original, RawChecksums, SignatureKeys, Signed, Upstream,
    UpstreamKeys, UpstreamSignature, VersionKeys, override_words,
};

/// A checked project.
#[derive(Clone, Debug)]
pub struct Project {
    /// The folder that holds `versions.yml`, absolute.
    pub root: Utf8PathBuf,
    /// The value of `project:`; by default the folder's name.
    pub name: String,
    /// The platforms that the project supports; by default the host.
    pub platforms: Vec<Platform>,
    /// The hub with the team's releases, which is written.
    pub hub: HubConfig,
    /// The hubs that are read, in order, if there are several; empty if only `hub` is read.
    pub read_hubs: Vec<HubConfig>,
    /// The sources in the order of the search: some of `managed`, `original` and `build`. The cache
    /// always comes first and is not listed.
    pub sources: Vec<SourceKind>,
    /// When a build is released without being asked for.
    pub upload: UploadPolicy,
    /// What is required before an artifact is trusted.
    pub trust: TrustConfig,
    /// The settings of publishing.
    pub publish: PublishRun,
    /// The settings of the project's bundles.
    pub bundle: BundleConfig,
    /// The tasks by name.
    pub tasks: BTreeMap<String, Task>,
    /// The services by name.
    pub services: BTreeMap<String, Service>,
    /// `ci:`: command lines without the leading `larder`.
    pub ci: Vec<String>,
    /// Every subsystem, by name.
    pub subsystems: BTreeMap<Name, Subsystem>,
    /// Folder of the recipes, absolute.
    pub subsystems_dir: Utf8PathBuf,
    /// Every file that was read to load the project, absolute, `versions.yml` first.
    pub files: Vec<Utf8PathBuf>,
    /// The metadata that each path had just before it was read: of `files`, of the recipes' folder
    /// and of paths where a recipe could be. `None` if nothing was there. If none of it has
    /// changed, loading again would give the same project.
    pub observed_paths: Vec<(Utf8PathBuf, Option<std::fs::Metadata>)>,
    /// What is valid in the files and probably not meant, for `check`.
    pub warnings: Vec<Problem>,
}

impl Project {
    /// A subsystem's target for this machine.
    pub fn host_target(&self, name: &Name) -> Target {
        Target {
            name: name.clone(),
            platform: self
                .subsystems
                .get(name)
                .map_or_else(Platform::host, Subsystem::host),
        }
    }

    /// The hubs that are read, in order. There is at least one.
    pub fn hubs(&self) -> &[HubConfig] {
        if self.read_hubs.is_empty() {
            std::slice::from_ref(&self.hub)
        } else {
            &self.read_hubs
        }
    }

    /// Uses one hub in place of those that the project names.
    pub fn use_hub(&mut self, hub: HubConfig) {
        self.hub = hub;
        self.read_hubs.clear();
    }

    /// A path as it is shown to users: relative to the project if it is inside the project.
    pub fn relative(&self, path: &Utf8Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).to_string()
    }
}

/// Where the hub is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HubConfig {
    /// A folder.
    Dir {
        /// The absolute path of the folder.
        path: Utf8PathBuf,
        /// The path as it is written, relative to the project or absolute.
        written: Utf8PathBuf,
        /// Whether the project names no hub, so this is the default folder `.larder-hub`.
        default: bool,
    },
    /// A folder hub behind a static web server; read-only.
    Http {
        /// The base url, without a trailing slash.
        url: String,
    },
    /// Releases of a GitHub repository.
    GitHub {
        /// `owner/name`.
        repo: String,
    },
    /// A bucket of an object store.
    S3 {
        /// The name of the bucket.
        bucket: String,
        /// What the keys of the hub begin with, without slashes at its ends. May be empty.
        prefix: String,
        /// The region of the bucket, if the project names it.
        region: Option<String>,
        /// The endpoint that the project names. It is read without credentials.
        endpoint: Option<String>,
    },
    /// A repository of an OCI registry.
    Oci {
        /// The registry's host, with its port where one is written.
        registry: String,
        /// The repository in the registry, such as `acme/tools`.
        repository: String,
    },
}

/// The value of `upload:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadPolicy {
    /// In CI only. On GitHub Actions: for the default branch and for tags, never for a pull
    /// request. On other CI systems: with a folder hub.
    Ci,
    /// Only when a command asks for it.
    Never,
    /// After every build; allowed for folder hubs only.
    Always,
}

/// The value of `bundle:`.
#[derive(Clone, Debug)]
pub struct BundleConfig {
    /// The first part of the file name; by default the project's name.
    pub name: FileName,
    /// The subsystems that are left out.
    pub exclude: Vec<Name>,
}

/// An entry of `tasks:`.
#[derive(Clone, Debug)]
pub struct Task {
    /// One line that lists of tasks show.
    pub description: Option<String>,
    /// What runs before its commands: names of tasks, or command lines of larder's own without the
    /// word `larder`, such as `ensure all`.
    pub needs: Vec<String>,
    /// The services that it uses, in the order in which they are started.
    pub services: Vec<String>,
    /// The environment variables to add, in the file's order.
    pub env: Vec<(String, String)>,
    /// The command lines to run one after another with `sh -c` (with `cmd` on Windows).
    pub commands: Vec<String>,
    /// The command lines that check whether there is something to do; if all of them exit with 0,
    /// there is not.
    pub status: Vec<String>,
}
