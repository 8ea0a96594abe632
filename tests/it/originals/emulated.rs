//! Platforms that run the programs of another one: the publisher's file for the platform itself is
//! taken where there is one, and otherwise that of the other platform, which is told.

use camino::Utf8PathBuf;
use serde_json::Value;

use crate::env::{Output, TestEnv};
use crate::servers::files::{Fault, FileServer};

const ARM64: u16 = 0xaa64;
const AMD64: u16 = 0x8664;

/// An executable of Windows for a processor; the text makes it different from others.
fn pe(machine: u16, text: &str) -> Vec<u8> {
    let mut bytes = vec![0; 0x80];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x3c] = 0x80;
    bytes.extend_from_slice(b"PE\0\0");
    bytes.extend_from_slice(&machine.to_le_bytes());
    bytes.extend_from_slice(&[0; 18]);
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// An executable of macOS for these processors.
fn macho(processors: &[u32]) -> Vec<u8> {
    let count = u8::try_from(processors.len()).expect("few");
    let mut bytes = vec![0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, count];
    for processor in processors {
        bytes.extend_from_slice(&processor.to_be_bytes());
        bytes.extend_from_slice(&[0; 16]);
    }
    bytes
}

const MAC_AMD64: u32 = 0x0100_0007;
const MAC_ARM64: u32 = 0x0100_000c;

/// A machine with a recipe for Windows and macOS on arm64, whose publisher has these files.
fn published(upstream: &str, files: &[(&str, Vec<u8>)]) -> (TestEnv, FileServer) {
    let env = TestEnv::new();
    for (name, bytes) in files {
        publish(&env, name, bytes);
    }
    std::fs::create_dir_all(env.base().join("files")).expect("create folder");
    let server = FileServer::start(&env.base().join("files"));
    env.versions(
        &[("tool", "v1.0.0")],
        "platforms: [windows-arm64, darwin-arm64]\n",
    );
    let upstream = upstream.replace("URL", server.url());
    env.recipe("tool", &format!("binaries: [tool]\nupstream: {upstream}\n"));
    (env, server)
}

fn publish(env: &TestEnv, name: &str, bytes: &[u8]) {
    let file = env.base().join("files").join(name);
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("create folder");
    std::fs::write(file, bytes).expect("write");
}

/// One file for each platform.
const EACH: &str = "{emulate: true, url: 'URL/tool-{{ platform }}'}";

fn ensure(env: &TestEnv, platform: &str) -> Output {
    env.larder(["ensure", "all", "--platform", platform])
}

fn installed(env: &TestEnv, platform: &str) -> Utf8PathBuf {
    let name = if platform.starts_with("windows") {
        "tool.exe"
    } else {
        "tool"
    };
    env.path(format!("subsystems/tool/.bin/.p/{platform}/{name}"))
}

fn stamp(env: &TestEnv, platform: &str) -> String {
    env.read(&format!("subsystems/tool/.bin/.p/{platform}/.version"))
}

#[track_caller]
fn assert_installed(env: &TestEnv, platform: &str, bytes: &[u8], emulated: Option<&str>) {
    let found = std::fs::read(installed(env, platform)).expect("it is installed");
    assert!(found == bytes, "other bytes are installed");
    let stamp = stamp(env, platform);
    let line = emulated.map(|emulated| format!("\nemulated: {emulated}\n"));
    match &line {
        Some(line) => assert!(stamp.contains(line), "{stamp}"),
        None => assert!(!stamp.contains("emulated"), "{stamp}"),
    }
}

/// Removes everything installed, and the cache.
fn forget(env: &TestEnv) {
    env.drop_cache();
    env.sh("rm -rf subsystems/*/.bin .larder");
}

#[test]
fn the_file_for_the_platform_itself_comes_first() {
    let (native, other) = (pe(ARM64, "native"), pe(AMD64, "other"));
    let (env, server) = published(
        EACH,
        &[
            ("tool-windows-arm64", native.clone()),
            ("tool-windows-amd64", other),
        ],
    );
    let out = ensure(&env, "windows-arm64").success();
    assert!(!out.stderr.contains("emulated"), "{}", out.stderr);
    assert_installed(&env, "windows-arm64", &native, None);
    assert_eq!(server.take(), ["GET /tool-windows-arm64"]);
    assert!(env.read("versions.lock").contains("/tool-windows-arm64\n"));
}

#[test]
fn the_other_file_is_taken_where_there_is_no_other_and_that_is_told() {
    let other = pe(AMD64, "other");
    let (env, server) = published(EACH, &[("tool-windows-amd64", other.clone())]);
    let at = ["--platform", "windows-arm64"];
    let dry = env.larder(["ensure", "all", "-n", "--platform", "windows-arm64"]);
    let dry = dry.success();
    let words = "tool-windows-amd64 has it (emulated: windows-amd64)";
    assert!(dry.stderr.contains(words), "{}", dry.stderr);

    let out = ensure(&env, "windows-arm64").success();
    assert!(
        out.stderr.contains("(emulated: windows-amd64)"),
        "{}",
        out.stderr
    );
    assert_installed(&env, "windows-arm64", &other, Some("windows-amd64"));
    assert!(env.read("versions.lock").contains("/tool-windows-amd64\n"));

    let status = env.larder(["status", at[0], at[1]]).success();
    assert!(
        status.stdout.contains("fresh (emulated: windows-amd64)"),
        "{}",
        status.stdout
    );
    let status = env.larder_json(["status", at[0], at[1]]).document();
    assert_eq!(status["subsystems"][0]["emulated"], "windows-amd64");
    let why = env.larder(["why", "tool", at[0], at[1]]).success();
    assert!(
        why.stdout.contains("emulated: windows-amd64"),
        "{}",
        why.stdout
    );
    let list = env.larder_json(["list"]).document();
    let emulate = &list["subsystems"][0]["emulate"];
    assert_eq!(
        *emulate,
        serde_json::json!({"darwin-arm64": "darwin-amd64", "windows-arm64": "windows-amd64"})
    );
    let verify = env.larder(["verify", at[0], at[1]]).success();
    assert!(
        verify.stderr.contains("(emulated: windows-amd64)"),
        "{}",
        verify.stderr
    );

    // The lock names the file that was taken, so a later native one changes nothing.
    let native = pe(ARM64, "native");
    publish(&env, "tool-windows-arm64", &native);
    forget(&env);
    server.take();
    let again = env
        .larder_json(["ensure", "all", "--locked", at[0], at[1]])
        .success();
    assert_eq!(again.finished("ensure")[0]["emulated"], "windows-amd64");
    assert_eq!(server.take(), ["GET /tool-windows-amd64"]);
    assert_installed(&env, "windows-arm64", &other, Some("windows-amd64"));

    // Until the lock is to be changed.
    env.larder(["lock", "--update", "tool", at[0], at[1]])
        .success();
    assert!(env.read("versions.lock").contains("/tool-windows-arm64\n"));
    ensure(&env, "windows-arm64").success();
    assert_installed(&env, "windows-arm64", &native, None);
}

#[test]
fn programs_for_both_platforms_are_not_emulated() {
    let both = macho(&[MAC_AMD64, MAC_ARM64]);
    for (upstream, name) in [
        ("{emulate: true, url: 'URL/tool-{{ os }}'}", "tool-darwin"),
        (EACH, "tool-darwin-amd64"),
    ] {
        let (env, _server) = published(upstream, &[(name, both.clone())]);
        let out = ensure(&env, "darwin-arm64").success();
        assert!(!out.stderr.contains("emulated"), "{}", out.stderr);
        assert_installed(&env, "darwin-arm64", &both, None);
    }
}

#[test]
fn one_file_for_both_platforms_may_have_either_program() {
    let upstream = "{emulate: true, url: 'URL/tool-{{ os }}'}";
    for (platform, name, bytes, emulated) in [
        ("windows-arm64", "tool-windows", pe(ARM64, ""), None),
        (
            "windows-arm64",
            "tool-windows",
            pe(AMD64, ""),
            Some("windows-amd64"),
        ),
        (
            "darwin-arm64",
            "tool-darwin",
            macho(&[MAC_AMD64]),
            Some("darwin-amd64"),
        ),
    ] {
        let (env, server) = published(upstream, &[(name, bytes.clone())]);
        ensure(&env, platform).success();
        assert_installed(&env, platform, &bytes, emulated);
        assert_eq!(server.take(), [format!("GET /{name}")]);
    }
    // Programs of any other platform are refused.
    let (env, _server) = published(upstream, &[("tool-windows", pe(0x14c, ""))]);
    let out = ensure(&env, "windows-arm64").exits(1);
    let words = "windows-386 executable where windows-arm64 is wanted";
    assert!(out.stderr.contains(words), "{}", out.stderr);
}

#[test]
fn in_one_archive_the_program_for_the_platform_itself_is_preferred() {
    let zip = |names: &[(&str, Vec<u8>)]| {
        let env = TestEnv::new();
        for (name, bytes) in names {
            let file = env.write(&format!("in/{name}"), bytes);
            assert!(file.exists());
        }
        env.sh("cd in && tar czf ../out.tar.gz .");
        std::fs::read(env.path("out.tar.gz")).expect("an archive")
    };
    let (native, other) = (pe(ARM64, "native"), pe(AMD64, "other"));
    let i386 = pe(0x14c, "386");
    let upstream = "{emulate: true, url: 'URL/tool-{{ os }}.tgz'}";
    let all = [
        ("x64/tool.exe", other.clone()),
        ("a64/tool.exe", native.clone()),
    ];
    let (env, _server) = published(upstream, &[("tool-windows.tgz", zip(&all))]);
    ensure(&env, "windows-arm64").success();
    assert_installed(&env, "windows-arm64", &native, None);

    let none = [("x64/tool.exe", other.clone()), ("x86/tool.exe", i386)];
    let (env, _server) = published(upstream, &[("tool-windows.tgz", zip(&none))]);
    ensure(&env, "windows-arm64").success();
    assert_installed(&env, "windows-arm64", &other, Some("windows-amd64"));

    // What to extract may be named by platform.
    let named = "{emulate: true, url: 'URL/tool-{{ os }}.tgz', extract: {'{{ arch }}/t.exe': 'tool{{ exe }}'}}";
    let one = [("amd64/t.exe", other.clone())];
    let (env, _server) = published(named, &[("tool-windows.tgz", zip(&one))]);
    ensure(&env, "windows-arm64").success();
    assert_installed(&env, "windows-arm64", &other, Some("windows-amd64"));
}

#[test]
fn only_an_absent_file_is_replaced() {
    let other = pe(AMD64, "other");
    // A file for the platform that is none is a mistake of the publisher or the recipe.
    let (env, server) = published(
        EACH,
        &[
            ("tool-windows-arm64", pe(AMD64, "mistake")),
            ("tool-windows-amd64", other.clone()),
        ],
    );
    let out = ensure(&env, "windows-arm64").exits(1);
    let words = "windows-amd64 executable where windows-arm64 is wanted";
    assert!(out.stderr.contains(words), "{}", out.stderr);
    // Nor does a server that gives no answer say that there is no file.
    server.fault("/tool-windows-arm64", Fault::Status(503, String::new()));
    let mut env = env;
    env.set("LARDER_RETRIES", "0");
    ensure(&env, "windows-arm64").exits(5);
    assert!(!installed(&env, "windows-arm64").exists());
    // If neither is there, the error names both.
    env.sh("rm ../files/*");
    server.heal();
    let out = ensure(&env, "windows-arm64").exits(1);
    for name in [
        "/tool-windows-arm64 does not exist",
        "/tool-windows-amd64 does not exist",
    ] {
        assert!(out.stderr.contains(name), "{}", out.stderr);
    }
}

#[test]
fn the_recipes_digest_of_the_other_platform_counts() {
    let other = pe(AMD64, "other");
    let sha256 = larder_core::model::Digest::of(&other);
    for (pinned, is_right) in [
        (format!("windows-amd64: {sha256}"), true),
        (
            format!("windows-amd64: {sha256}, windows-arm64: {}", "0".repeat(64)),
            true,
        ),
        (format!("windows-amd64: {}", "0".repeat(64)), false),
    ] {
        let upstream = EACH.replace(
            "emulate: true",
            &format!("emulate: true, checksums: {{{pinned}}}"),
        );
        let (env, _server) = published(&upstream, &[("tool-windows-amd64", other.clone())]);
        let out = ensure(&env, "windows-arm64");
        if is_right {
            out.success();
            // From the cache as well.
            env.sh("rm -rf subsystems/tool/.bin .larder versions.lock");
            ensure(&env, "windows-arm64").success();
            assert_installed(&env, "windows-arm64", &other, Some("windows-amd64"));
        } else {
            out.exits(4);
        }
    }
}

#[test]
fn a_release_and_a_collection_say_so_too() {
    let other = pe(AMD64, "other");
    let (env, server) = published(EACH, &[("tool-windows-amd64", other.clone())]);
    let at = ["--platform", "windows-arm64"];
    ensure(&env, "windows-arm64").success();
    env.larder(["release", "all", at[0], at[1]]).success();
    let folder = ".larder-hub/tool-v1.0.0";
    let sidecar = format!("{folder}/tool-windows-arm64.zip.json");
    let read = |path: &str| -> Value { serde_json::from_str(&env.read(path)).expect("JSON") };
    assert_eq!(read(&sidecar)["emulated"], "windows-amd64");
    let manifest = read(&format!("{folder}/manifest.json"));
    assert_eq!(
        manifest["platforms"]["windows-arm64"]["emulated"],
        "windows-amd64"
    );
    let collected = env.larder(["collect", "all", at[0], at[1]]).success();
    assert!(
        collected.stderr.contains("(emulated: windows-amd64)"),
        "{}",
        collected.stderr
    );
    let manifest = read(".collection/binaries/tool/v1.0.0/manifest.json");
    assert_eq!(
        manifest["platforms"]["windows-arm64"]["emulated"],
        "windows-amd64"
    );

    // The hub's is accepted for what it is.
    forget(&env);
    server.take();
    let managed = env.larder_json(["ensure", "all", "--source", "managed", at[0], at[1]]);
    let managed = managed.success();
    assert_eq!(managed.finished("ensure")[0]["emulated"], "windows-amd64");
    assert_eq!(server.take(), [""; 0]);
    assert_installed(&env, "windows-arm64", &other, Some("windows-amd64"));

    // A sidecar that claims another platform, or none, is not believed.
    for claimed in ["windows-386", ""] {
        forget(&env);
        env.remove("versions.lock");
        let mut changed = read(&sidecar);
        let object = changed.as_object_mut().expect("an object");
        match claimed {
            "" => object.remove("emulated"),
            claimed => object.insert("emulated".to_owned(), claimed.into()),
        };
        env.write(&sidecar, changed.to_string());
        let out = env.larder(["ensure", "all", "--source", "managed", at[0], at[1]]);
        out.exits(if claimed.is_empty() { 1 } else { 4 });
        assert!(!installed(&env, "windows-arm64").exists(), "{claimed}");
    }
}

#[test]
fn a_recipe_that_does_not_allow_it_accepts_nothing_emulated() {
    let other = pe(AMD64, "other");
    let (env, _server) = published(EACH, &[("tool-windows-amd64", other)]);
    ensure(&env, "windows-arm64").success();
    env.larder(["release", "all", "--platform", "windows-arm64"])
        .success();
    env.edit("subsystems/tool/recipe.yml", "emulate: true, ", "");
    let out = ensure(&env, "windows-arm64").exits(1);
    assert!(
        out.stderr.contains("tool-windows-arm64 does not exist"),
        "{}",
        out.stderr
    );
    let status = env
        .larder_json(["status", "--platform", "windows-arm64"])
        .document();
    assert_eq!(status["subsystems"][0]["fresh"], false);
}
