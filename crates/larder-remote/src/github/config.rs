//! The addresses, token and time limits for GitHub. The caller passes them in.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::http::{Secret, Url, parse_url};
use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_process::Command;

/// The variables of `gh` itself: where its configuration is, and how it reaches the user's keyring.
const GH_VARIABLES: &[&str] = &[
    "GH_*",
    "GITHUB_ENTERPRISE_TOKEN",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
];

/// Where the token comes from. It is looked up at most once, and only when it is needed.
#[derive(Clone, Debug)]
pub enum TokenSource {
    /// This token, or none.
    Given(Option<Secret>),
    /// The output of `gh auth token`. Clones share it.
    Gh {
        /// The environment in which gh runs.
        environment: Environment,
        /// The token that gh printed, after it was run.
        answer: Arc<OnceLock<Option<Secret>>>,
    },
}

impl TokenSource {
    /// Gets the token from the GitHub CLI `gh`, with its own variables. It is not run yet.
    pub fn gh(environment: &Environment) -> Self {
        Self::Gh {
            environment: environment.for_program(GH_VARIABLES),
            answer: Arc::default(),
        }
    }
}

/// The addresses, token and time limits for GitHub.
#[derive(Clone, Debug)]
pub struct GitHubConfig {
    /// Base url of the API: `https://api.github.com`, or `https://host/api/v3` on Enterprise
    /// Server.
    pub api: Url,
    /// Base url of the website: `https://github.com`.
    pub web: Url,
    /// The source of the token.
    pub token: TokenSource,
    /// The minimum time between two writes. The default is 1 s, as GitHub asks for.
    pub pace: Duration,
    /// How long lists may lag behind writes. The default is 15 s.
    pub settle: Duration,
}

impl Default for GitHubConfig {
    /// The public GitHub, without a token.
    fn default() -> Self {
        let url = |text| parse_url(text).expect("it is a url");
        Self {
            api: url("https://api.github.com"),
            web: url("https://github.com"),
            token: TokenSource::Given(None),
            pace: Duration::from_secs(1),
            settle: Duration::from_secs(15),
        }
    }
}

impl GitHubConfig {
    /// The token, if there is one.
    pub fn find_token(&self, cancel: &Cancel) -> Option<Secret> {
        match &self.token {
            TokenSource::Given(token) => token.clone(),
            TokenSource::Gh {
                environment,
                answer,
            } => {
                let host = self.web.host_str().unwrap_or_default();
                answer
                    .get_or_init(|| gh_token(host, environment, cancel))
                    .clone()
            }
        }
    }
}

/// The time limit for gh. It is long because gh may read a keyring, which may prompt the user.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The token that `gh` uses for a host; `None` if `gh` is missing or not logged in.
fn gh_token(host: &str, environment: &Environment, cancel: &Cancel) -> Option<Secret> {
    let output = Command::new("gh", environment.clone())
        .args(["auth", "token", "--hostname", host])
        .timeout(TIMEOUT)
        .capture(cancel)
        .ok()
        .filter(|output| output.ended.is_success())?;
    (!output.out.trim().is_empty()).then(|| Secret::new(output.out))
}
