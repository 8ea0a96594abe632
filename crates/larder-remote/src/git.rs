//! Runs git: resolves a repository's revisions to commits, checks out one revision, and changes files
//! of a remote repository. No other module calls git.
//!
//! Of the user's git configuration only the settings that log in and connect apply (`credential.*`,
//! `http.*` and `core.sshCommand`), and those that say which folders are trusted (`safe.*`). Hooks, templates, attributes, filters, rewritten urls, the
//! system's configuration and git's own variables have no effect, so that a revision is the same
//! files on every machine, and fetching it starts no other programs. git gets the variables of
//! every child and `SSH_AUTH_SOCK`, and never prompts for a password. The token of the hub's server,
//! which `push` may get, is asked for by git itself and for that server alone. Under `--offline`
//! only repositories on this machine are read.

use std::sync::OnceLock;
use std::time::Duration;

use camino::Utf8Path;

use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_core::error::{Error, Kind, Result};
use larder_core::fs;
use larder_core::keys::tree;
use larder_core::model::is_commit;
use larder_core::redact::mask;
use larder_process::{Command, Ended, Log, Output};

use crate::tool::{ToolOutput, run_tool};

mod commit_time;
mod history;
mod line_ends;
mod push;
mod tag;

pub use commit_time::LastChange;
pub use history::{LogEntry, Repository, Span};
pub use push::{Author, Before, Change, Content, DefaultBranch, HostToken, Item, ItemKind, Place};
pub use tag::{NewTag, Remote, RemoteName, TagPushed};

/// The longest time that one step of a clone may take.
const TIMEOUT: Duration = Duration::from_mins(30);

/// The user's variables that git gets: how it reaches the agent and the keyring of the user, where
/// the user's configuration is, and the variables that stand for `core.sshCommand`.
const OWN_VARIABLES: &[&str] = &[
    "SSH_AUTH_SOCK",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
];

/// The settings of the user that apply, by their names as git prints them.
const KEPT_SETTINGS: &str = r"^(credential|http|safe)\.|^core\.sshcommand$";

/// A file without content, also for git on Windows.
const NOTHING: &str = "/dev/null";

/// The settings of every call. They stand after the user's.
const SETTINGS: &[(&str, &str)] = &[
    ("core.hooksPath", NOTHING),
    ("core.attributesFile", NOTHING),
    ("core.fsmonitor", "false"),
    ("core.autocrlf", "false"),
    ("core.eol", "lf"),
    // Its log would have the user's name and the time.
    ("core.logAllRefUpdates", "false"),
    ("advice.detachedHead", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
];

/// Gives up on a server that sends nothing for 30 s, when only a list is read. They stand before the
/// user's settings, which take precedence.
const LIST_LIMITS: &[(&str, &str)] = &[("http.lowSpeedLimit", "1"), ("http.lowSpeedTime", "30")];

/// git with the environment and settings of a run.
pub struct Git<'a> {
    /// The user's variables.
    user: &'a Environment,
    /// The user's settings that apply, read on first use.
    settings: OnceLock<Result<Vec<(String, String)>>>,
    offline: bool,
    cancel: &'a Cancel,
}

impl<'a> Git<'a> {
    /// Uses what the user's environment and configuration say about logging in and connecting.
    pub fn new(environment: &'a Environment, offline: bool, cancel: &'a Cancel) -> Self {
        Self {
            user: environment,
            settings: OnceLock::new(),
            offline,
            cancel,
        }
    }

    /// The commit that a tag or branch of a remote repository currently points to; `None` if the
    /// repository has no such tag or branch.
    pub fn remote_commit(&self, url: &str, rev: &str) -> Result<Option<String>> {
        self.check_offline(url)?;
        // For an annotated tag, `^{}` gives the commit and the plain name the tag object, so `^{}`
        // is tried first.
        let references = [
            format!("refs/tags/{rev}^{{}}"),
            format!("refs/tags/{rev}"),
            format!("refs/heads/{rev}"),
        ];
        let mut arguments = vec!["--", url];
        arguments.extend(references.iter().map(String::as_str));
        let output = self.list_remote(url, &arguments, "revisions")?;
        if !output.status.success() {
            let error = Error::failed(format!("cannot read the revisions of {url}"));
            return Err(classify(error.cause(mask(reason(&output.err)))));
        }
        let commit_of = |reference: &String| {
            let mut lines = output.out.lines().filter_map(|line| line.split_once('\t'));
            lines.find_map(|(commit, name)| (name == reference).then(|| commit.to_owned()))
        };
        Ok(references.iter().find_map(commit_of))
    }

    /// The names of a repository's tags.
    pub(crate) fn tags(&self, url: &str) -> Result<Vec<String>> {
        let output = self.list_remote(url, &["--tags", "--refs", "--", url], "tags")?;
        if output.status.success() {
            return Ok(output
                .out
                .lines()
                .filter_map(|line| line.split_once("\trefs/tags/"))
                .map(|(_, tag)| tag.to_owned())
                .collect());
        }
        let words = output.err.to_lowercase();
        let what = format!(
            "git could not read the tags of {}",
            crate::http::redact(url)
        );
        let closed = [
            "not found",
            "could not read username",
            "authentication failed",
            "permission denied",
            "does not appear to be a git",
        ];
        if closed.iter().any(|text| words.contains(text)) {
            return Err(Error::refused(what)
                .cause(output.last_lines())
                .hint("the repository does not exist, or git has no access to it"));
        }
        Err(Error::unavailable(what).cause(output.last_lines()))
    }

    /// Checks out a revision of a repository into an empty folder and returns its commit. git's
    /// messages go to the log.
    ///
    /// All files have one time. A tag exists in the copy too, so that `git describe` finds it; the
    /// copy of a branch or a commit has no tags.
    pub fn clone(&self, url: &str, rev: &str, into: &Utf8Path, log: &Log) -> Result<String> {
        for (what, text) in [("url", url), ("revision", rev)] {
            if text.is_empty() || text.starts_with('-') {
                return Err(Error::usage(format!("`{text}` is not a git {what}")));
            }
        }
        self.check_offline(url)?;
        let environment = self.environment(&protocols(url, self.offline), &[])?;
        let git = |arguments: &[&str]| self.run_logged(&environment, into, log, arguments);
        git(&["init", "--quiet", "."])?;
        git(&["remote", "add", "--", "origin", url])?;
        let revision = self.fetch(&git, url, rev)?;
        git(&["checkout", "--quiet", "--detach", &revision])?;
        if fs::lstat(into.join(".gitmodules"))?.is_some() {
            git(&[
                "submodule",
                "update",
                "--quiet",
                "--init",
                "--recursive",
                "--depth=1",
            ])?;
        }
        tree::level_times(into)?;
        // The index knows the files' times. It fails if a file differs from what git would write.
        let _ = git(&["update-index", "-q", "--refresh"]);
        self.cancel.check()?;
        if uses_lfs(into) {
            log.note("larder does not fetch the files of Git LFS: they stay pointers")?;
        }
        let commit = self.run_local(&environment, into, &["rev-parse", "HEAD"])?;
        let commit = commit.as_deref().map_or("", str::trim);
        if !is_commit(commit) {
            return Err(Error::failed(format!(
                "git reported no commit for {rev} of {url}"
            )));
        }
        Ok(commit.to_owned())
    }

    /// Fetches a revision into an empty repository and returns the name that it has there.
    ///
    /// First tries a shallow fetch of the revision alone: as a tag, and then as anything else. If
    /// that fails (a server may refuse to send a commit by its id), fetches the whole history.
    fn fetch(&self, git: &dyn Fn(&[&str]) -> Result<()>, url: &str, rev: &str) -> Result<String> {
        let shallow = |rev: &str| {
            self.cancel.check()?;
            let fetched = git(&["fetch", "--quiet", "--depth=1", "--no-tags", "origin", rev]);
            match fetched.map_err(|error| classify(error.context(format!("cannot fetch {url}")))) {
                Ok(()) => Ok(true),
                // Further tries would only wait for the same server.
                Err(error) if error.kind() == Kind::Unavailable => Err(error),
                Err(_) => Ok(false),
            }
        };
        let tag = rev.strip_prefix("refs/").unwrap_or(rev);
        let tag = format!("refs/tags/{}", tag.strip_prefix("tags/").unwrap_or(tag));
        if !is_commit(rev) && shallow(&format!("+{tag}:{tag}"))? {
            return Ok(tag);
        }
        if shallow(rev)? {
            return Ok("FETCH_HEAD".to_owned());
        }
        self.cancel.check()?;
        let all = "+refs/heads/*:refs/remotes/origin/*";
        git(&["fetch", "--quiet", "--tags", "origin", all])
            .map_err(|error| classify(error.context(format!("cannot fetch {url}"))))?;
        let is_there = |name: &String| {
            let commit = format!("{name}^{{commit}}");
            git(&[
                "rev-parse",
                "--quiet",
                "--verify",
                "--end-of-options",
                &commit,
            ])
            .is_ok()
        };
        [tag, format!("refs/remotes/origin/{rev}"), rev.to_owned()]
            .into_iter()
            .find(is_there)
            .ok_or_else(|| {
                Error::failed(format!("{url} has no revision `{rev}`"))
                    .hint("check `build.source.rev` and the version: a tag such as `v1.2.3` is meant literally")
            })
    }

    /// The url of the remote `origin` of the repository that contains a folder; `None` if there is
    /// no such remote or no git.
    pub fn origin_url(&self, folder: &Utf8Path) -> Option<String> {
        let url = self
            .run_local(&self.isolated(""), folder, &["remote", "get-url", "origin"])
            .ok()??;
        Some(url.trim().to_owned())
    }

    /// Runs git on a local repository and returns its output; `None` if git fails.
    fn run_local(
        &self,
        environment: &Environment,
        folder: &Utf8Path,
        arguments: &[&str],
    ) -> Result<Option<String>> {
        let output = Command::new("git", environment.clone())
            .folder(folder)
            .args(arguments)
            .capture(self.cancel)?;
        match output.ended {
            Ended::NotFound(error) => Err(error),
            ended => Ok(ended.is_success().then_some(output.out)),
        }
    }

    /// Returns an error if `--offline` is set and the repository is on another machine.
    fn check_offline(&self, url: &str) -> Result<()> {
        if self.offline && !is_local(url) {
            return Err(Error::unavailable(format!(
                "{url} is needed, but `--offline` is set"
            )));
        }
        Ok(())
    }

    fn list_remote(&self, url: &str, arguments: &[&str], what: &str) -> Result<ToolOutput> {
        self.list_remote_as(url, None, arguments, what)
    }

    /// The same, logged in with a token.
    fn list_remote_as(
        &self,
        url: &str,
        token: Option<&HostToken>,
        arguments: &[&str],
        what: &str,
    ) -> Result<ToolOutput> {
        let mut environment = self.environment(&protocols(url, self.offline), LIST_LIMITS)?;
        if let Some(token) = token {
            token.give_to(&mut environment);
        }
        // The repository that contains the current folder has settings that are not for this url.
        environment.set("GIT_DIR", NOTHING);
        let command = Command::new("git", environment)
            .args(["ls-remote"])
            .args(arguments);
        run_tool(command, "git", self.cancel)?.ok_or_else(|| {
            Error::failed(format!(
                "git is not on PATH, but it is needed to read {what}"
            ))
            .hint("install git")
        })
    }

    /// Runs git in a folder. The command line and git's output go to the log.
    fn run_logged(
        &self,
        environment: &Environment,
        folder: &Utf8Path,
        log: &Log,
        arguments: &[&str],
    ) -> Result<()> {
        let start = log.len()?;
        log.note(&format!("$ git {}", arguments.join(" ")))?;
        let command = Command::new("git", environment.clone())
            .folder(folder)
            .args(arguments)
            .timeout(TIMEOUT);
        match command.run(Output::Log(log), self.cancel)? {
            Ended::Exited(status) if status.success() => Ok(()),
            Ended::Exited(_) => {
                let output = log.since(start)?;
                let what = format!("git {} failed", arguments[0]);
                Err(Error::failed(what).cause(reason(&output)))
            }
            Ended::TimedOut => Err(Error::unavailable(format!(
                "git {} took longer than 30 minutes",
                arguments[0]
            ))),
            Ended::NotFound(error) => Err(error),
        }
    }

    /// The variables of a call of git that uses these protocols: settings of larder, those of the
    /// user that apply, and settings that the user's can't change.
    fn environment(&self, protocols: &str, first: &[(&str, &str)]) -> Result<Environment> {
        let users = self.settings.get_or_init(|| self.read_settings());
        let users = users.as_ref().map_err(Clone::clone)?;
        let mut environment = self.isolated(protocols);
        let users = users
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let all: Vec<_> = first
            .iter()
            .copied()
            .chain(users)
            .chain(SETTINGS.iter().copied())
            .collect();
        environment.set("GIT_CONFIG_COUNT", all.len().to_string());
        for (number, (name, value)) in all.into_iter().enumerate() {
            environment.set(format!("GIT_CONFIG_KEY_{number}"), name);
            environment.set(format!("GIT_CONFIG_VALUE_{number}"), value);
        }
        Ok(environment)
    }

    /// The variables of a git that reads no configuration but that of its repository.
    fn isolated(&self, protocols: &str) -> Environment {
        let mut environment = self.user.for_program(OWN_VARIABLES);
        for (name, value) in [
            ("GIT_ALLOW_PROTOCOL", protocols),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", NOTHING),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_TEMPLATE_DIR", ""),
            ("GIT_TERMINAL_PROMPT", "0"),
        ] {
            environment.set(name, value);
        }
        environment
    }

    /// Reads the settings of the user's own configuration that apply. They are read by git, because
    /// only git knows all its files and what they include.
    fn read_settings(&self) -> Result<Vec<(String, String)>> {
        let mut environment = self.isolated("");
        environment.remove("GIT_CONFIG_GLOBAL");
        if let Some(file) = self.user.get("GIT_CONFIG_GLOBAL") {
            environment.set("GIT_CONFIG_GLOBAL", file);
        }
        environment.set("GIT_DIR", NOTHING);
        let output = Command::new("git", environment)
            .args(["config", "--null", "--includes", "--show-scope"])
            .args(["--get-regexp", KEPT_SETTINGS])
            .capture(self.cancel)?;
        match output.ended {
            Ended::Exited(status) if status.success() => Ok(of_the_user(&output.out)),
            // There are no such settings.
            Ended::Exited(status) if status.code() == Some(1) => Ok(Vec::new()),
            // The caller says what git is needed for.
            Ended::NotFound(_) => Ok(Vec::new()),
            Ended::Exited(_) | Ended::TimedOut => {
                Err(Error::failed("git can't read your git configuration")
                    .cause(output.err.trim())
                    .hint("`git config --global --list` shows the mistake"))
            }
        }
    }
}

/// The settings of the user's own files, from the output of `git config --show-scope --null`.
fn of_the_user(output: &str) -> Vec<(String, String)> {
    let mut settings = Vec::new();
    let mut parts = output.split('\0');
    while let (Some(scope), Some(setting)) = (parts.next(), parts.next()) {
        if scope == "global" {
            // A name without a value is true.
            let (name, value) = setting.split_once('\n').unwrap_or((setting, "true"));
            settings.push((name.to_owned(), value.to_owned()));
        }
    }
    settings
}

/// The protocols that git may use for a repository and its submodules: a repository of another
/// machine must not read those of this one, and nothing but a repository that is reached over plain
/// http itself, which only the user can allow, may use plain http.
fn protocols(url: &str, offline: bool) -> String {
    let mut allowed = Vec::new();
    if is_local(url) {
        allowed.push("file");
    }
    if !offline {
        allowed.extend(["https", "ssh"]);
        if url.starts_with("http://") {
            allowed.push("http");
        }
    }
    allowed.join(":")
}

/// Whether a url or path is a repository on this machine.
fn is_local(url: &str) -> bool {
    match url.split_once("://") {
        Some((scheme, _)) => scheme == "file",
        None => !is_scp_like(url),
    }
}

/// Whether git reads a text without a scheme as `host:path`, and not as a path on this machine.
fn is_scp_like(url: &str) -> bool {
    url.split_once(':')
        .is_some_and(|(host, _)| !(host.contains('/') || cfg!(windows) && host.len() == 1))
}

/// Whether a repository says in its root that it keeps files in Git LFS.
fn uses_lfs(repository: &Utf8Path) -> bool {
    const LONGEST: u64 = 1 << 20;
    let file = repository.join(".gitattributes");
    let is_short_file = fs::lstat(&file)
        .is_ok_and(|meta| meta.is_some_and(|meta| meta.is_file() && meta.len() < LONGEST));
    is_short_file
        && fs::read(&file).is_ok_and(|text| String::from_utf8_lossy(&text).contains("filter=lfs"))
}

/// The line of git's output that says why it failed. git and ssh print the reason first, and after
/// it advice and consequences that are the same for every reason.
fn reason(output: &str) -> &str {
    const ADVICE: [&str; 6] = [
        "fatal: Could not read from remote repository.",
        "make sure you have the correct access rights",
        "and the repository exists.",
        "error: failed to push some refs",
        "unexpected disconnect while reading",
        "fatal: the remote end hung up unexpectedly",
    ];
    let lines = || {
        let lines = output.lines().map(str::trim);
        lines.filter(|line| !line.starts_with("$ ") && !line.is_empty())
    };
    lines()
        .rfind(|line| !ADVICE.iter().any(|advice| line.contains(advice)))
        .or_else(|| lines().next())
        .unwrap_or("it printed no message")
}

/// Makes an error of git *unavailable* if its message says that a server could not be reached.
fn classify(error: Error) -> Error {
    const UNREACHABLE: [&str; 7] = [
        "Could not resolve",
        "Connection",
        "timed out",
        "unable to access",
        "unable to connect",
        "No route to host",
        "unreachable",
    ];
    let words = error.to_string();
    if UNREACHABLE.iter().any(|text| words.contains(text)) {
        error.with_kind(Kind::Unavailable)
    } else {
        error
    }
}
