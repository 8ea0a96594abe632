//! `larder run`.

use super::project;
use crate::env::TestEnv;

#[test]
fn a_task_runs_with_what_it_needs() {
    let env = project();
    let out = env.larder(["run", "greet"]).success();
    assert_eq!(
        env.read("greeting.txt"),
        "tool v1.2.3\n",
        "the binary is first on PATH"
    );
    assert_eq!(
        out.stdout, "wrote greeting.txt\n",
        "a task's own output is data"
    );
    insta::assert_snapshot!(out.redacted(), @r"
    exit: 0
    --- stdout
    wrote greeting.txt
    --- stderr
    tool: building
    ✓ tool v1.2.3               built       29 B in [TIME] from subsystems/tool
    1 built in [TIME]
    $ tool > $TO
    $ echo wrote $TO
    ✓ task greet                ran         in [TIME]
    ");
}

#[test]
fn tasks_run_in_the_projects_folder_once_each() {
    let env = project();
    env.write("below/x", "");
    let mut command = env.command(["run", "count", "--json"]);
    command.current_dir(env.path("below"));
    let out = env.output(command).success();
    assert_eq!(env.read("count.txt").trim(), "2");
    let ran: Vec<_> = out
        .finished("run")
        .iter()
        .map(|line| format!("{}={}", line["subject"], line["outcome"]))
        .collect();
    assert_eq!(ran, [r#""greet"="ran""#, r#""count"="ran""#]);
    assert_eq!(out.outcome("tool"), "built");
    assert_eq!(
        out.summary()["counts"],
        serde_json::json!({"built": 1, "ran": 2})
    );
    assert!(
        out.stderr.contains("wrote greeting.txt"),
        "with --json, what commands print is talk: {}",
        out.stderr
    );
}

#[test]
fn a_task_whose_status_commands_succeed_is_skipped() {
    let env = project();
    env.larder(["run", "count"]).success();
    env.remove("greeting.txt");
    let out = env.larder(["run", "count"]).success();
    assert!(
        out.stderr.contains("task count") && out.stderr.contains("nothing to do"),
        "{}",
        out.stderr
    );
    assert!(
        !env.exists("greeting.txt"),
        "what it needs is not run either"
    );
    let out = env.larder_json(["run", "count"]).success();
    assert_eq!(out.finished("run")[0]["outcome"], "up-to-date");
    env.larder(["run", "count", "--force"]).success();
    assert!(env.exists("greeting.txt"));
    // All status commands must succeed: the existence of `tool` alone is not enough.
    env.remove("count.txt");
    env.larder(["run", "count"]).success();
    assert!(env.exists("count.txt"));
}

#[test]
fn a_failing_command_is_named() {
    let env = project();
    let out = env.larder(["run", "broken"]).exits(1);
    insta::assert_snapshot!(out.redacted(), @r"
    exit: 1
    --- stdout
    one
    --- stderr
    $ echo one
    $ exit 7
    error: task `broken`: `exit 7` failed (exit code 7)
      help: its output is above; `larder run broken` runs it again
    ");
    let out = env.larder_json(["run", "after"]).exits(1);
    assert!(!env.exists("after.txt"));
    let lines = out.finished("run");
    assert_eq!(
        (&lines[0]["subject"], &lines[0]["outcome"]),
        (&"broken".into(), &"failed".into())
    );
    assert_eq!(
        (&lines[1]["subject"], &lines[1]["outcome"]),
        (&"after".into(), &"skipped".into())
    );
    let summary = out.summary();
    assert_eq!(
        (&summary["ok"], &summary["counts"]),
        (
            &false.into(),
            &serde_json::json!({"failed": 1, "skipped": 1})
        )
    );
    assert!(
        summary["error"]
            .as_str()
            .is_some_and(|error| error.contains("exit code 7")),
        "{summary}"
    );
}

#[test]
fn a_failing_need_decides_the_exit_code() {
    let env = project();
    env.larder(["ensure", "tool"]).success();
    env.drop_cache();
    env.edit(
        "subsystems/tool/recipe.yml",
        "commands:",
        "tools: {\"false\": \"9\"}\n  commands:",
    );
    let out = env.larder(["run", "greet"]).exits(1);
    assert!(
        out.stderr
            .contains("needs `false` 9, but the installed `false` does not print its version"),
        "{}",
        out.stderr
    );
    env.edit(
        "subsystems/tool/recipe.yml",
        "tools: {\"false\": \"9\"}\n  commands:",
        "commands:",
    );
    env.edit(
        "subsystems/tool/recipe.yml",
        "commands:",
        "timeout: 5m\n  tools: {sh-of-nowhere: \"1\"}\n  commands:",
    );
    let out = env.larder(["run", "greet"]).exits(1);
    assert!(
        out.stderr.contains("sh-of-nowhere") && out.stderr.contains("`ensure tool` failed"),
        "{}",
        out.stderr
    );
    assert!(!env.exists("greeting.txt"));
    let out = env.larder_json(["run", "greet"]).exits(1);
    assert_eq!(out.outcomes(), ["tool=failed"]);
    let summary = out.summary();
    assert_eq!(
        (&summary["ok"], &summary["counts"]),
        (
            &false.into(),
            &serde_json::json!({"failed": 1, "skipped": 1})
        )
    );
}

#[test]
fn wrong_tasks_are_reported_before_anything_runs() {
    let env = project();
    let out = env.larder(["run", "badly"]).exits(2);
    assert!(
        out.stderr.contains("a need of the task `badly` is wrong")
            && out.stderr.contains("--platform"),
        "{}",
        out.stderr
    );
    let out = env.larder(["run", "gret"]).exits(2);
    assert!(
        out.stderr.contains("no task is called `gret`")
            && out.stderr.contains("did you mean `greet`?"),
        "{}",
        out.stderr
    );
    env.write(
        "versions.yml",
        "versions:\n  tool: v1.2.3\ntasks:\n  a: {needs: [run b]}\n  b: {needs: [a]}\n",
    );
    let out = env.larder(["run", "a"]).exits(2);
    assert!(out.stderr.contains("a -> b -> a"), "{}", out.stderr);
}

#[test]
fn tasks_are_listed() {
    let env = project();
    insta::assert_snapshot!(env.larder(["run"]).success().stdout, @r"
    after   touch after.txt
    badly   touch badly.txt
    broken  Fails in the middle
    count   wc -w < greeting.txt > count.txt
    greet   Write a greeting
    ");
    let document = env.larder(["run", "--json"]).success().document();
    assert_eq!(document["tasks"][4]["name"], "greet");
    assert_eq!(document["tasks"][4]["needs"][0], "ensure tool");
}

#[cfg(unix)]
#[test]
fn an_interrupted_task_leaves_nothing_running() {
    use std::time::{Duration, Instant};
    let env = crate::env::TestEnv::new();
    env.script_subsystem("tool", "v1");
    let versions = env.read("versions.yml");
    // A grandchild that ignores TERM and shows that it is alive by a growing file.
    let line = r"(trap '' TERM INT; while :; do echo x >> alive; sleep 0.05; done) & wait";
    env.write(
        "versions.yml",
        format!("{versions}tasks:\n  long: {{commands: [\"{line}\"]}}\n"),
    );
    let mut command = env.command(["run", "long"]);
    std::os::unix::process::CommandExt::process_group(&mut command, 0)
        .stderr(std::process::Stdio::piped());
    let mut child = command.spawn().expect("larder");
    let deadline = Instant::now() + Duration::from_secs(20);
    while !env.exists("alive") {
        assert!(Instant::now() < deadline, "the task does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    env.sh(&format!("kill -INT {}", child.id()));
    assert_eq!(child.wait().expect("ended").code(), Some(130));
    let size = || std::fs::metadata(env.path("alive")).expect("alive").len();
    let before = size();
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(size(), before, "the grandchild still runs");
}

#[test]
fn arguments_are_those_of_the_tasks_own_commands() {
    let env = TestEnv::new();
    env.script_subsystem("tool", "v1.2.3");
    let tasks = "tasks:\n  show:\n    needs: [other]\n    commands: ['printf \"<%s>\" \"$@\"; echo \" $#\"', 'echo \"${1:-none}\"']\n  \
         other: {commands: ['echo \"other $#\"']}\n  \
         plain: {commands: [\"true\"]}\n  \
         once: {status: ['test \"$1\" = done'], commands: ['echo \"$1\"']}\n";
    env.write("versions.yml", env.read("versions.yml") + tasks);
    for (arguments, wanted) in [
        (&[][..], "<> 0\nnone\n"),
        (&["--"], "<> 0\nnone\n"),
        (&["--", "a"], "<a> 1\na\n"),
        (
            &["--", "a b", "--force", "$(c)", "d'e"],
            "<a b><--force><$(c)><d'e> 4\na b\n",
        ),
        (&["--", "", "x"], "<><x> 2\nnone\n"),
    ] {
        let line = ["run", "show"].iter().chain(arguments);
        let out = env.larder(line).success();
        assert_eq!(out.stdout, format!("other 0\n{wanted}"), "{arguments:?}");
    }
    let out = env.larder(["run", "once", "--", "done"]).success();
    assert!(out.stdout.is_empty(), "{}", out.stdout);
    assert_eq!(
        env.larder(["run", "once", "--", "x"]).success().stdout,
        "x\n"
    );
    // Nothing would take them.
    let out = env.larder(["run", "plain", "--", "a"]).exits(2);
    assert!(
        out.stderr.contains("the task `plain` takes no arguments")
            && out.stderr.contains(r#"write `"$@"` in the command"#),
        "{}",
        out.stderr
    );
    for line in ["run show a", "run show a b"] {
        let out = env.larder(line.split(' ')).exits(2);
        let tip = "`larder run TASK -- ARGUMENTS`";
        assert!(out.stderr.contains(tip), "{}", out.stderr);
    }
    let out = env.larder(["run", "--", "a"]).exits(2);
    assert!(out.stderr.contains("none is named"), "{}", out.stderr);
}
