//! Actions on workers, and everything that can happen between the request and the result.

use std::time::{Duration, Instant};

use larder_cluster::{Cluster, Fault, Options};
use larder_core::cancel::Cancel;
use larder_core::error::Kind;
use larder_engine::executor::remote::{RemoteEnd, RemoteExecutor as _, RemoteStage};

use crate::bench::{Folders, Stages, assert_succeeded, client, cluster, prepare};

const SCRIPT: &str = "mkdir out/lib && cp src/a out/program && chmod +x out/program && \
    ln -s ../program out/lib/link && echo text > out/lib/text && echo said && echo told >&2";

#[test]
fn an_action_runs_on_a_worker_and_its_outputs_come_back() {
    let (cluster, folders) = (
        cluster(),
        Folders::new(&[("a", b"#!/bin/sh\n"), ("b/c", b"")]),
    );
    let client = client(&cluster);
    let stages = Stages::default();
    let action = folders.action(SCRIPT);
    let prepared = prepare(&client, &action);
    let result = prepared
        .execute(false, &folders.out, &stages, &Cancel::new())
        .unwrap();
    assert_succeeded(&result);
    assert_eq!(result.worker.as_deref(), Some("worker-1"));
    assert_eq!(result.output, b"said\ntold\n");
    assert!(!result.is_cached && result.received > 0);
    assert_eq!(folders.read("program"), "#!/bin/sh\n");
    assert_eq!(folders.read("lib/link"), "#!/bin/sh\n");
    let mode = |name: &str| {
        use std::os::unix::fs::PermissionsExt;
        folders
            .out
            .join(name)
            .metadata()
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!((mode("program"), mode("lib/text")), (0o755, 0o644));
    let stages = stages.0.into_inner().unwrap();
    let executing = RemoteStage::Executing(Some("worker-1".to_owned()));
    assert_eq!(stages[0], RemoteStage::Checking);
    assert!(
        matches!(stages[1], RemoteStage::Uploading(bytes) if bytes > 0),
        "{stages:?}"
    );
    assert!(
        stages.contains(&RemoteStage::Queued) && stages.contains(&executing),
        "{stages:?}"
    );
    assert!(
        matches!(stages.last(), Some(RemoteStage::Downloading(_))),
        "{stages:?}"
    );
}

#[test]
fn a_script_that_fails_is_a_result_and_no_error() {
    let (cluster, folders) = (cluster(), Folders::new(&[]));
    let client = client(&cluster);
    let result = folders
        .run(&client, "yes | head -c 5000; echo why >&2; exit 3")
        .unwrap();
    assert_eq!(result.ended, RemoteEnd::Exited(3));
    assert_eq!(result.output.len(), 5004);
    assert!(result.output.ends_with(b"why\n"));
    // It is not in the action cache.
    assert!(
        folders
            .cached(&client, "yes | head -c 5000; echo why >&2; exit 3")
            .unwrap()
            .is_none()
    );
}

#[test]
fn an_action_that_runs_too_long_is_ended_there() {
    let (cluster, folders) = (cluster(), Folders::new(&[]));
    let client = client(&cluster);
    let mut action = folders.action("sleep 60");
    action.timeout = Some(Duration::from_millis(100));
    let ended = |action| {
        let prepared = prepare(&client, action);
        prepared
            .execute(false, &folders.out, &Stages::default(), &Cancel::new())
            .unwrap()
            .ended
    };
    assert_eq!(ended(&action), RemoteEnd::TimedOut);
    cluster.fault(Fault::TimeOut);
    assert_eq!(ended(&folders.action("true")), RemoteEnd::TimedOut);
}

/// After each of these the action gives the same result as without, and every ordered failure has
/// happened.
#[test]
fn failures_that_can_be_overcome_are_overcome() {
    for (faults, executes, runs) in [
        (&[Fault::LoseStreamAtStart][..], 2, 2),
        (&[Fault::LoseStreamInTheMiddle], 1, 1),
        (&[Fault::LoseStreamAtTheEnd], 1, 1),
        (
            &[Fault::LoseStreamInTheMiddle, Fault::LoseStreamAtTheEnd],
            1,
            1,
        ),
        (&[Fault::LoseWorker], 2, 2),
        (&[Fault::ForgetInputs], 2, 1),
        (&[Fault::ForgetInputsWithoutNames], 2, 1),
        (&[Fault::ForgetInputs, Fault::ForgetInputs], 3, 1),
        (&[Fault::AskForPause(Duration::from_millis(300))], 2, 1),
        (
            &[Fault::FullQueue, Fault::FullQueue, Fault::FullQueue],
            4,
            1,
        ),
        (&[Fault::FailInternally], 2, 1),
        (&[Fault::BreakFindMissing], 1, 1),
        (&[Fault::RefuseBatch], 1, 1),
    ] {
        let (cluster, folders) = (cluster(), Folders::new(&[("a", b"#!/bin/sh\n")]));
        let client = client(&cluster);
        for fault in faults {
            cluster.fault(*fault);
        }
        let start = Instant::now();
        // Long enough that a stream which broke is back before the end.
        let script = format!("sleep 0.05; {SCRIPT}");
        let result = folders
            .run(&client, &script)
            .unwrap_or_else(|error| panic!("{faults:?}: {error}"));
        assert_succeeded(&result);
        assert_eq!(folders.read("lib/link"), "#!/bin/sh\n", "{faults:?}");
        assert_eq!(cluster.pending(), [], "{faults:?}");
        let counts = cluster.counts();
        assert_eq!(counts.executes, executes, "{faults:?}");
        // A request that is repeated may find the result of the first.
        assert!(
            counts.runs <= runs && counts.runs > 0,
            "{faults:?}: {counts:?}"
        );
        for fault in faults {
            if let Fault::AskForPause(pause) = fault {
                assert!(start.elapsed() >= *pause, "{faults:?}");
            }
        }
    }
}

#[test]
fn failures_that_last_are_errors_that_say_what_happened() {
    for (fault, kind, says) in [
        (
            Fault::FailInternally,
            Kind::Unavailable,
            "Internal: ordered by the test",
        ),
        (
            Fault::CancelOperation,
            Kind::Unavailable,
            "Cancelled: ordered by the test",
        ),
        (
            Fault::ForgetInputs,
            Kind::Failed,
            "FailedPrecondition: inputs lack",
        ),
        (
            Fault::LoseWorker,
            Kind::Unavailable,
            "the cluster forgot the operation",
        ),
        (
            Fault::AskForPause(Duration::from_millis(1)),
            Kind::Unavailable,
            "later, please",
        ),
    ] {
        let (cluster, folders) = (cluster(), Folders::new(&[("a", b"a")]));
        let client = client(&cluster);
        (0..40).for_each(|_| cluster.fault(fault));
        let error = folders
            .run(&client, "sleep 0.05; cp src/a out/a")
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{fault:?}: {error}");
        assert!(error.to_string().contains(says), "{fault:?}: {error}");
        assert!(
            cluster.counts().executes < 12,
            "{fault:?}: {:?}",
            cluster.counts()
        );
    }
}

#[test]
fn a_cancelled_run_ends_at_once_and_so_does_the_action() {
    let (cluster, folders) = (cluster(), Folders::new(&[]));
    let client = client(&cluster);
    let cancel = Cancel::new();
    let action = folders.action("sleep 600");
    let prepared = prepare(&client, &action);
    let error = std::thread::scope(|scope| {
        scope.spawn(|| {
            while cluster.counts().runs == 0 {
                std::thread::sleep(Duration::from_millis(5));
            }
            cancel.cancel(2);
        });
        prepared
            .execute(false, &folders.out, &Stages::default(), &cancel)
            .unwrap_err()
    });
    assert_eq!(error.kind(), Kind::Interrupted(2));
    assert_eq!(cluster.counts().cancels, 1);
    // The worker is free again.
    assert_succeeded(&folders.run(&client, "touch out/a").unwrap());
}

#[test]
fn a_cluster_that_goes_away_is_unavailable() {
    let (mut cluster, folders) = (cluster(), Folders::new(&[]));
    let client = client(&cluster);
    client.facts(&Cancel::new()).unwrap();
    cluster.stop();
    let error = folders.run(&client, "touch out/a").unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
}

/// Concurrency is counted, not measured: all workers are busy at once, and an action starts when
/// another ends.
#[test]
fn many_actions_use_all_workers_and_send_what_they_share_once() {
    let simulated = Some(Duration::from_millis(30));
    let cluster = Cluster::start(Options {
        workers: 16,
        simulated,
        ..Options::default()
    });
    let folders = Folders::new(&[("a", b"a"), ("b/c", b"c"), ("b/d", b"d")]);
    let client = client(&cluster);
    std::thread::scope(|scope| {
        for number in 0..64 {
            let (client, folders) = (&client, &folders);
            scope.spawn(move || {
                let out = tempfile::tempdir_in(&folders.out).unwrap();
                let out = camino::Utf8Path::from_path(out.path()).unwrap();
                let action = folders.action(&format!("build {number}"));
                let prepared = prepare(client, &action);
                let result = prepared
                    .execute(false, out, &Stages::default(), &Cancel::new())
                    .unwrap();
                assert_succeeded(&result);
                assert!(out.join("program").exists());
            });
        }
    });
    let counts = cluster.counts();
    assert_eq!(
        (counts.runs, counts.executes, counts.most_at_once),
        (64, 64, 16),
        "{counts:?}"
    );
    assert_eq!(counts.stored_again, 0, "{counts:?}");
    // Another machine has them all from the action cache.
    let other = crate::bench::client(&cluster);
    for number in 0..64 {
        let folders = Folders::new(&[("a", b"a"), ("b/c", b"c"), ("b/d", b"d")]);
        assert!(
            folders
                .cached(&other, &format!("build {number}"))
                .unwrap()
                .is_some()
        );
    }
    assert_eq!(cluster.counts().runs, 64);
}
