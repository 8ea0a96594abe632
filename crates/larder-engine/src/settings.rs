//! The settings of a run. The command line resolves them once from the environment and the user's
//! configuration and passes them as values; this module does not read the environment.

use std::path::PathBuf;

use camino::Utf8PathBuf;

use larder_core::environment::Environment;
use larder_core::project::user::CacheLimits;
use larder_remote::RemoteSettings;

use crate::executor::remote::ExecutorSettings;
use crate::trust::signing::SigningSettings;

/// The settings of a run.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The folder of the local cache.
    pub cache: Utf8PathBuf,
    /// The limits of the local cache.
    pub cache_limits: CacheLimits,
    /// Whether installed binaries may be links, if the file system supports them.
    pub links: bool,
    /// The settings for requests to other machines; also the variables and the temporary folder for
    /// child processes.
    pub remote: RemoteSettings,
    /// The value of `SOURCE_DATE_EPOCH`: the time that files for others carry, in seconds since
    /// 1970.
    pub source_date_epoch: Option<i64>,
    /// The CI job that the run is part of, if there is one.
    pub ci: CiContext,
    /// Where the key for signatures is.
    pub signing: SigningSettings,
    /// The id or the fingerprint of the key with which gpg signs repositories of packages.
    pub gpg_key: Option<String>,
    /// The executor on other machines, if the user configured one.
    pub executor: Option<ExecutorSettings>,
    /// The file of the user's configuration, and the metadata that it had just before it was read.
    pub user_file: Option<(Utf8PathBuf, Option<std::fs::Metadata>)>,
}

impl Settings {
    /// The variables of the user. Only the commands of tasks get all of them; other children get
    /// [`Environment::for_child`].
    pub fn environment(&self) -> &Environment {
        &self.remote.environment
    }
}

/// What the CI system reports about the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CiContext {
    /// Whether the variable `CI` is true.
    pub is_ci: bool,
    /// What GitHub Actions reports, if the run is one of its jobs.
    pub actions: Option<ActionsContext>,
}

/// What GitHub Actions reports about a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActionsContext {
    /// Name of the event that started the workflow, such as `push` or `pull_request`.
    pub event: String,
    /// The ref that it runs for, such as `refs/heads/main`.
    pub reference: String,
    /// The file with the event's payload.
    pub payload: Option<PathBuf>,
    /// The url of the page of the workflow's run.
    pub run_url: Option<String>,
}
