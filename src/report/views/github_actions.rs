//! GitHub Actions: plain lines, a build's log in a group, failures as annotations, a table in the
//! step summary.
//!
//! A build's output is not trusted. Workflow commands are switched off while it is shown; otherwise
//! a build could set variables and annotations of the job.

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use super::plain::Plain;
use super::{View, shows_note};
use crate::report::mode::Verbosity;
use crate::report::text::Redactor;
use crate::report::text::lines::{read_end, short_place};
use crate::report::totals::{Totals, failed};
use larder_core::error::{Error, Problem};
use larder_core::fs;
use larder_core::human;
use larder_core::model::{Digest, Outcome};
use larder_engine::events::{Did, Event, Finished, Level};

/// The most bytes of a build's log that are shown.
const MAX_LOG_BYTES: u64 = 1 << 20;
/// The most rows of the summary table. GitHub allows 1 MiB per step summary.
const MAX_ROWS: usize = 500;

/// Events for GitHub Actions.
pub(in crate::report) struct GitHubActions<W> {
    plain: Plain<W>,
    verbosity: Verbosity,
    summary: Option<PathBuf>,
    /// The token that switches workflow commands on again. A build cannot guess it.
    resume: String,
}

impl<W: Write + Send> GitHubActions<W> {
    pub fn new(
        plain: Plain<W>,
        verbosity: Verbosity,
        summary: Option<PathBuf>,
        seed: &str,
    ) -> Self {
        let plain = plain.escapes_commands();
        Self {
            plain,
            verbosity,
            summary,
            resume: Digest::of(seed.as_bytes()).to_string()[..32].to_owned(),
        }
    }

    fn log_group(&mut self, finished: &Finished) {
        let Some((bytes, whole)) = finished
            .log
            .as_ref()
            .and_then(|log| read_end(log, MAX_LOG_BYTES))
        else {
            return;
        };
        let style = self.plain.style();
        let title = escape_data(&format!(
            "log of {} ({})",
            style.subject(finished),
            finished.outcome
        ));
        let text = style.redactor.clean(&String::from_utf8_lossy(&bytes));
        self.plain.raw(&format!("::group::{title}"));
        let resume = self.resume.clone();
        self.plain.raw(&format!("::stop-commands::{resume}"));
        if !whole {
            let more = finished
                .log
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            self.plain.raw(&format!("… the whole log is {more}"));
        }
        for line in text.lines() {
            self.plain.raw(line);
        }
        self.plain.raw(&format!("::{resume}::"));
        self.plain.raw("::endgroup::");
    }

    fn annotate(&mut self, finished: &Finished) {
        let style = self.plain.style();
        let title = format!("{} {}", finished.action.as_str(), style.subject(finished));
        let message = match &finished.error {
            Some(error) => message(error, |text| style.redactor.clean(text)),
            None => style
                .redactor
                .clean(finished.reason.as_deref().unwrap_or("failed")),
        };
        self.plain.raw(&format!(
            "::error title={}::{}",
            escape_property(&title),
            escape_data(&message)
        ));
    }
}

impl<W: Write + Send> View for GitHubActions<W> {
    fn event(&mut self, event: &Event, now: Duration) {
        match event {
            Event::Note {
                target,
                level: Level::Warning,
                text,
            } if shows_note(Level::Warning, self.verbosity) => {
                let style = self.plain.style();
                let title = target
                    .as_ref()
                    .map_or_else(|| "larder".to_owned(), |target| style.label(target));
                let text = escape_data(&style.redactor.clean(text));
                self.plain.raw(&format!(
                    "::warning title={}::{text}",
                    escape_property(&title)
                ));
            }
            _ => self.plain.event(event, now),
        }
        if let Event::Did(Did {
            action,
            subject,
            error: Some(error),
            ..
        }) = event
        {
            let style = self.plain.style();
            let subject = style.redactor.clean_line(subject);
            let title = format!("{} {subject}", action.as_str());
            let message = message(error, |text| style.redactor.clean(text));
            self.plain.raw(&format!(
                "::error title={}::{}",
                escape_property(&title),
                escape_data(&message)
            ));
        }
        if let Event::Finished(finished) = event
            && (self.verbosity > Verbosity::Quiet || failed(finished))
            // It was shown while it was printed.
            && self.verbosity < Verbosity::Output
        {
            self.log_group(finished);
        }
    }

    fn tick(&mut self, now: Duration) {
        self.plain.tick(now);
    }

    fn flush(&mut self) {
        self.plain.flush();
    }

    fn close(&mut self, totals: &Totals) {
        self.plain.close(totals);
        for finished in totals.failures() {
            self.annotate(finished);
        }
        if let Some(path) = &self.summary
            && totals.steps() > 0
        {
            let table = summary_table(totals, &|text| self.plain.style().redactor.clean_line(text));
            // A summary that can't be written must not make a successful run fail.
            if let Err(error) = fs::append(path, table.as_bytes()) {
                self.plain.raw(&format!(
                    "::warning title=larder::{}",
                    escape_data(&error.to_string())
                ));
            }
        }
        self.flush();
    }
}

/// The annotations for an error that belongs to no step: one for each problem in a file, at its
/// place in that file.
pub fn annotations(error: &Error, redactor: &Redactor) -> Vec<String> {
    if error.file_problems().is_empty() {
        let message = message(error, |text| redactor.clean(text));
        return vec![format!("::error title=larder::{}", escape_data(&message))];
    }
    error
        .file_problems()
        .iter()
        .map(|problem| annotation("error", problem, redactor))
        .collect()
}

/// The annotation for a warning about a place in a file.
pub fn warning_annotation(warning: &Problem, redactor: &Redactor) -> String {
    annotation("warning", warning, redactor)
}

fn annotation(command: &str, problem: &Problem, redactor: &Redactor) -> String {
    let (line, column) = problem.line_column();
    let hint = problem
        .hint
        .as_ref()
        .map(|hint| format!("\nhelp: {hint}"))
        .unwrap_or_default();
    let file = escape_property(&redactor.clean_line(problem.file.as_str()));
    let text = escape_data(&redactor.clean(&format!("{}{hint}", problem.message)));
    format!("::{command} file={file},line={line},col={column},title=larder::{text}")
}

fn message(error: &Error, clean: impl Fn(&str) -> String) -> String {
    let mut text = clean(&error.to_string());
    for hint in error.hints() {
        let _ = write!(text, "\nhelp: {}", clean(hint));
    }
    text
}

/// The Markdown of the step summary.
fn summary_table(totals: &Totals, clean: &dyn Fn(&str) -> String) -> String {
    let title = totals.action.map_or("larder".to_owned(), |action| {
        format!("larder {}", action.as_str())
    });
    let mut text = format!(
        "### {title}: {}\n\n",
        if totals.ok { "done" } else { "failed" }
    );
    let mut rows: Vec<&Finished> = totals.finished.iter().collect();
    // Failures come first, because they are what the reader looks for.
    rows.sort_by_key(|f| !failed(f));
    if !rows.is_empty() {
        text.push_str("| subsystem | version | platform | outcome | from or to | size | time |\n");
        text.push_str("|---|---|---|---|---|---:|---:|\n");
    }
    for finished in rows.iter().take(MAX_ROWS) {
        let symbol = match finished.outcome {
            _ if failed(finished) => "❌",
            Outcome::Skipped => "⏭️",
            _ => "✅",
        };
        let why = finished
            .error
            .as_ref()
            .map(|e| e.message().to_owned())
            .or_else(|| {
                let shows_reason = matches!(finished.outcome, Outcome::Skipped | Outcome::Failed);
                finished.reason.clone().filter(|_| shows_reason)
            });
        let place = why
            .or_else(|| finished.place.as_deref().map(short_place))
            .unwrap_or_default();
        let bytes = if finished.bytes > 0 {
            human::bytes(finished.bytes)
        } else {
            String::new()
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {symbol} {} | {} | {bytes} | {} |",
            finished.target.name,
            finished.version,
            finished.target.platform,
            finished.outcome,
            escape_markdown(&clean(&place)),
            human::seconds(finished.seconds)
        );
    }
    if rows.len() > MAX_ROWS {
        let _ = writeln!(text, "\n… and {} more", rows.len() - MAX_ROWS);
    }
    let counts: Vec<String> = totals
        .counts
        .iter()
        .map(|(outcome, n)| format!("{n} {}", outcome.as_str()))
        .collect();
    let _ = writeln!(
        text,
        "\n{} in {}\n",
        counts.join(" · "),
        human::seconds(totals.seconds)
    );
    text
}

/// Escapes the text of a workflow command. `##[` begins a command of an older form, anywhere in a
/// line.
pub fn escape_data(text: &str) -> String {
    text.replace("##[", "## [")
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes a property of a workflow command.
fn escape_property(text: &str) -> String {
    escape_data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Escapes the text in a cell of a Markdown table.
fn escape_markdown(text: &str) -> String {
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
