//! Transfers: batches, streams, what interrupts them, and bytes that are wrong.

use std::time::Duration;

use larder_cluster::{Cluster, Fault, Options};
use larder_core::cancel::Cancel;
use larder_core::error::Kind;

use crate::bench::{Folders, Stages, assert_succeeded, client, cluster, noise, prepare};

/// Larger than what is sent in batches.
const LARGE: usize = 1024 * 1024 + 200_017;

/// Sends a large file and receives it again.
const COPY: &str = "cp src/large out/large";

fn large() -> Folders {
    Folders::new(&[("large", &noise(LARGE)), ("small", b"small")])
}

#[test]
fn transfers_that_break_are_resumed() {
    for (fault, is_write) in [
        (Fault::BreakWrite, true),
        (Fault::CommitShort, true),
        (Fault::CommitEarly, true),
        (Fault::TruncateRead, false),
        (Fault::BreakRead, false),
        (Fault::StallRead, false),
        (Fault::DamageRead, false),
    ] {
        let (cluster, folders) = (cluster(), large());
        let client = client(&cluster);
        cluster.fault(fault);
        let result = folders
            .run(&client, COPY)
            .unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert_succeeded(&result);
        assert_eq!(
            std::fs::read(folders.out.join("large")).unwrap(),
            noise(LARGE),
            "{fault:?}"
        );
        assert_eq!(cluster.pending(), [], "{fault:?}");
        let counts = cluster.counts();
        let again = usize::from(is_write && fault != Fault::CommitEarly);
        assert_eq!(counts.status_queries, again, "{fault:?}");
        assert_eq!(counts.streams_written, 1 + again, "{fault:?}");
        if !is_write {
            // Two streams: the listing of the outputs is one, too.
            assert_eq!(counts.streams_read, 3, "{fault:?}");
        }
    }
}

#[test]
fn bytes_that_do_not_have_their_digest_are_an_error() {
    for size in [LARGE, 1000] {
        let folders = Folders::new(&[("large", &noise(size))]);
        let cluster = cluster();
        let client = client(&cluster);
        assert_succeeded(&folders.run(&client, COPY).unwrap());
        cluster.damage_blobs(900);
        let other = Folders::new(&[("large", &noise(size))]);
        let error = other.cached(&client, COPY).unwrap_err();
        assert_eq!(error.kind(), Kind::Integrity, "{error}");
        assert!(
            error.to_string().contains("do not have their digest"),
            "{error}"
        );
    }
}

#[test]
fn a_stream_that_breaks_again_and_again_is_given_up() {
    let (cluster, folders) = (cluster(), large());
    let client = client(&cluster);
    assert_succeeded(&folders.run(&client, "true").unwrap());
    let counts = cluster.counts();
    (0..40).for_each(|_| cluster.fault(Fault::DamageRead));
    let error = folders.run(&client, COPY).unwrap_err();
    assert_eq!(error.kind(), Kind::Integrity, "{error}");
    assert!(cluster.counts().streams_read - counts.streams_read < 6);
}

#[test]
fn tiny_batches_are_respected() {
    let cluster = Cluster::start(Options {
        batch: 700,
        ..Options::default()
    });
    let files: Vec<(String, Vec<u8>)> = (0..40)
        .map(|number| (format!("f{number}"), noise(10 + 40 * number)))
        .collect();
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, it)| (&name[..], &it[..]))
        .collect();
    let folders = Folders::new(&files);
    let client = client(&cluster);
    assert_succeeded(&folders.run(&client, "cp src/* out").unwrap());
    for (name, bytes) in files {
        assert_eq!(
            std::fs::read(folders.out.join(name)).unwrap(),
            bytes,
            "{name}"
        );
    }
    let counts = cluster.counts();
    assert!(
        counts.batches > 4 && counts.streams_written > 20,
        "{counts:?}"
    );
}

/// Four MiB is what servers accept in one message.
#[test]
fn batches_fit_into_a_message() {
    let cluster = Cluster::start(Options {
        batch: 0,
        ..Options::default()
    });
    let files: Vec<(String, Vec<u8>)> = (0..12)
        .map(|number| (format!("f{number}"), noise(700_000 + number)))
        .collect();
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, it)| (&name[..], &it[..]))
        .collect();
    let folders = Folders::new(&files);
    assert_succeeded(&folders.run(&client(&cluster), "cp src/* out").unwrap());
    let counts = cluster.counts();
    assert!(
        counts.largest_batch < 4 * 1024 * 1024 && counts.streams_written == 0,
        "{counts:?}"
    );
}

#[test]
fn what_the_cluster_has_is_not_sent() {
    let (cluster, folders) = (cluster(), large());
    assert_succeeded(&folders.run(&client(&cluster), COPY).unwrap());
    let before = cluster.counts();
    // Another run: only the new action and its command are sent.
    assert_succeeded(
        &folders
            .run(&client(&cluster), "cp src/large out/other")
            .unwrap(),
    );
    let after = cluster.counts();
    assert_eq!(after.streams_written, before.streams_written);
    assert_eq!(after.batches, before.batches + 1);
    // In the same run it is not even asked.
    let client = client(&cluster);
    assert_succeeded(&folders.run(&client, "cp src/small out/1").unwrap());
    let before = cluster.counts();
    assert_succeeded(&folders.run(&client, "cp src/small out/1").unwrap());
    assert_eq!(cluster.counts().find_missing, before.find_missing);
}

#[test]
fn a_file_that_changes_while_it_is_sent_is_no_input() {
    for size in [LARGE, 1000] {
        let (cluster, folders) = (cluster(), Folders::new(&[("large", &noise(size))]));
        let client = client(&cluster);
        let action = folders.action(COPY);
        let prepared = prepare(&client, &action);
        std::fs::write(folders.src.join("large"), &noise(size)[1..]).unwrap();
        let result = prepared.execute(false, &folders.out, &Stages::default(), &Cancel::new());
        let error = result.unwrap_err();
        assert!(
            error.to_string().contains("changed while it was sent"),
            "{error}"
        );
        assert_eq!(cluster.counts().executes, 0);
    }
}

#[test]
fn a_stalled_stream_of_a_cancelled_run_ends_at_once() {
    let (cluster, folders) = (cluster(), large());
    let mut settings = crate::bench::quick();
    settings.idle = Duration::from_mins(10);
    let client = crate::bench::client_with(&cluster.url(), "", &[], settings).unwrap();
    cluster.fault(Fault::StallRead);
    let cancel = Cancel::new();
    let action = folders.action(COPY);
    let prepared = prepare(&client, &action);
    let error = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !cluster.pending().is_empty() {
                std::thread::sleep(Duration::from_millis(5));
            }
            cancel.cancel(15);
        });
        prepared
            .execute(false, &folders.out, &Stages::default(), &cancel)
            .unwrap_err()
    });
    assert_eq!(error.kind(), Kind::Interrupted(15));
}
