//! The recording of a run: every event with the time at which it happened, and what only a recording
//! needs to know. A run is recorded only if somebody asks; otherwise nothing here costs anything.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use super::{Event, Events};
use crate::plan::{Edge, Plan};
use larder_core::model::Target;

/// The slots of the runner: so many steps of each kind run at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// Checks and transfers.
    Acquire,
    /// Builds.
    Build,
    /// Installing and releasing what was built.
    Install,
}

/// A target that a run may work on.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The target.
    pub target: Target,
    /// Whether it is worked on in any case; otherwise only if a build needs it.
    pub is_goal: bool,
    /// What is ensured along with it.
    pub needs: Vec<Target>,
    /// What else its build needs.
    pub build_needs: Vec<Target>,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum What {
    /// The run begins to work on these targets.
    Planned(Vec<Planned>),
    /// A step takes a slot.
    Takes(Target, Slot),
    /// A step gives its slot back, because it has to be built, and first its needs are ensured.
    Awaits(Target),
    /// An event that is also shown.
    Event(Event),
}

/// What happened, and when.
#[derive(Clone, Debug)]
pub struct Moment {
    /// When it happened.
    pub at: Instant,
    /// What it was.
    pub what: What,
}

impl Moment {
    /// Something that happens now.
    pub fn now(what: What) -> Self {
        let at = Instant::now();
        Self { at, what }
    }
}

/// The sender of a recording.
pub(super) type Recording = Sender<Moment>;

impl Events {
    /// The same sender, whose events are also recorded.
    #[must_use]
    pub fn recorded(self) -> (Self, Receiver<Moment>) {
        let (recording, moments) = channel();
        let recording = Some(recording);
        (Self { recording, ..self }, moments)
    }

    /// Records what is not shown.
    pub fn record(&self, what: impl FnOnce() -> What) {
        if let Some(recording) = &self.recording {
            // A failure is ignored: if the receiver was dropped, nothing is recorded any more.
            let _ = recording.send(Moment::now(what()));
        }
    }

    /// Records the targets of a plan.
    pub fn record_plan(&self, plan: &Plan) {
        let targets = |id, edge| {
            let found = plan.neighbours(id, edge).into_iter();
            found.map(|id| plan.target(id).clone()).collect()
        };
        self.record(|| {
            let planned = plan.ids().into_iter().map(|id| Planned {
                target: plan.target(id).clone(),
                is_goal: plan.is_goal(id),
                needs: targets(id, Edge::Needs),
                build_needs: targets(id, Edge::BuildNeeds),
            });
            What::Planned(planned.collect())
        });
    }

    /// Records an event that is shown. What builds print is not recorded.
    pub(super) fn record_event(&self, event: &Event) {
        if !matches!(event, Event::Output { .. } | Event::Note { .. }) {
            self.record(|| What::Event(event.clone()));
        }
    }
}
