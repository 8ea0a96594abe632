//! Channels that are files in a git repository: a Homebrew tap, a Scoop bucket, a package of the
//! AUR, and manifests of winget that are pushed rather than proposed.
//!
//! Every method copies the default branch as it is now and decides by what it finds there, also in
//! the middle of a push: the branch may have moved. A push is one commit, so there is never a part
//! of a version. Only the files of this channel and this subsystem are written.

use std::cmp::Ordering;

use larder_channels::render::channel_version;
use larder_channels::repository::{self, CurrentFiles, Layout};
use larder_core::error::{Error, Kind, Result};
use larder_core::fs::{self, Scratch};
use larder_core::hosts::is_allowed;
use larder_core::model::version_order::compare as compare_versions;
use larder_core::model::{ChannelKind, Digest, Name, Version};
use larder_core::project::Subsystem;
use larder_core::project::publish::{Channel, ChannelConfig, Repository as Where};
use larder_remote::git::{Author, Change, Content, DefaultBranch, HostToken, Place};
use larder_remote::http::redact;

use crate::context::Context;

use super::pull_request::PullRequests;
use super::{Attempt, Files, Found, Places, Publisher, There, Withdrawn};

mod withdraw;

#[cfg(all(test, unix))]
mod tests;

/// A channel's files in a git repository.
pub(super) struct Repository {
    kind: ChannelKind,
    name: Name,
    version: Version,
    /// The version as the channel writes it.
    written: String,
    /// The url of the repository.
    url: String,
    /// Whether it is on the server of the hub, whose token then logs in.
    is_hosted: bool,
    layout: Layout,
    author: Author,
}

/// A file as the repository has it, and as it is to be; `None` where there is none.
struct Pair {
    path: String,
    theirs: Option<Vec<u8>>,
    ours: Option<Vec<u8>>,
}

/// The repository that a channel is pushed to.
pub(super) fn places(
    ctx: &Context,
    subsystem: &Subsystem,
    version: &Version,
    config: &ChannelConfig,
) -> Result<Places> {
    let name = &subsystem.name;
    let aur_git;
    let (layout, place, key) = match &config.channel {
        Channel::Homebrew(homebrew) => (
            repository::homebrew(homebrew, name),
            homebrew.tap.as_ref(),
            "tap",
        ),
        Channel::Scoop(scoop) => (repository::scoop(name), scoop.bucket.as_ref(), "bucket"),
        Channel::Aur(aur) => {
            aur_git = aur.git.clone().map(Where::Git);
            (repository::aur(aur, name)?, aur_git.as_ref(), "git")
        }
        Channel::Winget(winget) => (
            repository::winget(winget, name)?,
            winget.repository.as_ref(),
            "repository",
        ),
        _ => return Ok(Places::At(Vec::new())),
    };
    let kind = config.channel.kind();
    let Some(place) = place else {
        return Ok(Places::NotConfigured(key));
    };
    let Ok(written) = channel_version(kind, version) else {
        // The channel is skipped for that.
        return Ok(Places::At(Vec::new()));
    };
    let web = ctx
        .settings
        .remote
        .github
        .web
        .as_str()
        .trim_end_matches('/');
    let (url, is_hosted) = match place {
        Where::Hosted(repo) => (format!("{web}/{repo}.git"), true),
        Where::Git(url) => (url.clone(), false),
    };
    if let (Layout::Versions { folder, identifier }, Where::Hosted(repo)) = (&layout, place) {
        return Ok(Places::At(vec![Box::new(PullRequests {
            name: name.clone(),
            version: version.clone(),
            written,
            repo: repo.clone(),
            url,
            identifier: identifier.clone(),
            folder: folder.clone(),
        })]));
    }
    Ok(Places::At(vec![Box::new(Repository {
        kind,
        name: name.clone(),
        version: version.clone(),
        written,
        url,
        is_hosted,
        layout,
        author: Author::of(ctx.project.publish.maintainer.as_deref()),
    })]))
}

impl Repository {
    /// Works with a copy of the default branch.
    fn with_branch<T>(
        &self,
        attempt: &Attempt<'_>,
        work: impl FnOnce(&mut DefaultBranch<'_>) -> Result<T>,
    ) -> Result<T> {
        let place = Place {
            url: self.url.clone(),
            token: self.token(attempt)?,
            // The AUR has no other branch.
            first_branch: (self.kind == ChannelKind::Aur).then_some("master"),
        };
        let git = attempt.git();
        let scratch = Scratch::new(&attempt.remote.temp, "publish")?;
        work(&mut git.default_branch(&place, &scratch.path().join("copy"))?)
    }

    /// The hub's token, for a repository on its server. It is never sent where others can read it.
    fn token(&self, attempt: &Attempt<'_>) -> Result<Option<HostToken>> {
        let web = &attempt.remote.github.web;
        let host = web.host_str().unwrap_or_default();
        let is_safe = web.scheme() == "https" || is_allowed(host, &attempt.remote.http.allow_http);
        if !self.is_hosted {
            return Ok(None);
        }
        if !is_safe {
            return Err(
                Error::usage(format!("{} is reached over plain http", self.target()))
                    .hint("use https, or allow the host in your configuration"),
            );
        }
        let token = attempt.remote.github.find_token(&attempt.cancel);
        Ok(token.map(|token| HostToken::new(token, web)))
    }

    /// What is there under this version, and the files as they are and as they are to be.
    fn compare(&self, branch: &DefaultBranch<'_>, files: &Files<'_>) -> Result<(Found, Vec<Pair>)> {
        let pairs = self.pairs(branch, files)?;
        let found = match &self.layout {
            Layout::Current(current) => {
                let [main, others @ ..] = &pairs[..] else {
                    return Ok((Found::Missing, pairs));
                };
                if main.ours.is_none() {
                    let what = format!("{} was not rendered", main.path);
                    return Err(Error::failed(what));
                }
                match &main.theirs {
                    None if others.iter().all(|pair| pair.theirs.is_none()) => Found::Missing,
                    theirs => {
                        let there = theirs.as_deref().and_then(|text| version_in(current, text));
                        let there = there.ok_or_else(|| self.unreadable(&main.path))?;
                        match compare_versions(&there, &self.written) {
                            _ if there == self.written => same_or_other(&pairs),
                            Ordering::Greater => Found::Newer(there),
                            Ordering::Less | Ordering::Equal => Found::Missing,
                        }
                    }
                }
            }
            Layout::Versions { .. } => {
                let is_other = |pair: &&Pair| pair.theirs.is_some() && pair.theirs != pair.ours;
                match pairs.iter().find(is_other) {
                    Some(pair) => other(pair),
                    None if pairs.iter().all(|pair| pair.theirs.is_some()) => Found::Same,
                    None => Found::Missing,
                }
            }
        };
        Ok((found, pairs))
    }

    fn pairs(&self, branch: &DefaultBranch<'_>, files: &Files<'_>) -> Result<Vec<Pair>> {
        let ours = |name: &str| fs::read_opt(files.folder.join(name));
        let pair = |path: String| {
            let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
            let (theirs, ours) = (branch.read(&path)?, ours(&name)?);
            Ok(Pair { path, theirs, ours })
        };
        match &self.layout {
            Layout::Current(current) => {
                let paths = current_paths(branch, current)?;
                paths.into_iter().map(pair).collect()
            }
            Layout::Versions { folder, .. } => {
                let names = fs::list(files.folder)?;
                let path = |name: String| format!("{folder}/{}/{name}", self.written);
                names.into_iter().map(path).map(pair).collect()
            }
        }
    }

    fn unreadable(&self, path: &str) -> Error {
        Error::failed(format!(
            "larder can't read the version of {path} in {}",
            self.target()
        ))
        .cause("a file that somebody else wrote may be there")
        .hint("remove it from the repository, or correct it, if this channel is to write it")
    }

    /// The version that users get, if there is one.
    fn current(&self, branch: &DefaultBranch<'_>) -> Result<Option<String>> {
        match &self.layout {
            Layout::Current(files) => {
                let paths = current_paths(branch, files)?;
                let text = branch.read(&paths[0])?;
                Ok(text.and_then(|text| version_in(files, &text)))
            }
            Layout::Versions { .. } => {
                let versions = self.versions(branch)?;
                Ok(versions.into_iter().max_by(|a, b| compare_versions(a, b)))
            }
        }
    }

    /// The versions of a package that keeps them all.
    fn versions(&self, branch: &DefaultBranch<'_>) -> Result<Vec<String>> {
        let Layout::Versions { folder, identifier } = &self.layout else {
            return Ok(Vec::new());
        };
        let items = branch.list(folder, true)?;
        let paths = items.iter().map(|item| item.path.as_str());
        Ok(repository::versions(identifier, paths))
    }

    fn subject(&self) -> String {
        format!("{} {}", self.name, self.version.number())
    }
}

impl Publisher for Repository {
    fn target(&self) -> String {
        redact(&self.url)
    }

    fn there(&self, attempt: &Attempt<'_>) -> Result<There> {
        self.with_branch(attempt, |branch| {
            let current = self.current(branch)?;
            let wanted = match &self.layout {
                Layout::Current(_) => current.as_deref() == Some(&self.written),
                Layout::Versions { .. } => self.versions(branch)?.contains(&self.written),
            };
            Ok(There { current, wanted })
        })
    }

    fn inspect(&self, attempt: &Attempt<'_>, files: &Files<'_>) -> Result<Found> {
        self.with_branch(attempt, |branch| Ok(self.compare(branch, files)?.0))
    }

    fn push(&self, attempt: &Attempt<'_>, files: &Files<'_>) -> Result<()> {
        let make = |branch: &DefaultBranch<'_>| {
            let (found, pairs) = self.compare(branch, files)?;
            let cannot = |kind: Kind, why: String| {
                Error::new(
                    kind,
                    format!("{} was not pushed to {}", self.subject(), self.target()),
                )
                .cause(why)
            };
            match found {
                Found::Missing => {}
                Found::Same => return Ok(None),
                Found::Other { what, ours, theirs } => {
                    let why = format!("{what} is there with other bytes: {theirs}, and not {ours}");
                    return Err(cannot(Kind::Integrity, why));
                }
                Found::Newer(version) | Found::Closed(version) => {
                    let why = format!("{version}, which is newer, has arrived there meanwhile");
                    return Err(cannot(Kind::Failed, why));
                }
            }
            let content = |ours: Option<Vec<u8>>| ours.map_or(Content::Removed, Content::Bytes);
            let changes = pairs
                .into_iter()
                .map(|pair| (pair.path, content(pair.ours)));
            Ok(Some(Change {
                message: self.subject(),
                files: changes.collect(),
            }))
        };
        self.with_branch(attempt, |branch| branch.push(&self.author, &make).map(drop))
    }

    fn rights(&self, attempt: &Attempt<'_>) -> Result<()> {
        self.with_branch(attempt, |branch| branch.check_right(&self.author))
    }

    fn withdraw(&self, attempt: &Attempt<'_>) -> Result<Withdrawn> {
        self.with_branch(attempt, |branch| self.withdraw_from(branch))
    }

    fn how_to_check(&self) -> String {
        let (folder, file) = match &self.layout {
            Layout::Current(files) => (files.folder.clone(), files.main.clone()),
            Layout::Versions { folder, .. } => (folder.clone(), self.written.clone()),
        };
        let path = join(&folder, &file);
        format!("`{path}` on the default branch of {} has it", self.target())
    }
}

/// The paths of the channel's files, the one with the version first.
fn current_paths(branch: &DefaultBranch<'_>, files: &CurrentFiles) -> Result<Vec<String>> {
    let folder = match files.preferred_folder {
        Some(preferred) if branch.is_empty() || is_folder(branch, preferred)? => preferred,
        _ => &files.folder,
    };
    let names = std::iter::once(&files.main).chain(&files.others);
    Ok(names.map(|name| join(folder, name)).collect())
}

fn join(folder: &str, name: &str) -> String {
    match folder {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}

fn is_folder(branch: &DefaultBranch<'_>, path: &str) -> Result<bool> {
    use larder_remote::git::ItemKind;
    let item = branch.item(path)?;
    Ok(item.is_some_and(|item| item.kind == ItemKind::Folder))
}

fn version_in(files: &CurrentFiles, text: &[u8]) -> Option<String> {
    (files.version)(&String::from_utf8_lossy(text))
}

fn same_or_other(pairs: &[Pair]) -> Found {
    match pairs.iter().find(|pair| pair.theirs != pair.ours) {
        Some(pair) => other(pair),
        None => Found::Same,
    }
}

fn other(pair: &Pair) -> Found {
    let digest = |bytes: &Option<Vec<u8>>| match bytes {
        Some(bytes) => format!("sha256 {}", Digest::of(bytes)),
        None => "no file".to_owned(),
    };
    Found::Other {
        what: pair.path.clone(),
        ours: digest(&pair.ours),
        theirs: digest(&pair.theirs),
    }
}
