//! Disks that are full, fail or are read-only.

use crate::ensure::damage::released;
use crate::env::{LARDER, Output, TestEnv};

/// Runs larder while every n-th system call of one kind fails.
fn failing(env: &TestEnv, call: &str, error: &str, n: usize, args: &[&str]) -> Output {
    let mut command = env.program("strace");
    command.args([
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        &format!("trace=?{call}"),
    ]);
    command
        .args([
            "-e",
            &format!("inject=?{call}:error={error}:when={n}+"),
            LARDER,
        ])
        .args(args);
    env.output(command)
}

#[test]
fn a_full_or_dying_disk_leaves_the_old_version_running() {
    let env = TestEnv::new();
    env.script_subsystem("tool", "v1.0.0");
    let want = |version: &str| env.versions(&[("tool", version)], "sources: [build]\n");
    for version in ["v2.0.0", "v1.0.0"] {
        want(version);
        env.larder(["ensure", "all"]).success();
    }
    let cases = [
        ("mkdirat", "ENOSPC"),
        ("symlinkat", "ENOSPC"),
        ("fsync", "EIO"),
        ("renameat", "EIO"),
        ("fsync", "ENOSPC"),
        ("chmod", "EIO"),
    ];
    for (call, error) in cases {
        let mut failed = 0;
        for n in 1.. {
            want("v2.0.0");
            let output = failing(&env, call, error, n, &["ensure", "all"]);
            if output.code == Some(0) {
                want("v1.0.0");
                env.larder(["ensure", "all"]).success();
                break;
            }
            failed += 1;
            let context = format!("{call} {n} {error}: {}", output.stderr);
            assert_eq!(output.code, Some(1), "{context}");
            assert!(
                output.stderr.contains("error: ") && !output.stderr.contains("panicked"),
                "{context}"
            );
            if error == "ENOSPC" {
                assert!(output.stderr.contains("free some space"), "{context}");
            }
            let said = env.sh("subsystems/tool/.bin/tool");
            assert!(
                said == "tool v1.0.0\n" || said == "tool v2.0.0\n",
                "{context}: {said}"
            );
            crate::env::assert_intact(&env, "tool");
            // The staging folder is removed even if the run failed.
            let left = crate::env::list(&env.path("subsystems/tool/.bin/.v"));
            assert!(
                !left
                    .iter()
                    .any(|name| name.len() == 10 && name.starts_with("tmp-")),
                "{context}: {left:?}"
            );
            // The next run repairs the installation, whichever version is wanted.
            want(if n % 2 == 0 { "v1.0.0" } else { "v2.0.0" });
            env.larder(["ensure", "all"]).success();
            assert_eq!(
                crate::env::list(&env.path("subsystems/tool/.bin/.v")).len(),
                4,
                "{context}"
            );
            want("v1.0.0");
            env.larder(["ensure", "all"]).success();
        }
        assert!(failed > 0, "{call} was never reached");
    }
}

#[test]
fn a_disk_that_fills_up_during_writing_leaves_nothing_half_written() {
    let env = TestEnv::new();
    env.script_subsystem("tool", "v1.0.0");
    env.write(
        "versions.yml",
        env.read("versions.yml") + "sources: [build]\n",
    );
    // A disk of one megabyte and a binary of two megabytes.
    let mounted = env
        .program("unshare")
        .args(["-m", "true"])
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        eprintln!("skipped: no mounts here");
        return;
    }
    let bin = env.path("subsystems/tool/.bin");
    std::fs::create_dir_all(&bin).unwrap();
    let line = format!(
        "mount -t tmpfs -o size=1m none {bin} && {LARDER} ensure all && cp -r {bin}/. old/ && \
         sed -i s/v1.0.0/v2.0.0/ versions.yml && echo 'head -c 2000000 /dev/zero >> $1' > subsystems/tool/src/fill.sh && \
         sed -i 's|chmod +x|sh src/fill.sh|' subsystems/tool/recipe.yml && ! {LARDER} ensure all 2> said && \
         {bin}/tool | grep v1.0.0 && ls {bin}/.v > left"
    );
    std::fs::create_dir_all(env.path("old")).unwrap();
    let mut command = env.program("unshare");
    command.args(["-m", "sh", "-ec", &line]);
    env.output(command).success();
    let said = env.read("said");
    assert!(said.contains("free some space"), "{said}");
    assert_eq!(env.read("left").lines().count(), 2, "{}", env.read("left"));
}

#[test]
fn an_up_to_date_read_only_project_needs_no_write() {
    let env = released("[build]");
    let mounted = env
        .program("unshare")
        .args(["-m", "true"])
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        eprintln!("skipped: no mounts here");
        return;
    }
    let run = |lines: &str| {
        let mut command = env.program("unshare");
        let project = env.project();
        command.args([
            "-m",
            "sh",
            "-ec",
            &format!("mount --bind {project} {project} && mount -o remount,bind,ro {project} && cd {project} && {lines}"),
        ]);
        env.output(command)
    };
    // Up to date according to the state file, and when every file is read.
    assert!(
        run(&format!("{LARDER} ensure all"))
            .success()
            .stderr
            .contains("up to date")
    );
    env.remove(".larder/state");
    assert!(
        run(&format!("{LARDER} ensure all"))
            .success()
            .stderr
            .contains("up to date")
    );
    env.remove(".larder");
    assert!(
        run(&format!("{LARDER} ensure all"))
            .success()
            .stderr
            .contains("up to date")
    );
    env.edit("versions.yml", "v1.0.0", "v2.0.0");
    let said = run(&format!("{LARDER} ensure all")).exits(1).stderr;
    assert!(said.contains("mounted read-only"), "{said}");
    assert_eq!(env.sh("subsystems/tool/.bin/tool"), "tool v1.0.0\n");
}

#[test]
fn an_unwritable_project_of_another_user_is_reported_with_owner_and_mode() {
    let env = released("[build]");
    let as_nobody = |args: &str| {
        let mut command = env.program("setpriv");
        command.args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "sh",
            "-ec",
            &format!("umask 022; {LARDER} {args}"),
        ]);
        env.output(command)
    };
    for dir in [env.base().to_owned(), env.project().to_owned()] {
        crate::env::set_mode(&dir, 0o755);
    }
    env.sh(&format!("chmod -R a+rX {} .", env.cache()));
    let probe = as_nobody("--version");
    if probe.code != Some(0) {
        eprintln!("skipped: no other user here: {}", probe.stderr);
        return;
    }
    assert!(
        as_nobody("ensure all")
            .success()
            .stderr
            .contains("up to date")
    );
    env.edit("versions.yml", "v1.0.0", "v2.0.0");
    let said = as_nobody("ensure all").exits(1).stderr;
    assert!(said.contains("check the owner and mode"), "{said}");
    assert_eq!(env.sh("subsystems/tool/.bin/tool"), "tool v1.0.0\n");
}
