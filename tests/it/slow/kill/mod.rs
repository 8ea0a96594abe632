//! Kills larder at every system call: the old or the new set is visible and complete; the next run
//! completes the work and leaves no leftovers.
//!
//! strace kills larder (or a child of it) at the n-th call of one kind, n = 1, 2, … until a run
//! finishes. Each kill is followed by the same steps: check, run again, check. CI takes strides
//! through the frequent calls; `LARDER_TEST_KILL=full` takes every n of every call and prints the
//! table.

mod cache;
mod commands;
mod install;
mod large;
mod plain;
mod release;
mod tool;
mod tree;

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::env::{LARDER, TestEnv};

/// Calls that change the disk, for each n; the frequent calls between such changes, in strides. One
/// kind at a time: strace does not count several kinds together. A call that the platform lacks is
/// skipped (`?`).
const CALLS: &[(&str, usize)] = &[
    ("rename", 1),
    ("renameat", 1),
    ("renameat2", 1),
    ("symlink", 1),
    ("symlinkat", 1),
    ("unlink", 1),
    ("unlinkat", 1),
    ("rmdir", 1),
    ("fsync", 1),
    ("fdatasync", 1),
    ("syncfs", 1),
    ("link", 1),
    ("linkat", 1),
    ("chmod", 3),
    ("fchmod", 2),
    ("fchmodat", 2),
    ("mkdir", 3),
    ("mkdirat", 3),
    ("write", 3),
    ("pwrite64", 1),
    ("copy_file_range", 1),
    ("sendfile", 1),
    ("ftruncate", 1),
    ("flock", 1),
    ("utimensat", 1),
    ("openat", 13),
    ("close", 17),
    ("clone3", 1),
    ("vfork", 1),
    ("execve", 3),
    ("wait4", 1),
];

pub fn full() -> bool {
    std::env::var("LARDER_TEST_KILL").is_ok_and(|value| value == "full")
}

/// How a run with an injected kill ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RunEnd {
    /// larder was killed, or a child was killed and larder reported a failure.
    Killed,
    /// The run finished before the n-th call.
    Completed,
}

/// Runs larder and kills it at the n-th call of this kind in any of its threads.
pub fn run_with_kill(env: &TestEnv, call: &str, n: usize, args: &[&str]) -> RunEnd {
    let mut command = env.program("strace");
    // Without --seccomp-bpf, with which strace counts wrongly.
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
            &format!("inject=?{call}:signal=KILL:when={n}"),
            LARDER,
        ])
        .args(args);
    let output = env.output(command);
    match (output.code, output.signal) {
        (Some(0), _) => RunEnd::Completed,
        (_, Some(9)) | (Some(137 | 1), _) => RunEnd::Killed,
        other => panic!("{call} {n}: {other:?}\n{}{}", output.stdout, output.stderr),
    }
}

/// The kinds of calls in a run that nothing kills.
fn calls_of(env: &TestEnv, args: &[&str]) -> HashSet<String> {
    let counts = env.path("../calls");
    let mut command = env.program("strace");
    command.args([
        "-f",
        "-qq",
        "-c",
        "-U",
        "name",
        "-o",
        counts.as_str(),
        LARDER,
    ]);
    command.args(args);
    let output = env.output(command);
    assert_eq!(output.code, Some(0), "{}\n{}", output.stdout, output.stderr);
    let counts = std::fs::read_to_string(counts).expect("the counts");
    let made: HashSet<String> = counts.split_whitespace().map(str::to_owned).collect();
    assert!(made.contains("openat"), "{made:?}");
    made
}

/// One row of the printed table.
#[derive(Default)]
struct Counts {
    kills: usize,
    old: usize,
    new: usize,
}

/// Kills a run at every n (or in strides) of each kind of call, with `prepare` before and `check`
/// after each kill; `check` returns whether the new state was visible already.
pub fn sweep(
    title: &str,
    env: &TestEnv,
    args: &[&str],
    mut prepare: impl FnMut(usize),
    mut check: impl FnMut(usize, &str) -> bool,
) {
    let mut table = format!(
        "{title}\n{:20} {:>6} {:>6} {:>6}\n",
        "", "kills", "old", "new"
    );
    // A kind of call that larder does not make needs no run of its own. What a run begins with
    // depends on the round, in turns of two or three, so that three rounds see each of it.
    let mut round = 0;
    let mut made = HashSet::new();
    while round < 3 && !full() {
        prepare(round);
        made.extend(calls_of(env, args));
        check(round, title);
        round += 1;
    }
    let calls = CALLS
        .iter()
        .filter(|(call, _)| full() || made.contains(*call));
    for (call, stride) in calls {
        let mut counts = Counts::default();
        let stride = if full() { 1 } else { *stride };
        let mut n = 1;
        loop {
            round += 1;
            prepare(round);
            let cut = run_with_kill(env, call, n, args);
            let new = check(round, &format!("{title}: {call} {n}"));
            if cut == RunEnd::Completed {
                assert!(
                    new,
                    "{title}: {call} {n}: it got through, but the old state is there"
                );
                break;
            }
            counts.kills += 1;
            *(if new {
                &mut counts.new
            } else {
                &mut counts.old
            }) += 1;
            n += stride;
        }
        if counts.kills > 0 {
            let _ = writeln!(
                table,
                "{call:20} {:6} {:6} {:6}",
                counts.kills, counts.old, counts.new
            );
        }
    }
    println!("{table}");
}
