//! Ctrl-C, TERM, HUP, QUIT and timeouts end the process group of a build, leave nothing half done, and
//! the next run works.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::env::{Output, TestEnv};

/// A build whose grandchildren ignore INT, TERM, HUP and QUIT, fork again, and record their process ids.
fn stubborn(env: &TestEnv, more: &str) {
    env.versions(&[("tool", "v1.0.0")], "sources: [build]\nupload: always\n");
    env.write(
        "subsystems/tool/stubborn.sh",
        "#!/bin/sh\ntrap '' TERM INT HUP QUIT\nsh -c 'trap \"\" TERM INT HUP QUIT; echo $$ >> '$1'; while :; do sleep 0.1; done' &\n\
         echo $$ >> $1\nwhile :; do sleep 0.1; done\n",
    );
    env.recipe(
        "tool",
        &format!(
            "any: true\nbinaries: [tool]\nbuild:\n  source: {{dir: .}}\n{more}  commands:\n    - \"echo old > {{{{ out }}}}/tool; sh stubborn.sh {}\"\n",
            env.base().join("pids")
        ),
    );
}

fn pids(env: &TestEnv) -> Vec<String> {
    std::fs::read_to_string(env.base().join("pids"))
        .unwrap_or_default()
        .lines()
        .map(str::to_owned)
        .collect()
}

fn still_running(pids: &[String]) -> Vec<String> {
    let alive = |pid: &&String| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // A zombie has ended and only waits to be reaped.
        stat.rsplit(") ")
            .next()
            .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
    };
    pids.iter().filter(alive).cloned().collect()
}

fn nothing_is_left(env: &TestEnv) {
    let pids = pids(env);
    assert!(pids.len() >= 2, "{pids:?}");
    assert_eq!(still_running(&pids), Vec::<String>::new(), "of the build");
    assert_eq!(
        crate::env::list(&env.path(".larder/work")),
        BTreeSet::new(),
        ".larder/work"
    );
    assert!(
        !env.exists("subsystems/tool/.bin/tool") && !env.exists("subsystems/tool/.bin/.version"),
        "half installed"
    );
    assert!(!env.exists(".larder-hub"), "uploaded");
}

fn next_run_works(env: &TestEnv) {
    env.edit("subsystems/tool/recipe.yml", "sh stubborn.sh", "true");
    let output = env.larder_json(["ensure", "all"]).success();
    assert_eq!(output.outcome("tool"), "built");
    crate::env::assert_intact(env, "tool");
}

fn interrupted_by(name: &str, number: i32) {
    let env = TestEnv::new();
    stubborn(&env, "");
    let child = env
        .command(["ensure", "all"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while pids(&env).len() < 2 {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "the build never started"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    let id = child.id().to_string();
    let start = Instant::now();
    assert!(
        Command::new("kill")
            .args([format!("-{name}"), id])
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(15),
        "{name}: {:?}",
        start.elapsed()
    );
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(128 + number), "{name}: {said}");
    assert!(said.contains("interrupted"), "{said}");
    nothing_is_left(&env);
    next_run_works(&env);
}

#[test]
fn ctrl_c_ends_the_whole_group() {
    interrupted_by("INT", 2);
}

#[test]
fn term_ends_the_whole_group() {
    interrupted_by("TERM", 15);
}

#[test]
fn hup_ends_the_whole_group() {
    interrupted_by("HUP", 1);
}

#[test]
fn quit_ends_the_whole_group() {
    interrupted_by("QUIT", 3);
}

#[test]
fn a_timeout_ends_the_whole_group() {
    let env = TestEnv::new();
    stubborn(&env, "  timeout: 1s\n");
    let start = Instant::now();
    let output = env.larder(["ensure", "all"]).exits(1);
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    assert!(
        output.stderr.contains("took longer than 1 second"),
        "{}",
        output.stderr
    );
    assert!(output.stderr.contains("build.timeout"), "{}", output.stderr);
    nothing_is_left(&env);
    next_run_works(&env);
}

#[test]
fn processes_left_by_a_finished_command_are_ended() {
    let env = TestEnv::new();
    env.versions(&[("tool", "v1.0.0")], "sources: [build]\n");
    let line = format!(
        "(trap '' HUP; echo $$ >> {0}; sleep 60) & sleep 60 & echo $! >> {0}; echo x > {{{{ out }}}}/tool",
        env.base().join("pids")
    );
    env.recipe(
        "tool",
        &format!("any: true\nbinaries: [tool]\nbuild:\n  source: {{dir: src}}\n  commands: [\"{line}\"]\n"),
    );
    env.write("subsystems/tool/src/x", "");
    let start = Instant::now();
    env.larder(["ensure", "all"]).success();
    assert!(start.elapsed() < Duration::from_secs(30));
    assert_eq!(still_running(&pids(&env)), Vec::<String>::new());
}

#[test]
fn an_interrupted_tool_check_and_verify_end_too() {
    for what in ["tools", "verify"] {
        let mut env = TestEnv::new();
        let pids_file = env.base().join("pids");
        let script = format!(
            "#!/bin/sh\nsh -c 'trap \"\" TERM INT; echo $$ >> {pids_file}; sleep 60' &\necho $$ >> {pids_file}\nsleep 60\n"
        );
        env.write_executable("tools/hang", script);
        env.set(
            "PATH",
            format!("{}:{}", env.path("tools"), std::env::var("PATH").unwrap()),
        );
        env.versions(&[("tool", "v1.0.0")], "sources: [build]\n");
        let more = if what == "tools" {
            String::from("  tools: {hang: \"1\"}\n")
        } else {
            String::new()
        };
        let verify = if what == "verify" {
            String::from("verify: \"hang\"\n")
        } else {
            String::new()
        };
        env.recipe(
            "tool",
            &format!(
                "any: true\nbinaries: [tool]\nbuild:\n  source: {{dir: src}}\n{more}  commands: [\"echo x > {{{{ out }}}}/tool\"]\n{verify}"
            ),
        );
        env.write("subsystems/tool/src/x", "");
        let mut child = env
            .command(["ensure", "all"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let start = Instant::now();
        while pids(&env).len() < 2 {
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "{what}: never started: {:?}",
                child.try_wait()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(
            Command::new("kill")
                .args(["-TERM", &child.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
        let start = Instant::now();
        let code = child.wait().unwrap().code();
        assert!(
            start.elapsed() < Duration::from_secs(15),
            "{what}: {:?}",
            start.elapsed()
        );
        assert_eq!(code, Some(143), "{what}");
        nothing_is_left(&env);
    }
}

#[test]
fn an_orphan_of_a_killed_run_cannot_affect_the_next_run() {
    let env = TestEnv::new();
    env.versions(&[("tool", "v1.0.0")], "sources: [build]\n");
    let started = env.base().join("started");
    let line = format!(
        "echo $$ > {started}; sleep 1; mkdir -p {{{{ out }}}}; echo orphan > {{{{ out }}}}/tool"
    );
    env.recipe(
        "tool",
        &format!("any: true\nbinaries: [tool]\nbuild:\n  source: {{dir: src}}\n  commands: [\"{line}\"]\n"),
    );
    env.write("subsystems/tool/src/x", "");
    let mut child = env.command(["ensure", "all"]).spawn().unwrap();
    while !started.exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // The next run builds the same subsystem while the orphan still writes; its result is its own.
    env.edit("subsystems/tool/recipe.yml", "echo orphan", "echo whole");
    let output: Output = env.larder(["ensure", "all"]).success();
    assert_eq!(
        env.read("subsystems/tool/.bin/tool"),
        "whole\n",
        "{}",
        output.stderr
    );
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(env.read("subsystems/tool/.bin/tool"), "whole\n");
    env.larder(["ensure", "all"]).success();
    assert_eq!(
        crate::env::list(&env.path(".larder/work")),
        BTreeSet::new(),
        ".larder/work"
    );
}
