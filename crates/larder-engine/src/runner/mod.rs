//! The runner: runs a plan. Targets run in parallel; builds and transfers have separate limits; the
//! needs of a build are acquired only if the build really happens.
//!
//! # The states of a target
//!
//! ```text
//!          wake            start            must build         needs are done       start               built
//! Dormant ───────▶ Queued ───────▶ Acquiring ──────────▶ Awaiting ──────────▶ Ready ───────▶ Building ───────▶ Installing
//!                     │                │ done, failed        │ a need failed      │              │ done, failed     │
//!                     └── stopped ─────┴─────────▶ Ended ◀───┴───── stopped ──────┴──────────────┴──────────────────┘
//! ```
//!
//! A build on another machine has a limit of its own. If that machine can't be reached, the target
//! is `Ready` again, for this machine.
//!
//! A goal starts as `Queued`. A target that only a build would need starts as `Dormant`, and the
//! first build that really happens wakes it. A target is `Installing` when its commands have ended and it only waits for the
//! disk; then another build starts, and the disk is flushed for several of them at once. One thread (the one that called [`run`]) owns all
//! states. `Runner::set` is the only function that changes a state, and a debug
//! assertion rejects every transition that is not in the diagram. Workers own no state: they receive a target and send back an answer.
//!
//! # What a run costs
//!
//! A target that has to be built counts the needs that have not ended yet, and each of those knows who waits for it. When a
//! target ends, only those who wait for it are visited. So a run visits each edge of the plan at most three times
//! ([`Ended::visits`]): when the target must be built, when its need is woken, and when the need ends. Nothing looks at all
//! targets, except the beginning and the end of the run.
//!
//! The runner does not know what acquiring or building means, nor how anything is shown.

pub mod each;
#[cfg(test)]
mod laws;
mod step;

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc;

use crate::plan::{Plan, TargetId};
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Kind};
use larder_core::model::{Outcome, Target};
use step::{Message, Sender, spawn};

/// The answer of a worker for one target.
#[derive(Debug)]
pub enum Answer {
    /// The step succeeded; the target is installed and verified.
    Done(Outcome),
    /// It has to be built, for this reason.
    MustBuild(String),
    /// Another machine could not build it, so this one has to. Only a build that was remote may
    /// answer so.
    BuildHere(String),
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
    /// Builds a target as [`Self::build`] does. It may call `built` when nothing of the build runs any
    /// more and only its installation waits for the disk, so that another build starts.
    fn build_and_install(&self, target: &Target, reason: &str, built: &dyn Fn()) -> Answer {
        let _ = built;
        self.build(target, reason)
    }
    /// Whether another machine builds a target, so that its build takes nothing of this one.
    fn is_remote(&self, target: &Target) -> bool {
        let _ = target;
        false
    }
    /// Called for a target that will not be worked on, with the reason.
    fn skipped(&self, target: &Target, reason: &str);
}

/// The limits of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// The number of builds at once; `None` means one per core.
    pub jobs: Option<NonZeroUsize>,
    /// The number of builds at once on other machines.
    pub remote: usize,
    /// After a failure, go on with the targets that do not depend on it.
    pub keep_going: bool,
}

/// The number of checks and transfers at once, on a machine with this number of cores: one per core,
/// as each hashes and unpacks, but not only a few, as each also waits for the network and the disk.
/// The HTTP client has its own limit per host.
fn transfers(cores: NonZeroUsize) -> usize {
    cores.get().max(8)
}

/// The number of builds that wait for the disk at once. Each has some open files.
const INSTALLATIONS: usize = 32;

/// The result of a run.
#[derive(Debug, Default)]
pub struct Ended {
    /// The outcome of each target that was worked on or skipped, in the order in which they ended.
    pub outcomes: Vec<(Target, Outcome)>,
    /// Every failure, in the order in which they happened.
    pub errors: Vec<(Target, Error)>,
    /// How often an edge of the plan was looked at.
    pub visits: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Dormant,
    Queued,
    Acquiring,
    Awaiting,
    Ready,
    Building,
    Installing,
    Ended(Outcome),
}

impl State {
    /// Whether whoever needs the target can't be built any more.
    fn is_lost(self) -> bool {
        matches!(self, Self::Ended(Outcome::Failed | Outcome::Skipped))
    }
}

/// What is known of a target.
struct Node {
    state: State,
    /// Why it has to be built, while it is `Awaiting` or `Ready`.
    reason: String,
    /// How many of its needs have not ended, while it is `Awaiting`.
    missing: usize,
    /// The targets that count it among the missing ones.
    waiting: Vec<TargetId>,
    /// Whether another machine builds it, from `Ready` on.
    is_remote: bool,
}

struct Runner<'a> {
    plan: &'a Plan,
    /// By the number of the id.
    nodes: Vec<Node>,
    queued: VecDeque<TargetId>,
    ready: VecDeque<TargetId>,
    ready_remote: VecDeque<TargetId>,
    acquiring: usize,
    building: usize,
    building_remote: usize,
    installing: usize,
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
    let room = Room {
        builds: limits.jobs.unwrap_or_else(each::cores).get(),
        remote: limits.remote,
        transfers: transfers(each::cores()),
    };
    loop {
        if cancel.signal().is_some() && runner.stop.is_none() {
            runner.stop = Some("interrupted".into());
        }
        runner.start(work, room, runtime, &sender);
        if runner.active() == 0 {
            break;
        }
        // This can't fail, because this function itself holds a sender.
        let Ok(first) = answers.recv() else {
            break;
        };
        // All that have come meanwhile are handled before new steps start.
        for (id, message) in std::iter::once(first).chain(answers.try_iter()) {
            match message {
                Message::Built if runner.state(id) == State::Building => {
                    runner.set(id, State::Installing);
                }
                Message::Built => {}
                Message::Answer(answer) => {
                    runner.handle_answer(id, answer, limits.keep_going, &**work);
                }
            }
        }
    }
    runner.skip_rest(&**work);
    runner.ended
}

/// How many steps of a kind run at once.
#[derive(Clone, Copy)]
struct Room {
    builds: usize,
    remote: usize,
    transfers: usize,
}

impl<'a> Runner<'a> {
    fn new(plan: &'a Plan) -> Self {
        let dormant = || Node {
            state: State::Dormant,
            reason: String::new(),
            missing: 0,
            waiting: Vec::new(),
            is_remote: false,
        };
        let mut runner = Self {
            plan,
            nodes: std::iter::repeat_with(dormant).take(plan.len()).collect(),
            queued: VecDeque::new(),
            ready: VecDeque::new(),
            ready_remote: VecDeque::new(),
            acquiring: 0,
            building: 0,
            building_remote: 0,
            installing: 0,
            stop: None,
            ended: Ended::default(),
        };
        for id in plan.goals() {
            runner.set(id, State::Queued);
        }
        runner
    }

    /// The number of steps that run.
    fn active(&self) -> usize {
        self.acquiring + self.building + self.building_remote + self.installing
    }

    /// The number of builds where a target is built.
    fn building(&mut self, id: TargetId) -> &mut usize {
        if self.nodes[id.0].is_remote {
            &mut self.building_remote
        } else {
            &mut self.building
        }
    }

    /// Makes a target whose needs are done `Ready`, for another machine or for this one.
    fn ready(&mut self, id: TargetId, work: &dyn Work) {
        self.nodes[id.0].is_remote = work.is_remote(self.plan.target(id));
        self.set(id, State::Ready);
    }

    fn state(&self, id: TargetId) -> State {
        self.nodes[id.0].state
    }

    /// Changes the state of a target. No other function changes a state.
    fn set(&mut self, id: TargetId, new: State) {
        use State::{Acquiring, Awaiting, Building, Dormant, Ended, Installing, Queued, Ready};
        let old = std::mem::replace(&mut self.nodes[id.0].state, new);
        match (old, new) {
            (Dormant, Queued) => self.queued.push_back(id),
            (Queued, Acquiring) => self.acquiring += 1,
            (Awaiting, Ready) if self.nodes[id.0].is_remote => self.ready_remote.push_back(id),
            (Awaiting, Ready) => self.ready.push_back(id),
            (Ready, Building) => *self.building(id) += 1,
            (Building, Ready) => {
                *self.building(id) -= 1;
                self.nodes[id.0].is_remote = false;
                self.ready.push_back(id);
            }
            (Acquiring, Awaiting | Ended(_)) => self.acquiring -= 1,
            (Building, Installing) => {
                *self.building(id) -= 1;
                self.installing += 1;
            }
            (Building, Ended(_)) => *self.building(id) -= 1,
            (Installing, Ended(_)) => self.installing -= 1,
            (Queued | Awaiting | Ready | Dormant, Ended(_)) => {}
            _ => debug_assert!(false, "{}: {old:?} → {new:?}", self.plan.target(id)),
        }
        if let Ended(outcome) = new {
            let target = self.plan.target(id).clone();
            self.ended.outcomes.push((target, outcome));
        }
    }

    fn start(
        &mut self,
        work: &Arc<dyn Work>,
        room: Room,
        runtime: &tokio::runtime::Handle,
        sender: &Sender,
    ) {
        while self.stop.is_none() && self.installing < INSTALLATIONS {
            let here = (self.building < room.builds).then(|| self.ready.pop_front());
            let id = here.flatten().or_else(|| {
                let is_free = self.building_remote < room.remote;
                is_free.then(|| self.ready_remote.pop_front()).flatten()
            });
            let Some(id) = id else {
                break;
            };
            if self.state(id) != State::Ready {
                continue;
            }
            // That machine may have become unreachable while the target waited for a place there.
            if self.nodes[id.0].is_remote && !work.is_remote(self.plan.target(id)) {
                self.nodes[id.0].is_remote = false;
                self.ready.push_back(id);
                continue;
            }
            self.set(id, State::Building);
            let reason = std::mem::take(&mut self.nodes[id.0].reason);
            let (work, target, sender) = (
                Arc::clone(work),
                self.plan.target(id).clone(),
                sender.clone(),
            );
            let built = sender.clone();
            spawn(runtime, sender, id, move || {
                // A failure is ignored: the receiver is dropped only after all steps ended.
                work.build_and_install(&target, &reason, &|| drop(built.send((id, Message::Built))))
            });
        }
        while self.stop.is_none() && self.acquiring < room.transfers {
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
                self.set(id, State::Awaiting);
                self.nodes[id.0].reason = reason;
                self.await_needs(id, work);
            }
            Answer::BuildHere(reason) => {
                self.nodes[id.0].reason = reason;
                self.set(id, State::Ready);
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
        self.advance_waiting(id, work);
    }

    /// Counts the needs of a target that has to be built, and wakes those that are dormant. If none
    /// is missing it is `Ready`; if one failed or was skipped, so is the target.
    fn await_needs(&mut self, id: TargetId, work: &dyn Work) {
        let (plan, mut lost) = (self.plan, None);
        for need in plan.before_build(id) {
            self.ended.visits += 1;
            match self.state(need) {
                state if state.is_lost() => lost = Some(lost.map_or(need, |lost| need.min(lost))),
                State::Ended(_) => {}
                state => {
                    self.nodes[id.0].missing += 1;
                    self.nodes[need.0].waiting.push(id);
                    if state == State::Dormant && self.stop.is_none() {
                        self.wake(need);
                    }
                }
            }
        }
        if let Some(lost) = lost {
            self.lose(id, lost, work);
        } else if self.nodes[id.0].missing == 0 {
            self.ready(id, work);
        }
    }

    /// Queues a dormant target and its `needs`. Not recursive, because a chain of needs can be long.
    fn wake(&mut self, id: TargetId) {
        let plan = self.plan;
        let mut dormant = vec![id];
        while let Some(id) = dormant.pop() {
            if self.state(id) == State::Dormant {
                self.set(id, State::Queued);
                let needs = plan.needs(id);
                self.ended.visits += needs.len();
                dormant.extend(needs.iter().rev());
            }
        }
    }

    /// If a target has ended, moves those that wait for it: to `Ready` if it was the last of their
    /// needs, or to skipped if it failed or was skipped. What is skipped has ended, too.
    fn advance_waiting(&mut self, id: TargetId, work: &dyn Work) {
        let mut ended = VecDeque::from([id]);
        while let Some(need) = ended.pop_front() {
            let State::Ended(_) = self.state(need) else {
                continue;
            };
            // In the order of the plan, however the answers came.
            let mut waiting = std::mem::take(&mut self.nodes[need.0].waiting);
            waiting.sort_unstable();
            self.ended.visits += waiting.len();
            for id in waiting {
                if self.state(id) != State::Awaiting {
                    continue;
                }
                if self.state(need).is_lost() {
                    self.lose(id, need, work);
                    ended.push_back(id);
                    continue;
                }
                let missing = &mut self.nodes[id.0].missing;
                *missing -= 1;
                if *missing == 0 {
                    self.ready(id, work);
                }
            }
        }
    }

    /// Skips a target that can't be built without a need.
    fn lose(&mut self, id: TargetId, need: TargetId, work: &dyn Work) {
        let need = &self.plan.target(need).name;
        let text = format!("needs `{need}`, which failed or was skipped");
        self.skip(id, &text, work);
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
            match self.state(id) {
                State::Queued | State::Awaiting | State::Ready => self.skip(id, &reason, work),
                State::Dormant
                | State::Acquiring
                | State::Building
                | State::Installing
                | State::Ended(_) => {}
            }
        }
    }
}
