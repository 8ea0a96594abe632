//! The folder for temporary files that is missing, full of obstacles, or on another file system; and
//! projects on a file system where no program can be run.

use camino::Utf8Path;

use crate::env::{LARDER, Output, TestEnv};

/// Runs a line of shell as root of its own mounts; `None` where that is impossible.
fn with_mounts(env: &TestEnv, mounts: &str, args: &[&str]) -> Option<Output> {
    let mut command = env.program("unshare");
    let line = format!("{mounts} && exec {LARDER} \"$@\"");
    command.args(["-m", "sh", "-ec", &line, "sh"]).args(args);
    let out = env.output(command);
    if out.stderr.contains("unshare:") || out.stderr.contains("mount:") {
        eprintln!("skipped: no mounts here: {}", out.stderr);
        return None;
    }
    Some(out)
}

/// A project with a built subsystem whose program is run by another one's build and by `verify`.
fn project(env: &TestEnv) {
    env.script_subsystem("tool", "v1.0.0");
    env.script_subsystem("user", "v1.0.0");
    env.edit(
        "subsystems/user/recipe.yml",
        "build:\n",
        "build:\n  needs: [tool]\n",
    );
    env.edit(
        "subsystems/user/recipe.yml",
        "  commands:\n",
        "  commands:\n    - \"tool\"\n",
    );
}

#[test]
fn a_folder_for_temporary_files_that_can_not_be_used_is_named_or_not_needed() {
    // What is there, and a mount in its place.
    for (case, make, mount) in [
        ("missing", "", ""),
        ("below a missing folder", "TMPDIR=$TMPDIR/a/b", ""),
        ("a file", "echo x > $TMPDIR", ""),
        ("below a file", "echo x > $TMPDIR; TMPDIR=$TMPDIR/a", ""),
        ("a link that leads nowhere", "ln -s nowhere $TMPDIR", ""),
        ("a link to itself", "ln -s t $TMPDIR", ""),
        (
            "read-only",
            "mkdir $TMPDIR",
            "mount -t tmpfs -o ro tmpfs $TMPDIR",
        ),
        (
            "noexec",
            "mkdir $TMPDIR",
            "mount -t tmpfs -o noexec tmpfs $TMPDIR",
        ),
        (
            "another file system",
            "mkdir $TMPDIR",
            "mount -t tmpfs tmpfs $TMPDIR",
        ),
        (
            "full",
            "mkdir $TMPDIR",
            "mount -t tmpfs -o size=4k,nr_inodes=1 tmpfs $TMPDIR",
        ),
    ] {
        let mut env = TestEnv::new();
        project(&env);
        let temp = env.base().join("t");
        env.set("TMPDIR", temp.as_str());
        let (setup, _) = make.split_once("TMPDIR=").unwrap_or((make, ""));
        env.sh(if setup.is_empty() { ":" } else { setup });
        let temp = match make.split_once("TMPDIR=") {
            Some((_, path)) => path.replace("$TMPDIR", temp.as_str()),
            None => temp.to_string(),
        };
        env.set("TMPDIR", &temp);
        let usable = case == "noexec" || case == "another file system";
        let mount = if mount.is_empty() { ":" } else { mount };
        let run = |args: &[&str]| with_mounts(&env, mount, args);
        // A build has its own folder for temporary files, in the project.
        for line in [
            "ensure all",
            "verify",
            "package all",
            "release all",
            "ensure all --reinstall",
        ] {
            let args: Vec<&str> = line.split(' ').collect();
            let Some(out) = run(&args) else { return };
            assert_eq!(out.code, Some(0), "{case}: {line}\n{}", out.stderr);
        }
        // These commands need it.
        for line in ["install tool --to o", "release all --from .dist"] {
            let args: Vec<&str> = line.split(' ').collect();
            let Some(out) = run(&args) else { return };
            if usable {
                out.success();
                continue;
            }
            let said = out.exits(1).stderr;
            assert!(
                said.contains(&*temp) && said.contains("TMPDIR"),
                "{case}: {line}\n{said}"
            );
        }
    }
}

#[test]
fn folders_may_be_on_several_file_systems() {
    // What is on another file system than the project: a rename or hard link there is refused.
    for elsewhere in ["cache", "hub", "tmp", "out", "project", "home"] {
        let mut env = TestEnv::new();
        project(&env);
        for dir in ["hub", "out"] {
            std::fs::create_dir_all(env.base().join(dir)).unwrap();
        }
        let place = env.base().join(elsewhere);
        env.set("HUB", env.base().join("hub").as_str());
        env.versions(
            &[("tool", "v1.0.0"), ("user", "v1.0.0")],
            &format!("hub: {{dir: {}}}\n", env.base().join("hub")),
        );
        let line = format!(
            "cp -a {place} {place}.saved; mount -t tmpfs -o mode=0755 tmpfs {place}; cp -a {place}.saved/. {place}; \
             cd {}; run() {{ {LARDER} \"$@\" || {{ echo failed: \"$@\" >&2; exit 1; }}; }}; \
             run ensure all; run verify; run package all; run release all; run ensure all --reinstall --source managed; \
             run install tool --to {out}; run install tool --to {out}; run bundle; run release all --from .dist; \
             run bump tool v1.1.0; run ensure all; run rollback tool; run cache verify; run lock",
            env.project(),
            out = env.base().join("out"),
        );
        let mut command = env.program("unshare");
        command.args(["-m", "sh", "-ec", &line]);
        let out = env.output(command);
        if out.stderr.contains("unshare:") || out.stderr.contains("mount:") {
            eprintln!("skipped: no mounts here: {}", out.stderr);
            return;
        }
        assert_eq!(out.code, Some(0), "{elsewhere}: {}", out.stderr);
    }
}

/// Runs larder in the project, which is on a file system mounted with `noexec`.
fn in_noexec(env: &TestEnv, args: &[&str]) -> Option<Output> {
    let project: &Utf8Path = env.project();
    let mounts = format!(
        "mount --bind {project} {project} && mount -o remount,bind,noexec {project} && cd {project}"
    );
    with_mounts(env, &mounts, args)
}

#[test]
fn a_project_where_no_program_can_be_run_says_so() {
    let env = TestEnv::new();
    project(&env);
    env.write(
        "versions.yml",
        env.read("versions.yml") + "tasks: {t: {commands: [tool]}}\n",
    );
    env.larder(["ensure", "tool"]).success();
    for (line, code) in [
        ("ensure user", 1),
        ("verify tool", 1),
        ("ensure tool --rebuild", 1),
        ("exec -- tool", 126),
        ("run t", 1),
        ("doctor", 0),
    ] {
        let args: Vec<&str> = line.split(' ').collect();
        let Some(out) = in_noexec(&env, &args) else {
            return;
        };
        let out = out.exits(code);
        let said = out.stdout + &out.stderr;
        assert!(said.contains("noexec"), "{line}: {said}");
        assert!(said.contains(env.project().as_str()), "{line}: {said}");
    }
    // What runs nothing works.
    for line in [
        "ensure tool",
        "package tool",
        "release tool",
        "status",
        "ensure tool --reinstall",
    ] {
        let args: Vec<&str> = line.split(' ').collect();
        let out = in_noexec(&env, &args).unwrap();
        assert_eq!(out.code, Some(0), "{line}: {}", out.stderr);
        assert!(!out.stderr.contains("noexec"), "{line}: {}", out.stderr);
    }
}
