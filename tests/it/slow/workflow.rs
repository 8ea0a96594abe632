//! The workflow that `larder init --ci github` writes, run job by job and step by step as a runner does.

use crate::env::TestEnv;
use crate::fake_github::{FakeGitHub, Visibility};
use crate::github::{REPO, github};
use crate::github_actions::{Actions, Event, Run, git};

const MAIN: Event<'_> = Event {
    name: "push",
    reference: "refs/heads/main",
};
const BRANCH: Event<'_> = Event {
    name: "push",
    reference: "refs/heads/topic",
};
const PULL: Event<'_> = Event {
    name: "pull_request",
    reference: "refs/pull/1/merge",
};
const TAG: Event<'_> = Event {
    name: "push",
    reference: "refs/tags/v1.0.0",
};

/// The workflow that `init` writes, for two subsystems that can be built for two platforms on any
/// machine.
fn project() -> TestEnv {
    let env = TestEnv::new();
    env.sh("git init -q && git remote add origin git@github.com:acme/tools.git");
    env.larder(["init", "--ci", "github"]).success();
    env.script_subsystem("arc", "v0.1.0");
    env.edit(
        "versions.yml",
        "# platforms: [linux-amd64, linux-arm64, darwin-amd64",
        "platforms: [linux-amd64, linux-arm64] # [darwin-amd64",
    );
    for name in ["hello", "arc"] {
        env.edit(
            &format!("subsystems/{name}/recipe.yml"),
            "  commands:",
            "  platforms: all\n  commands:",
        );
    }
    commit(&env);
    env
}

fn commit(env: &TestEnv) {
    git(env, env.project(), &["add", "-A"]);
    git(env, env.project(), &["commit", "--quiet", "-m", "a change"]);
}

fn run(env: &TestEnv, github: &FakeGitHub, name: &str, event: &Event<'_>) -> Run {
    github.clear_log();
    Actions {
        env,
        repo: env.project(),
        full_name: REPO,
        github,
    }
    .run(name, event)
}

/// Tags of visible releases, sorted.
fn tags(github: &FakeGitHub) -> String {
    let mut tags: Vec<_> = github
        .releases(REPO)
        .into_iter()
        .filter(|release| !release.draft)
        .map(|r| r.tag)
        .collect();
    tags.sort();
    tags.join(" ")
}

const NOTHING_TO_BUILD: &str =
    "build=skipped ci=success finalize=success plan=success project=skipped release=skipped";
const TRIED: &str =
    "build=success ci=success finalize=skipped plan=success project=skipped release=skipped";
const BUILT: &str =
    "build=success ci=success finalize=success plan=success project=skipped release=success";

#[test]
fn the_workflow_builds_once_releases_once_and_writes_only_where_allowed() {
    let (env, github) = (project(), github(Visibility::Public));

    // Before anything is released: a branch and a pull request build everything and write nothing.
    for (name, event) in [("branch", &BRANCH), ("pull", &PULL)] {
        let run = run(&env, &github, name, event);
        assert_eq!(run.results(), TRIED, "{}", run.story());
        assert!(github.writes().is_empty(), "{name}: {:?}", github.writes());
        assert_eq!(
            run.steps("build")
                .iter()
                .filter(|step| step.name == "Ensure")
                .count(),
            4
        );
    }

    // The default branch builds each target once and releases it; `larder ci` then finds everything there.
    let first = run(&env, &github, "first", &MAIN);
    assert_eq!(first.results(), BUILT, "{}", first.story());
    assert_eq!(tags(&github), "arc-v0.1.0 hello-v1.0.0");
    for release in github.releases(REPO) {
        assert_eq!(
            release.assets.len(),
            6,
            "two assets, two sidecars, manifest and checksums"
        );
    }
    let ensured: Vec<_> = first
        .steps("build")
        .iter()
        .filter(|step| step.name == "Ensure")
        .collect();
    assert_eq!(ensured.len(), 4);
    for step in ensured {
        assert!(
            step.summary.contains("built") && step.summary.contains('|'),
            "a table: {}",
            step.summary
        );
    }
    let ci = first.steps("ci").last().expect("a step");
    assert!(
        ci.summary.contains("downloaded") && !ci.summary.contains("built"),
        "{}",
        ci.summary
    );
    assert!(
        ci.stderr.contains("hello v1.0.0") || ci.stdout.contains("hello v1.0.0"),
        "the task ran: {}",
        first.story()
    );

    // A second run: the empty matrix is handled, and nothing is written.
    let again = run(&env, &github, "again", &MAIN);
    assert_eq!(again.results(), NOTHING_TO_BUILD, "{}", again.story());
    assert!(github.writes().is_empty(), "{:?}", github.writes());

    // A bump builds exactly the targets of that subsystem.
    env.edit("versions.yml", "arc: v0.1.0", "arc: v0.2.0");
    commit(&env);
    let pull = run(&env, &github, "bumped-pull", &PULL);
    assert_eq!(pull.results(), TRIED, "{}", pull.story());
    assert_eq!(
        pull.steps("build")
            .iter()
            .filter(|step| step.name == "Ensure")
            .count(),
        2
    );
    assert!(github.writes().is_empty(), "{:?}", github.writes());
    let bumped = run(&env, &github, "bumped", &MAIN);
    assert_eq!(bumped.results(), BUILT, "{}", bumped.story());
    assert!(
        bumped
            .steps("build")
            .iter()
            .all(|step| step.target.contains("arc")),
        "{}",
        bumped.story()
    );
    assert_eq!(tags(&github), "arc-v0.1.0 arc-v0.2.0 hello-v1.0.0");

    // A tag makes the project release, for which nothing is built.
    let tagged = run(&env, &github, "tagged", &TAG);
    assert_eq!(
        tagged.results(),
        NOTHING_TO_BUILD.replace("project=skipped", "project=success"),
        "{}",
        tagged.story()
    );
    assert_eq!(tags(&github), "arc-v0.1.0 arc-v0.2.0 hello-v1.0.0 v1.0.0");
    let releases = github.releases(REPO);
    let whole = releases
        .iter()
        .find(|release| release.tag == "v1.0.0")
        .expect("the release");
    assert_eq!(
        whole.assets.len(),
        2 * (2 + 1) + 2,
        "packages and bundle of two platforms, manifest and checksums"
    );
    assert!(whole.latest && releases.iter().filter(|release| release.latest).count() == 1);
    run(&env, &github, "tagged-again", &TAG);
    assert!(github.writes().is_empty(), "{:?}", github.writes());
}

/// Immutable releases: targets are gathered in drafts, `finalize` publishes them, and later runs
/// find them.
#[test]
fn the_workflow_gathers_immutable_releases_in_drafts() {
    let (env, github) = (project(), github(Visibility::Private));
    github.immutable(REPO);
    github.put_release(REPO, "other-v1", false, &[("x.zip", b"x")]);
    let first = run(&env, &github, "first", &MAIN);
    assert_eq!(first.results(), BUILT, "{}", first.story());
    assert_eq!(tags(&github), "arc-v0.1.0 hello-v1.0.0 other-v1");
    assert!(
        github
            .releases(REPO)
            .iter()
            .all(|release| release.immutable),
        "a draft stayed"
    );
    let again = run(&env, &github, "again", &MAIN);
    assert_eq!(again.results(), NOTHING_TO_BUILD, "{}", again.story());
    assert!(github.writes().is_empty(), "{:?}", github.writes());
}

/// A failing target does not prevent the others from being released; a job that needs all of them
/// does not run.
#[test]
fn a_failing_target_does_not_prevent_the_other_releases() {
    let (env, github) = (project(), github(Visibility::Public));
    env.edit(
        "subsystems/arc/recipe.yml",
        "  commands:\n",
        "  commands:\n    - \"test {{ arch }} = amd64\"\n",
    );
    commit(&env);
    let first = run(&env, &github, "first", &MAIN);
    let wanted =
        "build=failure ci=skipped finalize=failure plan=success project=skipped release=failure";
    assert_eq!(first.results(), wanted, "{}", first.story());
    let failed: Vec<_> = first
        .steps("build")
        .iter()
        .filter(|step| !step.ok && step.name == "Ensure")
        .collect();
    assert_eq!(failed.len(), 1);
    assert!(
        failed[0].target.contains("linux-arm64") && failed[0].stderr.contains("::error"),
        "{}",
        first.story()
    );
    assert_eq!(tags(&github), "arc-v0.1.0 hello-v1.0.0");
    env.edit(
        "subsystems/arc/recipe.yml",
        "test {{ arch }} = amd64",
        "true",
    );
    commit(&env);
    // Its inputs have changed: both of its targets are rebuilt and released next to the existing
    // assets.
    let second = run(&env, &github, "second", &MAIN);
    assert_eq!(second.results(), BUILT, "{}", second.story());
    assert_eq!(
        second
            .steps("build")
            .iter()
            .filter(|step| step.name == "Ensure")
            .count(),
        2
    );
}

#[test]
fn pull_requests_have_a_cache_of_their_own() {
    let (env, github) = (project(), github(Visibility::Public));
    let caches = |run: &str, job: &str| {
        let machine = env.base().join(format!("{run}-{job}-0"));
        let count = |folder: &str| crate::env::list(&machine.join(folder)).len();
        (count("cache"), count("runner/larder"))
    };
    let pull = run(&env, &github, "pull", &PULL);
    assert_eq!(pull.results(), TRIED, "{}", pull.story());
    for job in ["build", "ci"] {
        assert_eq!(caches("pull", job), (0, 1), "{job}: {}", pull.story());
    }
    let main = run(&env, &github, "main", &MAIN);
    assert_eq!(main.results(), BUILT, "{}", main.story());
    for job in ["build", "ci"] {
        assert_eq!(caches("main", job), (1, 0), "{job}: {}", main.story());
    }
}
