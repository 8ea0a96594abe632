use super::*;

fn as_plain(verbosity: Verbosity) -> String {
    let (_dir, log) = log_file();
    let sink = Sink::default();
    play(
        &mut Plain::new(
            sink.clone(),
            style(Paint::default(), verbosity == Verbosity::Verbose),
            verbosity,
        ),
        &run(&log),
    );
    redact(sink.text(), &log)
}

#[test]
fn a_run_as_plain_lines() {
    let text = as_plain(Verbosity::Normal);
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
    insta::assert_snapshot!(text, @r"
    arc: building
    warning: arc: arc's inputs changed
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
fn quiet_reports_only_failures() {
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
fn a_long_build_prints_progress_regularly() {
    let sink = Sink::default();
    let mut view = Plain::new(
        sink.clone(),
        style(Paint::default(), false),
        Verbosity::Normal,
    );
    view.event(
        &Event::Phase {
            target: target("arc"),
            phase: Phase::Building,
            total: None,
        },
        Duration::ZERO,
    );
    for second in 0..150 {
        view.tick(Duration::from_secs(second));
    }
    assert_eq!(
        sink.text(),
        "arc: building\narc: still building, 30.0 s\narc: still building, 1 m 00 s\n\
         arc: still building, 1 m 30 s\narc: still building, 2 m 00 s\n"
    );
}

#[test]
fn a_dry_run_reports_what_would_be_done_and_that_nothing_changed() {
    let mut built = finished("arc", Outcome::Built);
    built.dry_run = true;
    built.reason = Some("would be built: not installed".into());
    let sink = Sink::default();
    let style = style(Paint::default(), false);
    let mut view = Plain::new(sink.clone(), style, Verbosity::Normal);
    play(&mut view, &[(0, Event::Finished(built))]);
    insta::assert_snapshot!(sink.text(), @r"
    - arc v1.2.3                dry run     would be built: not installed
    nothing was changed; a real run would give: 1 built
    ");
}
