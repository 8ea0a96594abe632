//! `larder hub presign`, against a store that only lists. Publishing to stores is tested in
//! `larder-remote` and with real ones.

use serde_json::Value;

use crate::env::{TestEnv, host};
use crate::servers::scripted::{Reply, Script};

/// A project with a hub in a bucket that has one release.
fn project() -> (TestEnv, Script) {
    let list = |names: &[String]| {
        let key = |name: &String| {
            format!("<Contents><Key>tools/arc-v1.0.0/{name}</Key><Size>1</Size></Contents>")
        };
        let keys: String = names.iter().map(key).collect();
        format!("<ListBucketResult>{keys}</ListBucketResult>")
    };
    let package = format!("arc-{}.tar.gz", host());
    let other = "arc-plan9-amd64.tar.gz".to_owned();
    let names = [
        package.clone(),
        format!("{package}.json"),
        other,
        "manifest.json".to_owned(),
    ];
    let server = Script::start(move |_, _| Reply::ok(list(&names)));
    let mut env = TestEnv::new();
    env.versions(&[], "");
    env.script_subsystem("arc", "v1.0.0");
    env.write(
        "versions.yml",
        "versions: {arc: v1.0.0}\nhub: {s3: \"s3://acme-tools/tools\", region: eu-central-1}\n",
    );
    env.set("AWS_ENDPOINT_URL_S3", &server.url)
        .set("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .set("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI");
    (env, server)
}

/// What `hub presign` prints.
pub fn presigned() -> Value {
    let (env, _server) = project();
    env.larder_json(["hub", "presign", "all", "--platform", &host()])
        .success()
        .document()
}

#[test]
fn presigned_urls_read_the_files_of_a_platform() {
    let document = presigned();
    let files = document["files"].as_array().unwrap();
    assert_eq!(files.len(), 2, "{document:#}");
    for file in files {
        let (url, name) = (
            file["url"].as_str().unwrap(),
            file["name"].as_str().unwrap(),
        );
        let path = format!("/acme-tools/tools/arc-v1.0.0/{name}?X-Amz-Algorithm=");
        assert!(url.contains(&path), "{url}");
        assert!(url.contains("X-Amz-Credential=AKIDEXAMPLE%2F"), "{url}");
        assert!(!url.contains("***") && !url.contains("wJalr"), "{url}");
    }
}

#[test]
fn presigning_needs_a_bucket_credentials_and_a_time() {
    let (mut env, _server) = project();
    let presign =
        |env: &TestEnv, expires: &str| env.larder(["hub", "presign", "arc", "--expires", expires]);
    presign(&env, "8h").success();
    presign(&env, "8 days").exits(2);
    presign(&env, "200h").exits(2);
    env.set("LARDER_HUB", "somewhere");
    presign(&env, "8h").exits(2);
    env.unset("LARDER_HUB");
    env.unset("AWS_ACCESS_KEY_ID")
        .set("AWS_EC2_METADATA_DISABLED", "true");
    let output = presign(&env, "8h").exits(1);
    assert!(
        output.stderr.contains("there are no credentials"),
        "{}",
        output.stderr
    );
}
