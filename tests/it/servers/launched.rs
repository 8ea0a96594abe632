//! A server that is another program: it picks a free port of the loopback, says so in its log, and ends
//! with the test.
#![allow(dead_code, reason = "a toolbox: not every test file needs every tool")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a start may take on a busy machine.
const LONG: Duration = Duration::from_mins(1);

/// A running server and its own folder.
pub struct Launched {
    child: Child,
    folder: tempfile::TempDir,
    address: String,
}

impl Launched {
    /// Starts a program and waits until its log names the address after `mark`. `arguments` gets the
    /// server's folder. `package` says how to install the program.
    pub fn start(
        program: &str,
        arguments: impl FnOnce(&std::path::Path) -> Vec<String>,
        mark: &str,
        package: &str,
    ) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("larder-server-")
            .tempdir()
            .expect("create a folder");
        let path = folder.path().join("log");
        let log = std::fs::File::create(&path).expect("create the log");
        let child = Command::new(program)
            .args(arguments(folder.path()))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log"))
            .stderr(log)
            .spawn();
        let mut child = child.unwrap_or_else(|e| panic!("cannot start {program} ({package}): {e}"));
        let start = Instant::now();
        let address = loop {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            if let Some(address) = address(&text, mark) {
                break address;
            }
            let ended = child.try_wait().expect("the state of the server");
            if ended.is_some() || start.elapsed() > LONG {
                let _ = child.kill();
                panic!("{program} does not start ({package}): {ended:?}\n{text}");
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        Self {
            child,
            folder,
            address,
        }
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The folder of its own.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        let log = std::fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// One request of the test itself: the status, the headers in lower case, and the body.
    pub fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> (u16, String, Vec<u8>) {
        let mut request = format!("{method} {path} HTTP/1.0\r\nhost: {}\r\n", self.address);
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        let mut stream = TcpStream::connect(&self.address).expect("connect to the server");
        stream.write_all(request.as_bytes()).expect("send the head");
        stream.write_all(body).expect("send the body");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("read the answer");
        let end = answer
            .windows(4)
            .position(|bytes| bytes == b"\r\n\r\n")
            .unwrap_or_else(|| panic!("{method} {path} has no answer: {}", self.log()));
        let body = answer.split_off(end + 4);
        let head = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        (status.expect("a status"), head, body)
    }
}

/// The address in a line of the log, if the line is complete.
fn address(log: &str, mark: &str) -> Option<String> {
    let (_, rest) = log.split_once(mark)?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':')?;
    Some(rest[..end].to_owned())
}

impl Drop for Launched {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
