//! Writing to a GitHub hub that refuses, limits requests or does not answer.

use std::time::{Duration, Instant, SystemTime};

use larder_core::Kind;

use crate::fake_github::{Act, Fault, READ, Visibility};
use crate::github::{Dist, REPO, assert_whole, github, hub, only_release, publish, writer};

#[test]
fn an_exhausted_rate_limit_is_waited_for_if_its_reset_is_near() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    let package = dist.package("linux-amd64", "the binary", "inputs");
    let reset = SystemTime::now() + Duration::from_secs(2);
    github.with_state(|state| state.primary = Some((3, reset)));
    publish(&writer(&github), &package).unwrap();
    assert!(SystemTime::now() >= reset - Duration::from_secs(1));
    assert_whole(&only_release(&github), &[&package]);
}

/// No retry storm, a clear error, no empty draft left behind.
#[test]
fn a_missing_permission_is_an_error_without_retries() {
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
fn a_full_release_is_reported_in_githubs_words() {
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

#[test]
fn an_unreachable_api_is_reported_quickly() {
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
    assert!(began.elapsed() < Duration::from_secs(30));
}
