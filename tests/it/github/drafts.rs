//! Drafts are found on every page, merged into one, finalized or aborted, and removed if they
//! cannot become a release.

use std::time::Duration;

use larder_core::Kind;
use larder_core::model::{Digest, Tag};
use larder_remote::hub::{HubPublisher, PublishOptions, Published};

use crate::fake_github::{Act, Fault, Visibility, WRITE};
use crate::github::{
    Dist, REPO, STAGE, assert_whole, github, hub_paced, only_release, outcome, publish,
    publish_with, settings, tag, writer,
};

#[test]
fn a_refused_tag_leaves_no_draft_behind() {
    for burned in [false, true] {
        let (github, dist) = (github(Visibility::Public), Dist::new());
        github.with_repo(REPO, |repo| {
            let tags = if burned {
                &mut repo.burned_tags
            } else {
                &mut repo.refused_tags
            };
            tags.push("arc-v1".to_owned());
        });
        let package = dist.package("linux-amd64", "the binary", "inputs");
        let error = publish(&writer(&github), &package).unwrap_err();
        assert_eq!(error.kind(), Kind::Refused);
        assert!(
            error.to_string().contains("arc-v1") && error.to_string().contains("restricted"),
            "{error}"
        );
        assert!(github.releases(REPO).is_empty());
        assert_eq!(
            github
                .writes()
                .iter()
                .filter(|w| w.method == "PATCH")
                .count(),
            1
        );
    }
}

/// Assets of others in a draft are never deleted, whatever is refused.
#[test]
fn a_draft_that_holds_others_assets_survives_a_refused_tag() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    github.with_repo(REPO, |repo| repo.refused_tags.push("arc-v1".to_owned()));
    let id = github.put_release(REPO, "arc-v1", true, &[("someone-elses.zip", b"x")]);
    publish(
        &writer(&github),
        &dist.package("linux-amd64", "the binary", "inputs"),
    )
    .unwrap_err();
    assert!(
        github
            .releases(REPO)
            .iter()
            .any(|r| r.id == id && r.assets.iter().any(|a| a.name == "someone-elses.zip"))
    );
}

/// The assets of another job in a draft that this run created are not deleted either.
#[test]
fn an_own_draft_with_assets_of_others_survives_a_refused_tag() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    github.put_release(REPO, "other-v1", false, &[("someone-elses.zip", b"x")]);
    github.with_repo(REPO, |repo| repo.refused_tags.push("arc-v1".to_owned()));
    let package = dist.package("linux-amd64", "the binary", "inputs");
    let slowly = hub_paced(
        &github,
        Some(WRITE),
        settings(),
        Duration::from_millis(400),
        Duration::from_millis(300),
    );
    std::thread::scope(|scope| {
        let job = scope.spawn(|| publish(&slowly, &package));
        let joined = || {
            github.with_repo(REPO, |repo| {
                let theirs = repo.releases[0].assets[0].clone();
                repo.releases
                    .get_mut(1)
                    .map(|draft| draft.assets.push(theirs))
                    .is_some()
            })
        };
        while !joined() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(job.join().unwrap().unwrap_err().kind(), Kind::Refused);
    });
    let releases = github.releases(REPO);
    assert!(
        releases[1].draft
            && releases[1]
                .assets
                .iter()
                .any(|asset| asset.name == "someone-elses.zip")
    );
}

/// An error during the lookup does not mean "absent": nothing is created.
#[test]
fn a_failed_release_lookup_creates_nothing() {
    for (what, act) in [
        ("/releases/tags/", Act::Answer(500, Vec::new(), "{}".into())),
        ("per_page", Act::Answer(502, Vec::new(), "<html>".into())),
        ("per_page", Act::Html),
        ("per_page", Act::KillBefore),
    ] {
        let (github, dist) = (github(Visibility::Public), Dist::new());
        github.fault(Fault::on("GET", what, act).times(99));
        let error = publish(
            &writer(&github),
            &dist.package("linux-amd64", "x", "inputs"),
        )
        .unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{error}");
        assert!(github.writes().is_empty());
    }
}

#[test]
fn a_draft_on_the_second_page_is_found() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    let id = github.put_release(REPO, "arc-v1", true, &[]);
    for n in 0..230 {
        github.put_release(REPO, &format!("other-v{n}"), false, &[]);
    }
    let package = dist.package("linux-amd64", "the binary", "inputs");
    publish(&writer(&github), &package).unwrap();
    let releases = github.releases(REPO);
    let ours: Vec<_> = releases.iter().filter(|r| r.tag == "arc-v1").collect();
    assert_eq!((ours.len(), ours[0].id), (1, id));
    assert_whole(ours[0], &[&package]);
}

/// The oldest draft is used; other empty drafts are deleted; a draft with an asset that exists
/// nowhere else is kept.
#[test]
fn duplicate_drafts_are_merged_into_one() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    let package = dist.package("linux-amd64", "the binary", "inputs");
    let first = github.put_release(REPO, "arc-v1", true, &[]);
    let empty = github.put_release(REPO, "arc-v1", true, &[]);
    let copy = github.put_release(
        REPO,
        "arc-v1",
        true,
        &[
            (package.name.as_str(), b"the binary"),
            ("manifest.json", b"old"),
        ],
    );
    let precious = github.put_release(REPO, "arc-v1", true, &[("precious.zip", b"x")]);
    publish(&writer(&github), &package).unwrap();
    let releases = github.releases(REPO);
    let ids: Vec<_> = releases.iter().map(|r| r.id).collect();
    assert_eq!(ids, [first, precious], "{empty} and {copy} should be gone");
    assert_whole(&releases[0], &[&package]);
    assert!(releases[1].draft);
    // A published release takes precedence over a draft, even if it is newer.
    let other: Tag = "arc-v2".parse().unwrap();
    github.put_release(REPO, "arc-v2", true, &[]);
    let published = github.put_release(REPO, "arc-v2", false, &[]);
    writer(&github)
        .publish(
            &other,
            &[package.upload()],
            PublishOptions::default(),
            &|| None,
            None,
            &|_| {},
        )
        .unwrap();
    let v2: Vec<_> = github
        .releases(REPO)
        .into_iter()
        .filter(|r| r.tag == "arc-v2")
        .collect();
    assert_eq!(v2.iter().map(|r| r.id).collect::<Vec<_>>(), [published]);
}

#[test]
fn staged_releases_are_finalized_or_aborted() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    let [linux, darwin] = ["linux-amd64", "darwin-arm64"].map(|p| dist.package(p, p, "inputs"));
    let writer = writer(&github);
    assert_eq!(writer.finalize(&tag()).unwrap_err().kind(), Kind::Failed);
    for package in [&linux, &darwin] {
        assert!(publish_with(&writer, package, STAGE).unwrap().staged);
    }
    github.clear_log();
    assert_eq!(
        outcome(publish_with(&writer, &linux, STAGE)),
        Published::Present
    );
    assert!(github.writes().is_empty());
    writer.abort(&tag()).unwrap();
    assert!(github.releases(REPO).is_empty());
    writer.abort(&tag()).unwrap();
    publish_with(&writer, &linux, STAGE).unwrap();
    writer.finalize(&tag()).unwrap();
    assert_whole(&only_release(&github), &[&linux]);
    writer.abort(&tag()).unwrap();
    assert_whole(&only_release(&github), &[&linux]);
    // An empty draft is never published.
    github.put_release(REPO, "empty-v1", true, &[]);
    assert_eq!(
        writer
            .finalize(&"empty-v1".parse().unwrap())
            .unwrap_err()
            .kind(),
        Kind::Failed
    );
}

/// Before anything is published every asset is compared with its sidecar, also those of others.
#[test]
fn a_damaged_draft_is_not_published() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    let [linux, darwin] = ["linux-amd64", "darwin-arm64"].map(|p| dist.package(p, p, "inputs"));
    publish_with(&writer(&github), &darwin, STAGE).unwrap();
    github.with_repo(REPO, |repo| {
        let asset = repo.releases[0]
            .assets
            .iter_mut()
            .find(|a| a.name == darwin.name.as_str())
            .unwrap();
        asset.bytes = "darwin-arm65".into();
        asset.sha256 = Digest::of(b"darwin-arm65").to_string();
    });
    for refused in [
        publish(&writer(&github), &linux).map(drop),
        writer(&github).finalize(&tag()),
    ] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), Kind::Integrity);
        assert!(error.to_string().contains(darwin.name.as_str()), "{error}");
        assert!(only_release(&github).draft);
    }
}
