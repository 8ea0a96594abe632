//! Releasing at scale: a thousand releases, and six machines that release to one tag.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use larder_core::formats::Sidecar;
use larder_core::keys::inputs::wanted;
use larder_core::model::{Digest, Origin, Platform};
use larder_core::project::Project;
use larder_core::project::user::UserConfig;
use serde_json::Value;

use crate::env::{Output, TestEnv, host};
use crate::fake_github::{FakeGitHub, Origin as Place, READ, Visibility, WRITE};
use crate::github::{NoFolders, REPO, SIX, assets, github, only_release, sidecar_of};

/// A machine that is configured to use the fake GitHub.
fn machine(mut env: TestEnv, github: &FakeGitHub, token: Option<&str>) -> TestEnv {
    env.set("GITHUB_API_URL", github.api_url())
        .set("GITHUB_SERVER_URL", github.web_url());
    env.set("LARDER_GITHUB_PACE", "20ms")
        .set("LARDER_GITHUB_SETTLE", "8s");
    if let Some(token) = token {
        env.set("GH_TOKEN", token);
    }
    env
}

/// A project of `count` subsystems `s0`, `s1`…, and their releases: every tenth is missing, a
/// draft, a draft with other inputs, or released with other inputs; all others are released.
fn fleet(count: usize, github: &FakeGitHub, labels: bool) -> TestEnv {
    let env = TestEnv::new();
    let names: Vec<String> = (0..count).map(|n| format!("s{n}")).collect();
    let versions: Vec<_> = names.iter().map(|name| (name.as_str(), "v1.0.0")).collect();
    env.versions(&versions, &format!("hub: {{github: {REPO}}}\n"));
    for name in &names {
        let upstream = format!(
            "upstream: {{url: \"https://example.invalid/{{{{ version }}}}/{name}.tar.gz\"}}\n"
        );
        env.recipe(name, &format!("binaries: [{name}]\n{upstream}"));
    }
    let project = Project::load(env.project(), &UserConfig::default()).expect("the project");
    let platform: Platform = host().parse().expect("platform");
    for (n, name) in names.iter().enumerate() {
        let subsystem = &project.subsystems[&name.parse().expect("a name")];
        let ours = wanted(&project, subsystem, platform, &NoFolders)
            .expect("inputs")
            .original
            .expect("an original")
            .digest;
        let (draft, inputs) = match n % 10 {
            0 => continue,
            1 => (true, ours),
            2 => (true, Digest::of(b"other")),
            3 => (false, Digest::of(b"other")),
            _ => (false, ours),
        };
        let sidecar = sidecar_of(subsystem, platform, (Origin::Original, inputs));
        let asset = format!("{name}-{platform}.tar.gz");
        let label = format!("{asset}.json (inputs {})", inputs.short());
        let id = github.put_release(
            REPO,
            &format!("{name}-v1.0.0"),
            draft,
            &[
                (&asset, b"bytes"),
                (&format!("{asset}.json"), sidecar.to_json().as_bytes()),
                ("checksums.txt", b"x"),
            ],
        );
        github.with_repo(REPO, |repo| {
            let release = repo
                .releases
                .iter_mut()
                .find(|release| release.id == id)
                .expect("just made");
            release.assets[1].label = labels.then_some(label);
        });
    }
    machine(env, github, None)
}

/// The number of subsystems in each state.
fn counts(document: &Value) -> Vec<(String, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    for entry in document["subsystems"].as_array().expect("subsystems") {
        *counts
            .entry(entry["state"].as_str().expect("a state").to_owned())
            .or_insert(0) += 1;
    }
    counts.into_iter().collect()
}

fn owned_counts(words: &[(&str, usize)]) -> Vec<(String, usize)> {
    words
        .iter()
        .map(|(word, count)| ((*word).to_owned(), *count))
        .collect()
}

#[test]
fn the_status_of_a_thousand_releases_takes_twelve_calls() {
    for visibility in [Visibility::Public, Visibility::Private] {
        let github = github(visibility);
        for n in 0..100 {
            github.put_release(REPO, &format!("unrelated-{n}"), false, &[("x.zip", b"x")]);
        }
        let mut env = fleet(1_000, &github, true);
        env.set("GH_TOKEN", WRITE);
        github.clear_log();
        let began = Instant::now();
        let document = env
            .larder(["release", "status", "--json"])
            .success()
            .document();
        println!("{} requests, {:?}", github.log().len(), began.elapsed());
        assert_eq!(
            counts(&document),
            owned_counts(&[
                ("draft", 100),
                ("missing", 100),
                ("other-inputs", 200),
                ("released", 600)
            ])
        );
        assert_eq!(document["complete"], false);
        assert!(
            github.count(Place::Api) <= 12,
            "{} API calls",
            github.count(Place::Api)
        );
        assert_eq!(
            github.log().len(),
            github.count(Place::Api),
            "the listing tells everything"
        );
        let written: Value =
            serde_json::from_str(&env.read(".collection/metadata/release-status.json"))
                .expect("JSON");
        assert_eq!(written, document);
        // Each subsystem has the expected state.
        for entry in document["subsystems"].as_array().expect("subsystems") {
            let n: usize = entry["name"].as_str().expect("a name")[1..]
                .parse()
                .expect("a number");
            let state = ["missing", "draft", "other-inputs", "other-inputs"]
                .get(n % 10)
                .unwrap_or(&"released");
            assert_eq!(entry["state"], *state, "{entry}");
            assert_eq!(
                entry["tag"].as_str(),
                (*state != "missing")
                    .then(|| format!("s{n}-v1.0.0"))
                    .as_deref()
            );
        }
        // The table shows the same and makes the same requests.
        github.clear_log();
        let table = env.larder(["release", "status"]).success().stdout;
        assert_eq!(
            table
                .lines()
                .filter(|line| line.contains("other-inputs"))
                .count(),
            200
        );
        assert_eq!(table.lines().count(), 1_001, "a line each, and the head");
        assert!(github.log().len() <= 12);
        // The matrix of the plan contains nothing that is released or in a draft.
        let matrix = env.larder(["plan", "--matrix"]).success().document();
        let jobs = matrix["include"].as_array().expect("jobs");
        assert_eq!(
            jobs.iter()
                .map(|job| job["subsystem"].as_str().unwrap_or("").split(' ').count())
                .sum::<usize>(),
            300
        );
    }
}

/// Assets whose sidecars have no label, as other servers or manual uploads may leave them: the
/// sidecars themselves are read.
#[test]
fn sidecars_are_read_if_assets_have_no_labels() {
    for (visibility, token) in [
        (Visibility::Public, None),
        (Visibility::Private, Some(READ)),
    ] {
        let github = github(visibility);
        let env = machine(fleet(40, &github, false), &github, token);
        github.clear_log();
        let document = env
            .larder(["release", "status", "--json"])
            .success()
            .document();
        // Drafts are invisible without write permission.
        assert_eq!(
            counts(&document),
            owned_counts(&[("missing", 12), ("other-inputs", 4), ("released", 24)])
        );
        // One page, one request each where only the API has the sidecars, and one for the
        // visibility.
        let calls = if token.is_some() { 1 + 1 + 28 } else { 1 };
        assert_eq!(github.count(Place::Api), calls, "{:?}", github.log());
    }
}

fn start(env: &TestEnv, args: &[&str]) -> Child {
    env.command(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("larder")
}

/// Six machines and processes release to one tag while lists lag behind: the result is one release
/// with all assets.
#[test]
fn six_machines_release_to_one_tag_concurrently() {
    for (lag, immutable) in [(250, false), (80, true)] {
        let github = github(Visibility::Public);
        github.lag(Duration::from_millis(lag));
        if immutable {
            github.immutable(REPO);
            github.put_release(REPO, "other-v1", false, &[("x.zip", b"x")]);
        }
        let first = TestEnv::new();
        let machines: Vec<(TestEnv, &str)> = SIX
            .into_iter()
            .map(|platform| {
                let env = machine(first.another(platform), &github, Some(WRITE));
                env.versions(&[("arc", "v0.1.0")], &format!("hub: {{github: {REPO}}}\nplatforms: [{}]\n", SIX.join(", ")));
                let script = "printf '#!/bin/sh\\necho arc {{ version }} {{ platform }}\\n' > {{ out }}/arc{{ exe }}";
                env.recipe(
                    "arc",
                    &format!("binaries: [arc]\nbuild: {{source: {{dir: .}}, platforms: all, commands: [{script:?}]}}\n"),
                );
                env.larder(["ensure", "arc", "--platform", platform]).success();
                (env, platform)
            })
            .collect();
        github.clear_log();
        let running: Vec<Child> = machines
            .iter()
            .map(|(env, platform)| start(env, &["release", "arc", "--platform", platform]))
            .collect();
        for (child, (_, platform)) in running.into_iter().zip(&machines) {
            let output = child.wait_with_output().expect("its end");
            assert!(
                output.status.success(),
                "{platform}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        println!(
            "lag {lag} ms, immutable {immutable}: {} requests, {} writes",
            github.log().len(),
            github.writes().len()
        );
        std::thread::sleep(Duration::from_millis(lag));
        if immutable {
            assert!(github.releases(REPO)[1].draft);
            machines[0]
                .0
                .larder(["release", "finalize", "arc"])
                .success();
            github.with_repo(REPO, |repo| repo.releases.remove(0));
        }
        let release = only_release(&github);
        assert!(!release.draft && !release.latest && release.tag == "arc-v0.1.0");
        // All assets, all sidecars and the derived files; nothing else.
        let held = assets(&release);
        let mut names: Vec<String> = SIX
            .iter()
            .map(|p| {
                format!(
                    "arc-{p}.{}",
                    if p.starts_with("win") {
                        "zip"
                    } else {
                        "tar.gz"
                    }
                )
            })
            .collect();
        let manifest: Value = serde_json::from_slice(&held["manifest.json"]).expect("JSON");
        for (asset, platform) in names.iter().zip(SIX) {
            let sidecar =
                Sidecar::parse(&held[&format!("{asset}.json")], asset).expect("a sidecar");
            assert_eq!(
                (
                    sidecar.sha256,
                    sidecar.content.platform.to_string().as_str()
                ),
                (Digest::of(&held[asset]), platform)
            );
            assert_eq!(
                manifest["platforms"][platform]["sha256"],
                sidecar.sha256.to_string()
            );
            assert_eq!(manifest["platforms"][platform]["filename"], asset.as_str());
        }
        assert_eq!(
            manifest["platforms"].as_object().expect("platforms").len(),
            6
        );
        names.extend(names.clone().iter().map(|name| format!("{name}.json")));
        names.extend(["checksums.txt".to_owned(), "manifest.json".to_owned()]);
        names.sort();
        assert_eq!(held.keys().cloned().collect::<Vec<_>>(), names);
        for (name, bytes) in &held {
            first.write(&format!("got/{name}"), bytes);
        }
        let checked = first.sh("cd got && sha256sum -c checksums.txt");
        assert_eq!(checked.lines().count(), 6);
        // A second run on each machine writes nothing, and another machine downloads everything.
        github.lag(Duration::ZERO);
        github.clear_log();
        for (env, platform) in &machines {
            env.larder(["release", "arc", "--platform", platform])
                .success();
        }
        assert!(github.writes().is_empty(), "{:?}", github.writes());
        let reader = machine(first.another(&format!("reader-{lag}")), &github, None);
        reader.write("versions.yml", machines[0].0.read("versions.yml"));
        reader.write(
            "subsystems/arc/recipe.yml",
            machines[0].0.read("subsystems/arc/recipe.yml"),
        );
        github.clear_log();
        let out: Output = reader
            .larder_json(["ensure", "arc", "--platform", "all"])
            .success();
        assert_eq!(out.outcomes(), ["arc=downloaded"; 6]);
        assert_eq!(github.count(Place::Api), 0);
    }
}

/// With a thousand existing releases all of them are listed once per run, and not once per new
/// release.
#[test]
fn new_releases_among_a_thousand_take_few_calls() {
    let github = github(Visibility::Public);
    for n in 0..1_000 {
        github.put_release(REPO, &format!("unrelated-{n}"), false, &[("x.zip", b"x")]);
    }
    let env = machine(TestEnv::new(), &github, Some(WRITE));
    let names = ["a", "b", "c", "d", "e", "f"];
    for name in names {
        env.script_subsystem(name, "v1.0.0");
    }
    let versions = env.read("versions.yml");
    env.write(
        "versions.yml",
        format!("{versions}hub: {{github: {REPO}}}\n"),
    );
    env.larder(["ensure", "all"]).success();
    github.clear_log();
    env.larder(["release", "all"]).success();
    let (requests, writes) = (github.log().len(), github.writes().len());
    let further = github
        .log()
        .iter()
        .filter(|entry| entry.target.contains("&page="))
        .count();
    println!("six new releases: {requests} requests, {writes} writes");
    assert_eq!(
        writes,
        6 * 6,
        "the draft, asset, sidecar, manifest, checksums, publication"
    );
    assert_eq!(further, 9, "all pages once");
    assert!(requests <= 9 + 6 * 18, "{requests} requests");
    assert_eq!(
        github
            .releases(REPO)
            .iter()
            .filter(|release| release.assets.len() == 4 && !release.draft)
            .count(),
        6
    );
}
