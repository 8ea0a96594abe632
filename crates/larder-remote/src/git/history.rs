//! Reads the history of a repository on this machine: tags, commits, and files as they were.
//!
//! Nothing is fetched, not even by a partial clone, and no program of the repository's own
//! configuration runs. Replaced objects are not seen.

use camino::{Utf8Path, Utf8PathBuf};

use larder_core::environment::Environment;
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::model::is_commit;
use larder_process::{Command, Ended};

use super::{Git, reason};

/// How many bytes of output are read at most; `larder-process` keeps no more.
const LONGEST: usize = 16 << 20;

/// Settings that decide what `git log` prints.
const SETTINGS: [&str; 5] = [
    "i18n.logOutputEncoding=UTF-8",
    "log.showSignature=false",
    "log.mailmap=true",
    "log.follow=false",
    "core.fsmonitor=false",
];

/// The repository that a folder is in.
pub struct Repository<'a> {
    git: &'a Git<'a>,
    environment: Environment,
    top: Utf8PathBuf,
    is_shallow: bool,
}

/// A part of the history: what one commit has and another one has not.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    /// The commit or tag after which it starts; from the first commit if there is none.
    pub from: Option<&'a str>,
    /// The commit that it ends with.
    pub to: &'a str,
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Its id.
    pub id: String,
    /// The ids of its parents.
    pub parents: Vec<String>,
    /// The name of its author.
    pub author: String,
    /// Its message.
    pub message: String,
}

impl<'a> Git<'a> {
    /// The repository whose work tree a folder is in; `None` if it is in none.
    pub fn repository(&'a self, folder: &Utf8Path) -> Result<Option<Repository<'a>>> {
        let mut environment = self.environment("", &[])?;
        for (name, value) in [
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("LC_ALL", "C"),
        ] {
            environment.set(name, value);
        }
        let output = Command::new("git", environment.clone())
            .folder(folder)
            .args(["rev-parse", "--is-shallow-repository", "--show-toplevel"])
            .capture(self.cancel)?;
        match output.ended {
            Ended::NotFound(error) => Err(error.hint("install git")),
            ended if ended.is_success() => {
                let (is_shallow, top) = output.out.split_once('\n').unwrap_or_default();
                let top = fs::canonicalize(top.trim_end_matches(['\r', '\n']).into())?;
                Ok(Some(Repository {
                    git: self,
                    environment,
                    top,
                    is_shallow: is_shallow.trim() == "true",
                }))
            }
            _ if output.err.contains("not a git repository")
                || output.err.contains("must be run in a work tree") =>
            {
                Ok(None)
            }
            _ => Err(
                Error::failed(format!("git can't read the repository of {folder}"))
                    .cause(reason(&output.err)),
            ),
        }
    }
}

impl Repository<'_> {
    /// The top folder of its work tree, without links.
    pub fn top(&self) -> &Utf8Path {
        &self.top
    }

    /// Whether its history was cut when it was cloned.
    pub fn is_shallow(&self) -> bool {
        self.is_shallow
    }

    /// The id of the commit that a revision is; `None` if there is no such commit.
    pub fn commit(&self, revision: &str) -> Result<Option<String>> {
        let commit = format!("{revision}^{{commit}}");
        let arguments = [
            "rev-parse",
            "--quiet",
            "--verify",
            "--end-of-options",
            &commit,
        ];
        let id = self.try_run(&arguments)?;
        Ok(id.map(|id| id.trim().to_owned()).filter(|id| is_commit(id)))
    }

    /// The names of all tags, or only of those that a commit's history has.
    pub fn tags(&self, of: Option<&str>) -> Result<Vec<String>> {
        let merged = of.map(|commit| format!("--merged={commit}"));
        let mut arguments = vec!["for-each-ref", "--format=%(refname:strip=2)"];
        arguments.extend(merged.as_deref());
        arguments.push("refs/tags");
        let output = self.run(&arguments)?;
        Ok(output.lines().map(str::to_owned).collect())
    }

    /// The commits of a part of the history that are no merges and that change one of some paths,
    /// newest first, at most `max`. Paths are relative to the top folder; an empty path is that
    /// folder.
    pub fn changes(&self, span: Span<'_>, paths: &[String], max: usize) -> Result<Vec<LogEntry>> {
        let specs: Vec<String> = paths
            .iter()
            .map(|path| match path.as_str() {
                "" => ".".to_owned(),
                path => format!(":(top,literal){path}"),
            })
            .collect();
        self.log(span, "--no-merges", max, &specs)
    }

    /// The merges of a part of the history, newest first, at most `max`.
    pub fn merges(&self, span: Span<'_>, max: usize) -> Result<Vec<LogEntry>> {
        self.log(span, "--merges", max, &[])
    }

    fn log(
        &self,
        span: Span<'_>,
        which: &str,
        max: usize,
        paths: &[String],
    ) -> Result<Vec<LogEntry>> {
        let max = format!("--max-count={max}");
        let revisions = revisions(span);
        let mut arguments = vec!["log", "-z", "--format=%H%x00%P%x00%aN%x00%B", which, &max];
        arguments.extend([
            "--topo-order",
            "--no-color",
            "--no-notes",
            "--end-of-options",
        ]);
        arguments.extend(revisions.iter().map(String::as_str));
        arguments.push("--");
        arguments.extend(paths.iter().map(String::as_str));
        let output = self.run(&arguments)?;
        let mut fields = output.split('\0');
        let mut commits = Vec::new();
        while let (Some(id), Some(parents), Some(author), Some(message)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        {
            commits.push(LogEntry {
                id: id.trim().to_owned(),
                parents: parents.split(' ').map(str::to_owned).collect(),
                author: author.to_owned(),
                message: message.to_owned(),
            });
        }
        Ok(commits)
    }

    /// The ids of all commits of a part of the history with those of their parents, newest first,
    /// at most `max`.
    pub fn graph(&self, span: Span<'_>, max: usize) -> Result<Vec<(String, Vec<String>)>> {
        let max = format!("--max-count={max}");
        let revisions = revisions(span);
        let mut arguments = vec!["rev-list", "--parents", "--topo-order", &max];
        arguments.push("--end-of-options");
        arguments.extend(revisions.iter().map(String::as_str));
        arguments.push("--");
        let output = self.run(&arguments)?;
        let line = |line: &str| {
            let mut ids = line.split(' ').map(str::to_owned);
            Some((ids.next()?, ids.collect()))
        };
        Ok(output.lines().filter_map(line).collect())
    }

    /// The commits up to one that change a line of a file, newest first, at most `max`. The line
    /// matches an extended regular expression.
    pub fn changes_of_line(
        &self,
        to: &str,
        path: &str,
        line: &str,
        max: usize,
    ) -> Result<Vec<String>> {
        let (pattern, path) = (format!("-G{line}"), format!(":(top,literal){path}"));
        let max = format!("--max-count={max}");
        let output = self.run(&[
            "log",
            "--format=%H",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            "--topo-order",
            &max,
            &pattern,
            "--end-of-options",
            to,
            "--",
            &path,
        ])?;
        Ok(output.lines().map(str::to_owned).collect())
    }

    /// Whether a commit is part of the history of another one.
    pub fn is_ancestor(&self, commit: &str, of: &str) -> Result<bool> {
        let output = self.try_run(&["merge-base", "--is-ancestor", commit, of])?;
        Ok(output.is_some())
    }

    /// The text of a file as a commit has it; `None` if it has no such file. The path is relative
    /// to the top folder.
    pub fn text_at(&self, commit: &str, path: &str) -> Result<Option<String>> {
        let object = format!("{commit}:{path}");
        self.try_run(&["cat-file", "blob", &object])
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Result<String> {
        let what = format!("git {} failed in {}", arguments[0], self.top);
        match self.capture(arguments)? {
            Ok(out) => Ok(out),
            Err(message) => Err(Error::failed(what).cause(reason(&message))),
        }
    }

    pub(super) fn try_run(&self, arguments: &[&str]) -> Result<Option<String>> {
        Ok(self.capture(arguments)?.ok())
    }

    /// What git prints; what it says if it fails.
    fn capture(&self, arguments: &[&str]) -> Result<std::result::Result<String, String>> {
        let output = Command::new("git", self.environment.clone())
            .folder(&self.top)
            .args(SETTINGS.iter().flat_map(|setting| ["-c", setting]))
            .args(arguments)
            .capture(self.git.cancel)?;
        match output.ended {
            Ended::NotFound(error) => Err(error.hint("install git")),
            _ if output.out.len() >= LONGEST => Err(Error::failed(format!(
                "git {} printed more than 16 MiB",
                arguments[0]
            ))
            .hint("read a shorter part of the history with `--from`")),
            ended if ended.is_success() => Ok(Ok(output.out)),
            _ => Ok(Err(output.err)),
        }
    }
}

/// A part of the history as arguments of git.
fn revisions(Span { from, to }: Span<'_>) -> Vec<String> {
    let excluded = from.map(|from| format!("^{from}"));
    [to.to_owned()].into_iter().chain(excluded).collect()
}
