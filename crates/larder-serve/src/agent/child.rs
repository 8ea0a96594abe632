//! The child process: how it is started, watched and stopped, and how one that an earlier agent has
//! left behind is found.

use std::time::Duration;

use camino::Utf8Path;
use larder_core::environment::Environment;
use larder_core::fs;
use larder_core::redact::is_secret_name;
use larder_process::{Command, Identity, Service, Signal, marked};
use tokio::sync::mpsc;

use super::Message;
use super::data::{Kept, KeptChild};
use super::supervise::{Event, Fault};
use crate::log::Log;

/// The variable by which an agent recognises what an earlier one has started. Its value is the
/// agent's folder.
const MARK: &str = "LARDER_AGENT_DATA";

/// What the service manager tells the agent, and means for the agent alone.
const OF_THE_MANAGER: [&str; 6] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PID",
];

/// An order for a running child.
#[derive(Clone, Copy, Debug)]
pub enum Order {
    /// Pass a signal on.
    Signal(Signal),
    /// End it with its group.
    Stop,
    /// Do not wait for it any longer.
    Kill,
}

/// The variables of the child: the agent's own, without larder's secrets and what is meant for the
/// agent alone.
pub fn environment(own: &Environment, data_dir: &Utf8Path) -> Environment {
    let is_passed = |name: &str| {
        let is_secret = name.starts_with("LARDER_") && is_secret_name(name);
        !is_secret && !OF_THE_MANAGER.contains(&name)
    };
    let mut environment: Environment = own
        .iter()
        .filter(|(name, _)| name.to_str().is_none_or(is_passed))
        .collect();
    environment.set(MARK, data_dir.as_str());
    environment
}

/// Starts a binary.
pub fn start(
    path: &Utf8Path,
    args: &[String],
    environment: Environment,
) -> Result<Service, (Fault, String)> {
    let command = Command::new(path.as_str(), environment).args(args);
    command.start().map_err(|error| {
        /// `Exec format error`, and a wrong architecture on macOS.
        const NOT_A_PROGRAM: [i32; 2] = [8, 86];
        let is_no_program = error
            .raw_os_error()
            .is_some_and(|number| NOT_A_PROGRAM.contains(&number));
        // The file is there, so what it needs to be run with is not.
        let needs_more = error.kind() == std::io::ErrorKind::NotFound && fs::exists(path);
        let fault = if is_no_program || needs_more {
            Fault::Version
        } else {
            Fault::Elsewhere
        };
        let mut reason = format!("{path} can't be run: {error}");
        if needs_more {
            reason.push_str(" (its loader or interpreter is not on this machine)");
        } else if let Some(hint) = fs::noexec_hint(path) {
            reason = format!("{reason} ({hint})");
        }
        (fault, reason)
    })
}

/// Watches a child until it and its group have ended.
pub fn watch(
    mut service: Service,
    grace: Duration,
    messages: mpsc::UnboundedSender<Message>,
) -> mpsc::UnboundedSender<Order> {
    let (orders, mut received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let how = loop {
            tokio::select! {
                status = service.ended() => {
                    // What it has left behind would hold its ports.
                    service.stop(patience(&mut received, grace)).await;
                    break status.map_or_else(|| "it ended".to_owned(), |status| status.to_string());
                }
                order = received.recv() => match order {
                    Some(Order::Signal(signal)) => service.signal(signal),
                    Some(Order::Stop) => {
                        service.stop(patience(&mut received, grace)).await;
                        break "it was stopped".to_owned();
                    }
                    Some(Order::Kill) | None => {
                        service.stop(std::future::ready(())).await;
                        break "it was killed".to_owned();
                    }
                },
            }
        };
        let _ = messages.send(Message::Event(Event::Ended(how)));
    });
    orders
}

/// Lasts until the time is over, or an order says that nobody waits any longer.
async fn patience(orders: &mut mpsc::UnboundedReceiver<Order>, grace: Duration) {
    let hurry = async { while !matches!(orders.recv().await, Some(Order::Kill) | None) {} };
    tokio::select! {
        () = tokio::time::sleep(grace) => {}
        () = hurry => {}
    }
}

/// When a process was started, in the system's own form; empty where the system does not tell.
pub fn started(pid: u32) -> String {
    Identity::of(pid).map_or_else(String::new, |identity| identity.started)
}

/// The child that an earlier agent has left behind, if it runs the current version. Everything else
/// that is left of it is ended, so that there are never two.
pub async fn left_behind(
    kept: &Kept,
    data_dir: &Utf8Path,
    grace: Duration,
    log: &Log,
) -> Option<Service> {
    let found = kept.child.as_ref().and_then(|child| {
        let KeptChild { pid, started, .. } = child.clone();
        Service::adopt(Identity { pid, started })
    });
    let is_current = |child: &KeptChild| {
        kept.current
            .as_ref()
            .is_some_and(|current| current.checksum == child.checksum)
    };
    if let Some(mut service) = found {
        let pid = service.pid();
        if kept.child.as_ref().is_some_and(is_current) {
            log.info(
                &format!("process {pid} of an earlier agent is taken over"),
                &[("pid", &pid)],
            );
            return Some(service);
        }
        log.warning(
            &format!("process {pid} of an earlier agent runs another version; it is ended"),
            &[("pid", &pid)],
        );
        service.stop(tokio::time::sleep(grace)).await;
    }
    // What was started and not written down any more.
    let mut ended = Vec::new();
    for member in marked(MARK, data_dir.as_str()) {
        if ended.contains(&member.group) {
            continue;
        }
        ended.push(member.group);
        log.warning(
            &format!("process {} of an earlier agent is ended", member.pid),
            &[("pid", &member.pid)],
        );
        member.end_group(tokio::time::sleep(grace)).await;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_child_gets_the_agents_variables_without_what_is_not_its() {
        let own: Environment = [
            ("PATH", "/bin"),
            ("DATABASE_URL", "kept"),
            ("GITHUB_TOKEN", "the child's own"),
            ("LARDER_GITHUB_TOKEN", "secret"),
            ("LARDER_SIGNING_KEY_PASSWORD", "secret"),
            ("LARDER_CACHE_DIR", "/cache"),
            ("NOTIFY_SOCKET", "/run/x"),
            ("LISTEN_FDS", "1"),
        ]
        .into_iter()
        .collect();
        let child = environment(&own, Utf8Path::new("/data"));
        let names: Vec<_> = child.iter().filter_map(|(name, _)| name.to_str()).collect();
        assert_eq!(
            names,
            [
                "DATABASE_URL",
                "GITHUB_TOKEN",
                "LARDER_AGENT_DATA",
                "LARDER_CACHE_DIR",
                "PATH"
            ]
        );
    }
}
