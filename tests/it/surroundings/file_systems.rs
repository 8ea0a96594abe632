//! Simple file systems: system calls that fail as they do on FAT, NTFS, network shares and file
//! systems in user space, and modes that do not stick. strace makes the calls fail, also in what
//! larder starts, so the builds here set no modes.

use std::process::Command;

use crate::attacks::surroundings::{OTHER, as_other, chmod};
use crate::env::{LARDER, TestEnv, assert_intact, list};

/// What a file system refuses: system calls and how they end.
const REFUSED: [(&str, &[(&str, &str)]); 16] = [
    (
        "modes: EPERM",
        &[("chmod,fchmod,fchmodat,fchmodat2", "error=EPERM")],
    ),
    (
        "modes: EOPNOTSUPP",
        &[("chmod,fchmod,fchmodat,fchmodat2", "error=EOPNOTSUPP")],
    ),
    (
        "modes: ENOSYS",
        &[("chmod,fchmod,fchmodat,fchmodat2", "error=ENOSYS")],
    ),
    (
        "modes that do not stick",
        &[("chmod,fchmod,fchmodat,fchmodat2", "retval=0")],
    ),
    (
        "symbolic links: EPERM",
        &[("symlink,symlinkat", "error=EPERM")],
    ),
    (
        "symbolic links: EOPNOTSUPP",
        &[("symlink,symlinkat", "error=EOPNOTSUPP")],
    ),
    (
        "symbolic links: ENOSYS",
        &[("symlink,symlinkat", "error=ENOSYS")],
    ),
    ("hard links: EPERM", &[("link,linkat", "error=EPERM")]),
    (
        "hard links: EOPNOTSUPP",
        &[("link,linkat", "error=EOPNOTSUPP")],
    ),
    (
        "renames with flags: EINVAL",
        &[
            ("renameat2", "error=EINVAL"),
            ("link,linkat", "error=EPERM"),
        ],
    ),
    ("flushing: EINVAL", &[("fsync,fdatasync", "error=EINVAL")]),
    ("flushing: ENOSYS", &[("fsync,fdatasync", "error=ENOSYS")]),
    ("locks: ENOLCK", &[("flock", "error=ENOLCK")]),
    ("times: EPERM", &[("utimensat,utime,utimes", "error=EPERM")]),
    (
        "copying in the kernel: EOPNOTSUPP",
        &[("copy_file_range,sendfile", "error=EINVAL")],
    ),
    (
        "everything",
        &[
            ("chmod,fchmod,fchmodat,fchmodat2", "error=EPERM"),
            ("symlink,symlinkat", "error=EPERM"),
            ("link,linkat", "error=EPERM"),
            ("renameat2", "error=EINVAL"),
            ("fsync,fdatasync", "error=EINVAL"),
            ("flock", "error=ENOSYS"),
            ("utimensat,utime,utimes", "error=EPERM"),
        ],
    ),
];

/// larder under strace with these faults.
fn faulty(env: &TestEnv, faults: &[(&str, &str)], line: &str) -> Command {
    let mut command = env.program("strace");
    let named = |calls: &str| format!("?{}", calls.replace(',', ",?"));
    let all: Vec<String> = faults.iter().map(|(calls, _)| named(calls)).collect();
    command.args([
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        &format!("trace={}", all.join(",")),
    ]);
    for (calls, end) in faults {
        command.args(["-e", &format!("inject={}:{end}", named(calls))]);
    }
    command.arg(LARDER).args(line.split(' '));
    command
}

/// A project with a built subsystem that has an included file, and an original.
fn project(env: &TestEnv) -> crate::servers::files::FileServer {
    let files = env.base().join("files");
    std::fs::create_dir_all(&files).unwrap();
    std::fs::write(files.join("web"), "#!/bin/sh\necho web v1.0.0\n").unwrap();
    let server = crate::servers::files::FileServer::start(&files);
    env.versions(&[("tool", "v1.0.0"), ("web", "v1.0.0")], "");
    env.recipe(
        "tool",
        "binaries: [tool]\nbuild:\n  source: {dir: src}\n  commands: [\"cat in > {{ out }}/tool\"]\n\
         package: {include: [LICENSE]}\n",
    );
    env.write("subsystems/tool/src/in", "#!/bin/sh\necho tool v1.0.0\n");
    env.write("subsystems/tool/src/LICENSE", "free\n");
    let url = server.url();
    env.recipe(
        "web",
        &format!("binaries: [web]\nupstream: {{url: \"{url}/web\"}}\n"),
    );
    server
}

#[test]
fn simple_file_systems_are_enough() {
    for (name, faults) in REFUSED {
        let env = TestEnv::new();
        let _server = project(&env);
        let run = |line: &str| {
            let out = env.output(faulty(&env, faults, line));
            assert_eq!(out.code, Some(0), "{name}: {line}\n{}", out.stderr);
            out
        };
        run("ensure all");
        let again = run("ensure all --json");
        assert_eq!(again.outcome("tool"), "up-to-date", "{name}");
        for line in [
            "verify",
            "package all",
            "release all",
            "collect all",
            "lock",
            "cache verify",
        ] {
            run(line);
        }
        let again = run("release all --json");
        assert!(
            again
                .finished("release")
                .iter()
                .all(|done| done["outcome"] == "up-to-date"),
            "{name}"
        );
        // From the cache, and from the hub.
        env.remove("subsystems/tool/.bin");
        assert_eq!(
            run("ensure all --json").outcome("tool"),
            "restored",
            "{name}"
        );
        env.remove("subsystems/tool/.bin");
        env.drop_cache();
        assert_eq!(
            run("ensure all --json").outcome("tool"),
            "downloaded",
            "{name}"
        );
        assert_intact(&env, "tool");
        // Another version, and a change of what is there already.
        env.edit("versions.yml", "tool: v1.0.0", "tool: v1.1.0");
        for line in [
            "ensure all",
            "ensure all --reinstall",
            "verify",
            "bundle",
            "install tool --to out",
        ] {
            run(line);
        }
        assert_intact(&env, "tool");
        for line in ["bump tool v1.2.0", "ensure all", "clean all"] {
            run(line);
        }
        // What was made there is right elsewhere.
        env.larder(["ensure", "all"]).success();
        env.larder(["verify"]).success();
    }
}

/// `chmod` has no effect: larder under strace sees a file system with fixed modes.
const FIXED: [(&str, &str); 1] = [("chmod,fchmod,fchmodat,fchmodat2", "retval=0")];

#[test]
fn modes_that_the_file_system_can_not_keep_are_not_compared() {
    for mode in ["777", "755", "644", "666", "700", "600", "444"] {
        let env = TestEnv::new();
        let _server = project(&env);
        env.larder(["ensure", "all"]).success();
        let fix = || {
            env.sh(&format!(
                "find subsystems .dist .larder-hub -type f -path '*/.*' -exec chmod {mode} {{}} + || true"
            ));
        };
        fix();
        let run = |line: &str| {
            let out = env.output(faulty(&env, &FIXED, line));
            assert_eq!(out.code, Some(0), "{mode}: {line}\n{}", out.stderr);
            fix();
            out
        };
        let out = run("ensure all --json");
        assert_eq!(out.outcome("tool"), "up-to-date", "{mode}: {}", out.stderr);
        assert!(!out.stderr.contains("mode"), "{mode}: {}", out.stderr);
        for line in [
            "verify",
            "package all",
            "release all",
            "ensure all --locked",
            "bundle",
        ] {
            let out = run(line);
            assert!(
                !out.stderr.contains("mode"),
                "{mode}: {line}: {}",
                out.stderr
            );
        }
        // Nothing of the probe is left, and the package has the modes that were meant.
        let left = list(&env.path("subsystems/tool/.bin"));
        assert!(!left.iter().any(|name| name.contains("tmp")), "{left:?}");
        let archive = format!(".dist/tool-{}.tar.gz", crate::env::host());
        let listed = env.run("tar", ["-tvzf", &archive]);
        assert!(
            listed
                .lines()
                .any(|l| l.starts_with("-rwxr-xr-x") && l.ends_with(" tool")),
            "{listed}"
        );
        assert!(
            listed
                .lines()
                .any(|l| l.starts_with("-rw-r--r--") && l.ends_with(" LICENSE")),
            "{listed}"
        );
        // Where modes are kept, the same difference is damage.
        if !["755", "644"].contains(&mode) {
            let said = env.larder(["verify", "tool"]).exits(4).stderr;
            assert!(said.contains("does not have the mode"), "{mode}: {said}");
        }
        let said = env.larder(["ensure", "all"]).success().stderr;
        assert!(said.contains("does not have the mode"), "{mode}: {said}");
        env.larder(["verify"]).success();
    }
}

#[test]
fn a_cache_on_a_file_system_without_permissions_is_ignored_and_that_is_said() {
    for (mode, of) in [
        (0o777, ""),
        (0o775, ""),
        (0o777, "v1"),
        (0o777, "v1/files"),
        (0o777, "v1/index/build"),
    ] {
        let env = TestEnv::new();
        let _server = project(&env);
        env.larder(["ensure", "all"]).success();
        env.remove("subsystems/tool/.bin");
        chmod(&env.cache().join(of), mode);
        let said = env
            .output(faulty(&env, &FIXED, "ensure all"))
            .success()
            .stderr;
        assert_eq!(said.matches("warning:").count(), 1, "{said}");
        assert!(said.contains("keeps no permissions"), "{said}");
        assert!(said.contains("LARDER_CACHE_DIR"), "{said}");
    }
}

#[test]
fn what_can_not_be_read_in_a_cache_is_told_once_and_absent() {
    for (name, hide, outcome) in [
        ("all readable", ":", "restored"),
        (
            "files",
            "find v1/files -type f -exec chmod 600 {} +",
            "built",
        ),
        (
            "the folders of files",
            "find v1/files -mindepth 1 -type d -exec chmod 700 {} +",
            "built",
        ),
        ("the folder of all files", "chmod 700 v1/files", "built"),
        (
            "entries",
            "find v1/index -type f -exec chmod 600 {} +",
            "built",
        ),
        ("entries of builds", "chmod 700 v1/index/build", "built"),
        ("the index", "chmod 700 v1/index", "built"),
        ("a umask of 077", "chmod -R go= v1", "built"),
        ("the cache", "chmod 700 .", "built"),
        (
            "a umask of 027 and another group",
            "chmod -R o= v1",
            "built",
        ),
    ] {
        let env = TestEnv::new();
        env.script_subsystem("tool", "v1.0.0");
        env.script_subsystem("second", "v1.0.0");
        env.larder(["ensure", "all"]).success();
        for name in ["tool", "second"] {
            env.remove(&format!("subsystems/{name}/.bin"));
        }
        for dir in [env.base(), env.project()] {
            chmod(dir, 0o755);
        }
        env.sh(&format!("cd {} && {hide}", env.cache()));
        env.sh(&format!(
            "chown -R {OTHER} {} {}/tmp {}/home || true",
            env.project(),
            env.base(),
            env.base()
        ));
        let Some(out) = as_other(&env, &format!("{LARDER} ensure all --json")) else {
            return;
        };
        let out = out.success();
        for subsystem in ["tool", "second"] {
            assert_eq!(out.outcome(subsystem), outcome, "{name}: {}", out.stderr);
        }
        let told = |text: &str| out.stderr.matches(text).count();
        let unread = told("can be read, so") + told("is not used");
        assert_eq!(
            unread,
            usize::from(outcome == "built"),
            "{name}: {}",
            out.stderr
        );
        assert!(told("not kept in the cache") <= 1, "{name}: {}", out.stderr);
        assert_eq!(told("damaged"), 0, "{name}: {}", out.stderr);
        if unread > 0 {
            assert!(
                out.stderr.contains(env.cache().as_str()),
                "{name}: {}",
                out.stderr
            );
            assert!(
                out.stderr.contains("LARDER_CACHE_DIR"),
                "{name}: {}",
                out.stderr
            );
        }
        let again = as_other(&env, &format!("{LARDER} ensure all --json"))
            .unwrap()
            .success();
        assert_eq!(again.outcome("tool"), "up-to-date", "{name}");
        assert!(
            !again.stderr.contains("warning"),
            "{name}: {}",
            again.stderr
        );
    }
}

#[test]
fn files_of_caches_and_hubs_have_the_mode_of_the_umask() {
    for (umask, files, folders) in [
        ("022", "644", "755"),
        ("002", "644", "755"),
        ("000", "644", "755"),
        ("027", "640", "750"),
        ("077", "600", "700"),
        ("007", "640", "750"),
    ] {
        let mut env = TestEnv::new();
        env.script_subsystem("tool", "v1.0.0");
        let cache = env.base().join("new/cache");
        env.set("LARDER_CACHE_DIR", cache.as_str());
        env.sh(&format!(
            "umask {umask}; {LARDER} ensure all; {LARDER} release all"
        ));
        let modes = |what: &str| {
            let line = format!(
                "find {cache}/v1 -type {what} ! -path '*/locks/*' -printf '%m\\n' | sort -u"
            );
            env.sh(&line)
        };
        assert_eq!(modes("f").trim(), files, "{umask}");
        assert_eq!(modes("d").trim(), folders, "{umask}");
        // What is in a hub is as readable as the hub.
        let hub = env.sh("find .larder-hub -type f ! -name .lock -printf '%m\\n' | sort -u");
        assert_eq!(hub.trim(), "644", "{umask}");
    }
}
