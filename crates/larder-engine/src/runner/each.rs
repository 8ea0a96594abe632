//! Runs the same step for several targets in parallel, for commands in which no target waits for
//! another: package, release, lock, verify.
//!
//! Each step runs on a thread of its own and not in the thread pool: a step that packs uses the
//! pool for compression, and a step that waits for the network must not block a thread of the pool.
//! This module does not know what a step does, nor how it is shown.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::context::Context;
use crate::events::{Event, Finished};
use crate::plan::{Selected, Targets};
use larder_core::error::{Error, Result};
use larder_core::model::{Action, Outcome, Platform, Target, Version};

/// The result of a step on one target.
#[derive(Debug)]
pub struct StepReport {
    /// The outcome.
    pub outcome: Outcome,
    /// The number of bytes written or sent.
    pub bytes: u64,
    /// The place that they were written or sent to.
    pub place: Option<String>,
    /// Why it was done or skipped.
    pub reason: Option<String>,
    /// The version, if it is not the pinned one.
    pub version: Option<Version>,
    /// The platform whose programs the artifact has, if they are not those of the target's.
    pub emulated: Option<Platform>,
}

impl StepReport {
    /// A report with only an outcome; the caller sets the other fields.
    pub fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            bytes: 0,
            place: None,
            reason: None,
            version: None,
            emulated: None,
        }
    }
}

/// Runs a step for each target and reports it as `action`. After a failure the other targets are
/// still tried. Returns every failure, in the order of the targets.
pub fn each(
    ctx: &Context,
    action: Action,
    targets: &Targets,
    jobs: Option<NonZeroUsize>,
    step: impl Fn(&Target) -> Result<StepReport> + Sync,
) -> Vec<Error> {
    let mut present = Vec::new();
    for Selected {
        target,
        version,
        absent,
    } in targets
    {
        match absent {
            None => present.push((target.clone(), version.clone())),
            Some(reason) => {
                let mut finished =
                    Finished::new(action, target.clone(), version.clone(), Outcome::Skipped);
                finished.reason = Some(reason.clone());
                ctx.events.send(Event::Finished(finished));
            }
        }
    }
    let known = present.iter().map(|(target, version)| (target, version));
    ctx.events.started(action, present.len(), known);
    let results = parallel(&present, at_once(action, jobs), |(target, version)| {
        let start = Instant::now();
        let result = ctx.cancel.check().and_then(|()| step(target));
        let mut finished = Finished::new(action, target.clone(), version.clone(), Outcome::Failed);
        finished.seconds = start.elapsed().as_secs_f64();
        let failure = match result {
            Ok(StepReport {
                outcome,
                bytes,
                place,
                reason,
                version,
                emulated,
            }) => {
                (
                    finished.outcome,
                    finished.bytes,
                    finished.place,
                    finished.reason,
                ) = (outcome, bytes, place, reason);
                finished.dry_run = ctx.options.dry_run && outcome == Outcome::Skipped;
                finished.version = version.unwrap_or(finished.version);
                finished.emulated = emulated;
                None
            }
            Err(error) => {
                finished.error = Some(error.clone());
                Some(error)
            }
        };
        ctx.events.send(Event::Finished(finished));
        failure
    });
    results.into_iter().flatten().collect()
}

/// Runs a step for each item on at most `at_once` threads. Returns the results in the order of the
/// items.
pub fn parallel<T: Sync, R: Send>(
    items: &[T],
    at_once: NonZeroUsize,
    step: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(i) else {
                return;
            };
            let result = step(item);
            results
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((i, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..at_once.get().min(items.len()) {
            scope.spawn(work);
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(i, _)| *i);
    results.into_iter().map(|(_, result)| result).collect()
}

/// How many steps of an action run at once: the value of `--jobs`, or a default for this machine.
pub fn at_once(action: Action, jobs: Option<NonZeroUsize>) -> NonZeroUsize {
    jobs.unwrap_or_else(|| {
        let cores = cores();
        let few = |least, most| {
            let most = NonZeroUsize::new(most).unwrap_or(cores);
            cores
                .max(NonZeroUsize::new(least).unwrap_or(cores))
                .min(most)
        };
        match action {
            // These steps wait for the network; the HTTP client limits the requests per host.
            Action::Collect | Action::Lock | Action::Copy => few(6, usize::MAX),
            // Each step compresses on all cores, so a few at once keep the cores busy and need
            // little memory.
            Action::Package | Action::Release | Action::Bundle => few(2, 4),
            _ => cores,
        }
    })
}

/// The number of cores of this machine.
pub(super) fn cores() -> NonZeroUsize {
    let two = NonZeroUsize::MIN.saturating_add(1);
    std::thread::available_parallelism().unwrap_or(two)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let items: Vec<u64> = (0..40).collect();
        let at_once = NonZeroUsize::new(7).unwrap();
        let doubled = parallel(&items, at_once, |item| {
            std::thread::sleep(std::time::Duration::from_micros((40 - item) * 50));
            item * 2
        });
        assert_eq!(
            doubled,
            items.iter().map(|item| item * 2).collect::<Vec<_>>()
        );
    }

    #[test]
    fn never_more_at_once_than_allowed() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        parallel(&[(); 24], NonZeroUsize::new(3).unwrap(), |()| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(std::time::Duration::from_millis(2));
            now.fetch_sub(1, Ordering::SeqCst);
        });
        assert_eq!(most.into_inner(), 3);
    }

    #[test]
    fn jobs_beat_what_suits_the_machine() {
        let one = NonZeroUsize::new(1);
        for action in [Action::Package, Action::Lock, Action::Verify] {
            assert_eq!(at_once(action, one), NonZeroUsize::MIN);
            assert!(at_once(action, None) >= NonZeroUsize::MIN);
        }
        assert!(at_once(Action::Package, None).get() <= 4);
        assert!(at_once(Action::Lock, None).get() >= 6);
    }
}
