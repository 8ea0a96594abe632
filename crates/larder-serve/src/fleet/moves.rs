//! Moving nodes to another version: channels at once, rollouts in steps.

use http::StatusCode;

use super::agents::random_hex;
use super::book::Book;
use super::record::{ChannelRecord, NodeState, RolloutRecord};
use super::rollout::{Change, Request, Rollout, State, ranked};
use super::{Draft, Fleet, view};
use crate::index::name::{self, Version};
use crate::problem::{Problem, Result};

impl Fleet {
    /// All channels, by the name of what runs and their own.
    pub fn channels(&self) -> Result<Vec<ChannelRecord>> {
        self.is_here()?;
        let book = self.book();
        let record = |((name, channel), version): (&(String, String), &String)| ChannelRecord {
            name: name.clone(),
            channel: channel.clone(),
            version: version.clone(),
        };
        Ok(book.channels.iter().map(record).collect())
    }

    /// Points a channel at a version, for all of its nodes at once.
    pub async fn move_channel(
        &self,
        name: &str,
        channel: &str,
        version: &str,
        by: &str,
    ) -> Result<ChannelRecord> {
        let record = ChannelRecord {
            name: name.to_owned(),
            channel: channel.to_owned(),
            version: self.released(name, channel, version)?,
        };
        let writing = self.begin().await?;
        self.is_free(name, channel)?;
        let (mut draft, from, ended) = {
            let book = self.book();
            let from = book.channel(name, channel).map(str::to_owned);
            let ended = book.current_rollout(name, channel).cloned();
            (Draft::new(&book), from, ended)
        };
        if let Some(mut ended) = ended {
            // An ended rollout said what its nodes run until now.
            ended.is_current = false;
            draft.rollout(&self.book(), ended, Vec::new(), None);
        }
        if from.as_deref() != Some(&record.version) {
            draft.channel(record.clone(), from, Some(by));
        }
        self.commit(writing, draft).await?;
        self.wake_channel(name, channel);
        Ok(record)
    }

    /// All rollouts, the newest first.
    pub fn rollouts(&self) -> Result<Vec<view::Rollout>> {
        self.is_here()?;
        let book = self.book();
        let mut records: Vec<&RolloutRecord> = book.rollouts.values().collect();
        records.sort_by(|a, b| (b.started, &b.rollout.id).cmp(&(a.started, &a.rollout.id)));
        let shown = records.into_iter().map(|record| shown(&book, record));
        Ok(shown.collect())
    }

    /// One rollout.
    pub fn rollout(&self, id: &str) -> Result<view::Rollout> {
        self.is_here()?;
        let book = self.book();
        let record = book.rollouts.get(id).ok_or_else(|| missing(id))?;
        Ok(shown(&book, record))
    }

    /// Starts a rollout over the nodes of a channel.
    pub async fn start_rollout(&self, mut request: Request, by: &str) -> Result<view::Rollout> {
        let (name, channel) = (request.name.clone(), request.channel.clone());
        // What does not parse is said first, whatever else is wrong.
        request.params(0).map_err(Problem::bad_request)?;
        request.version = self.released(&name, &channel, &request.version)?;
        let writing = self.begin().await?;
        self.is_free(&name, &channel)?;
        let record = {
            let book = self.book();
            let follows = book.nodes.values().filter(|node| {
                node.name == name
                    && node.channel.as_deref() == Some(&channel)
                    && node.state != NodeState::Removed
                    && !node.is_drained
                    && node.pinned.is_none()
                    && node.version.is_none()
            });
            let id = format!("r-{}", random_hex());
            let nodes = ranked(&id, follows.map(|node| node.node_id.clone()));
            let previous = book.channel(&name, &channel).map(str::to_owned);
            RolloutRecord {
                rollout: Rollout::new(&id, &request, previous, nodes)
                    .map_err(Problem::bad_request)?,
                started: jiff::Timestamp::now().as_millisecond(),
                by: by.to_owned(),
                is_current: true,
            }
        };
        let mut draft = Draft::new(&self.book());
        let before = self.book().current_rollout(&name, &channel).cloned();
        if let Some(mut before) = before {
            before.is_current = false;
            draft.rollout(&self.book(), before, Vec::new(), None);
        }
        let started = Change::State(State::Running, None);
        draft.rollout(&self.book(), record.clone(), vec![started], Some(by));
        self.commit(writing, draft).await?;
        Ok(shown(&self.book(), &record))
    }

    /// Pauses a rollout: members that are on their way go on.
    pub async fn pause(&self, id: &str, by: &str) -> Result<view::Rollout> {
        self.steer(id, by, "pause", |rollout| {
            rollout
                .pause()
                .then(|| vec![Change::State(State::Paused, None)])
        })
        .await
    }

    /// Lets a rollout proceed after a pause.
    pub async fn resume(&self, id: &str, by: &str) -> Result<view::Rollout> {
        self.steer(id, by, "resume", |rollout| {
            rollout
                .resume()
                .then(|| vec![Change::State(State::Running, None)])
        })
        .await
    }

    /// Ends a rollout: nothing more is started, and nodes follow the channel again.
    pub async fn abort(&self, id: &str, by: &str) -> Result<view::Rollout> {
        self.steer(id, by, "abort", Rollout::abort).await
    }

    async fn steer(
        &self,
        id: &str,
        by: &str,
        verb: &str,
        steer: impl FnOnce(&mut Rollout) -> Option<Vec<Change>>,
    ) -> Result<view::Rollout> {
        let writing = self.begin().await?;
        let mut record = {
            let book = self.book();
            book.rollouts.get(id).cloned().ok_or_else(|| missing(id))?
        };
        let before = record.rollout.state;
        let Some(changes) = steer(&mut record.rollout) else {
            let detail = format!(
                "the rollout {id} is {}: there is nothing to {verb}",
                before.as_str()
            );
            return Err(Problem::new(StatusCode::CONFLICT, detail));
        };
        let mut draft = Draft::new(&self.book());
        draft.rollout(&self.book(), record.clone(), changes, Some(by));
        self.commit(writing, draft).await?;
        self.wake_channel(&record.rollout.name, &record.rollout.channel);
        Ok(shown(&self.book(), &record))
    }

    /// The channel or the open rollout that needs a version; it can't be deleted then.
    pub fn needs(&self, name: &str, version: &str) -> Result<Option<String>> {
        self.is_here()?;
        let book = self.book();
        let mut channels = book.channels.iter();
        let channel = channels.find(|((of, _), points)| of == name && *points == version);
        if let Some(((_, channel), _)) = channel {
            return Ok(Some(format!("the channel {channel} points at it")));
        }
        let mut rollouts = book.rollouts.values();
        let rollout = rollouts.find(|record| {
            let of = &record.rollout;
            !is_final(of) && of.name == name && of.version == version
        });
        let moves =
            |record: &RolloutRecord| format!("the rollout {} moves nodes to it", record.rollout.id);
        Ok(rollout.map(moves))
    }

    /// Whether no rollout moves the nodes of a channel.
    fn is_free(&self, name: &str, channel: &str) -> Result<()> {
        let book = self.book();
        let Some(record) = book.current_rollout(name, channel) else {
            return Ok(());
        };
        let Rollout { id, state, .. } = &record.rollout;
        if is_final(&record.rollout) {
            return Ok(());
        }
        let state = state.as_str();
        let detail = format!(
            "the rollout {id} of this channel is {state}: abort it, or wait until it has ended"
        );
        Err(Problem::new(StatusCode::CONFLICT, detail))
    }

    /// The version of a name without a leading v, if there is a binary of it.
    fn released(&self, name: &str, channel: &str, version: &str) -> Result<String> {
        for (what, text) in [("name", name), ("channel", channel)] {
            if !name::is_name(text) {
                let detail =
                    format!("the {what} `{text}` is not of the form [A-Za-z0-9][A-Za-z0-9.-]*");
                return Err(Problem::bad_request(detail));
            }
        }
        let version = Version::requested(version);
        let binaries = self.index.snapshot();
        let is_there = binaries.entries().iter().any(|entry| {
            *entry.coordinate.name == *name && entry.coordinate.version.as_str() == version
        });
        if is_there {
            return Ok(version.to_owned());
        }
        if !self.index.is_ready() {
            return Err(Problem::unavailable(self.index.unready(), 1));
        }
        let detail = format!(
            "there is no binary of {name} {version}: put it here first (PUT /api/binaries/…)"
        );
        Err(Problem::not_found(detail))
    }

    pub(super) fn wake_channel(&self, name: &str, channel: &str) {
        let book = self.book();
        let mut live = self.live();
        for node in book.nodes.values() {
            if node.name == name && node.channel.as_deref() == Some(channel) {
                live.wake(&node.node_id);
            }
        }
    }
}

/// A rollout with the names of its agents.
fn shown(book: &Book, record: &RolloutRecord) -> view::Rollout {
    view::Rollout::new(record, |node| Some(book.nodes.get(node)?.agent_id.clone()))
}

/// Whether a rollout has ended: what it moves is decided for good.
pub fn is_final(rollout: &Rollout) -> bool {
    match rollout.state {
        State::Running | State::Paused => false,
        State::Halted => !rollout.params.rollback,
        State::Succeeded | State::RolledBack | State::Aborted => true,
    }
}

fn missing(id: &str) -> Box<Problem> {
    Problem::not_found(format!(
        "there is no rollout {id}; /api/rollouts lists them"
    ))
}
