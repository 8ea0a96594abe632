//! `larder serve` through the command line: a server per test, on a free port of the loopback.

mod api;
mod backup;
mod changes;
mod connections;
mod cutting;
mod files;
pub mod fleet;
mod grid;
mod grpc;
mod guarded;
mod hub;
mod judged;
mod operation;
mod page;
mod standby;
mod upload;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use camino::Utf8PathBuf;
use larder_core::model::Digest;
use serde_json::Value;

use crate::env::TestEnv;

/// How long a test waits for what must happen. The contract's two seconds are checked by the tests
/// that name them; everything else only has to happen on a busy machine too.
pub const LONG: Duration = Duration::from_secs(30);

/// A running server. It ends with the test.
pub struct Serving {
    child: Child,
    /// The address for HTTP.
    pub address: SocketAddr,
    /// The address for gRPC.
    pub grpc: SocketAddr,
    log: Utf8PathBuf,
}

/// Writes a file into the served folder that is an hour old, so that nobody waits for its writer.
pub fn put(env: &TestEnv, name: &str, bytes: impl AsRef<[u8]>) -> Utf8PathBuf {
    let path = env.write(&format!("binaries/{name}"), bytes);
    age(&path);
    path
}

/// Makes a file an hour old.
pub fn age(path: &Utf8PathBuf) {
    let hour_ago = SystemTime::now() - Duration::from_hours(1);
    let file = std::fs::File::options().write(true).open(path);
    file.and_then(|file| file.set_modified(hour_ago))
        .expect("set the time");
}

/// A machine with an empty folder of binaries.
pub fn machine() -> TestEnv {
    let env = TestEnv::new();
    std::fs::create_dir(env.path("binaries")).expect("create folder");
    env
}

impl Serving {
    /// Starts a server and waits until it is ready.
    pub fn start(env: &TestEnv, options: &[&str]) -> Self {
        let serving = Self::start_unready(env, options);
        serving.wait("readiness", |serving| serving.get("/readyz").status == 200);
        serving
    }

    /// Starts a server and waits until it is bound.
    pub fn start_unready(env: &TestEnv, options: &[&str]) -> Self {
        let mut command = env.command(["serve", "--port", "0"]);
        command.args(options);
        Self::spawn(env, command)
    }

    /// Runs a prepared command.
    pub fn spawn(env: &TestEnv, mut command: Command) -> Self {
        let number = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos());
        let log = env.base().join(format!("serve-{number}.log"));
        let stderr = std::fs::File::create(&log).expect("create the log");
        let mut child = command
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("start the server");
        let stdout = child.stdout.take().expect("a pipe");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let read = || std::fs::read_to_string(&log).unwrap_or_default();
        let listening: Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}\n{}", read()));
        assert_eq!(listening["event"], "listening");
        let address = |kind: &str| {
            let address = listening[kind].as_str().expect("an address");
            address.parse().expect("an address")
        };
        Self {
            address: address("http"),
            grpc: address("grpc"),
            child,
            log,
        }
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("the log")
    }

    /// Opens a connection.
    pub fn connect(&self) -> Connection {
        Connection::open(self.address).expect("connect")
    }

    /// Sends a request on its own connection.
    pub fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        self.connect().send(method, target, headers, body)
    }

    /// GET.
    pub fn get(&self, target: &str) -> Response {
        self.send("GET", target, &[], b"")
    }

    /// The files that are registered.
    pub fn files(&self) -> Vec<String> {
        let list = self.get("/api/binaries").json();
        let path = |info: &Value| info["path"].as_str().expect("a path").to_owned();
        list.as_array()
            .expect("an array")
            .iter()
            .map(path)
            .collect()
    }

    /// A counter or gauge.
    pub fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics").text();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("larder_serve_{name} ")));
        line.and_then(|value| value.parse().ok())
            .unwrap_or_else(|| panic!("no {name} in\n{text}"))
    }

    /// Waits until something is so, and says how long that took.
    #[track_caller]
    pub fn wait(&self, what: &str, is_so: impl Fn(&Self) -> bool) -> Duration {
        let start = Instant::now();
        while !is_so(self) {
            assert!(start.elapsed() < LONG, "{what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        start.elapsed()
    }

    /// Waits until the log says something: it may be written by another thread than the one whose
    /// work a test has seen.
    #[track_caller]
    pub fn says(&self, text: &str) {
        self.wait(text, |serving| serving.log().contains(text));
    }

    /// The same for what must not be said twice.
    #[track_caller]
    pub fn says_once(&self, text: &str) {
        self.says(text);
        let log = self.log();
        assert_eq!(log.matches(text).count(), 1, "{log}");
    }

    /// The resident memory, in MB.
    pub fn memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("the status of the process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next());
        kilobytes
            .and_then(|kb| kb.parse::<u64>().ok())
            .expect("a number")
            / 1000
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.expect("kill").success());
    }

    /// Waits for the end, and gives the exit code.
    pub fn end(&mut self) -> Option<i32> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("wait") {
                return status.code();
            }
            assert!(start.elapsed() < LONG, "it does not end\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Stops the server as an administrator does.
    pub fn stop(mut self) -> Option<i32> {
        self.signal("TERM");
        self.end()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // The whole group: a server under strace would outlive strace.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill")
            .args(["-s", "KILL", "--", &group])
            .stderr(Stdio::null())
            .status();
        let _ = self.child.wait();
    }
}

/// A connection that can send several requests.
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Opens a connection.
    pub fn open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(LONG))?;
        stream.set_write_timeout(Some(LONG))?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// Sends a request and reads the answer.
    pub fn send(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        let mut request = format!("{method} {target} HTTP/1.1\r\nHost: test\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || matches!(method, "PUT" | "POST") {
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        self.write(request.as_bytes());
        self.write(body);
        self.read(method)
    }

    /// Sends bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) {
        // The server may have answered and closed already.
        let _ = self.stream.get_mut().write_all(bytes);
    }

    /// Reads an answer to a request of a method.
    #[track_caller]
    pub fn read(&mut self, method: &str) -> Response {
        self.try_read(method).expect("an answer")
    }

    /// Reads an answer; `None` if the connection ends before one.
    pub fn try_read(&mut self, method: &str) -> Option<Response> {
        let mut line = String::new();
        self.stream.read_line(&mut line).ok()?;
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).ok()?;
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').expect("a header");
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        let mut response = Response {
            status,
            headers,
            body: Vec::new(),
        };
        if response.header("transfer-encoding") == Some("chunked") && method != "HEAD" {
            loop {
                let piece = self.try_chunk()?;
                if piece.is_empty() {
                    break;
                }
                response.body.extend_from_slice(&piece);
            }
        } else if method != "HEAD" && !matches!(status, 100 | 204 | 304) {
            let length = response.header("content-length").expect("a length");
            response.body = vec![0; length.parse().expect("a number")];
            self.stream.read_exact(&mut response.body).ok()?;
        }
        Some(response)
    }

    /// Reads the head of an answer whose content comes in chunks.
    #[track_caller]
    pub fn read_head(&mut self) -> Response {
        self.read("HEAD")
    }

    /// Reads a chunk of the content; an empty one is its end. `None` if the connection ends.
    pub fn try_chunk(&mut self) -> Option<Vec<u8>> {
        let mut line = String::new();
        self.stream.read_line(&mut line).ok()?;
        let size = usize::from_str_radix(line.trim_end(), 16).ok()?;
        let mut piece = vec![0; size + 2];
        self.stream.read_exact(&mut piece).ok()?;
        piece.truncate(size);
        Some(piece)
    }

    /// Whether the server has closed the connection without sending more.
    pub fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        !matches!(self.stream.read(&mut byte), Ok(1))
    }

    /// The stream itself.
    pub fn stream(&mut self) -> &mut TcpStream {
        self.stream.get_mut()
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// The detail of a problem, which must be one of this status.
    #[track_caller]
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert!(
            problem["title"]
                .as_str()
                .is_some_and(|title| !title.is_empty())
        );
        problem["detail"].as_str().expect("a detail").to_owned()
    }

    /// The answer without what differs from request to request.
    pub fn comparable(mut self) -> Self {
        self.headers
            .retain(|(name, _)| !matches!(name.as_str(), "date" | "x-request-id"));
        self.headers.sort();
        self
    }
}

/// The digest of bytes, in hex.
pub fn sha256(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}
