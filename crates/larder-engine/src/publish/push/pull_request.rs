//! Manifests of winget that are proposed to a repository on GitHub: a branch with one commit and a
//! pull request, through the API, because the community's repository is too large to copy.
//!
//! The branch is in the repository itself if the token's owner may push to it, else in a fork. Its
//! name says the package and the version, so whatever a killed run left is found again: the fork,
//! the branch, the pull request. A proposal that was merged or is open counts as published.

use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::model::version_order::compare;
use larder_core::model::{Digest, Name, Version};
use larder_remote::github::{Api, Login, NewPull, PullRequest, Repository, TreeFile, blob_id};

use super::{Attempt, Files, Found, Publisher, There, Withdrawn};

mod proposal;

use proposal::{Proposal, with_right};

/// A repository of manifests on GitHub.
pub(super) struct PullRequests {
    pub(super) name: Name,
    pub(super) version: Version,
    /// The version as winget writes it.
    pub(super) written: String,
    /// `owner/name` of the repository.
    pub(super) repo: String,
    /// The url of the repository.
    pub(super) url: String,
    /// The package's identifier.
    pub(super) identifier: String,
    /// The package's folder, which has one for each version.
    pub(super) folder: String,
}

/// A manifest.
struct Manifest {
    name: String,
    bytes: Vec<u8>,
}

/// What a commit has of the manifests.
enum AtCommit {
    /// None, or not all.
    Missing,
    Same,
    Other(Found),
}

impl PullRequests {
    fn api(&self, attempt: &Attempt<'_>) -> Api {
        api_of(&self.repo, attempt)
    }

    /// The folder of this version.
    fn place(&self) -> String {
        format!("{}/{}", self.folder, self.written)
    }

    fn branch(&self) -> String {
        format!("{}-{}", self.identifier, self.written)
    }

    fn removal_branch(&self) -> String {
        format!("{}-removal", self.branch())
    }

    fn manifests(files: &Files<'_>) -> Result<Vec<Manifest>> {
        let names = fs::list(files.folder)?.into_iter();
        let read = |name: String| {
            let bytes = fs::read(files.folder.join(&name))?;
            Ok(Manifest { name, bytes })
        };
        names.map(read).collect()
    }

    /// Compares what a commit has of this version with what is to be there.
    fn at_commit(&self, api: &Api, commit: &str, ours: &[Manifest]) -> Result<AtCommit> {
        let Some(theirs) = api.folder(&self.place(), commit)? else {
            return Ok(AtCommit::Missing);
        };
        let mut all = true;
        for manifest in ours {
            let Some(item) = theirs.iter().find(|item| item.name == manifest.name) else {
                all = false;
                continue;
            };
            if item.sha == blob_id(&manifest.bytes) {
                continue;
            }
            let path = format!("{}/{}", self.place(), manifest.name);
            let bytes = api.file(&path, commit)?.unwrap_or_default();
            let digest = |bytes: &[u8]| format!("sha256 {}", Digest::of(bytes));
            return Ok(AtCommit::Other(Found::Other {
                what: path,
                ours: digest(&manifest.bytes),
                theirs: digest(&bytes),
            }));
        }
        Ok(if all {
            AtCommit::Same
        } else {
            AtCommit::Missing
        })
    }

    /// The account that branches are in.
    fn owner(&self, api: &Api, repository: &Repository) -> Result<String> {
        let (owner, _) = self.repo.split_once('/').unwrap_or_default();
        if repository.may_push() || !api.has_token() {
            return Ok(owner.to_owned());
        }
        // The token of an installation has no user. What it may do shows when it does it.
        Ok(api.login()?.unwrap_or_else(|| owner.to_owned()))
    }

    /// The pull request of a branch: an open one before a merged one before a closed one.
    fn pull(api: &Api, owner: &str, branch: &str) -> Result<Option<PullRequest>> {
        let mut pulls = api.pulls(owner, branch)?;
        pulls.sort_by_key(|pull| (!pull.is_open(), !pull.is_merged()));
        Ok(pulls.into_iter().next())
    }

    fn compare(&self, api: &Api, repository: &Repository, ours: &[Manifest]) -> Result<Found> {
        match self.at_commit(api, &repository.default_branch, ours)? {
            AtCommit::Same => return Ok(Found::Same),
            AtCommit::Other(found) => return Ok(found),
            AtCommit::Missing => {}
        }
        let owner = self.owner(api, repository)?;
        let Some(pull) = Self::pull(api, &owner, &self.branch())? else {
            return Ok(Found::Missing);
        };
        if !pull.is_open() && !pull.is_merged() {
            return Err(
                Error::failed(format!("{} was closed and not merged", pull.page))
                    .cause(format!("it proposed {} {}", self.identifier, self.written))
                    .hint("read there why; reopen it, or publish a new version"),
            );
        }
        match self.at_commit(api, &pull.head.sha, ours)? {
            AtCommit::Same => Ok(Found::Same),
            AtCommit::Other(found) => Ok(found),
            AtCommit::Missing => Err(Error::failed(format!(
                "{} does not propose all manifests of {} {}",
                pull.page, self.identifier, self.written
            ))
            .hint("close it and delete its branch, if it is not wanted")),
        }
    }

    /// The versions on the default branch.
    fn versions(&self, api: &Api, repository: &Repository) -> Result<Vec<String>> {
        let items = api.folder(&self.folder, &repository.default_branch)?;
        let is_version = |name: &str| {
            // Packages whose identifier starts with this one have folders there, too.
            let start = name.strip_prefix(['v', 'V']).unwrap_or(name);
            name == self.written || start.starts_with(|c: char| c.is_ascii_digit())
        };
        Ok(items
            .unwrap_or_default()
            .into_iter()
            .filter(|item| item.kind == "dir" && is_version(&item.name))
            .map(|item| item.name)
            .collect())
    }

    fn subject(&self) -> String {
        format!("{} version {}", self.identifier, self.written)
    }

    /// Proposes changes of files on a branch, wherever an earlier run stopped.
    fn propose(
        &self,
        attempt: &Attempt<'_>,
        branch: &str,
        title: &str,
        files: &[TreeFile],
    ) -> Result<PullRequest> {
        let api = self.api(attempt);
        if !api.has_token() {
            return Err(
                Error::refused(format!("there is no token to propose {} with", self.subject()))
                    .hint("set GH_TOKEN to a token with `contents: write` and `pull requests: write`, or log in with `gh auth login`"),
            );
        }
        let repository = visible(&api)?;
        let owner = self.owner(&api, &repository)?;
        let base = &repository.default_branch;
        let tip = api.branch(base)?.ok_or_else(|| {
            Error::failed(format!("{} has no commit", self.target()))
                .hint("push a first commit to it, such as a README")
        })?;
        let is_own = self.repo.split('/').next() == Some(&owner);
        let proposal = Proposal {
            upstream: &api,
            tip: &tip,
            base,
            branch,
            message: title,
            files,
        };
        if is_own {
            proposal.commit_to(&api)?;
        } else {
            let fork = proposal.fork()?;
            proposal.commit_to(&api_of(&fork, attempt))?;
        }
        let body = format!(
            "The manifests of {} {}, rendered by larder from its release.",
            self.name, self.version
        );
        let new = NewPull {
            title,
            body: &body,
            owner: &owner,
            branch,
            base,
        };
        match api.create_pull(new) {
            Ok(pull) => Ok(pull),
            // Another run may have been faster.
            Err(error) => match Self::pull(&api, &owner, branch) {
                Ok(Some(pull)) if pull.is_open() => Ok(pull),
                _ => Err(with_right(error.into())),
            },
        }
    }
}

impl Publisher for PullRequests {
    fn target(&self) -> String {
        self.url.clone()
    }

    fn there(&self, attempt: &Attempt<'_>) -> Result<There> {
        let api = self.api(attempt);
        let repository = visible(&api)?;
        let versions = self.versions(&api, &repository)?;
        let mut wanted = versions.contains(&self.written);
        if !wanted {
            let owner = self.owner(&api, &repository)?;
            let pull = Self::pull(&api, &owner, &self.branch())?;
            wanted = pull.is_some_and(|pull| pull.is_open());
        }
        Ok(There {
            current: versions.into_iter().max_by(|a, b| compare(a, b)),
            wanted,
        })
    }

    fn inspect(&self, attempt: &Attempt<'_>, files: &Files<'_>) -> Result<Found> {
        let api = self.api(attempt);
        let repository = visible(&api)?;
        self.compare(&api, &repository, &Self::manifests(files)?)
    }

    fn push(&self, attempt: &Attempt<'_>, files: &Files<'_>) -> Result<()> {
        let text = |manifest: Manifest| {
            let path = format!("{}/{}", self.place(), manifest.name);
            let text = String::from_utf8(manifest.bytes);
            let text = text.map_err(|_| Error::failed(format!("{path} is not UTF-8")))?;
            Ok((path, Some(text)))
        };
        let manifests = Self::manifests(files)?.into_iter().map(text);
        let changes: Vec<TreeFile> = manifests.collect::<Result<_>>()?;
        let title = format!("New version: {}", self.subject());
        self.propose(attempt, &self.branch(), &title, &changes)
            .map(drop)
    }

    fn rights(&self, attempt: &Attempt<'_>) -> Result<()> {
        let api = self.api(attempt);
        if !api.has_token() {
            return Err(Error::refused("a pull request needs a token")
                .hint("set GH_TOKEN, or log in with `gh auth login`"));
        }
        let repository = visible(&api)?;
        self.owner(&api, &repository).map(drop).map_err(with_right)
    }

    fn withdraw(&self, attempt: &Attempt<'_>) -> Result<Withdrawn> {
        let api = self.api(attempt);
        let repository = visible(&api)?;
        let owner = self.owner(&api, &repository)?;
        let items = api.folder(&self.place(), &repository.default_branch)?;
        let Some(items) = items else {
            let pull = Self::pull(&api, &owner, &self.branch())?;
            let Some(pull) = pull.filter(PullRequest::is_open) else {
                return Ok(Withdrawn::Absent);
            };
            api.close_pull(pull.number)
                .map_err(|error| with_right(error.into()))?;
            if let Some(repo) = &pull.head.repo {
                let head = api_of(&repo.full_name, attempt);
                head.delete_branch(&pull.head.branch)
                    .map_err(|error| with_right(error.into()))?;
            }
            return Ok(Withdrawn::Done(format!("{} is closed", pull.page)));
        };
        let branch = self.removal_branch();
        let pull = match Self::pull(&api, &owner, &branch)? {
            Some(pull) if pull.is_open() => pull,
            Some(pull) if !pull.is_merged() => {
                let why = format!("{} proposed to remove it, and was closed", pull.page);
                return Ok(Withdrawn::Impossible(why));
            }
            _ => {
                let remove = |name: String| (format!("{}/{name}", self.place()), None);
                let names = items.into_iter().map(|item| item.name);
                let changes: Vec<TreeFile> = names.map(remove).collect();
                let title = format!("Remove version: {}", self.subject());
                self.propose(attempt, &branch, &title, &changes)?
            }
        };
        Ok(Withdrawn::Done(format!(
            "{} proposes to remove it",
            pull.page
        )))
    }

    fn how_to_check(&self) -> String {
        format!(
            "the pull request \"New version: {}\" in {} is merged",
            self.subject(),
            self.repo
        )
    }
}

fn api_of(repo: &str, attempt: &Attempt<'_>) -> Api {
    let github = attempt.remote.github.clone();
    Api::new(repo, attempt.client.clone(), github, Login::Always)
}

/// The repository; an error if it is not visible to us.
fn visible(api: &Api) -> Result<Repository> {
    api.repository()?.ok_or_else(|| api.invisible())
}
