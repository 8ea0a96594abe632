//! A repository of packages in the default branch of a git repository, for example of one that
//! serves pages. A version is one commit.

use larder_core::error::Result;
use larder_core::fs::Scratch;
use larder_core::model::Digest;
use larder_remote::git::{Author, Change as Commit, Content, DefaultBranch, Place as Remote};
use larder_remote::http::redact;

use super::{Attempt, Change, Place, Stored};
use crate::context::Context;

/// The default branch of a git repository.
pub(super) struct Branch {
    url: String,
    author: Author,
}

impl Branch {
    pub(super) fn new(ctx: &Context, url: &str) -> Self {
        Self {
            url: url.to_owned(),
            author: Author::of(ctx.project.publish.maintainer.as_deref()),
        }
    }

    fn with_branch(
        &self,
        attempt: &Attempt<'_>,
        work: &mut dyn FnMut(&mut DefaultBranch<'_>) -> Result<()>,
    ) -> Result<()> {
        let remote = Remote {
            url: self.url.clone(),
            token: None,
            first_branch: None,
        };
        let git = attempt.git();
        let scratch = Scratch::new(&attempt.remote.temp, "publish")?;
        work(&mut git.default_branch(&remote, &scratch.path().join("copy"))?)
    }
}

impl Place for Branch {
    fn target(&self) -> String {
        redact(&self.url)
    }

    fn read(
        &self,
        attempt: &Attempt<'_>,
        with: &mut dyn FnMut(&dyn Stored) -> Result<()>,
    ) -> Result<()> {
        self.with_branch(attempt, &mut |branch| with(&*branch))
    }

    fn change(
        &self,
        attempt: &Attempt<'_>,
        make: &dyn Fn(&dyn Stored) -> Result<Option<Change>>,
    ) -> Result<()> {
        self.with_branch(attempt, &mut |branch| {
            let commit = |branch: &DefaultBranch<'_>| {
                let Some(change) = make(branch)? else {
                    return Ok(None);
                };
                let packages = change.packages.into_iter();
                let packages = packages.map(|(path, file)| (path, Content::File(file)));
                let files = change.files.into_iter();
                let files = files.map(|(path, bytes)| (path, Content::Bytes(bytes)));
                let removed = change.removed.into_iter();
                let removed = removed.map(|path| (path, Content::Removed));
                Ok(Some(Commit {
                    message: change.message,
                    files: packages.chain(files).chain(removed).collect(),
                }))
            };
            branch.push(&self.author, &commit).map(drop)
        })
    }
}

impl Stored for DefaultBranch<'_> {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        DefaultBranch::read(self, path)
    }

    fn has(&self, path: &str) -> Result<bool> {
        Ok(self.item(path)?.is_some())
    }

    fn digest(&self, _path: &str) -> Result<Option<Digest>> {
        // A commit has the packages and their index, so what is not listed is nobody's.
        Ok(None)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>> {
        let items = DefaultBranch::list(self, folder, false)?;
        let name = |path: String| path.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(items.into_iter().map(|item| name(item.path)).collect())
    }
}
