//! `larder package`.

use std::process::ExitCode;

use super::Global;
use super::each::{Told, each};
use super::session::{PlatformArgs, Session};
use larder_core::error::Result;
use larder_core::model::{Action, Outcome};
use larder_engine::steps::{self, Options};

/// Pack installed binaries into assets in .dist
///
/// The same files and inputs give the same archive, byte for byte, on any machine. Each asset gets a sidecar
/// `<asset>.json` with the truth about it.
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
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let session = Session::open(global, Options::default())?;
    let ctx = std::sync::Arc::clone(&session.ctx);
    each(
        session,
        Action::Package,
        &args.names,
        &args.platforms.resolve()?,
        |target| {
            let packaged = steps::package(&ctx, target)?;
            let outcome = if packaged.up_to_date {
                Outcome::UpToDate
            } else {
                Outcome::Packaged
            };
            let place = packaged
                .file
                .strip_prefix(&ctx.project.root)
                .unwrap_or(&packaged.file)
                .to_string();
            Ok((
                outcome,
                Told {
                    bytes: packaged.sidecar.size,
                    place: Some(place),
                    reason: None,
                    version: None,
                },
            ))
        },
    )
}
