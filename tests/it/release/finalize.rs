//! `release finalize` and `release abort`.

use super::{REPO, states, with_github};

#[test]
fn finalize_lists_missing_targets_and_publishes_once_complete() {
    let (env, github) = with_github();
    env.larder(["ensure", "one", "--platform", "all"]).success();
    env.larder(["release", "one", "--platform", "linux-amd64", "--stage"])
        .success();
    assert_eq!(states(&env)[0], "one linux-amd64 draft");
    let out = env.larder(["release", "finalize", "one"]).exits(1);
    assert!(
        out.stderr
            .contains("the release of one does not have linux-arm64"),
        "{}",
        out.stderr
    );
    assert!(github.releases(REPO)[0].draft, "nothing half is published");
    // An asset in the draft that has other inputs does not count.
    env.edit("subsystems/one/src/one.sh", "echo", "echo again");
    assert_eq!(states(&env)[0], "one linux-amd64 other-inputs");
    let out = env.larder(["release", "finalize", "one"]).exits(1);
    assert!(
        out.stderr
            .contains("linux-amd64 (released from other inputs)"),
        "{}",
        out.stderr
    );
    env.edit("subsystems/one/src/one.sh", "echo again", "echo");
    env.larder(["release", "one", "--platform", "linux-arm64", "--stage"])
        .success();
    env.larder(["release", "finalize", "one"]).success();
    assert!(!github.releases(REPO)[0].draft);
    assert_eq!(
        states(&env)[..2],
        ["one linux-amd64 released", "one linux-arm64 released"]
    );
    github.clear_log();
    let out = env.larder_json(["release", "finalize", "one"]).success();
    assert_eq!(out.finished("release")[0]["outcome"], "up-to-date");
    assert!(github.writes().is_empty(), "{:?}", github.writes());
}

#[test]
fn abort_deletes_the_draft_and_nothing_else() {
    let (env, github) = with_github();
    env.larder(["ensure", "all"]).success();
    env.larder(["release", "one", "--stage"]).success();
    env.larder(["release", "two"]).success();
    // The draft of a late platform of an immutable release is deleted too; other tags are not.
    let of_late = github.releases(REPO)[0]
        .assets
        .iter()
        .find_map(|asset| asset.label.clone())
        .expect("a label tells inputs");
    let short = of_late
        .trim_end_matches(')')
        .rsplit(' ')
        .next()
        .expect("inputs");
    github.put_release(
        REPO,
        &format!("one-v1.0.0-{short}"),
        true,
        &[("x.zip", b"x")],
    );
    github.put_release(REPO, "two-v2.0.0-0123456789ab", true, &[("x.zip", b"x")]);
    github.clear_log();
    env.larder(["release", "abort", "all"]).success();
    let lists = github
        .log()
        .iter()
        .filter(|entry| entry.method == "GET")
        .count();
    assert!(lists <= 4, "{lists} questions");
    let mut left = github.releases(REPO);
    assert_eq!(
        left.pop().map(|release| release.tag).as_deref(),
        Some("two-v2.0.0-0123456789ab")
    );
    assert_eq!(
        left.iter()
            .map(|release| release.tag.as_str())
            .collect::<Vec<_>>(),
        ["two-v2.0.0"]
    );
}
