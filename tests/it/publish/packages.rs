//! Repositories of packages: for apt and for dnf, in a folder, in a git repository and in a release of
//! the hub. What they say is judged by `tests/oracles/channels/repositories.sh`; here it is who
//! writes what, and when.

use std::collections::BTreeMap;
use std::time::SystemTime;

use larder_core::model::Digest;

use super::git;
use crate::env::{Output, TestEnv};
use crate::fake_github::{FakeGitHub, Visibility, WRITE};
use crate::github::{REPO, assets, github};

/// A project with a folder hub, whose packages go to these repositories.
fn project(deb: &str, rpm: &str) -> TestEnv {
    let env = TestEnv::new();
    env.write(
        "versions.yml",
        "versions: {arc: v1.0.0-rc.1}\nplatforms: [linux-amd64, linux-arm64, darwin-arm64]\n\
         publish: {maintainer: Acme <tools@acme-tools.org>, retry: {max: 0}}\n",
    );
    env.write(
        "subsystems/arc/recipe.yml",
        format!(
            "description: Draws an arc on the terminal\nhomepage: https://acme-tools.org/arc\nlicense: MIT\nbinaries: [arc]\n\
             build:\n  source: {{dir: src}}\n  platforms: all\n  commands: ['cp arc \"{{{{ out }}}}/arc\"']\n\
             publish:\n  deb: {deb}\n  rpm: {rpm}\n",
        ),
    );
    env.write("subsystems/arc/src/arc", "#!/bin/sh\necho arc 1\n");
    env.larder(["ensure", "all", "--platform", "all"]).success();
    env
}

fn bump(env: &TestEnv, version: &str) {
    let versions = env.read("versions.yml");
    let (_, rest) = versions.split_once('}').unwrap();
    env.write(
        "versions.yml",
        format!("versions: {{arc: {version}}}{rest}"),
    );
    env.larder(["ensure", "all", "--platform", "all"]).success();
}

/// The outcome of each channel.
fn outcomes(output: &Output) -> BTreeMap<String, String> {
    let lines = output.json();
    let text = |line: &serde_json::Value, key: &str| line[key].as_str().unwrap().to_owned();
    let ended = lines.iter().filter(|line| line["channel"].is_string());
    ended
        .map(|line| (text(line, "channel"), text(line, "outcome")))
        .collect()
}

fn both(outcome: &str) -> BTreeMap<String, String> {
    ["deb", "rpm"]
        .map(|channel| (channel.to_owned(), outcome.to_owned()))
        .into()
}

/// The files below a folder with the times of their last changes, without the lock.
fn times(env: &TestEnv, folder: &str) -> BTreeMap<String, SystemTime> {
    let found = env.sh(&format!("cd '{}' && find . -type f", env.path(folder)));
    let files = found.lines().filter(|path| !path.ends_with("-lock"));
    files
        .map(|path| {
            let meta = std::fs::metadata(env.path(folder).join(path)).unwrap();
            (path.to_owned(), meta.modified().unwrap())
        })
        .collect()
}

/// The versions that the list of an architecture has.
fn listed(list: &str) -> Vec<&str> {
    list.lines()
        .filter_map(|line| line.strip_prefix("Version: "))
        .collect()
}

const LIST: &str = "apt/dists/stable/main/binary-arm64/Packages";

#[test]
fn a_folder_keeps_every_version_and_is_written_once() {
    let env = project("{repository: {dir: apt}}", "{repository: {dir: yum}}");
    let dry = env.larder(["publish", "all", "--dry-run"]).success();
    assert!(dry.stderr.contains("would be pushed"), "{}", dry.stderr);
    assert!(!env.path("apt").exists() && !env.path("yum").exists());
    let first = env.larder_json(["publish", "all"]).success();
    assert_eq!(outcomes(&first), both("published"));
    let release = env.read("apt/dists/stable/Release");
    let list = env.read(LIST);
    let digest = Digest::of(list.as_bytes());
    assert!(
        release.contains(&format!(" {digest} {} main", list.len())),
        "{release}"
    );
    assert_eq!(listed(&list), ["1.0.0~rc.1"]);
    // The same packages joined the release, under names that every hub takes.
    let deb = std::fs::read(env.path("apt/pool/main/a/arc/arc_1.0.0~rc.1_arm64.deb")).unwrap();
    let joined = ".larder-hub/arc-v1.0.0-rc.1/arc_1.0.0.rc.1_arm64.deb";
    assert_eq!(deb, std::fs::read(env.path(joined)).unwrap());
    assert!(list.contains(&Digest::of(&deb).to_string()), "{list}");

    let before = (times(&env, "apt"), times(&env, "yum"));
    let again = env.larder_json(["publish", "all"]).success();
    assert_eq!(outcomes(&again), both("up-to-date"));
    assert_eq!((times(&env, "apt"), times(&env, "yum")), before);

    bump(&env, "v1.0.0");
    let next = env.larder_json(["publish", "all"]).success();
    assert_eq!(outcomes(&next), both("published"));
    assert_eq!(listed(&env.read(LIST)), ["1.0.0", "1.0.0~rc.1"]);
    let packages = times(&env, "yum/Packages");
    assert_eq!(packages.len(), 4, "{packages:?}");
    let status = env.larder_json(["publish", "status"]).success();
    for there in ["1.0.0", "1.0.0-1"] {
        assert!(
            status.stdout.contains(&format!("\"{there}\"")),
            "{}",
            status.stdout
        );
    }

    // Taken back: the version before is what users get.
    let gone = env.larder(["unpublish", "arc@v1.0.0"]);
    assert!(
        gone.stderr.contains("new installations get 1.0.0~rc.1"),
        "{}",
        gone.stderr
    );
    assert_eq!(listed(&env.read(LIST)), ["1.0.0~rc.1"]);
    assert_eq!(times(&env, "yum/Packages").len(), 2);
}

/// A run that was killed after any file leaves what the next run completes: here the files at the
/// top, which come last, are old.
#[test]
fn a_repository_that_was_left_in_the_middle_is_completed() {
    let env = project("{repository: {dir: apt}}", "{repository: {dir: yum}}");
    env.larder(["publish", "all"]).success();
    let tops = ["apt/dists/stable/Release", "yum/repodata/repomd.xml"];
    let old = tops.map(|top| env.read(top));
    bump(&env, "v1.0.0");
    env.larder(["publish", "all"]).success();
    let new = tops.map(|top| env.read(top));
    for (top, old) in tops.iter().zip(&old) {
        env.write(top, old);
    }
    let run = env.larder_json(["publish", "all"]).success();
    assert_eq!(outcomes(&run), both("published"));
    assert_eq!(tops.map(|top| env.read(top)), new);
}

#[test]
fn other_bytes_under_a_version_are_refused() {
    let env = project("{repository: {dir: apt}}", "{repository: {dir: yum}}");
    env.larder(["publish", "all"]).success();
    std::fs::remove_dir_all(env.path(".larder-hub")).unwrap();
    std::fs::remove_dir_all(env.path(".dist")).unwrap();
    env.write("subsystems/arc/src/arc", "#!/bin/sh\necho another arc\n");
    env.larder(["ensure", "all", "--platform", "all"]).success();
    let before = (times(&env, "apt"), times(&env, "yum"));
    let run = env.larder(["publish", "all"]).exits(4);
    assert!(
        run.stderr.contains("arc_1.0.0~rc.1_amd64.deb: there "),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("arc-1.0.0~rc.1-1.aarch64.rpm: there "),
        "{}",
        run.stderr
    );
    assert_eq!((times(&env, "apt"), times(&env, "yum")), before);
}

#[test]
fn a_git_repository_gets_one_commit_for_a_version() {
    let env = project("{}", "{}");
    let bare = env.base().join("pages.git");
    git(&env, &["init", "-q", "--bare", "-b", "main", bare.as_str()]);
    let recipe = env.read("subsystems/arc/recipe.yml");
    let place = format!("{{repository: {{git: \"file://{bare}\"}}}}");
    env.write(
        "subsystems/arc/recipe.yml",
        recipe
            .replace("deb: {}", &format!("deb: {place}"))
            .replace("rpm: {}", &format!("rpm: {place}")),
    );
    let show = |what: &str| env.sh(&format!("git -C '{bare}' {what}"));
    let first = env.larder_json(["publish", "all"]).success();
    assert_eq!(outcomes(&first), both("published"));
    env.larder(["publish", "all"]).success();
    bump(&env, "v1.0.0");
    env.larder(["publish", "all"]).success();
    let log = show("log --format=%s");
    let mut subjects: Vec<&str> = log.lines().collect();
    subjects.sort_unstable();
    let wanted = [
        "arc 1.0.0",
        "arc 1.0.0-1",
        "arc 1.0.0~rc.1",
        "arc 1.0.0~rc.1-1",
    ];
    assert_eq!(subjects, wanted);
    let list = show("show HEAD:dists/stable/main/binary-amd64/Packages");
    assert_eq!(listed(&list), ["1.0.0", "1.0.0~rc.1"]);
    assert_eq!(
        show("ls-tree -r --name-only HEAD Packages").lines().count(),
        4
    );
}

#[test]
fn a_release_of_the_hub_holds_a_repository_for_apt_alone() {
    let env = project("{repository: {hub: true}}", "{}");
    env.larder(["publish", "all"]).success();
    bump(&env, "v1.0.0");
    env.larder(["publish", "all"]).success();
    let list = env.read(".larder-hub/arc-apt/Packages");
    assert_eq!(
        listed(&list),
        ["1.0.0", "1.0.0", "1.0.0~rc.1", "1.0.0~rc.1"]
    );
    for name in list
        .lines()
        .filter_map(|line| line.strip_prefix("Filename: "))
    {
        assert!(
            env.path(".larder-hub/arc-apt").join(name).exists(),
            "{name}"
        );
    }
    // It is no release of a version.
    let status = env.larder(["release", "status"]).success();
    assert!(!status.stdout.contains("apt"), "{}", status.stdout);
    let newest = env.larder(["install", "arc", "--to", "here"]).success();
    let said = format!("{}{}", newest.stdout, newest.stderr);
    assert!(said.contains("v1.0.0") && !said.contains("rc.1"), "{said}");
    env.larder(["verify", "all"]).success();

    let recipe = env.read("subsystems/arc/recipe.yml");
    env.write(
        "subsystems/arc/recipe.yml",
        recipe.replace("rpm: {}", "rpm: {repository: {hub: true}}"),
    );
    let refused = env.larder(["publish", "all"]).exits(2);
    assert!(refused.stderr.contains("repodata"), "{}", refused.stderr);
}

/// A repository that somebody signs is not left with a signature of something else, and a link in
/// the project does not lead the files elsewhere.
#[test]
fn what_cannot_be_written_is_said() {
    let mut env = project("{repository: {dir: apt}}", "{repository: {dir: yum}}");
    env.larder(["publish", "all"]).success();
    env.write("apt/dists/stable/InRelease", "signed");
    let elsewhere = env.base().join("elsewhere");
    std::fs::create_dir_all(&elsewhere).unwrap();
    std::fs::remove_dir_all(env.path("yum")).unwrap();
    std::os::unix::fs::symlink(&elsewhere, env.path("yum")).unwrap();
    bump(&env, "v1.0.0");
    let before = times(&env, "apt");
    let run = env.larder(["publish", "all"]).exits(2);
    assert!(run.stderr.contains("LARDER_GPG_KEY"), "{}", run.stderr);
    assert!(run.stderr.contains("is a link to"), "{}", run.stderr);
    assert_eq!(times(&env, "apt"), before);
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
    // A key that gpg does not have is an error, too, and nothing is written.
    env.set("LARDER_GPG_KEY", "0123456789ABCDEF");
    env.larder(["publish", "all", "--to", "deb"]).exits(1);
    assert_eq!(times(&env, "apt"), before);
}

/// The same project with its hub on GitHub, where packages are in a release for apt too.
fn on_github(github: &FakeGitHub) -> TestEnv {
    let mut env = project("{repository: {hub: true}}", "{}");
    let versions = env.read("versions.yml");
    env.write(
        "versions.yml",
        format!("{versions}hub: {{github: {REPO}}}\n"),
    );
    env.set("GITHUB_API_URL", github.api_url())
        .set("GITHUB_SERVER_URL", github.web_url())
        .set("GH_TOKEN", WRITE)
        .set("LARDER_GITHUB_PACE", "0s")
        .set("LARDER_GITHUB_SETTLE", "1s");
    env
}

/// The names and bytes of the files of a release.
fn release(github: &FakeGitHub, tag: &str) -> BTreeMap<String, Vec<u8>> {
    let releases = github.releases(REPO);
    let found = releases.iter().find(|release| release.tag == tag);
    let found = found.unwrap_or_else(|| panic!("no release {tag}"));
    assert!(!found.draft && !found.latest, "{tag}");
    assets(found)
}

#[test]
fn packages_join_releases_on_github_and_a_second_run_writes_nothing() {
    let github = github(Visibility::Public);
    let env = on_github(&github);
    env.larder(["publish", "all"]).success();
    let own = release(&github, "arc-v1.0.0-rc.1");
    let rolling = release(&github, "arc-apt");
    let deb = "arc_1.0.0.rc.1_amd64.deb";
    assert_eq!(own[deb], rolling[deb]);
    assert!(
        own.contains_key("arc-1.0.0.rc.1-1.aarch64.rpm"),
        "{:?}",
        own.keys()
    );
    assert!(
        !String::from_utf8(own["checksums.txt"].clone())
            .unwrap()
            .contains(".deb")
    );
    let list = String::from_utf8(rolling["Packages"].clone()).unwrap();
    assert!(list.contains(&format!("Filename: {deb}\n")), "{list}");
    assert!(
        list.contains(&Digest::of(&rolling[deb]).to_string()),
        "{list}"
    );

    github.clear_log();
    let again = env.larder_json(["publish", "all"]).success();
    assert_eq!(outcomes(&again), both("up-to-date"));
    assert!(github.writes().is_empty(), "{:?}", github.writes());
    env.larder(["release", "status"]).success();

    bump(&env, "v1.0.0");
    env.larder(["publish", "all"]).success();
    let rolling = release(&github, "arc-apt");
    let list = String::from_utf8(rolling["Packages"].clone()).unwrap();
    assert_eq!(
        listed(&list),
        ["1.0.0", "1.0.0", "1.0.0~rc.1", "1.0.0~rc.1"]
    );
    let top = String::from_utf8(rolling["Release"].clone()).unwrap();
    assert!(
        top.contains(&format!("{}", Digest::of(list.as_bytes()))),
        "{top}"
    );
    assert!(rolling.contains_key("arc_1.0.0_arm64.deb") && rolling.contains_key(deb));
}

#[test]
fn an_immutable_hub_takes_packages_in_the_draft_and_a_repository_once() {
    let github = github(Visibility::Public);
    github.immutable(REPO);
    let env = on_github(&github);
    env.larder(["publish", "all"]).success();
    assert!(release(&github, "arc-v1.0.0-rc.1").contains_key("arc_1.0.0.rc.1_arm64.deb"));
    assert!(release(&github, "arc-apt").contains_key("Packages"));
    bump(&env, "v1.0.0");
    let next = env.larder(["publish", "all"]).success();
    assert!(
        next.stderr.contains("releases of the hub are immutable"),
        "{}",
        next.stderr
    );
    assert!(release(&github, "arc-v1.0.0").contains_key("arc_1.0.0_arm64.deb"));
}
