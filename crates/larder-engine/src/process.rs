//! Child processes that can't outlive their purpose: each runs in its own process group (a job on Windows), which ends
//! with TERM, then KILL, when the run is cancelled or the time is up, and of which nothing stays when the child exits.

use std::io::{Read, Seek};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use process_wrap::tokio::{ChildWrapper, CommandWrap};
use tokio::runtime::Handle;

use crate::context::Context;
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};

/// Between TERM and KILL.
const GRACE: Duration = Duration::from_secs(2);

/// How a supervised child ended.
#[derive(Debug)]
pub enum Ended {
    /// By itself.
    Exited(ExitStatus),
    /// Its time was up and it was ended.
    TimedOut,
}

/// Runs a command to its end. Cancelling gives an `Interrupted` error, after the whole group is gone.
pub fn supervise(
    runtime: &Handle,
    command: Command,
    timeout: Option<Duration>,
    cancel: &Cancel,
) -> Result<Ended> {
    cancel.check()?;
    let program = command.get_program().to_string_lossy().into_owned();
    let cannot = |verb: &str, e: std::io::Error| {
        Error::failed(format!("cannot {verb} `{program}`")).cause(e)
    };
    runtime.block_on(async {
        let mut wrap = CommandWrap::from(tokio::process::Command::from(command));
        #[cfg(unix)]
        wrap.wrap(process_wrap::tokio::ProcessGroup::leader());
        #[cfg(windows)]
        wrap.wrap(process_wrap::tokio::JobObject);
        wrap.wrap(process_wrap::tokio::KillOnDrop);
        let mut child = wrap.spawn().map_err(|e| cannot("run", e))?;
        let group = child.id();
        let expired = async {
            match timeout {
                Some(timeout) => tokio::time::sleep(timeout).await,
                None => std::future::pending().await,
            }
        };
        // Only the leader is waited for here: the wrapped wait would wait for whoever it left behind, too.
        let ended = tokio::select! {
            status = child.inner_mut().wait() => Ok(Ended::Exited(status.map_err(|e| cannot("wait for", e))?)),
            () = expired => Ok(Ended::TimedOut),
            error = cancel.cancelled() => Err(error),
        };
        end_group(&mut *child, group).await;
        ended
    })
}

/// Runs a command likewise and gives what it said on both streams (the first megabyte).
pub fn capture(ctx: &Context, mut command: Command, timeout: Duration) -> Result<(Ended, String)> {
    let cannot = |e: std::io::Error| Error::failed("cannot keep what a command says").cause(e);
    // A file, not pipes: who outlives the command can't hold them open.
    let mut said = tempfile::tempfile_in(&ctx.settings.remote.temp).map_err(cannot)?;
    command
        .stdin(Stdio::null())
        .stdout(said.try_clone().map_err(cannot)?)
        .stderr(said.try_clone().map_err(cannot)?);
    let ended = supervise(&ctx.runtime, command, Some(timeout), &ctx.cancel)?;
    let mut text = Vec::new();
    said.rewind().map_err(cannot)?;
    said.take(1024 * 1024)
        .read_to_end(&mut text)
        .map_err(cannot)?;
    Ok((ended, String::from_utf8_lossy(&text).into_owned()))
}

/// Ends what is left of a group: TERM, two seconds, KILL.
#[cfg(unix)]
async fn end_group(child: &mut dyn ChildWrapper, group: Option<u32>) {
    use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
    let Some(group) = group.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)) else {
        return;
    };
    // Errors mean that nobody is left.
    if kill_process_group(group, Signal::TERM).is_err() {
        return;
    }
    let mut waited = Duration::ZERO;
    while waited < GRACE {
        let pause = Duration::from_millis(10);
        let _ = child.inner_mut().try_wait();
        if test_kill_process_group(group).is_err() {
            return;
        }
        tokio::time::sleep(pause).await;
        waited += pause;
    }
    let _ = kill_process_group(group, Signal::KILL);
    let _ = child.inner_mut().wait().await;
}

/// Ends what is left of a job.
#[cfg(windows)]
async fn end_group(child: &mut dyn ChildWrapper, _group: Option<u32>) {
    // Errors mean that nobody is left.
    let _ = child.start_kill();
    let _ = tokio::time::timeout(GRACE, child.wait()).await;
}

/// A command line as the recipes mean it: `sh -c` (cmd on Windows).
pub fn shell(line: &str) -> Command {
    #[cfg(windows)]
    let command = {
        use std::os::windows::process::CommandExt;
        let mut command = Command::new("cmd");
        command.arg("/C").raw_arg(line);
        command
    };
    #[cfg(not(windows))]
    let command = {
        let mut command = Command::new("sh");
        command.arg("-c").arg(line);
        command
    };
    command
}
