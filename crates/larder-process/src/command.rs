//! What is to be run.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use larder_core::environment::Environment;

/// A program to run, with all that decides what it sees.
pub struct Command {
    program: OsString,
    arguments: Vec<OsString>,
    /// The end of the command line, for programs that do not split it as others do: `cmd`.
    #[cfg(windows)]
    raw: Option<String>,
    environment: Environment,
    folder: Option<PathBuf>,
    pub(crate) timeout: Option<Duration>,
}

impl Command {
    /// A program with these variables and no others. A plain name is looked for on their `PATH`.
    pub fn new(program: impl Into<OsString>, environment: Environment) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            #[cfg(windows)]
            raw: None,
            environment,
            folder: None,
            timeout: None,
        }
    }

    /// A command line as recipes and tasks have them: `sh -c` (`cmd /C` on Windows).
    #[cfg(not(windows))]
    pub fn shell(line: &str, environment: Environment) -> Self {
        Self::new("sh", environment).args(["-c", line])
    }

    /// A command line as recipes and tasks have them: `sh -c` (`cmd /C` on Windows).
    #[cfg(windows)]
    pub fn shell(line: &str, environment: Environment) -> Self {
        Self {
            raw: Some(line.to_owned()),
            ..Self::new("cmd", environment).args(["/C"])
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        let arguments = arguments.into_iter();
        self.arguments
            .extend(arguments.map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Its current folder. Default: larder's own.
    #[must_use]
    pub fn folder(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = Some(folder.as_ref().to_owned());
        self
    }

    /// The longest time that it may take. Default: as long as it likes.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The program as it was named.
    pub fn program(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }

    /// Puts the program in the place of this process, with its terminal and all its streams: comes
    /// back only where that can't be done. On Windows, which can't, the program runs as a child to
    /// its end.
    pub fn replace(&self) -> std::io::Result<ExitStatus> {
        let mut command = self.to_tokio().into_std();
        #[cfg(unix)]
        return Err(std::os::unix::process::CommandExt::exec(&mut command));
        #[cfg(not(unix))]
        return command.status();
    }

    /// The same with the streams of a child, which reads nothing.
    pub(crate) fn with_streams(&self, out: Stdio, err: Stdio) -> tokio::process::Command {
        let mut command = self.to_tokio();
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        command
    }

    #[expect(clippy::disallowed_methods, reason = "this is the wrapper")]
    fn to_tokio(&self) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment.iter());
        #[cfg(windows)]
        if let Some(raw) = &self.raw {
            command.raw_arg(raw);
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }
}
