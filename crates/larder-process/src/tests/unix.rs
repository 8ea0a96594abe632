//! Tests of the rules that hold for every child. They use programs that every POSIX system has.
#![cfg(unix)]

use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_core::error::Kind;
use larder_core::fs;
use larder_core::redact::Redactor;

use crate::*;

/// A temporary folder for the files of a test.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(self.0.path().join(name)).unwrap()
    }
}

fn variables() -> Environment {
    [("PATH", "/usr/local/bin:/usr/bin:/bin")]
        .into_iter()
        .collect()
}

fn shell(line: &str) -> Command {
    Command::shell(line, variables())
}

/// A shell line that starts a background process, which writes to `beat` continuously.
const BEATS: &str = "(while :; do echo x >> beat; sleep 0.02; done) &";

/// Whether a background process still writes to `beat`.
fn beats(folder: &Folder) -> bool {
    let size = || fs::read(folder.file("beat")).unwrap().len();
    let before = size();
    std::thread::sleep(Duration::from_millis(200));
    size() != before
}

fn wait_for(path: &Utf8PathBuf) {
    let started = Instant::now();
    while !path.exists() {
        assert!(started.elapsed() < Duration::from_secs(20), "no {path}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_child_sees_only_the_declared_environment() {
    let folder = Folder::new();
    let mut variables = variables();
    variables.set("DECLARED", "yes");
    let said = Command::shell("pwd -P; env; cat; echo loud >&2; exit 3", variables)
        .folder(folder.0.path())
        .capture(&Cancel::new())
        .unwrap();
    assert!(matches!(&said.ended, Ended::Exited(status) if status.code() == Some(3)));
    let mut lines = said.out.lines();
    let real = folder.0.path().canonicalize().unwrap();
    assert_eq!(lines.next(), real.to_str());
    // The shell adds these variables itself.
    let own = ["PWD=", "OLDPWD=", "SHLVL=", "_="];
    let mut seen: Vec<&str> = lines
        .filter(|line| !own.iter().any(|name| line.starts_with(name)))
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, ["DECLARED=yes", "PATH=/usr/local/bin:/usr/bin:/bin"]);
    assert_eq!(said.err, "loud\n");
}

#[test]
fn lines_of_both_streams_keep_their_order() {
    let said = shell("echo 1; echo 2 >&2; echo 3")
        .capture_merged(&Cancel::new())
        .unwrap();
    assert!(said.ended.is_success());
    assert_eq!(said.text, "1\n2\n3\n");
}

#[test]
fn a_timeout_ends_the_whole_process_group() {
    let folder = Folder::new();
    let started = Instant::now();
    let ended = shell(&format!("{BEATS} wait"))
        .folder(folder.0.path())
        .timeout(Duration::from_millis(400))
        .run(Output::Discarded, &Cancel::new())
        .unwrap();
    assert!(matches!(ended, Ended::TimedOut) && !ended.is_success());
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(!beats(&folder));
}

#[test]
fn cancelling_ends_a_process_group_that_ignores_the_signal() {
    let folder = Folder::new();
    let cancel = Cancel::new();
    let error = std::thread::scope(|scope| {
        let running = scope.spawn(|| {
            shell(&format!("trap '' TERM; {BEATS} wait"))
                .folder(folder.0.path())
                .run(Output::Discarded, &cancel)
        });
        wait_for(&folder.file("beat"));
        cancel.cancel(2);
        running.join().unwrap().unwrap_err()
    });
    assert_eq!(error.kind(), Kind::Interrupted(2));
    assert!(!beats(&folder));
    // Nothing is started after that.
    let error = shell("touch started")
        .folder(folder.0.path())
        .run(Output::Discarded, &cancel)
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted(2));
    assert!(!folder.file("started").exists());
}

#[test]
fn processes_left_behind_in_the_group_are_ended() {
    let folder = Folder::new();
    let said = shell(&format!(
        "{BEATS} until test -s beat; do :; done; echo done"
    ))
    .folder(folder.0.path())
    .capture(&Cancel::new())
    .unwrap();
    assert!(said.ended.is_success());
    assert_eq!(said.out, "done\n");
    assert!(!beats(&folder));
}

/// `setsid` takes a process out of the group.
#[cfg(target_os = "linux")]
#[test]
fn an_orphan_that_keeps_a_stream_open_does_not_hold_up_the_run() {
    let folder = Folder::new();
    let started = Instant::now();
    let orphan = "setsid sh -c 'touch gone; sleep 20' &";
    let said = shell(&format!(
        "{orphan} until test -e gone; do :; done; echo printed"
    ))
    .folder(folder.0.path())
    .capture(&Cancel::new())
    .unwrap();
    assert!(said.ended.is_success());
    assert_eq!(said.out, "printed\n");
    assert!(started.elapsed() < Duration::from_secs(15));
}

#[test]
fn the_kept_output_is_bounded() {
    let said = shell("head -c 20000000 /dev/zero; echo small >&2")
        .capture(&Cancel::new())
        .unwrap();
    assert!(said.ended.is_success(), "{:?}", said.ended);
    assert_eq!(said.out.len(), LIMIT);
    assert_eq!(said.err, "small\n");
}

#[test]
fn a_missing_program_is_reported_as_not_found() {
    let said = Command::new("no-such-program-here", variables())
        .capture(&Cancel::new())
        .unwrap();
    let Ended::NotFound(error) = said.ended else {
        panic!("{:?}", said.ended);
    };
    assert!(
        error
            .to_string()
            .starts_with("cannot run `no-such-program-here`: ")
    );
    // A program that can't be run is an error.
    let error = Command::new("/", variables())
        .run(Output::Discarded, &Cancel::new())
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Failed);
}

#[test]
fn a_program_name_is_searched_on_the_childs_path() {
    let folder = Folder::new();
    let tool = folder.file("larder-test-tool");
    fs::write_atomic(&tool, b"#!/bin/sh\necho found\n").unwrap();
    fs::set_mode(&tool, 0o755).unwrap();
    let environment: Environment = [("PATH", folder.0.path())].into_iter().collect();
    let said = Command::new("larder-test-tool", environment)
        .capture(&Cancel::new())
        .unwrap();
    assert_eq!(said.out, "found\n");
}

#[test]
fn commands_and_notes_are_written_to_one_log() {
    let folder = Folder::new();
    let log = Log::at(folder.file("log"), Redactor::default());
    assert!(log.is_empty().unwrap());
    log.note("$ first").unwrap();
    let start = log.len().unwrap();
    let ended = shell("echo out; echo err >&2")
        .run(Output::Log(&log), &Cancel::new())
        .unwrap();
    assert!(ended.is_success());
    log.note("(ended)").unwrap();
    assert_eq!(log.since(start).unwrap(), "out\nerr\n(ended)\n");
    assert_eq!(
        fs::read_text(log.path()).unwrap(),
        "$ first\nout\nerr\n(ended)\n"
    );
}

#[test]
fn a_log_holds_no_secrets() {
    let folder = Folder::new();
    let variables: Environment = [("MY_TOKEN", "correct horse battery")]
        .into_iter()
        .collect();
    let log = Log::at(folder.file("log"), Redactor::new(&variables));
    log.note("$ curl https://bot:hunter2@host.example/?token=hunter2")
        .unwrap();
    let line = "printf 'correct horse'; printf ' battery\\n\\377 \\033[1m'; \
                echo; echo https://bot:hunter2@host.example >&2; printf end";
    shell(line).run(Output::Log(&log), &Cancel::new()).unwrap();
    let text = fs::read(log.path()).unwrap();
    let wanted: &[u8] = b"$ curl https://***@host.example/?token=***\n***\n\xff \x1b[1m";
    assert!(text.starts_with(wanted), "{}", text.escape_ascii());
    assert!(
        text.ends_with(b"https://***@host.example\nend"),
        "{}",
        text.escape_ascii()
    );
}

#[test]
fn exit_codes_that_are_numbers_of_errors_are_hexadecimal() {
    for (code, text) in [
        (0, "0"),
        (3, "3"),
        (255, "255"),
        (256, "0x00000100"),
        (-1, "0xFFFFFFFF"),
        (-1_073_741_819, "0xC0000005"),
    ] {
        assert_eq!(Command::exit_code_in_words(code), text);
    }
}

#[test]
fn a_child_reads_what_it_is_given_and_nothing_else() {
    let read = |command: Command| {
        let found = command.capture(&Cancel::new()).unwrap();
        assert!(found.ended.is_success(), "{:?}", found.ended);
        found.out
    };
    assert_eq!(read(shell("cat")), "");
    assert_eq!(
        read(shell("cat").input("registry.example")),
        "registry.example"
    );
    // More than a pipe holds, to a child that reads all of it, a part or nothing.
    let large = vec![b'x'; 4 << 20];
    assert_eq!(read(shell("wc -c").input(large.clone())).trim(), "4194304");
    assert_eq!(read(shell("head -c 3").input(large.clone())), "xxx");
    assert_eq!(
        read(shell("exec < /dev/null; echo done").input(large)),
        "done\n"
    );
}
