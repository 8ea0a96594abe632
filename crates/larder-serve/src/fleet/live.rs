//! What was heard of the nodes: kept in memory only, because heartbeats are many and each one
//! replaces the one before.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::mpsc;

use super::presence::{Heard, Presence, Rhythm};
use super::record::RunningRecord;
use super::rollout::Health;
use super::v1;

/// What was last heard of a node.
#[derive(Clone, Debug, Default)]
pub struct LiveNode {
    /// The processes that claim to be it.
    pub heard: Heard,
    /// When it was last heard, in milliseconds since 1970; only for people.
    pub last_seen: Option<i64>,
    /// What it runs.
    pub running: Option<RunningRecord>,
    /// How that is.
    pub health: Health,
    /// The process id of its child.
    pub pid: u32,
    /// Its way to another version.
    pub attempt: Option<v1::Attempt>,
    /// Whether it was heard since the last tick.
    pub is_fresh: bool,
    /// Whether something of it was heard since the server has started.
    pub is_known: bool,
}

/// What was heard of all nodes, and who waits for a hint.
#[derive(Debug, Default)]
pub struct Live {
    /// By their id.
    pub nodes: HashMap<String, LiveNode>,
    watchers: HashMap<String, mpsc::Sender<()>>,
}

impl Live {
    /// Takes up a heartbeat. Of two processes that claim to be the node, neither is believed.
    pub fn heartbeat(
        &mut self,
        request: &v1::HeartbeatRequest,
        now: (Duration, i64),
        known_since: Duration,
        rhythm: Rhythm,
    ) -> Presence {
        let node = self.nodes.entry(request.node_id.clone()).or_default();
        node.heard.heartbeat(&request.process, now.0);
        let presence = node.heard.presence(now.0, known_since, rhythm);
        if presence != Presence::Conflict {
            node.running = request.running.as_ref().map(|running| RunningRecord {
                name: running.name.clone(),
                version: running.version.clone(),
                checksum: running.checksum.clone(),
            });
            node.health = match request.health() {
                v1::Health::Healthy => {
                    Health::Healthy(Duration::from_millis(request.healthy_for_ms))
                }
                v1::Health::Unhealthy => Health::Unhealthy,
                v1::Health::Unspecified => Health::Unknown,
            };
            node.pid = request.pid;
            node.attempt.clone_from(&request.attempt);
            node.is_fresh = true;
            node.is_known = true;
        }
        node.last_seen = Some(now.1);
        presence
    }

    /// Waits for hints for a node. Only the last one who asks gets them.
    pub fn watch(&mut self, node: &str) -> mpsc::Receiver<()> {
        let (sender, receiver) = mpsc::channel(1);
        self.watchers.insert(node.to_owned(), sender);
        receiver
    }

    /// Tells a node that a heartbeat is worth sending. A hint that was not taken yet is enough.
    pub fn wake(&mut self, node: &str) {
        if let Some(watcher) = self.watchers.get(node)
            && let Err(mpsc::error::TrySendError::Closed(())) = watcher.try_send(())
        {
            self.watchers.remove(node);
        }
    }

    /// Forgets a node; who watches it is cut off.
    pub fn forget(&mut self, node: &str) {
        self.nodes.remove(node);
        self.watchers.remove(node);
    }
}
