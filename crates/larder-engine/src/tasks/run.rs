//! Runs a task, and starts services for a person: first the needs, then the services, then the
//! commands.
//!
//! A service is started when the first task needs it, and stopped after the last one that does: tasks
//! of one run share it. Whatever ends the run, its services are stopped before it returns.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::time::Instant;

use super::shell::Shell;
use super::{Reach, Stop, TaskHost, as_task, find};
use crate::events::Did;
use crate::services::{self, Beginning, Begun, Services, Supervision};
use larder_core::environment::Environment;
use larder_core::error::{Kind, Result};
use larder_core::model::{Action, Outcome};
use larder_core::project::Task;

/// A task to run.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Its name.
    pub name: &'a str,
    /// The arguments for its lines. Those of the tasks that it needs get none.
    pub arguments: &'a [OsString],
    /// Run it even if its `status` commands show that there is nothing to do.
    pub force: bool,
    /// What it can come to.
    pub reach: &'a Reach,
}

/// Runs a task.
pub fn run<H: TaskHost>(
    shell: &Shell<'_>,
    supervision: &Supervision,
    request: Request<'_>,
    host: &mut H,
) -> Result<(), Stop<H::Failure>> {
    let services = Services::of_run(shell.project, supervision, shell.cancel);
    let mut runner = Runner {
        environment: services.variables(shell.environment),
        shell,
        request: Some(request),
        done: BTreeSet::new(),
        over: BTreeSet::new(),
        services,
        host,
    };
    let ended = runner.task(request.name);
    let stopped = runner.end_services(|_| false);
    ended.and(stopped.map_err(Stop::Failed))
}

/// Starts services that stay, in this order, with what they need.
pub fn up<H: TaskHost>(
    shell: &Shell<'_>,
    supervision: &Supervision,
    names: &[String],
    host: &mut H,
) -> Result<(), Stop<H::Failure>> {
    let services = Services::of_up(shell.project, supervision, shell.cancel);
    let mut runner = Runner {
        environment: shell.environment.clone(),
        shell,
        request: None,
        done: BTreeSet::new(),
        over: BTreeSet::new(),
        services,
        host,
    };
    match runner.begin(names) {
        Ok(()) => Ok(()),
        Err(NotBegun { stop, .. }) => Err(stop),
    }
}

struct Runner<'a, H> {
    shell: &'a Shell<'a>,
    /// The variables of the commands, except for PATH.
    environment: Environment,
    /// The task that the user named, if one was.
    request: Option<Request<'a>>,
    /// The tasks and lines that were begun.
    done: BTreeSet<String>,
    /// The tasks that have ended.
    over: BTreeSet<String>,
    services: Services<'a>,
    host: &'a mut H,
}

/// Why services were not started.
struct NotBegun<F> {
    /// For the task that uses them.
    reason: String,
    stop: Stop<F>,
}

impl<H: TaskHost> Runner<'_, H> {
    fn task(&mut self, name: &str) -> Result<(), Stop<H::Failure>> {
        if !self.done.insert(name.to_owned()) {
            return Ok(());
        }
        let start = Instant::now();
        let task = find(self.shell.project, name)?;
        let request = self.request.filter(|request| request.name == name);
        let arguments = request.map_or(&[][..], |request| request.arguments);
        let force = self.request.is_some_and(|request| request.force);
        if !force && self.shell.up_to_date(task, arguments)? {
            let reason = "its `status` commands succeeded, so there is nothing to do";
            self.ended(name, Outcome::UpToDate, start, Some(reason));
            self.over.insert(name.to_owned());
            return Ok(());
        }
        for need in &task.needs {
            if let Err(stop) = self.need(need) {
                let reason = format!("`{need}` failed");
                self.ended(name, Outcome::Skipped, start, Some(&reason));
                return Err(stop);
            }
        }
        let order = services::in_order(self.shell.project, &task.services)?;
        if let Err(NotBegun { reason, stop }) = self.begin(&order) {
            self.ended(name, Outcome::Skipped, start, Some(&reason));
            return Err(stop);
        }
        if let Err(error) = self.commands(name, task, arguments) {
            if !matches!(error.kind(), Kind::Interrupted(_)) {
                self.host.ended(Did {
                    error: Some(error.clone()),
                    seconds: start.elapsed().as_secs_f64(),
                    ..Did::new(Action::Run, name, Outcome::Failed)
                });
            }
            return Err(Stop::Failed(error));
        }
        self.ended(name, Outcome::Ran, start, None);
        self.over.insert(name.to_owned());
        self.end_unwanted()?;
        Ok(())
    }

    fn commands(&mut self, name: &str, task: &Task, arguments: &[OsString]) -> Result<()> {
        for line in &task.commands {
            self.host.command(line);
            let shell = self.shell;
            let result = self.services.during(|cancel| {
                let shell = Shell {
                    project: shell.project,
                    environment: &self.environment,
                    cancel,
                    stdout_is_data: shell.stdout_is_data,
                };
                shell.run(name, task, line, arguments)
            });
            if self.shell.cancel.signal().is_none()
                && let Some(error) = self.services.failure(name, line)
            {
                // It explains why the command failed, if it did.
                return Err(error);
            }
            result?;
        }
        Ok(())
    }

    /// Runs a need: a task or a line.
    fn need(&mut self, need: &str) -> Result<(), Stop<H::Failure>> {
        self.shell.cancel.check()?;
        match as_task(self.shell.project, need) {
            Some(name) => self.task(name),
            None => self.line(need),
        }
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

    /// Runs what services need, then starts them in this order, each when the one before is ready.
    fn begin(&mut self, order: &[String]) -> Result<(), NotBegun<H::Failure>> {
        let project = self.shell.project;
        for name in order {
            for need in project.services.get(name).iter().flat_map(|s| &s.needs) {
                self.need(need).map_err(|stop| NotBegun {
                    reason: format!("`{need}` failed"),
                    stop,
                })?;
            }
        }
        for name in order {
            self.begin_one(name).map_err(|error| NotBegun {
                reason: format!("the service `{name}` failed"),
                stop: Stop::Failed(error),
            })?;
        }
        Ok(())
    }

    fn begin_one(&mut self, name: &str) -> Result<()> {
        if self.services.uses(name) {
            return Ok(());
        }
        self.shell.cancel.check()?;
        let start = Instant::now();
        let host = &mut *self.host;
        let begun = self.services.begin(name, &mut || host.starting(name));
        let did = match &begun {
            Ok(begun) => Did {
                reason: Some(described(begun)),
                ..Did::new(
                    Action::Up,
                    name,
                    match begun.beginning {
                        Beginning::Running => Outcome::UpToDate,
                        Beginning::Started | Beginning::Restarted(_) => Outcome::Started,
                    },
                )
            },
            Err(error) if matches!(error.kind(), Kind::Interrupted(_)) => {
                return begun.map(drop);
            }
            Err(error) => Did {
                error: Some(error.clone()),
                ..Did::new(Action::Up, name, Outcome::Failed)
            },
        };
        self.host.ended(Did {
            seconds: start.elapsed().as_secs_f64(),
            ..did
        });
        begun.map(drop)
    }

    /// Stops the services that no task of this run will use.
    fn end_unwanted(&mut self) -> Result<()> {
        let Some(request) = self.request else {
            return Ok(());
        };
        let project = self.shell.project;
        let mut wanted = BTreeSet::new();
        let tasks = request.reach.tasks();
        for task in tasks.filter(|task| !self.over.contains(*task)) {
            let used = find(project, task)?;
            wanted.extend(services::in_order(project, &used.services)?);
        }
        self.end_services(|name| wanted.contains(name))
    }

    fn end_services(&mut self, is_wanted: impl Fn(&str) -> bool) -> Result<()> {
        let mut first = Ok(());
        for ended in self.services.end(is_wanted) {
            let error = ended.result.as_ref().err().cloned();
            let outcome = match error {
                Some(_) => Outcome::Failed,
                None => Outcome::Stopped,
            };
            self.host.ended(Did {
                error,
                seconds: ended.seconds,
                ..Did::new(Action::Down, ended.name, outcome)
            });
            first = first.and(ended.result);
        }
        first
    }

    fn ended(&mut self, name: &str, outcome: Outcome, start: Instant, reason: Option<&str>) {
        self.host.ended(Did {
            reason: reason.map(str::to_owned),
            seconds: start.elapsed().as_secs_f64(),
            ..Did::new(Action::Run, name, outcome)
        });
    }
}

/// What is said about a service that is ready.
fn described(begun: &Begun) -> String {
    let mut parts = Vec::new();
    match &begun.beginning {
        Beginning::Started => {}
        Beginning::Restarted(why) => parts.push(format!("restarted, because {why}")),
        Beginning::Running => parts.push("it runs already".to_owned()),
    }
    parts.extend(begun.port.map(|port| format!("port {port}")));
    parts.extend(begun.pid.map(|pid| format!("pid {pid}")));
    parts.join(", ")
}
