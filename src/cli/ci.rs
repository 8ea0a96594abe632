//! `larder ci`.

use std::process::ExitCode;
use std::time::Instant;

use super::Global;
use super::line::Line;
use super::session::supervised;
use super::settings::Startup;
use super::tally::Tally;
use crate::report::{self, Mode, Verbosity};
use larder_core::error::{Error, Kind, Result};
use larder_core::model::{Action, Outcome};
use larder_engine::events::Did;
use larder_engine::release::upload::held_back;

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
    if project.ci.is_empty() {
        return Err(Error::usage("versions.yml has no `ci:`")
            .hint("say what CI does, e.g. `ci: [ensure all, verify, package all]`"));
    }
    let mut lines = understand(&project.ci, &global.startup)?;
    let held_back = held_back(&project, &global.startup.ci());
    if held_back.is_some() {
        lines = lines.into_iter().map(Line::without_upload).collect();
    }
    let tally = Tally::default();
    let inner = Global {
        directory: Some(root),
        within: Some(tally.clone()),
        ..global.clone()
    };
    // Also between two lines a signal ends the run.
    let (runtime, cancel) = supervised()?;
    let mode = global.mode();
    let groups = matches!(mode, Mode::GitHubActions { .. });
    let talks = !global.json && global.verbosity() > Verbosity::Quiet;
    let mut done: Vec<Did> = Vec::new();
    let mut code = ExitCode::SUCCESS;
    for line in &lines {
        let mut did = Did::new(Action::Ci, &line.text, Outcome::Skipped);
        if code != ExitCode::SUCCESS || cancel.signal().is_some() {
            did.reason = Some("not run".into());
            done.push(did);
            continue;
        }
        if let Some(why) = held_back.as_ref().filter(|_| line.releases()) {
            did.reason = Some(why.clone());
            done.push(did);
            continue;
        }
        if groups {
            report::say(&format!("::group::larder {}", line.text));
        } else if talks {
            report::say(
                &global
                    .paint()
                    .tone(report::Tone::Strong, &format!("larder {}", line.text)),
            );
        }
        let start = Instant::now();
        code = line.run(&inner);
        if groups {
            report::say("::endgroup::");
        } else if talks {
            report::say("");
        }
        did.outcome = if code == ExitCode::SUCCESS {
            Outcome::Ran
        } else {
            Outcome::Failed
        };
        did.seconds = start.elapsed().as_secs_f64();
        // Told already, but not as data.
        did.error = tally.take_error().filter(|_| global.json);
        done.push(did);
    }
    if let Some(signal) = cancel.signal() {
        code = ExitCode::from(Kind::Interrupted(signal).exit_code());
    }
    runtime.shutdown_background();
    for did in &done {
        tally.count(did.outcome);
        global.tell(did);
    }
    if code != ExitCode::SUCCESS && !global.json {
        let failed = done
            .iter()
            .find(|did| did.outcome == Outcome::Failed)
            .map_or("nothing", |did| did.subject.as_str());
        report::say(&format!(
            "ci: `{failed}` failed; `larder {failed}` runs it alone"
        ));
    }
    tally.end(global, started, Ok(code))
}

/// Every line, or what is wrong with all that are wrong.
fn understand(lines: &[String], startup: &Startup) -> Result<Vec<Line>> {
    let mut good = Vec::new();
    let mut bad = Vec::new();
    for line in lines {
        match Line::parse(line, startup) {
            Ok(line) => good.push(line),
            Err(error) => bad.push((line, error)),
        }
    }
    if bad.is_empty() {
        return Ok(good);
    }
    let told: Vec<String> = bad
        .iter()
        .map(|(line, error)| format!("`{line}`: {}", error.causes().join(": ")))
        .collect();
    let error =
        Error::usage("`ci:` in versions.yml is wrong; nothing was run").cause(told.join("\n"));
    let mut hints: Vec<&String> = bad.iter().flat_map(|(_, error)| error.hints()).collect();
    hints.sort_unstable();
    hints.dedup();
    Err(hints.into_iter().fold(error, Error::hint))
}
