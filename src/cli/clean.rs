//! `larder clean`.

use std::process::ExitCode;

use super::Global;
use super::session::Session;
use larder_core::error::Result;
use larder_engine::clean::clean_all;
use larder_engine::context::Options;
use larder_engine::plan::Selection;

/// Remove installed binaries and packages
///
/// Removes the installed binaries and packages of the named subsystems for every platform. `all`
/// removes those of every subsystem and the whole folder .dist. The cache, the hub and
/// versions.lock are kept, so that `larder ensure` restores everything quickly.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder clean nats
  larder clean all --dry-run")]
pub struct Args {
    /// Subsystems, or `all`.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Show what would be removed, and remove nothing.
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let session = Session::open(
        global,
        Options {
            dry_run: args.dry_run,
            ..Options::default()
        },
    )?;
    let selection = Selection::parse(&session.ctx.project, &args.names)?;
    let errors = clean_all(&session.ctx, &selection)?;
    Ok(session.end(errors.into()))
}
