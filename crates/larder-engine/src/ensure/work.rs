//! The work of `ensure`: acquires and builds targets, reports each step as an event, and collects
//! what has to be recorded after the run.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::dry_run::DryRunResult;
use crate::acquire::request::Request;
use crate::acquire::{self, Acquired, Done, Probe, sources};
use crate::build;
use crate::build::remote::RemoteUse;
use crate::context::Context;
use crate::events::{Event, Finished, Level, Slot, What};
use crate::release;
use crate::release::pending;
use crate::release::upload::{self, UploadDecision};
use crate::runner::{Answer, Work};
use larder_core::error::{Error, Kind, Result};
use larder_core::model::{Action, Artifact, Name, Origin, Outcome, SourceKind, Target};

/// Acquires and builds the targets of one run.
pub struct Ensure {
    ctx: Arc<Context>,
    upload: UploadDecision,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    started: BTreeMap<Target, Instant>,
    unavailable: BTreeMap<Target, Error>,
    done: BTreeMap<Target, Done>,
    release_errors: Vec<Error>,
}

impl Ensure {
    /// The work for one run.
    pub fn new(ctx: Arc<Context>) -> Self {
        Self {
            upload: upload::after_builds(&ctx),
            ctx,
            inner: Mutex::default(),
        }
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The targets that are now installed and verified.
    pub fn done(&self) -> BTreeMap<Target, Done> {
        self.inner().done.clone()
    }

    /// The failures of releases after builds. They change the exit code, but not the outcome of the
    /// build.
    pub fn release_errors(&self) -> Vec<Error> {
        self.inner().release_errors.clone()
    }

    fn version(&self, target: &Target) -> Option<larder_core::model::Version> {
        self.ctx
            .project
            .subsystems
            .get(&target.name)
            .map(|subsystem| subsystem.version.clone())
    }

    fn finished(&self, target: &Target, outcome: Outcome) -> Option<Finished> {
        let seconds = self
            .inner()
            .started
            .get(target)
            .map_or(0.0, |start| start.elapsed().as_secs_f64());
        Some(Finished {
            action: Action::Ensure,
            target: target.clone(),
            version: self.version(target)?,
            outcome,
            source: None,
            emulated: None,
            bytes: 0,
            seconds,
            error: None,
            reason: None,
            place: None,
            log: None,
            dry_run: false,
        })
    }

    fn report(&self, finished: Option<Finished>) {
        if let Some(finished) = finished {
            self.ctx.events.send(Event::Finished(finished));
        }
    }

    fn succeeded(&self, target: &Target, done: Done) -> Answer {
        let outcome = done.outcome;
        if let Some(mut finished) = self.finished(target, outcome) {
            finished.source = done.source;
            finished.emulated = done.artifact.emulated;
            finished.bytes = done.bytes;
            finished.place.clone_from(&done.place);
            finished.reason.clone_from(&done.reason);
            finished.log.clone_from(&done.log);
            self.report(Some(finished));
        }
        self.inner().done.insert(target.clone(), done);
        Answer::Done(outcome)
    }

    fn failed(&self, target: &Target, error: Error, log: bool) -> Answer {
        if let Some(mut finished) = self.finished(target, Outcome::Failed) {
            finished.error = Some(error.clone());
            if log {
                finished.log =
                    Some(build::log_path(&self.ctx, target)).filter(|path| path.exists());
            }
            self.report(Some(finished));
        }
        Answer::Failed(error)
    }

    /// Whether what is built here is to be released.
    fn is_to_be_released(&self, target: &Target) -> bool {
        self.upload == UploadDecision::Yes && !self.inner().unavailable.contains_key(target)
    }

    /// Whether the cache has a build of a target.
    fn is_built(&self, target: &Target) -> bool {
        let request = Request::new(&self.ctx, target);
        let entries = request.and_then(|request| sources::cache::entries(&request));
        entries.is_ok_and(|entries| {
            let mut origins = entries.iter().map(|(artifact, _)| artifact.origin);
            origins.any(|origin| origin == Origin::Build)
        })
    }

    /// Does what a run that was killed between a build and its release did not do. If this run does
    /// not release, the release is no longer due, and a note says so.
    fn release_what_is_due(&self, target: &Target, artifact: &Artifact) {
        let root = &self.ctx.project.root;
        if self.ctx.options.install_root.is_some() || !pending::is_noted(root, target) {
            return;
        }
        if artifact.origin == Origin::Build && self.upload == UploadDecision::Yes {
            self.release(target);
            return;
        }
        // An error is ignored: the next run finds the note again.
        let _ = pending::forget(root, target);
        if artifact.origin == Origin::Build {
            let text = format!(
                "an earlier run was to release this build and was interrupted; this run does not \
                 release, so if it is still wanted: larder release {}",
                target.name
            );
            self.ctx.events.note(Some(target), Level::Info, text);
        }
    }

    /// Packages and releases a target after its build, if `upload` requires it. This is reported as
    /// an event of its own.
    fn release(&self, target: &Target) {
        let reason = match (&self.upload, self.inner().unavailable.get(target)) {
            (UploadDecision::No, _) => return,
            (UploadDecision::Skip(why), _) => Some(why.clone()),
            (UploadDecision::Yes, Some(error)) => Some(format!(
                "a source before the build was unavailable ({}), so what was built is not uploaded",
                error.message()
            )),
            (UploadDecision::Yes, None) => None,
        };
        let start = Instant::now();
        let Some(mut finished) = self.finished(target, Outcome::Skipped) else {
            return;
        };
        finished.action = Action::Release;
        if reason.is_some() {
            finished.reason = reason;
        } else {
            match release::binary::release(&self.ctx, target, release::ReleaseOptions::default()) {
                Ok(released) => {
                    finished.outcome = released.outcome;
                    finished.bytes = released.bytes;
                    finished.place = Some(released.place);
                    finished.reason = released.reason;
                }
                Err(error) => {
                    finished.outcome = Outcome::Failed;
                    finished.error = Some(error.clone());
                    self.inner().release_errors.push(error);
                }
            }
        }
        finished.seconds = start.elapsed().as_secs_f64();
        self.report(Some(finished));
    }

    /// With `--dry-run`: reports the predicted result for a target. Returns the failure, if one is
    /// predicted.
    pub fn report_dry_run(&self, result: &DryRunResult) -> Option<Error> {
        let DryRunResult {
            target,
            probe,
            skipped,
            needed_by,
        } = result;
        if let Some(reason) = skipped {
            self.skipped(target, reason);
            return None;
        }
        let error = match probe {
            Some(Ok(probe)) => {
                let Some(error) = probe.failure(&self.ctx, target) else {
                    self.report_prediction(target, probe, result.outcome(), needed_by);
                    return None;
                };
                error
            }
            Some(Err(error)) => error.clone(),
            None => return None,
        };
        self.failed(target, error.clone(), false);
        Some(error)
    }

    /// Reports what would be done with a target that would not fail.
    fn report_prediction(
        &self,
        target: &Target,
        probe: &Probe,
        outcome: Outcome,
        needed_by: &BTreeSet<Name>,
    ) {
        let Some(mut finished) = self.finished(target, outcome) else {
            return;
        };
        finished.dry_run = outcome != Outcome::UpToDate;
        finished.source = probe.choice();
        if let Some(stale) = probe.stale() {
            let answer = probe.attempts.last().map_or("", |attempt| &attempt.answer);
            let stale = &stale.reason;
            let mut reason = match probe.choice() {
                Some(SourceKind::Build) => match self.remote(target) {
                    Some(remote) => {
                        format!("would be built at {}: {stale}", remote.executor.place())
                    }
                    None => format!("would be built: {stale}"),
                },
                Some(source) => format!("would come from {source}: {answer} ({stale})"),
                None => stale.clone(),
            };
            if !needed_by.is_empty() {
                let builds: Vec<&str> = needed_by.iter().map(Name::as_str).collect();
                reason = format!("{reason}; needed to build {}", builds.join(", "));
            }
            finished.reason = Some(reason);
        }
        self.report(Some(finished));
    }

    /// The executor that runs the build of a target, if one does.
    fn remote(&self, target: &Target) -> Option<RemoteUse<'_>> {
        let subsystem = self.ctx.project.subsystems.get(&target.name)?;
        let used = build::remote::used_for(&self.ctx, subsystem, target);
        used.filter(|remote| remote.executes)
    }

    fn try_build(&self, target: &Target, reason: &str, built: &dyn Fn()) -> Result<Done> {
        build::build(&self.ctx, target, reason, built)
    }
}

impl Work for Ensure {
    fn acquire(&self, target: &Target) -> Answer {
        let events = &self.ctx.events;
        events.record(|| What::Takes(target.clone(), Slot::Acquire));
        self.inner().started.insert(target.clone(), Instant::now());
        match acquire::acquire(&self.ctx, target) {
            Ok(Acquired::Done(done)) => {
                let artifact = done.artifact.clone();
                let answer = self.succeeded(target, *done);
                self.release_what_is_due(target, &artifact);
                answer
            }
            Ok(Acquired::MustBuild {
                reason,
                unavailable,
            }) => {
                if let Some(error) = unavailable {
                    self.inner().unavailable.insert(target.clone(), error);
                }
                events.note(
                    Some(target),
                    Level::Detail,
                    format!("has to be built: {reason}"),
                );
                events.record(|| What::Awaits(target.clone()));
                Answer::MustBuild(reason)
            }
            Err(error) => self.failed(target, error, false),
        }
    }

    fn is_remote(&self, target: &Target) -> bool {
        self.remote(target).is_some()
    }

    fn build(&self, target: &Target, reason: &str) -> Answer {
        self.build_and_install(target, reason, &|| ())
    }

    fn build_and_install(&self, target: &Target, reason: &str, built: &dyn Fn()) -> Answer {
        let events = &self.ctx.events;
        events.record(|| What::Takes(target.clone(), Slot::Build));
        // Measure only the build, not the time it waited for its needs and for a free slot.
        self.inner().started.insert(target.clone(), Instant::now());
        let root = &self.ctx.project.root;
        if self.is_to_be_released(target)
            && let Err(error) = pending::note(root, target)
        {
            return self.failed(target, error, false);
        }
        // It is said each time that the set waits for the disk; the first time, the build has ended.
        let is_first = Cell::new(true);
        let built = || {
            if is_first.replace(false) {
                events.record(|| What::Takes(target.clone(), Slot::Install));
                built();
            }
        };
        let falls_back = self
            .remote(target)
            .is_some_and(|remote| remote.falls_back());
        match self.try_build(target, reason, &built) {
            Err(error)
                if falls_back
                    && error.kind() == Kind::Unavailable
                    && self.ctx.remote_error.get().is_some() =>
            {
                let text = format!("{error}; building on this machine");
                events.note(Some(target), Level::Warning, text);
                Answer::BuildHere(reason.to_owned())
            }
            Ok(done) => {
                let (built, artifact) = (done.outcome == Outcome::Built, done.artifact.clone());
                let answer = self.succeeded(target, done);
                if built {
                    self.release(target);
                }
                if !built || self.upload != UploadDecision::Yes {
                    self.release_what_is_due(target, &artifact);
                }
                answer
            }
            Err(error) => {
                // If nothing was built, nothing is due. If only the installation failed, the next run
                // takes the build from the cache and releases it. An error here is less than that of
                // the build.
                if self.upload == UploadDecision::Yes && !self.is_built(target) {
                    let _ = pending::forget(root, target);
                }
                self.failed(target, error, true)
            }
        }
    }

    fn skipped(&self, target: &Target, reason: &str) {
        let finished = self.finished(target, Outcome::Skipped).map(|mut finished| {
            finished.reason = Some(reason.to_owned());
            finished
        });
        self.report(finished);
    }
}
