//! The program that agents run in these tests: a script that serves its health and behaves as its
//! version says.

/// How a version behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// It is healthy.
    Good,
    /// It ends at once.
    Crash,
    /// It runs and answers nothing.
    Hang,
    /// It is healthy for a second, then it is not.
    Lie,
    /// It is healthy for a second, then it ends.
    CrashLater,
    /// It answers, and is never healthy.
    Sick,
    /// It is healthy, ignores SIGTERM, and has a child that does so too.
    Stubborn,
}

/// The bytes of a version. `--port` is where it serves `/health`; in the file of `--log` it writes
/// what happens to it. Two that run at the same time write `TWO` there.
pub fn program(version: &str, behaviour: Behaviour) -> String {
    format!(
        r#"#!/usr/bin/env -S python3 -I -S
import fcntl, http.server, os, signal, subprocess, sys, threading, time
VERSION, KIND = "{version}", "{behaviour:?}"
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
if KIND == "Crash":
    sys.exit(3)
for name in ["SIGHUP", "SIGUSR1", "SIGUSR2"]:
    signal.signal(getattr(signal, name), lambda *_, name=name: note(name))
if KIND == "Stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    inner = subprocess.Popen(["sh", "-c", "trap '' TERM; while :; do sleep 1; done"])
    note(f"inner {{inner.pid}}")
else:
    def end(*_):
        note("end")
        os._exit(0)
    signal.signal(signal.SIGTERM, end)
started = time.monotonic()
def is_late():
    return time.monotonic() - started > 1
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        bad = KIND == "Sick" or (KIND == "Lie" and is_late())
        self.send_response(503 if bad else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass
if KIND != "Hang":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(value("--port"))), Health)
    threading.Thread(target=server.serve_forever, daemon=True).start()
while True:
    time.sleep(0.05)
    if KIND == "CrashLater" and is_late():
        note("crash")
        os._exit(4)
"#
    )
}
