//! Where GitHub is and who we are there: origins, token, patience. Handed in by whoever opens it.

use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::http::{Secret, Url, parse_url};

/// Where a token comes from; asked at most once, and only when one is needed.
#[derive(Clone, Debug)]
pub enum TokenSource {
    /// This one, or none.
    Given(Option<Secret>),
    /// What `gh auth token` says; clones share its answer.
    Gh(Arc<OnceLock<Option<Secret>>>),
}

impl TokenSource {
    /// The GitHub command line, not asked yet.
    pub fn gh() -> Self {
        Self::Gh(Arc::default())
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
    pub fn find_token(&self) -> Option<Secret> {
        match &self.token {
            TokenSource::Given(token) => token.clone(),
            TokenSource::Gh(answer) => answer
                .get_or_init(|| gh_token(self.web.host_str().unwrap_or_default()))
                .clone(),
        }
    }
}

/// What `gh` would use for a host. No `gh`, or not logged in: none.
fn gh_token(host: &str) -> Option<Secret> {
    let asked = Command::new("gh")
        .args(["auth", "token", "--hostname", host])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let text = asked
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok())?;
    (!text.trim().is_empty()).then(|| Secret::new(text))
}
