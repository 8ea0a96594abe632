//! Hostile requests: whatever is asked, nothing outside of the folder is told, the server lives, and
//! its memory stays bounded.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use crate::serve::{Serving, machine, put};

const FILE: &str = "tool-1.0.0-linux-x86_64";
const SECRET: &str = "a secret of this machine";

/// Ways to write a dot, a slash, and what may stand for them.
const DOTS: &[&str] = &[
    "..",
    "%2e%2e",
    "%2E.",
    ".%2e",
    "%252e%252e",
    "%c0%ae%c0%ae",
    "..%00",
    "...",
    "．．",
    ". .",
    "..;",
];
const SLASHES: &[&str] = &[
    "/", "%2f", "%2F", "\\", "%5c", "%252f", "%c0%af", "//", "/./", "%u2215", ";/",
];
/// Where each path starts, and what it leads to.
const STARTS: &[&str] = &[
    "/binaries/",
    "/binaries//",
    "/api/binaries/",
    "/",
    "/binaries/sub/",
    "/hub/",
    "/binaries/%00/",
];
const ENDS: &[&str] = &[
    "secret-1.0.0-linux-x86_64",
    "etc/passwd",
    "binaries/../secret-1.0.0-linux-x86_64",
    ".larder/serve/digests",
    "secret-1.0.0-linux-x86_64%00",
    "secret-1.0.0-linux-x86_64%0d%0aX:%20y",
];

/// Requests that are wrong in their form.
fn shapes() -> Vec<Vec<u8>> {
    let hidden = "DELETE /api/binaries/tool/1.0.0/linux/x86_64 HTTP/1.1\r\nHost: x\r\n\r\n";
    let length = hidden.len();
    let long = "x".repeat(20_000);
    let get = format!("GET /binaries/{FILE} HTTP/1.1\r\nHost: x\r\n");
    let post = "POST /api/binaries/1.0.0/linux/x86_64/verify HTTP/1.1\r\nHost: x\r\n";
    let mut shapes = vec![
        format!("{get}X: {long}\r\n\r\n"),
        format!("{get}{long}: y\r\n\r\n"),
        format!("{get}{}\r\n", "A: b\r\n".repeat(500)),
        format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("GET http://x/../../{SECRET} HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("GET http://other.example/binaries/{FILE} HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("GET file:///etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n"),
        "CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "GET 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "GET * HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "TRACE / HTTP/1.1\r\nHost: x\r\nCookie: a\r\n\r\n".to_owned(),
        "GET /binaries/\r\nX: y HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "GET /livez HTTP/1.1\nHost: x\n\n".to_owned(),
        "GET /livez HTTP/9.9\r\nHost: x\r\n\r\n".to_owned(),
        "GET  /livez  HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "\r\n\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "GET /livez HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n".to_owned(),
        "GET /livez HTTP/1.1\r\n Host: x\r\n\r\n".to_owned(),
        "GET /livez HTTP/1.1\r\nHost: x\rX: y\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense that is no frame at all".to_owned(),
        "GET /livez HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAA\r\n\r\n".to_owned(),
        "GET /livez HTTP/1.1\r\nHost: x\r\nExpect: 200-never\r\n\r\n".to_owned(),
        format!("{get}Range: bytes={}\r\n\r\n", "0-0,".repeat(3000)),
        format!("{get}Range: bytes=-99999999999999999999999999\r\n\r\n"),
        format!("{get}If-None-Match: {}\r\n\r\n", "\"x\",".repeat(3000)),
        format!("{get}If-Range: \"\r\nRange: bytes=0-\r\n\r\n"),
        // Smuggling: one request that another reader could take for two.
        format!("{post}Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{post}Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{post}Content-Length: 0\r\nContent-Length: {length}\r\n\r\n{hidden}"),
        format!("{post}Content-Length: {length}, 0\r\n\r\n{hidden}"),
        format!("{post}Content-Length: +{length}\r\n\r\n{hidden}"),
        format!("{post}Content-Length: 0x{length:x}\r\n\r\n{hidden}"),
        format!("{post}Content-Length : {length}\r\n\r\n{hidden}"),
        format!("{post}Transfer-Encoding: xchunked\r\n\r\n{hidden}"),
        format!("{post}Transfer-Encoding: chunked, identity\r\n\r\n{hidden}"),
        format!("{post}Transfer-Encoding:\x0bchunked\r\n\r\n{hidden}"),
        format!("{post}Transfer-Encoding : chunked\r\n\r\n{hidden}"),
        format!("{post}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n{hidden}"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\n{length:x};a=\"\r\n{hidden}\r\n0\r\n\r\n"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n{hidden}"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\n-1\r\n{hidden}"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\n1;{long}\r\nx\r\n0\r\n\r\n"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\n0\r\nX: {long}\r\n\r\n"),
        format!("{get}Content-Length: {length}\r\n\r\n{hidden}"),
        format!("{get}\r\n\0\0\0\0garbage after a whole request\r\n\r\n"),
        format!("{get}\r\n{get}\r\nnonsense\r\n\r\n{hidden}"),
        format!("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n\x16\x03\x01\r\n\r\n"),
        "GET /livez HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\tb<script>\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n".to_owned(),
        "GET /binaries/ HTTP/1.1\r\nHost: x\r\nX-Original-URL: /etc/passwd\r\nX-Rewrite-URL: /etc/passwd\r\n\r\n".to_owned(),
        "PUT /api/binaries/..%2f..%2fevil/1.0.0/linux/x86_64 HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nevil".to_owned(),
        "PUT /api/binaries/evil/1.0.0%2f..%2f..%2fx/linux/x86_64 HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nevil".to_owned(),
    ]
    .into_iter()
    .map(String::into_bytes)
    .collect::<Vec<_>>();
    for byte in 0..=255 {
        shapes.push(
            [
                b"GET /binaries/",
                &[byte][..],
                b" HTTP/1.1\r\nHost: x\r\n\r\n",
            ]
            .concat(),
        );
        shapes.push(
            [
                b"GET /livez HTTP/1.1\r\nHost: x\r\nX: ",
                &[byte][..],
                b"\r\n\r\n",
            ]
            .concat(),
        );
    }
    shapes
}

/// More than ten thousand requests.
fn requests() -> Vec<Vec<u8>> {
    let mut all = shapes();
    for start in STARTS {
        for dot in DOTS {
            for slash in SLASHES {
                for end in ENDS {
                    for depth in [1, 6] {
                        let up = format!("{dot}{slash}").repeat(depth);
                        let head = format!("GET {start}{up}{end} HTTP/1.1\r\nHost: x\r\n\r\n");
                        all.push(head.into_bytes());
                    }
                }
            }
        }
    }
    all
}

/// All that the server says to some bytes before it closes the connection.
fn say(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("connect");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("set");
    let _ = stream.write_all(request);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

#[test]
fn ten_thousand_hostile_requests_get_nothing() {
    let env = machine();
    put(&env, FILE, "tool");
    env.write("secret-1.0.0-linux-x86_64", SECRET);
    env.write("binaries/sub/secret-1.0.0-linux-x86_64", SECRET);
    let serving = Serving::start(&env, &[]);
    let requests = requests();
    assert!(requests.len() >= 10_000, "{}", requests.len());
    let address = serving.address;
    std::thread::scope(|scope| {
        for part in requests.chunks(requests.len() / 8 + 1) {
            scope.spawn(move || {
                for request in part {
                    judge(request, &say(address, request));
                }
            });
        }
    });
    assert_eq!(serving.files(), [FILE]);
    assert_eq!(serving.get(&format!("/binaries/{FILE}")).body, b"tool");
    assert!(!env.exists("evil-1.0.0-linux-x86_64"));
    let log = serving.log();
    assert!(!log.contains("panicked"), "{log}");
    let memory = serving.memory();
    assert!(memory < 100, "{memory} MB");
}

/// No answer says what it must not, and none is an error of the server.
fn judge(request: &[u8], answer: &[u8]) {
    let text = String::from_utf8_lossy(answer);
    let shown = || {
        let request: String = String::from_utf8_lossy(request).chars().take(300).collect();
        format!("{request:?}\n{text}")
    };
    assert!(
        !text.contains(SECRET) && !text.contains("root:"),
        "{}",
        shown()
    );
    assert!(
        !text.contains("HTTP/1.1 5") && !text.contains("HTTP/1.1 204"),
        "{}",
        shown()
    );
    // No header that a request has brought in.
    assert!(!text.to_lowercase().contains("\r\nx: y"), "{}", shown());
    if request.starts_with(b"GET /binaries/") && text.starts_with("HTTP/1.1 200") {
        assert!(
            request
                .windows(FILE.len())
                .any(|part| part == FILE.as_bytes()),
            "{}",
            shown()
        );
    }
}
