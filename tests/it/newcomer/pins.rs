//! What newcomers write in place of a version or a platform: ranges, moving names, half of it.

use super::{hello, says};
use crate::env::host;

#[test]
fn a_version_that_a_registry_can_not_have_is_found_by_check() {
    let env = hello();
    for (upstream, version, what) in [
        ("upstream: {pypi: ruff}", "latest", "Python package"),
        ("upstream: {pypi: ruff}", "1.x", "Python package"),
        ("upstream: {pypi: ruff}", "stable", "Python package"),
        ("upstream: {npm: esbuild}", "latest", "npm package"),
        ("upstream: {npm: esbuild}", "1.2", "npm package"),
        (
            "upstream: {url: \"http://127.0.0.1:1/x\", overrides: {linux: {npm: esbuild}}}",
            "next",
            "npm package",
        ),
        ("build: {source: {crate: ripgrep}}", "latest", "crate"),
    ] {
        env.recipe("tool", &format!("binaries: [tool]\n{upstream}\n"));
        env.versions(&[("hello", "v1.0.0"), ("tool", version)], "");
        let out = env.larder(["check"]).exits(2);
        says(
            &out,
            &[
                &format!("error: `{version}` is not the version of "),
                what,
                "--> versions.yml:3:",
                "^^",
                "`larder outdated` shows the newest version, and `larder bump tool` pins it",
                "error: 1 problem in the project's files",
            ],
        );
    }
    for (upstream, version) in [
        ("upstream: {pypi: ruff}", "0.9.1"),
        ("upstream: {pypi: ruff}", "v1.0rc1.post2"),
        ("upstream: {pypi: ruff, tag: \"1.0\"}", "nightly"),
        ("upstream: {npm: esbuild}", "v1.2.3-rc.1"),
        ("build: {source: {crate: ripgrep}}", "14.1.0"),
    ] {
        env.recipe("tool", &format!("binaries: [tool]\n{upstream}\n"));
        env.versions(&[("hello", "v1.0.0"), ("tool", version)], "");
        says(&env.larder(["check"]), &["!is not the version of"]);
    }
}

#[test]
fn a_moving_name_is_a_warning_where_a_publisher_moves_it() {
    let env = hello();
    let github = "upstream: {github: a/b, asset: tool}";
    let git = "build: {source: {git: \"https://example.com/a\", rev: \"{{ version }}\"}, commands: [make]}";
    let own = "build: {source: {dir: .}, commands: [make]}";
    for (recipe, version, warns) in [
        (github, "latest", true),
        (github, "Nightly", true),
        (git, "main", true),
        (git, "HEAD", true),
        (github, "v1.2.3", false),
        (github, "nightly-2025-01-02", false),
        (own, "latest", false),
    ] {
        env.recipe("tool", &format!("binaries: [tool]\n{recipe}\n"));
        env.versions(&[("hello", "v1.0.0"), ("tool", version)], "");
        let out = env.larder(["check"]).success();
        let warning = format!("warning: `{version}` is no version");
        let document = env.larder_json(["check"]).success().document();
        if warns {
            says(&out, &[&warning, "--> versions.yml:3:", "ok: 2 subsystems"]);
            assert_eq!(document["warnings"][0]["line"], 3);
        } else {
            says(&out, &["!warning"]);
            assert!(document["warnings"].is_null(), "{document}");
        }
    }
    env.versions(&[("hello", "v1.0.0"), ("tool", "latest")], "");
    env.recipe("tool", &format!("binaries: [tool]\n{github}\n"));
    says(&env.larder(["check", "--quiet"]).success(), &["!warning"]);
    let mut env = env;
    env.set("GITHUB_ACTIONS", "true");
    let out = env.larder(["check"]).success();
    says(&out, &["::warning file=versions.yml,line=3,col="]);
}

#[test]
fn a_tools_version_is_no_requirement() {
    let env = hello();
    for (version, hint) in [
        ("\">=10\"", "here perhaps `10`"),
        ("^1.2", "here perhaps `1.2`"),
        ("latest", "`\"\"` accepts any"),
        ("1.x", "write `1`, which accepts every 1.x"),
        ("\">=1, <2\"", "write the beginning of the version"),
        ("\"*\"", "`\"\"` accepts any"),
    ] {
        env.recipe(
            "hello",
            &format!("binaries: [hello]\nbuild:\n  source: {{dir: .}}\n  tools: {{cc: {version}}}\n  commands: [make]\n"),
        );
        let out = env.larder(["check"]).exits(2);
        says(
            &out,
            &[
                "is not the version of a tool",
                "--> subsystems/hello/recipe.yml:4:15",
                hint,
            ],
        );
    }
}

#[test]
fn half_a_platform_is_completed() {
    let env = hello();
    for (platform, hint) in [
        ("linux", "write `linux-amd64` or `linux-arm64`"),
        ("macos", "write `darwin-amd64` or `darwin-arm64`"),
        (
            "arm64",
            "write `linux-arm64`, `darwin-arm64` or `windows-arm64`",
        ),
        ("x86_64", "write `linux-amd64`"),
        ("plan9", "a platform is <os>-<arch>"),
    ] {
        env.versions(
            &[("hello", "v1.0.0")],
            &format!("platforms: [{}, {platform}]\n", host()),
        );
        let out = env.larder(["check"]).exits(2);
        says(&out, &[hint, "--> versions.yml:"]);
        env.versions(&[("hello", "v1.0.0")], "");
        let out = env
            .larder(["ensure", "all", "--platform", platform])
            .exits(2);
        says(&out, &[&format!("unknown platform `{platform}`")]);
    }
}

#[test]
fn a_toolchain_that_rustup_lacks_is_installed_by_rustup() {
    let mut env = hello();
    env.write_executable(
        "programs/cargo",
        "#!/bin/sh\necho \"error: toolchain '1.75.0-x86_64-unknown-linux-gnu' is not installed\" >&2\nexit 1\n",
    );
    env.edit(
        "subsystems/hello/recipe.yml",
        "build:\n",
        "build:\n  tools: {cargo: \"1\"}\n",
    );
    let path = std::env::var("PATH").unwrap_or_default();
    env.set("PATH", format!("{}:{path}", env.path("programs")));
    let out = env.larder(["ensure", "all"]).exits(1);
    says(
        &out,
        &[
            "rustup has no toolchain for `cargo`",
            "help: `rustup toolchain install 1.75.0-x86_64-unknown-linux-gnu` installs it",
            "!remove it from `build.tools`",
        ],
    );
}
