//! What agents say and ask: enrolment, heartbeats, reports, hints.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use larder_core::model::Digest;
use ring::rand::{SecureRandom, SystemRandom};
use subtle::ConstantTimeEq;
use tokio::sync::mpsc;

use super::presence::{Heard, Presence};
use super::record::{Event, NodeRecord, NodeState};
use super::{Draft, Fleet, target, v1};
use crate::index::name;
use crate::problem::{Problem, Result};

/// How many secrets of a node are valid: an answer with a new one can be lost.
const SECRETS: usize = 2;
/// The longest text that an agent may say of itself.
const LONGEST: usize = 128;
/// The longest reason of a failure that is kept.
const LONGEST_REASON: usize = 1000;

/// What an agent shows to be admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The server asks for none.
    Open,
    /// A token that may enrol agents; its name.
    Join(String),
    /// The text of a secret, or of a token that the server does not know.
    Secret(String),
    /// Nothing.
    Nothing,
}

impl Fleet {
    /// Makes a node of an agent, or takes up an agent that has started again.
    pub async fn enroll(
        &self,
        proof: &Proof,
        request: &v1::EnrollRequest,
    ) -> Result<v1::EnrollResponse> {
        let asked = asked(request)?;
        let writing = self.begin().await?;
        let found = self.find(request);
        let is_known = match (&found, proof) {
            (_, Proof::Open | Proof::Join(_)) => false,
            (Some(node), Proof::Secret(secret)) if knows(node, &digest_of(secret)) => true,
            _ => {
                return Err(unauthorized(
                    "enrol with a token of the role join (`token_file`)",
                ));
            }
        };
        let mut draft = Draft::new(&self.book());
        let millis = jiff::Timestamp::now().as_millisecond();
        let mut node = found.clone().unwrap_or_else(|| NodeRecord {
            node_id: format!("n-{}", random_hex()),
            state: NodeState::Ready,
            state_since: millis,
            pinned: None,
            is_drained: false,
            running: None,
            secrets: Vec::new(),
            denied: BTreeMap::new(),
            ..asked.clone()
        });
        // What was started again may have another configuration; another agent with the same id has
        // no say as long as the first one may be alive.
        let is_contested = node.agent_id != request.agent_id
            && self.is_alive_elsewhere(&node.node_id, &request.process);
        if !is_contested {
            node = NodeRecord {
                node_id: node.node_id,
                state: node.state,
                state_since: node.state_since,
                pinned: node.pinned,
                is_drained: node.is_drained,
                running: node.running,
                secrets: node.secrets,
                denied: node.denied,
                ..asked
            };
        }
        node.last_seen = millis;
        let secret = if is_known {
            String::new()
        } else {
            let secret = new_secret()?;
            node.secrets.push(Digest::of(secret.as_bytes()));
            let superfluous = node.secrets.len().saturating_sub(SECRETS);
            node.secrets.drain(..superfluous);
            secret
        };
        let changed = found.as_ref().is_none_or(|before| {
            (
                &before.agent_id,
                &before.channel,
                &before.version,
                &before.name,
            ) != (&node.agent_id, &node.channel, &node.version, &node.name)
        });
        if changed {
            let details = Event {
                name: Some(node.name.clone()),
                channel: node.channel.clone(),
                version: node.version.clone(),
                by: match proof {
                    Proof::Join(name) => Some(name.clone()),
                    _ => None,
                },
                ..of(&node)
            };
            let event = if found.is_some() {
                "node_changed"
            } else {
                "node_enrolled"
            };
            draft.event(event, details);
        }
        if found.as_ref() != Some(&node) {
            draft.node(node.clone());
        }
        self.commit(writing, draft).await?;
        let rhythm = {
            let now = self.now();
            let mut live = self.live();
            let heard = &mut live.nodes.entry(node.node_id.clone()).or_default().heard;
            heard.heartbeat(&request.process, now);
            drop(live);
            self.rhythm()
        };
        // An agent that has just started is to learn soon what it is to run.
        let first = rhythm
            .next(chance())
            .min(rhythm.interval().mul_f64(chance().max(0.05)));
        Ok(v1::EnrollResponse {
            node_id: node.node_id,
            secret,
            heartbeat_in_ms: millis_of(first),
            denied: node.denied.into_keys().collect(),
        })
    }

    /// The node that an agent means: the one of its name, or else the one of its id.
    fn find(&self, request: &v1::EnrollRequest) -> Option<NodeRecord> {
        let book = self.book();
        let by_id = || {
            let node = book.nodes.get(&request.node_id);
            node.filter(|node| node.state != NodeState::Removed)
        };
        book.node_of(&request.agent_id).or_else(by_id).cloned()
    }

    /// Whether another process was heard as this node so lately that it may be alive.
    fn is_alive_elsewhere(&self, node_id: &str, process: &str) -> bool {
        let now = self.now();
        let patience = self.rhythm().patience();
        let live = self.live();
        let current = live
            .nodes
            .get(node_id)
            .and_then(|node| node.heard.current());
        current
            .is_some_and(|(other, last)| other != process && now.saturating_sub(*last) <= patience)
    }

    /// Takes up what an agent says of itself, and answers what it is to run.
    pub fn heartbeat(
        &self,
        proof: &Proof,
        request: &v1::HeartbeatRequest,
    ) -> Result<v1::HeartbeatResponse> {
        let node = self.admitted(proof, &request.node_id)?;
        check("process", &request.process)?;
        let rhythm = self.rhythm();
        let now = (self.now(), jiff::Timestamp::now().as_millisecond());
        let (presence, is_disputed) = {
            let mut live = self.live();
            let presence = live.heartbeat(request, now, self.known_since(), rhythm);
            let heard = live.nodes.get(&request.node_id).map(|node| &node.heard);
            (
                presence,
                heard.is_some_and(|heard| heard.is_disputed(now.0, rhythm)),
            )
        };
        let next = rhythm.next(chance());
        let target = if presence == Presence::Conflict || is_disputed || !self.index.is_ready() {
            None
        } else {
            let runs = request.running.is_some();
            let binaries = self.index.snapshot();
            target::target(
                &self.book(),
                &binaries,
                &node,
                runs,
                millis_of(rhythm.interval()),
            )
        };
        let state = match (presence, node.is_drained) {
            (Presence::Conflict, _) => NodeState::Conflict,
            (_, true) => node.state,
            _ => NodeState::Ready,
        };
        Ok(v1::HeartbeatResponse {
            next_in_ms: millis_of(next),
            target,
            denied: node.denied.into_keys().collect(),
            state: state.as_str().to_owned(),
        })
    }

    /// Records a step on the way to a version. A failure denies the digest on this node, and is
    /// written before it is answered.
    pub async fn report(
        &self,
        proof: &Proof,
        request: &v1::ReportRequest,
    ) -> Result<v1::ReportResponse> {
        let attempt = request
            .attempt
            .clone()
            .ok_or_else(|| Problem::bad_request("a report needs an attempt"))?;
        let writing = self.begin().await?;
        let mut node = self.admitted(proof, &request.node_id)?;
        if self.is_current(&request.node_id, &request.process) {
            let mut live = self.live();
            let live = live.nodes.entry(request.node_id.clone()).or_default();
            live.attempt = Some(attempt.clone());
            live.is_fresh = true;
        }
        if attempt.phase() == v1::Phase::Failed {
            let checksum: Digest = attempt.checksum.parse().map_err(|_| {
                Problem::bad_request("the checksum of a failure is no SHA-256 in hex")
            })?;
            let reason: String = attempt.reason.chars().take(LONGEST_REASON).collect();
            if !node.denied.contains_key(&checksum.to_string()) {
                let mut draft = Draft::new(&self.book());
                draft.event(
                    "node_denied",
                    Event {
                        name: Some(node.name.clone()),
                        version: Some(attempt.version.clone()),
                        checksum: Some(checksum.to_string()),
                        reason: Some(reason.clone()),
                        ..of(&node)
                    },
                );
                node.denied.insert(checksum.to_string(), reason);
                draft.node(node.clone());
                self.commit(writing, draft).await?;
            }
        }
        Ok(v1::ReportResponse {
            denied: node.denied.into_keys().collect(),
        })
    }

    /// Waits for hints that a heartbeat is worth sending.
    pub fn watch(&self, proof: &Proof, request: &v1::WatchRequest) -> Result<mpsc::Receiver<()>> {
        self.admitted(proof, &request.node_id)?;
        Ok(self.live().watch(&request.node_id))
    }

    /// The node that has a secret, as it is named in the log. Every secret is compared.
    pub fn node_of_secret(&self, secret: &str) -> Option<String> {
        let digest = digest_of(secret);
        let book = self.book();
        let mut found = None;
        for node in book.nodes.values() {
            if knows(node, &digest) && node.state != NodeState::Removed {
                found = Some(format!("node {}", node.agent_id));
            }
        }
        found
    }

    /// Whether a process is the one that is taken for the node.
    fn is_current(&self, node_id: &str, process: &str) -> bool {
        let live = self.live();
        let heard: Option<&Heard> = live.nodes.get(node_id).map(|node| &node.heard);
        heard
            .and_then(Heard::current)
            .is_some_and(|(current, _)| current == process)
    }

    /// The node of an id, if the caller may speak for it.
    fn admitted(&self, proof: &Proof, node_id: &str) -> Result<NodeRecord> {
        self.is_here()?;
        let book = self.book();
        let node = book.nodes.get(node_id);
        let is_admitted = match proof {
            Proof::Open => true,
            Proof::Secret(secret) => {
                let digest = digest_of(secret);
                node.is_some_and(|node| knows(node, &digest))
            }
            Proof::Join(_) | Proof::Nothing => false,
        };
        match node {
            Some(node) if is_admitted && node.state == NodeState::Removed => {
                let detail = "the node was removed: its agent enrols again when it is restarted";
                Err(Problem::new(StatusCode::FORBIDDEN, detail))
            }
            Some(node) if is_admitted => Ok(node.clone()),
            None if is_admitted => {
                let detail = format!("there is no node {node_id}: enrol first");
                Err(Problem::not_found(detail))
            }
            _ => Err(unauthorized(
                "send the secret that the enrolment has answered",
            )),
        }
    }
}

/// What an agent says of itself at its enrolment, checked.
fn asked(request: &v1::EnrollRequest) -> Result<NodeRecord> {
    check("agent_id", &request.agent_id)?;
    check("process", &request.process)?;
    let platform = name::platform(&request.platform).map_err(Problem::bad_request)?;
    let arch = name::arch(&request.arch).map_err(Problem::bad_request)?;
    for (what, text) in [("name", &request.name), ("channel", &request.channel)] {
        if !(name::is_name(text) || what == "channel" && text.is_empty()) || text.len() > LONGEST {
            let detail =
                format!("the {what} `{text}` is not of the form [A-Za-z0-9][A-Za-z0-9.-]*");
            return Err(Problem::bad_request(detail));
        }
    }
    let optional = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Ok(NodeRecord {
        node_id: String::new(),
        agent_id: request.agent_id.clone(),
        platform: platform.as_str().to_owned(),
        arch: name::arch_word(arch).to_owned(),
        name: request.name.clone(),
        channel: optional(&request.channel),
        version: optional(name::Version::requested(&request.version)),
        agent_version: request.agent_version.chars().take(LONGEST).collect(),
        state: NodeState::Ready,
        state_since: 0,
        pinned: None,
        is_drained: false,
        running: None,
        last_seen: 0,
        secrets: Vec::new(),
        denied: BTreeMap::new(),
    })
}

fn check(what: &str, text: &str) -> Result<()> {
    if text.is_empty() || text.len() > LONGEST || text.chars().any(char::is_control) {
        let detail =
            format!("`{what}` must have 1 to {LONGEST} characters, none of them a control");
        return Err(Problem::bad_request(detail));
    }
    Ok(())
}

fn digest_of(secret: &str) -> Digest {
    Digest::of(secret.as_bytes())
}

/// Whether a digest is that of a secret of a node. It is compared in constant time.
fn knows(node: &NodeRecord, secret: &Digest) -> bool {
    let is_same = |known: &Digest| bool::from(known.as_bytes().ct_eq(secret.as_bytes()));
    node.secrets.iter().any(is_same)
}

fn unauthorized(what: &str) -> Box<Problem> {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        format!("the agent is not known: {what}"),
    )
}

/// An event about a node.
pub fn of(node: &NodeRecord) -> Event {
    Event {
        node_id: Some(node.node_id.clone()),
        agent_id: Some(node.agent_id.clone()),
        ..Event::default()
    }
}

fn millis_of(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn random<const N: usize>() -> [u8; N] {
    let mut bits = [0; N];
    // Where the system gives no random bits, ids of this process still differ by the time.
    if SystemRandom::new().fill(&mut bits).is_err() {
        let now = jiff::Timestamp::now().as_nanosecond().to_le_bytes();
        for (bit, byte) in bits.iter_mut().zip(now) {
            *bit = byte;
        }
    }
    bits
}

/// 64 random bits in hex.
pub fn random_hex() -> String {
    format!("{:016x}", u64::from_le_bytes(random()))
}

/// A random number from 0 to 1.
fn chance() -> f64 {
    f64::from(u32::from_le_bytes(random())) / f64::from(u32::MAX)
}

/// A new secret with 256 random bits.
fn new_secret() -> Result<String> {
    let mut bits = [0; 32];
    SystemRandom::new()
        .fill(&mut bits)
        .map_err(|_| Problem::unavailable("the system gives no random bits for a secret", 5))?;
    Ok(format!("larder_node_{}", URL_SAFE_NO_PAD.encode(bits)))
}
