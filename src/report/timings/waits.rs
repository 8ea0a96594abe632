//! What the steps of a run waited for: lanes, waits and the critical path.
//!
//! The runner hands a slot from one step to the next. A recording does not say which slot it was, so
//! each step is put into the lane of its kind whose last step ended most recently. The step before it
//! in that lane is then the one that it waited for, if it was ready earlier.

use std::collections::{BTreeMap, BTreeSet};

use super::timeline::{Known, Timeline, Wait, Why};
use larder_core::model::Target;
use larder_engine::events::Slot;

/// Puts every span into a lane of its kind. The lanes for acquiring come first.
pub(super) fn lanes(timeline: &mut Timeline) {
    let mut order: Vec<usize> = (0..timeline.spans.len()).collect();
    order.sort_by_key(|span| (timeline.spans[*span].start, *span));
    for slot in [Slot::Acquire, Slot::Build, Slot::Install] {
        // By the time at which the last span of each lane ended.
        let mut free: BTreeSet<(u64, usize)> = BTreeSet::new();
        for span in &order {
            let span = &mut timeline.spans[*span];
            if span.slot != slot {
                continue;
            }
            let lane = free.range(..=(span.start, usize::MAX)).next_back().copied();
            let lane = lane.map_or(timeline.lanes.len(), |used| {
                free.remove(&used);
                used.1
            });
            if lane == timeline.lanes.len() {
                timeline.lanes.push(slot);
            }
            span.lane = lane;
            free.insert((span.end, lane));
        }
    }
}

/// For each span the one before it in its lane.
fn predecessors(timeline: &Timeline) -> Vec<Option<usize>> {
    let mut order: Vec<usize> = (0..timeline.spans.len()).collect();
    order.sort_by_key(|span| (timeline.spans[*span].start, *span));
    let mut last: Vec<Option<usize>> = vec![None; timeline.lanes.len()];
    let mut before = vec![None; timeline.spans.len()];
    for span in order {
        before[span] = last[timeline.spans[span].lane].replace(span);
    }
    before
}

/// When each target that is not a goal was woken, and by which span.
fn woken(known: &Known) -> BTreeMap<&Target, (u64, usize)> {
    let mut by_time: Vec<(&Target, (u64, usize))> = known
        .awaits
        .iter()
        .map(|(target, by)| (target, *by))
        .collect();
    by_time.sort_by_key(|(_, by)| *by);
    let mut woken = BTreeMap::new();
    for (target, by) in by_time {
        let Some(planned) = known.planned.get(target) else {
            continue;
        };
        let mut waking: Vec<&Target> = planned.needs.iter().chain(&planned.build_needs).collect();
        while let Some(need) = waking.pop() {
            let Some(planned) = known.planned.get(need) else {
                continue;
            };
            if !planned.is_goal && !woken.contains_key(&planned.target) {
                woken.insert(&planned.target, by);
                waking.extend(&planned.needs);
            }
        }
    }
    woken
}

/// Finds what each span had waited for.
pub(super) fn find(timeline: &mut Timeline, known: &Known) {
    let before = predecessors(timeline);
    let woken = woken(known);
    for (number, before) in before.into_iter().enumerate() {
        let span = &timeline.spans[number];
        let (mut waits, start) = (Vec::new(), span.start);
        let ready = match span.slot {
            Slot::Acquire => woken
                .get(&span.target)
                .map_or(timeline.loaded, |(at, _)| *at),
            Slot::Install => start,
            Slot::Build => {
                let since = known.awaits.get(&span.target).map_or(start, |(at, _)| *at);
                let planned = known.planned.get(&span.target);
                let needs = planned
                    .into_iter()
                    .flat_map(|p| p.needs.iter().chain(&p.build_needs));
                let on: Vec<usize> = needs
                    .filter_map(|need| known.last.get(need).copied())
                    .filter(|need| (since + 1..=start).contains(&timeline.spans[*need].end))
                    .collect();
                let ends = on.iter().map(|need| timeline.spans[*need].end);
                let ready = ends.max().unwrap_or(since);
                if !on.is_empty() {
                    waits.push(Wait {
                        why: Why::Needs,
                        start: since,
                        end: ready,
                        on,
                    });
                }
                ready
            }
        };
        if let Some(earlier) = before
            && timeline.spans[earlier].end > ready
        {
            waits.push(Wait {
                why: Why::Slot,
                start: ready,
                end: start,
                on: vec![earlier],
            });
        }
        timeline.spans[number].waits = waits;
    }
}

/// The spans that decided how long the run took: from the one that ended last back to the one that
/// waited for nothing.
pub(super) fn critical(timeline: &Timeline, known: &Known) -> Vec<usize> {
    let woken = woken(known);
    let spans = &timeline.spans;
    let mut at = (0..spans.len()).max_by_key(|span| (spans[*span].end, *span));
    let mut path = Vec::new();
    while let Some(number) = at {
        if path.len() == spans.len() {
            break;
        }
        path.push(number);
        let span = &spans[number];
        let last_wait = span.waits.last();
        let waited_for =
            last_wait.and_then(|wait| wait.on.iter().copied().max_by_key(|on| spans[*on].end));
        at = waited_for.or_else(|| match span.slot {
            Slot::Build => known.awaits.get(&span.target).map(|(_, by)| *by),
            Slot::Acquire => woken.get(&span.target).map(|(_, by)| *by),
            Slot::Install => known.built.get(&span.target).copied(),
        });
        // A span can only wait for what began earlier; equal times of a coarse clock end the path.
        at = at.filter(|next| spans[*next].start < span.start || *next < number);
    }
    path.reverse();
    path
}
