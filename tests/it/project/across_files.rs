//! Mistakes that involve several files, as users see them.

use crate::project::loading::Files;

const NATS: &str = "binaries: [nats]\nupstream: {url: \"https://example.com/x\"}\n";
const ARC: &str = "binaries: [arc]\nbuild: {source: {dir: .}, commands: [make]}\n";

/// Problems of a `versions.yml` alone.
fn only(text: &str) -> String {
    Files::new().file("versions.yml", text).problems()
}

/// Problems of the recipes of two subsystems, `nats` and `arc`.
fn two(nats: &str, arc: &str) -> String {
    let files = Files::new().file("versions.yml", "versions: {nats: v1, arc: v2}\n");
    files
        .file("subsystems/nats/recipe.yml", nats)
        .file("subsystems/arc/recipe.yml", arc)
        .problems()
}

#[test]
fn five_problems_in_three_files_show_in_one_run() {
    let files = Files::new()
        .file("versions.yml", "versions:\n  nats: v2.10.24\n  arc: v0.1.0\nplatfroms: [linux-amd64]\nupload: sometimes\n")
        .file("subsystems/arc/recipe.yml", "binaries: arc\nbuild:\n  source: {dir: .}\n  commands: [\"make {{ otu }}/arc\"]\n")
        .file(
            "subsystems/nats/recipe.yml",
            "binaries: [nats-server]\nneeds: [ark]\nupstream: {url: \"https://example.com/x\"}\n",
        );
    insta::assert_snapshot!(files.problems(), @r#"
    error: unknown key `platfroms`
     --> versions.yml:4:1
      |
    4 | platfroms: [linux-amd64]
      | ^^^^^^^^^
      |
      = help: did you mean `platforms`?

    error: unknown `upload` value `sometimes`
     --> versions.yml:5:9
      |
    5 | upload: sometimes
      |         ^^^^^^^^^
      |
      = help: known: ci, never, always

    error: `binaries` must be a list, not a text
     --> subsystems/arc/recipe.yml:1:11
      |
    1 | binaries: arc
      |           ^^^
      |
      = help: write `binaries: [arc]`

    error: unknown variable `otu` in a template
     --> subsystems/arc/recipe.yml:4:23
      |
    4 |   commands: ["make {{ otu }}/arc"]
      |                       ^^^
      |
      = help: did you mean `out`?

    error: unknown subsystem `ark`
     --> subsystems/nats/recipe.yml:2:9
      |
    2 | needs: [ark]
      |         ^^^
      |
      = help: did you mean `arc`?
    "#);
}

#[test]
fn a_version_without_a_recipe() {
    insta::assert_snapshot!(only("versions: {nats: v1}\n"), @r"
    error: `nats` has a version but no recipe
     --> versions.yml:1:12
      |
    1 | versions: {nats: v1}
      |            ^^^^
      |
      = help: write subsystems/nats/recipe.yml, or remove the version
    ");
}

#[test]
fn a_recipe_without_a_version() {
    insta::assert_snapshot!(Files::new().file("versions.yml", "versions: {}\n").file("subsystems/nats/recipe.yml", NATS).problems(), @r"
    error: `nats` has a recipe but no version
     --> subsystems/nats/recipe.yml:1:1
      |
    1 | binaries: [nats]
      | ^
      |
      = help: add `nats: <version>` to `versions` in versions.yml, or remove the recipe
    ");
}

#[test]
fn a_version_whose_recipe_is_spelled_otherwise() {
    insta::assert_snapshot!(Files::new().file("versions.yml", "versions: {nast: v1}\n").file("subsystems/nats/recipe.yml", NATS).problems(), @r"
    error: `nast` has a version but no recipe
     --> versions.yml:1:12
      |
    1 | versions: {nast: v1}
      |            ^^^^
      |
      = help: did you mean `nats`?

    error: `nats` has a recipe but no version
     --> subsystems/nats/recipe.yml:1:1
      |
    1 | binaries: [nats]
      | ^
      |
      = help: versions.yml pins `nast`; is it the same?
    ");
}

#[test]
fn a_recipe_in_a_file_of_another_name() {
    insta::assert_snapshot!(Files::new().file("versions.yml", "versions: {nats: v1}\n").file("subsystems/nats/recipe.yaml", NATS).problems(), @r"
    error: `nats` has a version but no recipe
     --> versions.yml:1:12
      |
    1 | versions: {nats: v1}
      |            ^^^^
      |
      = help: rename subsystems/nats/recipe.yaml to recipe.yml
    ");
}

#[test]
fn a_recipe_in_a_file_of_another_name_and_no_version() {
    insta::assert_snapshot!(Files::new().file("versions.yml", "versions: {}\n").file("subsystems/nats/recipe.yaml", NATS).problems(), @r"
    error: subsystems/nats/recipe.yaml is not read: the recipe of `nats` is recipe.yml
     --> versions.yml:1:1
      |
    1 | versions: {}
      | ^
      |
      = help: rename it
    ");
}

#[test]
fn a_recipe_folder_with_a_bad_name() {
    insta::assert_snapshot!(Files::new().file("versions.yml", "versions: {}\n").file("subsystems/NATS/recipe.yml", NATS).problems(), @r"
    error: the recipe's folder names the subsystem: `NATS` is not a subsystem name: it contains 'N'
     --> subsystems/NATS/recipe.yml:1:1
      |
    1 | binaries: [nats]
      | ^
      |
      = help: a subsystem name has only lower-case letters, digits, `-`, `_` and `.`
    ");
}

#[test]
fn a_broken_versions_file_does_not_hide_recipes() {
    insta::assert_snapshot!(Files::new().file("versions.yml", "versions: {nats: v1\n").file("subsystems/nats/recipe.yml", "binares: [x]\n").problems(), @r"
    error: not valid YAML: while parsing a flow mapping, did not find expected ',' or '}'
     --> versions.yml:2:1
      |
    2 |
      | ^
      |
      = help: look at the `{` in line 1: is it closed?

    error: unknown key `binares`
     --> subsystems/nats/recipe.yml:1:1
      |
    1 | binares: [x]
      | ^^^^^^^
      |
      = help: did you mean `binaries`?

    error: the recipe has neither `upstream` nor `build`
     --> subsystems/nats/recipe.yml:1:1
      |
    1 | binares: [x]
      | ^^^^^^^
      |
      = help: add `upstream:` for what its publisher releases, `build:` to build it from source, or both
    ");
}

#[test]
fn unknown_needs() {
    insta::assert_snapshot!(two("binaries: [nats]\nneeds: [acr, zzz]\nupstream: {url: \"https://example.com/x\"}\n", ARC), @r"
    error: unknown subsystem `acr`
     --> subsystems/nats/recipe.yml:2:9
      |
    2 | needs: [acr, zzz]
      |         ^^^
      |
      = help: did you mean `arc`?

    error: unknown subsystem `zzz`
     --> subsystems/nats/recipe.yml:2:14
      |
    2 | needs: [acr, zzz]
      |              ^^^
      |
      = help: known: arc, nats
    ");
}

#[test]
fn circular_needs() {
    insta::assert_snapshot!(two("binaries: [nats]\nneeds: [arc]\nupstream: {url: \"https://example.com/x\"}\n", "binaries: [arc]\nbuild:\n  needs: [nats]\n  source: {dir: .}\n  commands: [make]\n"), @r"
    error: subsystems need each other in a circle: arc -> nats -> arc
     --> subsystems/nats/recipe.yml:2:9
      |
    2 | needs: [arc]
      |         ^^^
      |
      = help: remove one of these from `needs` or `build.needs`
    ");
}

#[test]
fn a_need_of_itself() {
    insta::assert_snapshot!(two(NATS, "binaries: [arc]\nneeds: [arc]\nbuild: {source: {dir: .}, commands: [make]}\n"), @r"
    error: subsystems need each other in a circle: arc -> arc
     --> subsystems/arc/recipe.yml:2:9
      |
    2 | needs: [arc]
      |         ^^^
      |
      = help: remove one of these from `needs` or `build.needs`
    ");
}

#[test]
fn two_subsystems_with_one_package_name() {
    insta::assert_snapshot!(two(NATS, "binaries: [arc]\npackage: {name: Nats}\nbuild: {source: {dir: .}, commands: [make]}\n"), @r"
    error: `nats` and `arc` both make packages named `nats`
     --> subsystems/nats/recipe.yml:1:12
      |
    1 | binaries: [nats]
      |            ^^^^
      |
      = help: give one of them another name: package: {name: ...}
    ");
}

#[test]
fn a_folder_without_a_project() {
    insta::assert_snapshot!(Files::new().file("x", "").problems(), @r#"there is no [root]/versions.yml | ["`larder init` makes one; `-C DIR` names another folder"]"#);
}
