//! A small repository of Python packages: uploads, and a simple index. It knows one password.
#![allow(dead_code, reason = "a toolbox: not every test file needs every tool")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use larder_core::model::Digest;

use super::scripted::{Reply, Script, Seen};

/// The password that may upload.
pub const PASSWORD: &str = "pypi-password-of-the-repository";

/// How the index shows files.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Shows {
    /// As HTML with digests.
    #[default]
    Html,
    /// As JSON with digests.
    Json,
    /// As HTML without digests.
    NoDigests,
    /// Not yet.
    Nothing,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    faults: Vec<(usize, u16)>,
    lost: Option<usize>,
    shows: Shows,
}

/// The repository; it stops with the test's process.
pub struct PypiRepository {
    script: Script,
    state: Arc<Mutex<State>>,
}

impl PypiRepository {
    /// Starts an empty repository.
    pub fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let script = Script::start(move |seen, _| answer(&mut shared.lock().expect("state"), seen));
        Self { script, state }
    }

    /// Its url, to which wheels are uploaded; the index is in `simple/`.
    pub fn url(&self) -> String {
        self.script.at("/")
    }

    /// The number of requests with a method.
    pub fn requests(&self, method: &str) -> usize {
        let seen = self.script.seen();
        seen.iter().filter(|seen| seen.method == method).count()
    }

    /// How the index shows files from now on.
    pub fn show(&self, shows: Shows) {
        self.state.lock().expect("state").shows = shows;
    }

    /// Answers the n-th upload from now on (the next is 0) with a status.
    pub fn fail(&self, n: usize, status: u16) {
        self.state.lock().expect("state").faults.push((n, status));
    }

    /// Takes the n-th upload from now on and closes the connection without an answer.
    pub fn lose_answer_of(&self, n: usize) {
        self.state.lock().expect("state").lost = Some(n);
    }

    /// The bytes of a file.
    pub fn file(&self, name: &str) -> Option<Vec<u8>> {
        self.state.lock().expect("state").files.get(name).cloned()
    }

    /// The names of all files.
    pub fn names(&self) -> Vec<String> {
        let state = self.state.lock().expect("state");
        state.files.keys().cloned().collect()
    }

    /// Uploads a file from elsewhere.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        let mut state = self.state.lock().expect("state");
        state.files.insert(name.to_owned(), bytes.to_vec());
    }
}

fn answer(state: &mut State, seen: &Seen) -> Reply {
    if let Some(name) = seen.path.strip_prefix("/files/") {
        return match state.files.get(name) {
            Some(bytes) => Reply::ok(bytes.clone()),
            None => Reply::status(404),
        };
    }
    if let Some(package) = seen.path.strip_prefix("/simple/") {
        return page(state, package.trim_end_matches('/'));
    }
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/"));
    let fault = state.faults.iter().position(|(n, _)| *n == 0);
    for (n, _) in &mut state.faults {
        *n = n.wrapping_sub(1);
    }
    if let Some(fault) = fault {
        let (_, status) = state.faults.remove(fault);
        return Reply::status(status);
    }
    let login = format!("Basic {}", STANDARD.encode(format!("acme:{PASSWORD}")));
    if seen.header("authorization") != Some(&login) {
        return Reply::status(403);
    }
    let (name, bytes) = upload(seen);
    if state.files.contains_key(&name) {
        return Reply::status(409);
    }
    state.files.insert(name, bytes);
    match state.lost.take() {
        Some(0) => return Reply::nothing(),
        left => state.lost = left.map(|n| n - 1),
    }
    Reply::status(200)
}

fn page(state: &State, package: &str) -> Reply {
    let start = format!("{}-", package.replace('-', "_"));
    let files: Vec<_> = state
        .files
        .iter()
        .filter(|(name, _)| name.starts_with(&start))
        .collect();
    if files.is_empty() || state.shows == Shows::Nothing {
        return Reply::status(404);
    }
    if state.shows == Shows::Json {
        let files: Vec<_> = files
            .iter()
            .map(|(name, bytes)| {
                let digest = Digest::of(bytes).to_string();
                serde_json::json!({"filename": name, "url": format!("/files/{name}"), "hashes": {"sha256": digest}})
            })
            .collect();
        let page =
            serde_json::json!({"meta": {"api-version": "1.0"}, "name": package, "files": files});
        return Reply::status(200)
            .header("content-type", "application/vnd.pypi.simple.v1+json")
            .body(page.to_string());
    }
    let mut page = "<!DOCTYPE html><html><body>".to_owned();
    for (name, bytes) in files {
        let digest = match state.shows {
            Shows::NoDigests => String::new(),
            _ => format!("#sha256={}", Digest::of(bytes)),
        };
        let _ = writeln!(page, "<a href=\"/files/{name}{digest}\">{name}</a><br>");
    }
    Reply::status(200)
        .header("content-type", "text/html")
        .body(page + "</body></html>")
}

/// The file of an upload: the field `content` of a form, as twine and curl send it.
fn upload(seen: &Seen) -> (String, Vec<u8>) {
    let kind = seen.header("content-type").expect("a type");
    let boundary = kind.split("boundary=").nth(1).expect("a boundary");
    let boundary = format!("\r\n--{boundary}");
    let body = &seen.body;
    let find = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).position(|it| it == text);
    let marker = b"name=\"content\"; filename=\"";
    let at = find(body, marker).expect("a file") + marker.len();
    let rest = &body[at..];
    let name = rest.split(|byte| *byte == b'"').next().expect("a name");
    let start = find(rest, b"\r\n\r\n").expect("a head") + 4;
    let end = find(&rest[start..], boundary.as_bytes()).expect("an end");
    let name = String::from_utf8_lossy(name).into_owned();
    (name, rest[start..start + end].to_vec())
}
