//! Mistakes in `versions.yml` (versions, platforms, the required larder), as users see them.

use crate::project::loading::Files;

/// The problems of a `versions.yml` that starts with valid lines.
fn versions(more: &str) -> String {
    only(&format!("versions: {{}}\n{more}"))
}

/// Problems of a `versions.yml` alone.
fn only(text: &str) -> String {
    Files::new().file("versions.yml", text).problems()
}

#[test]
fn an_unknown_key_similar_to_a_known_one() {
    insta::assert_snapshot!(versions("platfroms: [linux-amd64]\n"), @r"
    error: unknown key `platfroms`
     --> versions.yml:2:1
      |
    2 | platfroms: [linux-amd64]
      | ^^^^^^^^^
      |
      = help: did you mean `platforms`?
    ");
}

#[test]
fn an_unknown_key_similar_to_none() {
    insta::assert_snapshot!(versions("banana: 1\n"), @r"
    error: unknown key `banana`
     --> versions.yml:2:1
      |
    2 | banana: 1
      | ^^^^^^
      |
      = help: known: project, requires, versions, platforms, hub, hubs, sources, upload, trust, bundle, publish, tasks, services, ci, subsystems_dir
    ");
}

#[test]
fn an_unknown_nested_key() {
    insta::assert_snapshot!(versions("bundle: {nam: x}\n"), @r"
    error: unknown key `nam` in `bundle`
     --> versions.yml:2:10
      |
    2 | bundle: {nam: x}
      |          ^^^
      |
      = help: did you mean `name`?
    ");
}

#[test]
fn a_key_without_a_value() {
    insta::assert_snapshot!(versions("platforms:\n"), @r"
    error: `platforms` has no value
     --> versions.yml:2:1
      |
    2 | platforms:
      | ^^^^^^^^^
      |
      = help: give it a value, or remove the key
    ");
}

#[test]
fn a_mapping_where_a_text_belongs() {
    insta::assert_snapshot!(versions("project: {a: b}\n"), @r"
    error: `project` must be a text, not a mapping
     --> versions.yml:2:10
      |
    2 | project: {a: b}
      |          ^^^^^^
      |
      = help: write one value; a text that starts with `{` is written in quotes
    ");
}

#[test]
fn a_text_that_yaml_reads_as_a_mapping() {
    insta::assert_snapshot!(versions("tasks: {t: {commands: [true]}}\nci:\n- exec -- echo error: it broke\n"), @r"
    error: each value in `ci` must be a text, not a mapping
     --> versions.yml:4:3
      |
    4 | - exec -- echo error: it broke
      |   ^^^^^^^^^^^^^^^^^^
      |
      = help: a text that contains `: ` is written in quotes
    ");
}

#[test]
fn a_text_where_a_mapping_belongs() {
    insta::assert_snapshot!(versions("hub: ./hub\n"), @r"
    error: `hub` must be a mapping, not a text
     --> versions.yml:2:6
      |
    2 | hub: ./hub
      |      ^^^^^
      |
      = help: known keys: github, dir, http, s3, region, endpoint, oci
    ");
}

#[test]
fn versions_missing() {
    insta::assert_snapshot!(only("project: x\n"), @r"
    error: the key `versions` is missing
     --> versions.yml:1:1
      |
    1 | project: x
      | ^^^^^^^
      |
      = help: add `versions:`
    ");
}

#[test]
fn versions_without_a_value() {
    insta::assert_snapshot!(only("versions:\n"), @r"
    error: `versions` has no value
     --> versions.yml:1:1
      |
    1 | versions:
      | ^^^^^^^^
      |
      = help: give it keys, write `{}`, or remove it
    ");
}

#[test]
fn versions_as_a_list() {
    insta::assert_snapshot!(only("versions: [nats]\n"), @r"
    error: `versions` must be a mapping, not a list
     --> versions.yml:1:11
      |
    1 | versions: [nats]
      |           ^^^^^^
      |
      = help: write `{name: value}`, or a line `name: value` for each
    ");
}

#[test]
fn a_version_that_is_null() {
    insta::assert_snapshot!(only("versions:\n  nats:\n  arc: ~\n  go: \"\"\n"), @r#"
    error: `nats` has no value
     --> versions.yml:2:3
      |
    2 |   nats:
      |   ^^^^
      |
      = help: give it a value, or remove the key

    error: `nats` has a version but no recipe
     --> versions.yml:2:3
      |
    2 |   nats:
      |   ^^^^
      |
      = help: write subsystems/nats/recipe.yml, or remove the version

    error: `arc` has a version but no recipe
     --> versions.yml:3:3
      |
    3 |   arc: ~
      |   ^^^
      |
      = help: write subsystems/arc/recipe.yml, or remove the version

    error: `arc` has no value
     --> versions.yml:3:8
      |
    3 |   arc: ~
      |        ^
      |
      = help: give it a value, or remove the key

    error: `go` has a version but no recipe
     --> versions.yml:4:3
      |
    4 |   go: ""
      |   ^^
      |
      = help: write subsystems/go/recipe.yml, or remove the version

    error: version is empty
     --> versions.yml:4:7
      |
    4 |   go: ""
      |       ^^
    "#);
}

#[test]
fn an_invalid_version() {
    insta::assert_snapshot!(only("versions: {nats: ../../etc, arc: \"-o\", go: [1]}\n"), @r#"
    error: `nats` has a version but no recipe
     --> versions.yml:1:12
      |
    1 | versions: {nats: ../../etc, arc: "-o", go: [1]}
      |            ^^^^
      |
      = help: write subsystems/nats/recipe.yml, or remove the version

    error: `../../etc` is not a version: it contains '/'
     --> versions.yml:1:18
      |
    1 | versions: {nats: ../../etc, arc: "-o", go: [1]}
      |                  ^^^^^^^^^
      |
      = help: a version has only letters, digits, `.`, `-`, `_` and `+`

    error: `arc` has a version but no recipe
     --> versions.yml:1:29
      |
    1 | versions: {nats: ../../etc, arc: "-o", go: [1]}
      |                             ^^^
      |
      = help: write subsystems/arc/recipe.yml, or remove the version

    error: `-o` is not a version: it starts with "-"
     --> versions.yml:1:34
      |
    1 | versions: {nats: ../../etc, arc: "-o", go: [1]}
      |                                  ^^^^
      |
      = help: a version starts with a letter or a digit

    error: `go` has a version but no recipe
     --> versions.yml:1:40
      |
    1 | versions: {nats: ../../etc, arc: "-o", go: [1]}
      |                                        ^^
      |
      = help: write subsystems/go/recipe.yml, or remove the version

    error: `go` must be a text, not a list
     --> versions.yml:1:44
      |
    1 | versions: {nats: ../../etc, arc: "-o", go: [1]}
      |                                            ^^^
      |
      = help: write `1`, without the list around it
    "#);
}

#[test]
fn a_name_that_is_reserved_or_bad() {
    insta::assert_snapshot!(only("versions: {all: 1, ensure: 1, NATS: 1, ../x: 1, -o: 1}\n"), @r#"
    error: `all` can't be a subsystem name: it is a command word
     --> versions.yml:1:12
      |
    1 | versions: {all: 1, ensure: 1, NATS: 1, ../x: 1, -o: 1}
      |            ^^^
      |
      = help: choose another name

    error: `ensure` can't be a subsystem name: it is a command word
     --> versions.yml:1:20
      |
    1 | versions: {all: 1, ensure: 1, NATS: 1, ../x: 1, -o: 1}
      |                    ^^^^^^
      |
      = help: choose another name

    error: `NATS` is not a subsystem name: it contains 'N'
     --> versions.yml:1:31
      |
    1 | versions: {all: 1, ensure: 1, NATS: 1, ../x: 1, -o: 1}
      |                               ^^^^
      |
      = help: a subsystem name has only lower-case letters, digits, `-`, `_` and `.`

    error: `../x` is not a subsystem name: it contains '/'
     --> versions.yml:1:40
      |
    1 | versions: {all: 1, ensure: 1, NATS: 1, ../x: 1, -o: 1}
      |                                        ^^^^
      |
      = help: a subsystem name has only lower-case letters, digits, `-`, `_` and `.`

    error: `-o` is not a subsystem name: it starts with "-"
     --> versions.yml:1:49
      |
    1 | versions: {all: 1, ensure: 1, NATS: 1, ../x: 1, -o: 1}
      |                                                 ^^
      |
      = help: a subsystem name starts with a letter or a digit
    "#);
}

#[test]
fn the_file_is_empty() {
    insta::assert_snapshot!(only("# nothing yet\n"), @r"
    error: the file is empty
     --> versions.yml:1:1
      |
    1 | # nothing yet
      | ^
      |
      = help: it needs at least `versions: {}`
    ");
}

#[test]
fn a_file_that_is_a_text() {
    insta::assert_snapshot!(only("nats v2\n"), @r"
    error: the file must be a mapping, not a text
     --> versions.yml:1:1
      |
    1 | nats v2
      | ^^^^^^^
      |
      = help: it needs `versions:`
    ");
}

#[test]
fn an_unknown_platform() {
    insta::assert_snapshot!(versions("platforms: [linux-amd64, plan9-amd64, linux, linux-riscv64]\n"), @r"
    error: unknown platform `plan9-amd64`: unknown os `plan9`
     --> versions.yml:2:26
      |
    2 | platforms: [linux-amd64, plan9-amd64, linux, linux-riscv64]
      |                          ^^^^^^^^^^^
      |
      = help: a platform is <os>-<arch>, such as linux-amd64, darwin-arm64, windows-amd64 or linux-amd64-musl

    error: unknown platform `linux`: it has an os and no architecture
     --> versions.yml:2:39
      |
    2 | platforms: [linux-amd64, plan9-amd64, linux, linux-riscv64]
      |                                       ^^^^^
      |
      = help: write `linux-amd64` or `linux-arm64`, or both

    error: unknown platform `linux-riscv64`: unknown architecture `riscv64`
     --> versions.yml:2:46
      |
    2 | platforms: [linux-amd64, plan9-amd64, linux, linux-riscv64]
      |                                              ^^^^^^^^^^^^^
      |
      = help: a platform is <os>-<arch>, such as linux-amd64, darwin-arm64, windows-amd64 or linux-amd64-musl
    ");
}

#[test]
fn a_platform_twice() {
    insta::assert_snapshot!(versions("platforms: [linux-amd64, linux-x86_64]\n"), @r"
    error: `linux-amd64` is listed twice in `platforms`
     --> versions.yml:2:26
      |
    2 | platforms: [linux-amd64, linux-x86_64]
      |                          ^^^^^^^^^^^^
      |
      = help: remove one of the two
    ");
}

#[test]
fn no_platform_at_all() {
    insta::assert_snapshot!(versions("platforms: []\n"), @r"
    error: `platforms` is empty
     --> versions.yml:2:12
      |
    2 | platforms: []
      |            ^^
      |
      = help: name at least one
    ");
}

#[test]
fn a_project_that_needs_a_newer_larder() {
    insta::assert_snapshot!(versions("requires: \">=99.1\"\nfrom_the_future: 1\n"), @r#"
    error: this project needs larder >=99.1, and this is larder 0.1.0
     --> versions.yml:2:11
      |
    2 | requires: ">=99.1"
      |           ^^^^^^^^
      |
      = help: update larder
    "#);
}

#[test]
fn an_invalid_larder_requirement() {
    insta::assert_snapshot!(versions("requires: latest\n"), @r#"
    error: `latest` is not a version requirement: unexpected character 'l' while parsing major version number
     --> versions.yml:2:11
      |
    2 | requires: latest
      |           ^^^^^^
      |
      = help: such as ">=0.1", "0.3" or ">=0.2, <1"
    "#);
}
