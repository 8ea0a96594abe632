//! The summary of a run, in a few lines.

use camino::Utf8Path;

use super::Style;
use super::step::words;
use crate::report::text::paint::Tone;
use crate::report::totals::{Totals, failed};
use larder_core::human;
use larder_core::model::Outcome;
use larder_engine::events::Finished;

/// How many names a summary line lists.
const MAX_NAMES: usize = 12;

impl Style {
    /// The counts by outcome, then for each outcome and place the bytes and the targets. Empty if
    /// there were no steps.
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
        let counts = totals.for_people();
        let others = counts
            .keys()
            .copied()
            .filter(|outcome| !order.contains(outcome));
        let counts: Vec<String> = order
            .into_iter()
            .chain(others)
            .filter_map(|outcome| {
                let count = counts.get(&outcome)?;
                let text = format!("{count} {}", words(outcome));
                Some(match outcome {
                    Outcome::Failed => self.paint.tone(Tone::Bad, &text),
                    _ => self.paint.tone(Tone::Strong, &text),
                })
            })
            .collect();
        let counts = counts.join(self.paint.dot());
        let mut lines = Vec::new();
        if totals.is_dry_run() {
            let text = format!("nothing was changed; a real run would give: {counts}");
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

    /// One line for each outcome and place:
    /// `  downloaded  24.6 MB  from github.com/acme/x: nats, telegraf`.
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
            .flat_map(
                |Group {
                     outcome,
                     place,
                     bytes,
                     members,
                 }| {
                    let mut names: Vec<String> = members
                        .iter()
                        .take(MAX_NAMES)
                        .map(|f| match f.outcome {
                            Outcome::Built => {
                                format!("{} ({})", self.label(&f.target), human::seconds(f.seconds))
                            }
                            _ => match f.emulated {
                                Some(emulated) => {
                                    format!("{} (emulated: {emulated})", self.label(&f.target))
                                }
                                None => self.label(&f.target),
                            },
                        })
                        .collect();
                    if members.len() > MAX_NAMES {
                        names.push(format!("and {} more", members.len() - MAX_NAMES));
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
                    let head = format!("  {:<10}  {bytes:>8}  {place}", words(outcome));
                    self.wrapped(head, &names)
                },
            )
            .collect()
    }

    /// A line with a list of names, which continues on further lines if it is too wide.
    fn wrapped(&self, head: String, names: &[String]) -> Vec<String> {
        let indent = " ".repeat(24);
        let room = self.width.unwrap_or(usize::MAX);
        let (mut lines, mut line) = (Vec::new(), head);
        let mut is_first = true;
        // A long place takes a line of its own, so that no name is cut.
        let first = names.first().map_or(0, |name| {
            console::measure_text_width(name) + usize::from(names.len() > 1)
        });
        if console::measure_text_width(&line) + first > room {
            lines.push(std::mem::replace(&mut line, indent.clone()));
        }
        for (i, name) in names.iter().enumerate() {
            let comma = if i + 1 < names.len() { "," } else { "" };
            let blank = if is_first { "" } else { " " };
            let width = console::measure_text_width(&line)
                + console::measure_text_width(name)
                + comma.len()
                + blank.len();
            let item = self.paint.tone(Tone::Dim, &format!("{name}{comma}"));
            if width > room && !is_first {
                lines.push(std::mem::replace(&mut line, format!("{indent}{item}")));
            } else {
                line.push_str(blank);
                line.push_str(&item);
            }
            is_first = false;
        }
        lines.push(line);
        lines.into_iter().map(|line| self.fit(line)).collect()
    }
}

/// The part of a place that several assets share: the hub's folder for a file `HUB/TAG/ASSET` of a
/// folder hub, and the folder of a package.
fn folder_of(place: &str, outcome: Outcome) -> &str {
    let path = Utf8Path::new(place);
    let folder = match outcome {
        // A url is already shortened to its host and repository.
        Outcome::Downloaded | Outcome::Released if path.is_absolute() => {
            path.parent().and_then(Utf8Path::parent)
        }
        Outcome::Packaged => path.parent(),
        _ => None,
    };
    folder.map_or(place, Utf8Path::as_str)
}
