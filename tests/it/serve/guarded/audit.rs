//! The audit log: one JSON line for each write, whatever the form of the log is.

use serde_json::Value;

use super::access::{bearer, tokens};
use crate::serve::{Serving, machine, sha256};

/// A request with its token and body, its status, and who did what according to the log.
type Case<'a> = (&'a str, &'a str, &'a str, &'a [u8], u16, &'a str, &'a str);

/// The audit lines of a server's log.
fn audited(serving: &Serving) -> Vec<Value> {
    let lines = serving.log();
    let lines = lines
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    lines
        .filter(|line: &Value| line["level"] == "audit")
        .collect()
}

#[test]
fn every_write_is_one_line() {
    let env = machine();
    tokens(&env);
    let path = "/api/binaries/tool/1.0.0/linux/x86_64";
    let file = "tool-1.0.0-linux-x86_64";
    for log in [&["--log", "human"][..], &["--log", "json"], &["-qq"]] {
        let options = [&["--tokens", "tokens.yml", "--max-upload", "100"], log].concat();
        let serving = Serving::start(&env, &options);
        let large = [b'x'; 101];
        let cases: [Case<'_>; 11] = [
            ("PUT", path, "", b"tool", 401, "anyone", "refused"),
            ("PUT", path, "nobody", b"tool", 401, "anyone", "refused"),
            ("PUT", path, "read", b"tool", 403, "read", "refused"),
            ("PUT", path, "write", &large, 413, "write", "failed"),
            ("PUT", path, "write", b"tool", 201, "write", "done"),
            ("PUT", path, "write", b"tool", 200, "write", "unchanged"),
            ("PUT", path, "admin", b"other", 409, "admin", "failed"),
            (
                "PUT",
                "/api/binaries/x/v/linux/arm",
                "write",
                b"x",
                400,
                "write",
                "failed",
            ),
            ("DELETE", path, "write", b"", 403, "write", "refused"),
            ("DELETE", path, "admin", b"", 204, "admin", "done"),
            (
                "POST",
                "/api/rollouts",
                "admin",
                b"{}",
                400,
                "admin",
                "failed",
            ),
        ];
        for (number, (method, target, token, body, status, who, outcome)) in
            cases.iter().enumerate()
        {
            let value = bearer(token);
            let id = format!("request-{number}");
            let mut headers = vec![("X-Request-Id", id.as_str())];
            if !token.is_empty() {
                headers.push(("Authorization", &value));
            }
            let answer = serving.send(method, target, &headers, body);
            assert_eq!(
                answer.status,
                *status,
                "{method} {target} {}",
                answer.text()
            );
            let lines = audited(&serving);
            assert_eq!(lines.len(), number + 1, "{}", serving.log());
            let line = &lines[number];
            assert_eq!(line["request"], id.as_str());
            assert_eq!(line["who"], *who, "{line}");
            assert_eq!(line["peer"], "127.0.0.1");
            let action = match *method {
                "PUT" => "put",
                "DELETE" => "delete",
                other => other,
            };
            assert_eq!(line["action"], action);
            assert_eq!(line["outcome"], *outcome, "{line}");
            assert_eq!(line["status"], status.to_string());
            let is_done = matches!(status, 200 | 201 | 204);
            assert_eq!(line["object"], if is_done { file } else { target });
            assert!(
                line["time"]
                    .as_str()
                    .is_some_and(|time| time.ends_with('Z'))
            );
            if is_done {
                assert_eq!(line["sha256"], sha256(b"tool"));
            }
        }
        // Reading is not audited.
        serving.get("/api/binaries");
        serving.get("/nothing");
        assert_eq!(audited(&serving).len(), cases.len());
        assert!(!serving.log().contains("-secret"));
    }
}

#[test]
fn an_upload_that_is_cut_off_is_a_line_too() {
    let env = machine();
    let serving = Serving::start(&env, &[]);
    let mut connection = serving.connect();
    connection.write(
        b"PUT /api/binaries/tool/1.0.0/linux/x86_64 HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nto",
    );
    serving.wait("the first bytes", |serving| {
        serving.metric("received_bytes_total") == 2
    });
    drop(connection);
    serving.wait("its line", |serving| {
        let lines = audited(serving);
        lines.first().is_some_and(|line| {
            line["who"] == "anyone"
                && matches!(line["outcome"].as_str(), Some("cut off" | "failed"))
        })
    });
    assert_eq!(audited(&serving).len(), 1);
}

#[test]
fn an_upload_that_the_end_of_the_server_cuts_off_is_a_line_too() {
    let env = machine();
    let mut serving = Serving::start(&env, &["--drain", "100ms"]);
    let mut connection = serving.connect();
    connection.write(
        b"PUT /api/binaries/tool/1.0.0/linux/x86_64 HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nto",
    );
    serving.wait("the first bytes", |serving| {
        serving.metric("received_bytes_total") == 2
    });
    serving.signal("TERM");
    assert_eq!(serving.end(), Some(0));
    let lines = audited(&serving);
    assert_eq!(lines.len(), 1, "{}", serving.log());
    assert_eq!(lines[0]["outcome"], "cut off");
    let left = std::fs::read_dir(env.path("binaries")).expect("the folder");
    assert_eq!(left.count(), 0);
}
