//! Runs a plan: targets in parallel, builds and transfers under limits of their own, needs of a build only when it happens.
//!
//! # How a target goes
//!
//! ```text
//!             wake                start               must build            needs are there        start
//! Dormant ───────────▶ Queued ───────────▶ Acquiring ───────────▶ Awaiting ───────────▶ Ready ───────────▶ Building
//!                        │                    │ present, failed      │ a need failed      │                   │
//!                        └─── stopped ────────┴──────────▶ Ended ◀───┴────── stopped ─────┴───────────────────┘
//! ```
//!
//! A goal starts out `Queued`; a target that only a build would need starts out `Dormant` and is woken by the first build that
//! really happens. One task (the one that called [`run`]) owns every state; `Runner::set` is the only place that changes
//! one, and refuses what the drawing does not show. Workers own nothing: they get a target and send back an answer.
//!
//! Nothing here knows what acquiring or building means, nor how anything is shown.

pub mod each;

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Instant;

use crate::plan::{Plan, TargetId};
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Kind};
use larder_core::model::{Outcome, Target};

/// What a worker knows of a target when it is through.
#[derive(Debug)]
pub enum Answer {
    /// It is present and right.
    Done(Outcome),
    /// It has to be built; the text says why.
    MustBuild(String),
    /// It failed.
    Failed(Error),
}

/// The work on targets. Called from many threads at once, each target by one at a time.
pub trait Work: Send + Sync {
    /// Makes a target present without building it.
    fn acquire(&self, target: &Target) -> Answer;
    /// Builds a target, whose needs are there; never answers `MustBuild`.
    fn build(&self, target: &Target, reason: &str) -> Answer;
    /// Hears of a target that will not be worked on.
    fn skipped(&self, target: &Target, reason: &str);
}

/// How a run is limited.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Builds at once; `None` means one per core.
    pub jobs: Option<NonZeroUsize>,
    /// Go on with what does not depend on a failure.
    pub keep_going: bool,
}

/// Checks and transfers at once; the HTTP client has a limit per host of its own.
const TRANSFERS: usize = 8;

/// How a run ended.
#[derive(Debug, Default)]
pub struct Ended {
    /// How each target that was worked on or skipped ended.
    pub outcomes: BTreeMap<Target, Outcome>,
    /// Every failure, in the order they happened.
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

/// Runs a plan to its end: every goal ends as something. Cancelling lets running steps end, the rest is skipped.
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
    loop {
        if cancel.signal().is_some() && runner.stop.is_none() {
            runner.stop = Some("interrupted".into());
        }
        runner.start(work, builds, runtime, &sender);
        if runner.acquiring + runner.building == 0 {
            break;
        }
        // The runner holds a sender, so this only fails when every worker is gone, which none can be.
        let Ok((id, answer)) = answers.recv() else {
            break;
        };
        runner.take(id, answer, limits.keep_going, &**work);
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

    /// The one place where a state changes.
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
        builds: NonZeroUsize,
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
        while self.stop.is_none() && self.acquiring < TRANSFERS {
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

    fn take(&mut self, id: TargetId, answer: Answer, keep_going: bool, work: &dyn Work) {
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
                    self.stop = Some(format!("not started: {} failed", target.name));
                }
                self.ended.errors.push((target, error));
                self.set(id, State::Ended(Outcome::Failed));
            }
        }
        self.settle(work);
    }

    /// Queues a dormant target and what it needs along with it.
    fn wake(&mut self, id: TargetId) {
        self.set(id, State::Queued);
        for need in self.plan.neighbours(id, crate::plan::Edge::Needs) {
            if self.states.get(&need) == Some(&State::Dormant) {
                self.wake(need);
            }
        }
    }

    /// Moves on whoever waited for needs that are there now, or can't come any more.
    fn settle(&mut self, work: &dyn Work) {
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
                        "needs `{}`, which is not there",
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
        // A panic in a step is a bug; it must fail that step, not hang the run.
        let answer =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|_| {
                Answer::Failed(
                    Error::failed(format!(
                        "internal error after {:.1} s",
                        start.elapsed().as_secs_f64()
                    ))
                    .hint("this is a bug in larder: please report it with the lines above"),
                )
            });
        // The receiver only goes when nothing is running any more.
        let _ = sender.send((id, answer));
    });
}
