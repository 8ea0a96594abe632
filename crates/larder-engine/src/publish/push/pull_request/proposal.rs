//! One commit on a new branch, in the repository or in a fork of it.

use std::time::Duration;

use larder_core::error::{Error, Kind, Result};
use larder_remote::github::{Api, TreeFile};

/// How long a new fork may take.
const LONGEST: Duration = Duration::from_mins(4);

/// A change that is to be proposed.
pub(super) struct Proposal<'a> {
    /// The repository that it is for.
    pub(super) upstream: &'a Api,
    /// The newest commit there.
    pub(super) tip: &'a str,
    /// The default branch there.
    pub(super) base: &'a str,
    /// The new branch.
    pub(super) branch: &'a str,
    pub(super) message: &'a str,
    pub(super) files: &'a [TreeFile],
}

impl Proposal<'_> {
    /// Forks the repository and waits until the fork has its content. Returns `owner/name`.
    pub(super) fn fork(&self) -> Result<String> {
        let fork = self.upstream.fork().map_err(|error| {
            with_right(error.into()).hint(
                "a fork of a repository of somebody else needs a classic token with `public_repo`",
            )
        })?;
        let api = Api::new(
            &fork.full_name,
            self.upstream.client().clone(),
            self.upstream.config().clone(),
            larder_remote::github::Login::Always,
        );
        let mut waited = Duration::ZERO;
        let mut pause = Duration::from_millis(250);
        while api.branch(self.base)?.is_none() {
            if waited > LONGEST {
                return Err(Error::unavailable(format!(
                    "the fork {} is not ready yet",
                    fork.full_name
                ))
                .hint("GitHub makes it in the background; run the command again later"));
            }
            api.client().cancel().sleep(pause)?;
            waited += pause;
            pause = (pause * 2).min(Duration::from_secs(10));
        }
        Ok(fork.full_name)
    }

    /// Makes the branch with the commit, unless it is there with the same files.
    pub(super) fn commit_to(&self, api: &Api) -> Result<()> {
        if let Some(there) = api.branch(self.branch)? {
            return self.check_branch(api, &there);
        }
        let commit = match self.commit(api) {
            Ok(commit) => commit,
            // The fork does not know the newest commit of the repository yet.
            Err(error)
                if api.repo() != self.upstream.repo() && error.kind() != Kind::Unavailable =>
            {
                api.merge_upstream(self.base)
                    .map_err(|_| with_right(error))?;
                self.commit(api).map_err(with_right)?
            }
            Err(error) => return Err(with_right(error)),
        };
        match api.create_branch(self.branch, &commit) {
            Ok(()) => Ok(()),
            // Another run may have been faster.
            Err(error) => match api.branch(self.branch)? {
                Some(there) => self.check_branch(api, &there),
                None => Err(with_right(error.into())),
            },
        }
    }

    fn commit(&self, api: &Api) -> Result<String> {
        let tree = self.upstream.tree_of(self.tip)?.unwrap_or_default();
        let tree = api.create_tree(&tree, self.files)?;
        Ok(api.create_commit(self.message, &tree, self.tip)?)
    }

    /// An error if a branch that is there has other files than are to be proposed.
    fn check_branch(&self, api: &Api, commit: &str) -> Result<()> {
        for (path, text) in self.files {
            let there = api.file(path, commit)?;
            if there.as_deref() != text.as_deref().map(str::as_bytes) {
                return Err(Error::failed(format!(
                    "the branch `{}` of {} is there with another content",
                    self.branch,
                    api.repo()
                ))
                .cause(format!("{path} differs"))
                .hint("delete the branch if nobody needs it"));
            }
        }
        Ok(())
    }
}

/// Names the rights that are needed, if one is missing.
pub(super) fn with_right(error: Error) -> Error {
    if error.kind() == Kind::Refused {
        error.hint("a proposal needs `contents: write` on the repository that has the branch, and `pull requests: write` on the one it is for")
    } else {
        error
    }
}
