//! What a run is told about the machine and the user, resolved once by the command line and passed down. Nothing in here
//! is read from the environment.

use std::path::PathBuf;

use camino::Utf8PathBuf;

use larder_core::environment::Environment;
use larder_remote::RemoteSettings;

/// The settings of a run.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Folder of the local cache.
    pub cache: Utf8PathBuf,
    /// Whether installed binaries may be links, where the file system has them.
    pub links: bool,
    /// How other machines may be asked; also the variables and the temporary folder that child processes get.
    pub remote: RemoteSettings,
    /// The continuous integration that the run is a part of.
    pub ci: CiContext,
}

impl Settings {
    /// Variables for child processes that are the user's own programs. Builds see few of them.
    pub fn environment(&self) -> &Environment {
        &self.remote.environment
    }
}

/// What the system for continuous integration says of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CiContext {
    /// `CI` is true.
    pub is_ci: bool,
    /// What GitHub Actions says, where the run is one of its jobs.
    pub actions: Option<ActionsContext>,
}

/// What GitHub Actions says of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActionsContext {
    /// Name of the event that started the workflow, such as `push` or `pull_request`.
    pub event: String,
    /// The ref that it runs for, such as `refs/heads/main`.
    pub reference: String,
    /// The file with the event's payload.
    pub payload: Option<PathBuf>,
    /// Page of the workflow's run.
    pub run_url: Option<String>,
}
