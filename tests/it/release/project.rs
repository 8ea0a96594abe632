//! `release project`.

use serde_json::{Value, json};

use super::{REPO, project, with_github};

#[test]
fn a_project_release_is_complete_and_published_once() {
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
fn invalid_project_releases_are_refused() {
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
    // A target that cannot be made is an error and not left out silently.
    env.edit(
        "subsystems/two/recipe.yml",
        "commands:",
        "commands:\n    - exit 3",
    );
    env.larder(["release", "project", "v1.0.0"]).exits(1);
    assert!(!env.exists(".larder-hub/v1.0.0"));
}
