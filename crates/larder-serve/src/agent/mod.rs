//! The agent: keeps one machine on the right version of one binary.
//!
//! ```text
//! server (gRPC or HTTP) ─┐                                    ┌─▶ downloads
//! health checks ─────────┼─▶ messages ─▶ Machine ─▶ actions ──┼─▶ the child
//! the child, signals ────┘              (supervise)           └─▶ state.json, status.json, reports
//! ```
//! One task owns the decisions and what is kept ([`run`]); the others send it messages and see a
//! `View` of what it decided. The module `supervise` knows no clock, files or processes.

mod binaries;
mod child;
pub mod config;
mod data;
mod health;
mod once;
mod release;
mod run;
mod server;
mod signals;
mod supervise;
mod view;

use std::time::Duration;

use larder_core::environment::Environment;
use larder_core::file_lock::LockSettings;
use larder_core::model::Digest;

pub use config::Config;
pub use once::once;
pub use run::run;

use crate::systemd::Manager;

/// What an agent is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The configuration.
    pub config: Config,
    /// How requests are sent.
    pub http: larder_remote::http::Settings,
    /// How the agent's folder is locked.
    pub locks: LockSettings,
    /// The variables of the agent.
    pub environment: Environment,
    /// The service manager.
    pub manager: Manager,
    /// How often the service manager wants to hear that the agent is alive, at least.
    pub watchdog: Option<Duration>,
}

/// What the tasks tell the one that decides.
#[derive(Debug)]
enum Message {
    /// Something happened.
    Event(supervise::Event),
    /// A process was checked.
    Checked(u32, Result<(), String>),
    /// A binary was compared with its digest before its start.
    Compared(Result<camino::Utf8PathBuf, (supervise::Fault, String)>),
    /// The digest of the file that the configuration names.
    Found(Digest),
}
