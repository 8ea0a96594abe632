//! Immutable releases: assets are gathered in a draft until it is finalized.

use larder_core::Kind;
use larder_remote::hub::{HubPublisher, HubReader, Published};

use crate::fake_github::{Act, Fault, Visibility};
use crate::github::{
    Dist, REPLACE, REPO, assert_whole, github, hub, outcome, publish, publish_with, read, tag,
    writer,
};

/// Assets are gathered in the draft, `finalize` publishes it, and a late platform gets a release of
/// its own.
#[test]
fn assets_of_an_immutable_release_are_gathered_in_the_draft() {
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
    // Replacing is impossible, and the error says so.
    let other = dist.package("linux-amd64", "other", "inputs");
    assert_eq!(
        publish_with(&writer, &other, REPLACE).unwrap_err().kind(),
        Kind::Refused
    );
    assert_eq!(
        outcome(publish(&writer, &other)),
        Published::AlreadyPublished(Box::new(linux.sidecar.clone()))
    );
}

/// The same if no setting states immutability: the server's answer reveals it.
#[test]
fn immutability_is_detected_from_a_refused_upload() {
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
fn an_admin_token_detects_immutability_before_the_first_release() {
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
