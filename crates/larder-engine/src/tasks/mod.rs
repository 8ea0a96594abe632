//! Runs a project's tasks: first the needs of a task, then its services, then its commands, each once per run. `ci:`, the
//! project's other list of command lines, is in [`ci`].
//!
//! A need can be one of larder's own command lines. The caller parses and runs those and shows the progress: it implements
//! [`TaskHost`].

pub mod ci;
mod reach;
mod run;
pub mod shell;

use std::ffi::OsString;

use crate::events::Did;
use crate::services;
use larder_core::error::{Error, Result};
use larder_core::formats::documents::{TaskEntry, TasksDocument};
use larder_core::project::{Project, Task};
use larder_core::suggestions;

pub use reach::Reach;
pub use run::{Request, run, up};

/// What the caller provides for running tasks.
pub trait TaskHost {
    /// The failure of one of larder's own command lines, which has already been reported.
    type Failure;

    /// Runs a need that is one of larder's own command lines.
    fn line(&mut self, need: &str) -> Result<(), Self::Failure>;

    /// Called before one of a task's commands runs.
    fn command(&mut self, line: &str);

    /// Called before a service is started.
    fn starting(&mut self, service: &str);

    /// Called when a task has ended, or a service was started or stopped. If `did` has an error, the run returns the same error.
    fn ended(&mut self, did: Did);
}

/// Why a run of tasks ended early.
#[derive(Debug)]
pub enum Stop<F> {
    /// A command or a service failed, or the run was interrupted.
    Failed(Error),
    /// One of larder's own command lines failed.
    Line(F),
}

impl<F> From<Error> for Stop<F> {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The document that lists the tasks and the services.
pub fn document(project: &Project) -> Result<TasksDocument> {
    let entry = |(name, task): (&String, &Task)| {
        let Task {
            description,
            needs,
            services,
            env: _,
            commands,
            status: _,
        } = task.clone();
        TaskEntry {
            name: name.clone(),
            description,
            needs,
            services,
            commands,
        }
    };
    Ok(TasksDocument {
        tasks: project.tasks.iter().map(entry).collect(),
        services: services::of_all(project)?,
    })
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
