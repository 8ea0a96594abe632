//! Where GitHub is and who we are there: origins, token, patience. Read from the environment in one place; tests make
//! their own.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::http::{Secret, Url, parse_url};
use larder_core::error::Result;
use larder_core::variables;

/// Where a token comes from; asked at most once, and only when one is needed.
#[derive(Clone, Debug)]
pub enum TokenSource {
    /// This one, or none.
    Given(Option<Secret>),
    /// `LARDER_GITHUB_TOKEN`, `GH_TOKEN`, `GITHUB_TOKEN`, then `gh auth token`.
    Environment,
}

/// Where GitHub is, and how patient to be with it.
#[derive(Clone, Debug)]
pub struct GitHubConfig {
    /// Base of the API (`GITHUB_API_URL`; default `https://api.github.com`; `https://host/api/v3` on Enterprise Server).
    pub api: Url,
    /// Base of browser urls (`GITHUB_SERVER_URL`; default `https://github.com`).
    pub web: Url,
    /// The token.
    pub token: TokenSource,
    /// Least time between two writes (`LARDER_GITHUB_PACE`; default 1s, as GitHub asks).
    pub pace: Duration,
    /// How long lists may lag behind writes (`LARDER_GITHUB_SETTLE`; default 15s).
    pub settle: Duration,
}

impl GitHubConfig {
    /// From the environment.
    pub fn from_env() -> Result<Self> {
        let url = |name: &str, default: &str| {
            parse_url(
                variables::value(name)
                    .as_deref()
                    .unwrap_or(default)
                    .trim_end_matches('/'),
            )
        };
        Ok(Self {
            api: url("GITHUB_API_URL", "https://api.github.com")?,
            web: url("GITHUB_SERVER_URL", "https://github.com")?,
            token: TokenSource::Environment,
            pace: variables::duration(variables::GITHUB_PACE, Duration::from_secs(1))?,
            settle: variables::duration(variables::GITHUB_SETTLE, Duration::from_secs(15))?,
        })
    }

    /// The token, if there is one.
    pub fn find_token(&self) -> Option<Secret> {
        match &self.token {
            TokenSource::Given(token) => token.clone(),
            TokenSource::Environment => [variables::GITHUB_TOKEN, "GH_TOKEN", "GITHUB_TOKEN"]
                .into_iter()
                .find_map(variables::value)
                .map(Secret::new)
                .or_else(|| gh_token(self.web.host_str().unwrap_or_default())),
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
