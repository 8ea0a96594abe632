//! `larder publish` to a `NuGet` feed.

use super::{Project, assert_nowhere, ended, said};
use crate::servers::nuget::{KEY, NugetFeed};

fn project(feed: &NugetFeed) -> Project {
    let channel = format!("  chocolatey: {{push: \"{}\"}}\n", feed.url());
    let mut project = Project::new("v1.2.3", &channel);
    project.env.set("CHOCOLATEY_API_KEY", KEY);
    project.install();
    project
}

#[test]
fn a_package_is_pushed_once_and_unlisted() {
    let feed = NugetFeed::start();
    let project = project(&feed);
    let output = project.publish(&["--dry-run"]).success();
    assert_eq!(ended(&output, "chocolatey"), "skipped would be pushed");
    let output = project.publish(&[]).success();
    assert_eq!(ended(&output, "chocolatey"), "published ");
    let rendered = project
        .env
        .larder(["publish", "all", "--render", "--out", "rendered"]);
    rendered.success();
    let file = project.env.path("rendered/arc/chocolatey/arc.1.2.3.nupkg");
    assert_eq!(
        feed.package("arc", "1.2.3"),
        Some(std::fs::read(file).unwrap())
    );
    let output = project.publish(&[]).success();
    assert_eq!(ended(&output, "chocolatey"), "up-to-date already there");
    assert_eq!(feed.requests("PUT"), 1);
    assert_nowhere(&project.env, KEY);
    project.env.larder(["unpublish", "arc@v1.2.3"]).success();
    assert!(!feed.is_listed("arc", "1.2.3"));
}

#[test]
fn faults_have_their_exit_codes_and_the_next_run_converges() {
    for (status, code) in [(503, 5), (403, 1), (401, 1), (400, 1)] {
        let feed = NugetFeed::start();
        let project = project(&feed);
        feed.fail(0, status);
        let text = said(&project.publish_plain(&[]).exits(code));
        let is_right = matches!(status, 401 | 403);
        assert_eq!(text.contains("the right to push"), is_right, "{text}");
        assert_eq!(feed.requests("PUT"), 1, "{status}");
        project.publish(&[]).success();
        assert!(feed.package("arc", "1.2.3").is_some(), "{status}");
        assert_eq!(feed.requests("PUT"), 2, "{status}");
    }
    let feed = NugetFeed::start();
    let project = project(&feed);
    project.try_again();
    feed.lose_answer();
    project.publish(&[]).success();
    assert_eq!(feed.requests("PUT"), 1);
}

#[test]
fn other_bytes_no_key_and_moderation_are_told() {
    let feed = NugetFeed::start();
    let mut project = project(&feed);
    feed.put("arc", "1.2.3", b"other bytes");
    let output = project.publish(&[]).exits(4);
    let text = ended(&output, "chocolatey");
    assert_eq!(text.matches("sha512-").count(), 2, "{text}");
    assert_eq!(feed.requests("PUT"), 0);
    // A feed that shows nothing answers 409.
    feed.moderate();
    let output = project.publish(&[]).exits(5);
    let text = ended(&output, "chocolatey");
    assert!(text.contains("does not show it yet"), "{text}");
    project.env.unset("CHOCOLATEY_API_KEY");
    for more in [&["--dry-run"][..], &[]] {
        let text = said(&project.publish_plain(more).exits(1));
        assert!(text.contains("CHOCOLATEY_API_KEY"), "{text}");
    }
}

#[test]
fn without_a_feed_nothing_is_pushed() {
    let project = Project::new("v1.2.3", "  chocolatey: {}\n");
    project.install();
    let text = said(&project.publish_plain(&[]).exits(2));
    assert!(text.contains("`chocolatey: {push: URL}`"), "{text}");
    project.publish_plain(&["--skip", "chocolatey"]).success();
}
