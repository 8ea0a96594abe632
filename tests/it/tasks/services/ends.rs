//! However a task ends, nothing of its services is left.

use std::process::Stdio;

use super::{kill, nothing_is_left, pids, project, runs, signal, wait_for, wait_until};
use crate::env::TestEnv;
use crate::servers::ports::free_port;

/// A project with a service whose children ignore TERM, and others.
fn services() -> TestEnv {
    let (good, never) = (free_port(), free_port());
    project(&format!(
        r#"services:
  good: {{command: sh stubborn.sh python3 server.py {good}, ready: {{tcp: {good}}}}}
  never: {{command: "echo I wait; echo $$ >> pids; exec sleep 600", ready: {{tcp: {never}}}, timeout: 1s}}
  early: {{command: "echo I give up >&2; exit 3", ready: {{tcp: {never}}}}}
  dies: {{command: "echo $$ >> pids; while [ ! -e die ]; do sleep 0.01; done; echo I die; exit 7"}}
  mortal: {{command: "echo $$ >> pids; exec sleep 600", ready: {{command: test -s pids}}}}
tasks:
  works: {{services: [good], commands: ["true"]}}
  next: {{services: [mortal], commands: ["true"]}}
  never: {{services: [good, never], commands: [touch ran]}}
  early: {{services: [good, early], commands: [touch ran]}}
  dies: {{services: [good, dies], commands: ["touch die; echo $$ >> pids; exec sleep 600", touch ran]}}
  killed: {{services: [good, mortal], commands: ["kill -9 $(tail -1 pids); echo $$ >> pids; exec sleep 600"]}}
  fails: {{services: [good], commands: ["exit 5", touch ran]}}
  long: {{services: [good, mortal], commands: ["touch begun; echo $$ >> pids; exec sleep 600"]}}
"#
    ))
}

/// Runs a task, and looks for what is left of its services. So many processes are started.
#[track_caller]
fn ended_by_itself(task: &str, code: i32, processes: usize, said: &[&str]) {
    let env = services();
    let out = env.larder(["run", task]).exits(code);
    for text in said {
        assert!(out.stderr.contains(text), "{task}: {text}: {}", out.stderr);
    }
    assert!(!env.exists("ran"), "{task}");
    assert_eq!(pids(&env).len(), processes, "{task}: {}", out.stderr);
    nothing_is_left(&env, processes);
    // Nothing of it prevents the next run.
    env.larder(["run", "next"]).success();
    nothing_is_left(&env, processes + 1);
}

#[test]
fn nothing_is_left_after_success() {
    ended_by_itself("works", 0, 3, &[]);
}

#[test]
fn nothing_is_left_if_a_command_fails() {
    let said = "task `fails`: `exit 5` failed (exit code 5)";
    ended_by_itself("fails", 1, 3, &[said]);
}

#[test]
fn nothing_is_left_if_a_service_never_gets_ready() {
    let said = [
        "the service `never` was not ready after 1.0 s",
        "accepts no connections",
        "I wait",
        ".larder/logs/services/never.log",
        "set `timeout`",
    ];
    ended_by_itself("never", 1, 4, &said);
}

#[test]
fn nothing_is_left_if_a_service_ends_before_it_is_ready() {
    let said = [
        "the service `early` ended before it was ready (exit code 3)",
        "I give up",
        ".larder/logs/services/early.log",
    ];
    ended_by_itself("early", 1, 3, &said);
}

#[test]
fn nothing_is_left_if_a_service_dies_in_the_middle() {
    let said = [
        "task `dies`: the service `dies` ended while `touch die;",
        "(exit code 7)",
        "I die",
        ".larder/logs/services/dies.log",
    ];
    ended_by_itself("dies", 1, 5, &said);
}

#[test]
fn nothing_is_left_if_a_service_is_killed() {
    let said = [
        "task `killed`: the service `mortal` ended while `kill",
        "(signal 9)",
        "its log is empty",
    ];
    ended_by_itself("killed", 1, 5, &said);
}

#[test]
fn what_failed_is_told_to_programs_too() {
    let env = services();
    let out = env.larder_json(["run", "early"]).exits(1);
    let lines = out.json();
    let of = |action: &str, subject: &str| {
        let line = lines
            .iter()
            .find(|line| line["action"] == action && line["subject"] == subject);
        line.unwrap_or_else(|| panic!("no {action} {subject}: {}", out.stdout))
            .clone()
    };
    assert_eq!(of("up", "early")["outcome"], "failed");
    let error = of("up", "early")["error"].to_string();
    assert!(
        error.contains("exit code 3") && error.contains("I give up"),
        "{error}"
    );
    assert_eq!(of("run", "early")["outcome"], "skipped");
    assert_eq!(of("down", "good")["outcome"], "stopped");
    let out = env.larder_json(["run", "dies"]).exits(1);
    assert_eq!(out.finished("run")[0]["outcome"], "failed");
    assert!(
        out.summary()["error"].to_string().contains("I die"),
        "{}",
        out.stdout
    );
}

/// Interrupts a task while its commands run.
#[track_caller]
fn interrupted_by(name: &str, code: i32) {
    let env = services();
    let mut command = env.command(["run", "long"]);
    // As in a terminal, larder is in a group of its own; here it ignores no signal.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    wait_for(&env, "begun");
    wait_until("all have begun", || pids(&env).len() == 5);
    signal(&child, name);
    let out = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(code), "{name}: {said}");
    assert!(said.contains("interrupted"), "{said}");
    nothing_is_left(&env, 5);
}

#[test]
fn nothing_is_left_after_ctrl_c() {
    interrupted_by("-INT", 130);
}

#[test]
fn nothing_is_left_after_term() {
    interrupted_by("-TERM", 143);
}

#[test]
fn a_signal_ends_the_wait_for_a_service() {
    let env = services();
    env.edit("versions.yml", "timeout: 1s", "timeout: 10m");
    let mut command = env.command(["run", "never"]);
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().unwrap();
    wait_until("all have begun", || pids(&env).len() == 4);
    signal(&child, "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    nothing_is_left(&env, 4);
    assert!(!env.exists("ran"));
}

/// The supervisors see that the run has ended, however it ended.
#[test]
fn the_services_of_a_killed_run_end() {
    let env = services();
    let mut child = env.command(["run", "long"]).spawn().unwrap();
    wait_for(&env, "begun");
    wait_until("all have begun", || pids(&env).len() == 5);
    signal(&child, "-KILL");
    child.wait().unwrap();
    // The command of the task is nobody's any more.
    let pids = pids(&env);
    kill("-KILL", pids.last().unwrap());
    wait_until("the services end", || !pids.iter().any(|pid| runs(pid)));
    env.larder(["run", "next"]).success();
    nothing_is_left(&env, 6);
}

/// The process that supervises a service, by its record.
fn supervisor(env: &TestEnv, service: &str) -> String {
    let record = env.read(&format!(".larder/services/{service}/record.json"));
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    record["supervisor"]["pid"].to_string()
}

#[test]
fn what_a_killed_supervisor_leaves_is_ended_by_the_next_larder() {
    for next in ["run works", "up good", "down"] {
        let env = services();
        env.larder(["up", "good"]).success();
        let before = pids(&env);
        kill("-KILL", &supervisor(&env, "good"));
        assert!(before.iter().all(|pid| runs(pid)), "{before:?}");
        env.larder(next.split(' ')).success();
        assert!(!before.iter().any(|pid| runs(pid)), "{next}: {before:?}");
        env.larder(["down"]).success();
        nothing_is_left(&env, 3);
    }
}

#[test]
fn a_task_notices_that_a_supervisor_was_killed() {
    let env = services();
    let child = env
        .command(["run", "long"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for(&env, "begun");
    wait_until("all have begun", || pids(&env).len() == 5);
    kill("-KILL", &supervisor(&env, "good"));
    let out = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(said.contains("its supervisor was killed"), "{said}");
    nothing_is_left(&env, 5);
}

/// A process id in a record is worth nothing without the time at which the process was started.
#[test]
fn a_process_that_is_not_the_services_is_never_ended() {
    let env = services();
    env.larder(["up", "mortal"]).success();
    let service = pids(&env);
    let supervisor = supervisor(&env, "mortal");
    kill("-KILL", &supervisor);
    kill("-KILL", &service[0]);
    wait_until("both have ended", || {
        !runs(&supervisor) && !runs(&service[0])
    });
    // Another process has got that process id in the meantime.
    let mut other = env.program("sleep");
    std::os::unix::process::CommandExt::process_group(&mut other, 0);
    let mut other = other.arg("600").spawn().unwrap();
    env.edit(
        ".larder/services/mortal/record.json",
        &format!("\"process\":{{\"pid\":{}", service[0]),
        &format!("\"process\":{{\"pid\":{}", other.id()),
    );
    env.edit(
        ".larder/services/mortal/record.json",
        &format!("\"supervisor\":{{\"pid\":{supervisor}"),
        &format!("\"supervisor\":{{\"pid\":{}", other.id()),
    );
    for line in ["down", "up mortal", "down"] {
        env.larder(line.split(' ')).success();
        assert!(runs(&other.id().to_string()), "{line}");
    }
    other.kill().unwrap();
    other.wait().unwrap();
    nothing_is_left(&env, 2);
}
