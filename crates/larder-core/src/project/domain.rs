//! The project as used: checked, templates parsed, names resolved; rendering for a platform can still be asked for
//! lazily and was tried once for every platform at load.

use std::collections::BTreeMap;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::{
    AssetCoordinates, Digest, FileName, Limits, Name, PackageFormat, Platform, SourceKind, Version,
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
    /// Search order: some of `managed`, `original`, `build`; the cache comes first always and is not listed.
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
    /// What each of them, the recipes' folder, and places where a recipe could be, looked like just before it was read.
    pub looks: Vec<(Utf8PathBuf, Option<std::fs::Metadata>)>,
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
    /// Only in CI: on GitHub Actions for the default branch or a tag, and never for a pull request; with a folder hub in
    /// any CI.
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

/// A subsystem: its recipe with its version.
#[derive(Clone, Debug)]
pub struct Subsystem {
    /// Name.
    pub name: Name,
    /// Pinned version.
    pub version: Version,
    /// The recipe's folder, absolute.
    pub dir: Utf8PathBuf,
    /// One line.
    pub description: Option<String>,
    /// Url.
    pub homepage: Option<String>,
    /// SPDX expression.
    pub license: Option<String>,
    /// Names without `.exe`; at least one.
    pub binaries: Vec<FileName>,
    /// Where it exists at all.
    pub platforms: Vec<Platform>,
    /// Ensured along with it, always.
    pub needs: Vec<Name>,
    /// The original, if there is one.
    pub upstream: Option<Upstream>,
    /// How to build it, if it can be built.
    pub build: Option<Build>,
    /// How it is packed.
    pub package: PackageConfig,
    /// Command that must exit 0 and print the version.
    pub verify: Option<Template>,
    /// Raised unpacking budget.
    pub limits: Limits,
    /// Name of the project it belongs to (a template variable).
    pub project: String,
}

/// A minijinja template that parsed and uses known variables only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(pub String);

/// `package:`.
#[derive(Clone, Debug)]
pub struct PackageConfig {
    /// Stem of asset names; default the first binary's name.
    pub name: FileName,
    /// Files beside the binaries.
    pub include: Vec<Include>,
    /// As the recipe says; else zip for windows, tar.gz elsewhere (see `Subsystem::format`).
    pub format: Option<PackageFormat>,
}

/// A file that goes into the artifact along with the binaries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Include {
    /// Relative path: in `{{ out }}`, else in the source; in an original's archive at the top or one folder down.
    pub path: String,
    /// Its name in the artifact: the path's last part.
    pub name: FileName,
}

/// `upstream:`, with `overrides` for platforms; templates unrendered.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// The keys as given outside `overrides:`.
    pub base: UpstreamKeys,
    /// Per os, arch or platform word, in the file's order; the more particular one wins (platform over os and arch).
    pub overrides: Vec<(String, UpstreamKeys)>,
}

/// The keys of `upstream:`, all optional so that overrides can be laid over them.
#[derive(Clone, Debug, Default)]
pub struct UpstreamKeys {
    /// `owner/repo`.
    pub github: Option<String>,
    /// Url template.
    pub url: Option<Template>,
    /// npm package template.
    pub npm: Option<Template>,
    /// `PyPI` package template.
    pub pypi: Option<Template>,
    /// Release tag template.
    pub tag: Option<Template>,
    /// Asset template.
    pub asset: Option<Template>,
    /// Checksums.
    pub checksums: Option<RawChecksums>,
    /// Glob template → file name template.
    pub extract: Option<Vec<(Template, Template)>>,
    /// What os and arch words render to.
    pub replacements: BTreeMap<String, String>,
}

/// `checksums:` as written.
#[derive(Clone, Debug)]
pub enum RawChecksums {
    /// An asset of that release, or a url (contains `://`); a template.
    File(Template),
    /// Digests by platform.
    Pinned(BTreeMap<Platform, Digest>),
}

/// What an original's coordinates render to on a platform; part of `inputs(original)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coordinate {
    /// An asset of a GitHub release.
    GitHub {
        /// `owner/name`.
        repo: String,
        /// Tag.
        tag: String,
        /// Asset.
        asset: String,
    },
    /// A url.
    Url(String),
    /// A package of the npm registry.
    Npm {
        /// With its scope.
        package: String,
        /// Without a leading `v`.
        version: String,
    },
    /// A wheel of the Python package index.
    Pypi {
        /// Project name.
        package: String,
        /// Without a leading `v`.
        version: String,
    },
}

/// Where the recipe says a digest is stated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// The recipe pins it.
    Pinned(Digest),
    /// In another asset of the same GitHub release.
    Asset(String),
    /// At a url.
    Url(String),
}

/// An original rendered for a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Original {
    /// What to fetch.
    pub coordinate: Coordinate,
    /// How to check it.
    pub checksum: Option<Checksum>,
    /// Glob in the archive → file name in the artifact; empty: the defaults (each binary at any depth, or the single file).
    pub extract: Vec<(String, FileName)>,
}

/// `build:`, templates unrendered.
#[derive(Clone, Debug)]
pub struct Build {
    /// Ensured for the host, only when a build happens.
    pub needs: Vec<Name>,
    /// Demanded of the machine: tool → version prefix.
    pub tools: BTreeMap<String, String>,
    /// What is built.
    pub source: BuildSource,
    /// Environment, in the file's order.
    pub env: Vec<(String, Template)>,
    /// Commands; empty only for `crate:` sources, which have a default.
    pub commands: Vec<Template>,
    /// Platforms this machine's build can produce.
    pub platforms: BuildPlatforms,
    /// Default 60 minutes.
    pub timeout: Duration,
}

/// `build.platforms:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildPlatforms {
    /// Only the host.
    Host,
    /// Every platform of the subsystem.
    All,
    /// These.
    List(Vec<Platform>),
}

/// `build.source:`, templates unrendered.
#[derive(Clone, Debug)]
pub enum BuildSource {
    /// A folder, relative to the recipe's.
    Dir(Template),
    /// A git repository at a rev.
    Git {
        /// Url.
        url: Template,
        /// Tag, branch or commit, as text.
        rev: Template,
    },
    /// An archive.
    Url {
        /// Url.
        url: Template,
        /// Its digest.
        sha256: Digest,
    },
    /// A crate of the crate registry at the subsystem's version number.
    Crate(Template),
}

/// A source rendered for a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RenderedSource {
    /// A folder: absolute path, and the text as written (rendered).
    Dir {
        /// Absolute.
        path: Utf8PathBuf,
    },
    /// A git repository at a rev.
    Git {
        /// Url.
        url: String,
        /// Rev text.
        rev: String,
    },
    /// An archive.
    Url {
        /// Url.
        url: String,
        /// Digest.
        sha256: Digest,
    },
    /// A crate.
    Crate {
        /// Name.
        name: String,
        /// Version without a leading `v`.
        version: String,
    },
}

/// A build rendered for a platform and a pair of folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderedBuild {
    /// Source.
    pub source: RenderedSource,
    /// Environment.
    pub env: Vec<(String, String)>,
    /// Commands.
    pub commands: Vec<String>,
}

impl Subsystem {
    /// The format its packages have on a platform.
    pub fn format(&self, platform: &Platform) -> PackageFormat {
        self.package
            .format
            .unwrap_or_else(|| PackageFormat::default_for(platform))
    }

    /// The names that its assets have on a hub.
    pub fn assets(&self, platform: &Platform) -> AssetCoordinates {
        AssetCoordinates::new(
            &self.name,
            &self.version,
            &self.package.name,
            *platform,
            self.format(platform),
        )
    }

    /// Names of its files on a platform: binaries (with `.exe` on Windows), then included files.
    pub fn file_names(&self, platform: &Platform) -> Vec<FileName> {
        let binaries = self.binaries.iter().map(|name| with_exe(name, *platform));
        binaries
            .chain(
                self.package
                    .include
                    .iter()
                    .map(|include| include.name.clone()),
            )
            .collect()
    }

    /// Its first binary's file name on a platform.
    pub fn first_binary(&self, platform: &Platform) -> FileName {
        with_exe(&self.binaries[0], *platform)
    }
}

fn with_exe(name: &FileName, platform: Platform) -> FileName {
    match platform.exe() {
        "" => name.clone(),
        exe => format!("{name}{exe}")
            .parse()
            .unwrap_or_else(|_| name.clone()),
    }
}
