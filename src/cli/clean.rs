//! `larder clean`.

use std::process::ExitCode;

use super::Global;
use super::each::{Told, each_target};
use super::session::Session;
use crate::report::human;
use larder_core::error::Result;
use larder_core::model::{Action, Outcome, Platform, Target};
use larder_core::project::Subsystem;
use larder_engine::events::{Did, Event};
use larder_engine::plan::Selection;
use larder_engine::steps::{self, Cleaned, Options};

/// Remove installed binaries and packages
///
/// Of the named subsystems, for every platform; `all` removes all of them and all of .dist. The cache, the hub and
/// versions.lock stay, so that `larder ensure` brings everything back quickly.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder clean nats
  larder clean all --dry-run")]
pub struct Args {
    /// Subsystems, or `all`.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Say what would be removed; remove nothing.
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
    let ctx = std::sync::Arc::clone(&session.ctx);
    let told = |cleaned: Cleaned| match (cleaned.any, args.dry_run) {
        (false, _) => (Outcome::UpToDate, None),
        (true, false) => (Outcome::Cleaned, None),
        (true, true) => (
            Outcome::Skipped,
            Some(format!("{} would be removed", human::bytes(cleaned.bytes))),
        ),
    };
    let selection = Selection::parse(&ctx.project, &args.names)?;
    if selection == Selection::All {
        let cleaned = steps::clean_rest(&ctx)?;
        let (outcome, reason) = told(cleaned);
        let did = Did {
            reason,
            bytes: cleaned.bytes,
            ..Did::new(Action::Clean, ".dist", outcome)
        };
        ctx.events.send(Event::Did(did));
    }
    let target = |subsystem: &Subsystem| Target {
        name: subsystem.name.clone(),
        platform: Platform::host(),
    };
    let targets: Vec<_> = selection
        .subsystems(&ctx.project)
        .into_iter()
        .map(|s| (target(s), s.version.clone()))
        .collect();
    Ok(each_target(session, Action::Clean, &targets, |target| {
        let cleaned = steps::clean(&ctx, &target.name)?;
        let (outcome, reason) = told(cleaned);
        Ok((
            outcome,
            Told {
                bytes: cleaned.bytes,
                place: None,
                reason,
                version: None,
            },
        ))
    }))
}
