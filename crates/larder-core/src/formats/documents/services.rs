//! Documents about the services of a project.

use schemars::JsonSchema;
use serde::Serialize;

/// The line of `up` and `down` that says what runs. It comes before the summary.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ServicesLine {
    /// Always `services`.
    pub event: &'static str,
    /// The services that the command was for.
    pub services: Vec<ServiceEntry>,
}

/// A service.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ServiceEntry {
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// Whether it runs.
    pub running: bool,
    /// Whether it can be used, as its `ready` says; null if that was not asked.
    pub ready: Option<bool>,
    /// Its process id, if it runs.
    pub pid: Option<u32>,
    /// The port at which it accepts connections, if its `ready` says it.
    pub port: Option<u16>,
    /// Its log, relative to the project, if there is one.
    pub log: Option<String>,
    /// How it ended the last time, if it does not run: such as `exit code 1` or `stopped`.
    pub ended: Option<String>,
}

/// A line of `logs`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LogLine {
    /// The service.
    pub service: String,
    /// The line that it printed, without secrets and without its end.
    pub line: String,
}
