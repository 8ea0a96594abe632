//! Several writers at once, and writers that are killed.

use std::sync::Barrier;

use super::*;

#[test]
fn six_writers_of_one_tag_agree() {
    for (delay, conditional) in [(0, false), (5, false), (2, true)] {
        let (registry, dist) = (Registry::start(), Dist::new());
        registry.slow_down(Duration::from_millis(delay));
        if conditional {
            registry.with_conditions();
        }
        let packages: Vec<Package> = (0..6)
            .map(|n| dist.package("linux-amd64", &format!("bytes of {n}"), "inputs"))
            .collect();
        let barrier = Barrier::new(6);
        let outcomes: Vec<Published> = std::thread::scope(|scope| {
            let started: Vec<_> = packages
                .iter()
                .map(|package| {
                    scope.spawn(|| {
                        let hub = hub(&registry);
                        barrier.wait();
                        publish(&hub, package, false).unwrap()
                    })
                })
                .collect();
            started
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        let added: Vec<usize> = (0..6)
            .filter(|n| outcomes[*n] == Published::Added)
            .collect();
        let [winner] = added[..] else {
            panic!("one writer wins: {outcomes:?}")
        };
        for (n, outcome) in outcomes.iter().enumerate().filter(|(n, _)| *n != winner) {
            let stands = Published::AlreadyPublished(Box::new(packages[winner].sidecar.clone()));
            assert_eq!(*outcome, stands, "{n}");
        }
        let found = content(&hub(&registry), &tag(), &packages[0].name);
        assert_eq!(found.unwrap(), format!("bytes of {winner}"));
    }
}

#[test]
fn six_writers_of_six_platforms_lose_nothing() {
    let (registry, dist) = (Registry::start(), Dist::new());
    registry.slow_down(Duration::from_millis(1));
    let platforms = [
        "linux-amd64",
        "linux-arm64",
        "darwin-amd64",
        "darwin-arm64",
        "windows-amd64",
        "windows-arm64",
    ];
    std::thread::scope(|scope| {
        for platform in platforms {
            let package = dist.package(platform, platform, platform);
            let hub = hub(&registry);
            scope.spawn(move || {
                assert_eq!(publish(&hub, &package, false).unwrap(), Published::Added);
            });
        }
    });
    let release = hub(&registry).release(&tag()).unwrap().unwrap();
    assert_eq!(release.assets.len(), 12);
}

/// Publishes, with the registry gone from the `n`-th request on; then again as another machine.
fn killed_at(n: usize, lost: bool) -> bool {
    let (registry, dist) = (Registry::start(), Dist::new());
    let package = dist.package("linux-amd64", "bytes", "inputs");
    if lost {
        registry.lose(n);
        registry.die(n + 1);
    } else {
        registry.die(n);
    }
    let is_done = publish(&hub(&registry), &package, false).is_ok();
    registry.heal();
    let second = hub(&registry);
    // Both or neither.
    if second.described(&tag(), &package.name).unwrap().is_some() {
        assert_eq!(
            content(&second, &tag(), &package.name).unwrap(),
            "bytes",
            "{n}"
        );
    }
    let outcome = publish(&second, &package, false).unwrap();
    assert!(
        matches!(outcome, Published::Added | Published::Present),
        "{n}: {outcome:?}"
    );
    assert_eq!(
        content(&second, &tag(), &package.name).unwrap(),
        "bytes",
        "{n}"
    );
    assert_eq!(tags(&registry), ["arc-v1-linux-amd64"], "{n}");
    is_done
}

#[test]
fn a_publisher_that_is_killed_at_any_request_is_continued() {
    for lost in [false, true] {
        let done: Vec<bool> = std::thread::scope(|scope| {
            let runs: Vec<_> = (1..40)
                .map(|n| scope.spawn(move || killed_at(n, lost)))
                .collect();
            runs.into_iter().map(|run| run.join().unwrap()).collect()
        });
        assert!(
            !done[0] && done[38],
            "the requests of a run are all tried: {done:?}"
        );
    }
}

#[test]
fn a_claim_of_a_writer_that_is_gone_is_honoured() {
    let (registry, dist) = (Registry::start(), Dist::new());
    let first = dist.package("linux-amd64", "first", "inputs");
    // Up to the claim: two looks, 2 × 3 requests for blobs, the manifest, a look, the claim.
    registry.die(13);
    publish(&hub(&registry), &first, false).unwrap_err();
    registry.heal();
    assert_eq!(registry.tags(REPOSITORY), ["arc-v1-linux-amd64_c"]);
    let leftovers = hub(&registry).leftovers().unwrap();
    assert_eq!(leftovers.len(), 1);
    assert!(leftovers[0].since.is_some());
    let later = dist.package("linux-amd64", "later", "inputs");
    let outcome = publish(&hub(&registry), &later, false).unwrap();
    assert_eq!(
        outcome,
        Published::AlreadyPublished(Box::new(first.sidecar))
    );
    assert_eq!(registry.tags(REPOSITORY), ["arc-v1-linux-amd64"]);
    // It is another one now, so it is not removed.
    hub(&registry).remove_leftover(&leftovers[0]).unwrap();
}

#[test]
fn writers_of_one_list_of_referrers_lose_nothing() {
    let registry = Registry::start();
    registry.slow_down(Duration::from_millis(3));
    let subject = Digest::of(b"subject");
    std::thread::scope(|scope| {
        for n in 0..6 {
            let hub = hub(&registry);
            scope.spawn(move || {
                let manifest = serde_json::json!({
                    "schemaVersion": 2,
                    "mediaType": crate::oci::OCI_MANIFEST,
                    "annotations": {"number": n.to_string()},
                });
                let manifest = crate::oci::Manifest::of(&manifest);
                let repository = &hub.store.repository;
                let reference = format!("sha256:{}", manifest.digest);
                repository.put_manifest(&reference, &manifest).unwrap();
                repository
                    .add_referrer(&subject, &manifest, hub.store.settle)
                    .unwrap();
            });
        }
    });
    assert_eq!(
        hub(&registry)
            .store
            .repository
            .referrers(&subject)
            .unwrap()
            .len(),
        6
    );
}
