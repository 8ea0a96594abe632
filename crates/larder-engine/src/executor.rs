//! Executors run the commands of a build. The engine prepares a self-contained [`BuildAction`], an
//! [`Executor`] runs it, and the engine then checks the outputs. An executor decides nothing about
//! keys, sources or outputs.
//!
//! [`LocalExecutor`] runs the commands on this machine. What runs on other machines is described by
//! a [`remote::RemoteAction`], which has no path of this machine in it.

pub mod remote;

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use camino::Utf8Path;

use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_core::error::Result;
use larder_process::{Command, Ended, Log, Output};

/// Command lines to run one after the other, until one of them fails.
#[derive(Clone, Copy, Debug)]
pub struct BuildAction<'a> {
    /// Lines for `sh -c` (cmd on Windows).
    pub commands: &'a [String],
    /// All environment variables of the commands.
    pub environment: &'a Environment,
    /// The work tree: the commands may read it, and it is their current folder.
    pub folder: &'a Utf8Path,
    /// The existing, empty folder for the outputs. The lines and the variables contain this path, or
    /// that of a link to it.
    pub out: &'a Utf8Path,
    /// Receives each line and what it prints.
    pub log: &'a Log,
    /// The maximum time for all commands together.
    pub timeout: Duration,
}

/// How an action ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Execution {
    /// All commands exited with 0.
    Succeeded,
    /// A command did not exit with 0.
    Failed {
        /// The command.
        command: String,
        /// How it ended, as text for people.
        reason: String,
    },
    /// The timeout was reached while a command ran, and the command was ended.
    TimedOut {
        /// The command.
        command: String,
    },
}

/// Runs actions. `execute` may be called from several threads at once. After a cancellation or a
/// timeout, no process that the action started is still running when `execute` returns.
pub trait Executor: Send + Sync {
    /// Runs an action to its end. An error means that the action could not be run, or that the run
    /// was cancelled.
    fn execute(&self, action: &BuildAction<'_>, cancel: &Cancel) -> Result<Execution>;
}

/// Runs commands on this machine, as children of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalExecutor;

impl Executor for LocalExecutor {
    fn execute(&self, action: &BuildAction<'_>, cancel: &Cancel) -> Result<Execution> {
        let BuildAction {
            commands,
            environment,
            folder,
            // The commands have the path in their lines and variables.
            out: _,
            log,
            timeout,
        } = *action;
        let deadline = Instant::now() + timeout;
        for line in commands {
            log.note(&format!("$ {line}"))?;
            let ended = Command::shell(line, environment.clone())
                .folder(folder)
                .timeout(deadline.saturating_duration_since(Instant::now()))
                .run(Output::Log(log), cancel)?;
            let command = line.clone();
            match ended {
                Ended::Exited(status) if status.success() => {}
                Ended::Exited(status) => {
                    let reason = in_words(status);
                    return Ok(Execution::Failed { command, reason });
                }
                Ended::TimedOut => {
                    // A failure to write is ignored: the timeout is the error to report.
                    let _ = log.note("(ended: the timeout was reached)");
                    return Ok(Execution::TimedOut { command });
                }
                Ended::NotFound(error) => return Err(error),
            }
        }
        Ok(Execution::Succeeded)
    }
}

fn in_words(status: ExitStatus) -> String {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if let Some(signal) = status.signal() {
            return format!("ended by signal {signal}");
        }
    }
    let code = status.code().unwrap_or(-1);
    format!("exit status {}", Command::exit_code_in_words(code))
}

#[cfg(all(test, unix))]
mod tests {
    use camino::Utf8PathBuf;

    use super::*;
    use larder_core::error::Kind;
    use larder_core::fs;
    use larder_core::redact::Redactor;

    /// Runs lines in a new folder. Returns the result, the log, and the names of the files that
    /// they created in `out`.
    fn run(
        lines: &[&str],
        timeout: Duration,
        cancel: &Cancel,
    ) -> (Result<Execution>, String, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let (folder, out) = (root.join("src"), root.join("out"));
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir_all(&out).unwrap();
        let log = Log::at(root.join("log"), Redactor::default());
        let variables = [
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("OUT", out.as_str()),
        ];
        let ended = LocalExecutor.execute(
            &BuildAction {
                commands: &lines.iter().map(ToString::to_string).collect::<Vec<_>>(),
                environment: &variables.into_iter().collect(),
                folder: &folder,
                out: &out,
                log: &log,
                timeout,
            },
            cancel,
        );
        let said = log.since(0).unwrap_or_default();
        (ended, said, fs::list(&out).unwrap())
    }

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn commands_run_one_by_one_until_one_fails() {
        let lines = [
            "echo 1 > kept",
            "cat kept; touch $OUT/a",
            "exit 3",
            "touch $OUT/b",
        ];
        let (ended, log, made) = run(&lines, LONG, &Cancel::new());
        let failed = Execution::Failed {
            command: "exit 3".into(),
            reason: "exit status 3".into(),
        };
        assert_eq!(ended.unwrap(), failed);
        assert_eq!(
            log,
            "$ echo 1 > kept\n$ cat kept; touch $OUT/a\n1\n$ exit 3\n"
        );
        assert_eq!(made, ["a"]);
        let (ended, _, made) = run(&["touch $OUT/b"], LONG, &Cancel::new());
        assert_eq!(ended.unwrap(), Execution::Succeeded);
        assert_eq!(made, ["b"]);
        let (ended, ..) = run(&["kill -9 $$"], LONG, &Cancel::new());
        let Execution::Failed { reason, .. } = ended.unwrap() else {
            panic!("it was killed");
        };
        assert_eq!(reason, "ended by signal 9");
    }

    #[test]
    fn all_commands_share_one_time() {
        let lines = ["sleep 0.3", "sleep 30"];
        let (ended, log, _) = run(&lines, Duration::from_millis(600), &Cancel::new());
        let command = "sleep 30".to_owned();
        assert_eq!(ended.unwrap(), Execution::TimedOut { command });
        assert_eq!(
            log,
            "$ sleep 0.3\n$ sleep 30\n(ended: the timeout was reached)\n"
        );
    }

    #[test]
    fn nothing_runs_in_a_cancelled_run() {
        let cancel = Cancel::new();
        cancel.cancel(15);
        let (ended, _, made) = run(&["touch $OUT/a"], LONG, &cancel);
        assert_eq!(ended.unwrap_err().kind(), Kind::Interrupted(15));
        assert!(made.is_empty());
    }
}
