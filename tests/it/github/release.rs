//! `release` and `ci` with a GitHub hub on the command line: what is pinned and installed
//! afterwards, and when nothing is written.

use larder_core::model::Digest;
use serde_json::json;

use crate::env::{TestEnv, host};
use crate::fake_github::{FakeGitHub, READ, Visibility, WRITE};
use crate::github::{REPO, assets, github, only_release};

/// One subsystem whose builds are never the same bytes.
fn project(env: TestEnv, github: &FakeGitHub) -> TestEnv {
    let mut env = env;
    env.script_subsystem("arc", "v0.1.0");
    env.edit(
        "subsystems/arc/recipe.yml",
        "\nverify:",
        "\n    - \"cat /proc/sys/kernel/random/uuid | sed 's/^/# /' >> {{ out }}/arc\"\nverify:",
    );
    let versions = env.read("versions.yml");
    env.write(
        "versions.yml",
        format!("{versions}hub: {{github: {REPO}}}\n"),
    );
    env.set("GITHUB_API_URL", github.api_url())
        .set("GITHUB_SERVER_URL", github.web_url())
        .set("GH_TOKEN", WRITE);
    env.set("LARDER_GITHUB_PACE", "0s")
        .set("LARDER_GITHUB_SETTLE", "1s");
    env
}

fn installed(env: &TestEnv) -> String {
    env.read("subsystems/arc/.bin/arc")
}

/// A replacement is deliberate: the lock pins the new bytes, and every user of that lock gets them.
#[test]
fn a_replaced_asset_is_pinned_in_the_lock() {
    let github = github(Visibility::Public);
    let env = project(TestEnv::new(), &github);
    env.larder(["ensure", "arc"]).success();
    env.larder(["release", "arc"]).success();
    let (old, asset) = (env.read("versions.lock"), format!("arc-{}.tar.gz", host()));
    env.larder(["ensure", "arc", "--rebuild"]).success();
    let out = env.larder_json(["release", "arc", "--replace"]).success();
    assert_eq!(out.finished("release")[0]["outcome"], "released");
    let lock = env.read("versions.lock");
    assert_ne!(lock, old);
    assert!(
        lock.contains(&Digest::of(&assets(&only_release(&github))[&asset]).to_string()),
        "{lock}"
    );
    assert_eq!(
        lock.lines().count(),
        old.lines().count(),
        "in the place of the old line"
    );
    github.clear_log();
    let out = env.larder_json(["release", "arc"]).success();
    assert_eq!(out.finished("release")[0]["outcome"], "up-to-date");
    assert!(github.writes().is_empty(), "{:?}", github.writes());
    let other = project(env.another("other"), &github);
    other.write("versions.lock", lock);
    assert_eq!(
        other
            .larder_json(["ensure", "arc", "--locked"])
            .success()
            .outcomes(),
        ["arc=downloaded"]
    );
    assert_eq!(installed(&other), installed(&env));
    // With the old lock the replaced asset is not accepted.
    let late = project(env.another("late"), &github);
    late.write("versions.lock", old);
    late.larder(["ensure", "arc"]).exits(4);
}

/// The asset published first is kept: the later builder installs its bytes, gets a warning, and
/// writes nothing.
#[test]
fn the_asset_published_first_is_adopted() {
    let github = github(Visibility::Public);
    let first = project(TestEnv::new(), &github);
    let second = project(first.another("second"), &github);
    for env in [&first, &second] {
        env.larder(["ensure", "arc"]).success();
    }
    assert_ne!(installed(&first), installed(&second));
    first.larder(["release", "arc"]).success();
    github.clear_log();
    let out = second.larder(["release", "arc"]).success();
    let found = out
        .stderr
        .lines()
        .find(|line| line.contains("was published first with other bytes of the same inputs"));
    assert!(
        found.is_some_and(
            |line| line.starts_with("warning: arc: ") && line.matches("arc: ").count() == 1
        ),
        "{}",
        out.stderr
    );
    assert!(github.writes().is_empty(), "{:?}", github.writes());
    assert_eq!(installed(&second), installed(&first));
    assert_eq!(second.read("versions.lock"), first.read("versions.lock"));
    assert_eq!(
        second.larder_json(["ensure", "arc"]).success().outcomes(),
        ["arc=up-to-date"]
    );
    second.larder(["verify", "arc"]).success();
    let out = second.larder(["release", "arc"]).success();
    assert!(!out.stderr.contains("published first"), "{}", out.stderr);
    assert!(github.writes().is_empty(), "{:?}", github.writes());
}

/// Automatic uploads happen on the default branch and on tags only, even if the token may write
/// elsewhere; a CI list with `release` succeeds anyway.
#[test]
fn ci_lists_release_only_where_uploads_are_allowed() {
    let events = [
        ("push", "refs/heads/main", true),
        ("push", "refs/tags/v1.0.0", true),
        ("workflow_dispatch", "refs/heads/topic", false),
        ("push", "refs/heads/topic", false),
        ("pull_request", "refs/pull/1/merge", false),
        ("pull_request_target", "refs/heads/main", false),
    ];
    for (event, reference, writes) in events {
        for list in [
            "ensure all",
            "ensure all --upload, release all",
            "ensure all, release project v1.0.0",
        ] {
            for token in if writes {
                vec![WRITE]
            } else {
                vec![READ, WRITE]
            } {
                let github = github(Visibility::Public);
                let mut env = project(TestEnv::new(), &github);
                env.write(
                    "versions.yml",
                    format!("{}ci: [{list}]\n", env.read("versions.yml")),
                );
                let payload = env.base().join("event.json");
                std::fs::write(
                    &payload,
                    json!({"repository": {"default_branch": "main"}}).to_string(),
                )
                .expect("the event");
                env.set("CI", "true")
                    .set("GITHUB_ACTIONS", "true")
                    .set("GITHUB_EVENT_PATH", &payload)
                    .set("GH_TOKEN", token);
                env.set("GITHUB_EVENT_NAME", event)
                    .set("GITHUB_REF", reference);
                let out = env.larder_json(["ci"]).success();
                assert_eq!(
                    !github.writes().is_empty(),
                    writes,
                    "{event} {reference} [{list}]: {:?}",
                    github.writes()
                );
                let last = out.finished("ci").pop().expect("a line");
                let released = writes || list == "ensure all";
                assert_eq!(
                    last["outcome"],
                    if released { "ran" } else { "skipped" },
                    "{event} {reference} [{list}]: {last}"
                );
                assert!(
                    released || last["reason"].as_str().is_some_and(|why| !why.is_empty()),
                    "{last}"
                );
            }
        }
    }
    // Outside of CI a list runs `release` as written.
    let github = github(Visibility::Public);
    let env = project(TestEnv::new(), &github);
    env.write(
        "versions.yml",
        format!(
            "{}ci: [ensure all, release all]\n",
            env.read("versions.yml")
        ),
    );
    env.larder(["ci"]).success();
    assert!(!only_release(&github).draft);
}
