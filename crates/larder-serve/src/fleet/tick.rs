//! The heart of the fleet: at each tick, who is there, and how the rollouts proceed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use larder_core::model::Digest;
use tokio::sync::watch;

use super::agents::of;
use super::book::Book;
use super::live::LiveNode;
use super::moves::is_final;
use super::presence::{Presence, Rhythm};
use super::record::{Event, NodeRecord, NodeState, RolloutRecord};
use super::rollout::{Change, Health, Member, Moment, Phase, Reported, Rollout, Seen, State};
use super::{Draft, Fleet, KEPT_EVENTS, is_present, target, v1};
use crate::index::Snapshot;

/// The longest time between two ticks: soak times are written at least as often.
const LONGEST_TICK: Duration = Duration::from_secs(1);
/// The shortest time between two ticks.
const SHORTEST_TICK: Duration = Duration::from_millis(50);
/// How many ticks there are between two removals of old events.
const PRUNE_EVERY: u32 = 600;

impl Fleet {
    /// Ticks until the server is to stop.
    pub async fn run(self: Arc<Self>, mut stopping: watch::Receiver<bool>) {
        let pause = (self.least / 2).clamp(SHORTEST_TICK, LONGEST_TICK);
        let mut before = self.now();
        let mut count = 0_u32;
        loop {
            tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => return,
                () = tokio::time::sleep(pause) => {}
            }
            let now = self.now();
            // While nothing can be written nobody can be heard: that time counts against nobody.
            self.tick(now.saturating_sub(before)).await;
            before = self.now();
            count = count.wrapping_add(1);
            if count.is_multiple_of(PRUNE_EVERY)
                && let Err(error) = self.store.prune(KEPT_EVENTS).await
            {
                self.log
                    .warning(&format!("old events can't be removed: {error}"), &[]);
            }
        }
    }

    /// One tick, after so much running time. False if it could not be written.
    pub(super) async fn tick(&self, passed: Duration) -> bool {
        let Ok(writing) = self.begin().await else {
            return false;
        };
        let Planned {
            draft,
            woken,
            channels,
        } = self.plan(passed);
        if self.commit(writing, draft).await.is_err() {
            return false;
        }
        let present = self
            .book()
            .nodes
            .values()
            .filter(|node| is_present(node))
            .count();
        self.present.store(present, Ordering::Relaxed);
        {
            let mut live = self.live();
            for node in woken {
                live.wake(&node);
            }
        }
        for (name, channel) in channels {
            self.wake_channel(&name, &channel);
        }
        true
    }

    /// What a tick changes.
    fn plan(&self, passed: Duration) -> Planned {
        let rhythm = self.rhythm();
        let book = &*self.book();
        let is_ready = self.index.is_ready();
        let is_moving = |record: &&RolloutRecord| {
            let may_be_late = |member: &Member| member.phase == Phase::TimedOut;
            let of = &record.rollout;
            let may_change = !is_final(of) || of.members.iter().any(may_be_late);
            is_ready && record.is_current && may_change
        };
        let moving: Vec<&RolloutRecord> = book.rollouts.values().filter(is_moving).collect();
        let members = moving.iter().flat_map(|record| &record.rollout.members);
        let members = members.map(|member| member.node.as_str()).collect();
        let live = self.heard(book, &members, rhythm);
        let mut draft = Draft::new(book);
        let mut nodes: BTreeMap<String, NodeRecord> = BTreeMap::new();
        for node in book.nodes.values() {
            if node.state == NodeState::Removed {
                continue;
            }
            if let Some(changed) = watched(book, node, live.get(node.node_id.as_str()), &mut draft)
            {
                nodes.insert(changed.node_id.clone(), changed);
            }
        }
        let mut woken = Vec::new();
        let mut channels = Vec::new();
        let binaries = self.index.snapshot();
        let moment = Moment {
            passed,
            patience: rhythm.patience(),
        };
        for before in moving {
            let mut record = before.clone();
            let seen = seen(book, &record.rollout, &live, &binaries);
            let changes = record.rollout.advance(moment, &seen);
            if record.rollout == before.rollout {
                continue;
            }
            if !is_final(&before.rollout) {
                deny(&record, &changes, book, &binaries, &mut nodes, &mut draft);
            }
            for change in &changes {
                match change {
                    Change::Member { node, .. } => woken.push(node.clone()),
                    Change::State(..) => {
                        let Rollout { name, channel, .. } = &record.rollout;
                        channels.push((name.clone(), channel.clone()));
                    }
                    Change::Step(_) => {}
                }
            }
            draft.rollout(book, record, changes, None);
        }
        for node in nodes.into_values() {
            draft.node(node);
        }
        Planned {
            draft,
            woken,
            channels,
        }
    }

    /// What was heard of the nodes since the last tick. Only of members all of it is told: there can be
    /// ten thousand other nodes.
    fn heard<'b>(
        &self,
        book: &'b Book,
        members: &HashSet<&str>,
        rhythm: Rhythm,
    ) -> HashMap<&'b str, Watched> {
        let now = self.now();
        let known_since = self.known_since();
        let mut live = self.live();
        let mut heard = HashMap::with_capacity(book.nodes.len());
        for node in book.nodes.values() {
            let id = node.node_id.as_str();
            if node.state == NodeState::Removed {
                continue;
            }
            if !live.nodes.contains_key(id) {
                live.nodes.insert(id.to_owned(), LiveNode::default());
            }
            let Some(live) = live.nodes.get_mut(id) else {
                continue;
            };
            let presence = live.heard.presence(now, known_since, rhythm);
            let is_fresh = std::mem::take(&mut live.is_fresh) && presence != Presence::Conflict;
            let is_changed = live.is_known && live.running != node.running;
            let is_member = members.contains(id);
            let watched = Watched {
                presence,
                is_fresh,
                last_seen: live.last_seen,
                is_changed,
                running: live.running.clone().filter(|_| is_changed || is_member),
                health: live.health,
                attempt: live.attempt.clone().filter(|_| is_member),
            };
            heard.insert(id, watched);
        }
        heard
    }
}

/// What a tick changes, and whom it tells.
struct Planned {
    draft: Draft,
    /// Nodes that are to be told.
    woken: Vec<String>,
    /// Channels whose nodes are all to be told, by their name and that of what runs.
    channels: Vec<(String, String)>,
}

/// What was heard of a node, at one moment.
struct Watched {
    presence: Presence,
    is_fresh: bool,
    last_seen: Option<i64>,
    /// Whether it runs something else than before.
    is_changed: bool,
    /// What it runs, of a member and where it has changed.
    running: Option<super::record::RunningRecord>,
    health: Health,
    attempt: Option<v1::Attempt>,
}

/// A node whose state or version has changed; the events that tell so are in the draft.
fn watched(
    book: &Book,
    node: &NodeRecord,
    live: Option<&Watched>,
    draft: &mut Draft,
) -> Option<NodeRecord> {
    let live = live?;
    let state = match live.presence {
        Presence::Conflict => NodeState::Conflict,
        _ if node.is_drained => {
            let is_on_its_way = book.rollouts.values().any(|record| {
                let mut members = record.rollout.members.iter();
                record.rollout.state.is_open()
                    && members
                        .any(|member| member.node == node.node_id && member.phase.is_in_flight())
            });
            if is_on_its_way {
                NodeState::Draining
            } else {
                NodeState::Drained
            }
        }
        Presence::Ready => NodeState::Ready,
        Presence::Suspect => NodeState::Suspect,
        Presence::Lost => NodeState::Lost,
    };
    // A lost node stays lost until it is heard of, also after a restart of the server.
    let stays_lost = node.state == NodeState::Lost && live.last_seen.is_none();
    let state = if stays_lost && !node.is_drained {
        NodeState::Lost
    } else {
        state
    };
    let mut changed = node.clone();
    if state != node.state {
        draft.event(
            "node_state",
            Event {
                from: Some(node.state.as_str().to_owned()),
                to: Some(state.as_str().to_owned()),
                ..of(node)
            },
        );
        changed.state = state;
        changed.state_since = jiff::Timestamp::now().as_millisecond();
    }
    if live.is_changed {
        let version = |running: &Option<super::record::RunningRecord>| {
            running.as_ref().map(|running| running.version.clone())
        };
        draft.event(
            "node_running",
            Event {
                name: Some(node.name.clone()),
                version: version(&live.running),
                checksum: live
                    .running
                    .as_ref()
                    .map(|running| running.checksum.clone()),
                from: version(&node.running),
                to: version(&live.running),
                ..of(node)
            },
        );
        changed.running.clone_from(&live.running);
    }
    if changed == *node {
        return None;
    }
    changed.last_seen = live.last_seen.unwrap_or(node.last_seen);
    Some(changed)
}

/// What is known of the members of a rollout.
fn seen(
    book: &Book,
    rollout: &Rollout,
    live: &HashMap<&str, Watched>,
    binaries: &Snapshot,
) -> BTreeMap<String, Seen> {
    let removed = || Seen {
        fresh: true,
        left: Some("removed"),
        ..Seen::default()
    };
    let one = |id: &String| {
        let Some(node) = book
            .nodes
            .get(id)
            .filter(|node| node.state != NodeState::Removed)
        else {
            return removed();
        };
        let left = if node.is_drained {
            Some("drained")
        } else if node.pinned.is_some() || node.version.is_some() {
            Some("pinned to another version")
        } else if node.channel.as_ref() != Some(&rollout.channel) || node.name != rollout.name {
            Some("it follows another channel")
        } else {
            None
        };
        let refused = target::refusal(binaries, node, &rollout.version);
        let stuck = match &rollout.previous {
            None => Some("there is no version to return to".to_owned()),
            Some(previous) => target::refusal(binaries, node, previous),
        };
        let mut seen = Seen {
            left,
            refused,
            stuck,
            ..Seen::default()
        };
        let Some(live) = live.get(id.as_str()).filter(|live| live.is_fresh) else {
            return seen;
        };
        seen.fresh = true;
        seen.health = live.health;
        let running = live
            .running
            .as_ref()
            .filter(|running| running.name == rollout.name);
        seen.running = running.map(|running| running.version.clone());
        // What was reported for another rollout is no verdict on this one.
        let attempt = live
            .attempt
            .as_ref()
            .filter(|attempt| attempt.rollout == rollout.id);
        seen.reported = attempt.and_then(|attempt| match attempt.phase() {
            v1::Phase::Downloading | v1::Phase::Hindered => Some(Reported::Downloading),
            v1::Phase::Verified => Some(Reported::Verified),
            v1::Phase::Starting | v1::Phase::Running => Some(Reported::Starting),
            v1::Phase::Failed => Some(Reported::Failed(attempt.reason.clone())),
            v1::Phase::Unspecified => None,
        });
        seen
    };
    let members = rollout.members.iter().map(|member| &member.node);
    members.map(|id| (id.clone(), one(id))).collect()
}

/// Denies the version on the nodes where it has failed.
fn deny(
    record: &RolloutRecord,
    changes: &[Change],
    book: &Book,
    binaries: &Snapshot,
    nodes: &mut BTreeMap<String, NodeRecord>,
    draft: &mut Draft,
) {
    let rollout = &record.rollout;
    let halted = changes
        .iter()
        .any(|change| matches!(change, Change::State(State::Halted, _)));
    let failed = rollout.members.iter().filter(|member| match member.phase {
        Phase::Failed => true,
        // It was heard, and has never become healthy.
        Phase::TimedOut => halted && member.unheard.is_zero(),
        _ => false,
    });
    for member in failed {
        let id = &member.node;
        let Some(node) = nodes.get(id).or_else(|| book.nodes.get(id)) else {
            continue;
        };
        let Some(entry) = target::entry(binaries, node, &rollout.version) else {
            continue;
        };
        let digest: Digest = entry.digest;
        if node.denied.contains_key(&digest.to_string()) || node.state == NodeState::Removed {
            continue;
        }
        let reason = member.reason.clone().unwrap_or_default();
        draft.event(
            "node_denied",
            Event {
                rollout: Some(rollout.id.clone()),
                name: Some(rollout.name.clone()),
                version: Some(rollout.version.clone()),
                checksum: Some(digest.to_string()),
                reason: Some(reason.clone()),
                ..of(node)
            },
        );
        let mut node = node.clone();
        node.denied.insert(digest.to_string(), reason);
        nodes.insert(node.node_id.clone(), node);
    }
}
