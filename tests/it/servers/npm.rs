//! A small npm registry: package documents, tarballs, dist-tags and deprecation. It knows one token.
#![allow(dead_code, reason = "a toolbox: not every test file needs every tool")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::scripted::{Reply, Script, Seen};

/// The token that may write.
pub const TOKEN: &str = "npm-token-of-the-registry";

#[derive(Default)]
struct State {
    documents: BTreeMap<String, Value>,
    /// The number of requests that are still answered before one fails, and with what.
    faults: Vec<(usize, u16)>,
    /// The number of uploads that are still answered before one is taken and its answer is lost.
    lost: Option<usize>,
    writes: Vec<String>,
}

/// The registry; it stops with the test's process.
pub struct NpmRegistry {
    script: Script,
    state: Arc<Mutex<State>>,
}

impl NpmRegistry {
    /// Starts an empty registry.
    pub fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let script = Script::start(move |seen, _| answer(&mut shared.lock().expect("state"), seen));
        Self { script, state }
    }

    /// Its url, with a slash at the end.
    pub fn url(&self) -> String {
        self.script.at("/")
    }

    /// The number of requests with a method.
    pub fn requests(&self, method: &str) -> usize {
        let seen = self.script.seen();
        seen.iter().filter(|seen| seen.method == method).count()
    }

    /// What was written, such as `arc@1.0.0 latest`, in the order of the requests.
    pub fn writes(&self) -> Vec<String> {
        self.state.lock().expect("state").writes.clone()
    }

    /// Answers the n-th write from now on (the next is 0) with a status.
    pub fn fail(&self, n: usize, status: u16) {
        self.state.lock().expect("state").faults.push((n, status));
    }

    /// Takes the n-th upload from now on (the next is 0) and closes the connection without an answer.
    pub fn lose_answer_of(&self, n: usize) {
        self.state.lock().expect("state").lost = Some(n);
    }

    /// The version of a dist-tag.
    pub fn tag(&self, package: &str, tag: &str) -> Option<String> {
        let document = self.document(package)?;
        Some(document["dist-tags"].get(tag)?.as_str()?.to_owned())
    }

    /// The document of a package.
    pub fn document(&self, package: &str) -> Option<Value> {
        self.state
            .lock()
            .expect("state")
            .documents
            .get(package)
            .cloned()
    }

    /// Publishes a version from elsewhere.
    pub fn put(&self, package: &str, version: &str, tag: &str, tarball: &[u8]) {
        let attachment = json!({"data": STANDARD.encode(tarball)});
        let sent = json!({
            "name": package,
            "dist-tags": {tag: version},
            "versions": {version: {"name": package, "version": version, "dist": {}}},
            "_attachments": {"x.tgz": attachment},
        });
        let mut state = self.state.lock().expect("state");
        publish(&mut state, package, &sent);
    }
}

fn answer(state: &mut State, seen: &Seen) -> Reply {
    let path = seen.path.split('?').next().unwrap_or_default();
    let path = percent_encoding::percent_decode_str(path)
        .decode_utf8_lossy()
        .into_owned();
    if seen.method == "GET" {
        if path == "/-/whoami" {
            return if is_known(seen) {
                json_reply(200, &json!({"username": "acme"}))
            } else {
                json_reply(401, &json!({"error": "log in"}))
            };
        }
        let name = path.trim_start_matches('/');
        if let Some(rest) = name.strip_prefix("-/package/") {
            let name = rest.trim_end_matches("/dist-tags");
            let tags = &state.documents.get(name).expect("a package")["dist-tags"];
            return json_reply(200, tags);
        }
        return match state.documents.get(name) {
            Some(document) => json_reply(200, document),
            None => json_reply(404, &json!({"error": "no such package"})),
        };
    }
    let fault = state.faults.iter().position(|(n, _)| *n == 0);
    for (n, _) in &mut state.faults {
        *n = n.wrapping_sub(1);
    }
    if let Some(fault) = fault {
        let (_, status) = state.faults.remove(fault);
        return json_reply(status, &json!({"error": "as the test says"}));
    }
    if !is_known(seen) {
        return json_reply(401, &json!({"error": "log in"}));
    }
    let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
    if let Some(rest) = path.strip_prefix("/-/package/") {
        let (name, tag) = rest.split_once("/dist-tags/").expect("a dist-tag");
        state.writes.push(format!("{name} {tag}={body}"));
        let document = state.documents.get_mut(name).expect("a package");
        document["dist-tags"][tag] = body;
        return json_reply(201, &json!({"ok": true}));
    }
    let name = path.trim_start_matches('/').to_owned();
    if body.get("_attachments").is_none() {
        // A changed document: versions are deprecated this way.
        state.writes.push(format!("{name} changed"));
        state.documents.insert(name, body);
        return json_reply(201, &json!({"ok": true}));
    }
    let status = publish(state, &name, &body);
    if status == 201 {
        match state.lost.take() {
            Some(0) => return Reply::nothing(),
            left => state.lost = left.map(|n| n - 1),
        }
    }
    json_reply(status, &json!({"ok": status == 201}))
}

fn publish(state: &mut State, name: &str, sent: &Value) -> u16 {
    let document = state.documents.entry(name.to_owned()).or_insert_with(
        || json!({"_id": name, "_rev": "1", "name": name, "dist-tags": {}, "versions": {}}),
    );
    for (version, manifest) in sent["versions"].as_object().expect("versions") {
        if document["versions"].get(version).is_some() {
            return 409;
        }
        let attachments = sent["_attachments"].as_object().expect("attachments");
        let (_, attachment) = attachments.iter().next().expect("a tarball");
        let data = attachment["data"].as_str().expect("data");
        let tarball = STANDARD.decode(data).expect("base64");
        let digest = ring::digest::digest(&ring::digest::SHA512, &tarball);
        let mut manifest = manifest.clone();
        let integrity = format!("sha512-{}", STANDARD.encode(digest));
        manifest["dist"]["integrity"] = integrity.into();
        document["versions"][version] = manifest;
        for (tag, version) in sent["dist-tags"].as_object().expect("dist-tags") {
            document["dist-tags"][tag] = version.clone();
            let version = version.as_str().expect("a version");
            state.writes.push(format!("{name}@{version} {tag}"));
        }
    }
    201
}

fn is_known(seen: &Seen) -> bool {
    seen.header("authorization") == Some(&format!("Bearer {TOKEN}"))
}

fn json_reply(status: u16, body: &Value) -> Reply {
    Reply::status(status)
        .header("content-type", "application/json")
        .body(body.to_string())
}
