//! Sessions of people and scripts with curl, word for word. Their port 7001 leads to the server of the
//! test by way of curl's own configuration.

use crate::serve::{Serving, machine, put, sha256};

const ONE: &str = "storage-server-1.0.0-linux-x86_64";
const TWO: &str = "storage-server-1.1.0-linux-x86_64";

/// Commands, and what they print. `ONE` and `TWO` are the digests of the two files, `BOTH` is the
/// document of each.
const SESSION: &[(&str, &str)] = &[
    (
        r"curl -s http://127.0.0.1:7001/api/binaries | jq -c 'map(.version)'",
        r#"["1.1.0","1.0.0"]"#,
    ),
    (
        r"curl -s 'http://127.0.0.1:7001/api/binaries?version=1.0.0' | jq -c",
        "[BINARY1]",
    ),
    (
        r"curl -s 'http://127.0.0.1:7001/api/binaries?name=storage-server&platform=linux&arch=x86_64' | jq -c",
        "[BINARY2,BINARY1]",
    ),
    (
        r"curl -s 'http://127.0.0.1:7001/api/binaries?name=nothing'",
        "[]",
    ),
    (
        r"curl -s http://127.0.0.1:7001/api/binaries/1.0.0/linux/x86_64",
        "BINARY1",
    ),
    (
        r"curl -s http://127.0.0.1:7001/api/binaries/latest/linux/x86_64",
        "BINARY2",
    ),
    // Aliases and a leading v.
    (
        r"curl -s http://127.0.0.1:7001/api/binaries/v1.0.0/linux/amd64",
        "BINARY1",
    ),
    (
        r"curl -s http://127.0.0.1:7001/api/binaries/latest/Linux/x64",
        "BINARY2",
    ),
    (
        r#"curl -s -X POST http://127.0.0.1:7001/api/binaries/1.0.0/linux/x86_64/verify -H 'Content-Type: application/json' -d '{"checksum": "ONE"}'"#,
        r#"{"valid":true,"expected_checksum":"ONE"}"#,
    ),
    (
        r#"curl -s -X POST http://127.0.0.1:7001/api/binaries/1.0.0/linux/x86_64/verify -d '{"checksum": "TWO"}'"#,
        r#"{"valid":false,"expected_checksum":"ONE"}"#,
    ),
    (
        r"curl -s http://127.0.0.1:7001/binaries/storage-server-1.0.0-linux-x86_64",
        "one",
    ),
    (
        r"curl -s -r 1- http://127.0.0.1:7001/binaries/storage-server-1.0.0-linux-x86_64",
        "ne",
    ),
    (
        r"curl -sI http://127.0.0.1:7001/binaries/storage-server-1.0.0-linux-x86_64 | tr -d '\r' | grep -iE '^(HTTP|content-|etag)'",
        "HTTP/1.1 200 OK\netag: \"ONE\"\ncontent-type: application/octet-stream\ncontent-length: 3",
    ),
    (
        r"curl -sO http://127.0.0.1:7001/binaries/storage-server-1.0.0-linux-x86_64 && curl -s http://127.0.0.1:7001/SHA256SUMS | sha256sum -c --ignore-missing",
        "storage-server-1.0.0-linux-x86_64: OK",
    ),
    (
        r"curl -s http://127.0.0.1:7001/index.json | jq -c '.binaries | length'",
        "2",
    ),
    (
        r"curl -s http://127.0.0.1:7001/openapi.json | jq -r .info.title",
        "larder serve",
    ),
    (
        r"curl -s http://127.0.0.1:7001/metrics | grep -c '^larder_serve_ready 1'",
        "1",
    ),
    (r"curl -s http://127.0.0.1:7001/livez", "ok"),
    (r"curl -s http://127.0.0.1:7001/readyz", "ready"),
    (
        r"curl -s http://127.0.0.1:7001/ | grep -c storage-server-1.0.0-linux-x86_64",
        "1",
    ),
    // Writing.
    (
        r"printf new | curl -s -w '%{http_code}' -T - http://127.0.0.1:7001/api/binaries/tool/v2.0.0/macos/arm64 | sed 's/.*}//'",
        "201",
    ),
    (
        r"printf new | curl -s -o answer -w '%{http_code}' -T - http://127.0.0.1:7001/api/binaries/tool/2.0.0/darwin/aarch64",
        "200",
    ),
    (
        r"printf other | curl -s -o answer -w '%{http_code}' -T - http://127.0.0.1:7001/api/binaries/tool/2.0.0/darwin/aarch64",
        "409",
    ),
    (
        r"printf exe | curl -s -T - http://127.0.0.1:7001/api/binaries/tool/2.0.0/windows/x86_64 | jq -r .path",
        "tool-2.0.0-windows-x86_64.exe",
    ),
    (
        r"printf new | curl -s -o answer -w '%{http_code}' -T - http://127.0.0.1:7001/api/binaries/tool/1.0.0/linux/x86_64",
        "201",
    ),
    // Now two names have that version.
    (
        r"curl -s http://127.0.0.1:7001/api/binaries/1.0.0/linux/x86_64 | jq -c '[.status, .names]'",
        r#"[409,["storage-server","tool"]]"#,
    ),
    (
        r"curl -s http://127.0.0.1:7001/api/binaries/latest/linux/x86_64 | jq -c '[.status, .names]'",
        r#"[409,["storage-server","tool"]]"#,
    ),
    (
        r"curl -s 'http://127.0.0.1:7001/api/binaries/1.0.0/linux/x86_64?name=storage-server'",
        "BINARY1",
    ),
    (
        r#"curl -s -X POST 'http://127.0.0.1:7001/api/binaries/1.0.0/linux/x86_64/verify?name=storage-server' -d '{"checksum": "ONE"}' | jq .valid"#,
        "true",
    ),
    (
        r"curl -s -o answer -w '%{http_code}' -X DELETE http://127.0.0.1:7001/api/binaries/tool/1.0.0/linux/x86_64",
        "204",
    ),
    (
        r"curl -s -o answer -w '%{http_code}' -X DELETE http://127.0.0.1:7001/api/binaries/tool/1.0.0/linux/x86_64",
        "404",
    ),
    // Troubleshooting: a version that is missing, a leading v, an underscore.
    (
        r"curl -s http://127.0.0.1:7001/api/binaries/9.0.0/linux/x86_64 | jq -r .detail",
        "there is no version 9.0.0 for linux/x86_64; for linux/x86_64 there are 1.1.0, 1.0.0",
    ),
    (
        r"curl -s http://127.0.0.1:7001/binaries/storage-server-v1.0.0-linux-x86_64 | jq -r .detail",
        "there is no file `storage-server-v1.0.0-linux-x86_64`: its version has a leading v; write 1.0.0; /api/binaries lists what there is",
    ),
    (
        r"curl -s http://127.0.0.1:7001/api/binaries/1.0.0/linux_x86_64 | jq -r .detail",
        "there is nothing at /api/binaries/1.0.0/linux_x86_64; write /api/binaries/1.0.0/linux/x86_64, with a slash between platform and architecture",
    ),
    (
        r"curl -s http://127.0.0.1:7001/binaries/storage_server-1.0.0-linux-x86_64 | jq -r .detail | grep -o storage-server-1.0.0-linux-x86_64",
        "storage-server-1.0.0-linux-x86_64",
    ),
    (
        r"curl -s http://127.0.0.1:7001/api/binaries/1.0.0/x86_64/linux | jq -r .detail",
        "the platform comes before the architecture: write linux/x86_64",
    ),
    (
        r"curl -s -i -X PATCH http://127.0.0.1:7001/api/binaries | tr -d '\r' | grep -iE '^(HTTP|allow|content-type)' | sort",
        "HTTP/1.1 405 Method Not Allowed\nallow: GET,HEAD\ncontent-type: application/problem+json",
    ),
    // A client that has a listing is told so.
    (
        r#"tag=$(curl -sI http://127.0.0.1:7001/index.json | tr -d '\r' | sed -n 's/^etag: //p'); curl -s -o answer -w '%{http_code} %{size_download}' -H "If-None-Match: $tag" http://127.0.0.1:7001/index.json"#,
        "304 0",
    ),
];

#[test]
fn sessions_with_curl_go_as_they_are_documented() {
    let env = machine();
    put(&env, ONE, "one");
    put(&env, TWO, "two");
    let serving = Serving::start(&env, &[]);
    let lead = format!("connect-to = \"127.0.0.1:7001:{}\"\n", serving.address);
    std::fs::write(env.home().join(".curlrc"), lead).expect("write .curlrc");
    let listed = serving.get("/api/binaries").json();
    let (one, two) = (sha256(b"one"), sha256(b"two"));
    let (binary1, binary2) = (document(&listed[1]), document(&listed[0]));
    for (command, expected) in SESSION {
        let fill = |text: &str| {
            text.replace("BINARY1", &binary1)
                .replace("BINARY2", &binary2)
                .replace("ONE", &one)
                .replace("TWO", &two)
        };
        let mut shell = env.program("sh");
        shell.args(["-c", &fill(command)]);
        let output = env.output(shell);
        assert_eq!(
            output.stdout.trim_end(),
            fill(expected),
            "{command}\n{}",
            output.stderr
        );
    }
}

/// A document in the order of its fields.
fn document(info: &serde_json::Value) -> String {
    let fields = [
        "name",
        "version",
        "platform",
        "arch",
        "checksum",
        "size_bytes",
        "path",
        "uploaded_at",
    ];
    assert_eq!(
        info.as_object().map(serde_json::Map::len),
        Some(fields.len())
    );
    let field = |name: &&str| format!("\"{name}\":{}", info[*name]);
    format!(
        "{{{}}}",
        fields.iter().map(field).collect::<Vec<_>>().join(",")
    )
}
