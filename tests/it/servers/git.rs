//! A server of git repositories over http: the folder's repositories by their names, through git's
//! own `http-backend`. Everybody may read; pushing takes a password, if one is set.
#![allow(dead_code, reason = "a toolbox: not every test file needs every tool")]

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use camino::{Utf8Path, Utf8PathBuf};

use super::scripted::{Reply, Script, Seen};

/// The server; it stops with the test's process.
pub struct GitServer {
    script: Script,
    passwords: Arc<Mutex<Vec<String>>>,
}

impl GitServer {
    /// Serves the bare repositories in a folder.
    pub fn start(root: &Utf8Path) -> Self {
        let root = root.to_owned();
        let passwords = Arc::new(Mutex::new(Vec::new()));
        let known = Arc::clone(&passwords);
        let script =
            Script::start(move |seen, _| answer(&root, &known.lock().expect("state"), seen));
        Self { script, passwords }
    }

    /// Its url.
    pub fn url(&self) -> &str {
        &self.script.url
    }

    /// Pushing takes one of these passwords from now on.
    pub fn demand(&self, passwords: &[&str]) {
        let owned = passwords.iter().map(|it| (*it).to_owned()).collect();
        *self.passwords.lock().expect("state") = owned;
    }
}

fn answer(root: &Utf8PathBuf, passwords: &[String], seen: &Seen) -> Reply {
    if seen.path.contains("git-receive-pack") && !passwords.is_empty() {
        let basic = seen.header("authorization").unwrap_or_default();
        let login = basic.strip_prefix("Basic ").unwrap_or_default();
        let login = STANDARD.decode(login).unwrap_or_default();
        let login = String::from_utf8_lossy(&login).into_owned();
        let password = login.split_once(':').map_or("", |(_, password)| password);
        if !passwords.iter().any(|known| known == password) {
            return Reply::status(401).header("www-authenticate", "Basic realm=\"git\"");
        }
    }
    let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
    let mut command = Command::new("git");
    command
        .args(["-c", "gc.auto=0", "http-backend"])
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REMOTE_USER", "tester")
        .env("REQUEST_METHOD", &seen.method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_LENGTH", seen.body.len().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    for (header, variable) in [
        ("content-type", "CONTENT_TYPE"),
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
        ("git-protocol", "GIT_PROTOCOL"),
    ] {
        if let Some(value) = seen.header(header) {
            command.env(variable, value);
        }
    }
    let mut backend = command.spawn().expect("git http-backend");
    let mut stdin = backend.stdin.take().expect("a pipe");
    let body = seen.body.clone();
    let writer = std::thread::spawn(move || stdin.write_all(&body));
    let output = backend.wait_with_output().expect("its answer");
    // An error only means that git did not need all of it.
    let _ = writer.join();
    reply(&output.stdout)
}

/// The answer that a program has printed as CGI says.
fn reply(printed: &[u8]) -> Reply {
    let end = printed.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let Some(end) = end else {
        return Reply::status(500);
    };
    let head = String::from_utf8_lossy(&printed[..end]).into_owned();
    let headers: Vec<(&str, &str)> = head
        .split("\r\n")
        .filter_map(|line| line.split_once(": "))
        .collect();
    let status = headers.iter().find(|(name, _)| *name == "Status");
    let status = status.and_then(|(_, text)| text.split(' ').next()?.parse().ok());
    let mut reply = Reply::status(status.unwrap_or(200));
    for (name, value) in headers.iter().filter(|(name, _)| *name != "Status") {
        reply = reply.header(name, value);
    }
    reply.body(&printed[end + 4..])
}
