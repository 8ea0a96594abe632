//! `collect`: the layout, the contents of manifests and report, and which requests a second run
//! makes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::env::TestEnv;
use crate::servers::files::{Fault, FileServer};

const PLATFORMS: [&str; 3] = ["linux-arm64", "darwin-arm64", "windows-amd64"];

/// A machine whose publisher offers two subsystems in these versions for three platforms.
fn published(versions: &[&str]) -> (TestEnv, FileServer) {
    let env = TestEnv::new();
    for version in versions {
        for platform in PLATFORMS {
            let exe = if platform.starts_with("windows") {
                ".exe"
            } else {
                ""
            };
            env.sh(&format!(
                "d=$PWD/../files/{version}; mkdir -p $d; t=$(mktemp -d); cd $t; for n in one two; do \
                 printf '#!/bin/sh\\necho %s {version} {platform}\\n' $n > $n{exe}; done; echo free > LICENSE; chmod +x one{exe} two{exe}; \
                 tar czf $d/one-{platform}.tar.gz one{exe} LICENSE; tar czf $d/two-{platform}.tar.gz two{exe}"
            ));
        }
    }
    let server = FileServer::start(&env.base().join("files"));
    let platforms = PLATFORMS.join(", ");
    env.versions(
        &[("one", versions[0]), ("two", versions[0])],
        &format!("platforms: [{platforms}]\n"),
    );
    for (name, more) in [("one", "package: {include: [LICENSE]}\n"), ("two", "")] {
        let url = format!(
            "{}/{{{{ version }}}}/{name}-{{{{ platform }}}}.tar.gz",
            server.url()
        );
        env.recipe(
            name,
            &format!("binaries: [{name}]\nupstream: {{url: \"{url}\"}}\n{more}"),
        );
    }
    (env, server)
}

fn json_of(env: &TestEnv, path: &str) -> Value {
    serde_json::from_str(&env.read(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn sha256(env: &TestEnv, path: &str) -> String {
    env.sh(&format!("sha256sum {path}"))
        .split(' ')
        .next()
        .expect("a digest")
        .to_owned()
}

const REPORT: &str = ".collection/metadata/collection-report.json";

#[test]
fn manifests_and_report_list_what_was_collected() {
    let (env, server) = published(&["v1.0.0"]);
    let out = env.larder_json(["collect", "all"]).success();
    assert_eq!(out.finished("collect").len(), 6, "{}", out.stdout);
    assert_eq!(server.take().len(), 6, "one request each");
    let item = |path: &str| json!({"size": std::fs::metadata(env.path(path)).expect("file").len(), "sha256": sha256(&env, path)});
    let with = |mut item: Value, more: Value| {
        item.as_object_mut()
            .expect("object")
            .extend(more.as_object().expect("object").clone());
        item
    };
    let base = ".collection/binaries/one/v1.0.0";
    for manifest in [
        ".collection/binaries/one/manifest.json",
        &format!("{base}/manifest.json"),
    ] {
        let manifest = json_of(&env, manifest);
        let keys: Vec<&String> = manifest.as_object().expect("object").keys().collect();
        assert_eq!(
            keys,
            [
                "binary",
                "version",
                "collection_date",
                "source",
                "platforms",
                "managed_release"
            ]
        );
        assert_eq!(
            (&manifest["binary"], &manifest["version"]),
            (&json!("one"), &json!("v1.0.0"))
        );
        assert!(
            manifest["collection_date"]
                .as_str()
                .expect("a date")
                .ends_with('Z')
        );
        let url = format!("{}/v1.0.0/one-linux-arm64.tar.gz", server.url());
        assert_eq!(
            manifest["source"],
            json!({"repo": null, "release_url": url})
        );
        assert_eq!(
            manifest["managed_release"],
            json!({"repo": null, "tag": "one-v1.0.0", "published": false, "url": null})
        );
        assert_eq!(manifest["platforms"].as_object().expect("object").len(), 3);
        for platform in PLATFORMS {
            let name = if platform.starts_with("windows") {
                "one.exe"
            } else {
                "one"
            };
            let (program, license) = (
                item(&format!("{base}/{platform}/{name}")),
                item(&format!("{base}/{platform}/LICENSE")),
            );
            let files = json!([
                with(program.clone(), json!({"filename": name})),
                with(license, json!({"filename": "LICENSE"}))
            ]);
            let wanted = with(
                program,
                json!({"filename": name, "executable": true, "files": files}),
            );
            assert_eq!(manifest["platforms"][platform], wanted);
        }
    }
    // A single file needs no list of files.
    let two = json_of(&env, ".collection/binaries/two/manifest.json");
    assert!(
        two["platforms"]["linux-arm64"].get("files").is_none(),
        "{two}"
    );
    let report = json_of(&env, REPORT);
    assert_eq!(
        (
            &report["collected"],
            &report["up_to_date"],
            &report["failed"]
        ),
        (&json!(6), &json!(0), &json!(0))
    );
    let laid: u64 = env
        .sh("find .collection/binaries -type f ! -name manifest.json -printf '%s\\n'")
        .lines()
        .map(|n| n.parse::<u64>().expect("n"))
        .sum();
    assert_eq!(report["bytes"], laid);
    let row = item(".collection/binaries/two/v1.0.0/darwin-arm64/two");
    assert_eq!(
        report["binaries"]["two"]["darwin-arm64"],
        with(row, json!({"version": "v1.0.0", "outcome": "collected"}))
    );
    // Without new files the manifests stay the same, byte for byte.
    let before = env.read(".collection/binaries/one/manifest.json");
    env.larder(["collect", "all"]).success();
    assert_eq!(
        (
            env.read(".collection/binaries/one/manifest.json"),
            server.take()
        ),
        (before, Vec::new())
    );
    let report = json_of(&env, REPORT);
    assert_eq!(
        (&report["collected"], &report["up_to_date"]),
        (&json!(0), &json!(6))
    );
}

#[test]
fn missing_only_requests_only_what_is_missing() {
    let (env, server) = published(&["v1.0.0"]);
    env.larder(["collect", "all"]).success();
    env.drop_cache();
    server.take();
    env.larder(["collect", "all", "--missing-only"]).success();
    assert_eq!(server.take(), Vec::<String>::new(), "all is there");
    let place = ".collection/binaries/one/v1.0.0";
    let whole = sha256(&env, &format!("{place}/darwin-arm64/one"));
    env.remove(&format!("{place}/linux-arm64"));
    env.remove(&format!("{place}/windows-amd64/LICENSE"));
    env.flip_bit(&format!("{place}/darwin-arm64/one"));
    let out = env
        .larder_json(["collect", "all", "--missing-only"])
        .success();
    let asked: BTreeSet<String> = server.take().into_iter().collect();
    assert_eq!(
        asked,
        PLATFORMS
            .map(|platform| format!("GET /v1.0.0/one-{platform}.tar.gz"))
            .into()
    );
    let outcomes = |subsystem: &str| {
        let lines = out.finished("collect");
        let of = lines.iter().filter(|line| line["subsystem"] == subsystem);
        of.map(|line| line["outcome"].as_str().expect("an outcome").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (outcomes("one"), outcomes("two")),
        (
            vec!["collected".to_owned(); 3],
            vec!["up-to-date".to_owned(); 3]
        )
    );
    assert_eq!(sha256(&env, &format!("{place}/darwin-arm64/one")), whole);
    assert_eq!(json_of(&env, REPORT)["up_to_date"], 3);
}

#[test]
fn a_failure_is_reported_and_does_not_affect_the_other_platforms() {
    let (env, server) = published(&["v1.0.0"]);
    server.fault(
        "/v1.0.0/two-linux-arm64.tar.gz",
        Fault::Status(404, String::new()),
    );
    let out = env.larder(["collect", "all"]).exits(1);
    assert!(
        out.stderr.contains("two-linux-arm64.tar.gz does not exist"),
        "{}",
        out.stderr
    );
    let report = json_of(&env, REPORT);
    assert_eq!(
        (&report["collected"], &report["failed"]),
        (&json!(5), &json!(1))
    );
    let row = &report["binaries"]["two"]["linux-arm64"];
    assert_eq!(row["outcome"], "failed");
    assert!(
        row["error"]
            .as_str()
            .expect("why")
            .contains("does not exist")
            && row.get("sha256").is_none(),
        "{row}"
    );
    let manifest = json_of(&env, ".collection/binaries/two/manifest.json");
    assert_eq!(
        manifest["platforms"]
            .as_object()
            .expect("object")
            .keys()
            .collect::<Vec<_>>(),
        ["darwin-arm64", "windows-amd64"]
    );
    assert!(!env.exists(".collection/binaries/two/v1.0.0/linux-arm64"));
    server.heal();
    server.take();
    env.larder(["collect", "all", "--missing-only"]).success();
    assert_eq!(server.take(), ["GET /v1.0.0/two-linux-arm64.tar.gz"]);
    assert_eq!(
        json_of(&env, ".collection/binaries/two/manifest.json")["platforms"]
            .as_object()
            .expect("object")
            .len(),
        3
    );
}

#[test]
fn an_older_version_is_collected_beside_the_newest() {
    let (env, _server) = published(&["v1.10.0", "v1.9.0"]);
    env.larder(["collect", "one"]).success();
    env.larder(["collect", "one", "v1.9.0"]).success();
    for version in ["v1.9.0", "v1.10.0"] {
        assert_eq!(
            json_of(
                &env,
                &format!(".collection/binaries/one/{version}/manifest.json")
            )["version"],
            version
        );
    }
    assert_eq!(
        json_of(&env, ".collection/binaries/one/manifest.json")["version"],
        "v1.10.0",
        "the newest"
    );
}
