//! An upgrade under observation: every reader sees one complete set, old or new, and never a
//! missing binary.

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use camino::Utf8Path;

use crate::env::TestEnv;

const VERSIONS: [&str; 2] = ["v1.0.0", "v2.0.0"];

/// The versions in the stamp and in the binary's text of the set that `current` points to now.
fn set(bin: &Utf8Path) -> Option<(String, String)> {
    let set = bin
        .join(".v")
        .join(std::fs::read_link(bin.join(".v/current")).ok()?.to_str()?);
    // A set that was replaced twice is removed while it is read: such a reading is skipped.
    let stamp = std::fs::read_to_string(set.join(".version")).ok()?;
    let text = std::fs::read_to_string(set.join("tool")).ok()?;
    let stamp = stamp.lines().next()?.strip_prefix("version: ")?.to_owned();
    Some((
        stamp,
        text.trim().rsplit(' ').next()?.trim_matches('"').to_owned(),
    ))
}

#[test]
fn an_upgrade_is_atomic_for_readers() {
    let env = TestEnv::new();
    env.script_subsystem("tool", VERSIONS[0]);
    let want = |version: &str| env.versions(&[("tool", version)], "sources: [build]\n");
    want(VERSIONS[0]);
    env.larder(["ensure", "all"]).success();
    let bin = env.path("subsystems/tool/.bin");
    let over = AtomicBool::new(false);
    let (looks, runs) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                if let Some((stamp, binary)) = set(&bin) {
                    assert_eq!(stamp, binary, "a stamp beside another version's binary");
                    looks.fetch_add(1, Ordering::Relaxed);
                }
                // Under their public names both files always exist.
                for name in ["tool", ".version"] {
                    let text = std::fs::read_to_string(bin.join(name))
                        .unwrap_or_else(|e| panic!("{name} is missing: {e}"));
                    assert!(
                        VERSIONS.iter().any(|version| text.contains(version)),
                        "{name} holds {text:?}"
                    );
                }
            }
        });
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let output = Command::new(bin.join("tool"))
                    .output()
                    .expect("it can always be run");
                let said = String::from_utf8(output.stdout).unwrap();
                // The shell opens its script by name a second time after the kernel did, so it may
                // read the next version's.
                assert!(
                    output.status.success()
                        && VERSIONS.iter().any(|v| said == format!("tool {v}\n")),
                    "{said:?}"
                );
                runs.fetch_add(1, Ordering::Relaxed);
            }
        });
        let guard = StopOnDrop(&over);
        for round in 1..=30 {
            want(VERSIONS[round % 2]);
            let output = env.larder_json(["ensure", "all"]).success();
            assert_eq!(
                output.outcome("tool"),
                if round == 1 { "built" } else { "restored" }
            );
            assert_eq!(set(&bin).unwrap().0, VERSIONS[round % 2]);
        }
        drop(guard);
    });
    let (looks, runs) = (looks.into_inner(), runs.into_inner());
    assert!(
        looks > 300 && runs > 30,
        "{looks} looks and {runs} runs watched too little"
    );
}

/// Stops the watchers, also when the test fails.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn an_upgrade_replaces_a_binary_that_is_running() {
    let env = TestEnv::new();
    let sleep = Command::new("sh")
        .args(["-c", "command -v sleep"])
        .output()
        .unwrap()
        .stdout;
    let sleep = String::from_utf8(sleep).unwrap();
    env.recipe(
        "tool",
        &format!("binaries: [tool]\nbuild:\n  source: {{dir: .}}\n  commands: [\"cp {} {{{{ out }}}}/tool\"]\n", sleep.trim()),
    );
    env.versions(&[("tool", "1")], "sources: [build]\n");
    env.larder(["ensure", "all"]).success();
    let mut running = Command::new(env.path("subsystems/tool/.bin/tool"))
        .arg("30")
        .spawn()
        .unwrap();
    for version in ["2", "3"] {
        env.versions(&[("tool", version)], "sources: [build]\n");
        env.larder(["ensure", "all"]).success();
        assert!(
            env.read("subsystems/tool/.bin/.version")
                .starts_with(&format!("version: {version}\n"))
        );
    }
    assert!(
        running.try_wait().unwrap().is_none(),
        "the running one was disturbed"
    );
    running.kill().unwrap();
    running.wait().unwrap();
}

#[test]
fn without_links_an_upgrade_replaces_whole_files() {
    let mut env = TestEnv::new();
    env.script_subsystem("tool", VERSIONS[0]);
    let visible = |env: &TestEnv| crate::env::list(&env.path("subsystems/tool/.bin"));
    // With links, without them, and back: leftovers of the other layout are removed each time.
    for (round, links) in [true, false, false, true, false].into_iter().enumerate() {
        if links {
            env.unset("LARDER_LINKS")
        } else {
            env.set("LARDER_LINKS", "never")
        };
        let version = VERSIONS[round % 2];
        env.versions(&[("tool", version)], "sources: [build]\n");
        env.larder(["ensure", "all"]).success();
        let link = env.path("subsystems/tool/.bin/tool").is_symlink();
        assert_eq!(link, links, "round {round}");
        assert_eq!(
            env.sh("subsystems/tool/.bin/tool"),
            format!("tool {version}\n"),
            "round {round}"
        );
        assert_eq!(
            visible(&env),
            [".v", ".version", "tool"].map(String::from).into(),
            "round {round}"
        );
        if !links {
            // The previous set, and nothing else.
            let kept = crate::env::list(&env.path("subsystems/tool/.bin/.v"));
            assert_eq!(kept.len(), 1, "round {round}: {kept:?}");
        }
        // A second run that has to read every file finds nothing to repair.
        env.remove(".larder/state");
        assert_eq!(
            env.larder_json(["ensure", "all"]).success().outcome("tool"),
            "up-to-date",
            "round {round}"
        );
        assert_eq!(
            env.sh("subsystems/tool/.bin/tool"),
            format!("tool {version}\n"),
            "round {round}"
        );
    }
}
