//! `larder release status`, `finalize`, `abort` and `project`, against a folder hub and the fake GitHub.

use serde_json::{Value, json};

use crate::env::TestEnv;
use crate::fake_github::{FakeGitHub, Visibility, WRITE};
use crate::servers::files::FileServer;

const REPO: &str = "acme/tools";

/// Two subsystems that any machine builds for two platforms.
fn project(more: &str) -> TestEnv {
    let env = TestEnv::new();
    for (name, version) in [("one", "v1.0.0"), ("two", "v2.0.0")] {
        env.script_subsystem(name, version);
        env.edit(
            &format!("subsystems/{name}/recipe.yml"),
            "  commands:",
            "  platforms: all\n  commands:",
        );
    }
    let versions = env.read("versions.yml");
    env.write(
        "versions.yml",
        format!("{versions}platforms: [linux-amd64, linux-arm64]\nbundle: {{name: tools}}\n{more}"),
    );
    env
}

fn with_github() -> (TestEnv, FakeGitHub) {
    let github = FakeGitHub::start();
    github.repo(REPO, Visibility::Public);
    let mut env = project("hub: {github: acme/tools}\n");
    env.set("GITHUB_API_URL", github.api_url())
        .set("GITHUB_SERVER_URL", github.web_url())
        .set("GH_TOKEN", WRITE);
    env.set("LARDER_GITHUB_PACE", "0s")
        .set("LARDER_GITHUB_SETTLE", "1s");
    (env, github)
}

/// `name platform state`, sorted.
fn states(env: &TestEnv) -> Vec<String> {
    let document = env
        .larder(["release", "status", "--json"])
        .success()
        .document();
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or("?").to_owned();
    let entries = document["subsystems"].as_array().expect("subsystems");
    entries
        .iter()
        .map(|e| {
            format!(
                "{} {} {}",
                text(e, "name"),
                text(e, "platform"),
                text(e, "state")
            )
        })
        .collect()
}

#[test]
fn status_tells_released_missing_and_other_inputs() {
    let env = project("");
    env.larder(["ensure", "one", "--platform", "all"]).success();
    env.larder(["release", "one", "--platform", "linux-arm64"])
        .success();
    let wanted = [
        "one linux-amd64 missing",
        "one linux-arm64 released",
        "two linux-amd64 missing",
        "two linux-arm64 missing",
    ];
    assert_eq!(states(&env), wanted);
    let file: Value =
        serde_json::from_str(&env.read(".collection/metadata/release-status.json")).expect("JSON");
    assert_eq!(
        (&file["complete"], &file["subsystems"][1]["asset"]),
        (&json!(false), &json!("one-linux-arm64.tar.gz"))
    );
    // Without a lock the sidecar tells it.
    env.remove("versions.lock");
    assert_eq!(states(&env), wanted);
    // The recipe changes, the version does not.
    env.edit("subsystems/one/src/one.sh", "echo", "echo again");
    assert_eq!(states(&env)[1], "one linux-arm64 other-inputs");
    env.larder(["ensure", "one", "--platform", "linux-arm64"])
        .success();
    env.larder(["release", "one", "--platform", "linux-arm64"])
        .success();
    assert_eq!(
        states(&env)[1],
        "one linux-arm64 released",
        "under its suffixed name"
    );
}

#[test]
fn finalize_names_what_is_missing_and_publishes_when_all_is_there() {
    let (env, github) = with_github();
    env.larder(["ensure", "one", "--platform", "all"]).success();
    env.larder(["release", "one", "--platform", "linux-amd64", "--stage"])
        .success();
    assert_eq!(states(&env)[0], "one linux-amd64 draft");
    let out = env.larder(["release", "finalize", "one"]).exits(1);
    assert!(
        out.stderr.contains("the release of one lacks linux-arm64"),
        "{}",
        out.stderr
    );
    assert!(github.releases(REPO)[0].draft, "nothing half is published");
    // A draft that was made from other inputs does not count as there.
    env.edit("subsystems/one/src/one.sh", "echo", "echo again");
    assert_eq!(states(&env)[0], "one linux-amd64 other-inputs");
    let out = env.larder(["release", "finalize", "one"]).exits(1);
    assert!(
        out.stderr.contains("linux-amd64 (there from other inputs)"),
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
    // What is left of a late platform of an immutable release goes too; other tags don't.
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

#[test]
fn the_project_is_released_whole_and_once() {
    let (env, github) = with_github();
    env.larder(["release", "project", "v1.0.0"]).success();
    let releases = github.releases(REPO);
    assert_eq!(
        releases.len(),
        1,
        "packages of a project release are no cache releases"
    );
    let mut names: Vec<_> = releases[0]
        .assets
        .iter()
        .map(|asset| asset.name.clone())
        .collect();
    names.sort();
    insta::assert_snapshot!(names.join("\n"), @r"
    checksums.txt
    manifest.json
    one-linux-amd64.tar.gz
    one-linux-arm64.tar.gz
    tools-linux-amd64.tar.gz
    tools-linux-arm64.tar.gz
    two-linux-amd64.tar.gz
    two-linux-arm64.tar.gz
    ");
    // Another program agrees with the checksums.
    for asset in &releases[0].assets {
        env.write(&format!("got/{}", asset.name), &asset.bytes);
    }
    env.sh("cd got && sha256sum --quiet -c checksums.txt");
    let manifest: Value = serde_json::from_str(&env.read("got/manifest.json")).expect("JSON");
    assert_eq!(
        manifest["bundles"]["linux-arm64"]["filename"],
        "tools-linux-arm64.tar.gz"
    );
    assert_eq!(manifest["binaries"]["two"]["version"], "v2.0.0");
    github.clear_log();
    let out = env.larder_json(["release", "project", "v1.0.0"]).success();
    assert_eq!(
        out.finished("release")
            .last()
            .map(|line| line["outcome"].clone()),
        Some(json!("up-to-date"))
    );
    assert!(
        github.writes().is_empty(),
        "a second run writes nothing: {:?}",
        github.writes()
    );
}

#[test]
fn wrong_releases_of_a_project_are_refused() {
    let env = project("");
    let out = env.larder(["release", "project", "one-v9"]).exits(2);
    assert!(
        out.stderr.contains("releases of `one` are named like that"),
        "{}",
        out.stderr
    );
    env.larder(["release", "project", "../x"]).exits(2);
    env.larder(["release"]).exits(2);
    env.larder(["release", "finalize"]).exits(2);
    // What can't be made is not left out silently.
    env.edit(
        "subsystems/two/recipe.yml",
        "commands:",
        "commands:\n    - exit 3",
    );
    env.larder(["release", "project", "v1.0.0"]).exits(1);
    assert!(!env.exists(".larder-hub/v1.0.0"));
}

/// A static server has no listing: each asset is asked for.
#[test]
fn status_of_a_static_server() {
    let env = project("");
    env.larder(["ensure", "one", "--platform", "all"]).success();
    env.larder(["release", "one", "--platform", "all"])
        .success();
    let server = FileServer::start(&env.path(".larder-hub"));
    let reader = env.another("reader");
    crate::env::copy_tree(&env.path("subsystems"), &reader.path("subsystems"));
    reader.write(
        "versions.yml",
        format!(
            "{}hub: {{http: {:?}}}\n",
            env.read("versions.yml"),
            server.url()
        ),
    );
    let wanted = [
        "one linux-amd64 released",
        "one linux-arm64 released",
        "two linux-amd64 missing",
        "two linux-arm64 missing",
    ];
    assert_eq!(states(&reader), wanted);
    let matrix = reader.larder(["plan", "--matrix"]).success().document();
    assert_eq!(matrix["include"].as_array().map(Vec::len), Some(2));
    reader.edit("subsystems/one/src/one.sh", "echo", "echo again");
    assert_eq!(states(&reader)[0], "one linux-amd64 other-inputs");
    // Nothing can be published there, and that is said.
    for words in [
        ["release", "one"],
        ["release", "project"],
        ["release", "finalize"],
        ["release", "abort"],
    ] {
        let argument = if words[1] == "project" {
            "v1.0.0"
        } else {
            "one"
        };
        let args: Vec<&str> = if words[1] == "one" {
            words.to_vec()
        } else {
            [&words[..], &[argument]].concat()
        };
        reader.larder(["ensure", "one"]).success();
        let out = reader.larder(&args);
        assert!(
            out.code != Some(0) && out.stderr.contains("read-only"),
            "{args:?}: {}",
            out.stderr
        );
    }
}

#[test]
fn the_word_binary_may_be_left_out() {
    let env = project("");
    env.larder(["ensure", "all"]).success();
    env.larder(["release", "binary", "one"]).success();
    env.larder(["release", "two"]).success();
    assert!(env.exists(".larder-hub/one-v1.0.0") && env.exists(".larder-hub/two-v2.0.0"));
}

#[test]
fn the_matrix_holds_what_nobody_has_released_yet() {
    let mut env = project("");
    env.larder(["ensure", "one", "--platform", "linux-arm64"])
        .success();
    env.larder(["release", "one", "--platform", "linux-arm64"])
        .success();
    env.set("GITHUB_OUTPUT", env.path("output"));
    let matrix = env
        .larder(["plan", "--matrix", "--github"])
        .success()
        .document();
    let jobs = matrix["include"].as_array().expect("jobs");
    let told: Vec<_> = jobs
        .iter()
        .map(|job| format!("{} {}", job["subsystem"], job["platform"]))
        .collect();
    assert_eq!(
        told,
        [
            r#""one" "linux-amd64""#,
            r#""two" "linux-amd64""#,
            r#""two" "linux-arm64""#
        ]
    );
    assert_eq!(jobs[0]["runner"], "ubuntu-24.04");
    assert_eq!(
        env.read("output"),
        format!("matrix={matrix}\nempty=false\n")
    );
    // What a job does makes its target go.
    env.larder(["ensure", "all", "--platform", "all"]).success();
    env.larder(["release", "all", "--platform", "all"])
        .success();
    env.remove("output");
    let out = env.larder(["plan", "--matrix", "--github"]).success();
    assert_eq!(out.stdout, "{\"include\":[]}\n");
    assert_eq!(env.read("output"), "matrix={\"include\":[]}\nempty=true\n");
    env.unset("GITHUB_OUTPUT");
    env.larder(["plan", "--matrix", "--github"]).exits(2);
    env.larder(["plan", "--github"]).exits(2);
}

/// In GitHub Actions a folder is no freer than a repository; elsewhere nobody says what a CI run is for.
#[test]
fn a_folder_hub_is_written_by_itself_only_where_uploads_may() {
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
