//! A flipped bit anywhere, what the future wrote, a full disk, a dying one: found, said, and repaired or refused.

use std::os::unix::fs::PermissionsExt;

use camino::Utf8PathBuf;

use crate::env::{LARDER, Output, TestEnv, host};

/// A released, installed, cached subsystem; `sources` is the order of the search.
fn released(sources: &str) -> TestEnv {
    let env = TestEnv::new();
    env.script_subsystem("tool", "v1.0.0");
    env.write(
        "versions.yml",
        env.read("versions.yml") + "sources: [build]\n",
    );
    env.larder(["ensure", "all"]).success();
    env.larder(["release", "all"]).success();
    env.edit("versions.yml", "[build]", sources);
    env.remove("versions.lock");
    env
}

fn files(env: &TestEnv, under: &str) -> Vec<Utf8PathBuf> {
    let list = env.sh(&format!("find {}/v1/{under} -type f | sort", env.cache()));
    list.lines().map(Utf8PathBuf::from).collect()
}

#[track_caller]
fn repaired(env: &TestEnv, outcome: &str) -> Output {
    let output = env.larder_json(["ensure", "tool"]).success();
    assert_eq!(
        output.outcome("tool"),
        outcome,
        "{}{}",
        output.stdout,
        output.stderr
    );
    crate::slow::kill::whole(env, "tool");
    assert_eq!(env.sh("subsystems/tool/.bin/tool"), "tool v1.0.0\n");
    let again = env.larder_json(["ensure", "tool"]).success();
    assert_eq!(again.outcome("tool"), "up-to-date");
    output
}

#[test]
fn an_installed_binary_is_repaired_and_that_is_said() {
    let env = released("[build]");
    env.flip_bit("subsystems/tool/.bin/tool");
    let output = repaired(&env, "restored");
    let said = output.stdout + &output.stderr;
    assert!(
        said.contains("sha256 differs") && said.contains("repairing"),
        "{said}"
    );
    // Mode, size, presence, kind.
    for damage in [
        "chmod 0644 F",
        "echo >> F",
        "rm F",
        "rm F && mkdir F",
        ": > F",
    ] {
        env.sh(&damage.replace('F', "$(readlink -f subsystems/tool/.bin/tool)"));
        repaired(&env, "restored");
    }
    // The links themselves.
    for damage in [
        "rm B/tool",
        "rm B/.version",
        "rm B/.v/current",
        "ln -sfn nowhere B/.v/current",
        "rm -r B/.v",
        "rm B/tool && echo x > B/tool",
    ] {
        env.sh(&damage.replace('B', "subsystems/tool/.bin"));
        let output = env.larder_json(["ensure", "tool"]).success();
        assert!(["restored", "up-to-date"].contains(&output.outcome("tool").as_str()));
        crate::slow::kill::whole(&env, "tool");
        assert_eq!(
            env.sh("subsystems/tool/.bin/tool"),
            "tool v1.0.0\n",
            "{damage}"
        );
    }
}

#[test]
fn any_bit_of_a_stamp() {
    let env = released("[build]");
    let stamp = env
        .path("subsystems/tool/.bin/.version")
        .canonicalize_utf8()
        .unwrap();
    let bytes = std::fs::read(&stamp).unwrap();
    // Every byte of the head (version, checksum, platform, origin, inputs, artifact), then in strides.
    let head = bytes.len().min(30);
    for at in (0..head).step_by(3).chain((head..bytes.len()).step_by(37)) {
        let path = env
            .path("subsystems/tool/.bin/.version")
            .canonicalize_utf8()
            .unwrap();
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        std::fs::write(&path, &damaged).unwrap();
        env.larder(["ensure", "tool"]).success();
        let now = std::fs::read(env.path("subsystems/tool/.bin/.version")).unwrap();
        assert_eq!(
            now,
            bytes,
            "byte {at}: {}",
            String::from_utf8_lossy(&damaged)
        );
        crate::slow::kill::whole(&env, "tool");
    }
    let text = String::from_utf8(bytes).unwrap();
    for odd in [
        String::new(),
        format!("schema: 2\n{text}"),
        text.replace("files:", "files_v2:"),
        text.replace('\n', "\r\n"),
        text.repeat(2),
    ] {
        let path = env
            .path("subsystems/tool/.bin/.version")
            .canonicalize_utf8()
            .unwrap();
        std::fs::write(&path, &odd).unwrap();
        repaired(&env, "restored");
    }
}

#[test]
fn a_cached_file_is_set_aside_and_made_again() {
    let env = released("[build]");
    for file in files(&env, "files") {
        crate::env::flip_bit(&file);
    }
    env.remove("subsystems/tool/.bin");
    let output = repaired(&env, "built");
    let said = output.stdout + &output.stderr;
    assert!(
        said.contains("warning: tool: the cached copy is incomplete or damaged; it was set aside"),
        "{said}"
    );
    assert_eq!(files(&env, "quarantine").len(), 1);
    // What took its place is right.
    env.remove("subsystems/tool/.bin");
    repaired(&env, "restored");
    // From the hub likewise.
    let env = released("[managed]");
    for file in files(&env, "files") {
        crate::env::flip_bit(&file);
    }
    env.remove("subsystems/tool/.bin");
    repaired(&env, "downloaded");
}

#[test]
fn a_check_of_the_cache_names_what_it_set_aside() {
    let env = released("[build]");
    for file in files(&env, "files") {
        crate::env::flip_bit(&file);
    }
    let out = env.larder(["cache", "verify"]).exits(4);
    assert!(
        out.stderr
            .contains("error: 1 file of the cache was damaged and set aside"),
        "{}",
        out.stderr
    );
    env.larder(["cache", "verify"]).success();
}

#[test]
fn an_entry_of_the_cache_that_is_damaged_or_of_the_future_counts_as_absent() {
    let env = released("[build]");
    let entry = files(&env, "index").remove(0);
    let text = std::fs::read_to_string(&entry).unwrap();
    let renamed = text.replace("\"tool\"", "\"tonl\"");
    let mode = text.replace("0755", "0644");
    let future = text.replace("larder-entry-1", "larder-entry-2");
    for odd in [
        String::new(),
        "{".into(),
        renamed,
        mode,
        future,
        text[..text.len() / 2].into(),
    ] {
        assert_ne!(odd, text);
        std::fs::write(&entry, odd).unwrap();
        env.remove("subsystems/tool/.bin");
        repaired(&env, "built");
        assert_eq!(
            std::fs::read_to_string(&entry)
                .unwrap()
                .lines()
                .next()
                .unwrap()
                .split(' ')
                .next(),
            Some("larder-entry-1")
        );
    }
}

#[test]
fn an_asset_of_the_hub_is_refused_and_no_weaker_source_is_tried() {
    let env = released("[managed, build]");
    let asset = format!(".larder-hub/tool-v1.0.0/tool-{}.tar.gz", host());
    let whole = std::fs::read(env.path(&asset)).unwrap();
    for damage in ["flip", "cut", "grow", "empty"] {
        let mut bytes = whole.clone();
        match damage {
            "flip" => bytes[whole.len() / 2] ^= 1,
            "cut" => bytes.truncate(whole.len() / 2),
            "grow" => bytes.extend(b"more"),
            _ => bytes.clear(),
        }
        std::fs::write(env.path(&asset), bytes).unwrap();
        env.drop_cache();
        env.remove("subsystems/tool/.bin");
        let output = env.larder_json(["ensure", "tool"]).exits(4);
        assert_eq!(output.outcome("tool"), "failed", "{damage}");
        let said = output.stdout + &output.stderr;
        assert!(said.contains(&asset), "{damage}: {said}");
        assert!(
            !env.exists("subsystems/tool/.bin/tool"),
            "{damage}: something was installed"
        );
        let left = crate::slow::kill::list(&env.path("subsystems/tool/.bin/.v"));
        assert!(left.is_empty(), "{damage}: staging is left: {left:?}");
        assert!(
            files(&env, "files 2>/dev/null || true; find . -name none").is_empty(),
            "{damage}: something was cached"
        );
    }
    std::fs::write(env.path(&asset), whole).unwrap();
    repaired(&env, "downloaded");
}

#[test]
fn a_sidecar_that_is_damaged_or_of_the_future_stops() {
    let env = released("[managed, build]");
    let sidecar = format!(".larder-hub/tool-v1.0.0/tool-{}.tar.gz.json", host());
    let whole = env.read(&sidecar);
    let swapped = whole.replacen("\"size\": ", "\"size\": 1", 1);
    for (odd, code) in [
        (String::new(), 4),
        (whole.replace("0755", "0644"), 4),
        (whole[..60].to_owned(), 4),
        (swapped, 4),
        (whole.replace("\"schema\": 1", "\"schema\": 9"), 1),
    ] {
        assert_ne!(odd, whole);
        env.write(&sidecar, &odd);
        env.drop_cache();
        env.remove("subsystems/tool/.bin");
        let output = env.larder(["ensure", "tool"]).exits(code);
        assert!(
            !env.exists("subsystems/tool/.bin/tool"),
            "{}",
            output.stderr
        );
    }
    env.write(&sidecar, whole);
    repaired(&env, "downloaded");
}

#[test]
fn the_state_snapshot_is_only_a_memory() {
    let env = released("[build]");
    let state = std::fs::read(env.path(".larder/state")).unwrap();
    for at in (0..state.len()).step_by(53) {
        let mut bytes = state.clone();
        bytes[at] ^= 1 << (at % 8);
        env.write(".larder/state", bytes);
        let output = env.larder_json(["ensure", "all"]).success();
        assert_eq!(output.outcomes(), ["tool=up-to-date"], "byte {at}");
    }
    for odd in [
        Vec::new(),
        b"larder\x009 from the future".to_vec(),
        state[..state.len() / 2].to_vec(),
    ] {
        env.write(".larder/state", odd);
        assert_eq!(
            env.larder_json(["ensure", "all"]).success().outcomes(),
            ["tool=up-to-date"]
        );
    }
}

/// Runs larder with every n-th call of a kind failing.
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
        ("mkdir", "ENOSPC"),
        ("symlink", "ENOSPC"),
        ("fsync", "EIO"),
        ("rename", "EIO"),
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
            crate::slow::kill::whole(&env, "tool");
            // Staging is gone, though nothing could be said to be well.
            let left = crate::slow::kill::list(&env.path("subsystems/tool/.bin/.v"));
            assert!(
                !left
                    .iter()
                    .any(|name| name.len() == 10 && name.starts_with("tmp-")),
                "{context}: {left:?}"
            );
            // The next run heals, towards either version.
            want(if n % 2 == 0 { "v1.0.0" } else { "v2.0.0" });
            env.larder(["ensure", "all"]).success();
            assert_eq!(
                crate::slow::kill::list(&env.path("subsystems/tool/.bin/.v")).len(),
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
fn a_disk_that_fills_while_files_are_written() {
    let env = TestEnv::new();
    env.script_subsystem("tool", "v1.0.0");
    env.write(
        "versions.yml",
        env.read("versions.yml") + "sources: [build]\n",
    );
    // A disk of a megabyte, and a binary of two.
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
fn a_read_only_project_is_still_read() {
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
    // Up to date by the snapshot, and by reading.
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
fn a_cache_that_can_not_be_written_costs_no_run() {
    let env = released("[build]");
    let cache = env.cache();
    let mounted = env
        .program("unshare")
        .args(["-m", "true"])
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        eprintln!("skipped: no mounts here");
        return;
    }
    let run = |args: &str| {
        let mut command = env.program("unshare");
        command.args([
            "-m",
            "sh",
            "-ec",
            &format!("mount --bind {cache} {cache} && mount -o remount,bind,ro {cache} && {LARDER} {args}"),
        ]);
        env.output(command)
    };
    env.remove("subsystems/tool/.bin");
    assert!(run("ensure all").success().stderr.contains("restored"));
    env.edit("versions.yml", "v1.0.0", "v2.0.0");
    let said = run("ensure all").success().stderr;
    assert!(
        said.contains("not kept in the cache") && said.contains("Read-only"),
        "{said}"
    );
    // Damaged and read-only: refused each time, built instead.
    env.edit("versions.yml", "v2.0.0", "v1.0.0");
    for file in files(&env, "files") {
        crate::env::flip_bit(&file);
    }
    assert!(
        run("ensure all --reinstall")
            .success()
            .stderr
            .contains("built")
    );
    crate::slow::kill::whole(&env, "tool");
}

#[test]
fn a_project_of_someone_else_says_whose_mode_is_in_the_way() {
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
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).unwrap();
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
