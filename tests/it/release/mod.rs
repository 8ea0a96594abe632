//! `larder release` and related commands, with a folder hub and the fake GitHub.

mod attest;
mod finalize;
mod hubs;
mod matrix;
mod project;
#[cfg(unix)]
mod requests;
mod status;
mod upload;

use serde_json::Value;

use crate::env::TestEnv;
use crate::fake_github::{FakeGitHub, Visibility, WRITE};

const REPO: &str = "acme/tools";

/// Two subsystems that any machine builds for two platforms.
fn project(more: &str) -> TestEnv {
    let env = TestEnv::new();
    for (name, version) in [("one", "v1.0.0"), ("two", "v2.0.0")] {
        env.script_subsystem(name, version);
        env.edit(
            &format!("subsystems/{name}/recipe.yml"),
            "  commands:",
            "  platforms: all\n  commands:",
        );
    }
    let versions = env.read("versions.yml");
    env.write(
        "versions.yml",
        format!("{versions}platforms: [linux-amd64, linux-arm64]\nbundle: {{name: tools}}\n{more}"),
    );
    env
}

fn with_github() -> (TestEnv, FakeGitHub) {
    let github = FakeGitHub::start();
    github.repo(REPO, Visibility::Public);
    let mut env = project("hub: {github: acme/tools}\n");
    env.set("GITHUB_API_URL", github.api_url())
        .set("GITHUB_SERVER_URL", github.web_url())
        .set("GH_TOKEN", WRITE);
    env.set("LARDER_GITHUB_PACE", "0s")
        .set("LARDER_GITHUB_SETTLE", "1s");
    (env, github)
}

/// `name platform state`, sorted.
fn states(env: &TestEnv) -> Vec<String> {
    let document = env
        .larder(["release", "status", "--json"])
        .success()
        .document();
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or("?").to_owned();
    let entries = document["subsystems"].as_array().expect("subsystems");
    entries
        .iter()
        .map(|e| {
            format!(
                "{} {} {}",
                text(e, "name"),
                text(e, "platform"),
                text(e, "state")
            )
        })
        .collect()
}
