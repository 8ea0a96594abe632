//! Results that machines share, without execution.

use larder_cluster::{Cluster, Options};
use larder_core::cancel::Cancel;
use larder_core::error::Kind;

use crate::bench::{Folders, Stages, assert_succeeded, client, cluster, noise, prepare};

fn share(folders: &Folders, client: &larder_reapi::Client) -> larder_core::error::Result<u64> {
    share_without(folders, &[], client)
}

fn share_without(
    folders: &Folders,
    without: &[&str],
    client: &larder_reapi::Client,
) -> larder_core::error::Result<u64> {
    let action = folders.action("make");
    prepare(client, &action).share(&folders.out, without, &Stages::default(), &Cancel::new())
}

/// What a build on this machine made.
fn built() -> Folders {
    let folders = Folders::new(&[("a", b"a")]);
    std::fs::create_dir_all(folders.out.join("lib/empty")).unwrap();
    std::fs::write(folders.out.join("program"), noise(2_000_000)).unwrap();
    std::fs::write(folders.out.join("lib/text"), "text").unwrap();
    std::os::unix::fs::symlink("lib/text", folders.out.join("link")).unwrap();
    folders
}

#[test]
fn what_one_machine_shares_another_has() {
    let cluster = Cluster::start(Options {
        executes: false,
        ..Options::default()
    });
    let folders = built();
    assert!(share(&folders, &client(&cluster)).unwrap() > 2_000_000);
    let (other, elsewhere) = (client(&cluster), Folders::new(&[("a", b"a")]));
    let result = elsewhere.cached(&other, "make").unwrap().expect("a result");
    assert!(result.is_cached && result.received > 2_000_000);
    assert_eq!(
        std::fs::read(elsewhere.out.join("program")).unwrap(),
        noise(2_000_000)
    );
    assert_eq!(elsewhere.read("link"), "text");
    assert!(elsewhere.out.join("lib/empty").is_dir());
    // Another action has another result.
    assert!(elsewhere.cached(&other, "make install").unwrap().is_none());
    // A second time, nothing is sent but the result.
    assert_eq!(share(&folders, &client(&cluster)).unwrap(), 0);
}

#[test]
fn what_no_machine_would_accept_is_not_shared() {
    let (cluster, folders) = (cluster(), built());
    std::os::unix::fs::symlink("/etc/hosts", folders.out.join("absolute")).unwrap();
    let error = share(&folders, &client(&cluster)).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("no other machine would accept"), "{text}");
    assert!(text.contains("`absolute` leads out"), "{text}");
    assert_eq!((cluster.counts().updates, cluster.counts().stored), (0, 0));
    share_without(&folders, &["absolute"], &client(&cluster)).unwrap();
    let elsewhere = Folders::new(&[("a", b"a")]);
    let found = elsewhere.cached(&client(&cluster), "make").unwrap();
    assert!(found.is_some() && elsewhere.out.join("program").is_file());
    assert!(std::fs::symlink_metadata(elsewhere.out.join("absolute")).is_err());
}

#[test]
fn a_result_whose_outputs_are_gone_is_no_result() {
    let (cluster, folders) = (cluster(), built());
    share(&folders, &client(&cluster)).unwrap();
    cluster.forget_blobs();
    let elsewhere = Folders::new(&[("a", b"a")]);
    assert!(
        elsewhere
            .cached(&client(&cluster), "make")
            .unwrap()
            .is_none()
    );
    assert_eq!(std::fs::read_dir(&elsewhere.out).unwrap().count(), 0);
    // And it is not taken by an execution either, which runs the action again.
    let result = Folders::new(&[("a", b"a")]);
    let ran = result.run(&client(&cluster), "cp src/a out/a").unwrap();
    assert_succeeded(&ran);
    cluster.forget_blobs();
    let ran = result.run(&client(&cluster), "cp src/a out/a").unwrap();
    assert_succeeded(&ran);
    assert!(!ran.is_cached);
    assert_eq!(cluster.counts().runs, 2);
}

#[test]
fn results_that_may_not_be_written_are_refused() {
    let cluster = Cluster::start(Options {
        updates: false,
        ..Options::default()
    });
    let error = share(&built(), &client(&cluster)).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused, "{error}");
}
