//! Runs a project's tasks: first the needs of a task, then its commands, each once per run. `ci:`, the project's other list
//! of command lines, is in [`ci`].
//!
//! A need can be one of larder's own command lines. The caller parses and runs those and shows the progress: it implements
//! [`TaskHost`].

pub mod ci;
pub mod shell;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::time::Instant;

use crate::events::Did;
use larder_core::error::{Error, Kind, Result};
use larder_core::formats::documents::{TaskEntry, TasksDocument};
use larder_core::model::{Action, Outcome};
use larder_core::project::{Project, Task};
use larder_core::suggestions;
use shell::Shell;

/// What the caller provides for running tasks.
pub trait TaskHost {
    /// The failure of one of larder's own command lines, which has already been reported.
    type Failure;

    /// Runs a need that is one of larder's own command lines.
    fn line(&mut self, need: &str) -> Result<(), Self::Failure>;

    /// Called before one of a task's commands runs.
    fn command(&mut self, line: &str);

    /// Called when a task has ended. If `did` has an error, the run returns the same error.
    fn ended(&mut self, did: Did);
}

/// Why a run of tasks ended early.
#[derive(Debug)]
pub enum Stop<F> {
    /// A command failed, or the run was interrupted.
    Failed(Error),
    /// One of larder's own command lines failed.
    Line(F),
}

impl<F> From<Error> for Stop<F> {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The document that lists the tasks.
pub fn document(project: &Project) -> TasksDocument {
    let entry = |(name, task): (&String, &Task)| {
        let Task {
            description,
            needs,
            env: _,
            commands,
            status: _,
        } = task.clone();
        TaskEntry {
            name: name.clone(),
            description,
            needs,
            commands,
        }
    };
    TasksDocument {
        tasks: project.tasks.iter().map(entry).collect(),
    }
}

/// Finds a task by its name; the error suggests a similar name.
pub fn find<'a>(project: &'a Project, name: &str) -> Result<&'a Task> {
    project.tasks.get(name).ok_or_else(|| {
        let error = Error::usage(format!("no task is called `{name}`"));
        match suggestions::nearest(name, project.tasks.keys().map(String::as_str)) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None if project.tasks.is_empty() => error.hint("versions.yml has no `tasks:` yet"),
            None => error.hint("`larder run` lists the tasks"),
        }
    })
}

/// Parses the needs of a task, and of the tasks that it needs, which are larder's own command lines. This is done before
/// anything runs.
pub fn parse_needs(
    project: &Project,
    name: &str,
    parse: &mut impl FnMut(&str) -> Result<()>,
) -> Result<()> {
    for need in &find(project, name)?.needs {
        // This ends, because a project whose tasks need each other in a cycle is refused when it is loaded.
        if let Some(task) = as_task(project, need) {
            parse_needs(project, task, parse)?;
        } else {
            parse(need)
                .map_err(|error| error.context(format!("a need of the task `{name}` is wrong")))?;
        }
    }
    Ok(())
}

/// The name of the task, if a need is one: `<name>` or `run <name>`.
fn as_task<'a>(project: &'a Project, need: &'a str) -> Option<&'a str> {
    let name = need.strip_prefix("run ").map_or(need, str::trim);
    project.tasks.contains_key(name).then_some(name)
}

/// Checks that a task takes arguments, if there are any: that one of its commands uses them.
pub fn check_arguments(project: &Project, name: &str, arguments: &[OsString]) -> Result<()> {
    let task = find(project, name)?;
    if arguments.is_empty() {
        return Ok(());
    }
    if cfg!(windows) {
        return Err(Error::usage(
            "arguments of tasks need `sh`, which runs no commands on Windows",
        )
        .hint("set a variable in its place, which the commands read"));
    }
    if task.commands.iter().any(|line| uses_arguments(line)) {
        return Ok(());
    }
    Err(Error::usage(format!(
        "the task `{name}` takes no arguments: none of its commands uses them"
    ))
    .hint("write `\"$@\"` in the command that should get them")
    .hint("`larder exec -- COMMAND ARGUMENTS` runs one command with the installed binaries"))
}

/// Whether a line of `sh` uses its arguments: `$1`, `$@`, `$*` or `$#`, also in braces.
fn uses_arguments(line: &str) -> bool {
    line.split('$').skip(1).any(|rest| {
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        rest.starts_with(|c: char| matches!(c, '1'..='9' | '@' | '*' | '#'))
    })
}

/// Runs a task; with `force` even if its `status` commands show that there is nothing to do. Its
/// lines get the arguments, and those of the tasks that it needs get none.
pub fn run<H: TaskHost>(
    shell: &Shell<'_>,
    name: &str,
    arguments: &[OsString],
    force: bool,
    host: &mut H,
) -> Result<(), Stop<H::Failure>> {
    let mut runner = Runner {
        shell,
        named: name,
        arguments,
        force,
        done: BTreeSet::new(),
        host,
    };
    runner.task(name)
}

struct Runner<'a, H> {
    shell: &'a Shell<'a>,
    /// The task that the user named.
    named: &'a str,
    arguments: &'a [OsString],
    force: bool,
    done: BTreeSet<String>,
    host: &'a mut H,
}

impl<H: TaskHost> Runner<'_, H> {
    fn task(&mut self, name: &str) -> Result<(), Stop<H::Failure>> {
        if !self.done.insert(name.to_owned()) {
            return Ok(());
        }
        let start = Instant::now();
        let task = find(self.shell.project, name)?;
        let arguments = if name == self.named {
            self.arguments
        } else {
            &[]
        };
        if !self.force && self.shell.up_to_date(task, arguments)? {
            let reason = "its `status` commands succeeded, so there is nothing to do";
            self.ended(name, Outcome::UpToDate, start, Some(reason));
            return Ok(());
        }
        for need in &task.needs {
            self.shell.cancel.check()?;
            let ended = match as_task(self.shell.project, need) {
                Some(name) => self.task(name),
                None => self.line(need),
            };
            if let Err(stop) = ended {
                let reason = format!("`{need}` failed");
                self.ended(name, Outcome::Skipped, start, Some(&reason));
                return Err(stop);
            }
        }
        for line in &task.commands {
            self.host.command(line);
            if let Err(error) = self.shell.run(name, task, line, arguments) {
                if !matches!(error.kind(), Kind::Interrupted(_)) {
                    self.host.ended(Did {
                        error: Some(error.clone()),
                        seconds: start.elapsed().as_secs_f64(),
                        ..Did::new(Action::Run, name, Outcome::Failed)
                    });
                }
                return Err(Stop::Failed(error));
            }
        }
        self.ended(name, Outcome::Ran, start, None);
        Ok(())
    }

    fn line(&mut self, need: &str) -> Result<(), Stop<H::Failure>> {
        if !self.done.insert(format!("larder {need}")) {
            return Ok(());
        }
        let ended = self.host.line(need);
        // If a signal ended the line, the run was interrupted; the line did not fail.
        self.shell.cancel.check()?;
        ended.map_err(Stop::Line)
    }

    fn ended(&mut self, name: &str, outcome: Outcome, start: Instant, reason: Option<&str>) {
        self.host.ended(Did {
            reason: reason.map(str::to_owned),
            seconds: start.elapsed().as_secs_f64(),
            ..Did::new(Action::Run, name, outcome)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::uses_arguments;

    #[test]
    fn a_line_with_a_positional_parameter_uses_arguments() {
        for line in [
            "hello \"$@\"",
            "echo $1",
            "echo ${1:-x}",
            "for a in $*; do echo; done",
            "[ $# = 0 ]",
            "echo ${@}",
            "echo ${#}",
        ] {
            assert!(uses_arguments(line), "{line}");
        }
        for line in [
            "hello",
            "echo $HOME",
            "echo ${HOME}",
            "awk '{print NF}'",
            "echo $",
            "echo $$",
        ] {
            assert!(!uses_arguments(line), "{line}");
        }
    }
}
