//! Tests of the client against a store in memory: what its answers mean, credentials, and uploads in
//! parts that were interrupted.

mod credentials;
pub(crate) mod fake;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use camino::Utf8PathBuf;

use self::fake::{Fake, failure};
use super::{Bucket, Content, Created, Place, S3Config};
use crate::http::{Client, Settings};
use larder_core::Kind;
use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_core::fs;
use larder_core::model::Digest;

/// A client that does not wait long.
pub(crate) fn client() -> Client {
    let settings = Settings {
        backoff: Duration::from_millis(1),
        retries: 2,
        ..Settings::default()
    };
    Client::new(settings, Cancel::new())
}

pub(crate) fn config(environment: &Environment) -> S3Config {
    S3Config::new(environment, None).settling(Duration::from_millis(80))
}

pub(super) fn place() -> Place {
    Place {
        bucket: "acme-tools".to_owned(),
        ..Place::default()
    }
}

fn bucket(fake: &Fake) -> Bucket {
    Bucket::new(place(), &config(&fake.environment()), &client())
}

/// A bucket that a project names with its endpoint: nothing is signed.
fn anonymous(fake: &Fake) -> Bucket {
    let place = Place {
        endpoint: Some(fake.url.clone()),
        ..place()
    };
    Bucket::new(place, &config(&fake.environment()), &client())
}

const LIMIT: u64 = 1000;

#[test]
fn an_object_is_created_once_and_read_back() {
    let fake = Fake::start();
    let bucket = bucket(&fake);
    assert_eq!(bucket.get("a/b", LIMIT).unwrap(), None);
    let create = |text: &str| bucket.create("a/b", Content::Bytes(text.as_bytes()), "text/plain");
    assert_eq!(create("one").unwrap(), Created::New);
    assert_eq!(create("two").unwrap(), Created::Exists);
    assert_eq!(bucket.get("a/b", LIMIT).unwrap().unwrap(), b"one");
    let head = bucket.head("a/b").unwrap().unwrap();
    assert_eq!((head.size, head.sha256), (3, Some(Digest::of(b"one"))));
    for name in ["1", "2", "3", "4"] {
        bucket
            .put(&format!("a/{name}"), Content::Bytes(b"x"), "text/plain")
            .unwrap();
    }
    let listed = bucket.list("a/").unwrap();
    let keys: Vec<&str> = listed.iter().map(|listed| listed.key.as_str()).collect();
    assert_eq!(keys, ["a/1", "a/2", "a/3", "a/4", "a/b"]);
    bucket.delete("a/b").unwrap();
    assert_eq!(bucket.head("a/b").unwrap(), None);
    for seen in fake.seen() {
        let signature = seen.headers.get("authorization").map_or("", String::as_str);
        assert!(
            signature.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"),
            "{seen:?}"
        );
    }
}

#[test]
fn requests_are_sent_again_as_the_answer_says() {
    let fake = Fake::start();
    let bucket = bucket(&fake);
    fake.put("k", b"v");
    let region = (
        301,
        vec![("x-amz-bucket-region", "eu-north-1".to_owned())],
        Vec::new(),
    );
    fake.state().script.push_back(region);
    assert_eq!(bucket.get("k", LIMIT).unwrap().unwrap(), b"v");
    let seen = fake.seen();
    assert!(seen[0].headers["authorization"].contains("/us-east-1/s3/"));
    assert!(seen[1].headers["authorization"].contains("/eu-north-1/s3/"));

    // The clock of the store is a day ahead.
    fake.state().ahead = 86_400;
    fake.state()
        .script
        .push_back(failure(403, "RequestTimeTooSkewed"));
    assert_eq!(bucket.get("k", LIMIT).unwrap().unwrap(), b"v");
    let dates: Vec<String> = fake
        .seen()
        .iter()
        .map(|seen| seen.headers["x-amz-date"].clone())
        .collect();
    assert_ne!(dates[0][..8], dates[1][..8], "{dates:?}");

    for busy in [
        failure(503, "SlowDown"),
        failure(409, "ConditionalRequestConflict"),
    ] {
        fake.state().script.extend([busy.clone(), busy]);
        let put = bucket.put("k", Content::Bytes(b"w"), "text/plain");
        put.unwrap();
        assert_eq!(fake.seen().len(), 3);
    }
    // A region that does not help is not asked for ever.
    let wrong = (
        400,
        Vec::new(),
        b"<Error><Code>AuthorizationHeaderMalformed</Code></Error>".to_vec(),
    );
    fake.state().script.push_back(wrong);
    assert_eq!(bucket.get("k", LIMIT).unwrap_err().kind(), Kind::Failed);
}

#[test]
fn a_forbidden_key_is_absent_only_if_a_list_says_so() {
    let fake = Fake::start();
    fake.switch(|switches| switches.hides = true);
    assert_eq!(bucket(&fake).get("k", LIMIT).unwrap(), None);
    assert_eq!(anonymous(&fake).get("k", LIMIT).unwrap(), None);

    fake.switch(|switches| switches.forbids_lists = true);
    let refused = bucket(&fake).get("k", LIMIT).unwrap_err();
    assert_eq!(refused.kind(), Kind::Refused);
    assert!(
        refused.hints().join("\n").contains("s3:ListBucket"),
        "{refused:?}"
    );
    assert_eq!(
        anonymous(&fake).get("k", LIMIT).unwrap_err().kind(),
        Kind::Unavailable
    );
    // Whether lists are forbidden is asked once.
    let bucket = bucket(&fake);
    fake.seen();
    for _ in 0..3 {
        bucket.get("k", LIMIT).unwrap_err();
    }
    assert_eq!(fake.seen().len(), 4);

    fake.switch(|switches| switches.hides = false);
    fake.state().script.push_back(failure(404, "NoSuchBucket"));
    let error = bucket.get("k", LIMIT).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().contains("acme-tools"), "{error}");
    for code in ["InvalidAccessKeyId", "SignatureDoesNotMatch"] {
        fake.state().script.push_back(failure(403, code));
        let error = bucket.get("k", LIMIT).unwrap_err();
        assert_eq!(error.kind(), Kind::Refused);
        assert!(error.causes().join("\n").contains(code), "{error:?}");
    }
}

#[test]
fn an_endpoint_of_a_project_gets_no_credential() {
    let fake = Fake::start();
    fake.put("k", b"v");
    let bucket = anonymous(&fake);
    assert_eq!(bucket.get("k", LIMIT).unwrap().unwrap(), b"v");
    let seen = fake.seen();
    assert!(
        seen.iter()
            .all(|seen| !seen.headers.contains_key("authorization"))
    );
    let error = bucket
        .put("k", Content::Bytes(b"w"), "text/plain")
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(fake.seen().is_empty());
}

/// A file with two whole parts and a short one.
fn large() -> (tempfile::TempDir, Utf8PathBuf, Vec<u8>) {
    let temp = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(temp.path().join("large")).unwrap();
    let mut bytes = vec![1; 16 << 20];
    bytes.extend(vec![2; 16 << 20]);
    bytes.extend(b"the rest");
    fs::write_atomic(&path, &bytes).unwrap();
    (temp, path, bytes)
}

#[test]
fn an_upload_in_parts_goes_on_where_it_was_interrupted() {
    let (_temp, path, bytes) = large();
    let (sha256, size) = (Digest::of(&bytes), bytes.len() as u64);
    for states_sha256 in [true, false] {
        let fake = Fake::start();
        fake.switch(|switches| switches.states_sha256 = states_sha256);
        let sent = AtomicU64::new(0);
        let count = |bytes| {
            sent.fetch_add(bytes, Ordering::Relaxed);
        };
        let upload = || {
            let bucket = bucket(&fake);
            let staged = bucket.stage("k", &path, &sha256, size, "text/plain", &count)?;
            bucket.commit(&staged, true)
        };
        // The list of uploads, the beginning, and one part; the answer to it is lost.
        fake.seen();
        fake.switch(|switches| switches.ends_at = Some((2, true)));
        assert_eq!(upload().unwrap_err().kind(), Kind::Unavailable);
        assert_eq!(fake.bytes("k"), None);
        fake.switch(|switches| switches.ends_at = None);
        fake.seen();
        sent.store(0, Ordering::Relaxed);
        assert_eq!(upload().unwrap(), Created::New);
        let parts = fake
            .seen()
            .iter()
            .filter(|seen| seen.line().contains("partNumber"))
            .count();
        assert_eq!(parts, 2, "one part was there");
        assert_eq!(sent.load(Ordering::Relaxed), size);
        assert!(fake.bytes("k").unwrap() == bytes);
        assert_eq!(upload().unwrap(), Created::Exists);
        assert_eq!(fake.uploads(), 0);
    }
}

#[test]
fn a_store_that_lists_no_uploads_gets_all_parts_again() {
    let (_temp, path, bytes) = large();
    let (sha256, size) = (Digest::of(&bytes), bytes.len() as u64);
    let fake = Fake::start();
    fake.switch(|switches| switches.lists_uploads = false);
    assert!(bucket(&fake).begun("").unwrap().is_empty());
    for expected in [Created::New, Created::Exists] {
        let bucket = bucket(&fake);
        let staged = bucket.stage("k", &path, &sha256, size, "text/plain", &|_| {});
        assert_eq!(bucket.commit(&staged.unwrap(), true).unwrap(), expected);
    }
    assert!(fake.bytes("k").unwrap() == bytes);
}

#[test]
fn an_upload_of_another_file_is_left_alone() {
    let (_temp, path, mut bytes) = large();
    let fake = Fake::start();
    let upload = |bytes: &[u8]| {
        let (sha256, size) = (Digest::of(bytes), bytes.len() as u64);
        let bucket = bucket(&fake);
        let staged = bucket.stage("k", &path, &sha256, size, "text/plain", &|_| {})?;
        bucket.commit(&staged, true)
    };
    fake.switch(|switches| switches.ends_at = Some((4, true)));
    upload(&bytes).unwrap_err();
    fake.switch(|switches| switches.ends_at = None);
    for part in bytes.chunks_mut(16 << 20) {
        part[0] = 7;
    }
    fs::write_atomic(&path, &bytes).unwrap();
    assert_eq!(upload(&bytes).unwrap(), Created::New);
    assert!(fake.bytes("k").unwrap() == bytes);
    assert_eq!(fake.uploads(), 1);
}

#[test]
fn a_lost_answer_to_the_last_request_is_looked_up() {
    let (_temp, path, bytes) = large();
    let fake = Fake::start();
    let bucket = bucket(&fake);
    let (sha256, size) = (Digest::of(&bytes), bytes.len() as u64);
    let staged = bucket
        .stage("k", &path, &sha256, size, "text/plain", &|_| {})
        .unwrap();
    // Another writer of the same bytes completes the shared upload.
    let again = bucket
        .stage("k", &path, &sha256, size, "text/plain", &|_| {})
        .unwrap();
    assert_eq!(bucket.commit(&again, true).unwrap(), Created::New);
    assert_eq!(bucket.commit(&staged, true).unwrap(), Created::Exists);
    // Other bytes than the digest says are not sent.
    let error = bucket
        .stage("k", &path, &Digest::of(b""), size, "text/plain", &|_| {})
        .err();
    assert_eq!(error.unwrap().kind(), Kind::Integrity);
}
