//! Requests: none when offline, stopped when cancelled, files sent with their length.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder_core::Kind;
use larder_core::cancel::Cancel;
use larder_remote::http::{Client, Method, Request, Settings};

use super::{client, fetch, noise, quick};
use crate::servers::scripted::{Reply, Script};

#[test]
fn offline_opens_no_socket() {
    let server = Script::start(|_, _| Reply::ok("x"));
    let client = Client::new(
        Settings {
            offline: true,
            ..quick()
        },
        Cancel::new(),
    );
    let error = fetch(&client, &server.at("/x")).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.to_string().contains("--offline"), "{error}");
    assert_eq!(server.count(), 0);
}

#[test]
fn files_are_sent_with_their_length_and_progress_is_reported() {
    let bytes = noise(700_000);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &bytes).unwrap();
    let server = Script::start(|_, n| {
        if n == 0 {
            Reply::status(503)
        } else {
            Reply::status(201).body("{}")
        }
    });
    let reported = AtomicU64::new(0);
    let sent = |n: u64| {
        reported.fetch_add(n, Ordering::Relaxed);
    };
    let request = Request::new(Method::PUT, server.at("/upload").parse().unwrap()).unwrap();
    let answer = client()
        .send(
            request
                .file(file.path(), 700_000, "application/gzip", &sent)
                .unwrap(),
        )
        .unwrap();
    assert_eq!(answer.status, 201);
    let seen = &server.seen()[1];
    assert_eq!(seen.body, bytes);
    assert_eq!(
        (
            seen.header("content-length"),
            seen.header("transfer-encoding")
        ),
        (Some("700000"), None)
    );
    assert_eq!(reported.load(Ordering::Relaxed), 700_000);
}

#[test]
fn cancelling_ends_every_wait() {
    let server = Script::start(|request, _| match request.path.as_str() {
        "/silent" => Reply::status(200).claim(10).hang(),
        _ => Reply::ok(noise(100)).claim(1_000_000).hang(),
    });
    for path in ["/silent", "/stuck"] {
        let cancel = Cancel::new();
        let client = Client::new(
            Settings {
                idle: Duration::from_mins(1),
                slow_window: Duration::from_mins(1),
                ..quick()
            },
            cancel.clone(),
        );
        let url = server.at(path);
        std::thread::scope(|scope| {
            let fetching = scope.spawn(|| fetch(&client, &url));
            std::thread::sleep(Duration::from_millis(200));
            cancel.cancel(2);
            assert_eq!(
                fetching.join().unwrap().unwrap_err().kind(),
                Kind::Interrupted(2),
                "{path}"
            );
        });
    }
}
