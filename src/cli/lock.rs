//! `larder lock`.

use std::process::ExitCode;

use super::Global;
use super::session::{JobArgs, PlatformArgs, Session};
use larder_core::error::Result;
use larder_engine::context::Options;
use larder_engine::lock_resolve::{Lines, lock_all};

/// Pin what is accepted in versions.lock
///
/// Adds the lines that are missing, for every selected subsystem and platform, without installing anything: the hub's
/// assets, the publishers' files (which are downloaded, checked and kept in the cache), the commits of git sources.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder lock --platform all          everything, for every platform of the project
  larder lock nats --platform all     one subsystem
  larder lock --update nats           accept what nats' sources have today
  larder lock --adopt nats            trust an asset of the hub that has no sidecar")]
pub struct Args {
    /// Subsystems, or `all`. Default: all.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    platforms: PlatformArgs,
    #[command(flatten)]
    jobs: JobArgs,
    /// Replace the lines of these by what their sources have today.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["names", "adopt"])]
    update: Vec<String>,
    /// Tie an asset of the hub that has no sidecar to today's inputs.
    #[arg(long, value_name = "NAME", conflicts_with = "names")]
    adopt: Vec<String>,
    /// Never open a socket.
    #[arg(long, env = larder_core::variables::OFFLINE, value_parser = clap::builder::BoolishValueParser::new(), action = clap::ArgAction::SetTrue)]
    offline: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let session = Session::open(
        global,
        Options {
            offline: args.offline,
            ..Options::default()
        },
    )?;
    let lines = match (args.update.is_empty(), args.adopt.is_empty()) {
        (false, _) => Lines::Anew,
        (true, false) => Lines::Adopted,
        (true, true) => Lines::Missing,
    };
    // Only one of them can be given.
    let names = [&args.names[..], &args.update, &args.adopt].concat();
    let targets = args
        .platforms
        .targets_or_all(&session.ctx.project, &names)?;
    let errors = lock_all(&session.ctx, &targets, lines, args.jobs.get());
    Ok(session.end(errors.into()))
}
