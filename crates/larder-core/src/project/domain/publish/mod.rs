//! `publish:` of a subsystem, with the defaults of `versions.yml` merged into it: which channels are
//! fed, and how.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{ChannelKind, Platform};
use crate::project::template::Template;

mod channels;

pub use channels::{
    Aur, Channel, Chocolatey, Confinement, Deb, Docker, DockerBase, GoModule, Grade, Homebrew, Npm,
    PackageRepository, Pypi, Repository, Rpm, Scoop, Snap, Winget,
};

/// The value of `publish:` for one subsystem.
#[derive(Clone, Debug, Default)]
pub struct Publish {
    /// The channels that are on.
    pub channels: BTreeMap<ChannelKind, ChannelConfig>,
    /// What must hold before anything is published.
    pub validate: Validate,
    /// Where the changelog comes from.
    pub changelog: Changelog,
    /// The public url (template) of an asset, for hubs whose urls larder does not know.
    pub url: Option<Template>,
}

/// One channel that is on: the settings that every channel has, and its own.
#[derive(Clone, Debug)]
pub struct ChannelConfig {
    /// Its own settings.
    pub channel: Channel,
    /// Channels with a lower number are published first. The default is 0.
    pub priority: i64,
    /// How long it may take; by default `timeout` of the run.
    pub timeout: Option<Duration>,
    /// How it is tried again; by default `retry` of the run.
    pub retry: Option<Retry>,
    /// Whether pre-releases go to a channel that has no word for them.
    pub prerelease: bool,
    /// What is shown to people after the installation, where the channel can do that.
    pub post_install: Option<String>,
}

/// How something that did not answer is tried again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// Number of tries after the first one.
    pub max: u32,
    /// The wait before the second try.
    pub base_delay: Duration,
    /// The longest wait.
    pub max_delay: Duration,
    /// What each wait is multiplied by to get the next one; at least 1.
    pub multiplier: f64,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max: 3,
            base_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(30),
            multiplier: 2.0,
        }
    }
}

/// `validate:`: what must hold before anything is published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validate {
    /// Each of these operating systems or platforms must be released.
    pub platforms: Vec<RequiredPlatform>,
    /// The changelog must not be empty.
    pub changelog: bool,
    /// The licence must be a valid SPDX expression.
    pub license: bool,
}

/// An entry of `validate.platforms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequiredPlatform {
    /// Any platform of an operating system.
    Os(crate::model::Os),
    /// One platform.
    Platform(Platform),
}

/// `changelog:`: where the changelog comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changelog {
    /// Where it comes from.
    pub from: ChangelogFrom,
    /// The paths, relative to the recipe's folder, whose commits count for this subsystem. By
    /// default the folder of the recipe and the folders of its sources.
    pub paths: Vec<String>,
}

/// The value of `changelog.from`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ChangelogFrom {
    /// From the commits of the project's repository, if it is in one.
    #[default]
    Commits,
    /// There is none.
    None,
    /// A file, relative to the recipe's folder.
    File(String),
}

/// The settings of a publishing run, from `publish:` of `versions.yml`.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishRun {
    /// `Name <address>` of who maintains the packages.
    pub maintainer: Option<String>,
    /// How a publisher is tried again.
    pub retry: Retry,
    /// How long one publisher may take.
    pub timeout: Duration,
    /// Number of publishers at a time.
    pub concurrency: usize,
    /// How the assets are fetched before a channel is fed.
    pub gate: Gate,
    /// Where the result is reported.
    pub notify: Notify,
}

/// How the assets of a release are fetched before a channel is fed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gate {
    /// As everybody fetches them.
    #[default]
    Anonymous,
    /// With the token of the hub: its users have access to a private hub.
    Token,
}

impl Default for PublishRun {
    fn default() -> Self {
        Self {
            maintainer: None,
            retry: Retry::default(),
            timeout: Duration::from_mins(5),
            concurrency: 2,
            gate: Gate::default(),
            notify: Notify::default(),
        }
    }
}

/// `notify:`: where the result of a publishing run is reported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    /// A file, relative to the project, that gets a line for each run.
    pub log: Option<String>,
    /// A url (template, which may use `env.NAME`) that gets the report as JSON.
    pub webhook: Option<Template>,
}
