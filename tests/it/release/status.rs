//! `release status`.

use serde_json::{Value, json};

use super::{project, states};
use crate::servers::files::FileServer;

#[test]
fn release_status_distinguishes_released_missing_and_other_inputs() {
    let env = project("");
    env.larder(["ensure", "one", "--platform", "all"]).success();
    env.larder(["release", "one", "--platform", "linux-arm64"])
        .success();
    let wanted = [
        "one linux-amd64 missing",
        "one linux-arm64 released",
        "two linux-amd64 missing",
        "two linux-arm64 missing",
    ];
    assert_eq!(states(&env), wanted);
    let file: Value =
        serde_json::from_str(&env.read(".collection/metadata/release-status.json")).expect("JSON");
    assert_eq!(
        (&file["complete"], &file["subsystems"][1]["asset"]),
        (&json!(false), &json!("one-linux-arm64.tar.gz"))
    );
    // Without a lock the sidecar is read.
    env.remove("versions.lock");
    assert_eq!(states(&env), wanted);
    // The recipe changes, the version does not.
    env.edit("subsystems/one/src/one.sh", "echo", "echo again");
    assert_eq!(states(&env)[1], "one linux-arm64 other-inputs");
    env.larder(["ensure", "one", "--platform", "linux-arm64"])
        .success();
    env.larder(["release", "one", "--platform", "linux-arm64"])
        .success();
    assert_eq!(
        states(&env)[1],
        "one linux-arm64 released",
        "under its suffixed name"
    );
}

/// A static server has no listing: each asset is requested.
#[test]
fn release_status_works_on_a_static_server() {
    let env = project("");
    env.larder(["ensure", "one", "--platform", "all"]).success();
    env.larder(["release", "one", "--platform", "all"])
        .success();
    let server = FileServer::start(&env.path(".larder-hub"));
    let reader = env.another("reader");
    crate::env::copy_tree(&env.path("subsystems"), &reader.path("subsystems"));
    reader.write(
        "versions.yml",
        format!(
            "{}hub: {{http: {:?}}}\n",
            env.read("versions.yml"),
            server.url()
        ),
    );
    let wanted = [
        "one linux-amd64 released",
        "one linux-arm64 released",
        "two linux-amd64 missing",
        "two linux-arm64 missing",
    ];
    assert_eq!(states(&reader), wanted);
    let matrix = reader.larder(["plan", "--matrix"]).success().document();
    assert_eq!(matrix["include"].as_array().map(Vec::len), Some(2));
    reader.edit("subsystems/one/src/one.sh", "echo", "echo again");
    assert_eq!(states(&reader)[0], "one linux-amd64 other-inputs");
    // Publishing there is impossible, and the error says so.
    for words in [
        ["release", "one"],
        ["release", "project"],
        ["release", "finalize"],
        ["release", "abort"],
    ] {
        let argument = if words[1] == "project" {
            "v1.0.0"
        } else {
            "one"
        };
        let args: Vec<&str> = if words[1] == "one" {
            words.to_vec()
        } else {
            [&words[..], &[argument]].concat()
        };
        reader.larder(["ensure", "one"]).success();
        let out = reader.larder(&args);
        assert!(
            out.code != Some(0) && out.stderr.contains("read-only"),
            "{args:?}: {}",
            out.stderr
        );
    }
}
