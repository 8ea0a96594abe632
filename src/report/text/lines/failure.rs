//! The full report of failures: the error, and for a build the end of its log.

use std::fmt::Write as _;
use std::io::{Read, Seek, SeekFrom};

use camino::Utf8Path;

use super::Style;
use crate::report::text::error;
use crate::report::text::paint::Tone;
use crate::report::text::redact::Redactor;
use crate::report::totals::Totals;
use larder_core::error::Kind;
use larder_core::fs;
use larder_core::human;
use larder_engine::events::Finished;

/// How many lines of a failed build's log are shown.
const LOG_TAIL: usize = 20;
/// How many bytes at the end of a log are read to find these lines.
const LOG_WINDOW: u64 = 64 * 1024;

impl Style {
    /// Every failure in full, and a last line that names the failed targets. Empty if nothing
    /// failed.
    pub fn failures(&self, totals: &Totals) -> Vec<String> {
        let interrupted = |f: &&Finished| {
            f.error
                .as_ref()
                .is_some_and(|e| matches!(e.kind(), Kind::Interrupted(_)))
        };
        let (stopped, broken): (Vec<&Finished>, Vec<&Finished>) =
            totals.failures().partition(interrupted);
        let mut lines = Vec::new();
        for finished in &broken {
            lines.push(String::new());
            lines.extend(self.failure(finished).lines().map(str::to_owned));
        }
        let names = |steps: &[&Finished]| {
            let mut names: Vec<String> = Vec::new();
            for finished in steps {
                let label = self.label(&finished.target);
                if !names.contains(&label) {
                    names.push(label);
                }
            }
            names.join(", ")
        };
        if !stopped.is_empty() {
            lines.push(format!(
                "{} while busy with {}",
                self.paint.tone(Tone::Warn, "interrupted"),
                names(&stopped)
            ));
        }
        if !broken.is_empty() && totals.steps() > 1 {
            let steps = human::count(totals.steps(), "step");
            lines.push(String::new());
            let headline = self
                .paint
                .tone(Tone::Bad, &format!("{} of {steps} failed:", broken.len()));
            lines.push(format!("{headline} {}", names(&broken)));
        }
        lines
    }

    /// A failure in full: the error, the end of the build's log, and the path of the whole log.
    pub fn failure(&self, finished: &Finished) -> String {
        let subject = self.subject(finished);
        let mut text = if let Some(error) = &finished.error {
            error::render(error, Some(&subject), self.paint, &self.redactor)
        } else {
            let reason = finished
                .reason
                .as_deref()
                .unwrap_or("it failed without a reason");
            let reason = error::indented(&self.redactor.clean(reason), 2);
            format!(
                "{} {}: {reason}",
                self.paint.tone(Tone::Bad, "error:"),
                self.paint.tone(Tone::Strong, &subject)
            )
        };
        if let Some(log) = &finished.log {
            let (tail, whole) = log_tail(log, &self.redactor);
            if !tail.is_empty() {
                let what = if whole {
                    "the log"
                } else {
                    "the end of the log"
                };
                let _ = write!(text, "\n  {what}:");
                let bar = self.paint.tone(Tone::Dim, self.paint.either("│", "|"));
                for line in tail {
                    let _ = write!(text, "\n{}", self.fit(format!("  {bar} {line}")));
                }
            }
            let _ = write!(
                text,
                "\n  {} {log}",
                self.paint.tone(Tone::Help, "whole log:")
            );
        }
        text
    }
}

/// The last lines of a log, and whether they are the whole log. Empty if the log can't be read.
fn log_tail(log: &Utf8Path, redactor: &Redactor) -> (Vec<String>, bool) {
    let Some((bytes, mut whole)) = read_end(log, LOG_WINDOW) else {
        return (Vec::new(), false);
    };
    let text = redactor.clean(&String::from_utf8_lossy(&bytes));
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if !whole && lines.len() > 1 {
        // The first line of the window is incomplete.
        lines.remove(0);
    }
    if lines.len() > LOG_TAIL {
        lines.drain(..lines.len() - LOG_TAIL);
        whole = false;
    }
    (lines, whole)
}

/// The last bytes of a file, and whether they are the whole file.
pub(in crate::report) fn read_end(path: &Utf8Path, most: u64) -> Option<(Vec<u8>, bool)> {
    let mut file = fs::open_opt(path).ok()??;
    let size = file.metadata().ok()?.len();
    let start = size.saturating_sub(most);
    file.seek(SeekFrom::Start(start)).ok()?;
    let mut bytes = Vec::new();
    // `take`, because a process that survived its build may still write to the log.
    file.take(most).read_to_end(&mut bytes).ok()?;
    Some((bytes, start == 0))
}
