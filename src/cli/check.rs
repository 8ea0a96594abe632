//! `larder check`.

use std::process::ExitCode;

use super::Global;
use super::line::Line;
use larder_core::error::Result;
use larder_core::human;
use larder_engine::inspect::check::{changed_lines, check, document};

/// Check versions.yml, every recipe and versions.lock
///
/// larder reads all files of the project and shows every problem with its line, its position and a
/// hint. If there is a problem, the exit code is 2. The lines of `ci:` must be valid larder
/// commands. Your user configuration is checked as well. Nothing is changed, and the network is not
/// used.
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
    for warning in checked.iter().flat_map(|project| &project.warnings) {
        global.show_warning(warning);
    }
    if let Ok(project) = &checked {
        for warning in changed_lines(project, &global.startup.environment)? {
            global.message(&warning);
        }
    }
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
            global.print(&format!("ok: {}\n", parts.join(", ")))?;
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
