//! `larder bundle`.

use std::process::ExitCode;

use super::Global;
use super::ensure::AcquireArgs;
use super::session::{LimitArgs, PlatformArgs, Session};
use larder_core::error::Result;
use larder_engine::release::bundle::bundle_all;

/// Pack all binaries into one archive per platform
///
/// The archive is `.dist/<bundle>-<os>-<arch>.tar.gz`, or `.zip` for Windows. It contains the
/// binaries of all subsystems at its top, their stamps as `.versions/<subsystem>`, and their
/// included files as `share/<subsystem>/<file>`. Missing binaries are installed first. `bundle:` in
/// versions.yml sets the name of the archive and the subsystems to leave out.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder bundle                           make the archive for this machine
  larder bundle --platform all            make one for each platform of the project
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
