//! `larder init`.

use std::process::ExitCode;

use super::Global;
use crate::report::Verbosity;
use larder_core::error::Result;
use larder_engine::init::{FileChange, LarderSource, Workflow, init};

/// Write a starter project that works immediately, or a CI workflow
///
/// larder writes `versions.yml` and one subsystem, both with comments, and adds the lines that git
/// needs to .gitignore and .gitattributes. Existing files are not overwritten. `--ci github` also
/// writes a workflow that plans, builds what is not released yet, and releases it. In an existing
/// project, `--ci github` writes only the workflow.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder init                 in an empty folder; then `larder ensure all`
  larder init --ci github     also write .github/workflows/larder.yml")]
pub struct Args {
    /// Write a workflow for this CI.
    #[arg(long, value_name = "CI", value_enum)]
    ci: Option<Ci>,
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

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let workflow = args.ci.map(|Ci::Github| Workflow {
        larder: own_source(),
    });
    let done = init(
        &global.start()?,
        workflow.as_ref(),
        &global.startup.environment,
    )?;
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
    if args.ci.is_some() && !done.existing && !done.names_hub {
        global.message(
            "next: set the hub in versions.yml, `hub: {github: owner/name}`; without it, CI cannot release",
        );
    }
    Ok(ExitCode::SUCCESS)
}
