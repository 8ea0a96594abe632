//! `larder up`.

use std::process::ExitCode;
use std::time::Instant;

use super::Global;
use super::session::{end_runtime, supervised};
use super::task_host::Host;
use crate::report::table::{Table, stdout_width};
use crate::report::{self, Tone};
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};
use larder_core::formats::documents::{ServiceEntry, ServicesLine};
use larder_core::model::Action;
use larder_core::project::Project;
use larder_engine::services::{self, Supervision};
use larder_engine::tasks::shell::Shell;
use larder_engine::tasks::{self, Reach};

/// Start services of the project in the background
///
/// larder runs what each service `needs`, starts it, and waits until it is ready. Then it prints
/// what runs where, and returns. A service that runs already is left alone, unless its command, its
/// variables, its folder or a binary that it needs has changed: then it is restarted. `larder run`
/// uses services that run, and leaves them running. Their logs are in `.larder/logs/services`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder up                   start all services
  larder up nats database     start two of them, and what they need
  larder up --json | jq -c 'select(.event == \"services\")'")]
pub struct Args {
    /// Names of services. Default: all of them.
    #[arg(value_name = "SERVICE")]
    names: Vec<String>,
    /// Supervise the service that stdin describes. larder starts itself so.
    #[arg(long, hide = true)]
    supervise: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    if args.supervise {
        return supervise(global);
    }
    let started = Instant::now();
    let project = global.load(&global.root()?)?;
    if project.services.is_empty() {
        return Err(Error::usage("versions.yml has no `services:`").hint(
            "describe one, e.g. `services: {nats: {command: nats-server -p 4222, ready: {tcp: 4222}}}`",
        ));
    }
    let names = if args.names.is_empty() {
        services::all_in_order(&project)?
    } else {
        services::in_order(&project, &args.names)?
    };
    let reach = Reach::of_services(&project, &names)?;
    let counts = global.parent_counts.clone().unwrap_or_default();
    let mut host = Host::new(&project, &reach, &counts, global)?;
    let (runtime, cancel) = supervised()?;
    let supervision = global.supervision(&cancel)?;
    let shell = Shell {
        project: &project,
        environment: &global.startup.environment,
        cancel: &cancel,
        stdout_is_data: true,
    };
    let ended = tasks::up(&shell, &supervision, &names, &mut host);
    global.summarise(Action::Up, host.done());
    let mut ended = host.code(ended);
    if cancel.signal().is_none() {
        let shown = show(&project, &names, &supervision, &cancel, global);
        ended = ended.and_then(|code| shown.map(|()| code));
    }
    end_runtime(runtime);
    counts.end(global, started, ended)
}

/// Supervises a service until it has ended.
fn supervise(global: &Global) -> Result<ExitCode> {
    larder_process::lead_session();
    let (runtime, cancel) = supervised()?;
    let environment = &global.startup.environment;
    let ended = services::supervise(std::io::stdin(), environment, &cancel);
    end_runtime(runtime);
    ended.map(|()| ExitCode::SUCCESS)
}

/// Prints what runs.
pub fn show(
    project: &Project,
    names: &[String],
    supervision: &Supervision,
    cancel: &Cancel,
    global: &Global,
) -> Result<()> {
    let asked = names
        .iter()
        .map(|name| services::asked(project, name, supervision, cancel));
    let entries = asked.collect::<Result<Vec<ServiceEntry>>>()?;
    if global.json {
        return report::print_data(
            &(report::to_json(&ServicesLine {
                event: "services",
                services: entries,
            })? + "\n"),
        );
    }
    if entries.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(["service", "state", "pid", "port", "log"]);
    let redactor = global.redactor();
    for entry in &entries {
        let (state, tone) = match (entry.running, entry.ready) {
            (true, Some(false)) => ("not ready".to_owned(), Tone::Warn),
            (true, _) => ("ready".to_owned(), Tone::Good),
            (false, _) => match &entry.ended {
                Some(how) if how != "stopped" => (format!("ended ({how})"), Tone::Bad),
                _ => ("stopped".to_owned(), Tone::Dim),
            },
        };
        let or_dash = |number: Option<u32>| number.map_or("-".to_owned(), |n| n.to_string());
        table.row([
            (entry.name.as_str(), Tone::Strong),
            (&redactor.clean_line(&state), tone),
            (&or_dash(entry.pid), Tone::Plain),
            (&or_dash(entry.port.map(u32::from)), Tone::Plain),
            (entry.log.as_deref().unwrap_or("-"), Tone::Plain),
        ]);
    }
    global.print(&table.render(stdout_width(), global.stdout_paint()))
}
