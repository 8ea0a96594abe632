//! Runs external programs that access the network for larder: git and the registries' own clients.
//! They are searched for on PATH, use the user's configuration, get the variables of every child and
//! their own, and their output is captured.

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use crate::settings::RemoteSettings;
use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_core::error::{Error, Result};
use larder_core::redact::mask;
use larder_process::{Captured, Command, Ended};

pub(crate) mod pip;
#[cfg(test)]
mod tests;

/// The name of npm's program.
#[cfg(windows)]
pub(crate) const NPM: &str = "npm.cmd";
/// The name of npm's program.
#[cfg(not(windows))]
pub(crate) const NPM: &str = "npm";

/// The time limit for one call, such as the download of a package.
const TIMEOUT: Duration = Duration::from_mins(15);

/// A program's exit status and output.
pub(crate) struct ToolOutput {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl ToolOutput {
    /// The last lines of stderr, for use as the cause of an error. Urls are redacted.
    pub(crate) fn last_lines(&self) -> String {
        let lines: Vec<&str> = self
            .err
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        let last = lines[lines.len().saturating_sub(4)..].join(" · ");
        let redacted: Vec<String> = last.split(' ').map(redact_word).collect();
        mask(&redacted.join(" ")).chars().take(600).collect()
    }
}

/// Redacts a url, because urls in the messages of other programs may contain secrets.
fn redact_word(word: &str) -> String {
    if word.contains("://") {
        crate::http::redact(word)
    } else {
        word.to_owned()
    }
}

/// Runs a command until it ends; `None` if the program does not exist.
pub(crate) fn run_tool(
    command: Command,
    called: &str,
    cancel: &Cancel,
) -> Result<Option<ToolOutput>> {
    let Captured { ended, out, err } = command.timeout(TIMEOUT).capture(cancel)?;
    match ended {
        Ended::Exited(status) => Ok(Some(ToolOutput { status, out, err })),
        Ended::NotFound(_) => Ok(None),
        Ended::TimedOut => Err(Error::unavailable(format!(
            "{called} did not end within {} minutes",
            TIMEOUT.as_secs() / 60
        ))),
    }
}

/// The variables of a registry's client, besides those that every child gets.
pub(crate) struct ClientVariables {
    /// The names of the client's own variables, as [`Environment::for_program`] takes them: no
    /// client sees the token of another one.
    pub(crate) own: &'static [&'static str],
    /// Values for variables that the user has not set.
    pub(crate) defaults: &'static [(&'static str, &'static str)],
}

/// What is needed to run the registries' clients.
#[derive(Clone, Copy)]
pub(crate) struct Tools<'a> {
    environment: &'a Environment,
    /// The folder for their temporary files.
    pub(crate) temp: &'a Path,
    cancel: &'a Cancel,
}

impl<'a> Tools<'a> {
    /// Uses the settings of a run.
    pub(crate) fn new(settings: &'a RemoteSettings, cancel: &'a Cancel) -> Self {
        Self {
            environment: &settings.environment,
            temp: &settings.temp,
            cancel,
        }
    }

    /// Runs a client in the current folder; `None` if the program does not exist.
    pub(crate) fn run(
        self,
        program: &[&str],
        args: &[&OsStr],
        variables: &ClientVariables,
    ) -> Result<Option<ToolOutput>> {
        let environment = self.variables(variables);
        self.run_with(environment, None, program, args)
    }

    /// The variables of a client.
    pub(crate) fn variables(self, variables: &ClientVariables) -> Environment {
        let mut environment = self.environment.for_program(variables.own);
        for (name, value) in variables.defaults {
            if environment.value(name).is_none() {
                environment.set(*name, *value);
            }
        }
        environment
    }

    /// Runs a client with these variables, in a folder or in the current one; `None` if the program
    /// does not exist.
    pub(crate) fn run_with(
        self,
        environment: Environment,
        folder: Option<&Path>,
        program: &[&str],
        args: &[&OsStr],
    ) -> Result<Option<ToolOutput>> {
        let mut command = Command::new(program[0], environment)
            .args(&program[1..])
            .args(args);
        if let Some(folder) = folder {
            command = command.folder(folder);
        }
        run_tool(command, &program.join(" "), self.cancel)
    }
}
