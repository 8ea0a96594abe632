//! The main workflow of a team on the command line: the first machine builds and releases; all
//! others download.

use serde_json::json;

use crate::env::{TestEnv, host};
use crate::fake_github::{FakeGitHub, Origin, READ, Visibility, WRITE};
use crate::github::{REPO, github};
use crate::github_actions::git;

/// A machine that is configured to use the fake GitHub.
pub fn machine(env: TestEnv, github: &FakeGitHub, token: Option<&str>) -> TestEnv {
    let mut env = env;
    env.set("GITHUB_API_URL", github.api_url())
        .set("GITHUB_SERVER_URL", github.web_url());
    env.set("LARDER_GITHUB_PACE", "0s")
        .set("LARDER_GITHUB_SETTLE", "1s");
    if let Some(token) = token {
        env.set("GH_TOKEN", token);
    }
    env
}

/// A repository of two subsystems with this hub.
pub fn project(env: &TestEnv) {
    env.script_subsystem("arc", "v0.1.0");
    env.script_subsystem("sync", "v0.1.0");
    let versions = env.read("versions.yml");
    env.write(
        "versions.yml",
        format!("{versions}hub: {{github: {REPO}}}\n"),
    );
    env.write(".gitignore", ".bin/\n.dist/\n.larder/\n.collection/\n");
    git(env, env.project(), &["init", "--quiet"]);
    commit(env);
}

fn commit(env: &TestEnv) {
    git(env, env.project(), &["add", "--all"]);
    git(env, env.project(), &["commit", "--quiet", "-m", "a change"]);
}

/// A fresh clone on another machine with nothing in its cache.
fn clone(from: &TestEnv, name: &str, github: &FakeGitHub, token: Option<&str>) -> TestEnv {
    let env = machine(from.another(name), github, token);
    git(
        &env,
        env.project(),
        &["clone", "--quiet", from.project().as_str(), "."],
    );
    assert!(!env.exists("subsystems/arc/.bin"));
    env
}

fn tags(github: &FakeGitHub) -> Vec<String> {
    let mut tags: Vec<_> = github
        .releases(REPO)
        .into_iter()
        .filter(|r| !r.draft)
        .map(|r| r.tag)
        .collect();
    tags.sort();
    tags
}

#[test]
fn the_first_machine_builds_and_all_others_download() {
    let github = github(Visibility::Public);
    let first = machine(TestEnv::new(), &github, Some(WRITE));
    project(&first);
    assert_eq!(
        first.larder_json(["ensure", "all"]).success().outcomes(),
        ["arc=built", "sync=built"]
    );
    assert!(
        tags(&github).is_empty(),
        "a laptop wrote without being asked"
    );
    first.larder(["release", "all"]).success();
    assert_eq!(tags(&github), ["arc-v0.1.0", "sync-v0.1.0"]);
    github.clear_log();
    first.larder(["release", "all"]).success();
    assert!(github.writes().is_empty(), "a second release wrote");

    // A fresh clone: no token, no cache, no API call, nothing built.
    github.clear_log();
    let second = clone(&first, "second", &github, None);
    assert_eq!(
        second.larder_json(["ensure", "all"]).success().outcomes(),
        ["arc=downloaded", "sync=downloaded"]
    );
    assert_eq!(github.count(Origin::Api), 0);
    assert_eq!(second.sh("subsystems/arc/.bin/arc").trim(), "arc v0.1.0");
    // With the lock lines that this run wrote, a clone needs one request per asset.
    commit(&second);
    github.clear_log();
    let locked = clone(&second, "locked", &github, None);
    assert_eq!(
        locked
            .larder_json(["ensure", "all", "--locked"])
            .success()
            .outcomes(),
        ["arc=downloaded", "sync=downloaded"]
    );
    assert_eq!(
        (github.count(Origin::Api), github.count(Origin::Web)),
        (0, 2)
    );

    // After a bump there is exactly one build and one release; a third clone downloads it.
    second.edit("versions.yml", "arc: v0.1.0", "arc: v0.2.0");
    let second = machine(second, &github, Some(WRITE));
    assert_eq!(
        second.larder_json(["ensure", "all"]).success().outcomes(),
        ["arc=built", "sync=up-to-date"]
    );
    second.larder(["release", "binary", "arc"]).success();
    assert_eq!(tags(&github), ["arc-v0.1.0", "arc-v0.2.0", "sync-v0.1.0"]);
    commit(&second);
    github.clear_log();
    let third = clone(&second, "third", &github, None);
    assert_eq!(
        third.larder_json(["ensure", "all"]).success().outcomes(),
        ["arc=downloaded", "sync=downloaded"]
    );
    assert_eq!(github.count(Origin::Api), 0);
    assert_eq!(third.sh("subsystems/arc/.bin/arc").trim(), "arc v0.2.0");
}

/// A machine of CI at an event.
fn runner(env: TestEnv, event: &str) -> TestEnv {
    let payload = env.base().join("event.json");
    std::fs::write(
        &payload,
        json!({"repository": {"default_branch": "main"}}).to_string(),
    )
    .expect("the event");
    let mut env = env;
    env.set("CI", "true")
        .set("GITHUB_ACTIONS", "true")
        .set("GITHUB_EVENT_PATH", &payload)
        .set("GITHUB_REF", "refs/heads/main");
    env.set("GITHUB_EVENT_NAME", event);
    env
}

/// The same in the environment of CI, without an explicit `release`; pull requests never write.
#[test]
fn ci_releases_what_it_built_and_pull_requests_never_write() {
    for (visibility, token) in [
        (Visibility::Public, None),
        (Visibility::Private, Some(READ)),
    ] {
        let github = github(visibility);
        let origin = machine(TestEnv::new(), &github, None);
        project(&origin);
        let at =
            |name: &str, event: &str| runner(clone(&origin, name, &github, Some(WRITE)), event);
        let pull = at("pull", "pull_request");
        assert_eq!(
            pull.larder_json(["ensure", "all"]).success().outcomes(),
            ["arc=built", "sync=built"]
        );
        assert!(github.writes().is_empty(), "a pull request wrote");
        let push = at("push", "push");
        assert_eq!(
            push.larder_json(["ensure", "all"]).success().outcomes(),
            ["arc=built", "sync=built"]
        );
        assert_eq!(tags(&github), ["arc-v0.1.0", "sync-v0.1.0"]);

        let reader = clone(&origin, "reader", &github, token);
        github.clear_log();
        assert_eq!(
            reader.larder_json(["ensure", "all"]).success().outcomes(),
            ["arc=downloaded", "sync=downloaded"]
        );
        assert!(token.is_some() || github.count(Origin::Api) == 0);

        // After a bump there is exactly one build, which is released automatically; a third clone
        // downloads it.
        origin.edit("versions.yml", "arc: v0.1.0", "arc: v0.2.0");
        commit(&origin);
        let push = at("push-again", "push");
        assert_eq!(
            push.larder_json(["ensure", "all"]).success().outcomes(),
            ["arc=built", "sync=downloaded"]
        );
        assert_eq!(tags(&github), ["arc-v0.1.0", "arc-v0.2.0", "sync-v0.1.0"]);
        let third = clone(&origin, "third", &github, token);
        github.clear_log();
        assert_eq!(
            third.larder_json(["ensure", "all"]).success().outcomes(),
            ["arc=downloaded", "sync=downloaded"]
        );
        assert!(token.is_some() || github.count(Origin::Api) == 0);
        assert_eq!(third.sh("subsystems/arc/.bin/arc").trim(), "arc v0.2.0");
    }
}

/// A platform that is added after an immutable release was published is found in a release of its
/// own.
#[test]
fn a_late_platform_of_an_immutable_release_is_downloaded() {
    let github = github(Visibility::Public);
    github.immutable(REPO);
    github.put_release(
        REPO,
        "arc-v0.1.0",
        false,
        &[("arc-plan9-mips.tar.gz", b"x")],
    );
    let first = machine(TestEnv::new(), &github, Some(WRITE));
    project(&first);
    first.larder(["ensure", "arc"]).success();
    first.larder(["release", "arc"]).success();
    assert_eq!(github.releases(REPO).len(), 2);
    assert!(
        github.releases(REPO)[1].tag.starts_with("arc-v0.1.0-"),
        "for {}",
        host()
    );
    let second = clone(&first, "second", &github, None);
    assert_eq!(
        second.larder_json(["ensure", "arc"]).success().outcomes(),
        ["arc=downloaded"]
    );
}
