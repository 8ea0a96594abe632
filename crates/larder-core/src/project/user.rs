//! The user's own configuration, `config.yml`: settings that a project must not make for its users.
//! It is read as strictly as the project's files and does not depend on them. The caller passes the
//! file's path and the values of environment variables.

use std::sync::OnceLock;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{Error, Result};
use crate::hosts::{is_allowed, is_loopback};
use crate::redact::mask;
use crate::variables;

use super::executor::{ExecutorAddress, ExecutorConfig};
use super::paths::expand;
use super::syntax::decode::{At, Decode, Reader, Spot};
use super::syntax::source::Source;
use super::syntax::source::{read_limited, sorted};
use super::syntax::yaml;
use super::typed::user::{RawCache, RawUser};
use super::urls::{GitTransport, UrlScheme, parse_git_url, parse_url};

/// What the user configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserSettings {
    /// The mirror to use in place of `https://github.com` when originals are downloaded.
    pub github_mirror: Option<String>,
    /// The hosts that plain http is allowed for, besides this machine.
    pub allow_http: Vec<String>,
    /// Whether what comes from elsewhere must be signed, whatever a project says.
    pub require_signature: bool,
    /// The limits of the local cache.
    pub cache: CacheLimits,
    /// The cluster that runs builds, or the cache of their results.
    pub executor: Option<ExecutorConfig>,
}

/// The limits of the local cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheLimits {
    /// The total size that its files may have, in bytes.
    pub max_size: Option<u64>,
    /// How long a file that is not used is kept.
    pub max_age: Option<Duration>,
}

/// Where the user's configuration comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserSource {
    /// The file; `None` if the environment does not say where it would be.
    pub file: Option<Utf8PathBuf>,
    /// The user's home folder, absolute; `None` if the environment names none.
    pub home: Option<Utf8PathBuf>,
    /// The environment variable that names the file, if one does. The file must then exist, and its
    /// path must be absolute.
    pub named_by: Option<&'static str>,
    /// The mirror from the environment, which takes precedence over the file's `github_mirror`.
    pub github_mirror: Option<String>,
    /// The hosts from the environment, which are added to the file's `allow_http`.
    pub allow_http: Vec<String>,
    /// The executor from the environment, which takes precedence over the file's address.
    pub executor: Option<String>,
}

/// The user's configuration. The file is read on first use, so a run that finds everything up to
/// date never reads it.
#[derive(Debug, Default)]
pub struct UserConfig {
    source: UserSource,
    user: OnceLock<Result<UserSettings>>,
    observed: OnceLock<Option<std::fs::Metadata>>,
}

impl UserConfig {
    /// The configuration from this source. Nothing is read yet.
    pub fn new(source: UserSource) -> Self {
        Self {
            source,
            user: OnceLock::new(),
            observed: OnceLock::new(),
        }
    }

    /// The path of the file, whether it exists or not; `None` if the environment does not say.
    pub fn file(&self) -> Option<&Utf8Path> {
        self.source.file.as_deref()
    }

    /// The file, and the metadata that it had just before it was read; `None` if it was not read.
    pub fn observed(&self) -> Option<(Utf8PathBuf, Option<std::fs::Metadata>)> {
        let metadata = self.observed.get()?;
        Some((self.source.file.clone()?, metadata.clone()))
    }

    /// The user's home folder, which `~/` in paths stands for.
    pub fn home(&self) -> Option<&Utf8Path> {
        self.source.home.as_deref()
    }

    /// The settings; the first call reads the file.
    pub fn get(&self) -> Result<&UserSettings> {
        self.user
            .get_or_init(|| {
                let file = self.file();
                let _ = self
                    .observed
                    .set(file.and_then(|file| crate::fs::stat(file).ok()?));
                UserSettings::read(&self.source)
            })
            .as_ref()
            .map_err(Clone::clone)
    }

    /// The error of the first use, if there was one and the file could not be read.
    pub(super) fn read_error(&self) -> Option<Error> {
        self.user.get()?.as_ref().err().cloned()
    }
}

impl UserSettings {
    fn read(source: &UserSource) -> Result<Self> {
        let UserSource {
            home,
            file,
            named_by,
            github_mirror,
            allow_http,
            executor,
        } = source;
        let mut user = match file {
            Some(file) => Self::from_file(file, *named_by, home.as_deref())?,
            None => Self::default(),
        };
        user.github_mirror = github_mirror.clone().or(user.github_mirror);
        user.allow_http.extend_from_slice(allow_http);
        if let Some(text) = executor {
            user.use_executor(text)?;
        }
        Ok(user)
    }

    /// Uses the executor that the environment names. It keeps what the file says about the use of an
    /// executor, but headers are sent only to the one that they are meant for.
    fn use_executor(&mut self, text: &str) -> Result<()> {
        let address =
            ExecutorAddress::parse(text, &self.allow_http).map_err(|(message, hint)| {
                Error::usage(format!("{}: {message}", variables::EXECUTOR)).hint(hint)
            })?;
        let named = ExecutorConfig::at(address);
        self.executor = Some(match self.executor.take() {
            Some(file) if file.address.url == named.address.url => ExecutorConfig {
                address: named.address,
                ..file
            },
            Some(file) => ExecutorConfig {
                address: named.address,
                headers_from: named.headers_from,
                ..file
            },
            None => named,
        });
        Ok(())
    }

    fn from_file(path: &Utf8Path, named_by: Option<&str>, home: Option<&Utf8Path>) -> Result<Self> {
        // The default path is no text of the user's.
        let path = &match named_by {
            Some(name) => expand(path.as_str(), home)
                .map_err(|(message, hint)| Error::usage(format!("{name}: {message}")).hint(hint))?,
            None => path.to_owned(),
        };
        if let Some(name) = named_by.filter(|_| !path.is_absolute()) {
            return Err(
                Error::usage(format!("{name} is `{path}`, which is not absolute"))
                    .hint("name an absolute path"),
            );
        }
        let Some((bytes, _)) = read_limited(path)? else {
            return match named_by {
                Some(name) => Err(Error::usage(format!("there is no {path}"))
                    .hint(format!("{name} names the file; unset it"))),
                None => Ok(Self::default()),
            };
        };
        let (source, refused) = Source::new(path.to_owned(), bytes);
        let mut reader = Reader::new(&source);
        reader.problems.extend(refused);
        let user = Self::from_source(&source, &mut reader);
        if reader.problems.is_empty() {
            Ok(user)
        } else {
            Err(Error::problems_in(
                "your configuration",
                sorted(reader.problems),
            ))
        }
    }

    fn from_source(source: &Source, reader: &mut Reader<'_>) -> Self {
        let mut user = Self::default();
        if !reader.problems.is_empty() {
            return user;
        }
        let (node, problems) = yaml::parse(source);
        reader.problems.extend(problems);
        // An empty file is valid and sets nothing.
        let Some(node) = node.filter(|node| !node.is_null()) else {
            return user;
        };
        let Some(RawUser {
            github_mirror,
            allow_http,
            require,
            cache,
            executor,
            spans: _,
        }) = RawUser::decode(&node, Spot::File, reader)
        else {
            return user;
        };
        user.require_signature = require.is_some();
        user.cache = cache.map(limits).unwrap_or_default();
        user.allow_http = allow_http
            .into_iter()
            .flatten()
            .map(|At { value, span: _ }| value.0)
            .collect();
        if let Some(At { value, span }) = github_mirror {
            match parse_url(&value) {
                Ok(UrlScheme::Https) => {}
                Ok(UrlScheme::Http(host)) if is_allowed(host, &user.allow_http) => {}
                Ok(UrlScheme::Http(host)) => {
                    let message = format!(
                        "`{}` can't be used: bytes sent over plain http can be changed on the way",
                        mask(&value)
                    );
                    reader.problem(
                        &span,
                        message,
                        format!("use https, or allow the host here: `allow_http: [{host}]`"),
                    );
                }
                Err((message, hint)) => reader.problem(&span, message, hint),
            }
            user.github_mirror = Some(value);
        }
        user.executor =
            executor.and_then(|raw| ExecutorConfig::read(raw, &user.allow_http, reader));
        user
    }
}

fn limits(raw: RawCache) -> CacheLimits {
    let RawCache {
        max_size,
        max_age,
        spans: _,
    } = raw;
    CacheLimits {
        max_size: max_size.map(|At { value, span: _ }| value.0),
        max_age: max_age.map(|At { value, span: _ }| value.0),
    }
}

/// Returns why nothing can be downloaded from a url, as a message and a hint. Allowed are https,
/// and plain http to this machine and to hosts that the user allows; without `user`, to any host.
pub fn url_fault(url: &str, user: Option<&UserConfig>) -> Option<(String, &'static str)> {
    match parse_url(url) {
        Ok(UrlScheme::Https) => None,
        Ok(UrlScheme::Http(host)) => http_fault(url, host, user),
        Err(fault) => Some(fault),
    }
}

/// The same for a url that git fetches from.
pub(super) fn git_url_fault(
    url: &str,
    user: Option<&UserConfig>,
) -> Option<(String, &'static str)> {
    match parse_git_url(url) {
        Ok(GitTransport::Safe) => None,
        Ok(GitTransport::Http(host)) => http_fault(url, host, user),
        Err(fault) => Some(fault),
    }
}

/// Returns why nothing can be downloaded over plain http from a host.
fn http_fault(url: &str, host: &str, user: Option<&UserConfig>) -> Option<(String, &'static str)> {
    // The configuration is read only here, as few projects use http. If it can't be read, that is
    // reported once everything else is read, and not this url.
    let refused = !is_loopback(host)
        && user
            .and_then(|user| user.get().ok())
            .is_some_and(|user| !is_allowed(host, &user.allow_http));
    refused.then(|| {
        (
            format!(
                "`{}` can't be used: bytes sent over plain http can be changed on the way",
                mask(url)
            ),
            "use https, or allow the host in your own config.yml with `allow_http`",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::executor::CacheUse;

    #[test]
    fn a_file_is_read() {
        let read = |text: &str| {
            let source = Source {
                file: "config.yml".into(),
                text: text.into(),
            };
            let mut reader = Reader::new(&source);
            let user = UserSettings::from_source(&source, &mut reader);
            if reader.problems.is_empty() {
                Ok(user)
            } else {
                Err(reader.problems)
            }
        };
        for empty in ["", "# nothing\n", "{}\n"] {
            assert_eq!(read(empty), Ok(UserSettings::default()), "{empty}");
        }
        let limits = |text: &str| read(text).expect("it is right").cache;
        assert_eq!(
            limits("cache: {max_size: 20GiB, max_age: 2w}\n"),
            CacheLimits {
                max_size: Some(20 << 30),
                max_age: Some(Duration::from_hours(14 * 24)),
            }
        );
        assert_eq!(limits("cache: {max_age: 30}\n").max_size, None);
        let user =
            read("github_mirror: http://Mirror.corp:8080/github\nallow_http: [mirror.corp]\n")
                .expect("it is right");
        assert_eq!(
            user.github_mirror.as_deref(),
            Some("http://Mirror.corp:8080/github")
        );
        assert!(
            is_allowed("MIRROR.corp", &user.allow_http)
                && !is_allowed("x.mirror.corp", &user.allow_http)
        );
        let user = read(
            "executor: {url: 'grpcs://a.example:1/x', cache: write, execute: false, jobs: 7}\n",
        );
        let mut user = user.expect("it is right");
        let from_file = user.executor.clone().expect("it is configured");
        assert_eq!(from_file.address.instance, "x");
        assert_eq!(
            (from_file.cache, from_file.execute, from_file.jobs.get()),
            (CacheUse::Write, false, 7)
        );
        user.use_executor("grpcs://b.example").expect("it is right");
        let named = user.executor.expect("it is configured");
        assert_eq!(named.address.url, "grpcs://b.example:443");
        assert_eq!((named.cache, named.jobs.get()), (CacheUse::Write, 7));
        for wrong in [
            "github_mirror: http://mirror.corp\n",
            "github_mirror: mirror.corp\n",
            "github_mirror: https://me:pass@mirror.corp\n",
            "github_mirror: [https://mirror.corp]\n",
            "allow_http: mirror.corp\n",
            "allow_http: ['http://mirror.corp']\n",
            "allow_http: ['mirror.corp:80']\n",
            "allow_http: ['*']\n",
            "require: checksum\n",
            "require: [signature]\n",
            "cache: 20GiB\n",
            "cache: {max_size: big}\n",
            "cache: {max_size: 0}\n",
            "cache: {max_age: 1y}\n",
            "cache: {max: 1GiB}\n",
            "executor: grpcs://a.example\n",
            "executor: {}\n",
            "executor: {url: https://a.example}\n",
            "executor: {url: 'grpc://a.example:1'}\n",
            "executor: {url: grpcs://a.example/x, instance: y}\n",
            "executor: {url: grpcs://a.example, cache: both}\n",
            "executor: {url: grpcs://a.example, jobs: 0}\n",
            "executor: {url: grpcs://a.example, headers_from: 'a b'}\n",
            "executor: {url: grpcs://a.example, token: x}\n",
            "token: x\n",
            "- a\n",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
