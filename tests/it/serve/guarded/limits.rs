//! Limits of requests and of bytes, for each token or else for each address.

use std::time::{Duration, Instant};

use super::access::{bearer, tokens};
use crate::http::noise;
use crate::serve::{Serving, machine, put};

const FILE: &str = "tool-1.0.0-linux-x86_64";

/// Sends requests one after the other, and counts those that are answered.
fn admitted(serving: &Serving, count: usize, headers: &[(&str, &str)], hyper: bool) -> usize {
    let mut connection = serving.connect();
    if hyper {
        connection.send("GET", "/livez", &[], b"");
    }
    let target = format!("/binaries/{FILE}");
    let statuses = (0..count).map(|_| {
        let answer = connection.send("HEAD", &target, headers, b"");
        if answer.status == 429 {
            let wait = answer
                .header("retry-after")
                .and_then(|wait| wait.parse().ok());
            assert!(wait.is_some_and(|wait: u64| wait >= 1), "{answer:?}");
        } else {
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        answer.status
    });
    statuses.filter(|status| *status == 200).count()
}

#[test]
fn one_second_s_worth_of_requests_may_come_at_once() {
    let env = machine();
    put(&env, FILE, "tool");
    for hyper in [false, true] {
        // One request per hundred seconds: however slow this machine is, nothing is regained.
        let serving = Serving::start(&env, &["--rate", "0.01/s"]);
        assert_eq!(admitted(&serving, 5, &[], hyper), 1);
        let detail = serving.get("/api/binaries").problem(429);
        assert!(detail.contains("--rate"), "{detail}");
        // These always answer, and the metrics of an open server count what was rejected.
        for _ in 0..5 {
            assert_eq!(serving.get("/livez").status, 200);
            assert_eq!(serving.get("/readyz").status, 200);
        }
        drop(serving);
        let serving = Serving::start(&env, &["--rate", "20/s"]);
        let start = Instant::now();
        let admitted = admitted(&serving, 100, &[], hyper);
        // At least the burst, and at most what the time that went by has added to it.
        let most = 20.0 + 20.0 * start.elapsed().as_secs_f64() + 1.0;
        assert!(
            admitted >= 20 && admitted as f64 <= most,
            "{admitted} {most}"
        );
    }
}

#[test]
fn tokens_and_addresses_have_their_own_limits() {
    let env = machine();
    put(&env, FILE, "tool");
    tokens(&env);
    let options = ["--rate", "0.01/s", "--tokens", "tokens.yml"];
    let serving = Serving::start(&env, &options);
    let own = |name: &str| bearer(name);
    for name in ["read", "write", "join"] {
        let value = own(name);
        let headers = [("Authorization", value.as_str())];
        assert_eq!(admitted(&serving, 3, &headers, false), 1, "{name}");
    }
    // Guesses share the limit of the address.
    let value = own("nobody");
    let headers = [("Authorization", value.as_str())];
    serving
        .send("GET", "/api/binaries", &headers, b"")
        .problem(401);
    serving
        .send("GET", "/api/binaries", &headers, b"")
        .problem(429);
    assert_eq!(admitted(&serving, 3, &[], false), 0);
}

#[test]
fn forwarded_addresses_count_only_from_trusted_proxies() {
    let env = machine();
    put(&env, FILE, "tool");
    let trusting = [
        "--rate",
        "0.01/s",
        "--trusted-proxy",
        "127.0.0.1",
        "--trusted-proxy",
        "10.0.0.0/8",
    ];
    for (options, values, count) in [
        (
            &trusting[..],
            &["192.0.2.1", "192.0.2.2", "192.0.2.1"][..],
            2,
        ),
        (
            &trusting,
            &["192.0.2.1, 192.0.2.7", "192.0.2.2, 192.0.2.7"],
            1,
        ),
        (
            &trusting,
            &["192.0.2.1, 10.0.0.1", "192.0.2.2, 10.0.0.1"],
            2,
        ),
        (
            &trusting,
            &["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"],
            2,
        ),
        (&trusting, &["nonsense", "192.0.2.1, nonsense", ""], 1),
        (&trusting, &["192.0.2.1:80", "192.0.2.1"], 1),
        (&["--rate", "0.01/s"], &["192.0.2.1", "192.0.2.2"], 1),
        (
            &["--rate", "0.01/s", "--trusted-proxy", "10.0.0.0/8"],
            &["192.0.2.1", "192.0.2.2"],
            1,
        ),
    ] {
        for hyper in [false, true] {
            let serving = Serving::start(&env, options);
            let answered = values
                .iter()
                .map(|value| admitted(&serving, 1, &[("X-Forwarded-For", value)], hyper));
            assert_eq!(answered.sum::<usize>(), count, "{options:?} {values:?}");
        }
    }
}

#[test]
fn downloads_of_a_client_share_the_bandwidth() {
    let env = machine();
    let bytes = noise(600_000);
    put(&env, FILE, &bytes);
    let serving = Serving::start(&env, &["--bandwidth", "400K/s"]);
    // 1.2 MB at 400 KiB per second; the last piece need not be waited for.
    let start = Instant::now();
    std::thread::scope(|scope| {
        for hyper in [false, true] {
            let (serving, bytes) = (&serving, &bytes);
            scope.spawn(move || {
                let mut connection = serving.connect();
                if hyper {
                    connection.send("GET", "/livez", &[], b"");
                }
                let answer = connection.send("GET", &format!("/binaries/{FILE}"), &[], b"");
                assert_eq!(&answer.body, bytes);
            });
        }
    });
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(2500), "{took:?}");
    // What is no download does not wait.
    let start = Instant::now();
    for _ in 0..20 {
        assert_eq!(serving.get("/api/binaries").status, 200);
    }
    assert!(start.elapsed() < crate::serve::LONG);
}
