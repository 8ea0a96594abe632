//! Files that never end or never answer in place of those that larder reads, and copied projects.

use camino::Utf8Path;

use crate::env::{LARDER, Output, TestEnv, remove};

/// Runs larder with a limit on its memory and its time. A command that reaches one of them was
/// ended by a signal or by `timeout` (exit 124), so its exit code is not one of larder's.
fn limited(env: &TestEnv, args: &[&str]) -> Output {
    let mut command = env.program("sh");
    command.args([
        "-c",
        "ulimit -v 3000000; exec timeout -k 1 20 \"$@\"",
        "sh",
        LARDER,
    ]);
    command.args(args);
    let output = env.output(command);
    assert!(
        matches!(output.code, Some(0..=5)),
        "larder {args:?} did not end by itself: {:?}\n{}",
        output.code,
        output.stderr
    );
    output
}

/// What may stand in the place of a file: it never answers, it never ends, or it is no file at all.
const NO_FILES: [&str; 4] = [
    "rm -rf $f; mkfifo $f",
    "rm -rf $f; ln -s /dev/zero $f",
    "rm -rf $f; truncate -s 1T $f",
    "rm -rf $f; mkdir $f",
];

/// Puts each of [`NO_FILES`] in the place of a file, and runs the test on a fresh project.
fn in_place_of(file: &str, test: impl Fn(&TestEnv, &str)) {
    for how in NO_FILES {
        let env = TestEnv::new();
        env.script_subsystem("tool", "v1.0.0");
        env.versions(&[("tool", "v1.0.0")], "upload: always\n");
        env.larder(["ensure", "all"]).success();
        env.larder(["package", "all"]).success();
        let path = match file.strip_prefix('/') {
            Some(elsewhere) => env.base().join(elsewhere),
            None => env.path(file),
        };
        env.sh(&format!("mkdir -p \"$(dirname {path})\"; f={path}; {how}"));
        test(&env, how);
    }
}

#[test]
fn a_written_file_that_never_ends_is_refused() {
    for file in [
        "versions.yml",
        "versions.lock",
        "subsystems/tool/recipe.yml",
        "/home/.config/larder/config.yml",
    ] {
        in_place_of(file, |env, how| {
            // Something to do, so that the user's configuration is read.
            remove(&env.path("subsystems/tool/.bin"));
            for command in [&["ensure", "all"][..], &["check"], &["bump", "tool", "v2"]] {
                let out = limited(env, command);
                assert_ne!(out.code, Some(0), "{file}, {how}: {command:?}");
                let name = Utf8Path::new(file).file_name().unwrap();
                assert!(out.stderr.contains(name), "{file}, {how}: {}", out.stderr);
            }
        });
    }
}

#[test]
fn ignore_files_that_never_end_are_refused() {
    for file in [
        "subsystems/tool/.gitignore",
        "subsystems/tool/src/.gitignore",
        "subsystems/tool/.larderignore",
    ] {
        in_place_of(file, |env, how| {
            let out = limited(env, &["ensure", "all"]);
            if how.contains("mkdir") {
                // Git ignores a folder of that name, too.
                return;
            }
            assert_ne!(out.code, Some(0), "{file}, {how}");
            let name = Utf8Path::new(file).file_name().unwrap();
            assert!(out.stderr.contains(name), "{how}: {}", out.stderr);
        });
    }
}

#[test]
fn a_stamp_that_is_no_file_counts_as_not_installed() {
    for file in [
        "subsystems/tool/.bin/.version",
        "subsystems/tool/.bin/.v/current/.version",
    ] {
        in_place_of(file, |env, how| {
            limited(env, &["status"]).success();
            if how.contains("mkdir") {
                return;
            }
            let out = limited(env, &["ensure", "all", "--json"]).success();
            assert_eq!(out.outcome("tool"), "restored", "{file}, {how}");
            assert!(env.read("subsystems/tool/.bin/.version").contains("v1.0.0"));
        });
    }
}

#[test]
fn a_state_or_cache_entry_that_is_no_file_counts_as_absent() {
    in_place_of(".larder/state", |env, _| {
        limited(env, &["ensure", "all"]).success();
    });
    let env = TestEnv::new();
    env.script_subsystem("tool", "v1.0.0");
    env.larder(["ensure", "all"]).success();
    let entries = env.sh("cd ../cache; find . -type f -path './v1/[ei]*'");
    assert!(!entries.is_empty());
    for how in NO_FILES {
        for entry in entries.lines() {
            let f = env.cache().join(entry);
            env.sh(&format!("f={f}; {how}"));
        }
        remove(&env.path("subsystems/tool/.bin"));
        let out = limited(&env, &["ensure", "all", "--json"]).success();
        assert_eq!(out.outcome("tool"), "built", "{how}");
        limited(&env, &["why", "tool"]).success();
    }
}

#[test]
fn sidecars_and_manifests_that_never_end_are_refused_or_made_anew() {
    let package = format!("tool-{}.tar.gz", crate::env::host());
    in_place_of(&format!(".dist/{package}.json"), |env, how| {
        let out = limited(env, &["package", "all"]);
        assert!(out.code == Some(0) || how.contains("mkdir"), "{how}");
    });
    for file in [format!("{package}.json"), package.clone()] {
        in_place_of(&format!(".larder-hub/tool-v1.0.0/{file}"), |env, _| {
            remove(&env.path("subsystems/tool/.bin"));
            env.drop_cache();
            limited(env, &["ensure", "all", "--source", "managed"]);
            limited(env, &["release", "status"]);
        });
    }
    for file in ["manifest.json", "checksums.txt"] {
        in_place_of(&format!(".larder-hub/tool-v1.0.0/{file}"), |env, _| {
            limited(env, &["release", "all"]);
        });
    }
}

#[test]
fn locks_and_logs_that_never_answer_are_refused_or_made_anew() {
    let target = format!("tool-{}", crate::env::host());
    for file in [
        format!(".larder/locks/{target}"),
        ".larder/locks/lock".to_owned(),
        ".larder/locks/state".to_owned(),
        format!(".larder/logs/{target}.log"),
    ] {
        in_place_of(&file, |env, _| {
            remove(&env.path("subsystems/tool/.bin"));
            env.drop_cache();
            limited(env, &["ensure", "all", "--source", "managed"]);
            limited(env, &["ensure", "all", "--rebuild"]);
        });
    }
}

#[test]
fn a_copied_project_is_not_up_to_date_by_the_files_of_the_original() {
    let env = TestEnv::new();
    env.script_subsystem("tool", "v1.0.0");
    env.script_subsystem("outside", "v1.0.0");
    env.sh("mkdir ../shared; mv subsystems/outside/src ../shared/src");
    env.edit(
        "subsystems/outside/recipe.yml",
        "{dir: .}",
        "{dir: ../../../shared}",
    );
    env.larder(["ensure", "all"]).success();
    let same = |out: &Output, name: &str| assert_eq!(out.outcome(name), "up-to-date");
    same(&env.larder_json(["ensure", "all"]).success(), "tool");

    env.sh("mkdir ../other; cp -a . ../other/project; cp -a ../shared ../other/shared");
    let copy = env.another("other");
    // Its binaries are damaged, and the sources beside it say something else.
    copy.sh("rm subsystems/tool/.bin/tool subsystems/tool/.bin/.v/current/tool");
    copy.sh("echo 'echo changed' >> ../shared/src/outside.sh");
    let out = copy.larder_json(["ensure", "all"]).success();
    assert_eq!(out.outcomes(), ["outside=built", "tool=built"]);
    copy.sh("subsystems/tool/.bin/tool");
    // The original's state is not touched, and the copy has its own from now on.
    for (env, name) in [(&env, "tool"), (&copy, "outside")] {
        same(&env.larder_json(["ensure", "all"]).success(), name);
    }
}
