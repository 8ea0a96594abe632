//! Tests of the hub in a bucket, against a store in memory: writers that are killed, races, lists
//! that lag, and stores without conditions.

use std::sync::Arc;
use std::time::Duration;

use super::{Package, Packages, content, publish, tag};
use crate::hub::{
    Hub, HubPublisher as _, HubReader as _, PlainFile, PublishOptions, Published, S3Hub,
};
use crate::s3::tests::fake::Fake;
use crate::s3::tests::{client, config};
use crate::s3::{Place, S3Config};
use larder_core::Kind;
use larder_core::error::Result;
use larder_core::model::{Digest, Tag};

/// A hub below a prefix, with a client of its own, like that of another process.
pub(super) fn hub(fake: &Fake) -> S3Hub {
    configured(&config(&fake.environment()))
}

fn configured(config: &S3Config) -> S3Hub {
    let place = Place {
        bucket: "acme-tools".to_owned(),
        ..Place::default()
    };
    S3Hub::new(place, "hub", config, &Arc::new(client()))
}

/// A store that honours conditions, and one that ignores them.
fn stores() -> [Fake; 2] {
    let plain = Fake::start();
    plain.switch(|switches| switches.conditional = false);
    [Fake::start(), plain]
}

fn publish_one(hub: &S3Hub, package: &Package, replace: bool) -> Result<Published> {
    let options = PublishOptions {
        replace,
        ..PublishOptions::default()
    };
    let uploads = [package.upload()];
    let mut receipt = hub.publish(&tag(), &uploads, options, &|| None, None, &|_| {})?;
    Ok(receipt.assets.remove(0).1)
}

/// What a reader sees must be whole: an asset with a sidecar has the bytes that it describes, unless
/// it is being replaced.
fn check_readable(fake: &Fake, package: &Package) {
    let hub = hub(fake);
    if let Some(sidecar) = hub.sidecar(&tag(), &package.name).unwrap()
        && !hub.is_replacing(&tag(), &package.name)
    {
        let there = hub.hashed(&tag(), &package.name).unwrap().unwrap();
        assert_eq!(there.sha256, Some(sidecar.sha256));
    }
}

/// The objects that are nobody's to read: locks, probes, marks.
fn hidden(fake: &Fake) -> Vec<String> {
    let mut keys = fake.keys();
    keys.retain(|key| key.contains("/."));
    keys
}

/// Kills a writer at each request in turn, or at some, before it is done and after, until one is not
/// killed. Returns about how many requests that one made.
fn kills(
    fake: &Fake,
    step: usize,
    write: impl Fn(&S3Hub) -> Result<()>,
    reset: impl Fn(),
    check: impl Fn(),
) -> usize {
    let mut at = 0;
    loop {
        for is_done in [false, true] {
            reset();
            fake.seen();
            fake.switch(|switches| switches.ends_at = Some((at, is_done)));
            let ended = write(&hub(fake));
            let requests = fake.seen().len();
            fake.switch(|switches| switches.ends_at = None);
            if requests <= at {
                ended.unwrap();
                return at;
            }
            // What was left is as old as if somebody else came later.
            fake.state().ahead += 60;
            check();
            write(&hub(fake)).unwrap();
            check();
        }
        at += step;
    }
}

#[test]
fn a_writer_that_is_killed_at_any_request_is_continued() {
    let packages = Packages::new();
    let package = packages.package("bytes", "inputs");
    // Taking locks takes time.
    for (fake, step) in stores().into_iter().zip([2, 7]) {
        let write = |hub: &S3Hub| publish_one(hub, &package, false).map(drop);
        let requests = kills(
            &fake,
            step,
            write,
            || fake.clear(),
            || check_readable(&fake, &package),
        );
        assert!(requests > 8, "{requests}");
        let mut keys = fake.keys();
        keys.retain(|key| !key.contains("/."));
        let names = [
            "arc-linux-amd64.tar.gz",
            "arc-linux-amd64.tar.gz.json",
            "checksums.txt",
            "manifest.json",
        ];
        assert_eq!(keys, names.map(|name| format!("hub/arc-v1/{name}")));
        // A second run writes nothing.
        fake.seen();
        let again = publish_one(&hub(&fake), &package, false).unwrap();
        assert_eq!(again, Published::Present);
        let reads = |method: &str| ["GET", "HEAD"].contains(&method);
        assert!(fake.seen().iter().all(|seen| reads(&seen.method)));
    }
}

#[test]
fn a_replacement_that_is_killed_at_any_request_is_finished() {
    let packages = Packages::new();
    let old = packages.package("old", "inputs");
    let new = packages.package("new", "others");
    let fake = Fake::start();
    let write = |hub: &S3Hub| publish_one(hub, &new, true).map(drop);
    let reset = || {
        fake.clear();
        publish_one(&hub(&fake), &old, false).unwrap();
    };
    kills(&fake, 3, write, reset, || check_readable(&fake, &new));
    let hub = Hub::new(hub(&fake));
    assert_eq!(content(&hub, &new.name).unwrap(), "new");
    assert!(hidden(&fake).is_empty(), "{:?}", hidden(&fake));
}

#[test]
fn of_many_writers_one_is_first_and_none_is_lost() {
    let packages = Packages::new();
    let platforms = [
        "arm64",
        "386",
        "arm",
        "amd64-musl",
        "arm64-musl",
        "386-musl",
    ];
    let same: Vec<Package> = platforms
        .iter()
        .map(|platform| packages.package(&format!("bytes of {platform}"), "inputs"))
        .collect();
    let own: Vec<Package> = platforms
        .iter()
        .map(|platform| {
            let mut package = packages.package(platform, "inputs");
            package.name = format!("arc-linux-{platform}.tar.gz").parse().unwrap();
            package
        })
        .collect();
    for fake in stores() {
        let config = config(&fake.environment()).settling(Duration::from_millis(200));
        let outcomes: Vec<Published> = std::thread::scope(|scope| {
            let write = |same, own| {
                let hub = configured(&config);
                let outcome = publish_one(&hub, same, false).unwrap();
                assert_eq!(publish_one(&hub, own, false).unwrap(), Published::Added);
                outcome
            };
            let writers: Vec<_> = same
                .iter()
                .zip(&own)
                .map(|(same, own)| scope.spawn(move || write(same, own)))
                .collect();
            writers
                .into_iter()
                .map(|writer| writer.join().unwrap())
                .collect()
        });
        let count = |is_it: fn(&Published) -> bool| outcomes.iter().filter(|o| is_it(o)).count();
        assert_eq!(count(|o| *o == Published::Added), 1, "{outcomes:?}");
        let adopted = count(|o| matches!(o, Published::AlreadyPublished(_)));
        assert_eq!(adopted, 5, "{outcomes:?}");
        check_readable(&fake, &same[0]);
        let sums = fake.bytes("hub/arc-v1/checksums.txt").unwrap();
        assert_eq!(String::from_utf8(sums).unwrap().lines().count(), 7);
        assert!(hidden(&fake).is_empty(), "{:?}", hidden(&fake));
    }
}

#[test]
fn lists_that_lag_lose_nothing() {
    let packages = Packages::new();
    let fake = Fake::start();
    fake.switch(|switches| switches.lags = true);
    let first = packages.package("first", "inputs");
    let mut second = packages.package("second", "inputs");
    second.name = "arc-linux-arm64.tar.gz".parse().unwrap();
    let publish = |package: &Package| publish_one(&hub(&fake), package, false).unwrap();
    assert_eq!(publish(&first), Published::Added);
    assert_eq!(publish(&second), Published::Added);
    assert_eq!(publish(&first), Published::Present);
    let sums = fake.bytes("hub/arc-v1/checksums.txt").unwrap();
    assert_eq!(String::from_utf8(sums).unwrap().lines().count(), 2);
}

#[test]
fn a_project_release_is_a_draft_until_all_of_it_is_there() {
    let packages = Packages::new();
    let release: Tag = "v1.0.0".parse().unwrap();
    let texts = ["one", "two"];
    let paths = texts.map(|text| packages.file(text));
    let files: Vec<PlainFile<'_>> = texts
        .iter()
        .zip(&paths)
        .map(|(text, path)| PlainFile {
            name: format!("{text}.tar.gz").parse().unwrap(),
            file: path,
            sha256: Digest::of(text.as_bytes()),
            size: 3,
        })
        .collect();
    let fake = Fake::start();
    let write = |hub: &S3Hub| {
        let options = PublishOptions::default();
        hub.publish_project(&release, &files, "notes", options, &|_| {})
            .map(drop)
    };
    let check = || {
        let found = hub(&fake).release(&release).unwrap();
        if let Some(found) = found.filter(|found| !found.draft) {
            assert_eq!(found.assets.len(), 2, "{found:?}");
        }
    };
    kills(&fake, 2, write, || fake.clear(), check);
    assert!(!hub(&fake).release(&release).unwrap().unwrap().draft);
    assert_eq!(fake.bytes("hub/v1.0.0/notes.md").unwrap(), b"notes");
    assert!(hidden(&fake).is_empty(), "{:?}", hidden(&fake));
}

#[test]
fn a_hit_costs_one_request_and_the_id_has_no_secret() {
    let packages = Packages::new();
    let package = packages.package("bytes", "inputs");
    let fake = Fake::start();
    let hub = Hub::new(hub(&fake));
    assert_eq!(publish(&hub, &package, false), Published::Added);
    fake.seen();
    assert_eq!(content(&hub, &package.name).unwrap(), "bytes");
    assert_eq!(fake.seen().len(), 1);
    let id = hub.reader().id();
    assert_eq!(id, format!("s3:acme-tools/hub@{}", fake.url));
    let place = hub.reader().place(&tag(), &package.name);
    assert_eq!(place, "s3://acme-tools/hub/arc-v1/arc-linux-amd64.tar.gz");
}

#[test]
fn nothing_is_published_to_an_endpoint_that_a_project_names() {
    let fake = Fake::start();
    let place = Place {
        bucket: "acme-tools".to_owned(),
        endpoint: Some(fake.url.clone()),
        region: None,
    };
    let config = config(&fake.environment());
    let hub = Hub::new(S3Hub::new(place, "", &config, &Arc::new(client())));
    let Err(why) = hub.publisher() else {
        panic!("it can be written")
    };
    assert!(why.why.contains("AWS_ENDPOINT_URL_S3"), "{why:?}");
    assert!(hub.reader().releases().unwrap().is_empty());
    fake.switch(|switches| switches.forbids_lists = true);
    let error = hub.reader().releases().unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
}
