//! Mistakes in `build:`, as users see them.

use crate::project::recipes::build;

#[test]
fn a_build_without_a_source() {
    insta::assert_snapshot!(build("{commands: [make]}"), @r"
    error: the key `source` is missing in `build`
     --> subsystems/x/recipe.yml:2:8
      |
    2 | build: {commands: [make]}
      |        ^^^^^^^^^^^^^^^^^^
      |
      = help: add `source:`
    ");
}

#[test]
fn a_build_of_two_sources() {
    insta::assert_snapshot!(build("{source: {dir: ., git: 'https://example.com/x'}, commands: [make]}"), @r"
    error: `source` names both `dir` and `git`
     --> subsystems/x/recipe.yml:2:26
      |
    2 | build: {source: {dir: ., git: 'https://example.com/x'}, commands: [make]}
      |                          ^^^
      |
      = help: a build has one source; keep one of them
    ");
}

#[test]
fn a_build_of_no_source() {
    insta::assert_snapshot!(build("{source: {}, commands: [make]}"), @r"
    error: `source` does not say what is built
     --> subsystems/x/recipe.yml:2:9
      |
    2 | build: {source: {}, commands: [make]}
      |         ^^^^^^
      |
      = help: one of {dir: .}, {git: ..., rev: ...}, {url: ..., sha256: ...}, {crate: NAME}
    ");
}

#[test]
fn a_git_source_without_a_rev() {
    insta::assert_snapshot!(build("{source: {git: 'https://example.com/x.git'}, commands: [make]}"), @r#"
    error: `source` has `git` without `rev`
     --> subsystems/x/recipe.yml:2:18
      |
    2 | build: {source: {git: 'https://example.com/x.git'}, commands: [make]}
      |                  ^^^
      |
      = help: add the tag, branch or commit: rev: "{{ version }}"
    "#);
}

#[test]
fn a_url_source_without_a_digest() {
    insta::assert_snapshot!(build("{source: {url: 'https://example.com/x.tar.gz'}, commands: [make]}"), @r"
    error: `source` has `url` without `sha256`
     --> subsystems/x/recipe.yml:2:18
      |
    2 | build: {source: {url: 'https://example.com/x.tar.gz'}, commands: [make]}
      |                  ^^^
      |
      = help: add the digest of the archive: sha256: ...
    ");
}

#[test]
fn a_rev_without_git() {
    insta::assert_snapshot!(build("{source: {dir: ., rev: v1}, commands: [make]}"), @r"
    error: `rev` can be used only with `git`
     --> subsystems/x/recipe.yml:2:26
      |
    2 | build: {source: {dir: ., rev: v1}, commands: [make]}
      |                          ^^^
      |
      = help: remove it, or name the source with `git:`
    ");
}

#[test]
fn links_without_a_folder() {
    insta::assert_snapshot!(build("{source: {git: https://example.com/x, rev: v1, links: follow}, commands: [make]}"), @r"
    error: `links` can be used only with `dir`
     --> subsystems/x/recipe.yml:2:55
      |
    2 | build: {source: {git: https://example.com/x, rev: v1, links: follow}, commands: [make]}
      |                                                       ^^^^^
      |
      = help: remove it; links in other sources stay links
    ");
}

#[test]
fn links_that_are_neither_refused_nor_followed() {
    insta::assert_snapshot!(build("{source: {dir: ., links: keep}, commands: [make]}"), @r"
    error: unknown `links` value `keep`
     --> subsystems/x/recipe.yml:2:33
      |
    2 | build: {source: {dir: ., links: keep}, commands: [make]}
      |                                 ^^^^
      |
      = help: known: follow
    ");
}

#[test]
fn a_git_source_that_runs_commands() {
    insta::assert_snapshot!(build("{source: {git: 'ext::sh -c id', rev: --upload-pack=x}, commands: [make]}"), @r"
    error: `ext::sh -c id` is not a git url
     --> subsystems/x/recipe.yml:2:23
      |
    2 | build: {source: {git: 'ext::sh -c id', rev: --upload-pack=x}, commands: [make]}
      |                       ^^^^^^^^^^^^^^^
      |
      = help: https://, ssh://, git@host:path, file:// and paths work; other transports could run commands

    error: `--upload-pack=x` can't be a git revision
     --> subsystems/x/recipe.yml:2:45
      |
    2 | build: {source: {git: 'ext::sh -c id', rev: --upload-pack=x}, commands: [make]}
      |                                             ^^^^^^^^^^^^^^^
      |
      = help: a tag, a branch or a commit
    ");
}

#[test]
fn an_invalid_crate_name() {
    insta::assert_snapshot!(build("{source: {crate: ripgrep@14}}"), @r"
    error: `ripgrep@14` can't be the name of a crate
     --> subsystems/x/recipe.yml:2:25
      |
    2 | build: {source: {crate: ripgrep@14}}
      |                         ^^^^^^^^^^
      |
      = help: the crate's name alone, such as ripgrep; its version is the subsystem's
    ");
}

#[test]
fn a_source_folder_that_is_not_there() {
    insta::assert_snapshot!(build("{source: {dir: ../nowhere}, commands: [make]}"), @r"
    error: there is no folder `[root]/subsystems/nowhere`
     --> subsystems/x/recipe.yml:2:23
      |
    2 | build: {source: {dir: ../nowhere}, commands: [make]}
      |                       ^^^^^^^^^^
      |
      = help: create this folder or correct `dir`, which is relative to the recipe's folder: [root]/subsystems/nowhere
    ");
}

#[test]
fn a_source_folder_that_is_a_file() {
    insta::assert_snapshot!(build("{source: {dir: recipe.yml}, commands: [make]}"), @r"
    error: the source `recipe.yml` is not a folder
     --> subsystems/x/recipe.yml:2:23
      |
    2 | build: {source: {dir: recipe.yml}, commands: [make]}
      |                       ^^^^^^^^^^
      |
      = help: create this folder or correct `dir`, which is relative to the recipe's folder: [root]/subsystems/x/recipe.yml
    ");
}

#[test]
fn a_build_without_commands() {
    insta::assert_snapshot!(format!("{}\n\n{}", build("{source: {dir: .}}"), build("{source: {dir: .}, commands: []}")), @r"
    error: `build` has no commands
     --> subsystems/x/recipe.yml:2:1
      |
    2 | build: {source: {dir: .}}
      | ^^^^^
      |
      = help: add `commands: [...]`; only a `crate:` source builds without

    error: `build` has no commands
     --> subsystems/x/recipe.yml:2:27
      |
    2 | build: {source: {dir: .}, commands: []}
      |                           ^^^^^^^^
      |
      = help: add `commands: [...]`; only a `crate:` source builds without
    ");
}

#[test]
fn an_empty_command() {
    insta::assert_snapshot!(build("{source: {dir: .}, commands: [make, ' ']}"), @r"
    error: an empty line in `commands`
     --> subsystems/x/recipe.yml:2:44
      |
    2 | build: {source: {dir: .}, commands: [make, ' ']}
      |                                            ^^^
      |
      = help: write a command, or remove it
    ");
}

#[test]
fn an_invalid_timeout() {
    insta::assert_snapshot!(build("{source: {dir: .}, commands: [make], timeout: 30}"), @r"
    error: `30` is not a time: it has no unit
     --> subsystems/x/recipe.yml:2:54
      |
    2 | build: {source: {dir: .}, commands: [make], timeout: 30}
      |                                                      ^^
      |
      = help: such as 90s, 30m, 1h or 1h30m
    ");
}

#[test]
fn invalid_build_platforms() {
    insta::assert_snapshot!(format!("{}\n\n{}", build("{source: {dir: .}, commands: [make], platforms: everywhere}"), build("{source: {dir: .}, commands: [make], platforms: [linux]}")), @r"
    error: unknown `platforms` value `everywhere`
     --> subsystems/x/recipe.yml:2:56
      |
    2 | build: {source: {dir: .}, commands: [make], platforms: everywhere}
      |                                                        ^^^^^^^^^^
      |
      = help: known: host, all

    error: unknown platform `linux`: it has an os and no architecture
     --> subsystems/x/recipe.yml:2:57
      |
    2 | build: {source: {dir: .}, commands: [make], platforms: [linux]}
      |                                                         ^^^^^
      |
      = help: write `linux-amd64` or `linux-arm64`, or both
    ");
}

#[test]
fn invalid_build_tools() {
    insta::assert_snapshot!(build("{source: {dir: .}, commands: [make], tools: {a/b: 1, -o: 1, go: }}"), @r"
    error: `a/b` can't name a tool
     --> subsystems/x/recipe.yml:2:53
      |
    2 | build: {source: {dir: .}, commands: [make], tools: {a/b: 1, -o: 1, go: }}
      |                                                     ^^^
      |
      = help: the name of a command on PATH, such as go or cargo

    error: `-o` can't name a tool
     --> subsystems/x/recipe.yml:2:61
      |
    2 | build: {source: {dir: .}, commands: [make], tools: {a/b: 1, -o: 1, go: }}
      |                                                             ^^
      |
      = help: the name of a command on PATH, such as go or cargo

    error: `go` has no value
     --> subsystems/x/recipe.yml:2:68
      |
    2 | build: {source: {dir: .}, commands: [make], tools: {a/b: 1, -o: 1, go: }}
      |                                                                    ^^
      |
      = help: give it a value, or remove the key
    ");
}

#[test]
fn invalid_environment_variables_of_a_build() {
    insta::assert_snapshot!(build("{source: {dir: .}, commands: [make], env: {A-B: 1, C: , D: [x], E: '{{ nope }}'}}"), @r"
    error: `A-B` can't name an environment variable
     --> subsystems/x/recipe.yml:2:51
      |
    2 | build: {source: {dir: .}, commands: [make], env: {A-B: 1, C: , D: [x], E: '{{ nope }}'}}
      |                                                   ^^^
      |
      = help: letters, digits and `_`, not starting with a digit

    error: `C` has no value
     --> subsystems/x/recipe.yml:2:59
      |
    2 | build: {source: {dir: .}, commands: [make], env: {A-B: 1, C: , D: [x], E: '{{ nope }}'}}
      |                                                           ^
      |
      = help: give it a value, or remove the key

    error: `D` must be a text, not a list
     --> subsystems/x/recipe.yml:2:67
      |
    2 | build: {source: {dir: .}, commands: [make], env: {A-B: 1, C: , D: [x], E: '{{ nope }}'}}
      |                                                                   ^^^
      |
      = help: write `x`, without the list around it

    error: unknown variable `nope` in a template
     --> subsystems/x/recipe.yml:2:79
      |
    2 | build: {source: {dir: .}, commands: [make], env: {A-B: 1, C: , D: [x], E: '{{ nope }}'}}
      |                                                                               ^^^^
      |
      = help: known: version, version_number, os, arch, exe, platform, target, rust_arch, project, name, out, src
    ");
}

#[test]
fn unknown_build_needs() {
    insta::assert_snapshot!(build("{needs: [nast], source: {dir: .}, commands: [make]}"), @r"
    error: unknown subsystem `nast`
     --> subsystems/x/recipe.yml:2:17
      |
    2 | build: {needs: [nast], source: {dir: .}, commands: [make]}
      |                 ^^^^
      |
      = help: known: arc, x
    ");
}
