//! Lines about finished steps, the summary and the failures, shared by all views for people.

use crate::report::text::error;
use crate::report::text::paint::{Paint, Tone, pad};
use crate::report::text::redact::Redactor;
use larder_core::model::{Platform, Target};
use larder_engine::events::{Finished, Level};

mod failure;
mod step;
mod summary;

pub(in crate::report) use failure::read_end;
pub(in crate::report) use step::{short_place, words};

/// The style in which lines are rendered.
#[derive(Clone, Debug)]
pub(in crate::report) struct Style {
    pub paint: Paint,
    /// The number of columns that lines are cut to, if any.
    pub width: Option<usize>,
    pub verbose: bool,
    /// Whether the run has only one step. Its failure is shown in full at the end, so the step's line
    /// does not also contain the message.
    pub alone: bool,
    /// The number of characters of the longest subject that will be shown, if that is known.
    pub longest: usize,
    /// The platform that is not mentioned in lines.
    pub host: Platform,
    pub redactor: Redactor,
}

/// The smallest and the largest width of the column of subjects.
const SUBJECTS: (usize, usize) = (24, 44);

impl Style {
    /// A subject, padded to the width of its column. On a terminal the column takes at most half of a
    /// line.
    fn in_column(&self, subject: &str) -> String {
        let (smallest, largest) = SUBJECTS;
        let half = self.width.map_or(largest, |width| width / 2);
        let width = self.longest.min(largest).min(half).max(smallest);
        pad(&self.paint.tone(Tone::Strong, subject), width)
    }

    /// `nats`, `nats (darwin-arm64)`.
    pub fn label(&self, target: &Target) -> String {
        if target.platform == self.host {
            target.name.to_string()
        } else {
            target.to_string()
        }
    }

    /// `nats v2.10.24`, `nats v2.10.24 (darwin-arm64)`.
    pub fn subject(&self, finished: &Finished) -> String {
        let Target { name, platform } = &finished.target;
        if *platform == self.host {
            format!("{name} {}", finished.version)
        } else {
            format!("{name} {} ({platform})", finished.version)
        }
    }

    fn fit(&self, line: String) -> String {
        match self.width {
            Some(width) => self.paint.fit(&line, width),
            None => line,
        }
    }

    /// A line that a build printed, with the target in front.
    pub fn output(&self, target: &Target, text: &str) -> String {
        let bar = self.paint.tone(Tone::Dim, self.paint.either("│", "|"));
        let label = self.paint.tone(Tone::Strong, &self.label(target));
        format!("{label} {bar} {}", self.redactor.clean_line(text))
    }

    /// A note or a warning, with the target in front if there is one.
    pub fn note(&self, target: Option<&Target>, level: Level, text: &str) -> String {
        let mut line = match level {
            Level::Warning => self.paint.tone(Tone::Warn, "warning: "),
            Level::Info | Level::Detail => String::new(),
        };
        if let Some(target) = target {
            line.push_str(&self.paint.tone(Tone::Strong, &self.label(target)));
            line.push_str(": ");
        }
        let text = error::indented(&self.redactor.clean(text), 2);
        line.push_str(&if level == Level::Detail {
            self.paint.tone(Tone::Dim, &text)
        } else {
            text
        });
        line
    }
}
