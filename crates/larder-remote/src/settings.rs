//! What a run is told about other machines, resolved once at its start and passed down.

use std::path::PathBuf;

use crate::github::GitHubConfig;
use crate::http::{self, Url};
use larder_core::environment::Environment;

/// How other machines may be asked. The default knows nothing of the machine that it runs on.
#[derive(Clone, Debug, Default)]
pub struct RemoteSettings {
    /// Patience and permissions of the HTTP client.
    pub http: http::Settings,
    /// Where GitHub is, and who we are there.
    pub github: GitHubConfig,
    /// Stands in for `https://github.com` where originals are downloaded.
    pub github_mirror: Option<Url>,
    /// Variables for the registries' ordinary clients: their configuration is the user's.
    pub environment: Environment,
    /// Folder for temporary files.
    pub temp: PathBuf,
}
