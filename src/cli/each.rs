//! Commands that do one thing to each selected target, in parallel, targets independent of each other.
//!
//! Each runs on threads of its own, not in the pool: a step that packs has the pool's cores compress for it, and a step that
//! waits for the network keeps none of them busy.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::session::Session;
use larder_core::error::{Error, Result};
use larder_core::model::{Action, Outcome, Target, Version};
use larder_engine::events::{Event, Finished};
use larder_engine::plan::{self, Platforms, Selection};

/// What a step came to.
#[derive(Debug, Default)]
pub struct Told {
    /// Bytes written or sent.
    pub bytes: u64,
    /// Where to.
    pub place: Option<String>,
    /// What there is to say.
    pub reason: Option<String>,
    /// At which version, where that is not the pinned one.
    pub version: Option<Version>,
}

/// Does one thing to each selected target, told under `action`; a failure does not keep the others from being tried.
pub fn each(
    session: Session,
    action: Action,
    names: &[String],
    platforms: &Platforms,
    step: impl Fn(&Target) -> Result<(Outcome, Told)> + Sync,
) -> Result<ExitCode> {
    let ctx = &session.ctx;
    let selection = Selection::parse(&ctx.project, names)?;
    let mut targets = Vec::new();
    let mut absent = Vec::new();
    for subsystem in selection.subsystems(&ctx.project) {
        let (there, missing) = platforms.of(&ctx.project, subsystem);
        let target = |platform| {
            (
                Target {
                    name: subsystem.name.clone(),
                    platform,
                },
                subsystem.version.clone(),
            )
        };
        targets.extend(there.into_iter().map(target));
        absent.extend(missing.into_iter().map(|platform| {
            (
                target(platform),
                plan::absent(&ctx.project, subsystem, platform),
            )
        }));
    }
    for ((target, version), reason) in absent {
        let mut told = Finished::new(action, target, version, Outcome::Skipped);
        told.reason = Some(reason);
        ctx.events.send(Event::Finished(told));
    }
    Ok(each_target(session, action, &targets, step))
}

/// The same for these targets.
pub fn each_target(
    session: Session,
    action: Action,
    targets: &[(Target, Version)],
    step: impl Fn(&Target) -> Result<(Outcome, Told)> + Sync,
) -> ExitCode {
    let ctx = &session.ctx;
    session.begin(action, targets.len());
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some((target, version)) = targets.get(i) else {
                return;
            };
            let start = Instant::now();
            let result = ctx.cancel.check().and_then(|()| step(target));
            let mut told = Finished::new(action, target.clone(), version.clone(), Outcome::Skipped);
            told.seconds = start.elapsed().as_secs_f64();
            match result {
                Ok((
                    outcome,
                    Told {
                        bytes,
                        place,
                        reason,
                        version,
                    },
                )) => {
                    (told.outcome, told.bytes, told.place, told.reason) =
                        (outcome, bytes, place, reason);
                    told.version = version.unwrap_or(told.version);
                }
                Err(error) => {
                    told.outcome = Outcome::Failed;
                    told.error = Some(error.clone());
                    failed
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push((i, error));
                }
            }
            ctx.events.send(Event::Finished(told));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..at_once(action).min(targets.len()) {
            scope.spawn(work);
        }
    });
    let mut failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.sort_by_key(|(i, _)| *i);
    let errors: Vec<Error> = failed.into_iter().map(|(_, error)| error).collect();
    session.end(&BTreeMap::new(), &errors)
}

/// Steps at once.
fn at_once(action: Action) -> usize {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    match action {
        // They wait for the network; what one host may get at once is the client's to say.
        Action::Collect | Action::Lock => cores.max(6),
        // Each packs on all cores; a few at once keep them busy, and memory small.
        Action::Package | Action::Release => cores.clamp(2, 4),
        _ => cores,
    }
}
