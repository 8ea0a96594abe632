//! `larder down`.

use std::process::ExitCode;
use std::time::Instant;

use super::Global;
use super::session::{end_runtime, supervised};
use super::up::show;
use larder_core::error::{Kind, Result};
use larder_core::model::{Action, Outcome};
use larder_engine::events::Did;
use larder_engine::services::{self, Down};

/// Stop services that `larder up` started
///
/// Each service is stopped with all its children, before those that it needs: they get SIGTERM, and
/// SIGKILL five seconds later. Services of a `larder run` that still runs are left alone, because
/// that run stops them. The logs are kept.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder down                 stop all services
  larder down nats            stop one of them")]
pub struct Args {
    /// Names of services. Default: all that run.
    #[arg(value_name = "SERVICE")]
    names: Vec<String>,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let started = Instant::now();
    let project = global.load(&global.root()?)?;
    let (runtime, cancel) = supervised()?;
    let supervision = global.supervision(&cancel)?;
    let names = services::to_stop(&project, &args.names)?;
    if names.is_empty() && !global.json {
        global.message("no service runs");
    }
    let counts = global.parent_counts.clone().unwrap_or_default();
    let mut done = Vec::new();
    let mut errors = Vec::new();
    for name in &names {
        cancel.check()?;
        let start = Instant::now();
        let mut did = Did::new(Action::Down, name, Outcome::Stopped);
        match services::down(&project, &supervision, name) {
            Ok(Down::Stopped) => {}
            Ok(Down::NotRunning) => {
                did.outcome = Outcome::UpToDate;
                did.reason = Some("it does not run".into());
            }
            Ok(Down::OfRun(pid)) => {
                did.outcome = Outcome::Skipped;
                did.reason = Some(format!(
                    "it belongs to a `larder run` with process id {pid}, which stops it"
                ));
            }
            Err(error) => {
                did.outcome = Outcome::Failed;
                did.error = Some(error.clone());
                errors.push(error);
            }
        }
        did.seconds = start.elapsed().as_secs_f64();
        counts.count(did.outcome);
        done.push(did.clone());
        if !global.json {
            did.subject = format!("service {name}");
        }
        global.show_step(&did)?;
    }
    global.summarise(Action::Down, done);
    if global.json {
        show(&project, &names, &supervision, &cancel, global)?;
    }
    end_runtime(runtime);
    let worst = Kind::worst(errors.iter().map(larder_core::Error::kind));
    let code = ExitCode::from(worst.map_or(0, Kind::exit_code));
    counts.end(global, started, Ok(code))
}
