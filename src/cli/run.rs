//! `larder run`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::Instant;

use super::Global;
use super::line::Line;
use super::session::supervised;
use super::tally::Tally;
use crate::report;
use larder_core::error::{Error, Kind, Result};
use larder_core::formats::documents::{TaskEntry, TasksDocument};
use larder_core::model::{Action, Outcome};
use larder_core::project::{Project, Task};
use larder_core::suggestions;
use larder_engine::events::Did;
use larder_engine::tasks::shell::Shell;

/// Run a task of the project
///
/// First what the task `needs` (tasks, or larder's own command lines such as `ensure all`), then its `commands`, one by
/// one as `sh -c` in the project's folder, with the installed binaries first on PATH. A task whose `status` lines all exit
/// 0 is up to date: neither it nor what it needs is run.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder run                  what tasks there are
  larder run test
  larder run test --force     also where its status says that there is nothing to do")]
pub struct Args {
    /// The task; without one, all are listed.
    #[arg(value_name = "TASK")]
    task: Option<String>,
    /// Run it, and the tasks it needs, also where they are up to date.
    #[arg(short, long)]
    force: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let started = Instant::now();
    let root = global.root()?;
    let project = global.load(&root)?;
    let Some(name) = &args.task else {
        list(&project, global)?;
        return Ok(ExitCode::SUCCESS);
    };
    let task = find(&project, name)?;
    let tally = global.within.clone().unwrap_or_default();
    let inner = Global {
        directory: Some(root),
        within: Some(tally.clone()),
        ..global.clone()
    };
    let mut lines = BTreeMap::new();
    understand(&project, name, task, global, &mut lines)?;
    let (runtime, cancel) = supervised()?;
    let shell = Shell {
        project: &project,
        environment: &global.startup.environment,
        runtime: runtime.handle(),
        cancel: &cancel,
        stdout_is_data: global.json,
    };
    let mut runner = Runner {
        project: &project,
        shell,
        lines,
        global: &inner,
        force: args.force,
        done: BTreeSet::new(),
        tally: &tally,
    };
    let ended = runner.task(name, task);
    runtime.shutdown_background();
    let ended = match ended {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(Stop::Failed(error)) => Err(error),
        Err(Stop::Ended(code)) => Ok(code),
    };
    tally.end(global, started, ended)
}

fn find<'a>(project: &'a Project, name: &str) -> Result<&'a Task> {
    project.tasks.get(name).ok_or_else(|| {
        let error = Error::usage(format!("no task is called `{name}`"));
        match suggestions::nearest(name, project.tasks.keys().map(String::as_str)) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None if project.tasks.is_empty() => error.hint("versions.yml has no `tasks:` yet"),
            None => error.hint("`larder run` lists the tasks"),
        }
    })
}

/// Understands the lines among the needs of a task, and of the tasks it needs, before anything runs.
fn understand(
    project: &Project,
    name: &str,
    task: &Task,
    global: &Global,
    lines: &mut BTreeMap<String, Line>,
) -> Result<()> {
    for need in &task.needs {
        // The project's files were checked: needs of tasks form no circle.
        if let Some((name, task)) = as_task(project, need) {
            understand(project, name, task, global, lines)?;
        } else if !lines.contains_key(need) {
            let line = Line::parse(need, &global.startup)
                .map_err(|error| error.context(format!("a need of the task `{name}` is wrong")))?;
            lines.insert(need.clone(), line);
        }
    }
    Ok(())
}

/// A need that is a task: its name, or `run <name>`.
fn as_task<'a>(project: &'a Project, need: &'a str) -> Option<(&'a str, &'a Task)> {
    let name = need.strip_prefix("run ").map_or(need, str::trim);
    project.tasks.get(name).map(|task| (name, task))
}

/// Why a run of tasks ended early.
enum Stop {
    /// Something failed that is yet to be shown.
    Failed(Error),
    /// A larder command failed and has shown why.
    Ended(ExitCode),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

struct Runner<'a> {
    project: &'a Project,
    shell: Shell<'a>,
    lines: BTreeMap<String, Line>,
    global: &'a Global,
    force: bool,
    done: BTreeSet<String>,
    tally: &'a Tally,
}

impl Runner<'_> {
    fn task(&mut self, name: &str, task: &Task) -> Result<(), Stop> {
        if !self.done.insert(name.to_owned()) {
            return Ok(());
        }
        let start = Instant::now();
        if !self.force && self.shell.up_to_date(task)? {
            self.tell(
                name,
                Outcome::UpToDate,
                start,
                Some("its status says that there is nothing to do"),
            );
            return Ok(());
        }
        for need in &task.needs {
            self.shell.cancel.check()?;
            let ended = match as_task(self.project, need) {
                Some((name, task)) => self.task(name, task),
                None => self.line(need),
            };
            if let Err(stop) = ended {
                self.tell(
                    name,
                    Outcome::Skipped,
                    start,
                    Some(&format!("`{need}` failed")),
                );
                return Err(stop);
            }
        }
        for line in &task.commands {
            if !self.global.json && self.global.verbosity() > report::Verbosity::Quiet {
                report::say(&format!("$ {line}"));
            }
            if let Err(error) = self.shell.run(name, task, line) {
                if self.global.json && !matches!(error.kind(), Kind::Interrupted(_)) {
                    self.told(
                        Did {
                            error: Some(error.clone()),
                            ..Did::new(Action::Run, name, Outcome::Failed)
                        },
                        start,
                    );
                }
                return Err(Stop::Failed(error));
            }
        }
        self.tell(name, Outcome::Ran, start, None);
        Ok(())
    }

    fn line(&mut self, need: &str) -> Result<(), Stop> {
        if !self.done.insert(format!("larder {need}")) {
            return Ok(());
        }
        let Some(line) = self.lines.get(need) else {
            return Ok(());
        };
        let code = line.run(self.global);
        self.shell.cancel.check()?;
        if code == ExitCode::SUCCESS {
            Ok(())
        } else {
            Err(Stop::Ended(code))
        }
    }

    fn tell(&mut self, name: &str, outcome: Outcome, start: Instant, reason: Option<&str>) {
        self.told(
            Did {
                reason: reason.map(str::to_owned),
                ..Did::new(Action::Run, name, outcome)
            },
            start,
        );
    }

    fn told(&mut self, mut did: Did, start: Instant) {
        self.tally.count(did.outcome);
        did.seconds = start.elapsed().as_secs_f64();
        if !self.global.json {
            did.subject = format!("task {}", did.subject);
        }
        self.global.tell(&did);
    }
}

/// Tells what tasks there are.
fn list(project: &Project, global: &Global) -> Result<()> {
    if global.json {
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
        return global.print_json(&TasksDocument {
            tasks: project.tasks.iter().map(entry).collect(),
        });
    }
    if project.tasks.is_empty() {
        report::say("versions.yml has no `tasks:`");
    }
    let width = project.tasks.keys().map(String::len).max().unwrap_or(0);
    let line = |(name, task): (&String, &Task)| {
        let what = task
            .description
            .clone()
            .unwrap_or_else(|| task.commands.join("; "));
        format!("{name:width$}  {what}").trim_end().to_owned() + "\n"
    };
    report::print(&project.tasks.iter().map(line).collect::<String>())
}
