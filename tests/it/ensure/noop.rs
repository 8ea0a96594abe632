//! An up-to-date run uses no socket, starts no process, hashes and opens no source; and a stale
//! target is never taken for up to date.

use std::process::Command;
use std::time::Duration;

use camino::Utf8Path;

use crate::env::{TestEnv, host};

const TRACE: &str = "%network,execve,execveat,fork,vfork,clone,clone3,open,openat,openat2,write";

fn two(env: &TestEnv) {
    env.script_subsystem("one", "v1.0.0");
    env.script_subsystem("two", "v2.0.0");
    env.edit(
        "subsystems/two/recipe.yml",
        "binaries: [two]\n",
        "binaries: [two]\nneeds: [one]\n",
    );
    env.write(
        "versions.yml",
        env.read("versions.yml") + "sources: [build]\n",
    );
}

/// Ensures again and checks the system calls: only file metadata may be read.
#[track_caller]
fn is_noop(env: &TestEnv, args: &[&str]) {
    let (output, calls) = env.strace(TRACE, None, args);
    let output = output.success();
    assert!(
        output
            .outcomes()
            .iter()
            .all(|outcome| outcome.ends_with("=up-to-date")),
        "{}",
        output.stdout
    );
    let mut first = true;
    for call in calls {
        let line = &call.line;
        match call.name.as_str() {
            "execve" | "execveat" => {
                assert!(std::mem::take(&mut first), "a process: {line}");
            }
            "fork" | "vfork" => panic!("a process: {line}"),
            "clone" | "clone3" => assert!(line.contains("CLONE_THREAD"), "a process: {line}"),
            "open" | "openat" | "openat2" => {
                let own = ["/.bin/", "/src/", "/cache/"]
                    .iter()
                    .any(|part| line.contains(part));
                assert!(!own || line.contains("/.version\""), "opened: {line}");
                assert!(
                    !["O_WRONLY", "O_RDWR", "O_CREAT"]
                        .iter()
                        .any(|flag| line.contains(flag)),
                    "opened to write: {line}"
                );
            }
            "write" => {}
            // The signal handler uses a socket pair within the process.
            "socketpair" | "recvfrom" | "sendto" => {}
            _ => panic!("the network: {line}"),
        }
    }
}

#[test]
fn a_second_run_only_reads_file_metadata() {
    let env = TestEnv::new();
    two(&env);
    env.larder(["ensure", "all"]).success();
    is_noop(&env, &["ensure", "all", "--json"]);
    is_noop(&env, &["ensure", "two", "--json"]);
    is_noop(&env, &["ensure", "all", "--offline", "--json"]);
    // With plain output not even the async runtime is started.
    let (_, calls) = env.strace("%network,clone,clone3,openat", None, ["ensure", "all"]);
    assert!(
        calls
            .iter()
            .all(|call| call.name == "openat" || call.line.contains("CLONE_THREAD")),
        "{calls:?}"
    );
    assert!(
        calls
            .iter()
            .all(|call| !call.line.contains("versions.yml") && !call.line.contains("recipe.yml")),
        "{calls:?}"
    );
}

#[test]
fn a_second_run_for_every_platform_only_reads_file_metadata() {
    let env = TestEnv::new();
    two(&env);
    let other = if host() == "linux-arm64" {
        "linux-amd64"
    } else {
        "linux-arm64"
    };
    env.write(
        "versions.yml",
        format!(
            "{}platforms: [{}, {other}]\n",
            env.read("versions.yml"),
            host()
        ),
    );
    for name in ["one", "two"] {
        env.edit(
            &format!("subsystems/{name}/recipe.yml"),
            "build:\n",
            "build:\n  platforms: all\n",
        );
    }
    env.larder(["ensure", "all", "--platform", "all"]).success();
    is_noop(&env, &["ensure", "all", "--platform", "all", "--json"]);
    is_noop(&env, &["ensure", "all", "--json"]);
    is_noop(&env, &["ensure", "all", "--platform", other, "--json"]);
}

#[test]
fn a_touched_but_unchanged_source_is_up_to_date() {
    let env = TestEnv::new();
    two(&env);
    env.larder(["ensure", "all"]).success();
    for file in [
        "subsystems/one/src/one.sh",
        "subsystems/one/recipe.yml",
        "versions.yml",
    ] {
        env.sh(&format!("touch {file}"));
        assert_eq!(
            env.larder_json(["ensure", "all"]).success().outcomes(),
            ["one=up-to-date", "two=up-to-date"],
            "{file}"
        );
        is_noop(&env, &["ensure", "all", "--json"]);
    }
    // A file outside of the key causes no build.
    env.write("subsystems/one/.larderignore", "notes\n");
    env.larder(["ensure", "all"]).success();
    env.write("subsystems/one/notes", "n");
    assert_eq!(
        env.larder_json(["ensure", "all"]).success().outcomes(),
        ["one=up-to-date", "two=up-to-date"]
    );
}

fn touch(path: &Utf8Path, time: &str) {
    let status = Command::new("touch")
        .args(["-h", "-d", time, path.as_str()])
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn manipulated_file_times_hide_no_source_change() {
    let env = TestEnv::new();
    two(&env);
    let source = env.path("subsystems/one/src/one.sh");
    let text = |word: &str| format!("#!/bin/sh\necho \"one @VERSION@ {word}\"\n");
    let mut words = ["aa", "ab", "ac", "ad", "ae", "af"].iter();
    for time in [
        "1970-01-01 00:00:00 UTC",
        "2099-01-01 00:00:00 UTC",
        "2020-02-02 02:02:02 UTC",
    ] {
        std::fs::write(&source, text(words.next().unwrap())).unwrap();
        touch(&source, time);
        env.larder(["ensure", "all"]).success();
        env.larder(["ensure", "all"]).success();
        // Same size and time, other bytes: once by replacing the file, once by rewriting it in
        // place.
        for in_place in [false, true] {
            let word = if in_place { "zz" } else { "yy" };
            if in_place {
                std::fs::write(&source, text(word)).unwrap();
            } else {
                let new = source.with_extension("new");
                std::fs::write(&new, text(word)).unwrap();
                std::fs::rename(&new, &source).unwrap();
            }
            touch(&source, time);
            env.larder(["ensure", "all"]).success();
            assert_eq!(
                env.sh("subsystems/one/.bin/one"),
                format!("one v1.0.0 {word}\n"),
                "{time}"
            );
        }
    }
}

#[test]
fn manipulated_file_times_hide_no_damage() {
    let env = TestEnv::new();
    two(&env);
    let binary = || {
        env.path("subsystems/one/.bin/one")
            .canonicalize_utf8()
            .unwrap()
    };
    for time in [
        "1970-01-01 00:00:00 UTC",
        "2099-01-01 00:00:00 UTC",
        "2020-02-02 02:02:02 UTC",
    ] {
        env.larder(["ensure", "all"]).success();
        touch(&binary(), time);
        assert_eq!(
            env.larder_json(["ensure", "one"]).success().outcome("one"),
            "up-to-date"
        );
        is_noop(&env, &["ensure", "one", "--json"]);
        crate::env::flip_bit(&binary());
        touch(&binary(), time);
        assert_eq!(
            env.larder_json(["ensure", "one"]).success().outcome("one"),
            "restored",
            "{time}"
        );
        crate::env::assert_intact(&env, "one");
    }
}

#[test]
fn a_change_during_a_build_is_noticed_by_the_next_run() {
    let env = TestEnv::new();
    let slow = "      - \"touch BASE/started; sleep 0.5\"\n";
    env.versions(&[("tool", "v1.0.0")], "sources: [build]\n");
    let recipe = |word: &str| {
        let text = format!(
            "binaries: [tool]\nbuild:\n    source: {{dir: src}}\n    commands:\n{slow}      \
             - \"printf '#!/bin/sh\\necho {word} '$(cat word)'\\n' > {{{{ out }}}}/tool\"\n"
        );
        env.recipe("tool", &text.replace("BASE", env.base().as_str()));
    };
    recipe("one");
    env.write("subsystems/tool/src/word", "one");
    for (round, word) in ["two", "six", "ten"].into_iter().enumerate() {
        let mut running = env.command(["ensure", "all"]).spawn().unwrap();
        while !env.base().join("started").exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        // The recipe, a source file or both change while the build runs and keep their sizes.
        if round != 1 {
            recipe(word);
        }
        if round != 0 {
            env.write("subsystems/tool/src/word", word);
        }
        assert!(running.wait().unwrap().success());
        let wanted = match round {
            0 => "two one",
            1 => "two six",
            _ => "ten ten",
        };
        env.larder(["ensure", "all"]).success();
        assert_eq!(
            env.sh("subsystems/tool/.bin/tool"),
            format!("{wanted}\n"),
            "round {round}"
        );
        std::fs::remove_file(env.base().join("started")).unwrap();
        env.edit(
            "versions.yml",
            &format!("v1.0.{round}"),
            &format!("v1.0.{}", round + 1),
        );
    }
}
