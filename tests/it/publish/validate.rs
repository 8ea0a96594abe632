//! `larder publish validate`.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use super::{commit, installed, project};
use crate::env::TestEnv;

/// The result of each check, and what was found.
fn checks(env: &TestEnv) -> BTreeMap<String, (String, String)> {
    let document = env.larder_json(["publish", "validate", "arc"]).document();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    document["subsystems"][0]["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| {
            (
                text(&check["check"]),
                (text(&check["result"]), text(&check["detail"])),
            )
        })
        .collect()
}

fn assert_check(env: &TestEnv, name: &str, result: &str, detail: &str) {
    let found = checks(env);
    let (found_result, found_detail) = &found[name];
    assert_eq!(found_result, result, "{found:?}");
    assert!(found_detail.contains(detail), "{found_detail}");
}

#[test]
fn a_release_that_can_be_published_passes_every_check() {
    let env = installed("v1.2.3");
    let out = env.larder(["publish", "validate", "all"]).success();
    insta::assert_snapshot!(out.stdout, @r#"
    name  version  check      result   detail
    arc   v1.2.3   version    ok
    arc   v1.2.3   platforms  ok
    arc   v1.2.3   packages   ok       5 platforms
    arc   v1.2.3   license    ok       MIT
    arc   v1.2.3   changelog  skipped  `validate.changelog` does not demand one
    arc   v1.2.3   texts      ok
    arc   v1.2.3   urls       ok
    "#);
    assert!(!env.path(".dist").exists(), "nothing is written");
}

#[test]
fn each_check_can_fail() {
    let env = project("v1.2.3");
    assert_check(
        &env,
        "packages",
        "failed",
        "neither installed nor packaged for linux-amd64",
    );
    env.larder(["publish", "validate", "all"]).exits(1);

    let env = installed("v1.2.3");
    let recipe = env.read("subsystems/arc/recipe.yml");
    for (old, new, check, detail) in [
        (
            "license: MIT",
            "license: My own",
            "license",
            "`My own` is not an SPDX expression",
        ),
        (
            "https://acme-tools.org/arc",
            "acme-tools.org",
            "texts",
            "`acme-tools.org`, which is not a url",
        ),
        (
            "https://acme-tools.org/arc",
            "'https://a.org/{x}'",
            "texts",
            "not a url",
        ),
        (
            "publish:\n",
            "publish:\n  validate: {platforms: [linux, windows-arm64]}\n",
            "platforms",
            "the recipe has none for windows-arm64",
        ),
    ] {
        assert!(recipe.contains(old), "{old}");
        env.write("subsystems/arc/recipe.yml", recipe.replacen(old, new, 1));
        assert_check(&env, check, "failed", detail);
    }
    env.write("subsystems/arc/recipe.yml", &recipe);

    let versions = env.read("versions.yml");
    env.edit(
        "versions.yml",
        "  url:",
        "  changelog: {from: commits}\n  url:",
    );
    assert_check(&env, "urls", "ok", "");
    env.edit(
        "versions.yml",
        "  url: \"https://dl.acme-tools.org/{{ tag }}/{{ asset }}\"",
        "",
    );
    assert_check(
        &env,
        "urls",
        "failed",
        "homebrew, scoop, winget, chocolatey, aur",
    );
    env.write("versions.yml", versions);
}

#[test]
fn a_changelog_can_be_demanded() {
    let env = installed("v1.2.3");
    env.edit(
        "subsystems/arc/recipe.yml",
        "publish:\n",
        "publish:\n  validate: {changelog: true}\n",
    );
    assert_check(&env, "changelog", "ok", "");
    env.edit(
        "subsystems/arc/recipe.yml",
        "changelog: true}\n",
        "changelog: true}\n  changelog: {from: none}\n",
    );
    assert_check(&env, "changelog", "failed", "no entry");
    env.edit(
        "subsystems/arc/recipe.yml",
        "{from: none}",
        "{from: CHANGES.md}",
    );
    env.write(
        "subsystems/arc/CHANGES.md",
        "# Changes\n\n## v1.2.3\n\n- it draws\n",
    );
    assert_check(&env, "changelog", "ok", "");
}

#[test]
fn a_go_module_is_checked_with_go_itself() {
    let mut env = installed("v1.2.3");
    env.write(
        "subsystems/arc/recipe.yml",
        env.read("subsystems/arc/recipe.yml").replacen(
            "publish:\n",
            "publish:\n  gomodule: {module: acme-tools.org/arc, dir: module, min_coverage: 50}\n",
            1,
        ),
    );
    assert_check(
        &env,
        "go.mod",
        "failed",
        "there is no subsystems/arc/module/go.mod",
    );
    env.write(
        "subsystems/arc/module/go.mod",
        "module acme-tools.org/arch\n\ngo 1.20\n",
    );
    assert_check(
        &env,
        "go.mod",
        "failed",
        "it states the module `acme-tools.org/arch`",
    );
    env.write(
        "subsystems/arc/module/go.mod",
        "module acme-tools.org/arc\n\ngo 1.20\n",
    );
    let good = "// Package arc draws.\npackage arc\n\n// Len is the length.\nfunc Len() int {\n\treturn 3\n}\n";
    env.write("subsystems/arc/module/arc.go", good);
    env.write(
        "subsystems/arc/module/arc_test.go",
        "package arc\n\nimport \"testing\"\n\nfunc TestLen(t *testing.T) {\n\tif Len() != 3 {\n\t\tt.Fatal()\n\t}\n}\n",
    );
    commit(&env, "feat: a module", "2024-05-06T07:08:09Z");
    // The checks that need no go.
    assert_check(&env, "module path", "ok", "acme-tools.org/arc");
    env.edit("versions.yml", "arc: v1.2.3", "arc: v2.0.0");
    assert_check(&env, "module path", "failed", "v2");
    env.edit("versions.yml", "arc: v2.0.0", "arc: v1.2.3");
    if Command::new("go").arg("version").output().is_err() {
        assert_check(&env, "go", "skipped", "no `go` on this machine");
        return;
    }
    env.set("GOFLAGS", "-mod=mod")
        .set("GOPROXY", "off")
        .set("GOTOOLCHAIN", "local");
    for check in [
        "go vet",
        "go mod verify",
        "go mod tidy",
        "gofmt",
        "doc comments",
        "coverage",
    ] {
        assert_check(&env, check, "ok", "");
    }
    for (old, new, check, detail) in [
        ("\treturn 3", "\treturn  3", "gofmt", "arc.go"),
        (
            "// Len is the length.\n",
            "",
            "doc comments",
            "arc.go:4: Len",
        ),
        (
            "\treturn 3",
            "\tprintln(\"%d\", 3); return",
            "go vet",
            "not enough return values",
        ),
        (
            "func Len()",
            "// Two is two.\nfunc Two() int {\n\tn := Len()\n\tn++\n\tn++\n\tn++\n\treturn n\n}\n\n// Len is the length.\nfunc Len()",
            "coverage",
            "%",
        ),
    ] {
        env.write("subsystems/arc/module/arc.go", good.replacen(old, new, 1));
        assert_check(&env, check, "failed", detail);
    }
    env.write(
        "subsystems/arc/module/go.mod",
        "module acme-tools.org/arc\n\ngo 1.20\n\nrequire acme-tools.org/other v1.0.0\n",
    );
    env.write("subsystems/arc/module/arc.go", good);
    assert_check(&env, "go mod tidy", "failed", "");
    // The module itself is as it was.
    assert!(env.read("subsystems/arc/module/go.mod").contains("other"));
}
