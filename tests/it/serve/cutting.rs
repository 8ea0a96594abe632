//! A proxy that cuts the first answer that is a package, for tests of resuming.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The running proxy; it ends with the test's process.
pub struct Cutting {
    /// Where it listens.
    pub address: SocketAddr,
    ranges: Arc<Mutex<Vec<String>>>,
}

impl Cutting {
    /// Starts a proxy that cuts the connection after so many bytes of the first package.
    pub fn start(server: SocketAddr, after: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let ranges = Arc::new(Mutex::new(Vec::new()));
        let shared = ranges.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let ranges = shared.clone();
                std::thread::spawn(move || connection(client, server, after, &ranges));
            }
        });
        Self { address, ranges }
    }

    /// The header `Range` of each request for a package; empty where there was none.
    pub fn ranges(&self) -> Vec<String> {
        self.ranges.lock().expect("the lock").clone()
    }
}

/// One request per connection: the answer's connection is closed after it.
fn connection(
    mut client: TcpStream,
    server: SocketAddr,
    after: usize,
    ranges: &Mutex<Vec<String>>,
) -> Option<()> {
    let head = head(&mut client)?;
    let is_package = head.lines().next()?.contains(".tar.gz HTTP");
    let mut is_cut = false;
    if is_package {
        let range = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("range").then(|| value.to_owned())
        });
        let mut ranges = ranges.lock().expect("the lock");
        is_cut = ranges.is_empty();
        ranges.push(range.unwrap_or_default());
    }
    let head = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    let mut upstream = TcpStream::connect(server).ok()?;
    upstream.write_all(head.as_bytes()).ok()?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer).ok()?;
    let body = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let end = if is_cut { body + after } else { answer.len() };
    client.write_all(&answer[..end]).ok()?;
    client.shutdown(Shutdown::Both).ok()
}

fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}
