//! The trace of a run in Chrome's trace format, which Chrome, Perfetto and others read:
//! <https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU>.
//!
//! Each lane is a thread. A span is a complete event (`X`) with its phases inside, the end of a need
//! and the build that waited for it are connected by a flow (`s`, `f`), and counters (`C`) show how
//! many steps ran and how busy the processors were.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::timeline::{Span, Timeline, Why};
use super::{Heading, phase_words, slot_word};
use crate::report::text::Redactor;
use crate::report::views::FinishedLine;
use larder_core::model::Platform;

/// The process of all events, and the thread of the run itself. Lanes follow it.
const PROCESS: u32 = 1;
const RUN: usize = 0;

pub(super) fn trace(timeline: &Timeline, heading: &Heading, redactor: &Redactor) -> String {
    let mut events = vec![
        metadata("process_name", RUN, &json!({"name": heading.command})),
        metadata("thread_name", RUN, &json!({"name": "larder"})),
        metadata("thread_sort_index", RUN, &json!({"sort_index": RUN})),
    ];
    let mut numbers = [0; 3];
    for (lane, slot) in timeline.lanes.iter().enumerate() {
        let number = &mut numbers[*slot as usize];
        *number += 1;
        let name = format!("{} {number}", slot_word(*slot));
        events.push(metadata("thread_name", lane + 1, &json!({"name": name})));
        let index = json!({"sort_index": lane + 1});
        events.push(metadata("thread_sort_index", lane + 1, &index));
    }
    for (name, start, end) in timeline.run_phases() {
        events.push(complete(name, "run", RUN, (start, end), &json!({})));
    }
    for (number, span) in timeline.spans.iter().enumerate() {
        events.extend(span_events(timeline, number, span, redactor));
    }
    for (at, running) in timeline.running() {
        let args = json!({"acquire": running[0], "build": running[1], "install": running[2]});
        events.push(
            json!({"ph": "C", "name": "steps", "pid": PROCESS, "tid": RUN, "ts": at, "args": args}),
        );
    }
    for (at, share) in &timeline.busy {
        let args = json!({"busy": (share * 100.0).round()});
        events.push(json!({"ph": "C", "name": "processors, percent", "pid": PROCESS, "tid": RUN, "ts": at, "args": args}));
    }
    let steps: Vec<FinishedLine> = timeline
        .steps
        .iter()
        .map(|step| FinishedLine::new(&step.finished, redactor))
        .collect();
    // Readers of the format ignore what they do not know. The steps here are those of `--json`.
    json!({"displayTimeUnit": "ms", "traceEvents": events, "otherData": heading, "steps": steps})
        .to_string()
}

fn metadata(name: &str, thread: usize, args: &Value) -> Value {
    json!({"ph": "M", "name": name, "pid": PROCESS, "tid": thread, "ts": 0, "args": args})
}

fn complete(
    name: &str,
    category: &str,
    thread: usize,
    (start, end): (u64, u64),
    args: &Value,
) -> Value {
    json!({
        "ph": "X", "name": name, "cat": category, "pid": PROCESS, "tid": thread,
        "ts": start, "dur": end - start, "args": args,
    })
}

/// The name of a span: the subsystem, its version, and its platform if that is not the host's.
pub(super) fn label(span: &Span, host: &str) -> String {
    let mut label = span.target.name.to_string();
    if let Some(version) = &span.version {
        let _ = write!(label, " {version}");
    }
    let platform: Platform = span.target.platform;
    if platform.to_string() != host {
        let _ = write!(label, " ({platform})");
    }
    label
}

fn span_events(timeline: &Timeline, number: usize, span: &Span, redactor: &Redactor) -> Vec<Value> {
    let host = Platform::host().to_string();
    let name = |span: &Span| redactor.clean_line(&label(span, &host));
    let thread = span.lane + 1;
    let waited: Vec<Value> = span
        .waits
        .iter()
        .map(|wait| {
            let on: Vec<String> = wait
                .on
                .iter()
                .map(|on| name(&timeline.spans[*on]))
                .collect();
            let why = match wait.why {
                Why::Needs => "needs",
                Why::Slot => "slot",
            };
            json!({"for": why, "us": wait.end - wait.start, "on": on})
        })
        .collect();
    let args = json!({
        "subsystem": span.target.name.as_str(),
        "version": span.version.as_ref().map(|version| redactor.clean_line(version.as_str())),
        "platform": span.target.platform,
        "outcome": span.outcome.map_or("must be built", larder_core::model::Outcome::as_str),
        "waited": waited,
    });
    let times = (span.start, span.end);
    let mut events = vec![complete(
        &name(span),
        slot_word(span.slot),
        thread,
        times,
        &args,
    )];
    for phase in &span.phases {
        let (word, _) = phase_words(phase.phase);
        let args = json!({"bytes": phase.bytes});
        let times = (phase.start, phase.end);
        events.push(complete(word, "phase", thread, times, &args));
    }
    for wait in span.waits.iter().filter(|wait| wait.why == Why::Needs) {
        for on in &wait.on {
            let need = &timeline.spans[*on];
            // The two ends of a flow lie in the spans that they connect.
            let (id, from) = (
                format!("{on}-{number}"),
                need.end.saturating_sub(1).max(need.start),
            );
            let flow = |ph: &str, thread: usize, at: u64| json!({"ph": ph, "bp": "e", "name": "needs", "cat": "needs", "id": id, "pid": PROCESS, "tid": thread, "ts": at});
            events.push(flow("s", need.lane + 1, from));
            events.push(flow("f", thread, span.start));
        }
    }
    events
}
