//! Concurrent runs: the work is done once and all succeed. Locks only save work; correctness comes
//! from atomic renames.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::env::TestEnv;

/// A subsystem whose build appends a line to a file outside of the project and takes some time.
pub fn counting_subsystem(env: &TestEnv, counter: &str, seconds: &str) {
    env.versions(&[("tool", "v1.0.0")], "sources: [build]\n");
    env.recipe(
        "tool",
        &format!(
            "binaries: [tool]\nbuild:\n  source: {{dir: .}}\n  commands:\n    - \"echo x >> {counter}\"\n    - \"sleep {seconds}\"\n    \
             - \"echo '#!/bin/sh' > {{{{ out }}}}/tool\"\n"
        ),
    );
}

pub fn count(path: &camino::Utf8Path) -> usize {
    std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

/// Starts larder and captures its output.
pub fn start(env: &TestEnv, args: &[&str]) -> Child {
    env.command(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("larder starts")
}

/// Waits for all processes; each must exit with 0. Returns their output.
pub fn wait_for_success(children: Vec<Child>) -> Vec<String> {
    let end = |child: Child| {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", output.status);
        said
    };
    children.into_iter().map(end).collect()
}

/// Waits until a condition holds.
pub fn wait_until(what: &str, so: impl Fn() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "{what}: not within 30 seconds"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(unix)]
pub fn signal(child: &Child, name: &str) {
    let done = Command::new("kill")
        .args([format!("-{name}"), child.id().to_string()])
        .status()
        .unwrap();
    assert!(done.success());
}

#[test]
fn concurrent_runs_in_one_project_build_once() {
    for args in [
        &["ensure", "all"][..],
        &["ensure", "all", "--source", "build"],
    ] {
        let env = TestEnv::new();
        let counter = env.base().join("builds");
        counting_subsystem(&env, counter.as_str(), "0.3");
        wait_for_success((0..20).map(|_| start(&env, args)).collect());
        assert_eq!(count(&counter), 1, "{args:?}");
        crate::env::assert_intact(&env, "tool");
    }
}

#[test]
fn projects_that_share_a_cache_build_once() {
    let first = TestEnv::new();
    let counter = first.base().join("builds");
    let mut machines: Vec<TestEnv> = (0..16).map(|i| first.another(&format!("m{i}"))).collect();
    for machine in &mut machines {
        machine.set("LARDER_CACHE_DIR", first.cache());
        counting_subsystem(machine, counter.as_str(), "0.3");
    }
    let said = wait_for_success(
        machines
            .iter()
            .map(|machine| start(machine, &["ensure", "all", "--json"]))
            .collect(),
    );
    assert_eq!(count(&counter), 1);
    let outcomes = |word: &str| {
        said.iter()
            .filter(|text| text.contains(&format!("\"outcome\":\"{word}\"")))
            .count()
    };
    assert_eq!(
        (outcomes("built"), outcomes("restored")),
        (1, 15),
        "{said:?}"
    );
    for machine in &machines {
        crate::env::assert_intact(machine, "tool");
    }
}

#[test]
fn concurrent_package_and_release_runs_agree() {
    let env = TestEnv::new();
    counting_subsystem(&env, env.base().join("builds").as_str(), "0");
    env.larder(["ensure", "all"]).success();
    wait_for_success(
        (0..8)
            .map(|i| {
                start(
                    &env,
                    if i % 2 == 0 {
                        &["package", "all"]
                    } else {
                        &["release", "all"]
                    },
                )
            })
            .collect(),
    );
    let litter = |dir: &str| {
        crate::env::list(&env.path(dir))
            .into_iter()
            .filter(|name| name.starts_with(".tmp"))
            .count()
    };
    assert_eq!((litter(".dist"), litter(".larder-hub/tool-v1.0.0")), (0, 0));
    assert_eq!(
        env.larder_json(["release", "all"])
            .success()
            .finished("release")[0]["outcome"],
        "up-to-date"
    );
}

#[test]
fn without_file_locks_concurrent_runs_still_succeed() {
    let env = TestEnv::new();
    let counter = env.base().join("builds");
    counting_subsystem(&env, counter.as_str(), "0.1");
    for round in 0..3 {
        env.versions(&[("tool", &format!("v1.0.{round}"))], "sources: [build]\n");
        let unlocked = || {
            let mut command = env.program("strace");
            command.args([
                "-f",
                "-qq",
                "-o",
                "/dev/null",
                "-e",
                "trace=flock",
                "-e",
                "inject=flock:error=ENOLCK",
            ]);
            command.args([crate::env::LARDER, "ensure", "all"]);
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        };
        wait_for_success((0..6).map(|_| unlocked()).collect());
        crate::env::assert_intact(&env, "tool");
    }
    assert!(count(&counter) > 3, "there were locks");
    // A run with locks removes leftovers that the runs without locks could not identify.
    env.versions(&[("tool", "v2.0.0")], "sources: [build]\n");
    env.larder(["ensure", "all"]).success();
    assert!(crate::env::list(&env.path(".larder/work")).is_empty());
    assert_eq!(
        crate::env::list(&env.path("subsystems/tool/.bin/.v")).len(),
        4
    );
}

#[test]
fn when_the_lock_holder_is_killed_the_waiting_runs_continue() {
    let env = TestEnv::new();
    let counter = env.base().join("builds");
    counting_subsystem(&env, counter.as_str(), "1");
    let mut holder = start(&env, &["ensure", "all"]);
    wait_until("the holder builds", || count(&counter) == 1);
    let others: Vec<Child> = (0..4).map(|_| start(&env, &["ensure", "all"])).collect();
    holder.kill().unwrap();
    holder.wait().unwrap();
    wait_for_success(others);
    assert_eq!(count(&counter), 2, "the holder's, and one more");
    assert!(crate::env::list(&env.path(".larder/work")).is_empty());
    crate::env::assert_intact(&env, "tool");
}

#[test]
fn deleting_the_lock_folder_does_not_allow_two_builds_at_once() {
    let env = TestEnv::new();
    let counter = env.base().join("builds");
    counting_subsystem(&env, counter.as_str(), "0.5");
    let first = start(&env, &["ensure", "all"]);
    wait_until("it builds", || count(&counter) == 1);
    let second = start(&env, &["ensure", "all"]);
    std::thread::sleep(Duration::from_millis(100));
    env.remove(".larder/locks");
    let third = start(&env, &["ensure", "all"]);
    wait_for_success(vec![first, second, third]);
    crate::env::assert_intact(&env, "tool");
}
