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
/// switches back. versions.yml is not changed, so the next `ensure` installs what it pins.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder rollback nats")]
pub struct Args {
    /// Subsystems.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    platforms: PlatformArgs,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    if args.names.iter().any(|name| name == "all") {
        return Err(Error::usage(
            "`rollback` takes the names of subsystems, not `all`",
        ));
    }
    let session = Session::open(global, Options::default())?;
    let targets = args.platforms.targets(&session.ctx.project, &args.names)?;
    let errors = rollback_all(&session.ctx, &targets);
    Ok(session.end(errors.into()))
}
