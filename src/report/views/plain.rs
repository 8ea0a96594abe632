//! Plain lines for pipes and files, without control characters and animations.

use std::io::Write;
use std::time::Duration;

use super::live::{Live, phase_word};
use super::{View, shows_did, shows_note};
use crate::report::mode::Verbosity;
use crate::report::print::printable;
use crate::report::text::lines::Style;
use crate::report::totals::{Totals, failed};
use larder_core::human;
use larder_core::model::{Outcome, Target};
use larder_engine::events::{Event, Phase};

/// The interval at which a long step prints a line, because CI systems end jobs without output.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Events as plain lines.
pub(in crate::report) struct Plain<W> {
    out: W,
    style: Style,
    verbosity: Verbosity,
    live: Live,
    /// Whether text that GitHub's runner would take for workflow commands is escaped.
    escapes_commands: bool,
    /// When a line about each running step was last printed.
    announced: Vec<(Target, Phase, Duration)>,
}

impl<W: Write + Send> Plain<W> {
    pub fn new(out: W, style: Style, verbosity: Verbosity) -> Self {
        Self {
            out,
            style,
            verbosity,
            live: Live::default(),
            escapes_commands: false,
            announced: Vec::new(),
        }
    }

    /// The same, for GitHub's runner, which takes lines that begin with `::` for commands.
    pub fn escapes_commands(mut self) -> Self {
        self.escapes_commands = true;
        self
    }

    /// Writes a line without escaping commands in it.
    pub fn raw(&mut self, line: &str) {
        // Ignore a closed stderr: its reader has ended.
        let _ = writeln!(self.out, "{}", printable(line, false));
    }

    pub fn line(&mut self, line: &str) {
        let _ = writeln!(self.out, "{}", printable(line, self.escapes_commands));
    }

    pub fn style(&self) -> &Style {
        &self.style
    }
}

impl<W: Write + Send> View for Plain<W> {
    fn event(&mut self, event: &Event, now: Duration) {
        self.live.apply(event, now);
        if let Event::Started { steps, longest, .. } = event {
            self.style.alone = *steps == 1;
            self.style.longest = *longest;
        }
        match event {
            Event::Phase {
                target,
                phase: Phase::Building,
                ..
            } if self.verbosity > Verbosity::Quiet => {
                let known = self
                    .announced
                    .iter()
                    .any(|(c, phase, _)| c == target && *phase == Phase::Building);
                if !known {
                    self.announced.push((target.clone(), Phase::Building, now));
                    let line = format!("{}: building", self.style.label(target));
                    self.line(&line);
                }
            }
            Event::Finished(finished) => {
                self.announced
                    .retain(|(target, _, _)| *target != finished.target);
                let shown = match self.verbosity {
                    Verbosity::Quiet => false,
                    Verbosity::Normal => finished.outcome != Outcome::UpToDate || failed(finished),
                    Verbosity::Verbose | Verbosity::Output => true,
                };
                if shown {
                    let line = self.style.step(finished);
                    self.line(&line);
                }
            }
            Event::Output { target, line } => {
                let line = self.style.output(target, &line.text);
                self.line(&line);
            }
            Event::Did(did) if shows_did(did, self.verbosity) => {
                let line = self.style.did(did);
                self.line(&line);
            }
            Event::Note {
                target,
                level,
                text,
            } if shows_note(*level, self.verbosity) => {
                let text = self.style.note(target.as_ref(), *level, text);
                self.line(&text);
            }
            _ => {}
        }
    }

    fn tick(&mut self, now: Duration) {
        if self.verbosity == Verbosity::Quiet {
            return;
        }
        let mut lines = Vec::new();
        for (target, phase, since) in self.live.long_running() {
            let known = self
                .announced
                .iter_mut()
                .find(|(c, p, _)| c == target && *p == phase);
            let last = known.as_ref().map_or(since, |(_, _, at)| *at);
            if now.saturating_sub(last) < HEARTBEAT {
                continue;
            }
            match known {
                Some((_, _, at)) => *at = now,
                None => self.announced.push((target.clone(), phase, now)),
            }
            let elapsed = human::duration(now.saturating_sub(since));
            lines.push(format!(
                "{}: still {}, {elapsed}",
                self.style.label(target),
                phase_word(phase)
            ));
        }
        for line in lines {
            self.line(&line);
        }
    }

    fn flush(&mut self) {
        let _ = self.out.flush();
    }

    fn close(&mut self, totals: &Totals) {
        if self.verbosity > Verbosity::Quiet {
            for line in self.style.summary(totals) {
                self.line(&line);
            }
        }
        // The failures begin with an empty line, which a quiet run does not need.
        let skipped = usize::from(self.verbosity == Verbosity::Quiet);
        for line in self.style.failures(totals).into_iter().skip(skipped) {
            self.line(&line);
        }
        self.flush();
    }
}
