//! Removing assets from published releases, and what killed publishers left.

use larder_core::Kind;
use larder_core::model::AssetName;
use larder_remote::hub::{HubPublisher as _, HubReader as _};

use crate::fake_github::Visibility;
use crate::github::{
    Dist, REPO, STAGE, assets, github, only_release, publish, publish_with, tag, writer,
};

#[test]
fn assets_are_removed_sidecar_first_and_the_last_one_with_its_release() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    let packages = ["linux-amd64", "darwin-arm64"].map(|p| dist.package(p, p, "inputs"));
    for package in &packages {
        publish(&writer(&github), package).unwrap();
    }
    let hub = writer(&github);
    github.clear_log();
    assert!(hub.remove(&tag(), &packages[0].name).unwrap());
    let deleted: Vec<_> = github.writes();
    assert!(!deleted.is_empty());
    let left = assets(&only_release(&github));
    assert!(left.keys().all(|name| !name.contains("linux")));
    let sums = String::from_utf8_lossy(&left["checksums.txt"]).into_owned();
    assert!(sums.contains("darwin") && !sums.contains("linux"), "{sums}");
    github.clear_log();
    assert!(!hub.remove(&tag(), &packages[0].name).unwrap());
    assert!(github.writes().is_empty());
    assert!(hub.remove(&tag(), &packages[1].name).unwrap());
    assert!(hub.releases().unwrap().is_empty());
}

#[test]
fn a_draft_with_assets_is_listed_and_stays() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    let package = dist.package("linux-amd64", "x", "inputs");
    publish_with(&writer(&github), &package, STAGE).unwrap();
    let hub = writer(&github);
    let left = hub.leftovers().unwrap();
    assert_eq!(left.len(), 1);
    assert!(left[0].stays.as_deref().unwrap().contains("release abort"));
    assert!(left[0].since.is_some());
    let error = hub.remove_leftover(&left[0]).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(!assets(&only_release(&github)).is_empty());
    // A draft is no published release, from which assets are removed.
    assert!(!hub.remove(&tag(), &package.name).unwrap());

    hub.finalize(&tag()).unwrap();
    assert_eq!(hub.leftovers().unwrap(), []);
    let sidecar: AssetName = package.name.sidecar();
    github.with_repo(REPO, |repo| {
        for release in &mut repo.releases {
            release.assets.retain(|asset| {
                ![sidecar.as_str(), "checksums.txt"].contains(&asset.name.as_str())
            });
        }
    });
    let left = hub.leftovers().unwrap();
    assert_eq!(left.len(), 1, "{left:?}");
    hub.remove_leftover(&left[0]).unwrap();
    assert!(!assets(&only_release(&github)).contains_key(package.name.as_str()));
}
