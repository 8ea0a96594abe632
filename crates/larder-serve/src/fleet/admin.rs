//! What administrators do to nodes.

use http::StatusCode;

use super::agents::of;
use super::record::{Event, NodeRecord, NodeState};
use super::{Draft, Fleet, target, view};
use crate::index::name::Version;
use crate::problem::{Problem, Result};

impl Fleet {
    /// All nodes that were not removed, by the name of their agents.
    pub fn nodes(&self) -> Result<Vec<view::Node>> {
        self.is_here()?;
        let book = self.book();
        let live = self.live();
        let present = book
            .nodes
            .values()
            .filter(|node| node.state != NodeState::Removed);
        let mut nodes: Vec<view::Node> = present
            .map(|node| view::Node::new(node, live.nodes.get(&node.node_id)))
            .collect();
        nodes.sort_by(|a, b| (&a.agent_id, &a.node_id).cmp(&(&b.agent_id, &b.node_id)));
        Ok(nodes)
    }

    /// The node of an id, or else of an agent's name.
    pub fn node(&self, id: &str) -> Result<view::Node> {
        self.is_here()?;
        let node = self.named(id)?;
        Ok(view::Node::new(&node, self.live().nodes.get(&node.node_id)))
    }

    /// Takes a node out of rollouts; what it runs is left alone.
    pub async fn drain(&self, id: &str, by: &str) -> Result<view::Node> {
        self.change(id, by, "node_drained", |node| {
            node.is_drained = true;
            Ok(None)
        })
        .await
    }

    /// Lets a node take part in rollouts again.
    pub async fn undrain(&self, id: &str, by: &str) -> Result<view::Node> {
        self.change(id, by, "node_undrained", |node| {
            node.is_drained = false;
            Ok(None)
        })
        .await
    }

    /// Keeps a node on a version, whatever its channel says; `None` ends that.
    pub async fn pin(&self, id: &str, version: Option<&str>, by: &str) -> Result<view::Node> {
        let version = version.map(|version| Version::requested(version).to_owned());
        let binaries = self.index.snapshot();
        self.change(id, by, "node_pinned", |node| {
            if let Some(version) = &version
                && let Some(why) = target::refusal(&binaries, node, version)
            {
                let is_denied = target::entry(&binaries, node, version).is_some();
                let status = if is_denied {
                    StatusCode::CONFLICT
                } else {
                    StatusCode::NOT_FOUND
                };
                return Err(Problem::new(status, why));
            }
            node.pinned.clone_from(&version);
            Ok(version)
        })
        .await
    }

    /// Removes a node. Its agent leaves its child alone, and enrols as a new node when it starts again.
    pub async fn remove(&self, id: &str, by: &str) -> Result<()> {
        let removed = self
            .change(id, by, "node_removed", |node| {
                node.state = NodeState::Removed;
                node.state_since = jiff::Timestamp::now().as_millisecond();
                Ok(None)
            })
            .await?;
        self.live().forget(&removed.node_id);
        Ok(())
    }

    /// Lets a node try a digest again that has failed there.
    pub async fn lift(&self, id: &str, digest: &str, by: &str) -> Result<()> {
        let lifted = |node: &mut NodeRecord| {
            let digest = digest.to_ascii_lowercase();
            match node.denied.remove(&digest) {
                Some(_) => Ok(Some(digest)),
                None => Err(Problem::not_found(format!(
                    "the digest {digest} is not denied on {}",
                    node.agent_id
                ))),
            }
        };
        self.change(id, by, "node_lifted", lifted).await.map(drop)
    }

    /// Changes a node, and says so in an event. `change` gives what the event is about.
    async fn change(
        &self,
        id: &str,
        by: &str,
        event: &str,
        change: impl FnOnce(&mut NodeRecord) -> Result<Option<String>>,
    ) -> Result<view::Node> {
        let writing = self.begin().await?;
        let before = self.named(id)?;
        if before.state == NodeState::Removed {
            let detail = format!("the node {} was removed", before.agent_id);
            return Err(Problem::new(StatusCode::CONFLICT, detail));
        }
        let mut node = before.clone();
        let about = change(&mut node)?;
        if node != before {
            let mut draft = Draft::new(&self.book());
            let mut details = Event {
                by: Some(by.to_owned()),
                ..of(&node)
            };
            match event {
                "node_lifted" => details.checksum = about,
                _ => details.version = about,
            }
            draft.event(event, details);
            draft.node(node.clone());
            self.commit(writing, draft).await?;
            self.live().wake(&node.node_id);
        }
        Ok(view::Node::new(&node, self.live().nodes.get(&node.node_id)))
    }

    /// The node of an id, or else of an agent's name.
    fn named(&self, id: &str) -> Result<NodeRecord> {
        let book = self.book();
        let found = book.nodes.get(id).or_else(|| book.node_of(id));
        found.cloned().ok_or_else(|| {
            Problem::not_found(format!("there is no node {id}; /api/nodes lists them"))
        })
    }
}
