//! Several hubs: `hubs:`, `larder hub copy` and `larder hub gc`.

use std::collections::BTreeMap;

use super::{project, with_github};
use crate::env::TestEnv;

/// Every file below a folder of the project, with its bytes.
fn files(env: &TestEnv, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let root = env.path(folder);
    let mut found = BTreeMap::new();
    for tag in std::fs::read_dir(&root).into_iter().flatten().flatten() {
        for file in std::fs::read_dir(tag.path())
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = file.file_name().to_string_lossy().into_owned();
            if name != ".lock" {
                let path = file.path();
                let key = format!("{}/{name}", tag.file_name().to_string_lossy());
                found.insert(key, std::fs::read(path).expect("file"));
            }
        }
    }
    found
}

#[test]
fn a_hub_on_github_is_mirrored_into_a_folder_and_read_from_there() {
    let (env, github) = with_github();
    env.larder(["ensure", "all", "--platform", "all"]).success();
    env.larder(["release", "all", "--platform", "all"])
        .success();
    let copy = ["hub", "copy", "github:acme/tools", "mirror", "--json"];
    let planned = env.larder([&copy[..], &["--dry-run"]].concat()).success();
    assert!(
        planned.stdout.contains("\"dry_run\":true"),
        "{}",
        planned.stdout
    );
    assert!(files(&env, "mirror").is_empty());

    let copied = env.larder(copy).success();
    let steps = copied.stdout.matches("\"action\":\"copy\"").count();
    assert_eq!(steps, 4, "{}", copied.stdout);
    let mirror = files(&env, "mirror");
    assert!(
        mirror.contains_key("one-v1.0.0/one-linux-arm64.tar.gz.json"),
        "{:?}",
        mirror.keys()
    );
    let again = env.larder(copy).success();
    assert_eq!(
        again.stdout.matches("\"outcome\":\"up-to-date\"").count(),
        4,
        "{}",
        again.stdout
    );
    assert_eq!(files(&env, "mirror"), mirror);

    // A reader that asks the mirror first has no need of GitHub.
    let versions = env.read("versions.yml").replace(
        "hub: {github: acme/tools}",
        "hubs: {read: [{dir: mirror}], write: {github: acme/tools}}",
    );
    env.write("versions.yml", versions);
    env.remove("subsystems/one/.bin");
    env.drop_cache();
    github.clear_log();
    env.larder(["ensure", "one", "--source", "managed"])
        .success();
    assert!(github.log().is_empty(), "{:?}", github.log());
}

/// A copy can't complete an immutable release: it leaves it as it is, with or without derived files.
#[test]
fn a_copy_to_an_immutable_release_that_lacks_its_checksums_writes_nothing() {
    let (env, github) = with_github();
    env.larder(["ensure", "all", "--platform", "all"]).success();
    env.larder(["release", "all", "--platform", "all"])
        .success();
    env.larder(["hub", "copy", "github:acme/tools", "mirror"])
        .success();
    github.with_repo("acme/tools", |repo| {
        for release in &mut repo.releases {
            release.immutable = true;
            let before = release.assets.len();
            release.assets.retain(|asset| asset.name != "checksums.txt");
            assert_eq!(release.assets.len(), before - 1, "{}", release.tag);
        }
    });
    github.clear_log();
    let back = ["hub", "copy", "mirror", "github:acme/tools", "--json"];
    for _ in 0..2 {
        let copied = env.larder(back).success();
        assert_eq!(
            copied.stdout.matches("\"outcome\":\"up-to-date\"").count(),
            4,
            "{}",
            copied.stdout
        );
    }
    assert!(github.writes().is_empty(), "{:?}", github.writes());
}

#[test]
fn gc_leaves_what_a_locked_ensure_needs() {
    let env = project("");
    env.larder(["ensure", "one"]).success();
    env.larder(["release", "one"]).success();
    for version in ["v1.1.0", "v1.2.0"] {
        env.remove("versions.lock");
        let pinned = env.read("versions.yml");
        let line = pinned
            .lines()
            .find(|line| line.contains("one:"))
            .expect("pin");
        env.write(
            "versions.yml",
            pinned.replace(line, &format!("  one: {version}")),
        );
        env.larder(["ensure", "one"]).success();
        env.larder(["release", "one"]).success();
    }
    let before = files(&env, ".larder-hub");
    let gc = ["hub", "gc", "--keep", "1"];
    let planned = env.larder(gc).success();
    let said = format!("{}{}", planned.stdout, planned.stderr);
    assert!(said.contains("would be removed"), "{said}");
    assert!(said.contains("versions.yml pins it"), "{said}");
    assert_eq!(files(&env, ".larder-hub"), before);
    env.larder([&gc[..], &["--yes"]].concat()).success();
    let tags: Vec<String> = files(&env, ".larder-hub")
        .into_keys()
        .filter_map(|path| path.split('/').next().map(str::to_owned))
        .collect();
    assert!(tags.iter().all(|tag| tag == "one-v1.2.0"), "{tags:?}");
    env.remove("subsystems/one/.bin");
    env.drop_cache();
    env.larder(["ensure", "one", "--locked", "--source", "managed"])
        .success();
}
