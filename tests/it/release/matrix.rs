//! `plan --matrix`, for jobs that release the targets that are not released yet.

use std::collections::BTreeSet;

use serde_json::Value;

use larder_core::keys::inputs::wanted;
use larder_core::model::{Origin, Platform};
use larder_core::project::Project;
use larder_core::project::user::UserConfig;

use super::{REPO, project, states};
use crate::env::TestEnv;
use crate::fake_github::{FakeGitHub, Origin as Place, READ, Visibility, WRITE};
use crate::github::{NoFolders, sidecar_of};

#[test]
fn the_matrix_holds_the_targets_that_are_not_released() {
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
    let listed: Vec<_> = jobs
        .iter()
        .map(|job| format!("{} {}", job["subsystem"], job["platform"]))
        .collect();
    assert_eq!(
        listed,
        [
            r#""one" "linux-amd64""#,
            r#""two" "linux-amd64""#,
            r#""two" "linux-arm64""#
        ]
    );
    assert_eq!(jobs[0]["runner"], "ubuntu-24.04");
    assert_eq!(
        env.read("output"),
        format!("matrix={matrix}\nempty=false\nleft=0\n")
    );
    // A target disappears from the matrix when a job has released it.
    env.larder(["ensure", "all", "--platform", "all"]).success();
    env.larder(["release", "all", "--platform", "all"])
        .success();
    env.remove("output");
    let out = env.larder(["plan", "--matrix", "--github"]).success();
    assert_eq!(out.stdout, "{\"include\":[]}\n");
    assert_eq!(
        env.read("output"),
        "matrix={\"include\":[]}\nempty=true\nleft=0\n"
    );
    env.unset("GITHUB_OUTPUT");
    env.larder(["plan", "--matrix", "--github"]).exits(2);
    env.larder(["plan", "--github"]).exits(2);
}

const SIX: &str =
    "linux-amd64, linux-arm64, darwin-amd64, darwin-arm64, windows-amd64, windows-arm64";

/// `name platform` of every target in a matrix.
fn targets_of(matrix: &Value) -> Vec<String> {
    let jobs = matrix["include"].as_array().expect("jobs");
    let text = |job: &Value, key: &str| job[key].as_str().expect("a text").to_owned();
    let of = |job: &Value| {
        let platform = text(job, "platform");
        let names = text(job, "subsystem");
        let names: Vec<_> = names
            .split(' ')
            .map(|n| format!("{n} {platform}"))
            .collect();
        names
    };
    let mut targets: Vec<String> = jobs.iter().flat_map(of).collect();
    targets.sort();
    targets
}

/// A machine of GitHub's with a fresh checkout.
fn machine(env: &TestEnv, github: &FakeGitHub, name: &str, token: &str) -> TestEnv {
    let mut machine = env.another(name);
    machine.sh(&format!("cp -R '{}/.' .", env.project()));
    machine
        .set("GITHUB_API_URL", github.api_url())
        .set("GITHUB_SERVER_URL", github.web_url())
        .set("LARDER_GITHUB_PACE", "0s")
        .set("LARDER_GITHUB_SETTLE", "1s")
        .set("GH_TOKEN", token);
    machine
}

/// 60 targets in eight jobs, of which one never runs, one is lost before it releases, and three have a build that fails:
/// what is planned next is exactly what is missing, and when that is done the drafts are published.
#[test]
fn a_run_that_failed_in_places_is_resumed_with_what_is_missing() {
    let github = FakeGitHub::start();
    github.repo(REPO, Visibility::Public);
    let env = TestEnv::new();
    let names: Vec<String> = (0..10).map(|n| format!("s{n}")).collect();
    let versions: Vec<_> = names.iter().map(|name| (name.as_str(), "v1.0.0")).collect();
    env.versions(
        &versions,
        &format!("hub: {{github: {REPO}}}\nplatforms: [{SIX}]\n"),
    );
    let ready = env.base().join("ready");
    let fails = format!("test -e {ready} && ");
    for name in &names {
        // One build fails until there is a file.
        let check = if name == "s3" { &fails } else { "" };
        let script = "#!/bin/sh\\necho {{ platform }}\\n";
        let command = format!("{check}printf '{script}' > {{{{ out }}}}/{name}{{{{ exe }}}}");
        env.recipe(
            name,
            &format!("binaries: [{name}]\nbuild: {{source: {{dir: .}}, platforms: all, commands: [{command:?}]}}\n"),
        );
    }
    // A reader does not see drafts, so the planner needs the right to write to know what is in them.
    let planner = machine(&env, &github, "planner", WRITE);
    let plan = || {
        let args = ["plan", "--matrix", "--max-jobs", "8"];
        planner.larder(args).success().document()
    };
    let run = |round: &str, matrix: &Value| {
        let mut released: BTreeSet<String> = BTreeSet::new();
        for (n, job) in matrix["include"]
            .as_array()
            .expect("jobs")
            .iter()
            .enumerate()
        {
            if round == "first" && n == 2 {
                continue;
            }
            let builder = machine(&env, &github, &format!("{round}-build-{n}"), READ);
            let names: Vec<&str> = job["subsystem"]
                .as_str()
                .expect("names")
                .split(' ')
                .collect();
            let platform = ["--platform", job["platform"].as_str().expect("a platform")];
            let fails = round == "first" && names.contains(&"s3");
            let code = i32::from(fails);
            let line = |first: &[&str], last: &[&str]| -> Vec<String> {
                let words = [first, &names, &platform, last].concat();
                words.into_iter().map(str::to_owned).collect()
            };
            builder
                .larder(line(&["ensure"], &["--no-upload", "--keep-going"]))
                .exits(code);
            builder.larder(line(&["package"], &[])).exits(code);
            if round == "first" && n == 5 {
                continue;
            }
            let releaser = machine(&env, &github, &format!("{round}-release-{n}"), WRITE);
            let packages = builder.path(".dist");
            releaser
                .larder(line(
                    &["release"],
                    &["--stage", "--from", packages.as_str()],
                ))
                .exits(code);
            let done = names.iter().filter(|name| !(fails && **name == "s3"));
            released.extend(done.map(|name| format!("{name} {}", platform[1])));
        }
        released
    };
    let first = plan();
    let all = targets_of(&first);
    assert_eq!(all.len(), 60);
    assert_eq!(first["include"].as_array().map(Vec::len), Some(8));
    let released = run("first", &first);
    assert!((30..60).contains(&released.len()), "{}", released.len());
    let second = plan();
    let missing: Vec<String> = all
        .iter()
        .filter(|target| !released.contains(*target))
        .cloned()
        .collect();
    assert_eq!(targets_of(&second), missing);
    planner.larder(["release", "finalize", "all"]).exits(1);
    env.sh(&format!("touch {ready}"));
    let again = run("second", &second);
    assert_eq!(again.into_iter().collect::<Vec<_>>(), missing);
    planner.larder(["release", "finalize", "all"]).success();
    assert!(
        states(&planner)
            .iter()
            .all(|state| state.ends_with(" released"))
    );
    assert_eq!(plan(), serde_json::json!({"include": []}));
}

/// 10,002 targets are planned with the listing of the hub alone.
#[test]
fn ten_thousand_targets_are_planned_with_a_request_for_each_hundred_releases() {
    let github = FakeGitHub::start();
    github.repo(REPO, Visibility::Public);
    let env = TestEnv::new();
    let names: Vec<String> = (0..1_667).map(|n| format!("subsystem-{n}")).collect();
    let versions: Vec<_> = names.iter().map(|name| (name.as_str(), "v1.0.0")).collect();
    env.versions(
        &versions,
        &format!("hub: {{github: {REPO}}}\nplatforms: [{SIX}]\n"),
    );
    for name in &names {
        let build = "build: {source: {git: \"https://git.example.invalid/tools\", rev: v1}, platforms: host, commands: [make]}";
        env.recipe(name, &format!("binaries: [{name}]\n{build}\n"));
    }
    let project = Project::load(env.project(), &UserConfig::default()).expect("the project");
    let platform: Platform = "linux-amd64".parse().expect("a platform");
    for name in &names {
        // Every release has one of six platforms.
        let subsystem = &project.subsystems[&name.parse().expect("a name")];
        let inputs = wanted(&project, subsystem, platform, &NoFolders)
            .expect("inputs")
            .build
            .expect("a build")
            .digest;
        let sidecar = sidecar_of(subsystem, platform, (Origin::Build, inputs));
        let asset = format!("{name}-{platform}.tar.gz");
        let id = github.put_release(
            REPO,
            &format!("{name}-v1.0.0"),
            false,
            &[
                (&asset, b"bytes"),
                (&format!("{asset}.json"), sidecar.to_json().as_bytes()),
            ],
        );
        github.with_repo(REPO, |repo| {
            let release = repo.releases.iter_mut().find(|release| release.id == id);
            release.expect("just made").assets[1].label =
                Some(format!("{asset}.json (inputs {})", inputs.short()));
        });
    }
    let planner = machine(&env, &github, "planner", READ);
    github.clear_log();
    let out = planner.larder(["plan", "--matrix"]).success();
    let matrix = out.document();
    assert!(github.log().len() <= 18, "{} requests", github.log().len());
    assert_eq!(github.log().len(), github.count(Place::Api));
    let planned = targets_of(&matrix);
    assert_eq!(planned.len(), 5 * 1_667);
    assert!(
        planned
            .iter()
            .all(|target| !target.ends_with(" linux-amd64"))
    );
    let jobs = matrix["include"].as_array().expect("jobs");
    let sizes: BTreeSet<usize> = jobs
        .iter()
        .map(|job| job["subsystem"].as_str().unwrap_or("").split(' ').count())
        .collect();
    assert!(
        jobs.len() > 250
            && jobs.len() <= 256
            && sizes.first() >= Some(&32)
            && sizes.last() <= Some(&33),
        "{} jobs of {sizes:?} targets",
        jobs.len()
    );
    assert!(2 * out.stdout.len() < 1_000_000, "GitHub counts in UTF-16");
}
