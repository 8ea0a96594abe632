//! Runs git: resolves a repository's revisions to commits and checks out one revision. No other
//! module calls git.
//!
//! The user's git configuration applies (logins, proxies, mirrors), except for settings that change
//! what is checked out. git never prompts for a password. Under `--offline` only repositories on
//! this machine are read.

use std::time::Duration;

use camino::Utf8Path;

use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_core::error::{Error, Kind, Result};
use larder_core::fs;
use larder_core::model::is_commit;
use larder_core::variables;
use larder_process::{Command, Ended, Log, Output};

use crate::tool::{ToolOutput, run_tool};

/// The longest time that one step of a clone may take.
const TIMEOUT: Duration = Duration::from_mins(30);

/// git with the environment and settings of a run.
pub struct Git<'a> {
    environment: Environment,
    offline: bool,
    cancel: &'a Cancel,
}

impl<'a> Git<'a> {
    /// Uses the user's environment without larder's own token.
    pub fn new(environment: &Environment, offline: bool, cancel: &'a Cancel) -> Self {
        // Only larder itself may use larder's token.
        let mut environment = environment.without(variables::GITHUB_TOKEN);
        for other_repository in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            environment.remove(other_repository);
        }
        environment.set("GIT_TERMINAL_PROMPT", "0");
        environment.set("GIT_LFS_SKIP_SMUDGE", "0");
        Self {
            environment,
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
        let output = self.list_remote(&arguments, "revisions")?;
        if !output.status.success() {
            let error = Error::failed(format!("cannot read the revisions of {url}"));
            return Err(classify(error.cause(output.err.trim())));
        }
        let commit_of = |reference: &String| {
            let mut lines = output.out.lines().filter_map(|line| line.split_once('\t'));
            lines.find_map(|(commit, name)| (name == reference).then(|| commit.to_owned()))
        };
        Ok(references.iter().find_map(commit_of))
    }

    /// The names of a repository's tags.
    pub(crate) fn tags(&self, url: &str) -> Result<Vec<String>> {
        let output = self.list_remote(&["--tags", "--refs", "--", url], "tags")?;
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
    /// First tries a shallow fetch of the revision alone. If that fails (a server may refuse to
    /// send a commit by its id), fetches the whole history.
    pub fn clone(&self, url: &str, rev: &str, into: &Utf8Path, log: &Log) -> Result<String> {
        for (what, text) in [("url", url), ("revision", rev)] {
            if text.is_empty() || text.starts_with('-') {
                return Err(Error::usage(format!("`{text}` is not a git {what}")));
            }
        }
        self.check_offline(url)?;
        let git = |arguments: &[&str]| self.run_logged(into, log, arguments);
        git(&["init", "--quiet", "."])?;
        git(&["remote", "add", "--", "origin", url])?;
        let shallow = git(&["fetch", "--quiet", "--depth=1", "--no-tags", "origin", rev]);
        let revision = if shallow.is_ok() {
            "FETCH_HEAD".to_owned()
        } else {
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
            [format!("refs/tags/{rev}"), format!("refs/remotes/origin/{rev}"), rev.to_owned()]
                .into_iter()
                .find(is_there)
                .ok_or_else(|| {
                    Error::failed(format!("{url} has no revision `{rev}`"))
                        .hint("check `build.source.rev` and the version: a tag such as `v1.2.3` is meant literally")
                })?
        };
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
        let commit = self.run_local(into, &["rev-parse", "HEAD"])?;
        let commit = commit.as_deref().map_or("", str::trim);
        if !is_commit(commit) {
            return Err(Error::failed(format!(
                "git reported no commit for {rev} of {url}"
            )));
        }
        Ok(commit.to_owned())
    }

    /// The url of the remote `origin` of the repository that contains a folder; `None` if there is
    /// no such remote or no git.
    pub fn origin_url(&self, folder: &Utf8Path) -> Option<String> {
        let url = self
            .run_local(folder, &["remote", "get-url", "origin"])
            .ok()??;
        Some(url.trim().to_owned())
    }

    /// Runs git on a local repository and returns its output; `None` if git fails.
    fn run_local(&self, folder: &Utf8Path, arguments: &[&str]) -> Result<Option<String>> {
        let output = self.command(folder, arguments).capture(self.cancel)?;
        match output.ended {
            Ended::NotFound(error) => Err(error),
            ended => Ok(ended.is_success().then_some(output.out)),
        }
    }

    /// Returns an error if `--offline` is set and the repository is on another machine.
    fn check_offline(&self, url: &str) -> Result<()> {
        if self.offline && !url.starts_with("file://") {
            return Err(Error::unavailable(format!(
                "{url} is needed, but `--offline` is set"
            )));
        }
        Ok(())
    }

    fn list_remote(&self, arguments: &[&str], what: &str) -> Result<ToolOutput> {
        let mut environment = self.environment.clone();
        // Give up on a server that sends nothing for 30 s. The user's own settings take precedence.
        for (name, value) in [
            ("GIT_HTTP_LOW_SPEED_LIMIT", "1"),
            ("GIT_HTTP_LOW_SPEED_TIME", "30"),
        ] {
            if environment.value(name).is_none() {
                environment.set(name, value);
            }
        }
        let command = Command::new("git", environment)
            .args(self.options())
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
    fn run_logged(&self, folder: &Utf8Path, log: &Log, arguments: &[&str]) -> Result<()> {
        let start = log.len()?;
        log.note(&format!("$ git {}", arguments.join(" ")))?;
        let command = self.command(folder, arguments).timeout(TIMEOUT);
        match command.run(Output::Log(log), self.cancel)? {
            Ended::Exited(status) if status.success() => Ok(()),
            Ended::Exited(_) => {
                let output = log.since(start)?;
                let last = output
                    .lines()
                    .rfind(|line| !line.starts_with("$ ") && !line.trim().is_empty())
                    .unwrap_or("it printed no message");
                Err(Error::failed(format!("git {} failed", arguments[0])).cause(last))
            }
            Ended::TimedOut => Err(Error::unavailable(format!(
                "git {} took longer than 30 minutes",
                arguments[0]
            ))),
            Ended::NotFound(error) => Err(error),
        }
    }

    /// A git command in a folder, with options that override settings that would change what is
    /// checked out.
    fn command(&self, folder: &Utf8Path, arguments: &[&str]) -> Command {
        Command::new("git", self.environment.clone())
            .folder(folder)
            .args([
                "-c",
                "core.autocrlf=false",
                "-c",
                "advice.detachedHead=false",
            ])
            .args(self.options())
            .args(arguments)
    }

    /// The options of every call. Under `--offline` they make git itself refuse network protocols,
    /// also for submodules.
    fn options(&self) -> &'static [&'static str] {
        if self.offline {
            &[
                "-c",
                "protocol.allow=never",
                "-c",
                "protocol.file.allow=always",
            ]
        } else {
            &[]
        }
    }
}

/// Makes an error of git *unavailable* if its message says that a server could not be reached.
fn classify(error: Error) -> Error {
    const UNREACHABLE: [&str; 4] = [
        "Could not resolve",
        "Connection",
        "timed out",
        "unable to access",
    ];
    let words = error.to_string();
    if UNREACHABLE.iter().any(|text| words.contains(text)) {
        error.with_kind(Kind::Unavailable)
    } else {
        error
    }
}
