//! The base of an image, where that is in a registry: fetched before the channel is rendered, which
//! reads folders only. It is kept in `.larder/bases/<digest>` for the next run.

use super::attempt::Tries;
use crate::context::Context;
use crate::publish::push::oci::fetch_base;
use larder_channels::release::{PlatformRelease, Release};
use larder_core::error::Result;
use larder_core::fs::OwnFolder;
use larder_core::model::Platform;
use larder_core::project::publish::{Channel, ChannelConfig, DockerBase};

/// The folder with the bases, in the project.
const BASES: &str = ".larder/bases";

/// The channel's settings with a folder as the base; `None` if its base is in no registry.
pub(super) fn with_base(
    ctx: &Context,
    subject: String,
    release: &Release,
    config: &ChannelConfig,
) -> Result<Option<ChannelConfig>> {
    let Channel::Docker(docker) = &config.channel else {
        return Ok(None);
    };
    let DockerBase::Registry(reference) = &docker.base else {
        return Ok(None);
    };
    let bases = ctx.own_folder(BASES)?;
    remove_unused(ctx, &bases)?;
    let folder = bases.make_folder(name(reference))?.path().to_owned();
    let platforms = release.platforms.iter().map(PlatformRelease::platform);
    let platforms: Vec<Platform> = platforms.collect();
    Tries::new(ctx, subject, config)
        .each(|attempt| fetch_base(attempt, reference, &platforms, &folder))?;
    let mut docker = docker.clone();
    docker.base = DockerBase::Layout(folder);
    Ok(Some(ChannelConfig {
        channel: Channel::Docker(docker),
        ..config.clone()
    }))
}

/// The folder of a base: its digest.
fn name(reference: &str) -> &str {
    reference.rsplit(':').next().unwrap_or(reference)
}

/// Removes the bases that no recipe names any more.
fn remove_unused(ctx: &Context, bases: &OwnFolder) -> Result<()> {
    let subsystems = ctx.project.subsystems.values();
    let channels = subsystems.flat_map(|subsystem| subsystem.publish.channels.values());
    let used: Vec<&str> = channels
        .filter_map(|config| match &config.channel {
            Channel::Docker(docker) => Some(&docker.base),
            _ => None,
        })
        .filter_map(|base| match base {
            DockerBase::Registry(reference) => Some(name(reference)),
            DockerBase::Scratch | DockerBase::Layout(_) => None,
        })
        .collect();
    for unused in bases.list()? {
        if !used.contains(&unused.as_str()) {
            bases.remove(&unused)?;
        }
    }
    Ok(())
}
