//! `larder lock`.

use std::process::ExitCode;
use std::sync::Arc;

use super::Global;
use super::each::{Told, each};
use super::session::{PlatformArgs, Session};
use larder_core::error::Result;
use larder_core::model::{Action, Outcome};
use larder_engine::acquire::sources::original::Pins;
use larder_engine::context::Options;
use larder_engine::lock_resolve;

/// Pin what is accepted in versions.lock
///
/// Adds the lines that are missing, for every selected subsystem and platform, without installing anything: the hub's
/// assets, the publishers' files (which are downloaded, checked and kept in the cache), the commits of git sources.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder lock --platform all          everything, for every platform of the project
  larder lock nats --platform all     one subsystem
  larder lock --update nats           accept what nats' sources have today
  larder lock --adopt nats            trust an asset of the hub that has no sidecar")]
pub struct Args {
    /// Subsystems, or `all`. Default: all.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    platforms: PlatformArgs,
    /// Replace the lines of these by what their sources have today.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["names", "adopt"])]
    update: Vec<String>,
    /// Tie an asset of the hub that has no sidecar to today's inputs.
    #[arg(long, value_name = "NAME", conflicts_with = "names")]
    adopt: Vec<String>,
    /// Never open a socket.
    #[arg(long, env = larder_core::variables::OFFLINE, value_parser = clap::builder::BoolishValueParser::new(), action = clap::ArgAction::SetTrue)]
    offline: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let session = Session::open(
        global,
        Options {
            offline: args.offline,
            ..Options::default()
        },
    )?;
    let ctx = Arc::clone(&session.ctx);
    let (update, adopt) = (!args.update.is_empty(), !args.adopt.is_empty());
    let pins = if update { Pins::Anew } else { Pins::Lock };
    let names = match (update, adopt, args.names.is_empty()) {
        (true, _, _) => args.update.clone(),
        (_, true, _) => args.adopt.clone(),
        (_, _, true) => vec!["all".to_owned()],
        _ => args.names.clone(),
    };
    each(
        session,
        Action::Lock,
        &names,
        &args.platforms.resolve()?,
        |target| {
            let lines = if adopt {
                lock_resolve::adopt(&ctx, target)?.into_iter().collect()
            } else {
                lock_resolve::lines(&ctx, target, pins)?
            };
            let changed = ctx.locking.write(&lines, update)?;
            let outcome = if changed {
                Outcome::Locked
            } else {
                Outcome::UpToDate
            };
            Ok((outcome, Told::default()))
        },
    )
}
