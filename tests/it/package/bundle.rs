//! `larder bundle`: one archive per platform with all binaries and their stamps.

use crate::env::{TestEnv, host};

/// Two subsystems for every platform, one with an included file, and a third one that is excluded.
fn project() -> TestEnv {
    let env = TestEnv::new();
    for (name, version) in [("one", "v1.0.0"), ("two", "v2.0.0"), ("docs", "v3.0.0")] {
        env.script_subsystem(name, version);
        env.edit(
            &format!("subsystems/{name}/recipe.yml"),
            "  commands:",
            "  platforms: all\n  commands:",
        );
        let recipe = format!("subsystems/{name}/recipe.yml");
        let text = env
            .read(&recipe)
            .replace(&format!("}}/{name}"), &format!("}}/{name}{{{{ exe }}}}"));
        env.write(&recipe, text);
    }
    env.write("subsystems/one/LICENSE", "free\n");
    env.edit(
        "subsystems/one/recipe.yml",
        "verify:",
        "package: {include: [LICENSE]}\nverify:",
    );
    let versions = env.read("versions.yml");
    let more = "platforms: [linux-amd64, linux-arm64, windows-amd64]\nbundle: {name: tools, exclude: [docs]}\n";
    env.write("versions.yml", versions + more);
    env
}

#[test]
fn a_bundle_holds_binaries_stamps_and_included_files() {
    let env = project();
    let out = env.larder_json(["bundle", "--platform", "all"]).success();
    let mut made: Vec<_> = out
        .finished("bundle")
        .iter()
        .map(|line| format!("{}", line["subject"]))
        .collect();
    made.sort();
    assert_eq!(
        made,
        [
            r#""tools-linux-amd64.tar.gz""#,
            r#""tools-linux-arm64.tar.gz""#,
            r#""tools-windows-amd64.zip""#
        ]
    );
    assert!(
        !out.finished("ensure")
            .iter()
            .any(|line| line["subsystem"] == "docs"),
        "what is left out is not ensured"
    );
    insta::assert_snapshot!(env.sh("tar tzf .dist/tools-linux-arm64.tar.gz"), @r"
    .versions/one
    .versions/two
    one
    share/one/LICENSE
    two
    ");
    insta::assert_snapshot!(env.sh("unzip -Z1 .dist/tools-windows-amd64.zip"), @r"
    .versions/one
    .versions/two
    one.exe
    share/one/LICENSE
    two.exe
    ");
    let stamp = env.sh("tar xzOf .dist/tools-linux-arm64.tar.gz .versions/two");
    assert_eq!(
        stamp,
        env.read("subsystems/two/.bin/.p/linux-arm64/.version"),
        "the stamp as it is installed"
    );
    assert!(
        stamp.contains("version: v2.0.0") && stamp.contains("platform: linux-arm64"),
        "{stamp}"
    );
    if host() == "linux-amd64" {
        assert_eq!(
            env.sh("mkdir x && tar xzf .dist/tools-linux-amd64.tar.gz -C x && x/two"),
            "two v2.0.0\n"
        );
    }
}

#[test]
fn the_same_artifacts_give_the_same_bundle() {
    let one = project();
    one.larder(["bundle", "--platform", "all"]).success();
    let mut two = one.another("a-machine-with-a-longer-name");
    crate::env::copy_tree(one.project(), two.project());
    two.set("TZ", "Asia/Tokyo").set("USER", "someone-else");
    let mut command = two.program("sh");
    command.args([
        "-c",
        &format!(
            "umask 077; exec {} bundle --platform all",
            crate::env::LARDER
        ),
    ]);
    two.output(command).success();
    let sums = |env: &TestEnv| env.sh("cd .dist && sha256sum tools-*");
    assert_eq!(sums(&one), sums(&two));
    // A second run writes nothing.
    let inode = |env: &TestEnv| env.sh("stat -c %i .dist/tools-linux-arm64.tar.gz");
    let before = inode(&one);
    let out = one
        .larder_json(["bundle", "--platform", "linux-arm64"])
        .success();
    assert_eq!(out.finished("bundle")[0]["outcome"], "up-to-date");
    assert_eq!(inode(&one), before);
}

#[test]
fn wrong_bundle_settings_are_reported() {
    let env = project();
    env.edit("versions.yml", "name: tools, exclude: [docs]", "name: one");
    let out = env.larder(["bundle", "--platform", "linux-arm64"]).exits(2);
    assert!(
        out.stderr
            .contains("has the same name as the package of `one`"),
        "{}",
        out.stderr
    );
    env.edit("versions.yml", "{name: one}", "{exclude: [one, two, docs]}");
    let out = env.larder(["bundle", "--platform", "linux-arm64"]).exits(2);
    assert!(
        out.stderr.contains("nothing to bundle for linux-arm64"),
        "{}",
        out.stderr
    );
    // If a subsystem cannot be obtained there is no bundle.
    env.edit(
        "versions.yml",
        "{exclude: [one, two, docs]}",
        "{name: tools}",
    );
    env.edit(
        "subsystems/two/recipe.yml",
        "commands:",
        "commands:\n    - exit 3",
    );
    env.larder(["bundle", "--platform", "linux-arm64"]).exits(1);
    assert!(!env.exists(".dist/tools-linux-arm64.tar.gz"));
}

#[test]
fn a_dry_run_writes_nothing() {
    let env = project();
    let out = env
        .larder_json(["bundle", "--platform", "linux-arm64", "--dry-run"])
        .success();
    assert_eq!(out.finished("bundle")[0]["outcome"], "skipped");
    assert!(!env.exists(".dist"));
}
