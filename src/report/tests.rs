//! One run, told by every face: the clock, the width and the host are pinned.

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use camino::Utf8PathBuf;

use super::actions::GitHubActions;
use super::json::Json;
use super::lines::Look;
use super::mode::{Mode, Verbosity};
use super::paint::Paint;
use super::plain::Plain;
use super::redact::Redactor;
use super::reporter::{Face, Reporter, fold};
use super::terminal::{Screen, Terminal};
use super::totals::Totals;
use larder_core::error::Error;
use larder_core::model::{Action, Outcome, SourceKind, Target};
use larder_engine::events::{Event, Events, Finished, Level, Phase, Summary};

/// What a face wrote.
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

/// A terminal on paper: lines that stay, and each painting of the rows as a frame.
#[derive(Clone)]
struct Paper {
    size: (usize, usize),
    sink: Sink,
}

impl Screen for Paper {
    fn size(&self) -> (usize, usize) {
        self.size
    }
    fn print(&mut self, line: &str) {
        writeln!(self.sink, "{line}").unwrap();
    }
    fn rows(&mut self, rows: &[String]) {
        for row in rows {
            writeln!(self.sink, "~ {row}").unwrap();
        }
    }
}

fn look(paint: Paint, verbose: bool) -> Look {
    Look {
        paint,
        width: None,
        verbose,
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
        via: None,
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
        (2010, Event::Note { target: Some(target("arc")), level: Level::Warning, text: "arc changed but is still v1.2.3".into() }),
        (2020, Event::Note { target: None, level: Level::Info, text: "an ordinary note".into() }),
        (2030, Event::Note { target: Some(target("nats")), level: Level::Detail, text: "asked the hub".into() }),
        (
            3000,
            Event::Finished(Finished {
                via: Some(SourceKind::Managed),
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
                via: Some(SourceKind::Cache),
                bytes: 680_000,
                seconds: 0.2,
                ..finished("telegraf", Outcome::Restored)
            }),
        ),
        (
            3200,
            Event::Finished(Finished {
                via: Some(SourceKind::Build),
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

fn play(face: &mut dyn Face, events: &[(u64, Event)]) -> Totals {
    let mut totals = Totals::default();
    for (millis, event) in events {
        let now = Duration::from_millis(*millis);
        fold(event, &mut totals);
        face.event(event, now);
        // A frame now and then, so that the story stays short.
        if millis % 1000 == 0 {
            face.tick(now);
        }
    }
    face.close(&totals);
    totals
}

fn redact(text: String, log: &Utf8PathBuf) -> String {
    text.replace(log.as_str(), ".larder/logs/arc.log")
}

fn on_terminal(size: (usize, usize), paint: Paint, verbosity: Verbosity) -> String {
    let (_dir, log) = log_file();
    let paper = Paper {
        size,
        sink: Sink::default(),
    };
    let mut face = Terminal::new(
        paper.clone(),
        look(paint, verbosity == Verbosity::Verbose),
        verbosity,
    );
    play(&mut face, &run(&log));
    let text = redact(paper.sink.text(), &log);
    for line in text.lines().filter(|line| !line.contains("log:")) {
        assert!(
            console::measure_text_width(line.trim_start_matches("~ ")) < size.0,
            "{line}"
        );
    }
    text
}

#[test]
fn on_a_terminal_80_columns_wide() {
    insta::assert_snapshot!(on_terminal((80, 24), UNICODE, Verbosity::Normal), @r"
    ~ ⠋ nats          downloading  ━━━─────────   12.0/45.6 MB  12.1 MB/s    2 s left
    ~ ⠋ telegraf      downloading        306 kB   345 kB/s
    ~ ⠋ arc           building           1 s
    ~   2 of 7 done · 1 s
    ~ ⠋ nats          downloading  ━━━━━━──────   24.0/45.6 MB  12.1 MB/s    1 s left
    ~ ⠋ telegraf      downloading        646 kB   342 kB/s
    ~ ⠋ arc           building           1 s
    ~   2 of 7 done · 2 s
    warning: arc: arc changed but is still v1.2.3
    an ordinary note
    ✓ nats v1.2.3               downloaded  45.6 MB in 3.0 s from host.example/acm…
    ~ ⠋ telegraf      downloading        680 kB   342 kB/s
    ~ ⠋ arc           building           2 s
    ~   3 of 7 done · 3 s
    ✓ telegraf v1.2.3           restored    680 kB in 200 ms from the cache
    ✗ arc v1.2.3                failed      cannot build arc
    ○ sync v1.2.3               skipped     arc failed

    2 up to date · 1 restored · 1 downloaded · 1 failed · 1 skipped in 3.2 s
      restored      680 kB  from the cache: telegraf
      downloaded   45.6 MB  from host.example/acme/x: nats

    error: arc v1.2.3: cannot build arc
      caused by: `cargo build` ended with exit status 101
      help: run it again with `-v` to watch the build
      the end of the log:
      │ compiling unit 12
      │ compiling unit 13
      │ compiling unit 14
      │ compiling unit 15
      │ compiling unit 16
      │ compiling unit 17
      │ compiling unit 18
      │ compiling unit 19
      │ compiling unit 20
      │ compiling unit 21
      │ compiling unit 22
      │ compiling unit 23
      │ compiling unit 24
      │ compiling unit 25
      │ compiling unit 26
      │ compiling unit 27
      │ compiling unit 28
      │ compiling unit 29
      │ compiling unit 30
      │ main.rs: expected `;`    token=***
      whole log: .larder/logs/arc.log

    1 of 6 steps failed: arc
    ");
}

#[test]
fn on_a_terminal_200_columns_wide_with_details() {
    insta::assert_snapshot!(on_terminal((200, 60), UNICODE, Verbosity::Verbose), @r"
    ✓ go v1.2.3                 up-to-date
    ✓ gh v1.2.3                 up-to-date
    ~ ⠋ nats          downloading  ━━━━━━━━━━──────────────────────────────   12.0/45.6 MB  12.1 MB/s    2 s left
    ~ ⠋ telegraf      downloading        306 kB   345 kB/s
    ~ ⠋ arc           building           1 s
    ~   2 of 7 done · 1 s
    ~ ⠋ nats          downloading  ━━━━━━━━━━━━━━━━━━━━━───────────────────   24.0/45.6 MB  12.1 MB/s    1 s left
    ~ ⠋ telegraf      downloading        646 kB   342 kB/s
    ~ ⠋ arc           building           1 s
    ~   2 of 7 done · 2 s
    warning: arc: arc changed but is still v1.2.3
    an ordinary note
    nats: asked the hub
    ✓ nats v1.2.3               downloaded  45.6 MB in 3.0 s from https://host.example/acme/x/releases/download/nats-v1.2.3/nats-linux-amd64.tar.gz?token=*** (not installed)
    ~ ⠋ telegraf      downloading        680 kB   342 kB/s
    ~ ⠋ arc           building           2 s
    ~   3 of 7 done · 3 s
    ✓ telegraf v1.2.3           restored    680 kB in 200 ms from the cache
    ✗ arc v1.2.3                failed      cannot build arc
    ○ sync v1.2.3               skipped     arc failed

    2 up to date · 1 restored · 1 downloaded · 1 failed · 1 skipped in 3.2 s
      restored      680 kB  from the cache: telegraf
      downloaded   45.6 MB  from https://host.example/acme/x/releases/download/nats-v1.2.3/nats-linux-amd64.tar.gz?token=***: nats

    error: arc v1.2.3: cannot build arc
      caused by: `cargo build` ended with exit status 101
      help: run it again with `-v` to watch the build
      the end of the log:
      │ compiling unit 12
      │ compiling unit 13
      │ compiling unit 14
      │ compiling unit 15
      │ compiling unit 16
      │ compiling unit 17
      │ compiling unit 18
      │ compiling unit 19
      │ compiling unit 20
      │ compiling unit 21
      │ compiling unit 22
      │ compiling unit 23
      │ compiling unit 24
      │ compiling unit 25
      │ compiling unit 26
      │ compiling unit 27
      │ compiling unit 28
      │ compiling unit 29
      │ compiling unit 30
      │ main.rs: expected `;`    token=***
      whole log: .larder/logs/arc.log

    1 of 6 steps failed: arc
    ");
}

#[test]
fn on_a_terminal_that_knows_only_ascii() {
    let text = on_terminal((80, 24), Paint::default(), Verbosity::Normal);
    assert!(text.is_ascii(), "{text}");
    assert!(text.contains("===="), "{text}");
}

#[test]
fn a_narrow_terminal_is_no_reason_to_fall_over() {
    for columns in 1..60 {
        let paper = Paper {
            size: (columns, 2),
            sink: Sink::default(),
        };
        let (_dir, log) = log_file();
        play(
            &mut Terminal::new(paper, look(UNICODE, false), Verbosity::Normal),
            &run(&log),
        );
    }
}

#[test]
fn many_rows_are_counted_instead_of_shown() {
    let paper = Paper {
        size: (80, 24),
        sink: Sink::default(),
    };
    let mut face = Terminal::new(paper.clone(), look(UNICODE, false), Verbosity::Normal);
    let mut events = vec![(
        0,
        Event::Started {
            action: Action::Ensure,
            steps: 48,
        },
    )];
    for n in 0..22 {
        events.push((
            1,
            Event::Phase {
                target: target(&format!("tool-{n}")),
                phase: Phase::Building,
                total: None,
            },
        ));
    }
    events.push((
        1000,
        Event::Progress {
            target: target("tool-0"),
            bytes: 0,
        },
    ));
    play(&mut face, &events);
    let text = paper.sink.text();
    assert_eq!(
        text.lines()
            .filter(|line| line.contains("building"))
            .count(),
        10,
        "{text}"
    );
    assert!(
        text.contains("~   … and 12 more · 0 of 48 done · 1 s"),
        "{text}"
    );
}

#[test]
fn a_run_with_nothing_to_do_says_so_in_one_line() {
    let paper = Paper {
        size: (80, 24),
        sink: Sink::default(),
    };
    let mut face = Terminal::new(paper.clone(), look(UNICODE, false), Verbosity::Normal);
    let mut events: Vec<(u64, Event)> = (0..8)
        .flat_map(|n| {
            let name = format!("tool-{n}");
            let checking = Event::Phase {
                target: target(&name),
                phase: Phase::Checking,
                total: None,
            };
            [
                (0, checking),
                (0, Event::Finished(finished(&name, Outcome::UpToDate))),
            ]
        })
        .collect();
    events.push((
        4,
        Event::Summary(Summary {
            ok: true,
            seconds: 0.004,
            ..Summary::default()
        }),
    ));
    play(&mut face, &events);
    assert_eq!(paper.sink.text(), "8 up to date in 4 ms\n");
}

fn as_plain(verbosity: Verbosity) -> String {
    let (_dir, log) = log_file();
    let sink = Sink::default();
    play(
        &mut Plain::new(
            sink.clone(),
            look(Paint::default(), verbosity == Verbosity::Verbose),
            verbosity,
        ),
        &run(&log),
    );
    redact(sink.text(), &log)
}

#[test]
fn as_plain_lines() {
    let text = as_plain(Verbosity::Normal);
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
    insta::assert_snapshot!(text, @r"
    arc: building
    warning: arc: arc changed but is still v1.2.3
    an ordinary note
    + nats v1.2.3               downloaded  45.6 MB in 3.0 s from host.example/acme/x
    + telegraf v1.2.3           restored    680 kB in 200 ms from the cache
    x arc v1.2.3                failed      cannot build arc
    - sync v1.2.3               skipped     arc failed

    2 up to date, 1 restored, 1 downloaded, 1 failed, 1 skipped in 3.2 s
      restored      680 kB  from the cache: telegraf
      downloaded   45.6 MB  from host.example/acme/x: nats

    error: arc v1.2.3: cannot build arc
      caused by: `cargo build` ended with exit status 101
      help: run it again with `-v` to watch the build
      the end of the log:
      | compiling unit 12
      | compiling unit 13
      | compiling unit 14
      | compiling unit 15
      | compiling unit 16
      | compiling unit 17
      | compiling unit 18
      | compiling unit 19
      | compiling unit 20
      | compiling unit 21
      | compiling unit 22
      | compiling unit 23
      | compiling unit 24
      | compiling unit 25
      | compiling unit 26
      | compiling unit 27
      | compiling unit 28
      | compiling unit 29
      | compiling unit 30
      | main.rs: expected `;`    token=***
      whole log: .larder/logs/arc.log

    1 of 6 steps failed: arc
    ");
}

#[test]
fn quiet_tells_only_failures() {
    let text = as_plain(Verbosity::Quiet);
    insta::assert_snapshot!(text.lines().next().unwrap_or_default(), @"error: arc v1.2.3: cannot build arc");
    assert!(
        text.contains("error: arc v1.2.3: cannot build arc") && text.contains("unit 30"),
        "{text}"
    );
    assert!(
        !text.contains("nats") && !text.contains("warning"),
        "{text}"
    );
}

#[test]
fn a_long_build_gives_signs_of_life() {
    let sink = Sink::default();
    let mut face = Plain::new(
        sink.clone(),
        look(Paint::default(), false),
        Verbosity::Normal,
    );
    face.event(
        &Event::Phase {
            target: target("arc"),
            phase: Phase::Building,
            total: None,
        },
        Duration::ZERO,
    );
    for second in 0..150 {
        face.tick(Duration::from_secs(second));
    }
    assert_eq!(
        sink.text(),
        "arc: building\narc: still building, 1 m 00 s\narc: still building, 2 m 00 s\n"
    );
}

#[test]
fn as_json() {
    let (_dir, log) = log_file();
    let (out, talk) = (Sink::default(), Sink::default());
    let plain = Plain::new(
        talk.clone(),
        look(Paint::default(), false),
        Verbosity::Normal,
    );
    play(
        &mut Json::new(out.clone(), plain, Verbosity::Normal, true),
        &run(&log),
    );
    insta::assert_snapshot!(redact(out.text(), &log), @r#"
    {"event":"finished","action":"ensure","subsystem":"go","version":"v1.2.3","platform":"linux-amd64","outcome":"up-to-date","source":null,"bytes":0,"seconds":0.01,"error":null}
    {"event":"finished","action":"ensure","subsystem":"gh","version":"v1.2.3","platform":"linux-amd64","outcome":"up-to-date","source":null,"bytes":0,"seconds":0.01,"error":null}
    {"event":"finished","action":"ensure","subsystem":"nats","version":"v1.2.3","platform":"linux-amd64","outcome":"downloaded","source":"managed","bytes":45600000,"seconds":2.99,"error":null,"reason":"not installed","place":"https://host.example/acme/x/releases/download/nats-v1.2.3/nats-linux-amd64.tar.gz?token=***"}
    {"event":"finished","action":"ensure","subsystem":"telegraf","version":"v1.2.3","platform":"linux-amd64","outcome":"restored","source":"cache","bytes":680000,"seconds":0.2,"error":null}
    {"event":"finished","action":"ensure","subsystem":"arc","version":"v1.2.3","platform":"linux-amd64","outcome":"failed","source":"build","bytes":0,"seconds":125.0,"error":"cannot build arc: `cargo build` ended with exit status 101","error_kind":"failed","hints":["run it again with `-v` to watch the build"],"log":".larder/logs/arc.log"}
    {"event":"finished","action":"ensure","subsystem":"sync","version":"v1.2.3","platform":"linux-amd64","outcome":"skipped","source":null,"bytes":0,"seconds":0.01,"error":null,"reason":"arc failed"}
    {"event":"summary","ok":false,"counts":{"downloaded":1,"failed":1,"restored":1,"skipped":1,"up-to-date":2},"seconds":3.22}
    "#);
    let talk = talk.text();
    assert!(
        talk.starts_with("warning: arc: arc changed but is still v1.2.3\n"),
        "{talk}"
    );
    assert!(
        talk.contains("\nerror: arc v1.2.3: cannot build arc\n"),
        "{talk}"
    );
    assert!(!talk.contains("ordinary"), "{talk}");
}

#[test]
fn in_github_actions() {
    let (dir, log) = log_file();
    let sink = Sink::default();
    let summary: PathBuf = dir.path().join("summary.md");
    larder_core::fs::write_atomic(&summary, b"before\n").unwrap();
    let plain = Plain::new(sink.clone(), look(UNICODE, false), Verbosity::Normal);
    let mut face = GitHubActions::new(plain, Verbosity::Normal, Some(summary.clone()), "seed");
    play(&mut face, &run(&log));
    let text = redact(sink.text(), &log);
    // Everything a build wrote stands between `stop-commands` and its end.
    let (_, rest) = text.split_once("::stop-commands::").unwrap();
    let (token, rest) = rest.split_once('\n').unwrap();
    let (inside, _) = rest.split_once(&format!("::{token}::\n")).unwrap();
    assert!(
        inside.starts_with("::error::not ours\ncompiling unit 1\n"),
        "{inside}"
    );
    let text = text.replace(inside, "(log)\n").replace(token, "(token)");
    insta::assert_snapshot!(text, @r"
    arc: building
    ::warning title=arc::arc changed but is still v1.2.3
    an ordinary note
    ✓ nats v1.2.3               downloaded  45.6 MB in 3.0 s from host.example/acme/x
    ✓ telegraf v1.2.3           restored    680 kB in 200 ms from the cache
    ✗ arc v1.2.3                failed      cannot build arc
    ::group::log of arc v1.2.3 (failed)
    ::stop-commands::(token)
    (log)
    ::(token)::
    ::endgroup::
    ○ sync v1.2.3               skipped     arc failed

    2 up to date · 1 restored · 1 downloaded · 1 failed · 1 skipped in 3.2 s
      restored      680 kB  from the cache: telegraf
      downloaded   45.6 MB  from host.example/acme/x: nats

    error: arc v1.2.3: cannot build arc
      caused by: `cargo build` ended with exit status 101
      help: run it again with `-v` to watch the build
      the end of the log:
      │ compiling unit 12
      │ compiling unit 13
      │ compiling unit 14
      │ compiling unit 15
      │ compiling unit 16
      │ compiling unit 17
      │ compiling unit 18
      │ compiling unit 19
      │ compiling unit 20
      │ compiling unit 21
      │ compiling unit 22
      │ compiling unit 23
      │ compiling unit 24
      │ compiling unit 25
      │ compiling unit 26
      │ compiling unit 27
      │ compiling unit 28
      │ compiling unit 29
      │ compiling unit 30
      │ main.rs: expected `;`    token=***
      whole log: .larder/logs/arc.log

    1 of 6 steps failed: arc
    ::error title=ensure arc v1.2.3::cannot build arc: `cargo build` ended with exit status 101%0Ahelp: run it again with `-v` to watch the build
    ");
    insta::assert_snapshot!(larder_core::fs::read_text(&summary).unwrap(), @r"
    before
    ### larder ensure: failed

    | subsystem | version | platform | outcome | from or to | size | time |
    |---|---|---|---|---|---:|---:|
    | arc | v1.2.3 | linux-amd64 | ❌ failed | cannot build arc |  | 2 m 05 s |
    | nats | v1.2.3 | linux-amd64 | ✅ downloaded | host.example/acme/x | 45.6 MB | 3.0 s |
    | telegraf | v1.2.3 | linux-amd64 | ✅ restored |  | 680 kB | 200 ms |
    | sync | v1.2.3 | linux-amd64 | ⏭️ skipped | arc failed |  | 10 ms |

    2 up-to-date · 1 restored · 1 downloaded · 1 failed · 1 skipped in 3.2 s
    ");
}

#[test]
fn other_peoples_text_gives_no_commands_to_the_runner() {
    let sink = Sink::default();
    let plain = Plain::new(sink.clone(), look(UNICODE, false), Verbosity::Normal);
    let mut face = GitHubActions::new(plain, Verbosity::Normal, None, "seed");
    let text = "the server said\n::add-mask::x\n ##[error]y\na::b";
    let note = Event::Note {
        target: None,
        level: Level::Info,
        text: text.into(),
    };
    let failed = Finished {
        error: Some(Error::failed("x").cause(text)),
        ..finished("arc", Outcome::Failed)
    };
    play(&mut face, &[(0, note), (1, Event::Finished(failed))]);
    let commands: Vec<String> = sink
        .text()
        .lines()
        .filter(|line| line.trim_start().starts_with("::") || line.contains("##["))
        .map(str::to_owned)
        .collect();
    assert_eq!(commands.len(), 1, "{commands:?}");
    assert!(
        commands[0].starts_with("::error title=ensure arc v1.2.3::x: the server said%0A::add-mask"),
        "{commands:?}"
    );
}

#[test]
fn problems_in_files_become_annotations_at_their_place() {
    let problem = larder_core::error::Problem {
        file: "a,b/recipe.yml".into(),
        text: "binaries:\n  - x\nbad: 1\n".into(),
        span: 16..19,
        message: "unknown key `bad`, 100% sure".into(),
        hint: Some("remove it".into()),
    };
    assert_eq!(
        super::annotations(&Error::problems(vec![problem]), &Redactor::default()),
        [
            "::error file=a%2Cb/recipe.yml,line=3,col=1,title=larder::unknown key `bad`, 100%25 sure%0Ahelp: remove it"
        ]
    );
}

#[test]
fn finishing_shows_all_that_was_sent_though_a_sender_lives_on() {
    let (events, receiver) = Events::channel();
    let reporter = Reporter::spawn(
        Mode::Plain(Paint::default()),
        Verbosity::Quiet,
        Redactor::default(),
        receiver,
    );
    for n in 0..1000 {
        events.send(Event::Finished(finished(
            &format!("tool-{n}"),
            Outcome::UpToDate,
        )));
    }
    let totals = reporter.finish();
    assert_eq!((totals.steps(), totals.ok), (1000, true));
    drop(events);
}

#[test]
fn the_worst_failure_names_the_exit_code() {
    let mut totals = Totals::default();
    assert_eq!(totals.worst(), None);
    totals.add(&Finished {
        error: Some(Error::unavailable("x")),
        ..finished("a", Outcome::Failed)
    });
    totals.add(&finished("b", Outcome::Failed));
    totals.add(&Finished {
        error: Some(Error::integrity("x")),
        ..finished("c", Outcome::Failed)
    });
    assert_eq!(totals.worst(), Some(larder_core::Kind::Integrity));
    assert!(!totals.ok);
}
