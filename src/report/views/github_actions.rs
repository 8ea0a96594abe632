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
use super::step_summary::write_summary;
use super::{View, shows_note};
use crate::report::mode::Verbosity;
use crate::report::text::Redactor;
use crate::report::text::lines::read_end;
use crate::report::totals::{Totals, failed};
use larder_core::error::{Error, Problem};
use larder_core::model::Digest;
use larder_engine::events::{Did, Event, Finished, Level};

/// The most bytes of a build's log that are shown.
const MAX_LOG_BYTES: u64 = 1 << 20;

/// How a run is part of another command.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::report) struct Nested {
    /// It is a line of another command, which has a summary of its own.
    pub inner: bool,
    /// What is shown is in a group already.
    pub in_group: bool,
}

/// Events for GitHub Actions.
pub(in crate::report) struct GitHubActions<W> {
    plain: Plain<W>,
    verbosity: Verbosity,
    summary: Option<PathBuf>,
    nested: Nested,
    /// The token that switches workflow commands on again. A build cannot guess it.
    resume: String,
}

impl<W: Write + Send> GitHubActions<W> {
    pub fn new(
        plain: Plain<W>,
        verbosity: Verbosity,
        summary: Option<PathBuf>,
        nested: Nested,
        seed: &str,
    ) -> Self {
        let plain = plain.escapes_commands();
        Self {
            plain,
            verbosity,
            summary,
            nested,
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
        // Groups can't be nested: an inner one would end the outer one.
        if self.nested.in_group {
            self.plain.line(&format!("{title}:"));
        } else {
            self.plain.raw(&format!("::group::{title}"));
        }
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
        if !self.nested.in_group {
            self.plain.raw("::endgroup::");
        }
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
            // That a line of another command had nothing to do is in the summary of that command.
            && (!self.nested.inner || totals.has_rows())
            && let Err(warning) = write_summary(path, totals, &self.plain.style().redactor)
        {
            self.plain.raw(&warning);
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
