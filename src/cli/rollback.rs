//! `larder rollback`.

use std::process::ExitCode;

use super::Global;
use super::each::{Told, each};
use super::session::{PlatformArgs, Session};
use larder_core::error::{Error, Result};
use larder_core::model::{Action, Outcome};
use larder_engine::events::Level;
use larder_engine::steps::{self, Options};

/// Go back to what was installed before
///
/// Switches the installed binaries to the set before the present one, at once and whole; again, and the switch is undone.
/// versions.yml is left alone, so the next `ensure` installs what it pins.
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
    let platforms = args.platforms.resolve()?;
    if args.names.iter().any(|name| name == "all") {
        return Err(Error::usage(
            "`rollback` takes the names of subsystems, not `all`",
        ));
    }
    let session = Session::open(global, Options::default())?;
    let ctx = std::sync::Arc::clone(&session.ctx);
    each(
        session,
        Action::Rollback,
        &args.names,
        &platforms,
        |target| {
            let artifact = steps::rollback(&ctx, target)?;
            let pinned = &ctx.subsystem(target)?.version;
            let now = if artifact.version == *pinned {
                format!("another build of {pinned} is installed now")
            } else {
                format!(
                    "{} is installed now; versions.yml still pins {pinned}",
                    artifact.version
                )
            };
            ctx.events.note(Some(target), Level::Info, now.clone());
            Ok((
                Outcome::RolledBack,
                Told {
                    bytes: artifact.size(),
                    place: None,
                    reason: Some(now),
                    version: Some(artifact.version),
                },
            ))
        },
    )
}
