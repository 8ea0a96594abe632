//! Where GitHub is and who we are there: origins, token, patience. Handed in by whoever opens it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::http::{Secret, Url, parse_url};
use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_core::variables;
use larder_process::Command;

/// Where a token comes from; asked at most once, and only when one is needed.
#[derive(Clone, Debug)]
pub enum TokenSource {
    /// This one, or none.
    Given(Option<Secret>),
    /// What `gh auth token` says; clones share its answer.
    Gh {
        /// What gh sees.
        environment: Environment,
        /// What it said, once it was asked.
        answer: Arc<OnceLock<Option<Secret>>>,
    },
}

impl TokenSource {
    /// The GitHub command line in the user's environment, not asked yet.
    pub fn gh(environment: &Environment) -> Self {
        Self::Gh {
            environment: environment.without(variables::GITHUB_TOKEN),
            answer: Arc::default(),
        }
    }
}

/// Where GitHub is, and how patient to be with it.
#[derive(Clone, Debug)]
pub struct GitHubConfig {
    /// Base of the API: `https://api.github.com`, or `https://host/api/v3` on Enterprise Server.
    pub api: Url,
    /// Base of browser urls: `https://github.com`.
    pub web: Url,
    /// The token.
    pub token: TokenSource,
    /// Least time between two writes: 1s, as GitHub asks.
    pub pace: Duration,
    /// How long lists may lag behind writes: 15s.
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

/// gh may ask a keyring, and that its user; it takes no longer.
const PATIENCE: Duration = Duration::from_mins(1);

/// What `gh` would use for a host. No `gh`, or not logged in: none.
fn gh_token(host: &str, environment: &Environment, cancel: &Cancel) -> Option<Secret> {
    let said = Command::new("gh", environment.clone())
        .args(["auth", "token", "--hostname", host])
        .timeout(PATIENCE)
        .capture(cancel)
        .ok()
        .filter(|said| said.ended.is_success())?;
    (!said.out.trim().is_empty()).then(|| Secret::new(said.out))
}
