//! The places of channels that are registries, which are pushed to through their ordinary clients.

use super::gomodule::Module;
use super::npm::NpmPackage;
use super::nuget::ChocolateyPackage;
use super::pypi::Wheels;
use super::snap::SnapPackage;
use super::{Places, Publisher};
use crate::context::Context;
use larder_channels::render::channel_version;
use larder_channels::snap;
use larder_core::error::{Error, Result};
use larder_core::model::Version;
use larder_core::project::Subsystem;
use larder_core::project::publish::{Channel, ChannelConfig};

/// The places of a channel. There are none for a version that the channel can't express, which is
/// skipped.
pub(super) fn places(
    ctx: &Context,
    subsystem: &Subsystem,
    version: &Version,
    config: &ChannelConfig,
) -> Result<Places> {
    let Ok(written) = channel_version(config.channel.kind(), version) else {
        return Ok(Places::At(Vec::new()));
    };
    let name = subsystem.name.as_str();
    let place: Box<dyn Publisher> = match &config.channel {
        Channel::Npm(npm) => {
            let package = npm.package.as_deref().unwrap_or(name);
            let root = &ctx.project.root;
            Box::new(NpmPackage::new(package, version, written, root))
        }
        Channel::Pypi(pypi) => {
            let package = pypi.package.as_deref().unwrap_or(name);
            Box::new(Wheels::new(pypi, package, written))
        }
        Channel::Chocolatey(chocolatey) => match &chocolatey.push {
            Some(push) => Box::new(ChocolateyPackage::new(push, name, written)),
            // There is no feed that everybody means.
            None => {
                return Err(Error::usage(format!(
                    "chocolatey of {name} does not say which feed the package is pushed to"
                ))
                .hint("write `chocolatey: {push: URL}` under `publish:`, or leave it out with `--skip chocolatey`"));
            }
        },
        Channel::Gomodule(module) => {
            Box::new(Module::new(ctx, subsystem, version, module, written))
        }
        Channel::Snap(config) => {
            let name = snap::name_of(&subsystem.name)?;
            Box::new(SnapPackage::new(config, name, version, written))
        }
        _ => return Ok(Places::At(Vec::new())),
    };
    Ok(Places::At(vec![place]))
}
