//! Runs a child, from its start to the end of its process group.

use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop};
use tokio::io::AsyncWriteExt;

use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};
use larder_core::fs::IoContext;

use crate::group::end_group;
use crate::{Command, Log, Service};

/// The time between TERM and KILL.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// How a child ended.
#[derive(Debug)]
pub enum Ended {
    /// The child exited by itself.
    Exited(ExitStatus),
    /// The timeout expired, and the child was ended.
    TimedOut,
    /// The program does not exist, so the child never ran. Callers that require the program return
    /// this error.
    NotFound(Error),
}

impl Ended {
    /// Whether the child exited by itself with status 0.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Exited(status) if status.success())
    }
}

/// What happens to a child while it is waited for.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    /// It has been started, with this process id.
    Started(u32),
    /// It has exited by itself. Other members of its group may still run.
    Exited(ExitStatus),
}

/// Where a child's stdout and stderr go.
#[derive(Clone, Copy, Debug)]
pub enum Output<'a> {
    /// Both streams are appended to a log, without secrets.
    Log(&'a Log),
    /// To larder's own stdout and stderr.
    Inherited,
    /// Both streams go to larder's stderr, because larder's stdout carries data.
    Stderr,
    /// The output is discarded.
    Discarded,
}

impl Command {
    /// Runs the command until it ends. Cancelling returns an `Interrupted` error after the whole
    /// group has ended.
    pub fn run(&self, output: Output<'_>, cancel: &Cancel) -> Result<Ended> {
        self.run_observed(output, cancel, &mut |_| ())
    }

    /// The same; `observe` is called when the child has been started, and when it has exited.
    pub fn run_observed(
        &self,
        output: Output<'_>,
        cancel: &Cancel,
        observe: &mut dyn FnMut(Moment),
    ) -> Result<Ended> {
        let (out, err) = match output {
            Output::Log(log) => {
                let (receiving, pipe) = log.receive()?;
                let second = pipe.try_clone().at("open", log.path())?;
                let ended = self.supervise_observed(pipe.into(), second.into(), cancel, observe);
                receiving.finish(Instant::now() + GRACE);
                return ended;
            }
            Output::Inherited => (Stdio::inherit(), Stdio::inherit()),
            Output::Stderr => (std::io::stderr().into(), Stdio::inherit()),
            Output::Discarded => (Stdio::null(), Stdio::null()),
        };
        self.supervise_observed(out, err, cancel, observe)
    }

    /// Starts a child that runs for long, with larder's own stdout and stderr. It must be called
    /// within an async runtime.
    pub fn start(&self) -> std::io::Result<Service> {
        crate::forbid_inspection();
        let child = self.spawn(Stdio::inherit(), Stdio::inherit())?;
        Ok(Service::new(child))
    }

    /// Runs the command with these streams until it ends. This process keeps no handle of them.
    pub(crate) fn supervise(&self, out: Stdio, err: Stdio, cancel: &Cancel) -> Result<Ended> {
        self.supervise_observed(out, err, cancel, &mut |_| ())
    }

    fn supervise_observed(
        &self,
        out: Stdio,
        err: Stdio,
        cancel: &Cancel,
        observe: &mut dyn FnMut(Moment),
    ) -> Result<Ended> {
        cancel.check()?;
        // Before there is a program that could look.
        crate::forbid_inspection();
        let cannot = |verb: &str, e: std::io::Error| {
            Error::failed(format!("cannot {verb} `{}`", self.program())).cause(e)
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| cannot("wait for", e))?;
        runtime.block_on(async {
            let mut child = match self.spawn(out, err) {
                Ok(child) => child,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                    return Ok(Ended::NotFound(cannot("run", e)));
                }
                Err(e) => return Err(cannot("run", e)),
            };
            let group = child.id();
            observe(Moment::Started(group.unwrap_or_default()));
            if let (Some(input), Some(mut pipe)) = (&self.input, child.stdin().take()) {
                let input = input.clone();
                // A child that ends without reading all of it breaks the pipe, which is no fault. The
                // task, and with it the pipe, ends with this runtime at the latest.
                tokio::spawn(async move {
                    let _ = pipe.write_all(&input).await;
                });
            }
            let expired = async {
                match self.timeout {
                    Some(timeout) => tokio::time::sleep(timeout).await,
                    None => std::future::pending().await,
                }
            };
            // Wait only for the child itself: the wrapper's `wait` also waits for processes that
            // the child left behind.
            let ended = tokio::select! {
                status = child.inner_mut().wait() => {
                    status.map(Ended::Exited).map_err(|e| cannot("wait for", e))
                }
                () = expired => Ok(Ended::TimedOut),
                error = cancel.cancelled() => Err(error),
            };
            if let Ok(Ended::Exited(status)) = &ended {
                observe(Moment::Exited(*status));
            }
            end_group(Some(&mut *child), group, tokio::time::sleep(self.grace)).await;
            ended
        })
    }

    pub(crate) fn spawn(&self, out: Stdio, err: Stdio) -> std::io::Result<Box<dyn ChildWrapper>> {
        let mut wrap = CommandWrap::from(self.with_streams(out, err));
        #[cfg(unix)]
        wrap.wrap(process_wrap::tokio::ProcessGroup::leader());
        #[cfg(windows)]
        wrap.wrap(process_wrap::tokio::JobObject);
        wrap.wrap(KillOnDrop);
        wrap.spawn()
    }
}
