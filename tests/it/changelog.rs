//! `changelog`, on real repositories of git.

use crate::env::{Output, TestEnv};

/// A project with the subsystem `arc`, which is built from its own folder, in a repository.
fn repository() -> TestEnv {
    let env = TestEnv::new();
    env.script_subsystem("arc", "v1.0.0");
    env.write(".gitignore", ".larder/\n.larder-hub/\n.bin/\n.dist/\n");
    git(&env, &["init", "--quiet"]);
    commit(&env, "Start");
    env
}

fn git(env: &TestEnv, args: &[&str]) -> String {
    env.run("git", args)
}

/// Commits everything, or an empty commit.
fn commit(env: &TestEnv, message: &str) {
    git(env, &["add", "--all"]);
    git(
        env,
        &["commit", "--quiet", "--allow-empty", "--message", message],
    );
}

/// Changes the source of a subsystem and commits that.
fn change(env: &TestEnv, name: &str, message: &str) -> String {
    let file = format!("subsystems/{name}/src/{name}.sh");
    let text = env.read(&file);
    env.write(&file, format!("{text}# {}\n", text.len()));
    commit(env, message);
    git(env, &["rev-parse", "HEAD"]).trim().to_owned()
}

fn bump(env: &TestEnv, from: &str, to: &str) {
    env.edit("versions.yml", from, to);
    commit(env, &format!("Bump to {to}"));
}

/// The output with the ids of commits replaced.
fn shown(out: &Output) -> String {
    let id = regex::Regex::new("[0-9a-f]{40}|`[0-9a-f]{7}`|[0-9a-f]{40}").expect("a pattern");
    id.replace_all(&out.redacted(), "[ID]").into_owned()
}

#[test]
fn changes_since_the_last_tag_are_grouped() {
    let env = repository();
    env.script_subsystem("other", "v1.0.0");
    commit(&env, "feat: other");
    change(&env, "arc", "fix: before the release");
    git(&env, &["tag", "arc-v1.0.0"]);
    change(&env, "arc", "feat(draw): add circles (#12)");
    change(&env, "other", "feat: not about arc");
    change(
        &env,
        "arc",
        "fix!: drop squares\n\nBREAKING CHANGE: draw a circle\ninstead.\n\nCo-authored-by: Eve <e@e.example>",
    );
    change(&env, "arc", "docs: say <b>why</b> to @all");
    let bad = change(&env, "arc", "perf: faster");
    git(&env, &["revert", "--no-edit", &bad]);
    change(&env, "arc", "chore: tidy\u{1b}[31m up");
    bump(&env, "arc: v1.0.0", "arc: v1.1.0");
    insta::assert_snapshot!(shown(&env.larder(["changelog", "arc"])), @r"
    exit: 0
    --- stdout
    ## arc v1.1.0

    ### Breaking changes

    - drop squares ([ID]) by Test, Eve
      - draw a circle instead.

    ### Features

    - **draw:** add circles (#12, [ID]) by Test

    ### Documentation

    - say &lt;b>why&lt;/b> to `@all` ([ID]) by Test

    ### Other changes

    - tidy\[31m up ([ID]) by Test
    --- stderr
    ");
    let document = env.larder_json(["changelog", "arc"]).success().document();
    assert_eq!(document["previous"], "v1.0.0");
    assert_eq!(document["basis"], "tag");
    assert_eq!(document["from"], "arc-v1.0.0");
    assert_eq!(document["groups"][0]["kind"], "breaking");
    assert_eq!(document["groups"][1]["changes"][0]["pull_requests"][0], 12);
}

#[test]
fn a_github_hub_gives_links() {
    let mut env = repository();
    env.edit(
        "versions.yml",
        "versions:",
        "hub: {github: acme/tools}\nversions:",
    );
    commit(&env, "Name the hub");
    git(&env, &["tag", "arc-v0.9.0"]);
    git(&env, &["checkout", "--quiet", "-b", "topic"]);
    change(&env, "arc", "Add triangles");
    git(&env, &["checkout", "--quiet", "main"]);
    commit(&env, "Something else");
    let title = "Merge pull request #7 from acme/topic\n\nAdd triangles";
    git(
        &env,
        &["merge", "--quiet", "--no-ff", "--message", title, "topic"],
    );
    change(&env, "arc", "Add a square (#8)");
    insta::assert_snapshot!(shown(&env.larder(["changelog", "arc"])), @r"
    exit: 0
    --- stdout
    ## arc v1.0.0

    - Add a square ([#8](https://github.com/acme/tools/pull/8), [[ID]](https://github.com/acme/tools/commit/[COMMIT])) by Test
    - Add triangles ([#7](https://github.com/acme/tools/pull/7), [[ID]](https://github.com/acme/tools/commit/[COMMIT])) by Test
    --- stderr
    ");
    env.set("GITHUB_SERVER_URL", "https://git.acme.example");
    let text = env.larder(["changelog", "arc"]).success().stdout;
    assert!(
        text.contains("https://git.acme.example/acme/tools/pull/8"),
        "{text}"
    );
}

#[test]
fn without_tags_the_range_begins_at_the_pin_before() {
    let env = repository();
    change(&env, "arc", "Old");
    bump(&env, "arc: v1.0.0", "arc: v1.1.0");
    change(&env, "arc", "New one");
    // A change of the same file that leaves the pin alone.
    env.edit("versions.yml", "versions:", "# pins\nversions:");
    commit(&env, "Comment");
    change(&env, "arc", "New two");
    bump(&env, "arc: v1.1.0", "arc: v1.2.0");
    let summaries = |args: &[&str]| {
        let document = env.larder_json(args).success().document();
        let changes = document["groups"][0]["changes"].as_array().cloned();
        let names: Vec<String> = changes
            .unwrap_or_default()
            .iter()
            .map(|change| change["summary"].as_str().unwrap_or_default().to_owned())
            .collect();
        let text = |key: &str| document[key].as_str().unwrap_or("-").to_owned();
        format!(
            "{} {} → {}: {}",
            text("basis"),
            text("previous"),
            text("version"),
            names.join(", ")
        )
    };
    let arc = ["changelog", "arc"];
    assert_eq!(summaries(&arc), "pin v1.1.0 → v1.2.0: New two, New one");
    // The same before the new pin is committed.
    git(&env, &["reset", "--quiet", "--soft", "HEAD~1"]);
    assert_eq!(summaries(&arc), "pin v1.1.0 → v1.2.0: New two, New one");
    // The version is the one that the end of the range pins.
    let to = [&arc[..], &["--to", "HEAD~3"]].concat();
    assert_eq!(summaries(&to), "pin v1.0.0 → v1.1.0: Old");
    let from = [&arc[..], &["--from", "HEAD~1"]].concat();
    assert_eq!(summaries(&from), "given v1.1.0 → v1.2.0: New two");
}

#[test]
fn the_whole_history_is_said_to_be_that() {
    let env = repository();
    insta::assert_snapshot!(shown(&env.larder(["changelog", "arc"])), @r"
    exit: 0
    --- stdout
    ## arc v1.0.0

    - Start ([ID]) by Test
    --- stderr
    no earlier version of arc was found: this is the whole history
    ");
    git(&env, &["tag", "arc-v0.1.0"]);
    insta::assert_snapshot!(shown(&env.larder(["changelog", "arc"])), @r"
    exit: 0
    --- stdout
    --- stderr
    no commit touches arc since arc-v0.1.0
    ");
}

#[test]
fn an_upstream_has_pages_about_the_versions() {
    let env = repository();
    env.recipe(
        "nats",
        "binaries: [nats-server]\nplatforms: [linux-amd64]\nupstream:\n  github: nats-io/nats-server\n  asset: a.tar.gz\n",
    );
    env.edit(
        "versions.yml",
        "versions:\n",
        "versions:\n  nats: v2.10.20\n",
    );
    commit(&env, "Add nats");
    bump(&env, "v2.10.20", "v2.10.24");
    insta::assert_snapshot!(shown(&env.larder(["changelog", "nats"])), @r"
    exit: 0
    --- stdout
    ## nats v2.10.24

    Version v2.10.20 → v2.10.24: [release notes](https://github.com/nats-io/nats-server/releases/tag/v2.10.24), [all changes](https://github.com/nats-io/nats-server/compare/v2.10.20...v2.10.24)
    --- stderr
    ");
}

#[test]
fn a_shallow_clone_is_said_to_be_incomplete() {
    let env = repository();
    change(&env, "arc", "One");
    git(&env, &["tag", "arc-v0.9.0"]);
    change(&env, "arc", "Two");
    let clone = env.base().join("clone");
    let url = format!("file://{}", env.project());
    git(
        &env,
        &["clone", "--quiet", "--depth=1", &url, clone.as_str()],
    );
    let out = env
        .larder(["-C", clone.as_str(), "changelog", "arc"])
        .success();
    assert!(
        out.stderr.contains("the clone is shallow"),
        "{}",
        out.stderr
    );
    assert!(
        out.stderr.contains("git fetch --unshallow"),
        "{}",
        out.stderr
    );
    let args = [
        "-C",
        clone.as_str(),
        "changelog",
        "arc",
        "--from",
        "arc-v0.9.0",
    ];
    let failed = env.larder(args);
    assert_eq!(failed.code, Some(2));
    assert!(
        failed.stderr.contains("fetch-depth: 0"),
        "{}",
        failed.stderr
    );
    // With the whole history since the tag, nothing is missing.
    git(
        &env,
        &[
            "-C",
            clone.as_str(),
            "fetch",
            "--quiet",
            "--unshallow",
            "--tags",
        ],
    );
    let out = env
        .larder(["-C", clone.as_str(), "changelog", "arc"])
        .success();
    assert!(!out.stderr.contains("shallow"), "{}", out.stderr);
}

#[test]
fn the_recipe_says_where_the_changelog_comes_from() {
    let env = repository();
    git(&env, &["tag", "arc-v0.9.0"]);
    change(&env, "arc", "Source");
    env.write("docs/arc.md", "about arc\n");
    commit(&env, "Documents");
    let recipe = env.read("subsystems/arc/recipe.yml");
    let with = |changelog: &str| {
        let publish = format!("{recipe}publish:\n  changelog: {changelog}\n");
        env.write("subsystems/arc/recipe.yml", publish);
        env.larder(["changelog", "arc"])
    };
    let text = with("{paths: [../../docs]}").success().stdout;
    assert!(
        text.contains("- Documents (") && !text.contains("Source"),
        "{text}"
    );
    let outside = with("{paths: [../../..]}");
    assert_eq!(outside.code, Some(2));
    let out = with("{from: none}").success();
    assert_eq!(out.stdout, "");
    assert!(out.stderr.contains("wants no changelog"), "{}", out.stderr);
    env.write(
        "CHANGES.md",
        "# Changes\n\n## 1.0.0\n\n- by hand\n\n## 0.9.0\n",
    );
    let text = with("{from: ../../CHANGES.md}").success().stdout;
    assert_eq!(text, "## arc v1.0.0\n\n- by hand\n");
    env.write("CHANGES.md", "# Changes\n");
    let missing = with("{from: ../../CHANGES.md}");
    assert_eq!(missing.code, Some(2));
    assert!(
        missing.stderr.contains("no section about v1.0.0"),
        "{}",
        missing.stderr
    );
}

#[test]
fn wrong_calls_are_exit_2_with_a_hint() {
    let env = TestEnv::new();
    env.script_subsystem("arc", "v1.0.0");
    insta::assert_snapshot!(env.larder(["changelog", "arc"]).redacted(), @r"
    exit: 2
    --- stdout
    --- stderr
    error: [PROJECT] is not in a git repository
      caused by: a changelog is made of the commits of the project's repository
      help: run it in a checkout of the project, or make a repository with `git init`
    ");
    insta::assert_snapshot!(env.larder(["changelog", "ark"]).redacted(), @r"
    exit: 2
    --- stdout
    --- stderr
    error: no subsystem is called `ark`
      help: `larder list` shows the subsystems of the project
    ");
    git(&env, &["init", "--quiet"]);
    insta::assert_snapshot!(env.larder(["changelog", "arc"]).redacted(), @r"
    exit: 2
    --- stdout
    --- stderr
    error: the repository [PROJECT] has no commit yet
      help: commit the project's files first
    ");
    commit(&env, "Start");
    insta::assert_snapshot!(env.larder(["changelog", "arc", "--from=--all"]).redacted(), @r"
    exit: 2
    --- stdout
    --- stderr
    error: `--all` is no tag, branch or commit of [PROJECT]
      help: `git tag` lists the tags, and `git fetch --tags` fetches those of the remote
    ");
}

#[test]
fn settings_of_the_repository_and_variables_of_git_have_no_effect() {
    let mut env = repository();
    git(&env, &["tag", "arc-v0.9.0"]);
    change(&env, "arc", "One");
    let before = env.larder(["changelog", "arc"]).success().stdout;
    let ran = env.home().join("ran");
    let program = env.write_executable("evil", format!("#!/bin/sh\ntouch {ran}\n"));
    for (name, value) in [
        ("diff.external", program.as_str()),
        ("core.fsmonitor", program.as_str()),
        ("core.pager", program.as_str()),
        ("gpg.program", program.as_str()),
        ("log.showSignature", "true"),
        ("log.follow", "true"),
        ("i18n.logOutputEncoding", "UTF-16"),
        ("color.ui", "always"),
        ("format.pretty", "raw"),
    ] {
        git(&env, &["config", name, value]);
    }
    for (name, value) in [
        ("GIT_DIR", "/nowhere"),
        ("GIT_EXTERNAL_DIFF", program.as_str()),
        ("GIT_LITERAL_PATHSPECS", "1"),
        ("GIT_PAGER", program.as_str()),
    ] {
        env.set(name, value);
    }
    let after = env.larder(["changelog", "arc"]).success().stdout;
    assert_eq!(after, before);
    assert!(
        !ran.exists(),
        "a program of the repository's configuration ran"
    );
}

#[test]
fn a_project_release_lists_the_changes_of_each_subsystem_and_keeps_them() {
    let env = repository();
    env.script_subsystem("other", "v1.0.0");
    commit(&env, "feat: other");
    git(&env, &["tag", "arc-v1.0.0"]);
    git(&env, &["tag", "other-v1.0.0"]);
    change(&env, "arc", "feat: add circles");
    bump(&env, "arc: v1.0.0", "arc: v1.1.0");
    env.larder(["release", "project", "v1"]).success();
    let notes = env.read(".larder-hub/v1/notes.md");
    let (table, changes) = notes.split_once("\n## Changes\n").expect("changes");
    assert!(table.contains("| arc | v1.1.0 |"), "{notes}");
    assert!(
        changes.contains("### arc v1.1.0: changes since v1.0.0") && changes.contains("add circles"),
        "{notes}"
    );
    // A later commit changes neither the release nor its notes.
    let recipe = env.read("subsystems/arc/recipe.yml");
    env.write(
        "subsystems/arc/recipe.yml",
        format!("# A comment.\n{recipe}"),
    );
    commit(&env, "docs: a comment");
    env.larder(["release", "project", "v1"]).success();
    assert_eq!(env.read(".larder-hub/v1/notes.md"), notes);
}
