//! `larder run`.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Instant;

use super::Global;
use super::session::{end_runtime, supervised};
use super::task_host::Host;
use larder_core::error::{Error, Result};
use larder_core::model::Action;
use larder_core::project::Project;
use larder_engine::services::Supervision;
use larder_engine::tasks::shell::Shell;
use larder_engine::tasks::{self, Reach, Request};

/// Run a task of the project
///
/// larder first runs what the task `needs`: other tasks, or larder commands such as `ensure all`.
/// Then it runs the task's `commands` one after the other with `sh -c` in the project's folder,
/// with the installed binaries first on PATH. The `services` of a task are started before its
/// commands and stopped after them, with all their children; one that `larder up` started is used
/// as it is. If all `status` lines of a task exit with 0, the task
/// is up to date, and neither the task nor what it needs is run.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder run                  list the tasks and the services
  larder run test
  larder run test --force     run it even if its status says that it is up to date
  larder run test -- -v unit  its commands get `-v unit` as \"$@\"")]
pub struct Args {
    /// The task to run. Without it, all tasks and services are listed.
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
    let reach = Reach::of_task(&project, name)?;
    let counts = global.parent_counts.clone().unwrap_or_default();
    let mut host = Host::new(&project, &reach, &counts, global)?;
    let (runtime, cancel) = supervised()?;
    let supervision = if reach.has_services() {
        global.supervision(&cancel)?
    } else {
        Supervision::default()
    };
    let shell = Shell {
        project: &project,
        environment: &global.startup.environment,
        cancel: &cancel,
        stdout_is_data: global.json,
    };
    let request = Request {
        name,
        arguments: &args.arguments,
        force: args.force,
        reach: &reach,
    };
    let ended = tasks::run(&shell, &supervision, request, &mut host);
    end_runtime(runtime);
    global.summarise(Action::Run, host.done());
    counts.end(global, started, host.code(ended))
}

/// Prints the tasks and the services of the project.
fn list(project: &Project, global: &Global) -> Result<()> {
    let document = tasks::document(project)?;
    if global.json {
        return global.print_json(&document);
    }
    if document.tasks.is_empty() {
        global.message("versions.yml has no `tasks:`");
    }
    let names = document.tasks.iter().map(|task| task.name.len());
    let services = document.services.iter().map(|service| service.name.len());
    let width = names.chain(services).max().unwrap_or(0);
    let redactor = global.redactor();
    let line = |name: &str, what: &str| {
        let what = redactor.clean_line(what);
        format!("{name:width$}  {what}").trim_end().to_owned() + "\n"
    };
    let mut text = String::new();
    for task in &document.tasks {
        let commands = || task.commands.join("; ");
        let what = task.description.clone().unwrap_or_else(commands);
        text.push_str(&line(&task.name, &what));
    }
    if !document.services.is_empty() {
        text.push_str("\nservices:\n");
    }
    for service in &document.services {
        let command = || {
            project
                .services
                .get(&service.name)
                .map(|s| s.command.clone())
        };
        let what = service.description.clone().or_else(command);
        let mut what = what.unwrap_or_default();
        if let (true, Some(pid)) = (service.running, service.pid) {
            what = format!("{what} (running, pid {pid})");
        }
        text.push_str(&line(&service.name, &what));
    }
    global.print(&text)
}
