//! Services: programs that run beside the commands of tasks, and `larder up`, `down` and `logs`.
//!
//! The services of these tests are small programs that write their process ids into the file `pids`, so
//! that a test can see that nothing of them is left.

mod ends;
mod run;
mod up;

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::env::TestEnv;

/// Longer than anything here takes, on any machine.
const LONG: Duration = Duration::from_mins(1);

/// Accepts connections at a port, and answers with the status `200 OK`.
const SERVER: &str = r#"import os, socket, sys
with open(os.environ.get("PIDS", "pids"), "a") as file:
    file.write(f"{os.getpid()}\n")
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listening as", *sys.argv[2:], flush=True)
while True:
    connection, _ = server.accept()
    try:
        connection.settimeout(1)
        if connection.recv(1000):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
    except OSError:
        pass
    connection.close()
"#;

/// Starts two processes that ignore TERM, one of them in a session of its own, and then runs a command.
const STUBBORN: &str = r#"#!/bin/sh
cat > loop.sh <<'END'
trap '' TERM INT HUP QUIT
echo $$ >> pids
while :; do sleep 0.1; done
END
before=$(wc -l < pids)
sh loop.sh &
setsid sh loop.sh &
while [ "$(wc -l < pids)" -lt "$((before + 2))" ]; do sleep 0.01; done
exec "$@"
"#;

/// A project with these services and tasks, and the programs for them.
fn project(text: &str) -> TestEnv {
    let env = TestEnv::new();
    env.write("server.py", SERVER);
    env.write("stubborn.sh", STUBBORN);
    env.write("pids", "");
    env.write("versions.yml", format!("versions: {{}}\n{text}"));
    env
}

fn pids(env: &TestEnv) -> Vec<String> {
    env.read("pids").lines().map(str::to_owned).collect()
}

/// Whether a process runs. One that has ended and was not reaped yet does not.
fn runs(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ")
        .next()
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

/// At least so many processes of services have been started, and none of them runs.
#[track_caller]
fn nothing_is_left(env: &TestEnv, at_least: usize) {
    let pids = pids(env);
    assert!(pids.len() >= at_least, "{pids:?}");
    // One that was killed runs for another moment.
    let none_runs = || !pids.iter().any(|pid| runs(pid));
    wait_until(&format!("some of {pids:?} are left"), none_runs);
}

/// Waits until something is true.
#[track_caller]
fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LONG, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until a file has been written.
#[track_caller]
fn wait_for(env: &TestEnv, file: &str) {
    wait_until(&format!("no {file}"), || env.exists(file));
}

fn signal(child: &Child, name: &str) {
    kill(name, &child.id().to_string());
}

fn kill(name: &str, pid: &str) {
    let killed = Command::new("kill").args([name, pid]).status();
    assert!(killed.unwrap().success(), "kill {name} {pid}");
}

/// Stops the services of a project when a test ends, also when it fails.
struct Downed<'a>(&'a TestEnv);

impl Drop for Downed<'_> {
    fn drop(&mut self) {
        let _ = self.0.command(["down", "--quiet"]).status();
    }
}
