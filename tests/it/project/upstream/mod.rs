//! Mistakes in `upstream:`, as users see them.

mod exceptions;

use crate::project::recipes::{recipe, upstream};

#[test]
fn an_upstream_of_two_kinds() {
    insta::assert_snapshot!(upstream("{github: a/b, asset: x, url: 'https://example.com/x'}"), @r"
    error: `upstream` names both `github` and `url`
     --> subsystems/x/recipe.yml:2:35
      |
    2 | upstream: {github: a/b, asset: x, url: 'https://example.com/x'}
      |                                   ^^^
      |
      = help: an original comes from one place; keep one of them
    ");
}

#[test]
fn an_upstream_of_no_kind() {
    insta::assert_snapshot!(upstream("{tag: v1}"), @r"
    error: `upstream` does not say where to get it
     --> subsystems/x/recipe.yml:2:1
      |
    2 | upstream: {tag: v1}
      | ^^^^^^^^
      |
      = help: one of github: owner/name, url: ..., npm: PACKAGE, pypi: PACKAGE
    ");
}

#[test]
fn an_upstream_without_an_asset() {
    insta::assert_snapshot!(upstream("{github: nats-io/nats-server}"), @r#"
    error: `github` needs `asset`, which is missing for linux-amd64
     --> subsystems/x/recipe.yml:2:1
      |
    2 | upstream: {github: nats-io/nats-server}
      | ^^^^^^^^
      |
      = help: name the release's file: asset: "name-{{ os }}-{{ arch }}.tar.gz"
    "#);
}

#[test]
fn an_upstream_that_is_not_a_repository() {
    insta::assert_snapshot!(upstream("{github: nats-server, asset: x}"), @r"
    error: `nats-server` is not a GitHub repository
     --> subsystems/x/recipe.yml:2:20
      |
    2 | upstream: {github: nats-server, asset: x}
      |                    ^^^^^^^^^^^
      |
      = help: write it as owner/name, such as nats-io/nats-server
    ");
}

#[test]
fn an_asset_beside_a_url() {
    insta::assert_snapshot!(upstream("{url: 'https://example.com/x', asset: x}"), @r"
    error: `asset` can be used only with `github`
     --> subsystems/x/recipe.yml:2:42
      |
    2 | upstream: {url: 'https://example.com/x', asset: x}
      |                                          ^^^^^
      |
      = help: remove it, or name the repository with `github:`
    ");
}

#[test]
fn an_asset_in_a_folder() {
    insta::assert_snapshot!(upstream("{github: a/b, asset: 'x/{{ os }}'}"), @r"
    error: `x/linux` is not the name of an asset
     --> subsystems/x/recipe.yml:2:32
      |
    2 | upstream: {github: a/b, asset: 'x/{{ os }}'}
      |                                ^^^^^^^^^^^^
      |
      = help: an asset is a file of the release, without a folder
    ");
}

#[test]
fn an_invalid_tag() {
    insta::assert_snapshot!(upstream("{github: a/b, tag: 'v {{ version }}', asset: x}"), @r"
    error: `v v1.2.3` can't be a tag
     --> subsystems/x/recipe.yml:2:30
      |
    2 | upstream: {github: a/b, tag: 'v {{ version }}', asset: x}
      |                              ^^^^^^^^^^^^^^^^^
      |
      = help: a tag has no spaces and none of ~ ^ : ? * [ \, and no `..`
    ");
}

#[test]
fn a_url_over_plain_http() {
    insta::assert_snapshot!(upstream("{url: 'http://example.com/{{ version }}'}"), @r"
    error: `http://example.com/v1.2.3` can't be used: bytes sent over plain http can be changed on the way
     --> subsystems/x/recipe.yml:2:17
      |
    2 | upstream: {url: 'http://example.com/{{ version }}'}
      |                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: use https, or allow the host in your own config.yml with `allow_http`
    ");
}

#[test]
fn an_invalid_url() {
    insta::assert_snapshot!(upstream("{url: '{{ os }}/x'}"), @r"
    error: `linux/x` can't be used: it is not a url
     --> subsystems/x/recipe.yml:2:17
      |
    2 | upstream: {url: '{{ os }}/x'}
      |                 ^^^^^^^^^^^^
      |
      = help: such as https://example.com/file.tar.gz
    ");
}

#[test]
fn a_checksums_file_beside_a_url() {
    insta::assert_snapshot!(upstream("{url: 'https://example.com/x', checksums: SHA256SUMS}"), @r"
    error: `SHA256SUMS` is not a url
     --> subsystems/x/recipe.yml:2:53
      |
    2 | upstream: {url: 'https://example.com/x', checksums: SHA256SUMS}
      |                                                     ^^^^^^^^^^
      |
      = help: with `github` it is an asset of the release; otherwise write a url, or {linux-amd64: <sha256>, ...}
    ");
}

#[test]
fn checksums_that_are_not_digests() {
    insta::assert_snapshot!(upstream("{url: 'https://example.com/x', checksums: {linux-amd64: abc, plan9: x}}"), @r"
    error: `abc` is not a sha256 digest
     --> subsystems/x/recipe.yml:2:67
      |
    2 | upstream: {url: 'https://example.com/x', checksums: {linux-amd64: abc, plan9: x}}
      |                                                                   ^^^
      |
      = help: a sha256 digest has 64 hex digits

    error: unknown platform `plan9`: it has no `-`
     --> subsystems/x/recipe.yml:2:72
      |
    2 | upstream: {url: 'https://example.com/x', checksums: {linux-amd64: abc, plan9: x}}
      |                                                                        ^^^^^
      |
      = help: a platform is <os>-<arch>, such as linux-amd64, darwin-arm64, windows-amd64 or linux-amd64-musl

    error: `x` is not a sha256 digest
     --> subsystems/x/recipe.yml:2:79
      |
    2 | upstream: {url: 'https://example.com/x', checksums: {linux-amd64: abc, plan9: x}}
      |                                                                               ^
      |
      = help: a sha256 digest has 64 hex digits
    ");
}

#[test]
fn invalid_npm_and_pypi_names() {
    insta::assert_snapshot!(format!("{}\n\n{}", upstream("{npm: 'esbuild@1'}"), upstream("{pypi: 'ruff==1'}")), @r"
    error: `esbuild@1` can't be the name of an npm package
     --> subsystems/x/recipe.yml:2:17
      |
    2 | upstream: {npm: 'esbuild@1'}
      |                 ^^^^^^^^^^^
      |
      = help: such as esbuild or @esbuild/linux-x64, without a version

    error: `ruff==1` can't be the name of a Python project
     --> subsystems/x/recipe.yml:2:18
      |
    2 | upstream: {pypi: 'ruff==1'}
      |                  ^^^^^^^^^
      |
      = help: such as ruff, without a version
    ");
}

#[test]
fn an_upstream_that_covers_only_some_platforms() {
    insta::assert_snapshot!(upstream("{overrides: {linux: {url: 'https://example.com/x'}}}"), @r"
    error: `upstream` does not say where to get it for darwin-arm64
     --> subsystems/x/recipe.yml:2:1
      |
    2 | upstream: {overrides: {linux: {url: 'https://example.com/x'}}}
      | ^^^^^^^^
      |
      = help: one of github, url, npm, pypi; or leave the platform out of the recipe's `platforms`
    ");
}

#[test]
fn overrides_with_unknown_keys() {
    insta::assert_snapshot!(upstream("{url: 'https://example.com/x', overrides: {windoes: {url: x}, macos: {url: 'https://example.com/m'}, darwin: {url: 'https://example.com/m'}, linux-mips: {}}}"), @r"
    error: `windoes` is neither an os, an architecture nor a platform
     --> subsystems/x/recipe.yml:2:54
      |
    2 | upstream: {url: 'https://example.com/x', overrides: {windoes: {url: x}, macos: {url: 'https://example.com/m'}, darwin: {url: 'https:/...
      |                                                      ^^^^^^^
      |
      = help: did you mean `windows`?

    error: `darwin` and `macos` mean the same in `overrides`
     --> subsystems/x/recipe.yml:2:112
      |
    2 | upstream: {url: 'https://example.com/x', overrides: {windoes: {url: x}, macos: {url: 'https://example.com/m'}, darwin: {url: 'https:/...
      |                                                                                                                ^^^^^^
      |
      = help: put all in one of the two

    error: unknown platform `linux-mips`: unknown architecture `mips`
     --> subsystems/x/recipe.yml:2:152
      |
    2 | ...://example.com/m'}, darwin: {url: 'https://example.com/m'}, linux-mips: {}}}
      |                                                                ^^^^^^^^^^
      |
      = help: a platform is <os>-<arch>, such as linux-amd64, darwin-arm64, windows-amd64 or linux-amd64-musl
    ");
}

#[test]
fn overrides_within_overrides() {
    insta::assert_snapshot!(upstream("{url: 'https://example.com/x', overrides: {linux: {overrides: {}}}}"), @r"
    error: unknown key `overrides` in `linux`
     --> subsystems/x/recipe.yml:2:62
      |
    2 | upstream: {url: 'https://example.com/x', overrides: {linux: {overrides: {}}}}
      |                                                              ^^^^^^^^^
      |
      = help: known: github, url, npm, pypi, tag, asset, checksums, signature, extract, format, keep, emulate, replacements, binaries
    ");
}

#[test]
fn a_mistake_inside_an_override() {
    insta::assert_snapshot!(upstream("{url: 'https://example.com/x', overrides: {windows: {url: 'ftp://example.com/{{ version }}'}}}"), @r"
    error: `ftp://example.com/v1.2.3` can't be used: `ftp` is not supported
     --> subsystems/x/recipe.yml:2:69
      |
    2 | upstream: {url: 'https://example.com/x', overrides: {windows: {url: 'ftp://example.com/{{ version }}'}}}
      |                                                                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: use https
    ");
}

#[test]
fn unknown_replacements() {
    insta::assert_snapshot!(upstream("{url: 'https://example.com/x', replacements: {x64: amd, solaris: sun, linux: }}"), @r"
    error: `solaris` is neither an os nor an architecture
     --> subsystems/x/recipe.yml:2:67
      |
    2 | upstream: {url: 'https://example.com/x', replacements: {x64: amd, solaris: sun, linux: }}
      |                                                                   ^^^^^^^
      |
      = help: known: linux, darwin, windows, amd64, arm64, 386, arm

    error: `linux` has no value
     --> subsystems/x/recipe.yml:2:81
      |
    2 | upstream: {url: 'https://example.com/x', replacements: {x64: amd, solaris: sun, linux: }}
      |                                                                                 ^^^^^
      |
      = help: give it a value, or remove the key
    ");
}

#[test]
fn extract_to_an_unknown_file() {
    insta::assert_snapshot!(upstream("{url: 'https://example.com/x', extract: {'*/x': y}}"), @r"
    error: `y` is neither a binary nor an included file of x for linux-amd64
     --> subsystems/x/recipe.yml:2:59
      |
    2 | upstream: {url: 'https://example.com/x', extract: {'*/x': y}}
      |                                                           ^
      |
      = help: its files are x: see `binaries` and `package.include`
    ");
}

#[test]
fn extract_without_exe() {
    insta::assert_snapshot!(upstream("{url: 'https://example.com/x', extract: {'*/x': x}}"), @r#"
    error: `x` is neither a binary nor an included file of x for windows-amd64
     --> subsystems/x/recipe.yml:2:59
      |
    2 | upstream: {url: 'https://example.com/x', extract: {'*/x': x}}
      |                                                           ^
      |
      = help: on windows it is called x.exe: write "x{{ exe }}"
    "#);
}

#[test]
fn extract_without_one_of_the_binaries() {
    insta::assert_snapshot!(recipe("binaries: [x, y]\nupstream: {url: 'https://example.com/x', extract: {'x{{ exe }}': 'x{{ exe }}'}}"), @r"
    error: `extract` has no line for the binary `y`
     --> subsystems/x/recipe.yml:2:42
      |
    2 | upstream: {url: 'https://example.com/x', extract: {'x{{ exe }}': 'x{{ exe }}'}}
      |                                          ^^^^^^^
      |
      = help: with `extract`, every binary needs a line
    ");
}

#[test]
fn extract_with_a_bad_glob() {
    insta::assert_snapshot!(upstream("{url: 'https://example.com/x', extract: {'*/[x': 'x{{ exe }}'}}"), @r"
    error: `*/[x` is not a glob: unclosed character class; missing ']'
     --> subsystems/x/recipe.yml:2:52
      |
    2 | upstream: {url: 'https://example.com/x', extract: {'*/[x': 'x{{ exe }}'}}
      |                                                    ^^^^^^
      |
      = help: * does not cross /, ** does
    ");
}

#[test]
fn extract_to_one_file_twice() {
    insta::assert_snapshot!(upstream("{url: 'https://example.com/x', extract: {'a/x': 'x{{ exe }}', 'b/x': 'x{{ exe }}'}}"), @r"
    error: two globs give the file `x`
     --> subsystems/x/recipe.yml:2:80
      |
    2 | upstream: {url: 'https://example.com/x', extract: {'a/x': 'x{{ exe }}', 'b/x': 'x{{ exe }}'}}
      |                                                                                ^^^^^^^^^^^^
      |
      = help: each file comes from exactly one match
    ");
}

#[test]
fn extract_outside_of_the_folder() {
    insta::assert_snapshot!(upstream("{url: 'https://example.com/x', extract: {'a/x': '../x'}}"), @r"
    error: `../x` is not a file name: it contains '/'
     --> subsystems/x/recipe.yml:2:59
      |
    2 | upstream: {url: 'https://example.com/x', extract: {'a/x': '../x'}}
      |                                                           ^^^^^^
      |
      = help: a file name of the artifact, without folders
    ");
}
