//! Lines about finished steps, the closing summary and the failures: shared by all faces that people read.

use std::fmt::Write as _;
use std::io::{Read, Seek, SeekFrom};

use camino::Utf8Path;

use super::error;
use super::paint::{Paint, Tone, pad};
use super::redact::Redactor;
use super::totals::{Totals, failed};
use larder_core::error::Kind;
use larder_core::fs;
use larder_core::human;
use larder_core::model::{Outcome, Platform, Target};
use larder_engine::events::{Did, Finished, Level};

/// How many lines of a failed build's log are shown.
const LOG_TAIL: usize = 20;
/// How much of a log is looked at to find them.
const LOG_WINDOW: u64 = 64 * 1024;

/// How lines are made.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub paint: Paint,
    /// Columns, where lines must fit.
    pub width: Option<usize>,
    pub verbose: bool,
    /// Its platform goes without saying.
    pub host: Platform,
    pub redactor: Redactor,
}

impl Look {
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

    /// One calm line about a finished step.
    pub fn step(&self, finished: &Finished) -> String {
        let paint = self.paint;
        let (tone, symbol) = match finished.outcome {
            _ if failed(finished) => (Tone::Bad, paint.either("✗", "x")),
            Outcome::Skipped => (Tone::Dim, paint.either("○", "-")),
            _ if finished.dry_run => (Tone::Dim, paint.either("○", "-")),
            _ => (Tone::Good, paint.either("✓", "+")),
        };
        let details = self.details(finished);
        let outcome = if details.is_empty() {
            finished.outcome.to_string()
        } else {
            format!("{:<10}", finished.outcome)
        };
        let outcome = if failed(finished) {
            paint.tone(Tone::Bad, &outcome)
        } else {
            outcome
        };
        let subject = pad(&paint.tone(Tone::Strong, &self.subject(finished)), 24);
        let line = format!(
            "{} {subject}  {outcome}  {}",
            paint.tone(tone, symbol),
            paint.tone(Tone::Dim, &details)
        );
        self.fit(line.trim_end().to_owned())
    }

    /// One calm line about a step that is about no subsystem; a failure in full.
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
        } = did;
        let paint = self.paint;
        let (tone, symbol) = match outcome {
            Outcome::Failed => (Tone::Bad, paint.either("✗", "x")),
            Outcome::Skipped | Outcome::UpToDate => (Tone::Dim, paint.either("○", "-")),
            _ => (Tone::Good, paint.either("✓", "+")),
        };
        let mut details = Vec::new();
        if *bytes > 0 {
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
                .map(|reason| format!("({})", self.redactor.clean_line(reason))),
        );
        let subject = pad(
            &paint.tone(Tone::Strong, &self.redactor.clean_line(subject)),
            24,
        );
        let line = format!(
            "{} {subject}  {outcome:<10}  {}",
            paint.tone(tone, symbol),
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

    /// What there is to say behind the outcome.
    fn details(&self, finished: &Finished) -> String {
        let reason = finished
            .reason
            .as_deref()
            .map(|reason| self.redactor.clean_line(reason));
        if let Some(error) = &finished.error {
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
        // Last of the short facts: where a line is cut, the end of a place is missed least.
        if let Some(place) = self.place(finished) {
            let preposition = match finished.outcome {
                Outcome::Packaged | Outcome::Released | Outcome::Collected | Outcome::Locked => {
                    "to"
                }
                _ => "from",
            };
            let _ = write!(details, " {preposition} {place}");
        }
        // Why a thing was done is a detail, except that nothing was done.
        if let Some(reason) =
            reason.filter(|_| self.verbose || finished.outcome == Outcome::UpToDate)
        {
            let _ = write!(details, " ({reason})");
        }
        details.trim_start().to_owned()
    }

    /// Where bytes came from or went to.
    fn place(&self, finished: &Finished) -> Option<String> {
        match (&finished.place, finished.outcome) {
            (_, Outcome::Restored) if !self.verbose => Some("the cache".to_owned()),
            (Some(place), _) if self.verbose => Some(self.redactor.clean_line(place)),
            (Some(place), _) => Some(self.redactor.clean_line(&short_place(place))),
            (None, Outcome::Restored) => Some("the cache".to_owned()),
            (None, _) => None,
        }
    }

    /// Something to say.
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

    /// What the run came to: counts, then by outcome and place how much, and who. Empty where nothing happened.
    pub fn summary(&self, totals: &Totals) -> Vec<String> {
        if totals.steps() == 0 {
            return Vec::new();
        }
        let order = [
            Outcome::UpToDate,
            Outcome::Restored,
            Outcome::Downloaded,
            Outcome::Built,
        ];
        let others = totals
            .counts
            .keys()
            .copied()
            .filter(|outcome| !order.contains(outcome));
        let counts: Vec<String> = order
            .into_iter()
            .chain(others)
            .filter_map(|outcome| {
                let count = totals.counts.get(&outcome)?;
                let text = format!("{count} {}", outcome.as_str().replace('-', " "));
                Some(match outcome {
                    Outcome::Failed => self.paint.tone(Tone::Bad, &text),
                    _ => self.paint.tone(Tone::Strong, &text),
                })
            })
            .collect();
        let counts = counts.join(self.paint.dot());
        let mut lines = Vec::new();
        if totals.is_dry_run() {
            let text = format!("nothing was changed; it would be: {counts}");
            return vec![self.fit(text)];
        }
        let groups = self.groups(totals);
        if totals.finished.len() > 1 && !groups.is_empty() {
            lines.push(String::new());
        }
        lines.push(self.fit(format!("{counts} in {}", human::seconds(totals.seconds))));
        if totals.finished.len() > 1 {
            lines.extend(groups);
        }
        lines
    }

    /// One line for each outcome and place: `  downloaded  24.6 MB  from github.com/acme/x: nats, telegraf`.
    fn groups(&self, totals: &Totals) -> Vec<String> {
        struct Group<'a> {
            outcome: Outcome,
            place: Option<String>,
            bytes: u64,
            members: Vec<&'a Finished>,
        }
        let mut groups: Vec<Group> = Vec::new();
        for finished in &totals.finished {
            if failed(finished) || finished.outcome == Outcome::Skipped {
                continue;
            }
            let place = self
                .place(finished)
                .filter(|_| finished.outcome != Outcome::Built);
            let place = place.map(|place| folder_of(&place, finished.outcome).to_owned());
            match groups
                .iter_mut()
                .find(|g| g.outcome == finished.outcome && g.place == place)
            {
                Some(group) => {
                    group.bytes += finished.bytes;
                    group.members.push(finished);
                }
                None => {
                    groups.push(Group {
                        outcome: finished.outcome,
                        place,
                        bytes: finished.bytes,
                        members: vec![finished],
                    });
                }
            }
        }
        groups.sort_by(|a, b| (a.outcome, &a.place).cmp(&(b.outcome, &b.place)));
        groups
            .into_iter()
            .map(
                |Group {
                     outcome,
                     place,
                     bytes,
                     members,
                 }| {
                    let mut names: Vec<String> = members
                        .iter()
                        .take(MEMBERS)
                        .map(|f| match f.outcome {
                            Outcome::Built => {
                                format!("{} ({})", self.label(&f.target), human::seconds(f.seconds))
                            }
                            _ => self.label(&f.target),
                        })
                        .collect();
                    if members.len() > MEMBERS {
                        names.push(format!("and {} more", members.len() - MEMBERS));
                    }
                    let bytes = if bytes > 0 {
                        human::bytes(bytes)
                    } else {
                        String::new()
                    };
                    let place = match (place, outcome) {
                        (None, _) => String::new(),
                        (
                            Some(place),
                            Outcome::Packaged
                            | Outcome::Released
                            | Outcome::Collected
                            | Outcome::Locked,
                        ) => {
                            format!("to {place}: ")
                        }
                        (Some(place), _) => format!("from {place}: "),
                    };
                    let names = self.paint.tone(Tone::Dim, &names.join(", "));
                    self.fit(format!(
                        "  {:<10}  {bytes:>8}  {place}{names}",
                        outcome.as_str()
                    ))
                },
            )
            .collect()
    }

    /// Every failure in full, and one last line that names them. Empty where nothing failed.
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
        if !broken.is_empty() {
            let steps = human::count(totals.steps(), "step");
            lines.push(String::new());
            let headline = self
                .paint
                .tone(Tone::Bad, &format!("{} of {steps} failed:", broken.len()));
            lines.push(format!("{headline} {}", names(&broken)));
        }
        lines
    }

    /// A failure in full: the error, the end of the build's log, and where the whole is.
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

/// How many names a summary line lists.
const MEMBERS: usize = 12;

/// A place in few words: of a url the host, and the repository where it is a release's; else as it is.
pub(super) fn short_place(place: &str) -> String {
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

/// What many assets' places have in common: of a file in a folder hub, `HUB/TAG/ASSET`, the hub; of a package its folder.
fn folder_of(place: &str, outcome: Outcome) -> &str {
    let path = Utf8Path::new(place);
    let folder = match outcome {
        // A host and a repository are short already.
        Outcome::Downloaded | Outcome::Released if path.is_absolute() => {
            path.parent().and_then(Utf8Path::parent)
        }
        Outcome::Packaged => path.parent(),
        _ => None,
    };
    folder.map_or(place, Utf8Path::as_str)
}

/// The last lines of a log, and whether that is all of it. A log that can't be read has none.
pub(super) fn log_tail(log: &Utf8Path, redactor: &Redactor) -> (Vec<String>, bool) {
    let Some((bytes, mut whole)) = read_end(log, LOG_WINDOW) else {
        return (Vec::new(), false);
    };
    let text = redactor.clean(&String::from_utf8_lossy(&bytes));
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if !whole && lines.len() > 1 {
        // The first line of the window is the end of some line.
        lines.remove(0);
    }
    if lines.len() > LOG_TAIL {
        lines.drain(..lines.len() - LOG_TAIL);
        whole = false;
    }
    (lines, whole)
}

/// The last bytes of a file, and whether they are all.
pub(super) fn read_end(path: &Utf8Path, most: u64) -> Option<(Vec<u8>, bool)> {
    let mut file = fs::open_opt(path).ok()??;
    let size = file.metadata().ok()?.len();
    let start = size.saturating_sub(most);
    file.seek(SeekFrom::Start(start)).ok()?;
    let mut bytes = Vec::new();
    // The log of an orphan may still grow.
    file.take(most).read_to_end(&mut bytes).ok()?;
    Some((bytes, start == 0))
}
