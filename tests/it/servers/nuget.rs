//! A small `NuGet` feed of version 2: pushes, entries with digests, downloads, and unlisting. It knows
//! one key.
#![allow(dead_code, reason = "a toolbox: not every test file needs every tool")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::scripted::{Reply, Script, Seen};

/// The key that may push.
pub const KEY: &str = "nuget-key-of-the-feed";

#[derive(Default)]
struct State {
    /// The bytes by id and version, and whether it is listed.
    packages: BTreeMap<(String, String), (Vec<u8>, bool)>,
    faults: Vec<(usize, u16)>,
    loses_answer: bool,
    states_digests: bool,
    is_moderated: bool,
}

/// The feed; it stops with the test's process.
pub struct NugetFeed {
    script: Script,
    state: Arc<Mutex<State>>,
}

impl NugetFeed {
    /// Starts an empty feed that states digests.
    pub fn start() -> Self {
        let state = Arc::new(Mutex::new(State {
            states_digests: true,
            ..State::default()
        }));
        let shared = Arc::clone(&state);
        let script = Script::start(move |seen, _| answer(&mut shared.lock().expect("state"), seen));
        Self { script, state }
    }

    /// Its url, to which packages are pushed.
    pub fn url(&self) -> String {
        self.script.url.clone()
    }

    /// The number of requests with a method.
    pub fn requests(&self, method: &str) -> usize {
        let seen = self.script.seen();
        seen.iter().filter(|seen| seen.method == method).count()
    }

    /// All requests.
    pub fn seen(&self) -> Vec<Seen> {
        self.script.seen()
    }

    /// Answers the n-th write from now on (the next is 0) with a status.
    pub fn fail(&self, n: usize, status: u16) {
        self.state.lock().expect("state").faults.push((n, status));
    }

    /// Takes the next package and closes the connection without an answer.
    pub fn lose_answer(&self) {
        self.state.lock().expect("state").loses_answer = true;
    }

    /// States no digests, so that packages must be downloaded to be compared.
    pub fn state_no_digests(&self) {
        self.state.lock().expect("state").states_digests = false;
    }

    /// Shows no package from now on.
    pub fn moderate(&self) {
        self.state.lock().expect("state").is_moderated = true;
    }

    /// The bytes of a package.
    pub fn package(&self, id: &str, version: &str) -> Option<Vec<u8>> {
        let state = self.state.lock().expect("state");
        let key = (id.to_owned(), version.to_owned());
        state.packages.get(&key).map(|(bytes, _)| bytes.clone())
    }

    /// Whether a package is in the lists.
    pub fn is_listed(&self, id: &str, version: &str) -> bool {
        let state = self.state.lock().expect("state");
        let key = (id.to_owned(), version.to_owned());
        state.packages.get(&key).is_some_and(|(_, listed)| *listed)
    }

    /// Publishes a package from elsewhere.
    pub fn put(&self, id: &str, version: &str, bytes: &[u8]) {
        let key = (id.to_owned(), version.to_owned());
        let mut state = self.state.lock().expect("state");
        state.packages.insert(key, (bytes.to_vec(), true));
    }
}

const ROOT: &str = "/api/v2/";

fn answer(state: &mut State, seen: &Seen) -> Reply {
    let path = percent_encoding::percent_decode_str(&seen.path)
        .decode_utf8_lossy()
        .into_owned();
    let Some(path) = path.strip_prefix(ROOT) else {
        return Reply::status(404);
    };
    if seen.method == "GET" {
        return read(state, path);
    }
    let fault = state.faults.iter().position(|(n, _)| *n == 0);
    for (n, _) in &mut state.faults {
        *n = n.wrapping_sub(1);
    }
    if let Some(fault) = fault {
        let (_, status) = state.faults.remove(fault);
        return Reply::status(status);
    }
    if seen.header("x-nuget-apikey") != Some(KEY) {
        return Reply::status(403);
    }
    if seen.method == "DELETE" {
        let key = key(path.trim_start_matches("package/"));
        return match state.packages.get_mut(&key) {
            Some((_, listed)) => {
                *listed = false;
                Reply::status(204)
            }
            None => Reply::status(404),
        };
    }
    assert_eq!((seen.method.as_str(), path), ("PUT", "package"));
    let (name, bytes) = part(seen);
    // `<id>.<version>.nupkg`
    let name = name.trim_end_matches(".nupkg");
    let (id, version) = name.split_once('.').expect("a version");
    let key = (id.to_owned(), version.to_owned());
    if state.packages.contains_key(&key) {
        return Reply::status(409);
    }
    state.packages.insert(key, (bytes, true));
    if std::mem::take(&mut state.loses_answer) {
        return Reply::nothing();
    }
    Reply::status(201)
}

fn read(state: &State, path: &str) -> Reply {
    if state.is_moderated {
        return Reply::status(404);
    }
    if let Some(rest) = path.strip_prefix("package/") {
        return match state.packages.get(&key(rest)) {
            Some((bytes, _)) => Reply::ok(bytes.clone()),
            None => Reply::status(404),
        };
    }
    let quoted: Vec<&str> = path.split('\'').collect();
    let id = quoted.get(1).expect("an id").to_string();
    if path.starts_with("Packages(") {
        let key = (id, quoted[3].to_owned());
        return match state.packages.get(&key) {
            Some((bytes, _)) => {
                let entry = entry(&key, bytes, false, state.states_digests);
                Reply::ok(format!("<?xml version=\"1.0\"?>{entry}"))
            }
            None => Reply::status(404),
        };
    }
    assert!(path.starts_with("FindPackagesById()"), "{path}");
    let versions = state.packages.iter();
    let listed: Vec<_> = versions
        .filter(|((of, _), (_, listed))| *of == id && *listed)
        .collect();
    let entries: String = listed
        .iter()
        .enumerate()
        .map(|(n, (key, (bytes, _)))| {
            entry(key, bytes, n + 1 == listed.len(), state.states_digests)
        })
        .collect();
    Reply::ok(format!("<?xml version=\"1.0\"?><feed>{entries}</feed>"))
}

fn entry((id, version): &(String, String), bytes: &[u8], latest: bool, stated: bool) -> String {
    let hash = if stated {
        let digest = ring::digest::digest(&ring::digest::SHA512, bytes);
        format!(
            "<d:PackageHash>{}</d:PackageHash><d:PackageHashAlgorithm>SHA512</d:PackageHashAlgorithm>",
            STANDARD.encode(digest)
        )
    } else {
        String::new()
    };
    format!(
        "<entry><title type=\"text\">{id}</title><content type=\"application/zip\" src=\"/api/v2/package/{id}/{version}\" />\
         <m:properties><d:Version>{version}</d:Version><d:IsLatestVersion m:type=\"Edm.Boolean\">{latest}</d:IsLatestVersion>{hash}</m:properties></entry>"
    )
}

fn key(path: &str) -> (String, String) {
    let (id, version) = path.split_once('/').expect("id/version");
    (id.to_owned(), version.to_owned())
}

/// The file name and the bytes of the only part of a form.
fn part(seen: &Seen) -> (String, Vec<u8>) {
    let kind = seen.header("content-type").expect("a type");
    let boundary = kind
        .strip_prefix("multipart/form-data; boundary=")
        .expect("a form");
    let body = &seen.body;
    let start = body
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .expect("a head");
    let head = String::from_utf8_lossy(&body[..start]).into_owned();
    assert!(head.starts_with(&format!("--{boundary}\r\n")), "{head}");
    let end = format!("\r\n--{boundary}--\r\n");
    assert!(body.ends_with(end.as_bytes()));
    let name = head.split("filename=\"").nth(1).expect("a file name");
    let name = name.split('"').next().expect("a quote").to_owned();
    (name, body[start + 4..body.len() - end.len()].to_vec())
}
