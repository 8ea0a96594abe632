//! The process of the current version: its start, its health, its end.

use std::time::Duration;

use super::next::Stage;
use super::{Action, Fault, LASTED, MAX_STARTS, Machine, Note, Rules, pause};
use crate::agent::data::KeptChild;
use crate::agent::release::{Phase, Release};

/// A process, until it and its group have ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) release: Release,
    pub(super) pid: u32,
    pub(super) since: Duration,
    /// It was told to stop.
    pub(super) stopping: bool,
    passes: u32,
    failures: u32,
    /// Why the last check failed.
    pub(super) last_failure: Option<String>,
    /// Since when every check has passed, counted from the first pass of the last row.
    passing_since: Option<Duration>,
    /// It has been healthy at some time.
    pub(super) was_healthy: bool,
}

impl Life {
    pub(super) fn new(release: Release, pid: u32, now: Duration, is_unchecked: bool) -> Self {
        Self {
            release,
            pid,
            since: now,
            stopping: false,
            passes: 0,
            failures: 0,
            last_failure: None,
            passing_since: is_unchecked.then_some(now),
            was_healthy: is_unchecked,
        }
    }

    /// Since when it has been healthy without a break.
    pub(super) fn healthy_since(&self) -> Option<Duration> {
        self.passing_since.filter(|_| self.was_healthy)
    }
}

impl Machine {
    /// Starts the current version, if nothing speaks against it.
    pub(super) fn step_current(&mut self, now: Duration) {
        let Some(current) = self.kept.current.clone() else {
            return;
        };
        if self.life.is_some() || self.starting.is_some() {
            return;
        }
        match &self.repair {
            Some(Stage::Hindered(at, _)) if now >= *at => {
                self.repair = Some(Stage::Fetching);
                self.act(Action::Fetch(current));
                return;
            }
            Some(_) => return,
            None => {}
        }
        if self.restart_at.is_some_and(|at| now < at) {
            return;
        }
        self.restart_at = None;
        if let Some(starts) = self.kept.trial.as_ref().map(|trial| trial.starts)
            && starts >= MAX_STARTS
            && self.may_fail()
        {
            let reason = format!(
                "it was started {starts} times, and each time the agent or the machine ended with it"
            );
            self.fail(&reason);
            return self.step_current(now);
        }
        self.starting = Some(current.clone());
        if self.kept.trial.is_some() {
            self.remember();
        }
        if let Some(trial) = &mut self.kept.trial {
            trial.starts += 1;
            let rollout = trial.rollout.clone();
            self.report(&current, Phase::Starting, &rollout, "");
            self.act(Action::Commit);
        }
        self.act(Action::Start(current));
    }

    /// Whether the current version can fail: there is a version to return to, or a rollout has to
    /// be told.
    fn may_fail(&self) -> bool {
        let denied = &self.kept.denied;
        let previous = self.kept.previous.as_ref();
        self.kept.trial.as_ref().is_some_and(|trial| {
            !trial.rollout.is_empty()
                || previous.is_some_and(|release| !denied.contains(&release.checksum))
        })
    }

    pub(super) fn started(&mut self, now: Duration, pid: u32, started: String) {
        let Some(release) = self.starting.take() else {
            return;
        };
        self.kept.child = Some(KeptChild {
            pid,
            started,
            checksum: release.checksum,
        });
        self.act(Action::Keep);
        self.say(
            Note::Info,
            format!("version {} runs as process {pid}", release.version),
        );
        let is_current = self.kept.current.as_ref() == Some(&release);
        self.life = Some(Life::new(release, pid, now, self.rules.is_none()));
        self.reported = None;
        if is_current {
            self.report_running();
        } else {
            // Another version was decided on while this one was being started.
            self.stop();
        }
    }

    pub(super) fn not_started(&mut self, now: Duration, fault: Fault, reason: String) {
        let started = self.starting.take();
        if started.is_none() || started != self.kept.current {
            return;
        }
        match fault {
            Fault::Version => self.crashed(now, Duration::ZERO, &reason),
            Fault::Elsewhere => {
                self.uncount_start();
                self.crashes += 1;
                self.restart_at = Some(now + pause(self.crashes));
                self.say(Note::Warning, reason.clone());
                self.trouble = Some(reason);
            }
            Fault::Missing => {
                self.uncount_start();
                self.say(Note::Warning, format!("{reason}; it is fetched again"));
                self.trouble = Some(reason);
                self.repair = Some(Stage::Fetching);
                if let Some(current) = self.kept.current.clone() {
                    self.act(Action::Fetch(current));
                }
            }
        }
    }

    /// A start that did not happen does not count.
    fn uncount_start(&mut self) {
        if let Some(trial) = &mut self.kept.trial {
            trial.starts = trial.starts.saturating_sub(1);
            self.act(Action::Keep);
        }
    }

    pub(super) fn ended(&mut self, now: Duration, how: &str) {
        let Some(life) = self.life.take() else {
            return;
        };
        self.kept.child = None;
        if life.stopping {
            return;
        }
        self.act(Action::Keep);
        self.crashed(now, now.saturating_sub(life.since), how);
    }

    /// The current version has ended by itself.
    fn crashed(&mut self, now: Duration, lasted: Duration, how: &str) {
        if self.may_fail() {
            return self.fail(how);
        }
        self.crashes = if lasted >= LASTED {
            1
        } else {
            self.crashes + 1
        };
        let pause = pause(self.crashes);
        self.restart_at = Some(now + pause);
        self.say(
            Note::Warning,
            format!("the child has ended: {how}; it is started again in {pause:?}"),
        );
        self.trouble = Some(how.to_owned());
    }

    pub(super) fn checked(&mut self, now: Duration, check: Result<(), String>) {
        let (Some(life), Some(rules)) = (&mut self.life, self.rules) else {
            return;
        };
        if life.stopping {
            return;
        }
        match check {
            Ok(()) => {
                life.failures = 0;
                life.passes = life.passes.saturating_add(1);
                life.passing_since.get_or_insert(now);
                if life.passes < rules.passes {
                    return;
                }
                let is_new = !life.was_healthy;
                life.was_healthy = true;
                let version = life.release.version.clone();
                if is_new {
                    self.say(Note::Info, format!("version {version} is healthy"));
                    self.trouble = self.trouble.take().filter(|_| self.kept.has_returned);
                }
                self.report_running();
            }
            Err(reason) => {
                let broke = life.passing_since.take().is_some();
                life.passes = 0;
                life.failures = life.failures.saturating_add(1);
                life.last_failure = Some(reason.clone());
                let is_unhealthy = life.was_healthy && life.failures >= rules.failures;
                let failures = life.failures;
                if is_unhealthy {
                    let reason = format!("{failures} checks of its health have failed: {reason}");
                    self.unhealthy(now, &reason);
                } else if broke {
                    self.say(
                        Note::Warning,
                        format!("a check of its health failed: {reason}"),
                    );
                }
            }
        }
    }

    /// A process that was healthy is no longer.
    fn unhealthy(&mut self, now: Duration, reason: &str) {
        if self.may_fail() {
            return self.fail(reason);
        }
        self.crashes += 1;
        self.restart_at = Some(now + pause(self.crashes));
        self.trouble = Some(reason.to_owned());
        self.say(Note::Warning, format!("{reason}; it is started again"));
        self.stop();
    }

    /// What the passing of time means for the process.
    pub(super) fn step_life(&mut self, now: Duration) {
        let Some(life) = self.life.as_ref().filter(|life| !life.stopping) else {
            return;
        };
        if let Some(Rules { grace, .. }) = self.rules
            && !life.was_healthy
            && now >= life.since.saturating_add(grace)
            && self.may_fail()
        {
            let why = life
                .last_failure
                .as_deref()
                .unwrap_or("no check was answered");
            let reason = format!("it was not healthy within {grace:?}: {why}");
            return self.fail(&reason);
        }
        if self.holds_at().is_some_and(|at| now >= at) {
            let version = life.release.version.clone();
            self.kept.trial = None;
            self.crashes = 0;
            self.say(Note::Info, format!("version {version} has held"));
            self.act(Action::Keep);
            self.act(Action::Clean);
        }
    }

    /// When the version on trial will have held.
    fn holds_at(&self) -> Option<Duration> {
        let since = self.life.as_ref()?.healthy_since()?;
        let soak = self.kept.trial.as_ref()?.soak_ms;
        Some(since.saturating_add(Duration::from_millis(soak)))
    }

    /// When the process needs a decision.
    pub(super) fn life_due(&self) -> Option<Duration> {
        let life = self.life.as_ref().filter(|life| !life.stopping)?;
        let grace = self
            .rules
            .filter(|_| !life.was_healthy && self.may_fail())
            .map(|rules| life.since.saturating_add(rules.grace));
        grace.into_iter().chain(self.holds_at()).min()
    }
}
