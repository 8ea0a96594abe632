//! The runner: runs a plan. Targets run in parallel; builds and transfers have separate limits; the
//! needs of a build are acquired only if the build really happens.
//!
//! # The states of a target
//!
//! ```text
//!             wake                start               must build            needs are done         start
//! Dormant ───────────▶ Queued ───────────▶ Acquiring ───────────▶ Awaiting ───────────▶ Ready ───────────▶ Building
//!                        │                    │ done, failed         │ a need failed      │                   │
//!                        └─── stopped ────────┴──────────▶ Ended ◀───┴────── stopped ─────┴───────────────────┘
//! ```
//!
//! A goal starts as `Queued`. A target that only a build would need starts as `Dormant`, and the
//! first build that really happens wakes it. One thread (the one that called [`run`]) owns all
//! states. `Runner::set` is the only function that changes a state, and a debug
//! assertion rejects every transition that is not in the diagram. Workers own no state: they receive a target and send back an answer.
//!
//! The runner does not know what acquiring or building means, nor how anything is shown.

pub mod each;
#[cfg(test)]
mod laws;

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Instant;

use crate::plan::{Plan, TargetId};
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Kind};
use larder_core::model::{Outcome, Target};

/// The answer of a worker for one target.
#[derive(Debug)]
pub enum Answer {
    /// The step succeeded; the target is installed and verified.
    Done(Outcome),
    /// It has to be built, for this reason.
    MustBuild(String),
    /// The step failed.
    Failed(Error),
}

/// The work on targets. Its functions are called from many threads at once, but for one target
/// never from two.
pub trait Work: Send + Sync {
    /// Installs a target from any source except a build.
    fn acquire(&self, target: &Target) -> Answer;
    /// Builds a target whose needs are already installed. Never answers `MustBuild`.
    fn build(&self, target: &Target, reason: &str) -> Answer;
    /// Called for a target that will not be worked on, with the reason.
    fn skipped(&self, target: &Target, reason: &str);
}

/// The limits of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// The number of builds at once; `None` means one per core.
    pub jobs: Option<NonZeroUsize>,
    /// After a failure, go on with the targets that do not depend on it.
    pub keep_going: bool,
}

/// The number of checks and transfers at once, on a machine with this number of cores: one per core,
/// as each hashes and unpacks, but not only a few, as each also waits for the network and the disk.
/// The HTTP client has its own limit per host.
fn transfers(cores: NonZeroUsize) -> usize {
    cores.get().max(8)
}

/// The result of a run.
#[derive(Debug, Default)]
pub struct Ended {
    /// The outcome of each target that was worked on or skipped.
    pub outcomes: BTreeMap<Target, Outcome>,
    /// Every failure, in the order in which they happened.
    pub errors: Vec<(Target, Error)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Dormant,
    Queued,
    Acquiring,
    Awaiting { reason: String },
    Ready { reason: String },
    Building,
    Ended(Outcome),
}

struct Runner<'a> {
    plan: &'a Plan,
    states: BTreeMap<TargetId, State>,
    queued: VecDeque<TargetId>,
    ready: VecDeque<TargetId>,
    acquiring: usize,
    building: usize,
    stop: Option<String>,
    ended: Ended,
}

/// Runs a plan to its end; every goal gets an outcome. After a cancellation the running steps may
/// end, and the rest is skipped.
pub fn run(
    plan: &Plan,
    work: &Arc<dyn Work>,
    limits: Limits,
    runtime: &tokio::runtime::Handle,
    cancel: &Cancel,
) -> Ended {
    let (sender, answers) = mpsc::channel();
    let mut runner = Runner::new(plan);
    let builds = limits.jobs.unwrap_or_else(each::cores);
    let transfers = transfers(each::cores());
    loop {
        if cancel.signal().is_some() && runner.stop.is_none() {
            runner.stop = Some("interrupted".into());
        }
        runner.start(work, (builds, transfers), runtime, &sender);
        if runner.acquiring + runner.building == 0 {
            break;
        }
        // This can't fail, because this function itself holds a sender.
        let Ok((id, answer)) = answers.recv() else {
            break;
        };
        runner.handle_answer(id, answer, limits.keep_going, &**work);
    }
    runner.skip_rest(&**work);
    runner.ended
}

type Sender = mpsc::Sender<(TargetId, Answer)>;

impl<'a> Runner<'a> {
    fn new(plan: &'a Plan) -> Self {
        let mut runner = Self {
            plan,
            states: plan
                .ids()
                .into_iter()
                .map(|id| (id, State::Dormant))
                .collect(),
            queued: VecDeque::new(),
            ready: VecDeque::new(),
            acquiring: 0,
            building: 0,
            stop: None,
            ended: Ended::default(),
        };
        for id in plan.goals() {
            runner.set(id, State::Queued);
        }
        runner
    }

    /// Changes the state of a target. No other function changes a state.
    fn set(&mut self, id: TargetId, new: State) {
        use State::{Acquiring, Awaiting, Building, Dormant, Ended, Queued, Ready};
        let old = self.states.insert(id, new.clone()).unwrap_or(Dormant);
        match (&old, &new) {
            (Dormant, Queued) => self.queued.push_back(id),
            (Queued, Acquiring) => self.acquiring += 1,
            (Awaiting { .. }, Ready { .. }) => self.ready.push_back(id),
            (Ready { .. }, Building) => self.building += 1,
            (Acquiring, Awaiting { .. } | Ended(_)) => self.acquiring -= 1,
            (Building, Ended(_)) => self.building -= 1,
            (Queued | Awaiting { .. } | Ready { .. } | Dormant, Ended(_)) => {}
            _ => debug_assert!(false, "{}: {old:?} → {new:?}", self.plan.target(id)),
        }
        if let Ended(outcome) = new {
            self.ended
                .outcomes
                .insert(self.plan.target(id).clone(), outcome);
        }
    }

    fn start(
        &mut self,
        work: &Arc<dyn Work>,
        (builds, transfers): (NonZeroUsize, usize),
        runtime: &tokio::runtime::Handle,
        sender: &Sender,
    ) {
        while self.stop.is_none() && self.building < builds.get() {
            let Some(id) = self.ready.pop_front() else {
                break;
            };
            let Some(State::Ready { reason }) = self.states.get(&id).cloned() else {
                continue;
            };
            self.set(id, State::Building);
            let (work, target, sender) = (
                Arc::clone(work),
                self.plan.target(id).clone(),
                sender.clone(),
            );
            spawn(runtime, sender, id, move || work.build(&target, &reason));
        }
        while self.stop.is_none() && self.acquiring < transfers {
            let Some(id) = self.queued.pop_front() else {
                break;
            };
            self.set(id, State::Acquiring);
            let (work, target, sender) = (
                Arc::clone(work),
                self.plan.target(id).clone(),
                sender.clone(),
            );
            spawn(runtime, sender, id, move || work.acquire(&target));
        }
    }

    fn handle_answer(&mut self, id: TargetId, answer: Answer, keep_going: bool, work: &dyn Work) {
        match answer {
            Answer::Done(outcome) => self.set(id, State::Ended(outcome)),
            Answer::MustBuild(reason) => {
                self.set(id, State::Awaiting { reason });
                if self.stop.is_none() {
                    for need in self.plan.before_build(id) {
                        if self.states.get(&need) == Some(&State::Dormant) {
                            self.wake(need);
                        }
                    }
                }
            }
            Answer::Failed(error) => {
                let target = self.plan.target(id).clone();
                let interrupted = matches!(error.kind(), Kind::Interrupted(_));
                if self.stop.is_none() && interrupted {
                    self.stop = Some("interrupted".into());
                } else if self.stop.is_none() && !keep_going {
                    self.stop = Some(format!(
                        "not started, because {} failed; `--keep-going` continues",
                        target.name
                    ));
                }
                self.ended.errors.push((target, error));
                self.set(id, State::Ended(Outcome::Failed));
            }
        }
        self.advance_waiting(work);
    }

    /// Queues a dormant target and its `needs`.
    fn wake(&mut self, id: TargetId) {
        self.set(id, State::Queued);
        for need in self.plan.neighbours(id, crate::plan::Edge::Needs) {
            if self.states.get(&need) == Some(&State::Dormant) {
                self.wake(need);
            }
        }
    }

    /// Moves the targets that wait for needs: to `Ready` if all needs are done, or to skipped if a
    /// need failed.
    fn advance_waiting(&mut self, work: &dyn Work) {
        loop {
            let mut moved = false;
            let waiting: Vec<(TargetId, String)> = self
                .states
                .iter()
                .filter_map(|(id, state)| match state {
                    State::Awaiting { reason } => Some((*id, reason.clone())),
                    _ => None,
                })
                .collect();
            for (id, reason) in waiting {
                let needs = self.plan.before_build(id);
                let lost = needs.iter().find(|need| {
                    matches!(
                        self.states.get(need),
                        Some(State::Ended(Outcome::Failed | Outcome::Skipped))
                    )
                });
                if let Some(lost) = lost {
                    let text = format!(
                        "needs `{}`, which failed or was skipped",
                        self.plan.target(*lost).name
                    );
                    self.skip(id, &text, work);
                    moved = true;
                } else if needs
                    .iter()
                    .all(|need| matches!(self.states.get(need), Some(State::Ended(_))))
                {
                    self.set(id, State::Ready { reason });
                    moved = true;
                }
            }
            if !moved {
                return;
            }
        }
    }

    fn skip(&mut self, id: TargetId, reason: &str, work: &dyn Work) {
        work.skipped(self.plan.target(id), reason);
        self.set(id, State::Ended(Outcome::Skipped));
    }

    fn skip_rest(&mut self, work: &dyn Work) {
        let reason = self
            .stop
            .clone()
            .unwrap_or_else(|| "a need never became ready".into());
        for id in self.plan.ids() {
            match self.states.get(&id) {
                Some(State::Queued | State::Awaiting { .. } | State::Ready { .. }) => {
                    self.skip(id, &reason, work);
                }
                Some(State::Dormant | State::Acquiring | State::Building | State::Ended(_))
                | None => {}
            }
        }
    }
}

fn spawn(
    runtime: &tokio::runtime::Handle,
    sender: Sender,
    id: TargetId,
    work: impl FnOnce() -> Answer + Send + 'static,
) {
    runtime.spawn_blocking(move || {
        let start = Instant::now();
        // A panic in a step is a bug. It must fail that step and not block the run.
        let answer =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|_| {
                Answer::Failed(
                    Error::failed(format!(
                        "internal error after {:.1} s",
                        start.elapsed().as_secs_f64()
                    ))
                    .hint("this is a bug in larder: report it with the lines above"),
                )
            });
        // A failure is ignored: the receiver is dropped only after all steps ended.
        let _ = sender.send((id, answer));
    });
}
