//! Mistakes in recipes (names, limits, packages), as users see them.

use crate::project::loading::Files;

/// Problems of a recipe.
pub fn recipe(text: &str) -> String {
    let platforms = "platforms: [linux-amd64, darwin-arm64, windows-amd64]";
    Files::new()
        .file(
            "versions.yml",
            &format!("versions: {{x: v1.2.3, arc: v1}}\n{platforms}\n"),
        )
        .file(
            "subsystems/arc/recipe.yml",
            "binaries: [arc]\nbuild: {source: {dir: .}, commands: [make]}\n",
        )
        .file("subsystems/x/recipe.yml", text)
        .problems()
}

/// Problems of a recipe with this `upstream:`.
pub fn upstream(text: &str) -> String {
    recipe(&format!("binaries: [x]\nupstream: {text}\n"))
}

/// Problems of a recipe with this `build:`.
pub fn build(text: &str) -> String {
    recipe(&format!("binaries: [x]\nbuild: {text}\n"))
}

/// Problems of a recipe with this `package:`.
fn package(text: &str) -> String {
    recipe(&format!(
        "binaries: [x]\npackage: {text}\nupstream: {{url: 'https://example.com/x'}}\n"
    ))
}

#[test]
fn an_empty_recipe() {
    insta::assert_snapshot!(recipe(""), @r"
    error: the file is empty
     --> subsystems/x/recipe.yml:1:1
      |
    1 |
      | ^
      |
      = help: it needs at least `binaries:` and one of `upstream:` and `build:`
    ");
}

#[test]
fn binaries_missing() {
    insta::assert_snapshot!(recipe("upstream: {url: 'https://example.com/x'}"), @r"
    error: the key `binaries` is missing
     --> subsystems/x/recipe.yml:1:1
      |
    1 | upstream: {url: 'https://example.com/x'}
      | ^^^^^^^^
      |
      = help: add `binaries: [NAME]`, the programs that it provides
    ");
}

#[test]
fn binaries_empty() {
    insta::assert_snapshot!(recipe("binaries: []\nupstream: {url: 'https://example.com/x'}"), @r"
    error: `binaries` is empty
     --> subsystems/x/recipe.yml:1:11
      |
    1 | binaries: []
      |           ^^
      |
      = help: name at least one
    ");
}

#[test]
fn binaries_as_text() {
    insta::assert_snapshot!(recipe("binaries: nats-server\nupstream: {url: 'https://example.com/x'}"), @r"
    error: `binaries` must be a list, not a text
     --> subsystems/x/recipe.yml:1:11
      |
    1 | binaries: nats-server
      |           ^^^^^^^^^^^
      |
      = help: write `binaries: [nats-server]`
    ");
}

#[test]
fn invalid_binary_names() {
    insta::assert_snapshot!(recipe("binaries: [a/b, .hidden, x.exe, y, y, '']\nupstream: {url: 'https://example.com/x'}"), @r#"
    error: `a/b` is not a file name: it contains '/'
     --> subsystems/x/recipe.yml:1:12
      |
    1 | binaries: [a/b, .hidden, x.exe, y, y, '']
      |            ^^^
      |
      = help: a file name has only letters, digits, `.`, `-`, `_`, `+` and `@`, and no folders

    error: `.hidden` is not a file name: it starts with "."
     --> subsystems/x/recipe.yml:1:17
      |
    1 | binaries: [a/b, .hidden, x.exe, y, y, '']
      |                 ^^^^^^^
      |
      = help: a file name starts with a letter or a digit

    error: `x.exe` is written with .exe
     --> subsystems/x/recipe.yml:1:26
      |
    1 | binaries: [a/b, .hidden, x.exe, y, y, '']
      |                          ^^^^^
      |
      = help: write `x`; on windows .exe is added

    error: `y` is listed twice in `binaries`
     --> subsystems/x/recipe.yml:1:36
      |
    1 | binaries: [a/b, .hidden, x.exe, y, y, '']
      |                                    ^
      |
      = help: remove one of the two

    error: file name is empty
     --> subsystems/x/recipe.yml:1:39
      |
    1 | binaries: [a/b, .hidden, x.exe, y, y, '']
      |                                       ^^
    "#);
}

#[test]
fn neither_upstream_nor_build() {
    insta::assert_snapshot!(recipe("binaries: [x]"), @r"
    error: the recipe has neither `upstream` nor `build`
     --> subsystems/x/recipe.yml:1:1
      |
    1 | binaries: [x]
      | ^^^^^^^^
      |
      = help: add `upstream:` for what its publisher releases, `build:` to build it from source, or both
    ");
}

#[test]
fn an_unknown_key_in_a_recipe() {
    insta::assert_snapshot!(recipe("binaries: [x]\nbulid: {source: {dir: .}, commands: [make]}\nverfy: x\n"), @r"
    error: unknown key `bulid`
     --> subsystems/x/recipe.yml:2:1
      |
    2 | bulid: {source: {dir: .}, commands: [make]}
      | ^^^^^
      |
      = help: did you mean `build`?

    error: unknown key `verfy`
     --> subsystems/x/recipe.yml:3:1
      |
    3 | verfy: x
      | ^^^^^
      |
      = help: did you mean `verify`?
    ");
}

#[test]
fn includes_outside_the_source() {
    insta::assert_snapshot!(package("{include: [../LICENSE, /etc/passwd, 'a\\b', docs/, ., .hidden]}"), @r#"
    error: the path of the included file `../LICENSE` may lead outside its folder
     --> subsystems/x/recipe.yml:2:21
      |
    2 | package: {include: [../LICENSE, /etc/passwd, 'a\b', docs/, ., .hidden]}
      |                     ^^^^^^^^^^
      |
      = help: a path with `/`, relative to {{ out }}, the source or the archive's top folder

    error: the path of the included file `/etc/passwd` may lead outside its folder
     --> subsystems/x/recipe.yml:2:33
      |
    2 | package: {include: [../LICENSE, /etc/passwd, 'a\b', docs/, ., .hidden]}
      |                                 ^^^^^^^^^^^
      |
      = help: a path with `/`, relative to {{ out }}, the source or the archive's top folder

    error: the path of the included file `a\b` may lead outside its folder
     --> subsystems/x/recipe.yml:2:46
      |
    2 | package: {include: [../LICENSE, /etc/passwd, 'a\b', docs/, ., .hidden]}
      |                                              ^^^^^
      |
      = help: a path with `/`, relative to {{ out }}, the source or the archive's top folder

    error: `docs/` is not the path of a file
     --> subsystems/x/recipe.yml:2:53
      |
    2 | package: {include: [../LICENSE, /etc/passwd, 'a\b', docs/, ., .hidden]}
      |                                                     ^^^^^
      |
      = help: such as LICENSE or docs/README.md

    error: `.` is not the path of a file
     --> subsystems/x/recipe.yml:2:60
      |
    2 | package: {include: [../LICENSE, /etc/passwd, 'a\b', docs/, ., .hidden]}
      |                                                            ^
      |
      = help: such as LICENSE or docs/README.md

    error: `.hidden` is not a file name: it starts with "."
     --> subsystems/x/recipe.yml:2:63
      |
    2 | package: {include: [../LICENSE, /etc/passwd, 'a\b', docs/, ., .hidden]}
      |                                                               ^^^^^^^
      |
      = help: a file name starts with a letter or a digit
    "#);
}

#[test]
fn includes_with_one_name() {
    insta::assert_snapshot!(package("{include: [LICENSE, docs/license, x, y/X.exe]}"), @r"
    error: the included file `license` has the name of another included file
     --> subsystems/x/recipe.yml:2:30
      |
    2 | package: {include: [LICENSE, docs/license, x, y/X.exe]}
      |                              ^^^^^^^^^^^^
      |
      = help: all files of an artifact are in one folder, so each needs a different name, also where case is ignored

    error: the included file `x` has the name of a binary
     --> subsystems/x/recipe.yml:2:44
      |
    2 | package: {include: [LICENSE, docs/license, x, y/X.exe]}
      |                                            ^
      |
      = help: all files of an artifact are in one folder, so each needs a different name, also where case is ignored

    error: the included file `X.exe` has the name of a binary
     --> subsystems/x/recipe.yml:2:47
      |
    2 | package: {include: [LICENSE, docs/license, x, y/X.exe]}
      |                                               ^^^^^^^
      |
      = help: all files of an artifact are in one folder, so each needs a different name, also where case is ignored
    ");
}

#[test]
fn invalid_package_settings() {
    insta::assert_snapshot!(package("{name: a/b, format: rar, compress: yes}"), @r"
    error: `a/b` is not a file name: it contains '/'
     --> subsystems/x/recipe.yml:2:17
      |
    2 | package: {name: a/b, format: rar, compress: yes}
      |                 ^^^
      |
      = help: a file name has only letters, digits, `.`, `-`, `_`, `+` and `@`, and no folders

    error: unknown package format `rar`
     --> subsystems/x/recipe.yml:2:30
      |
    2 | package: {name: a/b, format: rar, compress: yes}
      |                              ^^^
      |
      = help: known: tar.gz, tar.zst, zip

    error: unknown key `compress` in `package`
     --> subsystems/x/recipe.yml:2:35
      |
    2 | package: {name: a/b, format: rar, compress: yes}
      |                                   ^^^^^^^^
      |
      = help: known: name, include, format
    ");
}

#[test]
fn invalid_limits() {
    insta::assert_snapshot!(recipe("binaries: [x]\nlimits: {unpacked: lots, ratio: 0, entries: -1}\nupstream: {url: 'https://example.com/x'}"), @r"
    error: `lots` is not a size
     --> subsystems/x/recipe.yml:2:20
      |
    2 | limits: {unpacked: lots, ratio: 0, entries: -1}
      |                    ^^^^
      |
      = help: such as 8GiB, 500MB or a number of bytes

    error: `0` is not a positive whole number
     --> subsystems/x/recipe.yml:2:33
      |
    2 | limits: {unpacked: lots, ratio: 0, entries: -1}
      |                                 ^
      |
      = help: such as 200

    error: `-1` is not a positive whole number
     --> subsystems/x/recipe.yml:2:45
      |
    2 | limits: {unpacked: lots, ratio: 0, entries: -1}
      |                                             ^^
      |
      = help: such as 200
    ");
}

#[test]
fn an_invalid_verify_template() {
    insta::assert_snapshot!(recipe("binaries: [x]\nverify: 'x{{ ext }} --version'\nupstream: {url: 'https://example.com/x'}"), @r"
    error: unknown variable `ext` in a template
     --> subsystems/x/recipe.yml:2:14
      |
    2 | verify: 'x{{ ext }} --version'
      |              ^^^
      |
      = help: did you mean `exe`?
    ");
}

#[test]
fn needs_twice() {
    insta::assert_snapshot!(recipe("binaries: [x]\nneeds: [arc, arc]\nupstream: {url: 'https://example.com/x'}"), @r"
    error: `arc` is listed twice in `needs`
     --> subsystems/x/recipe.yml:2:14
      |
    2 | needs: [arc, arc]
      |              ^^^
      |
      = help: remove one of the two
    ");
}
