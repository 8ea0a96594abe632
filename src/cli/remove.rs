//! `larder remove`.

use std::process::ExitCode;

use super::Global;
use super::session::Session;
use larder_core::error::{Error, Result};
use larder_core::model::Name;
use larder_engine::context::Options;
use larder_engine::plan::Selection;
use larder_engine::versions::as_if_pinned;
use larder_engine::versions::remove::remove;

/// Remove a subsystem from the project
///
/// Removes its line in versions.yml, its recipe, its installed binaries and its packages. Other
/// files in the recipe's folder, versions.lock, the cache and the hub are kept. If another
/// subsystem, a task or a line of `ci:` needs it, nothing is changed.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder remove nats
  larder remove nats --dry-run    show what would be removed")]
pub struct Args {
    /// A subsystem.
    #[arg(value_name = "NAME")]
    name: String,
    /// Show what would be removed, and remove nothing.
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    if args.name == "all" {
        return Err(
            Error::usage("`remove` takes the name of one subsystem, not `all`")
                .hint("`larder clean all` removes what is installed"),
        );
    }
    let root = global.root()?;
    let project = match global.load(&root) {
        Ok(project) => project,
        Err(error) => {
            let name: Option<Name> = args.name.parse().ok();
            let user = &global.startup.user;
            name.and_then(|name| as_if_pinned(&root, &name, user))
                .ok_or(error)?
        }
    };
    let Selection::Names(names) = Selection::parse(&project, std::slice::from_ref(&args.name))?
    else {
        return Ok(ExitCode::SUCCESS);
    };
    let options = Options {
        dry_run: args.dry_run,
        ..Options::default()
    };
    let session = Session::with_project(global, project, options)?;
    let mut errors = Vec::new();
    for name in &names {
        errors.extend(remove(&session.ctx, name)?);
    }
    Ok(session.end(errors.into()))
}
