//! Other people's programs that ask on larder's behalf: the registries' ordinary clients, git and
//! gh. They are found on PATH, their configuration and environment are the user's, and what they
//! print is kept.

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use crate::settings::RemoteSettings;
use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_core::error::{Error, Result};
use larder_core::variables;
use larder_process::{Captured, Command, Ended};

#[cfg(test)]
mod tests;

/// Downloading one package takes no longer.
const PATIENCE: Duration = Duration::from_mins(15);

/// How a program ended and what it printed.
pub(crate) struct Said {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// The last lines of its stderr, as a cause.
    pub(crate) fn last_words(&self) -> String {
        let lines: Vec<&str> = self
            .err
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        let last = lines[lines.len().saturating_sub(4)..].join(" · ");
        let redacted: Vec<String> = last.split(' ').map(redact_word).collect();
        redacted.join(" ").chars().take(600).collect()
    }
}

/// Urls in others' messages may carry secrets.
fn redact_word(word: &str) -> String {
    if word.contains("://") {
        crate::http::redact(word)
    } else {
        word.to_owned()
    }
}

/// Runs a command to its end; `None` where there is no such program.
pub(crate) fn ask(command: Command, called: &str, cancel: &Cancel) -> Result<Option<Said>> {
    let Captured { ended, out, err } = command.timeout(PATIENCE).capture(cancel)?;
    match ended {
        Ended::Exited(status) => Ok(Some(Said { status, out, err })),
        Ended::NotFound(_) => Ok(None),
        Ended::TimedOut => Err(Error::unavailable(format!(
            "{called} did not end within {} minutes",
            PATIENCE.as_secs() / 60
        ))),
    }
}

/// What running the registries' clients needs.
#[derive(Clone, Copy)]
pub(crate) struct Tools<'a> {
    environment: &'a Environment,
    /// Folder for what they leave.
    pub(crate) temp: &'a Path,
    cancel: &'a Cancel,
}

impl<'a> Tools<'a> {
    /// With a run's settings.
    pub(crate) fn new(settings: &'a RemoteSettings, cancel: &'a Cancel) -> Self {
        Self {
            environment: &settings.environment,
            temp: &settings.temp,
            cancel,
        }
    }

    /// Runs a client in the current folder, with these variables where the user has not set them.
    /// `None` where there is no such program.
    pub(crate) fn run(
        self,
        program: &[&str],
        args: &[&OsStr],
        vars: &[(&str, &str)],
    ) -> Result<Option<Said>> {
        // Larder's own token is for larder alone.
        let mut environment = self.environment.without(variables::GITHUB_TOKEN);
        for (name, value) in vars {
            if environment.value(name).is_none() {
                environment.set(*name, *value);
            }
        }
        let command = Command::new(program[0], environment)
            .args(&program[1..])
            .args(args);
        ask(command, &program.join(" "), self.cancel)
    }
}
