//! The release of the project itself.

use larder_core::Kind;
use larder_core::model::{AssetName, Tag};
use larder_remote::hub::{HubPublisher, PlainFile, PublishOptions, Published};

use crate::fake_github::Visibility;
use crate::github::{Dist, Package, REPLACE, REPO, assets, github, only_release, writer};

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
    let release = only_release(&github);
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
    assert_eq!(
        assets(&only_release(&github))[other.name.as_str()],
        b"other"
    );
}
