//! The agent's configuration: the file as it is written, and as it is used. Every mistake has its
//! place in the file. Does not know what the values are used for.

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use larder_core::error::{Error, Problem, Result};
use larder_core::variables::parse_duration;
use larder_core::{fs, suggestions};
use larder_remote::http::{Site, parse_url};
use serde::Deserialize;
use toml::Spanned;

use crate::index::name::{Version, is_name};

/// How health is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The url that answers with a status below 400 if all is well.
    pub http: String,
    /// The time from one check to the next.
    pub interval: Duration,
    /// How long a new process may take until it is healthy.
    pub grace: Duration,
    /// How many checks in a row must pass.
    pub passes: u32,
    /// How many checks in a row must fail until a process counts as unhealthy.
    pub failures: u32,
}

/// What the agent is to run, as far as the configuration says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The version of a channel.
    Channel(String),
    /// This version.
    Version(String),
    /// The newest version at the first start, afterwards what runs.
    Latest,
}

/// The configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The name of the agent.
    pub agent_id: String,
    /// The server for gRPC: `host:port`, or an https or http url.
    pub master_host: Option<String>,
    /// Whether binaries may be downloaded.
    pub auto_download_binary: bool,
    /// What to run.
    pub wanted: Wanted,
    /// The file of the token.
    pub token_file: Option<Utf8PathBuf>,
    /// The name of what is run.
    pub name: String,
    /// The file to run, if nothing is to be downloaded.
    pub binary_path: Option<Utf8PathBuf>,
    /// The server for HTTP.
    pub master_binary_url: String,
    /// The folder of what the agent keeps.
    pub data_dir: Utf8PathBuf,
    /// The arguments of the child.
    pub args: Vec<String>,
    /// How health is checked; without it, what runs is healthy.
    pub health: Option<Health>,
    /// The time between two questions to the server if there is no gRPC.
    pub poll: Duration,
    /// The time between TERM and KILL.
    pub stop_grace: Duration,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    agent: RawAgent,
    storage: RawStorage,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAgent {
    agent_id: Spanned<String>,
    master_host: Option<Spanned<String>>,
    platform: Option<Spanned<String>>,
    #[serde(default = "yes")]
    auto_download_binary: bool,
    channel: Option<Spanned<String>>,
    version: Option<Spanned<String>>,
    token_file: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStorage {
    name: Option<Spanned<String>>,
    binary_path: Option<Spanned<String>>,
    master_binary_url: Option<Spanned<String>>,
    data_dir: Option<Spanned<String>>,
    #[serde(default)]
    args: Vec<String>,
    health: Option<RawHealth>,
    poll: Option<Spanned<String>>,
    stop_grace: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHealth {
    http: Spanned<String>,
    interval: Option<Spanned<String>>,
    grace: Option<Spanned<String>>,
    passes: Option<Spanned<u32>>,
    failures: Option<Spanned<u32>>,
}

fn yes() -> bool {
    true
}

/// The mistakes of a file, while it is read.
struct Reader {
    file: Utf8PathBuf,
    text: Arc<str>,
    problems: Vec<Problem>,
}

impl Reader {
    fn problem(&mut self, span: Range<usize>, message: String, hint: Option<String>) {
        self.problems.push(Problem {
            file: self.file.clone(),
            text: self.text.clone(),
            span,
            message,
            hint,
        });
    }

    /// A text that is not empty.
    fn filled(&mut self, key: &str, value: Option<Spanned<String>>) -> Option<Spanned<String>> {
        let value = value?;
        if value.get_ref().trim().is_empty() {
            let message = format!("`{key}` is empty");
            let hint = "write a value, or leave the key out".to_owned();
            self.problem(value.span(), message, Some(hint));
            return None;
        }
        Some(value)
    }

    fn time(&mut self, key: &str, value: Option<Spanned<String>>, default: Duration) -> Duration {
        let Some(value) = value else {
            return default;
        };
        match parse_duration(value.get_ref()) {
            Some(time) if !time.is_zero() => time,
            _ => {
                let message = format!("`{key}` is `{}`, which is no time", value.get_ref());
                let hint = "write `300ms`, `20s` or `5m`".to_owned();
                self.problem(value.span(), message, Some(hint));
                default
            }
        }
    }

    fn count(&mut self, key: &str, value: Option<Spanned<u32>>, default: u32) -> u32 {
        match value {
            Some(value) if *value.get_ref() == 0 => {
                let message = format!("`{key}` is 0");
                self.problem(value.span(), message, Some("at least 1 is needed".into()));
                default
            }
            Some(value) => value.into_inner(),
            None => default,
        }
    }

    fn url(&mut self, key: &str, value: Spanned<String>) -> String {
        if let Err(error) = parse_url(value.get_ref()) {
            let hint = "write it with its scheme, such as `http://127.0.0.1:7001`".to_owned();
            self.problem(value.span(), format!("`{key}`: {error}"), Some(hint));
        }
        value.into_inner().trim_end_matches('/').to_owned()
    }

    fn named(&mut self, key: &str, value: Spanned<String>) -> String {
        if !is_name(value.get_ref()) {
            let message = format!("`{key}` is `{}`, which is no name", value.get_ref());
            let hint =
                "a name has letters, digits, dots and dashes, and starts with a letter or digit";
            self.problem(value.span(), message, Some(hint.into()));
        }
        value.into_inner()
    }

    /// The mistake that the parser of TOML has found.
    fn syntax(&mut self, error: &toml::de::Error) {
        let message = error.message().to_owned();
        let mut words = message.split('`').skip(1).step_by(2);
        let hint = match (message.starts_with("unknown field"), words.next()) {
            (true, Some(word)) => Some(suggestions::hint(word, words.collect::<Vec<_>>())),
            _ => None,
        };
        let message = match message.split_once(", expected") {
            Some((what, _)) if message.starts_with("unknown field") => {
                what.replace("unknown field", "there is no key")
            }
            _ => message.replace("missing field", "this needs the key"),
        };
        let span = error.span().unwrap_or(0..0);
        self.problem(span, message, hint);
    }
}

impl Config {
    /// Reads a configuration. Paths in it are relative to its folder.
    pub fn read(file: &Utf8Path) -> Result<Self> {
        let text = fs::read_text_opt(file)?.ok_or_else(|| {
            Error::usage(format!("there is no configuration {file}"))
                .hint("name the agent's TOML file with --config")
        })?;
        Self::parse(file, &text)
    }

    fn parse(file: &Utf8Path, text: &str) -> Result<Self> {
        let mut reader = Reader {
            file: file.to_owned(),
            text: text.into(),
            problems: Vec::new(),
        };
        let config = match toml::from_str::<RawFile>(text) {
            Ok(raw) => Some(raw.check(&mut reader)),
            Err(error) => {
                reader.syntax(&error);
                None
            }
        };
        match config {
            Some(config) if reader.problems.is_empty() => Ok(config),
            _ => Err(Error::problems_in(
                "the agent's configuration",
                reader.problems,
            )),
        }
    }

    /// Where the server for HTTP is.
    pub fn site(&self) -> Result<Site> {
        self.master_binary_url.parse()
    }
}

impl RawFile {
    fn check(self, reader: &mut Reader) -> Config {
        let Self { agent, storage } = self;
        let folder = fs::parent(reader.file.as_std_path());
        let folder = Utf8Path::from_path(folder).unwrap_or(Utf8Path::new("."));
        let folder = folder.to_owned();
        let path = |text: &str| folder.join(text);
        if agent.agent_id.get_ref().trim().is_empty() {
            let hint = "give each agent a name of its own".to_owned();
            reader.problem(
                agent.agent_id.span(),
                "`agent_id` is empty".into(),
                Some(hint),
            );
        }
        if let Some(platform) = &agent.platform
            && platform.get_ref() != "process"
        {
            let message = format!("the platform `{}` is not known", platform.get_ref());
            let hint = "write `process`: the binary runs as a child of the agent".to_owned();
            reader.problem(platform.span(), message, Some(hint));
        }
        let version = reader.filled("version", agent.version);
        let channel = reader.filled("channel", agent.channel);
        if let (Some(version), Some(_)) = (&version, &channel) {
            let message = "`version` and `channel` are both set".to_owned();
            let hint = "a version pins the agent, a channel lets it follow: keep one of them";
            reader.problem(version.span(), message, Some(hint.into()));
        }
        let wanted = match (version, channel) {
            (Some(version), _) => {
                Wanted::Version(Version::requested(version.get_ref().trim()).to_owned())
            }
            (None, Some(channel)) => Wanted::Channel(reader.named("channel", channel)),
            (None, None) => Wanted::Latest,
        };
        let master_host = agent
            .master_host
            .filter(|host| !host.get_ref().is_empty())
            .map(|host| {
                let has_port = |text: &str| {
                    let (_, port) = text.rsplit_once(':').unwrap_or_default();
                    port.trim_end_matches('/').parse::<u16>().is_ok()
                };
                let is_url = host.get_ref().contains("://");
                let is_right = match host.get_ref().split_once("://") {
                    Some((scheme, _)) => {
                        matches!(scheme, "http" | "https") && parse_url(host.get_ref()).is_ok()
                    }
                    None => has_port(host.get_ref()),
                };
                if !is_right {
                    let what = if is_url { "url" } else { "host with a port" };
                    let message =
                        format!("`master_host` is `{}`, which is no {what}", host.get_ref());
                    let hint = "write `127.0.0.1:7000`, or `https://fleet.example:7000` for TLS";
                    reader.problem(host.span(), message, Some(hint.into()));
                }
                host.into_inner().trim_end_matches('/').to_owned()
            });
        let binary_path = storage
            .binary_path
            .filter(|path| !path.get_ref().is_empty());
        if binary_path.is_none() && !agent.auto_download_binary {
            let start = reader.text.find("auto_download_binary").unwrap_or(0);
            let message =
                "`auto_download_binary` is false, and no `binary_path` says what to run".to_owned();
            let hint = "set `binary_path` in [storage] to the file to run, or set \
                        `auto_download_binary = true`";
            reader.problem(
                start..start + "auto_download_binary".len(),
                message,
                Some(hint.into()),
            );
        }
        let url = match storage.master_binary_url {
            Some(url) => reader.url("master_binary_url", url),
            None => "http://127.0.0.1:7001".to_owned(),
        };
        let health = storage.health.map(|raw| {
            let RawHealth {
                http,
                interval,
                grace,
                passes,
                failures,
            } = raw;
            Health {
                http: {
                    let url = http.get_ref().clone();
                    reader.url("health.http", http);
                    url
                },
                interval: reader.time("interval", interval, Duration::from_secs(2)),
                grace: reader.time("grace", grace, Duration::from_secs(10)),
                passes: reader.count("passes", passes, 3),
                failures: reader.count("failures", failures, 3),
            }
        });
        let name = reader.filled("name", storage.name);
        let data_dir = reader.filled("data_dir", storage.data_dir);
        Config {
            agent_id: agent.agent_id.into_inner(),
            master_host,
            auto_download_binary: agent.auto_download_binary,
            wanted,
            token_file: reader
                .filled("token_file", agent.token_file)
                .map(|file| path(file.get_ref())),
            name: match name {
                Some(name) => reader.named("name", name),
                None => "storage-server".to_owned(),
            },
            binary_path: binary_path.map(|file| path(file.get_ref())),
            master_binary_url: url,
            data_dir: path(
                data_dir
                    .as_ref()
                    .map_or("agent-data", |dir| dir.get_ref().as_str()),
            ),
            args: storage.args,
            health,
            poll: reader.time("poll", storage.poll, Duration::from_secs(5)),
            stop_grace: reader.time("stop_grace", storage.stop_grace, Duration::from_secs(10)),
        }
    }
}
