//! `larder publish`.

mod docker;
mod hosted;
mod oci;
#[cfg(unix)]
mod packages;
pub mod record;
pub mod registries;
mod render;
pub mod repositories;
mod run;
mod validate;
pub mod world;

use std::process::Command;

use crate::env::TestEnv;

/// The platforms of the projects.
const PLATFORMS: &str = "[linux-amd64, linux-arm64, darwin-amd64, darwin-arm64, windows-amd64]";

/// The channels that are on, with what they need.
const CHANNELS: &str = "
  homebrew: {tap: acme/homebrew-tools}
  scoop: {bucket: acme/scoop-bucket}
  winget: {publisher: Acme}
  chocolatey: {}
  aur: {}
  snap: {}
  deb: {}
  rpm: {}
  docker: {}
  npm: {}
  pypi: {}
  installer: {}
";

/// A project in a repository of git with the subsystem `arc`, whose program is a script.
fn project(version: &str) -> TestEnv {
    let env = TestEnv::new();
    env.write(
        "versions.yml",
        format!(
            "versions: {{arc: {version}}}\nplatforms: {PLATFORMS}\npublish:\n  maintainer: Acme <tools@acme-tools.org>\n  \
             url: \"https://dl.acme-tools.org/{{{{ tag }}}}/{{{{ asset }}}}\"\n"
        ),
    );
    env.write(
        "subsystems/arc/recipe.yml",
        format!(
            "description: Draws an arc on the terminal\nhomepage: https://acme-tools.org/arc\nlicense: MIT\nbinaries: [arc]\n\
             build:\n  source: {{dir: src}}\n  platforms: all\n  commands: ['cp arc \"{{{{ out }}}}/arc{{{{ exe }}}}\"']\n\
             package: {{include: [LICENSE, arc.1, _arc]}}\npublish:{CHANNELS}"
        ),
    );
    env.write("subsystems/arc/src/arc", "#!/bin/sh\necho arc 1.2.3\n");
    env.write("subsystems/arc/src/LICENSE", "Permission is granted.\n");
    env.write("subsystems/arc/src/arc.1", ".TH ARC 1\n");
    env.write("subsystems/arc/src/_arc", "#compdef arc\n");
    env.write(".gitignore", ".bin/\n.dist/\n.larder/\n");
    git(&env, &["init", "-q", "-b", "main", "."]);
    commit(&env, "feat: a first arc", "2024-05-06T07:08:09Z");
    env
}

/// The same with everything installed.
fn installed(version: &str) -> TestEnv {
    let env = project(version);
    env.larder(["ensure", "all", "--platform", "all"]).success();
    env
}

fn commit(env: &TestEnv, message: &str, time: &str) {
    git(env, &["add", "-A"]);
    let status = git_command(env)
        .args(["commit", "-q", "-m", message])
        .env("GIT_AUTHOR_DATE", time)
        .env("GIT_COMMITTER_DATE", time)
        .status()
        .unwrap();
    assert!(status.success());
}

pub fn git(env: &TestEnv, arguments: &[&str]) {
    assert!(git_command(env).args(arguments).status().unwrap().success());
}

fn git_command(env: &TestEnv) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(env.project())
        .env("HOME", env.home())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .args(["-c", "user.name=A", "-c", "user.email=a@acme-tools.org"]);
    command
}
