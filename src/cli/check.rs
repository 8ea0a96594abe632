//! `larder check`.

use std::process::ExitCode;

use super::Global;
use super::line::Line;
use super::settings::Startup;
use crate::report;
use larder_core::error::Problem;
use larder_core::error::{Error, Result};
use larder_core::formats::Lock;
use larder_core::formats::documents::{CheckDocument, ProblemEntry};
use larder_core::fs;
use larder_core::project::Project;

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
    let checked = match (global.load(&root), Lock::load(&root.join("versions.lock"))) {
        (Err(files), Err(lock)) if !files.file_problems().is_empty() => Err(Error::problems(
            [files.file_problems(), lock.file_problems()].concat(),
        )),
        (Err(error), _) | (_, Err(error)) => Err(error),
        (Ok(project), Ok(_)) => {
            let user = global.startup.user.get();
            user.and_then(|_| command_lines(&project, &global.startup))
                .and_then(|problems| {
                    if problems.is_empty() {
                        Ok(project)
                    } else {
                        Err(Error::problems(problems))
                    }
                })
        }
    };
    match checked {
        Ok(project) => {
            let (subsystems, tasks) = (project.subsystems.len(), project.tasks.len());
            if global.json {
                let problems = Vec::new();
                global.print_json(&CheckDocument {
                    ok: true,
                    subsystems: Some(subsystems),
                    tasks: Some(tasks),
                    problems,
                })?;
            } else {
                let mut parts = vec![count(subsystems, "subsystem")];
                if tasks > 0 {
                    parts.push(count(tasks, "task"));
                }
                parts.push(count(project.platforms.len(), "platform"));
                report::print(&format!("ok: {}\n", parts.join(", ")))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(error) if global.json && !error.file_problems().is_empty() => {
            global.say_error(&error);
            let problems = error
                .file_problems()
                .iter()
                .map(ProblemEntry::new)
                .collect();
            global.print_json(&CheckDocument {
                ok: false,
                subsystems: None,
                tasks: None,
                problems,
            })?;
            Ok(ExitCode::from(error.kind().exit_code()))
        }
        Err(error) => Err(error),
    }
}

fn count(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

/// Lines of `ci:` and of tasks' `needs:` that are no command lines of larder.
fn command_lines(project: &Project, startup: &Startup) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    let mut text = None;
    let needs = project
        .tasks
        .values()
        .flat_map(|task| &task.needs)
        .filter(|need| !project.tasks.contains_key(*need));
    for line in project.ci.iter().chain(needs) {
        let Err(error) = Line::parse(line, startup) else {
            continue;
        };
        let whole: &std::sync::Arc<str> = match &text {
            Some(text) => text,
            None => text.insert(fs::read_text(project.root.join("versions.yml"))?.into()),
        };
        let start = place(whole, line);
        problems.push(Problem {
            file: "versions.yml".into(),
            text: whole.clone(),
            span: start.map_or(0..0, |start| start..start + line.len()),
            message: error.to_string(),
            hint: error.hints().first().cloned(),
        });
    }
    Ok(problems)
}

/// Where a text stands in a file as an item of its own.
fn place(text: &str, item: &str) -> Option<usize> {
    let edge = |c: Option<char>| c.is_none_or(|c| c.is_whitespace() || "[],\"'#".contains(c));
    text.match_indices(item).map(|(at, _)| at).find(|at| {
        edge(text[..*at].chars().next_back()) && edge(text[at + item.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_found_whole() {
        let text = "versions: {verify-all: 1}\nci: [ensure all -j, 'verify', verify]\n";
        assert_eq!(
            place(text, "ensure all -j"),
            Some(text.find("ensure").unwrap())
        );
        assert_eq!(
            place(text, "verify"),
            Some(text.find("'verify'").unwrap() + 1)
        );
        assert_eq!(place(text, "nothing"), None);
    }
}
