//! A static file server for tests: a folder over plain http on a free port of the loopback.
//!
//! Supports GET, HEAD, one byte range and a strong ETag, and records every request. Faults are
//! injected per path. It does not model any real service.
#![allow(dead_code, reason = "a toolbox: not every test file needs every tool")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use camino::Utf8Path;

/// What to answer instead of the file.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This status with this body and content type `text/html`.
    Status(u16, String),
    /// The right head, but the connection is cut after this many bytes of the body, for this many
    /// answers.
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
    /// As sent, not decoded.
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
                    // An error only means that the client closed the connection.
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
    /// Returns `METHOD path` of every request so far and clears the list.
    pub fn take(&self) -> Vec<String> {
        let requests = std::mem::take(&mut self.state.lock().expect("state").requests);
        requests
            .into_iter()
            .map(|request| format!("{} {}", request.method, request.path))
            .collect()
    }
    /// Answers this path with the fault from now on.
    pub fn fault(&self, path: &str, fault: Fault) {
        self.state
            .lock()
            .expect("state")
            .faults
            .insert(path.to_owned(), fault);
    }
    /// Removes all faults.
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
        let (method, path) = (
            words.next().unwrap_or_default().to_owned(),
            words.next().unwrap_or_default().to_owned(),
        );
        let mut headers = Vec::new();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let Some((name, value)) = header.trim_end().split_once(':') else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let range = headers
            .iter()
            .find(|(name, _)| name == "range")
            .map(|(_, value)| value.clone());
        let fault = {
            let mut state = state.lock().expect("state");
            state.requests.push(Request {
                method: method.clone(),
                path: path.clone(),
                headers,
            });
            let fault = state.faults.get(&path).cloned();
            if let Some(Fault::Cut { times, .. }) = state.faults.get_mut(&path) {
                *times = times.saturating_sub(1);
            }
            fault
        };
        let mut cut = None;
        match fault {
            Some(Fault::Status(status, body)) => {
                head(
                    &mut stream,
                    status,
                    body.len() as u64,
                    &[("content-type", "text/html")],
                )?;
                if method != "HEAD" {
                    stream.write_all(body.as_bytes())?;
                }
                continue;
            }
            Some(Fault::Cut { after, times }) if times > 0 => cut = Some(after),
            _ => {}
        }
        let path = path.split('?').next().unwrap_or_default();
        let is_below = !path.contains("..");
        let file = std::fs::File::open(root.join(path.trim_start_matches('/')))
            .ok()
            .filter(|_| is_below);
        let Some((mut file, meta)) = file.and_then(|file| {
            file.metadata()
                .ok()
                .filter(std::fs::Metadata::is_file)
                .map(|meta| (file, meta))
        }) else {
            head(&mut stream, 404, 0, &[])?;
            continue;
        };
        let size = meta.len();
        let modified = meta.modified()?.duration_since(std::time::UNIX_EPOCH);
        let modified = modified.unwrap_or_default().as_nanos();
        let etag = format!("\"{size:x}-{modified:x}\"");
        let start = range.and_then(|r| {
            r.strip_prefix("bytes=")?
                .strip_suffix('-')?
                .parse::<u64>()
                .ok()
        });
        let part = match start {
            Some(start) if start < size => {
                let range = format!("bytes {start}-{}/{size}", size - 1);
                head(
                    &mut stream,
                    206,
                    size - start,
                    &[("etag", &etag), ("content-range", &range)],
                )?;
                start..size
            }
            Some(_) => {
                head(
                    &mut stream,
                    416,
                    0,
                    &[("content-range", &format!("bytes */{size}"))],
                )?;
                0..0
            }
            None => {
                head(
                    &mut stream,
                    200,
                    size,
                    &[("etag", &etag), ("accept-ranges", "bytes")],
                )?;
                0..size
            }
        };
        if method != "HEAD" {
            // Streams the file, because some tests serve large ones.
            file.seek(SeekFrom::Start(part.start))?;
            let length = cut
                .map_or(u64::MAX, |after| after as u64)
                .min(part.end - part.start);
            std::io::copy(&mut file.take(length), &mut stream)?;
        }
        stream.flush()?;
        if cut.is_some() {
            return stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

fn head(
    to: &mut TcpStream,
    status: u16,
    length: u64,
    headers: &[(&str, &str)],
) -> std::io::Result<()> {
    use std::fmt::Write as _;
    let mut text = format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n");
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    text.push_str("\r\n");
    to.write_all(text.as_bytes())
}

#[test]
#[cfg_attr(not(unix), ignore = "it needs curl")]
fn the_file_server_serves_files_ranges_and_faults() {
    let env = crate::env::TestEnv::new();
    env.write("files/a.txt", "0123456789");
    let server = FileServer::start(&env.path("files"));
    let get = |args: &[&str]| {
        let mut command = env.program("curl");
        command
            .args(["-sS", "--max-time", "10"])
            .args(args)
            .arg(format!("{}/a.txt", server.url()));
        env.output(command)
    };
    assert_eq!(get(&[]).success().stdout, "0123456789");
    assert_eq!(get(&["-r", "4-"]).success().stdout, "456789");
    assert_eq!(server.take(), ["GET /a.txt", "GET /a.txt"]);
    server.fault("/a.txt", Fault::Cut { after: 3, times: 1 });
    assert_ne!(get(&[]).code, Some(0));
    assert_eq!(get(&[]).success().stdout, "0123456789");
    server.fault("/a.txt", Fault::Status(503, String::new()));
    assert_eq!(
        get(&["-o", "/dev/null", "-w", "%{http_code}"])
            .success()
            .stdout,
        "503"
    );
    server.heal();
    assert_eq!(get(&[]).success().stdout, "0123456789");
}
