//! Rate limits of servers, and the limit of concurrent requests to one host.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use larder_core::Kind;
use larder_core::cancel::Cancel;
use larder_remote::http::{Client, Credential, Request, Secret, Settings};

use super::{client, fetch, quick};
use crate::servers::scripted::{Reply, Script};

#[test]
fn the_pause_that_the_server_states_is_kept() {
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
fn a_distant_rate_limit_reset_makes_the_host_unavailable_at_once() {
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
fn a_rate_limit_of_a_token_is_not_a_missing_permission() {
    let server =
        Script::start(|_, _| Reply::status(403).body("You have exceeded a secondary rate limit"));
    let token = Credential::bearer(&Secret::new("t"), [server.url.parse().unwrap()]);
    let settings = Settings {
        rate_limit_wait: Duration::from_millis(50),
        secondary_limit_wait: Duration::from_millis(50),
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
fn concurrent_requests_to_one_host_are_limited() {
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
