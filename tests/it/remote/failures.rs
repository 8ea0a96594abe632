//! Failing builds, executors that are gone or wrong, and runs that are interrupted.

use std::time::{Duration, Instant};

use larder_cluster::{Cluster, Options};

use super::{line, machine, recipe};
use crate::env::TestEnv;

#[test]
fn a_command_that_fails_there_is_reported_as_one_that_fails_here() {
    let cluster = Cluster::start(Options::default());
    let here = machine(TestEnv::new(), None);
    let there = machine(here.another("there"), Some(&cluster));
    for env in [&here, &there] {
        let commands = ["echo first", "echo why it fails >&2; exit 7", "echo never"];
        env.recipe("hello", &recipe("hello", &commands));
    }
    let [here, there] = [here, there].map(|env| env.larder(["ensure", "all"]).exits(1).stderr);
    for text in [&here, &there] {
        assert!(text.contains("exit 7`: exit status 7"), "{text}");
        assert!(
            text.contains("why it fails") && !text.contains("never"),
            "{text}"
        );
    }
}

#[test]
fn a_timeout_is_the_executors_own_unless_the_recipe_states_one() {
    let cluster = Cluster::start(Options {
        longest: Duration::from_mins(1),
        ..Options::default()
    });
    let env = machine(TestEnv::new(), Some(&cluster));
    env.edit(
        "subsystems/hello/recipe.yml",
        "build:\n",
        "build:\n  timeout: 2m\n",
    );
    let refused = env.larder(["ensure", "all"]).exits(1).stderr;
    assert!(
        refused.contains("InvalidArgument") && refused.contains("`timeout` in the recipe"),
        "{refused}"
    );
    env.edit("subsystems/hello/recipe.yml", "  timeout: 2m\n", "");
    let built = env.larder_json(["ensure", "all"]).success();
    assert_eq!(line(&built, "hello")["outcome"], "built");

    let cluster = Cluster::start(Options {
        longest: Duration::from_millis(200),
        ..Options::default()
    });
    let slow = machine(env.another("slow"), Some(&cluster));
    slow.recipe("hello", &recipe("hello", &["sleep 60"]));
    let ended = slow.larder(["ensure", "all"]).exits(1).stderr;
    assert!(ended.contains("state `build.timeout`"), "{ended}");
}

#[test]
fn an_executor_that_is_gone_fails_the_build_unless_it_may_run_here() {
    let mut cluster = Cluster::start(Options::default());
    let url = cluster.url();
    cluster.stop();
    let mut env = machine(TestEnv::new(), None);
    env.set("LARDER_EXECUTOR", &url)
        .set("LARDER_HTTP_RETRIES", "0");
    let gone = env.larder(["ensure", "all"]).exits(5);
    assert!(
        gone.stderr.contains("--executor-fallback local"),
        "{}",
        gone.stderr
    );
    assert!(!env.exists("subsystems/hello/.bin/hello"));
    env.set("LARDER_EXECUTOR_FALLBACK", "local");
    let built = env.larder_json(["ensure", "all"]).success();
    assert_eq!(line(&built, "hello")["outcome"], "built");
    assert!(built.stderr.is_empty() || built.stderr.contains("building on this machine"));

    // Offline, nobody is asked.
    env.unset("LARDER_EXECUTOR_FALLBACK");
    env.drop_cache();
    env.remove("subsystems/hello/.bin");
    let built = env.larder_json(["ensure", "all", "--offline"]).success();
    assert_eq!(line(&built, "hello")["outcome"], "built");
}

#[test]
fn damaged_results_end_the_run() {
    let cluster = Cluster::start(Options::default());
    let first = machine(TestEnv::new(), Some(&cluster));
    first.larder(["ensure", "all"]).success();
    let second = machine(first.another("second"), Some(&cluster));
    cluster.damage_blobs(1);
    second.larder(["ensure", "all"]).exits(4);
    assert!(!second.exists("subsystems/hello/.bin/hello"));
}

#[test]
fn an_interrupted_run_cancels_the_action() {
    let cluster = Cluster::start(Options::default());
    let env = machine(TestEnv::new(), Some(&cluster));
    env.recipe("hello", &recipe("hello", &["sleep 300"]));
    let mut child = env
        .command(["ensure", "all"])
        .spawn()
        .expect("larder starts");
    let wait = |is_there: &dyn Fn() -> bool| {
        let start = Instant::now();
        while !is_there() {
            assert!(
                start.elapsed() < Duration::from_mins(1),
                "{:?}",
                cluster.counts()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    wait(&|| cluster.counts().executes == 1);
    let id = child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-s", "INT", &id])
        .status();
    assert!(sent.expect("kill").success());
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(130));
    wait(&|| cluster.counts().cancels > 0);
    assert_eq!(env.sh("ls .larder/work"), "");
}
