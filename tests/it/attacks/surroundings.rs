//! Surroundings: caches of other users, file systems with few abilities, umasks, full disks.
//! Hubs and installed sets are in [`super::surroundings_more`].

use std::os::unix::fs::{PermissionsExt, chown};
use std::process::{Command, Stdio};

use camino::Utf8Path;

use crate::ensure::damage::released;
use crate::env::{LARDER, Output, TestEnv};

/// A user who is neither root nor the user who runs the tests.
pub const OTHER: u32 = 65534;

pub fn mode(path: &Utf8Path) -> u32 {
    let meta = std::fs::symlink_metadata(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    meta.permissions().mode() & 0o7777
}

pub fn chmod(path: &Utf8Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("chmod");
}

/// Gives a file away. Only root can; other users skip what needs it.
fn give_away(path: &Utf8Path) -> bool {
    match chown(path, Some(OTHER), Some(OTHER)) {
        Ok(()) => true,
        Err(e) => {
            eprintln!("skipped: cannot give {path} to another user: {e}");
            false
        }
    }
}

/// Runs a line of shell as another user; `None` where that is impossible.
pub fn as_other(env: &TestEnv, line: &str) -> Option<Output> {
    let command = |line: &str| {
        let mut command = env.program("setpriv");
        let ids = [
            format!("--reuid={OTHER}"),
            format!("--regid={OTHER}"),
            "--clear-groups".into(),
        ];
        command.args(ids).args(["sh", "-ec", line]);
        env.output(command)
    };
    let probe = command(&format!("{LARDER} --version"));
    if probe.code != Some(0) {
        eprintln!("skipped: no other user here: {}", probe.stderr);
        return None;
    }
    Some(command(line))
}

/// Every path below a folder with its mode and time, so that any change is visible.
fn listing(env: &TestEnv, dir: &Utf8Path) -> String {
    env.sh(&format!("find {dir} -printf '%p %m %u %T@ %s\\n' | sort"))
}

/// Ensures `tool` anew, and compares the outcome.
#[track_caller]
fn ensured(env: &TestEnv, outcome: &str, case: &str) -> Output {
    env.remove("subsystems/tool/.bin");
    let out = env.larder_json(["ensure", "all"]).success();
    assert_eq!(out.outcome("tool"), outcome, "{case}\n{}", out.stderr);
    crate::env::assert_intact(env, "tool");
    out
}

/// How a test makes a cache untrusted; `false` if that is impossible here.
type Spoil = fn(&Utf8Path) -> bool;

#[test]
fn a_cache_that_others_can_change_is_ignored_and_told_once_with_the_remedy() {
    let spoilt: [(&str, Spoil, &str); 9] = [
        ("writable by all", |c| set(c, 0o777), "chmod -R go-w"),
        ("writable by a group", |c| set(c, 0o775), "chmod -R go-w"),
        ("sticky and writable", |c| set(c, 0o1777), "chmod -R go-w"),
        (
            "v1 writable",
            |c| set(&c.join("v1"), 0o777),
            "chmod -R go-w",
        ),
        (
            "index writable",
            |c| set(&c.join("v1/index/build"), 0o777),
            "chmod -R go-w",
        ),
        ("of another user", give_away, "LARDER_CACHE_DIR"),
        (
            "v1 of another user",
            |c| give_away(&c.join("v1")),
            "LARDER_CACHE_DIR",
        ),
        (
            "files of another user",
            |c| give_away(&c.join("v1/files")),
            "LARDER_CACHE_DIR",
        ),
        (
            "in a folder that all can write to",
            |c| set(c.parent().unwrap(), 0o777),
            "chmod o-w",
        ),
    ];
    for (case, spoil, remedy) in spoilt {
        let mut env = released("[build]");
        env.script_subsystem("second", "v1.0.0");
        // The cache has its own parent folder, so that a test can spoil that one too.
        let cache = env.base().join("of/cache");
        std::fs::create_dir_all(cache.parent().unwrap()).unwrap();
        env.set("LARDER_CACHE_DIR", cache.as_str());
        ensured(&env, "built", case);
        ensured(&env, "restored", case);
        if !spoil(&cache) {
            continue;
        }
        let before = listing(&env, &cache);
        env.remove("subsystems/second/.bin");
        let said = ensured(&env, "built", case).stderr;
        assert_eq!(said.matches("warning:").count(), 1, "{case}: {said}");
        assert!(
            said.contains(cache.as_str()) && said.contains(remedy),
            "{case}: {said}"
        );
        assert_eq!(listing(&env, &cache), before, "{case}");
        // Looking commands say it in their answer and change nothing either.
        env.remove("subsystems/tool/.bin");
        let plan = env.larder(["why", "tool"]).success().stdout;
        assert!(plan.contains("is not used"), "{case}: {plan}");
        // The commands that work on the cache itself refuse, and name the remedy.
        for command in ["prune", "verify", "size"] {
            let said = env.larder(["cache", command]).exits(1).stderr;
            assert!(said.contains(remedy), "{case}: {said}");
        }
        assert_eq!(listing(&env, &cache), before, "{case}");
    }
}

fn set(path: &Utf8Path, mode: u32) -> bool {
    chmod(path, mode);
    true
}

#[test]
fn a_cache_behind_a_link_of_another_user_is_ignored() {
    let mut env = released("[build]");
    ensured(&env, "restored", "before");
    // One's own link is fine.
    let link = env.base().join("link");
    std::os::unix::fs::symlink(env.cache(), &link).unwrap();
    env.set("LARDER_CACHE_DIR", link.as_str());
    ensured(&env, "restored", "own link");
    if std::os::unix::fs::lchown(&link, Some(OTHER), Some(OTHER)).is_err() {
        eprintln!("skipped: cannot give a link to another user");
        return;
    }
    let said = ensured(&env, "built", "link of another user").stderr;
    assert!(
        said.contains(link.as_str()) && said.contains("is not used"),
        "{said}"
    );
    // The folder of the format is never a link.
    env.set("LARDER_CACHE_DIR", env.cache().as_str());
    std::fs::rename(env.cache().join("v1"), env.base().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(env.base().join("elsewhere"), env.cache().join("v1")).unwrap();
    let said = ensured(&env, "built", "v1 is a link").stderr;
    assert!(
        said.contains("is not used") && said.contains("v1"),
        "{said}"
    );
}

#[test]
fn a_cache_of_root_is_used_for_reading_by_another_user() {
    let env = released("[build]");
    env.remove("subsystems/tool/.bin");
    for dir in [env.base(), env.project()] {
        chmod(dir, 0o755);
    }
    env.sh(&format!(
        "chown -R {OTHER} {} {}/tmp {}/home || true",
        env.project(),
        env.base(),
        env.base()
    ));
    let before = listing(&env, &env.cache());
    let Some(out) = as_other(&env, &format!("{LARDER} ensure all --json")) else {
        return;
    };
    let out = out.success();
    assert_eq!(out.outcome("tool"), "restored", "{}", out.stderr);
    assert!(!out.stderr.contains("warning"), "{}", out.stderr);
    assert_eq!(listing(&env, &env.cache()), before);
    // What can't be read counts as absent, and the run goes on.
    env.sh(&format!(
        "find {} -type f -exec chmod 0600 {{}} +",
        env.cache()
    ));
    env.remove("subsystems/tool/.bin");
    let out = as_other(&env, &format!("{LARDER} ensure all --json"))
        .unwrap()
        .success();
    assert_eq!(out.outcome("tool"), "built", "{}", out.stderr);
    // Neither does a cache that can't be entered at all stop a run.
    chmod(&env.cache(), 0o700);
    env.remove("subsystems/tool/.bin");
    let out = as_other(&env, &format!("{LARDER} ensure all --json"))
        .unwrap()
        .success();
    assert_eq!(out.outcome("tool"), "built", "{}", out.stderr);
}

#[test]
fn a_new_cache_is_writable_by_its_owner_only_under_any_umask() {
    for umask in ["000", "002", "077"] {
        let mut env = TestEnv::new();
        env.script_subsystem("tool", "v1.0.0");
        let cache = env.base().join("new/folders/cache");
        env.set("LARDER_CACHE_DIR", cache.as_str());
        let run = |env: &TestEnv| {
            env.remove("subsystems/tool/.bin");
            let mut command = env.program("sh");
            command.args(["-ec", &format!("umask {umask}; {LARDER} ensure all --json")]);
            let out = env.output(command).success();
            assert!(!out.stderr.contains("warning"), "{umask}: {}", out.stderr);
            out.outcome("tool")
        };
        assert_eq!(run(&env), "built");
        assert_eq!(run(&env), "restored", "{umask}");
        let open = env.sh(&format!(
            "find {}/new -perm /022 -not -path '*/locks/*'",
            env.base()
        ));
        assert_eq!(open, "", "{umask}");
    }
}

#[test]
fn locking_and_collecting_need_no_cache() {
    let env = TestEnv::new();
    let files = env.base().join("files");
    std::fs::create_dir_all(&files).unwrap();
    std::fs::write(files.join("tool"), "#!/bin/sh\necho tool\n").unwrap();
    let server = crate::servers::files::FileServer::start(&files);
    env.versions(&[("tool", "v1.0.0")], "");
    let recipe = format!(
        "binaries: [tool]\nupstream: {{url: \"{}/tool\"}}\n",
        server.url()
    );
    env.recipe("tool", &recipe);
    chmod(&env.cache(), 0o777);
    for command in [["lock", "all"], ["collect", "all"]] {
        env.remove("versions.lock");
        let said = env.larder(command).success().stderr;
        assert_eq!(said.matches("is not used").count(), 1, "{said}");
    }
    assert!(crate::env::list(&env.cache()).is_empty());
    // The same with a cache that is read-only.
    chmod(&env.cache(), 0o755);
    env.remove("versions.lock");
    env.remove(".collection");
    let cache = env.cache();
    let line = format!(
        "mount --bind {cache} {cache} && mount -o remount,bind,ro {cache} && {LARDER} lock all \
         && {LARDER} collect all"
    );
    let mut command = env.program("unshare");
    command.args(["-m", "sh", "-ec", &line]);
    let out = env.output(command);
    if out.stderr.contains("unshare") || out.stderr.contains("mount:") {
        eprintln!("skipped: no mounts here: {}", out.stderr);
        return;
    }
    let said = out.success().stderr;
    assert!(said.contains("not kept in the cache"), "{said}");
}

/// Runs larder with a standard output that is always full.
fn to_full_disk(env: &TestEnv, args: &[&str]) -> Output {
    let mut command = Command::new("sh");
    let line = format!("exec {LARDER} \"$@\" >/dev/full");
    let template = env.program("sh");
    command
        .env_clear()
        .current_dir(env.project())
        .stdin(Stdio::null());
    command.envs(
        template
            .get_envs()
            .filter_map(|(key, value)| Some((key, value?))),
    );
    command.args(["-ec", &line, "sh"]).args(args);
    env.output(command)
}

#[test]
fn data_that_can_not_be_written_is_a_failure() {
    let env = released("[build]");
    env.write(
        "versions.yml",
        env.read("versions.yml") + "tasks: {t: {commands: [\"true\"]}}\nci: [ensure all, run t]\n",
    );
    let json = [
        "ensure all",
        "ensure all --reinstall",
        "ensure all --dry-run",
        "verify",
        "package all",
        "release all",
        "lock",
        "clean all",
        "ensure all",
        "run t",
        "run",
        "ci",
        "status",
        "list",
        "why tool",
        "plan",
        "graph",
        "check",
        "env",
        "cache dir",
        "cache size",
        "cache prune",
        "cache verify",
        "outdated",
        "schema",
        "release status",
        "bundle",
    ];
    for line in json {
        let args: Vec<&str> = line.split(' ').chain(["--json"]).collect();
        let out = to_full_disk(&env, &args).exits(1);
        let said = out.stderr;
        assert!(
            said.contains("cannot write to standard output"),
            "{line}: {said}"
        );
        // Each line of `ci:` and each need of a task says it for itself.
        let once = said.matches("cannot write to standard").count() == 1;
        assert!(once || ["ci", "run t"].contains(&line), "{line}: {said}");
    }
    for line in [
        "--help",
        "--version",
        "ensure --help",
        "help ensure",
        "completions bash",
        "schema recipe",
        "man",
        "list",
        "graph",
        "env",
        "status",
        "plan --matrix",
    ] {
        let args: Vec<&str> = line.split(' ').collect();
        let out = to_full_disk(&env, &args).exits(1);
        assert!(
            out.stderr.contains("cannot write to standard output"),
            "{line}: {}",
            out.stderr
        );
    }
    // A failure of the command itself keeps its code.
    to_full_disk(&env, &["ensure", "no-such", "--json"]).exits(2);
    env.recipe(
        "tool",
        "binaries: [tool]\nbuild:\n  source: {dir: .}\n  commands: [\"exit 3\"]\n",
    );
    let out = to_full_disk(&env, &["ensure", "all", "--json"]).exits(1);
    assert!(out.stderr.contains("the build of tool"), "{}", out.stderr);
}

#[test]
fn a_reader_that_ends_early_is_no_failure() {
    let env = released("[build]");
    for line in [
        "ensure all --json",
        "ensure all --reinstall --json",
        "list",
        "--help",
    ] {
        let mut child = env
            .command(line.split(' '))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{line}: {said}");
        assert!(!said.contains("error"), "{line}: {said}");
    }
}
