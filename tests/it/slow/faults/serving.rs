//! The server: what it writes when a binary is put or removed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::scenario::{Ended, Scenario};
use crate::env::TestEnv;

const PATH: &str = "/api/binaries/tool/1.0.0/linux/x86_64";

/// Starts the server, sends one request, and stops it. The status of the answer is 0 if there is
/// none.
fn session(mut command: Command, method: &str) -> (Ended, u16) {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start the server");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("a pipe");
    let _ = BufReader::new(stdout).read_line(&mut line);
    let mut status = 0;
    if let Ok(listening) = serde_json::from_str::<serde_json::Value>(&line) {
        let address = listening["http"].as_str().expect("an address").to_owned();
        for _ in 0..500 {
            if request(&address, "GET", "/readyz").unwrap_or_default() != 503 {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        status = request(&address, method, PATH).unwrap_or_default();
        terminate(child.id());
    }
    let output = child.wait_with_output().expect("the end");
    let ended = Ended {
        code: output.status.code(),
        signal: std::os::unix::process::ExitStatusExt::signal(&output.status),
        said: format!("{status} {}", String::from_utf8_lossy(&output.stderr)),
    };
    (ended, status)
}

fn request(address: &str, method: &str, path: &str) -> std::io::Result<u16> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let body = if method == "PUT" {
        "#!/bin/sh\necho 1.0.0\n".repeat(900)
    } else {
        String::new()
    };
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or_default())
}

/// Sends SIGTERM to the last of a line of processes that each started one other.
fn terminate(first: u32) {
    let mut last = first;
    loop {
        let path = format!("/proc/{last}/task/{last}/children");
        let children = std::fs::read_to_string(path).unwrap_or_default();
        match children
            .split_whitespace()
            .next()
            .and_then(|id| id.parse().ok())
        {
            Some(child) => last = child,
            None => break,
        }
    }
    let _ = Command::new("kill")
        .args(["-s", "TERM", &last.to_string()])
        .stderr(Stdio::null())
        .status();
}

fn scenario(
    env: TestEnv,
    method: &'static str,
    good: &'static [u16],
    again: &'static [u16],
) -> Scenario {
    let mut scenario = Scenario::new(env, &["serve", "--port", "0"]);
    scenario.run = Box::new(move |_, command| {
        let (mut ended, status) = session(command, method);
        // The server survives a request that failed; then the request decides.
        if ended.code == Some(0) && !good.contains(&status) {
            ended.code = Some(if status >= 500 { 1 } else { 99 });
        }
        ended
    });
    scenario.again(move |env, _| {
        let (ended, status) = session(env.command(["serve", "--port", "0"]), method);
        if ended.code != Some(0) || !again.contains(&status) {
            return Err(format!("{:?}: {}", ended.code, ended.said));
        }
        Ok(())
    })
}

pub fn serve_put() -> Scenario {
    let env = TestEnv::new();
    std::fs::create_dir(env.path("binaries")).expect("create folder");
    scenario(env, "PUT", &[201], &[200, 201])
}

pub fn serve_delete() -> Scenario {
    let env = TestEnv::new();
    std::fs::create_dir(env.path("binaries")).expect("create folder");
    let (ended, status) = session(env.command(["serve", "--port", "0"]), "PUT");
    assert_eq!(status, 201, "{}", ended.said);
    scenario(env, "DELETE", &[204], &[204, 404])
}
