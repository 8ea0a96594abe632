//! `larder publish` to a repository of Python packages. A script stands in for twine, whose arguments
//! and messages it has; the real one is a judge of `tests/oracles/channels.sh`.
#![cfg(unix)]

use super::{Project, assert_nowhere, ended, said};
use crate::servers::pypi::{PASSWORD, PypiRepository, Shows};

/// It uploads with curl, one wheel after the other, until one fails.
pub const TWINE: &str = r#"#!/bin/sh
[ "$1" != --version ] || exit 0
echo "$*" >> "$HOME/twine.log"
[ "$1 $2 $3" = "upload --non-interactive --disable-progress-bar" ] || exit 9
shift 3
url=$TWINE_REPOSITORY_URL
if [ "$1" = --repository-url ]; then url=$2; shift 2; fi
[ "$1" != -- ] || shift
[ -n "$TWINE_PASSWORD" ] || { echo 'ERROR    NonInteractive: Credential not found for password.'; exit 1; }
for wheel; do
    status=$(curl -sS --max-time 20 -o /dev/null -w '%{http_code}' -u "$TWINE_USERNAME:$TWINE_PASSWORD" -F :action=file_upload \
        -F "content=@$wheel" "$url" 2> /dev/null)
    case $status in
        200) ;;
        000) echo 'requests.exceptions.ConnectionError: Max retries exceeded'; exit 1 ;;
        *) echo "ERROR    HTTPError: $status Because of the test from $url"; exit 1 ;;
    esac
done
"#;

fn project(repository: &PypiRepository, more: &str) -> Project {
    let url = repository.url();
    let channel = format!("  pypi: {{package: Acme.Arc, repository: \"{url}\"{more}}}\n");
    let mut project = Project::new("v1.2.3", &channel);
    project.env.write_executable("../tools/twine", TWINE);
    let path = format!(
        "{}:{}",
        project.env.path("../tools"),
        std::env::var("PATH").unwrap()
    );
    project
        .env
        .set("PATH", path)
        .set("TWINE_USERNAME", "acme")
        .set("TWINE_PASSWORD", PASSWORD);
    project.install();
    project
}

#[test]
fn wheels_are_uploaded_once_whatever_the_index_looks_like() {
    for shows in [Shows::Html, Shows::Json, Shows::NoDigests] {
        let repository = PypiRepository::start();
        repository.show(shows);
        let project = project(&repository, "");
        let output = project.publish(&["--dry-run"]).success();
        assert_eq!(ended(&output, "pypi"), "skipped would be pushed");
        let output = project.publish(&[]).success();
        assert_eq!(ended(&output, "pypi"), "published ");
        let names = repository.names();
        assert_eq!(names.len(), 2, "{names:?}");
        assert!(
            names[0].starts_with("acme_arc-1.2.3-py3-none-"),
            "{names:?}"
        );
        let output = project.publish(&[]).success();
        assert_eq!(ended(&output, "pypi"), "up-to-date already there");
        assert_eq!(repository.requests("POST"), 2);
        assert_nowhere(&project.env, PASSWORD);
        let status = project
            .env
            .larder(["publish", "status", "--json"])
            .success();
        let channel = &status.document()["subsystems"][0]["channels"][0];
        assert_eq!(channel["current"], "1.2.3");
    }
}

#[test]
fn only_missing_wheels_are_uploaded_after_a_fault() {
    for (n, fault) in [(0, 503), (1, 503), (0, 0), (1, 0)] {
        let repository = PypiRepository::start();
        let project = project(&repository, "");
        let is_lost = fault == 0;
        if is_lost {
            repository.lose_answer_of(n);
        } else {
            repository.fail(n, fault);
        }
        project.publish(&[]).exits(5);
        project.publish(&[]).success();
        let context = format!("{fault} at upload {n}");
        assert_eq!(repository.names().len(), 2, "{context}");
        let uploads = if is_lost { 2 } else { 3 };
        assert_eq!(repository.requests("POST"), uploads, "{context}");
    }
}

#[test]
fn refusals_other_bytes_and_an_index_that_lags_are_told() {
    let repository = PypiRepository::start();
    let mut project = project(&repository, "");
    for (password, expected) in [
        (Some("wrong"), "the right to upload"),
        (None, "TWINE_PASSWORD"),
    ] {
        match password {
            Some(password) => project.env.set("TWINE_PASSWORD", password),
            None => project.env.unset("TWINE_PASSWORD"),
        };
        let text = said(&project.publish_plain(&[]).exits(1));
        assert!(text.contains(expected), "{text}");
        assert!(repository.names().is_empty());
    }
    project.env.set("TWINE_PASSWORD", PASSWORD);
    repository.show(Shows::Nothing);
    for _ in 0..2 {
        let text = said(&project.publish_plain(&[]).exits(5));
        assert!(
            text.contains("pip download") || text.contains("409"),
            "{text}"
        );
        assert_eq!(repository.names().len(), 2);
    }
    repository.show(Shows::Html);
    let output = project.publish(&[]).success();
    assert_eq!(ended(&output, "pypi"), "up-to-date already there");
    let name = &repository.names()[0];
    repository.put(name, b"other bytes");
    let output = project.publish(&[]).exits(4);
    assert!(ended(&output, "pypi").contains(name.as_str()));
    let output = project.env.larder(["unpublish", "arc@v1.2.3"]);
    let text = said(&output);
    assert!(text.contains("yank"), "{text}");
}

#[test]
fn the_index_is_the_configured_one_else_that_of_pip() {
    let repository = PypiRepository::start();
    // The repository's own url has no index; the configured one has.
    let elsewhere = PypiRepository::start();
    let index = format!(", index: \"{}simple\"", elsewhere.url());
    let configured = project(&repository, &index);
    configured.publish(&[]).exits(5);
    assert_eq!(repository.names().len(), 2);
    assert_eq!(repository.requests("GET"), 0);
    for name in repository.names() {
        elsewhere.put(&name, &repository.file(&name).unwrap());
    }
    let output = configured.publish(&[]).success();
    assert_eq!(ended(&output, "pypi"), "up-to-date already there");

    let repository = PypiRepository::start();
    let mut project = project(&repository, "");
    let recipe = "subsystems/arc/recipe.yml";
    project.env.edit(
        recipe,
        &format!(", repository: \"{}\"", repository.url()),
        "",
    );
    // twine knows it from its own configuration, and pip from its own.
    let config = format!("[global]\nindex-url = {}simple/\n", repository.url());
    project.env.write("pip.conf", config);
    let path = project.env.path("pip.conf");
    project.env.set("PIP_CONFIG_FILE", path);
    project.env.write("../tools/url", repository.url());
    let script = TWINE.replace(
        "url=$TWINE_REPOSITORY_URL",
        &format!("url={}", repository.url()),
    );
    project.env.write_executable("../tools/twine", script);
    let output = project.publish(&[]).success();
    assert_eq!(ended(&output, "pypi"), "published ");
    assert!(
        !project
            .env
            .read("../home/twine.log")
            .contains("--repository-url")
    );
}
