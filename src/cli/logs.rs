//! `larder logs`.

use std::process::ExitCode;

use super::Global;
use super::session::{end_runtime, supervised};
use larder_core::error::Result;
use larder_core::formats::documents::LogLine;
use larder_engine::services::Logs;

/// Show the logs of services
///
/// A log has what a service printed since it was started the last time, without secrets. The log of
/// the time before is beside it, with the ending `.old`. With several services, each line begins
/// with the name of its service.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder logs                 the logs of all services
  larder logs nats -n 20      the last lines of one log
  larder logs -f              and what is added, until no service runs any more")]
pub struct Args {
    /// Names of services. Default: all of them.
    #[arg(value_name = "SERVICE")]
    names: Vec<String>,
    /// Show only the last lines of each log.
    #[arg(short = 'n', long, value_name = "LINES")]
    lines: Option<usize>,
    /// Also show what is added, until none of the services runs any more.
    #[arg(short, long)]
    follow: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let project = global.load(&global.root()?)?;
    let mut logs = Logs::of(&project, &args.names)?;
    if !args.follow && !global.json {
        for name in logs.without_log() {
            global.message(&format!(
                "{name}: there is no log yet; `larder up {name}` starts it"
            ));
        }
    }
    let longest = if logs.count() > 1 { logs.width() } else { 0 };
    let print = |LogLine { service, line }: LogLine| {
        if global.json {
            return global.print_json(&LogLine { service, line });
        }
        let name = if longest > 0 {
            format!("{service:longest$} | ")
        } else {
            String::new()
        };
        global.print(&format!("{name}{line}\n"))
    };
    logs.tail(args.lines, print)?;
    if args.follow {
        let (runtime, cancel) = supervised()?;
        let ended = logs.follow(&cancel, print);
        end_runtime(runtime);
        ended?;
    }
    Ok(ExitCode::SUCCESS)
}
