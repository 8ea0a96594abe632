//! The program that agents run here: a script that serves its health, and behaves as its version
//! says.

/// How a version behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is healthy.
    Good,
    /// It ends at once.
    Crashes,
    /// It runs and answers nothing.
    Hangs,
    /// It is healthy for a second, then it is not.
    Lies,
    /// It is healthy for a second, then it ends.
    CrashesLater,
    /// It refuses every request.
    Refuses,
}

/// The bytes of a version. `--address` is where it serves `/health`; in the file of `--log` it writes
/// its start. Two that run at the same time write `TWO` there.
pub fn program(version: &str, kind: Kind) -> String {
    format!(
        r#"#!/usr/bin/env -S python3 -I -S
import fcntl, os, signal, socket, sys, time
VERSION, KIND = "{version}", "{kind:?}"
value = lambda key: sys.argv[sys.argv.index(key) + 1]
def note(text):
    with open(value("--log"), "a") as log:
        log.write(f"{{text}} {{VERSION}} {{os.getpid()}}\n")
lock = open(value("--log") + ".lock", "w")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    note("TWO")
note("start")
if KIND == "Crashes":
    sys.exit(3)
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
started = time.monotonic()
host, port = value("--address").rsplit(":", 1)
server = socket.create_server((host, int(port)))
server.settimeout(0.1 if KIND == "CrashesLater" else None)
while True:
    is_late = time.monotonic() - started > 1
    if KIND == "CrashesLater" and is_late:
        os._exit(4)
    try:
        client, _ = server.accept()
    except TimeoutError:
        continue
    if KIND == "Hangs":
        continue
    bad = KIND == "Refuses" or (KIND == "Lies" and is_late)
    client.settimeout(1)
    try:
        client.recv(4096)
        status = "503 No" if bad else "200 OK"
        client.sendall(f"HTTP/1.1 {{status}}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
    except OSError:
        pass
    client.close()
"#
    )
}
