//! Which version comes next: what is offered, fetched and applied, and what is denied.

use std::time::Duration;

use larder_core::model::Digest;

use super::{Action, Machine, Note, pause};
use crate::agent::data::Trial;
use crate::agent::release::{Attempt, Offer, Phase, Release};

/// How far a binary is on its way here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is being fetched.
    Fetching,
    /// It is there, and applied at this time.
    Ready(Duration),
    /// It could not be fetched or applied; it is tried again at this time.
    Hindered(Duration, String),
}

impl Stage {
    pub(super) fn due(&self) -> Option<Duration> {
        match self {
            Self::Fetching => None,
            Self::Ready(at) | Self::Hindered(at, _) => Some(*at),
        }
    }
}

/// The version that comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Next {
    pub(super) offer: Offer,
    pub(super) stage: Stage,
}

impl Next {
    pub(super) fn due(&self) -> Option<Duration> {
        self.stage.due()
    }

    fn is(&self, digest: Digest) -> bool {
        self.offer.release.checksum == digest
    }
}

impl Machine {
    pub(super) fn offered(&mut self, offer: Option<Offer>) {
        if self.ending {
            return;
        }
        if self.fixed {
            self.offer = offer;
            return;
        }
        let Some(offer) = offer else {
            self.offer = None;
            // What the agent has looked for itself is not the server's to take back.
            if self.next.as_ref().is_some_and(|next| !next.offer.is_first) {
                self.drop_next("it is no longer offered");
            }
            return;
        };
        let digest = offer.release.checksum;
        self.offer = Some(offer.clone());
        if self.kept.denied.contains(&digest) {
            self.drop_next("its bytes are denied");
            if self.refused != Some(digest) {
                self.refused = Some(digest);
                let version = &offer.release.version;
                let text = format!("version {version} is offered, but its bytes are denied here");
                self.say(Note::Warning, text);
            }
            return;
        }
        if self
            .kept
            .current
            .as_ref()
            .is_some_and(|current| current.checksum == digest)
        {
            self.drop_next("another version is offered");
            if let Some(trial) = &mut self.kept.trial
                && !offer.rollout.is_empty()
                && trial.rollout != offer.rollout
            {
                trial.rollout.clone_from(&offer.rollout);
                trial.soak_ms = milliseconds(offer.soak);
                self.act(Action::Keep);
            }
            self.report_running();
            return;
        }
        match &mut self.next {
            Some(next) if next.is(digest) => {
                let delay = next.offer.delay;
                next.offer = Offer { delay, ..offer };
                return;
            }
            Some(_) => self.drop_next("another version is offered"),
            None => {}
        }
        self.hindrances = 0;
        self.say(
            Note::Info,
            format!("version {} is wanted", offer.release.version),
        );
        self.fetch_next(offer);
    }

    fn fetch_next(&mut self, offer: Offer) {
        self.report(&offer.release, Phase::Downloading, &offer.rollout, "");
        self.act(Action::Fetch(offer.release.clone()));
        self.next = Some(Next {
            offer,
            stage: Stage::Fetching,
        });
    }

    fn drop_next(&mut self, why: &str) {
        let Some(next) = self.next.take() else {
            return;
        };
        if next.stage == Stage::Fetching {
            self.act(Action::StopFetching(next.offer.release.checksum));
        }
        let version = &next.offer.release.version;
        let text = format!("version {version} is given up: {why}");
        self.say(Note::Info, text);
    }

    pub(super) fn fetched(&mut self, now: Duration, digest: Digest) {
        self.hindrances = 0;
        if self.repair.is_some() && self.current_is(digest) {
            self.repair = None;
            self.is_stuck = false;
            self.trouble = None;
            self.restart_at = None;
        }
        let is_idle = self.life.is_none();
        let Some(next) = self.next.as_mut().filter(|next| next.is(digest)) else {
            return;
        };
        if next.stage == Stage::Fetching {
            // Where nothing runs, nothing is gained by waiting.
            let delay = if is_idle {
                Duration::ZERO
            } else {
                next.offer.delay
            };
            next.stage = Stage::Ready(now.saturating_add(delay));
            let offer = next.offer.clone();
            self.report(&offer.release, Phase::Verified, &offer.rollout, "");
        }
    }

    pub(super) fn not_fetched(&mut self, now: Duration, digest: Digest, reason: String) {
        self.hindrances += 1;
        let again = now + pause(self.hindrances);
        if self.repair == Some(Stage::Fetching) && self.current_is(digest) {
            self.say(
                Note::Warning,
                format!("the binary can't be fetched again: {reason}"),
            );
            self.is_stuck = true;
            self.trouble = Some(reason.clone());
            self.repair = Some(Stage::Hindered(again, reason));
            return;
        }
        let Some(next) = self.next.as_mut().filter(|next| next.is(digest)) else {
            return;
        };
        next.stage = Stage::Hindered(again, reason.clone());
        let offer = next.offer.clone();
        let version = &offer.release.version;
        let text = format!("version {version} can't be fetched now: {reason}");
        self.say(Note::Warning, text);
        self.report(&offer.release, Phase::Hindered, &offer.rollout, &reason);
    }

    fn current_is(&self, digest: Digest) -> bool {
        self.kept
            .current
            .as_ref()
            .is_some_and(|current| current.checksum == digest)
    }

    pub(super) fn step_next(&mut self, now: Duration) {
        let Some(next) = &mut self.next else {
            return;
        };
        match next.stage {
            Stage::Hindered(at, _) if now >= at => {
                next.stage = Stage::Fetching;
                let release = next.offer.release.clone();
                self.act(Action::Fetch(release));
            }
            // A decision that is being carried out comes first.
            Stage::Ready(at) if now >= at && self.starting.is_none() => {
                let offer = next.offer.clone();
                self.next = None;
                self.switch(offer);
            }
            _ => {}
        }
    }

    /// Makes a version the current one. Both versions change in one step, which is written down
    /// together with the start that is to follow.
    fn switch(&mut self, offer: Offer) {
        self.remember();
        let Offer {
            release,
            rollout,
            soak,
            ..
        } = offer;
        let kept = &mut self.kept;
        let is_return =
            kept.previous.as_ref().map(|previous| previous.checksum) == Some(release.checksum);
        let held = kept.trial.is_none();
        match kept.current.take() {
            Some(current) if held => kept.previous = Some(current),
            // What has not held is nothing to return to.
            _ if is_return => kept.previous = None,
            _ => {}
        }
        let has_way_back = kept.previous.is_some() || !rollout.is_empty();
        let is_known = is_return && (!held || rollout.is_empty());
        kept.trial = (has_way_back && !is_known).then_some(Trial {
            rollout,
            soak_ms: milliseconds(soak),
            starts: 0,
        });
        kept.has_returned = false;
        kept.current = Some(release.clone());
        self.crashes = 0;
        self.restart_at = None;
        self.repair = None;
        self.trouble = None;
        self.is_stuck = false;
        self.act(Action::Commit);
        self.say(
            Note::Info,
            format!("version {} takes over", release.version),
        );
        self.stop();
    }

    /// The decision could not be written down, so it is not made.
    pub(super) fn not_kept(&mut self, now: Duration, reason: String) {
        let Some(before) = self.before.take() else {
            return;
        };
        let wanted = std::mem::replace(&mut self.kept, before.kept);
        self.starting = None;
        if let Some(life) = &mut self.life {
            life.stopping = before.is_stopping;
        }
        self.hindrances += 1;
        let again = now + pause(self.hindrances);
        let is_switch = wanted.current != self.kept.current;
        self.say(
            Note::Warning,
            format!("a decision can't be written down: {reason}"),
        );
        if let Some(offer) = self.offer.clone().filter(|_| is_switch) {
            self.report(&offer.release, Phase::Hindered, &offer.rollout, &reason);
            self.next = Some(Next {
                offer,
                stage: Stage::Hindered(again, reason),
            });
        } else {
            self.restart_at = Some(again);
            self.trouble = Some(reason);
        }
    }

    /// The current version did not hold.
    pub(super) fn fail(&mut self, reason: &str) {
        let Some(bad) = self.kept.current.take() else {
            return;
        };
        let rollout = self.kept.trial.take().map(|trial| trial.rollout);
        let rollout = rollout.unwrap_or_default();
        let failure = Attempt::new(&bad, Phase::Failed, &rollout, reason);
        self.kept.denied.insert(bad.checksum);
        self.kept.unreported.push(failure.clone());
        self.say(
            Note::Warning,
            format!("version {} did not hold: {reason}", bad.version),
        );
        self.act(Action::Report(failure));
        self.return_to_previous(&bad, reason);
    }

    fn return_to_previous(&mut self, bad: &Release, reason: &str) {
        let denied = &self.kept.denied;
        let previous = self.kept.previous.take();
        self.kept.current = previous.filter(|release| !denied.contains(&release.checksum));
        self.kept.has_returned = self.kept.current.is_some();
        self.crashes = 0;
        self.restart_at = None;
        self.repair = None;
        let trouble = format!("version {} did not hold: {reason}", bad.version);
        self.is_stuck = self.kept.current.is_none();
        let text = match &self.kept.current {
            Some(release) => format!("version {} runs again", release.version),
            None => "there is no version to return to; the agent waits for another one".to_owned(),
        };
        self.trouble = Some(trouble);
        self.say(Note::Warning, text);
        self.act(Action::Keep);
        self.stop();
    }

    pub(super) fn denied(&mut self, denied: Vec<Digest>) {
        let own = self.kept.unreported.iter().map(|failure| failure.checksum);
        let denied = denied.into_iter().chain(own).collect();
        if denied == self.kept.denied {
            return;
        }
        self.kept.denied = denied;
        self.refused = None;
        self.act(Action::Keep);
        let current = self.kept.current.clone();
        match current.filter(|release| self.kept.denied.contains(&release.checksum)) {
            Some(release) if !self.fixed => {
                self.kept.trial = None;
                self.kept.current = None;
                self.return_to_previous(&release, "the server denies its bytes");
            }
            _ => {}
        }
    }

    pub(super) fn recorded(&mut self, attempt: &Attempt) {
        let before = self.kept.unreported.len();
        self.kept.unreported.retain(|failure| failure != attempt);
        if self.kept.unreported.len() != before {
            self.act(Action::Keep);
        }
    }
}

pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
