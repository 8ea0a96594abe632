//! What `release` and `ensure` upload automatically, and the syntax of the command.

use serde_json::json;

use super::project;

#[test]
fn the_word_binary_is_optional() {
    let env = project("");
    env.larder(["ensure", "all"]).success();
    env.larder(["release", "binary", "one"]).success();
    env.larder(["release", "two"]).success();
    assert!(env.exists(".larder-hub/one-v1.0.0") && env.exists(".larder-hub/two-v2.0.0"));
}

/// In GitHub Actions the same rules apply to a folder hub as to a repository; in other CI systems
/// the event is unknown.
#[test]
fn ci_uploads_to_a_folder_hub_only_on_allowed_events() {
    let events = [
        (Some(("push", "refs/heads/main")), "released"),
        (Some(("push", "refs/tags/v1.0.0")), "released"),
        (Some(("push", "refs/heads/topic")), "skipped"),
        (Some(("pull_request", "refs/pull/1/merge")), "skipped"),
        (Some(("pull_request_target", "refs/heads/main")), "skipped"),
        (None, "released"),
    ];
    for (event, outcome) in events {
        let mut env = project("ci: [ensure one, release one]\n");
        env.set("CI", "true");
        if let Some((name, reference)) = event {
            let payload = env.base().join("event.json");
            std::fs::write(
                &payload,
                json!({"repository": {"default_branch": "main"}}).to_string(),
            )
            .expect("the event");
            env.set("GITHUB_ACTIONS", "true")
                .set("GITHUB_EVENT_PATH", &payload);
            env.set("GITHUB_EVENT_NAME", name)
                .set("GITHUB_REF", reference);
        }
        let out = env.larder_json(["ensure", "one"]).success();
        assert_eq!(out.finished("release")[0]["outcome"], outcome, "{event:?}");
        env.larder(["ci"]).success();
        assert_eq!(
            env.exists(".larder-hub/one-v1.0.0"),
            outcome == "released",
            "{event:?}"
        );
    }
}
