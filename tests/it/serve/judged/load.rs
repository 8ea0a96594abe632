//! Many clients at once: all get what they ask for, slow ones cost little, and neither changes of the
//! folder nor the end of the server lose a request.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use crate::http::noise;
use crate::serve::{Connection, LONG, Serving, machine, put, sha256};

const FILE: &str = "tool-1.0.0-linux-x86_64";

/// GET on a new connection: the status and the body. `None` if the connection failed before its end.
fn download(address: SocketAddr, target: &str) -> Option<(u16, Vec<u8>)> {
    let mut connection = Connection::open(address).ok()?;
    connection.write(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
    let answer = connection.try_read("GET")?;
    Some((answer.status, answer.body))
}

#[test]
fn a_thousand_downloads_at_once_are_whole() {
    let env = machine();
    let bytes = Arc::new(noise(300_000));
    put(&env, FILE, &*bytes);
    let serving = Serving::start(&env, &[]);
    let address = serving.address;
    let start = Arc::new(Barrier::new(1000));
    let clients: Vec<_> = (0..1000)
        .map(|_| {
            let (bytes, start) = (bytes.clone(), start.clone());
            let work = move || {
                start.wait();
                let answer = download(address, &format!("/binaries/{FILE}"));
                answer.is_some_and(|(status, body)| status == 200 && body == *bytes)
            };
            let thread = std::thread::Builder::new().stack_size(128 * 1024);
            thread.spawn(work).expect("start a thread")
        })
        .collect();
    let whole = clients.into_iter().filter_map(|client| client.join().ok());
    assert_eq!(whole.filter(|is_whole| *is_whole).count(), 1000);
    let info = serving.get("/api/binaries").json();
    assert_eq!(info[0]["checksum"], sha256(&bytes));
}

#[test]
fn a_thousand_slow_clients_cost_little_memory() {
    let env = machine();
    let bytes = noise(20_000_000);
    put(&env, FILE, &bytes);
    let serving = Serving::start(&env, &[]);
    let before = serving.memory();
    let slow: Vec<_> = (0..1000)
        .map(|number| {
            let mut stream = TcpStream::connect(serving.address).expect("connect");
            let head = format!("GET /binaries/{FILE} HTTP/1.1\r\nHost: x\r\n");
            // Half of them do not even finish to ask.
            let end = if number % 2 == 0 { "\r\n" } else { "X-Slow: " };
            stream.write_all((head + end).as_bytes()).expect("write");
            stream
        })
        .collect();
    serving.wait("all connections", |serving| {
        serving.metric("connections") == 1001
    });
    let memory = serving.memory().saturating_sub(before);
    assert!(memory < 30, "{memory} MB");
    assert_eq!(serving.get(&format!("/binaries/{FILE}")).body, bytes);
    drop(slow);
}

#[test]
fn changes_under_load_fail_no_request() {
    let env = machine();
    put(&env, FILE, "tool");
    put(&env, "stay-1.0.0-linux-x86_64", noise(100_000));
    let serving = Serving::start(&env, &[]);
    let address = serving.address;
    let (done, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for target in [
            "/binaries/stay-1.0.0-linux-x86_64",
            "/api/binaries/latest/linux/x86_64?name=stay",
            "/api/binaries",
            "/SHA256SUMS",
        ] {
            let (done, asked) = (&done, &asked);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let status = download(address, target).map(|(status, _)| status);
                    assert_eq!(status, Some(200), "{target}");
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 0..40 {
            let name = format!("new-1.0.{round}-linux-x86_64");
            put(&env, &name, name.as_bytes());
            if round >= 10 {
                env.remove(&format!("binaries/new-1.0.{}-linux-x86_64", round - 10));
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        serving.wait("the last change", |serving| serving.files().len() == 12);
        done.store(true, Ordering::Relaxed);
    });
    assert!(asked.into_inner() > 100);
}

#[test]
fn the_end_under_load_is_in_time_and_cuts_nothing() {
    let env = machine();
    let bytes = noise(3_000_000);
    put(&env, FILE, &bytes);
    let mut serving = Serving::start(&env, &["--drain", "20s"]);
    let address = serving.address;
    let whole = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                loop {
                    // Refused connections are the end. An answer that has begun is whole.
                    let Ok(mut stream) = TcpStream::connect(address) else {
                        return;
                    };
                    stream.set_read_timeout(Some(LONG)).expect("set");
                    let head = format!("GET /binaries/{FILE} HTTP/1.1\r\nHost: x\r\n\r\n");
                    let mut answer = Vec::new();
                    let mut buffer = vec![0; 256 * 1024];
                    if stream.write_all(head.as_bytes()).is_err() {
                        return;
                    }
                    while answer.len() < bytes.len() {
                        match stream.read(&mut buffer) {
                            Ok(length @ 1..) => answer.extend_from_slice(&buffer[..length]),
                            // It was not accepted any more.
                            _ if answer.is_empty() => return,
                            end => panic!("cut after {} bytes: {end:?}", answer.len()),
                        }
                    }
                    let body = answer.windows(4).position(|part| part == b"\r\n\r\n");
                    let body = body.expect("an empty line") + 4;
                    while answer.len() < body + bytes.len() {
                        let length = stream.read(&mut buffer).expect("read");
                        assert!(length > 0, "cut after {} bytes", answer.len());
                        answer.extend_from_slice(&buffer[..length]);
                    }
                    assert!(answer[body..] == bytes[..]);
                    whole.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        serving.wait("downloads", |_| whole.load(Ordering::Relaxed) > 20);
        serving.signal("TERM");
        assert_eq!(serving.end(), Some(0));
    });
}

#[test]
fn the_deadline_ends_what_never_ends() {
    let env = machine();
    put(&env, FILE, noise(20_000_000));
    let mut serving = Serving::start(&env, &["--drain", "1s"]);
    let mut stuck: Vec<_> = (0..50).map(|_| serving.connect()).collect();
    for connection in &mut stuck {
        connection.write(format!("GET /binaries/{FILE} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
    }
    serving.wait("their start", |serving| {
        serving.metric("sent_bytes_total") > 5_000_000
    });
    let start = Instant::now();
    serving.signal("TERM");
    assert_eq!(serving.end(), Some(0));
    let took = start.elapsed();
    assert!(
        took >= Duration::from_millis(900) && took < Duration::from_secs(15),
        "{took:?}"
    );
}
