//! `larder check`.

use std::process::ExitCode;

use super::Global;
use super::line::Line;
use crate::report;
use larder_core::error::Result;
use larder_core::human;
use larder_engine::inspect::check::{check, document};

/// Check versions.yml, every recipe and versions.lock
///
/// Reads all of the project's files and shows every problem there is, each with its line, a caret and what to do (exit 2).
/// Lines of `ci:` must be commands that larder understands. Your own configuration is checked along with them. Nothing is changed and nothing is asked of any network.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder check
  larder check --json | jq -r '.problems[] | \"\\(.file):\\(.line): \\(.message)\"'")]
pub struct Args {}

/// Runs it.
pub fn run(_args: &Args, global: &Global) -> Result<ExitCode> {
    let root = global.root()?;
    let user = global.startup.user.get().map(drop);
    let is_line = |line: &str| Line::parse(line, &global.startup).map(drop);
    let checked = check(&root, global.load(&root), user, is_line);
    let document = document(&checked).filter(|_| global.json);
    match (checked, document) {
        (Ok(_), Some(document)) => {
            global.print_json(&document)?;
            Ok(ExitCode::SUCCESS)
        }
        (Ok(project), None) => {
            let mut parts = vec![human::count(project.subsystems.len(), "subsystem")];
            if !project.tasks.is_empty() {
                parts.push(human::count(project.tasks.len(), "task"));
            }
            parts.push(human::count(project.platforms.len(), "platform"));
            report::print(&format!("ok: {}\n", parts.join(", ")))?;
            Ok(ExitCode::SUCCESS)
        }
        (Err(error), Some(document)) => {
            global.show_error(&error);
            global.print_json(&document)?;
            Ok(ExitCode::from(error.kind().exit_code()))
        }
        (Err(error), None) => Err(error),
    }
}
