//! `larder lock`.

use std::process::ExitCode;

use super::Global;
use super::session::{JobArgs, PlatformArgs, Session};
use larder_core::error::{Error, Result};
use larder_engine::context::Options;
use larder_engine::lock_resolve::{Lines, lock_all};

/// Pin artifacts and their digests in versions.lock
///
/// Adds the missing lines for every selected subsystem and platform, without installing anything.
/// It pins the hub's assets, the commits of git sources, and the publishers' files, which are
/// downloaded, checked and kept in the cache.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder lock --platform all          lock everything, for every platform of the project
  larder lock nats --platform all     lock one subsystem
  larder lock --update nats           accept what the sources of nats have today
  larder lock --adopt nats            trust an asset of the hub that has no sidecar")]
pub struct Args {
    /// Subsystems, or `all`. Default: all.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    platforms: PlatformArgs,
    #[command(flatten)]
    jobs: JobArgs,
    /// Replace the lines of this subsystem with what its sources have today (repeatable).
    #[arg(long, value_name = "NAME", conflicts_with = "adopt")]
    update: Vec<String>,
    /// Accept an asset of the hub that has no sidecar, and record today's inputs for it
    /// (repeatable).
    #[arg(long, value_name = "NAME")]
    adopt: Vec<String>,
    /// Use no network.
    #[arg(long, env = larder_core::variables::OFFLINE, value_parser = super::values::switch, action = clap::ArgAction::SetTrue)]
    offline: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    for (flag, named) in [("--update", &args.update), ("--adopt", &args.adopt)] {
        if let (Some(name), false) = (named.first(), args.names.is_empty()) {
            return Err(Error::usage(format!(
                "`{flag}` takes the name itself, and no other names"
            ))
            .hint(format!("write `larder lock {flag} {name}`")));
        }
    }
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
    // Only one of the three may be given, so at most one list has names.
    let names = [&args.names[..], &args.update, &args.adopt].concat();
    let targets = args
        .platforms
        .targets_or_all(&session.ctx.project, &names)?;
    let errors = lock_all(&session.ctx, &targets, lines, args.jobs.get());
    Ok(session.end(errors.into()))
}
