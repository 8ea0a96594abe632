//! The keys of `publish:` as they are written, in a recipe and as defaults in `versions.yml`.

use schemars::JsonSchema;

use super::publish_words::{
    Address, ConfinementWord, Delay, GateWord, GradeWord, ImageName, Multiplier, Percent,
    PlainLine, Priority, PypiName, Section, Tries, WebUrl, Webhook,
};
use super::words::{Count, Flag, Timeout};
use crate::project::syntax::decode::{At, Decode, NonEmpty, Reader, Spot};
use crate::project::syntax::keys::keys;
use crate::project::syntax::yaml::{Kind, Node};
use crate::project::typed::publish_words::{GitUrl, HostedRepo, ModulePath, NpmName, OsOrPlatform};

/// Defines the keys of one channel: its own, and those that every channel has. `or` returns the
/// keys with those of the defaults where a key is absent.
macro_rules! channel_keys {
    ($(#[$meta:meta])* pub struct $name:ident {
        $($(#[$doc:meta])* $key:literal $field:ident: $type:ty, $(default $default:tt,)? example $example:tt;)*
    }) => {
        keys! {
            $(#[$meta])*
            pub struct $name, required [] {
                $($(#[$doc])* $key $field: $type, since "0.1.0", $(default $default,)? example $example;)*
                /// Whether the channel is on. A recipe that names the channel turns it on;
                /// `false` turns it off, for example where versions.yml says `all: true`.
                #[schemars(extend("x-common" = true))]
                "enabled" enabled: At<Flag>, since "0.1.0", default "`true`", example false;
                /// Whether the channel is on for every subsystem, also for those whose recipes do
                /// not name it. It is allowed only in versions.yml.
                #[schemars(extend("x-common" = true))]
                "all" all: At<Flag>, since "0.1.0", default "`false`", example true;
                /// Channels with a lower number are published first; a number from -1000 to 1000.
                #[schemars(extend("x-common" = true))]
                "priority" priority: At<Priority>, since "0.1.0", default "`0`", example 1;
                /// How long publishing to this channel may take.
                #[schemars(extend("x-common" = true))]
                "timeout" timeout: At<Timeout>, since "0.1.0", default "`publish.timeout`", example "60s";
                /// How publishing to this channel is tried again if it does not answer.
                #[schemars(extend("x-common" = true))]
                "retry" retry: RawRetry, since "0.1.0", default "`publish.retry`", example {"max": 2};
                /// Whether pre-releases go to this channel, even if it has no word for them.
                #[schemars(extend("x-common" = true))]
                "prerelease" prerelease: At<Flag>, since "0.1.0", default "`false`", example true;
                /// A text that people see after the installation, where the channel can show one.
                #[schemars(extend("x-common" = true))]
                "post_install" post_install: At<String>, since "0.1.0", example "Run `arc login` first.";
            }
        }
        impl $name {
            /// These keys, and those of the defaults that are absent here.
            pub fn or(self, defaults: &Self) -> Self {
                let defaults = defaults.clone();
                let retry = match (self.retry, defaults.retry) {
                    (Some(own), Some(other)) => Some(own.or(other)),
                    (own, other) => own.or(other),
                };
                Self {
                    $($field: self.$field.or(defaults.$field),)*
                    enabled: self.enabled.or(defaults.enabled),
                    all: self.all.or(defaults.all),
                    priority: self.priority.or(defaults.priority),
                    timeout: self.timeout.or(defaults.timeout),
                    retry,
                    prerelease: self.prerelease.or(defaults.prerelease),
                    post_install: self.post_install.or(defaults.post_install),
                    spans: self.spans,
                }
            }

            /// What every channel has.
            pub fn common(&self) -> CommonKeys {
                CommonKeys {
                    enabled: self.enabled.clone(),
                    priority: self.priority.clone(),
                    timeout: self.timeout.clone(),
                    retry: self.retry.clone(),
                    prerelease: self.prerelease.clone(),
                    post_install: self.post_install.clone(),
                }
            }
        }
    };
}

/// The keys that every channel has.
#[derive(Clone, Debug)]
pub struct CommonKeys {
    pub enabled: Option<At<Flag>>,
    pub priority: Option<At<Priority>>,
    pub timeout: Option<At<Timeout>>,
    pub retry: Option<RawRetry>,
    pub prerelease: Option<At<Flag>>,
    pub post_install: Option<At<String>>,
}

/// Defines the keys of `publish:`: the channels, and what belongs to one of the files only.
macro_rules! publish_keys {
    ($(#[$meta:meta])* pub struct $name:ident { $($own:tt)* }) => {
        keys! {
            $(#[$meta])*
            pub struct $name, required [] {
                /// A formula in a Homebrew tap, for macOS and Linux.
                "homebrew" homebrew: RawHomebrew, since "0.1.0", example {"tap": "acme/homebrew-tools"};
                /// A manifest in a Scoop bucket, for Windows.
                "scoop" scoop: RawScoop, since "0.1.0", example {"bucket": "acme/scoop-bucket"};
                /// Manifests for winget, for Windows.
                "winget" winget: RawWinget, since "0.1.0",
                    example {"repository": "acme/winget-pkgs", "publisher": "Acme"};
                /// A Chocolatey package, for Windows.
                "chocolatey" chocolatey: RawChocolatey, since "0.1.0", example {"owners": "acme"};
                /// A package of the Arch User Repository.
                "aur" aur: RawAur, since "0.1.0", example {"conflicts": ["arc"], "provides": ["arc"]};
                /// A snap, for Linux.
                "snap" snap: RawSnap, since "0.1.0", example {"confinement": "strict"};
                /// Debian packages.
                "deb" deb: RawDeb, since "0.1.0", example {"section": "utils"};
                /// RPM packages.
                "rpm" rpm: RawRpm, since "0.1.0", example {};
                /// A container image for each Linux platform.
                "docker" docker: RawDocker, since "0.1.0",
                    example {"images": ["registry.example/acme/arc"], "base": "scratch"};
                /// npm packages: one for each platform, and one that people install.
                "npm" npm: RawNpm, since "0.1.0", example {"package": "@acme/arc"};
                /// Python wheels, one for each platform.
                "pypi" pypi: RawPypi, since "0.1.0", example {"package": "arc"};
                /// A Go module: its tag, and the checks that a module should pass.
                "gomodule" gomodule: RawGoModule, since "0.1.0",
                    example {"module": "github.com/acme/arc"};
                /// Scripts for sh and PowerShell that install the binaries.
                "installer" installer: RawInstaller, since "0.1.0", example {};
                /// What must hold before anything is published.
                "validate" validate: RawValidate, since "0.1.0",
                    default "see its keys", example {"platforms": ["linux", "darwin", "windows"]};
                /// Where the changelog comes from.
                "changelog" changelog: RawChangelog, since "0.1.0",
                    default "see its keys", example {"from": "commits", "paths": ["src"]};
                /// The public url (template) of an asset, with the variables `tag` and `asset`.
                /// It is needed where the hub is a folder;
                /// larder knows the urls of GitHub and of an http hub.
                "url" url: At<String>, since "0.1.0", default "the hub's own",
                    example "https://dl.example.com/{{ tag }}/{{ asset }}";
                $($own)*
            }
        }
    };
}

publish_keys! {
    /// The channels that the subsystem is published to, and how.
    /// A channel is on if it is named here; `{}` takes every default.
    pub struct RawPublish {}
}

publish_keys! {
    /// Defaults for `publish:` of every recipe, and the settings of `larder publish`.
    /// A channel that is named here is not on for that reason;
    /// with `all: true` it is on for every subsystem.
    pub struct RawPublishDefaults {
        /// Who maintains the packages, as `Name <address>`.
        "maintainer" maintainer: At<Address>, since "0.1.0",
            example "Acme Tools <tools@acme.example>";
        /// How a publisher that does not answer is tried again.
        "retry" retry: RawRetry, since "0.1.0", default "see its keys", example {"max": 3};
        /// How long publishing to one channel may take.
        "timeout" timeout: At<Timeout>, since "0.1.0", default "`5m`", example "5m";
        /// How the assets of a release are fetched before any channel is fed: `anonymous`, as the
        /// users of the channels fetch them, or with the `token` of the hub, where every user of
        /// the channels has access to a private hub.
        "gate" gate: At<GateWord>, since "0.1.0", default "`anonymous`", example "token";
        /// The number of channels that are published at the same time.
        "concurrency" concurrency: At<Count>, since "0.1.0", default "`2`", example 2;
        /// Where the result of a run is reported.
        "notify" notify: RawNotify, since "0.1.0", default "nowhere",
            example {"log": ".larder/publish.log"};
    }
}

channel_keys! {
    /// A formula in a Homebrew tap, for macOS and Linux.
    pub struct RawHomebrew {
        /// The tap: `owner/name` on the server of the hub, or `{git: URL}`.
        "tap" tap: RawRepository, example "acme/homebrew-tools";
        /// The folder of the tap that has the formulae.
        "directory" directory: At<PlainLine>, default "`Formula`", example "Formula";
        /// The formulae that can't be installed beside this one.
        "conflicts" conflicts: Vec<At<PlainLine>>, example ["arc-nightly"];
    }
}
channel_keys! {
    /// A manifest in a Scoop bucket, for Windows.
    pub struct RawScoop {
        /// The bucket: `owner/name` on the server of the hub, or `{git: URL}`.
        "bucket" bucket: RawRepository, example "acme/scoop-bucket";
    }
}
channel_keys! {
    /// Manifests for winget, for Windows.
    pub struct RawWinget {
        /// The repository of the manifests: `owner/name` on the server of the hub,
        /// or `{git: URL}`.
        "repository" repository: RawRepository, example "acme/winget-pkgs";
        /// The publisher: the first part of the package's identifier. It is required.
        "publisher" publisher: At<PlainLine>, example "Acme";
        /// The second part of the package's identifier.
        "name" name: At<PlainLine>, default "the subsystem's name", example "Arc";
    }
}
channel_keys! {
    /// A Chocolatey package, for Windows.
    pub struct RawChocolatey {
        /// The accounts that own the package.
        "owners" owners: At<PlainLine>, example "acme";
        /// The url of the feed that the package is pushed to.
        /// The key comes from `CHOCOLATEY_API_KEY`.
        "push" push: At<WebUrl>, example "https://feed.example.com/";
    }
}
channel_keys! {
    /// A package of the Arch User Repository.
    pub struct RawAur {
        /// The url of the package's git repository; its last part names the package.
        "git" git: At<GitUrl>, example "ssh://aur@git.example.com/arc-bin.git";
        /// The packages that can't be installed beside this one.
        "conflicts" conflicts: Vec<At<PlainLine>>, example ["arc"];
        /// The packages that this one stands in for.
        "provides" provides: Vec<At<PlainLine>>, example ["arc"];
    }
}
channel_keys! {
    /// A snap, for Linux.
    pub struct RawSnap {
        /// How the snap is confined.
        "confinement" confinement: At<ConfinementWord>, default "`strict`", example "classic";
        /// The quality: a snap of grade `devel` can't be released as stable.
        "grade" grade: At<GradeWord>, default "`stable`", example "stable";
    }
}
channel_keys! {
    /// Debian packages.
    pub struct RawDeb {
        /// The section of the archive.
        "section" section: At<Section>, default "`utils`", example "net";
        /// The apt repository that the packages are added to: a folder, a git repository, or the
        /// release on the hub. Without it they are only attached to the release.
        "repository" repository: RawPackageRepository, example {"dir": "/srv/apt"};
        /// The packages that can't be installed beside this one.
        "conflicts" conflicts: Vec<At<PlainLine>>, example ["arc-nightly"];
        /// The packages that this one stands in for.
        "provides" provides: Vec<At<PlainLine>>, example ["arc"];
        /// The packages that this one needs.
        "depends" depends: Vec<At<PlainLine>>, example ["libc6 (>= 2.28)"];
    }
}
channel_keys! {
    /// RPM packages.
    pub struct RawRpm {
        /// The yum repository that the packages are added to: a folder, a git repository, or the
        /// release on the hub. Without it they are only attached to the release.
        "repository" repository: RawPackageRepository, example {"dir": "/srv/yum"};
        /// The packages that can't be installed beside this one.
        "conflicts" conflicts: Vec<At<PlainLine>>, example ["arc-nightly"];
        /// The packages that this one stands in for.
        "provides" provides: Vec<At<PlainLine>>, example ["arc"];
        /// The packages that this one needs.
        "depends" depends: Vec<At<PlainLine>>, example ["glibc >= 2.28"];
    }
}
channel_keys! {
    /// A container image for each Linux platform.
    pub struct RawDocker {
        /// The names of the image, without a tag.
        "images" images: NonEmpty<At<ImageName>>, example ["registry.example/acme/arc"];
        /// What the image is based on: `scratch`, a folder with an OCI layout (relative to the
        /// recipe's folder), or an image of a registry that is pinned by its digest.
        "base" base: At<PlainLine>, default "`scratch`", example "scratch";
    }
}
channel_keys! {
    /// npm packages: one for each platform, and one that people install.
    pub struct RawNpm {
        /// The package that people install.
        "package" package: At<NpmName>, default "the subsystem's name", example "@acme/arc";
    }
}
channel_keys! {
    /// Python wheels, one for each platform.
    pub struct RawPypi {
        /// The name of the distribution.
        "package" package: At<PypiName>, default "the subsystem's name", example "arc";
        /// The url that wheels are uploaded to.
        "repository" repository: At<WebUrl>, default "what twine is configured with",
            example "https://wheels.example.com/legacy/";
        /// The url of the index that is read back.
        "index" index: At<WebUrl>, default "`<repository>/simple/`, else pip's own",
            example "https://wheels.example.com/simple/";
    }
}
channel_keys! {
    /// A Go module: its tag, and the checks that a module should pass.
    pub struct RawGoModule {
        /// The module's path, as go.mod states it. It is required.
        "module" module: At<ModulePath>, example "github.com/acme/arc";
        /// The folder with go.mod, relative to the recipe's folder.
        "dir" dir: At<PlainLine>, default "`.`", example "../../arc";
        /// The lowest coverage of the module's tests in percent.
        "min_coverage" min_coverage: At<Percent>, default "not checked", example 80;
    }
}
channel_keys! {
    /// Scripts for sh and PowerShell that install the binaries.
    pub struct RawInstaller {}
}

keys! {
    /// How something that does not answer is tried again.
    pub struct RawRetry, required [] {
        /// The number of tries after the first one, at most 20.
        "max" max: At<Tries>, since "0.1.0", default "`3`", example 3;
        /// The wait before the second try.
        "base_delay" base_delay: At<Delay>, since "0.1.0", default "`1s`", example "500ms";
        /// The longest wait.
        "max_delay" max_delay: At<Delay>, since "0.1.0", default "`30s`", example "1m";
        /// What each wait is multiplied by to get the next one, from 1 to 10.
        "multiplier" multiplier: At<Multiplier>, since "0.1.0", default "`2.0`", example 1.5;
    }
}

impl RawRetry {
    /// These keys, and those of the defaults that are absent here.
    pub fn or(self, defaults: Self) -> Self {
        Self {
            max: self.max.or(defaults.max),
            base_delay: self.base_delay.or(defaults.base_delay),
            max_delay: self.max_delay.or(defaults.max_delay),
            multiplier: self.multiplier.or(defaults.multiplier),
            spans: self.spans,
        }
    }
}

keys! {
    /// Where the result of a publishing run is reported.
    pub struct RawNotify, required [] {
        /// A file, relative to the project, that gets a line for each run.
        "log" log: At<PlainLine>, since "0.1.0", example ".larder/publish.log";
        /// A url (template) that gets the report as JSON.
        /// `env.NAME` in it is a variable of the environment, so that no secret is in the file.
        "webhook" webhook: At<Webhook>, since "0.1.0", example "{{ env.PUBLISH_WEBHOOK }}";
    }
}

keys! {
    /// What must hold before anything is published.
    pub struct RawValidate, required [] {
        /// The operating systems or platforms that a release must have.
        "platforms" platforms: Vec<At<OsOrPlatform>>, since "0.1.0",
            example ["linux", "darwin", "windows-amd64"];
        /// Whether the changelog must have an entry.
        "changelog" changelog: At<Flag>, since "0.1.0", default "`false`", example true;
        /// Whether there must be a licence that is an SPDX expression.
        "license" license: At<Flag>, since "0.1.0", default "`false`", example true;
    }
}

keys! {
    /// Where the changelog comes from.
    pub struct RawChangelog, required [] {
        /// `commits` (the commits of the project's repository), `none`, or the path of a file that
        /// is relative to the recipe's folder.
        "from" from: At<PlainLine>, since "0.1.0", default "`commits` in a checkout", example "commits";
        /// The paths whose commits count, relative to the recipe's folder.
        "paths" paths: NonEmpty<At<PlainLine>>, since "0.1.0",
            default "the recipe's folder and the folders of its source", example ["../../src"];
    }
}

/// A repository: `owner/name` on the server of the hub, or `{git: URL}`.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub enum RawRepository {
    /// `owner/name` on the server of the hub.
    Hosted(At<HostedRepo>),
    /// The url of a git repository.
    Git(RawGitRepository),
}

keys! {
    /// The url of a git repository.
    pub struct RawGitRepository, required ["git"] {
        /// The url: https://, ssh://, file:// or `git@host:path`, without a password in it.
        "git" git: At<GitUrl>, since "0.1.0", example "https://git.example.com/acme/tap.git";
    }
}

impl Decode for RawRepository {
    fn decode(node: &Node, spot: Spot<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Map(_) => RawGitRepository::decode(node, spot, reader).map(Self::Git),
            _ => At::decode(node, spot, reader).map(Self::Hosted),
        }
    }
}

keys! {
    /// Where a repository of packages is, to which the packages of each version are added; exactly
    /// one of these keys is given.
    #[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
    pub struct RawPackageRepository, required [] {
        /// A folder: a path that is relative to the project, or an absolute path.
        "dir" dir: At<PlainLine>, since "0.1.0", example "/srv/packages";
        /// The url of a git repository, for example of one that serves pages.
        "git" git: At<GitUrl>, since "0.1.0", example "https://git.example.com/acme/apt.git";
        /// `true`: the repository is in a release of the hub that all versions share, with the tag
        /// `<name>-apt`. Only for deb.
        "hub" hub: At<Flag>, since "0.1.0", example true;
    }
}
