//! `larder init`.

use std::collections::BTreeSet;
use std::process::ExitCode;

use camino::{Utf8Path, Utf8PathBuf};

use super::Global;
use crate::report::Verbosity;
use larder_core::error::Result;
use larder_core::model::ChannelKind;
use larder_engine::init::{FileChange, LarderSource, Workflow, init, pages_folder};

/// Write a starter project that works immediately, or a CI workflow
///
/// larder writes `versions.yml` and one subsystem, both with comments, and adds the lines that git
/// needs to .gitignore and .gitattributes. Existing files are not overwritten. `--ci github` also
/// writes a workflow that plans, builds what is not released yet, and releases it. In an existing
/// project, `--ci github` writes only the workflow.
///
/// `--from FILE` makes the project from what another tool's file says: its tools get a version and a
/// recipe, its tasks become tasks of larder where they can be translated. The kinds are Taskfile.yml
/// (with the Taskfiles that it includes), mise.toml, .tool-versions, aqua.yaml, DotSlash files and
/// .goreleaser.yaml. FILE stays as it is. What could not be moved is listed with file, line and
/// reason, at the end and in versions.yml. The exit code is 0 even if something is left; it is 1 or
/// 5 if a tool was looked up and could not be found or its publisher did not answer, and everything
/// else is written in that case, too.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder init                 in an empty folder; then `larder ensure all`
  larder init --from Taskfile.yml            take over its tools and tasks
  larder init --from mise.toml --dry-run     show what would be written
  larder init --from .tool-versions --from Taskfile.yml
  larder init --ci github     also write .github/workflows/larder.yml
  larder init --ci github --publish    with a job that feeds the package managers on a tag
  larder init --ci github --pages site    with a job that puts site/ on GitHub Pages")]
pub struct Args {
    /// Take over the tools and tasks of this file (repeatable). What an earlier file says precedes.
    #[arg(long, value_name = "FILE", conflicts_with = "ci")]
    from: Vec<Utf8PathBuf>,
    /// Print the files that `--from` would write, and write none.
    #[arg(short = 'n', long, requires = "from")]
    dry_run: bool,
    /// Read a checkout of aqua-registry in this folder, in place of GitHub.
    #[arg(long, requires = "from", value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    registry: Option<Utf8PathBuf>,
    /// Use no network: tools whose file does not say where they are downloaded are left.
    #[arg(long, requires = "from", env = larder_core::variables::OFFLINE, value_parser = super::values::switch, action = clap::ArgAction::SetTrue)]
    offline: bool,
    /// Write a workflow for this CI.
    #[arg(long, value_name = "CI", value_enum)]
    ci: Option<Ci>,
    /// The workflow gets a job that feeds the project's package managers (`publish:`) on a tag.
    #[arg(long, requires = "ci")]
    publish: bool,
    /// The workflow gets a job that puts this folder on GitHub Pages, from the default branch. The
    /// `ci:` list of versions.yml has to make it, for example with a task.
    #[arg(long, requires = "ci", value_name = "DIR")]
    pages: Option<String>,
}

/// The values of `--ci`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Ci {
    /// GitHub Actions.
    Github,
}

/// Where this larder was built from, if whoever built it said so when it was compiled.
fn own_source() -> Option<LarderSource> {
    LarderSource::new(
        option_env!("LARDER_BUILD_REPOSITORY")?,
        option_env!("LARDER_BUILD_REVISION")?,
    )
}

/// The channels that are on for any subsystem of the project, if the folder is one.
fn channels(global: &Global, root: &Utf8Path) -> Result<Vec<ChannelKind>> {
    if !larder_core::fs::exists(root.join("versions.yml")) {
        return Ok(Vec::new());
    }
    let project = global.load(root)?;
    let on: BTreeSet<ChannelKind> = project
        .subsystems
        .values()
        .flat_map(|subsystem| subsystem.publish.channels.keys().copied())
        .collect();
    Ok(on.into_iter().collect())
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let root = global.start()?;
    if !args.from.is_empty() {
        return super::init_from::run(
            &args.from,
            &root,
            args.dry_run,
            args.offline,
            args.registry.as_deref(),
            global,
        );
    }
    let publish = args.publish.then(|| channels(global, &root)).transpose()?;
    let pages = args.pages.as_deref().map(pages_folder).transpose()?;
    let workflow = args.ci.map(|Ci::Github| Workflow {
        larder: own_source(),
        publish,
        pages,
    });
    let done = init(&root, workflow.as_ref(), &global.startup.environment)?;
    if global.json {
        global.print_json(&done.document())?;
        return Ok(ExitCode::SUCCESS);
    }
    if global.verbosity() != Verbosity::Quiet {
        for (path, change) in &done.files {
            global.message(&match change {
                FileChange::Written => format!("wrote {path}"),
                FileChange::Extended => format!("added lines to {path}"),
                FileChange::Kept => format!("{path} already exists and was not changed"),
            });
        }
        if !done.existing {
            global.message("next: larder ensure all");
        }
    }
    if workflow.is_some_and(|workflow| workflow.larder.is_none())
        && global.verbosity() != Verbosity::Quiet
    {
        global.message(
            "next: fill in LARDER_REPOSITORY and LARDER_REVISION in .github/workflows/larder.yml, unless your runners have larder on PATH",
        );
    }
    if let Some(folder) = &args.pages
        && global.verbosity() != Verbosity::Quiet
    {
        global.message(&format!(
            "next: let `larder ci` make {folder}, and choose \"GitHub Actions\" under Settings → Pages of the repository"
        ));
    }
    if args.ci.is_some() && !done.existing && !done.names_hub {
        global.message(
            "next: set the hub in versions.yml, `hub: {github: owner/name}`; without it, CI cannot release",
        );
    }
    Ok(ExitCode::SUCCESS)
}
