//! Questions to the server over HTTP: which version, which bytes, whether they are right.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use camino::Utf8PathBuf;
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Kind, Result};
use larder_core::fs;
use larder_core::model::{Digest, Platform};
use larder_remote::http::{
    Answer, Client, Credential, Method, Request, Secret, Settings, Site, Url, parse_url,
};
use serde::Deserialize;
use serde_json::json;

use crate::agent::config::{Config, Wanted};
use crate::agent::data::Node;
use crate::agent::release::Release;
use crate::index::name::arch_word;

/// The largest answer in JSON.
const LIMIT: u64 = 4 * 1024 * 1024;

/// What the server says about a binary.
#[derive(Clone, Debug, Deserialize)]
struct Info {
    name: String,
    version: String,
    checksum: Digest,
    size_bytes: u64,
    path: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Channel {
    name: String,
    #[serde(rename = "channel")]
    word: String,
    version: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Verified {
    valid: bool,
    expected_checksum: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Refusal {
    detail: String,
}

/// What the server has for the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// This version.
    Release(Release),
    /// Nothing, for this reason.
    Nothing(String),
}

/// The server over HTTP. Clones share their connections. Its calls block.
#[derive(Clone, Debug)]
pub struct Catalog {
    base: Url,
    settings: Settings,
    name: String,
    token_file: Option<Utf8PathBuf>,
    data_dir: Utf8PathBuf,
    /// Which credential the server has accepted: none, the token, the secret of the node.
    accepted: Arc<AtomicUsize>,
}

impl Catalog {
    /// The server that the configuration names.
    pub fn new(config: &Config, data_dir: &camino::Utf8Path, settings: Settings) -> Result<Self> {
        Ok(Self {
            base: parse_url(&config.master_binary_url)?,
            settings: Settings {
                forgets_hosts: true,
                ..settings
            },
            name: config.name.clone(),
            token_file: config.token_file.clone(),
            data_dir: data_dir.to_owned(),
            accepted: Arc::default(),
        })
    }

    /// A client whose requests end when `cancel` is set.
    pub fn client(&self, cancel: &Cancel) -> Client {
        Client::new(self.settings.clone(), cancel.clone())
    }

    /// The url of a path on the server.
    pub fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        // Only urls without a host have no segments.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// The credentials that may be tried, in this order: none, the token, the secret of the node.
    fn credentials(&self) -> Vec<Option<Credential>> {
        let site = Site::of(&self.base);
        let token = self.token_file.as_ref();
        let token = token.and_then(|file| fs::read_text(file).ok());
        let node = fs::read_or_absent(self.data_dir.join("node.json"))
            .ok()
            .flatten();
        let node = node.and_then(|bytes| serde_json::from_slice::<Node>(&bytes).ok());
        let secrets = [token, node.map(|node| node.secret)].into_iter().flatten();
        let secrets = secrets.filter(|secret| !secret.trim().is_empty());
        let of_secret = |secret: String| {
            let secret = Secret::new(secret.trim());
            Some(Credential::bearer(&secret, [site.clone()]))
        };
        std::iter::once(None)
            .chain(secrets.map(of_secret))
            .collect()
    }

    /// Sends something without a credential, and if the server wants one, with those that there
    /// are. What was accepted is what the next request begins with.
    pub fn with_credentials<T>(
        &self,
        send: impl Fn(Option<&Credential>) -> Result<T>,
        is_refused: impl Fn(&Result<T>) -> bool,
    ) -> Result<T> {
        let credentials = self.credentials();
        let first = self.accepted.load(Ordering::Relaxed) % credentials.len();
        let mut refused = None;
        for number in (first..credentials.len()).chain(0..first) {
            let result = send(credentials[number].as_ref());
            if !is_refused(&result) {
                self.accepted.store(number, Ordering::Relaxed);
                return result;
            }
            refused = Some(result);
        }
        refused.unwrap_or_else(|| send(None))
    }

    fn send<'r>(
        &self,
        cancel: &Cancel,
        request: impl Fn() -> Result<Request<'r>>,
    ) -> Result<Answer> {
        let client = self.client(cancel);
        self.with_credentials(
            |credential| client.send(request()?.credential(credential).anything().limit(LIMIT)),
            |answer| {
                answer
                    .as_ref()
                    .is_ok_and(|answer| matches!(answer.status, 401 | 403))
            },
        )
    }

    /// What the configuration wants.
    pub fn wanted(&self, wanted: &Wanted, cancel: &Cancel) -> Result<Found> {
        match wanted {
            Wanted::Version(version) => self.version(version, cancel),
            Wanted::Latest => self.version("latest", cancel),
            Wanted::Channel(channel) => match self.channel(channel, cancel)? {
                Some(version) => self.version(&version, cancel),
                None => Ok(Found::Nothing(format!(
                    "the server has no channel `{channel}` of {}",
                    self.name
                ))),
            },
        }
    }

    /// The version that a channel points at; `None` if there is no such channel.
    pub fn channel(&self, channel: &str, cancel: &Cancel) -> Result<Option<String>> {
        let url = self.url(&["api", "channels"]);
        let answer = self.send(cancel, || Request::new(Method::GET, url.clone()))?;
        if answer.status == 404 {
            return Ok(None);
        }
        let channels: Vec<Channel> = success(&answer)?.json()?;
        let found = channels
            .into_iter()
            .find(|found| found.name == self.name && found.word == channel);
        Ok(found.map(|found| found.version))
    }

    /// A version for this machine.
    pub fn version(&self, version: &str, cancel: &Cancel) -> Result<Found> {
        let url = self.of_version(&["api", "binaries"], version, &[]);
        let answer = self.send(cancel, || Request::new(Method::GET, url.clone()))?;
        if answer.status == 404 {
            return Ok(Found::Nothing(detail(&answer)));
        }
        let info: Info = success(&answer)?.json()?;
        if info.name != self.name || info.path.is_empty() || info.path.contains(['/', '\\']) {
            return Err(Error::unavailable(format!(
                "{} answered with another binary than {}",
                answer.url, self.name
            )));
        }
        Ok(Found::Release(Release {
            name: info.name,
            version: info.version,
            checksum: info.checksum,
            file: info.path,
            size: info.size_bytes,
        }))
    }

    /// An error unless the server says that these are the bytes of the version.
    pub fn verify(&self, release: &Release, cancel: &Cancel) -> Result<()> {
        let url = self.of_version(&["api", "binaries"], &release.version, &["verify"]);
        let body = json!({"checksum": release.checksum.to_string()});
        let answer = self.send(cancel, || {
            Request::new(Method::POST, url.clone())?.json(&body)
        })?;
        let verified: Verified = success(&answer)?.json()?;
        if verified.valid {
            return Ok(());
        }
        Err(Error::integrity(format!(
            "the server does not confirm the bytes of {} {}",
            release.name, release.version
        ))
        .cause(format!(
            "it expects the sha256 {}, and these have {}",
            verified.expected_checksum, release.checksum
        ))
        .hint("the version was replaced on the server; give new bytes a new version"))
    }

    fn of_version(&self, before: &[&str], version: &str, after: &[&str]) -> Url {
        let Platform { os, arch, .. } = Platform::host();
        let place = [version, os.as_str(), arch_word(arch)];
        let mut url = self.url(&[before, &place, after].concat());
        url.query_pairs_mut().append_pair("name", &self.name);
        url
    }
}

/// The answer, if it is a success.
pub fn success(answer: &Answer) -> Result<&Answer> {
    if answer.is_success() {
        return Ok(answer);
    }
    let error = answer.error();
    let error = match answer.status {
        // The server is there and says no.
        401 | 403 => error.with_kind(Kind::Refused).hint(
            "name a file with a token that may read as `token_file` of the agent's configuration",
        ),
        _ => error,
    };
    Err(error.cause(detail(answer)))
}

/// What the server says about a refusal.
fn detail(answer: &Answer) -> String {
    match serde_json::from_slice::<Refusal>(&answer.body) {
        Ok(refusal) => refusal.detail,
        Err(_) => format!("{} answered {}", answer.url, answer.status),
    }
}
