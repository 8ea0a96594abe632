//! Kills at any moment: the client loses the server (which answers nothing any more) before or
//! after the server acted on the n-th request, for every n. Then a new run completes the work.

use larder_remote::hub::PublishOptions;

use crate::env::TestEnv;
use crate::fake_github::{FakeGitHub, Visibility, WRITE};
use crate::github::{
    Dist, Package, REPO, assert_whole, assets, github, hub_with, only_release, publish,
    publish_with, read, settings, shared_client_hub, tag,
};

/// Repeats with n = 1, 2, … until a run finishes without being killed; `between` checks the state
/// after each kill, `after` the state after the run that follows. Prints the table.
fn kill_at_every_request(
    what: &str,
    prepare: impl Fn() -> FakeGitHub,
    run: impl Fn(&FakeGitHub) -> larder_core::Result<()>,
    again: impl Fn(&FakeGitHub) -> larder_core::Result<()>,
    between: impl Fn(&FakeGitHub),
    after: impl Fn(&FakeGitHub),
) {
    println!("{what}\n   n  killed   at request");
    for acted in [false, true] {
        for n in 1.. {
            let github = prepare();
            github.clear_log();
            github.kill_at(n, acted);
            let result = run(&github);
            let last = github
                .log()
                .get(n - 1)
                .map(|e| format!("{} {} {}", e.method, e.origin, e.target));
            if !github.revive() {
                result.unwrap();
                break;
            }
            println!(
                "{n:4}  {}  {}",
                if acted { "after " } else { "before" },
                last.unwrap_or_default()
            );
            between(&github);
            run(&github)
                .unwrap_or_else(|e| panic!("{what}: killed at {n} (acted: {acted}), then: {e}"));
            after(&github);
            github.clear_log();
            again(&github).unwrap();
            assert!(
                github.writes().is_empty(),
                "{what}: killed at {n} (acted: {acted}): a further run wrote {:?}",
                github.writes()
            );
            assert!(n < 100, "no end");
        }
    }
}

/// A client without retries, which behaves like one that was killed.
fn run(github: &FakeGitHub, package: &Package, options: PublishOptions) -> larder_core::Result<()> {
    let settings = larder_remote::http::Settings {
        retries: 0,
        ..settings()
    };
    let hub = hub_with(
        github,
        Some(WRITE),
        settings,
        std::time::Duration::from_millis(40),
    );
    publish_with(&hub, package, options).map(drop)
}

/// Checks that a reader finds an asset with its own sidecar, or nothing.
fn assert_no_mixture(github: &FakeGitHub, package: &Package) {
    let reader = shared_client_hub(github, None);
    if let Some(sidecar) =
        larder_remote::hub::HubReader::sidecar(&reader, &tag(), &package.name).unwrap()
    {
        let bytes = read(&reader, &package.name)
            .unwrap()
            .expect("a sidecar without its asset");
        assert_eq!(larder_core::model::Digest::of(&bytes), sidecar.sha256);
    }
}

#[test]
fn a_kill_during_a_new_release_is_recovered() {
    let dist = Dist::new();
    let package = dist.package("linux-amd64", "the binary", "inputs");
    kill_at_every_request(
        "a new release",
        || github(Visibility::Public),
        |github| run(github, &package, PublishOptions::default()),
        |github| publish(&shared_client_hub(github, Some(WRITE)), &package).map(drop),
        |github| {
            // A partially published release is never visible.
            let seen = read(&shared_client_hub(github, None), &package.name).unwrap();
            assert!(seen.is_none() || seen.unwrap() == b"the binary");
            assert!(
                github
                    .releases(REPO)
                    .iter()
                    .all(|r| r.draft || r.assets.len() == 4)
            );
        },
        |github| assert_whole(&only_release(github), &[&package]),
    );
}

#[test]
fn a_kill_while_adding_a_platform_to_a_published_release_is_recovered() {
    let dist = Dist::new();
    let first = dist.package("darwin-arm64", "the first", "inputs");
    let package = dist.package("linux-amd64", "the binary", "inputs");
    kill_at_every_request(
        "a platform added",
        || {
            let github = github(Visibility::Public);
            publish(&shared_client_hub(&github, Some(WRITE)), &first).unwrap();
            github
        },
        |github| run(github, &package, PublishOptions::default()),
        |github| publish(&shared_client_hub(github, Some(WRITE)), &package).map(drop),
        |github| {
            assert_eq!(
                read(&shared_client_hub(github, None), &first.name)
                    .unwrap()
                    .unwrap(),
                b"the first"
            );
            assert_no_mixture(github, &package);
        },
        |github| assert_whole(&only_release(github), &[&first, &package]),
    );
}

#[test]
fn a_kill_during_a_replacement_is_recovered() {
    let dist = Dist::new();
    let old = dist.package("linux-amd64", "the old one", "inputs");
    let new = dist.package("linux-amd64", "the new one!", "inputs");
    let replace = PublishOptions {
        replace: true,
        stage: false,
        never_latest: false,
    };
    let prepare = || {
        let github = github(Visibility::Public);
        publish(&shared_client_hub(&github, Some(WRITE)), &old).unwrap();
        github
    };
    let never_lost = |github: &FakeGitHub| {
        let held: Vec<Vec<u8>> = assets(&only_release(github)).into_values().collect();
        assert!(
            held.contains(&b"the old one".to_vec()) || held.contains(&b"the new one!".to_vec()),
            "both are gone"
        );
        assert_no_mixture(github, &old);
    };
    kill_at_every_request(
        "a replacement, run again",
        prepare,
        |github| run(github, &new, replace),
        |github| publish_with(&shared_client_hub(github, Some(WRITE)), &new, replace).map(drop),
        never_lost,
        |github| assert_whole(&only_release(github), &[&new]),
    );
    // A following run without `--replace` keeps one of the two assets, complete.
    for acted in [false, true] {
        for n in 1.. {
            let github = prepare();
            github.kill_at(n, acted);
            let _ = run(&github, &new, replace);
            if !github.revive() {
                break;
            }
            publish(&shared_client_hub(&github, Some(WRITE)), &old).unwrap();
            let release = only_release(&github);
            let kept = if assets(&release)[old.name.as_str()] == b"the old one" {
                &old
            } else {
                &new
            };
            assert_whole(&release, &[kept]);
        }
    }
}

/// The same with a real process that is killed by a signal at the request, so that it cannot clean
/// up.
#[test]
fn a_release_process_killed_at_any_request_is_completed_by_the_next() {
    let mut env = TestEnv::new();
    env.script_subsystem("arc", "v1");
    env.write(
        "versions.yml",
        format!("{}hub: {{github: {REPO}}}\n", env.read("versions.yml")),
    );
    env.set("GH_TOKEN", WRITE)
        .set("LARDER_GITHUB_PACE", "0s")
        .set("LARDER_GITHUB_SETTLE", "1s");
    env.larder(["ensure", "arc"]).success();
    println!("a process\n   n  killed   at request");
    let every = crate::slow::kill::full();
    for acted in [false, true] {
        // Every second request; the others in the case where the server has acted on the request.
        for n in (1 + usize::from(acted && !every)..).step_by(if every { 1 } else { 2 }) {
            let github = github(Visibility::Public);
            env.set("GITHUB_API_URL", github.api_url())
                .set("GITHUB_SERVER_URL", github.web_url());
            github.kill_at(n, acted);
            let mut child = env
                .command(["release", "arc"])
                .stderr(std::process::Stdio::null())
                .spawn()
                .expect("larder");
            let ended = loop {
                if github.struck() {
                    child.kill().expect("killed");
                    break child.wait().expect("its end");
                }
                if let Some(ended) = child.try_wait().expect("its state") {
                    break ended;
                }
                std::thread::sleep(std::time::Duration::from_millis(1));
            };
            let last = github
                .log()
                .get(n - 1)
                .map(|e| format!("{} {} {}", e.method, e.origin, e.target));
            if !github.revive() {
                assert!(ended.success(), "nothing was in its way");
                break;
            }
            println!(
                "{n:4}  {}  {}",
                if acted { "after " } else { "before" },
                last.unwrap_or_default()
            );
            assert!(
                github
                    .releases(REPO)
                    .iter()
                    .all(|r| r.draft || r.assets.len() == 4),
                "half of it is visible"
            );
            env.larder(["release", "arc"]).success();
            let release = only_release(&github);
            assert!(
                !release.draft && release.assets.len() == 4,
                "killed at {n}: {:?}",
                assets(&release).keys()
            );
            github.clear_log();
            env.larder(["release", "arc"]).success();
            assert!(
                github.writes().is_empty(),
                "killed at {n} (acted: {acted}): {:?}",
                github.writes()
            );
        }
    }
}
