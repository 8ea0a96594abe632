//! `larder changelog`.

use std::process::ExitCode;

use super::Global;
use super::session::{end_runtime, supervised};
use crate::report::Cleaned as _;
use larder_core::error::{Error, Result};
use larder_core::formats::documents::{ChangelogBasis, ChangelogDocument};
use larder_core::project::Project;
use larder_engine::changelog::{Asked, Changelogs, FETCH_HINT};
use larder_remote::git::Git;

/// Show what has changed in a subsystem since its last released version
///
/// The changes are the commits of the project's repository that touch the recipe's folder or a
/// folder that the subsystem is built from. They are printed as Markdown: breaking changes first,
/// then features, fixes and so on where conventional commits are used, otherwise as one list. A
/// commit and its revert cancel each other out. The range begins after the newest tag of an older
/// version, such as `nats-v2.10.24`, else after the commit that pinned the version before in
/// versions.yml, else with the first commit.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder changelog nats
  larder changelog nats --from nats-v2.10.20 --to nats-v2.10.24
  larder changelog nats --json | jq -r '.groups[].changes[].summary'")]
pub struct Args {
    /// The subsystem.
    #[arg(value_name = "NAME")]
    name: String,
    /// Begin after this tag or commit. Default: the last released version.
    #[arg(long, value_name = "TAG")]
    from: Option<String>,
    /// End with this revision. Default: the commit that is checked out.
    #[arg(long, value_name = "REV")]
    to: Option<String>,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let project = global.load(&global.root()?)?;
    let settings = global.startup.settings(true)?;
    let (runtime, cancel) = supervised()?;
    let git = Git::new(settings.environment(), true, &cancel);
    let document = document(args, &project, &git, settings.remote.github.web.as_str());
    end_runtime(runtime);
    let document = document?.cleaned(&global.redactor());
    if global.json {
        global.print_json(&document)?;
        return Ok(ExitCode::SUCCESS);
    }
    for line in remarks(&document) {
        global.message(&line);
    }
    if !document.markdown.is_empty() {
        let title = format!("## {} {}\n\n", document.name, document.version);
        global.print(&(title + &document.markdown))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn document(args: &Args, project: &Project, git: &Git<'_>, web: &str) -> Result<ChangelogDocument> {
    let name = args.name.parse()?;
    let subsystem = project.subsystems.get(&name).ok_or_else(|| {
        Error::usage(format!("no subsystem is called `{name}`"))
            .hint("`larder list` shows the subsystems of the project")
    })?;
    let asked = Asked {
        from: args.from.as_deref(),
        to: args.to.as_deref(),
    };
    Changelogs { project, git, web }.of(subsystem, &subsystem.publish.changelog, asked)
}

/// What people should know about a changelog.
fn remarks(document: &ChangelogDocument) -> Vec<String> {
    let ChangelogDocument { name, basis, .. } = document;
    let mut remarks = Vec::new();
    if *basis == ChangelogBasis::History {
        remarks.push(format!(
            "no earlier version of {name} was found: this is the whole history"
        ));
    }
    if *basis == ChangelogBasis::None {
        remarks.push(format!("the recipe of {name} wants no changelog"));
    } else if document.markdown.is_empty() {
        let since = document.from.as_deref();
        let since = since.map_or(String::new(), |from| format!(" since {from}"));
        remarks.push(format!("no commit touches {name}{since}"));
    }
    if document.shallow {
        remarks.push(format!(
            "warning: the clone is shallow, so older changes may be missing\n  hint: {FETCH_HINT}"
        ));
    }
    if document.truncated {
        remarks.push(
            "warning: there are too many commits, so the oldest ones are missing\n  \
             hint: read a shorter part of the history with `--from`"
                .to_owned(),
        );
    }
    remarks
}
