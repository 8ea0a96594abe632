//! Connections: several requests on one, slow and malformed heads, and limits.

use std::io::Read;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use super::{Serving, machine, put};
use crate::http::noise;

const FILE: &str = "tool-1.0.0-linux-x86_64";

#[test]
fn several_requests_share_a_connection() {
    let env = machine();
    put(&env, FILE, "tool");
    let serving = Serving::start(&env, &[]);
    let target = format!("/binaries/{FILE}");
    let mut connection = serving.connect();
    for _ in 0..3 {
        assert_eq!(connection.send("GET", &target, &[], b"").body, b"tool");
        assert_eq!(connection.send("HEAD", &target, &[], b"").status, 200);
        assert_eq!(
            connection.send("GET", "/binaries/none", &[], b"").status,
            404
        );
    }
    // All of these are sent before the first answer is read, and go both ways.
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
    let all = [
        get(&target),
        get(&target),
        get("/livez"),
        get(&target),
        get("/readyz"),
    ]
    .concat();
    let mut pipelined = serving.connect();
    pipelined.write(all.as_bytes());
    for body in ["tool", "tool", "ok\n", "tool", "ready\n"] {
        assert_eq!(pipelined.read("GET").text(), body);
    }
    // A head that comes byte by byte.
    let mut slow = serving.connect();
    for byte in get(&target).bytes() {
        slow.write(&[byte]);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(slow.read("GET").body, b"tool");
}

#[test]
fn connections_are_closed_as_asked() {
    let env = machine();
    put(&env, FILE, "tool");
    let serving = Serving::start(&env, &[]);
    let target = format!("/binaries/{FILE}");
    for target in [target.as_str(), "/livez"] {
        let mut connection = serving.connect();
        let answer = connection.send("GET", target, &[("Connection", "close")], b"");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("connection"), Some("close"), "{target}");
        assert!(connection.is_closed(), "{target}");
    }
    // HTTP/1.0 needs no Host, and closes unless it is asked not to.
    let mut old = serving.connect();
    old.write(format!("GET {target} HTTP/1.0\r\n\r\n").as_bytes());
    assert_eq!(old.read("GET").body, b"tool");
    assert!(old.is_closed());
    // A client that only shuts down its own side gets its answer.
    let mut half = serving.connect();
    half.write(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
    half.stream().shutdown(Shutdown::Write).expect("shut down");
    assert_eq!(half.read("GET").body, b"tool");
}

#[test]
fn malformed_requests_are_refused() {
    let env = machine();
    put(&env, FILE, "tool");
    let serving = Serving::start(&env, &[]);
    let target = format!("/binaries/{FILE}");
    let line = format!("GET {target} HTTP/1.1\r\n");
    let long = "x".repeat(17_000);
    let many = "A: b\r\n".repeat(101);
    for (request, status) in [
        ("nonsense\r\n\r\n".to_owned(), 400),
        (format!("{line}\r\n"), 400),
        (format!("{line}Host: a\r\nHost: b\r\n\r\n"), 400),
        ("GET /livez HTTP/1.1\r\n\r\n".to_owned(), 400),
        (
            "GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(),
            400,
        ),
        (format!("{line}Host : a\r\n\r\n"), 400),
        (format!("{line}Host: a\r\n folded: b\r\n\r\n"), 400),
        (format!("{line}Host: a\r\nX: \u{1}\r\n\r\n"), 400),
        (
            format!("GET /binaries/{FILE}\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
            400,
        ),
        (format!("{line}Host: a\r\nX: {long}\r\n\r\n"), 431),
        (format!("{line}Host: a\r\n{many}\r\n"), 431),
        (
            format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", &long[..9000]),
            414,
        ),
        (
            format!(
                "GET /binaries/{} HTTP/1.1\r\nHost: a\r\n\r\n",
                &long[..9000]
            ),
            414,
        ),
        (format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), 431),
        (format!("{line}Host: a\r\nContent-Length: x\r\n\r\n"), 400),
        (
            format!("{line}Host: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
            400,
        ),
    ] {
        let shown: String = request.chars().take(120).collect();
        // As the first request of a connection, and after others.
        for first in [
            &[][..],
            &["/livez"],
            &[target.as_str(), "/livez"],
            &["/livez", &target],
        ] {
            let mut connection = serving.connect();
            for target in first {
                assert_eq!(connection.send("GET", target, &[], b"").status, 200);
            }
            connection.write(request.as_bytes());
            let answer = connection.read("GET");
            assert_eq!(answer.status, status, "{shown}");
            answer.problem(status);
        }
    }
    // TLS to the port for HTTP.
    let mut tls = serving.connect();
    tls.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    tls.read("GET").problem(400);
    assert_eq!(serving.get("/livez").status, 200);
}

#[test]
fn bodies_never_become_requests() {
    let env = machine();
    put(&env, FILE, "tool");
    let serving = Serving::start(&env, &[]);
    let hidden = "DELETE /api/binaries/tool/1.0.0/linux/x86_64 HTTP/1.1\r\nHost: x\r\n\r\n";
    let length = hidden.len();
    let line = format!("GET /binaries/{FILE} HTTP/1.1\r\nHost: x\r\n");
    for request in [
        format!("{line}Content-Length: {length}\r\n\r\n{hidden}"),
        format!("{line}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{hidden}\r\n0\r\n\r\n"),
        format!("{line}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{line}Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n\r\n0\r\n\r\n"),
        format!("{line}Transfer-Encoding: xchunked\r\n\r\n{hidden}"),
        format!("{line}Transfer-Encoding: identity\r\nContent-Length: {length}\r\n\r\n{hidden}"),
        format!("{line}Content-Length: +{length}\r\n\r\n{hidden}"),
        format!("{line}Content-Length: {length}, {length}\r\n\r\n{hidden}"),
    ] {
        let mut connection = serving.connect();
        connection.write(request.as_bytes());
        connection
            .stream()
            .shutdown(Shutdown::Write)
            .expect("shut down");
        let first = connection.try_read("GET");
        let mut rest = String::new();
        let _ = connection.stream().read_to_string(&mut rest);
        let shown = &request[line.len()..];
        assert!(
            first.is_some_and(|answer| matches!(answer.status, 200 | 400)),
            "{shown}"
        );
        assert!(!rest.contains(" 204 "), "{shown}\n{rest}");
        assert!(env.exists(&format!("binaries/{FILE}")), "{shown}");
    }
}

#[test]
fn a_slow_head_is_408() {
    let env = machine();
    let serving = Serving::start(&env, &[]);
    // One connection that never was hyper's, and one that is.
    let mut new = serving.connect();
    let mut old = serving.connect();
    old.send("GET", "/livez", &[], b"");
    // One that is only idle: it has a minute.
    let mut idle = serving.connect();
    idle.send("GET", "/livez", &[], b"");
    let start = Instant::now();
    for connection in [&mut new, &mut old] {
        connection.write(b"GET /livez HTTP/1.1\r\nHo");
    }
    for connection in [&mut new, &mut old] {
        connection.read("GET").problem(408);
        assert!(connection.is_closed());
    }
    assert_eq!(idle.send("GET", "/livez", &[], b"").status, 200);
    let took = start.elapsed();
    assert!(
        took >= Duration::from_secs(9) && took < Duration::from_secs(25),
        "{took:?}"
    );
}

#[test]
fn an_address_may_have_a_limit_of_connections() {
    let env = machine();
    let serving = Serving::start(&env, &["--connections-per-peer", "2"]);
    // The connections of the start may not be gone yet.
    let connected = || loop {
        let mut connection = serving.connect();
        if connection.send("GET", "/livez", &[], b"").status == 200 {
            return connection;
        }
    };
    let (first, _second) = (connected(), connected());
    let answer = serving.get("/livez");
    answer.problem(429);
    assert_eq!(answer.header("retry-after"), Some("1"));
    drop(first);
    serving.wait("a free place", |serving| {
        serving.get("/livez").status == 200
    });
}

#[test]
fn slow_clients_do_not_disturb_others() {
    let env = machine();
    let bytes = noise(20_000_000);
    put(&env, FILE, &bytes);
    let serving = Serving::start(&env, &[]);
    let target = format!("/binaries/{FILE}");
    // They ask, and read nothing.
    let mut slow: Vec<_> = (0..100).map(|_| serving.connect()).collect();
    for connection in &mut slow {
        connection.write(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
    }
    assert_eq!(serving.get(&target).body, bytes);
    // The connection of the file just read may still be closing.
    serving.wait("only the slow", |serving| {
        serving.metric("connections") == 101
    });
    // At last they read.
    for connection in slow.iter_mut().take(3) {
        assert_eq!(connection.read("GET").body, bytes);
    }
    drop(slow);
    serving.wait("the end of the slow", |serving| {
        serving.metric("connections") == 1
    });
}
