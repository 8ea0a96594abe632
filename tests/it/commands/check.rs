//! `check`.

use super::status::app_and_base;

#[test]
fn check_counts_valid_subsystems_and_platforms() {
    let env = app_and_base();
    insta::assert_snapshot!(env.larder(["check"]).redacted(), @r"
    exit: 0
    --- stdout
    ok: 2 subsystems, 1 platform
    --- stderr
    ");
    let tasks = "tasks:\n  test: {needs: [ensure all], commands: [\"true\"]}\nci: [ensure all, run test, status --json]\n";
    env.write("versions.yml", env.read("versions.yml") + tasks);
    let document = env.larder_json(["check"]).success().document();
    assert_eq!(
        document,
        serde_json::json!({"ok": true, "subsystems": 2, "tasks": 1, "problems": []})
    );
}

#[test]
fn check_shows_every_problem() {
    let env = app_and_base();
    env.edit(
        "versions.yml",
        "versions:\n",
        "platfroms: [all]\nversions:\n",
    );
    env.edit(
        "subsystems/app/recipe.yml",
        "binaries: [app]",
        "binaries: app",
    );
    let wanted = env.larder(["check"]).exits(2);
    insta::assert_snapshot!(wanted.redacted(), @r"
    exit: 2
    --- stdout
    --- stderr
    error: unknown key `platfroms`
     --> versions.yml:1:1
      |
    1 | platfroms: [all]
      | ^^^^^^^^^
      |
      = help: did you mean `platforms`?

    error: `binaries` must be a list, not a text
     --> subsystems/app/recipe.yml:1:11
      |
    1 | binaries: app
      |           ^^^
      |
      = help: write `binaries: [app]`

    error: 2 problems in the project's files
    ");
    let out = env.larder_json(["check"]).exits(2);
    assert_eq!(out.stderr, wanted.stderr);
    let document = out.document();
    assert_eq!(
        (&document["ok"], &document["subsystems"]),
        (&false.into(), &().into())
    );
    let problem = &document["problems"][1];
    assert_eq!(
        (&problem["file"], &problem["line"], &problem["column"]),
        (&"subsystems/app/recipe.yml".into(), &1.into(), &11.into())
    );
    assert_eq!(problem["hint"], "write `binaries: [app]`");
}

#[test]
fn check_parses_the_lines_of_ci() {
    let env = app_and_base();
    env.write(
        "versions.yml",
        env.read("versions.yml") + "ci:\n  - ensure all --platfrom all\n  - status --platform\n",
    );
    insta::assert_snapshot!(env.larder(["check"]).redacted(), @r"
    exit: 2
    --- stdout
    --- stderr
    error: `ensure all --platfrom all` is not a larder command: unexpected argument '--platfrom' found
     --> versions.yml:5:5
      |
    5 |   - ensure all --platfrom all
      |     ^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: a similar argument exists: '--platform'

    error: `status --platform` is not a larder command: a value is required for '--platform <PLATFORM>' but none was supplied
     --> versions.yml:6:5
      |
    6 |   - status --platform
      |     ^^^^^^^^^^^^^^^^^
      |
      = help: write the line without the leading `larder`; `larder help` shows the commands

    error: 2 problems in the project's files
    ");
}

#[test]
fn check_warns_if_git_changed_the_line_ends_of_a_source() {
    let env = crate::env::TestEnv::new();
    env.larder(["init"]).success();
    env.write("subsystems/hello/both.txt", "a\r\nb\n");
    env.sh("git init -q && git add -A && git commit -qm all");
    // A clone as Windows makes it.
    let clone = "rm -rf copy && git -c core.autocrlf=true clone -q . copy";
    let warning = "warning: git changed the line ends of";
    env.sh(clone);
    let out = env.larder(["-C", "copy", "check"]).success();
    assert!(!out.stderr.contains(warning), "{}", out.stderr);
    env.write(".gitattributes", "versions.lock merge=union\n");
    env.sh("git add -A && git commit -qm attributes");
    env.sh(clone);
    // It is asked of git only: without it, a committed CR LF and a changed one are the same.
    let out = env.larder(["-C", "copy", "check"]).success();
    assert!(
        out.stderr.contains(&format!(
            "{warning} 1 file in subsystems/hello (such as hello.sh) to CR LF"
        )),
        "{}",
        out.stderr
    );
    assert!(out.stderr.contains("add `subsystems/hello/** -text`"));
    // The repository's configuration runs nothing.
    env.sh("git -C copy config core.fsmonitor 'touch ran; false'");
    env.larder(["-C", "copy", "check"]).success();
    assert!(!env.exists("copy/ran") && !env.exists("copy/subsystems/hello/ran"));
    env.sh("git -C copy config --unset core.fsmonitor");
    // What the hint says helps.
    env.sh("echo 'subsystems/hello/** -text' >> copy/.gitattributes");
    env.sh("cd copy && rm subsystems/hello/*.sh && git checkout -- subsystems/hello");
    let out = env.larder(["-C", "copy", "check"]).success();
    assert!(!out.stderr.contains(warning), "{}", out.stderr);
}
