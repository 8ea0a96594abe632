//! Signatures on GitHub and behind `larder serve`.

use super::{Key, Team, asset, refused, trust};
use crate::env::TestEnv;
use crate::fake_github::{FakeGitHub, Origin, Visibility, WRITE};
use crate::github::{REPO, assets, github, only_release};
use crate::serve::Serving;

/// A machine with the project and the key's demand, on a hub on GitHub.
fn machine(mut env: TestEnv, github: &FakeGitHub, more: &str, token: Option<&str>) -> TestEnv {
    env.script_subsystem("tool", "v1.0.0");
    env.versions(
        &[("tool", "v1.0.0")],
        &format!("hub: {{github: {REPO}}}\n{more}"),
    );
    env.set("GITHUB_API_URL", github.api_url())
        .set("GITHUB_SERVER_URL", github.web_url())
        .set("LARDER_GITHUB_PACE", "0s")
        .set("LARDER_GITHUB_SETTLE", "1s");
    if let Some(token) = token {
        env.set("GH_TOKEN", token);
    }
    env
}

fn release(env: &TestEnv, key: &Key, args: &[&str]) -> crate::env::Output {
    let mut command = env.command(["release", "tool", "--json"]);
    command.args(args).env("LARDER_SIGNING_KEY_FILE", &key.file);
    env.output(command).success()
}

#[test]
fn a_release_on_github_is_signed_before_it_is_visible() {
    let github = github(Visibility::Public);
    let env = TestEnv::new();
    let key = Key::new(&env, "release");
    let env = machine(env, &github, &trust(&key), Some(WRITE));
    env.larder(["ensure", "tool"]).success();
    let out = release(&env, &key, &["--sign"]);
    assert_eq!(out.finished("release")[0]["outcome"], "released");
    let signature = format!("{}.json.minisig", asset());
    assert!(assets(&only_release(&github)).contains_key(&signature));
    assert!(!only_release(&github).draft);
    github.clear_log();
    let out = release(&env, &key, &["--sign"]);
    assert_eq!(out.finished("release")[0]["outcome"], "up-to-date");
    assert!(github.writes().is_empty(), "{:?}", github.writes());
    // A reader without a token needs no API call, and asks for the tombstone.
    github.clear_log();
    let reader = machine(env.another("reader"), &github, &trust(&key), None);
    reader.larder(["ensure", "tool"]).success();
    assert_eq!(github.count(Origin::Api), 0, "{:?}", github.log());
    // A replaced release is signed anew.
    env.larder(["ensure", "tool", "--rebuild"]).success();
    release(&env, &key, &["--sign", "--replace"]);
    machine(env.another("second"), &github, &trust(&key), None)
        .larder(["ensure", "tool"])
        .success();
    // And a version is yanked; its release never becomes the latest.
    let mut command = env.command(["yank", "tool@v1.0.0", "--reason", "wrong"]);
    command.env("LARDER_SIGNING_KEY_FILE", &key.file);
    env.output(command).success();
    let third = machine(env.another("third"), &github, &trust(&key), None);
    let out = third.larder(["ensure", "tool"]).exits(4);
    assert!(out.stderr.contains("yanked"), "{}", out.stderr);
    let all = github.releases(REPO);
    assert!(
        all.iter()
            .any(|release| release.tag == "tool-v1.0.0-yanked" && !release.latest)
    );
}

/// What is on the hub already gets its signature, except in an immutable release.
#[test]
fn a_published_release_is_signed_afterwards_where_the_hub_allows() {
    for immutable in [false, true] {
        let github = github(Visibility::Public);
        let env = TestEnv::new();
        let key = Key::new(&env, "release");
        let env = machine(env, &github, "", Some(WRITE));
        env.larder(["ensure", "tool"]).success();
        if immutable {
            github.immutable(REPO);
        }
        env.larder(["release", "tool"]).success();
        if immutable {
            env.larder([
                "release",
                "finalize",
                "tool",
                "--platform",
                &crate::env::host(),
            ])
            .success();
        }
        let names = |github: &FakeGitHub| -> Vec<String> {
            assets(&only_release(github)).into_keys().collect()
        };
        let before = names(&github);
        let out = release(&env, &key, &["--sign"]);
        let step = &out.finished("release")[0];
        if immutable {
            assert_eq!(step["outcome"], "skipped", "{step}");
            assert!(
                step["reason"].as_str().unwrap().contains("immutable"),
                "{step}"
            );
            assert_eq!(names(&github), before);
        } else {
            assert_eq!(step["outcome"], "released", "{step}");
            let reader = machine(env.another("reader"), &github, &trust(&key), None);
            reader.larder(["ensure", "tool"]).success();
        }
    }
}

/// A server in front of the hub serves signatures with what they are of. With `trust:` of its own
/// project it lists and serves nothing that is not signed.
#[test]
fn a_server_passes_signatures_on_and_serves_nothing_unsigned() {
    let team = Team::released();
    let hub = team.hub.as_str();
    let url = |serving: &Serving| format!("http://{}/hub", serving.address);
    let plain = team.env.another("plain");
    let serving = Serving::start(&plain, &["--hub", hub]);
    let reader = team.reader("reader");
    let project = |env: &TestEnv, serving: &Serving| {
        env.versions(
            &[("tool", "v1.0.0")],
            &format!("hub: {{http: \"{}\"}}\n{}", url(serving), team.trust()),
        );
    };
    project(&reader, &serving);
    let out = reader.larder_json(["ensure", "tool"]).success();
    assert_eq!(out.outcome("tool"), "downloaded");
    // The server's project asks for signatures: the unsigned release is not served at all.
    std::fs::remove_file(team.signature()).unwrap();
    let strict = team.reader("strict");
    let serving = Serving::start(&strict, &["--hub", hub]);
    let package = format!("/hub/tool-v1.0.0/{}", asset());
    assert_eq!(serving.get(&package).status, 404);
    assert_eq!(serving.get(&format!("{package}.json")).status, 404);
    serving.says("nobody signed it");
    let second = team.reader("second");
    second.versions(
        &[("tool", "v1.0.0")],
        &format!("hub: {{http: \"{}\"}}\n", url(&serving)),
    );
    let out = second.larder_json(["ensure", "tool"]).success();
    assert_eq!(out.outcome("tool"), "built");
}

/// Without a project nobody's key is known: the user's demand refuses the release.
#[test]
fn an_installation_without_a_project_is_refused_where_the_user_demands_signatures() {
    let team = Team::released();
    let alone = team.env.another("alone");
    let install = || alone.larder(["install", "tool", "--hub", team.hub.as_str(), "--to", "bin"]);
    install().success();
    alone.remove("bin");
    let config = alone.home().join(".config/larder");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("config.yml"), "require: signature\n").unwrap();
    refused(install(), &alone, "require: signature");
    assert!(!alone.exists("bin/tool"));
}
