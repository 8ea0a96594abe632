//! `larder publish` on a bad day: every channel with every fault that can reach it. The other
//! channels are fed, the exit code and the table are right, `publish status` tells the truth, and
//! when the fault is gone, the next run completes the work.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::env::{LARDER, Output};
use crate::publish::world::{ATTACHED, ELSEWHERE, PUBLISH, PUSHED, TAP, World};
use crate::servers::tripwire::{Act, Fault};

/// A channel, and which requests push to it.
struct Way {
    channel: &'static str,
    place: &'static str,
    contains: &'static str,
    /// A part of what is said about a missing right.
    right: &'static str,
}

const WAYS: [Way; 11] = [
    way(
        "homebrew",
        "web",
        "homebrew-tools.git/git-receive-pack",
        "contents: write",
    ),
    way(
        "scoop",
        "git",
        "scoop-bucket.git/git-receive-pack",
        "write access",
    ),
    way("aur", "git", "arc-bin.git/git-receive-pack", "write access"),
    way("winget", "api", "/winget-pkgs/", "pull requests"),
    way("docker", "registry", "/acme/arc/", "the right to push"),
    way("deb", "uploads", ".deb", "contents: write"),
    way("rpm", "uploads", ".rpm", "contents: write"),
    way("installer", "uploads", "install.", "contents: write"),
    way("pypi", "pypi", "", "the right to upload"),
    way("chocolatey", "nuget", "", "the right to push"),
    way(
        "gomodule",
        "git",
        "project.git/git-receive-pack",
        "write access",
    ),
];

const fn way(
    channel: &'static str,
    place: &'static str,
    contains: &'static str,
    right: &'static str,
) -> Way {
    Way {
        channel,
        place,
        contains,
        right,
    }
}

/// What a server answers to everything that is pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Down,
    NoLogin,
    NoRight,
    Conflict,
}

const KINDS: [Option<Kind>; 5] = [
    Some(Kind::Down),
    None,
    Some(Kind::NoLogin),
    Some(Kind::NoRight),
    Some(Kind::Conflict),
];

impl Kind {
    fn status(self) -> u16 {
        match self {
            Self::Down => 503,
            Self::NoLogin => 401,
            Self::NoRight => 403,
            Self::Conflict => 409,
        }
    }
}

/// Each channel has each fault once, in runs in which several channels have different ones.
#[test]
fn a_channel_whose_server_fails_or_refuses_stops_no_other() {
    let mut world = World::new();
    world.publish().success();
    for round in 0..KINDS.len() {
        world.empty_places();
        let faults: BTreeMap<&str, Option<Kind>> = WAYS
            .iter()
            .enumerate()
            .map(|(index, way)| (way.channel, KINDS[(index + round) % KINDS.len()]))
            .collect();
        for way in &WAYS {
            if let Some(kind) = faults[way.channel] {
                world.wire.fault(Fault {
                    place: way.place,
                    method: (way.place != "web" && way.place != "git").then_some("write"),
                    contains: way.contains,
                    act: Act::Answer(kind.status(), "{\"message\": \"No.\"}".into()),
                });
            }
        }
        let context = format!("{faults:?}");
        world.wire.clear();
        let run = world.publish();
        let said = format!("{context}\n{}\n{}", run.stdout, run.stderr);
        assert_eq!(run.code, Some(1), "{said}");
        for way in &WAYS {
            check(&world, way, faults[way.channel], &run, &said);
        }
        let errors = |channel: &str| u64::from(faults[channel].is_some());
        assert_status(&world, &context, |channel| {
            (1 - errors(channel), errors(channel))
        });

        // Everybody answers again.
        world.wire.heal();
        let again = world.publish().success();
        for way in &WAYS {
            let ended = ended(&again, way.channel);
            let wanted = match faults[way.channel] {
                Some(_) => "published",
                None => "up-to-date",
            };
            assert_eq!(ended["outcome"], wanted, "{context}: {ended}");
        }
        assert_status(&world, &context, |channel| (1, errors(channel)));
        world.assert_complete("1.2.3", &context);
    }
}

/// How a channel with a fault, or without one, has ended.
fn check(world: &World, way: &Way, fault: Option<Kind>, run: &Output, said: &str) {
    let ended = ended(run, way.channel);
    let Some(kind) = fault else {
        assert_eq!(ended["outcome"], "published", "{ended} {said}");
        return;
    };
    assert_eq!(ended["outcome"], "failed", "{ended} {said}");
    let error = format!("{} {}", ended["error"], ended["hints"]);
    let tries = tries(world, way, kind);
    let context = format!("{} {kind:?}: {tries} tries: {error}", way.channel);
    match kind {
        Kind::Down => assert!(tries > 1, "{context}"),
        // git asks without a login first.
        Kind::NoLogin => {
            let known = ["login", "token"].iter().any(|word| error.contains(word));
            assert!(known || error.contains(way.right), "{context}");
            assert!(tries <= 2, "{context}");
        }
        Kind::NoRight => {
            assert!(error.contains(way.right), "{context}");
            assert_eq!(tries, 1, "{context}");
        }
        Kind::Conflict => {}
    }
}

/// How often one and the same request was answered with the fault.
fn tries(world: &World, way: &Way, kind: Kind) -> usize {
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    for request in world.wire.log() {
        let is_ours = request.place == way.place && request.path.contains(way.contains);
        if is_ours && request.status == kind.status() {
            *lines.entry(request.line()).or_default() += 1;
        }
    }
    lines.into_values().max().unwrap_or(0)
}

/// The line of a channel of a run with `--json`.
fn ended(run: &Output, channel: &str) -> Value {
    let lines = run.json();
    let found = lines
        .iter()
        .find(|line| line["action"] == "publish" && line["channel"] == channel);
    found
        .unwrap_or_else(|| panic!("nothing of {channel}: {}\n{}", run.stdout, run.stderr))
        .clone()
}

/// What `publish status` says about every channel: `wanted` gives how often it was published and
/// failed. The last run failed for a channel that was not published.
fn assert_status(world: &World, context: &str, wanted: impl Fn(&str) -> (u64, u64)) {
    let status = world.env.larder_json(["publish", "status"]).success();
    let status = status.document();
    let channels = status["subsystems"][0]["channels"].as_array().unwrap();
    let mut is_complete = true;
    for channel in channels {
        let name = channel["channel"].as_str().unwrap();
        let (publishes, errors) = wanted(name);
        let counts = (
            channel["publishes"].as_u64().unwrap(),
            channel["errors"].as_u64().unwrap(),
        );
        assert_eq!(counts, (publishes, errors), "{context}: {channel}");
        let (state, last) = match publishes {
            0 => ("missing", "failed"),
            _ => ("published", "published"),
        };
        is_complete &= publishes > 0;
        assert_eq!(channel["state"], state, "{context}: {channel}");
        let outcome = channel["last"]["outcome"].as_str().unwrap();
        assert!(
            outcome == last || (last == "published" && outcome == "up-to-date"),
            "{context}: {channel}"
        );
    }
    assert_eq!(channels.len(), PUSHED.len() + ATTACHED.len());
    assert_eq!(status["complete"], is_complete, "{context}");
}

/// A server that is down for good is a run that may be tried again later.
#[test]
fn only_servers_that_are_down_is_exit_5_and_the_table_names_them() {
    let world = World::new();
    for way in WAYS
        .iter()
        .filter(|way| ["scoop", "docker"].contains(&way.channel))
    {
        world.wire.fault(Fault {
            place: way.place,
            method: None,
            contains: way.contains.trim_end_matches("git-receive-pack"),
            act: Act::Answer(500, String::new()),
        });
    }
    let run = world.env.larder(PUBLISH).exits(5);
    for line in [
        "name  version  channel",
        "arc   v1.2.3   aur         published",
        "arc   v1.2.3   docker      failed",
        "arc   v1.2.3   homebrew    published",
        "arc   v1.2.3   scoop       failed",
        "arc   v1.2.3   chocolatey  published",
    ] {
        assert!(run.stderr.contains(line), "{line}: {}", run.stderr);
    }
    world.wire.heal();
    world.publish().success();
    world.assert_complete("1.2.3", "they are up again");
}

/// Each server does what it is asked, and the first answer to each push is lost.
#[test]
fn a_push_whose_answer_is_lost_is_found_before_it_is_tried_again() {
    let world = World::new();
    world.env.edit(
        "versions.yml",
        "retry: {max: 1",
        "retry: {max: 20, max_delay: 1ms",
    );
    for way in WAYS.iter().filter(|way| PUSHED.contains(&way.channel)) {
        world.wire.fault(Fault {
            place: way.place,
            method: Some("write"),
            contains: way.contains,
            act: Act::Lose,
        });
    }
    world.publish().success();
    world.wire.heal();
    world.assert_complete("1.2.3", "lost answers");
    world.assert_nothing_twice("lost answers");
    world.assert_writes_nothing("lost answers");
}

/// A server that says yes and has nothing is found out by reading back.
#[test]
fn what_a_server_took_and_does_not_show_is_no_success() {
    let world = World::new();
    for (place, status) in [("nuget", 201), ("pypi", 200)] {
        world.wire.fault(Fault {
            place,
            method: Some("write"),
            contains: "",
            act: Act::Answer(status, String::new()),
        });
    }
    let run = world.publish().exits(5);
    for channel in ["chocolatey", "pypi"] {
        let ended = ended(&run, channel);
        assert_eq!(ended["outcome"], "failed", "{ended}");
        let error = ended["error"].to_string();
        assert!(error.contains("does not show it yet"), "{error}");
    }
    world.wire.heal();
    world.publish().success();
    world.assert_complete("1.2.3", "they show it now");
}

/// Somebody pushes between the look at a repository and the push.
#[test]
fn a_branch_that_moves_during_the_push_keeps_both_commits() {
    let world = World::new();
    let theirs = |path: camino::Utf8PathBuf, branch: &str| {
        let file = world.env.write("../theirs", "theirs\n");
        let script = format!(
            "cd '{path}' && export GIT_DIR=. GIT_CONFIG_GLOBAL='{}' GIT_INDEX_FILE=theirs && \
             id=$(git hash-object -w '{file}') && git update-index --add --cacheinfo 100644,$id,theirs && \
             git update-ref refs/heads/{branch} $(git commit-tree $(git write-tree) -m theirs)",
            world.env.home().join(".gitconfig")
        );
        move || {
            let done = std::process::Command::new("sh")
                .args(["-ec", &script])
                .status();
            assert!(done.unwrap().success());
        }
    };
    let [_, (bucket, main), (aur, master), (packages, _)] = ELSEWHERE;
    let push = "git-receive-pack";
    let tap = theirs(world.hosted(TAP), "main");
    world
        .wire
        .before("web", &format!("homebrew-tools.git/{push}"), tap);
    let bucket = theirs(world.elsewhere(bucket), main);
    world
        .wire
        .before("git", &format!("scoop-bucket.git/{push}"), bucket);
    let packages_path = world.elsewhere(packages);
    let packages = theirs(packages_path, main);
    world
        .wire
        .before("git", &format!("packages.git/{push}"), packages);
    let aur = theirs(world.elsewhere(aur), master);
    world
        .wire
        .before("git", &format!("arc-bin.git/{push}"), aur);
    world.publish().success();
    world.assert_complete("1.2.3", "all branches moved");
    let repositories = ELSEWHERE[1..]
        .iter()
        .map(|(name, branch)| (world.elsewhere(name), *branch));
    for (path, branch) in repositories.chain([(world.hosted(TAP), "main")]) {
        let commits = world.commits(&path, branch);
        assert!(commits[0].starts_with("arc 1.2.3"), "{path}: {commits:?}");
        assert_eq!(commits[1..], ["theirs"], "{path}");
    }
    world.assert_writes_nothing("all branches moved");
}

/// Every server of a channel takes the request and never answers.
#[test]
fn a_channel_whose_server_hangs_is_given_up_after_its_time() {
    let world = World::new();
    let recipe = world.env.read("subsystems/arc/recipe.yml");
    for (channel, place, contains) in [
        ("homebrew: {", "web", "homebrew-tools.git/git-receive-pack"),
        ("docker: {", "registry", "/manifests/"),
    ] {
        let timed = format!("{channel}timeout: 2s, ");
        world.env.edit("subsystems/arc/recipe.yml", channel, &timed);
        world.wire.fault(Fault {
            place,
            method: (place == "registry").then_some("write"),
            contains,
            act: Act::Hang,
        });
    }
    let run = world.publish().exits(5);
    for channel in ["homebrew", "docker"] {
        let ended = ended(&run, channel);
        assert_eq!(ended["outcome"], "failed", "{ended}");
        let error = ended["error"].to_string();
        assert!(error.contains("was not done within 2"), "{error}");
    }
    for channel in ["scoop", "aur", "winget", "deb", "rpm", "installer"] {
        assert_eq!(ended(&run, channel)["outcome"], "published", "{channel}");
    }
    world.wire.heal();
    world.env.write("subsystems/arc/recipe.yml", recipe);
    world.publish().success();
    world.assert_complete("1.2.3", "they answer again");
}

/// The disk with the folder for temporary files is full when git copies a repository there.
#[test]
fn a_full_disk_fails_the_channels_that_need_it_and_the_next_run_completes() {
    let world = World::new();
    let mounts = world.env.program("unshare").args(["-m", "true"]).status();
    if !mounts.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no mounts here");
        return;
    }
    let temp = world.env.base().join("tmp");
    world.hook(&format!(
        "case \"$*\" in *clone*) head -c 2000000 /dev/zero > '{temp}/fill' 2> /dev/null || true ;; esac\n"
    ));
    let mut command = world.env.program("unshare");
    let line = format!(
        "mount -t tmpfs -o size=1m none '{temp}' && exec {LARDER} {} --json",
        PUBLISH.join(" ")
    );
    command.args(["-m", "sh", "-ec", &line]);
    let run = world.env.output(command).exits(1);
    for channel in ["homebrew", "scoop", "aur", "deb", "rpm"] {
        let ended = ended(&run, channel);
        assert_eq!(ended["outcome"], "failed", "{ended}");
        let error = ended["error"].to_string().to_lowercase();
        // git's own words depend on the file that it can't write.
        let is_said = ["no space left", "could not", "can't"]
            .iter()
            .any(|it| error.contains(it));
        assert!(is_said, "{error}");
    }
    for channel in ["winget", "docker", "installer"] {
        assert_eq!(ended(&run, channel)["outcome"], "published", "{channel}");
    }
    world.take_calls();
    world.publish().success();
    world.assert_complete("1.2.3", "there is space again");
}
