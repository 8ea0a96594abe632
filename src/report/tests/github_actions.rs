use super::*;
use crate::report::annotations;
use crate::report::views::Nested;

#[test]
fn a_run_in_github_actions() {
    let (dir, log) = log_file();
    let sink = Sink::default();
    let summary: PathBuf = dir.path().join("summary.md");
    larder_core::fs::write_atomic(&summary, b"before\n").unwrap();
    let plain = Plain::new(sink.clone(), style(UNICODE, false), Verbosity::Normal);
    let mut view = GitHubActions::new(
        plain,
        Verbosity::Normal,
        Some(summary.clone()),
        Nested::default(),
        "seed",
    );
    play(&mut view, &run(&log));
    let text = redact(sink.text(), &log);
    // Everything that the build wrote is between `stop-commands` and its end.
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
    ::warning title=arc::arc's inputs changed
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

    | what | version | platform | outcome | from or to | size | time |
    | --- | --- | --- | --- | --- | ---: | ---: |
    | arc | v1.2.3 | linux-amd64 | ❌ failed | cannot build arc |  | 2 m 05 s |
    | nats | v1.2.3 | linux-amd64 | ✅ downloaded | host.example/acme/x | 45.6 MB | 3.0 s |
    | telegraf | v1.2.3 | linux-amd64 | ✅ restored |  | 680 kB | 200 ms |
    | sync | v1.2.3 | linux-amd64 | ⏭️ skipped | arc failed |  | 10 ms |

    2 up to date · 1 restored · 1 downloaded · 1 failed · 1 skipped in 3.2 s
    ");
}

#[test]
fn foreign_text_cannot_inject_workflow_commands() {
    let sink = Sink::default();
    let plain = Plain::new(sink.clone(), style(UNICODE, false), Verbosity::Normal);
    let mut view = GitHubActions::new(plain, Verbosity::Normal, None, Nested::default(), "seed");
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
    play(&mut view, &[(0, note), (1, Event::Finished(failed))]);
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
fn file_problems_become_annotations_with_line_and_column() {
    let problem = larder_core::error::Problem {
        file: "a,b/recipe.yml".into(),
        text: "binaries:\n  - x\nbad: 1\n".into(),
        span: 16..19,
        message: "unknown key `bad`, 100% sure".into(),
        hint: Some("remove it".into()),
    };
    assert_eq!(
        annotations(&Error::problems(vec![problem]), &Redactor::default()),
        [
            "::error file=a%2Cb/recipe.yml,line=3,col=1,title=larder::unknown key `bad`, 100%25 sure%0Ahelp: remove it"
        ]
    );
}
