//! The page of a run: one HTML file with its style, its script and the data in it. It asks for
//! nothing from elsewhere, and its policy forbids that.
//!
//! The data is JSON in a script element. Every `<` in it is written as an escape of JSON, so nothing
//! in it can end the element, and the script puts texts into the page as texts and never as HTML.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::timeline::{Timeline, Why};
use super::trace::label;
use super::{Heading, phase_words, slot_word};
use crate::report::text::Redactor;
use crate::report::views::FinishedLine;
use larder_core::human;
use larder_core::model::{Action, Outcome, SourceKind};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

pub(super) fn page(timeline: &Timeline, heading: &Heading, redactor: &Redactor) -> String {
    let data = data(timeline, heading, redactor).to_string();
    let data = data.replace('<', "\\u003c");
    let title = escape(&format!("{}: {}", heading.project, heading.command));
    let command = escape(&heading.command);
    let facts = escape(&format!(
        "{} · {} · larder {} · {} · {}",
        heading.project,
        heading.time,
        heading.larder,
        heading.host,
        human::count(heading.cores, "core"),
    ));
    let lead = escape(&lead(timeline));
    format!(
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{title}</title>
<style>
{STYLE}</style>
</head>
<body>
<header>
<h1>{command}</h1>
<p class="facts">{facts}</p>
<p class="lead">{lead}</p>
</header>
<main id="main">
<noscript><p>This page draws its charts with a script. The JSON file beside it has the same data, for chrome://tracing and Perfetto.</p></noscript>
</main>
<script type="application/json" id="data">{data}</script>
<script>
{SCRIPT}</script>
</body>
</html>
"#
    )
}

/// Text in HTML, also between quotes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// What happened, in one sentence.
fn lead(timeline: &Timeline) -> String {
    let mut counts: BTreeMap<Outcome, usize> = BTreeMap::new();
    for step in &timeline.steps {
        *counts.entry(step.finished.outcome).or_default() += 1;
    }
    let all = timeline.steps.len();
    let took = human::seconds(timeline.ended as f64 / 1e6);
    if all == 0 {
        return format!("Nothing was to be done. The run took {took}.");
    }
    if counts.get(&Outcome::UpToDate) == Some(&all) {
        let how = if timeline.spans.is_empty() {
            ", as the recorded state shows without any step"
        } else {
            ""
        };
        return format!(
            "Nothing was to be done: everything is up to date ({}){how}. The run took {took}.",
            human::count(all, "step")
        );
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(outcome, count)| format!("{count} {}", outcome.as_str().replace('-', " ")))
        .collect();
    format!(
        "{} in {took}: {}.",
        human::count(all, "step"),
        counts.join(", ")
    )
}

fn data(timeline: &Timeline, heading: &Heading, redactor: &Redactor) -> Value {
    let spans: Vec<Value> = timeline
        .spans
        .iter()
        .map(|span| {
            let phases = span.phases.iter().map(|phase| {
                let (key, _) = phase_words(phase.phase);
                json!([key, phase.start, phase.end, phase.bytes])
            });
            let waits = span.waits.iter().map(|wait| {
                let why = match wait.why {
                    Why::Needs => "needs",
                    Why::Slot => "slot",
                };
                json!([why, wait.start, wait.end, wait.on])
            });
            json!({
                "label": redactor.clean_line(&label(span, &heading.host)),
                "slot": slot_word(span.slot),
                "lane": span.lane,
                "start": span.start,
                "end": span.end,
                "outcome": span.outcome.map(Outcome::as_str),
                "phases": phases.collect::<Vec<_>>(),
                "waits": waits.collect::<Vec<_>>(),
            })
        })
        .collect();
    let steps: Vec<Value> = timeline
        .steps
        .iter()
        .map(|step| {
            let line = FinishedLine::new(&step.finished, redactor);
            json!({
                "action": line.action, "name": line.subsystem, "version": redactor.clean_line(&line.version),
                "platform": line.platform, "outcome": line.outcome, "source": line.source,
                "bytes": line.bytes, "seconds": line.seconds, "end": step.end, "span": step.span,
                "error": line.error, "reason": line.reason, "place": line.place,
            })
        })
        .collect();
    let words: BTreeMap<&str, &str> = timeline
        .spans
        .iter()
        .flat_map(|span| &span.phases)
        .map(|phase| phase_words(phase.phase))
        .collect();
    json!({
        "host": heading.host,
        "ended": timeline.ended,
        "run": timeline.run_phases(),
        "lanes": timeline.lanes.iter().map(|slot| slot_word(*slot)).collect::<Vec<_>>(),
        "phases": words,
        "spans": spans,
        "steps": steps,
        "critical": timeline.critical,
        "totals": totals(timeline),
        "busy": timeline.busy,
        "cores": heading.cores,
    })
}

/// The totals of each source: steps, bytes, and seconds one after the other.
fn totals(timeline: &Timeline) -> Vec<Value> {
    let mut totals: BTreeMap<&str, (usize, u64, f64)> = BTreeMap::new();
    for step in &timeline.steps {
        let finished = &step.finished;
        let source = match (finished.action, finished.outcome) {
            (Action::Release, _) => "released",
            (_, Outcome::UpToDate) => "up to date",
            (_, Outcome::Failed) => "failed",
            (_, Outcome::Skipped) => "skipped",
            _ => finished.source.map_or("other", SourceKind::as_str),
        };
        let total = totals.entry(source).or_default();
        *total = (
            total.0 + 1,
            total.1 + finished.bytes,
            total.2 + finished.seconds,
        );
    }
    let row = |(source, (steps, bytes, seconds))| json!({"source": source, "steps": steps, "bytes": bytes, "seconds": seconds});
    totals.into_iter().map(row).collect()
}
