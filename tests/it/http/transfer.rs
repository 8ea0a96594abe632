//! One transfer against servers that interrupt, send wrong ranges, slow down or change the file:
//! the result is the right bytes or an error, with a bounded number of requests.

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use larder_core::Kind;
use larder_core::cancel::Cancel;
use larder_remote::http::{Client, Request, Settings};

use crate::env::TestEnv;
use crate::http::{client, fetch, noise, quick};
use crate::servers::scripted::{Reply, Script, Seen};

/// Serves a body with ranges and a strong ETag, and interrupts successive answers at these offsets
/// of the body.
pub fn cutting(body: Arc<Vec<u8>>, cuts: Vec<usize>) -> Script {
    Script::start(move |request, n| {
        let start = request.range().unwrap_or(0);
        let reply = match start {
            0 => Reply::ok(&body[..]).header("etag", "\"v1\""),
            _ => Reply::rest(&body, start, "\"v1\""),
        };
        match cuts.get(n) {
            Some(cut) => reply.cut(cut.saturating_sub(start)),
            None => reply,
        }
    })
}

/// Ten sorted offsets below `size`; their seed is printed, and `LARDER_TEST_SEED` sets it.
fn ten_places(size: usize) -> Vec<usize> {
    let seed = std::env::var("LARDER_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed: u64 = seed
        .unwrap_or_else(|| std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), size));
    println!("LARDER_TEST_SEED={seed}");
    let mut state = seed | 1;
    let mut places: Vec<usize> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % (size as u64 - 1)).unwrap() + 1
    })
    .take(10)
    .collect();
    places.sort_unstable();
    places
}

#[test]
fn ten_interruptions_request_at_most_a_tenth_more_bytes() {
    let size = 3_000_000;
    let body = Arc::new(noise(size));
    let awkward = vec![
        7, 200_001, 200_002, 555_555, 900_000, 1_300_123, 1_300_124, 2_000_000, 2_600_000,
        2_999_999,
    ];
    for cuts in [
        awkward,
        ten_places(size),
        ten_places(size),
        ten_places(size),
    ] {
        let server = cutting(Arc::clone(&body), cuts.clone());
        let client = client();
        assert_eq!(
            fetch(&client, &server.at("/x")).unwrap().unwrap(),
            *body,
            "{cuts:?}"
        );
        let seen = server.seen();
        assert_eq!(seen.len(), 11, "{cuts:?}");
        // The bytes requested in total (as if no answer were interrupted), and the bytes received.
        let starts: Vec<usize> = seen
            .iter()
            .map(|request| request.range().unwrap_or(0))
            .collect();
        let ends = cuts.iter().copied().chain([size]);
        let requested: usize = starts
            .iter()
            .zip(ends)
            .map(|(start, end)| end - start)
            .sum();
        assert!(
            requested <= size + size / 10,
            "{requested} of {size}: {cuts:?}"
        );
        assert!(
            client.moved().received <= (size + size / 10) as u64,
            "{}",
            client.moved().received
        );
        assert_eq!(starts[1..], cuts, "each goes on where the last ended");
        assert!(
            seen[1..]
                .iter()
                .all(|request| request.header("if-range") == Some("\"v1\""))
        );
    }
}

#[test]
fn an_interrupted_chunked_body_is_resumed() {
    let body = Arc::new(noise(100_000));
    let served = Arc::clone(&body);
    let server = Script::start(move |request, _| match request.range() {
        None => Reply::ok(&served[..])
            .header("etag", "\"v1\"")
            .chunked()
            .cut(60_000),
        Some(start) => Reply::rest(&served, start, "\"v1\""),
    });
    assert_eq!(fetch(&client(), &server.at("/x")).unwrap().unwrap(), *body);
    assert_eq!(server.count(), 2);
}

#[test]
fn a_part_with_the_status_of_a_whole_is_appended() {
    let body = Arc::new(noise(100_000));
    let served = Arc::clone(&body);
    let server = Script::start(move |request, _| match request.range() {
        None => Reply::ok(&served[..]).header("etag", "\"v1\"").cut(60_000),
        Some(start) => Reply::ok(&served[start..])
            .header("etag", "\"v1\"")
            .header("content-range", &format!("bytes {start}-99999/100000")),
    });
    assert_eq!(fetch(&client(), &server.at("/x")).unwrap().unwrap(), *body);
    assert_eq!(server.count(), 2);
}

#[test]
fn wrong_range_answers_never_corrupt_the_result() {
    type Liar = fn(&[u8], &Seen) -> Reply;
    let liars: [(&str, Liar); 8] = [
        ("a 200 to a range", |body, _| {
            Reply::ok(body).header("etag", "\"v1\"")
        }),
        ("a 200 with a part from another place", |body, _| {
            let whole = format!("bytes 0-{}/{}", body.len() - 1, body.len());
            Reply::ok(body)
                .header("etag", "\"v1\"")
                .header("content-range", &whole)
        }),
        ("another place", |body, _| Reply::rest(body, 1, "\"v1\"")),
        ("another tag", |body, seen| {
            Reply::rest(body, seen.range().unwrap_or(1), "\"v2\"")
        }),
        ("another size", |body, seen| {
            let start = seen.range().unwrap_or(1);
            Reply::status(206)
                .header("content-range", &format!("bytes {start}-99/100"))
                .body(&body[start..])
        }),
        ("no place at all", |body, seen| {
            Reply::status(206).body(&body[seen.range().unwrap_or(1)..])
        }),
        ("416", |_, _| Reply::status(416)),
        ("a part without its end", |body, seen| {
            let start = seen.range().unwrap_or(1);
            Reply::status(206)
                .header(
                    "content-range",
                    &format!("bytes {start}-{}/{}", start + 9, body.len()),
                )
                .body(&body[start..start + 10])
        }),
    ];
    for (name, liar) in liars {
        let body = Arc::new(noise(300_000));
        let served = Arc::clone(&body);
        let server = Script::start(move |request, n| match (n, request.range()) {
            (0, _) => Reply::ok(&served[..]).header("etag", "\"v1\"").cut(123_456),
            (_, Some(_)) => liar(&served, request),
            (_, None) => Reply::ok(&served[..]).header("etag", "\"v1\""),
        });
        assert_eq!(
            fetch(&client(), &server.at("/x")).unwrap().unwrap(),
            *body,
            "{name}"
        );
        assert!(server.count() <= 3, "{name}: {}", server.count());
    }
}

#[test]
fn without_a_strong_validator_a_transfer_restarts_and_compares() {
    for tag in [None, Some("W/\"v1\"")] {
        let body = Arc::new(noise(200_000));
        let served = Arc::clone(&body);
        let server = Script::start(move |_, n| {
            let reply = tag.iter().fold(Reply::ok(&served[..]), |reply, tag| {
                reply.header("etag", tag)
            });
            if n < 2 {
                reply.cut(50_000 * (n + 1))
            } else {
                reply
            }
        });
        assert_eq!(fetch(&client(), &server.at("/x")).unwrap().unwrap(), *body);
        assert!(server.seen().iter().all(|s| s.header("range").is_none()));
        assert_eq!(server.count(), 3);
    }
}

#[test]
fn two_versions_of_a_file_are_never_spliced() {
    let (old, new) = (noise(200_000), {
        let mut b = noise(200_000);
        b[10] ^= 1;
        b
    });
    let server = Script::start(move |_, n| match n {
        0 => Reply::ok(&old[..]).header("etag", "\"v1\"").cut(100_000),
        _ => Reply::ok(&new[..]).header("etag", "\"v2\""),
    });
    let error = fetch(&client(), &server.at("/x")).unwrap_err();
    assert_eq!(error.kind(), Kind::Integrity);
    assert!(
        error
            .to_string()
            .contains("changed while it was transferred"),
        "{error}"
    );
    let shorter = Script::start(|_, n| match n {
        0 => Reply::ok(noise(1000)).cut(800),
        _ => Reply::ok(&noise(1000)[..500]),
    });
    assert_eq!(
        fetch(&client(), &shorter.at("/x")).unwrap_err().kind(),
        Kind::Integrity
    );
}

#[test]
fn a_wrong_length_is_detected() {
    // The stated length is too large: the body is never complete.
    let server = Script::start(|_, _| Reply::ok("0123456789").claim(20));
    let error = fetch(&client(), &server.at("/x")).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    // No new bytes arrive after the first answer, so the retries are used up.
    assert_eq!(server.count(), 4);
}

#[test]
fn a_slow_transfer_is_interrupted_resumed_and_given_up() {
    let body = Arc::new(noise(5_000));
    let served = Arc::clone(&body);
    let server = Script::start(move |request, n| {
        let start = request.range().unwrap_or(0);
        let reply = match start {
            0 => Reply::ok(&served[..]).header("etag", "\"v1\""),
            _ => Reply::rest(&served, start, "\"v1\""),
        };
        if n == 0 {
            reply.drip(Duration::from_millis(20))
        } else {
            reply
        }
    });
    assert_eq!(fetch(&client(), &server.at("/x")).unwrap().unwrap(), *body);
    assert_eq!(server.count(), 2);

    let endless = Script::start(|_, _| {
        Reply::ok(noise(5_000))
            .header("etag", "\"v1\"")
            .drip(Duration::from_millis(20))
    });
    let started = Instant::now();
    let error = fetch(&client(), &endless.at("/x")).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn a_small_answer_that_drips_is_given_up_soon() {
    let slow = Duration::from_millis(20);
    let small = |client: &Client, url: &str| client.get_small(Request::get(url)?, 1_000_000);
    let sent = |client: &Client, url: &str| client.send(Request::get(url)?.anything());
    // At 50 bytes a second each of these would take at least 100 seconds.
    let never = |reply: Reply| Script::start(move |_, _| reply.clone());
    for (what, server) in [
        ("a body", never(Reply::ok(noise(5_000)).drip(slow))),
        (
            "a body without a length",
            never(Reply::ok(noise(5_000)).chunked().drip(slow)),
        ),
        (
            "a body that stops",
            never(Reply::ok(noise(9)).claim(5_000).drip(slow).hang()),
        ),
    ] {
        let started = Instant::now();
        let error = small(&client(), &server.at("/x")).unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{what}: {error}");
        let error = sent(&client(), &server.at("/x")).unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{what}: {error}");
        assert!(
            started.elapsed() < Duration::from_secs(8),
            "{what}: {:?}",
            started.elapsed()
        );
        assert_eq!(server.count(), 8, "{what}: each is tried four times");
    }
    // However many tries there are, the limit for no progress ends them.
    let patient = Settings {
        retries: 1_000,
        stall: Duration::from_secs(1),
        ..quick()
    };
    let server = never(Reply::ok(noise(5_000)).drip(slow));
    let started = Instant::now();
    let error = small(&Client::new(patient, Cancel::new()), &server.at("/x")).unwrap_err();
    assert!(
        error.to_string().contains("made no progress for 1 s"),
        "{error}"
    );
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );
    // A slow answer is requested again, and a short one may take its time.
    let once = Script::start(move |_, n| match n {
        0 => Reply::ok(noise(5_000)).drip(slow),
        _ => Reply::ok("a checksum").drip(slow),
    });
    let found = small(&client(), &once.at("/x")).unwrap().unwrap();
    assert_eq!((found.as_slice(), once.count()), (&b"a checksum"[..], 2));
}

#[test]
fn a_run_is_not_held_by_a_server_that_drips() {
    let server = Script::start(|request, _| match request.path.as_str() {
        "/tool" => Reply::ok("#!/bin/sh\n"),
        _ => Reply::ok(noise(5_000)).drip(Duration::from_millis(20)),
    });
    let mut env = TestEnv::new();
    env.set("LARDER_HTTP_SLOW_WINDOW", "300ms");
    env.set("LARDER_HTTP_STALL_TIMEOUT", "1s");
    let (hub, sums) = (server.at("/hub"), server.at("/SUMS"));
    for (settings, recipe) in [
        (
            format!("hub: {{http: \"{hub}\"}}\nsources: [managed]\n"),
            format!("upstream: {{url: \"{}\"}}", server.at("/tool")),
        ),
        (
            String::new(),
            format!(
                "upstream: {{url: \"{}\", checksums: \"{sums}\"}}",
                server.at("/tool")
            ),
        ),
    ] {
        env.versions(&[("tool", "v1.0.0")], &settings);
        env.recipe("tool", &format!("binaries: [tool]\n{recipe}\n"));
        let started = Instant::now();
        let out = env.larder(["ensure", "all"]).exits(5);
        assert!(
            out.stderr.contains("made no progress for 1 s"),
            "{}",
            out.stderr
        );
        assert!(
            started.elapsed() < Duration::from_secs(8),
            "{:?}",
            started.elapsed()
        );
    }
}

#[test]
fn a_slow_error_page_is_not_read_to_its_end() {
    let slow = Duration::from_millis(20);
    for (status, kind) in [
        (404, None),
        (403, Some(Kind::Unavailable)),
        (500, Some(Kind::Unavailable)),
    ] {
        let server = Script::start(move |_, _| Reply::status(status).body(noise(5_000)).drip(slow));
        let started = Instant::now();
        let small = client().get_small(Request::get(&server.at("/x")).unwrap(), 10_000);
        let whole = fetch(&client(), &server.at("/x"));
        for result in [small, whole] {
            assert_eq!(result.err().map(|error| error.kind()), kind, "{status}");
        }
        assert!(
            started.elapsed() < Duration::from_secs(8),
            "{status}: {:?}",
            started.elapsed()
        );
    }
    // Also when it answers the request for the rest of a file.
    let server = Script::start(move |_, n| match n {
        0 => Reply::ok(noise(5_000)).header("etag", "\"v1\"").cut(2_000),
        _ => Reply::status(403).body(noise(5_000)).drip(slow),
    });
    let started = Instant::now();
    fetch(&client(), &server.at("/x")).unwrap_err();
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn a_body_beyond_the_size_limit_is_cut_off() {
    let server = Script::start(|_, _| Reply::ok(noise(100_000)).chunked());
    let request = Request::get(&server.at("/x")).unwrap().limit(50_000);
    let mut body = client().get(request.clone()).unwrap().unwrap();
    assert!(body.read_to_end(&mut Vec::new()).is_err());
    assert_eq!(
        client().get_small(request, 50_000).unwrap_err().kind(),
        Kind::Unavailable
    );
}
