//! The HTTP layer against servers that misbehave: for each class of DESIGN 4 and each fault, what the client made of it and
//! how many requests that took.

mod tls;
mod transfer;

use std::io::Read;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use larder_core::cancel::Cancel;
use larder_core::{Error, Kind};
use larder_remote::http::{
    Client, Credential, Method, Repeat, Request, Secret, Settings, read_error,
};

use crate::servers::scripted::{Reply, Script};

pub fn quick() -> Settings {
    Settings {
        connect: Duration::from_secs(2),
        idle: Duration::from_millis(400),
        total: Duration::from_secs(20),
        slow_window: Duration::from_millis(400),
        stall: Duration::from_secs(2),
        retries: 3,
        backoff: Duration::from_millis(5),
        rate_limit_wait: Duration::from_secs(2),
        ..Settings::default()
    }
}

pub fn client() -> Client {
    Client::new(quick(), Cancel::new())
}

/// The whole body by a streaming transfer.
pub fn fetch(client: &Client, url: &str) -> Result<Option<Vec<u8>>, Error> {
    let Some(mut body) = client.get(Request::get(url)?)? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    body.read_to_end(&mut bytes)
        .map_err(|e| read_error(&e, "read"))?;
    Ok(Some(bytes))
}

/// Bytes without a pattern that could hide a shift.
pub fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..size).map(next).collect()
}

#[test]
fn every_status_has_its_class() {
    // status, with a token: kind or absent, requests.
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
            .maybe_credential(authorized.then_some(&token));
        let result = client.get(request.clone());
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
        // A place that we may not be able to see never says "absent".
        if wanted.is_none() {
            assert_eq!(
                client.get(request.visible(false)).unwrap_err().kind(),
                Kind::Refused
            );
        }
    }
}

#[test]
fn what_passes_is_tried_again() {
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
fn an_answer_that_stays_away_is_given_up() {
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
}

#[test]
fn the_server_names_the_pause() {
    let server = Script::start(|_, n| match n {
        0 => Reply::status(429).header("retry-after", "1"),
        _ => Reply::ok("x"),
    });
    let started = Instant::now();
    assert_eq!(fetch(&client(), &server.at("/x")).unwrap().unwrap(), b"x");
    assert!(
        started.elapsed() >= Duration::from_millis(900),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(server.count(), 2);
}

#[test]
fn a_rate_limit_beyond_the_bound_is_unavailable_for_all_at_once() {
    for headers in [
        vec![("retry-after", "900")],
        vec![
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "99999999999"),
        ],
    ] {
        let server = Script::start(move |_, _| {
            headers
                .iter()
                .fold(Reply::status(403), |reply, (name, value)| {
                    reply.header(name, value)
                })
        });
        let client = client();
        for _ in 0..3 {
            let error = fetch(&client, &server.at("/x")).unwrap_err();
            assert_eq!(error.kind(), Kind::Unavailable, "{error}");
        }
        assert_eq!(server.count(), 1, "nobody asks again in this run");
    }
}

#[test]
fn a_limit_to_our_token_is_no_missing_permission() {
    let server =
        Script::start(|_, _| Reply::status(403).body("You have exceeded a secondary rate limit"));
    let token = Credential::bearer(&Secret::new("t"), [server.url.parse().unwrap()]);
    let settings = Settings {
        rate_limit_wait: Duration::from_millis(50),
        ..quick()
    };
    let request = Request::get(&server.at("/x")).unwrap().credential(&token);
    let error = Client::new(settings, Cancel::new())
        .get(request)
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    assert_eq!(server.count(), 2);
}

#[test]
fn a_page_or_nothing_is_no_asset() {
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
fn a_dead_host_costs_one_try_for_all() {
    // A port that nobody listens on: the listener is gone at once.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
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
            started.elapsed() < Duration::from_secs(5),
            "{:?}",
            started.elapsed()
        );
    }
}

#[test]
fn offline_opens_nothing() {
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
fn plain_http_is_refused_but_to_this_machine() {
    let error = fetch(&client(), "http://example.invalid/x").unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().contains("plain http"), "{error}");
    let server = Script::start(|_, _| Reply::ok("x"));
    let named = server.url.replace("127.0.0.1", "api.localhost");
    assert_eq!(
        fetch(&client(), &format!("{named}/x")).unwrap().unwrap(),
        b"x"
    );
}

#[test]
fn redirects_carry_nothing_to_strangers() {
    let stranger = Script::start(|_, _| Reply::ok("bytes"));
    let target = stranger.at("/signed?sig=s3cret");
    let home = Script::start(move |request, _| match request.path.as_str() {
        "/a" => Reply::to(302, "/b"),
        _ => Reply::to(307, &target),
    });
    let token = Credential::bearer(&Secret::new("hunter2"), [home.url.parse().unwrap()]);
    let request = Request::get(&home.at("/a")).unwrap().credential(&token);
    let request = request
        .header("x-custom", "private")
        .unwrap()
        .header("accept", "application/octet-stream")
        .unwrap();
    let body = client().get(request).unwrap().unwrap();
    assert!(!body.place().contains("s3cret"), "{}", body.place());
    for seen in home.seen() {
        assert_eq!(seen.header("authorization"), Some("Bearer hunter2"));
        assert_eq!(seen.header("x-custom"), Some("private"));
    }
    assert_eq!(home.count(), 2);
    let seen = &stranger.seen()[0];
    assert_eq!(
        (
            seen.header("authorization"),
            seen.header("x-custom"),
            seen.header("referer")
        ),
        (None, None, None)
    );
    assert_eq!(seen.header("accept"), Some("application/octet-stream"));
}

#[test]
fn a_credential_goes_nowhere_but_home() {
    let server = Script::start(|_, _| Reply::ok("x"));
    let token = Credential::bearer(
        &Secret::new("hunter2"),
        ["https://api.example.org".parse().unwrap()],
    );
    let answer = client()
        .send(Request::get(&server.at("/x")).unwrap().credential(&token))
        .unwrap();
    assert!(!answer.authorized);
    assert_eq!(server.seen()[0].header("authorization"), None);
}

#[test]
fn bad_redirects_are_refused() {
    let cases = [
        ("http://example.invalid/x", "plain http"),
        ("file:///etc/passwd", "not an http"),
        ("http://me:pw@127.0.0.1:1/x", "user name"),
        ("/loop", "circle"),
    ];
    for (location, why) in cases {
        let server = Script::start(move |_, _| Reply::to(302, location));
        let error = fetch(&client(), &server.at("/loop")).unwrap_err();
        assert_eq!(error.kind(), Kind::Refused, "{location}: {error}");
        assert!(error.to_string().contains(why), "{location}: {error}");
        assert_eq!(server.count(), 1, "{location}");
    }
    let endless = Script::start(|_, n| Reply::to(302, &format!("/{n}")));
    let error = fetch(&client(), &endless.at("/x")).unwrap_err();
    assert!(error.to_string().contains("more than ten"), "{error}");
    assert_eq!(endless.count(), 11);
}

#[test]
fn writes_follow_no_redirect_to_strangers_and_repeat_only_what_is_untouched() {
    let stranger = Script::start(|_, _| Reply::ok("x"));
    let target = stranger.at("/x");
    let home = Script::start(move |_, _| Reply::to(307, &target));
    let post = |url: &str| {
        Request::new(Method::POST, url.parse().unwrap())
            .unwrap()
            .json(&serde_json::json!({"a": 1}))
            .unwrap()
    };
    assert_eq!(
        client().send(post(&home.at("/x"))).unwrap_err().kind(),
        Kind::Refused
    );
    assert_eq!(stranger.count(), 0);

    let broken = Script::start(|_, _| Reply::status(502));
    assert_eq!(client().send(post(&broken.at("/x"))).unwrap().status, 502);
    assert_eq!(broken.count(), 1, "it may have done it");
    let limited = Script::start(|_, n| {
        if n == 0 {
            Reply::status(429)
        } else {
            Reply::status(201).body("{}")
        }
    });
    assert_eq!(client().send(post(&limited.at("/x"))).unwrap().status, 201);
    assert_eq!(limited.seen()[1].body, b"{\"a\":1}");
    let never = Script::start(|_, _| Reply::status(429));
    assert_eq!(
        client()
            .send(post(&never.at("/x")).repeat(Repeat::Never))
            .unwrap()
            .status,
        429
    );
    assert_eq!(never.count(), 1);
    let gone = Script::start(|_, _| Reply::nothing());
    assert_eq!(
        client().send(post(&gone.at("/x"))).unwrap_err().kind(),
        Kind::Unavailable
    );
    assert_eq!(gone.count(), 1);
}

#[test]
fn files_are_sent_with_their_length_and_told() {
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
    let told = AtomicU64::new(0);
    let sent = |n: u64| {
        told.fetch_add(n, Ordering::Relaxed);
    };
    let request = Request::new(Method::POST, server.at("/upload").parse().unwrap())
        .unwrap()
        .repeat(Repeat::Always);
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
    assert_eq!(told.load(Ordering::Relaxed), 700_000);
}

#[test]
fn pages_are_followed_at_home_only() {
    let server = Script::start(|request, _| match request.path.as_str() {
        "/page" => Reply::ok("[]").header(
            "link",
            "</page?page=2>; rel=\"next\", </page?page=9>; rel=\"last\"",
        ),
        _ => Reply::ok("[]").header("link", "<https://stranger.invalid/page>; rel=\"next\""),
    });
    let answer = client()
        .send(Request::get(&server.at("/page")).unwrap())
        .unwrap();
    assert_eq!(
        answer.link("next").unwrap().unwrap().as_str(),
        server.at("/page?page=2")
    );
    assert_eq!(answer.link("prev").unwrap(), None);
    let answer = client()
        .send(Request::get(&server.at("/page?page=2")).unwrap())
        .unwrap();
    assert_eq!(answer.link("next").unwrap_err().kind(), Kind::Refused);
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

#[test]
fn one_host_gets_so_many_at_once() {
    let busy = Arc::new(AtomicU64::new(0));
    let most = Arc::new(AtomicU64::new(0));
    let (b, m) = (Arc::clone(&busy), Arc::clone(&most));
    let server = Script::start(move |_, _| {
        m.fetch_max(b.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(50));
        b.fetch_sub(1, Ordering::SeqCst);
        Reply::ok("x")
    });
    let client = Client::new(
        Settings {
            per_host: 2,
            ..quick()
        },
        Cancel::new(),
    );
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| fetch(&client, &server.at("/x")).unwrap());
        }
    });
    assert_eq!(most.load(Ordering::SeqCst), 2);
}
