//! `larder lock --adopt`: makes an asset usable that a person uploaded by hand, without a sidecar.

use larder_core::model::Digest;

use crate::env::{TestEnv, host};
use crate::fake_github::{FakeGitHub, Origin, READ, Visibility, WRITE};
use crate::github::{REPO, github};

/// A project with one subsystem, on a machine that uses the fake GitHub.
fn project(env: TestEnv, github: &FakeGitHub, token: Option<&str>) -> TestEnv {
    let mut env = env;
    env.script_subsystem("arc", "v0.1.0");
    let versions = env.read("versions.yml");
    env.write(
        "versions.yml",
        format!("{versions}hub: {{github: {REPO}}}\n"),
    );
    env.set("GITHUB_API_URL", github.api_url())
        .set("GITHUB_SERVER_URL", github.web_url());
    env.set("LARDER_GITHUB_PACE", "0s")
        .set("LARDER_GITHUB_SETTLE", "1s");
    if let Some(token) = token {
        env.set("GH_TOKEN", token);
    }
    env
}

/// A tarball as a person would upload it: the program in a folder.
fn tarball(env: &TestEnv, text: &str) -> Vec<u8> {
    env.write_executable(
        "../made/arc-v0.1.0/arc",
        format!("#!/bin/sh\necho {text}\n"),
    );
    env.sh("tar -czf ../made.tar.gz -C ../made arc-v0.1.0");
    std::fs::read(env.path("../made.tar.gz")).expect("the tarball")
}

fn state(env: &TestEnv) -> String {
    let document = env
        .larder(["release", "status", "--json"])
        .success()
        .document();
    document["subsystems"][0]["state"]
        .as_str()
        .expect("a state")
        .to_owned()
}

#[test]
fn a_manually_uploaded_asset_is_usable_once_it_is_adopted() {
    for (visibility, token) in [
        (Visibility::Public, None),
        (Visibility::Private, Some(READ)),
    ] {
        let github = github(visibility);
        let env = project(TestEnv::new(), &github, token);
        let (asset, bytes) = (
            format!("arc-{}.tar.gz", host()),
            tarball(&env, "arc v0.1.0 by hand"),
        );
        github.put_release(REPO, "arc-v0.1.0", false, &[(&asset, &bytes)]);

        // Without a sidecar or a pin the asset is not visible.
        assert_eq!(state(&env), "missing");
        let out = env.larder_json(["ensure", "arc", "--source", "managed"]);
        assert_ne!(out.code, Some(0), "{}", out.stdout);

        env.larder(["lock", "--adopt", "arc"]).success();
        let lock = env.read("versions.lock");
        let url = format!(
            "{}/{REPO}/releases/download/arc-v0.1.0/{asset}",
            github.web_url()
        );
        assert!(
            lock.contains(&Digest::of(&bytes).to_string()) && lock.contains(&url),
            "{lock}"
        );
        assert_eq!(state(&env), "released");
        assert_eq!(
            env.larder(["plan", "--matrix"]).success().document()["include"],
            serde_json::json!([])
        );
        assert_eq!(
            env.larder_json(["ensure", "arc"]).success().outcomes(),
            ["arc=downloaded"]
        );
        assert_eq!(
            env.sh("subsystems/arc/.bin/arc").trim(),
            "arc v0.1.0 by hand"
        );
        env.larder(["lock", "--adopt", "arc"]).success();
        assert_eq!(env.read("versions.lock"), lock);

        // With the lock every clone gets it, also from a hub whose name has changed since.
        for (name, lock) in [
            ("second", lock.clone()),
            (
                "third",
                lock.replace(&github.web_url(), "https://github.example"),
            ),
        ] {
            let other = project(env.another(name), &github, token);
            other.write("versions.lock", lock);
            github.clear_log();
            assert_eq!(
                other
                    .larder_json(["ensure", "arc", "--locked"])
                    .success()
                    .outcomes(),
                ["arc=downloaded"]
            );
            assert_eq!(
                other.sh("subsystems/arc/.bin/arc").trim(),
                "arc v0.1.0 by hand"
            );
            assert!(token.is_some() || github.count(Origin::Api) == 0);
            assert_eq!(state(&other), "released");
        }

        // Releasing it again does nothing: the asset is kept, and no second copy is added.
        let writer = project(env.another("writer"), &github, Some(WRITE));
        writer.write("versions.lock", &lock);
        writer.larder(["ensure", "arc"]).success();
        github.clear_log();
        let out = writer.larder_json(["release", "arc"]).success();
        assert_eq!(out.finished("release")[0]["outcome"], "up-to-date");
        assert!(github.writes().is_empty(), "{:?}", github.writes());

        // Other bytes under its name do not match the adopted digest.
        github.with_repo(REPO, |repo| {
            let asset = &mut repo.releases[0].assets[0];
            asset.bytes = tarball(&env, "arc v0.1.0 of someone else").into();
            asset.sha256 = Digest::of(&asset.bytes).to_string();
        });
        let other = project(env.another("late"), &github, token);
        other.write("versions.lock", &lock);
        other.larder(["ensure", "arc"]).exits(4);
        assert!(!other.exists("subsystems/arc/.bin/arc"));
    }
}

#[test]
fn adopting_requires_an_asset_without_a_sidecar() {
    let github = github(Visibility::Public);
    let env = project(TestEnv::new(), &github, Some(WRITE));
    let out = env.larder(["lock", "--adopt", "arc"]).exits(1);
    assert!(out.stderr.contains("to adopt"), "{}", out.stderr);
    assert!(!env.exists("versions.lock"));
    // An asset with a sidecar needs no adoption.
    env.larder(["ensure", "arc"]).success();
    env.larder(["release", "arc"]).success();
    let before = env.read("versions.lock");
    let out = env.larder(["lock", "--adopt", "arc"]).success();
    assert!(out.stderr.contains("nothing to adopt"), "{}", out.stderr);
    assert_eq!(env.read("versions.lock"), before);
}
