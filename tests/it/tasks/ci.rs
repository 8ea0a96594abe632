//! `larder ci`.

use super::project;
use crate::env::{TestEnv, host};

#[test]
fn ci_runs_each_line_and_prints_a_summary() {
    let env = project();
    let versions = env.read("versions.yml");
    env.write(
        "versions.yml",
        format!("{versions}ci: [ensure all, run greet, package all]\n"),
    );
    let out = env.larder(["ci"]).success();
    // The packed size depends on the length of the platform's name.
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
    // A JSON document is not a step: it is printed to standard error.
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
fn all_wrong_ci_lines_are_reported_and_nothing_runs() {
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
      help: list the commands themselves
      help: write the line without the leading `larder`; `larder help` shows the commands
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
fn ci_prints_log_groups_in_github_actions() {
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
fn exec_in_a_ci_line_does_not_end_the_run() {
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
fn check_and_ci_split_lines_the_same_way() {
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

/// The step summary of what ran, and what GitHub's runner got.
fn in_actions(env: &mut TestEnv, args: &[&str], code: i32) -> (String, String) {
    let summary = env.base().join("summary.md");
    let _ = std::fs::remove_file(&summary);
    env.set("GITHUB_ACTIONS", "true")
        .set("GITHUB_STEP_SUMMARY", &summary);
    let said = env.larder(args).exits(code).stderr;
    let times = regex::Regex::new(r"\d+ ms|\d+ B|\d\.\d s").expect("a pattern");
    let text = std::fs::read_to_string(&summary).unwrap_or_default();
    let text = times.replace_all(&text, "N").replace(&host(), "HOST");
    (text, said)
}

#[test]
fn the_step_summary_has_tasks_and_lines_and_no_empty_sections() {
    let mut env = project();
    let versions = env.read("versions.yml");
    env.write(
        "versions.yml",
        format!("{versions}ci: [list, ensure all, ensure all, run greet, bundle]\n"),
    );
    let (text, said) = in_actions(&mut env, &["ci"], 0);
    insta::assert_snapshot!(text, @r"
    ### larder ensure: done

    | what | version | platform | outcome | from or to | size | time |
    | --- | --- | --- | --- | --- | ---: | ---: |
    | tool | v1.2.3 | HOST | ✅ built | subsystems/tool | N | N |

    1 built in N

    ### larder bundle: done

    | what | platform | outcome | from or to | size | time |
    | --- | --- | --- | --- | ---: | ---: |
    | project-HOST.tar.gz | HOST | ✅ packaged | 1 subsystem | N | N |

    1 up to date · 1 packaged in N

    ### larder ci: done

    | what | outcome | time |
    | --- | --- | ---: |
    | list | ✅ ran | N |
    | ensure all | ✅ ran | N |
    | ensure all | ✅ ran | N |
    | run greet | ✅ ran | N |
    | bundle | ✅ ran | N |

    5 ran in N
    ");
    // An inner group would end the outer one.
    let mut open = 0;
    for line in said.lines() {
        open += i32::from(line.starts_with("::group::"));
        open -= i32::from(line.starts_with("::endgroup::"));
        assert!((0..=1).contains(&open), "{said}");
    }
    assert!(
        said.contains("\nlog of tool v1.2.3 (built):\n::stop-commands::"),
        "{said}"
    );
    let (text, _) = in_actions(&mut env, &["run", "greet"], 0);
    insta::assert_snapshot!(text, @r"
    ### larder run: done

    | what | outcome | time |
    | --- | --- | ---: |
    | greet | ✅ ran | N |

    1 ran in N
    ");
    let (text, _) = in_actions(&mut env, &["run", "broken"], 1);
    insta::assert_snapshot!(text, @r"
    ### larder run: failed

    | what | outcome | from or to | time |
    | --- | --- | --- | ---: |
    | broken | ❌ failed | task \`broken\`: \`exit 7\` failed (exit code 7) | N |

    1 failed in N
    ");
    let (text, _) = in_actions(&mut env, &["ensure", "all"], 0);
    assert_eq!(text, "**larder ensure**: 1 up to date in N\n\n");
    // A build that is no line of `ci:` has a group for its log.
    let (_, said) = in_actions(&mut env, &["ensure", "all", "--rebuild"], 0);
    assert_eq!(said.matches("::group::").count(), 1, "{said}");
}
