//! The description of a child process.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use larder_core::environment::Environment;

use crate::run::GRACE;

/// A program to run, with its arguments, environment, folder and timeout.
pub struct Command {
    program: OsString,
    arguments: Vec<OsString>,
    /// The end of the command line, passed unquoted: `cmd` splits its command line in its own way.
    #[cfg(windows)]
    raw: Option<String>,
    /// Where the program is, if that is known. Its name stays what it was given as.
    #[cfg(not(windows))]
    found: Option<PathBuf>,
    environment: Environment,
    folder: Option<PathBuf>,
    /// What the child reads on stdin.
    pub(crate) input: Option<Vec<u8>>,
    pub(crate) timeout: Option<Duration>,
    /// The time between TERM and KILL.
    pub(crate) grace: Duration,
}

impl Command {
    /// A program that gets these variables and no others. A plain name is searched for on the
    /// `PATH` of these variables.
    pub fn new(program: impl Into<OsString>, environment: Environment) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            #[cfg(windows)]
            raw: None,
            #[cfg(not(windows))]
            found: None,
            environment,
            folder: None,
            input: None,
            timeout: None,
            grace: GRACE,
        }
    }

    /// A command line as recipes and tasks have them: `sh -c` (`cmd /C` on Windows).
    ///
    /// The shell is looked for here and not by the child: the standard library can then start it with
    /// `posix_spawn`, which copies nothing of this process. A copy of its memory maps costs more than
    /// a short command does.
    #[cfg(not(windows))]
    pub fn shell(line: &str, environment: Environment) -> Self {
        let found = environment.find_program("sh");
        let is_program = |file: &PathBuf| {
            file.is_absolute() && rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok()
        };
        Self {
            found: found.filter(is_program),
            ..Self::new("sh", environment).args(["-c", line])
        }
    }

    /// A command line as recipes and tasks have them: `sh -c` (`cmd /C` on Windows). `/S` takes the
    /// outer quotes away, whatever is between them; `/D` keeps commands of the registry out.
    #[cfg(windows)]
    pub fn shell(line: &str, environment: Environment) -> Self {
        let system = environment.value("SystemRoot").map(Path::new);
        let cmd = system.map_or_else(|| "cmd.exe".into(), |root| root.join("System32\\cmd.exe"));
        Self {
            raw: Some(format!("\"{line}\"")),
            ..Self::new(cmd, environment).args(["/D", "/S", "/C"])
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

    /// Sets the child's current folder. The default is larder's own.
    #[must_use]
    pub fn folder(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = Some(folder.as_ref().to_owned());
        self
    }

    /// Sets what the child reads on stdin. By default that is empty.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Some(bytes.into());
        self
    }

    /// Sets the longest time that the child may run. By default there is no limit.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the time between TERM and KILL. By default it is two seconds.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// The program's name or path as it was given.
    pub fn program(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }

    /// How an exit code is written. Those of Windows can be the number of an error, such as
    /// 0xC0000005, which nobody knows as a decimal number.
    pub fn exit_code_in_words(code: i32) -> String {
        if (0..=255).contains(&code) {
            code.to_string()
        } else {
            format!("0x{:08X}", code.cast_unsigned())
        }
    }

    /// Replaces this process with the program, which inherits its terminal and streams (`exec`).
    /// Returns only if that fails. Windows has no `exec`: there the program runs as a child, and
    /// its exit status is returned.
    pub fn replace(&self) -> std::io::Result<ExitStatus> {
        let mut command = self.to_tokio().into_std();
        #[cfg(unix)]
        return Err(std::os::unix::process::CommandExt::exec(&mut command));
        #[cfg(not(unix))]
        return command.status();
    }

    /// The command as a child with these streams, and a stdin that is empty or a pipe for its input.
    pub(crate) fn with_streams(&self, out: Stdio, err: Stdio) -> tokio::process::Command {
        let mut command = self.to_tokio();
        let input = match self.input {
            Some(_) => Stdio::piped(),
            None => Stdio::null(),
        };
        command.stdin(input).stdout(out).stderr(err);
        command
    }

    #[expect(clippy::disallowed_methods, reason = "this is the wrapper")]
    pub(crate) fn to_tokio(&self) -> tokio::process::Command {
        // Windows itself looks for `.exe` only.
        #[cfg(windows)]
        let found = self.environment.find_program(&self.program);
        #[cfg(not(windows))]
        let found = self.found.clone();
        let program = found.map_or_else(|| self.program.clone(), PathBuf::into_os_string);
        let mut command = tokio::process::Command::new(program);
        #[cfg(unix)]
        command.arg0(&self.program);
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
