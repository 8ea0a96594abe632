//! The rows that show running steps: the speed of downloads and the time of builds. A pure function
//! from events, clock and size to lines; the terminal is handled elsewhere.

use std::collections::VecDeque;
use std::time::Duration;

use crate::report::text::lines::Style;
use crate::report::text::paint::{pad, pad_left};
use crate::report::text::{Paint, Tone};
use larder_core::human;
use larder_core::model::Target;
use larder_engine::events::{Event, Phase};

/// How long a step may be checking before it gets a row, so that a run with nothing to do shows
/// none.
const ROW_DELAY: Duration = Duration::from_millis(150);
/// The period over which the speed is measured.
const SPEED_WINDOW: Duration = Duration::from_secs(5);
/// The most rows that are shown; further ones are only counted.
const MAX_ROWS: usize = 10;

struct Row {
    target: Target,
    phase: Phase,
    total: Option<u64>,
    bytes: u64,
    since: Duration,
    /// Time and bytes of recent events.
    samples: VecDeque<(Duration, u64)>,
}

/// The state of all running steps.
#[derive(Default)]
pub(super) struct Live {
    rows: Vec<Row>,
    steps: usize,
    done: usize,
}

impl Live {
    /// Applies an event. `now` is the time since the start of the run.
    pub fn apply(&mut self, event: &Event, now: Duration) {
        match event {
            Event::Started { steps, .. } => self.steps += steps,
            Event::Phase {
                target,
                phase,
                total,
            } => {
                let row = self.row(target, now);
                // A repeated phase reports its size or a further attempt. Its time continues.
                if row.phase != *phase {
                    row.since = now;
                }
                row.phase = *phase;
                row.total = *total;
                row.bytes = 0;
                row.samples = VecDeque::from([(now, 0)]);
            }
            Event::Progress { target, bytes } => {
                let row = self.row(target, now);
                row.bytes = *bytes;
                if row
                    .samples
                    .back()
                    .is_none_or(|(at, _)| now.saturating_sub(*at) >= Duration::from_millis(100))
                {
                    row.samples.push_back((now, *bytes));
                }
                while row.samples.len() > 2
                    && row
                        .samples
                        .front()
                        .is_some_and(|(at, _)| now.saturating_sub(*at) > SPEED_WINDOW)
                {
                    row.samples.pop_front();
                }
            }
            Event::Finished(finished) => {
                self.done += 1;
                self.rows.retain(|row| row.target != finished.target);
            }
            Event::Did(_) | Event::Note { .. } | Event::Output { .. } | Event::Summary(_) => {}
        }
    }

    fn row(&mut self, target: &Target, now: Duration) -> &mut Row {
        let at = self
            .rows
            .iter()
            .position(|row| row.target == *target)
            .unwrap_or_else(|| {
                self.rows.push(Row {
                    target: target.clone(),
                    phase: Phase::Checking,
                    total: None,
                    bytes: 0,
                    since: now,
                    samples: VecDeque::new(),
                });
                self.rows.len() - 1
            });
        &mut self.rows[at]
    }

    /// The steps that are doing real work (all but checking), with their phase and its start.
    pub fn long_running(&self) -> impl Iterator<Item = (&Target, Phase, Duration)> {
        self.rows
            .iter()
            .filter(|row| row.phase != Phase::Checking)
            .map(|row| (&row.target, row.phase, row.since))
    }

    /// The rows, each cut to the width. Empty if no step takes long enough.
    pub fn render(&self, style: &Style, now: Duration, width: usize, height: usize) -> Vec<String> {
        let visible: Vec<&Row> = self
            .rows
            .iter()
            .filter(|row| {
                let is_short = matches!(
                    row.phase,
                    Phase::Checking | Phase::Waiting | Phase::Restoring | Phase::Installing
                );
                !is_short || now.saturating_sub(row.since) >= ROW_DELAY
            })
            .collect();
        if visible.is_empty() {
            return Vec::new();
        }
        let room = MAX_ROWS.min(height.saturating_sub(3)).max(1);
        let shown = if visible.len() > room {
            &visible[..room]
        } else {
            &visible[..]
        };
        let names = shown
            .iter()
            .map(|row| console::measure_text_width(&style.label(&row.target)))
            .max()
            .unwrap_or(0);
        let names = names.clamp(12, (width / 5).max(12));
        let mut lines: Vec<String> = shown
            .iter()
            .map(|row| row.render(style, now, width, names))
            .collect();
        let mut rest = Vec::new();
        if visible.len() > shown.len() {
            rest.push(format!(
                "{} and {} more",
                style.paint.ellipsis(),
                visible.len() - shown.len()
            ));
        }
        if self.steps > 1 {
            rest.push(format!(
                "{} of {} done",
                self.done.min(self.steps),
                self.steps
            ));
            rest.push(human::time_left(now));
        }
        if !rest.is_empty() {
            lines.push(
                style.paint.fit(
                    &style
                        .paint
                        .tone(Tone::Dim, &format!("  {}", rest.join(style.paint.dot()))),
                    width,
                ),
            );
        }
        lines
    }
}

/// The word for a phase.
pub(super) fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Checking => "checking",
        Phase::Waiting => "waiting",
        Phase::Downloading => "downloading",
        Phase::Restoring => "restoring",
        Phase::Building => "building",
        Phase::Sending => "sending",
        Phase::Queued => "queued",
        Phase::Packing => "packing",
        Phase::Uploading => "uploading",
        Phase::Verifying => "verifying",
        Phase::Installing => "installing",
    }
}

impl Row {
    fn render(&self, style: &Style, now: Duration, width: usize, names: usize) -> String {
        let paint = style.paint;
        let name = paint.fit(&style.label(&self.target), names);
        let name = pad(&paint.tone(Tone::Strong, &name), names);
        let head = format!(
            "{} {name}  {:<11}",
            paint.tone(Tone::Help, spinner(paint, now)),
            phase_word(self.phase)
        );
        let room = width.saturating_sub(console::measure_text_width(&head) + 2);
        let tail = match self.phase {
            _ if self.bytes > 0 || self.total.is_some() => self.transfer(paint, room),
            Phase::Checking => String::new(),
            _ => pad_left(&human::time_left(now.saturating_sub(self.since)), 9),
        };
        paint.fit(format!("{head}  {tail}").trim_end(), width)
    }

    /// `━━━━━━────  12.3/45.6 MB  5.2 MB/s  6 s left`; the bar takes the space that is left.
    fn transfer(&self, paint: Paint, room: usize) -> String {
        let speed = self.speed();
        let rate = pad_left(
            &speed
                .map(|s| format!("{}/s", human::bytes(s)))
                .unwrap_or_default(),
            9,
        );
        let Some(total) = self.total.filter(|total| *total > 0) else {
            return format!("{}  {rate}", pad_left(&human::bytes(self.bytes), 12));
        };
        let left = speed
            .filter(|s| *s > 0 && self.bytes < total)
            .map(|s| Duration::from_secs(total.saturating_sub(self.bytes) / s))
            // What is less than a second would say "1 s left" after everything seems to be there.
            .filter(|left| !left.is_zero());
        let left = pad_left(
            &left
                .map(|left| format!("{} left", human::time_left(left)))
                .unwrap_or_default(),
            10,
        );
        let numbers = format!(
            "{}  {rate}  {left}",
            pad_left(&human::bytes_of(self.bytes, total), 13)
        );
        let length = room
            .saturating_sub(console::measure_text_width(&numbers) + 2)
            .min(40);
        if length < 6 {
            return numbers;
        }
        let share = (self.bytes as f64 / total as f64).clamp(0.0, 1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and the bar's length"
        )]
        let filled = (share * length as f64) as usize;
        let bar = paint.tone(Tone::Good, &paint.either("━", "=").repeat(filled));
        let rest = paint.tone(Tone::Dim, &paint.either("─", "-").repeat(length - filled));
        format!("{bar}{rest}  {numbers}")
    }

    /// Bytes per second in the recent past, once the samples cover enough time.
    fn speed(&self) -> Option<u64> {
        let (from, first) = self.samples.front()?;
        let (to, last) = self.samples.back()?;
        let span = to.saturating_sub(*from).as_secs_f64();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a speed fits and is not negative"
        )]
        (span >= 0.4).then(|| (last.saturating_sub(*first) as f64 / span) as u64)
    }
}

fn spinner(paint: Paint, now: Duration) -> &'static str {
    const UNICODE: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
    const ASCII: [&str; 4] = ["|", "/", "-", "\\"];
    let frame = usize::try_from(now.as_millis() / 100).unwrap_or(0);
    if paint.unicode {
        UNICODE[frame % UNICODE.len()]
    } else {
        ASCII[frame % ASCII.len()]
    }
}
