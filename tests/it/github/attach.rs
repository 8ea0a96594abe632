//! Files that join a release: packages of other package managers, and installers.

use std::io::Write as _;

use larder_core::Kind;
use larder_core::model::{AssetName, Digest};
use larder_remote::hub::{Attachment, GitHubHub, HubFile, HubPublisher, HubReader, PlainFile};

use crate::fake_github::{Act, FakeGitHub, Fault, Visibility, WRITE};
use crate::github::{
    Dist, REPLACE, REPO, STAGE, assets, github, hub, hub_with, only_release, publish, publish_with,
    settings, tag, writer,
};

const DEB: &str = "arc_1.0_amd64.deb";
const SCRIPT: &str = "install.sh";

/// A file of this content, which joins the release.
fn attach(hub: &GitHubHub, files: &[(&str, &str)]) -> larder_core::error::Result<Vec<Attachment>> {
    let written = files.iter().map(|(_, text)| {
        let mut file = tempfile::NamedTempFile::new().expect("file");
        file.write_all(text.as_bytes()).expect("written");
        file
    });
    let written: Vec<_> = written.collect();
    let plain = files
        .iter()
        .zip(&written)
        .map(|((name, text), file)| PlainFile {
            name: name.parse().expect("name"),
            file: camino::Utf8Path::from_path(file.path()).expect("UTF-8"),
            sha256: Digest::of(text.as_bytes()),
            size: text.len() as u64,
        });
    hub.attach(&tag(), &plain.collect::<Vec<_>>(), &|_| {})
}

fn names() -> [AssetName; 2] {
    [DEB, SCRIPT].map(|name| name.parse().expect("name"))
}

/// A published release with one package.
fn published() -> (FakeGitHub, Dist) {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    publish(
        &writer(&github),
        &dist.package("linux-amd64", "x", "inputs"),
    )
    .unwrap();
    github.clear_log();
    (github, dist)
}

#[test]
fn files_join_a_published_release_once() {
    let (github, _dist) = published();
    let before = assets(&only_release(&github));
    let files = [(DEB, "package"), (SCRIPT, "script")];
    let outcomes = attach(&writer(&github), &files).unwrap();
    assert_eq!(outcomes, [Attachment::Added; 2]);
    assert_eq!(github.writes().len(), 2);
    let mut expected = before.clone();
    expected.insert(DEB.into(), b"package".to_vec());
    expected.insert(SCRIPT.into(), b"script".to_vec());
    assert_eq!(assets(&only_release(&github)), expected);

    github.clear_log();
    let outcomes = attach(&writer(&github), &files).unwrap();
    assert_eq!(outcomes, [Attachment::Present; 2]);
    assert!(github.writes().is_empty());

    github.clear_log();
    let found = hub(&github, None).files(&tag(), &names()).unwrap();
    let file = |text: &str| HubFile {
        size: text.len() as u64,
        sha256: Some(Digest::of(text.as_bytes())),
    };
    let found = found.unwrap();
    assert!(!found.draft && !found.immutable);
    assert_eq!(found.files, [Some(file("package")), Some(file("script"))]);
    assert_eq!(github.log().len(), 1, "one listing has all");
}

/// What joined stays when the release gets another platform, when an asset is replaced, and when a
/// draft of the tag is cleaned up.
#[test]
fn later_writers_leave_what_joined() {
    let (github, dist) = published();
    attach(&writer(&github), &[(DEB, "package")]).unwrap();
    publish(
        &writer(&github),
        &dist.package("darwin-arm64", "y", "inputs"),
    )
    .unwrap();
    let other = dist.package("linux-amd64", "z", "other inputs");
    publish_with(&writer(&github), &other, REPLACE).unwrap();
    let found = assets(&only_release(&github));
    assert_eq!(found[DEB], b"package");
    let checksums = String::from_utf8(found["checksums.txt"].clone()).unwrap();
    assert!(!checksums.contains(DEB), "{checksums}");
    let extra = github.put_release(REPO, "arc-v1", true, &[(SCRIPT, b"only here")]);
    publish(
        &writer(&github),
        &dist.package("windows-arm64", "w", "inputs"),
    )
    .unwrap();
    let left = github.releases(REPO).into_iter().any(|r| r.id == extra);
    assert!(left, "a draft with a file that is nowhere else was deleted");
}

#[test]
fn files_join_a_draft_which_stays_one() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    github.immutable(REPO);
    let package = dist.package("linux-amd64", "x", "inputs");
    publish_with(&writer(&github), &package, STAGE).unwrap();
    let outcomes = attach(&writer(&github), &[(DEB, "package")]).unwrap();
    assert_eq!(outcomes, [Attachment::Added]);
    assert!(only_release(&github).draft);
    let found = writer(&github).files(&tag(), &names()).unwrap().unwrap();
    assert!(found.draft && found.files[0].is_some() && found.files[1].is_none());
    assert_eq!(hub(&github, None).files(&tag(), &names()).unwrap(), None);
    writer(&github).finalize(&tag()).unwrap();

    // It is immutable now: what is there is there, and the rest is skipped.
    github.clear_log();
    let outcomes = attach(&writer(&github), &[(DEB, "package"), (SCRIPT, "script")]).unwrap();
    assert_eq!(outcomes, [Attachment::Present, Attachment::Immutable]);
    let found = hub(&github, None).files(&tag(), &names()).unwrap().unwrap();
    assert!(found.immutable && !found.draft);
    assert!(github.writes().is_empty());
}

/// No setting states that the release is immutable: the server's answer does.
#[test]
fn a_refused_upload_shows_that_the_release_is_immutable() {
    let (github, _dist) = published();
    let message = r#"{"message":"Cannot upload assets to an immutable release."}"#;
    let refused = Act::Answer(422, Vec::new(), message.into());
    github.fault(Fault::on("POST", "/assets", refused));
    let outcomes = attach(&writer(&github), &[(DEB, "package")]).unwrap();
    assert_eq!(outcomes, [Attachment::Immutable]);
    assert_eq!(github.writes().len(), 1);
}

#[test]
fn other_bytes_are_refused_before_anything_is_written() {
    let (github, _dist) = published();
    attach(&writer(&github), &[(SCRIPT, "one")]).unwrap();
    github.clear_log();
    let error = attach(&writer(&github), &[(DEB, "package"), (SCRIPT, "two")]).unwrap_err();
    assert_eq!(error.kind(), Kind::Integrity);
    let text = format!("{error} {:?}", error.causes());
    for digest in ["one", "two"].map(|text| Digest::of(text.as_bytes()).to_string()) {
        assert!(text.contains(&digest), "{text}");
    }
    assert!(github.writes().is_empty());
}

#[test]
fn without_a_release_there_is_nothing_to_join() {
    let github = github(Visibility::Public);
    let error = attach(&writer(&github), &[(DEB, "package")]).unwrap_err();
    assert_eq!(error.kind(), Kind::Failed);
    assert!(error.to_string().contains("arc-v1"), "{error}");
    let none = hub(&github, None).files(&tag(), &names()).unwrap();
    assert_eq!(none, None);
    assert!(github.writes().is_empty());
    let refused = attach(&hub(&github, None), &[(DEB, "package")]).unwrap_err();
    assert_eq!(refused.kind(), Kind::Refused);
}

/// Whatever an upload meets, the file is there once in the end.
#[test]
fn faults_of_uploads_converge() {
    let denied = r#"{"message":"Resource not accessible by integration"}"#;
    for (what, act, again) in [
        ("lost before", Act::KillBefore, false),
        ("lost after", Act::KillAfter, false),
        (
            "server error",
            Act::Answer(502, Vec::new(), "{}".into()),
            false,
        ),
        ("made, but 502", Act::FalseAnswer(502), false),
        ("starter", Act::Starter, false),
        ("refused", Act::Answer(403, Vec::new(), denied.into()), true),
    ] {
        let (github, _dist) = published();
        github.fault(Fault::on("POST", "/assets?name=arc_", act));
        let files = [(DEB, "package"), (SCRIPT, "script")];
        match attach(&writer(&github), &files) {
            Ok(_) => assert!(!again, "{what}"),
            Err(error) => {
                assert!(again && error.kind() == Kind::Refused, "{what}: {error}");
                attach(&writer(&github), &files).unwrap();
            }
        }
        let release = only_release(&github);
        let named = |name: &str| release.assets.iter().filter(|a| a.name == name).count();
        assert_eq!((named(DEB), named(SCRIPT)), (1, 1), "{what}");
        assert_eq!(assets(&release)[DEB], b"package", "{what}");
        github.clear_log();
        attach(&writer(&github), &files).unwrap();
        assert!(github.writes().is_empty(), "{what}");
    }
}

/// A run that is killed at any request leaves what the next one completes.
#[test]
fn a_run_that_is_killed_anywhere_is_completed() {
    let files = [(DEB, "package"), (SCRIPT, "script")];
    for after in [false, true] {
        for n in 0.. {
            let (github, _dist) = published();
            github.kill_at(n, after);
            let settings = larder_remote::http::Settings {
                retries: 0,
                ..settings()
            };
            let settle = std::time::Duration::from_millis(20);
            let _ = attach(&hub_with(&github, Some(WRITE), settings, settle), &files);
            if !github.struck() {
                assert!(n > 3, "{n}");
                break;
            }
            github.revive();
            let outcomes = attach(&writer(&github), &files).unwrap();
            assert!(!outcomes.contains(&Attachment::Immutable));
            let found = assets(&only_release(&github));
            assert_eq!(found[DEB], b"package");
            assert_eq!(found[SCRIPT], b"script");
            assert_eq!(found.len(), 6, "{:?}", found.keys());
        }
    }
}
