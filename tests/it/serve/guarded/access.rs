//! Tokens: who may do what, over both ways of serving.

use std::time::Duration;

use crate::env::TestEnv;
use crate::serve::{Response, Serving, machine, put, sha256};

const FILE: &str = "tool-1.0.0-linux-x86_64";
const ROLES: [&str; 4] = ["join", "read", "write", "admin"];

/// A line of the file of tokens. The secret is the name with `-secret` behind it.
pub fn line(name: &str, role: &str, more: &str) -> String {
    let digest = sha256(format!("{name}-secret").as_bytes());
    format!("- {{name: {name}, role: {role}, sha256: {digest}{more}}}\n")
}

/// A token for each role, named like it, and one that has expired.
pub fn tokens(env: &TestEnv) {
    let mut text: String = ROLES.iter().map(|role| line(role, role, "")).collect();
    text += &line("old", "admin", ", expires: 2020-01-01T00:00:00Z");
    text += &line("new", "read", ", expires: 2999-01-01T00:00:00Z");
    env.write("tokens.yml", text);
}

/// The header of a token by its name.
pub fn bearer(name: &str) -> String {
    format!("Bearer {name}-secret")
}

/// Sends a request with a token, on a connection that hyper serves if `hyper` is set.
fn send(serving: &Serving, method: &str, target: &str, token: &str, hyper: bool) -> Response {
    let mut connection = serving.connect();
    if hyper {
        assert_eq!(connection.send("GET", "/livez", &[], b"").status, 200);
    }
    let value = bearer(token);
    let headers = [("Authorization", value.as_str())];
    let headers = if token.is_empty() { &[][..] } else { &headers };
    let body: &[u8] = if matches!(method, "PUT" | "POST") {
        b"{\"checksum\": \"00\"}"
    } else {
        b""
    };
    connection.send(method, target, headers, body)
}

#[test]
fn roles_decide_what_a_token_may_do() {
    let env = machine();
    put(&env, FILE, "tool");
    tokens(&env);
    let file = format!("/binaries/{FILE}");
    let verify = "/api/binaries/1.0.0/linux/x86_64/verify";
    let own = "/api/binaries/made/1.0.0/linux/x86_64";
    let gone = "/api/binaries/gone/1.0.0/linux/x86_64";
    let other = "/api/channels/tool/stable";
    // For nobody, join, read, write, admin, unknown and expired.
    let table = |read: [u16; 7]| {
        [
            ("GET", "/livez", [200; 7]),
            ("HEAD", "/readyz", [200; 7]),
            ("GET", file.as_str(), read),
            ("HEAD", file.as_str(), read),
            ("GET", "/api/binaries", read),
            ("GET", "/metrics", read),
            ("GET", "/", read),
            (
                "POST",
                verify,
                read.map(|status| if status == 200 { 400 } else { status }),
            ),
            ("DELETE", gone, [401, 403, 403, 403, 404, 401, 401]),
            ("PUT", own, [401, 403, 403, 201, 200, 401, 401]),
            ("PUT", other, [401, 403, 403, 403, 400, 401, 401]),
            ("POST", "/api/rollouts", [401, 403, 403, 403, 400, 401, 401]),
            ("BREW", "/", [401, 403, 403, 403, 405, 401, 401]),
        ]
    };
    let open = table([200, 200, 200, 200, 200, 401, 401]);
    let private = table([401, 403, 200, 200, 200, 401, 401]);
    for (options, table) in [(&[][..], open), (&["--private"], private)] {
        let all = [&["--tokens", "tokens.yml"], options].concat();
        let serving = Serving::start(&env, &all);
        for hyper in [false, true] {
            for (method, target, statuses) in &table {
                let names = ["", "join", "read", "write", "admin", "nobody", "old"];
                for (name, status) in names.iter().zip(statuses) {
                    let answer = send(&serving, method, target, name, hyper);
                    // The second round finds what the first one put.
                    let status = if hyper && *status == 201 {
                        200
                    } else {
                        *status
                    };
                    let what = format!("{method} {target} as {name:?} {options:?} {hyper}");
                    if *method == "POST" && status == 400 {
                        assert!(matches!(answer.status, 200 | 400 | 409 | 422), "{what}");
                    } else {
                        assert_eq!(answer.status, status, "{what}");
                    }
                    let challenge = answer.header("www-authenticate");
                    let expected = match (status, *name) {
                        (401, "") => Some("Bearer realm=\"larder\""),
                        (401, _) => Some("invalid_token"),
                        (403, _) => Some("insufficient_scope"),
                        _ => None,
                    };
                    match (challenge, expected) {
                        (Some(challenge), Some(expected)) => {
                            assert!(challenge.contains(expected), "{what}: {challenge}");
                            assert!(!answer.text().contains("secret"), "{what}");
                        }
                        (challenge, expected) => assert_eq!(challenge, expected, "{what}"),
                    }
                }
            }
        }
        assert_eq!(send(&serving, "DELETE", own, "admin", false).status, 204);
        // No secret, nor the header that carries it, is in the log.
        let log = serving.log();
        assert!(!log.contains("-secret") && !log.contains("Bearer"), "{log}");
    }
}

#[test]
fn both_ways_of_serving_refuse_alike() {
    let env = machine();
    put(&env, FILE, "tool");
    tokens(&env);
    let serving = Serving::start(&env, &["--tokens", "tokens.yml", "--private", "-v"]);
    for token in ["", "join", "nobody", "old", "read"] {
        for method in ["GET", "HEAD"] {
            let target = format!("/binaries/{FILE}");
            let quick = send(&serving, method, &target, token, false);
            let hyper = send(&serving, method, &target, token, true);
            assert_eq!(quick.comparable(), hyper.comparable(), "{method} {token}");
        }
    }
    let detail = send(&serving, "GET", "/api/binaries", "old", false).problem(401);
    assert_eq!(detail, "the token has expired");
    let detail = send(
        &serving,
        "DELETE",
        "/api/binaries/a/1.0.0/linux/arm",
        "write",
        false,
    );
    assert_eq!(
        detail.problem(403),
        "the token `write` has the role write, and this needs admin"
    );
    assert!(!serving.log().contains("-secret"));
    let rejected = serving.send(
        "GET",
        "/metrics",
        &[("Authorization", &bearer("read"))],
        b"",
    );
    for reason in ["unauthorized", "forbidden"] {
        assert!(rejected.text().contains(&format!("reason=\"{reason}\"")));
    }
}

#[test]
fn headers_with_tokens_are_read_strictly() {
    let env = machine();
    tokens(&env);
    let serving = Serving::start(&env, &["--tokens", "tokens.yml", "--private"]);
    let good = bearer("read");
    let lower = good.replace("Bearer", "bearer");
    let spaces = good.replace(' ', "   ");
    for (headers, status) in [
        (&[("Authorization", good.as_str())][..], 200),
        (&[("authorization", &lower)], 200),
        (&[("Authorization", &spaces)], 200),
        (&[("Authorization", "Basic cmVhZA==")], 401),
        (&[("Authorization", "Bearer")], 401),
        (&[("Authorization", "Bearer ")], 401),
        (&[("Authorization", "read-secret")], 401),
        (&[("Authorization", &good), ("Authorization", &good)], 401),
        (&[("Proxy-Authorization", &good)], 401),
        (&[("Cookie", "token=read-secret")], 401),
    ] {
        let answer = serving.send("GET", "/api/binaries", headers, b"");
        assert_eq!(answer.status, status, "{headers:?}");
    }
    let in_query = serving.get("/api/binaries?access_token=read-secret");
    assert_eq!(in_query.status, 401);
}

#[test]
fn changes_of_the_file_are_taken_up() {
    let env = machine();
    tokens(&env);
    let serving = Serving::start(&env, &["--tokens", "tokens.yml", "--private"]);
    let status = |name: &str| send(&serving, "GET", "/api/binaries", name, false).status;
    assert_eq!((status("read"), status("next")), (200, 401));
    // Replaced by a rename, as editors do; then written in place.
    env.write("tokens.new", line("next", "read", ""));
    std::fs::rename(env.path("tokens.new"), env.path("tokens.yml")).expect("rename");
    serving.wait("the next token", |_| status("next") == 200);
    assert_eq!(status("read"), 401);
    env.write(
        "tokens.yml",
        line("next", "read", "") + &line("third", "admin", ""),
    );
    serving.wait("the third token", |_| status("third") == 200);
    assert_eq!(status("next"), 200);
    // A broken file keeps what was.
    env.write("tokens.yml", "- {name: next, role: reads}\n");
    serving.says("unknown role `reads`");
    assert_eq!((status("next"), status("third")), (200, 200));
    env.remove("tokens.yml");
    serving.says("there is no file of tokens");
    assert_eq!((status("next"), status("third")), (200, 200));
    env.write("tokens.yml", "");
    serving.wait("no token", |_| status("next") == 401);
    assert_eq!(status("third"), 401);
}

#[test]
fn tokens_expire_while_the_server_runs() {
    let env = machine();
    let made = env.larder([
        "serve",
        "token",
        "new",
        "--role",
        "read",
        "--name",
        "brief",
        "--expires",
        "3s",
    ]);
    let made = made.success().stdout;
    let (secret, line) = made.split_once('\n').expect("two lines");
    env.write("tokens.yml", line);
    let serving = Serving::start(&env, &["--tokens", "tokens.yml", "--private"]);
    let value = format!("Bearer {secret}");
    let status = || {
        let headers = [("Authorization", value.as_str())];
        serving.send("GET", "/api/binaries", &headers, b"").status
    };
    let took = serving.wait("the end of the token", |_| status() == 401);
    assert!(took < Duration::from_secs(20));
}

#[test]
fn a_wrong_file_ends_the_start() {
    let env = machine();
    for (text, says) in [
        (
            "- {name: ci, role: reads, sha256: 00}\n",
            "unknown role `reads`",
        ),
        ("- {name: ci, role: read}\n", "`sha256` is missing"),
        ("name: ci\n", "must be a list"),
        ("- {name: ci, role: read, sha256: [\n", "tokens.yml"),
    ] {
        env.write("tokens.yml", text);
        let output = env.larder(["serve", "--port", "0", "--tokens", "tokens.yml"]);
        assert_eq!(output.code, Some(2), "{}", output.stderr);
        let stderr = &output.stderr;
        assert!(stderr.contains(says), "{stderr}");
        assert!(
            stderr.contains("tokens.yml:") && stderr.contains('^'),
            "{stderr}"
        );
        assert_eq!(output.stdout, "");
    }
    let output = env.larder(["serve", "--port", "0", "--tokens", "none.yml"]);
    assert_eq!(output.code, Some(2), "{}", output.stderr);
    assert!(
        output.stderr.contains("larder serve token new"),
        "{}",
        output.stderr
    );
}

#[test]
fn without_tokens_the_log_says_that_every_role_is_open() {
    let env = machine();
    let serving = Serving::start(&env, &[]);
    serving.says("every role is open");
    let headers = [("Authorization", "Bearer whatever")];
    assert_eq!(
        serving.send("GET", "/api/binaries", &headers, b"").status,
        200
    );
    drop(serving);
    tokens(&env);
    let serving = Serving::start(&env, &["--tokens", "tokens.yml", "--bind", "0.0.0.0"]);
    let log = serving.log();
    assert!(!log.contains("every role"), "{log}");
    assert!(log.contains("plain text"), "{log}");
}

#[test]
fn tokens_are_made() {
    let env = machine();
    let new = |args: &[&str]| env.larder([&["serve", "token", "new"], args].concat());
    let made = new(&["--role", "write", "--name", "ci"]).success();
    let lines: Vec<&str> = made.stdout.lines().collect();
    let [secret, line] = lines[..] else {
        panic!("{lines:?}")
    };
    assert!(
        secret.starts_with("larder_") && secret.len() == 50,
        "{secret}"
    );
    let digest = sha256(secret.as_bytes());
    assert_eq!(
        line,
        format!("- {{name: ci, role: write, sha256: {digest}}}")
    );
    assert_eq!(made.stderr, "");
    let json = env.larder([
        "--json",
        "serve",
        "token",
        "new",
        "--role",
        "admin",
        "--name",
        "7",
        "--expires",
        "30d",
    ]);
    let json = json.success().document();
    let secret = json["secret"].as_str().expect("a secret");
    assert_eq!(json["sha256"], sha256(secret.as_bytes()));
    assert_eq!(
        (json["name"].as_str(), json["role"].as_str()),
        (Some("7"), Some("admin"))
    );
    let expires: jiff::Timestamp = json["expires"]
        .as_str()
        .expect("a time")
        .parse()
        .expect("RFC 3339");
    let days = (expires.as_second() - jiff::Timestamp::now().as_second()) / 3600;
    assert!((719..=720).contains(&days), "{days}");
    assert!(
        json["expires"]
            .as_str()
            .is_some_and(|text| text.ends_with('Z'))
    );
    // Both lines together are a file that a server takes.
    let both = format!("{line}\n{}\n", json["line"].as_str().expect("a line"));
    env.write("tokens.yml", both);
    let serving = Serving::start(&env, &["--tokens", "tokens.yml", "--private"]);
    for secret in [lines[0], secret] {
        let value = format!("Bearer {secret}");
        let headers = [("Authorization", value.as_str())];
        assert_eq!(
            serving.send("GET", "/api/binaries", &headers, b"").status,
            200
        );
    }
    for (args, says) in [
        (
            &["--role", "reads", "--name", "ci"][..],
            "did you mean `read`",
        ),
        (&["--role", "read", "--name", "c i"], "can't name a token"),
        (
            &["--role", "read", "--name", "ci", "--expires", "soon"],
            "30d",
        ),
        (
            &["--role", "read", "--name", "ci", "--expires", "0d"],
            "one second",
        ),
        (&["--name", "ci"], "--role"),
        (&["--role", "read"], "--name"),
    ] {
        let output = new(args);
        assert_eq!(output.code, Some(2), "{args:?} {}", output.stderr);
        assert!(output.stderr.contains(says), "{args:?} {}", output.stderr);
        assert_eq!(output.stdout, "");
    }
}
