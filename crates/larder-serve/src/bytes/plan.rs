//! Plans the answer to GET or HEAD of a file: a function of the request and of what the index says.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::conditions::{Represented, precondition, range_applies};
use super::range::{self, Ranged};
use super::{Answer, Content};
use crate::problem::{Problem, Result};

const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Plans the answer. For HEAD it is that of GET, with the content that is left out.
pub fn plan(
    method: &Method,
    headers: &HeaderMap,
    file: &Represented,
    now: SystemTime,
) -> Result<Answer> {
    match precondition(method, headers, Some(file)) {
        Some(StatusCode::NOT_MODIFIED) => {
            return Ok(Answer {
                status: StatusCode::NOT_MODIFIED,
                headers: described(file),
                content: Content::Empty,
            });
        }
        Some(status) => {
            let detail = "the file is not the one that the request's conditions name";
            return Err(Problem::new(status, detail).with(ETAG, text(&file.etag)));
        }
        None => {}
    }
    let ranged = match wanted(method, headers) {
        Some(value) if range_applies(headers, file, now) => range::parse(value, file.size),
        _ => Ranged::Whole,
    };
    let mut answer = Answer {
        status: StatusCode::OK,
        headers: described(file),
        content: Content::File(0..file.size),
    };
    answer.headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    let size = file.size;
    match ranged {
        Ranged::Whole => {}
        Ranged::Part(part) => {
            answer.status = StatusCode::PARTIAL_CONTENT;
            let range = format!("bytes {}-{}/{size}", part.start, part.end - 1);
            answer.headers.insert(CONTENT_RANGE, text(&range));
            answer.content = Content::File(part);
        }
        Ranged::Unsatisfiable => {
            return Err(Problem::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                format!("the file has {size} bytes, and the range asks for none of them"),
            )
            .with(CONTENT_RANGE, text(&format!("bytes */{size}")))
            .with(ETAG, text(&file.etag)));
        }
    }
    Ok(answer)
}

/// The one `Range` of a request. Only GET has one (RFC 9110, section 14.2).
fn wanted<'a>(method: &Method, headers: &'a HeaderMap) -> Option<&'a [u8]> {
    if method != Method::GET {
        return None;
    }
    let mut values = headers.get_all(RANGE).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.as_bytes())
}

/// The headers that describe the file, whatever part of it is sent.
fn described(file: &Represented) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    let digest = STANDARD.encode(file.digest.as_bytes());
    headers.insert(ETAG, text(&file.etag));
    headers.insert(REPR_DIGEST, text(&format!("sha-256=:{digest}:")));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(LAST_MODIFIED, text(&httpdate::fmt_http_date(file.modified)));
    headers.insert(CACHE_CONTROL, IMMUTABLE);
    headers
}

/// A header's value made of characters that are allowed in it.
fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use larder_core::model::Digest;

    use super::*;

    const DATE: &str = "Sun, 09 Sep 2001 01:46:40 GMT";
    const EARLIER: &str = "Sun, 09 Sep 2001 01:46:39 GMT";
    const LATER: &str = "Sun, 09 Sep 2001 01:46:41 GMT";

    fn planned(method: &Method, lines: &[(&str, &str)], now: u64) -> Answer {
        let file = Represented::new(Digest::of(b"x"), 100, 1_000_000_000);
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let value = value.replace("TAG", &file.etag);
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(&value).unwrap(),
            );
        }
        let now = UNIX_EPOCH + Duration::from_secs(now);
        match plan(method, &headers, &file, now) {
            Ok(answer) => answer,
            Err(problem) => problem.into_answer(),
        }
    }

    #[test]
    fn conditions_are_evaluated_as_the_rfc_says() {
        let if_match = "if-match";
        let if_none = "if-none-match";
        let since = "if-modified-since";
        let unmodified = "if-unmodified-since";
        let cases: &[(&[(&str, &str)], u16)] = &[
            (&[], 200),
            (&[(if_match, "TAG")], 200),
            (&[(if_match, "*")], 200),
            (&[(if_match, "\"y\", TAG")], 200),
            (&[(if_match, "\"y\""), (if_match, "TAG")], 200),
            (&[(if_match, "\"y\"")], 412),
            (&[(if_match, "W/TAG")], 412),
            (&[(if_match, "nonsense")], 412),
            (&[(unmodified, DATE)], 200),
            (&[(unmodified, LATER)], 200),
            (&[(unmodified, EARLIER)], 412),
            (&[(unmodified, "yesterday")], 200),
            (&[(if_match, "TAG"), (unmodified, EARLIER)], 200),
            (&[(if_none, "TAG")], 304),
            (&[(if_none, "W/TAG")], 304),
            (&[(if_none, "*")], 304),
            (&[(if_none, "\"y\", W/\"z\" , TAG")], 304),
            (&[(if_none, "\"y\"")], 200),
            (&[(if_none, "\"y\""), (since, DATE)], 200),
            (&[(since, DATE)], 304),
            (&[(since, LATER)], 304),
            (&[(since, EARLIER)], 200),
            (&[(since, "yesterday")], 200),
            (&[(since, DATE), (since, DATE)], 200),
            (&[(since, "Sunday, 09-Sep-01 01:46:40 GMT")], 304),
            (&[(if_match, "\"y\""), (if_none, "TAG")], 412),
            (&[(if_match, "TAG"), (if_none, "TAG")], 304),
            (&[(unmodified, EARLIER), (since, DATE)], 412),
            (&[(if_none, "TAG"), ("range", "bytes=0-0")], 304),
            (&[(if_match, "\"y\""), ("range", "bytes=0-0")], 412),
            (&[(if_match, "\"y\""), ("range", "bytes=500-")], 412),
            (&[("range", "bytes=0-0")], 206),
            (&[("range", "bytes=500-")], 416),
            (&[("range", "bytes=0-0,2-2")], 200),
            (&[("range", "bytes=0-0"), ("range", "bytes=2-2")], 200),
            (&[("range", "bytes=0-0"), ("if-range", "TAG")], 206),
            (&[("range", "bytes=0-0"), ("if-range", "\"y\"")], 200),
            (&[("range", "bytes=500-"), ("if-range", "\"y\"")], 200),
            (&[("range", "bytes=500-"), ("if-range", "TAG")], 416),
            (&[("range", "bytes=0-0"), ("if-range", "W/TAG")], 200),
            (&[("range", "bytes=0-0"), ("if-range", DATE)], 206),
            (&[("range", "bytes=0-0"), ("if-range", LATER)], 200),
            (&[("range", "bytes=0-0"), ("if-range", EARLIER)], 200),
            (&[("range", "bytes=0-0"), ("if-range", "nonsense")], 200),
            (&[("if-range", "TAG")], 200),
        ];
        for (lines, status) in cases {
            let answer = planned(&Method::GET, lines, 2_000_000_000);
            assert_eq!(answer.status, *status, "{lines:?}");
            // HEAD knows no ranges; all else is the same.
            let head = planned(&Method::HEAD, lines, 2_000_000_000);
            let expected = if matches!(status, 206 | 416) {
                200
            } else {
                *status
            };
            assert_eq!(head.status, expected, "HEAD {lines:?}");
            if head.status == answer.status {
                assert_eq!(head.headers, answer.headers, "HEAD {lines:?}");
            }
        }
        // The file could have changed a second time within the second of its date.
        let dated = [("range", "bytes=0-0"), ("if-range", DATE)];
        assert_eq!(planned(&Method::GET, &dated, 1_000_000_000).status, 200);
        assert_eq!(planned(&Method::GET, &dated, 1_000_000_001).status, 206);
    }

    #[test]
    fn answers_describe_the_whole_file() {
        for (lines, expected) in [
            (&[][..], Content::File(0..100)),
            (&[("range", "bytes=-3")], Content::File(97..100)),
            (&[("if-none-match", "*")], Content::Empty),
        ] {
            let answer = planned(&Method::GET, lines, 2_000_000_000);
            assert_eq!(answer.content, expected);
            let header = |name| {
                answer
                    .headers
                    .get(name)
                    .and_then(|value| value.to_str().ok())
            };
            let digest = "sha-256=:LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=:";
            assert_eq!(header("repr-digest"), Some(digest));
            assert_eq!(header("etag").map(str::len), Some(66));
            assert_eq!(header("last-modified"), Some(DATE));
            assert_eq!(header("accept-ranges"), Some("bytes"));
            assert!(header("cache-control").is_some_and(|value| value.contains("immutable")));
        }
        let part = planned(&Method::GET, &[("range", "bytes=-3")], 2_000_000_000);
        assert_eq!(part.headers["content-range"], "bytes 97-99/100");
        let none = planned(&Method::GET, &[("range", "bytes=100-")], 2_000_000_000);
        assert_eq!(none.headers["content-range"], "bytes */100");
        assert_eq!(none.headers["content-type"], "application/problem+json");
    }
}
