//! Publishers on this machine: a fake GitHub with releases whose assets are named as the real ones are.

use std::fmt::Write as _;

use crate::env::TestEnv;
use crate::fake_github::{FakeGitHub, Visibility};

/// Shell functions that make assets: a script in an archive, in a folder of it, or as it is.
const MAKE: &str = r#"
program() { printf '#!/bin/sh\necho "%s %s $*"\n' "$1" "$2" > "$3"; chmod +x "$3"; }
plain() { program "$1" "$2" "$3"; }                      # NAME VERSION ASSET
packed() {                                               # NAME VERSION ASSET FOLDER FILE
  t=$(mktemp -d); mkdir -p "$t/$4"; program "$1" "$2" "$t/$4/$5"; echo text > "$t/$4/README.md"; out=$PWD/$3
  case $3 in *.zip) (cd "$t" && zip -qr "$out" .);; *) tar czf "$3" -C "$t" .;; esac
}
"#;

/// Publishes a release whose assets shell lines make.
fn release(env: &TestEnv, github: &FakeGitHub, repo: &str, tag: &str, lines: &str) {
    env.sh(&format!(
        "rm -rf ../release && mkdir ../release && cd ../release && {MAKE}\n{lines}"
    ));
    let mut assets: Vec<(String, Vec<u8>)> = Vec::new();
    for entry in env
        .base()
        .join("release")
        .read_dir_utf8()
        .expect("the release")
    {
        let entry = entry.expect("entry");
        let bytes = std::fs::read(entry.path()).expect("read");
        assets.push((entry.file_name().to_owned(), bytes));
    }
    let assets: Vec<(&str, &[u8])> = assets
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    let id = github.put_release(repo, tag, false, &assets);
    github.with_repo(repo, |repo| {
        for release in &mut repo.releases {
            release.latest = release.id == id;
        }
    });
}

/// Shell lines for each of six platforms; `{os}`, `{arch}` and so on are replaced.
fn for_six(line: &str) -> String {
    let mut lines = String::new();
    for (os, arch) in [
        ("linux", "amd64"),
        ("linux", "arm64"),
        ("darwin", "amd64"),
        ("darwin", "arm64"),
        ("windows", "amd64"),
        ("windows", "arm64"),
    ] {
        let triple = match os {
            "linux" => "unknown-linux-musl",
            "darwin" => "apple-darwin",
            _ => "pc-windows-msvc",
        };
        let windows = os == "windows";
        let line = line
            .replace("{os}", os)
            .replace("{macos}", if os == "darwin" { "macos" } else { os })
            .replace("{macOS}", if os == "darwin" { "macOS" } else { os })
            .replace("{arch}", arch)
            .replace("{cpu}", if arch == "amd64" { "x86_64" } else { "aarch64" })
            .replace("{triple}", triple)
            .replace("{exe}", if windows { ".exe" } else { "" })
            .replace("{zip}", if windows { "zip" } else { "tar.gz" })
            .replace("{mac-zip}", if os == "linux" { "tar.gz" } else { "zip" });
        let _ = writeln!(lines, "{line}");
    }
    lines
}

/// A machine for which the fake GitHub is github.com, with the publishers of the example's tools.
pub(super) fn machine() -> (TestEnv, FakeGitHub) {
    let github = FakeGitHub::start();
    let mut env = TestEnv::new();
    env.set("LARDER_UPSTREAM_GITHUB", github.web_url());
    env.set("GITHUB_SERVER_URL", github.web_url())
        .set("GITHUB_API_URL", github.api_url());
    for (repo, tag, line, more) in [
        (
            "nats-io/nats-server",
            "v2.10.24",
            "n=nats-server-v2.10.24-{os}-{arch}; packed nats-server v2.10.24 $n.{zip} $n nats-server{exe}",
            "sha256sum * > SHA256SUMS",
        ),
        (
            "F1bonacc1/process-compose",
            "v1.46.0",
            "packed process-compose v1.46.0 process-compose_{os}_{arch}.{zip} . process-compose{exe}",
            "sha256sum * > process-compose_checksums.txt",
        ),
        (
            "jqlang/jq",
            "jq-1.7.1",
            "plain jq 1.7.1 jq-{macos}-{arch}{exe}",
            "sha256sum * > sha256sum.txt; echo x > jq-1.7.1.tar.gz",
        ),
        (
            "mikefarah/yq",
            "v4.44.3",
            "plain yq v4.44.3 yq_{os}_{arch}{exe}",
            "",
        ),
        (
            "casey/just",
            "1.36.0",
            "packed just 1.36.0 just-1.36.0-{cpu}-{triple}.{zip} . just{exe}",
            "sha256sum * > SHA256SUMS",
        ),
        (
            "golangci/golangci-lint",
            "v1.62.2",
            "n=golangci-lint-1.62.2-{os}-{arch}; packed golangci-lint 1.62.2 $n.{zip} $n golangci-lint{exe}",
            "sha256sum * > golangci-lint-1.62.2-checksums.txt",
        ),
        (
            "cli/cli",
            "v2.83.2",
            "n=gh_2.83.2_{macOS}_{arch}; packed gh 2.83.2 $n.{mac-zip} $n/bin gh{exe}",
            "sha256sum * > gh_2.83.2_checksums.txt",
        ),
    ] {
        github.repo(repo, Visibility::Public);
        release(
            &env,
            &github,
            repo,
            tag,
            &format!("{}{more}", for_six(line)),
        );
    }
    (env, github)
}

/// A release of Hugo, which has two programs with one name: the plain one, and the extended one.
pub(super) fn hugo(env: &TestEnv, github: &FakeGitHub) {
    github.repo("gohugoio/hugo", Visibility::Public);
    let line = "packed hugo plain hugo_0.140.2_{os}-{arch}.tar.gz . hugo{exe}; \
                packed hugo extended hugo_extended_0.140.2_{os}-{arch}.tar.gz . hugo{exe}";
    release(env, github, "gohugoio/hugo", "v0.140.2", &for_six(line));
}

/// A further, older or newer release of jq.
pub(super) fn jq(env: &TestEnv, github: &FakeGitHub, version: &str) {
    let line = format!("plain jq {version} jq-{{macos}}-{{arch}}{{exe}}");
    release(
        env,
        github,
        "jqlang/jq",
        &format!("jq-{version}"),
        &for_six(&line),
    );
}
