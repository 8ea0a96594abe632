//! `larder bump`.

use std::process::ExitCode;

use super::Global;
use super::session::Session;
use larder_core::error::{Error, Result};
use larder_core::model::Version;
use larder_engine::context::Options;
use larder_engine::versions::bump::{BumpRequest, bump};

/// Pin another version in versions.yml
///
/// Only the version is changed: comments, order and quotes stay as they are. Without a version,
/// larder looks up the newest one (see `larder outdated`). Then it locks the new version for all
/// platforms of the project, as `larder lock` does. If locking fails, for example because the
/// publisher has no release for one of the platforms, versions.yml is not changed.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder bump nats v2.10.25     pin this version
  larder bump nats              pin the newest version
  larder bump all               update every subsystem that is outdated
  larder bump nats --dry-run    show the change without making it")]
pub struct Args {
    /// A subsystem, or `all` for every subsystem that is outdated.
    #[arg(value_name = "NAME")]
    name: String,
    /// The version to pin. Default: the newest.
    #[arg(value_name = "VERSION")]
    version: Option<String>,
    /// Also consider pre-releases. Without this option they are considered only if the current
    /// version is one.
    #[arg(long, conflicts_with = "version")]
    pre: bool,
    /// Do not change versions.lock.
    #[arg(long)]
    no_lock: bool,
    /// Show what would change, and change nothing.
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Use no network.
    #[arg(long, env = larder_core::variables::OFFLINE, value_parser = super::values::switch, action = clap::ArgAction::SetTrue)]
    offline: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    if args.version.as_deref() == Some("") {
        return Err(Error::usage("the version is empty").hint(format!(
            "write it after the name: `larder bump {} VERSION`",
            args.name
        )));
    }
    let version: Option<Version> = args.version.as_ref().map(|text| text.parse()).transpose()?;
    let request = BumpRequest::new(&args.name, version, args.pre, !args.no_lock)?;
    let (project, user) = (global.load(&global.root()?)?, &global.startup.user);
    let selection = request.check(&project, user)?;
    let options = Options {
        offline: args.offline,
        dry_run: args.dry_run,
        ..Options::default()
    };
    let mut session = Session::with_project(global, project, options)?;
    let errors = bump(session.context_mut()?, user, &selection, &request)?;
    Ok(session.end(errors.into()))
}
