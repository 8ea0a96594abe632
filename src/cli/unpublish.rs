//! `larder unpublish`.

use std::process::ExitCode;

use super::Global;
use super::publish::ChannelArgs;
use super::session::Session;
use larder_core::error::{Error, Result};
use larder_core::model::{Name, Version};
use larder_engine::context::Options;
use larder_engine::publish::{Withdrawal, withdraw};

/// Take a version back from the channels that can do that
///
/// A formula or a manifest is put back to what it was before the version, npm's `latest` is moved to
/// the version before, a package repository lists the package no more. Where a channel can't take
/// anything back, it is said what is left to do by hand. The release on the hub stays: `larder yank`
/// says there that the version must not be used.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder unpublish nats@v2.10.20 --dry-run
  larder unpublish nats@v2.10.20 --to homebrew,npm")]
pub struct Args {
    /// A subsystem and one of its versions.
    #[arg(value_name = "NAME@VERSION")]
    what: String,
    #[command(flatten)]
    channels: ChannelArgs,
    /// Write nothing, and say which channels have the version.
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let Some((name, version)) = args.what.split_once('@') else {
        return Err(Error::usage(format!("`{}` names no version", args.what))
            .hint("a subsystem and the version: `larder unpublish NAME@VERSION`"));
    };
    let name: Name = name.parse()?;
    let version: Version = version.parse()?;
    let session = Session::open(
        global,
        Options {
            dry_run: args.dry_run,
            ..Options::default()
        },
    )?;
    if !session.ctx.project.subsystems.contains_key(&name) {
        let known = session.ctx.project.subsystems.keys().map(Name::as_str);
        return Err(Error::usage(format!("no subsystem is called `{name}`"))
            .hint(larder_core::suggestions::hint(name.as_str(), known)));
    }
    let withdrawal = Withdrawal {
        name,
        version,
        channels: args.channels.resolve()?,
    };
    let errors = withdraw(&session.ctx, &withdrawal);
    Ok(session.end(errors.into()))
}
