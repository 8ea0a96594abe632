//! `larder ci`.

use std::process::ExitCode;
use std::time::Instant;

use super::Global;
use super::counts::Counts;
use super::line::Line;
use super::session::supervised;
use crate::report::{self, Mode, Tone, Verbosity};
use larder_core::error::{Kind, Result};
use larder_core::model::Outcome;
use larder_engine::tasks::ci::{Ci, CommandLine as _};

/// Do what CI does: the lines of `ci:` in versions.yml
///
/// Each line is a larder command, run as if it was typed, one after the other; the first failure ends the run. All lines
/// are understood before the first one runs. The same on a laptop and in CI; in GitHub Actions each line is a group, and lines
/// that release are skipped in pull requests and on other branches than the default one, as uploads after a build are.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder ci
  larder ci --json        JSON lines of every step, and of every line of `ci:`")]
pub struct Args {}

/// Runs it.
pub fn run(_args: &Args, global: &Global) -> Result<ExitCode> {
    let started = Instant::now();
    let root = global.root()?;
    let project = global.load(&root)?;
    let context = global.startup.ci();
    let ci = Ci::understand(&project, &context, |line| {
        Line::parse(line, &global.startup)
    })?;
    let counts = Counts::default();
    let inner = Global {
        directory: Some(root),
        parent_counts: Some(counts.clone()),
        ..global.clone()
    };
    // Also between two lines a signal ends the run.
    let (runtime, cancel) = supervised()?;
    let mut code = ExitCode::SUCCESS;
    let done = ci.run(&cancel, |line| {
        code = run_line(line, &inner);
        // Told already, but not as data.
        let error = counts.take_error().filter(|_| global.json);
        if code == ExitCode::SUCCESS {
            Ok(())
        } else {
            Err(error)
        }
    });
    if let Some(signal) = cancel.signal() {
        code = ExitCode::from(Kind::Interrupted(signal).exit_code());
    }
    runtime.shutdown_background();
    for did in &done {
        counts.count(did.outcome);
        global.show_step(did);
    }
    if code != ExitCode::SUCCESS && !global.json {
        let failed = done
            .iter()
            .find(|did| did.outcome == Outcome::Failed)
            .map_or("nothing", |did| did.subject.as_str());
        report::message(&format!(
            "ci: `{failed}` failed; `larder {failed}` runs it alone"
        ));
    }
    counts.end(global, started, Ok(code))
}

/// Runs a line, marked off from what is shown of the others.
fn run_line(line: &Line, global: &Global) -> ExitCode {
    let groups = matches!(global.mode(), Mode::GitHubActions { .. });
    let talks = !global.json && global.verbosity() > Verbosity::Quiet;
    let title = format!("larder {}", line.text());
    if groups {
        report::message(&format!("::group::{title}"));
    } else if talks {
        report::message(&global.paint().tone(Tone::Strong, &title));
    }
    let code = line.run(global);
    if groups {
        report::message("::endgroup::");
    } else if talks {
        report::message("");
    }
    code
}
