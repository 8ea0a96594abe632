//! `larder release`.

use std::process::ExitCode;

use super::Global;
use super::each::{Told, each};
use super::session::{PlatformArgs, Session};
use crate::error::{Error, Result};
use crate::model::Action;
use crate::steps::{self, Options, ReleaseOptions};

/// Publish installed binaries to the hub
///
/// Packages what is missing or stale, asks the hub what it has, uploads the rest, and publishes last. What is there with
/// the same artifact is left alone; a second run writes nothing.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder release all
  larder release binary nats --platform linux-arm64")]
pub struct Args {
    /// Subsystems, or `all`; the word `binary` before them is allowed.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    platforms: PlatformArgs,
    /// Put these assets in the place of others of the same name.
    #[arg(long)]
    replace: bool,
    /// Leave the release a draft; `release finalize` publishes it.
    #[arg(long)]
    stage: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let names = match args.names.split_first() {
        Some((first, rest)) if first == "binary" => rest,
        _ => &args.names,
    };
    if names.is_empty() {
        return Err(Error::usage("release what?").hint("name subsystems, or say `larder release all`"));
    }
    let session = Session::open(global, Options::default())?;
    let ctx = std::sync::Arc::clone(&session.ctx);
    let options = ReleaseOptions { replace: args.replace, stage: args.stage };
    each(session, Action::Release, names, &args.platforms.resolve()?, |cell| {
        let released = steps::release(&ctx, cell, options)?;
        Ok((released.outcome, Told { bytes: released.bytes, place: Some(released.place), reason: released.reason }))
    })
}
