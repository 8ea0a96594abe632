//! Publishing to a GitHub hub: the resulting release, and what is never overwritten.

use larder_core::Kind;
use larder_core::model::Digest;
use larder_remote::hub::{HubPublisher, PublishOptions, Published};

use crate::fake_github::{Act, Fault, Origin, Visibility};
use crate::github::{
    Dist, Package, REPLACE, REPO, SIX, assert_whole, assets, github, only_release, outcome,
    publish, publish_with, tag, writer,
};

#[test]
fn a_second_run_makes_no_write_request() {
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
    assert_whole(&only_release(&github), &packages.iter().collect::<Vec<_>>());
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
fn publishing_many_platforms_writes_the_derived_files_once() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    let packages: Vec<_> = SIX
        .iter()
        .map(|platform| dist.package(platform, platform, "inputs"))
        .collect();
    let uploads: Vec<_> = packages.iter().map(Package::upload).collect();
    let sent = std::sync::atomic::AtomicU64::new(0);
    let count = |bytes| _ = sent.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
    writer(&github)
        .publish(
            &tag(),
            &uploads,
            PublishOptions::default(),
            &|| None,
            None,
            &count,
        )
        .unwrap();
    assert_whole(&only_release(&github), &packages.iter().collect::<Vec<_>>());
    // One write for the draft, two per platform, two derived files, one to publish.
    assert_eq!(github.writes().len(), 1 + 12 + 2 + 1);
    assert_eq!(
        sent.into_inner(),
        packages.iter().map(|p| p.sidecar.size).sum::<u64>()
    );
}

/// The asset published first is kept, an asset with other inputs is not touched, and both are
/// reported.
#[test]
fn an_already_published_asset_is_kept() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    let first = dist.package("linux-amd64", "first", "inputs");
    publish(&writer(&github), &first).unwrap();
    github.clear_log();
    let again = dist.package("linux-amd64", "other bytes", "inputs");
    assert_eq!(
        outcome(publish(&writer(&github), &again)),
        Published::AlreadyPublished(Box::new(first.sidecar.clone()))
    );
    let other = dist.package("linux-amd64", "other bytes", "other inputs");
    assert_eq!(
        outcome(publish(&writer(&github), &other)),
        Published::NameTaken(Some(Box::new(first.sidecar.clone())))
    );
    // The same bytes with other inputs do not match the sidecar either.
    let other = dist.package("linux-amd64", "first", "other inputs");
    assert_eq!(
        outcome(publish(&writer(&github), &other)),
        Published::NameTaken(Some(Box::new(first.sidecar.clone())))
    );
    assert!(github.writes().is_empty());
    assert_whole(&only_release(&github), &[&first]);
    // Published next to it under the suffixed name.
    let mut suffixed = dist.package("linux-amd64", "other bytes", "other inputs");
    suffixed.name = format!(
        "arc-linux-amd64-{}.tar.gz",
        suffixed.sidecar.content.inputs.short()
    )
    .parse()
    .unwrap();
    assert_eq!(
        outcome(publish(&writer(&github), &suffixed)),
        Published::Added
    );
    assert_whole(&only_release(&github), &[&suffixed, &first]);
}

/// An asset uploaded by `gh release create`: its bytes must not be overwritten, but a sidecar may
/// be added for the same bytes.
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
        Published::NameTaken(None)
    );
    assert_eq!(
        assets(&only_release(&github))[package.name.as_str()],
        b"by hand"
    );
    let same = dist.package("linux-amd64", "by hand", "inputs");
    assert_eq!(outcome(publish(&writer(&github), &same)), Published::Added);
    assert_whole(&only_release(&github), &[&same]);
    assert_eq!(
        outcome(publish_with(&writer(&github), &package, REPLACE)),
        Published::Replaced
    );
    assert_whole(&only_release(&github), &[&package]);
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
    assert_whole(&only_release(&github), &[&package]);
}

#[test]
fn broken_uploads_under_our_names_are_replaced() {
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
    assert_whole(&only_release(&github), &[&package]);
}

#[test]
fn an_asset_that_github_renamed_is_detected_and_removed() {
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

/// The package in `.dist` does not match its sidecar: nothing of it is published.
#[test]
fn an_asset_corrupted_during_upload_is_removed() {
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
fn assets_are_read_back_from_servers_that_state_no_digests() {
    let (github, dist) = (github(Visibility::Private), Dist::new());
    github.with_state(|state| state.no_digests = true);
    let package = dist.package("linux-amd64", "the binary", "inputs");
    publish(&writer(&github), &package).unwrap();
    assert_whole(&only_release(&github), &[&package]);
    assert!(github.count(Origin::Store) > 0);
    github.clear_log();
    publish(&writer(&github), &package).unwrap();
    assert!(github.writes().is_empty());
    let other = dist.package("linux-amd64", "the bimary", "inputs");
    assert_eq!(
        outcome(publish_with(&writer(&github), &other, REPLACE)),
        Published::Replaced
    );
    assert_whole(&only_release(&github), &[&other]);
}
