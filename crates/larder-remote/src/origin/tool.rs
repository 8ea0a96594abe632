//! Runs the registries' ordinary clients: found on PATH, in a process group of their own, their words kept.

use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::settings::RemoteSettings;
use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_core::error::{Error, Result};
use larder_core::variables;

/// Downloading one package takes no longer.
const PATIENCE: Duration = Duration::from_mins(15);

/// How a client ended and what it said.
pub(super) struct Said {
    pub(super) status: ExitStatus,
    pub(super) out: String,
    pub(super) err: String,
}

impl Said {
    /// The last lines, as a cause.
    pub(super) fn last_words(&self) -> String {
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

/// What running one needs.
#[derive(Clone, Copy)]
pub(super) struct Tools<'a> {
    environment: &'a Environment,
    /// Folder for what they leave.
    pub(super) temp: &'a Path,
    cancel: &'a Cancel,
}

impl<'a> Tools<'a> {
    /// With a run's settings.
    pub(super) fn new(settings: &'a RemoteSettings, cancel: &'a Cancel) -> Self {
        Self {
            environment: &settings.environment,
            temp: &settings.temp,
            cancel,
        }
    }

    /// Runs a client in the current folder, whose configuration is the user's. A command that does not start for want of
    /// a program is `None`.
    pub(super) fn run(
        self,
        program: &[&str],
        args: &[&OsStr],
        vars: &[(&str, &str)],
    ) -> Result<Option<Said>> {
        self.cancel.check()?;
        let mut command = Command::new(program[0]);
        command
            .args(&program[1..])
            .args(args)
            .env_clear()
            .envs(self.environment.iter())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // Its own configuration and environment are honoured; larder's own token is none of its business.
        command.env_remove(variables::GITHUB_TOKEN);
        for (name, value) in vars {
            if self.environment.value(name).is_none() {
                command.env(name, value);
            }
        }
        let called = program.join(" ");
        run(command, &called, self.cancel)
    }
}

/// Runs a command to its end.
fn run(mut command: Command, called: &str, cancel: &Cancel) -> Result<Option<Said>> {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::failed(format!("cannot start {called}")).cause(e)),
    };
    let (out, err) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let started = Instant::now();
    let mut pause = Duration::from_millis(5);
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Ok(status),
            Ok(None) => {}
            Err(e) => break Err(Error::failed(format!("lost {called}")).cause(e)),
        }
        if let Err(interrupted) = cancel.check() {
            break Err(interrupted);
        }
        if started.elapsed() > PATIENCE {
            break Err(Error::unavailable(format!(
                "{called} did not end within {} minutes",
                PATIENCE.as_secs() / 60
            )));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    };
    if status.is_err() {
        end(&mut child);
    }
    let text = |thread: std::thread::JoinHandle<Vec<u8>>| {
        String::from_utf8_lossy(&thread.join().unwrap_or_default()).into_owned()
    };
    let (out, err) = (text(out), text(err));
    status.map(|status| Some(Said { status, out, err }))
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What can't be read was not said; more than this is noise.
            let _ = pipe.by_ref().take(16 * 1024 * 1024).read_to_end(&mut bytes);
            let _ = std::io::copy(&mut pipe, &mut std::io::sink());
        }
        bytes
    })
}

/// Ends it with all it started.
fn end(child: &mut Child) {
    #[cfg(unix)]
    if let Some(group) = i32::try_from(child.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw)
    {
        // It may have ended by itself.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}
