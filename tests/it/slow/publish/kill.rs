//! `larder publish` is killed before and after each request that it makes, and before and after
//! each program that it starts. Nothing is in a channel before the release has passed the gate; the
//! next run completes everything, and writes nothing a second time; the run after it writes nothing
//! at all.
//!
//! The whole way to every channel is driven: [`World`] has a proxy in front of every server. Requests
//! of git are among those that are counted. An ordinary test run takes some of the moments;
//! `LARDER_TEST_KILL=full` takes all of them, and a number that many of each kind.

use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use crate::publish::world::{PUBLISH, World, writes_to_a_channel};
use crate::servers::tripwire::{Passed, Side};

const SIDES: [Side; 2] = [Side::Before, Side::After];

/// How many moments of each kind and side a test run takes.
fn sample(ordinary: usize) -> usize {
    match std::env::var("LARDER_TEST_KILL").as_deref() {
        Ok("full") => usize::MAX,
        Ok(number) => number.parse().expect("`full` or a number"),
        Err(_) => ordinary,
    }
}

/// What a sweep has found.
#[derive(Default)]
struct Counts {
    kills: usize,
    /// Kills after which nothing was in any channel.
    before_the_gate: usize,
    converged: usize,
}

impl World {
    fn start(&self) -> Child {
        let mut command = self.env.command(PUBLISH);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("larder")
    }

    /// After a kill: the gate was passed before anything was in a channel, the next run completes
    /// everything, nothing is written twice, and a third run writes nothing.
    fn assert_converges(&self, context: &str) -> bool {
        self.assert_gate(context);
        let is_empty = !self.wire.log().iter().any(writes_to_a_channel);
        let again = self.publish();
        assert_eq!(
            again.code,
            Some(0),
            "{context}: {}\n{}",
            again.stdout,
            again.stderr
        );
        self.assert_gate(context);
        self.assert_complete("1.2.3", context);
        self.assert_nothing_twice(context);
        self.assert_writes_nothing(context);
        is_empty
    }
}

/// The numbers of the moments that are taken out of so many.
fn chosen(all: usize, sample: usize, side: Side) -> impl Iterator<Item = usize> {
    let stride = all.div_ceil(sample).max(1);
    // The two sides take different moments, if not all.
    let first = match side {
        Side::Before => 1,
        Side::After => 1 + stride / 2,
    };
    (first..=all).step_by(stride)
}

/// Waits until larder is at the armed request, and kills it there.
fn kill_when_struck(world: &World, mut child: Child) -> Option<ExitStatus> {
    loop {
        if world.wire.struck() {
            child.kill().expect("killed");
            child.wait().expect("its end");
            return None;
        }
        if let Some(ended) = child.try_wait().expect("its state") {
            return Some(ended);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_run_killed_at_any_request_is_completed_by_the_next() {
    let mut world = World::new();
    world.publish().success();
    world.assert_complete("1.2.3", "without a kill");
    world.assert_gate("without a kill");
    let all = world.wire.log().len();
    Counts::sweep("requests", (all, sample(3)), |side, n| {
        world.reset();
        world.kill_at_request(side, n)
    });
}

#[test]
fn a_run_killed_at_any_call_of_a_program_is_completed_by_the_next() {
    let mut world = World::new();
    world.take_calls();
    world.publish().success();
    let all = world.take_calls().len();
    Counts::sweep("calls of programs", (all, sample(3)), |side, n| {
        world.reset();
        world.kill_at(side, n)
    });
}

/// npm is slow, so that the other channels are fed before, once.
#[test]
fn a_run_killed_while_npm_is_fed_is_completed_by_the_next() {
    let mut world = World::with_npm();
    let run = ["--skip", "npm"];
    let output = world.env.larder([&PUBLISH[..], &run].concat());
    output.success();
    world.wire.clear();
    world.take_calls();
    world.publish().success();
    let (requests, calls) = (world.wire.log().len(), world.take_calls().len());
    Counts::sweep("requests, npm alone", (requests, sample(1)), |side, n| {
        world.empty_npm();
        world.kill_at_request(side, n)
    });
    Counts::sweep("calls, npm alone", (calls, sample(1)), |side, n| {
        world.empty_npm();
        world.kill_at(side, n)
    });
}

impl World {
    /// A run that is killed at a request, and what follows. Returns whether no channel had anything.
    fn kill_at_request(&self, side: Side, n: usize) -> bool {
        self.wire.arm(n, side);
        let child = self.start();
        let ended = kill_when_struck(self, child);
        assert_eq!(ended, None, "it ended before request {n}");
        self.wire.release();
        wait_for_children(self);
        let at = self.wire.log().last().map(Passed::line);
        self.wire.disarm();
        self.assert_converges(&format!("killed {side:?} request {n}, {at:?}"))
    }

    /// The same at a call of a program.
    fn kill_at(&self, side: Side, n: usize) -> bool {
        self.kill_at_call(n, side);
        let child = self.start();
        let ended = child.wait_with_output().expect("its end").status;
        let signal = std::os::unix::process::ExitStatusExt::signal(&ended);
        wait_for_children(self);
        let at = self.take_calls().last().cloned().unwrap_or_default();
        let context = format!("killed {side:?} call {n}, {at}");
        assert_eq!(signal, Some(9), "{context}");
        self.assert_converges(&context)
    }
}

impl Counts {
    /// Kills at the chosen moments out of so many, and prints the table. `kill` returns whether no
    /// channel had anything after the kill.
    fn sweep(what: &str, (all, sample): (usize, usize), mut kill: impl FnMut(Side, usize) -> bool) {
        let mut counts = Self::default();
        for side in SIDES {
            for n in chosen(all, sample, side) {
                counts.kills += 1;
                counts.before_the_gate += usize::from(kill(side, n));
                counts.converged += 1;
            }
        }
        let Self {
            kills,
            before_the_gate,
            converged,
        } = counts;
        println!(
            "{:20} {:>8} {:>6} {:>17} {:>10}",
            "", "moments", "kills", "nothing in places", "converged"
        );
        println!(
            "{what:20} {:8} {kills:6} {before_the_gate:17} {converged:10}",
            2 * all
        );
    }
}

/// Waits until the programs have ended that larder left behind: their connections are closed.
fn wait_for_children(world: &World) {
    let marker = format!("LARDER_CACHE_DIR={}", world.env.cache());
    let home = format!("HOME={}", world.env.home());
    let is_ours = |environment: &[u8]| {
        let mut all = environment.split(|byte| *byte == 0);
        all.any(|one| one == marker.as_bytes() || one == home.as_bytes())
    };
    for _ in 0..60_000 {
        let processes = std::fs::read_dir("/proc").expect("processes");
        let left = processes.flatten().any(|process| {
            std::fs::read(process.path().join("environ")).is_ok_and(|text| is_ours(&text))
        });
        if !left {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("a program is still running");
}
