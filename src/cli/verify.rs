//! `larder verify`.

use std::process::ExitCode;

use super::Global;
use super::each::{Told, each};
use super::session::{PlatformArgs, Session};
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::model::{Action, Outcome, Target};
use larder_engine::plan::Selection;
use larder_engine::steps::{self, Options};

/// Check what is installed
///
/// Hashes every installed file, whatever was recorded before, looks at the executables' headers, and on this machine runs
/// each recipe's `verify` command. Damage is exit 4; `larder ensure` repairs it.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder verify                     all that is installed
  larder verify all                 all of the project; what is not installed fails
  larder verify nats --platform all")]
pub struct Args {
    /// Subsystems, or `all`; they must be installed. Default: those that are.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    platforms: PlatformArgs,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let platforms = args.platforms.resolve()?;
    let session = Session::open(global, Options::default())?;
    let ctx = std::sync::Arc::clone(&session.ctx);
    let named = !args.names.is_empty();
    // A folder without an acceptable stamp counts as installed here: something is wrong with it.
    let installed =
        |target: &Target| fs::lstat(ctx.bin(target).dir()).is_ok_and(|meta| meta.is_some());
    if !named {
        let any = Selection::All
            .subsystems(&ctx.project)
            .into_iter()
            .any(|subsystem| {
                let (there, _) = platforms.of(&ctx.project, subsystem);
                there.into_iter().any(|platform| {
                    installed(&Target {
                        name: subsystem.name.clone(),
                        platform,
                    })
                })
            });
        if !any {
            let error = Error::failed("nothing is installed, so there is nothing to verify");
            return Err(error.hint("`larder ensure all` installs everything"));
        }
    }
    let names = if named {
        args.names.clone()
    } else {
        vec!["all".to_owned()]
    };
    each(session, Action::Verify, &names, &platforms, |target| {
        if !named && !installed(target) {
            return Ok((
                Outcome::Skipped,
                Told {
                    reason: Some("not installed".into()),
                    ..Told::default()
                },
            ));
        }
        let bytes = steps::verify::verify(&ctx, target)?;
        Ok((
            Outcome::Verified,
            Told {
                bytes,
                ..Told::default()
            },
        ))
    })
}
