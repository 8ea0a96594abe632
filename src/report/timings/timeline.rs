//! The timeline of a recorded run: which step held which slot from when to when, in which phases,
//! and what it had waited for. All times are microseconds since the start of the run.

use std::collections::BTreeMap;
use std::time::Instant;

use super::record::Recorded;
use super::waits;
use larder_core::model::{Action, Outcome, Target, Version};
use larder_engine::events::{Event, Finished, Moment, Phase, Planned, Slot, What};

/// A run as a whole.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// The work of the steps, by the time at which it began.
    pub spans: Vec<Span>,
    /// The steps, in the order in which they ended.
    pub steps: Vec<Step>,
    /// The lanes: the slots that were in use. A span names its lane by its place in this list.
    pub lanes: Vec<Slot>,
    /// The spans that decided how long the run took, the first one first.
    pub critical: Vec<usize>,
    /// When the first step could begin: the project was loaded.
    pub loaded: u64,
    /// When the last step had ended.
    pub worked: u64,
    /// When the run ended.
    pub ended: u64,
    /// The share of the machine's processors that was busy up to a time.
    pub busy: Vec<(u64, f64)>,
}

/// The time in which a target held a slot.
#[derive(Clone, Debug)]
pub struct Span {
    /// The target.
    pub target: Target,
    /// Its version, as far as it is known.
    pub version: Option<Version>,
    /// The kind of slot.
    pub slot: Slot,
    /// The lane.
    pub lane: usize,
    /// When it began.
    pub start: u64,
    /// When it ended.
    pub end: u64,
    /// What it did, one after the other, without gaps.
    pub phases: Vec<PhaseSpan>,
    /// How the step ended; `None` if this span only found that the target has to be built.
    pub outcome: Option<Outcome>,
    /// What the step had waited for before.
    pub waits: Vec<Wait>,
    /// Whether its last phase has not ended.
    is_open: bool,
}

/// One phase of a span.
#[derive(Clone, Debug)]
pub struct PhaseSpan {
    /// The phase.
    pub phase: Phase,
    /// When it began.
    pub start: u64,
    /// When it ended.
    pub end: u64,
    /// The bytes that were transferred in it.
    pub bytes: u64,
}

/// A step that ended.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its result.
    pub finished: Finished,
    /// When it ended.
    pub end: u64,
    /// The span in which it ended, if it held a slot at all.
    pub span: Option<usize>,
}

/// What a step waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The needs of its build.
    Needs,
    /// A free slot.
    Slot,
}

/// A time in which a step waited.
#[derive(Clone, Debug)]
pub struct Wait {
    /// What it waited for.
    pub why: Why,
    /// Since when.
    pub start: u64,
    /// Until when.
    pub end: u64,
    /// The spans whose end it waited for.
    pub on: Vec<usize>,
}

/// What is known about a run while its moments are read.
#[derive(Default)]
pub(super) struct Known {
    pub planned: BTreeMap<Target, Planned>,
    /// When a target was found to need a build, and the span that found it.
    pub awaits: BTreeMap<Target, (u64, usize)>,
    /// The span of the build of each target that is being installed.
    pub built: BTreeMap<Target, usize>,
    /// The last span of each target.
    pub last: BTreeMap<Target, usize>,
}

impl Timeline {
    /// The timeline of a run that started at a time.
    pub fn new(recorded: Recorded, started: Instant) -> Self {
        let since = |at: Instant| micros(at.saturating_duration_since(started));
        let Recorded { mut moments, busy } = recorded;
        // Several threads send, so what is received may be slightly out of order.
        moments.sort_by_key(|moment| moment.at);
        let mut timeline = Self::default();
        let mut known = Known::default();
        for Moment { at, what } in moments {
            let at = since(at);
            timeline.ended = at.max(timeline.ended);
            timeline.add(at, what, &mut known);
        }
        timeline.busy = busy
            .into_iter()
            .map(|(at, share)| (since(at), share))
            .collect();
        timeline.close(&known);
        waits::lanes(&mut timeline);
        waits::find(&mut timeline, &known);
        timeline.critical = waits::critical(&timeline, &known);
        timeline
    }

    fn add(&mut self, at: u64, what: What, known: &mut Known) {
        match what {
            What::Planned(planned) => {
                self.loaded = at;
                known.planned = planned.into_iter().map(|p| (p.target.clone(), p)).collect();
            }
            What::Takes(target, slot) => {
                if slot == Slot::Install
                    && let Some(&build) = known.last.get(&target)
                {
                    self.spans[build].end_at(at);
                    self.spans[build].outcome = Some(Outcome::Built);
                    known.built.insert(target.clone(), build);
                }
                known.last.insert(target.clone(), self.spans.len());
                let phase = match slot {
                    Slot::Install => Phase::Installing,
                    Slot::Acquire | Slot::Build => Phase::Checking,
                };
                self.spans.push(Span {
                    target,
                    version: None,
                    slot,
                    lane: 0,
                    start: at,
                    end: at,
                    phases: vec![PhaseSpan::new(phase, at)],
                    outcome: None,
                    waits: Vec::new(),
                    is_open: true,
                });
            }
            What::Awaits(target) => {
                if let Some(&span) = known.last.get(&target) {
                    self.spans[span].end_at(at);
                    known.awaits.insert(target, (at, span));
                }
            }
            What::Event(Event::Phase { target, phase, .. }) => {
                if let Some(&span) = known.last.get(&target) {
                    self.spans[span].enter(phase, at);
                }
            }
            What::Event(Event::Progress { target, bytes }) => {
                if let Some(&span) = known.last.get(&target)
                    && let Some(phase) = self.spans[span].phases.last_mut()
                {
                    phase.bytes = phase.bytes.max(bytes);
                }
            }
            What::Event(Event::Finished(finished)) => {
                let span = known.last.get(&finished.target).copied();
                if let Some(span) = span {
                    let span = &mut self.spans[span];
                    span.finish(&finished, at);
                    self.worked = at;
                }
                self.steps.push(Step {
                    finished,
                    end: at,
                    span,
                });
            }
            What::Event(Event::Summary(_)) => self.ended = at,
            What::Event(_) => {}
        }
    }

    /// Ends what an interrupted run left open, and tells every span the version of its target.
    fn close(&mut self, known: &Known) {
        let versions: BTreeMap<&Target, &Version> = self
            .steps
            .iter()
            .map(|step| (&step.finished.target, &step.finished.version))
            .collect();
        for (number, span) in self.spans.iter_mut().enumerate() {
            span.version = versions.get(&span.target).map(|version| (*version).clone());
            let is_open = known.last.get(&span.target) == Some(&number) && span.outcome.is_none();
            let has_waited = known
                .awaits
                .get(&span.target)
                .is_some_and(|(_, found)| *found == number);
            if is_open && !has_waited {
                span.end_at(self.ended);
            }
        }
        self.worked = self.worked.max(self.loaded);
        self.ended = self.ended.max(self.worked);
    }
}

impl Timeline {
    /// The phases of the run as a whole: their names, starts and ends.
    pub fn run_phases(&self) -> [(&'static str, u64, u64); 3] {
        [
            ("reading the project", 0, self.loaded),
            ("steps", self.loaded, self.worked),
            ("recording the state", self.worked, self.ended),
        ]
    }

    /// How many slots of each kind were in use from a time on.
    pub fn running(&self) -> Vec<(u64, [i64; 3])> {
        let mut changes: BTreeMap<u64, [i64; 3]> = BTreeMap::new();
        for span in &self.spans {
            changes.entry(span.start).or_default()[span.slot as usize] += 1;
            changes.entry(span.end).or_default()[span.slot as usize] -= 1;
        }
        let mut now = [0; 3];
        let count = |(at, change): (u64, [i64; 3])| {
            for (now, change) in now.iter_mut().zip(change) {
                *now += change;
            }
            (at, now)
        };
        changes.into_iter().map(count).collect()
    }
}

impl PhaseSpan {
    fn new(phase: Phase, at: u64) -> Self {
        Self {
            phase,
            start: at,
            end: at,
            bytes: 0,
        }
    }
}

impl Span {
    /// Ends the span at a time, with its last phase.
    fn end_at(&mut self, at: u64) {
        self.end = at;
        self.is_open = false;
        if let Some(phase) = self.phases.last_mut() {
            phase.end = at;
        }
        self.phases
            .retain(|phase| phase.end > phase.start || phase.bytes > 0);
    }

    /// Begins a phase. After a result it begins where that ended: a release follows its build.
    fn enter(&mut self, phase: Phase, at: u64) {
        let start = if self.is_open { at } else { self.end };
        self.is_open = true;
        if let Some(last) = self.phases.last_mut() {
            last.end = start;
            let is_empty = last.bytes == 0 && last.end == last.start;
            if last.phase == phase && last.bytes == 0 {
                return;
            }
            if is_empty {
                self.phases.pop();
            }
        }
        self.phases.push(PhaseSpan::new(phase, start));
    }

    /// Notes the result of a step.
    fn finish(&mut self, finished: &Finished, at: u64) {
        if !self.is_open {
            self.enter(Phase::Uploading, at);
        }
        self.end_at(at);
        if finished.action == Action::Ensure {
            self.outcome = Some(finished.outcome);
        }
    }
}

/// A duration in whole microseconds.
pub(super) fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
