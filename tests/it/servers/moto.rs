//! S3 on moto: objects in memory, conditional writes answered with 412, no signature checked. The
//! test itself looks at objects and changes them behind larder's back.
//!
//! ```ignore
//! let moto = Moto::start();
//! moto.bucket("releases");
//! env.set("AWS_ENDPOINT_URL_S3", moto.url());
//! for (key, value) in KEYS { env.set(key, value); }
//! ```
#![allow(dead_code, reason = "a toolbox: not every test file needs every tool")]

use std::collections::BTreeMap;

use super::launched::Launched;

/// The variables of a client that may write.
pub const KEYS: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "key-of-the-tests"),
    ("AWS_SECRET_ACCESS_KEY", "secret-of-the-tests"),
    ("AWS_REGION", "us-east-1"),
];

/// A request without one is anonymous for moto, and anonymous requests see nothing.
const SIGNED: (&str, &str) = (
    "authorization",
    "AWS4-HMAC-SHA256 Credential=key-of-the-tests/20260101/us-east-1/s3/aws4_request, \
     SignedHeaders=host, Signature=0",
);

/// A running moto.
pub struct Moto {
    server: Launched,
}

impl Moto {
    /// Starts it.
    pub fn start() -> Self {
        let arguments =
            |_: &std::path::Path| ["-H", "127.0.0.1", "-p", "0"].map(str::to_owned).to_vec();
        let package = "the Python package moto[server]";
        let server = Launched::start("moto_server", arguments, "Running on http://", package);
        Self { server }
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Forgets everything.
    pub fn reset(&self) {
        let answer = self.server.ask("POST", "/moto-api/reset", &[], b"");
        assert_eq!(answer.0, 200, "{}", answer.1);
    }

    /// Makes a bucket.
    pub fn bucket(&self, name: &str) {
        let answer = self.server.ask("PUT", &format!("/{name}"), &[SIGNED], b"");
        assert_eq!(answer.0, 200, "{}", answer.1);
    }

    /// The keys of a bucket, with sizes.
    pub fn keys(&self, bucket: &str) -> BTreeMap<String, u64> {
        let path = format!("/{bucket}?list-type=2&max-keys=1000");
        let (status, head, body) = self.server.ask("GET", &path, &[SIGNED], b"");
        assert_eq!(status, 200, "{head}");
        let text = String::from_utf8_lossy(&body).into_owned();
        assert!(!text.contains("<IsTruncated>true"), "more keys than a page");
        let between = |text: &str, tag: &str| {
            let (_, rest) = text.split_once(&format!("<{tag}>"))?;
            Some(rest.split_once('<')?.0.to_owned())
        };
        text.split("<Contents>")
            .skip(1)
            .map(|object| {
                let size = between(object, "Size").and_then(|size| size.parse().ok());
                (
                    between(object, "Key").expect("a key"),
                    size.expect("a size"),
                )
            })
            .collect()
    }

    /// The uploads of several parts that were begun and neither completed nor aborted.
    pub fn open_uploads(&self, bucket: &str) -> usize {
        let path = format!("/{bucket}?uploads");
        let (status, head, body) = self.server.ask("GET", &path, &[SIGNED], b"");
        assert_eq!(status, 200, "{head}");
        String::from_utf8_lossy(&body).matches("<Upload>").count()
    }

    /// The bytes of an object.
    pub fn get(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        let (status, head, body) = self.server.ask("GET", &at(bucket, key), &[SIGNED], b"");
        assert!(matches!(status, 200 | 404), "{head}");
        (status == 200).then_some(body)
    }

    /// Writes an object.
    pub fn put(&self, bucket: &str, key: &str, bytes: &[u8]) {
        let answer = self.server.ask("PUT", &at(bucket, key), &[SIGNED], bytes);
        assert_eq!(answer.0, 200, "{}", answer.1);
    }

    /// Removes an object.
    pub fn delete(&self, bucket: &str, key: &str) {
        let answer = self.server.ask("DELETE", &at(bucket, key), &[SIGNED], b"");
        assert_eq!(answer.0, 204, "{}", answer.1);
    }
}

fn at(bucket: &str, key: &str) -> String {
    let key = percent_encoding::utf8_percent_encode(key, percent_encoding::NON_ALPHANUMERIC);
    format!("/{bucket}/{key}").replace("%2F", "/")
}

#[test]
fn it_keeps_objects_and_writes_conditionally() {
    let moto = Moto::start();
    moto.bucket("bucket");
    moto.put("bucket", "a/b+c.txt", b"text");
    assert_eq!(moto.get("bucket", "a/b+c.txt").unwrap(), b"text");
    assert_eq!(moto.keys("bucket"), [("a/b+c.txt".to_owned(), 4)].into());
    let only_new = [SIGNED, ("if-none-match", "*")];
    let again = moto
        .server
        .ask("PUT", "/bucket/a/b%2Bc.txt", &only_new, b"");
    assert_eq!(again.0, 412);
    moto.delete("bucket", "a/b+c.txt");
    assert!(moto.get("bucket", "a/b+c.txt").is_none() && moto.keys("bucket").is_empty());
    moto.reset();
}
