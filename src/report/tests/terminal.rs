use super::*;

/// A terminal that records its permanent lines and every update of the rows.
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

fn on_terminal(size: (usize, usize), paint: Paint, verbosity: Verbosity) -> String {
    let (_dir, log) = log_file();
    let paper = Paper {
        size,
        sink: Sink::default(),
    };
    let mut view = Terminal::new(
        paper.clone(),
        style(paint, verbosity == Verbosity::Verbose),
        verbosity,
    );
    play(&mut view, &run(&log));
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
fn a_run_on_a_terminal_with_80_columns() {
    insta::assert_snapshot!(on_terminal((80, 24), UNICODE, Verbosity::Normal), @r"
    ~ ⠋ nats          downloading  ━━━─────────   12.0/45.6 MB  12.1 MB/s    2 s left
    ~ ⠋ telegraf      downloading        306 kB   345 kB/s
    ~ ⠋ arc           building           1 s
    ~   2 of 7 done · 1 s
    ~ ⠋ nats          downloading  ━━━━━━──────   24.0/45.6 MB  12.1 MB/s    1 s left
    ~ ⠋ telegraf      downloading        646 kB   342 kB/s
    ~ ⠋ arc           building           1 s
    ~   2 of 7 done · 2 s
    warning: arc: arc's inputs changed
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
fn a_verbose_run_on_a_terminal_with_200_columns() {
    insta::assert_snapshot!(on_terminal((200, 60), UNICODE, Verbosity::Verbose), @r"
    ✓ go v1.2.3                 up to date
    ✓ gh v1.2.3                 up to date
    ~ ⠋ nats          downloading  ━━━━━━━━━━──────────────────────────────   12.0/45.6 MB  12.1 MB/s    2 s left
    ~ ⠋ telegraf      downloading        306 kB   345 kB/s
    ~ ⠋ arc           building           1 s
    ~   2 of 7 done · 1 s
    ~ ⠋ nats          downloading  ━━━━━━━━━━━━━━━━━━━━━───────────────────   24.0/45.6 MB  12.1 MB/s    1 s left
    ~ ⠋ telegraf      downloading        646 kB   342 kB/s
    ~ ⠋ arc           building           1 s
    ~   2 of 7 done · 2 s
    warning: arc: arc's inputs changed
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
fn an_ascii_terminal_gets_only_ascii() {
    let text = on_terminal((80, 24), Paint::default(), Verbosity::Normal);
    assert!(text.is_ascii(), "{text}");
    assert!(text.contains("===="), "{text}");
}

#[test]
fn a_very_narrow_terminal_causes_no_panic() {
    for columns in 1..60 {
        let paper = Paper {
            size: (columns, 2),
            sink: Sink::default(),
        };
        let (_dir, log) = log_file();
        play(
            &mut Terminal::new(paper, style(UNICODE, false), Verbosity::Normal),
            &run(&log),
        );
    }
}

#[test]
fn rows_that_do_not_fit_are_summarised_by_count() {
    let paper = Paper {
        size: (80, 24),
        sink: Sink::default(),
    };
    let mut view = Terminal::new(paper.clone(), style(UNICODE, false), Verbosity::Normal);
    let mut events = vec![(
        0,
        Event::Started {
            action: Action::Ensure,
            steps: 48,
            longest: 0,
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
    play(&mut view, &events);
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
fn a_run_with_nothing_to_do_prints_one_line() {
    let paper = Paper {
        size: (80, 24),
        sink: Sink::default(),
    };
    let mut view = Terminal::new(paper.clone(), style(UNICODE, false), Verbosity::Normal);
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
    play(&mut view, &events);
    assert_eq!(paper.sink.text(), "8 up to date in 4 ms\n");
}

#[test]
fn long_names_are_aligned_and_long_places_cut_no_name() {
    let names = [
        "a",
        "a-subsystem-with-a-long-name",
        "b",
        "another-with-a-long-name",
    ];
    let place = "https://a-mirror-of-releases.corp.example/acme/a-platform-with-a-name/releases/download/x/y";
    for width in [80, 100, 200] {
        let paper = Paper {
            size: (width, 24),
            sink: Sink::default(),
        };
        let mut view = Terminal::new(paper.clone(), style(UNICODE, false), Verbosity::Normal);
        let mut events = vec![(
            0,
            Event::Started {
                action: Action::Ensure,
                steps: names.len(),
                longest: "a-subsystem-with-a-long-name v1.2.3".len(),
            },
        )];
        events.extend(names.iter().map(|name| {
            let step = Finished {
                place: Some(place.into()),
                bytes: 1000,
                ..finished(name, Outcome::Downloaded)
            };
            (1, Event::Finished(step))
        }));
        play(&mut view, &events);
        let text = paper.sink.text();
        let columns: Vec<Option<usize>> = text
            .lines()
            .filter(|line| line.starts_with('✓'))
            .map(|line| line.find("downloaded"))
            .collect();
        assert_eq!(columns.len(), names.len());
        assert!(columns.iter().all(|at| *at == columns[0]), "{text}");
        let (_, list) = text.split_once("4 downloaded in").expect("the final list");
        let list = list.split_once('\n').expect("lines").1;
        for name in names {
            let is_whole = |word: &str| word.trim_end_matches(',') == name;
            assert!(
                list.split_whitespace().any(is_whole),
                "{width}: {name} in {text}"
            );
        }
        let widest = text.lines().map(console::measure_text_width).max();
        assert!(widest < Some(width), "{text}");
    }
}

#[test]
fn nothing_is_left_of_what_seems_to_be_there() {
    let paper = Paper {
        size: (100, 24),
        sink: Sink::default(),
    };
    let mut view = Terminal::new(paper.clone(), style(UNICODE, false), Verbosity::Normal);
    let progress = |bytes| Event::Progress {
        target: target("nats"),
        bytes,
    };
    let start = Event::Phase {
        target: target("nats"),
        phase: Phase::Downloading,
        total: Some(12_000_000),
    };
    let (half, end) = (progress(6_000_000), progress(11_999_000));
    play(&mut view, &[(0, start), (1000, half), (2000, end)]);
    let text = paper.sink.text();
    let line = |done: &str| {
        text.lines()
            .find(|line| line.contains(done))
            .expect("a row")
    };
    assert!(line("6.0/12.0 MB").ends_with("1 s left"), "{text}");
    assert!(!line("12.0/12.0 MB").contains("left"), "{text}");
}
