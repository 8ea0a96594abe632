//! One run, shown by every view, with a fixed clock, width and host.

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use camino::Utf8PathBuf;

use super::mode::{Mode, Verbosity};
use super::reporter::{Reporter, count_event};
use super::text::lines::Style;
use super::text::{Paint, Redactor};
use super::totals::Totals;
use super::views::{GitHubActions, Json, Plain, Screen, Terminal, View};
use larder_core::error::Error;
use larder_core::model::{Action, Outcome, SourceKind, Target};
use larder_engine::events::{Event, Events, Finished, Level, Phase, Summary};

mod github_actions;
mod json;
mod plain;
mod terminal;
mod totals;

/// What a view wrote.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn style(paint: Paint, verbose: bool) -> Style {
    Style {
        paint,
        width: None,
        verbose,
        alone: false,
        longest: 0,
        host: "linux-amd64".parse().unwrap(),
        redactor: Redactor::default(),
    }
}

const UNICODE: Paint = Paint {
    color: false,
    unicode: true,
};

fn target(name: &str) -> Target {
    Target {
        name: name.parse().unwrap(),
        platform: "linux-amd64".parse().unwrap(),
    }
}

fn finished(name: &str, outcome: Outcome) -> Finished {
    Finished {
        action: Action::Ensure,
        target: target(name),
        version: "v1.2.3".parse().unwrap(),
        outcome,
        emulated: None,
        source: None,
        bytes: 0,
        seconds: 0.01,
        error: None,
        reason: None,
        place: None,
        log: None,
        dry_run: false,
    }
}

fn log_file() -> (tempfile::TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().join("arc.log")).unwrap();
    let mut text = String::from("::error::not ours\n");
    for n in 1..=30 {
        writeln!(text, "\x1b[32mcompiling\x1b[0m unit {n}").unwrap();
    }
    text.push_str("main.rs: expected `;`\ttoken=abcdef123456\n");
    larder_core::fs::write_atomic(&path, text.as_bytes()).unwrap();
    (dir, path)
}

/// The run: milliseconds and what happens then.
fn run(log: &Utf8PathBuf) -> Vec<(u64, Event)> {
    let downloading = |name: &str, total| Event::Phase {
        target: target(name),
        phase: Phase::Downloading,
        total,
    };
    let progress = |name: &str, bytes| Event::Progress {
        target: target(name),
        bytes,
    };
    let mut events = vec![
        (
            0,
            Event::Started {
                action: Action::Ensure,
                steps: 7,
                longest: 15,
            },
        ),
        (1, Event::Finished(finished("go", Outcome::UpToDate))),
        (2, Event::Finished(finished("gh", Outcome::UpToDate))),
        (10, downloading("nats", Some(45_600_000))),
        (12, downloading("telegraf", None)),
        (
            15,
            Event::Phase {
                target: target("arc"),
                phase: Phase::Building,
                total: None,
            },
        ),
    ];
    for n in 1..=20 {
        events.push((n * 100, progress("nats", n * 1_200_000)));
        events.push((n * 100, progress("telegraf", n * 34_000)));
    }
    events.extend([
        (2010, Event::Note { target: Some(target("arc")), level: Level::Warning, text: "arc's inputs changed".into() }),
        (2020, Event::Note { target: None, level: Level::Info, text: "an ordinary note".into() }),
        (2030, Event::Note { target: Some(target("nats")), level: Level::Detail, text: "asked the hub".into() }),
        (
            3000,
            Event::Finished(Finished {
                source: Some(SourceKind::Managed),
                bytes: 45_600_000,
                seconds: 2.99,
                place: Some(
                    "https://host.example/acme/x/releases/download/nats-v1.2.3/nats-linux-amd64.tar.gz?token=abcdef1234".into(),
                ),
                reason: Some("not installed".into()),
                ..finished("nats", Outcome::Downloaded)
            }),
        ),
        (
            3100,
            Event::Finished(Finished {
                source: Some(SourceKind::Cache),
                bytes: 680_000,
                seconds: 0.2,
                ..finished("telegraf", Outcome::Restored)
            }),
        ),
        (
            3200,
            Event::Finished(Finished {
                source: Some(SourceKind::Build),
                seconds: 125.0,
                error: Some(
                    Error::failed("cannot build arc")
                        .cause("`cargo build` ended with exit status 101")
                        .hint("run it again with `-v` to watch the build"),
                ),
                log: Some(log.clone()),
                ..finished("arc", Outcome::Failed)
            }),
        ),
        (3210, Event::Finished(Finished { reason: Some("arc failed".into()), ..finished("sync", Outcome::Skipped) })),
        (3220, Event::Summary(Summary { ok: false, seconds: 3.22, ..Summary::default() })),
    ]);
    events
}

fn play(view: &mut dyn View, events: &[(u64, Event)]) -> Totals {
    let mut totals = Totals::default();
    for (millis, event) in events {
        let now = Duration::from_millis(*millis);
        count_event(event, &mut totals);
        view.event(event, now);
        // Only some frames are drawn, so that the snapshots stay short.
        if millis % 1000 == 0 {
            view.tick(now);
        }
    }
    view.close(&totals);
    totals
}

fn redact(text: String, log: &Utf8PathBuf) -> String {
    text.replace(log.as_str(), ".larder/logs/arc.log")
}
