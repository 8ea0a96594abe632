//! How many requests each operation makes: `benches/scale.json` has the numbers that the simulation
//! of `docs/scale.md` reckons with, and they are what larder really does.

use serde_json::{Value, json};

use super::{REPO, project};
use crate::env::TestEnv;
use crate::fake_github::{FakeGitHub, Origin, READ, Visibility, WRITE};
use crate::hubs::place::{Kind, Place};
use crate::servers::files::FileServer;

/// A machine with the project and its lock, or without the lock.
fn machine(env: &TestEnv, name: &str, lock: bool) -> TestEnv {
    let machine = env.another(name);
    machine.sh(&format!(
        "cp -R '{0}/subsystems' '{0}/versions.yml' .",
        env.project()
    ));
    machine.sh("rm -rf subsystems/*/.bin");
    if lock {
        machine.write("versions.lock", env.read("versions.lock"));
    }
    machine
}

/// The requests since the log was cleared: of the API, of these the writes, and of all other servers.
fn counted(github: &FakeGitHub) -> Value {
    let (all, writes) = (github.log().len(), github.writes().len());
    let api = github.count(Origin::Api) + github.count(Origin::Uploads);
    github.clear_log();
    json!({"api": api, "writes": writes, "other": all - api})
}

fn of_github(visibility: Visibility) -> Value {
    let github = FakeGitHub::start();
    github.repo(REPO, visibility);
    let mut env = project("hub: {github: acme/tools}\n");
    let connect = |env: &mut TestEnv, token: Option<&str>| {
        env.set("GITHUB_API_URL", github.api_url())
            .set("GITHUB_SERVER_URL", github.web_url())
            .set("LARDER_GITHUB_PACE", "0s")
            .set("LARDER_GITHUB_SETTLE", "1s");
        if let Some(token) = token {
            env.set("GH_TOKEN", token);
        }
    };
    connect(&mut env, Some(WRITE));
    let reader = (visibility == Visibility::Private).then_some(READ);
    env.larder(["ensure", "all", "--platform", "all"]).success();
    github.clear_log();
    let measure = |env: &TestEnv, args: &[&str]| {
        env.larder(args).success();
        counted(&github)
    };
    let amd64 = ["--platform", "linux-amd64"];
    let arm64 = ["--platform", "linux-arm64"];
    let release_first = measure(&env, &[&["release", "one"][..], &amd64].concat());
    let release_next = measure(&env, &[&["release", "one"][..], &arm64].concat());
    let release_again = measure(&env, &[&["release", "one"][..], &arm64].concat());
    let stage_first = measure(&env, &[&["release", "two", "--stage"][..], &amd64].concat());
    let stage_next = measure(&env, &[&["release", "two", "--stage"][..], &arm64].concat());
    let finalize = measure(&env, &["release", "finalize", "two"]);
    // That pins it.
    measure(&env, &["release", "two"]);
    let status = measure(&env, &["release", "status"]);
    let plan = measure(&env, &["plan", "--matrix"]);
    let mut locked = machine(&env, "locked", true);
    connect(&mut locked, reader);
    let ensure_locked = measure(&locked, &["ensure", "one"]);
    let ensure_again = measure(&locked, &["ensure", "one"]);
    let mut unlocked = machine(&env, "unlocked", false);
    connect(&mut unlocked, reader);
    let ensure_unlocked = measure(&unlocked, &["ensure", "one"]);
    let mut both = machine(&env, "both", true);
    connect(&mut both, reader);
    let ensure_locked_two = measure(&both, &["ensure", "one", "two"]);
    json!({
        "ensure_again": ensure_again,
        "ensure_locked": ensure_locked,
        "ensure_locked_two": ensure_locked_two,
        "ensure_unlocked": ensure_unlocked,
        "finalize": finalize,
        "plan": plan,
        "release_again": release_again,
        "release_first": release_first,
        "release_next": release_next,
        "stage_first": stage_first,
        "stage_next": stage_next,
        "status": status,
    })
}

fn of_http() -> Value {
    let env = project("");
    env.larder(["ensure", "all", "--platform", "all"]).success();
    env.larder(["release", "all", "--platform", "all"])
        .success();
    let server = FileServer::start(&env.path(".larder-hub"));
    let measure = |env: &TestEnv, args: &[&str]| {
        server.take();
        env.larder(args).success();
        json!({"get": server.take().len()})
    };
    let connected = |name: &str, lock: bool| {
        let machine = machine(&env, name, lock);
        let hub = format!("hub: {{http: \"{}\"}}\n", server.url());
        machine.write("versions.yml", env.read("versions.yml") + &hub);
        machine
    };
    let (locked, unlocked) = (connected("locked", true), connected("unlocked", false));
    json!({
        "ensure_locked": measure(&locked, &["ensure", "one"]),
        "ensure_again": measure(&locked, &["ensure", "one"]),
        "ensure_unlocked": measure(&unlocked, &["ensure", "one"]),
        "status": measure(&locked, &["release", "status"]),
    })
}

/// Requests to S3 or a registry, with the login that a bucket needs and a registry does not.
fn of_place(kind: Kind) -> Value {
    let place = Place::start(kind);
    let mut env = project(&format!("hub: {}\n", place.setting()));
    place.reach(&mut env);
    env.larder(["ensure", "all", "--platform", "all"]).success();
    let measure = |env: &TestEnv, args: &[&str]| {
        place.mark();
        env.larder(args).success();
        let writes = place.writes().len();
        json!({"reads": place.requests() - writes, "writes": writes})
    };
    let release = |platform| ["release", "one", "--platform", platform];
    let release_first = measure(&env, &release("linux-amd64"));
    let release_next = measure(&env, &release("linux-arm64"));
    let release_again = measure(&env, &release("linux-arm64"));
    // That pins it.
    measure(&env, &["release", "two", "--platform", "all"]);
    let plan = measure(&env, &["plan", "--matrix"]);
    let plan = plan["reads"].as_u64().expect("a number");
    let connected = |name: &str, lock: bool| {
        let mut machine = machine(&env, name, lock);
        place.reach(&mut machine);
        machine
    };
    let (locked, unlocked) = (connected("locked", true), connected("unlocked", false));
    json!({
        "ensure_locked": measure(&locked, &["ensure", "one"]),
        "ensure_again": measure(&locked, &["ensure", "one"]),
        "ensure_unlocked": measure(&unlocked, &["ensure", "one"]),
        // There are four targets.
        "plan_per_target": {"reads": plan.div_ceil(4), "writes": 0},
        "release_again": release_again,
        "release_first": release_first,
        "release_next": release_next,
    })
}

#[test]
fn the_simulation_reckons_with_the_requests_that_larder_makes() {
    let measured = json!({
        "github_public": of_github(Visibility::Public),
        "github_private": of_github(Visibility::Private),
        "http": of_http(),
        "s3": of_place(Kind::S3),
        "oci": of_place(Kind::Oci),
    });
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/scale.json");
    let recorded: Value = std::fs::read_to_string(file)
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    assert_eq!(
        measured,
        recorded["measured"],
        "`measured` of benches/scale.json should be\n{}",
        serde_json::to_string_pretty(&measured).expect("JSON")
    );
}
