//! The project as used: checked, templates parsed, names resolved; rendering for a platform can
//! still be asked for lazily and was tried once for every platform at load.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::{FileName, Name, Platform, SourceKind};

mod build;
mod subsystem;
mod upstream;

pub use build::{Build, BuildPlatforms, BuildSource, RenderedBuild, RenderedSource};
pub use subsystem::{Include, PackageConfig, Subsystem};
pub use upstream::{
    Checksum, Coordinate, Original, RawChecksums, Upstream, UpstreamKeys, override_words,
};

/// A checked project.
#[derive(Clone, Debug)]
pub struct Project {
    /// The folder that holds `versions.yml`, absolute.
    pub root: Utf8PathBuf,
    /// `project:`, else the folder's name.
    pub name: String,
    /// Platforms the project asks for; default the host.
    pub platforms: Vec<Platform>,
    /// Where managed releases live.
    pub hub: HubConfig,
    /// Search order: some of `managed`, `original`, `build`; the cache comes first always and is
    /// not listed.
    pub sources: Vec<SourceKind>,
    /// What happens after a build.
    pub upload: UploadPolicy,
    /// The project's bundles.
    pub bundle: BundleConfig,
    /// `tasks:`.
    pub tasks: BTreeMap<String, Task>,
    /// `ci:`: command lines without the leading `larder`.
    pub ci: Vec<String>,
    /// Every subsystem, by name.
    pub subsystems: BTreeMap<Name, Subsystem>,
    /// Folder of the recipes, absolute.
    pub subsystems_dir: Utf8PathBuf,
    /// Every file that was read to make this, absolute (`versions.yml` first).
    pub files: Vec<Utf8PathBuf>,
    /// What each of them, the recipes' folder, and places where a recipe could be, looked like just
    /// before it was read.
    pub observed_paths: Vec<(Utf8PathBuf, Option<std::fs::Metadata>)>,
}

impl Project {
    /// A path as people are shown it: relative to the project, where it lies inside.
    pub fn relative(&self, path: &Utf8Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).to_string()
    }
}

/// Where the hub is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HubConfig {
    /// A folder, absolute. `default` when the project names none (`.larder-hub/`).
    Dir {
        /// The folder.
        path: Utf8PathBuf,
        /// As it was written, relative to the project or absolute.
        written: Utf8PathBuf,
        /// Nobody asked for it by name.
        default: bool,
    },
    /// A static server with a folder hub's layout, read-only; no trailing slash.
    Http {
        /// Base url.
        url: String,
    },
    /// Releases of a GitHub repository.
    GitHub {
        /// `owner/name`.
        repo: String,
    },
}

/// `upload:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadPolicy {
    /// Only in CI: on GitHub Actions for the default branch or a tag, and never for a pull request;
    /// with a folder hub in any CI.
    Ci,
    /// Never by itself.
    Never,
    /// After every build; folder hubs only.
    Always,
}

/// `bundle:`.
#[derive(Clone, Debug)]
pub struct BundleConfig {
    /// File name stem; default the project's name.
    pub name: FileName,
    /// Subsystems left out.
    pub exclude: Vec<Name>,
}

/// One of `tasks:`.
#[derive(Clone, Debug)]
pub struct Task {
    /// One line for `--help` and lists.
    pub description: Option<String>,
    /// What runs before: names of tasks, or command lines without `larder`, such as `ensure all`.
    pub needs: Vec<String>,
    /// Added environment, in order.
    pub env: Vec<(String, String)>,
    /// Run one by one as `sh -c` (cmd on Windows).
    pub commands: Vec<String>,
    /// All exit 0: nothing to do.
    pub status: Vec<String>,
}
