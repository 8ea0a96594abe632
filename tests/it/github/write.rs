//! Writing a GitHub hub: what is there afterwards, whatever happened on the way.

use std::time::{Duration, Instant, SystemTime};

use larder_core::Kind;
use larder_core::model::{AssetName, Digest, Tag};
use larder_remote::hub::{HubPublisher, HubReader, PlainFile, PublishOptions, Published};

use crate::fake_github::{Act, Fault, Origin, READ, Visibility, WRITE};
use crate::github::{
    Dist, Package, REPO, SIX, assert_whole, assets, github, hub, hub_paced, only, publish,
    publish_with, read, settings, tag, writer,
};

const REPLACE: PublishOptions = PublishOptions {
    replace: true,
    stage: false,
};
const STAGE: PublishOptions = PublishOptions {
    replace: false,
    stage: true,
};

fn outcome(receipt: larder_core::Result<larder_remote::hub::Receipt>) -> Published {
    receipt.expect("published").assets.remove(0).1
}

#[test]
fn a_second_run_makes_no_write() {
    let (github, dist) = (github(Visibility::Private), Dist::new());
    let packages: Vec<_> = SIX
        .iter()
        .map(|platform| dist.package(platform, platform, "inputs"))
        .collect();
    for package in &packages {
        assert_eq!(
            outcome(publish(&writer(&github), package)),
            Published::Added
        );
    }
    assert_whole(&only(&github), &packages.iter().collect::<Vec<_>>());
    github.clear_log();
    for package in &packages {
        assert_eq!(
            outcome(publish(&writer(&github), package)),
            Published::Present
        );
    }
    assert!(github.writes().is_empty(), "{:?}", github.writes());
}

#[test]
fn many_platforms_in_one_go_cost_one_round_of_derived_files() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    let packages: Vec<_> = SIX
        .iter()
        .map(|platform| dist.package(platform, platform, "inputs"))
        .collect();
    let uploads: Vec<_> = packages.iter().map(Package::upload).collect();
    let sent = std::sync::atomic::AtomicU64::new(0);
    let count = |bytes| _ = sent.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
    writer(&github)
        .publish(&tag(), &uploads, PublishOptions::default(), &count)
        .unwrap();
    assert_whole(&only(&github), &packages.iter().collect::<Vec<_>>());
    // The draft, two per platform, two derived, the publication.
    assert_eq!(github.writes().len(), 1 + 12 + 2 + 1);
    assert_eq!(
        sent.into_inner(),
        packages.iter().map(|p| p.sidecar.size).sum::<u64>()
    );
}

/// What is published first stands, what has other inputs is not touched, and both are told.
#[test]
fn what_is_there_stands() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    let first = dist.package("linux-amd64", "first", "inputs");
    publish(&writer(&github), &first).unwrap();
    github.clear_log();
    let again = dist.package("linux-amd64", "other bytes", "inputs");
    assert_eq!(
        outcome(publish(&writer(&github), &again)),
        Published::Stands(Box::new(first.sidecar.clone()))
    );
    let other = dist.package("linux-amd64", "other bytes", "other inputs");
    assert_eq!(
        outcome(publish(&writer(&github), &other)),
        Published::Taken(Some(Box::new(first.sidecar.clone())))
    );
    // The same bytes of other inputs are not what the sidecar says either.
    let other = dist.package("linux-amd64", "first", "other inputs");
    assert_eq!(
        outcome(publish(&writer(&github), &other)),
        Published::Taken(Some(Box::new(first.sidecar.clone())))
    );
    assert!(github.writes().is_empty());
    assert_whole(&only(&github), &[&first]);
    // Beside it, under the suffixed name.
    let mut beside = dist.package("linux-amd64", "other bytes", "other inputs");
    beside.name = format!(
        "arc-linux-amd64-{}.tar.gz",
        beside.sidecar.content.inputs.short()
    )
    .parse()
    .unwrap();
    assert_eq!(
        outcome(publish(&writer(&github), &beside)),
        Published::Added
    );
    assert_whole(&only(&github), &[&beside, &first]);
}

/// `gh release create` with a tarball: its bytes are not ours to overwrite, but a sidecar may be added to the same bytes.
#[test]
fn an_asset_without_a_sidecar_is_not_overwritten() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    let package = dist.package("linux-amd64", "the binary", "inputs");
    github.put_release(
        REPO,
        "arc-v1",
        false,
        &[(package.name.as_str(), b"by hand")],
    );
    assert_eq!(
        outcome(publish(&writer(&github), &package)),
        Published::Taken(None)
    );
    assert_eq!(assets(&only(&github))[package.name.as_str()], b"by hand");
    let same = dist.package("linux-amd64", "by hand", "inputs");
    assert_eq!(outcome(publish(&writer(&github), &same)), Published::Added);
    assert_whole(&only(&github), &[&same]);
    assert_eq!(
        outcome(publish_with(&writer(&github), &package, REPLACE)),
        Published::Replaced
    );
    assert_whole(&only(&github), &[&package]);
}

#[test]
fn bytes_that_contradict_their_sidecar_are_an_error_until_replaced() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    let package = dist.package("linux-amd64", "the binary", "inputs");
    publish(&writer(&github), &package).unwrap();
    github.with_repo(REPO, |repo| {
        let asset = repo.releases[0]
            .assets
            .iter_mut()
            .find(|a| a.name == package.name.as_str())
            .unwrap();
        asset.bytes = "tampered!!".into();
        asset.sha256 = Digest::of(b"tampered!!").to_string();
    });
    assert_eq!(
        publish(&writer(&github), &package).unwrap_err().kind(),
        Kind::Integrity
    );
    assert_eq!(
        outcome(publish_with(&writer(&github), &package, REPLACE)),
        Published::Replaced
    );
    assert_whole(&only(&github), &[&package]);
}

/// Faults that a client survives within one run: what became of the request is looked at, never guessed.
#[test]
fn lost_answers_broken_uploads_and_limits_are_survived() {
    let table: &[(&str, Fault)] = &[
        (
            "502 leaves a starter",
            Fault::on("POST", "/assets?name=arc", Act::Starter),
        ),
        (
            "502 leaves starters twice",
            Fault::on("POST", "/assets?name=arc", Act::Starter).times(2),
        ),
        (
            "sidecar: 502 leaves a starter",
            Fault::on("POST", ".tar.gz.json", Act::Starter),
        ),
        (
            "upload worked, 502 said",
            Fault::on("POST", "/assets?name=arc", Act::Lie(502)),
        ),
        (
            "upload worked, answer lost",
            Fault::on("POST", "/assets?name=arc", Act::KillAfter),
        ),
        (
            "upload did not work, answer lost",
            Fault::on("POST", "/assets?name=arc", Act::KillBefore),
        ),
        (
            "sidecar worked, answer lost",
            Fault::on("POST", ".tar.gz.json", Act::KillAfter),
        ),
        (
            "draft made, answer lost",
            Fault::on("POST", "/releases", Act::KillAfter),
        ),
        (
            "draft made, 500 said",
            Fault::on("POST", "/releases", Act::Lie(500)),
        ),
        (
            "draft not made, answer lost",
            Fault::on("POST", "/releases", Act::KillBefore),
        ),
        (
            "published, answer lost",
            Fault::on("PATCH", "/releases/", Act::KillAfter),
        ),
        (
            "published, 502 said",
            Fault::on("PATCH", "/releases/", Act::Lie(502)).times(3),
        ),
        (
            "manifest worked, answer lost",
            Fault::on("POST", "manifest.json", Act::KillAfter),
        ),
        (
            "secondary limit with retry-after",
            Fault::on("POST", "/assets?name=arc", Act::Secondary(Some(1))),
        ),
        (
            "secondary limit on the draft",
            Fault::on("POST", "/releases", Act::Secondary(Some(1))),
        ),
        (
            "429",
            Fault::on(
                "POST",
                "/assets?name=arc",
                Act::Answer(429, vec![("retry-after", "0".into())], "{}".into()),
            ),
        ),
        (
            "500 on a look",
            Fault::on(
                "GET",
                "/releases",
                Act::Answer(500, Vec::new(), "{}".into()),
            ),
        ),
        (
            "a look is cut",
            Fault::on("GET", "/releases", Act::Truncate(300)).skip(1),
        ),
    ];
    for lag in [Duration::ZERO, Duration::from_millis(60)] {
        for (what, fault) in table {
            let (github, dist) = (github(Visibility::Private), Dist::new());
            github.lag(lag);
            github.fault(fault.clone());
            let package = dist.package("linux-amd64", "the binary", "inputs");
            let published = publish(&writer(&github), &package);
            assert!(published.is_ok(), "{what}: {}", published.unwrap_err());
            assert_eq!(github.clear_faults(), 0, "{what}: did not happen");
            std::thread::sleep(lag);
            let releases = github.releases(REPO);
            assert_eq!(releases.len(), 1, "{what}, lag {lag:?}");
            assert_whole(&releases[0], &[&package]);
        }
    }
}

#[test]
fn an_exhausted_limit_is_waited_for_when_it_is_near() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    let package = dist.package("linux-amd64", "the binary", "inputs");
    let reset = SystemTime::now() + Duration::from_secs(2);
    github.with_state(|state| state.primary = Some((3, reset)));
    publish(&writer(&github), &package).unwrap();
    assert!(SystemTime::now() >= reset - Duration::from_secs(1));
    assert_whole(&only(&github), &[&package]);
}

#[test]
fn writes_are_paced() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    github.with_state(|state| state.content_gap = Some(Duration::from_millis(40)));
    let paced = |millis| {
        hub_paced(
            &github,
            Some(WRITE),
            settings(),
            Duration::from_millis(400),
            Duration::from_millis(millis),
        )
    };
    let package = dist.package("linux-amd64", "the binary", "inputs");
    publish(&paced(60), &package).unwrap();
    let writes = github.writes();
    assert!(
        writes.iter().all(|entry| entry.status < 300),
        "a limit was hit"
    );
    assert!(writes.windows(2).all(|pair| pair[1].at.duration_since(pair[0].at).unwrap() >= Duration::from_millis(50)));
    // Without a pace the limit strikes, and is obeyed.
    github.with_state(|state| state.content_gap = Some(Duration::from_millis(300)));
    let other = dist.package("linux-arm64", "the other binary", "inputs");
    publish(&paced(0), &other).unwrap();
    assert!(github.log().iter().any(|entry| entry.status == 403));
    assert_whole(&only(&github), &[&package, &other]);
}

/// No retry storm, a clear error, no empty draft left behind.
#[test]
fn a_refused_permission_is_an_error_at_once() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    let package = dist.package("linux-amd64", "the binary", "inputs");
    for (token, kind) in [
        (None, Kind::Refused),
        (Some(READ), Kind::Refused),
        (Some("ghp_expired"), Kind::Refused),
    ] {
        github.clear_log();
        let error = publish(&hub(&github, token), &package).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(!error.hints().is_empty() || !error.causes().is_empty());
        assert!(github.log().len() <= 6, "{:?}", github.log());
        assert!(github.releases(REPO).is_empty());
    }
    // Creating is allowed, uploading is not.
    let denied = r#"{"message":"Resource not accessible by integration"}"#;
    github.fault(
        Fault::on(
            "POST",
            "/assets",
            Act::Answer(403, Vec::new(), denied.into()),
        )
        .times(9),
    );
    let error = publish(&writer(&github), &package).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(
        error.to_string().contains("Resource not accessible"),
        "{error}"
    );
    assert!(github.releases(REPO).is_empty(), "an empty draft stayed");
    assert_eq!(
        github
            .writes()
            .iter()
            .filter(|w| w.target.contains("/assets"))
            .count(),
        1
    );
}

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

/// What others put into a draft is never deleted, whatever is refused.
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

/// Nor is what another job put into the draft that we made.
#[test]
fn an_own_draft_that_others_joined_survives_a_refused_tag() {
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

/// An error while looking is not "absent": nothing is created.
#[test]
fn a_failed_look_creates_nothing() {
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

/// The oldest draft counts; empty others go; one that holds what is nowhere else stays.
#[test]
fn duplicate_drafts_become_one() {
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
    // Published before draft, even if younger.
    let other: Tag = "arc-v2".parse().unwrap();
    github.put_release(REPO, "arc-v2", true, &[]);
    let published = github.put_release(REPO, "arc-v2", false, &[]);
    writer(&github)
        .publish(
            &other,
            &[package.upload()],
            PublishOptions::default(),
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
fn leftovers_under_our_names_are_replaced() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    let package = dist.package("linux-amd64", "the binary", "inputs");
    let sidecar = package.name.sidecar();
    github.put_release(
        REPO,
        "arc-v1",
        true,
        &[
            (package.name.as_str(), b""),
            (sidecar.as_str(), b""),
            ("manifest.json", b""),
        ],
    );
    github.with_repo(REPO, |repo| {
        repo.releases[0]
            .assets
            .iter_mut()
            .for_each(|a| a.state = "starter");
    });
    publish(&writer(&github), &package).unwrap();
    assert_whole(&only(&github), &[&package]);
}

#[test]
fn a_renamed_asset_is_noticed_and_removed() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    let package = dist.package("linux-amd64", "the binary", "inputs");
    let digest = package.sidecar.sha256;
    let answer = format!(
        r#"{{"id":7,"name":"default.arc","state":"uploaded","size":10,"digest":"sha256:{digest}"}}"#
    );
    github.fault(Fault::on(
        "POST",
        "/assets",
        Act::Answer(201, Vec::new(), answer),
    ));
    let error = publish(&writer(&github), &package).unwrap_err();
    assert!(error.to_string().contains("default.arc"), "{error}");
    assert!(
        github
            .writes()
            .iter()
            .any(|w| w.method == "DELETE" && w.target.ends_with("/assets/7"))
    );
}

/// The package in `.dist` is not what its sidecar says: nothing of it becomes visible.
#[test]
fn bytes_that_changed_on_the_way_are_removed() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    let package = dist.package("linux-amd64", "the binary", "inputs");
    std::fs::write(&package.file, "the bimary").unwrap();
    let error = publish(&writer(&github), &package).unwrap_err();
    assert_eq!(error.kind(), Kind::Integrity);
    assert!(
        github
            .releases(REPO)
            .iter()
            .all(|r| r.draft && r.assets.is_empty())
    );
}

#[test]
fn servers_that_state_no_digests_are_read_back() {
    let (github, dist) = (github(Visibility::Private), Dist::new());
    github.with_state(|state| state.no_digests = true);
    let package = dist.package("linux-amd64", "the binary", "inputs");
    publish(&writer(&github), &package).unwrap();
    assert_whole(&only(&github), &[&package]);
    assert!(github.count(Origin::Store) > 0);
    github.clear_log();
    publish(&writer(&github), &package).unwrap();
    assert!(github.writes().is_empty());
    let other = dist.package("linux-amd64", "the bimary", "inputs");
    assert_eq!(
        outcome(publish_with(&writer(&github), &other, REPLACE)),
        Published::Replaced
    );
    assert_whole(&only(&github), &[&other]);
}

#[test]
fn a_full_release_is_told_in_githubs_words() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    let names: Vec<String> = (0..1_000).map(|n| format!("file{n}.zip")).collect();
    let files: Vec<(&str, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), b"x".as_slice()))
        .collect();
    github.put_release(REPO, "arc-v1", false, &files);
    let error = publish(
        &writer(&github),
        &dist.package("linux-amd64", "x", "inputs"),
    )
    .unwrap_err();
    assert!(error.to_string().contains("1000 assets"), "{error}");
    assert_eq!(github.writes().len(), 1);
}

/// Immutable releases: assets gather in the draft, `finalize` publishes, a late platform gets a release of its own.
#[test]
fn immutable_releases_gather_in_the_draft() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    github.immutable(REPO);
    github.put_release(REPO, "other-v1", false, &[("x.zip", b"x")]);
    let [linux, darwin, late] =
        ["linux-amd64", "darwin-arm64", "windows-amd64"].map(|p| dist.package(p, p, "inputs"));
    for package in [&linux, &darwin] {
        let receipt = publish(&writer(&github), package).unwrap();
        assert!(receipt.staged);
    }
    let writer = writer(&github);
    let draft = writer.release(&tag()).unwrap().unwrap();
    assert!(draft.draft && draft.assets.len() == 6);
    assert!(
        read(&hub(&github, None), &linux.name).unwrap().is_none(),
        "a draft is not visible"
    );
    writer.finalize(&tag()).unwrap();
    let ours = || {
        github
            .releases(REPO)
            .into_iter()
            .filter(|r| r.tag == "arc-v1")
            .collect::<Vec<_>>()
    };
    assert_whole(&ours()[0], &[&darwin, &linux]);
    assert!(ours()[0].immutable);
    writer.finalize(&tag()).unwrap();

    let receipt = publish(&writer, &late).unwrap();
    let suffixed = tag().suffixed(&late.sidecar.content.inputs);
    assert_eq!(receipt.assets, [(suffixed.clone(), Published::Added)]);
    assert!(!receipt.staged);
    assert_whole(
        github
            .releases(REPO)
            .iter()
            .find(|r| r.tag == suffixed.as_str())
            .unwrap(),
        &[&late],
    );
    assert_eq!(
        hub(&github, None)
            .sidecar(&suffixed, &late.name)
            .unwrap()
            .unwrap(),
        late.sidecar
    );
    github.clear_log();
    for package in [&linux, &late] {
        assert_eq!(outcome(publish(&writer, package)), Published::Present);
    }
    assert!(github.writes().is_empty());
    // Replacing is impossible, and said.
    let other = dist.package("linux-amd64", "other", "inputs");
    assert_eq!(
        publish_with(&writer, &other, REPLACE).unwrap_err().kind(),
        Kind::Refused
    );
    assert_eq!(
        outcome(publish(&writer, &other)),
        Published::Stands(Box::new(linux.sidecar.clone()))
    );
}

/// The same where nothing states it: the server's answer tells.
#[test]
fn immutability_is_learnt_from_a_refused_upload() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    let [first, late] = ["linux-amd64", "windows-amd64"].map(|p| dist.package(p, p, "inputs"));
    publish(&writer(&github), &first).unwrap();
    let message = r#"{"message":"Cannot upload assets to an immutable release."}"#;
    github.fault(Fault::on(
        "POST",
        "/assets",
        Act::Answer(422, Vec::new(), message.into()),
    ));
    let receipt = publish(&writer(&github), &late).unwrap();
    assert_eq!(
        receipt.assets,
        [(
            tag().suffixed(&late.sidecar.content.inputs),
            Published::Added
        )]
    );
}

#[test]
fn an_admin_token_knows_before_the_first_release() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    github.immutable(REPO);
    let package = dist.package("linux-amd64", "x", "inputs");
    assert!(
        publish(&hub(&github, Some(crate::fake_github::ADMIN)), &package)
            .unwrap()
            .staged
    );
    assert!(github.releases(REPO)[0].draft);
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
    assert_whole(&only(&github), &[&linux]);
    writer.abort(&tag()).unwrap();
    assert_whole(&only(&github), &[&linux]);
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

/// Before anything becomes visible every asset is held against its sidecar, others' too.
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
        assert!(only(&github).draft);
    }
}

/// Six jobs, one tag, lists that lag: nothing is lost, and it is one release.
#[test]
fn six_jobs_at_once_make_one_release() {
    for (lag, pace, immutable) in [
        (0, 0, false),
        (50, 20, false),
        (250, 0, false),
        (100, 0, true),
    ] {
        let (github, dist) = (github(Visibility::Private), Dist::new());
        github.lag(Duration::from_millis(lag));
        if immutable {
            github.immutable(REPO);
            github.put_release(REPO, "other-v1", false, &[("x.zip", b"x")]);
        }
        // More than fit on a page.
        for n in 0..lag / 2 {
            github.put_release(REPO, &format!("unrelated-{n}"), false, &[("x.zip", b"x")]);
        }
        let packages: Vec<_> = SIX
            .iter()
            .map(|platform| dist.package(platform, platform, "inputs"))
            .collect();
        std::thread::scope(|scope| {
            for package in &packages {
                let github = &github;
                scope.spawn(move || {
                    let pace = Duration::from_millis(pace);
                    let hub = hub_paced(
                        github,
                        Some(WRITE),
                        settings(),
                        Duration::from_secs(4),
                        pace,
                    );
                    publish(&hub, package).unwrap_or_else(|e| panic!("{}: {e}", package.name));
                });
            }
        });
        std::thread::sleep(Duration::from_millis(lag));
        if immutable {
            writer(&github).finalize(&tag()).unwrap();
        }
        let ours: Vec<_> = github
            .releases(REPO)
            .into_iter()
            .filter(|r| r.tag == "arc-v1")
            .collect();
        let shown: Vec<_> = ours
            .iter()
            .map(|r| {
                (
                    r.id,
                    r.draft,
                    r.assets.iter().map(|a| &a.name).collect::<Vec<_>>(),
                )
            })
            .collect();
        assert_eq!(ours.len(), 1, "lag {lag}: {shown:?}");
        assert_whole(&ours[0], &packages.iter().collect::<Vec<_>>());
        println!(
            "lag {lag} ms, immutable {immutable}: {} requests, {} writes",
            github.log().len(),
            github.writes().len()
        );
    }
}

/// Two jobs build the same platform with other bytes: one stands, the other adopts it.
#[test]
fn two_jobs_of_one_platform_agree() {
    for lag in [0, 60] {
        let (github, dist) = (github(Visibility::Public), Dist::new());
        github.lag(Duration::from_millis(lag));
        let packages = [
            dist.package("linux-amd64", "one", "inputs"),
            dist.package("linux-amd64", "two", "inputs"),
        ];
        let outcomes: Vec<Published> = std::thread::scope(|scope| {
            let jobs: Vec<_> = packages
                .iter()
                .map(|p| scope.spawn(|| outcome(publish(&writer(&github), p))))
                .collect();
            jobs.into_iter().map(|job| job.join().unwrap()).collect()
        });
        std::thread::sleep(Duration::from_millis(lag));
        let winner = &packages[outcomes
            .iter()
            .position(|o| *o == Published::Added)
            .expect("one was added")];
        assert_eq!(
            outcomes.iter().filter(|o| **o == Published::Added).count(),
            1,
            "{outcomes:?}"
        );
        assert_whole(&only(&github), &[winner]);
    }
}

fn plain<'a>(package: &'a Package, name: &'a AssetName) -> PlainFile<'a> {
    PlainFile {
        name: name.clone(),
        file: &package.file,
        sha256: package.sidecar.sha256,
        size: package.sidecar.size,
    }
}

#[test]
fn a_project_release_is_all_or_nothing() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    let packages = ["linux-amd64", "darwin-arm64"].map(|p| dist.package(p, p, "inputs"));
    let files: Vec<_> = packages.iter().map(|p| plain(p, &p.name)).collect();
    let tag: Tag = "v1.0.0".parse().unwrap();
    let publish =
        |options| writer(&github).publish_project(&tag, &files, "What is new", options, &|_| {});
    let mut n = 0;
    loop {
        n += 1;
        github.kill_at(n, n % 2 == 0);
        let result = publish(PublishOptions::default());
        if !github.revive() {
            result.unwrap();
            break;
        }
        assert!(
            github
                .releases(REPO)
                .iter()
                .all(|r| r.draft || r.assets.len() == 2),
            "half of it is visible"
        );
    }
    let release = only(&github);
    assert!(!release.draft && release.latest && release.body.as_deref() == Some("What is new"));
    assert_eq!(
        assets(&release).into_values().collect::<Vec<_>>(),
        [b"darwin-arm64".to_vec(), b"linux-amd64".to_vec()]
    );
    github.clear_log();
    publish(PublishOptions::default()).unwrap();
    assert!(github.writes().is_empty());
    // Other bytes under a published name are an error, or replaced when asked.
    let other = dist.package("linux-amd64", "other", "inputs");
    let files = [plain(&other, &other.name)];
    let again =
        |options| writer(&github).publish_project(&tag, &files, "What is new", options, &|_| {});
    assert_eq!(
        again(PublishOptions::default()).unwrap_err().kind(),
        Kind::Failed
    );
    assert_eq!(again(REPLACE).unwrap().assets[0].1, Published::Replaced);
    assert_eq!(assets(&only(&github))[other.name.as_str()], b"other");
}

#[test]
fn a_dead_api_is_told_quickly() {
    let dist = Dist::new();
    let package = dist.package("linux-amd64", "x", "inputs");
    let github = github(Visibility::Public);
    let writer = writer(&github);
    drop(github);
    let began = Instant::now();
    assert_eq!(
        publish(&writer, &package).unwrap_err().kind(),
        Kind::Unavailable
    );
    assert!(began.elapsed() < Duration::from_secs(5));
}
