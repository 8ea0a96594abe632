//! Builds on an executor, through the command line, against a cluster in this process.

mod failures;
mod settings;

use std::time::Duration;

use larder_cluster::{Cluster, Options};
use serde_json::Value;

use crate::env::{Output, TestEnv, host};

/// The image of the worker; the cluster in this process runs everything on this machine.
const IMAGE: &str =
    "docker://gcc@sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// The keys of a build that may run remotely.
fn remote() -> String {
    let isa = if host().ends_with("arm64") {
        "arm-a64"
    } else {
        "x86-64"
    };
    format!(
        "  hermetic: true\n  remote: {{image: \"{IMAGE}\", properties: {{OSFamily: {}, ISA: {isa}}}}}\n",
        std::env::consts::OS
    )
}

/// A recipe for a build of `src/` with these commands.
fn recipe(name: &str, commands: &[&str]) -> String {
    format!(
        "binaries: [{name}]\nbuild:\n  source: {{dir: src}}\n{}  commands: {commands:?}\n",
        remote()
    )
}

/// A machine whose project has a program in C, `hello`, and that has an executor if one is given.
fn machine(env: TestEnv, cluster: Option<&Cluster>) -> TestEnv {
    let mut env = env;
    env.versions(&[("hello", "v1.0.0")], "");
    env.recipe(
        "hello",
        &recipe("hello", &["cc -O1 -o {{ out }}/hello hello.c"]),
    );
    env.write(
        "subsystems/hello/src/hello.c",
        "#include <stdio.h>\nint main(void) { puts(\"hello v1.0.0\"); return 0; }\n",
    );
    if let Some(cluster) = cluster {
        env.set("LARDER_EXECUTOR", cluster.url());
    }
    env
}

fn status(env: &TestEnv) -> Value {
    let document = env.larder(["status", "--json"]).success().document();
    document["subsystems"][0].clone()
}

fn line(output: &Output, name: &str) -> Value {
    let lines = output.finished("ensure").into_iter();
    let mut lines = lines.filter(|line| line["subsystem"] == name);
    lines.next().expect("a line")
}

#[test]
fn a_build_there_is_the_build_here_and_the_next_machine_only_takes_it() {
    let cluster = Cluster::start(Options::default());
    let here = machine(TestEnv::new(), None);
    let there = machine(here.another("there"), Some(&cluster));
    let last = machine(here.another("last"), Some(&cluster));

    let built = here.larder_json(["ensure", "all"]).success();
    assert_eq!(line(&built, "hello")["outcome"], "built");
    let dry = there.larder_json(["ensure", "all", "-n"]).success();
    let reason = line(&dry, "hello")["reason"].to_string();
    assert!(
        reason.contains(&format!("would be built at {}", cluster.url())),
        "{reason}"
    );
    assert_eq!(cluster.counts().executes, 0);

    let built = there.larder_json(["ensure", "all"]).success();
    let finished = line(&built, "hello");
    assert_eq!(
        (&finished["outcome"], &finished["source"]),
        (&"built".into(), &"build".into())
    );
    assert!(
        finished["place"].to_string().contains(&cluster.url()),
        "{finished}"
    );
    assert_eq!(cluster.counts().runs, 1);

    let taken = last.larder_json(["ensure", "all"]).success();
    let finished = line(&taken, "hello");
    assert_eq!(finished["outcome"], "downloaded");
    assert_eq!(finished["source"], "remote-cache");
    assert_eq!((cluster.counts().runs, cluster.counts().executes), (1, 1));

    for env in [&here, &there, &last] {
        let (one, wanted) = (status(env), status(&here));
        assert_eq!(one["fresh"], true);
        assert_eq!(
            (&one["inputs"], &one["artifact"]),
            (&wanted["inputs"], &wanted["artifact"])
        );
        assert_eq!(env.sh("subsystems/hello/.bin/hello"), "hello v1.0.0\n");
    }
    assert_eq!(status(&here)["executor"], Value::Null);
    assert_eq!(status(&there)["executor"], cluster.url());
    assert_eq!(status(&last)["via"], "remote-cache");
    let why = last.larder(["why", "hello"]).success().stdout;
    assert!(
        why.contains(&format!("built at {}", cluster.url())),
        "{why}"
    );
    let again = last.larder_json(["ensure", "all"]).success();
    assert_eq!(line(&again, "hello")["outcome"], "up-to-date");

    // The release says where it was built.
    there.larder(["release", "hello"]).success();
    let sidecar = format!(".larder-hub/hello-v1.0.0/hello-{}.tar.gz.json", host());
    let sidecar: Value = serde_json::from_str(&there.read(&sidecar)).expect("JSON");
    assert_eq!(sidecar["observed"]["executor"], cluster.url());
    // The log has what the commands printed, and where they ran.
    let log = there.read(&format!(".larder/logs/hello-{}.log", host()));
    assert!(
        log.contains("$ cc -O1 -o ") && log.contains("(ran"),
        "{log}"
    );
}

#[test]
fn a_git_source_is_the_same_action_on_every_machine() {
    let cluster = Cluster::start(Options::default());
    let first = machine(TestEnv::new(), Some(&cluster));
    let second = machine(first.another("second"), Some(&cluster));
    let here = machine(first.another("here"), None);
    first.sh(
        "git init -q -b main ../up && cd ../up && printf '#!/bin/sh\\necho hello v1.0.0\\n' > hello.sh \
         && git add . && git commit -qm one && git tag v1.0.0",
    );
    let source = format!("{{git: 'file://{}/up', rev: v1.0.0}}", first.base());
    let commands = ["test ! -e .git", "cp hello.sh {{ out }}/hello"];
    for env in [&first, &second, &here] {
        let text = recipe("hello", &commands).replace("{dir: src}", &source);
        env.recipe("hello", &format!("any: true\n{text}"));
    }
    let built = first.larder_json(["ensure", "all"]).success();
    assert_eq!(line(&built, "hello")["outcome"], "built");
    let taken = second.larder_json(["ensure", "all"]).success();
    assert_eq!(line(&taken, "hello")["source"], "remote-cache");
    let built = here.larder_json(["ensure", "all"]).success();
    assert_eq!(line(&built, "hello")["outcome"], "built");
    assert_eq!(status(&here)["artifact"], status(&first)["artifact"]);
    assert_eq!(cluster.counts().executes, 1);
}

#[test]
fn with_the_cache_alone_machines_share_what_they_build() {
    let cluster = Cluster::start(Options {
        executes: false,
        ..Options::default()
    });
    let first = machine(TestEnv::new(), None);
    let second = machine(first.another("second"), None);
    let reader = machine(first.another("reader"), None);
    for (env, cache) in [(&first, "write"), (&second, "write"), (&reader, "read")] {
        let url = cluster.url();
        let text = format!("executor: {{url: \"{url}\", execute: false, cache: {cache}}}\n");
        std::fs::create_dir_all(env.home().join(".config/larder")).expect("a folder");
        std::fs::write(env.home().join(".config/larder/config.yml"), text).expect("a file");
    }
    reader.edit("subsystems/hello/src/hello.c", "return 0", "return 0 + 0");
    let built = reader.larder_json(["ensure", "all"]).success();
    assert_eq!(line(&built, "hello")["outcome"], "built");
    assert_eq!(cluster.counts().updates, 0, "`read` writes nothing");
    let built = first.larder_json(["ensure", "all"]).success();
    assert_eq!(line(&built, "hello")["outcome"], "built");
    assert_eq!(status(&first)["executor"], Value::Null);
    let taken = second.larder_json(["ensure", "all"]).success();
    assert_eq!(line(&taken, "hello")["source"], "remote-cache");
    assert_eq!(
        (cluster.counts().updates, cluster.counts().executes),
        (1, 0)
    );
    assert_eq!(status(&first)["artifact"], status(&second)["artifact"]);
    // `--rebuild` asks nobody.
    let again = second
        .larder_json(["ensure", "hello", "--rebuild"])
        .success();
    assert_eq!(line(&again, "hello")["outcome"], "built");
}

#[test]
fn remote_builds_take_no_place_of_local_ones() {
    let cluster = Cluster::start(Options {
        workers: 8,
        simulated: Some(Duration::from_millis(700)),
        ..Options::default()
    });
    let mut env = TestEnv::new();
    env.set("LARDER_EXECUTOR", cluster.url());
    env.script_subsystem("tool", "v1.0.0");
    for name in ["a", "b", "c", "d", "e"] {
        env.edit(
            "versions.yml",
            "versions:\n",
            &format!("versions:\n  {name}: v1\n"),
        );
        env.write(&format!("subsystems/{name}/src/{name}.c"), name);
        let text = recipe("program", &[&format!("make {name}")]);
        env.recipe(
            name,
            &format!("any: true\npackage: {{name: {name}}}\n{text}"),
        );
    }
    let done = env.larder_json(["ensure", "all", "-j", "1"]).success();
    let built = ["a", "b", "c", "d", "e", "tool"].map(|name| format!("{name}=built"));
    assert_eq!(done.outcomes(), built);
    let counts = cluster.counts();
    assert_eq!(counts.executes, 5);
    assert!(counts.most_at_once > 1, "{counts:?}");
}
