//! What every channel has in common: what it supports, how it writes a version, and rendering.

use larder_core::error::Result;
use larder_core::model::{ChannelKind, Platform, Version};
use larder_core::project::publish::{Channel, ChannelConfig};

use crate::installer::Installer;
use crate::output::Output;
use crate::release::{PlatformRelease, Release};
use crate::{
    aur, chocolatey, deb, docker, gomodule, homebrew, installer, npm, pypi, rpm, scoop, snap,
    winget,
};

/// What a channel supports. The documentation's table is made of these.
pub struct Facts {
    /// The channel.
    pub kind: ChannelKind,
    /// Whether it has packages for a platform.
    pub takes: fn(&Platform) -> bool,
    /// How it writes a version; the error says why it can't, as the end of the sentence
    /// "homebrew can't express 1.2.3: …".
    pub version: fn(&Version) -> std::result::Result<String, String>,
    /// The channel's word for pre-releases, such as "a version with `~`"; `None` if it has none, so
    /// that they are skipped.
    pub prerelease: Option<&'static str>,
    /// Whether its files name the public urls of assets.
    pub needs_urls: bool,
    /// The files that are rendered, for the documentation.
    pub files: &'static str,
}

/// A channel that can be rendered.
pub trait Render {
    /// Writes the channel's files. The release has at least one platform that the channel takes,
    /// and a version that it can express.
    fn render(&self, release: &Release, config: &ChannelConfig, out: &Output<'_>) -> Result<()>;
}

/// Why a channel gets nothing of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Skip {
    /// It is a pre-release, and the channel has no word for them.
    Prerelease,
    /// No asset is for a platform that the channel knows.
    NoPlatform,
    /// It is a tree (`keep: tree`), and channels have single programs.
    Tree,
    /// The channel can't express the version; why.
    Version(String),
}

/// What became of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rendered {
    /// Its files were written.
    Files,
    /// It gets nothing of this release.
    Skipped(Skip),
}

/// What a channel supports.
pub fn facts(kind: ChannelKind) -> &'static Facts {
    match kind {
        ChannelKind::Homebrew => &homebrew::FACTS,
        ChannelKind::Scoop => &scoop::FACTS,
        ChannelKind::Winget => &winget::FACTS,
        ChannelKind::Aur => &aur::FACTS,
        ChannelKind::Chocolatey => &chocolatey::FACTS,
        ChannelKind::Snap => &snap::FACTS,
        ChannelKind::Deb => &deb::FACTS,
        ChannelKind::Rpm => &rpm::FACTS,
        ChannelKind::Docker => &docker::FACTS,
        ChannelKind::Npm => &npm::FACTS,
        ChannelKind::Pypi => &pypi::FACTS,
        ChannelKind::Installer => &installer::FACTS,
        ChannelKind::Gomodule => &gomodule::FACTS,
    }
}

/// How a channel writes a version. The error says why it can't.
pub fn channel_version(
    kind: ChannelKind,
    version: &Version,
) -> std::result::Result<String, String> {
    (facts(kind).version)(version)
}

/// Renders a channel's files into a folder, or says why there are none.
pub fn render(release: &Release, config: &ChannelConfig, out: &Output<'_>) -> Result<Rendered> {
    if let Some(skip) = skip(release, config) {
        return Ok(Rendered::Skipped(skip));
    }
    renderer(&config.channel).render(release, config, out)?;
    Ok(Rendered::Files)
}

fn renderer(channel: &Channel) -> &dyn Render {
    match channel {
        Channel::Homebrew(homebrew) => homebrew,
        Channel::Scoop(scoop) => scoop,
        Channel::Winget(winget) => winget,
        Channel::Aur(aur) => aur,
        Channel::Chocolatey(chocolatey) => chocolatey,
        Channel::Snap(snap) => snap,
        Channel::Deb(deb) => deb,
        Channel::Rpm(rpm) => rpm,
        Channel::Docker(docker) => docker,
        Channel::Npm(npm) => npm,
        Channel::Pypi(pypi) => pypi,
        Channel::Installer => &Installer,
        Channel::Gomodule(module) => module,
    }
}

/// Why a channel gets nothing of a release; `None` if it does get something.
pub fn skip(release: &Release, config: &ChannelConfig) -> Option<Skip> {
    let facts = facts(config.channel.kind());
    if facts.prerelease.is_none() && !config.prerelease && release.version.is_prerelease() {
        return Some(Skip::Prerelease);
    }
    if !release
        .platforms
        .iter()
        .any(|platform| (facts.takes)(&platform.platform()))
    {
        return Some(Skip::NoPlatform);
    }
    let is_tree = |platform: &PlatformRelease| platform.sidecar.content.tree.is_some();
    if release.platforms.iter().any(is_tree) {
        return Some(Skip::Tree);
    }
    (facts.version)(&release.version).err().map(Skip::Version)
}
