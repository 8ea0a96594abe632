//! Crowds that take long: many processes on one project, many projects on one cache beside `prune`
//! and kills, and two versions of larder at once.
//!
//! `LARDER_TEST_OLD` names the binary of an older larder. Without it the test of two versions says
//! that it was skipped.

use std::process::Child;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::ensure::parallel::{count, counting_subsystem, start, wait_for_success};
use crate::env::{TestEnv, assert_intact, list};

/// How many processes work on one project.
const CROWD: usize = 32;

/// Nothing staged is left in the project, and no work.
fn assert_tidy(env: &TestEnv) {
    for folder in ["", ".larder", ".larder/work", ".dist"] {
        let staged: Vec<String> = list(&env.path(folder))
            .into_iter()
            .filter(|name| name.starts_with(".tmp-") || folder == ".larder/work")
            .collect();
        assert_eq!(staged, [""; 0], "{folder}");
    }
    let sets = list(&env.path("subsystems/tool/.bin/.v"));
    assert!(
        !sets.iter().any(|name| name.starts_with("tmp-")),
        "{sets:?}"
    );
}

#[test]
fn thirty_two_processes_on_one_project_do_its_work_once() {
    let env = TestEnv::new();
    let counter = env.base().join("builds");
    counting_subsystem(&env, counter.as_str(), "0.3");
    let crowd = |args: &[&str]| {
        wait_for_success((0..CROWD).map(|_| start(&env, args)).collect());
    };
    crowd(&["ensure", "all"]);
    assert_eq!(count(&counter), 1);
    assert_intact(&env, "tool");
    crowd(&["package", "all"]);
    let package = list(&env.path(".dist"));
    assert_eq!(package.len(), 2, "{package:?}");
    crowd(&["release", "all"]);
    let released = list(&env.path(".larder-hub/tool-v1.0.0"));
    let assets = released.iter().filter(|name| !name.starts_with('.'));
    assert_eq!(assets.count(), 4, "{released:?}");
    // Everything at once, on what is installed and what is not.
    env.remove("subsystems/tool/.bin");
    env.edit("versions.yml", "[build]", "[managed, build]");
    let commands: [&[&str]; 4] = [
        &["ensure", "all"],
        &["ensure", "all", "--reinstall"],
        &["status"],
        &["ensure", "all", "--source", "managed", "--reinstall"],
    ];
    let mixed = (0..CROWD).map(|i| start(&env, commands[i % commands.len()]));
    wait_for_success(mixed.collect());
    assert_eq!(count(&counter), 1, "nothing was built again");
    assert_intact(&env, "tool");
    wait_for_success(vec![start(&env, &["ensure", "all"])]);
    assert_tidy(&env);
    env.larder(["cache", "verify"]).success();
    assert_eq!(
        env.read("versions.lock")
            .lines()
            .filter(|l| l.starts_with("tool "))
            .count(),
        1
    );
}

/// A number that looks random and is the same in every run.
fn scattered(n: usize) -> u64 {
    (n as u64)
        .wrapping_mul(6_364_136_223_846_793_005)
        .rotate_left(23)
        % 120
}

#[test]
fn eight_projects_on_one_cache_beside_prunes_and_kills_all_succeed() {
    let first = TestEnv::new();
    let machines: Vec<TestEnv> = (0..8).map(|i| first.another(&format!("m{i}"))).collect();
    let machines: Vec<TestEnv> = machines
        .into_iter()
        .enumerate()
        .map(|(i, mut machine)| {
            machine.set("LARDER_CACHE_DIR", first.cache());
            // Two projects have the same tool, so that they also meet at its entry.
            machine.script_subsystem("tool", &format!("v{}", i / 2));
            machine.edit("versions.yml", "versions:", "sources: [build]\nversions:");
            machine
        })
        .collect();
    let over = AtomicBool::new(false);
    let (runs, kills) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let until = Instant::now() + Duration::from_secs(6);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let prune = ["cache", "prune", "--older-than", "0s"];
                    wait_for_success(vec![start(&first, &prune)]);
                }
            });
        }
        let projects: Vec<_> = machines
            .iter()
            .enumerate()
            .map(|(i, machine)| {
                let (runs, kills) = (&runs, &kills);
                scope.spawn(move || {
                    let mut round = i;
                    while Instant::now() < until {
                        round += 8;
                        if round % 3 == 0 {
                            machine.remove("subsystems/tool/.bin");
                        }
                        let args = ["ensure", "all", "--reinstall"];
                        let mut child: Child = start(machine, &args);
                        if (round / 8) % 2 == 0 {
                            std::thread::sleep(Duration::from_millis(scattered(round)));
                            // Only this child, by its id; it may have ended already.
                            child.kill().expect("killed");
                            child.wait().expect("its end");
                            kills.fetch_add(1, Ordering::Relaxed);
                        } else {
                            wait_for_success(vec![child]);
                            assert_intact(machine, "tool");
                        }
                        runs.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let join = std::thread::ScopedJoinHandle::join;
        let ended: Vec<_> = projects.into_iter().map(join).collect();
        over.store(true, Ordering::Relaxed);
        assert!(ended.iter().all(Result::is_ok), "a project failed");
    });
    println!("{runs:?} runs, {kills:?} of them killed");
    assert!(runs.into_inner() >= 16, "too few runs");
    for machine in &machines {
        machine.larder(["ensure", "all"]).success();
        assert_intact(machine, "tool");
        machine
            .larder(["ensure", "all", "--reinstall", "--source", "build"])
            .success();
        assert_tidy(machine);
    }
    first.larder(["cache", "verify"]).success();
    assert_eq!(
        list(&first.cache().join("v1/tmp")).len(),
        0,
        "of killed writers"
    );
}

#[test]
fn an_older_larder_and_this_one_work_on_the_same_project_and_cache() {
    let Ok(old) = std::env::var("LARDER_TEST_OLD") else {
        eprintln!("SKIPPED: LARDER_TEST_OLD names no older larder, so two versions were not tried");
        return;
    };
    let env = TestEnv::new();
    let counter = env.base().join("builds");
    counting_subsystem(&env, counter.as_str(), "0.3");
    let spawn = |i: usize, args: &[&str]| {
        if i.is_multiple_of(2) {
            return start(&env, args);
        }
        let mut command = env.program(&old);
        command.args(args);
        let piped = std::process::Stdio::piped;
        command
            .stdout(piped())
            .stderr(piped())
            .spawn()
            .expect("the older larder")
    };
    let crowd = |args: &[&str]| wait_for_success((0..16).map(|i| spawn(i, args)).collect());
    crowd(&["ensure", "all"]);
    assert_eq!(count(&counter), 1, "each version did the work");
    assert_intact(&env, "tool");
    crowd(&["package", "all"]);
    crowd(&["release", "all"]);
    env.edit("versions.yml", "[build]", "[managed, build]");
    crowd(&["ensure", "all", "--reinstall"]);
    assert_intact(&env, "tool");
    // By turns: each takes what the other left, and has nothing to do.
    for i in 0..4 {
        for args in [
            &["ensure", "all", "--locked"][..],
            &["status"],
            &["cache", "verify"],
        ] {
            wait_for_success(vec![spawn(i, args)]);
        }
        let said = wait_for_success(vec![spawn(i, &["ensure", "all", "--json"])]).concat();
        assert!(said.contains("\"outcome\":\"up-to-date\""), "{said}");
    }
    env.edit("versions.yml", "v1.0.0", "v2.0.0");
    for i in 0..6 {
        wait_for_success(vec![spawn(i, &["ensure", "all"])]);
        wait_for_success(vec![spawn(i + 1, &["rollback", "tool"])]);
        assert_intact(&env, "tool");
    }
    assert_eq!(count(&counter), 2);
    wait_for_success(vec![spawn(0, &["ensure", "all"])]);
    assert_tidy(&env);
}
