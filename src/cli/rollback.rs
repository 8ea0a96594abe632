//! `larder rollback`.

use std::process::ExitCode;

use super::Global;
use super::session::{PlatformArgs, Session};
use larder_core::error::{Error, Result};
use larder_engine::context::Options;
use larder_engine::rollback::rollback_all;

/// Go back to the binaries that were installed before
///
/// Switches the installed binaries to the previous set in one atomic step. Running it a second time
/// switches back. versions.yml is not changed, so the next `ensure` installs what it pins. A set that may not be
/// used any more, because its version was yanked or has no signature that `trust:` accepts, is
/// refused with exit code 4.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder rollback nats")]
pub struct Args {
    /// Subsystems.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    platforms: PlatformArgs,
    /// Go back even to a version that was yanked, with a warning.
    #[arg(long)]
    allow_yanked: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    if args.names.iter().any(|name| name == "all") {
        return Err(Error::usage(
            "`rollback` takes the names of subsystems, not `all`",
        ));
    }
    let options = Options {
        allow_yanked: args.allow_yanked,
        ..Options::default()
    };
    let session = Session::open(global, options)?;
    let targets = args.platforms.targets(&session.ctx.project, &args.names)?;
    let errors = rollback_all(&session.ctx, &targets);
    Ok(session.end(errors.into()))
}
