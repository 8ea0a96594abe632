//! `larder collect`.

use std::process::ExitCode;

use super::Global;
use super::session::{JobArgs, PlatformArgs, Session};
use larder_core::error::Result;
use larder_engine::collect;
use larder_engine::context::Options;
use larder_engine::plan::Targets;

/// Lay out the publishers' binaries of every platform in .collection
///
/// Downloads (or takes from the cache) the original of each selected subsystem for every platform of the project, checks
/// digests and executable headers, and writes manifests and a report.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder collect all
  larder collect flyctl v0.3.162        one subsystem, at another version than the pinned one
  larder collect all --missing-only     only what is not there")]
pub struct Args {
    /// Subsystems, or `all`; after a single one, a version.
    #[arg(required = true, value_name = "NAME [VERSION]")]
    words: Vec<String>,
    /// Ask only for what the collection lacks.
    #[arg(long)]
    missing_only: bool,
    #[command(flatten)]
    platforms: PlatformArgs,
    #[command(flatten)]
    jobs: JobArgs,
    /// Write nothing to versions.lock; fail (3) where an original has no line there.
    #[arg(long, env = larder_core::variables::LOCKED, value_parser = clap::builder::BoolishValueParser::new(), action = clap::ArgAction::SetTrue)]
    locked: bool,
    /// Never open a socket.
    #[arg(long, env = larder_core::variables::OFFLINE, value_parser = clap::builder::BoolishValueParser::new(), action = clap::ArgAction::SetTrue)]
    offline: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let platforms = args.platforms.resolve()?.or_all();
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
