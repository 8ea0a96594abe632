//! The end of a process group: which of its members still run, and how they are ended. Does not know
//! what was started in it.

use process_wrap::tokio::ChildWrapper;

/// Ends the processes that are left in a group: TERM, then KILL when `grace` is over. Without a
/// child, the group is one that another process has started.
///
/// A group exists as long as a member has not been reaped. Members that the child left behind are
/// reaped by the first process of the machine, or by nobody, where the first process of a container
/// is some program. So those that have ended are looked for, and not only the end of the group.
#[cfg(unix)]
pub(crate) async fn end_group(
    mut child: Option<&mut dyn ChildWrapper>,
    group: Option<u32>,
    grace: impl Future<Output = ()>,
) {
    use std::time::Duration;

    use rustix::process::{
        Pid, Signal, WaitOptions, kill_process_group, test_kill_process_group, waitpgid,
    };
    let Some(group) = group.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)) else {
        return;
    };
    // An error means that the group is empty.
    if kill_process_group(group, Signal::TERM).is_err() {
        return;
    }
    let pause = Duration::from_millis(10);
    let mut grace = std::pin::pin!(grace);
    let mut members_ended = 0;
    loop {
        let status = child.as_mut().map(|child| child.inner_mut().try_wait());
        if let Some(Ok(Some(_))) = status {
            // If larder is the first process itself, the others are its children now. The status of
            // the child is known, so nobody waits for one of this group.
            while let Ok(Some(_)) = waitpgid(group, WaitOptions::NOHANG) {}
        }
        if test_kill_process_group(group).is_err() {
            return;
        }
        // A second look, because a member may have started another one during the first.
        members_ended = if members::all_have_ended(group) {
            members_ended + 1
        } else {
            0
        };
        if members_ended == 2 {
            break;
        }
        tokio::select! {
            () = &mut grace => break,
            () = tokio::time::sleep(pause) => {}
        }
    }
    let _ = kill_process_group(group, Signal::KILL);
    if let Some(child) = child {
        let _ = child.inner_mut().wait().await;
    }
}

/// Ends the processes that are left in a job.
#[cfg(windows)]
pub(crate) async fn end_group(
    child: Option<&mut dyn ChildWrapper>,
    _group: Option<u32>,
    grace: impl Future<Output = ()>,
) {
    let Some(child) = child else {
        return;
    };
    // An error means that the job has ended.
    let _ = child.start_kill();
    tokio::select! {
        () = grace => {}
        _ = child.wait() => {}
    }
}

#[cfg(unix)]
mod members {
    use rustix::process::Pid;

    use larder_core::fs;

    /// Whether a group has members, and all of them have ended and only wait to be reaped. `false`
    /// where that can't be found out: systems without `/proc` reap what nobody waits for.
    pub(super) fn all_have_ended(group: Pid) -> bool {
        let group = group.as_raw_nonzero().get();
        let mut ended = false;
        for name in fs::list("/proc").unwrap_or_default() {
            if !name.starts_with(|c: char| c.is_ascii_digit()) {
                continue;
            }
            // A process that has been reaped meanwhile has no such file.
            let stat = fs::read(format!("/proc/{name}/stat")).unwrap_or_default();
            match member(&String::from_utf8_lossy(&stat), group) {
                Some(State::Runs) => return false,
                Some(State::Ended) => ended = true,
                None => {}
            }
        }
        ended
    }

    #[derive(Debug, PartialEq, Eq)]
    pub(super) enum State {
        Runs,
        Ended,
    }

    /// The state of a process if it is in the group, from its `/proc/<pid>/stat`:
    /// `<pid> (<name>) <state> <parent> <group> …`. A name may contain anything.
    pub(super) fn member(stat: &str, group: i32) -> Option<State> {
        let (_, rest) = stat.rsplit_once(") ")?;
        let mut fields = rest.split(' ');
        let state = fields.next()?;
        let its_group: i32 = fields.nth(1)?.parse().ok()?;
        (its_group == group).then_some(match state {
            "Z" | "X" | "x" => State::Ended,
            _ => State::Runs,
        })
    }

    #[cfg(test)]
    mod tests {
        use super::{State, member};

        #[test]
        fn the_state_of_a_member_is_read_whatever_its_name_is() {
            for (stat, expected) in [
                ("12 (sh) S 1 12 12 0 -1", Some(State::Runs)),
                ("13 (sh) Z 1 12 12 0 -1", Some(State::Ended)),
                ("13 (sh) X 1 12 12 0 -1", Some(State::Ended)),
                ("14 (a) Z 1 12 (b) R 1 12 12 0", Some(State::Runs)),
                ("15 (a b) T 12 12 12 0", Some(State::Runs)),
                ("16 (sh) Z 1 120 120 0", None),
                ("17 (sh) R 12 1 1 0", None),
                ("18 (sh)", None),
                ("", None),
            ] {
                assert_eq!(member(stat, 12), expected, "{stat}");
            }
        }
    }
}
