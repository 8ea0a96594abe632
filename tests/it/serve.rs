//! A static file server for tests: a folder over plain http on a free port of the loopback.
//!
//! Knows GET, HEAD, one byte range and a strong ETag, and remembers every request. Faults are injected per path. It is no
//! model of any real service.
#![allow(dead_code, reason = "a toolbox: not every test file needs every tool")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use camino::{Utf8Path, Utf8PathBuf};

/// What to answer instead of the file.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This status with this body and content type `text/html`.
    Status(u16, String),
    /// The right head, but the connection is cut after so many bytes of the body, the next so many times.
    Cut {
        /// Bytes that still arrive, per answer.
        after: usize,
        /// How many answers are cut.
        times: usize,
    },
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`.
    pub method: String,
    /// Decoded only as far as needed here: as sent.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
}

#[derive(Default)]
struct State {
    requests: Vec<Request>,
    faults: HashMap<String, Fault>,
}

/// The server; it stops with the test's process.
pub struct FileServer {
    url: String,
    state: Arc<Mutex<State>>,
}

impl FileServer {
    /// Serves a folder.
    pub fn start(root: &Utf8Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("address"));
        let state = Arc::new(Mutex::new(State::default()));
        let (shared, root) = (state.clone(), root.to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, root) = (shared.clone(), root.clone());
                std::thread::spawn(move || {
                    // A client that goes away is no concern of ours.
                    let _ = serve(stream, &root, &shared);
                });
            }
        });
        Self { url, state }
    }
    /// Base url without a trailing slash.
    pub fn url(&self) -> &str {
        &self.url
    }
    /// Every request so far.
    pub fn requests(&self) -> Vec<Request> {
        self.state.lock().expect("state").requests.clone()
    }
    /// `METHOD path` of every request so far, and forgets them.
    pub fn take(&self) -> Vec<String> {
        let requests = std::mem::take(&mut self.state.lock().expect("state").requests);
        requests.into_iter().map(|request| format!("{} {}", request.method, request.path)).collect()
    }
    /// From now on answers a path so.
    pub fn fault(&self, path: &str, fault: Fault) {
        self.state.lock().expect("state").faults.insert(path.to_owned(), fault);
    }
    /// Answers everything well again.
    pub fn heal(&self) {
        self.state.lock().expect("state").faults.clear();
    }
}

fn serve(stream: TcpStream, root: &Utf8Path, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut words = line.split_whitespace();
        let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
        let mut headers = Vec::new();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let Some((name, value)) = header.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let range = headers.iter().find(|(name, _)| name == "range").map(|(_, value)| value.clone());
        let fault = {
            let mut state = state.lock().expect("state");
            state.requests.push(Request { method: method.clone(), path: path.clone(), headers });
            let fault = state.faults.get(&path).cloned();
            if let Some(Fault::Cut { times, .. }) = state.faults.get_mut(&path) {
                *times = times.saturating_sub(1);
            }
            fault
        };
        let mut cut = None;
        match fault {
            Some(Fault::Status(status, body)) => {
                answer(&mut stream, status, &[("content-type", "text/html")], body.as_bytes(), method == "HEAD", None)?;
                continue;
            }
            Some(Fault::Cut { after, times }) if times > 0 => cut = Some(after),
            _ => {}
        }
        let file: Utf8PathBuf = root.join(path.trim_start_matches('/').split('?').next().unwrap_or_default());
        let head = method == "HEAD";
        match std::fs::read(&file) {
            Ok(bytes) if file.starts_with(root) && !path.contains("..") => {
                let etag = format!("\"{:x}-{}\"", bytes.len(), bytes.iter().map(|b| u64::from(*b)).sum::<u64>());
                let start = range.and_then(|r| r.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
                match start {
                    Some(start) if start < bytes.len() => {
                        let range = format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len());
                        answer(&mut stream, 206, &[("etag", &etag), ("content-range", &range)], &bytes[start..], head, cut)?;
                    }
                    Some(_) => {
                        answer(&mut stream, 416, &[("content-range", &format!("bytes */{}", bytes.len()))], b"", head, None)?;
                    }
                    None => answer(&mut stream, 200, &[("etag", &etag), ("accept-ranges", "bytes")], &bytes, head, cut)?,
                }
            }
            _ => answer(&mut stream, 404, &[], b"not found\n", head, None)?,
        }
        if cut.is_some() {
            return stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

fn answer(
    to: &mut TcpStream,
    status: u16,
    headers: &[(&str, &str)],
    body: &[u8],
    head: bool,
    cut: Option<usize>,
) -> std::io::Result<()> {
    use std::fmt::Write as _;
    let mut text = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    text.push_str("\r\n");
    to.write_all(text.as_bytes())?;
    if !head {
        to.write_all(&body[..cut.unwrap_or(body.len()).min(body.len())])?;
    }
    to.flush()
}

#[test]
fn files_ranges_and_faults() {
    let env = crate::env::TestEnv::new();
    env.write("files/a.txt", "0123456789");
    let server = FileServer::start(&env.path("files"));
    let get = |args: &[&str]| {
        let mut command = env.program("curl");
        command.args(["-sS", "--max-time", "10"]).args(args).arg(format!("{}/a.txt", server.url()));
        env.output(command)
    };
    assert_eq!(get(&[]).success().stdout, "0123456789");
    assert_eq!(get(&["-r", "4-"]).success().stdout, "456789");
    assert_eq!(server.take(), ["GET /a.txt", "GET /a.txt"]);
    server.fault("/a.txt", Fault::Cut { after: 3, times: 1 });
    assert_ne!(get(&[]).code, Some(0));
    assert_eq!(get(&[]).success().stdout, "0123456789");
    server.fault("/a.txt", Fault::Status(503, String::new()));
    assert_eq!(get(&["-o", "/dev/null", "-w", "%{http_code}"]).success().stdout, "503");
    server.heal();
    assert_eq!(get(&[]).success().stdout, "0123456789");
}
