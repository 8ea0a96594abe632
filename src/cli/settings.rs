//! The only module that reads the process environment. It reads the variables once, interprets
//! them, and passes them down as values.

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_core::error::{Error, Result};
use larder_core::file_lock::{LockSettings, Waiting};
use larder_core::hosts;
use larder_core::project::paths::expand;
use larder_core::project::user::{UserConfig, UserSource};
use larder_core::project::{HubConfig, Project};
use larder_core::variables::{self, parse_duration};
use larder_engine::services::Supervision;
use larder_engine::settings::{ActionsContext, CiContext, Settings};
use larder_engine::trust::signing::SigningSettings;
use larder_remote::RemoteSettings;
use larder_remote::github::{GitHubConfig, TokenSource};
use larder_remote::http::{self, Secret, Url, parse_url};
use larder_remote::s3::S3Config;

/// The environment of the process and the user's configuration. Clones share them. The default has
/// no variables.
#[derive(Clone, Debug, Default)]
pub struct Startup {
    /// The environment variables.
    pub environment: Arc<Environment>,
    /// The user's configuration, which is read on first use.
    pub user: Arc<UserConfig>,
    /// The command of this process, such as `ensure`, as other processes are told it.
    pub command: Arc<str>,
}

/// The current folder of the process.
pub fn current_dir() -> Result<Utf8PathBuf> {
    let current = std::env::current_dir()
        .map_err(|e| Error::failed("cannot determine the current folder").cause(e))?;
    Utf8PathBuf::from_path_buf(current).map_err(|path| {
        Error::usage(format!(
            "the current folder {} has a name that is not UTF-8",
            path.display()
        ))
    })
}

/// The arguments of this process, starting with the program's name.
pub fn arguments() -> impl Iterator<Item = OsString> {
    std::env::args_os()
}

/// The file of the program that this process runs.
fn own_program() -> Result<PathBuf> {
    std::env::current_exe()
        .map_err(|e| Error::failed("cannot find out where larder itself is").cause(e))
}

impl Startup {
    /// Reads the environment of this process.
    pub fn read() -> Self {
        Self::new(std::env::vars_os().collect())
    }

    fn new(mut environment: Environment) -> Self {
        let home = home(&environment);
        // Children read this one too. A path that is refused is reported where it is needed.
        if let Some(Ok(temp)) = environment
            .value("TMPDIR")
            .filter(|text| text.starts_with('~'))
            .map(|text| expand(text, home.as_deref()))
        {
            environment.set("TMPDIR", temp.as_str());
        }
        let environment = environment;
        let text = |name| environment.value(name).map(str::to_owned);
        let named = environment.value(variables::CONFIG).map(Utf8PathBuf::from);
        let user = UserSource {
            named_by: named.is_some().then_some(variables::CONFIG),
            home,
            file: named.or_else(|| default_config(&environment)),
            github_mirror: text(variables::UPSTREAM_GITHUB),
            allow_http: text(variables::ALLOW_HTTP)
                .map(|list| hosts::parse_list(&list))
                .unwrap_or_default(),
            executor: text(variables::EXECUTOR),
        };
        Self {
            user: Arc::new(UserConfig::new(user)),
            environment: Arc::new(environment),
            command: Arc::from(""),
        }
    }

    /// A variable's value; `None` where it is unset or empty.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.environment.value(name)
    }

    /// A path that the user wrote in a variable or an argument, with `~/` replaced by the home folder.
    /// `by` names the variable or the argument.
    pub fn expand(&self, by: &str, text: &str) -> Result<Utf8PathBuf> {
        expand(text, self.user.home())
            .map_err(|(message, hint)| Error::usage(format!("{by}: {message}")).hint(hint))
    }

    /// The folder for temporary files.
    pub fn temp_dir(&self) -> Result<PathBuf> {
        match self.value("TMPDIR").filter(|_| cfg!(unix)) {
            Some(text) => self
                .expand("TMPDIR", text)
                .map(Utf8PathBuf::into_std_path_buf),
            None if cfg!(unix) && self.environment.get("TMPDIR").is_none_or(OsStr::is_empty) => {
                Ok("/tmp".into())
            }
            None => Ok(std::env::temp_dir()),
        }
    }

    /// Loads the project of a folder. `LARDER_HUB` replaces its hub.
    pub fn load(&self, root: &Utf8Path) -> Result<Project> {
        let mut project = Project::load(root, &self.user)?;
        if let Some(text) = self.value(variables::HUB) {
            project.use_hub(HubConfig::parse(text, root, &self.user)?);
        }
        if self.user.get()?.require_signature {
            project.trust.require_signatures();
        }
        Ok(project)
    }

    /// The settings of a run.
    pub fn settings(&self, offline: bool) -> Result<Settings> {
        let user = self.user.get()?;
        Ok(Settings {
            cache_limits: user.cache,
            remote: self.remote(offline)?,
            links: self.links()?,
            source_date_epoch: self.source_date_epoch()?,
            cache: self.cache_dir()?,
            ci: self.ci(),
            signing: self.signing()?,
            gpg_key: self.value(variables::GPG_KEY).map(str::to_owned),
            executor: user
                .executor
                .as_ref()
                .map(|executor| {
                    let text = self.value(&executor.headers_from).unwrap_or_default();
                    super::remote::executor(executor, text)
                })
                .transpose()?,
            user_file: self.user.observed(),
        })
    }

    /// Where the key for signatures is.
    pub fn signing(&self) -> Result<SigningSettings> {
        let secret = |name| self.value(name).map(Secret::new);
        let file = self.value(variables::SIGNING_KEY_FILE);
        Ok(SigningSettings {
            key: secret(variables::SIGNING_KEY),
            file: file
                .map(|text| self.expand(variables::SIGNING_KEY_FILE, text))
                .transpose()?,
            password: secret(variables::SIGNING_KEY_PASSWORD),
        })
    }

    /// The time that reproducible files carry; see
    /// <https://reproducible-builds.org/specs/source-date-epoch/>.
    fn source_date_epoch(&self) -> Result<Option<i64>> {
        const NAME: &str = "SOURCE_DATE_EPOCH";
        // The year 9999, the last one that the formats of packages can write.
        const LAST: i64 = 253_402_300_799;
        let Some(text) = self.value(NAME) else {
            return Ok(None);
        };
        match text.parse() {
            Ok(time @ 0..=LAST) => Ok(Some(time)),
            _ => Err(
                Error::usage(format!("{NAME} is `{text}`, which is not a time"))
                    .hint("a number of seconds since 1970, such as `$(git log -1 --format=%ct)`"),
            ),
        }
    }

    /// What is needed to supervise services. While larder waits for another one, `say` is told.
    pub fn supervision(
        &self,
        cancel: &Cancel,
        say: impl Fn(String) + Send + Sync + 'static,
    ) -> Result<Supervision> {
        let remote = self.remote(false)?;
        Ok(Supervision {
            program: own_program()?,
            http: remote.http,
            waiting: Waiting::new(remote.locks, cancel.clone(), say),
            environment: Environment::clone(&self.environment),
        })
    }

    /// The settings for network access.
    pub fn remote(&self, offline: bool) -> Result<RemoteSettings> {
        let user = self.user.get()?;
        let default = http::Settings::default();
        let http = http::Settings {
            offline,
            allow_http: user.allow_http.clone(),
            user_agent: default.user_agent,
            ca_file: self.value("SSL_CERT_FILE").map(PathBuf::from),
            proxies: http::Proxies::new(&self.environment),
            connect: self.duration(variables::HTTP_CONNECT_TIMEOUT, default.connect)?,
            idle: self.duration(variables::HTTP_IDLE_TIMEOUT, default.idle)?,
            total: self.duration(variables::HTTP_TOTAL_TIMEOUT, default.total)?,
            slow_window: self.duration(variables::HTTP_SLOW_WINDOW, default.slow_window)?,
            stall: self.duration(variables::HTTP_STALL_TIMEOUT, default.stall)?,
            retries: self.count(variables::HTTP_RETRIES, default.retries)?,
            backoff: self.duration(variables::HTTP_BACKOFF, default.backoff)?,
            rate_limit_wait: self
                .duration(variables::HTTP_RATE_LIMIT_WAIT, default.rate_limit_wait)?,
            secondary_limit_wait: default.secondary_limit_wait,
            per_host: self
                .count(variables::HTTP_PER_HOST, default.per_host)?
                .max(1),
            forgets_hosts: false,
        };
        let mirror = user.github_mirror.as_deref();
        Ok(RemoteSettings {
            http,
            github: self.github()?,
            s3: S3Config::new(&self.environment, self.user.home())
                .settling(self.duration(variables::S3_SETTLE, S3Config::SETTLE)?),
            github_mirror: mirror.map(|text| self.mirror(text)).transpose()?,
            environment: (*self.environment).clone(),
            temp: self.temp_dir()?,
            locks: self.locks()?,
        })
    }

    /// How this process takes file locks.
    pub fn locks(&self) -> Result<LockSettings> {
        let default = LockSettings::default();
        Ok(LockSettings {
            timeout: match self.value(variables::LOCK_TIMEOUT) {
                Some(_) => Some(self.duration(variables::LOCK_TIMEOUT, Duration::ZERO)?),
                None => None,
            },
            command: format!("{} {}", default.command, self.command),
        })
    }

    /// The url that replaces `https://github.com` for downloads of originals.
    fn mirror(&self, text: &str) -> Result<Url> {
        let by = match self.value(variables::UPSTREAM_GITHUB) {
            Some(_) => variables::UPSTREAM_GITHUB,
            None => "`github_mirror` in your configuration",
        };
        named_url(by, text)
    }

    fn github(&self) -> Result<GitHubConfig> {
        let default = GitHubConfig::default();
        let url = |name: &str, default: Url| match self.value(name) {
            Some(text) => named_url(name, text.trim_end_matches('/')),
            None => Ok(default),
        };
        let token = [variables::GITHUB_TOKEN, "GH_TOKEN", "GITHUB_TOKEN"]
            .into_iter()
            .find_map(|name| self.value(name));
        Ok(GitHubConfig {
            api: url("GITHUB_API_URL", default.api)?,
            web: url("GITHUB_SERVER_URL", default.web)?,
            token: token.map_or_else(
                || TokenSource::gh(&self.environment),
                |token| TokenSource::Given(Some(Secret::new(token))),
            ),
            pace: self.duration(variables::GITHUB_PACE, default.pace)?,
            settle: self.duration(variables::GITHUB_SETTLE, default.settle)?,
        })
    }

    /// `$LARDER_CACHE_DIR`, or else the user's cache folder.
    pub fn cache_dir(&self) -> Result<Utf8PathBuf> {
        if let Some(text) = self.value(variables::CACHE_DIR) {
            let dir = self.expand(variables::CACHE_DIR, text)?;
            if dir.is_absolute() {
                return Ok(dir);
            }
            return Err(invalid(variables::CACHE_DIR, &dir, "is not absolute")
                .hint("name an absolute folder"));
        }
        let folder = |name| absolute(&self.environment, name);
        let base = if cfg!(windows) {
            folder("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            folder("HOME").map(|home| home.join("Library/Caches"))
        } else {
            folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")))
        };
        base.map(|base| base.join("larder")).ok_or_else(|| {
            let variable = if cfg!(windows) {
                "LOCALAPPDATA"
            } else {
                "HOME"
            };
            Error::usage("there is no home folder for the cache")
                .cause(format!("{variable} does not name an absolute folder"))
                .hint(format!(
                    "set {variable}, or {} to an absolute folder",
                    variables::CACHE_DIR
                ))
        })
    }

    /// Whether installed binaries may be links.
    fn links(&self) -> Result<bool> {
        match self.value(variables::LINKS) {
            None => Ok(true),
            Some("never") => Ok(false),
            Some(text) => Err(invalid(variables::LINKS, text, "is not a known value")
                .hint("set it to `never`, or leave it unset")),
        }
    }

    /// The CI system that runs this process, if any.
    pub fn ci(&self) -> CiContext {
        let text = |name| self.environment.text(name);
        CiContext {
            is_ci: text("CI").is_some_and(|ci| ci == "1" || ci.eq_ignore_ascii_case("true")),
            actions: self.in_github_actions().then(|| ActionsContext {
                event: text("GITHUB_EVENT_NAME").unwrap_or_default().to_owned(),
                reference: text("GITHUB_REF").unwrap_or_default().to_owned(),
                payload: text("GITHUB_EVENT_PATH").map(PathBuf::from),
                run_url: self.run_url(),
            }),
        }
    }

    /// Whether the process is a step of a job in GitHub Actions.
    pub fn in_github_actions(&self) -> bool {
        self.environment.text("GITHUB_ACTIONS") == Some("true")
    }

    fn run_url(&self) -> Option<String> {
        let text = |name| self.environment.text(name);
        Some(format!(
            "{}/{}/actions/runs/{}",
            text("GITHUB_SERVER_URL")?,
            text("GITHUB_REPOSITORY")?,
            text("GITHUB_RUN_ID")?
        ))
    }

    fn duration(&self, name: &str, default: Duration) -> Result<Duration> {
        let Some(text) = self.value(name) else {
            return Ok(default);
        };
        parse_duration(text).ok_or_else(|| {
            invalid(name, text, "is not a length of time").hint("write `300ms`, `20s` or `5m`")
        })
    }

    fn count(&self, name: &str, default: usize) -> Result<usize> {
        let Some(text) = self.value(name) else {
            return Ok(default);
        };
        text.parse()
            .map_err(|_| invalid(name, text, "is not a number"))
    }
}

fn invalid(name: &str, value: impl Display, why: &str) -> Error {
    Error::usage(format!("{name} is `{value}`, which {why}"))
}

/// Parses a url. The error names the setting that contains it.
fn named_url(by: &str, text: &str) -> Result<Url> {
    parse_url(text).map_err(|error| error.context(format!("{by} can't be used")))
}

/// The home folder, if it is an absolute path.
fn home(environment: &Environment) -> Option<Utf8PathBuf> {
    absolute(environment, "HOME")
        .or_else(|| absolute(environment, "USERPROFILE").filter(|_| cfg!(windows)))
}

/// The folder in a variable, if it is an absolute path.
fn absolute(environment: &Environment, name: &str) -> Option<Utf8PathBuf> {
    environment
        .value(name)
        .map(Utf8PathBuf::from)
        .filter(|path| path.is_absolute())
}

/// The file of the user's configuration if no variable sets it: `larder/config.yml` in
/// `$XDG_CONFIG_HOME` or `~/.config`, or in `%APPDATA%` on Windows.
fn default_config(environment: &Environment) -> Option<Utf8PathBuf> {
    let folder = |name| absolute(environment, name);
    let base = if cfg!(windows) {
        folder("APPDATA")
    } else {
        folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")))
    };
    base.map(|base| base.join("larder/config.yml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn startup<const N: usize>(variables: [(&str, &str); N]) -> Startup {
        Startup::new(variables.into_iter().collect())
    }

    #[test]
    fn wrong_values_name_their_variable() {
        let home = ("HOME", "/nowhere");
        for (name, value) in [
            (variables::HTTP_BACKOFF, "soon"),
            (variables::HTTP_RETRIES, "-1"),
            (variables::GITHUB_PACE, "1d"),
            (variables::UPSTREAM_GITHUB, "mirror"),
            (variables::LINKS, "sometimes"),
            (variables::CACHE_DIR, "cache"),
            (variables::CONFIG, "config.yml"),
            ("GITHUB_API_URL", "api"),
        ] {
            let error = startup([home, (name, value)]).settings(false).unwrap_err();
            assert_eq!(error.kind(), larder_core::Kind::Usage, "{error}");
            assert!(error.to_string().contains(name), "{error}");
            assert!(startup([home, (name, "")]).settings(false).is_ok());
        }
    }

    #[test]
    fn folders_are_those_of_the_user() {
        if cfg!(target_os = "linux") {
            let dir = |variables| startup(variables).cache_dir().unwrap();
            assert_eq!(dir([("HOME", "/h"), ("XDG_CACHE_HOME", "/c")]), "/c/larder");
            assert_eq!(
                dir([("HOME", "/h"), ("XDG_CACHE_HOME", "c")]),
                "/h/.cache/larder"
            );
        }
        assert!(startup([]).cache_dir().is_err());
        // Network access needs none of larder's folders.
        assert!(startup([]).remote(false).is_ok());
    }

    #[test]
    fn github_actions_is_distinguished_from_other_ci() {
        for no in ["no", "", "0", "false", "False", "yes", "2", "truer"] {
            assert_eq!(startup([("CI", no)]).ci(), CiContext::default(), "{no}");
        }
        for yes in ["true", "True", "TRUE", "tRuE", "1"] {
            assert!(startup([("CI", yes)]).ci().is_ci, "{yes}");
        }
        let other = startup([("CI", "1"), ("GITHUB_REF", "refs/heads/x")]).ci();
        assert!(other.is_ci && other.actions.is_none());
        let actions = startup([
            ("CI", "true"),
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_EVENT_NAME", "push"),
            ("GITHUB_REF", "refs/heads/main"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "acme/tools"),
            ("GITHUB_RUN_ID", "7"),
        ]);
        let expected = ActionsContext {
            event: "push".into(),
            reference: "refs/heads/main".into(),
            payload: None,
            run_url: Some("https://github.com/acme/tools/actions/runs/7".into()),
        };
        assert_eq!(actions.ci().actions, Some(expected));
    }
}
