//! What others are told: the server by reports and heartbeats, people by the state.

use std::time::Duration;

use super::life::Life;
use super::next::Stage;
use super::{Action, Machine};
use crate::agent::release::{Attempt, Phase, Release};

/// What runs and how it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// What runs, or is being started.
    pub release: Option<Release>,
    /// The process id.
    pub pid: Option<u32>,
    /// Whether it is healthy; `None` as long as nothing is known.
    pub is_healthy: Option<bool>,
    /// Since when it has been healthy without a break.
    pub healthy_since: Option<Duration>,
    /// What the agent does.
    pub state: &'static str,
    /// Why it is so.
    pub reason: Option<String>,
    /// The way to another version.
    pub attempt: Option<Attempt>,
    /// Whether there is nothing to run, and nothing on its way.
    pub is_idle: bool,
}

impl Machine {
    /// The whole as others see it.
    pub fn picture(&self) -> Picture {
        let life = self.life.as_ref();
        let release = life
            .map(|life| &life.release)
            .or(self.kept.current.as_ref());
        let healthy_since = life.and_then(Life::healthy_since);
        let is_healthy = life.and_then(|life| match healthy_since {
            Some(_) => Some(true),
            None if life.was_healthy => Some(false),
            None => None,
        });
        let (state, reason) = self.state();
        Picture {
            release: release.cloned(),
            pid: life.map(|life| life.pid),
            is_healthy,
            healthy_since,
            state,
            reason,
            attempt: self.attempt(),
            is_idle: self.kept.current.is_none() && self.next.is_none() && !self.ending,
        }
    }

    fn state(&self) -> (&'static str, Option<String>) {
        let trouble = || self.trouble.clone();
        if self.ending {
            return match (&self.life, &self.starting) {
                (None, None) => ("stopped", None),
                _ => ("stopping", None),
            };
        }
        match self.next.as_ref().map(|next| &next.stage) {
            Some(Stage::Fetching) => return ("downloading", None),
            Some(Stage::Hindered(_, why)) => return ("hindered", Some(why.clone())),
            _ => {}
        }
        match &self.repair {
            Some(_) if self.is_stuck => return ("stopped", trouble()),
            Some(Stage::Fetching) => return ("downloading", trouble()),
            _ => {}
        }
        let Some(life) = &self.life else {
            return match (&self.kept.current, self.restart_at) {
                (Some(_), Some(_)) if self.crashes == 0 => ("hindered", trouble()),
                (Some(_), Some(_)) => ("restarting", trouble()),
                (Some(_), None) => ("starting", trouble()),
                (None, _) if self.is_stuck => ("stopped", trouble()),
                (None, _) => ("waiting", trouble()),
            };
        };
        let is_current = self.kept.current.as_ref() == Some(&life.release);
        match (life.stopping, life.healthy_since()) {
            (true, _) if is_current => ("restarting", trouble()),
            (true, _) => ("stopping", trouble()),
            (false, None) if life.was_healthy => ("unhealthy", life.last_failure.clone()),
            (false, None) => ("starting", life.last_failure.clone().or_else(trouble)),
            (false, Some(_)) if self.kept.trial.is_some() => ("soaking", None),
            (false, Some(_)) if self.kept.has_returned => ("returned", trouble()),
            (false, Some(_)) => ("running", None),
        }
    }

    /// The way to another version, as heartbeats tell it.
    fn attempt(&self) -> Option<Attempt> {
        if let Some(next) = &self.next {
            let (phase, reason) = match &next.stage {
                Stage::Fetching => (Phase::Downloading, ""),
                Stage::Ready(_) => (Phase::Verified, ""),
                Stage::Hindered(_, why) => (Phase::Hindered, why.as_str()),
            };
            let offer = &next.offer;
            return Some(Attempt::new(&offer.release, phase, &offer.rollout, reason));
        }
        if let Some(failure) = self.kept.unreported.last() {
            return Some(failure.clone());
        }
        let offer = self.offer.as_ref();
        if let Some(offer) = offer.filter(|_| self.fixed) {
            let reason = "`binary_path` names the file to run, so no version is taken";
            let release = &offer.release;
            return Some(Attempt::new(
                release,
                Phase::Hindered,
                &offer.rollout,
                reason,
            ));
        }
        let current = self.kept.current.as_ref()?;
        let rollout = self.rollout_of_current()?;
        let is_running = self
            .life
            .as_ref()
            .is_some_and(|life| life.release == *current && life.healthy_since().is_some());
        let (phase, reason) = match &self.trouble {
            _ if is_running => (Phase::Running, ""),
            Some(why) if self.life.is_none() => (Phase::Hindered, why.as_str()),
            _ => (Phase::Starting, ""),
        };
        Some(Attempt::new(current, phase, rollout, reason))
    }

    /// The rollout that offers the current version, which may be empty; `None` if the version has
    /// arrived and nobody asks for it.
    fn rollout_of_current(&self) -> Option<&str> {
        if let Some(trial) = &self.kept.trial {
            return Some(&trial.rollout);
        }
        let current = self.kept.current.as_ref()?;
        let offer = self.offer.as_ref()?;
        (offer.release.checksum == current.checksum && !offer.rollout.is_empty())
            .then_some(offer.rollout.as_str())
    }

    pub(super) fn report(&mut self, release: &Release, phase: Phase, rollout: &str, reason: &str) {
        let attempt = Attempt::new(release, phase, rollout, reason);
        self.act(Action::Report(attempt));
    }

    /// Reports once that the current version runs and is healthy.
    pub(super) fn report_running(&mut self) {
        let Some(life) = &self.life else {
            return;
        };
        let release = life.release.clone();
        if life.stopping
            || life.healthy_since().is_none()
            || self.kept.current.as_ref() != Some(&release)
        {
            return;
        }
        let Some(rollout) = self.rollout_of_current().map(str::to_owned) else {
            return;
        };
        let this = Some((rollout.clone(), release.checksum));
        if self.reported != this {
            self.reported = this;
            self.report(&release, Phase::Running, &rollout, "");
        }
    }
}
