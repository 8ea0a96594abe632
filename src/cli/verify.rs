//! `larder verify`.

use std::process::ExitCode;

use super::Global;
use super::session::{JobArgs, PlatformArgs, Session};
use larder_core::error::Result;
use larder_engine::context::Options;
use larder_engine::verify::verify_all;

/// Check the installed binaries
///
/// Hashes every installed file, regardless of the recorded state, and checks the headers of
/// executables. For this machine's platform it also runs each recipe's `verify` command. Damage
/// gives exit code 4; `larder ensure` repairs it.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder verify                     check everything that is installed
  larder verify all                 check all subsystems; one that is not installed fails
  larder verify nats --platform all")]
pub struct Args {
    /// Subsystems, or `all`; they must be installed. Default: every installed subsystem.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    platforms: PlatformArgs,
    #[command(flatten)]
    jobs: JobArgs,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let session = Session::open(global, Options::default())?;
    let targets = args
        .platforms
        .targets_or_all(&session.ctx.project, &args.names)?;
    let named = !args.names.is_empty();
    let errors = verify_all(&session.ctx, &targets, named, args.jobs.get())?;
    Ok(session.end(errors.into()))
}
