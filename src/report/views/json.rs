//! JSON lines on stdout: one object for each finished step, then one summary. Warnings and failures
//! are also shown as plain lines on stderr, for people who read the output.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::plain::Plain;
use super::{View, shows_note};
use crate::report::mode::Verbosity;
use crate::report::print::{self, printable_json};
use crate::report::text::{Redactor, render_error};
use crate::report::totals::Totals;
use larder_core::error::Error;
use larder_core::model::{Action, ChannelKind, Outcome, Platform, SourceKind};
use larder_engine::events::{Did, Event, Finished, Level};

/// A step that ended.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct FinishedLine {
    /// Always `finished`.
    pub event: &'static str,
    /// What the step did.
    pub action: Action,
    /// The subsystem of the step.
    pub subsystem: String,
    /// The version of the subsystem.
    pub version: String,
    /// The platform of the step.
    pub platform: Platform,
    /// How it ended.
    pub outcome: Outcome,
    /// The source that the artifact was taken from; null if none was.
    pub source: Option<SourceKind>,
    /// The platform whose programs the artifact has, if they are not those of the step's platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emulated: Option<Platform>,
    /// Number of bytes transferred or written.
    pub bytes: u64,
    /// Elapsed time in seconds.
    pub seconds: f64,
    /// The error with its causes, on one line; null if the step did not fail.
    pub error: Option<String>,
    /// The kind of the error, which decides the exit code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_kind: Option<&'static str>,
    /// What the user can do about the error.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
    /// Why the step was skipped, or why it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The url or path that the bytes came from or went to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The file with the build's output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// True with `--dry-run`: nothing was done, and the outcome is the one that the step would
    /// have.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// A step that ended and belongs to no single subsystem: a bundle, a project release, a task or a
/// line of `ci:`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct DidLine {
    /// Always `finished`.
    pub event: &'static str,
    /// What the step did: `bundle`, `release`, `run` or `ci`.
    pub action: Action,
    /// What the step worked on: a bundle's file name, a tag, a task or a command line.
    pub subject: String,
    /// The subsystem, if the step fed one of its channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subsystem: Option<String>,
    /// The version of that subsystem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<&'static str>,
    /// The platform, if the step is for a single one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// How it ended.
    pub outcome: Outcome,
    /// Number of bytes transferred or written.
    pub bytes: u64,
    /// Elapsed time in seconds.
    pub seconds: f64,
    /// The error with its causes, on one line; null if the step did not fail.
    pub error: Option<String>,
    /// The kind of the error, which decides the exit code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_kind: Option<&'static str>,
    /// What the user can do about the error.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
    /// Why the step was skipped, or a remark on its outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The url or path that the bytes went to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// The end of a run. This is always the last line.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct SummaryLine {
    /// Always `summary`.
    pub event: &'static str,
    /// Whether nothing failed.
    pub ok: bool,
    /// The number of steps by their outcome.
    pub counts: BTreeMap<&'static str, usize>,
    /// Elapsed time in seconds.
    pub seconds: f64,
    /// The error that ended the run outside its steps or before them, such as a problem in a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The kind of that error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_kind: Option<&'static str>,
    /// What the user can do about that error.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

impl FinishedLine {
    pub(in crate::report) fn new(finished: &Finished, redactor: &Redactor) -> Self {
        let Finished {
            action,
            target,
            version,
            outcome,
            source,
            emulated,
            bytes,
            seconds,
            error,
            reason,
            place,
            log,
            dry_run,
        } = finished;
        Self {
            event: "finished",
            action: *action,
            subsystem: target.name.to_string(),
            version: version.to_string(),
            platform: target.platform,
            outcome: *outcome,
            source: *source,
            emulated: *emulated,
            bytes: *bytes,
            seconds: rounded(*seconds),
            error: error
                .as_ref()
                .map(|error| redactor.clean_line(&error.to_string())),
            error_kind: error.as_ref().map(|error| error.kind().as_str()),
            hints: hints(error.as_ref(), redactor),
            reason: reason.as_ref().map(|text| redactor.clean_line(text)),
            place: place.as_ref().map(|text| redactor.clean_line(text)),
            log: log.as_ref().map(ToString::to_string),
            dry_run: *dry_run,
        }
    }
}

impl DidLine {
    fn new(did: &Did, redactor: &Redactor) -> Self {
        let Did {
            action,
            subject,
            platform,
            outcome,
            bytes,
            seconds,
            error,
            reason,
            place,
            dry_run: _,
            of,
        } = did;
        let of = of.as_ref();
        Self {
            event: "finished",
            action: *action,
            subject: redactor.clean_line(subject),
            subsystem: of.map(|of| of.subsystem.to_string()),
            version: of.map(|of| of.version.to_string()),
            channel: of.and_then(|of| of.channel).map(ChannelKind::as_str),
            platform: *platform,
            outcome: *outcome,
            bytes: *bytes,
            seconds: rounded(*seconds),
            error: error
                .as_ref()
                .map(|error| redactor.clean_line(&error.to_string())),
            error_kind: error.as_ref().map(|error| error.kind().as_str()),
            hints: hints(error.as_ref(), redactor),
            reason: reason.as_ref().map(|text| redactor.clean_line(text)),
            place: place.as_ref().map(|text| redactor.clean_line(text)),
        }
    }
}

impl SummaryLine {
    fn new(totals: &Totals) -> Self {
        Self {
            event: "summary",
            ok: totals.ok,
            counts: totals
                .counts
                .iter()
                .map(|(outcome, count)| (outcome.as_str(), *count))
                .collect(),
            seconds: rounded(totals.seconds),
            error: None,
            error_kind: None,
            hints: Vec::new(),
        }
    }
}

/// The summary line of a command that failed before its first step, so that the last line is always
/// a summary.
pub fn failure_line(error: &Error, redactor: &Redactor) -> String {
    summary_line(false, &BTreeMap::new(), 0.0, Some(error), redactor)
}

/// The line for a step of the whole project.
pub(in crate::report) fn did_line(did: &Did, redactor: &Redactor) -> String {
    to_line(&DidLine::new(did, redactor))
}

/// The summary line of a command that runs others: the counts of all their steps, and the error
/// that ended it outside of them.
pub fn summary_line(
    ok: bool,
    counts: &BTreeMap<Outcome, usize>,
    seconds: f64,
    error: Option<&Error>,
    redactor: &Redactor,
) -> String {
    to_line(&SummaryLine {
        error: error.map(|error| redactor.clean_line(&error.to_string())),
        error_kind: error.map(|error| error.kind().as_str()),
        hints: hints(error, redactor),
        ..SummaryLine::new(&Totals {
            ok,
            counts: counts.clone(),
            seconds,
            ..Totals::default()
        })
    })
}

fn hints(error: Option<&Error>, redactor: &Redactor) -> Vec<String> {
    error
        .map(|error| {
            error
                .hints()
                .iter()
                .map(|hint| redactor.clean_line(hint))
                .collect()
        })
        .unwrap_or_default()
}

/// Rounds to milliseconds.
fn rounded(seconds: f64) -> f64 {
    if seconds.is_finite() {
        (seconds * 1000.0).round() / 1000.0
    } else {
        0.0
    }
}

fn to_line(value: &impl Serialize) -> String {
    // Strings, numbers and maps with text keys can always be serialised.
    let line = serde_json::to_string(value).unwrap_or_default();
    printable_json(&line).into_owned()
}

/// Events as JSON lines.
pub(in crate::report) struct Json<O, E> {
    out: O,
    messages: Plain<E>,
    verbosity: Verbosity,
    redactor: Redactor,
    summary: bool,
    /// The first error of writing to stdout. The run goes on, and fails at its end.
    lost: Option<Error>,
}

impl<O: Write + Send, E: Write + Send> Json<O, E> {
    pub fn new(out: O, messages: Plain<E>, verbosity: Verbosity, summary: bool) -> Self {
        let redactor = messages.style().redactor.clone();
        Self {
            out,
            messages,
            verbosity,
            redactor,
            summary,
            lost: None,
        }
    }

    fn data(&mut self, line: &str) {
        let written = writeln!(self.out, "{line}");
        self.keep(written);
    }

    fn keep(&mut self, written: io::Result<()>) {
        if let Err(error) = print::written(written) {
            self.lost.get_or_insert(error);
        }
    }
}

impl<O: Write + Send, E: Write + Send> View for Json<O, E> {
    fn event(&mut self, event: &Event, _now: Duration) {
        match event {
            Event::Finished(finished) => {
                self.data(&to_line(&FinishedLine::new(finished, &self.redactor)));
            }
            Event::Did(did) => {
                self.data(&to_line(&DidLine::new(did, &self.redactor)));
                if did.error.is_some() {
                    let text = self.messages.style().did(did);
                    self.messages.line(&text);
                }
            }
            Event::Note {
                target,
                level,
                text,
            } if *level != Level::Info && shows_note(*level, self.verbosity) => {
                let text = self.messages.style().note(target.as_ref(), *level, text);
                self.messages.line(&text);
            }
            _ => {}
        }
    }

    fn flush(&mut self) {
        let flushed = self.out.flush();
        self.keep(flushed);
        self.messages.flush();
    }

    fn close(&mut self, totals: &Totals) {
        for line in self.messages.style().failures(totals) {
            self.messages.line(&line);
        }
        if self.summary {
            self.data(&to_line(&SummaryLine::new(totals)));
        }
        self.flush();
        if let Some(error) = &self.lost {
            let color = self.messages.style().paint.color;
            let text = render_error(error, color, &self.redactor);
            self.messages.line(&text);
            self.messages.flush();
        }
    }

    fn lost(&self) -> Option<&Error> {
        self.lost.as_ref()
    }
}
