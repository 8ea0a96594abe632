//! `larder ci`.

use std::process::ExitCode;
use std::time::Instant;

use super::Global;
use super::counts::Counts;
use super::line::Line;
use super::session::{end_runtime, supervised};
use crate::report::{self, Mode, Tone, Verbosity};
use larder_core::error::{Kind, Result};
use larder_core::model::{Action, Outcome};
use larder_engine::tasks::ci::{Ci, CommandLine as _};

/// Run the commands under `ci:` in versions.yml, as CI does
///
/// Each line is a larder command. The lines run one after the other, as if they were typed; the
/// first failure ends the run. All lines are parsed before the first one runs. The behaviour is the
/// same on a laptop and in CI. In GitHub Actions each line is shown as a group, and lines that
/// release are skipped in pull requests and on branches other than the default one; uploads after a
/// build are skipped there too.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder ci
  larder ci --json        print JSON lines for every step and for every line of `ci:`")]
pub struct Args {}

/// Runs it.
pub fn run(_args: &Args, global: &Global) -> Result<ExitCode> {
    let started = Instant::now();
    let root = global.root()?;
    let project = global.load(&root)?;
    let context = global.startup.ci();
    let ci = Ci::parse(&project, &context, |line| {
        Line::parse(line, &global.startup)
    })?;
    let counts = Counts::default();
    let inner = Global {
        directory: Some(root),
        parent_counts: Some(counts.clone()),
        in_group: true,
        ..global.clone()
    };
    // A signal must also end the run when it arrives between two lines.
    let (runtime, cancel) = supervised()?;
    let mut code = ExitCode::SUCCESS;
    let done = ci.run(&cancel, |line| {
        code = run_line(line, &inner);
        // The error is on stderr already, but not yet in the JSON output.
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
    end_runtime(runtime);
    let mut shown = Ok(());
    for did in &done {
        counts.count(did.outcome);
        shown = shown.and(global.show_step(did));
    }
    let failed = done
        .iter()
        .find(|did| did.outcome == Outcome::Failed)
        .map_or("nothing", |did| did.subject.as_str())
        .to_owned();
    global.summarise(Action::Ci, done);
    if code != ExitCode::SUCCESS && !global.json {
        global.message(&format!(
            "ci: `{failed}` failed; run it alone with `larder {failed}`"
        ));
    }
    counts.end(global, started, code_of(code, shown))
}

/// The code of the lines; if they succeeded, the error of showing them.
fn code_of(code: ExitCode, shown: Result<()>) -> Result<ExitCode> {
    match shown {
        Err(error) if code == ExitCode::SUCCESS => Err(error),
        _ => Ok(code),
    }
}

/// Runs a line under a title of its own: a group in GitHub Actions, otherwise a bold line.
fn run_line(line: &Line, global: &Global) -> ExitCode {
    let groups = matches!(global.mode(), Mode::GitHubActions { .. });
    let talks = !global.json && global.verbosity() > Verbosity::Quiet;
    let title = format!("larder {}", line.text());
    if groups {
        let title = report::escape_data(&global.redactor().clean_line(&title));
        global.printer().command(&format!("::group::{title}"));
    } else if talks {
        let title = global.redactor().clean_line(&title);
        global.message(&global.paint().tone(Tone::Strong, &title));
    }
    let code = line.run(global);
    if groups {
        global.printer().command("::endgroup::");
    } else if talks {
        global.message("");
    }
    code
}
