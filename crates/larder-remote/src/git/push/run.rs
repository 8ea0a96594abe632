//! Runs git for a copy of a remote repository.

use camino::Utf8Path;

use larder_core::environment::Environment;
use larder_core::error::{Error, Result};
use larder_process::{Command, Ended};

use super::super::{TIMEOUT, reason};
use super::DefaultBranch;
use super::answers::of_read;

impl DefaultBranch<'_> {
    /// Runs a command that needs the server.
    pub(super) fn remote(&self, arguments: &[&str]) -> Result<String> {
        self.ask(&self.environment, &self.folder, arguments)
    }

    pub(super) fn ask(
        &self,
        environment: &Environment,
        folder: &Utf8Path,
        arguments: &[&str],
    ) -> Result<String> {
        let (done, out, err) = self.capture(environment, folder, arguments)?;
        if done {
            Ok(out)
        } else {
            Err(of_read(&self.shown, &err))
        }
    }

    /// Runs a command that needs only the copy.
    pub(super) fn local(&self, arguments: &[&str]) -> Result<String> {
        self.run(&self.environment, arguments)
    }

    pub(super) fn run(&self, environment: &Environment, arguments: &[&str]) -> Result<String> {
        let (done, out, err) = self.capture(environment, &self.folder, arguments)?;
        if done {
            return Ok(out);
        }
        let what = format!("git {} failed in a copy of {}", arguments[0], self.shown);
        Err(Error::failed(what).cause(reason(&err)))
    }

    /// Whether a command succeeded, and what it printed.
    pub(super) fn capture(
        &self,
        environment: &Environment,
        folder: &Utf8Path,
        arguments: &[&str],
    ) -> Result<(bool, String, String)> {
        let output = Command::new("git", environment.clone())
            .folder(folder)
            .args(arguments)
            .timeout(TIMEOUT)
            .capture(self.git.cancel)?;
        match output.ended {
            Ended::Exited(status) => Ok((status.success(), output.out, output.err)),
            Ended::NotFound(error) => Err(error.hint("install git")),
            Ended::TimedOut => Err(Error::unavailable(format!(
                "git {} of {} took longer than 30 minutes",
                arguments[0], self.shown
            ))),
        }
    }
}
