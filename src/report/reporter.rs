//! The thread that owns the output. It receives the events of a run and shows them with a view.

use std::io::{self, BufWriter};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::mode::{Mode, Verbosity};
use super::print::Printer;
use super::text::lines::Style;
use super::text::{Paint, Redactor};
use super::totals::Totals;
use super::views::{
    GitHubActions, Json, Nested, Plain, Stderr, Terminal, View, did_line, shows_did,
};
use larder_core::error::{Error, Result};
use larder_core::model::Platform;
use larder_engine::events::{Did, Event, Level};

/// The time between two ticks of a view while no events arrive.
const TICK: Duration = Duration::from_millis(50);

/// Shows a run's events.
pub struct Reporter;

/// A running reporter.
pub struct ReporterHandle {
    thread: JoinHandle<Totals>,
    ending: Arc<AtomicBool>,
}

impl Reporter {
    /// Starts the thread that shows the events of a run's channel (see
    /// [`larder_engine::events::Events::channel`]).
    pub fn spawn(
        mode: Mode,
        verbosity: Verbosity,
        redactor: Redactor,
        receiver: Receiver<Event>,
    ) -> ReporterHandle {
        let ending = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&ending);
        let thread = std::thread::spawn(move || {
            let mut view = view(mode, verbosity, &redactor);
            show(view.as_mut(), &receiver, &seen, Instant::now())
        });
        ReporterHandle { thread, ending }
    }
}

impl ReporterHandle {
    /// Waits until all events sent so far, the summary and the failures are shown. It does not wait
    /// for senders that still exist; later events are discarded.
    pub fn finish(self) -> Totals {
        self.ending.store(true, Ordering::Release);
        self.thread.join().unwrap_or_default()
    }
}

fn view(mode: Mode, verbosity: Verbosity, redactor: &Redactor) -> Box<dyn View> {
    let style = |paint: Paint| Style {
        paint,
        width: None,
        verbose: verbosity >= Verbosity::Verbose,
        alone: false,
        longest: 0,
        host: Platform::host(),
        redactor: redactor.clone(),
    };
    let stderr = || BufWriter::new(io::stderr());
    match mode {
        Mode::Terminal(paint) => Box::new(Terminal::new(Stderr::new(), style(paint), verbosity)),
        Mode::Plain(paint) => Box::new(Plain::new(stderr(), style(paint), verbosity)),
        Mode::Json {
            summary,
            in_actions,
        } => {
            let mut messages = Plain::new(stderr(), style(Paint::default()), verbosity);
            if in_actions {
                messages = messages.escapes_commands();
            }
            Box::new(Json::new(
                BufWriter::new(io::stdout()),
                messages,
                verbosity,
                summary,
            ))
        }
        Mode::GitHubActions {
            summary,
            inner,
            in_group,
        } => {
            let plain = Plain::new(
                stderr(),
                style(Paint {
                    color: false,
                    unicode: true,
                }),
                verbosity,
            );
            let time = std::time::SystemTime::now();
            let seed = format!(
                "{time:?} {} {:?}",
                std::process::id(),
                std::thread::current().id()
            );
            let nested = Nested { inner, in_group };
            Box::new(GitHubActions::new(plain, verbosity, summary, nested, &seed))
        }
    }
}

fn show(
    view: &mut dyn View,
    receiver: &Receiver<Event>,
    ending: &AtomicBool,
    start: Instant,
) -> Totals {
    let mut totals = Totals::default();
    let mut summary_seen = false;
    loop {
        // Read the flag before the channel, so that every event sent before `finish` is received.
        let ending_seen = ending.load(Ordering::Acquire);
        match receiver.try_recv() {
            Ok(event) => {
                count_event(&event, &mut totals);
                summary_seen |= matches!(event, Event::Summary(_));
                view.event(&event, start.elapsed());
                view.tick(start.elapsed());
                continue;
            }
            Err(TryRecvError::Disconnected) => break,
            Err(TryRecvError::Empty) if ending_seen => break,
            Err(TryRecvError::Empty) => view.flush(),
        }
        // After the summary the run ends soon, so wait only briefly.
        let wait = if summary_seen {
            Duration::from_millis(1)
        } else {
            TICK
        };
        match receiver.recv_timeout(wait) {
            Ok(event) => {
                count_event(&event, &mut totals);
                summary_seen |= matches!(event, Event::Summary(_));
                view.event(&event, start.elapsed());
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        view.tick(start.elapsed());
    }
    if !summary_seen {
        totals.seconds = start.elapsed().as_secs_f64();
    }
    view.close(&totals);
    view.flush();
    totals.lost = view.lost().map(Error::kind);
    totals
}

/// Whether this output shows more of a target that is up to date than that it is counted.
pub fn shows_what_is_up_to_date(mode: &Mode, verbosity: Verbosity) -> bool {
    match mode {
        Mode::Terminal(_) | Mode::Plain(_) => verbosity >= Verbosity::Verbose,
        Mode::Json { .. } | Mode::GitHubActions { .. } => true,
    }
}

/// Shows the end of a run of which only the totals are known. It needs no thread.
pub fn close(mode: Mode, verbosity: Verbosity, redactor: &Redactor, totals: &Totals) {
    let mut view = view(mode, verbosity, redactor);
    view.close(totals);
    view.flush();
}

/// Adds an event to the totals.
pub(super) fn count_event(event: &Event, totals: &mut Totals) {
    match event {
        Event::Started { action, .. } => {
            totals.action.get_or_insert(*action);
        }
        Event::Finished(finished) => totals.add(finished),
        Event::Did(did) => totals.did(did),
        Event::Note {
            level: Level::Warning,
            ..
        } => totals.warnings += 1,
        Event::Summary(summary) => totals.finish(summary),
        _ => {}
    }
}

/// Shows one step of the whole project immediately: as a line on stderr, or with `--json` as an
/// object on stdout. For commands that share the terminal with the programs they run.
pub fn show_step(did: &Did, mode: &Mode, verbosity: Verbosity, redactor: &Redactor) -> Result<()> {
    let paint = match mode {
        Mode::Json { .. } => {
            return super::print_data(&(did_line(did, redactor) + "\n"));
        }
        Mode::Terminal(paint) | Mode::Plain(paint) => *paint,
        Mode::GitHubActions { .. } => Paint {
            color: false,
            unicode: true,
        },
    };
    if shows_did(did, verbosity) {
        let style = Style {
            paint,
            width: None,
            verbose: false,
            alone: false,
            longest: 0,
            host: Platform::host(),
            redactor: redactor.clone(),
        };
        let in_actions = matches!(mode, Mode::GitHubActions { .. });
        Printer::new(in_actions).message(&style.did(did));
    }
    Ok(())
}
