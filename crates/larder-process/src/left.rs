//! Ends what a process has left behind that could not end it itself.

use std::time::Duration;

use larder_core::error::{Error, Result};

use crate::{Identity, Service, marked};

/// Ends the group of a process, if that process still runs, and the groups of all processes with a
/// variable in their environment: TERM, then KILL when `grace` is over. Returns how many groups that
/// were. Recognising processes needs `/proc`; elsewhere nothing is ended.
pub fn end_left_behind(
    process: Option<Identity>,
    (name, value): (&str, &str),
    grace: Duration,
) -> Result<usize> {
    let found = process.and_then(Service::adopt);
    let members = marked(name, value);
    if found.is_none() && members.is_empty() {
        return Ok(0);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::failed("cannot wait for processes to end").cause(e))?;
    runtime.block_on(async {
        let mut ended = Vec::new();
        if let Some(mut service) = found {
            ended.push(service.pid());
            service.stop(tokio::time::sleep(grace)).await;
        }
        for member in members {
            if !ended.contains(&member.group) {
                ended.push(member.group);
                member.end_group(tokio::time::sleep(grace)).await;
            }
        }
        Ok(ended.len())
    })
}

/// Kills one process, if it still is the same one. What it started is not ended.
#[cfg(unix)]
pub fn kill(process: &Identity) {
    use rustix::process::{Pid, Signal, kill_process};
    let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid.filter(|_| process.runs()) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Kills one process, if it still is the same one. There is no way to know that on Windows.
#[cfg(not(unix))]
pub fn kill(_: &Identity) {}
