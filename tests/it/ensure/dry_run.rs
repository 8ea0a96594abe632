//! `ensure --dry-run` and `ensure` agree in outcome, source and exit code, whatever the sources
//! answer.
//!
//! One property over a table of situations: the answers of hub and publisher, what is pinned, what
//! exists already, and the arguments. Each situation runs first as a dry run, then for real, on the
//! same machine. Not included are cases that no dry run can predict: bytes that differ from their
//! stated digest, and commands that fail.

use std::path::PathBuf;

use larder_core::model::Digest;
use serde_json::Value;

use crate::env::{TestEnv, host};
use crate::servers::scripted::{Reply, Script};

const SCRIPT: &str = "#!/bin/sh\necho tool 1.0.0\n";

/// How a server answers a request for a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// The file.
    Has,
    /// The file does not exist.
    Absent,
    /// The server is temporarily unavailable.
    Busy,
    /// The HTML page of a proxy instead of the file.
    Page,
    /// Access is denied.
    Refused,
    /// The sidecar exists, the asset does not.
    OnlySidecar,
}

/// What pins the original.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pin {
    Nothing,
    Recipe,
    /// The lock pins the hub's asset with another digest than its sidecar states.
    OtherAsset,
}

/// The state before the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    Installed,
    /// A byte of the installed file changed.
    Damaged,
    /// Not installed, but in the cache.
    Cached,
    /// In the cache, with a byte changed.
    CacheDamaged,
    /// An older version is installed.
    Older,
    /// The original is in the cache.
    OriginalCached,
}

/// What could be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Build {
    Folder,
    /// An archive on the server that the publisher is on.
    Archive,
    /// A tag of a git repository on this machine.
    Git,
    /// A tag that points to another commit than the lock pins.
    MovedTag,
    /// A git repository that cannot be reached.
    GitGone,
    None,
}

#[derive(Clone, Copy, Debug)]
struct Situation {
    hub: Answer,
    original: Answer,
    pin: Pin,
    before: Before,
    build: Build,
    args: &'static [&'static str],
}

const PLAIN: Situation = Situation {
    hub: Answer::Absent,
    original: Answer::Absent,
    pin: Pin::Nothing,
    before: Before::Nothing,
    build: Build::Folder,
    args: &[],
};

fn situations() -> Vec<Situation> {
    use Answer::{Absent, Busy, Has, OnlySidecar, Page, Refused};
    let mut all = Vec::new();
    // Each class of answer of both servers, with and without a pin for the publisher's bytes.
    for hub in [Has, Absent, Busy, Page, Refused, OnlySidecar] {
        for original in [Has, Absent, Busy, Refused] {
            let pin = if original == Has {
                Pin::Recipe
            } else {
                Pin::Nothing
            };
            all.push(Situation {
                hub,
                original,
                pin,
                ..PLAIN
            });
        }
        all.push(Situation {
            hub,
            original: Has,
            ..PLAIN
        });
        all.push(Situation {
            hub,
            build: Build::None,
            ..PLAIN
        });
    }
    let args: [&'static [&'static str]; 13] = [
        &["--locked"],
        &["--offline"],
        &["--locked", "--offline"],
        &["--source", "cache"],
        &["--source", "managed"],
        &["--source", "original"],
        &["--source", "original", "--locked"],
        &["--source", "build"],
        &["--rebuild"],
        &["--reinstall"],
        &["--reinstall", "--source", "managed"],
        &["--platform", "linux-386"],
        &["--platform", "windows-arm64"],
    ];
    // Each set of arguments, with everything available and with nothing available.
    for args in args {
        all.push(Situation {
            hub: Has,
            original: Has,
            args,
            ..PLAIN
        });
        all.push(Situation {
            original: Has,
            build: Build::None,
            args,
            ..PLAIN
        });
        all.push(Situation { args, ..PLAIN });
    }
    // The state before the run.
    for before in [
        Before::Installed,
        Before::Damaged,
        Before::Cached,
        Before::CacheDamaged,
        Before::Older,
        Before::OriginalCached,
    ] {
        for args in [
            &[][..],
            &["--locked"],
            &["--offline"],
            &["--reinstall"],
            &["--rebuild"],
        ] {
            all.push(Situation {
                original: Has,
                before,
                args,
                ..PLAIN
            });
        }
    }
    all.push(Situation {
        hub: Has,
        pin: Pin::OtherAsset,
        ..PLAIN
    });
    all.push(Situation {
        hub: Absent,
        pin: Pin::OtherAsset,
        ..PLAIN
    });
    // Each kind of source code.
    for build in [Build::Archive, Build::Git, Build::MovedTag, Build::GitGone] {
        for args in [&[][..], &["--offline"], &["--locked"]] {
            all.push(Situation {
                build,
                args,
                ..PLAIN
            });
        }
        all.push(Situation {
            hub: Busy,
            build,
            ..PLAIN
        });
    }
    for original in [Busy, Page, Has] {
        all.push(Situation {
            original,
            build: Build::Archive,
            args: &["--source", "build"],
            ..PLAIN
        });
    }
    all
}

/// A folder hub that has the tool as its recipe builds it.
fn hub_folder() -> (TestEnv, PathBuf) {
    let env = TestEnv::new();
    env.versions(&[("tool", "v1.0.0")], "hub: {dir: hub}\n");
    env.write("subsystems/tool/src/tool.sh", SCRIPT);
    env.recipe(
        "tool",
        &format!("binaries: [tool]\n{}", built_from("{dir: .}")),
    );
    env.larder(["ensure", "all"]).success();
    env.larder(["release", "all"]).success();
    let folder = env.path("hub").into_std_path_buf();
    (env, folder)
}

fn built_from(source: &str) -> String {
    format!(
        "build:\n  source: {source}\n  platforms: [{}]\n  commands: [\"install -m 755 src/tool.sh {{{{ out }}}}/tool\"]\n",
        host()
    )
}

fn reply(answer: Answer, path: &str, file: impl FnOnce() -> Option<Vec<u8>>) -> Reply {
    let is_sidecar = path.ends_with(".json");
    match answer {
        Answer::Has => file().map_or_else(|| Reply::status(404), Reply::ok),
        Answer::OnlySidecar if is_sidecar => file().map_or_else(|| Reply::status(404), Reply::ok),
        Answer::OnlySidecar | Answer::Absent => Reply::status(404),
        Answer::Busy => Reply::status(503),
        Answer::Page => Reply::ok("<html>log in</html>").header("content-type", "text/html"),
        Answer::Refused => Reply::status(401),
    }
}

/// Sets up a machine in a situation; the server must outlive it.
fn set_up(situation: Situation, hub: &std::path::Path) -> (TestEnv, Script) {
    let Situation {
        hub: managed,
        original,
        pin,
        before,
        build,
        args: _,
    } = situation;
    let folder = hub.to_owned();
    let seeding = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let is_seeding = seeding.clone();
    let server = Script::start(move |request, _| {
        let path = request.path.as_str();
        let seeding = is_seeding.load(std::sync::atomic::Ordering::SeqCst);
        match path.strip_prefix("/hub/") {
            Some(_) if seeding => Reply::status(404),
            Some(file) => reply(managed, path, || std::fs::read(folder.join(file)).ok()),
            None if seeding => Reply::ok(SCRIPT),
            None => reply(original, path, || Some(SCRIPT.into())),
        }
    });
    let mut env = TestEnv::new();
    for (name, value) in [("LARDER_HTTP_RETRIES", "1"), ("LARDER_HTTP_BACKOFF", "1ms")] {
        env.set(name, value);
    }
    let versions = |version: &str| {
        let more = format!(
            "hub: {{http: \"{}\"}}\nplatforms: [{}, linux-386]\n",
            server.at("/hub"),
            host()
        );
        env.versions(&[("tool", version)], &more);
    };
    let source = match build {
        Build::None => None,
        Build::Folder => Some("{dir: .}".to_owned()),
        Build::Archive => Some(format!(
            "{{url: \"{}\", sha256: {}}}",
            server.at("/source/src/tool.sh"),
            Digest::of(SCRIPT.as_bytes())
        )),
        Build::Git | Build::MovedTag => {
            env.write("../repository/src/tool.sh", SCRIPT);
            env.sh("cd ../repository && git init -q . && git add -A && git commit -qm one && git tag v1.0.0");
            Some(format!(
                "{{git: \"file://{}/repository\", rev: v1.0.0}}",
                env.base()
            ))
        }
        Build::GitGone => Some(format!(
            "{{git: \"{}\", rev: v1.0.0}}",
            server.at("/gone.git")
        )),
    };
    let mut build_text = source.map_or_else(String::new, |source| built_from(&source));
    if build == Build::Archive {
        build_text = build_text.replace("src/tool.sh {{", "tool.sh {{");
    }
    let checksums = match pin {
        Pin::Recipe => format!(
            "  checksums: {{{}: {}}}\n",
            host(),
            Digest::of(SCRIPT.as_bytes())
        ),
        Pin::Nothing | Pin::OtherAsset => String::new(),
    };
    let upstream = format!(
        "upstream:\n  url: \"{}\"\n{checksums}",
        server.at("/original/tool")
    );
    env.write("subsystems/tool/src/tool.sh", SCRIPT);
    let recipe = |text: &str| env.recipe("tool", &format!("binaries: [tool]\n{text}"));
    versions(if before == Before::Older {
        "v0.9.0"
    } else {
        "v1.0.0"
    });
    recipe(&format!("{upstream}{build_text}"));
    match before {
        Before::Nothing => {}
        Before::OriginalCached => {
            env.larder(["ensure", "all", "--source", "original"])
                .success();
        }
        _ => {
            env.larder(["ensure", "all", "--source", "build"]).success();
        }
    }
    match before {
        Before::Nothing | Before::Installed => {}
        Before::Damaged => env.flip_bit("subsystems/tool/.bin/tool"),
        Before::Older => versions("v1.0.0"),
        Before::Cached | Before::CacheDamaged | Before::OriginalCached => {
            env.larder(["clean", "all"]).success();
            env.remove("versions.lock");
        }
    }
    if before == Before::CacheDamaged {
        env.sh("for f in ../cache/v1/files/*/*; do printf 'x%s' \"$(tail -c +2 $f)\" > $f.new && printf '\\n' >> $f.new && mv $f.new $f; done");
    }
    if build == Build::MovedTag {
        env.larder(["lock", "all"]).success();
        env.sh("cd ../repository && git commit -q --allow-empty -m two && git tag -f v1.0.0 > /dev/null");
        env.drop_cache();
    }
    seeding.store(false, std::sync::atomic::Ordering::SeqCst);
    if pin == Pin::OtherAsset {
        pin_another_asset(&env, hub);
    }
    (env, server)
}

/// Adds a line to the lock that pins the hub's asset with a wrong digest.
fn pin_another_asset(env: &TestEnv, hub: &std::path::Path) {
    let asset = format!("tool-{}.tar.gz", host());
    let sidecar = std::fs::read(hub.join(format!("tool-v1.0.0/{asset}.json"))).expect("a sidecar");
    let sidecar: Value = serde_json::from_slice(&sidecar).expect("JSON");
    let text = |field: &str| sidecar[field].as_str().expect("a text").to_owned();
    let line = format!(
        "tool v1.0.0 {} build asset {} {} {} 100 hub/tool-v1.0.0/{asset}\n",
        host(),
        text("inputs"),
        text("artifact"),
        Digest::of(b"another")
    );
    env.write("versions.lock", line);
}

/// The result of a run: the exit code, and outcome and source of the tool's line.
fn run_result(env: &TestEnv, args: &[&str]) -> (i32, String, String, String) {
    let out = env.larder_json([&["ensure", "all"], args].concat());
    let said = format!("{}\n{}", out.stdout, out.stderr);
    let lines = out.finished("ensure");
    let line = lines.iter().find(|line| line["subsystem"] == "tool");
    let word = |field: &str| {
        let value = line.map_or(&Value::Null, |line| &line[field]);
        value.as_str().unwrap_or("-").to_owned()
    };
    (
        out.code.unwrap_or(-1),
        word("outcome"),
        word("source"),
        said,
    )
}

/// Every file of the project except larder's own state.
fn tree(env: &TestEnv) -> String {
    env.sh("find . -path ./.larder -prune -o -type f -print | sort | xargs sha256sum")
}

#[test]
fn a_dry_run_predicts_the_run_in_every_situation() {
    let (_made, hub) = hub_folder();
    let situations = situations();
    assert!(situations.len() > 100, "{}", situations.len());
    let next = std::sync::atomic::AtomicUsize::new(0);
    let differ = std::sync::Mutex::new(Vec::new());
    let seen = std::sync::Mutex::new(std::collections::BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(situation) =
                    situations.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
                {
                    let (env, _server) = set_up(*situation, &hub);
                    let before = tree(&env);
                    let dry = run_result(&env, &[situation.args, &["--dry-run"]].concat());
                    let is_untouched = tree(&env) == before;
                    let real = run_result(&env, situation.args);
                    let key = format!("{} {} {}", real.0, real.1, real.2);
                    *seen.lock().unwrap().entry(key).or_insert(0) += 1;
                    if (dry.0, &dry.1, &dry.2) != (real.0, &real.1, &real.2) || !is_untouched {
                        let text = format!(
                            "{situation:?}\ndry (untouched: {is_untouched}): {} {} {}\n{}\nreal: {} {} {}\n{}",
                            dry.0, dry.1, dry.2, dry.3, real.0, real.1, real.2, real.3
                        );
                        differ.lock().unwrap().push(text);
                    }
                }
            });
        }
    });
    let differ = differ.into_inner().unwrap();
    assert!(
        differ.is_empty(),
        "{} differ\n{}",
        differ.len(),
        differ.join("\n\n")
    );
    // The table is useful only if its situations reach every outcome.
    let seen = seen.into_inner().unwrap();
    for wanted in [
        "0 up-to-date -",
        "0 restored cache",
        "0 downloaded managed",
        "0 downloaded original",
        "0 built build",
        "0 skipped -",
        "1 failed -",
        "3 failed -",
        "4 failed -",
        "5 failed -",
    ] {
        assert!(
            seen.contains_key(wanted),
            "no situation came to `{wanted}`: {seen:?}"
        );
    }
}
