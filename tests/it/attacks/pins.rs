//! Pins: artifacts that contradict the lock, the recipe or their own description.

use std::sync::{Arc, Mutex};

use larder_core::formats::{Sidecar, stamp};
use larder_core::model::{Artifact, ArtifactFile, Digest};

use crate::env::{Output, TestEnv, host};
use crate::servers::scripted::{Reply, Script};

/// A publisher of one file, whose bytes a test can exchange.
struct Publisher {
    server: Script,
    bytes: Arc<Mutex<String>>,
}

impl Publisher {
    fn start(bytes: &str) -> Self {
        let bytes = Arc::new(Mutex::new(bytes.to_owned()));
        let served = Arc::clone(&bytes);
        let server = Script::start(move |_, _| Reply::ok(served.lock().unwrap().clone()));
        Self { server, bytes }
    }

    fn exchange(&self, bytes: &str) {
        bytes.clone_into(&mut self.bytes.lock().unwrap());
    }

    /// Makes a project whose `tool` comes from this publisher. `more` are further lines of the
    /// upstream, `settings` further lines of versions.yml.
    fn project(&self, env: &TestEnv, more: &str, settings: &str) {
        env.versions(&[("tool", "v1.0.0")], settings);
        env.recipe(
            "tool",
            &format!(
                "binaries: [tool]\nupstream:\n  url: \"{}\"\n{more}",
                self.server.at("/tool")
            ),
        );
    }
}

const OLD: &str = "#!/bin/sh\necho old\n";
const NEW: &str = "#!/bin/sh\necho new\n";

fn sha256(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn pinned(text: &str) -> String {
    format!("  checksums: {{{}: {}}}\n", host(), sha256(text))
}

fn runs(env: &TestEnv) -> String {
    env.sh("subsystems/tool/.bin/tool").trim().to_owned()
}

#[track_caller]
fn refused(output: Output) -> Output {
    let output = output.exits(4);
    assert!(
        output.stderr.contains("versions.lock") || output.stderr.contains("recipe.yml"),
        "the message names what pins the bytes: {}",
        output.stderr
    );
    output
}

/// A project that builds `tool`, in a folder of its own, with the machine's cache.
fn building(env: &TestEnv, hub: &str) {
    env.script_subsystem("tool", "v1.0.0");
    let settings = format!("hub: {{dir: {hub}}}\n");
    env.write("versions.yml", env.read("versions.yml") + &settings);
}

#[test]
fn an_artifact_of_another_hub_is_not_taken_from_the_cache_unless_the_lock_names_it() {
    let env = TestEnv::new();
    building(&env, "../hub-a");
    env.larder(["ensure", "all"]).success();
    env.larder(["release", "all"]).success();
    // Another machine of the first team downloads it; a second team uses that machine, too.
    let reader = env.another("reader");
    building(&reader, "../../hub-a");
    reader.larder_json(["ensure", "tool"]).success();
    let lock = reader.read("versions.lock");
    let second = reader.another("../second");
    building(&second, "../../hub-b");
    let with_cache = |args: &[&str]| {
        let mut command = second.command(args);
        command.arg("--json");
        command.env("LARDER_CACHE_DIR", reader.cache());
        second.output(command)
    };
    let plan = with_cache(&["ensure", "tool", "--dry-run"]).success();
    assert_eq!(plan.outcome("tool"), "built");
    let output = with_cache(&["ensure", "tool"]).success();
    assert_eq!(output.outcome("tool"), "built", "{}", output.stderr);
    // With a line that names the artifact, where it came from plays no part.
    let third = reader.another("../third");
    building(&third, "../../hub-c");
    third.write("versions.lock", lock);
    let mut command = third.command(["ensure", "tool", "--json"]);
    command.env("LARDER_CACHE_DIR", reader.cache());
    assert_eq!(third.output(command).success().outcome("tool"), "restored");
}

#[test]
fn a_build_with_tools_of_another_hub_is_not_taken_from_the_cache() {
    let env = TestEnv::new();
    let project = |env: &TestEnv, hub: &str| {
        building(env, hub);
        env.edit("versions.yml", "versions:\n", "versions:\n  app: v1.0.0\n");
        env.recipe(
            "app",
            "binaries: [app]\nbuild:\n  source: {dir: .}\n  needs: [tool]\n  commands: [\"(echo '#!/bin/sh'; echo echo app) > {{ out }}/app; tool >&2\"]\n",
        );
    };
    project(&env, "../hub-a");
    env.larder(["ensure", "tool"]).success();
    env.larder(["release", "tool"]).success();
    let reader = env.another("reader");
    project(&reader, "../../hub-a");
    let output = reader.larder_json(["ensure", "app"]).success();
    assert_eq!(output.outcome("tool"), "downloaded");
    assert_eq!(output.outcome("app"), "built");
    let second = env.another("second");
    project(&second, "../../hub-b");
    let mut command = second.command(["ensure", "app", "--json"]);
    command.env("LARDER_CACHE_DIR", reader.cache());
    let output = second.output(command).success();
    assert_eq!(output.outcome("app"), "built", "{}", output.stdout);
}

#[test]
fn a_cached_file_that_the_recipe_does_not_pin_is_not_restored() {
    let publisher = Publisher::start(OLD);
    let env = TestEnv::new();
    publisher.project(&env, "", "");
    env.larder(["ensure", "tool"]).success();
    env.remove("subsystems/tool/.bin");
    env.remove("versions.lock");
    publisher.project(&env, &pinned(NEW), "");
    refused(env.larder(["ensure", "tool"]));
    assert!(!env.exists("subsystems/tool/.bin/tool"));
    assert!(!env.exists("versions.lock") || !env.read("versions.lock").contains("upstream"));
    publisher.exchange(NEW);
    let output = env.larder_json(["ensure", "tool"]).success();
    assert_eq!(output.outcome("tool"), "downloaded");
    assert_eq!(runs(&env), "new");
}

#[test]
fn a_pin_that_is_added_to_the_recipe_later_applies_to_installed_bytes() {
    for keeps_lock in [true, false] {
        let publisher = Publisher::start(OLD);
        let env = TestEnv::new();
        publisher.project(&env, "", "");
        env.larder(["ensure", "tool"]).success();
        publisher.project(&env, &pinned(NEW), "");
        if !keeps_lock {
            env.remove("versions.lock");
        }
        for command in ["ensure", "verify", "package", "release"] {
            refused(env.larder([command, "tool"]));
        }
        let status = env.larder(["status"]).success();
        assert!(!status.stdout.contains("fresh"), "{}", status.stdout);
        // With the right pin the installed bytes are up to date again.
        publisher.project(&env, &pinned(OLD), "");
        let output = env.larder_json(["ensure", "tool"]).success();
        assert_eq!(output.outcome("tool"), "up-to-date");
        env.larder(["verify", "tool"]).success();
    }
}

/// Two projects with one hub: `env` has a lock that pins the publisher's old file, and the hub has
/// an asset of the same inputs with other files.
fn contradicting_hub(artifact_is_pinned: bool) -> (Publisher, TestEnv) {
    let publisher = Publisher::start(OLD);
    let env = TestEnv::new();
    publisher.project(&env, "", "");
    env.larder(["ensure", "tool"]).success();
    if !artifact_is_pinned {
        let lock = env.read("versions.lock");
        let artifact = lock.lines().last().unwrap().split(' ').nth(6).unwrap();
        env.write("versions.lock", lock.replace(artifact, "-"));
    }
    env.remove("subsystems/tool/.bin");
    env.drop_cache();
    let other = env.another("other");
    publisher.exchange(NEW);
    publisher.project(
        &other,
        "",
        &format!("hub: {{dir: {}}}\n", env.path(".larder-hub")),
    );
    other.larder(["ensure", "tool"]).success();
    other.larder(["release", "tool"]).success();
    publisher.exchange(OLD);
    (publisher, env)
}

#[test]
fn a_hub_asset_that_contradicts_the_pinned_original_is_refused() {
    let (_publisher, env) = contradicting_hub(true);
    let lock = env.read("versions.lock");
    for args in [
        &["ensure", "tool"][..],
        &["ensure", "tool", "--locked"],
        &["lock", "tool"],
    ] {
        refused(env.larder(args));
        assert_eq!(env.read("versions.lock"), lock, "{args:?}");
        assert!(!env.exists("subsystems/tool/.bin/tool"), "{args:?}");
    }
}

#[test]
fn a_line_without_an_artifact_pins_its_file() {
    let (publisher, env) = contradicting_hub(false);
    let output = env.larder_json(["ensure", "tool", "--locked"]).success();
    assert_eq!(output.outcome("tool"), "downloaded");
    assert_eq!(
        runs(&env),
        "old",
        "from the publisher, whose file is pinned"
    );
    publisher.exchange(NEW);
    env.remove("subsystems/tool/.bin");
    env.drop_cache();
    refused(env.larder(["ensure", "tool"]));
}

#[test]
fn bytes_that_a_new_lock_contradicts_are_replaced_and_refused_by_everything_else() {
    let publisher = Publisher::start(OLD);
    let env = TestEnv::new();
    publisher.project(&env, "", "");
    env.larder(["ensure", "tool"]).success();
    // A colleague accepts the publisher's new file.
    let colleague = env.another("colleague");
    publisher.project(&colleague, "", "");
    colleague.write("versions.lock", env.read("versions.lock"));
    publisher.exchange(NEW);
    colleague.larder(["lock", "--update", "tool"]).success();
    env.write("versions.lock", colleague.read("versions.lock"));
    for args in [
        &["ensure", "tool", "--locked"][..],
        &["verify", "tool"],
        &["package", "tool"],
        &["release", "tool"],
    ] {
        refused(env.larder(args));
        assert_eq!(runs(&env), "old", "{args:?}");
    }
    let status = env.larder(["status"]).success();
    assert!(!status.stdout.contains("fresh"), "{}", status.stdout);
    let output = env.larder_json(["ensure", "tool"]).success();
    assert_eq!(output.outcome("tool"), "downloaded");
    assert!(
        output.stderr.contains("installing what is pinned"),
        "{}",
        output.stderr
    );
    assert_eq!(runs(&env), "new");
    for args in [
        &["verify", "tool"][..],
        &["package", "tool"],
        &["ensure", "tool", "--locked"],
    ] {
        env.larder(args).success();
    }
}

/// The stamp and the binary of `tool`, changed together so that they agree.
fn edit_together(env: &TestEnv, bytes: &str) {
    let stamp_file = env
        .path("subsystems/tool/.bin/.version")
        .canonicalize_utf8()
        .unwrap();
    let text = std::fs::read_to_string(&stamp_file).unwrap();
    let name = "tool".parse().unwrap();
    let mut artifact = stamp::parse(&name, &text).unwrap();
    artifact.files[0].sha256 = sha256(bytes);
    artifact.files[0].size = bytes.len() as u64;
    std::fs::write(env.path("subsystems/tool/.bin/tool"), bytes).unwrap();
    std::fs::write(stamp_file, stamp::render(&artifact)).unwrap();
}

#[test]
fn a_binary_and_its_stamp_that_were_edited_together_are_found_by_the_lock() {
    let publisher = Publisher::start(OLD);
    let env = TestEnv::new();
    publisher.project(&env, "", "");
    env.larder(["ensure", "tool"]).success();
    edit_together(&env, "#!/bin/sh\necho evil\n");
    refused(env.larder(["ensure", "tool", "--locked"]));
    refused(env.larder(["verify", "tool"]));
    refused(env.larder(["package", "tool"]));
    env.larder(["ensure", "tool"]).success();
    assert_eq!(runs(&env), "old");
}

/// What a liar may write about an artifact whose inputs are right.
fn lies(right: &Artifact) -> Vec<(&'static str, Artifact)> {
    let file = &right.files[0];
    let with = |name: &str, mode: u32| ArtifactFile {
        name: name.parse().unwrap(),
        mode,
        ..file.clone()
    };
    let files = |files: Vec<ArtifactFile>| Artifact {
        files,
        ..right.clone()
    };
    vec![
        ("mode 0644", files(vec![with("tool", 0o644)])),
        ("mode 4755", files(vec![with("tool", 0o4755)])),
        ("another name", files(vec![with("other", 0o755)])),
        ("no files", files(Vec::new())),
        (
            "an extra executable",
            files(vec![with("tool", 0o755), with("sh", 0o755)]),
        ),
        (
            "a name twice",
            files(vec![with("tool", 0o755), with("tool", 0o755)]),
        ),
        (
            "another version",
            Artifact {
                version: "v9.9.9".parse().unwrap(),
                ..right.clone()
            },
        ),
        (
            "a commit that is none",
            Artifact {
                commit: Some("main\ninputs: x".into()),
                ..right.clone()
            },
        ),
    ]
}

#[test]
fn a_sidecar_that_lies_about_the_artifact_is_refused() {
    let env = crate::ensure::damage::released("[managed, build]");
    let path = format!(".larder-hub/tool-v1.0.0/tool-{}.tar.gz.json", host());
    let whole = env.read(&path);
    let right = Sidecar::parse(whole.as_bytes(), "it").unwrap();
    let sidecar = |content: Artifact, observed| {
        let (sha256, size) = (right.sha256, right.size);
        Sidecar::new(content, sha256, size, observed, right.explanation.clone())
    };
    let mut cases: Vec<(&str, Sidecar)> = lies(&right.content)
        .into_iter()
        .map(|(what, content)| (what, sidecar(content, right.observed.clone())))
        .collect();
    let mut observed = right.observed.clone();
    observed.run = Some("https://ci.example/1\n::error::forged".into());
    cases.push((
        "a newline in a value",
        sidecar(right.content.clone(), observed),
    ));
    for (what, lie) in cases {
        env.write(&path, lie.to_json());
        env.drop_cache();
        env.remove("subsystems/tool/.bin");
        for args in [
            &["ensure", "tool"][..],
            &["ensure", "tool", "--dry-run"],
            &["lock", "tool"],
        ] {
            let output = env.larder(args).exits(4);
            assert!(
                !output.stderr.contains("\n::error"),
                "{what}: {}",
                output.stderr
            );
            assert!(!env.exists("subsystems/tool/.bin/tool"), "{what}");
            assert!(!env.exists("versions.lock"), "{what}");
        }
    }
    env.write(&path, whole);
    crate::ensure::damage::repaired(&env, "downloaded");
}

#[test]
fn a_stamp_or_a_cache_entry_that_lies_counts_as_absent() {
    let env = crate::ensure::damage::released("[build]");
    let stamp_file = env.path("subsystems/tool/.bin/.version");
    let text = std::fs::read_to_string(&stamp_file).unwrap();
    let right = stamp::parse(&"tool".parse().unwrap(), &text).unwrap();
    let entry = crate::cache::files(&env, "index").remove(0);
    let json = std::fs::read_to_string(&entry).unwrap();
    let value: serde_json::Value = serde_json::from_str(json.split_once('\n').unwrap().1).unwrap();
    for (what, lie) in lies(&right) {
        std::fs::write(&stamp_file, stamp::render(&lie)).unwrap();
        let status = env.larder(["status"]).success();
        assert!(
            !status.stdout.contains("fresh"),
            "{what}: {}",
            status.stdout
        );
        let mut forged = value.clone();
        forged["artifact"] = serde_json::to_value(&lie).unwrap();
        let body = serde_json::to_string_pretty(&forged).unwrap() + "\n";
        let mark = json.split(' ').next().unwrap();
        std::fs::write(&entry, format!("{mark} {}\n{body}", sha256(&body))).unwrap();
        let output = env.larder_json(["ensure", "tool"]).success();
        assert_eq!(output.outcome("tool"), "built", "{what}");
        assert_eq!(
            std::fs::read_to_string(&stamp_file).unwrap(),
            text,
            "{what}"
        );
    }
}

#[test]
fn under_locked_a_hub_asset_without_a_line_is_a_first_use_or_refused() {
    let env = crate::ensure::damage::released("[managed, build]");
    env.remove("subsystems/tool/.bin");
    env.drop_cache();
    let output = env.larder_json(["ensure", "tool", "--locked"]).success();
    assert_eq!(output.outcome("tool"), "downloaded");
    assert!(output.stderr.contains("first use"), "{}", output.stderr);
    assert!(!env.exists("versions.lock"));
    let again = env.larder_json(["ensure", "tool", "--locked"]).success();
    assert_eq!(again.outcome("tool"), "up-to-date");
    env.write(
        "versions.yml",
        env.read("versions.yml") + "trust: {lock: required}\n",
    );
    env.larder(["ensure", "tool", "--locked"]).exits(3);
    env.remove("subsystems/tool/.bin");
    env.drop_cache();
    env.larder(["ensure", "tool", "--locked"]).exits(3);
    env.larder(["ensure", "tool", "--locked", "--dry-run"])
        .exits(3);
    env.larder(["lock", "tool"]).success();
    let output = env.larder_json(["ensure", "tool", "--locked"]).success();
    assert_eq!(output.outcome("tool"), "downloaded");
    assert!(!output.stderr.contains("first use"), "{}", output.stderr);
}
