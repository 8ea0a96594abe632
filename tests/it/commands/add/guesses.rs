//! What `add` guesses from names, what it reads from headers, and what it asks.

use super::{machine, release};
use crate::env::{TestEnv, host};
use crate::fake_github::{FakeGitHub, Visibility};

/// The header of a program for Linux.
fn elf(arch: &str) -> Vec<u8> {
    let mut bytes = vec![0; 64 + 56];
    bytes[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0]);
    bytes[16] = 2;
    bytes[18] = if arch == "arm64" { 183 } else { 62 };
    (bytes[20], bytes[32], bytes[52], bytes[54], bytes[56]) = (1, 64, 64, 56, 1);
    bytes
}

/// The header of a program for Windows.
fn pe(machine: u16) -> Vec<u8> {
    let mut bytes = vec![0; 0x80];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x3c] = 0x80;
    bytes.extend_from_slice(b"PE\0\0");
    bytes.extend_from_slice(&machine.to_le_bytes());
    bytes.extend_from_slice(&[0; 18]);
    bytes
}

/// The header of a program for both processors of a Mac.
fn universal() -> Vec<u8> {
    let mut bytes = b"\xca\xfe\xba\xbe\0\0\0\x02".to_vec();
    for processor in [0x0100_0007_u32, 0x0100_000c] {
        bytes.extend_from_slice(&processor.to_be_bytes());
        bytes.extend_from_slice(&[0; 16]);
    }
    bytes
}

/// Publishes these files, and those that the shell lines make of them.
fn files(env: &TestEnv, github: &FakeGitHub, tag: &str, files: &[(&str, Vec<u8>)], lines: &str) {
    env.sh("rm -rf ../files && mkdir ../files");
    for (name, bytes) in files {
        env.write(&format!("../files/{name}"), bytes);
    }
    release(env, github, tag, &format!("cp -r ../files/. . && {lines}"));
}

#[test]
fn headers_are_read_where_names_do_not_tell_the_platform() {
    let (env, github) = machine(Visibility::Public);
    env.write(
        "versions.yml",
        "platforms: [linux-amd64, linux-arm64, darwin-amd64, darwin-arm64, windows-arm64]\nversions: {}\n",
    );
    // The Windows program is for another processor than its name makes one believe.
    let all = [
        ("tool", elf("amd64")),
        ("tool-arm64", elf("arm64")),
        ("mac/tool", universal()),
        ("mac/README", b"text".to_vec()),
        ("tool-win.exe", pe(0xaa64)),
    ];
    let lines = "(cd mac && zip -q ../tool-macos.zip tool README) && rm -r mac && tar czf tool-1.2.0.tar.gz tool-arm64
        sha256sum tool > tool.sha256";
    files(&env, &github, "v1.2.0", &all, lines);
    let document = env
        .larder_json(["add", "tool", "github:acme/tool"])
        .success()
        .document();
    let assets = serde_json::json!({
        "linux-amd64": "tool", "linux-arm64": "tool-arm64", "darwin-amd64": "tool-macos.zip",
        "darwin-arm64": "tool-macos.zip", "windows-arm64": "tool-win.exe"
    });
    assert_eq!(document["assets"], assets);
    assert_eq!(document["missing"], serde_json::json!(["windows-amd64"]));
    // Its digest is stated for one of them only, and only there it is demanded.
    let recipe = env.read("subsystems/tool/recipe.yml");
    assert_eq!(recipe.matches("checksums").count(), 1, "{recipe}");
    env.larder(["lock", "--platform", "all"]).success();
    let locked = env.read("versions.lock");
    let lines = locked.lines().filter(|line| line.starts_with("tool "));
    assert_eq!(lines.count(), 5, "{locked}");
}

#[test]
fn what_names_do_not_tell_is_asked_for_and_answered() {
    let (env, github) = machine(Visibility::Public);
    let lines = "for n in client server; do for p in linux-amd64 linux-arm64 darwin-arm64; do
        printf '#!/bin/sh\\necho hi\\n' > $n-$p; done; done; echo x > client-windows-x64.msi";
    release(&env, &github, "v1.2.0", lines);
    let out = env.larder(["add", "tunnel", "github:acme/tool"]).exits(1);
    for words in [
        "several products",
        "which one `tunnel` is: client-",
        "--asset linux-",
    ] {
        assert!(out.stderr.contains(words), "{words}: {}", out.stderr);
    }
    assert!(!env.exists("subsystems"));
    let answer = format!("{}=server-{}", host(), host());
    let add = ["add", "tunnel", "github:acme/tool", "--asset", &answer];
    let document = env.larder_json(add).success().document();
    assert_eq!(document["assets"][host()], format!("server-{}", host()));
    assert_eq!(document["assets"]["darwin-arm64"], "server-darwin-arm64");
    // The name of the product decides, too; a package that larder can't open is named.
    let out = env.larder(["add", "client", "github:acme/tool"]).success();
    assert!(
        out.stderr.contains(
            "windows-amd64   no asset, only client-windows-x64.msi, which larder can't open"
        ),
        "{}",
        out.stderr
    );
    for (answer, code, words) in [
        ("linux-amd64", 2, "--asset PLATFORM=NAME"),
        ("linux-x99=server", 2, "x99"),
        ("linux-amd64=serve", 2, "no asset serve"),
    ] {
        let out = env
            .larder(["add", "other", "github:acme/tool", "--asset", answer])
            .exits(code);
        assert!(out.stderr.contains(words), "{answer}: {}", out.stderr);
    }
}

#[test]
fn digests_are_demanded_only_where_they_are_stated() {
    let (env, github) = machine(Visibility::Public);
    let programs = "for p in linux-amd64 linux-arm64 darwin-arm64; do
        printf '#!/bin/sh\\necho hi\\n' > tool; chmod +x tool; tar czf tool-$p.tgz tool; done; rm tool;";
    for (version, lines, written) in [
        // One file for each system; the other does not mention its asset.
        (
            "v1.0.0",
            "sha256sum tool-linux* > sha256sums-linux.txt; echo x > sha256sums-darwin.txt",
            "linux: {checksums: sha256sums-linux.txt}",
        ),
        (
            "v1.1.0",
            "for f in tool-*; do sha256sum $f > ${f%.tgz}.sha256; done",
            "checksums: \"tool-{{ os }}-{{ arch }}.sha256\"",
        ),
        (
            "v1.2.0",
            "sha512sum tool-* > SHASUMS512.txt",
            "checksums: SHASUMS512.txt",
        ),
        (
            "v1.3.0",
            "sha256sum tool-* > hashes.sha256",
            "checksums: hashes.sha256",
        ),
        (
            "v1.4.0",
            "sha256sum tool-* > tool-v1.4.0.sha256sums",
            "checksums: \"tool-{{ version }}.sha256sums\"",
        ),
        // One file for a system, and one for all others.
        (
            "v1.7.0",
            "sha256sum tool-linux* > checksums.txt; sha256sum tool-darwin* > checksums_darwin.txt",
            "darwin: {checksums: \"checksums_{{ os }}.txt\"}",
        ),
        // A file that mentions only one of them.
        (
            "v1.5.0",
            "sha256sum tool-darwin* > checksums.txt",
            "darwin: {checksums: checksums.txt}",
        ),
        ("v1.6.0", "md5sum tool-* > checksums.txt", ""),
    ] {
        release(&env, &github, version, &format!("{programs} {lines}"));
        let document = env
            .larder_json(["add", "tool", "github:acme/tool", version])
            .success()
            .document();
        let recipe = document["recipe"].as_str().unwrap().to_owned();
        assert!(recipe.contains(written), "{version}: {recipe}");
        assert_eq!(
            recipe.contains("checksums"),
            !written.is_empty(),
            "{recipe}"
        );
        env.write(
            "versions.yml",
            format!("platforms: [linux-amd64, linux-arm64, darwin-arm64]\nversions: {{tool: {version}}}\n"),
        );
        env.larder(["lock", "--platform", "all"]).success();
        env.sh("rm -rf subsystems versions.lock");
        env.write("versions.yml", "versions: {}\n");
    }
}

#[test]
fn a_program_with_a_folder_beside_it_keeps_the_folder() {
    let (env, github) = machine(Visibility::Public);
    let lines = "for p in linux-amd64 linux-arm64 darwin-amd64 darwin-arm64; do
        mkdir -p e-$p/bin e-$p/share/editor; echo ready > e-$p/share/editor/greeting
        printf '#!/bin/sh\\ncat \"$(dirname \"$(realpath \"$0\")\")/../share/editor/greeting\"\\n' > e-$p/bin/editor
        chmod +x e-$p/bin/editor; tar czf editor-$p.tar.gz e-$p; rm -r e-$p; done";
    release(&env, &github, "v1.2.0", lines);
    let out = env.larder(["add", "editor", "github:acme/tool"]).success();
    for words in [
        "not sure",
        "whether editor needs what lies beside it (share/editor)",
        "`keep: tree`",
    ] {
        assert!(out.stderr.contains(words), "{words}: {}", out.stderr);
    }
    let recipe = env.read("subsystems/editor/recipe.yml");
    assert!(recipe.contains("\n  keep: tree\n"), "{recipe}");
    env.larder(["ensure", "all"]).success();
    assert_eq!(env.sh("subsystems/editor/.bin/editor"), "ready\n");
}
