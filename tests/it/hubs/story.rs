//! What a team does with a hub, from the first build to a yanked version, on each kind.

use super::place::{Kind, Place};
use super::team::{TAG, TOOL, Team, asset, ensure, outcome, release};
use crate::env::{TestEnv, host};

const AMD: &str = "linux-amd64";
const ARM: &str = "linux-arm64";

#[test]
fn a_team_works_on_a_folder() {
    story(Kind::Folder);
}

#[test]
fn a_team_works_on_github() {
    story(Kind::GitHub);
}

#[test]
fn a_team_works_on_s3() {
    story(Kind::S3);
}

#[test]
fn a_team_works_in_a_registry() {
    story(Kind::Oci);
}

fn story(kind: Kind) {
    let team = Team::new(Place::start(kind));
    first_release(&team);
    another_platform(&team);
    other_bytes_of_the_same_inputs(&team);
    changed_recipe(&team);
    replacement(&team);
    staged(&team);
    project_release(&team);
    yank(&team);
    damage(&team);
}

/// The tool as a machine has it installed.
fn tool(env: &TestEnv, platform: &str) -> String {
    let folder = if platform == host() {
        String::new()
    } else {
        format!(".p/{platform}/")
    };
    env.read(&format!("subsystems/tool/.bin/{folder}{TOOL}"))
}

/// One machine builds and releases; all others download, with the lock and without.
fn first_release(team: &Team) {
    let author = team.machine("author");
    assert!(
        Team::states(&author)
            .values()
            .all(|state| state == "missing")
    );
    let built = author.larder_json(ensure(AMD)).success();
    assert_eq!(built.outcome(TOOL), "built");
    let released = author.larder_json(release(AMD)).success();
    assert_eq!(outcome(&released, "release"), "released");
    team.assert_whole(TAG, &[asset(AMD)], "after the first release");
    team.place.mark();
    let again = author.larder_json(release(AMD)).success();
    assert_eq!(outcome(&again, "release"), "up-to-date");
    assert_eq!(team.place.writes(), [""; 0], "a second release wrote");

    let reader = team.machine("reader");
    let read = reader.larder_json(ensure(AMD)).success();
    assert_eq!(read.outcome(TOOL), "downloaded");
    assert_eq!(tool(&reader, AMD), tool(&author, AMD));
    let locked = team.machine("locked");
    locked.write("versions.lock", reader.read("versions.lock"));
    team.place.mark();
    let read = locked
        .larder_json([&ensure(AMD)[..], &["--locked"]].concat())
        .success();
    assert_eq!(read.outcome(TOOL), "downloaded");
    // One for the asset, which may be a redirect, and one for a tombstone.
    let requests = team.place.requests();
    assert!(requests <= 3, "{requests} requests with a lock");
    assert_eq!(team.place.writes(), [""; 0], "a reader wrote");
}

/// Another job adds its platform to the release.
fn another_platform(team: &Team) {
    let job = team.builder("job", ARM);
    let states = Team::states(&job);
    assert_eq!((&*states[AMD], &*states[ARM]), ("released", "missing"));
    job.larder(release(ARM)).success();
    team.assert_whole(TAG, &[asset(AMD), asset(ARM)], "after another platform");
    assert!(Team::states(&job).values().all(|state| state == "released"));
    let reader = team.machine("reader-of-both");
    let read = reader
        .larder_json(["ensure", TOOL, "--platform", "all"])
        .success();
    assert_eq!(read.outcomes(), ["tool=downloaded", "tool=downloaded"]);
}

/// A second build of the same inputs has other bytes: the first release stands and is adopted.
fn other_bytes_of_the_same_inputs(team: &Team) {
    let before = team.place.files(TAG);
    team.salt("another build");
    let twin = team.machine("twin");
    twin.larder([&ensure(AMD)[..], &["--source", "build"]].concat())
        .success();
    assert!(tool(&twin, AMD).contains("another build"));
    team.place.mark();
    let second = twin.larder_json(release(AMD)).success();
    let said = format!("{}{}", second.stdout, second.stderr);
    assert!(
        said.contains("was published first with other bytes of the same inputs"),
        "{said}"
    );
    assert_eq!(team.place.writes(), [""; 0]);
    assert!(
        !tool(&twin, AMD).contains("another build"),
        "the first release was not adopted"
    );
    assert_eq!(team.place.files(TAG), before);
    team.salt("");
}

/// The recipe changes and the version does not: the new asset has a name of its own.
fn changed_recipe(team: &Team) {
    let before = team.place.files(TAG);
    let changed = team.machine("changed");
    changed.edit("subsystems/tool/src/tool.sh", "echo", "echo again;echo");
    assert_eq!(Team::states(&changed)[AMD], "other-inputs");
    changed.larder(ensure(AMD)).success();
    let released = changed.larder_json(release(AMD)).success();
    assert_eq!(outcome(&released, "release"), "released");
    let after = team.place.files(TAG);
    let added: Vec<_> = after
        .keys()
        .filter(|name| !before.contains_key(*name))
        .collect();
    assert_eq!(added.len(), 2, "{added:?}");
    assert!(before.iter().all(|(name, bytes)| {
        ["checksums.txt", "manifest.json"].contains(&name.as_str()) || after[name] == *bytes
    }));
    let reader = team.machine("changed-reader");
    reader.edit("subsystems/tool/src/tool.sh", "echo", "echo again;echo");
    let read = reader.larder_json(ensure(AMD)).success();
    assert_eq!(read.outcome(TOOL), "downloaded");
    assert_eq!(tool(&reader, AMD), tool(&changed, AMD));
    assert_eq!(Team::states(&reader)[AMD], "released");
}

/// `--replace` puts other bytes in the place of an asset.
fn replacement(team: &Team) {
    team.salt("replaced");
    let author = team.machine("replacer");
    author
        .larder([&ensure(ARM)[..], &["--source", "build"]].concat())
        .success();
    let replaced = author
        .larder_json([&release(ARM)[..], &["--replace"]].concat())
        .success();
    assert_eq!(outcome(&replaced, "release"), "released");
    team.place.mark();
    author
        .larder([&release(ARM)[..], &["--replace"]].concat())
        .success();
    assert_eq!(team.place.writes(), [""; 0], "a second replacement wrote");
    let reader = team.machine("reader-of-the-replaced");
    reader.larder(ensure(ARM)).success();
    let installed = tool(&reader, ARM);
    assert!(installed.contains("replaced"), "{installed}");
    team.salt("");
}

/// `--stage` leaves a draft where the hub has drafts; `finalize` publishes it.
fn staged(team: &Team) {
    let author = team.machine("stager");
    author.edit("versions.yml", "v1.0.0", "v2.0.0");
    for platform in [AMD, ARM] {
        author.larder(ensure(platform)).success();
        author
            .larder([&release(platform)[..], &["--stage"]].concat())
            .success();
    }
    let visible = team.place.files("tool-v2.0.0");
    assert_eq!(
        visible.is_empty(),
        team.place.kind() == Kind::GitHub,
        "{visible:?}"
    );
    author.larder(["release", "finalize", TOOL]).success();
    team.assert_whole("tool-v2.0.0", &[asset(AMD), asset(ARM)], "after finalize");
    team.place.mark();
    author.larder(["release", "finalize", TOOL]).success();
    assert_eq!(team.place.writes(), [""; 0], "a second finalize wrote");
}

/// Bundles and packages of the whole project, and what `install` takes without a project.
fn project_release(team: &Team) {
    let author = team.machine("project-author");
    author.larder(["release", "project", "v7.0.0"]).success();
    let mut names: Vec<_> = team.place.files("v7.0.0").into_keys().collect();
    // Where a release has no page, its notes are a file.
    names.retain(|name| name != "notes.md");
    let wanted = [
        "checksums.txt",
        "manifest.json",
        "tool-linux-amd64.tar.gz",
        "tool-linux-arm64.tar.gz",
        "tools-linux-amd64.tar.gz",
        "tools-linux-arm64.tar.gz",
    ];
    assert_eq!(names, wanted);
    team.place.mark();
    author.larder(["release", "project", "v7.0.0"]).success();
    assert_eq!(
        team.place.writes(),
        [""; 0],
        "a second project release wrote"
    );
    if host() == AMD || host() == ARM {
        let stranger = team.machine("stranger");
        stranger.remove("versions.yml");
        stranger.remove("subsystems");
        let tool = format!("{TOOL}@v1.0.0");
        let hub = team.place.argument();
        stranger
            .larder(["install", &tool, "--hub", &hub, "--to", "bin"])
            .success();
        assert!(stranger.sh("bin/tool").contains("v1.0.0"));
    }
}

/// A yanked version is refused with its reason.
fn yank(team: &Team) {
    let author = team.machine("yanker");
    author
        .larder(["yank", "tool@v2.0.0", "--reason", "loses data"])
        .success();
    team.place.mark();
    author
        .larder(["yank", "tool@v2.0.0", "--reason", "loses data"])
        .success();
    assert_eq!(team.place.writes(), [""; 0], "a second yank wrote");
    let reader = team.machine("reader-of-the-yanked");
    reader.edit("versions.yml", "v1.0.0", "v2.0.0");
    let out = reader.larder(ensure(AMD)).exits(4);
    assert!(out.stderr.contains("loses data"), "{}", out.stderr);
    reader.edit("versions.yml", "v2.0.0", "v1.0.0");
    reader.larder(ensure(AMD)).success();
}

/// An asset that differs from its sidecar is refused, and so is a damaged sidecar; nothing is
/// installed.
fn damage(team: &Team) {
    for (name, platform) in [(asset(AMD), AMD), (format!("{}.json", asset(ARM)), ARM)] {
        team.place.damage(TAG, &name);
        let reader = team.machine(&format!("reader-of-the-damaged-{platform}"));
        let out = reader.larder(ensure(platform)).exits(4);
        // A registry knows a sidecar by its digest.
        let named = out.stderr.contains(&name) || out.stderr.contains("a blob with the digest");
        assert!(named, "{}", out.stderr);
        assert!(!reader.exists("subsystems/tool/.bin/tool"));
    }
}
