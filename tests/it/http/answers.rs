//! How each answer is classified, and what is retried.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use larder_core::Kind;
use larder_core::cancel::Cancel;
use larder_remote::http::{Client, Credential, Request, Secret, Settings};

use super::{client, fetch, quick};
use crate::servers::ports::free_port;
use crate::servers::scripted::{Reply, Script};

#[test]
fn every_http_status_maps_to_its_error_kind() {
    // Status, with a token or not, resulting kind (none: absent), number of requests.
    let cases: &[(u16, bool, Option<Kind>, usize)] = &[
        (404, false, None, 1),
        (410, true, None, 1),
        (401, false, Some(Kind::Refused), 1),
        (401, true, Some(Kind::Refused), 1),
        (403, false, Some(Kind::Unavailable), 1),
        (403, true, Some(Kind::Refused), 1),
        (407, false, Some(Kind::Unavailable), 1),
        (400, false, Some(Kind::Unavailable), 1),
        (451, false, Some(Kind::Unavailable), 1),
        (204, false, Some(Kind::Unavailable), 1),
        (408, false, Some(Kind::Unavailable), 4),
        (429, false, Some(Kind::Unavailable), 4),
        (500, false, Some(Kind::Unavailable), 4),
        (503, true, Some(Kind::Unavailable), 4),
    ];
    for (status, authorized, wanted, requests) in cases.iter().copied() {
        let server = Script::start(move |_, _| {
            Reply::status(status)
                .header("content-type", "text/plain")
                .body("because")
        });
        let client = client();
        let token = Credential::bearer(&Secret::new("hunter2"), [server.url.parse().unwrap()]);
        let request = Request::get(&server.at("/x"))
            .unwrap()
            .credential(authorized.then_some(&token));
        let result = client.get(request);
        match wanted {
            None => assert!(result.unwrap().is_none(), "{status}"),
            Some(kind) => {
                let error = result.unwrap_err();
                assert_eq!(error.kind(), kind, "{status}: {error}");
                assert!(error.to_string().contains(&status.to_string()), "{error}");
                assert!(!error.to_string().contains("hunter2"));
            }
        }
        assert_eq!(server.count(), requests, "{status}");
    }
}

#[test]
fn transient_failures_are_retried() {
    for failure in [
        Reply::status(503),
        Reply::status(429),
        Reply::nothing(),
        Reply::ok("whole").cut(2),
    ] {
        let server = Script::start(move |_, n| {
            if n < 2 {
                failure.clone()
            } else {
                Reply::ok("whole")
            }
        });
        assert_eq!(
            fetch(&client(), &server.at("/x")).unwrap().unwrap(),
            b"whole"
        );
        assert_eq!(server.count(), 3);
        let small = Script::start(move |_, n| {
            if n < 2 {
                Reply::ok("whole").cut(2)
            } else {
                Reply::ok("whole")
            }
        });
        assert_eq!(
            client()
                .get_small(Request::get(&small.at("/x")).unwrap(), 100)
                .unwrap()
                .unwrap(),
            b"whole"
        );
        assert_eq!(small.count(), 3);
    }
}

#[test]
fn a_missing_answer_times_out() {
    let server = Script::start(|_, _| Reply::status(200).claim(10).hang());
    let started = Instant::now();
    let error = fetch(&client(), &server.at("/x")).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap());
    assert_eq!(
        fetch(&client(), &url).unwrap_err().kind(),
        Kind::Unavailable
    );
    // However many tries there are, the limit for no progress ends them.
    let patient = Settings {
        retries: 1_000,
        stall: Duration::from_secs(1),
        total: Duration::from_mins(5),
        ..quick()
    };
    let started = Instant::now();
    let client = Client::new(patient, Cancel::new());
    let small = client.get_small(Request::get(&url).unwrap(), 100);
    assert_eq!(small.unwrap_err().kind(), Kind::Unavailable);
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn an_html_page_or_an_empty_body_is_not_an_asset() {
    let page = Script::start(|_, _| {
        Reply::ok("<html>please log in").header("Content-Type", "Text/HTML; charset=utf-8")
    });
    let error = fetch(&client(), &page.at("/x")).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(
        error
            .to_string()
            .contains("an HTML page instead of an asset"),
        "{error}"
    );
    assert_eq!(page.count(), 1);
    for empty in [Reply::ok(""), Reply::ok("").chunked()] {
        let server = Script::start(move |_, _| empty.clone());
        let error = fetch(&client(), &server.at("/x")).unwrap_err();
        assert!(error.to_string().contains("empty body"), "{error}");
    }
}

#[test]
fn an_unreachable_host_is_tried_once_per_run() {
    let port = free_port();
    for host in [
        format!("http://127.0.0.1:{port}"),
        "https://no-such-host.invalid".to_owned(),
    ] {
        let client = client();
        let started = Instant::now();
        std::thread::scope(|scope| {
            for worker in 0..8 {
                let (client, url) = (client.clone(), format!("{host}/{worker}"));
                scope.spawn(move || {
                    let error = fetch(&client, &url).unwrap_err();
                    assert_eq!(error.kind(), Kind::Unavailable);
                    assert!(error.to_string().contains("cannot reach"), "{error}");
                });
            }
        });
        assert_eq!(client.moved().requests, 1, "{host}");
        assert!(
            started.elapsed() < Duration::from_secs(15),
            "{:?}",
            started.elapsed()
        );
    }
}
