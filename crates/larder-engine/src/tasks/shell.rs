//! Runs a task's own commands: `sh -c` lines in the project's folder, with the installed binaries on PATH.
//!
//! Tasks are the user's own programs, so unlike builds they get the whole environment and write to the terminal directly.
//! The caller ensures a task's needs first.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::ExitStatus;

use camino::Utf8PathBuf;

use crate::installed::Bin;
use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_core::error::{Error, Kind, Result};
use larder_core::fs;
use larder_core::project::{Project, Task};
use larder_process::{Command, Ended, Output};

/// The folders of the host's binaries, sorted by name, whether or not the binaries are installed.
pub fn bin_dirs(project: &Project) -> Vec<Utf8PathBuf> {
    let existing = project
        .subsystems
        .values()
        .filter(|subsystem| subsystem.platforms.contains(&subsystem.host()));
    existing
        .map(|subsystem| {
            let host = subsystem.host();
            Bin::new(&subsystem.name, &subsystem.dir, &host, &host)
                .dir()
                .to_owned()
        })
        .collect()
}

/// PATH with the folders of the installed binaries first.
pub(crate) fn path_with_binaries(project: &Project, environment: &Environment) -> Result<OsString> {
    let dirs = bin_dirs(project)
        .into_iter()
        .map(Utf8PathBuf::into_std_path_buf);
    environment.path_after(dirs)
}

/// A command with the installed binaries first on its PATH.
pub fn with_binaries(
    project: &Project,
    environment: &Environment,
    program: &OsStr,
    arguments: &[OsString],
) -> Result<Command> {
    let path = path_with_binaries(project, environment)?;
    let mut environment = environment.clone();
    environment.set("PATH", path);
    // The operating system could use the PATH of this process instead.
    let found = environment.find_program(program);
    let program = found.map_or_else(|| program.to_owned(), PathBuf::into_os_string);
    Ok(Command::new(program, environment).args(arguments))
}

/// Runs the lines of tasks.
pub struct Shell<'a> {
    /// The project.
    pub project: &'a Project,
    /// The commands' environment, except for PATH.
    pub environment: &'a Environment,
    /// Ends the running command when the run is cancelled.
    pub cancel: &'a Cancel,
    /// Whether larder prints data to stdout; then the commands' stdout goes to stderr.
    pub stdout_is_data: bool,
}

impl Shell<'_> {
    /// Whether a task's `status` shows that there is nothing to do: it has lines, and all of them exit 0. Their output is not
    /// shown.
    pub fn up_to_date(&self, task: &Task, arguments: &[OsString]) -> Result<bool> {
        for line in &task.status {
            let command = self.command(task, line, arguments)?;
            if !self.wait(&command, Output::Discarded, line)?.success() {
                return Ok(false);
            }
        }
        Ok(!task.status.is_empty())
    }

    /// Runs one of a task's commands, which must exit 0.
    pub fn run(&self, name: &str, task: &Task, line: &str, arguments: &[OsString]) -> Result<()> {
        self.program(&self.command(task, line, arguments)?, line)
            .map_err(|error| {
                if matches!(error.kind(), Kind::Interrupted(_)) {
                    return error;
                }
                let again = format!("its output is above; `larder run {name}` runs it again");
                let hint = fs::noexec_hint(&self.project.root).unwrap_or(again);
                Error::failed(format!("task `{name}`: {}", error.message())).hint(hint)
            })
    }

    /// Runs a program that must exit 0; errors call it `name`. Its stdin is empty.
    pub fn program(&self, command: &Command, name: &str) -> Result<()> {
        let output = if self.stdout_is_data {
            Output::Stderr
        } else {
            Output::Inherited
        };
        let status = self.wait(command, output, name)?;
        if status.success() {
            Ok(())
        } else {
            Err(Error::failed(format!(
                "`{name}` failed ({})",
                described(status)
            )))
        }
    }

    /// A line of a task; its arguments are the shell's positional parameters.
    fn command(&self, task: &Task, line: &str, arguments: &[OsString]) -> Result<Command> {
        let mut environment = self.environment.clone();
        environment.set("PATH", path_with_binaries(self.project, self.environment)?);
        for (name, value) in &task.env {
            environment.set(name, value);
        }
        let mut command = Command::shell(line, environment).folder(&self.project.root);
        if !arguments.is_empty() {
            // The first one is the name of the shell in its own messages.
            command = command.args(["sh"]).args(arguments);
        }
        Ok(command)
    }

    fn wait(&self, command: &Command, output: Output<'_>, line: &str) -> Result<ExitStatus> {
        match command.run(output, self.cancel) {
            Ok(Ended::Exited(status)) => Ok(status),
            Ok(Ended::TimedOut) => Err(Error::failed(format!("`{line}` took too long"))),
            Err(error) if matches!(error.kind(), Kind::Interrupted(_)) => {
                Err(error.cause(format!("while `{line}` was running")))
            }
            Ok(Ended::NotFound(error)) | Err(error) => Err(error),
        }
    }
}

/// For a message: `exit code 3` or `signal 9`.
pub(crate) fn described(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit code {}", Command::exit_code_in_words(code)),
        #[cfg(unix)]
        None => {
            use std::os::unix::process::ExitStatusExt;
            status
                .signal()
                .map_or_else(|| status.to_string(), |signal| format!("signal {signal}"))
        }
        #[cfg(not(unix))]
        None => status.to_string(),
    }
}
