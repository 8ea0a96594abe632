//! Signals that are ignored from the start, and a first process that reaps nothing.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::env::{LARDER, TestEnv};

/// A project whose build writes which signals it ignores, and waits for a file.
fn waiting_build(env: &TestEnv) {
    env.versions(&[("tool", "v1.0.0")], "sources: [build]\n");
    let base = env.base();
    env.recipe(
        "tool",
        &format!(
            "any: true\nbinaries: [tool]\nbuild:\n  source: {{dir: src}}\n  commands:\n    \
             - \"grep SigIgn /proc/self/status > {base}/started; \
             while ! test -e {base}/go; do sleep 0.02; done; echo x > {{{{ out }}}}/tool\"\n"
        ),
    );
    env.write("subsystems/tool/src/x", "");
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Starts a line of shell, which becomes larder, and waits until its build runs.
fn started(env: &TestEnv, line: &str) -> Child {
    let mut command = env.program("sh");
    command.args(["-c", line]);
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .stdin(Stdio::null());
    let child = command.spawn().unwrap();
    let mark = env.base().join("started");
    wait_for("the build never started", || {
        std::fs::read_to_string(&mark).is_ok_and(|text| text.ends_with('\n'))
    });
    child
}

fn send(child: &Child, signal: &str) {
    let status = Command::new("kill")
        .args([format!("-{signal}"), child.id().to_string()])
        .status();
    assert!(status.unwrap().success());
}

fn mask_has(env: &TestEnv, signal: u32) -> bool {
    let text = std::fs::read_to_string(env.base().join("started")).unwrap();
    let mask = u64::from_str_radix(text.trim().trim_start_matches("SigIgn:\t"), 16).unwrap();
    mask & (1 << (signal - 1)) != 0
}

#[test]
fn signals_that_are_ignored_from_the_start_stay_ignored() {
    for (line, signal, number) in [
        ("exec nohup LARDER ensure all", "HUP", 1),
        ("trap '' HUP; exec LARDER ensure all", "HUP", 1),
        ("trap '' HUP; exec LARDER ensure all --json", "HUP", 1),
        ("trap '' HUP QUIT; exec LARDER ensure all -q", "HUP", 1),
        ("trap '' HUP QUIT; exec LARDER ensure all", "QUIT", 3),
        ("trap '' QUIT; exec LARDER ensure tool", "QUIT", 3),
        ("exec nohup LARDER install tool --to out", "HUP", 1),
    ] {
        let env = TestEnv::new();
        waiting_build(&env);
        let child = started(&env, &line.replace("LARDER", LARDER));
        assert!(mask_has(&env, number), "{line}: not ignored by the build");
        send(&child, signal);
        // A run that obeyed would end the build in this time.
        std::thread::sleep(Duration::from_millis(200));
        std::fs::write(env.base().join("go"), "").unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{line}: {said}");
    }
}

#[test]
fn signals_that_are_not_ignored_end_the_build_and_are_the_exit_code() {
    for (line, signal, code) in [
        ("exec LARDER ensure all", "HUP", 129),
        ("trap '' QUIT; exec LARDER ensure all", "HUP", 129),
        ("exec LARDER ensure all", "INT", 130),
        ("exec LARDER ensure all", "QUIT", 131),
        (
            "ulimit -c unlimited; exec LARDER ensure all --json",
            "QUIT",
            131,
        ),
        ("trap '' HUP; exec LARDER ensure all", "QUIT", 131),
        ("trap '' HUP QUIT; exec LARDER ensure all", "TERM", 143),
        ("exec nohup LARDER ensure all", "TERM", 143),
    ] {
        let env = TestEnv::new();
        waiting_build(&env);
        let child = started(&env, &line.replace("LARDER", LARDER));
        send(&child, signal);
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{line} {signal}: {said}");
        assert!(said.contains("interrupted"), "{line} {signal}: {said}");
        // The build is gone: nothing waits for the file any more.
        std::fs::write(env.base().join("go"), "").unwrap();
        std::thread::sleep(Duration::from_millis(100));
        assert!(!env.exists("subsystems/tool/.bin/tool"), "{line} {signal}");
        assert!(
            crate::env::list(&env.path(".larder/work")).is_empty(),
            "{line} {signal}"
        );
        let core = crate::env::list(env.project());
        assert!(
            !core.iter().any(|name| name.starts_with("core")),
            "{core:?}"
        );
    }
}

/// Runs larder below a first process of its own, which reaps nothing but larder; `None` where that
/// is impossible.
fn below_a_careless_init(env: &TestEnv, args: &[&str]) -> Option<(Duration, String)> {
    let script = "import subprocess, sys, time\nt = time.time()\ncode = subprocess.call(sys.argv[1:])\n\
                  print(int((time.time() - t) * 1000))\nsys.exit(code)\n";
    let mut command = env.program("unshare");
    command.args(["-pf", "--mount-proc", "python3", "-c", script, LARDER]);
    command.args(args);
    let out = env.output(command);
    if out.code != Some(0) && out.stderr.contains("unshare") {
        eprintln!("skipped: no new processes here: {}", out.stderr);
        return None;
    }
    let out = out.success();
    let ms = out.stdout.trim().lines().last().unwrap().parse().unwrap();
    Some((Duration::from_millis(ms), out.stderr))
}

#[test]
fn orphans_that_nobody_reaps_are_not_waited_for() {
    // Each command costs two seconds where its orphans are waited for.
    for orphan in [
        "(sleep 0.03 &)",
        "(true &)",
        "sh -c 'sleep 0.03 & exit 0'",
        "sh -c 'sh -c \\\"sleep 0.03 & exit 0\\\" &'",
        "(sleep 0.03 & sleep 0.03 &)",
        "(sleep 60 &)",
    ] {
        let env = TestEnv::new();
        env.versions(&[("tool", "v1.0.0")], "sources: [build]\n");
        let lines = format!("    - \"{orphan}\"\n").repeat(8);
        env.recipe(
            "tool",
            &format!(
                "any: true\nbinaries: [tool]\nbuild:\n  source: {{dir: src}}\n  commands:\n{lines}    \
                 - \"echo x > {{{{ out }}}}/tool\"\n"
            ),
        );
        env.write("subsystems/tool/src/x", "");
        let Some((took, said)) = below_a_careless_init(&env, &["ensure", "all"]) else {
            return;
        };
        assert!(took < Duration::from_secs(8), "{orphan}: {took:?}\n{said}");
        assert!(env.exists("subsystems/tool/.bin/tool"));
    }
}

#[test]
fn larder_itself_may_be_the_first_process() {
    let env = TestEnv::new();
    env.versions(&[("tool", "v1.0.0")], "sources: [build]\n");
    let lines = "    - \"(sleep 0.03 &)\"\n".repeat(8);
    env.recipe(
        "tool",
        &format!(
            "any: true\nbinaries: [tool]\nbuild:\n  source: {{dir: src}}\n  commands:\n{lines}    \
             - \"grep -l '^State:.Z' /proc/[0-9]*/status | wc -l > {{{{ out }}}}/tool\"\n"
        ),
    );
    env.write("subsystems/tool/src/x", "");
    let mut command = env.program("unshare");
    command.args(["-pf", "--mount-proc", LARDER, "ensure", "all"]);
    let start = Instant::now();
    let out = env.output(command);
    if out.code != Some(0) && out.stderr.contains("unshare") {
        eprintln!("skipped: no new processes here: {}", out.stderr);
        return;
    }
    out.success();
    assert!(
        start.elapsed() < Duration::from_secs(8),
        "{:?}",
        start.elapsed()
    );
    // It reaps what its builds leave behind.
    assert_eq!(env.read("subsystems/tool/.bin/tool").trim(), "0");
}
