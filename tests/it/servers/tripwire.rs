//! Proxies in front of other servers of a test: they count the requests of all of them together, and
//! can stop at one, let one fail, or do something before one is passed on.
//!
//! Each connection carries one request. A request that is stopped *before* never reaches its server;
//! one that is stopped *after* is answered, and the answer never reaches the client. From then on no
//! request is passed on, so that the client can be killed at that very point.
//!
//! ```ignore
//! let wire = Tripwire::new();
//! let url = wire.front("npm");                    // stays the same when the server is replaced
//! wire.point("npm", &registry.url());
//! wire.arm(7, Side::After);
//! // start the client; when wire.struck(): kill it, then
//! wire.release();
//! ```
#![allow(dead_code, reason = "a toolbox: not every test file needs every tool")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Which side of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Before the server gets it.
    Before,
    /// After the server has answered, before the client gets the answer.
    After,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Passed {
    /// The name of the server.
    pub place: String,
    /// `GET`.
    pub method: String,
    /// With its query.
    pub path: String,
    /// The headers that may carry a credential, as `name: value`.
    pub credentials: Vec<String>,
    /// What the client sent, head and body.
    pub sent: Vec<u8>,
    /// 0 until it is answered, or if it never is.
    pub status: u16,
}

impl Passed {
    /// Whether the request writes something.
    pub fn writes(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD")
            && !["/graphql", "git-upload-pack", "/token"]
                .iter()
                .any(|end| self.path.ends_with(end))
    }

    /// What the client sent after the head.
    pub fn body(&self) -> &[u8] {
        let end = self.sent.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        end.map_or(&[], |end| &self.sent[end + 4..])
    }

    /// The place, the method and the path.
    pub fn line(&self) -> String {
        format!("{} {} {}", self.place, self.method, self.path)
    }
}

/// What happens to a request that matches.
#[derive(Clone, Debug)]
pub enum Act {
    /// The server does not get it; this is the answer.
    Answer(u16, String),
    /// The server does not get it, and there is no answer until the faults are removed.
    Hang,
    /// The server gets it, and the answer is lost, the first time that the same is sent.
    Lose,
}

/// A fault for every request that matches.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The name of the server.
    pub place: &'static str,
    /// `None` is every method; `Some("write")` is every request that writes.
    pub method: Option<&'static str>,
    /// What the path contains.
    pub contains: &'static str,
    /// What happens.
    pub act: Act,
}

type Action = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    upstream: BTreeMap<String, String>,
    log: Vec<Passed>,
    armed: Option<(usize, Side)>,
    struck: bool,
    faults: Vec<Fault>,
    actions: Vec<(String, String, Action)>,
    /// Counts `release`, `heal` and `disarm`, which end the waiting of held requests.
    era: usize,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds a request until the test goes on.
    fn hold(&self) {
        let state = self.lock();
        let era = state.era;
        let wait = self
            .changed
            .wait_timeout_while(state, Duration::from_mins(2), |state| state.era == era);
        drop(wait);
    }
}

/// The proxies of one test; they stop with the test's process.
#[derive(Clone, Default)]
pub struct Tripwire {
    shared: Arc<Shared>,
}

impl Tripwire {
    /// Without any proxy.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a proxy, and returns its url without a slash at the end.
    pub fn front(&self, place: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("address"));
        let (shared, place) = (Arc::clone(&self.shared), place.to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, place) = (Arc::clone(&shared), place.clone());
                std::thread::spawn(move || {
                    // An error only means that one of the two sides has closed the connection.
                    let _ = pass(&shared, &stream, &place);
                });
            }
        });
        url
    }

    /// Says which server is behind a proxy.
    pub fn point(&self, place: &str, url: &str) {
        let address = url.trim_start_matches("http://").trim_end_matches('/');
        let mut state = self.shared.lock();
        state.upstream.insert(place.to_owned(), address.to_owned());
    }

    /// Stops at the n-th request from now on (the next is 1).
    pub fn arm(&self, n: usize, side: Side) {
        let mut state = self.shared.lock();
        state.armed = Some((state.log.len() + n, side));
        state.struck = false;
    }

    /// Whether it has stopped at a request, which is held now.
    pub fn struck(&self) -> bool {
        self.shared.lock().struck
    }

    /// Closes the connections of the requests that are held. No request is passed on yet.
    pub fn release(&self) {
        self.shared.lock().era += 1;
        self.shared.changed.notify_all();
    }

    /// Passes requests on again.
    pub fn disarm(&self) {
        let mut state = self.shared.lock();
        (state.armed, state.struck) = (None, false);
        state.era += 1;
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Adds a fault.
    pub fn fault(&self, fault: Fault) {
        self.shared.lock().faults.push(fault);
    }

    /// Removes the faults and the actions.
    pub fn heal(&self) {
        let mut state = self.shared.lock();
        state.faults.clear();
        state.actions.clear();
        state.era += 1;
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Does something once, before the first request to a place whose path contains a text is
    /// passed on.
    pub fn before(&self, place: &str, contains: &str, action: impl FnOnce() + Send + 'static) {
        let action = (place.to_owned(), contains.to_owned(), Box::new(action) as _);
        self.shared.lock().actions.push(action);
    }

    /// Every request so far.
    pub fn log(&self) -> Vec<Passed> {
        self.shared.lock().log.clone()
    }

    /// Forgets the requests so far.
    pub fn clear(&self) {
        self.shared.lock().log.clear();
    }

    /// The requests that write something.
    pub fn writes(&self) -> Vec<Passed> {
        let mut log = self.log();
        log.retain(Passed::writes);
        log
    }
}

/// What a request that is passed on has.
struct Head {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
}

impl Head {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| *n == name);
        found.map(|(_, value)| value.as_str())
    }
}

fn pass(shared: &Shared, client: &TcpStream, place: &str) -> std::io::Result<()> {
    let mut reader = BufReader::new(client);
    let Some(head) = read_head(&mut reader)? else {
        return Ok(());
    };
    let mut client = client;
    if head.header("expect").is_some() {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let body = read_body(&mut reader, &head)?;
    let request = to_bytes(&head, &body);
    let credentials = head
        .headers
        .iter()
        .filter(|(name, _)| ["authorization", "x-nuget-apikey", "cookie"].contains(&name.as_str()));
    let passed = Passed {
        place: place.to_owned(),
        method: head.method.clone(),
        path: head.path.clone(),
        credentials: credentials
            .map(|(name, value)| format!("{name}: {value}"))
            .collect(),
        sent: request.clone(),
        status: 0,
    };
    let (number, side, fault, action, upstream) = {
        let mut state = shared.lock();
        if state.struck {
            return Ok(());
        }
        let fault = state.faults.iter().find(|fault| matches(fault, &passed));
        let fault = fault.map(|fault| fault.act.clone());
        let action = state
            .actions
            .iter()
            .position(|(at, contains, _)| *at == passed.place && passed.path.contains(contains));
        let action = action.map(|index| state.actions.remove(index).2);
        let is_first = !state.log.iter().any(|one| one.line() == passed.line());
        state.log.push(passed);
        let number = state.log.len();
        let side = state
            .armed
            .filter(|(n, _)| *n == number)
            .map(|(_, side)| side);
        state.struck |= side == Some(Side::Before);
        (
            number,
            side,
            fault.filter(|act| is_first || !matches!(act, Act::Lose)),
            action,
            state.upstream.get(place).cloned(),
        )
    };
    if side == Some(Side::Before) {
        shared.hold();
        return Ok(());
    }
    if let Some(action) = action {
        action();
    }
    let is_lost = matches!(fault, Some(Act::Lose));
    let answer = match fault {
        Some(Act::Hang) => {
            shared.hold();
            return Ok(());
        }
        Some(Act::Answer(status, body)) => format!(
            "HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes(),
        Some(Act::Lose) | None => ask(&upstream.expect("a server behind the proxy"), &request)?,
    };
    {
        let mut state = shared.lock();
        if let Some(passed) = state.log.get_mut(number - 1) {
            passed.status = status_of(&answer);
        }
        state.struck |= side == Some(Side::After);
    }
    if side == Some(Side::After) {
        shared.hold();
        return Ok(());
    }
    if is_lost {
        return Ok(());
    }
    client.write_all(&closing(&answer))?;
    client.flush()
}

fn matches(fault: &Fault, passed: &Passed) -> bool {
    let method = match fault.method {
        None => true,
        Some("write") => passed.writes(),
        Some(method) => passed.method == method,
    };
    method && fault.place == passed.place && passed.path.contains(fault.contains)
}

fn read_head(reader: &mut impl BufRead) -> std::io::Result<Option<Head>> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Ok(Some(Head {
        method,
        path,
        headers,
    }))
}

fn read_body(reader: &mut impl BufRead, head: &Head) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if head.header("transfer-encoding") == Some("chunked") {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let size = usize::from_str_radix(line.trim(), 16).map_err(std::io::Error::other)?;
            let mut chunk = vec![0; size + 2];
            reader.read_exact(&mut chunk)?;
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                return Ok(body);
            }
        }
    }
    let length = head
        .header("content-length")
        .and_then(|text| text.parse().ok());
    body.resize(length.unwrap_or(0), 0);
    reader.read_exact(&mut body)?;
    Ok(body)
}

/// A request for one connection, with its length.
fn to_bytes(head: &Head, body: &[u8]) -> Vec<u8> {
    use std::fmt::Write as _;
    let mut text = format!("{} {} HTTP/1.1\r\n", head.method, head.path);
    for (name, value) in &head.headers {
        let replaced = [
            "connection",
            "content-length",
            "transfer-encoding",
            "expect",
        ];
        if !replaced.contains(&name.as_str()) {
            let _ = write!(text, "{name}: {value}\r\n");
        }
    }
    if !matches!(head.method.as_str(), "GET" | "HEAD") {
        let _ = write!(text, "content-length: {}\r\n", body.len());
    }
    text.push_str("connection: close\r\n\r\n");
    [text.as_bytes(), body].concat()
}

fn ask(address: &str, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(address)?;
    server.write_all(request)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    Ok(answer)
}

fn status_of(answer: &[u8]) -> u16 {
    let line = answer
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
    status.unwrap_or(0)
}

/// The same answer, which says that the connection ends with it.
fn closing(answer: &[u8]) -> Vec<u8> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let Some(end) = end else {
        return answer.to_vec();
    };
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let lines = head.split("\r\n").filter(|line| {
        let name = line.split(':').next().unwrap_or_default();
        !name.eq_ignore_ascii_case("connection")
    });
    let head = lines.collect::<Vec<_>>().join("\r\n");
    let head = format!("{head}\r\nconnection: close");
    [head.as_bytes(), &answer[end..]].concat()
}
