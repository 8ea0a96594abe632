//! `larder publish` to an npm registry.

use super::{Project, assert_nowhere, ended, said};
use crate::servers::npm::{NpmRegistry, TOKEN};

const MAIN: &str = "@acme/arc";
const LINUX: &str = "@acme/arc-linux-x64";
const WINDOWS: &str = "@acme/arc-win32-x64";

fn project(version: &str, registry: &NpmRegistry) -> Project {
    let mut project = Project::new(version, "  npm: {package: \"@acme/arc\"}\n");
    project
        .env
        .set("npm_config_registry", registry.url())
        .set("NPM_TOKEN", TOKEN);
    project.install();
    project
}

#[test]
fn platforms_come_first_and_a_second_run_writes_nothing() {
    let registry = NpmRegistry::start();
    let project = project("v1.2.3", &registry);
    let output = project.publish(&["--dry-run"]).success();
    assert_eq!(ended(&output, "npm"), "skipped would be pushed");
    assert_eq!(registry.requests("PUT"), 0);
    let output = project.publish(&[]).success();
    assert_eq!(ended(&output, "npm"), "published ");
    let written: Vec<String> = [LINUX, WINDOWS, MAIN]
        .map(|name| format!("{name}@1.2.3 latest"))
        .to_vec();
    assert_eq!(registry.writes(), written);
    let output = project.publish(&[]).success();
    assert_eq!(ended(&output, "npm"), "up-to-date already there");
    assert_eq!(registry.requests("PUT"), 3);
    assert_nowhere(&project.env, TOKEN);

    // The next version replaces it.
    project.set_version("v1.3.0");
    project.install();
    project.publish(&[]).success();
    assert_eq!(registry.tag(MAIN, "latest").as_deref(), Some("1.3.0"));
    let status = project
        .env
        .larder(["publish", "status", "--json"])
        .success();
    let status = status.document();
    let channel = &status["subsystems"][0]["channels"][0];
    assert_eq!(channel["current"], "1.3.0");
    assert_eq!(channel["state"], "published");
}

#[test]
fn after_a_fault_at_any_write_the_next_run_converges() {
    for (fault, n) in [("503", 0), ("503", 2), ("lost", 0), ("lost", 2)] {
        let registry = NpmRegistry::start();
        let project = project("v1.2.3", &registry);
        let context = format!("{fault} at write {n}");
        if fault == "503" {
            registry.fail(n, 503);
        } else {
            registry.lose_answer_of(n);
        }
        let output = project.publish(&[]).exits(5);
        let text = ended(&output, "npm");
        assert!(text.starts_with("failed"), "{context}: {text}");
        let lost = usize::from(fault == "lost");
        assert_eq!(registry.writes().len(), n + lost, "{context}");
        let output = project.publish(&[]).success();
        assert_eq!(registry.writes().len(), 3, "{context}");
        let is_complete = n == 2 && fault == "lost";
        let outcome = if is_complete {
            "up-to-date already there"
        } else {
            "published "
        };
        assert_eq!(ended(&output, "npm"), outcome, "{context}");
    }
    // In one run, with tries.
    let registry = NpmRegistry::start();
    let project = project("v1.2.3", &registry);
    project.try_again();
    registry.fail(1, 503);
    registry.lose_answer_of(2);
    project.publish(&[]).success();
    assert_eq!(registry.writes().len(), 3);
}

#[test]
fn other_bytes_under_the_version_are_an_error_and_nothing_is_overwritten() {
    let registry = NpmRegistry::start();
    let project = project("v1.2.3", &registry);
    registry.put(WINDOWS, "1.2.3", "latest", b"other bytes");
    let output = project.publish(&[]).exits(4);
    let ended = ended(&output, "npm");
    let names = ended.contains("@acme/arc-win32-x64@1.2.3");
    assert!(names && ended.matches("sha512-").count() == 2, "{ended}");
    assert_eq!(registry.requests("PUT"), 0);
}

#[test]
fn a_token_without_the_right_is_tried_once_and_the_right_is_named() {
    let registry = NpmRegistry::start();
    let project = project("v1.2.3", &registry);
    project.try_again();
    registry.fail(0, 403);
    let output = project.publish_plain(&[]).exits(1);
    assert_eq!(registry.requests("PUT"), 1);
    let text = said(&output);
    assert!(text.contains("the right to read and write"), "{text}");
}

#[test]
fn latest_never_goes_back() {
    for (version, there, tag) in [
        ("v1.2.3", "2.0.0", "latest-1.2"),
        ("v1.3.0-rc.1", "1.2.0", "next"),
    ] {
        let registry = NpmRegistry::start();
        let project = project(version, &registry);
        registry.put(MAIN, there, "latest", b"another release");
        project.publish(&[]).success();
        assert_eq!(registry.tag(MAIN, "latest").as_deref(), Some(there));
        let ours = registry.tag(MAIN, tag);
        assert_eq!(ours.as_deref(), version.strip_prefix('v'), "{tag}");
    }
}

#[test]
fn a_withdrawn_version_is_deprecated_and_latest_is_the_one_before() {
    let registry = NpmRegistry::start();
    let project = project("v1.2.3", &registry);
    let unpublish = ["unpublish", "arc@v1.2.3"];
    registry.put(MAIN, "1.2.2", "latest", b"the version before");
    registry.put(MAIN, "1.2.4-rc.1", "next", b"a pre-release");
    // It is not there yet.
    let output = project.env.larder(unpublish).success();
    assert_eq!(registry.requests("PUT"), 0, "{}", output.stdout);
    project.publish(&[]).success();
    assert_eq!(registry.tag(MAIN, "latest").as_deref(), Some("1.2.3"));
    let before = registry.requests("PUT");
    let output = project.env.larder(unpublish).success();
    let text = said(&output);
    assert!(text.contains("`latest` is 1.2.2"), "{text}");
    assert_eq!(registry.tag(MAIN, "latest").as_deref(), Some("1.2.2"));
    for name in [MAIN, LINUX, WINDOWS] {
        let document = registry.document(name).unwrap();
        let deprecated = &document["versions"]["1.2.3"]["deprecated"];
        assert_eq!(deprecated, "withdrawn by its publisher", "{name}");
    }
    assert_eq!(registry.requests("PUT"), before + 4);
    project.env.larder(unpublish).success();
    assert_eq!(
        registry.requests("PUT"),
        before + 4,
        "nothing is written twice"
    );
}
