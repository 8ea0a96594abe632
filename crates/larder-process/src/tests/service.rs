//! Children that run for long, and what a later larder finds of them.
#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use larder_core::environment::Environment;
use larder_core::fs;

use crate::{Command, Identity, Moment, Output, Service, end_left_behind, marked};

const LONG: Duration = Duration::from_secs(20);

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

fn shell(line: &str, mark: &str) -> Command {
    let variables: Environment = [("PATH", "/usr/bin:/bin"), ("LARDER_TEST_MARK", mark)]
        .into_iter()
        .collect();
    Command::shell(line, variables)
}

/// Waits until a child has made a file.
async fn wait_for(file: &std::path::Path) {
    let start = Instant::now();
    while !fs::exists(file) {
        assert!(start.elapsed() < LONG, "no {}", file.display());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until the marked processes are gone: one that was killed shows its environment for a moment.
fn none_is_left(mark: &str) {
    let start = Instant::now();
    loop {
        let left = marked("LARDER_TEST_MARK", mark);
        if left.is_empty() {
            return;
        }
        assert!(start.elapsed() < LONG, "{left:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_service_is_stopped_with_all_that_it_has_started() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let line = format!(
        "trap '' TERM; sh -c \"trap '' TERM; while :; do sleep 0.1; done\" & touch {}; wait",
        ready.display()
    );
    let mark = folder.path().display().to_string();
    runtime().block_on(async {
        let mut service = shell(&line, &mark).start().unwrap();
        wait_for(&ready).await;
        let identity = Identity::of(service.pid()).unwrap();
        assert!(marked("LARDER_TEST_MARK", &mark).len() >= 2);
        service
            .stop(tokio::time::sleep(Duration::from_millis(100)))
            .await;
        assert!(!identity.runs());
        none_is_left(&mark);
    });
}

#[test]
fn a_service_of_an_earlier_process_is_adopted_and_no_other_process_is() {
    runtime().block_on(async {
        let mut service = shell("exec sleep 600", "adopted").start().unwrap();
        let identity = Identity::of(service.pid()).unwrap();
        for started in ["", "another boot/1", "0"] {
            let other = Identity {
                started: started.to_owned(),
                ..identity.clone()
            };
            assert!(Service::adopt(other).is_none(), "{started}");
        }
        let mut adopted = Service::adopt(identity.clone()).unwrap();
        let ended = adopted.ended();
        let waited = tokio::time::timeout(Duration::from_millis(100), ended).await;
        assert!(waited.is_err(), "it runs");
        adopted.stop(tokio::time::sleep(LONG)).await;
        assert!(!identity.runs());
        assert_eq!(adopted.ended().await, None);
        assert!(service.ended().await.is_some());
    });
}

#[test]
fn marked_processes_are_ended_with_their_groups() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().display().to_string();
    runtime().block_on(async {
        let mut service = shell("sleep 600 & sleep 600", &mark).start().unwrap();
        let start = Instant::now();
        while marked("LARDER_TEST_MARK", &mark).len() < 3 {
            assert!(start.elapsed() < LONG);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let members = marked("LARDER_TEST_MARK", &mark);
        assert!(members.iter().all(|member| member.group == service.pid()));
        members[0].end_group(tokio::time::sleep(LONG)).await;
        assert!(service.ended().await.is_some());
        none_is_left(&mark);
    });
}

#[test]
fn a_process_that_shows_no_environment_yet_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let mark = folder.path().display().to_string();
    let late = format!(
        "touch {}; sleep 0.3; export LARDER_TEST_MARK={mark}; exec sleep 600",
        ready.display()
    );
    let line = format!("exec env -i /bin/sh -c '{late}'");
    runtime().block_on(async {
        let mut service = shell(&line, "another").start().unwrap();
        wait_for(&ready).await;
        let found = marked("LARDER_TEST_MARK", &mark);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].pid, service.pid());
        service.stop(tokio::time::sleep(LONG)).await;
    });
}

#[test]
fn what_happens_to_a_child_is_told_before_its_group_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let line = format!(
        "sh -c \"trap '' TERM; touch {0}; while :; do sleep 0.1; done\" & \
         while [ ! -e {0} ]; do sleep 0.01; done; exit 3",
        ready.display()
    );
    let mark = folder.path().display().to_string();
    let mut moments = Vec::new();
    let cancel = larder_core::cancel::Cancel::new();
    shell(&line, &mark)
        .grace(Duration::from_millis(50))
        .run_observed(Output::Discarded, &cancel, &mut |moment| {
            let left = marked("LARDER_TEST_MARK", &mark).len();
            moments.push(match moment {
                Moment::Started(pid) => (pid > 0, None, left > 0),
                Moment::Exited(status) => (true, status.code(), left > 0),
            });
        })
        .unwrap();
    assert_eq!(moments, [(true, None, true), (true, Some(3), true)]);
    none_is_left(&mark);
}

#[test]
fn what_was_left_behind_is_ended_and_no_other_process_is() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().display().to_string();
    runtime().block_on(async {
        // One process clears its variables, one is in a session of its own.
        let clears = "exec env -i sleep 600";
        let mut unmarked = shell(clears, &mark).start().unwrap();
        let mut marked_one = shell("exec setsid -w sleep 600", &mark).start().unwrap();
        let mut other = shell("exec sleep 600", "another").start().unwrap();
        let identity = Identity::of(unmarked.pid()).unwrap();
        let stale = Identity {
            pid: other.pid(),
            started: "0".into(),
        };
        let ended = std::thread::scope(|scope| {
            let end = |process| {
                let mark = ("LARDER_TEST_MARK", mark.as_str());
                end_left_behind(Some(process), mark, LONG).unwrap()
            };
            let ending = scope.spawn(move || (end(identity), end(stale)));
            ending.join().unwrap()
        });
        assert!(ended.0 >= 2, "{ended:?}");
        assert_eq!(ended.1, 0);
        assert!(unmarked.ended().await.is_some());
        assert!(marked_one.ended().await.is_some());
        assert!(Identity::of(other.pid()).is_some(), "it is no service");
        other.stop(tokio::time::sleep(LONG)).await;
    });
}
