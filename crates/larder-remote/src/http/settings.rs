//! Deadlines, limits and permissions of the client: one value, created at the start of a run.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

use larder_core::error::{Error, Kind, Result};
use larder_core::hosts::is_allowed;

use super::connect::Proxies;
use super::secret::shown;

/// Deadlines, limits and permissions of a [`Client`](super::Client).
#[derive(Clone, Debug)]
pub struct Settings {
    /// `--offline`: no socket is ever opened.
    pub offline: bool,
    /// Hosts besides loopback to which plain http is allowed, from the user's configuration.
    pub allow_http: Vec<String>,
    /// `User-Agent`.
    pub user_agent: String,
    /// A file with a company CA to trust in addition to the system's roots: `SSL_CERT_FILE`.
    pub ca_file: Option<PathBuf>,
    /// The proxies that requests go through.
    pub proxies: Proxies,
    /// The time limit for making a connection.
    pub connect: Duration,
    /// The longest time to wait for the next bytes of the answer.
    pub idle: Duration,
    /// The time limit for a request with all its attempts. For transfers of assets, `slow_window`
    /// and `stall` apply instead.
    pub total: Duration,
    /// The window over which a body must average 1 KiB/s. A slower transfer is ended and resumed; a
    /// small answer is requested again.
    pub slow_window: Duration,
    /// The time without progress, over all attempts, after which a body is given up.
    pub stall: Duration,
    /// The number of retries, where a retry can help.
    pub retries: usize,
    /// The pause before the first retry. It is doubled for each further one, with jitter.
    pub backoff: Duration,
    /// The longest time to wait for a rate limit.
    pub rate_limit_wait: Duration,
    /// The pause after a secondary rate limit that states none; GitHub asks for at least a minute.
    pub secondary_limit_wait: Duration,
    /// The number of concurrent transfers from one host.
    pub per_host: usize,
    /// Whether each request tries its host anew. A run of a command does not: a host that could not
    /// be reached once is not tried again. A process that runs for weeks has to.
    pub forgets_hosts: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            offline: false,
            allow_http: Vec::new(),
            user_agent: concat!("larder/", env!("CARGO_PKG_VERSION")).to_owned(),
            ca_file: None,
            proxies: Proxies::default(),
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            total: Duration::from_mins(5),
            slow_window: Duration::from_secs(20),
            stall: Duration::from_secs(90),
            retries: 4,
            backoff: Duration::from_millis(300),
            rate_limit_wait: Duration::from_mins(1),
            secondary_limit_wait: Duration::from_mins(1),
            per_host: 6,
            forgets_hosts: false,
        }
    }
}

impl Settings {
    /// Returns an error for plain http, except to loopback and to hosts that the user allowed.
    pub fn check_scheme(&self, url: &Url) -> Result<()> {
        let host = url.host_str().unwrap_or_default();
        if url.scheme() == "https" || is_allowed(host, &self.allow_http) {
            return Ok(());
        }
        Err(Error::new(Kind::Refused, format!("{} is plain http", shown(url)))
            .hint(format!("use https, or allow plain http to this host: `allow_http: [{host}]` in your config.yml")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_only_to_loopback_and_allowed_hosts() {
        let settings = Settings {
            allow_http: vec!["Mirror.corp".into()],
            ..Settings::default()
        };
        let allowed = |url: &str| settings.check_scheme(&Url::parse(url).unwrap()).is_ok();
        for good in [
            "https://a.example",
            "http://127.0.0.1:1",
            "http://[::1]:1",
            "http://localhost",
            "http://api.localhost:9",
            "http://mirror.corp/x",
        ] {
            assert!(allowed(good), "{good}");
        }
        for bad in [
            "http://a.example",
            "http://localhost.example",
            "http://10.0.0.1",
            "http://notlocalhost",
            "http://x.mirror.corp",
        ] {
            assert!(!allowed(bad), "{bad}");
        }
    }
}
