//! What has happened: from where on, in which form, and at which pace.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{fleet_machine, lines, serving};
use crate::serve::{Connection, LONG, Serving};

/// Makes events: each move of a channel is one.
fn make(serving: &Serving, count: usize) {
    let mut connection = serving.connect();
    let now = serving.get("/api/channels").json()[0]["version"] == "1.0.0";
    for number in 0..count {
        let version = ["1.0.0", "1.1.0"][(number + usize::from(now)) % 2];
        let body = format!("{{\"version\": \"{version}\"}}");
        let target = "/api/channels/tool/stable";
        let moved = connection.send("PUT", target, &[], body.as_bytes());
        assert_eq!(moved.status, 200, "{}", moved.text());
    }
}

fn ids(events: &[Value]) -> Vec<u64> {
    events
        .iter()
        .filter_map(|event| event["id"].as_u64())
        .collect()
}

/// An answer that goes on.
struct Stream {
    connection: Connection,
    text: String,
}

impl Stream {
    fn open(serving: &Serving, target: &str, headers: &[(&str, &str)]) -> Self {
        let mut connection = serving.connect();
        let mut request = format!("GET {target} HTTP/1.1\r\nHost: test\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        connection.write((request + "\r\n").as_bytes());
        let head = connection.read_head();
        assert_eq!(head.status, 200);
        Self {
            connection,
            text: String::new(),
        }
    }

    /// Reads until something is there.
    #[track_caller]
    fn until(&mut self, is_there: impl Fn(&str) -> bool) {
        let started = Instant::now();
        while !is_there(&self.text) {
            assert!(started.elapsed() < LONG, "{}", self.text);
            let piece = self.connection.try_chunk().expect("more");
            assert!(!piece.is_empty(), "it has ended: {}", self.text);
            self.text += std::str::from_utf8(&piece).expect("UTF-8");
        }
    }

    /// The numbers of the server-sent events so far.
    fn numbers(&self) -> Vec<u64> {
        let numbers = self
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("id: "));
        numbers
            .map(|number| number.parse().expect("a number"))
            .collect()
    }
}

const SSE: (&str, &str) = ("Accept", "text/event-stream");

#[test]
fn lines_begin_where_they_are_asked_to() {
    let env = fleet_machine();
    let serving = serving(&env, &[]);
    make(&serving, 300);
    for (query, expected) in [
        ("", 1..=300),
        ("&after=0", 1..=300),
        ("&after=298", 299..=300),
        ("&last=3", 298..=300),
        ("&last=1000", 1..=300),
        ("&after=2&last=3", 3..=300),
    ] {
        let answer = serving.get(&format!("/api/events?follow=false{query}"));
        assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
        let events = lines(&answer.text());
        assert_eq!(ids(&events), expected.collect::<Vec<_>>(), "{query}");
    }
    assert_eq!(serving.get("/api/events?follow=false&after=300").text(), "");
    for query in ["?after=x", "?after=-1", "?follow=maybe", "?last=1.5"] {
        serving.get(&format!("/api/events{query}")).problem(400);
    }
    let headers = [("Last-Event-ID", "soon")];
    serving
        .send("GET", "/api/events", &headers, b"")
        .problem(400);
    // A number from another time of the server.
    let events = lines(&serving.get("/api/events?follow=false&after=700").text());
    assert_eq!(events[0]["event"], "gap");
    assert_eq!(
        (&events[0]["from"], &events[0]["to"]),
        (&"700".into(), &"0".into())
    );
    assert_eq!(ids(&events[1..]), (1..=300).collect::<Vec<_>>());
}

#[test]
fn a_stream_goes_on_and_is_resumed_without_gap_or_double() {
    let env = fleet_machine();
    let serving = serving(&env, &[]);
    make(&serving, 3);
    let mut stream = Stream::open(&serving, "/api/events", &[SSE]);
    stream.until(|text| text.contains("id: 3\n"));
    assert!(stream.text.starts_with("retry: "), "{}", stream.text);
    make(&serving, 4);
    stream.until(|text| text.contains("id: 7\n") && text.ends_with("\n\n"));
    assert_eq!(stream.numbers(), [1, 2, 3, 4, 5, 6, 7]);
    for event in stream
        .text
        .split("\n\n")
        .filter(|event| event.contains("id: "))
    {
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
        let data: Value = serde_json::from_str(field("data: ").expect("data")).expect("JSON");
        assert_eq!(field("id: "), Some(data["id"].to_string().as_str()));
        assert_eq!(field("event: "), data["event"].as_str());
    }
    drop(stream);
    make(&serving, 300);
    let resumed = [SSE, ("Last-Event-ID", "7")];
    // The header is newer than the address.
    let mut stream = Stream::open(&serving, "/api/events?after=1", &resumed);
    make(&serving, 10);
    stream.until(|text| text.contains("id: 317\n"));
    assert_eq!(stream.numbers(), (8..=317).collect::<Vec<_>>());

    let mut followed = Stream::open(&serving, "/api/events?after=316", &[]);
    followed.until(|text| text.lines().count() == 1);
    make(&serving, 2);
    followed.until(|text| text.lines().count() == 3 && text.ends_with('\n'));
    assert_eq!(ids(&lines(&followed.text)), [317, 318, 319]);
    // Without following, server-sent events end too.
    let once = serving.send("GET", "/api/events?last=1&follow=false", &[SSE], b"");
    assert_eq!(once.header("content-type"), Some("text/event-stream"));
    assert!(once.text().contains("id: 319\n"), "{}", once.text());
}

#[test]
fn streams_end_with_the_server() {
    let env = fleet_machine();
    let serving = serving(&env, &["--drain", "20s"]);
    make(&serving, 1);
    let mut streams: Vec<Stream> = (0..5)
        .map(|_| Stream::open(&serving, "/api/events", &[SSE]))
        .collect();
    for stream in &mut streams {
        stream.until(|text| text.contains("id: 1\n"));
    }
    let started = Instant::now();
    assert_eq!(serving.stop(), Some(0));
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn who_reads_nothing_delays_nobody() {
    let env = fleet_machine();
    let serving = serving(&env, &[]);
    make(&serving, 100);
    let mut idle = Vec::new();
    for _ in 0..20 {
        let mut connection = serving.connect();
        connection.write(b"GET /api/events HTTP/1.1\r\nHost: test\r\n\r\n");
        idle.push(connection);
    }
    let mut reading = Stream::open(&serving, "/api/events?after=90", &[SSE]);
    reading.until(|text| text.contains("id: 100\n"));
    make(&serving, 200);
    reading.until(|text| text.contains("id: 300\n"));
    assert_eq!(reading.numbers(), (91..=300).collect::<Vec<_>>());
    // When it reads again, it gets everything.
    let connection = &mut idle[0];
    assert_eq!(connection.read_head().status, 200);
    let (mut text, started) = (String::new(), Instant::now());
    while !text.contains("\"id\":300,") {
        let piece = connection.try_chunk().expect("more");
        text += std::str::from_utf8(&piece).expect("UTF-8");
        assert!(started.elapsed() < LONG, "{} bytes", text.len());
    }
    assert_eq!(ids(&lines(&text)), (1..=300).collect::<Vec<_>>());
}
