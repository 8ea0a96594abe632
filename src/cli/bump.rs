//! `larder bump`.

use std::process::ExitCode;

use super::Global;
use super::session::Session;
use larder_core::error::Result;
use larder_core::model::Version;
use larder_engine::context::Options;
use larder_engine::versions::bump::{Wish, bump};

/// Pin another version in versions.yml
///
/// Changes the one value and leaves every other byte as it is: comments, order, quotes. Without a version the newest one
/// is asked for (see `larder outdated`). The new version is locked for all of the project's platforms, as `larder lock` does;
/// where that fails, because the publisher does not have it for one of them, say, versions.yml stays as it was.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder bump nats v2.10.25     this one
  larder bump nats              the newest
  larder bump all               everything that is outdated
  larder bump nats --dry-run    what it would be")]
pub struct Args {
    /// A subsystem, or `all` for everything that is outdated.
    #[arg(value_name = "NAME")]
    name: String,
    /// The version to pin. Default: the newest.
    #[arg(value_name = "VERSION")]
    version: Option<String>,
    /// Take pre-releases for newest, too. Without it only where the present version is one.
    #[arg(long, conflicts_with = "version")]
    pre: bool,
    /// Leave versions.lock alone.
    #[arg(long)]
    no_lock: bool,
    /// Say what would change; change nothing.
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Never open a socket.
    #[arg(long, env = larder_core::variables::OFFLINE, value_parser = clap::builder::BoolishValueParser::new(), action = clap::ArgAction::SetTrue)]
    offline: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let version: Option<Version> = args.version.as_ref().map(|text| text.parse()).transpose()?;
    let wish = Wish::new(&args.name, version, args.pre, !args.no_lock)?;
    let (project, user) = (global.load(&global.root()?)?, &global.startup.user);
    let selection = wish.check(&project, user)?;
    let options = Options {
        offline: args.offline,
        dry_run: args.dry_run,
        ..Options::default()
    };
    let mut session = Session::with_project(global, project, options)?;
    let errors = bump(session.context_mut()?, user, &selection, &wish)?;
    Ok(session.end(errors.into()))
}
