//! The terminal: one permanent line for each finished step, and below them the rows of running
//! steps.

use std::io::Write as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::live::Live;
use super::{View, shows_did, shows_note};
use crate::report::mode::Verbosity;
use crate::report::print::printable;
use crate::report::text::lines::Style;
use crate::report::totals::{Totals, failed};
use larder_core::model::Outcome;
use larder_engine::events::Event;

/// The time between two updates of the rows.
const FRAME: Duration = Duration::from_millis(80);

/// What a view needs from a terminal. Tests have their own implementation.
pub(in crate::report) trait Screen: Send {
    /// The number of columns and lines.
    fn size(&self) -> (usize, usize);
    /// Prints a permanent line.
    fn print(&mut self, line: &str);
    /// Replaces the changing rows below the permanent lines. An empty slice removes them.
    fn rows(&mut self, rows: &[String]);
}

/// Events on a terminal.
pub(in crate::report) struct Terminal<S> {
    screen: S,
    style: Style,
    verbosity: Verbosity,
    live: Live,
    painted: Option<Duration>,
    showing: bool,
}

impl<S: Screen> Terminal<S> {
    pub fn new(screen: S, style: Style, verbosity: Verbosity) -> Self {
        Self {
            screen,
            style,
            verbosity,
            live: Live::default(),
            painted: None,
            showing: false,
        }
    }

    /// The style with the current width, because windows can be resized.
    fn style(&mut self) -> &Style {
        // The last column stays free, because some terminals wrap the line when it is used.
        self.style.width = Some(self.screen.size().0.saturating_sub(1).max(20));
        &self.style
    }

    fn print(&mut self, line: &str) {
        self.screen.print(line);
    }
}

impl<S: Screen> View for Terminal<S> {
    fn event(&mut self, event: &Event, now: Duration) {
        self.live.apply(event, now);
        if let Event::Started { steps, longest, .. } = event {
            self.style.alone = *steps == 1;
            self.style.longest = *longest;
        }
        match event {
            Event::Finished(finished) => {
                let shown = match self.verbosity {
                    Verbosity::Quiet => false,
                    Verbosity::Normal => finished.outcome != Outcome::UpToDate || failed(finished),
                    Verbosity::Verbose | Verbosity::Output => true,
                };
                if shown {
                    let line = self.style().step(finished);
                    self.print(&line);
                }
            }
            Event::Output { target, line } => {
                let line = self.style().output(target, &line.text);
                self.print(&line);
            }
            Event::Did(did) if shows_did(did, self.verbosity) => {
                let line = self.style().did(did);
                self.print(&line);
            }
            Event::Note {
                target,
                level,
                text,
            } if shows_note(*level, self.verbosity) => {
                let text = self.style().note(target.as_ref(), *level, text);
                self.print(&text);
            }
            _ => {}
        }
    }

    fn tick(&mut self, now: Duration) {
        if self.verbosity == Verbosity::Quiet
            || self
                .painted
                .is_some_and(|at| now.saturating_sub(at) < FRAME)
        {
            return;
        }
        self.painted = Some(now);
        let (columns, height) = self.screen.size();
        let rows = self
            .live
            .render(&self.style, now, columns.saturating_sub(1).max(20), height);
        if self.showing || !rows.is_empty() {
            self.showing = !rows.is_empty();
            self.screen.rows(&rows);
        }
    }

    fn close(&mut self, totals: &Totals) {
        if self.showing {
            self.screen.rows(&[]);
        }
        self.style();
        if self.verbosity != Verbosity::Quiet {
            for line in self.style.summary(totals) {
                self.screen.print(&line);
            }
        }
        // The failures begin with an empty line, which a quiet run does not need.
        let skipped = usize::from(self.verbosity == Verbosity::Quiet);
        for line in self.style.failures(totals).into_iter().skip(skipped) {
            self.screen.print(&line);
        }
    }
}

/// stderr as a screen, drawn by indicatif.
pub(in crate::report) struct Stderr {
    term: console::Term,
    /// Set while rows are shown.
    bar: Option<ProgressBar>,
}

impl Stderr {
    pub fn new() -> Self {
        Self {
            term: console::Term::stderr(),
            bar: None,
        }
    }
}

impl Screen for Stderr {
    fn size(&self) -> (usize, usize) {
        let (lines, columns) = self.term.size();
        (usize::from(columns), usize::from(lines))
    }

    fn print(&mut self, line: &str) {
        let line = &*printable(line, false);
        match &self.bar {
            // indicatif prints no line for an empty text.
            Some(bar) => bar.println(if line.is_empty() { " " } else { line }),
            None => drop(writeln!(self.term, "{line}")),
        }
    }

    fn rows(&mut self, rows: &[String]) {
        if rows.is_empty() {
            if let Some(bar) = self.bar.take() {
                bar.finish_and_clear();
            }
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(
                None,
                ProgressDrawTarget::term(self.term.clone(), 30),
            );
            // This template is constant and valid.
            if let Ok(style) = ProgressStyle::with_template("{msg}") {
                bar.set_style(style);
            }
            bar
        });
        bar.set_message(rows.join("\n"));
        bar.tick();
    }
}
