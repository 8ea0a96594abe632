//! The answers to range and conditional requests beside those of nginx. Where the two differ, the
//! table of differences names the section of RFC 9110 that makes larder's answer right.

use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::time::Instant;

use crate::env::TestEnv;
use crate::http::noise;
use crate::serve::files::MATRIX;
use crate::serve::{Connection, LONG, Response, Serving, machine, put};
use crate::servers::ports::free_port;

const FILE: &str = "tool-1.0.0-linux-x86_64";

/// The headers of a request.
type Lines = &'static [(&'static str, &'static str)];

/// A running nginx with the folder of binaries.
struct Nginx {
    child: Child,
    address: SocketAddr,
}

impl Nginx {
    fn start(env: &TestEnv) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        // If root starts it, it reads the files as another user.
        env.sh("mkdir nginx && cp -rp binaries nginx/ && chmod -R a+rX nginx");
        let base = env.path("nginx");
        let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let temporary = kinds.map(|kind| format!("{kind}_temp_path {base}/{kind};"));
        let temporary = temporary.join(" ");
        let user = if env.sh("id -u").trim() == "0" {
            "user root;"
        } else {
            ""
        };
        let config = format!(
            "daemon off; {user} worker_processes 1; pid {base}/pid; error_log {base}/error.log;\n\
             events {{}}\nhttp {{ access_log off; {temporary} if_modified_since before;\n\
             default_type application/octet-stream;\n\
             server {{ listen {address}; root {base}; }} }}\n"
        );
        let path = env.write("nginx/conf", config);
        let child = env
            .program("nginx")
            .args(["-c", path.as_str()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("start nginx");
        let nginx = Self { child, address };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(start.elapsed() < LONG, "nginx does not answer");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        nginx
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its worker ends with it.
        let id = self.child.id().to_string();
        let _ = std::process::Command::new("kill").arg(id).status();
        let _ = self.child.wait();
    }
}

/// What one server says to a request, with its own tag and date in place of `TAG` and `DATE`.
fn ask(address: SocketAddr, method: &str, lines: &[(&str, &str)]) -> Response {
    let target = format!("/binaries/{FILE}");
    let open = || Connection::open(address).expect("connect");
    let whole = open().send("HEAD", &target, &[], b"");
    let tag = whole.header("etag").expect("a tag");
    let date = whole.header("last-modified").expect("a date");
    let values: Vec<(&str, String)> = lines
        .iter()
        .map(|(name, value)| (*name, value.replace("TAG", tag).replace("DATE", date)))
        .collect();
    let headers: Vec<(&str, &str)> = values.iter().map(|(n, v)| (*n, v.as_str())).collect();
    open().send(method, &target, &headers, b"")
}

/// HEAD with a range: nginx answers 206 or 416, larder as without the range.
const HEAD_HAS_NO_RANGES: &str = "section 14.2: a server MUST ignore Range with any method but GET, the only one that defines it";
const INVALID: &str = "section 14.2: a server MAY ignore an invalid Range; section 15.5.17: 416 is for \
                       ranges that are valid and overlap nothing";
const SEVERAL: &str = "section 14.2: a server MAY ignore Range; one answer for each part costs more \
                       than the whole (section 17.15)";
const CLAMPED: &str = "section 14.1.2: a last-pos past the end is as good as the end, whatever its size \
                       (a recipient MUST anticipate large numbers, section 8.6)";

/// Requests that the two answer differently: the status of larder, that of nginx, and why larder's is
/// right.
const DIFFERENCES: &[(Lines, u16, u16, &str)] = &[
    (&[("Range", "bytes=7-3")], 200, 416, INVALID),
    (&[("Range", "bytes=-")], 200, 416, INVALID),
    (&[("Range", "bytes=a-b")], 200, 416, INVALID),
    (&[("Range", "bytes=1.5-2")], 200, 416, INVALID),
    (&[("Range", "bytes=0-0,5-5")], 200, 206, SEVERAL),
    (&[("Range", "bytes=0-4,5-")], 200, 206, SEVERAL),
    (
        &[("Range", "bytes=0-18446744073709551615")],
        206,
        416,
        CLAMPED,
    ),
    (
        &[("Range", "bytes=0-99999999999999999999999")],
        206,
        416,
        CLAMPED,
    ),
    (
        &[("If-None-Match", "\"x\""), ("If-None-Match", "TAG")],
        304,
        400,
        "section 5.3: the lines of a field whose value is a list are one list (section 13.1.2)",
    ),
    (
        &[("If-Unmodified-Since", "nonsense")],
        200,
        412,
        "section 13.1.4: a recipient MUST ignore the field if its value is not a valid date",
    ),
    (
        &[
            ("If-Match", "TAG"),
            ("If-Unmodified-Since", "Sat, 01 Jan 2000 00:00:00 GMT"),
        ],
        200,
        412,
        "section 13.1.4: a recipient MUST ignore If-Unmodified-Since if there is an If-Match",
    ),
];

#[test]
fn answers_are_those_of_nginx_where_both_are_right() {
    let env = machine();
    let bytes = noise(1000);
    put(&env, FILE, &bytes);
    let nginx = Nginx::start(&env);
    let serving = Serving::start(&env, &[]);
    let mut wrong = Vec::new();
    let (mut seen, mut compared) = (0, 0);
    for (lines, _) in MATRIX {
        for method in ["GET", "HEAD"] {
            let ours = ask(serving.address, method, lines);
            let theirs = ask(nginx.address, method, lines);
            let statuses = (ours.status, theirs.status);
            let has_range = lines.iter().any(|(name, _)| *name == "Range");
            if method == "HEAD" && has_range {
                assert!(HEAD_HAS_NO_RANGES.contains("section"));
                if ours.clone().comparable() != without_range(&serving, lines) {
                    wrong.push(format!("{method} {lines:?}: {statuses:?}"));
                }
                continue;
            }
            if let Some(known) = DIFFERENCES.iter().find(|known| known.0 == *lines) {
                seen += 1;
                assert!(known.3.contains("section"));
                if statuses != (known.1, known.2) {
                    wrong.push(format!("{method} {lines:?}: {statuses:?}"));
                }
                continue;
            }
            compared += 1;
            let same = |name| ours.header(name) == theirs.header(name);
            let is_content = matches!(ours.status, 200 | 206);
            if ours.status != theirs.status
                || !same("content-range")
                || (is_content && (ours.body != theirs.body || !same("content-length")))
                || (is_content && !same("last-modified"))
            {
                wrong.push(format!(
                    "{method} {lines:?}: {} {}",
                    ours.status, theirs.status
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Each with GET, and those without a range with HEAD.
    assert_eq!(
        seen,
        DIFFERENCES.len() + 3,
        "a difference is not in the matrix"
    );
    assert!(compared >= 60, "only {compared} requests are compared");
}

/// The answer to HEAD without the ranges of a request.
fn without_range(serving: &Serving, lines: &[(&str, &str)]) -> Response {
    let rest: Vec<_> = lines
        .iter()
        .filter(|(name, _)| !matches!(*name, "Range" | "If-Range"))
        .copied()
        .collect();
    ask(serving.address, "HEAD", &rest).comparable()
}
