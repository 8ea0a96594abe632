//! The terminal: live rows below, a calm line for each finished step above them.

use std::io::Write as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::live::Live;
use super::{View, shows_did, shows_note};
use crate::report::mode::Verbosity;
use crate::report::text::lines::Style;
use crate::report::totals::{Totals, failed};
use larder_core::model::Outcome;
use larder_engine::events::Event;

/// How often rows are painted anew.
const FRAME: Duration = Duration::from_millis(80);

/// What a terminal can do; a test has its own.
pub(in crate::report) trait Screen: Send {
    /// Columns and lines.
    fn size(&self) -> (usize, usize);
    /// A line that stays.
    fn print(&mut self, line: &str);
    /// The rows below it that change; none takes them away.
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

    /// The width is asked for anew: windows change.
    fn style(&mut self) -> &Style {
        // The last column stays free: some terminals wrap when it is written.
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
        match event {
            Event::Finished(finished) => {
                let shown = match self.verbosity {
                    Verbosity::Quiet => false,
                    Verbosity::Normal => finished.outcome != Outcome::UpToDate || failed(finished),
                    Verbosity::Verbose => true,
                };
                if shown {
                    let line = self.style().step(finished);
                    self.print(&line);
                }
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
        // Nothing stands above a quiet run's failures.
        let skipped = usize::from(self.verbosity == Verbosity::Quiet);
        for line in self.style.failures(totals).into_iter().skip(skipped) {
            self.screen.print(&line);
        }
    }
}

/// stderr, painted by indicatif.
pub(in crate::report) struct Stderr {
    term: console::Term,
    /// There while rows are shown.
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
        match &self.bar {
            // An empty text is no line to indicatif.
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
            // The template is ours and has one known placeholder.
            if let Ok(style) = ProgressStyle::with_template("{msg}") {
                bar.set_style(style);
            }
            bar
        });
        bar.set_message(rows.join("\n"));
        bar.tick();
    }
}
