//! Builds on an executor, and results that machines share through its cache.

use larder_core::error::{Kind, Result};
use larder_core::fs;
use larder_core::model::{Origin, Outcome, Platform, SourceKind, Target};

use super::memory_executor::MemoryExecutor;
use super::{Fixture, tool};
use crate::acquire::Done;
use crate::build;
use crate::context::{Context, Options};
use crate::executor::remote::{CacheUse, ExecutorSettings};
use crate::settings::ActionsContext;

/// A recipe whose build runs on a worker. `{command}` is its only command.
const REMOTE: &str = concat!(
    "binaries: [tool]\nbuild:\n  source: {dir: src}\n  hermetic: true\n  platforms: all\n",
    "  tools: {echo: version}\n",
    "  remote: {image: \"docker://gcc@sha256:",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"}\n",
    "  commands: [\"{command}\"]\n"
);

fn recipe(command: &str) -> String {
    REMOTE.replace("{command}", command)
}

/// A machine of its own, with nothing but the project.
fn machine(command: &str) -> Fixture {
    Fixture::new(&recipe(command))
}

const COPY: &str = "cp tool.sh {{ out }}/tool; test \\\"$PWD\\\" = {{ src }}";

struct Use {
    cache: CacheUse,
    execute: bool,
}

const EXECUTE: Use = Use {
    cache: CacheUse::Read,
    execute: true,
};

const SHARE: Use = Use {
    cache: CacheUse::Write,
    execute: false,
};

fn run(machine: &Fixture, executor: &MemoryExecutor, how: &Use, options: Options) -> Context {
    let mut ctx = machine.run(options);
    ctx.settings.executor = Some(ExecutorSettings {
        url: "grpcs://cluster.example:443".into(),
        instance: "main".into(),
        cache: how.cache,
        execute: how.execute,
        jobs: std::num::NonZeroUsize::MIN,
        headers: Vec::new(),
    });
    ctx.remote = Some(std::sync::Arc::new(executor.clone()));
    // The tool `echo` is found on this machine, too.
    ctx.settings.remote.environment.set("PATH", "/usr/bin:/bin");
    ctx
}

/// A run without an executor.
fn local(machine: &Fixture) -> Context {
    let mut ctx = machine.run(Options::default());
    ctx.settings.remote.environment.set("PATH", "/usr/bin:/bin");
    ctx
}

fn build(ctx: &Context) -> Result<Done> {
    build::build(ctx, &tool(), "asked to", &|| ())
}

fn how(done: &Done) -> (Outcome, Option<SourceKind>) {
    (done.outcome, done.source)
}

const BUILT: (Outcome, Option<SourceKind>) = (Outcome::Built, Some(SourceKind::Build));
const SHARED: (Outcome, Option<SourceKind>) = (Outcome::Downloaded, Some(SourceKind::RemoteCache));

fn executor_of(ctx: &Context, done: &Done) -> Option<String> {
    let digest = done.artifact.inputs;
    let entry = ctx.cache.lookup(Origin::Build, &digest).unwrap().unwrap();
    entry.observed.executor
}

#[test]
fn a_build_runs_there_once_for_all_machines() {
    let executor = MemoryExecutor::default();
    let first = machine(COPY);
    let ctx = run(&first, &executor, &EXECUTE, Options::default());
    let there = build(&ctx).unwrap();
    assert_eq!((how(&there), executor.executed()), (BUILT, 1));
    let place = Some("grpcs://cluster.example:443/main".to_owned());
    assert_eq!(executor_of(&ctx, &there), place);

    let second = machine(COPY);
    let ctx = run(&second, &executor, &EXECUTE, Options::default());
    let shared = build(&ctx).unwrap();
    assert_eq!((how(&shared), executor.executed()), (SHARED, 1));
    assert_eq!(executor_of(&ctx, &shared), place);

    // Neither the key nor the bytes tell where it was built.
    let third = machine(COPY);
    let here = build(&local(&third)).unwrap();
    assert_eq!(here.artifact.digest(), there.artifact.digest());
    assert_eq!(here.artifact.digest(), shared.artifact.digest());
    assert_eq!(here.artifact.inputs, shared.artifact.inputs);

    // Another source is another action.
    second.write("subsystems/tool/src/tool.sh", "#!/bin/sh\necho 2\n");
    let ctx = run(&second, &executor, &EXECUTE, Options::default());
    assert_eq!(
        (how(&build(&ctx).unwrap()), executor.executed()),
        (BUILT, 2)
    );
}

#[test]
fn with_the_cache_alone_machines_share_what_they_build() {
    let executor = MemoryExecutor::default();
    let first = machine(COPY);
    let mut ctx = run(&first, &executor, &SHARE, Options::default());
    ctx.settings.ci.actions = Some(ActionsContext {
        event: "pull_request".into(),
        ..ActionsContext::default()
    });
    assert_eq!(how(&build(&ctx).unwrap()), BUILT);
    assert_eq!(executor.results(), 0, "a pull request writes nothing");

    let again = Options {
        reinstall: true,
        ..Options::default()
    };
    fs::remove_dir_all(first.root.join("cache")).unwrap();
    let ctx = run(&first, &executor, &SHARE, again);
    let built = build(&ctx).unwrap();
    assert_eq!((how(&built), executor_of(&ctx, &built)), (BUILT, None));
    assert_eq!((executor.results(), executor.executed()), (1, 0));

    let second = machine(COPY);
    let ctx = run(&second, &executor, &SHARE, Options::default());
    let shared = build(&ctx).unwrap();
    assert_eq!(how(&shared), SHARED);
    assert_eq!(shared.artifact.digest(), built.artifact.digest());
}

#[test]
fn a_failure_there_is_the_failure_here() {
    let executor = MemoryExecutor::default();
    let command = "echo why it fails; exit 7";
    let machine = machine(command);
    let ctx = run(&machine, &executor, &EXECUTE, Options::default());
    let there = build(&ctx).unwrap_err();
    let log = fs::read_text(build::log_path(&ctx, &tool())).unwrap();
    let here = build(&local(&machine)).unwrap_err();
    assert_eq!(there.to_string(), here.to_string());
    assert!(there.to_string().contains("exit status 7"), "{there}");
    let local = fs::read_text(build::log_path(&ctx, &tool())).unwrap();
    assert_eq!(
        log.replace(
            "(ran on worker-7 of grpcs://cluster.example:443/main)\n",
            ""
        ),
        local
    );
}

#[test]
fn an_executor_that_is_gone_is_unavailable_unless_the_user_lets_this_machine_build() {
    let executor = MemoryExecutor::default();
    executor.leave();
    for how_used in [&EXECUTE, &SHARE] {
        let machine = machine(COPY);
        let ctx = run(&machine, &executor, how_used, Options::default());
        assert_eq!(build(&ctx).unwrap_err().kind(), Kind::Unavailable);
        let options = Options {
            executor_fallback: true,
            ..Options::default()
        };
        let ctx = run(&machine, &executor, how_used, options);
        if how_used.execute {
            // The runner then gives it a place among the builds of this machine.
            assert_eq!(build(&ctx).unwrap_err().kind(), Kind::Unavailable);
        }
        assert_eq!(how(&build(&ctx).unwrap()), BUILT);
    }
}

#[test]
fn what_only_the_executor_can_build_stays_unavailable_without_it() {
    let executor = MemoryExecutor::default();
    executor.leave();
    let host = Platform::host().to_string();
    let (elsewhere, isa) = match host.as_str() {
        "linux-amd64" => ("linux-arm64", "arm-a64"),
        _ => ("linux-amd64", "x86-64"),
    };
    let worker = format!("abcdef\", properties: {{OSFamily: linux, ISA: {isa}}}}}\n");
    let machine = Fixture::new(
        &recipe(COPY)
            .replace("platforms: all", "platforms: host")
            .replace("abcdef\"}\n", &worker),
    );
    let options = Options {
        executor_fallback: true,
        ..Options::default()
    };
    let ctx = run(&machine, &executor, &EXECUTE, options);
    let target = Target {
        platform: elsewhere.parse().unwrap(),
        ..tool()
    };
    for _ in 0..2 {
        let error = build::build(&ctx, &target, "asked to", &|| ()).unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    }
}

#[test]
fn what_is_shared_is_what_the_commands_made() {
    let executor = MemoryExecutor::default();
    let included = format!("package: {{include: [note]}}\n{}", recipe(COPY));
    let sharing = || {
        let machine = Fixture::new(&included);
        machine.write("subsystems/tool/src/note", "note\n");
        machine
    };
    let first = sharing();
    let built = build(&run(&first, &executor, &SHARE, Options::default())).unwrap();
    assert_eq!(how(&built), BUILT);
    assert_eq!(executor.names(), [".larder-tools", "tool"]);
    let second = sharing();
    let shared = build(&run(&second, &executor, &SHARE, Options::default())).unwrap();
    assert_eq!(how(&shared), SHARED);
    assert_eq!(shared.artifact.digest(), built.artifact.digest());
}

#[test]
fn a_result_of_other_tools_is_not_taken_by_the_execution_either() {
    let executor = MemoryExecutor::default();
    let first = machine(COPY);
    build(&run(&first, &executor, &EXECUTE, Options::default())).unwrap();
    executor.change_tools("echo\tanother\n");
    let second = machine(COPY);
    let built = build(&run(&second, &executor, &EXECUTE, Options::default())).unwrap();
    assert_eq!((how(&built), executor.executed()), (BUILT, 2));
}

#[test]
fn what_nobody_signs_is_not_asked_for_where_a_signature_is_demanded() {
    let executor = MemoryExecutor::default();
    let machine = machine(COPY);
    let mut ctx = run(&machine, &executor, &EXECUTE, Options::default());
    build(&ctx).unwrap();
    ctx.project.trust.require_signatures();
    // The installed set and the cache have only what the executor made.
    let built = build(&ctx).unwrap();
    assert_eq!((how(&built), executor.executed()), (BUILT, 1));
    assert_eq!(executor_of(&ctx, &built), None);
}
