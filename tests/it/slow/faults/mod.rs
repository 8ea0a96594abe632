//! Every command that writes, with a fault at every call that changes the disk: larder is killed,
//! the disk is full, or writing, flushing, renaming or closing fails.
//!
//! [`scenarios`] is the one table of commands: how to prepare the machine, what to run, and what the
//! next run is. A run without faults, traced, gives the state before and after it and the calls that
//! can be hit. Then, for each fault and call: prepare, run with the fault, check, run again, check.
//! The checks are the same for all ([`state`]): every visible file is what it was or what it
//! becomes, a set has its own stamp, no line of the lock is lost, a sidecar tells the truth, the
//! cache verifies; and after the next run everything is as without the fault, without leftovers.
//!
//! An ordinary test run takes some calls of each command; `bash tests/faults.sh` takes all of them
//! and prints the table. A new command that writes is one entry of the table.

mod scenario;
mod scenarios;
mod serving;
mod state;
mod trace;

use std::collections::BTreeSet;
use std::process::Command;

use camino::Utf8Path;

use crate::env::{LARDER, Syscall, list, remove};
use scenario::{Ended, Scenario};
use state::{Expected, litter, visible};
use trace::{Call, Point, Points, WRITING, joined, points, unflushed};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Killed,
    Full,
    Writing,
    Flushing,
    Renaming,
    Closing,
}

impl Fault {
    const ALL: [Self; 6] = [
        Self::Killed,
        Self::Full,
        Self::Writing,
        Self::Flushing,
        Self::Renaming,
        Self::Closing,
    ];

    fn title(self) -> &'static str {
        match self {
            Self::Killed => "SIGKILL",
            Self::Full => "ENOSPC",
            Self::Writing => "EIO on write",
            Self::Flushing => "EIO on fsync",
            Self::Renaming => "EIO on rename",
            Self::Closing => "EIO on close",
        }
    }

    /// The calls that it hits.
    fn hits(self, call: &str) -> bool {
        let write = [
            "write",
            "pwrite64",
            "copy_file_range",
            "sendfile",
            "ftruncate",
        ];
        let make = [
            "mkdir",
            "mkdirat",
            "symlink",
            "symlinkat",
            "link",
            "linkat",
            "openat",
        ];
        let rename = ["rename", "renameat", "renameat2"];
        let flush = ["fsync", "fdatasync", "syncfs"];
        match self {
            Self::Killed => WRITING.contains(&call),
            Self::Full => [&write[..], &make, &rename, &flush]
                .iter()
                .any(|calls| calls.contains(&call)),
            Self::Writing => write.contains(&call),
            Self::Flushing => flush.contains(&call),
            Self::Renaming => rename.contains(&call),
            Self::Closing => call == "close",
        }
    }

    /// For strace. A disk that is full stays full, except for calls that are also used for
    /// something else than the disk.
    fn injection(self, call: &str, n: usize) -> String {
        let once = ["write", "openat"].contains(&call);
        match self {
            Self::Killed => format!("?{call}:signal=KILL:when={n}"),
            Self::Full if once => format!("?{call}:error=ENOSPC:when={n}"),
            Self::Full => format!("?{call}:error=ENOSPC:when={n}+"),
            _ => format!("?{call}:error=EIO:when={n}"),
        }
    }

    /// How many calls an ordinary test run takes.
    fn sample(self) -> usize {
        match std::env::var("LARDER_TEST_KILL").as_deref() {
            Ok("full") => usize::MAX,
            Ok(number) => number.parse().expect("`full` or a number"),
            Err(_) if self == Self::Killed => 3,
            Err(_) => 1,
        }
    }
}

/// A machine that can be put back into its state before the run.
struct Machine {
    scenario: Scenario,
    saved: tempfile::TempDir,
}

impl Machine {
    fn new(scenario: Scenario) -> Self {
        let saved = tempfile::tempdir().expect("a folder");
        copy(scenario.env.base(), saved.path().to_str().expect("UTF-8"));
        Self { scenario, saved }
    }

    fn reset(&mut self) {
        let base = self.scenario.env.base().to_owned();
        for name in list(&base) {
            remove(&base.join(name));
        }
        copy(
            Utf8Path::from_path(self.saved.path()).expect("UTF-8"),
            base.as_str(),
        );
        (self.scenario.reset)(&mut self.scenario.env);
    }

    /// Runs the command under strace, and gives what it did.
    fn run_with(&self, fault: Fault, point: &Point) -> (Ended, Vec<Call>) {
        let injection = format!("inject={}", fault.injection(&point.call, point.n));
        let mut options = vec!["-e", &injection];
        if let Some(path) = &point.path {
            options.extend(["-P", path]);
        }
        self.run(&[&point.call], &options)
    }

    fn run(&self, calls: &[&str], options: &[&str]) -> (Ended, Vec<Call>) {
        let env = &self.scenario.env;
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("strace.log");
        let mut command: Command = env.program("timeout");
        let trace: Vec<String> = calls.iter().map(|call| format!("?{call}")).collect();
        command.args(["-s", "KILL", "20", "strace", "-f", "-qq", "-y", "-s", "16"]);
        command
            .arg("-o")
            .arg(&log)
            .args(["-e", "signal=none", "-e"]);
        command.arg(format!("trace={}", trace.join(",")));
        command.args(options).arg(LARDER).args(&self.scenario.args);
        let ended = (self.scenario.run)(env, command);
        let text = std::fs::read(&log).unwrap_or_default();
        let log = Syscall::parse(&joined(&String::from_utf8_lossy(&text)));
        let calls = Call::all(&log, env.base().as_str(), env.project().as_str());
        (ended, calls)
    }

    /// The states before and after, from two runs without faults, and all calls of one.
    fn expected(&mut self) -> (Expected, Vec<Call>) {
        let everything = [WRITING, &["close"]].concat();
        let mut states = Vec::new();
        let mut calls = Vec::new();
        self.reset();
        let before = visible(&self.scenario.env);
        for _ in 0..2 {
            self.reset();
            let (ended, seen) = self.run(&everything, &[]);
            assert_eq!(ended.code, Some(0), "without a fault: {}", ended.said);
            assert_eq!(litter(&self.scenario.env), [""; 0], "without a fault");
            (self.scenario.check)(&self.scenario.env).expect("without a fault");
            states.push(visible(&self.scenario.env));
            calls = seen;
        }
        let after = states.remove(0);
        let varies = |(name, bytes): (&String, &Vec<u8>)| {
            (states[0].get(name) != Some(bytes)).then(|| name.clone())
        };
        let varies = after.iter().filter_map(varies).collect();
        let expected = Expected {
            before,
            after,
            varies,
        };
        (expected, calls)
    }

    /// What is wrong after a fault, before and after the next run. Also: whether the new state was
    /// there already.
    fn judge(&self, expected: &Expected, fault: Fault, run: &(Ended, Vec<Call>)) -> Judged {
        let env = &self.scenario.env;
        let (ended, calls) = run;
        let mut wrong = Vec::new();
        let now = visible(env);
        let done = expected.is_after(&now);
        // Another thread may have made the call with that number, for something else.
        let hit = calls.iter().filter(|call| call.injected);
        let elsewhere = hit.clone().any(|call| !call.is_point());
        // What closes a folder panics if that fails, which no system lets it.
        let elsewhere = elsewhere || ended.said.contains("closedir");
        let panicked = ended.said.contains("panicked");
        match (fault, ended.code, ended.signal) {
            (_, Some(0), _) if done || hit.clone().count() == 0 && fault != Fault::Killed => {}
            (_, Some(0), _) => wrong.push(format!(
                "exit 0, but {}",
                expected.difference(&now).unwrap_or_default()
            )),
            (Fault::Killed, Some(137), _) | (Fault::Killed, _, Some(9)) => {}
            _ if elsewhere && fault != Fault::Killed => {}
            (_, Some(1 | 5), _) if !panicked => {}
            (_, code, signal) => wrong.push(format!("exit {code:?} {signal:?}: {}", ended.said)),
        }
        wrong.extend(expected.faults(env, &now, self.scenario.links));
        wrong.extend((self.scenario.check)(env).err());
        if self.scenario.verifies {
            let verified = env.larder(["cache", "verify"]);
            if verified.code != Some(0) {
                wrong.push(format!("cache verify: {}", verified.stderr));
            }
        }
        if let Err(why) = (self.scenario.again)(env, done) {
            wrong.push(format!("the next run: {why}"));
        }
        let healed = visible(env);
        let difference = expected.difference(&healed);
        wrong.extend(difference.map(|difference| format!("after the next run {difference}")));
        wrong.extend(expected.faults(env, &healed, true));
        wrong.extend((self.scenario.check)(env).err());
        wrong.extend(
            litter(env)
                .into_iter()
                .map(|path| format!("{path} is left")),
        );
        Judged { done, wrong }
    }
}

struct Judged {
    done: bool,
    wrong: Vec<String>,
}

fn copy(from: &Utf8Path, to: &str) {
    let copied = Command::new("cp")
        .args(["-a", &format!("{from}/."), to])
        .status();
    assert!(copied.expect("cp").success());
}

/// Whether an error would also be that of something that is not a file. A kill is one either way.
fn is_shared(point: &Point, others: &BTreeSet<Point>) -> bool {
    ["write", "close"].contains(&point.call.as_str()) && others.contains(point)
}

/// Some of the points, spread evenly; which ones depends on the command.
fn sample(points: &Points, fault: Fault, title: &str) -> Vec<Point> {
    let hit: Vec<_> = points
        .disk
        .iter()
        .filter(|point| fault.hits(&point.call))
        .filter(|point| fault == Fault::Killed || !is_shared(point, &points.others))
        .cloned()
        .collect();
    let wanted = fault.sample();
    if wanted >= hit.len() {
        return hit;
    }
    let offset = title.bytes().map(usize::from).sum::<usize>() + fault.title().len();
    let index = |i: usize| (offset + i * hit.len() / wanted) % hit.len();
    (0..wanted).map(|i| hit[index(i)].clone()).collect()
}

/// Injects the faults, and prints a row for each kind.
fn inject(title: &str, scenario: Scenario) {
    let mut machine = Machine::new(scenario);
    let (expected, calls) = machine.expected();
    let mut violations = Vec::new();
    let base = machine.scenario.env.base().as_str().to_owned();
    for wrong in unflushed(&calls, &base) {
        violations.push(format!("{title}: {wrong}"));
    }
    let renames = calls
        .iter()
        .filter(|call| call.name.starts_with("rename"))
        .count();
    println!(
        "faults| {title} | order of flushes and renames | {renames} | | | {} |",
        violations.len()
    );
    let points = points(&calls);
    let Points { disk, hidden, .. } = &points;
    println!(
        "hidden| {title} | {hidden} of {} calls",
        disk.len() + hidden
    );
    for fault in Fault::ALL {
        let (mut injected, mut new, mut wrong) = (0, 0, 0);
        for point in sample(&points, fault, title) {
            machine.reset();
            let start = std::time::Instant::now();
            let run = machine.run_with(fault, &point);
            let judged = machine.judge(&expected, fault, &run);
            if start.elapsed().as_secs() > 5 {
                println!("slow: {title} {fault:?} {point}: {:?}", start.elapsed());
            }
            injected += 1;
            new += usize::from(judged.done);
            wrong += usize::from(!judged.wrong.is_empty());
            let context = format!("{title}: {} at {point}", fault.title());
            violations.extend(
                judged
                    .wrong
                    .into_iter()
                    .map(|text| format!("{context}: {text}")),
            );
        }
        let old = injected - new;
        println!(
            "faults| {title} | {} | {injected} | {old} | {new} | {wrong} |",
            fault.title()
        );
    }
    assert!(
        violations.is_empty(),
        "{} violations:\n{}",
        violations.len(),
        violations.join("\n").replace(&base, "[BASE]")
    );
}

#[test]
fn sets_that_are_built_at_once_are_flushed_together() {
    let mut machine = Machine::new(scenarios::ensure_builds_many());
    let base = machine.scenario.env.base().to_owned();
    let file_system = Command::new("stat")
        .args(["-f", "-c", "%T", base.as_str()])
        .output();
    let file_system = String::from_utf8(file_system.expect("stat").stdout).expect("UTF-8");
    // Whether several wait at once depends on how fast the disk is.
    for _ in 0..20 {
        machine.reset();
        let (ended, calls) = machine.run(WRITING, &[]);
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        assert_eq!(unflushed(&calls, base.as_str()), [""; 0]);
        let of_a_set = |call: &&Call| call.paths.iter().any(|path| path.contains("/.bin"));
        let count = |name: &str| {
            calls
                .iter()
                .filter(|c| c.name == name)
                .filter(of_a_set)
                .count()
        };
        let (whole, each) = (count("syncfs"), count("fsync"));
        if whole > 0 {
            assert!(
                whole + each < 9 * 6,
                "{whole} of the file system, and {each}"
            );
            return;
        }
        assert_eq!(each, 9 * 6);
    }
    let known = ["ext2/ext3", "xfs", "btrfs", "f2fs", "tmpfs", "overlayfs"];
    assert!(
        !known.contains(&file_system.trim()),
        "none together on {file_system}"
    );
}

macro_rules! commands {
    ($($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                inject(stringify!($name), scenarios::$name());
            }
        )*
    };
}

commands!(
    ensure_builds,
    ensure_builds_many,
    ensure_builds_and_uploads,
    ensure_restores,
    ensure_upgrades_by_a_build,
    ensure_upgrades_from_the_cache,
    ensure_upgrades_plain_files,
    ensure_downloads_from_a_hub,
    ensure_downloads_an_original,
    rollback,
    clean,
    cache_prune,
    cache_verify,
    lock,
    lock_update,
    bump,
    add,
    remove_,
    collect,
    install_to,
    package,
    bundle,
    release,
    release_attest,
    release_sign,
    yank,
    key_new,
    release_project,
    release_replace,
    release_project_replace,
    release_status,
    release_to_github,
    publish_render,
    serve_put,
    serve_delete,
    init,
);
