//! Surroundings of hubs and of installed sets: folder hubs on simple file systems, releases that
//! are replaced all the time, umasks, and folders where larder needs a link or a file.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use larder_core::model::Digest;

use super::surroundings::{OTHER, as_other, chmod, mode};
use crate::ensure::damage::released;
use crate::env::{LARDER, TestEnv, host, list};

/// A project whose `tool` is not the same bytes in any two builds, with a hub outside of it.
fn random_build(env: &TestEnv, hub: &Utf8Path) {
    env.versions(
        &[("tool", "v1.0.0")],
        &format!("hub: {{dir: {hub}}}\nsources: [managed, build]\n"),
    );
    env.recipe(
        "tool",
        "binaries: [tool]\nbuild:\n  source: {dir: .}\n  commands:\n    - \"(echo '#!/bin/sh'; echo '#' $(cat /proc/sys/kernel/random/uuid)) > {{ out }}/tool\"\n",
    );
}

/// larder under strace, with system calls that fail.
fn faulty(env: &TestEnv, faults: &[(&str, &str)], args: &[&str]) -> Command {
    let mut command = env.program("strace");
    let calls: Vec<String> = faults
        .iter()
        .map(|(calls, _)| calls.replace(',', ",?"))
        .collect();
    command.args([
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        &format!("trace=?{}", calls.join(",?")),
    ]);
    for (calls, error) in faults {
        command.args([
            "-e",
            &format!("inject=?{}:error={error}", calls.replace(',', ",?")),
        ]);
    }
    // In CI versions.lock is not written: only the hub is on the simple file system.
    command.env("CI", "true").arg(LARDER).args(args);
    command
}

/// The asset of `tool` in a folder hub.
fn asset(hub: &Utf8Path) -> Utf8PathBuf {
    hub.join(format!("tool-v1.0.0/tool-{}.tar.gz", host()))
}

#[track_caller]
fn assert_pair_fits(hub: &Utf8Path, case: &str) {
    let asset = asset(hub);
    let digest = Digest::of(&std::fs::read(&asset).unwrap()).to_string();
    let sidecar = std::fs::read_to_string(format!("{asset}.json")).unwrap();
    assert!(sidecar.contains(&digest), "{case}: {sidecar}");
    let left: Vec<String> = list(&hub.join("tool-v1.0.0"))
        .into_iter()
        .filter(|name| name.starts_with('.') && name != ".lock")
        .collect();
    assert!(left.is_empty(), "{case}: {left:?}");
}

/// File systems that lack hard links, renames that replace nothing, locks, or modes.
const SIMPLE: [&[(&str, &str)]; 5] = [
    &[("link,linkat", "EPERM"), ("renameat2", "EINVAL")],
    &[("link,linkat", "EOPNOTSUPP"), ("renameat2", "EINVAL")],
    &[("link,linkat", "EMLINK"), ("renameat2", "ENOSYS")],
    &[
        ("link,linkat", "EPERM"),
        ("renameat2", "EINVAL"),
        ("flock", "ENOLCK"),
    ],
    &[
        ("link,linkat", "EPERM"),
        ("renameat2", "EINVAL"),
        ("chmod,fchmod,fchmodat", "EPERM"),
    ],
];

#[test]
fn a_folder_on_a_simple_file_system_can_be_released_to() {
    for faults in SIMPLE {
        let env = TestEnv::new();
        let hub = env.base().join("hub");
        random_build(&env, &hub);
        env.larder(["ensure", "all"]).success();
        env.larder(["package", "all"]).success();
        let case = format!("{faults:?}");
        env.output(faulty(&env, faults, &["release", "all"]))
            .success();
        assert_pair_fits(&hub, &case);
        let again = env
            .output(faulty(&env, faults, &["release", "all", "--json"]))
            .success();
        assert_eq!(
            again.finished("release")[0]["outcome"],
            "up-to-date",
            "{case}"
        );
        // A reader gets what was released.
        env.drop_cache();
        env.remove("subsystems/tool/.bin");
        let out = env.larder_json(["ensure", "all"]).success();
        assert_eq!(out.outcome("tool"), "downloaded", "{case}");
        // What is there is not replaced by another build.
        let other = env.another("other");
        random_build(&other, &hub);
        other
            .larder(["ensure", "all", "--source", "build"])
            .success();
        let before = std::fs::read(asset(&hub)).unwrap();
        other
            .output(faulty(&other, &faults[..2], &["release", "all"]))
            .success();
        assert_eq!(std::fs::read(asset(&hub)).unwrap(), before, "{case}");
    }
}

#[test]
fn several_writers_on_a_simple_file_system_publish_one_build() {
    for faults in [SIMPLE[0], SIMPLE[3]] {
        let env = TestEnv::new();
        let hub = env.base().join("hub");
        let machines: Vec<TestEnv> = ["a", "b", "c"].map(|name| env.another(name)).into();
        for machine in &machines {
            random_build(machine, &hub);
            machine
                .larder(["ensure", "all", "--source", "build"])
                .success();
        }
        let start = |machine: &TestEnv| {
            let mut command = faulty(machine, faults, &["release", "all"]);
            command
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        };
        let running: Vec<Child> = machines.iter().map(start).collect();
        for child in running {
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{faults:?}: {said}");
        }
        assert_pair_fits(&hub, &format!("{faults:?}"));
    }
}

#[test]
fn a_reader_of_a_release_that_is_replaced_all_the_time_never_sees_damage() {
    let env = TestEnv::new();
    let hub = env.base().join("hub");
    let writers = ["a", "b"].map(|name| env.another(name));
    for writer in &writers {
        random_build(writer, &hub);
        writer
            .larder(["ensure", "all", "--source", "build"])
            .success();
    }
    writers[0].larder(["release", "all"]).success();
    // One reads the folder, the other one reads it through a web server.
    let server = crate::servers::files::FileServer::start(&hub);
    let readers = ["c", "d"].map(|name| {
        let mut reader = env.another(name);
        random_build(&reader, &hub);
        reader.edit("versions.yml", "[managed, build]", "[managed]");
        if name == "d" {
            let there = format!("{{dir: {hub}}}");
            reader.edit(
                "versions.yml",
                &there,
                &format!("{{http: \"{}\"}}", server.url()),
            );
        }
        // In CI no line is added to the lock, so nothing pins what was read before.
        reader.set("CI", "true");
        reader
    });
    let done = AtomicBool::new(false);
    let mut codes = Vec::new();
    std::thread::scope(|scope| {
        for writer in &writers {
            let done = &done;
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    writer.larder(["release", "all", "--replace"]).success();
                }
            });
        }
        let read = |reader: &TestEnv| {
            let mut codes = Vec::new();
            for _ in 0..25 {
                reader.drop_cache();
                reader.remove("subsystems/tool/.bin");
                let out = reader.larder(["ensure", "all"]);
                codes.push((out.code, out.stderr));
            }
            codes
        };
        let threads: Vec<_> = readers
            .iter()
            .map(|reader| scope.spawn(move || read(reader)))
            .collect();
        for thread in threads {
            codes.extend(thread.join().expect("a reader"));
        }
        done.store(true, Ordering::Relaxed);
    });
    // A reader that meets one replacement after the other may be told to try later.
    let wrong = |code: &Option<i32>| !matches!(code, Some(0 | 5));
    let failed: Vec<_> = codes.iter().filter(|(code, _)| wrong(code)).collect();
    assert!(
        failed.is_empty(),
        "{} of {}: {failed:?}",
        failed.len(),
        codes.len()
    );
    let read = codes.iter().filter(|(code, _)| *code == Some(0)).count();
    assert!(
        read * 10 >= codes.len() * 9,
        "only {read} of {} succeeded",
        codes.len()
    );
}

#[test]
fn a_hub_folder_has_the_permissions_of_the_hub_under_any_umask() {
    let release = |env: &TestEnv, umask: &str, line: &str| {
        let mut command = env.program("sh");
        command.args(["-ec", &format!("umask {umask}; {LARDER} {line}")]);
        env.output(command).success();
    };
    for (root, folder, file) in [
        (None, 0o755, 0o644),
        (Some(0o755), 0o755, 0o644),
        (Some(0o750), 0o750, 0o640),
        (Some(0o700), 0o700, 0o600),
        (Some(0o2775), 0o2775, 0o644),
    ] {
        for umask in ["077", "000"] {
            let env = released("[build]");
            let hub = env.path(".larder-hub");
            env.remove(".larder-hub");
            if let Some(root) = root {
                std::fs::create_dir(&hub).unwrap();
                chmod(&hub, root);
            }
            release(&env, umask, "release all");
            release(&env, umask, "bundle");
            release(&env, umask, "release project v1.0.0");
            let case = format!("{root:?}, umask {umask}");
            assert_eq!(mode(&hub), root.unwrap_or(0o755), "{case}");
            for tag in ["tool-v1.0.0", "v1.0.0"] {
                let dir = hub.join(tag);
                assert_eq!(mode(&dir), folder, "{case} {tag}");
                for name in list(&dir) {
                    assert_eq!(mode(&dir.join(&name)), file, "{case} {tag}/{name}");
                }
            }
        }
    }
}

#[test]
fn another_user_reads_a_hub_that_was_made_with_a_private_umask() {
    let env = TestEnv::new();
    env.script_subsystem("tool", "v1.0.0");
    let hub = env.base().join("hub");
    env.write(
        "versions.yml",
        env.read("versions.yml") + &format!("hub: {{dir: {hub}}}\n"),
    );
    env.sh(&format!(
        "umask 077; {LARDER} ensure all; {LARDER} release all"
    ));
    env.drop_cache();
    for name in [
        ".bin",
        ".larder",
        ".dist",
        "subsystems/tool/.bin",
        "versions.lock",
    ] {
        env.remove(name);
    }
    env.sh(&format!(
        "chmod 755 {}; chmod -R a+rwX . {}/home",
        env.base(),
        env.base()
    ));
    let line = format!(
        "LARDER_CACHE_DIR={}/mine {LARDER} ensure all --json",
        env.base()
    );
    env.sh(&format!(
        "cd {} && mkdir mine && chown {OTHER} mine || true",
        env.base()
    ));
    if let Some(out) = as_other(&env, &line) {
        assert_eq!(out.success().outcome("tool"), "downloaded");
    }
}

/// Ensures `tool` after something is put in the place of one of larder's links or files.
fn obstructed(sh: &str) -> (TestEnv, crate::env::Output) {
    let env = released("[build]");
    env.sh(&format!("cd subsystems/tool/.bin && {sh}"));
    let out = env.larder(["ensure", "all"]);
    (env, out)
}

#[test]
fn an_empty_folder_where_a_link_or_file_belongs_is_replaced() {
    for sh in [
        "rm tool && mkdir tool",
        "rm .version && mkdir .version",
        "rm .v/current && mkdir .v/current",
        "rm -f .v/previous && mkdir .v/previous",
        "rm -r .v && echo x > .v",
        "rm .v/current && echo x > .v/current",
        "rm .v/current && ln -s current .v/current",
        "rm tool && ln -s tool tool",
        "rm .version && ln -s .version .version",
        "rm tool .version && mkdir tool .version && rm .v/current && mkdir .v/current",
        // A copy that followed the links.
        "cp -rL . ../copy && cd .. && rm -r .bin && mv copy .bin",
        "rm .v/current && cp -rL .v/*-1 .v/current",
        "d=$(readlink .v/current) && rm -r .v/$d && echo x > .v/$d",
        "d=$(readlink .v/current) && rm .v/$d/tool && mkdir -p .v/$d/tool/x",
        "d=$(readlink .v/current) && rm .v/$d/.version && mkdir -p .v/$d/.version/x",
    ] {
        let (env, out) = obstructed(sh);
        out.success();
        crate::env::assert_intact(&env, "tool");
        assert_eq!(env.sh("subsystems/tool/.bin/tool"), "tool v1.0.0\n", "{sh}");
        let again = env.larder_json(["ensure", "all"]).success();
        assert_eq!(again.outcome("tool"), "up-to-date", "{sh}");
        // The set can be exchanged and brought back as ever.
        for (from, to) in [("v1.0.0", "v2.0.0"), ("v2.0.0", "v3.0.0")] {
            env.edit("versions.yml", from, to);
            env.larder(["ensure", "all"]).success();
            assert_eq!(
                env.sh("subsystems/tool/.bin/tool"),
                format!("tool {to}\n"),
                "{sh}"
            );
        }
        env.larder(["rollback", "tool"]).success();
        assert_eq!(env.sh("subsystems/tool/.bin/tool"), "tool v2.0.0\n", "{sh}");
    }
}

#[test]
fn a_folder_with_content_where_a_link_or_file_belongs_is_named_and_kept() {
    for (sh, path) in [
        ("rm tool && mkdir tool && echo mine > tool/notes", "tool"),
        (
            "rm .version && mkdir .version && echo mine > .version/notes",
            ".version",
        ),
    ] {
        let (env, out) = obstructed(sh);
        let said = out.exits(1).stderr;
        let named = format!("subsystems/tool/.bin/{path}");
        assert!(
            said.contains(&named) && said.contains("move it elsewhere"),
            "{said}"
        );
        assert_eq!(env.read(&format!("{named}/notes")), "mine\n");
        // It stays so until the folder is gone, and nothing else changes meanwhile.
        let sets = list(&env.path("subsystems/tool/.bin/.v"));
        env.larder(["ensure", "all", "--reinstall"]).exits(1);
        assert_eq!(list(&env.path("subsystems/tool/.bin/.v")), sets, "{sh}");
        env.remove(&named);
        env.larder(["ensure", "all"]).success();
        crate::env::assert_intact(&env, "tool");
    }
    // The same where links can't be made.
    let mut env = released("[build]");
    env.set("LARDER_LINKS", "never");
    env.larder(["ensure", "all", "--reinstall"]).success();
    env.sh("cd subsystems/tool/.bin && rm tool && mkdir tool && echo mine > tool/notes");
    let said = env.larder(["ensure", "all"]).exits(1).stderr;
    assert!(
        said.contains(".bin/tool") && said.contains("move it elsewhere"),
        "{said}"
    );
    env.sh("rm subsystems/tool/.bin/tool/notes");
    env.larder(["ensure", "all"]).success();
    assert_eq!(env.sh("subsystems/tool/.bin/tool"), "tool v1.0.0\n");
}
