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

mod fault;
mod http;

use std::collections::BTreeMap;
use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use fault::{Act, Fault};
use http::{Head, ask, closing, later, read_body, read_head, status_of, to_bytes};

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

type Action = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    upstream: BTreeMap<String, String>,
    log: Vec<Passed>,
    armed: Option<(usize, Side)>,
    struck: bool,
    /// With the number of requests that each has matched.
    faults: Vec<(Fault, usize)>,
    /// What the first of the same requests was answered, for [`Act::Stale`].
    first_answers: BTreeMap<String, Vec<u8>>,
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
        self.shared.lock().faults.push((fault, 0));
    }

    /// How many requests each fault has matched.
    pub fn hits(&self) -> Vec<usize> {
        let state = self.shared.lock();
        state.faults.iter().map(|(_, matched)| *matched).collect()
    }

    /// Removes the faults and the actions.
    pub fn heal(&self) {
        let mut state = self.shared.lock();
        state.faults.clear();
        state.first_answers.clear();
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
        let fault = fault::pick(&mut state.faults, &passed);
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
    let upstream = upstream.as_deref();
    let Some(answer) = answer(shared, place, (head, &body), fault.as_ref(), upstream)? else {
        return Ok(());
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
    send(shared, client, answer, fault.as_ref())
}

/// The answer of the server, or what is said in its place; `None` if there is none.
fn answer(
    shared: &Shared,
    place: &str,
    (mut head, body): (Head, &[u8]),
    fault: Option<&Act>,
    upstream: Option<&str>,
) -> std::io::Result<Option<Vec<u8>>> {
    let line = format!("{place} {} {}", head.method, head.path);
    let known = match fault {
        Some(Act::Hang) => {
            shared.hold();
            return Ok(None);
        }
        Some(Act::Answer(status, body)) => Some(said(*status, &[], body)),
        Some(Act::Say(status, headers, body)) => Some(said(*status, headers, body)),
        Some(Act::Stale) => shared.lock().first_answers.get(&line).cloned(),
        _ => None,
    };
    if known.is_some() {
        return Ok(known);
    }
    if let Some(Act::Strip(header)) = fault {
        head.headers.retain(|(name, _)| name != header);
    }
    let upstream = upstream.expect("a server behind the proxy");
    let answer = ask(upstream, &to_bytes(&head, body))?;
    if matches!(fault, Some(Act::Stale)) {
        let mut state = shared.lock();
        state.first_answers.insert(line, answer.clone());
    }
    Ok(Some(answer))
}

/// Sends an answer, or what is left of it.
fn send(
    shared: &Shared,
    mut client: &TcpStream,
    mut answer: Vec<u8>,
    fault: Option<&Act>,
) -> std::io::Result<()> {
    let start = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let start = start.map_or(answer.len(), |end| end + 4);
    match fault {
        Some(Act::Lose) => return Ok(()),
        Some(Act::Cut(bytes) | Act::Stall(bytes)) => {
            answer.truncate(start.saturating_add(*bytes));
        }
        Some(Act::Later(seconds)) => answer = later(&answer, start, *seconds),
        Some(Act::Flip) if answer.len() > start => {
            let middle = usize::midpoint(start, answer.len());
            answer[middle] ^= 1;
        }
        _ => {}
    }
    client.write_all(&closing(&answer))?;
    client.flush()?;
    if matches!(fault, Some(Act::Stall(_))) {
        shared.hold();
    }
    Ok(())
}

fn said(status: u16, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    use std::fmt::Write as _;
    let mut text = format!("HTTP/1.1 {status} x\r\n");
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    let _ = write!(text, "content-length: {}\r\n\r\n{body}", body.len());
    text.into_bytes()
}
