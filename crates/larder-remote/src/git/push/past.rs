//! The history of files on the default branch: what they were before a version came.

use super::DefaultBranch;
use larder_core::error::Result;

/// How many commits are fetched first when the history is needed.
const FIRST: &str = "--deepen=64";

/// What the history says about files before something was true of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// The files as they were; `None` where there was none.
    Files(Vec<Option<Vec<u8>>>),
    /// There was nothing before.
    Nothing,
}

impl DefaultBranch<'_> {
    /// The files as they were before the newest commits in which `holds` is true of the first one.
    /// As many commits are fetched as that needs.
    pub fn before(&self, paths: &[String], holds: &dyn Fn(&[u8]) -> bool) -> Result<Before> {
        let (Some(tip), Some(path)) = (&self.tip, paths.first()) else {
            return Ok(Before::Nothing);
        };
        let mut fetches = [FIRST, "--unshallow"].into_iter();
        loop {
            let output = self.local(&[
                "log",
                "--first-parent",
                "--diff-merges=first-parent",
                "--format=%H",
                tip,
                "--",
                path,
            ])?;
            for commit in output.lines() {
                let text = self.read_at(commit, path)?;
                if text.as_deref().is_some_and(holds) {
                    continue;
                }
                if text.is_none() {
                    return Ok(Before::Nothing);
                }
                let files: Result<_> = paths
                    .iter()
                    .map(|path| self.read_at(commit, path))
                    .collect();
                return files.map(Before::Files);
            }
            let shallow = self.local(&["rev-parse", "--is-shallow-repository"])?;
            if shallow.trim() != "true" {
                return Ok(Before::Nothing);
            }
            let Some(depth) = fetches.next() else {
                return Ok(Before::Nothing);
            };
            let branch = format!("refs/heads/{}", self.name);
            self.remote(&[
                "fetch",
                "--quiet",
                depth,
                "--filter=blob:none",
                "--no-tags",
                "origin",
                &branch,
            ])?;
        }
    }
}
