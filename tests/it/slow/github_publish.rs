//! Publishing to a GitHub hub: faults of every kind, concurrent jobs, and the pace of writes.

use std::time::Duration;

use larder_remote::hub::{HubPublisher, Published};

use crate::fake_github::{Act, Fault, Visibility, WRITE};
use crate::github::{
    Dist, REPO, SIX, assert_whole, github, hub_paced, only_release, outcome, publish, settings,
    tag, writer,
};

/// Faults that a client handles within one run: it checks on the server what happened to a request
/// and never guesses.
#[test]
fn lost_answers_broken_uploads_and_limits_are_survived() {
    let table: &[(&str, Fault)] = &[
        (
            "502 leaves a starter",
            Fault::on("POST", "/assets?name=arc", Act::Starter),
        ),
        (
            "502 leaves starters twice",
            Fault::on("POST", "/assets?name=arc", Act::Starter).times(2),
        ),
        (
            "sidecar: 502 leaves a starter",
            Fault::on("POST", ".tar.gz.json", Act::Starter),
        ),
        (
            "upload worked, 502 said",
            Fault::on("POST", "/assets?name=arc", Act::FalseAnswer(502)),
        ),
        (
            "upload worked, answer lost",
            Fault::on("POST", "/assets?name=arc", Act::KillAfter),
        ),
        (
            "upload did not work, answer lost",
            Fault::on("POST", "/assets?name=arc", Act::KillBefore),
        ),
        (
            "sidecar worked, answer lost",
            Fault::on("POST", ".tar.gz.json", Act::KillAfter),
        ),
        (
            "draft made, answer lost",
            Fault::on("POST", "/releases", Act::KillAfter),
        ),
        (
            "draft made, 500 said",
            Fault::on("POST", "/releases", Act::FalseAnswer(500)),
        ),
        (
            "draft not made, answer lost",
            Fault::on("POST", "/releases", Act::KillBefore),
        ),
        (
            "published, answer lost",
            Fault::on("PATCH", "/releases/", Act::KillAfter),
        ),
        (
            "published, 502 said",
            Fault::on("PATCH", "/releases/", Act::FalseAnswer(502)).times(3),
        ),
        (
            "manifest worked, answer lost",
            Fault::on("POST", "manifest.json", Act::KillAfter),
        ),
        (
            "secondary limit with retry-after",
            Fault::on("POST", "/assets?name=arc", Act::Secondary(Some(1))),
        ),
        (
            "secondary limit on the draft",
            Fault::on("POST", "/releases", Act::Secondary(Some(1))),
        ),
        (
            "429",
            Fault::on(
                "POST",
                "/assets?name=arc",
                Act::Answer(429, vec![("retry-after", "0".into())], "{}".into()),
            ),
        ),
        (
            "500 on a look",
            Fault::on(
                "GET",
                "/releases",
                Act::Answer(500, Vec::new(), "{}".into()),
            ),
        ),
        (
            "a look is cut",
            Fault::on("GET", "/releases", Act::Truncate(300)).skip(1),
        ),
    ];
    for lag in [Duration::ZERO, Duration::from_millis(60)] {
        for (what, fault) in table {
            let (github, dist) = (github(Visibility::Private), Dist::new());
            github.lag(lag);
            github.fault(fault.clone());
            let package = dist.package("linux-amd64", "the binary", "inputs");
            let published = publish(&writer(&github), &package);
            assert!(published.is_ok(), "{what}: {}", published.unwrap_err());
            assert_eq!(github.clear_faults(), 0, "{what}: did not happen");
            std::thread::sleep(lag);
            let releases = github.releases(REPO);
            assert_eq!(releases.len(), 1, "{what}, lag {lag:?}");
            assert_whole(&releases[0], &[&package]);
        }
    }
}

#[test]
fn writes_are_paced() {
    let (github, dist) = (github(Visibility::Public), Dist::new());
    github.with_state(|state| state.content_gap = Some(Duration::from_millis(5)));
    let paced = |millis| {
        hub_paced(
            &github,
            Some(WRITE),
            settings(),
            Duration::from_millis(400),
            Duration::from_millis(millis),
        )
    };
    let package = dist.package("linux-amd64", "the binary", "inputs");
    publish(&paced(60), &package).unwrap();
    let writes = github.writes();
    assert!(
        writes.iter().all(|entry| entry.status < 300),
        "a limit was hit"
    );
    // A busy machine moves single requests, so the whole is measured.
    let (first, last) = (writes[0].at, writes[writes.len() - 1].at);
    let gaps = u32::try_from(writes.len() - 2).unwrap();
    assert!(last.duration_since(first).unwrap() >= Duration::from_millis(50) * gaps);
    // Without pacing the secondary limit is reached, and larder waits as the server asks.
    github.with_state(|state| state.content_gap = Some(Duration::from_millis(300)));
    let other = dist.package("linux-arm64", "the other binary", "inputs");
    publish(&paced(0), &other).unwrap();
    assert!(github.log().iter().any(|entry| entry.status == 403));
    assert_whole(&only_release(&github), &[&package, &other]);
}

/// Six jobs release to one tag while lists lag behind: nothing is lost, and there is one release.
#[test]
fn six_concurrent_jobs_make_one_release() {
    for (lag, pace, immutable) in [
        (0, 0, false),
        (50, 20, false),
        (250, 0, false),
        (100, 0, true),
    ] {
        let (github, dist) = (github(Visibility::Private), Dist::new());
        github.lag(Duration::from_millis(lag));
        if immutable {
            github.immutable(REPO);
            github.put_release(REPO, "other-v1", false, &[("x.zip", b"x")]);
        }
        // More than fit on a page.
        for n in 0..lag / 2 {
            github.put_release(REPO, &format!("unrelated-{n}"), false, &[("x.zip", b"x")]);
        }
        let packages: Vec<_> = SIX
            .iter()
            .map(|platform| dist.package(platform, platform, "inputs"))
            .collect();
        std::thread::scope(|scope| {
            for package in &packages {
                let github = &github;
                scope.spawn(move || {
                    let pace = Duration::from_millis(pace);
                    let hub = hub_paced(
                        github,
                        Some(WRITE),
                        settings(),
                        Duration::from_secs(4),
                        pace,
                    );
                    publish(&hub, package).unwrap_or_else(|e| panic!("{}: {e}", package.name));
                });
            }
        });
        std::thread::sleep(Duration::from_millis(lag));
        if immutable {
            writer(&github).finalize(&tag()).unwrap();
        }
        let ours: Vec<_> = github
            .releases(REPO)
            .into_iter()
            .filter(|r| r.tag == "arc-v1")
            .collect();
        let shown: Vec<_> = ours
            .iter()
            .map(|r| {
                (
                    r.id,
                    r.draft,
                    r.assets.iter().map(|a| &a.name).collect::<Vec<_>>(),
                )
            })
            .collect();
        assert_eq!(ours.len(), 1, "lag {lag}: {shown:?}");
        assert_whole(&ours[0], &packages.iter().collect::<Vec<_>>());
        println!(
            "lag {lag} ms, immutable {immutable}: {} requests, {} writes",
            github.log().len(),
            github.writes().len()
        );
    }
}

/// Two jobs build the same platform with different bytes: one asset is kept, the other job adopts
/// it.
#[test]
fn two_jobs_of_one_platform_agree() {
    for lag in [0, 60] {
        let (github, dist) = (github(Visibility::Public), Dist::new());
        github.lag(Duration::from_millis(lag));
        let packages = [
            dist.package("linux-amd64", "one", "inputs"),
            dist.package("linux-amd64", "two", "inputs"),
        ];
        let outcomes: Vec<Published> = std::thread::scope(|scope| {
            let jobs: Vec<_> = packages
                .iter()
                .map(|p| scope.spawn(|| outcome(publish(&writer(&github), p))))
                .collect();
            jobs.into_iter().map(|job| job.join().unwrap()).collect()
        });
        std::thread::sleep(Duration::from_millis(lag));
        let winner = &packages[outcomes
            .iter()
            .position(|o| *o == Published::Added)
            .expect("one was added")];
        assert_eq!(
            outcomes.iter().filter(|o| **o == Published::Added).count(),
            1,
            "{outcomes:?}"
        );
        assert_whole(&only_release(&github), &[winner]);
    }
}
