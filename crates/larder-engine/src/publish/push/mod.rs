//! The places that channels are pushed to: one file per kind of place.
//!
//! A [`Publisher`] is one place of one channel for one version: a tap, a registry, a repository. It
//! can say what is there, push what a release's files say, and withdraw the version. It tries each
//! thing once: trying again, waiting, the order of places and the record of what happened are
//! the run's.

pub(super) mod attachments;
mod conflict;
mod gomodule;
mod npm;
mod nuget;
pub(super) mod oci;
mod packages;
mod pull_request;
mod pypi;
mod registries;
mod repository;
mod snap;
#[cfg(test)]
mod tests;

use camino::Utf8Path;

use crate::context::Context;
use larder_channels::release::Release;
use larder_core::cancel::Cancel;
use larder_core::error::Result;
use larder_core::model::{ChannelKind, Version};
use larder_core::project::Subsystem;
use larder_core::project::publish::{Channel, ChannelConfig};
use larder_remote::RemoteSettings;
use larder_remote::git::Git;
use larder_remote::http::Client;

/// A place that a channel is pushed to, for one version of one subsystem.
///
/// The [`Kind`](larder_core::Kind) of an error decides what follows: `Unavailable` is tried again,
/// everything else is final. Every method may be called again after it failed or was killed at any
/// moment: what it left is what the next call starts from.
pub(super) trait Publisher: Send + Sync {
    /// The place in messages and in the record, such as the url of the repository, without secrets.
    /// Places with the same text are never pushed to at the same time.
    fn target(&self) -> String;

    /// What the place has of the package. Only reads, with as few requests as the place allows.
    fn there(&self, attempt: &Attempt<'_>) -> Result<There>;

    /// Compares what the place has under this version with a release's files. Only reads.
    fn inspect(&self, attempt: &Attempt<'_>, files: &Files<'_>) -> Result<Found>;

    /// Writes what is missing. It is called only after [`inspect`](Self::inspect) found nothing of other
    /// bytes. What is there is never overwritten.
    fn push(&self, attempt: &Attempt<'_>, files: &Files<'_>) -> Result<()>;

    /// Whether the credentials suffice to push, as far as that can be asked without a write. It is
    /// asked in a dry run, so that a missing right shows before anything depends on it.
    fn rights(&self, _attempt: &Attempt<'_>) -> Result<()> {
        Ok(())
    }

    /// Takes the version back, as far as the place can do that.
    fn withdraw(&self, attempt: &Attempt<'_>) -> Result<Withdrawn>;

    /// What a person does to see whether the version has arrived, as a sentence's end: "`npm view
    /// @acme/arc versions` lists it".
    fn how_to_check(&self) -> String;
}

/// What one attempt works with. It ends when the channel's time is up.
pub(super) struct Attempt<'a> {
    /// The HTTP client, which the attempt's end interrupts.
    pub(super) client: Client,
    /// How other machines may be accessed, and the variables of the user.
    pub(super) remote: &'a RemoteSettings,
    /// Interrupts the attempt.
    pub(super) cancel: Cancel,
    /// Whether something may only be read (`--dry-run`).
    pub(super) dry_run: bool,
}

impl Attempt<'_> {
    /// A git runner that the attempt's end interrupts.
    pub(super) fn git(&self) -> Git<'_> {
        Git::new(
            &self.remote.environment,
            self.remote.http.offline,
            &self.cancel,
        )
    }
}

/// A release and the files of one channel that were rendered from it.
pub(super) struct Files<'a> {
    /// The release.
    pub(super) release: &'a Release,
    /// The folder with the channel's files, `<name>/<channel>`.
    pub(super) folder: &'a Utf8Path,
}

/// What a place has of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct There {
    /// The version that users of the channel get now, as the channel writes it.
    pub(super) current: Option<String>,
    /// Whether the publisher's version is there.
    pub(super) wanted: bool,
}

/// What a place has under the version of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing, or not all of it.
    Missing,
    /// All of it, with the same bytes.
    Same,
    /// Other bytes.
    Other {
        /// The file or package that differs.
        what: String,
        /// The digest of what would be pushed.
        ours: String,
        /// The digest of what is there.
        theirs: String,
    },
    /// A newer version, which must stay the one that users get.
    Newer(String),
    /// Not all of it, and the place takes nothing more of this version; why. This is a skip.
    Closed(String),
}

/// What became of a version that was taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Withdrawn {
    /// It is withdrawn; what users get now.
    Done(String),
    /// It was not there.
    Absent,
    /// The place can't do that; why, and what to do.
    Impossible(String),
}

/// Where a channel is pushed to.
pub(super) enum Places {
    /// To these places. None if it has nothing to push beyond what joins the release on the hub.
    At(Vec<Box<dyn Publisher>>),
    /// Nowhere, because the recipe does not say where: the key that is missing.
    NotConfigured(&'static str),
}

/// The places that a channel is pushed to after the release on the hub is published.
pub(super) fn places(
    ctx: &Context,
    subsystem: &Subsystem,
    version: &Version,
    config: &ChannelConfig,
) -> Result<Places> {
    match &config.channel {
        Channel::Homebrew(_) | Channel::Scoop(_) | Channel::Aur(_) | Channel::Winget(_) => {
            repository::places(ctx, subsystem, version, config)
        }
        Channel::Deb(deb) => {
            let repository = (ChannelKind::Deb, deb.repository.as_ref());
            packages::places(ctx, subsystem, version, repository)
        }
        Channel::Rpm(rpm) => {
            let repository = (ChannelKind::Rpm, rpm.repository.as_ref());
            packages::places(ctx, subsystem, version, repository)
        }
        Channel::Chocolatey(_)
        | Channel::Gomodule(_)
        | Channel::Npm(_)
        | Channel::Pypi(_)
        | Channel::Snap(_) => registries::places(ctx, subsystem, version, config),
        Channel::Docker(docker) => oci::places(docker, version),
        Channel::Installer => Ok(Places::At(Vec::new())),
    }
}

/// What puts a channel's files into the release on the hub while it is a draft; `None` if the
/// channel has no files there.
pub(super) fn attachments(
    ctx: &Context,
    subsystem: &Subsystem,
    version: &Version,
    config: &ChannelConfig,
) -> Result<Option<Box<dyn Publisher>>> {
    let kind = config.channel.kind();
    Ok(match &config.channel {
        Channel::Deb(_) | Channel::Rpm(_) | Channel::Installer => Some(Box::new(
            attachments::Attachments::new(ctx, subsystem, version, kind)?,
        )),
        _ => None,
    })
}
