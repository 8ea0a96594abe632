//! Reading a GitHub hub: the meaning of each answer, the number of requests, and where the token is
//! sent.

use std::time::Duration;

use larder_core::Kind;
use larder_remote::hub::HubReader;

use crate::fake_github::{Act, FakeGitHub, Fault, Origin, READ, STRANGER, Visibility, WRITE};
use crate::github::{
    Dist, Package, REPO, assert_whole, github, hub, only_release, publish, read, tag, writer,
};

/// A published release of one package.
fn published(visibility: Visibility) -> (FakeGitHub, Package, Dist) {
    let (github, dist) = (github(visibility), Dist::new());
    let package = dist.package("linux-amd64", "the binary", "inputs");
    publish(&writer(&github), &package).expect("published");
    assert_whole(&only_release(&github), &[&package]);
    github.clear_log();
    (github, package, dist)
}

#[test]
fn a_hit_on_a_public_hub_takes_two_requests_and_no_api_call() {
    let (github, package, _dist) = published(Visibility::Public);
    for token in [None, Some(WRITE)] {
        github.clear_log();
        let hub = hub(&github, token);
        assert_eq!(
            hub.sidecar(&tag(), &package.name).unwrap().unwrap(),
            package.sidecar
        );
        assert_eq!(read(&hub, &package.name).unwrap().unwrap(), b"the binary");
        assert_eq!(
            (
                github.count(Origin::Api),
                github.count(Origin::Web),
                github.count(Origin::Store)
            ),
            (0, 2, 2)
        );
        assert!(github.log().iter().all(|entry| !entry.token));
    }
}

#[test]
fn misses_on_a_public_hub_check_its_visibility_once() {
    let (github, package, _dist) = published(Visibility::Public);
    let hub = hub(&github, None);
    let other = "arc-v2".parse().unwrap();
    for _ in 0..3 {
        assert!(hub.sidecar(&other, &package.name).unwrap().is_none());
        assert!(hub.fetch(&other, &package.name).unwrap().is_none());
    }
    assert_eq!(github.count(Origin::Api), 1);
}

#[test]
fn a_private_hub_is_read_through_the_api() {
    for (login_page, direct) in [(false, false), (true, false), (false, true)] {
        let (github, package, _dist) = published(Visibility::Private);
        github.with_state(|state| (state.login_page, state.direct_assets) = (login_page, direct));
        let hub = hub(&github, Some(READ));
        assert_eq!(
            hub.sidecar(&tag(), &package.name).unwrap().unwrap(),
            package.sidecar
        );
        assert_eq!(read(&hub, &package.name).unwrap().unwrap(), b"the binary");
        assert!(
            hub.sidecar(&"arc-v2".parse().unwrap(), &package.name)
                .unwrap()
                .is_none()
        );
        // One request to the web origin, one for the visibility, one per tag, one per asset.
        assert_eq!(
            (github.count(Origin::Web), github.count(Origin::Api)),
            (1, 1 + 2 + 2)
        );
        assert_eq!(github.count(Origin::Store), if direct { 0 } else { 2 });
    }
}

#[test]
fn an_invisible_repository_is_refused_and_not_absent() {
    for login_page in [false, true] {
        let (github, package, _dist) = published(Visibility::Private);
        github.with_state(|state| state.login_page = login_page);
        let kind = |token| {
            hub(&github, token)
                .sidecar(&tag(), &package.name)
                .unwrap_err()
                .kind()
        };
        assert_eq!(kind(None), Kind::Unavailable);
        if !login_page {
            assert_eq!(kind(Some(STRANGER)), Kind::Refused);
            assert_eq!(kind(Some("ghp_expired")), Kind::Refused);
        }
    }
}

#[test]
fn html_pages_empty_bodies_and_rate_limits_are_not_taken_for_assets() {
    let (github, package, _dist) = published(Visibility::Public);
    let ask = || read(&hub(&github, None), &package.name).unwrap_err().kind();
    github.fault(Fault::on("GET", "/releases/download/", Act::Html).times(9));
    assert_eq!(ask(), Kind::Unavailable);
    github.clear_faults();
    github.fault(
        Fault::on(
            "GET",
            "/releases/download/",
            Act::Answer(200, Vec::new(), String::new()),
        )
        .times(9),
    );
    assert_eq!(ask(), Kind::Unavailable);
    github.clear_faults();
    github.fault(
        Fault::on(
            "GET",
            "/releases/download/",
            Act::Answer(503, Vec::new(), "<html>".into()),
        )
        .times(9),
    );
    assert_eq!(ask(), Kind::Unavailable);
    github.clear_faults();
    // A miss for which the visibility check fails: it is unknown whether the asset is absent.
    github.fault(
        Fault::on(
            "GET",
            "/repos/acme/tools",
            Act::Answer(403, Vec::new(), "{}".into()),
        )
        .times(9),
    );
    let other = "arc-v2".parse().unwrap();
    assert_eq!(
        hub(&github, None)
            .sidecar(&other, &package.name)
            .unwrap_err()
            .kind(),
        Kind::Unavailable
    );
    github.clear_faults();
    // The reset of an exhausted limit is far away: no waiting.
    let reset = std::time::SystemTime::now() + Duration::from_hours(1);
    github.with_state(|state| state.primary = Some((0, reset)));
    let began = std::time::Instant::now();
    assert_eq!(
        hub(&github, None)
            .sidecar(&other, &package.name)
            .unwrap_err()
            .kind(),
        Kind::Unavailable
    );
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[test]
fn an_interrupted_download_is_resumed() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    let package = dist.package("linux-amd64", &"0123456789".repeat(40_000), "inputs");
    publish(&writer(&github), &package).unwrap();
    github.fault(Fault::on("GET", "release-asset", Act::Truncate(100_000)));
    assert_eq!(
        read(&hub(&github, None), &package.name).unwrap().unwrap(),
        std::fs::read(&package.file).unwrap()
    );
}

#[test]
fn a_thousand_releases_are_listed_in_twelve_calls() {
    let github = github(Visibility::Public);
    for n in 0..1_000 {
        let name = format!("tool{n}-linux-amd64.tar.gz");
        github.put_release(
            REPO,
            &format!("tool{n}-v1"),
            n % 100 == 0,
            &[(&name, b"x"), (&format!("{name}.json"), b"{}")],
        );
    }
    github.put_release(REPO, "team/not-ours", false, &[("a", b"x")]);
    let all = hub(&github, Some(WRITE)).releases().unwrap();
    assert_eq!(all.len(), 1_000);
    assert_eq!(all.iter().filter(|release| release.draft).count(), 10);
    assert!(all.iter().all(|release| release.assets.len() == 2));
    assert!(github.log().len() <= 12, "{} calls", github.log().len());
    assert_eq!(hub(&github, None).releases().unwrap().len(), 990);
}

#[test]
fn listings_contain_only_complete_assets_of_the_release_that_counts() {
    let github = github(Visibility::Public);
    github.put_release(REPO, "arc-v1", true, &[("early.zip", b"x")]);
    github.put_release(
        REPO,
        "arc-v1",
        false,
        &[
            ("b.tar.gz", b"x"),
            ("a.tar.gz", b"y"),
            ("a.tar.gz.0123456789ab.new", b"z"),
        ],
    );
    github.with_repo(REPO, |repo| repo.releases[1].assets[0].state = "starter");
    let hub = hub(&github, Some(WRITE));
    for release in [
        hub.release(&tag()).unwrap().unwrap(),
        hub.releases().unwrap().remove(0),
    ] {
        assert!(!release.draft);
        assert_eq!(
            release
                .assets
                .iter()
                .map(|a| a.name.as_str())
                .collect::<Vec<_>>(),
            ["a.tar.gz"]
        );
    }
    assert!(hub.release(&"arc-v2".parse().unwrap()).unwrap().is_none());
}

#[test]
fn a_pagination_link_to_another_origin_is_not_followed() {
    let github = github(Visibility::Public);
    github.put_release(REPO, "arc-v1", false, &[]);
    let link = format!(
        "<{}/repos/acme/tools/releases?page=2>; rel=\"next\"",
        github.web_url()
    );
    github.fault(Fault::on(
        "GET",
        "per_page=100",
        Act::Answer(200, vec![("link", link)], "[]".into()),
    ));
    assert_eq!(
        hub(&github, Some(WRITE)).releases().unwrap_err().kind(),
        Kind::Refused
    );
    assert_eq!(github.count(Origin::Web), 0);
}

#[test]
fn enterprise_server_works_with_its_api_under_a_path() {
    let (github, dist) = (FakeGitHub::start_at("/api/v3", [0; 4]), Dist::new());
    github.repo(REPO, Visibility::Private);
    let package = dist.package("linux-amd64", "the binary", "inputs");
    publish(&writer(&github), &package).unwrap();
    assert_whole(&only_release(&github), &[&package]);
    assert_eq!(
        read(&hub(&github, Some(READ)), &package.name)
            .unwrap()
            .unwrap(),
        b"the binary"
    );
    assert!(
        github
            .log()
            .iter()
            .filter(|e| e.origin == Origin::Api)
            .all(|e| e.target.starts_with("/api/v3/repos/"))
    );
}

#[test]
fn the_fake_github_detects_a_leaked_token() {
    let mut github = github(Visibility::Public);
    github.put_release(REPO, "arc-v1", false, &[("a.zip", b"x")]);
    let url = format!("{}/{REPO}/releases/download/arc-v1/a.zip", github.web_url());
    let site = url.parse().unwrap();
    let credential =
        larder_remote::http::Credential::bearer(&larder_remote::http::Secret::new(WRITE), [site]);
    let client = larder_remote::http::Client::new(
        crate::github::settings(),
        larder_core::cancel::Cancel::new(),
    );
    let _ = client.get(
        larder_remote::http::Request::get(&url)
            .unwrap()
            .credential(&credential),
    );
    assert_eq!(github.take_leaks().len(), 1);
}
