//! `larder run`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Instant;

use super::Global;
use super::line::Line;
use super::session::{end_runtime, supervised};
use crate::report::Verbosity;
use larder_core::error::{Error, Result};
use larder_core::formats::documents::TaskEntry;
use larder_core::model::Action;
use larder_core::project::Project;
use larder_engine::events::Did;
use larder_engine::tasks::shell::Shell;
use larder_engine::tasks::{self, Stop, TaskHost};

/// Run a task of the project
///
/// larder first runs what the task `needs`: other tasks, or larder commands such as `ensure all`.
/// Then it runs the task's `commands` one after the other with `sh -c` in the project's folder,
/// with the installed binaries first on PATH. If all `status` lines of a task exit with 0, the task
/// is up to date, and neither the task nor what it needs is run.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder run                  list the tasks
  larder run test
  larder run test --force     run it even if its status says that it is up to date
  larder run test -- -v unit  its commands get `-v unit` as \"$@\"")]
pub struct Args {
    /// The task to run. Without it, all tasks are listed.
    #[arg(value_name = "TASK")]
    task: Option<String>,
    /// Run the task and the tasks it needs, even if they are up to date.
    #[arg(short, long)]
    force: bool,
    /// Arguments for the task's commands, which take them as `"$@"`, `$1` and so on.
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<OsString>,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let started = Instant::now();
    let root = global.root()?;
    let project = global.load(&root)?;
    let Some(name) = &args.task else {
        if !args.arguments.is_empty() {
            return Err(Error::usage("arguments are for a task, and none is named")
                .hint("write `larder run TASK -- ARGUMENTS`"));
        }
        list(&project, global)?;
        return Ok(ExitCode::SUCCESS);
    };
    tasks::check_arguments(&project, name, &args.arguments)?;
    let mut lines = BTreeMap::new();
    tasks::parse_needs(&project, name, &mut |need| {
        if !lines.contains_key(need) {
            lines.insert(need.to_owned(), Line::parse(need, &global.startup)?);
        }
        Ok(())
    })?;
    let counts = global.parent_counts.clone().unwrap_or_default();
    let inner = Global {
        directory: Some(root),
        parent_counts: Some(counts.clone()),
        ..global.clone()
    };
    let (runtime, cancel) = supervised()?;
    let shell = Shell {
        project: &project,
        environment: &global.startup.environment,
        cancel: &cancel,
        stdout_is_data: global.json,
    };
    let mut host = Host {
        lines,
        global: inner,
        shown: Ok(()),
        done: Vec::new(),
    };
    let ended = tasks::run(&shell, name, &args.arguments, args.force, &mut host);
    end_runtime(runtime);
    global.summarise(Action::Run, std::mem::take(&mut host.done));
    let ended = match ended {
        Ok(()) => host.shown.map(|()| ExitCode::SUCCESS),
        Err(Stop::Failed(error)) => Err(error),
        Err(Stop::Line(code)) => Ok(code),
    };
    counts.end(global, started, ended)
}

/// Runs the needs that are larder commands, and shows how tasks end.
struct Host {
    lines: BTreeMap<String, Line>,
    global: Global,
    /// Whether all data of the tasks could be written.
    shown: Result<()>,
    /// The tasks that ended.
    done: Vec<Did>,
}

impl TaskHost for Host {
    type Failure = ExitCode;

    fn line(&mut self, need: &str) -> Result<(), ExitCode> {
        match self.lines.get(need).map(|line| line.run(&self.global)) {
            None | Some(ExitCode::SUCCESS) => Ok(()),
            Some(code) => Err(code),
        }
    }

    fn command(&mut self, line: &str) {
        if !self.global.json && self.global.verbosity() > Verbosity::Quiet {
            self.global
                .message(&format!("$ {}", self.global.redactor().clean(line)));
        }
    }

    fn ended(&mut self, mut did: Did) {
        self.done.push(did.clone());
        if !self.global.json {
            // This error ends the whole run and is shown there.
            if did.error.is_some() {
                return;
            }
            did.subject = format!("task {}", did.subject);
        }
        if let Some(counts) = &self.global.parent_counts {
            counts.count(did.outcome);
        }
        let shown = self.global.show_step(&did);
        self.shown = std::mem::replace(&mut self.shown, Ok(())).and(shown);
    }
}

/// Prints the tasks of the project.
fn list(project: &Project, global: &Global) -> Result<()> {
    let document = tasks::document(project);
    if global.json {
        return global.print_json(&document);
    }
    if document.tasks.is_empty() {
        global.message("versions.yml has no `tasks:`");
    }
    let names = document.tasks.iter().map(|task| task.name.len());
    let width = names.max().unwrap_or(0);
    let redactor = global.redactor();
    let line = |task: &TaskEntry| {
        let what = task
            .description
            .clone()
            .unwrap_or_else(|| task.commands.join("; "));
        let what = redactor.clean_line(&what);
        format!("{:width$}  {what}", task.name)
            .trim_end()
            .to_owned()
            + "\n"
    };
    global.print(&document.tasks.iter().map(line).collect::<String>())
}
