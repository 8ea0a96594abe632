//! `larder exec`.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::ExitCode;

use super::Global;
use super::session::{end_runtime, supervised};
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::project::Project;
use larder_engine::tasks::shell::{Shell, with_binaries};
use larder_process::Command;

/// Run a command with all installed binaries first on PATH
///
/// The command replaces the larder process, so that its exit code, signals, input and output are
/// its own. In a line of `ci:` it runs as a child process in the project's folder, as the commands
/// of tasks do.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder exec -- nats-server --version
  larder exec -- sh -c 'command -v arc'")]
pub struct Args {
    /// The command and its arguments.
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "CMD"
    )]
    command: Vec<OsString>,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let (command, program) = command(args, &global.load(&global.root()?)?, global)?;
    // Where a process can't be replaced, larder waits for the command and lets it decide what
    // Ctrl-C does.
    let waiting = if cfg!(windows) {
        Some(supervised()?)
    } else {
        None
    };
    // On Unix this returns only if the process could not be replaced.
    let status = match command.replace() {
        Ok(status) => status,
        Err(error) => {
            // The exit codes of a shell, because scripts test for them.
            let code = match error.kind() {
                ErrorKind::NotFound => 127,
                _ => 126,
            };
            let hint = (code == 126)
                .then(|| fs::noexec_hint(command.program()))
                .flatten();
            let hint = hint.unwrap_or_else(|| {
                "`larder status` shows what is installed; `larder ensure all` installs it".into()
            });
            let error = Error::failed(format!("cannot run `{program}`"))
                .cause(error)
                .hint(hint);
            super::show(&error, global);
            return Ok(ExitCode::from(code));
        }
    };
    drop(waiting);
    let code = status.code().unwrap_or(1);
    match u8::try_from(code) {
        Ok(code) => Ok(ExitCode::from(code)),
        // The codes of Windows have 32 bits.
        Err(_) => std::process::exit(code),
    }
}

/// Runs the command as a child in the project's folder, as the commands of tasks do. Lines of `ci:`
/// use this, because further lines follow.
pub fn run_as_child(args: &Args, global: &Global) -> Result<ExitCode> {
    let project = global.load(&global.root()?)?;
    let (command, program) = command(args, &project, global)?;
    let command = command.folder(&project.root);
    let (runtime, cancel) = supervised()?;
    let shell = Shell {
        project: &project,
        environment: &global.startup.environment,
        cancel: &cancel,
        stdout_is_data: global.json,
    };
    let ended = shell.program(&command, &program);
    end_runtime(runtime);
    ended.map(|()| ExitCode::SUCCESS)
}

/// The command, and the program's name as the user wrote it.
fn command(args: &Args, project: &Project, global: &Global) -> Result<(Command, String)> {
    let Some((program, arguments)) = args.command.split_first() else {
        return Err(Error::usage("`exec` needs a command").hint("write `larder exec -- CMD`"));
    };
    let command = with_binaries(project, &global.startup.environment, program, arguments)?;
    Ok((command, program.to_string_lossy().into_owned()))
}
