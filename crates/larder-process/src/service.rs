//! A child that runs for as long as larder does, and that outlives larder if larder is killed.
//!
//! Such a child is recognised by its process id together with the time of its start, because ids
//! are used again. A process that was not started by this one can't be waited for, so an adopted
//! child is looked at several times a second. Recognising a child needs `/proc`, which Linux has.

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use process_wrap::tokio::ChildWrapper;

use larder_core::fs;

use crate::group::end_group;

/// How often an adopted child is looked at.
const PAUSE: Duration = Duration::from_millis(50);

/// Distinguishes a process from every other one that has had or will have its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The process id.
    pub pid: u32,
    /// The boot of the system and the time since then at which the process was started. Its form is
    /// that of the system.
    pub started: String,
}

impl Identity {
    /// The identity of the process that has an id at present. `None` if it has ended, or the system
    /// does not tell.
    pub fn of(pid: u32) -> Option<Self> {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        let (state, since_boot) = start_of(&String::from_utf8_lossy(&stat))?;
        if matches!(state, 'Z' | 'X' | 'x') {
            return None;
        }
        let boot = fs::read_text("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        Some(Self {
            pid,
            started: format!("{}/{since_boot}", boot.trim()),
        })
    }

    /// Whether this process still runs.
    pub fn runs(&self) -> bool {
        Self::of(self.pid).is_some_and(|now| now == *self)
    }
}

/// The state and the start of a process from its `/proc/<pid>/stat`. A name may contain anything.
fn start_of(stat: &str) -> Option<(char, u64)> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?.chars().next()?;
    // The state is the third field, the start the twenty-second.
    Some((state, fields.nth(18)?.trim().parse().ok()?))
}

/// A signal that is passed on to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGHUP.
    Hangup,
    /// SIGUSR1.
    User1,
    /// SIGUSR2.
    User2,
}

enum Inner {
    Own(Box<dyn ChildWrapper>),
    Adopted(Identity),
}

/// A child that runs for long, the leader of its process group (of its job on Windows).
pub struct Service {
    pid: u32,
    inner: Inner,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}

impl Service {
    pub(crate) fn new(child: Box<dyn ChildWrapper>) -> Self {
        Self {
            pid: child.id().unwrap_or_default(),
            inner: Inner::Own(child),
        }
    }

    /// A process that an earlier larder has started, if it still runs.
    pub fn adopt(identity: Identity) -> Option<Self> {
        identity.runs().then_some(Self {
            pid: identity.pid,
            inner: Inner::Adopted(identity),
        })
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until the process itself has ended. The status of an adopted one is not known. Other
    /// members of its group may still run: [`Self::stop`] ends them.
    pub async fn ended(&mut self) -> Option<ExitStatus> {
        match &mut self.inner {
            Inner::Own(child) => child.inner_mut().wait().await.ok(),
            Inner::Adopted(identity) => {
                while identity.runs() {
                    tokio::time::sleep(PAUSE).await;
                }
                None
            }
        }
    }

    /// Sends a signal to the process itself.
    #[cfg(unix)]
    pub fn signal(&self, signal: Signal) {
        use rustix::process::{Pid, kill_process};
        let signal = match signal {
            Signal::Hangup => rustix::process::Signal::HUP,
            Signal::User1 => rustix::process::Signal::USR1,
            Signal::User2 => rustix::process::Signal::USR2,
        };
        if let Inner::Adopted(identity) = &self.inner
            && !identity.runs()
        {
            return;
        }
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, signal);
        }
    }

    /// Sends a signal to the process itself; there are none on Windows.
    #[cfg(not(unix))]
    pub fn signal(&self, _: Signal) {}

    /// Ends the process with its group: TERM, then KILL when `grace` is over. Returns when all have
    /// ended.
    pub async fn stop(&mut self, grace: impl Future<Output = ()>) {
        let group = Some(self.pid).filter(|pid| *pid != 0);
        match &mut self.inner {
            Inner::Own(child) => end_group(Some(&mut **child), group, grace).await,
            Inner::Adopted(identity) => {
                let identity = identity.clone();
                end_group(None, group, grace).await;
                while identity.runs() {
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

/// A process that carries a mark, and its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The process id.
    pub pid: u32,
    /// The id of its process group.
    pub group: u32,
}

impl Member {
    /// Ends the whole group: TERM, then KILL when `grace` is over.
    pub async fn end_group(self, grace: impl Future<Output = ()>) {
        end_group(None, Some(self.group), grace).await;
    }
}

/// How long a process may take until it shows its environment.
const EXECUTING: Duration = Duration::from_secs(2);
/// The age from which a process without an environment is not one that has just been started.
const YOUNG_SECONDS: u64 = 60;
/// The unit of the times in `/proc/<pid>/stat` (`proc(5)`): it is the same on every Linux.
const TICKS_PER_SECOND: u64 = 100;

/// The processes that were started with this variable in their environment, except those of this
/// process's group.
/// Empty where the system does not tell, and without those of other users.
///
/// A process that is replaced by the program that it is to run shows no environment for a moment, in
/// which it has let go of the locks of its parent already. So young ones are waited for.
pub fn marked(name: &str, value: &str) -> Vec<Member> {
    let mark = format!("{name}={value}");
    let start = Instant::now();
    loop {
        let (found, is_complete) = scan(mark.as_bytes());
        if is_complete || start.elapsed() > EXECUTING {
            return found;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// One look at all processes, and whether all of them show their environment.
fn scan(mark: &[u8]) -> (Vec<Member>, bool) {
    let own = std::process::id();
    let mut found = Vec::new();
    let mut is_complete = true;
    let uptime = fs::read("/proc/uptime").unwrap_or_default();
    let uptime = String::from_utf8_lossy(&uptime);
    let uptime: u64 = uptime
        .split('.')
        .next()
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or(u64::MAX);
    for pid in fs::list("/proc").unwrap_or_default() {
        let Ok(pid) = pid.parse::<u32>() else {
            continue;
        };
        // A process that has ended meanwhile has no such file; an ended one has an empty one.
        let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else {
            continue;
        };
        let is_marked = environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == mark);
        if !is_marked && pid != own && !environment.is_empty() {
            continue;
        }
        let stat = fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
        let stat = String::from_utf8_lossy(&stat);
        if environment.is_empty() {
            // Threads of the kernel have no program.
            let has_program = std::fs::read_link(format!("/proc/{pid}/exe")).is_ok();
            let is_young = start_of(&stat).is_some_and(|(state, ticks)| {
                let age = uptime.saturating_sub(ticks / TICKS_PER_SECOND);
                state != 'Z' && age < YOUNG_SECONDS
            });
            is_complete &= !(has_program && is_young);
            continue;
        }
        let group = stat
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.split(' ').nth(2)?.parse().ok());
        found.extend(group.map(|group| Member { pid, group }));
    }
    // The caller's own group is not to be ended.
    let own_group = found.iter().find(|member| member.pid == own);
    let own_group = own_group.map(|member| member.group);
    found.retain(|member| Some(member.group) != own_group);
    (found, is_complete)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_a_process_is_read_whatever_its_name_is() {
        let rest = "1 12 12 0 -1 4194560 90 0 0 0 0 0 0 0 20 0 1 0 4711 2000 100";
        for (stat, expected) in [
            (format!("12 (sh) S {rest}"), Some(('S', 4711))),
            (format!("12 (a) Z 1) R {rest}"), Some(('R', 4711))),
            (format!("12 (sh) Z {rest}"), Some(('Z', 4711))),
            ("12 (sh) S 1 12".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(start_of(&stat), expected, "{stat}");
        }
    }
}
