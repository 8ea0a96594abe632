//! Starting and stopping a server, and its options.

use std::io::Read;
use std::time::{Duration, Instant};

use super::{Serving, machine, put};
use crate::http::noise;

const FILE: &str = "tool-1.0.0-linux-x86_64";

#[test]
fn a_signal_stops_the_server() {
    let env = machine();
    for signal in ["TERM", "INT"] {
        let mut serving = Serving::start(&env, &[]);
        let mut idle = serving.connect();
        assert_eq!(idle.send("GET", "/livez", &[], b"").status, 200);
        let start = Instant::now();
        serving.signal(signal);
        assert_eq!(serving.end(), Some(0));
        // Idle connections are closed at once.
        assert!(start.elapsed() < Duration::from_secs(15));
        assert!(idle.is_closed());
    }
}

#[test]
fn open_downloads_are_finished_before_the_end() {
    let env = machine();
    let bytes = noise(30_000_000);
    put(&env, FILE, &bytes);
    let mut serving = Serving::start(&env, &["--drain", "25s"]);
    let mut quick = serving.connect();
    let mut hyper = serving.connect();
    // With TE, hyper answers.
    for (connection, more) in [(&mut quick, ""), (&mut hyper, "TE: trailers\r\n")] {
        let request = format!("GET /binaries/{FILE} HTTP/1.1\r\nHost: x\r\n{more}\r\n");
        connection.write(request.as_bytes());
    }
    serving.wait("the start of both", |serving| {
        serving.metric("sent_bytes_total") > 30_000_000
    });
    serving.signal("TERM");
    serving.wait("the end of listening", |serving| {
        std::net::TcpStream::connect(serving.address).is_err()
    });
    for connection in [&mut quick, &mut hyper] {
        assert_eq!(connection.read("GET").body, bytes);
        assert!(connection.is_closed());
    }
    assert_eq!(serving.end(), Some(0));
}

#[test]
fn the_end_does_not_wait_for_ever() {
    let env = machine();
    put(&env, FILE, noise(30_000_000));
    for (drain, signals, code) in [
        ("300ms", &["TERM"][..], 0),
        ("1h", &["TERM", "TERM"], 143),
        ("1h", &["TERM", "INT"], 130),
    ] {
        let mut serving = Serving::start(&env, &["--drain", drain]);
        let mut stuck = serving.connect();
        stuck.write(format!("GET /binaries/{FILE} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
        serving.wait("its start", |serving| {
            serving.metric("sent_bytes_total") > 0
        });
        for signal in signals {
            serving.signal(signal);
            if signals.len() > 1 {
                serving.says("no new connections");
            }
        }
        assert_eq!(serving.end(), Some(code), "{drain} {signals:?}");
        // The client can tell that it has not the whole.
        let mut got = Vec::new();
        let _ = stuck.stream().read_to_end(&mut got);
        assert!(got.len() < 30_000_000);
    }
}

#[test]
fn variables_and_options_choose_the_folder_and_the_port() {
    let mut env = machine();
    put(&env, FILE, "tool");
    env.write("other/other-1.0.0-linux-x86_64", "other");
    env.set("BINARIES_DIR", "other")
        .set("HTTP_PORT", "0")
        .set("GRPC_PORT", "0");
    let serving = Serving::spawn(&env, env.command(["serve"]));
    serving.wait("the other folder", |serving| {
        serving.get("/readyz").status == 200 && serving.files() == ["other-1.0.0-linux-x86_64"]
    });
    env.set("HTTP_PORT", "1");
    let serving = Serving::start(&env, &["--dir", "binaries", "--data", "kept/here"]);
    assert_eq!(serving.files(), [FILE]);
    assert_eq!(serving.stop(), Some(0));
    assert!(env.exists("kept/here/digests"));
}

#[test]
fn what_can_not_be_served_is_an_error() {
    let env = machine();
    env.write("file", "");
    let taken = Serving::start(&env, &[]);
    let port = taken.address.port().to_string();
    for (args, code, says) in [
        (&["--dir", "nowhere"][..], 2, "there is no folder"),
        (&["--dir", "file"], 2, "is not a folder"),
        (&["--bind", "0.0.0.0"], 2, "without --tokens"),
        (&["--bind", "::"], 2, "without --tokens"),
        (&["--private"], 2, "--private needs --tokens"),
        (&["--bind", "nonsense"], 2, "invalid"),
        (&["--port", "70000"], 2, "70000"),
        (&["--rate", "x"], 2, "10/s"),
        (&["--bandwidth", "x"], 2, "10M"),
        (&["--drain", "x"], 2, "20s"),
        (&["--trusted-proxy", "10.0.0.0/99"], 2, "10.0.0.0/8"),
        (&["--tls-cert", "file"], 2, "--tls-key"),
        (&["--dir", "binaries", "--hub", "x"], 2, "--hub"),
        (&["--port", &port], 1, "cannot listen"),
    ] {
        let mut all = vec!["serve"];
        if args[0] != "--port" {
            all.extend(["--port", "0"]);
        }
        all.extend(args);
        let output = env.larder(all);
        assert_eq!(output.code, Some(code), "{args:?}\n{}", output.stderr);
        assert!(output.stderr.contains(says), "{args:?}\n{}", output.stderr);
        assert_eq!(output.stdout, "");
    }
}

#[test]
fn requests_have_ids() {
    let env = machine();
    put(&env, FILE, "tool");
    let serving = Serving::start(&env, &["-v", "--log", "json"]);
    let target = format!("/binaries/{FILE}");
    for target in [target.as_str(), "/livez", "/nothing"] {
        let own = [("X-Request-Id", "my-id.1")];
        let answer = serving.send("GET", target, &own, b"");
        assert_eq!(answer.header("x-request-id"), Some("my-id.1"));
        let bad = [("X-Request-Id", "no spaces \"here\"")];
        let given = serving.send("GET", target, &bad, b"");
        let id = given.header("x-request-id").expect("an id").to_owned();
        let other = serving.get(target);
        assert_ne!(other.header("x-request-id"), Some(id.as_str()));
        serving.says(&format!("\"request\":\"{id}\""));
    }
}
