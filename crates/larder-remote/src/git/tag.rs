//! Tags of the remote `origin` of the project's repository: reading them, and pushing one.
//!
//! A tag is made as an object and pushed by its id. No tag is left in the repository on this machine,
//! so there is nothing to clean up after an interruption, and the same tag is the same object each
//! time.

use std::path::Path;

use camino::Utf8Path;

use larder_core::error::{Error, Kind, Result};
use larder_core::fs;
use larder_core::model::is_commit;
use larder_core::redact::mask;
use larder_process::{Command, Ended};

use super::push::answers::DOWN;
use super::{Git, HostToken, Repository, TIMEOUT, classify, protocols, reason};
use crate::http::redact;

/// A remote repository.
#[derive(Clone, Debug)]
pub struct Remote {
    /// Its url.
    pub url: String,
    /// The token for its server; without one, what the user has configured logs in.
    pub token: Option<HostToken>,
}

/// A tag to push.
#[derive(Clone, Copy, Debug)]
pub struct NewTag<'a> {
    /// Its name, without `refs/tags/`.
    pub name: &'a str,
    /// The commit.
    pub commit: &'a str,
    /// Who makes it: `Name <address>`.
    pub tagger: &'a str,
    /// When, in seconds since 1970.
    pub time: i64,
    /// Its message.
    pub message: &'a str,
}

/// What became of a tag that was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagPushed {
    /// The remote has it.
    Done,
    /// The remote has such a tag already.
    IsThere,
}

/// A name in a remote repository, and the commit it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteName {
    /// The whole name: `refs/tags/v1.2.3`.
    pub name: String,
    /// The commit.
    pub commit: String,
}

impl Git<'_> {
    /// The branches and tags of a remote repository.
    pub fn remote_names(&self, remote: &Remote) -> Result<Vec<RemoteName>> {
        let Remote { url, token } = remote;
        self.check_offline(url)?;
        let arguments = ["--heads", "--tags", "--", url];
        let output = self.list_remote_as(url, token.as_ref(), &arguments, "tags")?;
        if !output.status.success() {
            let error = Error::failed(format!("git can't read the tags of {}", redact(url)));
            return Err(of_remote(error, &output.err));
        }
        let mut names: Vec<RemoteName> = Vec::new();
        for (commit, name) in output.out.lines().filter_map(|line| line.split_once('\t')) {
            // The commit of an annotated tag comes after the tag itself.
            match name.strip_suffix("^{}") {
                Some(name) => {
                    let tag = names.iter_mut().rfind(|found| found.name == name);
                    if let Some(tag) = tag {
                        commit.clone_into(&mut tag.commit);
                    }
                }
                None => names.push(RemoteName {
                    name: name.to_owned(),
                    commit: commit.to_owned(),
                }),
            }
        }
        Ok(names)
    }

    /// Pushes an annotated tag to a remote of the repository that a folder is in. What the user has
    /// configured for this repository logs in, too: jobs of CI keep their token there.
    pub fn push_tag(
        &self,
        folder: &Utf8Path,
        remote: &Remote,
        tag: NewTag<'_>,
        temp: &Path,
    ) -> Result<TagPushed> {
        let Remote { url, token } = remote;
        self.check_offline(url)?;
        let object = self.tag_object(folder, tag, temp)?;
        let target = format!("{object}:refs/tags/{}", tag.name);
        let arguments = [
            "push",
            "--porcelain",
            "--no-verify",
            "--no-follow-tags",
            "--recurse-submodules=no",
            "--",
            url,
            &target,
        ];
        let mut environment = self.environment(&protocols(url, self.offline), &[])?;
        if let Some(token) = token {
            token.give_to(&mut environment);
        }
        let output = Command::new("git", environment)
            .folder(folder)
            .args(arguments)
            .timeout(TIMEOUT)
            .capture(self.cancel)?;
        let what = format!("git can't push the tag {} to {}", tag.name, redact(url));
        match output.ended {
            Ended::Exited(status) if status.success() => Ok(TagPushed::Done),
            Ended::Exited(_) => {
                if output.out.contains("already exists") || output.err.contains("already exists") {
                    return Ok(TagPushed::IsThere);
                }
                let rejected = output.out.lines().find(|line| line.starts_with("!\t"));
                let remote = output
                    .err
                    .lines()
                    .filter(|line| line.starts_with("remote:"));
                let lines: Vec<&str> = rejected.into_iter().chain(remote).collect();
                let error = Error::failed(what);
                if lines.is_empty() {
                    return Err(of_remote(error, &output.err));
                }
                Err(of_remote(error, &lines.join(" · ").replace('\t', " ")))
            }
            Ended::TimedOut => {
                Err(Error::unavailable(what).cause("it took longer than 30 minutes"))
            }
            Ended::NotFound(error) => Err(error.hint("install git")),
        }
    }

    /// Writes a tag object and returns its id.
    fn tag_object(&self, folder: &Utf8Path, tag: NewTag<'_>, temp: &Path) -> Result<String> {
        let NewTag {
            name,
            commit,
            tagger,
            time,
            message,
        } = tag;
        let text = format!(
            "object {commit}\ntype commit\ntag {name}\ntagger {tagger} {time} +0000\n\n{message}\n"
        );
        let scratch = fs::Scratch::new(temp, "tag")?;
        let file = scratch.path().join("tag");
        fs::write_atomic(&file, text.as_bytes())?;
        let arguments = ["hash-object", "-t", "tag", "-w", "--", file.as_str()];
        let output = Command::new("git", self.isolated(""))
            .folder(folder)
            .args(arguments)
            .capture(self.cancel)?;
        let id = output.out.trim();
        if output.ended.is_success() && is_commit(id) {
            return Ok(id.to_owned());
        }
        Err(Error::failed(format!("git can't make the tag {name}")).cause(reason(&output.err)))
    }
}

impl Repository<'_> {
    /// The changed files of a folder that are in no commit, as git lists them; an empty path is the
    /// top folder.
    pub fn uncommitted(&self, folder: &str) -> Result<Vec<String>> {
        let folder = if folder.is_empty() { "." } else { folder };
        let spec = format!(":(top,literal){folder}");
        let output = self.run(&[
            "status",
            "--porcelain",
            "--untracked-files=all",
            "--ignore-submodules=none",
            "--",
            &spec,
        ])?;
        let paths = output.lines().filter_map(|line| line.get(3..));
        Ok(paths.map(str::to_owned).collect())
    }

    /// The id of a folder's content in a commit; `None` if this repository does not have it. An empty
    /// path is the top folder.
    pub fn tree(&self, commit: &str, folder: &str) -> Result<Option<String>> {
        let tree = format!("{commit}:{folder}");
        let arguments = [
            "rev-parse",
            "--quiet",
            "--verify",
            "--end-of-options",
            &tree,
        ];
        let id = self.try_run(&arguments)?;
        Ok(id.map(|id| id.trim().to_owned()))
    }

    /// Whether a commit is part of the history of another one, as far as this repository knows.
    pub fn is_part_of(&self, commit: &str, other: &str) -> Result<bool> {
        let arguments = ["merge-base", "--is-ancestor", commit, other];
        self.try_run(&arguments).map(|done| done.is_some())
    }
}

/// Decides the kind of an error by what git has printed.
fn of_remote(error: Error, words: &str) -> Error {
    const CLOSED: [&str; 10] = [
        "authentication failed",
        "could not read username",
        "could not read password",
        "permission denied",
        "permission to ",
        "not authorized",
        "returned error: 401",
        "returned error: 403",
        "hook declined",
        "protected",
    ];
    let lower = words.to_lowercase();
    let error = error.cause(mask(reason(words)));
    if CLOSED.iter().any(|text| lower.contains(text)) {
        return error.with_kind(Kind::Refused).hint(
            "pushing a tag needs write access to the repository (for a token of GitHub: `contents: write`), and no rule that protects such tags",
        );
    }
    if DOWN.iter().any(|text| lower.contains(text)) {
        return error.with_kind(Kind::Unavailable);
    }
    classify(error)
}
