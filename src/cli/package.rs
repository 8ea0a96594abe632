//! `larder package`.

use std::process::ExitCode;

use super::Global;
use super::session::{JobArgs, PlatformArgs, Session};
use larder_core::error::Result;
use larder_engine::context::Options;
use larder_engine::release::package::package_all;

/// Pack installed binaries into assets in .dist
///
/// The same files and inputs give the same archive, byte for byte, on any machine. Each asset gets
/// a sidecar `<asset>.json` that describes it.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder package all
  larder package nats --platform windows-amd64")]
pub struct Args {
    /// Subsystems, or `all`.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    platforms: PlatformArgs,
    #[command(flatten)]
    jobs: JobArgs,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let session = Session::open(global, Options::default())?;
    let targets = args.platforms.targets(&session.ctx.project, &args.names)?;
    let errors = package_all(&session.ctx, &targets, args.jobs.get());
    Ok(session.end(errors.into()))
}
