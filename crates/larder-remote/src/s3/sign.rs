//! Signatures of requests to Amazon's services and to stores that speak their protocol: version 4,
//! HMAC-SHA256. Pure functions of a request, a key and a time.
//!
//! A signature is sent in headers, so that no url is a secret. Only a url that is made to be given
//! away has it in its query.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html>

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac;

use crate::http::{HeaderMap, HeaderName, Method, Secret, Sign, Url};
use larder_core::model::Digest;

/// What is not percent-encoded in a query.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// What is not percent-encoded in a key.
const PATH: &AsciiSet = &QUERY.remove(b'/');
/// The header with the digest of the body.
pub(super) const CONTENT: &str = "x-amz-content-sha256";
/// The headers that are signed where a request has them, besides those that start with `x-amz-`.
const SIGNED: [&str; 2] = ["date", "range"];

/// A key for signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// The public part.
    pub id: String,
    /// The secret part.
    pub secret: Secret,
    /// What temporary keys need besides.
    pub token: Option<Secret>,
    /// When temporary keys end, in seconds since 1970.
    pub expires: Option<i64>,
}

/// What a signature is valid for.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) region: String,
    pub(super) service: &'static str,
}

/// Signs requests with one key. The time is that of this machine, corrected by what servers said.
#[derive(Clone, Debug)]
pub(super) struct Signer {
    pub(super) keys: Keys,
    pub(super) scope: Scope,
    pub(super) skew: Arc<AtomicI64>,
}

/// A text as queries have it.
pub(super) fn query_text(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string()
}

/// A key as paths have it.
pub(super) fn path_text(key: &str) -> String {
    utf8_percent_encode(key, PATH).to_string()
}

/// The time now in seconds since 1970, corrected by the difference to the clock of a server.
pub(super) fn now(skew: &AtomicI64) -> i64 {
    jiff::Timestamp::now().as_second() + skew.load(Ordering::Relaxed)
}

impl Sign for Signer {
    fn headers(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
    ) -> Vec<(HeaderName, Secret)> {
        let mut all = headers.clone();
        if let Some(token) = &self.keys.token
            && let Ok(value) = token.expose().parse()
        {
            all.insert("x-amz-security-token", value);
        }
        self.at(now(&self.skew), method, url, all)
    }
}

impl Signer {
    /// The headers of a signature that is made at this time, in seconds since 1970.
    fn at(
        &self,
        time: i64,
        method: &Method,
        url: &Url,
        mut headers: HeaderMap,
    ) -> Vec<(HeaderName, Secret)> {
        let stamp = stamp(time);
        if let Ok(value) = stamp.parse() {
            headers.insert("x-amz-date", value);
        }
        let signed = signed_headers(url, &headers);
        let names: Vec<&str> = signed.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let content = headers.get(CONTENT).and_then(|value| value.to_str().ok());
        let request = canonical(method, url, &signed, &names, content.unwrap_or_default());
        let signature = self.signature(&stamp, &request);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{},SignedHeaders={names},Signature={signature}",
            self.keys.id,
            self.credential(&stamp),
        );
        let mut proof = vec![
            (HeaderName::from_static("x-amz-date"), Secret::new(stamp)),
            (
                HeaderName::from_static("authorization"),
                Secret::new(authorization),
            ),
        ];
        if let Some(token) = &self.keys.token {
            proof.push((
                HeaderName::from_static("x-amz-security-token"),
                token.clone(),
            ));
        }
        proof
    }

    /// A url that is itself the right to send this request, for a while.
    pub(super) fn presign(&self, method: &Method, url: &Url, lasts: Duration) -> Url {
        self.presign_at(now(&self.skew), method, url, lasts)
    }

    fn presign_at(&self, time: i64, method: &Method, url: &Url, lasts: Duration) -> Url {
        let stamp = stamp(time);
        let mut query = url.query().map(str::to_owned).unwrap_or_default();
        let credential = format!("{}/{}", self.keys.id, self.credential(&stamp));
        let seconds = lasts.as_secs().to_string();
        let mut pairs = vec![
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", &credential),
            ("X-Amz-Date", &stamp),
            ("X-Amz-Expires", &seconds),
            ("X-Amz-SignedHeaders", "host"),
        ];
        if let Some(token) = &self.keys.token {
            pairs.push(("X-Amz-Security-Token", token.expose()));
        }
        for (name, value) in pairs {
            let start = if query.is_empty() { "" } else { "&" };
            let _ = write!(query, "{start}{name}={}", query_text(value));
        }
        let mut url = url.clone();
        url.set_query(Some(&query));
        let signed = signed_headers(&url, &HeaderMap::new());
        let request = canonical(method, &url, &signed, "host", "UNSIGNED-PAYLOAD");
        let signature = self.signature(&stamp, &request);
        url.set_query(Some(&format!("{query}&X-Amz-Signature={signature}")));
        url
    }

    /// The scope of a signature, as text.
    fn credential(&self, stamp: &str) -> String {
        let Scope { region, service } = &self.scope;
        format!("{}/{region}/{service}/aws4_request", &stamp[..8])
    }

    fn signature(&self, stamp: &str, request: &str) -> String {
        let Scope { region, service } = &self.scope;
        let scope = self.credential(stamp);
        let digest = Digest::of(request.as_bytes());
        let text = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}");
        let mut key = format!("AWS4{}", self.keys.secret.expose()).into_bytes();
        for part in [&stamp[..8], region.as_str(), service, "aws4_request", &text] {
            let by = hmac::Key::new(hmac::HMAC_SHA256, &key);
            key = hmac::sign(&by, part.as_bytes()).as_ref().to_vec();
        }
        hex(&key)
    }
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A time as signatures have it: `20130524T000000Z`.
fn stamp(time: i64) -> String {
    let time = jiff::Timestamp::from_second(time).unwrap_or_default();
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// The headers to sign, sorted by name.
fn signed_headers(url: &Url, headers: &HeaderMap) -> Vec<(String, String)> {
    let host = url.host_str().unwrap_or_default();
    let host = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let mut signed = vec![("host".to_owned(), host)];
    for (name, value) in headers {
        let name = name.as_str();
        if name.starts_with("x-amz-") || SIGNED.contains(&name) {
            let value = value.to_str().unwrap_or_default().trim();
            signed.push((name.to_owned(), value.to_owned()));
        }
    }
    signed.sort();
    signed
}

/// The one form of a request that both sides sign.
fn canonical(
    method: &Method,
    url: &Url,
    signed: &[(String, String)],
    names: &str,
    content: &str,
) -> String {
    let mut pairs: Vec<String> = url
        .query()
        .into_iter()
        .flat_map(|query| query.split('&'))
        .map(|pair| {
            if pair.contains('=') {
                pair.to_owned()
            } else {
                format!("{pair}=")
            }
        })
        .collect();
    pairs.sort();
    let mut text = format!("{method}\n{}\n{}\n", url.path(), pairs.join("&"));
    for (name, value) in signed {
        let _ = writeln!(text, "{name}:{value}");
    }
    let _ = write!(text, "\n{names}\n{content}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the documentation, which use this key at this time.
    fn signer() -> Signer {
        Signer {
            keys: Keys {
                id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
                secret: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
                token: None,
                expires: None,
            },
            scope: Scope {
                region: "us-east-1".to_owned(),
                service: "s3",
            },
            skew: Arc::default(),
        }
    }
    const TIME: i64 = 1_369_353_600;
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn signature(method: &Method, url: &str, headers: &[(&'static str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let proof = signer().at(TIME, method, &url.parse().unwrap(), map);
        let (_, authorization) = proof
            .iter()
            .find(|(name, _)| name == "authorization")
            .unwrap();
        authorization
            .expose()
            .rsplit('=')
            .next()
            .unwrap()
            .to_owned()
    }

    #[test]
    fn signatures_are_those_of_the_published_examples() {
        let site = "https://examplebucket.s3.amazonaws.com/";
        let get = signature(
            &Method::GET,
            &format!("{site}test.txt"),
            &[("range", "bytes=0-9"), (CONTENT, EMPTY)],
        );
        assert_eq!(
            get,
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
        let content = Digest::of(b"Welcome to Amazon S3.").to_string();
        let put = signature(
            &Method::PUT,
            &format!("{site}{}", path_text("test$file.text")),
            &[
                ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
                (CONTENT, &content),
            ],
        );
        assert_eq!(
            put,
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
        );
        let lifecycle = signature(
            &Method::GET,
            &format!("{site}?lifecycle"),
            &[(CONTENT, EMPTY)],
        );
        assert_eq!(
            lifecycle,
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
        );
        let list = format!("{site}?max-keys=2&prefix=J");
        assert_eq!(
            signature(&Method::GET, &list, &[(CONTENT, EMPTY)]),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        );
    }

    #[test]
    fn a_presigned_url_is_that_of_the_published_example() {
        let url = "https://examplebucket.s3.amazonaws.com/test.txt"
            .parse()
            .unwrap();
        let signed = signer().presign_at(TIME, &Method::GET, &url, Duration::from_hours(24));
        assert_eq!(
            signed.query().unwrap(),
            "X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
             &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
             &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        );
    }

    #[test]
    fn nothing_secret_is_shown() {
        let shown = format!("{:?}", signer());
        assert!(!shown.contains("wJalr"), "{shown}");
    }
}
