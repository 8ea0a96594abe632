//! How larder itself is shipped: the workflow that releases it, and the script that installs it.

mod install_script;
mod renovate;

use std::fmt::Write as _;

use camino::Utf8Path;

use crate::env::{LARDER, TestEnv};
use crate::fake_github::{FakeGitHub, Visibility};
use crate::github::{REPO, github};
use crate::github_actions::{Actions, Event, Run, git};

/// The version in `Cargo.toml`.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The repository with the project that ships larder. Its recipe calls a script instead of cargo:
/// the program that it makes is a script that runs the larder of these tests.
fn repository() -> TestEnv {
    let env = TestEnv::new();
    env.copy_from_repo("release", "release");
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR"));
    for (from, to) in [
        (
            ".github/workflows/release.yml",
            ".github/workflows/larder.yml",
        ),
        (".gitignore", ".gitignore"),
        ("LICENSE-MIT", "LICENSE-MIT"),
        ("LICENSE-APACHE", "LICENSE-APACHE"),
    ] {
        env.write(
            to,
            std::fs::read(root.join(from)).expect("a file of the repository"),
        );
    }
    let mut script = String::from("#!/bin/sh\nset -e\necho \"$*\" > \"$HOME/arguments\"\n");
    script.push_str("while [ \"$1\" != --root ]; do shift; done\nroot=$2\nmkdir \"$root/bin\"\n");
    let _ = write!(
        script,
        "for name in larder larder.exe; do\n\
         printf '#!/bin/sh\\nexec \"%s\" \"$@\"\\n' '{LARDER}' > \"$root/bin/$name\"\n\
         done\n"
    );
    env.write("cargo-of-the-tests", script);
    env.edit(
        "release/subsystems/larder/recipe.yml",
        "cargo install",
        "sh cargo-of-the-tests install",
    );
    env.edit(
        "release/subsystems/larder/recipe.yml",
        "  tools: {cargo: \"1\"}\n",
        "  platforms: all\n",
    );
    env.sh("git init -q");
    git(&env, env.project(), &["add", "-A"]);
    git(&env, env.project(), &["commit", "--quiet", "-m", "all"]);
    env
}

fn run(env: &TestEnv, github: &FakeGitHub, name: &str, tag: &str) -> Run {
    github.clear_log();
    let actions = Actions {
        env,
        repo: env.project(),
        full_name: REPO,
        github,
    };
    let event = Event {
        name: "push",
        reference: &format!("refs/tags/{tag}"),
    };
    actions.run(name, &event)
}

#[test]
fn the_project_that_ships_larder_has_the_version_of_this_one() {
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR"));
    for (file, line) in [
        ("release/versions.yml", format!("  larder: v{VERSION} ")),
        (
            "install.sh",
            format!("version=${{LARDER_VERSION:-{VERSION}}}\n"),
        ),
    ] {
        let text = std::fs::read_to_string(root.join(file)).expect("a text");
        assert!(text.contains(&line), "{file} does not have `{line}`");
    }
}

#[test]
fn a_tag_releases_larder_for_six_platforms_once() {
    let (env, github) = (repository(), github(Visibility::Public));
    let wrong = run(&env, &github, "wrong", "v9.9.9");
    assert_eq!(
        wrong.results(),
        "build=skipped plan=failure publish=skipped release=skipped",
        "{}",
        wrong.story()
    );
    assert!(github.writes().is_empty(), "{:?}", github.writes());

    let tag = format!("v{VERSION}");
    let first = run(&env, &github, "first", &tag);
    let done = "build=success plan=success publish=success release=success";
    assert_eq!(first.results(), done, "{}", first.story());
    let releases = github.releases(REPO);
    assert_eq!(releases.len(), 1, "{}", first.story());
    assert_eq!(
        (releases[0].tag.clone(), releases[0].draft),
        (format!("larder-{tag}"), false)
    );
    let mut assets: Vec<_> = releases[0]
        .assets
        .iter()
        .map(|asset| asset.name.clone())
        .collect();
    assets.retain(|name| !name.ends_with(".json"));
    assets.sort();
    assert_eq!(
        assets,
        [
            "checksums.txt",
            "larder-darwin-amd64.tar.gz",
            "larder-darwin-arm64.tar.gz",
            "larder-linux-amd64.tar.gz",
            "larder-linux-arm64.tar.gz",
            "larder-windows-amd64.zip",
            "larder-windows-arm64.zip",
            "provenance.intoto.jsonl",
        ]
    );

    // The same tag again writes nothing.
    let again = run(&env, &github, "again", &tag);
    assert_eq!(
        again.results(),
        "build=skipped plan=success publish=success release=skipped",
        "{}",
        again.story()
    );
    assert!(github.writes().is_empty(), "{:?}", github.writes());

    install_script::from_the_release(&env, &github.web_url());
}

/// What the recipe asks of cargo, for each platform.
#[test]
fn each_platform_is_compiled_for_its_own_target() {
    let env = repository();
    for (platform, target) in [
        ("linux-amd64", "x86_64-unknown-linux-musl"),
        ("linux-arm64", "aarch64-unknown-linux-musl"),
        ("darwin-amd64", "x86_64-apple-darwin"),
        ("darwin-arm64", "aarch64-apple-darwin"),
        ("windows-amd64", "x86_64-pc-windows-msvc"),
        ("windows-arm64", "aarch64-pc-windows-msvc"),
    ] {
        env.larder(["-C", "release", "ensure", "larder", "--platform", platform])
            .success();
        let arguments = std::fs::read_to_string(env.home().join("arguments")).expect("arguments");
        assert!(
            arguments.ends_with(&format!(" --target {target}\n")),
            "{platform}: {arguments}"
        );
        assert!(arguments.contains(" --locked ") && arguments.contains(" --profile dist "));
    }
}
