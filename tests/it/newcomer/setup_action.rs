//! `action.yml`: its step, run as a runner does, with releases on a server of this machine.

use camino::Utf8PathBuf;
use larder_core::model::Digest;
use serde_json::Value;

use crate::env::{Output, TestEnv, host};
use crate::servers::files::FileServer;

/// The repository of larder, where the action is.
fn repository() -> Utf8PathBuf {
    Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Runs the action's step with these inputs, on a runner of this machine's platform.
fn setup(env: &mut TestEnv, tag: &str, sha256: &str, server: &str) -> Output {
    let text = std::fs::read_to_string(repository().join("action.yml")).expect("the action");
    let action: Value = serde_yaml::from_str(&text).expect("YAML");
    assert_eq!(action["runs"]["using"], "composite");
    let step = &action["runs"]["steps"][0];
    for (name, value) in step["env"].as_object().expect("variables") {
        env.set(
            name,
            match value.as_str().expect("a text") {
                "${{ inputs.tag }}" => tag,
                "${{ inputs.sha256 }}" => sha256,
                "${{ github.action_repository }}" => "acme/larder",
                other => panic!("{other}"),
            },
        );
    }
    let (os, arch) = host()
        .split_once('-')
        .map(|(os, arch)| (os.to_owned(), arch.to_owned()))
        .expect("a platform");
    let os = if os == "linux" { "Linux" } else { "macOS" };
    let arch = if arch == "amd64" { "X64" } else { "ARM64" };
    for folder in ["temp", "tools"] {
        std::fs::create_dir_all(env.base().join(folder)).expect("a folder");
    }
    let base = env.base().to_owned();
    for (name, value) in [
        ("RUNNER_OS", os),
        ("RUNNER_ARCH", arch),
        ("GITHUB_SERVER_URL", server),
        ("GITHUB_ACTION_PATH", repository().as_str()),
        ("RUNNER_TEMP", base.join("temp").as_str()),
        ("RUNNER_TOOL_CACHE", base.join("tools").as_str()),
        ("GITHUB_PATH", base.join("path").as_str()),
        ("GITHUB_OUTPUT", base.join("output").as_str()),
        ("no_proxy", "127.0.0.1"),
    ] {
        env.set(name, value);
    }
    let mut command = env.program("bash");
    command.args([
        "-eo",
        "pipefail",
        "-c",
        step["run"].as_str().expect("a script"),
    ]);
    env.output(command)
}

#[test]
fn the_action_installs_a_release_with_the_digest_that_is_pinned() {
    let mut env = TestEnv::new();
    let file = format!("larder-{}.tar.gz", host());
    let folder = "../web/acme/larder/releases/download/v0.1.0";
    env.write_executable("made/larder", "#!/bin/sh\necho larder 0.1.0\n");
    env.write(&format!("{folder}/keep"), "");
    env.sh(&format!("tar -czf {folder}/{file} -C made larder"));
    let bytes = std::fs::read(env.path(format!("{folder}/{file}"))).expect("the archive");
    let digest = Digest::of(&bytes).to_string();
    let server = FileServer::start(&env.base().join("web"));
    let url = server.url().to_owned();
    let other = "0".repeat(64);
    // What is not pinned, or not as it is, is not installed.
    for (tag, sha256, why) in [
        ("v0.1.0", String::new(), "`sha256` has no line"),
        (
            "v0.1.0",
            format!("{digest}  larder-plan9-amd64.tar.gz"),
            "`sha256` has no line",
        ),
        (
            "v0.1.0",
            format!("{digest}x  {file}"),
            "`sha256` has no line",
        ),
        ("v0.1.0", format!("{other}  {file}"), "is pinned"),
        ("v0.2.0", format!("{digest}  {file}"), "cannot download"),
        (
            "../v0.1.0",
            format!("{digest}  {file}"),
            "is not the tag of a release",
        ),
    ] {
        let out = setup(&mut env, tag, &sha256, &url).exits(1);
        assert!(
            out.stdout.contains("::error title=setup-larder::"),
            "{}",
            out.stdout
        );
        assert!(out.stdout.contains(why), "{why}: {}", out.stdout);
        assert!(!env.base().join("path").exists(), "{tag} {sha256}");
    }
    server.take();
    let pinned = format!(
        "{other}  larder-plan9-amd64.tar.gz\n{}  {file}\n",
        digest.to_uppercase()
    );
    let out = setup(&mut env, "v0.1.0", &pinned, &url).success();
    assert!(out.stdout.ends_with("larder 0.1.0\n"), "{}", out.stdout);
    let path = std::fs::read_to_string(env.base().join("path")).expect("a path");
    assert!(std::fs::exists(format!("{}/larder", path.trim())).expect("larder"));
    let output = std::fs::read_to_string(env.base().join("output")).expect("an output");
    assert_eq!(output, format!("path={path}"));
    assert_eq!(server.take().len(), 1);
    // The runner's tool cache has it now. A copy that was changed there is not used.
    setup(&mut env, "v0.1.0", &pinned, &url).success();
    assert_eq!(server.take().len(), 0);
    env.sh("for f in ../tools/setup-larder/*.tar.gz; do printf x >> $f; done");
    setup(&mut env, "v0.1.0", &pinned, &url).success();
    assert_eq!(server.take().len(), 1);
}

#[test]
fn without_a_release_the_action_compiles_its_own_commit() {
    let mut env = TestEnv::new();
    env.write_executable(
        "programs/cargo",
        "#!/bin/sh\necho \"$@\" >> ../cargo-calls\nmkdir -p \"$5/bin\"\nprintf '#!/bin/sh\\necho larder 0.1.0\\n' > \"$5/bin/larder\"\nchmod +x \"$5/bin/larder\"\n",
    );
    let path = std::env::var("PATH").unwrap_or_default();
    env.set("PATH", format!("{}:{path}", env.path("programs")));
    let out = setup(&mut env, "", "", "http://127.0.0.1:1").success();
    assert!(out.stdout.ends_with("larder 0.1.0\n"), "{}", out.stdout);
    assert_eq!(
        std::fs::read_to_string(env.base().join("cargo-calls")).expect("calls"),
        format!(
            "install --quiet --locked --root {}/temp/setup-larder --path {}\n",
            env.base(),
            repository()
        )
    );
}
