//! The table of the API, row by row.

use serde_json::json;

use super::{Serving, machine, put, sha256};

/// The paths of all routes that answer to GET, with some answers that are problems.
const READS: [&str; 14] = [
    "/api/binaries",
    "/api/binaries?name=tool",
    "/api/binaries/1.0.0/linux/x86_64?name=tool",
    "/api/binaries/latest/linux/x86_64?name=tool",
    "/api/binaries/7.0.0/linux/x86_64",
    "/binaries/tool-1.0.0-linux-x86_64",
    "/binaries/none-1.0.0-linux-x86_64",
    "/index.json",
    "/SHA256SUMS",
    "/openapi.json",
    "/livez",
    "/readyz",
    "/",
    "/nothing",
];

#[test]
fn binaries_are_listed_in_order() {
    let env = machine();
    for file in [
        "storage-server-1.0.0-linux-x86_64",
        "storage-server-1.10.0-linux-x86_64",
        "storage-server-1.9.0-linux-x86_64",
        "storage-server-1.9.0-linux-aarch64",
        "storage-server-1.9.0-darwin-aarch64",
        "storage-server-1.9.0-rc.1-linux-x86_64",
        "agent-0.1.0-windows-x86.exe",
    ] {
        put(&env, file, file);
    }
    let serving = Serving::start(&env, &[]);
    let sorted = [
        "agent-0.1.0-windows-x86.exe",
        "storage-server-1.10.0-linux-x86_64",
        "storage-server-1.9.0-darwin-aarch64",
        "storage-server-1.9.0-linux-aarch64",
        "storage-server-1.9.0-linux-x86_64",
        "storage-server-1.9.0-rc.1-linux-x86_64",
        "storage-server-1.0.0-linux-x86_64",
    ];
    assert_eq!(serving.files(), sorted);
    let list = serving.get("/api/binaries").json();
    let uploaded_at = list[1]["uploaded_at"].clone();
    assert_eq!(
        list[1],
        json!({
            "name": "storage-server", "version": "1.10.0", "platform": "linux", "arch": "x86_64",
            "checksum": sha256(sorted[1].as_bytes()), "size_bytes": 34, "path": sorted[1],
            "uploaded_at": uploaded_at,
        })
    );
    assert!(
        uploaded_at
            .as_i64()
            .is_some_and(|seconds| seconds > 1_600_000_000)
    );
    for (query, count) in [
        ("name=storage-server", 6),
        ("version=v1.9.0", 3),
        ("version=1.9.0&arch=arm64", 2),
        ("platform=macOS", 1),
        ("platform=windows&arch=386", 1),
        (
            "name=storage-server&version=1.9.0&platform=linux&arch=amd64",
            1,
        ),
        ("name=other", 0),
        ("version=1.9", 0),
        ("unknown=1", 7),
    ] {
        let found = serving.get(&format!("/api/binaries?{query}")).json();
        assert_eq!(found.as_array().map(Vec::len), Some(count), "{query}");
    }
    assert!(
        serving
            .get("/api/binaries?platform=plan9")
            .problem(400)
            .contains("windows")
    );
    assert!(
        serving
            .get("/api/binaries?arch=riscv")
            .problem(400)
            .contains("aarch64")
    );
    let index = serving.get("/index.json").json();
    assert_eq!(index["binaries"], list);
}

#[test]
fn one_binary_is_found_by_version_and_platform() {
    let env = machine();
    for file in [
        "tool-1.0.0-linux-x86_64",
        "tool-1.0.0-darwin-aarch64",
        "tool-2.0.0-rc.1-linux-x86_64",
        "tool-3.0.0-rc.1-linux-arm",
        "tool-3.0.0-rc.2-linux-arm",
        "other-1.5.0-linux-x86_64",
        "other-1.0.0-linux-x86_64",
    ] {
        put(&env, file, file);
    }
    let serving = Serving::start(&env, &[]);
    for (path, file) in [
        ("1.0.0/darwin/aarch64", "tool-1.0.0-darwin-aarch64"),
        ("v1.0.0/macos/arm64", "tool-1.0.0-darwin-aarch64"),
        ("1.0.0/linux/amd64?name=tool", "tool-1.0.0-linux-x86_64"),
        ("2.0.0-rc.1/linux/x86_64", "tool-2.0.0-rc.1-linux-x86_64"),
        ("latest/linux/x86_64?name=other", "other-1.5.0-linux-x86_64"),
        ("latest/linux/x86_64?name=tool", "tool-1.0.0-linux-x86_64"),
        ("latest/linux/arm", "tool-3.0.0-rc.2-linux-arm"),
    ] {
        let answer = serving.get(&format!("/api/binaries/{path}"));
        assert_eq!(answer.json()["path"], file, "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    for (path, status, says) in [
        ("1.0.0/linux/x86_64", 409, "other, tool"),
        ("latest/linux/x86_64", 409, "other, tool"),
        ("1.0.0/linux/x86_64?name=none", 404, "other, tool"),
        ("9.9.9/linux/arm", 404, "3.0.0-rc.2, 3.0.0-rc.1"),
        ("v9.9.9/linux/arm", 404, "3.0.0-rc.2, 3.0.0-rc.1"),
        ("1.5.0/windows/x86_64", 404, "it exists for linux/x86_64"),
        (
            "latest/windows/x86_64",
            404,
            "nothing is there for windows/x86_64",
        ),
        ("1.0.0/linux_x86_64", 404, "1.0.0/linux/x86_64"),
        ("1.0.0/linux_amd64/x", 400, "linux/amd64"),
        ("1.0.0/x86_64/linux", 400, "linux/x86_64"),
        ("1.0.0/plan9/x86_64", 400, "linux, darwin or windows"),
        ("1.0.0/linux/riscv64", 400, "x86_64, aarch64, arm or x86"),
        ("1.0.0", 404, "/api/binaries/<version>/<platform>/<arch>"),
        ("", 404, "/api/binaries has no slash"),
    ] {
        let detail = serving
            .get(&format!("/api/binaries/{path}"))
            .problem(status);
        assert!(detail.contains(says), "{path}: {detail}");
    }
    let names = serving.get("/api/binaries/1.0.0/linux/x86_64").json();
    assert_eq!(names["names"], json!(["other", "tool"]));
}

#[test]
fn digests_are_compared() {
    let env = machine();
    put(&env, "tool-1.0.0-linux-x86_64", "tool");
    let serving = Serving::start(&env, &[]);
    let path = "/api/binaries/v1.0.0/linux/amd64/verify";
    let right = sha256(b"tool");
    for (checksum, valid) in [
        (right.clone(), true),
        (right.to_uppercase(), true),
        (format!("sha256:{right}"), true),
        (sha256(b"other"), false),
        ("abc".to_owned(), false),
        (String::new(), false),
    ] {
        let body = json!({"checksum": checksum}).to_string();
        for kind in [
            "application/json",
            "text/plain",
            "application/x-www-form-urlencoded",
        ] {
            let answer = serving.send("POST", path, &[("Content-Type", kind)], body.as_bytes());
            let expected = json!({"valid": valid, "expected_checksum": right});
            assert_eq!(answer.json(), expected, "{checksum}");
        }
    }
    for (body, status) in [
        ("", 400),
        ("{", 400),
        ("[]", 422),
        ("{}", 422),
        (r#"{"checksum": 1}"#, 422),
    ] {
        serving
            .send("POST", path, &[], body.as_bytes())
            .problem(status);
    }
    let large = vec![b' '; 100_000];
    serving.send("POST", path, &[], &large).problem(413);
    let absent = "/api/binaries/2.0.0/linux/amd64/verify";
    let body = json!({"checksum": right}).to_string();
    serving
        .send("POST", absent, &[], body.as_bytes())
        .problem(404);
}

#[test]
fn head_is_get_without_content() {
    let env = machine();
    put(&env, "tool-1.0.0-linux-x86_64", "tool");
    let serving = Serving::start(&env, &[]);
    for path in READS {
        let (get, head) = (serving.get(path), serving.send("HEAD", path, &[], b""));
        assert_eq!(head.body, b"");
        assert!(get.header("content-length").is_some(), "{path}");
        let expected = super::Response {
            body: Vec::new(),
            ..get.comparable()
        };
        assert_eq!(head.comparable(), expected, "{path}");
    }
}

#[test]
fn methods_that_a_path_does_not_have_are_refused() {
    let env = machine();
    let serving = Serving::start(&env, &[]);
    for (path, allowed) in [
        ("/api/binaries", "GET,HEAD"),
        ("/api/binaries/1.0.0/linux/x86_64", "GET,HEAD"),
        ("/api/binaries/latest/linux/x86_64", "GET,HEAD"),
        ("/api/binaries/1.0.0/linux/x86_64/verify", "POST"),
        ("/api/binaries/n/1.0.0/linux/x86_64", "PUT,DELETE"),
        ("/binaries/tool-1.0.0-linux-x86_64", "GET,HEAD"),
        ("/metrics", "GET,HEAD"),
        ("/", "GET,HEAD"),
    ] {
        for method in [
            "GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW",
        ] {
            if allowed.split(',').any(|allowed| allowed == method) {
                continue;
            }
            let answer = serving.send(method, path, &[], b"");
            answer.problem(405);
            let mut found: Vec<_> = answer
                .header("allow")
                .unwrap_or_default()
                .split(',')
                .collect();
            let mut wanted: Vec<_> = allowed.split(',').collect();
            found.sort_unstable();
            wanted.sort_unstable();
            assert_eq!(found, wanted, "{method} {path}");
        }
    }
}

#[test]
fn sums_are_those_that_sha256sum_checks() {
    let env = machine();
    for file in ["tool-1.0.0-linux-x86_64", "tool-1.0.0-windows-x86_64.exe"] {
        put(&env, file, file);
    }
    let serving = Serving::start(&env, &[]);
    let sums = serving.get("/SHA256SUMS").text();
    assert_eq!(sums.lines().count(), 2);
    env.write("binaries/.sums", sums);
    env.sh("cd binaries && sha256sum -c .sums");
}

#[test]
fn the_description_names_every_route() {
    let env = machine();
    let serving = Serving::start(&env, &[]);
    let description = serving.get("/openapi.json").json();
    let paths = description["paths"].as_object().expect("paths");
    assert_eq!(description["openapi"].as_str().map(|v| &v[..2]), Some("3."));
    for (path, method) in [
        ("/api/binaries", "get"),
        ("/api/binaries/{version}/{platform}/{arch}", "get"),
        ("/api/binaries/latest/{platform}/{arch}", "get"),
        ("/api/binaries/{version}/{platform}/{arch}/verify", "post"),
        ("/api/binaries/{name}/{version}/{platform}/{arch}", "put"),
        ("/api/binaries/{name}/{version}/{platform}/{arch}", "delete"),
        ("/binaries/{filename}", "get"),
        ("/index.json", "get"),
        ("/SHA256SUMS", "get"),
        ("/openapi.json", "get"),
        ("/metrics", "get"),
        ("/livez", "get"),
        ("/readyz", "get"),
        ("/", "get"),
    ] {
        assert!(paths[path][method].is_object(), "{method} {path}");
    }
    let page = serving.get("/");
    assert!(
        page.header("content-security-policy")
            .is_some_and(|policy| policy.contains("'none'"))
    );
}

#[test]
fn curl_sessions_work_as_documented() {
    let env = machine();
    put(&env, "storage-server-1.0.0-linux-x86_64", "#!/bin/sh\n");
    let serving = Serving::start(&env, &[]);
    let url = format!("http://{}", serving.address);
    let curl = |line: &str| env.sh(&format!("curl -sS {}", line.replace("URL", &url)));
    let status = "-o /dev/null -w '%{http_code}'";
    assert!(curl("URL/api/binaries").contains("storage-server"));
    let info = curl("URL/api/binaries/1.0.0/linux/x86_64");
    assert!(
        info.contains(r#""path":"storage-server-1.0.0-linux-x86_64""#),
        "{info}"
    );
    assert_eq!(curl("URL/api/binaries/latest/linux/x86_64"), info);
    assert_eq!(curl("URL/api/binaries/v1.0.0/linux/amd64"), info);
    let digest = sha256(b"#!/bin/sh\n");
    let verified = curl(&format!(
        "-X POST -d '{{\"checksum\": \"{digest}\"}}' URL/api/binaries/1.0.0/linux/x86_64/verify"
    ));
    assert_eq!(
        verified,
        format!(r#"{{"valid":true,"expected_checksum":"{digest}"}}"#)
    );
    assert_eq!(
        curl("URL/binaries/storage-server-1.0.0-linux-x86_64"),
        "#!/bin/sh\n"
    );
    assert_eq!(
        curl("-r 2- URL/binaries/storage-server-1.0.0-linux-x86_64"),
        "/bin/sh\n"
    );
    assert_eq!(
        curl(&format!("{status} URL/api/binaries/9.0.0/linux/x86_64")),
        "404"
    );
    assert_eq!(
        curl(&format!("{status} --http2-prior-knowledge URL/livez")),
        "200"
    );
    // An interrupted download is resumed.
    env.write("part", "#!/bin");
    curl("-C - -o part URL/binaries/storage-server-1.0.0-linux-x86_64");
    assert_eq!(env.read("part"), "#!/bin/sh\n");
}

#[test]
fn documents_have_entity_tags() {
    let env = machine();
    put(&env, "tool-1.0.0-linux-x86_64", "tool");
    let serving = Serving::start(&env, &[]);
    for target in [
        "/api/binaries",
        "/api/binaries?name=tool",
        "/api/binaries/1.0.0/linux/x86_64",
        "/api/binaries/latest/linux/x86_64",
        "/index.json",
        "/SHA256SUMS",
        "/openapi.json",
    ] {
        let answer = serving.get(target);
        let tag = format!("\"{}\"", sha256(&answer.body));
        assert_eq!(answer.header("etag"), Some(tag.as_str()), "{target}");
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        for (name, value, status) in [
            ("If-None-Match", tag.as_str(), 304),
            ("If-None-Match", &format!("\"x\", W/{tag}"), 304),
            ("If-None-Match", "*", 304),
            ("If-None-Match", "\"x\"", 200),
            ("If-Match", &tag, 200),
            ("If-Match", "\"x\"", 412),
        ] {
            for method in ["GET", "HEAD"] {
                let same = serving.send(method, target, &[(name, value)], b"");
                assert_eq!(same.status, status, "{method} {target} {name}: {value}");
                assert_eq!(same.header("etag"), Some(tag.as_str()));
                if status == 304 {
                    assert_eq!(same.header("content-length"), None);
                    assert_eq!(same.header("cache-control"), Some("no-cache"));
                }
            }
        }
    }
    let old = serving.get("/index.json").header("etag").map(str::to_owned);
    put(&env, "tool-1.1.0-linux-x86_64", "newer");
    serving.wait("a new tag", |serving| {
        serving.get("/index.json").header("etag") != old.as_deref() || serving.files().len() == 2
    });
}
