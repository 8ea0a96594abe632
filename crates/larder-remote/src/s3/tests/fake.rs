//! An object store in memory on the loopback, with switches for what stores do differently and for
//! what goes wrong. It checks no signatures; the stores in `tests/it/hubs` do.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::Digest as _;

use larder_core::environment::Environment;
use larder_core::model::Digest;

/// An answer: status, headers, body.
pub(crate) type Reply = (u16, Vec<(&'static str, String)>, Vec<u8>);

/// One request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Without the bucket.
    pub(crate) key: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// `GET`, the key and the names in the query.
    pub(crate) fn line(&self) -> String {
        let names: Vec<&str> = self.query.keys().map(String::as_str).collect();
        format!("{} {}?{}", self.method, self.key, names.join("&"))
    }
}

#[derive(Clone, Default)]
struct Stored {
    bytes: Vec<u8>,
    etag: String,
    at: i64,
    sha256: Option<String>,
}

/// What the store does. The default is a good one.
#[derive(Clone)]
pub(crate) struct Switches {
    pub(crate) conditional: bool,
    /// Objects written from now on are in no list.
    pub(crate) lags: bool,
    pub(crate) states_sha256: bool,
    /// Every request from this one on gets no answer; the first of them is done all the same or not.
    pub(crate) ends_at: Option<(usize, bool)>,
    pub(crate) forbids_lists: bool,
    /// Whether it knows uploads that were begun.
    pub(crate) lists_uploads: bool,
    /// Whether a key that does not exist is forbidden.
    pub(crate) hides: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            conditional: true,
            lags: false,
            states_sha256: true,
            ends_at: None,
            forbids_lists: false,
            lists_uploads: true,
            hides: false,
        }
    }
}

#[derive(Default)]
pub(crate) struct State {
    objects: BTreeMap<String, Stored>,
    hidden: BTreeSet<String>,
    uploads: BTreeMap<String, (String, BTreeMap<usize, Stored>)>,
    next: usize,
    pub(crate) switches: Switches,
    /// Answers that come before all others.
    pub(crate) script: VecDeque<Reply>,
    pub(crate) seen: Vec<Seen>,
    /// How many seconds the clock of the store is ahead.
    pub(crate) ahead: i64,
}

/// The store. Its thread ends with the process.
pub(crate) struct Fake {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

impl Fake {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(&stream, &shared));
            }
        });
        Self { url, state }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.state().switches);
    }

    /// The variables of somebody who may use it.
    pub(crate) fn environment(&self) -> Environment {
        [
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI"),
            ("AWS_ENDPOINT_URL_S3", &self.url),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
        .into_iter()
        .collect()
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.state().objects.keys().cloned().collect()
    }

    pub(crate) fn bytes(&self, key: &str) -> Option<Vec<u8>> {
        self.state()
            .objects
            .get(key)
            .map(|stored| stored.bytes.clone())
    }

    pub(crate) fn put(&self, key: &str, bytes: &[u8]) {
        let mut state = self.state();
        let stored = stored(bytes, &state);
        state.objects.insert(key.to_owned(), stored);
    }

    /// Forgets everything that is stored.
    pub(crate) fn clear(&self) {
        let mut state = self.state();
        state.objects.clear();
        state.uploads.clear();
    }

    pub(crate) fn uploads(&self) -> usize {
        self.state().uploads.len()
    }

    /// The requests since the last call.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.state().seen)
    }
}

/// An answer with an error in XML.
pub(crate) fn failure(status: u16, code: &str) -> Reply {
    let body =
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>no</Message></Error>");
    (status, Vec::new(), body.into_bytes())
}

fn now(state: &State) -> i64 {
    jiff::Timestamp::now().as_second() + state.ahead
}

fn http_date(seconds: i64) -> String {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds.unsigned_abs());
    httpdate::fmt_http_date(time)
}

fn stored(bytes: &[u8], state: &State) -> Stored {
    let etag = md5::Md5::digest(bytes)
        .iter()
        .fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
    let digest = STANDARD.encode(Digest::of(bytes).as_bytes());
    Stored {
        bytes: bytes.to_vec(),
        etag: format!("\"{etag}\""),
        at: now(state),
        sha256: state.switches.states_sha256.then_some(digest),
    }
}

fn read(stream: &TcpStream) -> Option<Seen> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut seen = Seen {
        method,
        ..Seen::default()
    };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        seen.headers
            .insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length: usize = seen.header("content-length").parse().unwrap_or(0);
    seen.body = vec![0; length];
    reader.read_exact(&mut seen.body).ok()?;
    let (path, query) = path.split_once('?').unwrap_or((&path, ""));
    let text = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned()
    };
    let path = text(path.trim_start_matches('/'));
    path.split_once('/')
        .map_or("", |(_, key)| key)
        .clone_into(&mut seen.key);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        seen.query.insert(text(name), text(value));
    }
    Some(seen)
}

fn serve(mut stream: &TcpStream, state: &Mutex<State>) {
    let Some(seen) = read(stream) else { return };
    let (reply, date) = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let count = state.seen.len();
        state.seen.push(seen.clone());
        let end = state.switches.ends_at.filter(|(end, _)| count >= *end);
        if end.is_some_and(|(end, is_done)| count > end || !is_done) {
            return;
        }
        let scripted = state.script.pop_front();
        let reply = scripted.unwrap_or_else(|| answer(&mut state, &seen));
        if end.is_some() {
            return;
        }
        (reply, http_date(now(&state)))
    };
    let (status, headers, body) = reply;
    let mut head = format!("HTTP/1.1 {status} Fake\r\ndate: {date}\r\nconnection: close\r\n");
    for (name, value) in &headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if !headers.iter().any(|(name, _)| *name == "content-length") {
        let _ = write!(head, "content-length: {}\r\n", body.len());
    }
    head.push_str("\r\n");
    let body = if seen.method == "HEAD" {
        &[][..]
    } else {
        &body
    };
    let _ = stream.write_all(&[head.as_bytes(), body].concat());
}

fn answer(state: &mut State, seen: &Seen) -> Reply {
    let has = |name: &str| seen.query.contains_key(name);
    let key = seen.key.as_str();
    let upload = seen.query.get("uploadId").cloned().unwrap_or_default();
    match seen.method.as_str() {
        "GET" if key.is_empty() && state.switches.forbids_lists => failure(403, "AccessDenied"),
        "GET" if (has("uploads") || has("uploadId")) && !state.switches.lists_uploads => {
            failure(501, "NotImplemented")
        }
        "GET" if has("uploads") => uploads(state, &seen.query),
        "GET" if key.is_empty() => list(state, &seen.query),
        "GET" if has("uploadId") => parts(state, &upload),
        "GET" | "HEAD" => match state.objects.get(key) {
            Some(stored) => object(stored),
            None if state.switches.hides => failure(403, "AccessDenied"),
            None => failure(404, "NoSuchKey"),
        },
        "DELETE" if has("uploadId") => {
            state.uploads.remove(&upload);
            (204, Vec::new(), Vec::new())
        }
        "DELETE" => {
            state.objects.remove(key);
            (204, Vec::new(), Vec::new())
        }
        "PUT" if has("partNumber") => {
            let stored = stored(&seen.body, state);
            let number = seen.query["partNumber"].parse().unwrap();
            let headers = stated(&stored);
            match state.uploads.get_mut(&upload) {
                Some((_, parts)) => drop(parts.insert(number, stored)),
                None => return failure(404, "NoSuchUpload"),
            }
            (200, headers, Vec::new())
        }
        "PUT" => {
            let stored = stored(&seen.body, state);
            create(state, seen, stored)
        }
        "POST" if has("uploads") => {
            state.next += 1;
            let id = format!("upload-{}", state.next);
            let body = format!("<R><UploadId>{id}</UploadId></R>");
            state.uploads.insert(id, (key.to_owned(), BTreeMap::new()));
            (200, Vec::new(), body.into_bytes())
        }
        "POST" => {
            let Some((_, parts)) = state.uploads.get(&upload) else {
                return failure(404, "NoSuchUpload");
            };
            let bytes: Vec<u8> = parts.values().flat_map(|part| part.bytes.clone()).collect();
            let stored = Stored {
                sha256: None,
                ..stored(&bytes, state)
            };
            let reply = create(state, seen, stored);
            if reply.0 == 200 {
                state.uploads.remove(&upload);
                return (200, Vec::new(), b"<R/>".to_vec());
            }
            reply
        }
        _ => failure(405, "MethodNotAllowed"),
    }
}

fn create(state: &mut State, seen: &Seen, stored: Stored) -> Reply {
    let is_new = seen.header("if-none-match") == "*" && state.switches.conditional;
    if is_new && state.objects.contains_key(&seen.key) {
        return failure(412, "PreconditionFailed");
    }
    if state.switches.lags {
        state.hidden.insert(seen.key.clone());
    }
    let headers = stated(&stored);
    state.objects.insert(seen.key.clone(), stored);
    (200, headers, Vec::new())
}

fn stated(stored: &Stored) -> Vec<(&'static str, String)> {
    let mut headers = vec![("etag", stored.etag.clone())];
    headers.extend(
        stored
            .sha256
            .clone()
            .map(|sha256| ("x-amz-checksum-sha256", sha256)),
    );
    headers
}

fn object(stored: &Stored) -> Reply {
    let mut headers = stated(stored);
    headers.push(("content-length", stored.bytes.len().to_string()));
    headers.push(("last-modified", http_date(stored.at)));
    (200, headers, stored.bytes.clone())
}

fn list(state: &State, query: &BTreeMap<String, String>) -> Reply {
    let prefix = query.get("prefix").cloned().unwrap_or_default();
    let after = query.get("continuation-token").cloned().unwrap_or_default();
    let mut keys = state
        .objects
        .iter()
        .filter(|(key, _)| key.starts_with(&prefix) && **key > after)
        .filter(|(key, _)| !state.hidden.contains(*key));
    let mut body = String::from("<ListBucketResult>");
    let mut last = "";
    // Few at a time, so that every list has pages.
    for (key, stored) in keys.by_ref().take(3) {
        let _ = write!(
            body,
            "<Contents><Key>{key}</Key><Size>{}</Size><ETag>{}</ETag></Contents>",
            stored.bytes.len(),
            stored.etag
        );
        last = key;
    }
    if keys.next().is_some() {
        let _ = write!(
            body,
            "<IsTruncated>true</IsTruncated><NextContinuationToken>{last}</NextContinuationToken>"
        );
    }
    body.push_str("</ListBucketResult>");
    (200, Vec::new(), body.into_bytes())
}

fn uploads(state: &State, query: &BTreeMap<String, String>) -> Reply {
    let prefix = query.get("prefix").cloned().unwrap_or_default();
    let mut body = String::from("<R>");
    for (id, (key, _)) in state
        .uploads
        .iter()
        .filter(|(_, (key, _))| key.starts_with(&prefix))
    {
        let _ = write!(
            body,
            "<Upload><Key>{key}</Key><UploadId>{id}</UploadId></Upload>"
        );
    }
    body.push_str("</R>");
    (200, Vec::new(), body.into_bytes())
}

fn parts(state: &State, upload: &str) -> Reply {
    let Some((_, parts)) = state.uploads.get(upload) else {
        return failure(404, "NoSuchUpload");
    };
    let mut body = String::from("<R>");
    for (number, part) in parts {
        let _ = write!(
            body,
            "<Part><PartNumber>{number}</PartNumber><Size>{}</Size><ETag>{}</ETag>",
            part.bytes.len(),
            part.etag
        );
        if let Some(sha256) = &part.sha256 {
            let _ = write!(body, "<ChecksumSHA256>{sha256}</ChecksumSHA256>");
        }
        body.push_str("</Part>");
    }
    body.push_str("</R>");
    (200, Vec::new(), body.into_bytes())
}
