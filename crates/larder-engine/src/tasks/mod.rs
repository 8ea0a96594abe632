//! Tasks of a project: first what a task needs, then its commands; each of them once in a run. `ci:` is the other list of
//! command lines that a project has.
//!
//! Needs may be command lines of larder's own. What those mean, and how anything is shown, is the caller's business: it
//! implements [`TaskHost`].

pub mod ci;
pub mod shell;

use std::collections::BTreeSet;
use std::time::Instant;

use crate::events::Did;
use larder_core::error::{Error, Kind, Result};
use larder_core::formats::documents::{TaskEntry, TasksDocument};
use larder_core::model::{Action, Outcome};
use larder_core::project::{Project, Task};
use larder_core::suggestions;
use shell::Shell;

/// What running tasks asks of the caller.
pub trait TaskHost {
    /// How a command line of larder's own fails; it has told why itself.
    type Failure;

    /// Runs a need that is a command line of larder's own.
    fn line(&mut self, need: &str) -> Result<(), Self::Failure>;

    /// Hears that one of a task's commands is about to run.
    fn command(&mut self, line: &str);

    /// Hears how a task ended. An error in it is also what the run of tasks ends with.
    fn ended(&mut self, did: Did);
}

/// Why a run of tasks ended early.
#[derive(Debug)]
pub enum Stop<F> {
    /// A command failed, or the run was interrupted.
    Failed(Error),
    /// A command line of larder's own failed.
    Line(F),
}

impl<F> From<Error> for Stop<F> {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The tasks that there are.
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

/// The task of a name.
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

/// Has every need of a task, and of the tasks it needs, that is a command line of larder's own understood, before anything
/// runs.
pub fn understand(
    project: &Project,
    name: &str,
    understood: &mut impl FnMut(&str) -> Result<()>,
) -> Result<()> {
    for need in &find(project, name)?.needs {
        // The project's files were checked: needs of tasks form no circle.
        if let Some(task) = as_task(project, need) {
            understand(project, task, understood)?;
        } else {
            understood(need)
                .map_err(|error| error.context(format!("a need of the task `{name}` is wrong")))?;
        }
    }
    Ok(())
}

/// A need that is a task: its name, or `run <name>`.
fn as_task<'a>(project: &'a Project, need: &'a str) -> Option<&'a str> {
    let name = need.strip_prefix("run ").map_or(need, str::trim);
    project.tasks.contains_key(name).then_some(name)
}

/// Runs a task. With `force` also where its status says that there is nothing to do.
pub fn run<H: TaskHost>(
    shell: &Shell<'_>,
    name: &str,
    force: bool,
    host: &mut H,
) -> Result<(), Stop<H::Failure>> {
    let mut runner = Runner {
        shell,
        force,
        done: BTreeSet::new(),
        host,
    };
    runner.task(name)
}

struct Runner<'a, H> {
    shell: &'a Shell<'a>,
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
        if !self.force && self.shell.up_to_date(task)? {
            let reason = "its status says that there is nothing to do";
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
            if let Err(error) = self.shell.run(name, task, line) {
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
        // What a signal ended is no failure of the line.
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
