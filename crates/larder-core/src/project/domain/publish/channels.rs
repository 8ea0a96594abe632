//! What each channel is configured with.

use crate::model::ChannelKind;

/// A channel with its own settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Channel {
    /// `homebrew:`
    Homebrew(Homebrew),
    /// `scoop:`
    Scoop(Scoop),
    /// `winget:`
    Winget(Winget),
    /// `chocolatey:`
    Chocolatey(Chocolatey),
    /// `aur:`
    Aur(Aur),
    /// `snap:`
    Snap(Snap),
    /// `deb:`
    Deb(Deb),
    /// `rpm:`
    Rpm(Rpm),
    /// `docker:`
    Docker(Docker),
    /// `npm:`
    Npm(Npm),
    /// `pypi:`
    Pypi(Pypi),
    /// `gomodule:`
    Gomodule(GoModule),
    /// `installer:`
    Installer,
}

impl Channel {
    /// Its kind.
    pub fn kind(&self) -> ChannelKind {
        match self {
            Self::Homebrew(_) => ChannelKind::Homebrew,
            Self::Scoop(_) => ChannelKind::Scoop,
            Self::Winget(_) => ChannelKind::Winget,
            Self::Chocolatey(_) => ChannelKind::Chocolatey,
            Self::Aur(_) => ChannelKind::Aur,
            Self::Snap(_) => ChannelKind::Snap,
            Self::Deb(_) => ChannelKind::Deb,
            Self::Rpm(_) => ChannelKind::Rpm,
            Self::Docker(_) => ChannelKind::Docker,
            Self::Npm(_) => ChannelKind::Npm,
            Self::Pypi(_) => ChannelKind::Pypi,
            Self::Gomodule(_) => ChannelKind::Gomodule,
            Self::Installer => ChannelKind::Installer,
        }
    }
}

/// A repository that a channel is pushed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repository {
    /// `owner/name` on the server of the hub.
    Hosted(String),
    /// The url of a git repository.
    Git(String),
}

/// `homebrew:`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Homebrew {
    /// The tap, if the formula is published.
    pub tap: Option<Repository>,
    /// The folder of the tap that has the formulae; by default `Formula`.
    pub directory: Option<String>,
    /// The formulae that can't be installed beside this one.
    pub conflicts: Vec<String>,
}

/// `scoop:`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scoop {
    /// The bucket, if the manifest is published.
    pub bucket: Option<Repository>,
}

/// `winget:`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Winget {
    /// The repository of manifests, if they are published.
    pub repository: Option<Repository>,
    /// The publisher, the first part of the identifier.
    pub publisher: String,
    /// The second part of the identifier; by default the subsystem's name.
    pub name: Option<String>,
}

/// `chocolatey:`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chocolatey {
    /// The accounts that own the package.
    pub owners: Option<String>,
    /// The url of the feed that the package is pushed to.
    pub push: Option<String>,
}

/// `aur:`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aur {
    /// The url of the package's git repository, whose last segment names the package.
    pub git: Option<String>,
    /// The packages that can't be installed beside this one.
    pub conflicts: Vec<String>,
    /// The packages that this one stands in for.
    pub provides: Vec<String>,
}

/// `snap:`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snap {
    /// How the snap is confined.
    pub confinement: Confinement,
    /// Its quality.
    pub grade: Grade,
}

/// `snap.confinement`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Confinement {
    /// It reaches only what its interfaces allow.
    #[default]
    Strict,
    /// It reaches what any program reaches.
    Classic,
    /// It reaches everything, for development.
    Devmode,
}

/// `snap.grade`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grade {
    /// It may be released to the channels `stable` and `candidate`.
    #[default]
    Stable,
    /// It may not.
    Devel,
}

/// Where a repository of packages is, which larder renders as static files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackageRepository {
    /// A folder, relative to the project or absolute.
    Dir(String),
    /// The url of a git repository.
    Git(String),
    /// The release on the hub.
    Hub,
}

/// `deb:`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deb {
    /// The section of the archive; by default `utils`.
    pub section: Option<String>,
    /// The repository that the packages are added to.
    pub repository: Option<PackageRepository>,
    /// The packages that can't be installed beside this one.
    pub conflicts: Vec<String>,
    /// The packages that this one stands in for.
    pub provides: Vec<String>,
    /// The packages that it needs, such as `libc6 (>= 2.28)`.
    pub depends: Vec<String>,
}

/// `rpm:`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rpm {
    /// The repository that the packages are added to.
    pub repository: Option<PackageRepository>,
    /// The packages that can't be installed beside this one.
    pub conflicts: Vec<String>,
    /// The packages that this one stands in for.
    pub provides: Vec<String>,
    /// The packages that it needs, such as `glibc >= 2.28`.
    pub depends: Vec<String>,
}

/// `docker:`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Docker {
    /// The names of the image, without a tag.
    pub images: Vec<String>,
    /// What it is based on.
    pub base: DockerBase,
}

/// `docker.base`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DockerBase {
    /// An empty image.
    #[default]
    Scratch,
    /// A folder with an OCI layout, absolute.
    Layout(camino::Utf8PathBuf),
    /// An image of a registry, pinned by its digest.
    Registry(String),
}

/// `npm:`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Npm {
    /// The package, with its scope; by default the subsystem's name.
    pub package: Option<String>,
}

/// `pypi:`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pypi {
    /// The distribution; by default the subsystem's name.
    pub package: Option<String>,
    /// The url that wheels are uploaded to; by default what twine is configured with.
    pub repository: Option<String>,
    /// The url of the index that is read back.
    pub index: Option<String>,
}

/// `gomodule:`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoModule {
    /// The module's path.
    pub module: String,
    /// The folder with `go.mod`, relative to the recipe's folder.
    pub dir: String,
    /// The lowest coverage of its tests in percent.
    pub min_coverage: Option<u8>,
}
