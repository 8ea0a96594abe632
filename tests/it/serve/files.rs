//! The bytes of files: ranges, conditions, and both ways in which they are sent.

use super::{Serving, machine, put, sha256};
use crate::http::noise;

const FILE: &str = "tool-1.0.0-linux-x86_64";

/// A header that changes no answer, and with which files are not sent by `sendfile`.
const BY_HYPER: &[(&str, &str)] = &[("TE", "trailers")];

/// The headers of requests for a file with 1000 bytes, and the status of the answers. `TAG` and
/// `DATE` are those of the file.
pub const MATRIX: &[(&[(&str, &str)], u16)] = &[
    (&[], 200),
    (&[("Range", "bytes=0-0")], 206),
    (&[("Range", "bytes=0-999")], 206),
    (&[("Range", "bytes=0-1000")], 206),
    (&[("Range", "bytes=500-")], 206),
    (&[("Range", "bytes=999-")], 206),
    (&[("Range", "bytes=1000-")], 416),
    (&[("Range", "bytes=5000-6000")], 416),
    (&[("Range", "bytes=-1")], 206),
    (&[("Range", "bytes=-1000")], 206),
    (&[("Range", "bytes=-5000")], 206),
    (&[("Range", "bytes=-0")], 416),
    (&[("Range", "bytes=7-3")], 200),
    (&[("Range", "bytes=0-0,5-5")], 200),
    (&[("Range", "bytes=0-4,5-")], 200),
    (&[("Range", "bytes=0-18446744073709551615")], 206),
    (&[("Range", "bytes=0-99999999999999999999999")], 206),
    (&[("Range", "bytes=99999999999999999999999-")], 416),
    (&[("Range", "bytes=")], 200),
    (&[("Range", "bytes=-")], 200),
    (&[("Range", "bytes=a-b")], 200),
    (&[("Range", "bytes=1.5-2")], 200),
    (&[("Range", "lines=1-2")], 200),
    (&[("Range", "BYTES=1-2")], 206),
    (&[("Range", "bytes= 1-2")], 206),
    (&[("Range", "1-2")], 200),
    (&[("If-None-Match", "TAG")], 304),
    (&[("If-None-Match", "W/TAG")], 304),
    (&[("If-None-Match", "*")], 304),
    (&[("If-None-Match", "\"x\", TAG")], 304),
    (&[("If-None-Match", "\"x\"")], 200),
    (&[("If-None-Match", "\"x\""), ("If-None-Match", "TAG")], 304),
    (&[("If-Match", "TAG")], 200),
    (&[("If-Match", "*")], 200),
    (&[("If-Match", "\"x\"")], 412),
    (&[("If-Match", "W/TAG")], 412),
    (&[("If-Modified-Since", "DATE")], 304),
    (
        &[("If-Modified-Since", "Fri, 31 Dec 2100 00:00:00 GMT")],
        304,
    ),
    (
        &[("If-Modified-Since", "Sat, 01 Jan 2000 00:00:00 GMT")],
        200,
    ),
    (&[("If-Modified-Since", "nonsense")], 200),
    (&[("If-Unmodified-Since", "DATE")], 200),
    (
        &[("If-Unmodified-Since", "Sat, 01 Jan 2000 00:00:00 GMT")],
        412,
    ),
    (&[("If-Unmodified-Since", "nonsense")], 200),
    (
        &[("If-None-Match", "\"x\""), ("If-Modified-Since", "DATE")],
        200,
    ),
    (&[("If-Match", "TAG"), ("If-None-Match", "TAG")], 304),
    (&[("If-Match", "\"x\""), ("If-None-Match", "TAG")], 412),
    (
        &[
            ("If-Match", "TAG"),
            ("If-Unmodified-Since", "Sat, 01 Jan 2000 00:00:00 GMT"),
        ],
        200,
    ),
    (&[("Range", "bytes=0-9"), ("If-Range", "TAG")], 206),
    (&[("Range", "bytes=0-9"), ("If-Range", "DATE")], 206),
    (&[("Range", "bytes=0-9"), ("If-Range", "\"x\"")], 200),
    (&[("Range", "bytes=0-9"), ("If-Range", "W/TAG")], 200),
    (
        &[
            ("Range", "bytes=0-9"),
            ("If-Range", "Sat, 01 Jan 2000 00:00:00 GMT"),
        ],
        200,
    ),
    (&[("Range", "bytes=5000-"), ("If-Range", "\"x\"")], 200),
    (&[("Range", "bytes=5000-"), ("If-Range", "TAG")], 416),
    (&[("Range", "bytes=0-9"), ("If-None-Match", "TAG")], 304),
    (&[("Range", "bytes=0-9"), ("If-Match", "\"x\"")], 412),
    (&[("Range", "bytes=0-9"), ("If-Match", "TAG")], 206),
    (&[("If-Range", "TAG")], 200),
    (&[("Accept-Encoding", "gzip, br")], 200),
    (&[("Accept", "text/html")], 200),
    (&[("Connection", "keep-alive")], 200),
];

/// The part that a range of 1000 bytes names, as `first-last` of the answer's header.
fn part(content_range: &str) -> std::ops::Range<usize> {
    let range = content_range.strip_prefix("bytes ").expect("bytes");
    let (range, size) = range.split_once('/').expect("a size");
    assert_eq!(size, "1000");
    let (first, last) = range.split_once('-').expect("a range");
    let number = |text: &str| text.parse::<usize>().expect("a number");
    number(first)..number(last) + 1
}

#[test]
fn both_ways_give_the_answers_of_the_rfc() {
    let env = machine();
    let bytes = noise(1000);
    put(&env, FILE, &bytes);
    let serving = Serving::start(&env, &[]);
    let target = format!("/binaries/{FILE}");
    let whole = serving.get(&target);
    let tag = format!("\"{}\"", sha256(&bytes));
    assert_eq!(whole.header("etag"), Some(tag.as_str()));
    let date = whole.header("last-modified").expect("a date").to_owned();
    let mut quick = serving.connect();
    let mut hyper = serving.connect();
    for (headers, status) in MATRIX {
        let values: Vec<(&str, String)> = headers
            .iter()
            .map(|(name, value)| (*name, value.replace("TAG", &tag).replace("DATE", &date)))
            .collect();
        let headers: Vec<(&str, &str)> = values.iter().map(|(n, v)| (*n, v.as_str())).collect();
        for method in ["GET", "HEAD"] {
            let answer = quick.send(method, &target, &headers, b"");
            let same = hyper.send(method, &target, &[&headers[..], BY_HYPER].concat(), b"");
            assert_eq!(
                answer.clone().comparable(),
                same.comparable(),
                "{method} {headers:?}"
            );
            // Only GET has ranges.
            let expected = match (method, status) {
                ("HEAD", 206 | 416) => 200,
                _ => *status,
            };
            assert_eq!(answer.status, expected, "{method} {headers:?}");
            let described = matches!(expected, 200 | 206 | 304);
            assert_eq!(
                answer.header("etag").is_some(),
                described || expected >= 400
            );
            assert_eq!(
                answer.header("repr-digest"),
                whole.header("repr-digest").filter(|_| described)
            );
            assert_eq!(answer.header("accept-ranges").is_some(), described);
            if method == "HEAD" {
                continue;
            }
            match expected {
                200 => assert_eq!(answer.body, bytes),
                206 => {
                    let range = part(answer.header("content-range").expect("a range"));
                    assert_eq!(answer.body, bytes[range]);
                }
                304 => assert_eq!(answer.header("content-length"), None),
                416 => assert_eq!(answer.header("content-range"), Some("bytes */1000")),
                _ => assert!(answer.problem(412).contains("conditions")),
            }
        }
    }
    assert!(MATRIX.len() >= 60, "{}", MATRIX.len());
}

#[test]
fn answers_say_what_the_file_is() {
    let env = machine();
    put(&env, FILE, "tool");
    put(&env, "empty-1.0.0-linux-x86_64", "");
    let serving = Serving::start(&env, &[]);
    let answer = serving.get(&format!("/binaries/{FILE}"));
    for (name, value) in [
        ("content-type", "application/octet-stream"),
        ("content-length", "4"),
        ("accept-ranges", "bytes"),
        ("cache-control", "public, max-age=31536000, immutable"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(answer.header(name), Some(value));
    }
    let digest = env.sh("printf tool | openssl dgst -sha256 -binary | base64");
    let expected = format!("sha-256=:{}:", digest.trim());
    assert_eq!(answer.header("repr-digest"), Some(expected.as_str()));
    let empty = serving.get("/binaries/empty-1.0.0-linux-x86_64");
    assert_eq!(
        (empty.status, empty.header("content-length")),
        (200, Some("0"))
    );
    let range = [("Range", "bytes=0-")];
    serving
        .send("GET", "/binaries/empty-1.0.0-linux-x86_64", &range, b"")
        .problem(416);
}

#[test]
fn large_files_arrive_whole_both_ways() {
    let env = machine();
    // More than one slice of sendfile, and not a multiple of it.
    let bytes = noise(5 * 1024 * 1024 + 321);
    put(&env, FILE, &bytes);
    let serving = Serving::start(&env, &[]);
    let target = format!("/binaries/{FILE}");
    let mut quick = serving.connect();
    let mut hyper = serving.connect();
    for headers in [
        &[][..],
        &[("Range", "bytes=3000000-")],
        &[("Range", "bytes=-4000000")],
    ] {
        let answer = quick.send("GET", &target, headers, b"");
        assert_eq!(
            answer.clone().comparable(),
            hyper
                .send("GET", &target, &[headers, BY_HYPER].concat(), b"")
                .comparable()
        );
        assert!(bytes.ends_with(&answer.body));
    }
    assert_eq!(
        serving.metric("sent_bytes_total"),
        2 * (5_243_201 + 2_243_201 + 4_000_000)
    );
}

#[test]
fn nothing_else_is_served() {
    let env = machine();
    put(&env, FILE, "tool");
    put(&env, ".hidden-1.0.0-linux-x86_64", "hidden");
    put(&env, "README", "readme");
    env.write("secret-1.0.0-linux-x86_64", "secret");
    env.write("binaries/sub/tool-1.0.0-linux-x86_64", "sub");
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(target, env.path(format!("binaries/{name}"))).expect("link");
    };
    link("../secret-1.0.0-linux-x86_64", "out-1.0.0-linux-x86_64");
    link(
        env.path("secret-1.0.0-linux-x86_64").as_str(),
        "abs-1.0.0-linux-x86_64",
    );
    link("nothing", "broken-1.0.0-linux-x86_64");
    link(FILE, "alias-1.0.0-linux-x86_64");
    env.sh("mkfifo binaries/fifo-1.0.0-linux-x86_64");
    let serving = Serving::start(&env, &[]);
    assert_eq!(serving.files(), ["alias-1.0.0-linux-x86_64", FILE]);
    assert_eq!(
        serving.get("/binaries/alias-1.0.0-linux-x86_64").body,
        b"tool"
    );
    for name in [
        ".hidden-1.0.0-linux-x86_64",
        "README",
        "out-1.0.0-linux-x86_64",
        "abs-1.0.0-linux-x86_64",
        "broken-1.0.0-linux-x86_64",
        "fifo-1.0.0-linux-x86_64",
        "sub",
        "sub/tool-1.0.0-linux-x86_64",
        "sub%2Ftool-1.0.0-linux-x86_64",
        "../secret-1.0.0-linux-x86_64",
        "..%2fsecret-1.0.0-linux-x86_64",
        "%2e%2e/secret-1.0.0-linux-x86_64",
        "%2e%2e%2fsecret-1.0.0-linux-x86_64",
        "..%5csecret-1.0.0-linux-x86_64",
        "./tool-1.0.0-linux-x86_64",
        "/tool-1.0.0-linux-x86_64",
        "tool-1.0.0-linux-x86_64/",
        "tool-1.0.0-linux-x86_64%00",
        "tool-1.0.0-linux-x86_64%0d%0aX: y",
        "TOOL-1.0.0-linux-x86_64",
        "%c3%28",
        "",
    ] {
        let target = format!("/binaries/{}", name.replace(' ', "%20"));
        let answer = serving.get(&target);
        assert!(
            matches!(answer.status, 400 | 404),
            "{name}: {}",
            answer.text()
        );
        answer.problem(answer.status);
    }
    // A percent sign only changes how a name is written.
    assert_eq!(
        serving.get("/binaries/tool%2D1.0.0-linux-x86_64").body,
        b"tool"
    );
    for reason in [
        "README is not registered: it has no version",
        "out-1.0.0-linux-x86_64 is not registered: it is a link that leads out",
        "fifo-1.0.0-linux-x86_64 is not registered: it is not a regular file",
    ] {
        serving.says(reason);
    }
}
