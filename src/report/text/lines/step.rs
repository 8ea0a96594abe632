//! One line for each finished step.

use std::fmt::Write as _;

use super::Style;
use crate::report::text::error;
use crate::report::text::paint::Tone;
use crate::report::totals::failed;
use larder_core::human;
use larder_core::model::Outcome;
use larder_engine::events::{Did, Finished};

impl Style {
    /// One line about a finished step.
    pub fn step(&self, finished: &Finished) -> String {
        let paint = self.paint;
        let (tone, symbol) = match finished.outcome {
            _ if failed(finished) => (Tone::Bad, paint.either("✗", "x")),
            Outcome::Skipped => (Tone::Dim, paint.either("○", "-")),
            _ if finished.dry_run => (Tone::Dim, paint.either("○", "-")),
            _ => (Tone::Good, paint.either("✓", "+")),
        };
        let details = self.details(finished);
        let outcome = if finished.dry_run {
            // The details say what would be done. The outcome in this column would look as if it
            // had been done.
            "dry run   ".to_owned()
        } else if details.is_empty() {
            words(finished.outcome)
        } else {
            format!("{:<10}", words(finished.outcome))
        };
        let outcome = if failed(finished) {
            paint.tone(Tone::Bad, &outcome)
        } else {
            outcome
        };
        let subject = self.in_column(&self.subject(finished));
        let line = format!(
            "{} {subject}  {outcome}  {}",
            paint.tone(tone, symbol),
            paint.tone(Tone::Dim, &details)
        );
        self.fit(line.trim_end().to_owned())
    }

    /// One line about a step that belongs to no subsystem. An error is shown in full.
    pub fn did(&self, did: &Did) -> String {
        let Did {
            action: _,
            subject,
            platform: _,
            outcome,
            bytes,
            seconds,
            error,
            reason,
            place,
            dry_run,
            of: _,
        } = did;
        let paint = self.paint;
        let (tone, symbol) = match outcome {
            Outcome::Failed => (Tone::Bad, paint.either("✗", "x")),
            Outcome::Skipped | Outcome::UpToDate => (Tone::Dim, paint.either("○", "-")),
            _ => (Tone::Good, paint.either("✓", "+")),
        };
        let mut details = Vec::new();
        if *bytes > 0 && !dry_run {
            details.push(human::bytes(*bytes));
        }
        if !matches!(outcome, Outcome::Skipped | Outcome::UpToDate) {
            details.push(format!("in {}", human::seconds(*seconds)));
        }
        details.extend(
            place
                .as_ref()
                .map(|place| format!("to {}", self.redactor.clean_line(&short_place(place)))),
        );
        details.extend(
            reason
                .as_ref()
                .map(|reason| match self.redactor.clean_line(reason) {
                    reason if *dry_run => reason,
                    reason => format!("({reason})"),
                }),
        );
        let subject = self.in_column(&self.redactor.clean_line(subject));
        let line = format!(
            "{} {subject}  {:<10}  {}",
            paint.tone(tone, symbol),
            if *dry_run {
                "dry run".to_owned()
            } else {
                words(*outcome)
            },
            paint.tone(Tone::Dim, &details.join(" "))
        );
        let line = self.fit(line.trim_end().to_owned());
        match error {
            Some(error) => format!(
                "{line}\n{}",
                error::render(error, Some(&did.subject), paint, &self.redactor)
            ),
            None => line,
        }
    }

    /// The details that are shown after the outcome.
    fn details(&self, finished: &Finished) -> String {
        let reason = finished
            .reason
            .as_deref()
            .map(|reason| self.redactor.clean_line(reason));
        if let Some(error) = &finished.error {
            if self.alone {
                return format!("in {}", human::seconds(finished.seconds));
            }
            return self.redactor.clean_line(error.message());
        }
        if finished.dry_run || matches!(finished.outcome, Outcome::Failed | Outcome::Skipped) {
            return reason.unwrap_or_default();
        }
        let mut details = String::new();
        if finished.bytes > 0 {
            details.push_str(&human::bytes(finished.bytes));
        }
        if finished.outcome != Outcome::UpToDate {
            let _ = write!(details, " in {}", human::seconds(finished.seconds));
        }
        // The place comes last of the short facts, because its end matters least if the line is
        // cut.
        if let Some(place) = self.place(finished) {
            let preposition = match finished.outcome {
                Outcome::Packaged | Outcome::Released | Outcome::Collected | Outcome::Locked => {
                    "to"
                }
                _ => "from",
            };
            let _ = write!(details, " {preposition} {place}");
        }
        if let Some(emulated) = finished.emulated {
            let _ = write!(details, " (emulated: {emulated})");
        }
        // The reason is shown only in verbose output, or where it qualifies the outcome.
        let qualifies = matches!(finished.outcome, Outcome::UpToDate | Outcome::Verified);
        if let Some(reason) = reason.filter(|_| self.verbose || qualifies) {
            let _ = write!(details, " ({reason})");
        }
        details.trim_start().to_owned()
    }

    /// The place that the bytes came from or went to.
    pub(super) fn place(&self, finished: &Finished) -> Option<String> {
        match (&finished.place, finished.outcome) {
            (_, Outcome::Restored) if !self.verbose => Some("the cache".to_owned()),
            (Some(place), _) if self.verbose => Some(self.redactor.clean_line(place)),
            (Some(place), _) => Some(self.redactor.clean_line(&short_place(place))),
            (None, Outcome::Restored) => Some("the cache".to_owned()),
            (None, _) => None,
        }
    }
}

/// An outcome in text for people: `up to date`.
pub(in crate::report) fn words(outcome: Outcome) -> String {
    outcome.as_str().replace('-', " ")
}

/// A short form of a place: the host of a url, with the repository for an asset of a release. Other
/// places are unchanged.
pub(in crate::report) fn short_place(place: &str) -> String {
    let Some((scheme, rest)) = place.split_once("://") else {
        return place.to_owned();
    };
    if scheme == "file" {
        return rest.to_owned();
    }
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let repository = rest
        .split_once("/releases/")
        .map(|(repository, _)| repository);
    let short = repository.unwrap_or_else(|| rest.split('/').next().unwrap_or(rest));
    short.to_owned()
}
