//! `larder agent`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use camino::Utf8PathBuf;

use super::Global;
use crate::report;
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};
use larder_serve::agent::{self, Config, Settings};
use larder_serve::log::{Level, Log};
use larder_serve::systemd::Manager;

/// Keep this machine on the right version of a binary
///
/// The agent gets a binary from `larder serve`, verifies it, runs it as its child, and moves it to
/// another version when the server says so. A new version that ends, hangs or is unhealthy is taken
/// back. What runs keeps running while the server does not answer. `status.json` in `data_dir`
/// always tells what the agent does. SIGTERM or SIGINT ends the child and the agent.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder agent --config agent-config.toml          run the binary, and follow the server
  larder agent --config agent-config.toml --once   print the path of the binary, for scripts
  exec \"$(larder agent --config agent-config.toml --once)\"

A configuration:
  [agent]
  agent_id = \"agent-1\"
  channel = \"stable\"
  [storage]
  name = \"storage-server\"
  master_binary_url = \"http://127.0.0.1:7001\"
  data_dir = \"agent-data\"")]
pub struct Args {
    /// The file of the agent's configuration, in TOML.
    #[arg(long, value_name = "FILE")]
    config: Utf8PathBuf,
    /// Make the binary present and verified, print its path, and end without running it.
    #[arg(long)]
    once: bool,
    /// How the log on stderr is written: human or json.
    #[arg(long, value_name = "FORMAT", default_value = "human", value_parser = ["human", "json"])]
    log: String,
}

impl Args {
    fn settings(&self, global: &Global) -> Result<Settings> {
        let startup = &global.startup;
        // The service manager may watch another process of this service.
        let is_for_us = startup
            .value("WATCHDOG_PID")
            .is_none_or(|pid| pid == std::process::id().to_string());
        let watchdog = startup.value("WATCHDOG_USEC").filter(|_| is_for_us);
        let config = Config::read(&global.start()?.join(&self.config))?;
        Ok(Settings {
            config,
            http: startup.remote(false)?.http,
            locks: startup.locks()?,
            environment: (*startup.environment).clone(),
            manager: Manager::new(startup.value("NOTIFY_SOCKET")),
            watchdog: watchdog
                .and_then(|text| text.parse().ok())
                .map(Duration::from_micros),
        })
    }
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let settings = args.settings(global)?;
    let least = match (global.quiet, global.verbose) {
        (0, 0) => Level::Info,
        (0, _) => Level::Detail,
        (1, _) => Level::Warning,
        _ => Level::Error,
    };
    let printer = global.printer();
    let write = move |line: &str| printer.message(line);
    let log = Log::new(Arc::new(write), args.log == "json", least);
    if args.once {
        let cancel = Cancel::new();
        let path = agent::once(&settings, &cancel, &log)?;
        report::print_data(&format!("{path}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Error::failed("cannot start the agent's threads").cause(error))?;
    let ended = runtime.block_on(agent::run(settings, log));
    // Downloads that were cancelled do not delay the end.
    runtime.shutdown_background();
    ended.map(|()| ExitCode::SUCCESS)
}
