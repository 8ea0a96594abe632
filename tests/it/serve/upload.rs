//! Putting binaries, and removing them.

use serde_json::json;

use super::{Serving, machine, put, sha256};
use crate::env::{TestEnv, list};
use crate::http::noise;

const PATH: &str = "/api/binaries/tool/1.0.0/linux/x86_64";
const FILE: &str = "tool-1.0.0-linux-x86_64";

/// All names in the served folder, hidden ones included.
fn names(env: &TestEnv) -> Vec<String> {
    list(&env.path("binaries")).into_iter().collect()
}

#[test]
fn binaries_are_put_and_removed() {
    let env = machine();
    let serving = Serving::start(&env, &[]);
    let bytes = noise(3_000_000);
    let created = serving.send("PUT", PATH, &[], &bytes);
    assert_eq!(created.status, 201, "{}", created.text());
    let info = created.json();
    assert_eq!(info["checksum"], sha256(&bytes));
    assert_eq!(info["size_bytes"], 3_000_000);
    assert_eq!(
        created.header("location"),
        Some("/binaries/tool-1.0.0-linux-x86_64")
    );
    // The index is up to date before the answer is sent.
    assert_eq!(serving.get(&format!("/binaries/{FILE}")).body, bytes);
    assert_eq!(serving.get("/api/binaries").json(), json!([info]));
    let same = serving.send("PUT", PATH, &[], &bytes);
    assert_eq!((same.status, same.json()), (200, info));
    let other = serving.send("PUT", PATH, &[], b"other");
    assert!(other.problem(409).contains(&sha256(&bytes)));
    assert_eq!(serving.get(&format!("/binaries/{FILE}")).body, bytes);
    assert_eq!(names(&env), [FILE]);
    // It was hashed while it arrived, and not again.
    assert_eq!(serving.metric("index_hashed_files_total"), 0);
    assert_eq!(serving.send("DELETE", PATH, &[], b"").status, 204);
    assert_eq!(serving.files(), [""; 0]);
    assert_eq!(serving.get(&format!("/binaries/{FILE}")).status, 404);
    assert_eq!(names(&env), [""; 0]);
    serving.send("DELETE", PATH, &[], b"").problem(404);
    let audit = serving.log();
    for action in ["\"action\":\"put\"", "\"action\":\"delete\""] {
        assert!(audit.contains(action), "{audit}");
    }
}

#[test]
fn paths_of_uploads_may_use_aliases_and_are_checked() {
    let env = machine();
    let serving = Serving::start(&env, &[]);
    for (path, file) in [
        ("tool/v1.0.0/macos/arm64", "tool-1.0.0-darwin-aarch64"),
        ("tool/1.0.0/windows/amd64", "tool-1.0.0-windows-x86_64.exe"),
        (
            "my-tool.x/1.0.0-rc.1/linux/386",
            "my-tool.x-1.0.0-rc.1-linux-x86",
        ),
    ] {
        let answer = serving.send("PUT", &format!("/api/binaries/{path}"), &[], b"x");
        assert_eq!(answer.json()["path"], file);
        assert!(env.exists(&format!("binaries/{file}")));
    }
    for (path, says) in [
        ("my_tool/1.0.0/linux/x86_64", "write a dash"),
        (".tool/1.0.0/linux/x86_64", "starts with a letter or digit"),
        (
            "..%2ftool/1.0.0/linux/x86_64",
            "starts with a letter or digit",
        ),
        (
            "a%2f..%2fb/1.0.0/linux/x86_64",
            "letters, digits, dots and dashes",
        ),
        ("tool/1.0/linux/x86_64", "1.0"),
        ("tool/1.0.0%2f..%2f/linux/x86_64", "semantic"),
        ("tool/x/linux/x86_64", "version"),
        (
            "tool-1.0.0/2.0.0/linux/x86_64",
            "must not contain a version",
        ),
        ("tool/1.0.0/plan9/x86_64", "linux, darwin or windows"),
        ("tool/1.0.0/linux/riscv64", "aarch64"),
    ] {
        let answer = serving.send("PUT", &format!("/api/binaries/{path}"), &[], b"x");
        let detail = answer.problem(400);
        assert!(detail.contains(says), "{path}: {detail}");
    }
    let long = format!("/api/binaries/{}/1.0.0/linux/x86_64", "x".repeat(250));
    serving.send("PUT", &long, &[], b"x").problem(400);
    assert_eq!(names(&env).len(), 3);
}

#[test]
fn uploads_have_conditions_and_limits() {
    let env = machine();
    let serving = Serving::start(&env, &["--max-upload", "1K"]);
    let large = noise(2000);
    serving.send("PUT", PATH, &[], &large).problem(413);
    let mut chunked = serving.connect();
    chunked.write(
        format!("PUT {PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").as_bytes(),
    );
    for _ in 0..3 {
        chunked.write(format!("200\r\n{}\r\n", "x".repeat(512)).as_bytes());
    }
    chunked.read("PUT").problem(413);
    assert_eq!(names(&env), [""; 0]);
    let digest = env.sh("printf x | openssl dgst -sha256 -binary | base64");
    let right = format!("sha-256=:{}:", digest.trim());
    let wrong = format!(
        "sha-256=:{}:",
        env.sh("printf y | openssl dgst -sha256 -binary | base64")
            .trim()
    );
    for (headers, status) in [
        (&[("Repr-Digest", wrong.as_str())][..], 422),
        (&[("Content-Digest", "sha-256=:eA==:")], 400),
        (&[("Content-Range", "bytes 0-0/5")], 400),
        (&[("Content-Encoding", "gzip")], 400),
        (&[("If-Match", "*")], 412),
    ] {
        serving.send("PUT", PATH, headers, b"x").problem(status);
        assert_eq!(names(&env), [""; 0]);
    }
    let headers = [("Repr-Digest", right.as_str()), ("If-None-Match", "*")];
    assert_eq!(serving.send("PUT", PATH, &headers, b"x").status, 201);
    serving.send("PUT", PATH, &headers, b"x").problem(412);
    serving
        .send("DELETE", PATH, &[("If-Match", "\"other\"")], b"")
        .problem(412);
    let tag = format!("\"{}\"", sha256(b"x"));
    assert_eq!(
        serving
            .send("DELETE", PATH, &[("If-Match", &tag)], b"")
            .status,
        204
    );
}

#[test]
fn of_two_writers_of_one_name_one_wins() {
    let env = machine();
    let serving = Serving::start(&env, &[]);
    let bodies: Vec<Vec<u8>> = (0..4_u8).map(|n| vec![n; 200_000]).collect();
    for round in 0..5 {
        let path = format!("/api/binaries/tool/1.0.{round}/linux/x86_64");
        let send = |n: usize| serving.send("PUT", &path, &[], &bodies[n % 4]);
        let send = &send;
        let answers: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|n| scope.spawn(move || send(n))).collect();
            threads
                .into_iter()
                .map(|t| t.join().expect("an answer"))
                .collect()
        });
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        // The winner, the other writer of the same bytes, and those with other bytes.
        assert_eq!(statuses, [200, 201, 409, 409, 409, 409, 409, 409]);
        let body = serving
            .get(&format!("/binaries/tool-1.0.{round}-linux-x86_64"))
            .body;
        let winner = answers
            .iter()
            .find(|a| a.status == 201)
            .expect("a winner")
            .json();
        assert_eq!(winner["checksum"], sha256(&body));
    }
    assert_eq!(names(&env).len(), 5);
}

#[test]
fn an_upload_that_is_cut_leaves_nothing() {
    let env = machine();
    let mut serving = Serving::start(&env, &[]);
    let head = format!("PUT {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
    for _ in 0..3 {
        let mut connection = serving.connect();
        connection.write(head.as_bytes());
        connection.write(&noise(500_000));
        serving.wait("a staged file", |_| names(&env).len() == 1);
        drop(connection);
        serving.wait("nothing left", |_| names(&env).is_empty());
    }
    assert_eq!(serving.files(), [""; 0]);
    // A server that is killed leaves its staged file; the next one removes it.
    let mut connection = serving.connect();
    connection.write(head.as_bytes());
    connection.write(&noise(500_000));
    serving.wait("a staged file", |_| names(&env).len() == 1);
    serving.signal("KILL");
    serving.end();
    assert_eq!(names(&env).len(), 1);
    let serving = Serving::start(&env, &[]);
    assert_eq!(names(&env), [""; 0]);
    // A retry starts anew.
    assert_eq!(
        serving.send("PUT", PATH, &[], &noise(1_000_000)).status,
        201
    );
}

#[test]
fn what_stands_in_the_way_is_never_replaced() {
    let env = machine();
    env.write("elsewhere", "elsewhere");
    std::os::unix::fs::symlink("../elsewhere", env.path(format!("binaries/{FILE}"))).expect("link");
    std::fs::create_dir(env.path("binaries/other-1.0.0-linux-x86_64")).expect("create");
    let serving = Serving::start(&env, &[]);
    serving.send("PUT", PATH, &[], b"elsewhere").problem(409);
    serving
        .send("PUT", "/api/binaries/other/1.0.0/linux/x86_64", &[], b"x")
        .problem(409);
    assert_eq!(env.read("elsewhere"), "elsewhere");
    assert!(env.path(format!("binaries/{FILE}")).is_symlink());
    assert_eq!(names(&env).len(), 2);
    // Nothing can be removed that is not registered.
    serving.send("DELETE", PATH, &[], b"").problem(404);
    assert_eq!(names(&env).len(), 2);
}

#[test]
fn a_full_disk_is_a_problem_and_leaves_nothing() {
    let env = machine();
    put(&env, "old-1.0.0-linux-x86_64", "old");
    // The database of the fleet is made while there is room.
    assert_eq!(Serving::start(&env, &[]).stop(), Some(0));
    let mut command = env.program("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync"]);
    command.args(["-e", "inject=fsync:error=ENOSPC", crate::env::LARDER]);
    command.args(["serve", "--port", "0"]);
    let serving = Serving::spawn(&env, command);
    serving.wait("readiness", |serving| serving.get("/readyz").status == 200);
    let detail = serving.send("PUT", PATH, &[], b"x").problem(507);
    assert!(detail.contains("No space left"), "{detail}");
    assert_eq!(names(&env), ["old-1.0.0-linux-x86_64"]);
    assert_eq!(serving.files(), ["old-1.0.0-linux-x86_64"]);
}
