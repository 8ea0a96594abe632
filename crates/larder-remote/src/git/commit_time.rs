//! The time of the last commit that changed some paths of a work tree.

use camino::Utf8Path;

use larder_core::error::Result;
use larder_process::Command;

use super::{Git, SETTINGS};

/// When some paths were last changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastChange {
    /// The time of the commit, in seconds since 1970.
    At(i64),
    /// The clone is shallow and has no commit that changed them, only one that has them.
    BeforeShallow,
    /// No commit has them, or the folder is in no work tree, or there is no git.
    Unknown,
}

impl Git<'_> {
    /// When the last commit changed any of some paths, which are relative to `folder` or absolute.
    ///
    /// With `pattern`, an extended regular expression, only commits count that changed a line that
    /// matches it.
    pub fn last_change(
        &self,
        folder: &Utf8Path,
        paths: &[&Utf8Path],
        pattern: Option<&str>,
    ) -> Result<LastChange> {
        let settings = SETTINGS
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let mut command = Command::new("git", self.isolated(""))
            .args(settings.flat_map(|setting| ["-c".to_owned(), setting]))
            .args([
                "log",
                "-1",
                "--no-show-signature",
                "--format=%ct %P",
                "--extended-regexp",
            ]);
        if let Some(pattern) = pattern {
            command = command.args([format!("-G{pattern}")]);
        }
        let paths = paths.iter().map(|path| path.as_str());
        let found = command
            .args(["--end-of-options", "HEAD", "--"])
            .args(paths)
            .folder(folder)
            .capture(self.cancel);
        self.cancel.check()?;
        let Ok(found) = found else {
            return Ok(LastChange::Unknown);
        };
        let line = found.out.trim();
        let (time, parents) = line.split_once(' ').unwrap_or((line, ""));
        let Ok(time) = time.parse() else {
            return Ok(LastChange::Unknown);
        };
        // In a shallow clone the oldest commit has no parents, and so seems to add every file.
        if parents.is_empty() && self.is_shallow(folder) {
            return Ok(LastChange::BeforeShallow);
        }
        Ok(LastChange::At(time))
    }

    fn is_shallow(&self, folder: &Utf8Path) -> bool {
        Command::new("git", self.isolated(""))
            .args(["rev-parse", "--is-shallow-repository"])
            .folder(folder)
            .capture(self.cancel)
            .is_ok_and(|answer| answer.out.trim() == "true")
    }
}
