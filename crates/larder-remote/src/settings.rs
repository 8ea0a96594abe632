//! The settings of a run for access to other machines, resolved once at its start and passed down.

use std::path::PathBuf;

use crate::github::GitHubConfig;
use crate::http::{self, Url};
use crate::s3::S3Config;
use larder_core::environment::Environment;
use larder_core::file_lock::LockSettings;

/// How other machines may be accessed. The default reads nothing from the environment of this
/// machine.
#[derive(Clone, Debug, Default)]
pub struct RemoteSettings {
    /// Timeouts, limits and permissions of the HTTP client.
    pub http: http::Settings,
    /// The address of GitHub, and the token to use there.
    pub github: GitHubConfig,
    /// Credentials, region and endpoint of object stores.
    pub s3: S3Config,
    /// The url to use in place of `https://github.com` when originals are downloaded.
    pub github_mirror: Option<Url>,
    /// The environment of the registries' own clients, which use the user's configuration.
    pub environment: Environment,
    /// How this process names itself in file locks, and how long it waits for those of others.
    pub locks: LockSettings,
    /// Folder for temporary files.
    pub temp: PathBuf,
}
