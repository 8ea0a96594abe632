//! The summary of a step on the page of a run of GitHub Actions: a table in Markdown.

use std::fmt::Write as _;
use std::path::Path;

use super::github_actions::escape_data;
use crate::report::text::Redactor;
use crate::report::text::lines::{short_place, words};
use crate::report::totals::{Totals, failed};
use larder_core::error::Error;
use larder_core::fs;
use larder_core::human;
use larder_core::model::{Action, Outcome};
use larder_engine::events::{Did, Finished};

/// The most rows of a table. GitHub allows 1 MiB per step.
const MAX_ROWS: usize = 500;

/// Appends the summary of a run. A failure must not make a successful run fail, so it is returned as
/// a warning for GitHub's runner.
pub(super) fn write_summary(
    path: &Path,
    totals: &Totals,
    redactor: &Redactor,
) -> Result<(), String> {
    if totals.steps() == 0 {
        return Ok(());
    }
    let text = markdown(totals, &|text| redactor.clean_line(text));
    fs::append(path, text.as_bytes()).map_err(|error| {
        format!(
            "::warning title=larder::{}",
            escape_data(&error.to_string())
        )
    })
}

/// A row of the table.
struct Row {
    failed: bool,
    columns: [String; 7],
}

/// The title, a table of what was done, and the counts.
fn markdown(totals: &Totals, clean: &dyn Fn(&str) -> String) -> String {
    let action = totals.action.map_or("", Action::as_str);
    let title = format!("larder {action}");
    let title = title.trim_end();
    let counts: Vec<String> = totals
        .for_people()
        .iter()
        .map(|(outcome, n)| format!("{n} {}", words(*outcome)))
        .collect();
    let counts = format!(
        "{} in {}",
        counts.join(" · "),
        human::seconds(totals.seconds)
    );
    if !totals.has_rows() {
        return format!("**{title}**: {counts}\n\n");
    }
    let mut rows: Vec<Row> = totals
        .finished
        .iter()
        .map(|f| of_target(f, clean))
        .collect();
    rows.extend(totals.done.iter().map(|did| of_project(did, clean)));
    // Failures come first, because they are what the reader looks for.
    rows.sort_by_key(|row| !row.failed);
    let result = if totals.ok { "done" } else { "failed" };
    let mut text = format!("### {title}: {result}\n\n");
    // Columns without a value, such as the platform of a task, are left out.
    let titles = [
        "what",
        "version",
        "platform",
        "outcome",
        "from or to",
        "size",
        "time",
    ];
    let shown: Vec<usize> = (0..titles.len())
        .filter(|column| rows.iter().any(|row| !row.columns[*column].is_empty()))
        .collect();
    let line = |texts: &mut dyn Iterator<Item = &str>| {
        let parts: Vec<&str> = texts.collect();
        format!("| {} |\n", parts.join(" | "))
    };
    text.push_str(&line(&mut shown.iter().map(|column| titles[*column])));
    text.push_str(&line(&mut shown.iter().map(|column| {
        if matches!(titles[*column], "size" | "time") {
            "---:"
        } else {
            "---"
        }
    })));
    for row in rows.iter().take(MAX_ROWS) {
        text.push_str(&line(
            &mut shown.iter().map(|column| row.columns[*column].as_str()),
        ));
    }
    if rows.len() > MAX_ROWS {
        let _ = writeln!(text, "\n… and {} more", rows.len() - MAX_ROWS);
    }
    let _ = writeln!(text, "\n{counts}\n");
    text
}

fn of_target(finished: &Finished, clean: &dyn Fn(&str) -> String) -> Row {
    let failed = failed(finished);
    let target = &finished.target;
    Row {
        failed,
        columns: [
            escape(target.name.as_str()),
            escape(finished.version.as_str()),
            match finished.emulated {
                Some(emulated) => format!("{} (emulated: {emulated})", target.platform),
                None => target.platform.to_string(),
            },
            outcome(finished.outcome, failed),
            remark(
                finished.error.as_ref(),
                finished
                    .reason
                    .as_deref()
                    .filter(|_| matches!(finished.outcome, Outcome::Skipped | Outcome::Failed)),
                finished.place.as_deref(),
                clean,
            ),
            size(finished.bytes),
            human::seconds(finished.seconds),
        ],
    }
}

fn of_project(did: &Did, clean: &dyn Fn(&str) -> String) -> Row {
    let failed = did.error.is_some() || did.outcome == Outcome::Failed;
    let platform = did.platform.map(|platform| platform.to_string());
    Row {
        failed,
        columns: [
            escape(&clean(&did.subject)),
            String::new(),
            platform.unwrap_or_default(),
            outcome(did.outcome, failed),
            remark(
                did.error.as_ref(),
                did.reason.as_deref(),
                did.place.as_deref(),
                clean,
            ),
            size(did.bytes),
            human::seconds(did.seconds),
        ],
    }
}

fn outcome(outcome: Outcome, failed: bool) -> String {
    let symbol = match outcome {
        _ if failed => "❌",
        Outcome::Skipped => "⏭️",
        _ => "✅",
    };
    format!("{symbol} {}", words(outcome))
}

/// Why it failed, why it was skipped, or where the bytes came from or went to.
fn remark(
    error: Option<&Error>,
    reason: Option<&str>,
    place: Option<&str>,
    clean: &dyn Fn(&str) -> String,
) -> String {
    let text = match (error, reason, place) {
        (Some(error), ..) => error.message().to_owned(),
        (None, Some(reason), _) => reason.to_owned(),
        (None, None, Some(place)) => short_place(place),
        (None, None, None) => String::new(),
    };
    escape(&clean(&text))
}

fn size(bytes: u64) -> String {
    match bytes {
        0 => String::new(),
        bytes => human::bytes(bytes),
    }
}

/// Escapes the text in a cell of a Markdown table.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '!' | '#' | '~' | '@' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '\n' => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Appends the summary of a command that runs others: its tasks, or its lines.
pub fn summarise(
    path: &Path,
    action: Action,
    done: Vec<Did>,
    redactor: &Redactor,
) -> Result<(), String> {
    let mut totals = Totals {
        action: Some(action),
        ..Totals::default()
    };
    for did in &done {
        totals.did(did);
        totals.seconds += did.seconds;
    }
    write_summary(path, &totals, redactor)
}
