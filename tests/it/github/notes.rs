//! What the page of a release says about the changes.

use super::build_once::{machine, project};
use super::{REPO, github};
use crate::env::TestEnv;
use crate::fake_github::{FakeGitHub, Visibility, WRITE};
use crate::github_actions::git;

fn body(github: &FakeGitHub, tag: &str) -> String {
    let releases = github.releases(REPO);
    let release = releases.into_iter().find(|release| release.tag == tag);
    release.expect(tag).body.unwrap_or_default()
}

/// A commit that changes `arc`.
fn change(env: &TestEnv, message: &str) {
    let text = env.read("subsystems/arc/src/arc.sh");
    env.write("subsystems/arc/src/arc.sh", text + "# changed\n");
    git(env, env.project(), &["commit", "--quiet", "-am", message]);
}

#[test]
fn a_new_release_lists_the_changes_since_the_version_before() {
    let github = github(Visibility::Public);
    let env = machine(TestEnv::new(), &github, Some(WRITE));
    project(&env);
    git(&env, env.project(), &["tag", "arc-v0.0.9"]);
    change(&env, "feat: draw <b>circles</b> (#4)");
    change(&env, "fix: thank @everyone");
    env.larder(["ensure", "all"]).success();
    env.larder(["release", "all"]).success();
    let text = body(&github, "arc-v0.1.0");
    let (intro, changes) = text.split_once("\n\n").expect("two parts");
    assert!(intro.starts_with("Binaries of arc-v0.1.0, published by larder."));
    assert!(
        changes.starts_with("## Changes since v0.0.9\n\n### Features\n\n- draw &lt;b>circles"),
        "{changes}"
    );
    assert!(changes.contains("/pull/4)"), "{changes}");
    assert!(changes.contains("- thank `@everyone` ("), "{changes}");
    let sync = body(&github, "sync-v0.1.0");
    assert!(
        sync.contains("## All changes so far\n\n- a change ("),
        "{sync}"
    );

    // Later changes leave the page alone, and so does a second run.
    change(&env, "fix: later");
    github.clear_log();
    env.larder(["release", "sync"]).success();
    assert!(github.writes().is_empty(), "a second release wrote");
    assert_eq!(body(&github, "arc-v0.1.0"), text);
}

#[test]
fn notes_that_cannot_be_made_fail_no_release() {
    // In a shallow clone the first commit seems to have made everything.
    let github = github(Visibility::Public);
    let first = machine(TestEnv::new(), &github, Some(WRITE));
    project(&first);
    change(&first, "fix: one");
    let shallow = machine(first.another("shallow"), &github, Some(WRITE));
    let url = format!("file://{}", first.project());
    let clone = ["clone", "--quiet", "--depth=1", &url, "."];
    git(&shallow, shallow.project(), &clone);
    shallow.larder(["ensure", "arc"]).success();
    let out = shallow.larder(["release", "arc"]).success();
    assert!(out.stderr.contains("fetch-depth: 0"), "{}", out.stderr);
    assert!(!body(&github, "arc-v0.1.0").contains("##"));

    // A repository that git can't read.
    std::fs::write(first.path(".git/HEAD"), "ref: refs/heads/gone\n").expect("write HEAD");
    first.larder(["ensure", "sync"]).success();
    let out = first.larder(["release", "sync"]).success();
    assert!(
        out.stderr.contains("lists no changes") && out.stderr.contains("no commit yet"),
        "{}",
        out.stderr
    );
    assert!(!body(&github, "sync-v0.1.0").contains("##"));
}
