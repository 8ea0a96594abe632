//! `larder run` and `larder ci`: tasks, and the list of what CI does.

use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

use crate::env::TestEnv;

const TASKS: &str = r#"sources: [build]
tasks:
  greet:
    desc: Write a greeting
    needs: [ensure tool]
    env: {TO: greeting.txt}
    commands: ["tool > $TO", "echo wrote $TO"]
  count:
    needs: [greet, run greet]
    commands: ["wc -w < greeting.txt > count.txt"]
    status: ["test -s count.txt", "tool"]
  broken: {desc: Fails in the middle, commands: [echo one, exit 7, echo two]}
  after: {needs: [broken], commands: [touch after.txt]}
  badly: {needs: [ensure tool --platfrom=x], commands: [touch badly.txt]}
"#;

fn project() -> TestEnv {
    let env = TestEnv::new();
    env.script_subsystem("tool", "v1.2.3");
    let versions = env.read("versions.yml");
    env.write("versions.yml", versions + TASKS);
    env
}

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
fn a_task_whose_status_holds_is_left_alone() {
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
    // All of its lines have to hold: `tool` alone is not enough.
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
fn a_need_that_fails_names_the_exit_code() {
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
            .contains("needs `false` 9, and the one here does not tell its version"),
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
fn wrong_tasks_are_told_before_anything_runs() {
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

#[test]
fn an_interrupted_task_leaves_nothing_running() {
    let env = TestEnv::new();
    env.script_subsystem("tool", "v1");
    let versions = env.read("versions.yml");
    // A grandchild that ignores TERM, and tells that it lives by a growing file.
    let line = r"(trap '' TERM INT; while :; do echo x >> alive; sleep 0.05; done) & wait";
    env.write(
        "versions.yml",
        format!("{versions}tasks:\n  long: {{commands: [\"{line}\"]}}\n"),
    );
    let mut command = env.command(["run", "long"]);
    command
        .process_group(0)
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
fn ci_does_each_line_and_sums_up() {
    let env = project();
    let versions = env.read("versions.yml");
    env.write(
        "versions.yml",
        format!("{versions}ci: [ensure all, run greet, package all]\n"),
    );
    let out = env.larder(["ci"]).success();
    // How small it packs depends on the platform's name.
    let size = regex::Regex::new(r"packaged    \d+ B").expect("a pattern");
    let shown = size
        .replace(&out.redacted(), "packaged    [SIZE]")
        .into_owned();
    insta::assert_snapshot!(shown, @r"
    exit: 0
    --- stdout
    wrote greeting.txt
    --- stderr
    larder ensure all
    tool: building
    ✓ tool v1.2.3               built       29 B in [TIME] from subsystems/tool
    1 built in [TIME]

    larder run greet
    1 up to date in [TIME]
    $ tool > $TO
    $ echo wrote $TO
    ✓ task greet                ran         in [TIME]

    larder package all
    ✓ tool v1.2.3               packaged    [SIZE] in [TIME] to .dist/tool-[HOST].tar.gz
    1 packaged in [TIME]

    ✓ ensure all                ran         in [TIME]
    ✓ run greet                 ran         in [TIME]
    ✓ package all               ran         in [TIME]
    ");
    let out = env.larder_json(["ci"]).success();
    let lines: Vec<_> = out
        .finished("ci")
        .iter()
        .map(|line| format!("{}={}", line["subject"], line["outcome"]))
        .collect();
    assert_eq!(
        lines,
        [
            r#""ensure all"="ran""#,
            r#""run greet"="ran""#,
            r#""package all"="ran""#
        ]
    );
    let counts = serde_json::json!({"up-to-date": 3, "ran": 4});
    assert_eq!(
        out.summary()["counts"],
        counts,
        "of the lines and of their steps"
    );
    // A document is no step of it: it goes where talk goes.
    env.edit(
        "versions.yml",
        "ci: [ensure all,",
        "ci: [list, status, ensure all,",
    );
    let out = env.larder_json(["ci"]).success();
    assert_eq!(out.summary()["counts"]["ran"], 6);
    assert!(
        out.json()
            .iter()
            .all(|line| line["event"] == "finished" || line["event"] == "summary"),
        "{}",
        out.stdout
    );
    assert!(
        out.stderr.contains(r#""installed":"v1.2.3""#),
        "{}",
        out.stderr
    );
}

#[test]
fn ci_stops_at_the_first_failure_with_its_exit_code() {
    let env = project();
    let versions = env.read("versions.yml");
    env.write(
        "versions.yml",
        format!("{versions}ci: [ensure all, run broken, package all]\n"),
    );
    let out = env.larder(["ci"]).exits(1);
    assert!(out.stderr.contains("`run broken` failed"), "{}", out.stderr);
    assert!(!env.exists(".dist"), "what follows is not run");
    let out = env.larder_json(["ci"]).exits(1);
    let lines = out.finished("ci");
    assert_eq!(
        (&lines[1]["outcome"], &lines[2]["outcome"]),
        (&"failed".into(), &"skipped".into())
    );
    assert!(
        lines[1]["error"]
            .as_str()
            .is_some_and(|error| error.contains("`exit 7` failed")),
        "{}",
        lines[1]
    );
    let summary = out.summary();
    let counts = serde_json::json!({"up-to-date": 1, "ran": 1, "failed": 2, "skipped": 1});
    assert_eq!(
        (&summary["ok"], &summary["counts"]),
        (&false.into(), &counts)
    );
}

#[test]
fn wrong_ci_lines_are_all_told_and_nothing_runs() {
    let env = project();
    let versions = env.read("versions.yml");
    env.write(
        "versions.yml",
        format!("{versions}ci: [ensure all, ensure all --locke, package, ci]\n"),
    );
    let out = env.larder(["ci"]).exits(2);
    insta::assert_snapshot!(out.redacted(), @r"
    exit: 2
    --- stdout
    --- stderr
    error: `ci:` in versions.yml is wrong; nothing was run
      caused by: `ensure all --locke`: unexpected argument '--locke' found
        `package`: the following required arguments were not provided: <NAME>...
        `ci`: `ci` can't be one of its own steps
      help: a similar argument exists: '--locked'
      help: lines are written as after `larder`; `larder help` shows the commands
      help: name the commands themselves
    ");
    assert!(!env.exists("subsystems/tool/.bin"));
    env.versions(&[("tool", "v1.2.3")], "");
    let out = env.larder(["ci"]).exits(2);
    assert!(
        out.stderr.contains("versions.yml has no `ci:`"),
        "{}",
        out.stderr
    );
}

#[test]
fn ci_makes_groups_in_github_actions() {
    let mut env = project();
    let versions = env.read("versions.yml");
    env.write(
        "versions.yml",
        format!("{versions}upload: never\nci: [ensure all, run greet]\n"),
    );
    env.set("GITHUB_ACTIONS", "true").set("CI", "true");
    let out = env.larder(["ci"]).success();
    let said = |text: &str| out.stderr.lines().position(|line| line == text);
    let (ensure, run) = (
        said("::group::larder ensure all"),
        said("::group::larder run greet"),
    );
    assert!(ensure.is_some() && ensure < run, "{}", out.stderr);
    assert!(
        out.stderr.matches("::endgroup::").count() >= 2,
        "{}",
        out.stderr
    );
}

#[test]
fn exec_in_a_line_of_ci_does_not_end_the_run() {
    let env = project();
    let versions = env.read("versions.yml");
    env.write(
        "versions.yml",
        format!("{versions}ci: [ensure all, \"exec -- sh -c 'tool > \\\"a b\\\"'\", run greet]\n"),
    );
    env.write("below/x", "");
    let mut command = env.command(["ci", "--json"]);
    command.current_dir(env.path("below"));
    let out = env.output(command).success();
    assert_eq!(
        env.read("a b"),
        "tool v1.2.3\n",
        "in the project's folder, with the binaries on PATH"
    );
    assert_eq!(out.finished("ci").len(), 3);
    assert!(env.exists("greeting.txt"), "what follows is run");
    env.edit("versions.yml", "'tool > ", "'exit 3; tool > ");
    env.remove("greeting.txt");
    let out = env.larder(["ci"]).exits(1);
    assert!(
        out.stderr.contains("error: `sh` failed (exit code 3)\n"),
        "{}",
        out.stderr
    );
    assert!(!env.exists("greeting.txt"));
}

#[test]
fn lines_are_split_alike_by_who_checks_and_who_runs() {
    let env = project();
    let versions = env
        .read("versions.yml")
        .replace("platfrom=x", "platform=linux-386");
    env.write(
        "versions.yml",
        format!("{versions}ci: [\"ensure 'tool'\", \"'run' 'greet'\"]\n"),
    );
    env.larder(["check"]).success();
    env.larder(["ci"]).success();
    env.write(
        "versions.yml",
        format!("{versions}ci: [greet, tool, \"ensure 'tool\"]\n"),
    );
    insta::assert_snapshot!(env.larder(["check"]).redacted(), @r#"
    exit: 2
    --- stdout
    --- stderr
    error: unknown command `greet`
      --> versions.yml:17:6
       |
    17 | ci: [greet, tool, "ensure 'tool"]
       |      ^^^^^
       |
       = help: write `run greet`

    error: unknown command `tool`
      --> versions.yml:17:13
       |
    17 | ci: [greet, tool, "ensure 'tool"]
       |             ^^^^
       |
       = help: write `ensure tool`

    error: a quote is not closed in `ensure 'tool`
      --> versions.yml:17:19
       |
    17 | ci: [greet, tool, "ensure 'tool"]
       |                   ^^^^^^^^^^^^^^
       |
       = help: close it, or leave it out

    error: 3 problems in the project's files
    "#);
}
