//! Known failures of other clients of GitHub Releases, one test each unless another file has it.
//! `docs/reliability.md` has the whole table.

use std::time::{Duration, Instant};

use larder_core::Kind;
use larder_remote::hub::{HubReader, Published};

use crate::fake_github::{Act, Fault, READ, Visibility, WRITE};
use crate::github::{
    Dist, REPLACE, REPO, assert_whole, github, hub, hub_with, only_release, publish, publish_with,
    read, settings, tag, writer,
};

/// The upload of the new bytes fails permanently: the old asset stays visible all the time.
#[test]
fn a_failed_replacement_keeps_the_old_asset() {
    let denied = r#"{"message":"Resource not accessible by integration"}"#;
    for (what, act) in [
        ("refused", Act::Answer(403, Vec::new(), denied.into())),
        ("never arrives", Act::KillBefore),
        ("broken each time", Act::Starter),
        ("server errors", Act::Answer(500, Vec::new(), "{}".into())),
    ] {
        for skip in [0, 1] {
            let (github, dist) = (github(Visibility::Public), Dist::new());
            let old = dist.package("linux-amd64", "the old one", "inputs");
            let new = dist.package("linux-amd64", "the new one!", "inputs");
            publish(&writer(&github), &old).unwrap();
            // Either the upload of the asset fails, or that of its sidecar.
            github.fault(
                Fault::on("POST", "/assets?name=arc", act.clone())
                    .skip(skip)
                    .times(999),
            );
            let settings = larder_remote::http::Settings {
                retries: 0,
                ..settings()
            };
            let hub = hub_with(&github, Some(WRITE), settings, Duration::from_millis(40));
            let error = publish_with(&hub, &new, REPLACE).unwrap_err();
            assert!(
                matches!(error.kind(), Kind::Refused | Kind::Unavailable),
                "{what}: {error}"
            );
            assert_eq!(
                read(&hub, &old.name).unwrap().unwrap(),
                b"the old one",
                "{what}"
            );
            assert_eq!(
                hub.sidecar(&tag(), &old.name).unwrap().unwrap(),
                old.sidecar,
                "{what}"
            );
            github.clear_faults();
            publish_with(&writer(&github), &new, REPLACE).unwrap();
            assert_whole(&only_release(&github), &[&new]);
        }
    }
}

/// The server accepts an upload and then does not answer: the wait times out, and the asset is
/// found on the server.
#[test]
fn an_upload_without_an_answer_is_checked_on_the_server() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    let package = dist.package("linux-amd64", "the binary", "inputs");
    github.fault(Fault::on(
        "POST",
        "/assets?name=arc",
        Act::Delay(Duration::from_secs(30)),
    ));
    let settings = larder_remote::http::Settings {
        idle: Duration::from_millis(400),
        ..settings()
    };
    let hub = hub_with(&github, Some(WRITE), settings, Duration::from_millis(400));
    let began = Instant::now();
    publish(&hub, &package).unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(15),
        "{:?}",
        began.elapsed()
    );
    assert_whole(&only_release(&github), &[&package]);
    assert_eq!(
        github
            .writes()
            .iter()
            .filter(|write| write.target.ends_with("name=arc-linux-amd64.tar.gz"))
            .count(),
        1
    );
}

/// An empty published release is used instead of creating another, and assets that it gets later
/// are seen.
#[test]
fn an_empty_published_release_gets_its_assets() {
    for (visibility, token) in [
        (Visibility::Public, None),
        (Visibility::Private, Some(READ)),
    ] {
        let (github, dist) = (github(visibility), Dist::new());
        github.put_release(REPO, "arc-v1", false, &[]);
        let package = dist.package("linux-amd64", "the binary", "inputs");
        assert!(
            hub(&github, token)
                .sidecar(&tag(), &package.name)
                .unwrap()
                .is_none()
        );
        let writer = writer(&github);
        assert!(writer.sidecar(&tag(), &package.name).unwrap().is_none());
        publish(&writer, &package).unwrap();
        assert_whole(&only_release(&github), &[&package]);
        // One hub that saw no assets before its own upload, and a new hub.
        assert_eq!(
            writer.sidecar(&tag(), &package.name).unwrap().unwrap(),
            package.sidecar
        );
        assert_eq!(
            read(&hub(&github, token), &package.name).unwrap().unwrap(),
            b"the binary"
        );
    }
}

/// Releases are identified by their tags; the title is only for people.
#[test]
fn releases_are_identified_by_tag_and_not_by_title() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    for (other, draft) in [("arc-v1-notes", true), ("arc-v10", true), ("v1", false)] {
        github.put_release(REPO, other, draft, &[]);
    }
    github.with_repo(REPO, |repo| {
        repo.releases
            .iter_mut()
            .for_each(|release| release.name = Some("arc-v1".into()));
    });
    let package = dist.package("linux-amd64", "the binary", "inputs");
    publish(&writer(&github), &package).unwrap();
    let releases = github.releases(REPO);
    assert_eq!(releases.len(), 4);
    assert!(
        releases
            .iter()
            .filter(|release| release.tag != "arc-v1")
            .all(|release| release.assets.is_empty())
    );
    assert_whole(
        releases
            .iter()
            .find(|release| release.tag == "arc-v1")
            .unwrap(),
        &[&package],
    );
}

/// Without a stated time larder waits once for the configured pause; then it reports the error.
#[test]
fn a_secondary_limit_without_retry_after_is_waited_for_once() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    github.fault(Fault::on("POST", "/assets", Act::Secondary(None)).times(99));
    let patience = Duration::from_millis(300);
    let settings = larder_remote::http::Settings {
        rate_limit_wait: patience,
        secondary_limit_wait: patience,
        ..settings()
    };
    let hub = hub_with(&github, Some(WRITE), settings, Duration::from_millis(40));
    let began = Instant::now();
    let error = publish(&hub, &dist.package("linux-amd64", "the binary", "inputs")).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    assert!(began.elapsed() >= patience);
    let tries: Vec<_> = github
        .writes()
        .into_iter()
        .filter(|write| write.target.contains("/assets"))
        .collect();
    assert!(
        tries.len() <= 8
            && tries
                .windows(2)
                .all(|pair| pair[1].at.duration_since(pair[0].at).unwrap() >= patience),
        "{tries:?}"
    );
}

/// An asset larger than GitHub's limit is refused before anything is sent or created.
#[test]
fn an_asset_of_two_gigabytes_is_refused_at_once() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    let mut package = dist.package("linux-amd64", "the binary", "inputs");
    package.sidecar.size = 2 << 30;
    let error = publish(&writer(&github), &package).unwrap_err();
    assert!(error.to_string().contains("2 GiB"), "{error}");
    assert!(github.log().is_empty());
    package.sidecar.size = (2 << 30) - 1;
    assert_ne!(
        publish(&writer(&github), &package).unwrap_err().to_string(),
        error.to_string()
    );
}

/// The name and bytes equal those of an earlier run that was cut off after its upload: the asset is
/// not uploaded twice.
#[test]
fn a_run_after_a_partial_upload_continues_it() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    let package = dist.package("linux-amd64", "the binary", "inputs");
    github.put_release(
        REPO,
        "arc-v1",
        true,
        &[(package.name.as_str(), b"the binary")],
    );
    github.clear_log();
    let receipt = publish(&writer(&github), &package).unwrap();
    assert_eq!(receipt.assets[0].1, Published::Added);
    assert_whole(&only_release(&github), &[&package]);
    let sent: Vec<_> = github
        .writes()
        .into_iter()
        .filter(|w| w.method == "POST")
        .map(|w| w.target)
        .collect();
    assert_eq!(sent.len(), 3, "sidecar, manifest and checksums: {sent:?}");
}
