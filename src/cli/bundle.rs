//! `larder bundle`.

use std::process::ExitCode;

use super::Global;
use super::ensure::AcquireArgs;
use super::session::{LimitArgs, PlatformArgs, Session};
use larder_core::error::Result;
use larder_engine::release::bundle::bundle_all;

/// Pack everything into one archive per platform
///
/// `.dist/<bundle>-<os>-<arch>.tar.gz` (zip for windows) holds the binaries of all subsystems at its top, their stamps as
/// `.versions/<subsystem>`, and included files as `share/<subsystem>/<file>`. What is missing is ensured first. `bundle:` in
/// versions.yml names it, and what to leave out.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder bundle                           for this machine
  larder bundle --platform all            one for each of the project's platforms
  larder bundle --platform linux-arm64 --locked")]
pub struct Args {
    #[command(flatten)]
    platforms: PlatformArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    pub(super) how: AcquireArgs,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let session = Session::open(global, args.how.options())?;
    let platforms = args.platforms.resolve()?;
    let ensured = bundle_all(&session.ctx, &platforms, args.limits.resolve())?;
    Ok(session.end(ensured))
}
