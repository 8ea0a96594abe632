//! Crowds: several larders at once, a lock holder that hangs, and runs that were interrupted.

use std::fs::File;
use std::process::Child;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;

use crate::ensure::parallel::{signal, start, wait_for_success, wait_until};
use crate::env::{Output, TestEnv, host, list};
use crate::servers::files::FileServer;

/// How many larders run at once.
const CROWD: usize = 8;

/// A machine with a subsystem whose original a publisher serves.
fn published(names: &[&str]) -> (TestEnv, FileServer) {
    let env = TestEnv::new();
    let host = host();
    for name in names {
        env.sh(&format!(
            "d=$PWD/../files; mkdir -p $d; t=$(mktemp -d); cd $t; printf '#!/bin/sh\\necho {name}\\n' > {name}; \
             head -c 3000000 /dev/urandom >> {name}; chmod +x {name}; \
             for p in {host} darwin-arm64 windows-amd64; do case $p in windows*) cp {name} {name}.exe; \
             tar czf $d/{name}-$p.tar.gz {name}.exe;; *) tar czf $d/{name}-$p.tar.gz {name};; esac; done; rm -r $t"
        ));
    }
    let server = FileServer::start(&env.base().join("files"));
    let versions: Vec<(&str, &str)> = names.iter().map(|name| (*name, "v1.0.0")).collect();
    env.versions(
        &versions,
        &format!("platforms: [{host}, darwin-arm64, windows-amd64]\n"),
    );
    for name in names {
        let url = format!("{}/{name}-{{{{ platform }}}}.tar.gz", server.url());
        env.recipe(
            name,
            &format!("binaries: [{name}]\nupstream: {{url: \"{url}\"}}\n"),
        );
    }
    (env, server)
}

#[test]
fn eight_bumps_at_once_lose_no_change() {
    let env = TestEnv::new();
    let names: Vec<String> = (0..CROWD).map(|i| format!("tool{i}")).collect();
    for name in &names {
        env.script_subsystem(name, "v0");
    }
    for round in 1..=4 {
        let version = format!("v{round}");
        let bump = |name: &String| start(&env, &["bump", name, &version, "--no-lock"]);
        wait_for_success(names.iter().map(bump).collect());
        let text = env.read("versions.yml");
        for name in &names {
            let wanted = format!("  {name}: {version}\n");
            assert!(text.contains(&wanted), "{name} {version} is lost:\n{text}");
        }
    }
    assert_eq!(staged(&env, ""), Vec::<String>::new());
}

/// Names in a folder of the project that belong to nobody's finished work.
fn staged(env: &TestEnv, folder: &str) -> Vec<String> {
    list(&env.path(folder))
        .into_iter()
        .filter(|name| name.starts_with(".tmp-"))
        .collect()
}

#[test]
fn eight_collects_at_once_all_succeed() {
    let (env, _server) = published(&["one", "two", "three"]);
    for round in 0..6 {
        env.remove(".collection");
        if round % 2 == 0 {
            env.drop_cache();
        }
        let collect = |_| start(&env, &["collect", "all"]);
        wait_for_success((0..CROWD).map(collect).collect());
        for name in ["one", "two", "three"] {
            let folder = format!(".collection/binaries/{name}/v1.0.0");
            assert!(env.exists(&format!("{folder}/{}/{name}", host())));
            assert!(env.exists(&format!("{folder}/manifest.json")));
            assert_eq!(staged(&env, &folder), Vec::<String>::new());
        }
    }
}

/// Ends the loop of a shell that waits for this file.
struct Stop(Utf8PathBuf);

impl Drop for Stop {
    fn drop(&mut self) {
        std::fs::write(&self.0, "").expect("the loop ends");
    }
}

#[test]
fn collects_beside_a_looping_prune_all_succeed() {
    let (env, _server) = published(&["one", "two", "three"]);
    let stop = Stop(env.base().join("stop"));
    let looping = env
        .program("sh")
        .args([
            "-c",
            "while [ ! -e ../stop ]; do \"$0\" cache prune --older-than 0s >/dev/null || exit 1; done",
        ])
        .arg(crate::env::LARDER)
        .spawn()
        .expect("the loop starts");
    for _ in 0..5 {
        env.remove(".collection");
        wait_for_success((0..4).map(|_| start(&env, &["collect", "all"])).collect());
        wait_for_success(vec![start(&env, &["ensure", "all", "--reinstall"])]);
    }
    drop(stop);
    assert!(looping.wait_with_output().expect("ended").status.success());
}

/// A file lock that somebody else holds and does not release.
struct Hung {
    file: File,
    path: Utf8PathBuf,
}

fn hang(env: &TestEnv, path: &str) -> Hung {
    let path = env.path(path);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("create folder");
    let file = File::create(&path).expect("a lock file");
    file.lock().expect("locked");
    std::fs::write(&path, "pid: 4242\ncommand: larder release\nsince: 1000\n").expect("its text");
    Hung { file, path }
}

/// Every file lock that another larder can hold for a long time, and a command that needs it.
fn locks(env: &TestEnv) -> Vec<(String, Vec<&'static str>)> {
    let host = host();
    let asset = format!("tool-{host}.tar.gz");
    env.script_subsystem("tool", "v1.0.0");
    env.edit("versions.yml", "versions:", "sources: [build]\nversions:");
    env.larder(["ensure", "all"]).success();
    vec![
        (
            format!(".larder/locks/tool-{host}"),
            vec!["rollback", "tool"],
        ),
        (
            format!(".larder/locks/package-{asset}"),
            vec!["package", "all"],
        ),
        (
            ".larder-hub/tool-v1.0.0/.lock".into(),
            vec!["release", "all"],
        ),
        (".larder/locks/lock".into(), vec!["release", "all"]),
        (
            ".larder/locks/versions".into(),
            vec!["bump", "tool", "v9", "--no-lock"],
        ),
        (".larder-hub/.lock".into(), vec!["release", "project", "v7"]),
    ]
}

#[test]
fn a_hung_lock_holder_is_named_and_waited_for_only_so_long() {
    let mut env = TestEnv::new();
    for (lock, args) in locks(&env) {
        // What was released is pinned anew, which needs the lock of `versions.lock`.
        env.remove("versions.lock");
        let hung = hang(&env, &lock);
        env.set("LARDER_LOCK_TIMEOUT", "300ms");
        let start = Instant::now();
        let output: Output = env.larder(&args);
        assert!(start.elapsed() < Duration::from_secs(20), "{lock}");
        let output = output.exits(5);
        for word in [
            hung.path.as_str(),
            "pid 4242",
            "`larder release`",
            "LARDER_LOCK_TIMEOUT",
        ] {
            assert!(
                output.stderr.contains(word),
                "{lock}: {word}:\n{}",
                output.stderr
            );
        }
        hung.file.unlock().expect("unlocked");
        env.larder(&args);
        env.unset("LARDER_LOCK_TIMEOUT");
    }
}

#[test]
fn waiting_for_a_lock_ends_at_once_on_ctrl_c() {
    let env = TestEnv::new();
    for (lock, args) in locks(&env) {
        let _hung = hang(&env, &lock);
        let mut child: Child = start(&env, &args);
        // The process has opened the lock's file when it waits for it.
        let fds = format!("/proc/{}/fd", child.id());
        let waits = || {
            let open = std::fs::read_dir(&fds).into_iter().flatten().flatten();
            open.filter_map(|fd| std::fs::read_link(fd.path()).ok())
                .any(|path| path == env.path(&lock).as_std_path())
        };
        wait_until(&format!("{lock}: it waits"), waits);
        std::thread::sleep(Duration::from_millis(200));
        let start = Instant::now();
        signal(&child, "INT");
        while start.elapsed() < Duration::from_secs(20) && child.try_wait().expect("wait").is_none()
        {
            std::thread::sleep(Duration::from_millis(5));
        }
        let took = start.elapsed();
        let _ = child.kill();
        let output = child.wait_with_output().expect("ended");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(130), "{lock}: {said}");
        assert!(took < Duration::from_secs(10), "{lock}: {took:?}");
    }
}
