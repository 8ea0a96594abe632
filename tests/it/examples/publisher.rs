//! A stand-in for the publishers of the examples' originals: the real names and archive layouts, with scripts for binaries.
//!
//! Serves what `data/published.txt` lists for github.com, with a digests file beside it, as github.com serves public releases.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use crate::env::TestEnv;
use crate::servers::files::FileServer;

const GITHUB: &str = "https://github.com/";

/// Subsystem, its binary, the folder in the archive that has it (`*` is the archive's stem), the
/// program that makes the digests file.
const LAYOUTS: [(&str, &str, &str, &str); 7] = [
    ("nats", "nats-server", "*", "sha256sum"),
    ("liftbridge", "liftbridge", "", "sha256sum"),
    ("docs", "hugo", "", "sha256sum"),
    ("pc", "process-compose", "", "sha256sum"),
    ("gh", "gh", "*/bin", "sha256sum"),
    ("flyctl", "flyctl", "", "sha256sum"),
    ("caddy", "caddy", "", "sha512sum"),
];

/// Creates releases of some subsystems and serves them as github.com to the machine's commands from
/// then on.
pub fn publish(env: &mut TestEnv, names: &[&str]) -> FileServer {
    let root = env.base().join("github.com");
    let mut digests: BTreeMap<Utf8PathBuf, (&str, String)> = BTreeMap::new();
    for line in include_str!("../data/published.txt").lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let Some(&(name, binary, inner, program)) = LAYOUTS
            .iter()
            .find(|layout| layout.0 == words[0] && names.contains(&words[0]))
        else {
            continue;
        };
        let Some(path) = words.last().and_then(|url| url.strip_prefix(GITHUB)) else {
            continue;
        };
        let file = root.join(path);
        let folder = file.parent().expect("a folder").to_owned();
        if words.len() == 2 {
            digests.insert(
                folder,
                (program, file.file_name().expect("a name").to_owned()),
            );
            continue;
        }
        let windows = words[1].starts_with("windows");
        let asset = file.file_name().expect("a name");
        let stem = asset.trim_end_matches(".tar.gz").trim_end_matches(".zip");
        // The archive of gh for Windows has no top folder (seen in the real archive).
        let inner = if windows && name == "gh" {
            "bin".to_owned()
        } else {
            inner.replace('*', stem)
        };
        let exe = if windows { ".exe" } else { "" };
        let version = path.split('/').nth(4).expect("a tag");
        let pack = if asset.ends_with(".zip") {
            format!("zip -qr '{file}' .")
        } else {
            format!("tar czf '{file}' *")
        };
        env.sh(&format!(
            "mkdir -p '{folder}' && d=$(mktemp -d) && cd \"$d\" && mkdir -p \"./{inner}\" && echo text > './{inner}/LICENSE' && \
             printf '#!/bin/sh\\necho \"{binary} {version} on {}\"\\n' > './{inner}/{binary}{exe}' && chmod +x './{inner}/{binary}{exe}' && {pack}",
            words[1]
        ));
    }
    for (folder, (program, file)) in digests {
        env.sh(&format!(
            "cd '{folder}' && {program} * > '../{file}' && mv '../{file}' ."
        ));
    }
    let server = FileServer::start(&root);
    env.set("LARDER_UPSTREAM_GITHUB", server.url());
    server
}

#[test]
fn the_collection_example_collects_from_the_publishers() {
    let mut env = TestEnv::new();
    env.copy_from_repo("examples/collection", "");
    let server = publish(&mut env, &["flyctl", "caddy"]);
    env.larder(["collect", "all"]).success();
    for (name, version) in [("flyctl", "v0.3.162"), ("caddy", "v2.10.0")] {
        for platform in ["linux-amd64", "darwin-arm64", "windows-arm64"] {
            let exe = if platform.starts_with("windows") {
                ".exe"
            } else {
                ""
            };
            let text = env.read(&format!(
                ".collection/binaries/{name}/{version}/{platform}/{name}{exe}"
            ));
            assert!(
                text.contains(&format!("{name} {version} on {platform}")),
                "{text}"
            );
        }
        let manifest: serde_json::Value =
            serde_json::from_str(&env.read(&format!(".collection/binaries/{name}/manifest.json")))
                .expect("JSON");
        assert_eq!(
            (&manifest["binary"], &manifest["version"]),
            (&name.into(), &version.into())
        );
        assert_eq!(
            manifest["platforms"].as_object().expect("platforms").len(),
            6
        );
    }
    // Only what is missing is fetched again.
    server.take();
    env.remove(".collection/binaries/caddy/v2.10.0/linux-arm64");
    env.drop_cache();
    env.larder(["collect", "all", "--missing-only"]).success();
    let fetched: Vec<_> = server
        .take()
        .into_iter()
        .filter(|request| !request.contains("checksums"))
        .collect();
    assert_eq!(
        fetched,
        ["GET /caddyserver/caddy/releases/download/v2.10.0/caddy_2.10.0_linux_arm64.tar.gz"]
    );
}

#[test]
fn the_plat_telemetry_example_installs_from_the_publishers() {
    let mut env = TestEnv::new();
    env.copy_from_repo("examples/plat-telemetry", "repo/examples/it");
    env.copy_from_repo("subsystems", "repo/subsystems");
    let names = ["docs", "gh", "liftbridge", "nats", "pc"];
    let server = publish(&mut env, &names);
    let at = |words: &[&'static str]| [&["-C", "repo/examples/it"], words, &names].concat();
    let out = env.larder_json(at(&["ensure"])).success();
    assert_eq!(
        out.outcomes(),
        names.map(|name| format!("{name}=downloaded"))
    );
    assert!(
        !env.exists("repo/examples/it/subsystems/go/.bin/go"),
        "nothing was built, so no Go is wanted"
    );
    assert!(env.exists("repo/examples/it/subsystems/nats/.bin/.v/current/LICENSE"));
    // A second run makes no request.
    server.take();
    assert_eq!(
        env.larder_json(at(&["ensure"])).success().outcomes(),
        names.map(|name| format!("{name}=up-to-date"))
    );
    assert_eq!(server.take(), Vec::<String>::new());
}

#[test]
fn a_file_that_differs_from_its_publisher_s_digest_is_refused() {
    let mut env = TestEnv::new();
    env.copy_from_repo("examples/collection", "");
    let _server = publish(&mut env, &["flyctl", "caddy"]);
    let os = if cfg!(target_os = "macos") {
        "mac"
    } else {
        std::env::consts::OS
    };
    let arch = crate::env::host()
        .rsplit('-')
        .next()
        .expect("an architecture")
        .to_owned();
    let folder = env
        .base()
        .join("github.com/caddyserver/caddy/releases/download/v2.10.0");
    // A valid archive, but a different one.
    let other = if arch == "amd64" { "arm64" } else { "amd64" };
    env.sh(&format!(
        "cp {folder}/caddy_2.10.0_{os}_{other}.tar.gz {folder}/caddy_2.10.0_{os}_{arch}.tar.gz"
    ));
    let out = env.larder(["ensure", "caddy"]).exits(4);
    assert!(
        out.stderr.contains("caddy_2.10.0_checksums.txt"),
        "the message names who says so:\n{}",
        out.stderr
    );
    assert!(!env.exists("subsystems/caddy/.bin/caddy"));
}
