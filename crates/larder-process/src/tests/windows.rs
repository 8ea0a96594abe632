//! What is special about children on Windows: how cmd gets its line, and the job that ends them.
#![cfg(windows)]

use std::time::Duration;

use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_core::fs;

use crate::*;

fn variables() -> Environment {
    // The system folder is that of the machine on which the test runs.
    std::env::vars_os().collect()
}

#[test]
fn cmd_keeps_the_quotes_of_a_line() {
    let said = |line: &str| {
        let captured = Command::shell(line, variables()).capture(&Cancel::new());
        captured.unwrap().out.replace("\r\n", "\n")
    };
    assert_eq!(said(r#"echo "a b"& echo c"#), "\"a b\"\nc\n");
    assert_eq!(said(r#""%ComSpec%" /C echo "d e""#), "\"d e\"\n");
}

#[test]
fn exit_codes_keep_all_their_bits() {
    let status = |line: &str| match Command::shell(line, variables()).capture(&Cancel::new()) {
        Ok(Captured {
            ended: Ended::Exited(status),
            ..
        }) => status.code().map(Command::exit_code_in_words),
        other => panic!("{other:?}"),
    };
    assert_eq!(status("exit 3").as_deref(), Some("3"));
    assert_eq!(status("exit -1073741819").as_deref(), Some("0xC0000005"));
    assert_eq!(status("exit 256").as_deref(), Some("0x00000100"));
}

/// Names the file that a child of [`a_job_ends_with_all_its_processes`] writes to.
const BEAT: &str = "LARDER_TEST_BEAT";

#[test]
#[ignore = "a program that another test starts"]
fn beats() {
    use std::io::Write;
    let Some(path) = std::env::var_os(BEAT) else {
        return;
    };
    let mut file = std::fs::File::options()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    for _ in 0..1500 {
        file.write_all(b"x").unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_job_ends_with_all_its_processes() {
    let folder = tempfile::tempdir().unwrap();
    let beat = folder.path().join("beat");
    // A child of cmd, which goes on if only cmd is ended.
    let me = std::env::current_exe().unwrap();
    let line = format!("\"{}\" --ignored tests::windows::beats", me.display());
    let mut environment = variables();
    environment.set(BEAT, &beat);
    let ended = Command::shell(&line, environment)
        .timeout(Duration::from_secs(4))
        .capture(&Cancel::new())
        .unwrap();
    assert!(matches!(ended.ended, Ended::TimedOut), "{ended:?}");
    let size = || fs::stat(&beat).unwrap().map(|meta| meta.len());
    let before = size();
    assert!(before > Some(0), "it never ran");
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(size(), before, "something still runs");
}
