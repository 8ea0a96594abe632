//! `install.sh`: what it downloads, verifies and says.

use std::process::Command;

use camino::Utf8PathBuf;

use super::VERSION;
use crate::env::{TestEnv, list};
use crate::github::REPO;
use crate::servers::files::{Fault, FileServer};

/// Runs the script with dash, which has nothing beyond POSIX.
fn script(env: &TestEnv, variables: &[(&str, &str)]) -> Command {
    let mut command = env.program("sh");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/install.sh"));
    command.envs(variables.iter().copied());
    command
}

/// Installs what the workflow released to the fake GitHub.
pub fn from_the_release(env: &TestEnv, web: &str) {
    let repository = format!("{web}/{REPO}");
    let out = env
        .output(script(env, &[("LARDER_REPOSITORY", &repository)]))
        .success();
    let installed = env.home().join(".local/bin/larder");
    assert!(
        out.stdout
            .starts_with(&format!("installed larder {VERSION} as {installed}\n")),
        "{}",
        out.stdout
    );
    assert!(env.sh(&format!("{installed} --version")).contains(VERSION));
}

/// A server with one release of a `larder` that is a script.
struct Release {
    env: TestEnv,
    server: FileServer,
    folder: Utf8PathBuf,
    asset: String,
}

fn release() -> Release {
    let env = TestEnv::new();
    let root = env.base().join("www");
    let folder = root.join(format!("releases/download/larder-v{VERSION}"));
    std::fs::create_dir_all(&folder).unwrap();
    env.write_executable("larder", format!("#!/bin/sh\necho larder {VERSION}\n"));
    let arch = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    let asset = format!("larder-linux-{arch}.tar.gz");
    env.sh(&format!(
        "tar -czf {folder}/{asset} larder && cd {folder} && sha256sum {asset} > checksums.txt"
    ));
    let server = FileServer::start(&root);
    Release {
        env,
        server,
        folder,
        asset,
    }
}

impl Release {
    fn install(&self, variables: &[(&str, &str)]) -> crate::env::Output {
        let mut command = script(&self.env, &[("LARDER_REPOSITORY", self.server.url())]);
        command.envs(variables.iter().copied());
        self.env.output(command)
    }
    fn bin(&self) -> Utf8PathBuf {
        self.env.home().join(".local/bin")
    }
    /// Nothing was installed, and nothing is left behind.
    fn assert_nothing(&self) {
        let folder = self.bin();
        assert!(
            !folder.exists() || list(&folder).is_empty(),
            "{:?}",
            list(&folder)
        );
    }
}

#[test]
fn the_script_installs_and_replaces() {
    let release = release();
    let out = release.install(&[]).success();
    let bin = release.bin();
    assert_eq!(
        out.stdout,
        format!(
            "installed larder {VERSION} as {bin}/larder\n  note: {bin} is not on PATH; a line for \
             the profile of your shell: export PATH=\"{bin}:$PATH\"\n"
        )
    );
    assert_eq!(list(&bin).into_iter().collect::<Vec<_>>(), ["larder"]);
    // A link to another place is replaced, and what it leads to is left as it is.
    std::fs::remove_file(bin.join("larder")).unwrap();
    release.env.write("precious", "mine");
    std::os::unix::fs::symlink(release.env.path("precious"), bin.join("larder")).unwrap();
    release.install(&[]).success();
    assert_eq!(release.env.read("precious"), "mine");
    // Another folder, with a blank and on PATH.
    let other = release.env.base().join("my tools");
    let path = format!("{other}:/usr/bin:/bin");
    let out = release
        .install(&[("LARDER_INSTALL_DIR", other.as_str()), ("PATH", &path)])
        .success();
    assert_eq!(
        out.stdout,
        format!("installed larder {VERSION} as {other}/larder\n")
    );
}

#[test]
fn the_script_takes_only_the_expected_bytes() {
    let release = release();
    let sums = std::fs::read_to_string(release.folder.join("checksums.txt")).unwrap();
    let digest = sums.split(' ').next().unwrap();
    let other = "0".repeat(64);
    // A digest from elsewhere decides, in either case of its letters, and the list is not asked.
    release.server.take();
    release
        .install(&[("LARDER_SHA256", &digest.to_uppercase())])
        .success();
    assert!(
        !release
            .server
            .take()
            .iter()
            .any(|request| request.contains("checksums"))
    );
    std::fs::remove_dir_all(release.bin()).unwrap();
    let expects = |variables: &[(&str, &str)], parts: &[&str]| {
        let out = release.install(variables).exits(1);
        for part in parts {
            assert!(
                out.stderr.contains(part),
                "{part:?} is missing:\n{}",
                out.stderr
            );
        }
        release.assert_nothing();
    };
    expects(
        &[("LARDER_SHA256", &other)],
        &["has the SHA-256", &other, "nothing was installed"],
    );
    std::fs::write(
        release.folder.join("checksums.txt"),
        sums.replace(digest, &other),
    )
    .unwrap();
    expects(&[], &["has the SHA-256", digest, &other]);
    std::fs::write(release.folder.join("checksums.txt"), "").unwrap();
    expects(
        &[],
        &[
            "checksums.txt does not mention",
            &release.asset,
            "LARDER_SHA256",
        ],
    );
    std::fs::remove_file(release.folder.join("checksums.txt")).unwrap();
    expects(&[], &["cannot download", "checksums.txt", "hint:"]);
    expects(
        &[("LARDER_VERSION", "v8.0.0")],
        &["cannot download", "larder-v8.0.0"],
    );
    let path = format!(
        "/{}",
        release
            .folder
            .strip_prefix(release.env.base().join("www"))
            .unwrap()
    );
    let cut = Fault::Cut {
        after: 20,
        times: 99,
    };
    release
        .server
        .fault(&format!("{path}/{}", release.asset), cut);
    expects(
        &[("LARDER_SHA256", digest)],
        &["cannot download", &release.asset],
    );
}

#[test]
fn the_script_says_what_is_missing_or_wrong() {
    let release = release();
    let unset = |name: &str| {
        let mut command = script(&release.env, &[]);
        command
            .env("LARDER_REPOSITORY", release.server.url())
            .env_remove(name);
        release.env.output(command).exits(1).stderr
    };
    for name in ["LARDER_REPOSITORY", "HOME"] {
        let told = unset(name);
        assert!(told.contains(name) && told.contains("hint:"), "{told}");
    }
    for (name, value, part) in [
        (
            "LARDER_REPOSITORY",
            "http://example.org/larder",
            "is no https url",
        ),
        (
            "LARDER_REPOSITORY",
            "ftp://127.0.0.1/larder",
            "is no https url",
        ),
        ("LARDER_VERSION", "../../x", "is no version"),
        ("LARDER_VERSION", "1 2", "is no version"),
        (
            "LARDER_INSTALL_DIR",
            "/dev/null/bin",
            "cannot make the folder /dev/null/bin",
        ),
    ] {
        let told = release.install(&[(name, value)]).exits(1).stderr;
        assert!(
            told.contains(part) && told.contains("hint:"),
            "{name}={value}: {told}"
        );
    }
    // A machine for which there is no release, and one without a program to download with.
    let tools = release.env.base().join("tools");
    std::fs::create_dir_all(&tools).unwrap();
    for tool in ["sh", "mktemp", "mkdir", "rm", "awk", "cat", "tr", "cut"] {
        let found = release.env.sh(&format!("command -v {tool}"));
        std::os::unix::fs::symlink(found.trim(), tools.join(tool)).unwrap();
    }
    for (system, machine, part) in [
        ("FreeBSD", "x86_64", "there is no release for FreeBSD"),
        (
            "Linux",
            "riscv64",
            "there is no release for the processor riscv64",
        ),
        ("Linux", "x86_64", "neither curl nor wget is installed"),
    ] {
        let uname = format!("#!/bin/sh\n[ \"$1\" = -m ] && echo {machine} || echo {system}\n");
        let uname = release.env.write_executable("uname", uname);
        crate::env::remove(&tools.join("uname"));
        std::os::unix::fs::symlink(uname, tools.join("uname")).unwrap();
        let told = release.install(&[("PATH", tools.as_str())]).exits(1).stderr;
        assert!(told.contains(part) && told.contains("hint:"), "{told}");
    }
    release.assert_nothing();
}
