//! `larder publish --render`.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::{commit, git, installed, project};
use crate::env::TestEnv;

const RENDER: [&str; 3] = ["publish", "all", "--render"];

/// Every file of a folder by its path in it, with its content.
fn files(folder: &Utf8Path) -> BTreeMap<String, Vec<u8>> {
    fn collect(root: &Utf8Path, folder: &Utf8Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in folder.read_dir_utf8().unwrap() {
            let path = entry.unwrap().into_path();
            if path.is_dir() {
                collect(root, &path, found);
            } else {
                let name = path.strip_prefix(root).unwrap().to_string();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    collect(folder, folder, &mut found);
    found
}

fn rendered(env: &TestEnv) -> BTreeMap<String, Vec<u8>> {
    files(&env.path(".dist/channels/arc"))
}

/// The outcome of each channel, and the reason if it was skipped.
fn outcomes(env: &TestEnv, arguments: &[&str]) -> BTreeMap<String, String> {
    let lines = env.larder_json(arguments).json();
    lines
        .iter()
        .filter(|line| line["action"] == "publish")
        .map(|line| {
            assert_eq!(line["subsystem"], "arc");
            let channel = line["channel"].as_str().unwrap_or("all").to_owned();
            let outcome = line["outcome"].as_str().unwrap().to_owned();
            let reason = line["reason"].as_str().unwrap_or_default();
            (channel, format!("{outcome} {reason}").trim().to_owned())
        })
        .collect()
}

#[test]
fn every_channel_is_rendered_and_names_the_release_of_the_hub() {
    let env = installed("v1.2.3");
    let outcomes = outcomes(&env, &RENDER);
    assert_eq!(outcomes.len(), 12);
    assert!(
        outcomes.values().all(|outcome| outcome == "rendered"),
        "{outcomes:?}"
    );
    let files = rendered(&env);
    for name in [
        "INSTALL.md",
        "README",
        "aur/.SRCINFO",
        "aur/PKGBUILD",
        "chocolatey/arc.1.2.3.nupkg",
        "chocolatey/arc.nuspec",
        "chocolatey/tools/chocolateyinstall.ps1",
        "deb/arc_1.2.3_amd64.deb",
        "deb/arc_1.2.3_arm64.deb",
        "docker/index.json",
        "docker/oci-layout",
        "homebrew/arc.rb",
        "installer/install.ps1",
        "installer/install.sh",
        "npm/arc/package.json",
        "provenance.intoto.jsonl",
        "pypi/arc-1.2.3-py3-none-win_amd64.whl",
        "rpm/arc-1.2.3-1.x86_64.rpm",
        "sbom.cdx.json",
        "scoop/arc.json",
        "snap/meta/snap.yaml",
        "snap/snap/snapcraft.yaml",
        "winget/Acme.arc.installer.yaml",
        "winget/Acme.arc.locale.en-US.yaml",
        "winget/Acme.arc.yaml",
    ] {
        assert!(files.contains_key(name), "{name} of {:?}", files.keys());
    }
    // The digest is that of the package, which is what the hub gets.
    let package = std::fs::read(env.path(".dist/arc-darwin-arm64.tar.gz")).unwrap();
    let digest = larder_core::model::Digest::of(&package).to_string();
    let formula = String::from_utf8(files["homebrew/arc.rb"].clone()).unwrap();
    assert!(formula.contains(&digest), "{formula}");
    assert!(formula.contains("https://dl.acme-tools.org/arc-v1.2.3/arc-darwin-arm64.tar.gz"));
}

#[test]
fn the_same_release_gives_the_same_files_wherever_it_is_rendered() {
    let mut env = installed("v1.2.3");
    env.larder(RENDER).success();
    let first = rendered(&env);
    // Another time zone, locale and folder, and a commit that does not touch the subsystem.
    env.write("README.md", "# Tools\n");
    commit(&env, "docs: a readme", "2025-01-01T00:00:00Z");
    env.set("TZ", "Asia/Tokyo")
        .set("LC_ALL", "C")
        .set("SOURCE_DATE_EPOCH", "");
    env.larder([&RENDER[..], &["--out", "elsewhere"]].concat())
        .success();
    let second = files(&env.path("elsewhere/arc"));
    assert_eq!(
        first.keys().collect::<Vec<_>>(),
        second.keys().collect::<Vec<_>>()
    );
    for (name, content) in &first {
        assert!(second[name] == *content, "{name} differs");
    }
    // The time is that of the commit that last changed the subsystem.
    let sbom = String::from_utf8(first["sbom.cdx.json"].clone()).unwrap();
    assert!(sbom.contains("2024-05-06T07:08:09Z"), "{sbom}");
    env.set("SOURCE_DATE_EPOCH", "1700000000");
    env.larder(RENDER).success();
    let sbom = String::from_utf8(rendered(&env)["sbom.cdx.json"].clone()).unwrap();
    assert!(sbom.contains("2023-11-14T22:13:20Z"), "{sbom}");
    env.set("SOURCE_DATE_EPOCH", "yesterday");
    let wrong = env.larder(RENDER).exits(2);
    assert!(
        wrong.stderr.contains("SOURCE_DATE_EPOCH"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn a_shallow_clone_says_what_it_does_not_know() {
    let env = installed("v1.2.3");
    env.write("README.md", "# Tools\n");
    commit(&env, "docs: a readme", "2025-01-01T00:00:00Z");
    let head = env.path(".git/shallow");
    let log = std::process::Command::new("git")
        .args(["rev-parse", "HEAD"])
        .current_dir(env.project())
        .output()
        .unwrap();
    std::fs::write(&head, log.stdout).unwrap();
    let out = env.larder(RENDER).success();
    assert!(
        out.stderr.contains("this clone is shallow"),
        "{}",
        out.stderr
    );
    let sbom = String::from_utf8(rendered(&env)["sbom.cdx.json"].clone()).unwrap();
    assert!(sbom.contains("1980-01-01T00:00:00Z"), "{sbom}");
}

#[test]
fn a_pre_release_goes_only_to_channels_that_have_a_word_for_it() {
    let env = installed("v1.2.3-rc.1");
    let found = outcomes(&env, &RENDER);
    for channel in ["homebrew", "scoop", "winget", "chocolatey", "snap"] {
        assert!(
            found[channel].starts_with("skipped v1.2.3-rc.1 is a pre-release"),
            "{found:?}"
        );
    }
    for channel in ["aur", "deb", "rpm", "docker", "npm", "pypi", "installer"] {
        assert_eq!(found[channel], "rendered", "{found:?}");
    }
    let files = rendered(&env);
    for name in [
        "deb/arc_1.2.3~rc.1_amd64.deb",
        "pypi/arc-1.2.3rc1-py3-none-win_amd64.whl",
    ] {
        assert!(files.contains_key(name), "{name} of {:?}", files.keys());
    }
    env.edit(
        "subsystems/arc/recipe.yml",
        "scoop: {bucket: acme/scoop-bucket}",
        "scoop: {bucket: acme/scoop-bucket, prerelease: true}",
    );
    assert_eq!(outcomes(&env, &RENDER)["scoop"], "rendered");
}

#[test]
fn only_the_wanted_channels_are_rendered_and_stale_files_go() {
    let env = installed("v1.2.3");
    env.larder(RENDER).success();
    let some = outcomes(
        &env,
        &[
            "publish",
            "arc",
            "--render",
            "--to",
            "scoop,gomodule",
            "--out",
            "some",
        ],
    );
    assert_eq!(some["scoop"], "rendered");
    assert!(
        some["gomodule"].starts_with("skipped it is not on for arc"),
        "{some:?}"
    );
    assert!(!env.path("some/arc/deb").exists());
    let others = outcomes(
        &env,
        &[
            "publish", "arc", "--render", "--skip", "scoop", "--out", "others",
        ],
    );
    assert!(!others.contains_key("scoop") && others.len() == 11);
    let unknown = env
        .larder(["publish", "arc", "--render", "--to", "scop"])
        .exits(2);
    assert!(
        unknown.stderr.contains("did you mean `scoop`?"),
        "{}",
        unknown.stderr
    );

    // Nor does one that was turned off.
    env.edit("subsystems/arc/recipe.yml", "  snap: {}\n", "");
    env.larder(RENDER).success();
    assert!(!env.path(".dist/channels/arc/snap").exists());

    // A channel that gets nothing any more keeps no files of the release before.
    env.edit("versions.yml", "windows-amd64", "linux-386");
    env.larder(["ensure", "all", "--platform", "all"]).success();
    let found = outcomes(&env, &RENDER);
    assert_eq!(
        found["scoop"],
        "skipped no asset is for a platform that scoop knows"
    );
    assert!(!rendered(&env).keys().any(|name| name.starts_with("scoop/")));
    assert!(!env.path(".dist/channels/arc/scoop").exists());
}

#[test]
fn what_is_missing_is_said_before_anything_is_written() {
    let env = project("v1.2.3");
    let out = env.larder(RENDER).exits(1);
    assert!(
        out.stderr
            .contains("darwin-arm64 is neither installed nor packaged")
            && out.stderr.contains("larder ensure arc --platform all"),
        "{}",
        out.stderr
    );
    assert!(!env.path(".dist/channels").exists());

    // Packages stand in for what is installed.
    env.larder(["ensure", "all", "--platform", "all"]).success();
    env.larder(["package", "all", "--platform", "all"])
        .success();
    std::fs::remove_dir_all(env.path("subsystems/arc/.bin")).unwrap();
    env.larder(RENDER).success();

    // Damaged packages do not.
    let package = env.path(".dist/arc-linux-arm64.tar.gz");
    crate::env::flip_bit(&package);
    env.larder(RENDER).exits(4);
}

#[test]
fn a_folder_hub_without_a_url_only_feeds_channels_that_need_none() {
    let env = installed("v1.2.3");
    let versions = env.read("versions.yml");
    let mut without: Vec<&str> = versions.lines().collect();
    without.retain(|line| !line.contains("url:"));
    env.write("versions.yml", without.join("\n") + "\n");
    let found = env.larder(["publish", "arc", "--render", "--to", "deb,docker,npm,pypi"]);
    found.success();
    let out = env
        .larder(["publish", "arc", "--render", "--to", "homebrew"])
        .exits(2);
    assert!(
        out.stderr.contains("the public url of arc-darwin-")
            && out.stderr.contains("publish: {url:"),
        "{}",
        out.stderr
    );
}

#[test]
fn channels_of_a_folder_that_someone_linked_elsewhere_are_not_written_there() {
    let env = installed("v1.2.3");
    let elsewhere = env.base().join("elsewhere");
    std::fs::create_dir_all(&elsewhere).unwrap();
    std::fs::create_dir_all(env.path(".dist")).unwrap();
    std::os::unix::fs::symlink(&elsewhere, env.path(".dist/channels")).unwrap();
    env.larder(RENDER).exits(2);
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
}

#[test]
fn an_interrupted_render_leaves_the_files_of_the_last_one() {
    let env = installed("v1.2.3");
    env.larder(RENDER).success();
    let before = rendered(&env);
    // A folder that a killed render left is swept by the next one.
    let litter = env.path(".dist/channels/arc/.tmp-deb-a1b2c3");
    std::fs::create_dir_all(&litter).unwrap();
    env.larder(RENDER).success();
    assert!(!litter.exists());
    assert_eq!(rendered(&env), before);
    git(&env, &["status", "--short"]);
}
