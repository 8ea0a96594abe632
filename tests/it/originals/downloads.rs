//! Direct downloads and checksums files against a scripted server, and no requests when offline.

use larder_core::Kind;
use larder_core::cancel::Cancel;
use larder_core::model::{Digest, Platform};
use larder_core::project::{Checksum, Coordinate};
use larder_remote::http::{Client, Settings};

use crate::originals::{ask, client, fetch, original};
use crate::servers::scripted::{Reply, Script};

#[test]
fn the_checksums_file_is_read_first_and_enforced() {
    let right = Digest::of(b"tool bytes");
    let wrong = Digest::of(b"others");
    let server = Script::start(move |request, _| match request.path.as_str() {
        "/v1/tool.tar.gz" => Reply::ok("tool bytes"),
        "/v1/SHA256SUMS" => Reply::ok(format!("{wrong}  other.tar.gz\n{right}  tool.tar.gz\n")),
        "/v1/wrong" => Reply::ok(format!("{wrong}  tool.tar.gz\n")),
        "/v1/other" => Reply::ok(format!("{wrong}  other.tar.gz\n")),
        "/v1/page" => Reply::ok("<html>").header("content-type", "text/html"),
        "/v1/down" => Reply::status(503),
        _ => Reply::status(404),
    });
    let url = |path: &str| Coordinate::Url(server.at(path));
    let sums = |name: &str| Some(Checksum::Url(server.at(&format!("/v1/{name}"))));
    let tool = || url("/v1/tool.tar.gz");
    let (bytes, name, stated) = fetch(&original(tool(), sums("SHA256SUMS")), "linux-amd64")
        .unwrap()
        .unwrap();
    assert_eq!(
        (bytes.as_slice(), name.as_str(), stated),
        (&b"tool bytes"[..], "tool.tar.gz", 1)
    );
    assert_eq!(server.count(), 2);

    let error = fetch(&original(tool(), sums("wrong")), "linux-amd64").unwrap_err();
    assert_eq!(error.kind(), Kind::Integrity);
    let text = error.to_string();
    assert!(
        text.contains(&right.to_string())
            && text.contains(&wrong.to_string())
            && text.contains("/v1/wrong"),
        "{text}"
    );

    let error = fetch(&original(tool(), sums("other")), "linux-amd64").unwrap_err();
    assert!(
        error.to_string().contains("does not mention tool.tar.gz"),
        "{error}"
    );
    assert_eq!(error.kind(), Kind::Failed);
    let error = fetch(&original(tool(), sums("missing")), "linux-amd64").unwrap_err();
    assert!(error.to_string().contains("its checksums file"), "{error}");
    for silent in ["page", "down"] {
        let error = fetch(&original(tool(), sums(silent)), "linux-amd64").unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    }
    // The version does not exist: the answer is absent, whatever else is missing.
    assert!(
        fetch(
            &original(url("/v2/tool.tar.gz"), sums("missing")),
            "linux-amd64"
        )
        .unwrap()
        .is_none()
    );
    assert!(
        fetch(&original(url("/v2/tool.tar.gz"), None), "linux-amd64")
            .unwrap()
            .is_none()
    );
    // First use: no digest is stated.
    assert_eq!(
        fetch(&original(tool(), None), "linux-amd64")
            .unwrap()
            .unwrap()
            .2,
        0
    );
    // If the caller provides a digest no other one is requested.
    let before = server.count();
    let pinned = ask(
        &client(),
        &original(tool(), sums("down")),
        Platform::host(),
        false,
    );
    assert!(pinned.unwrap().unwrap().stated.is_empty());
    assert_eq!(server.count(), before + 1);
}

#[test]
fn the_folders_of_the_url_decide_and_other_lines_are_shown() {
    let (linux, windows) = (Digest::of(b"linux"), Digest::of(b"windows"));
    let server = Script::start(move |request, _| match request.path.as_str() {
        "/v1/linux%2Damd64/tool.gz" => Reply::ok("linux"),
        "/v1/win/tool.gz" => Reply::ok("windows"),
        "/v1/SHASUMS" => Reply::ok(format!(
            "{windows}  win/tool.gz\n{linux}  linux-amd64/tool.gz\n{linux}  mac/tool.gz\n"
        )),
        "/v1/elsewhere" => Reply::ok(format!("{windows}  a/tool.gz\n{linux}  b/tool.gz\n")),
        "/v1/tool.sha256" => Reply::ok(format!("{linux}  tool\n")),
        "/v1/tool.gz.sha256" => Reply::ok(format!("{windows}  tool\n")),
        _ => Reply::status(404),
    });
    let from = |asset: &str, sums: &str| {
        let url = Coordinate::Url(server.at(&format!("/v1/{asset}/tool.gz")));
        let sums = Checksum::Url(server.at(&format!("/v1/{sums}")));
        fetch(&original(url, Some(sums)), "linux-amd64")
    };
    for (asset, sums) in [
        ("linux%2Damd64", "SHASUMS"),
        ("win", "SHASUMS"),
        ("win", "tool.gz.sha256"),
    ] {
        assert_eq!(from(asset, sums).unwrap().unwrap().2, 1, "{asset} {sums}");
    }
    for (sums, kind, says) in [
        (
            "elsewhere",
            Kind::Failed,
            "it lists `a/tool.gz`, `b/tool.gz`",
        ),
        (
            "tool.sha256",
            Kind::Failed,
            "it lists only `tool`, which is perhaps a file in the archive",
        ),
        (
            "tool.gz.sha256",
            Kind::Integrity,
            "about `tool` and so perhaps about a file in the archive",
        ),
    ] {
        let error = from("linux%2Damd64", sums).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn offline_contacts_no_registry() {
    let client = Client::new(
        Settings {
            offline: true,
            ..Settings::default()
        },
        Cancel::new(),
    );
    for coordinate in [
        Coordinate::Npm {
            package: "is-odd".into(),
            version: "3.0.1".into(),
        },
        Coordinate::Pypi {
            package: "iniconfig".into(),
            version: "2.0.0".into(),
        },
        Coordinate::Url("https://example.invalid/x".into()),
    ] {
        let error = ask(&client, &original(coordinate, None), Platform::host(), true)
            .err()
            .unwrap();
        assert_eq!(error.kind(), Kind::Unavailable);
        assert!(error.to_string().contains("--offline"), "{error}");
    }
}
