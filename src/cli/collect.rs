//! `larder collect`.

use std::process::ExitCode;

use super::Global;
use super::session::{EveryPlatformArgs, JobArgs, Session};
use larder_core::error::Result;
use larder_engine::collect;
use larder_engine::context::Options;
use larder_engine::plan::Targets;

/// Collect in .collection the publishers' binaries for every platform
///
/// For each selected subsystem and every platform of the project, larder takes the original from
/// the cache or downloads it, checks its digest and its executable headers, and writes manifests
/// and a report.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder collect all
  larder collect flyctl v0.3.162        collect another version than the pinned one
  larder collect all --missing-only     collect only what is missing")]
pub struct Args {
    /// Subsystems, or `all`. A single subsystem may be followed by a version.
    #[arg(required = true, value_name = "NAME [VERSION]")]
    words: Vec<String>,
    /// Collect only what .collection does not contain yet.
    #[arg(long)]
    missing_only: bool,
    #[command(flatten)]
    platforms: EveryPlatformArgs,
    #[command(flatten)]
    jobs: JobArgs,
    /// Never change versions.lock. If an original has no line there, fail with exit code 3.
    #[arg(long, env = larder_core::variables::LOCKED, value_parser = super::values::switch, action = clap::ArgAction::SetTrue)]
    locked: bool,
    /// Use no network.
    #[arg(long, env = larder_core::variables::OFFLINE, value_parser = super::values::switch, action = clap::ArgAction::SetTrue)]
    offline: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let platforms = args.platforms.resolve()?;
    let mut project = global.load(&global.root()?)?;
    let names = collect::choose(&mut project, &args.words)?;
    let options = Options {
        locked: args.locked,
        offline: args.offline,
        ..Options::default()
    };
    let session = Session::with_project(global, project, options)?;
    let targets = Targets::parse(&session.ctx.project, &names, &platforms)?;
    let jobs = args.jobs.get();
    let errors = collect::collect_all(&session.ctx, &targets, args.missing_only, jobs)?;
    Ok(session.end(errors.into()))
}
