//! `.goreleaser.yaml`.

use super::{machine, offline};

#[test]
fn the_defaults_of_goreleaser() {
    let env = machine(&[("goreleaser-default.yaml", ".goreleaser.yaml")]);
    env.write("LICENSE", "MIT\n");
    insta::assert_snapshot!(offline(&env, ".goreleaser.yaml"), @r#"
    versions.yml <==
    # yaml-language-server: $schema=.larder/schema/versions.schema.json
    #
    # The versions that this project pins, from .goreleaser.yaml. `larder ensure all` installs every pinned binary and verifies it.

    versions:
      project-tool: v0.1.0

    platforms:
      - linux-amd64
      - linux-arm64
      - linux-386
      - darwin-amd64
      - darwin-arm64
      - windows-amd64
      - windows-arm64
      - windows-386

    # The store of your team's releases. Default: the folder .larder-hub, to try larder out.
    # hub: {github: owner/repo}

    # The commands that `larder ci` runs, in CI and on your machine.
    ci: [check, ensure all]

    # Left for you. Remove what is done.
    # - .goreleaser.yaml:2: the version of `project`: GoReleaser takes it from the git tag, and larder from versions.yml: v0.1.0 is a start. Next: larder bump project-tool VERSION
    # - .goreleaser.yaml:20: `archives.name_template`: larder names assets `project-<os>-<arch>.tar.gz`: `package: {name: …}` changes the first part

    subsystems/project-tool/recipe.yml <==
    # yaml-language-server: $schema=../../.larder/schema/recipe.schema.json
    binaries: [project]
    platforms:
      - linux-amd64
      - linux-arm64
      - linux-386
      - darwin-amd64
      - darwin-arm64
      - windows-amd64
      - windows-arm64
      - windows-386
    build:
      tools: {go: ""}
      source: {dir: ../..}
      env: {GOOS: "{{ os }}", GOARCH: "{{ arch }}", CGO_ENABLED: "0"}
      commands:
        - go generate ./...
        - 'go build -ldflags "-s -w -X main.version={{ version_number }}" -o "{{ out }}/project{{ exe }}" .'
      platforms: all
    # verify: project --version      # enable this if the command prints the version

    .larderignore <==
    # What is no part of the source that larder builds from this folder.
    /versions.yml
    /versions.lock
    /subsystems/
    --- stderr
    project-tool  v0.1.0     as .goreleaser.yaml says
    1 task or key is what larder's own commands do (-v lists them)
    left for you:
      .goreleaser.yaml:2: the version of `project`: GoReleaser takes it from the git tag, and larder from versions.yml: v0.1.0 is a start. Next: larder bump project-tool VERSION
      .goreleaser.yaml:20: `archives.name_template`: larder names assets `project-<os>-<arch>.tar.gz`: `package: {name: …}` changes the first part
    "#);
}

#[test]
fn channels_of_goreleaser() {
    let env = machine(&[("goreleaser-channels.yaml", ".goreleaser.yml")]);
    insta::assert_snapshot!(offline(&env, ".goreleaser.yml"), @r#"
    versions.yml <==
    # yaml-language-server: $schema=.larder/schema/versions.schema.json
    #
    # The versions that this project pins, from .goreleaser.yml. `larder ensure all` installs every pinned binary and verifies it.

    versions:
      shipit: v0.1.0

    platforms:
      - linux-amd64
      - linux-arm64
      - linux-arm
      - darwin-amd64
      - darwin-arm64
      - windows-amd64
      - windows-arm64

    # The store of your team's releases. Default: the folder .larder-hub, to try larder out.
    hub: {github: acme/shipit}

    publish:
      maintainer: "Acme Tools <tools@acme.example>"

    # The commands that `larder ci` runs, in CI and on your machine.
    ci: [check, ensure all]

    # Left for you. Remove what is done.
    # - .goreleaser.yml:1: the version of `shipit`: GoReleaser takes it from the git tag, and larder from versions.yml: v0.1.0 is a start. Next: larder bump shipit VERSION
    # - .goreleaser.yml:8: the build `shipit`: larder has no platform for freebsd-amd64, freebsd-arm64, freebsd-arm
    # - .goreleaser.yml:8: the build `shipit`: `-X main.commit={{.Commit}}`, `-X main.date={{ .CommitDate }}` in its ldflags would make each build different: it was left out
    # - .goreleaser.yml:14: the build `shipit`: its `goarm` was not moved: check `build.commands`
    # - .goreleaser.yml:21: the build `shipd`: its platforms differ from those of the build before; the subsystem has the platforms of both
    # - .goreleaser.yml:29: `archives.files`: `completions/*`: `package.include` of a recipe has no patterns: name the files
    # - .goreleaser.yml:39: `brews.caveats`: larder writes this file itself: check what the channel shows with `larder publish --render`
    # - .goreleaser.yml:49: `nfpms.formats`: apk: larder makes packages for Debian and rpm
    # - .goreleaser.yml:52: `nfpms.dependencies`: larder writes this file itself: check what the channel shows with `larder publish --render`
    # - .goreleaser.yml:54: `dockers:`: larder makes images without a Dockerfile: the binary on `base:`, which is `scratch` unless the recipe says otherwise
    # - .goreleaser.yml:56: `dockers.dockerfile`: larder writes this file itself: check what the channel shows with `larder publish --render`
    # - .goreleaser.yml:62: `signs:`: larder signs with keys of minisign. Next: larder key new, then `trust:` in versions.yml and `larder release --sign`
    # - .goreleaser.yml:68: `announce:`: larder has nothing like it

    subsystems/shipit/recipe.yml <==
    # yaml-language-server: $schema=../../.larder/schema/recipe.schema.json
    description: Ships it
    homepage: https://shipit.example.com
    license: Apache-2.0
    binaries: [shipit, shipd]
    platforms:
      - linux-amd64
      - linux-arm64
      - linux-arm
      - darwin-amd64
      - darwin-arm64
      - windows-amd64
      - windows-arm64
    build:
      tools: {go: ""}
      source: {dir: ../..}
      env: {GOOS: "{{ os }}", GOARCH: "{{ arch }}", GO111MODULE: "on", CGO_ENABLED: "0"}
      commands:
        - 'go build -trimpath -ldflags "-s -w -X main.version={{ version_number }}" -o "{{ out }}/shipit{{ exe }}" ./cmd/shipit'
        - 'go build -ldflags "-s -w -X main.version={{ version_number }}" -o "{{ out }}/shipd{{ exe }}" ./cmd/shipd'
      platforms: all
    package: {include: [LICENSE, README.md]}
    publish:
      homebrew: {tap: acme/homebrew-tap}
      scoop: {bucket: acme/scoop-bucket}
      winget: {repository: acme/winget-pkgs, publisher: Acme}
      deb: {section: devel}
      rpm: {}
      docker: {images: [ghcr.io/acme/shipit]}
      aur: {git: ssh://aur@aur.archlinux.org/shipit-bin.git}
    # verify: shipit --version      # enable this if the command prints the version

    .larderignore <==
    # What is no part of the source that larder builds from this folder.
    /versions.yml
    /versions.lock
    /subsystems/
    --- stderr
    shipit  v0.1.0     as .goreleaser.yml says
    1 task or key is what larder's own commands do (-v lists them)
    left for you:
      .goreleaser.yml:1: the version of `shipit`: GoReleaser takes it from the git tag, and larder from versions.yml: v0.1.0 is a start. Next: larder bump shipit VERSION
      .goreleaser.yml:8: the build `shipit`: larder has no platform for freebsd-amd64, freebsd-arm64, freebsd-arm
      .goreleaser.yml:8: the build `shipit`: `-X main.commit={{.Commit}}`, `-X main.date={{ .CommitDate }}` in its ldflags would make each build different: it was left out
      .goreleaser.yml:14: the build `shipit`: its `goarm` was not moved: check `build.commands`
      .goreleaser.yml:21: the build `shipd`: its platforms differ from those of the build before; the subsystem has the platforms of both
      .goreleaser.yml:29: `archives.files`: `completions/*`: `package.include` of a recipe has no patterns: name the files
      .goreleaser.yml:39: `brews.caveats`: larder writes this file itself: check what the channel shows with `larder publish --render`
      .goreleaser.yml:49: `nfpms.formats`: apk: larder makes packages for Debian and rpm
      .goreleaser.yml:52: `nfpms.dependencies`: larder writes this file itself: check what the channel shows with `larder publish --render`
      .goreleaser.yml:54: `dockers:`: larder makes images without a Dockerfile: the binary on `base:`, which is `scratch` unless the recipe says otherwise
      .goreleaser.yml:56: `dockers.dockerfile`: larder writes this file itself: check what the channel shows with `larder publish --render`
      .goreleaser.yml:62: `signs:`: larder signs with keys of minisign. Next: larder key new, then `trust:` in versions.yml and `larder release --sign`
      .goreleaser.yml:68: `announce:`: larder has nothing like it
    "#);
}

#[test]
fn builds_that_are_not_in_go() {
    let env = machine(&[("goreleaser-rust.yaml", ".goreleaser.yaml")]);
    insta::assert_snapshot!(offline(&env, ".goreleaser.yaml"), @r#"
    versions.yml <==
    # yaml-language-server: $schema=.larder/schema/versions.schema.json
    #
    # The versions that this project pins, from .goreleaser.yaml. `larder ensure all` installs every pinned binary and verifies it.

    versions:
      mixed: v0.1.0

    platforms: [linux-amd64, darwin-arm64, windows-amd64]

    # The store of your team's releases. Default: the folder .larder-hub, to try larder out.
    # hub: {github: owner/repo}

    # The commands that `larder ci` runs, in CI and on your machine.
    ci: [check, ensure all]

    # Left for you. Remove what is done.
    # - .goreleaser.yaml:1: the version of `mixed`: GoReleaser takes it from the git tag, and larder from versions.yml: v0.1.0 is a start. Next: larder bump mixed VERSION
    # - .goreleaser.yaml:1: the channels of `mixed`: larder refuses them: the channels `homebrew`, `chocolatey` need `homepage`, and the recipe has none (add `homepage:` to this recipe)
    # - .goreleaser.yaml:5: the build `agent`: larder translates builds with go only, and this one is with rust
    # - .goreleaser.yaml:14: the build `ctl`: its `hooks` was not moved: check `build.commands`
    # - .goreleaser.yaml:28: `homebrew_casks:`: larder writes a formula, not a cask: people run `brew install` without `--cask`

    subsystems/mixed/recipe.yml <==
    # yaml-language-server: $schema=../../.larder/schema/recipe.schema.json
    description: A program
    binaries: [mixedctl]
    platforms: [linux-amd64, darwin-arm64, windows-amd64]
    build:
      tools: {go: ""}
      source: {dir: ../..}
      env: {GOOS: "{{ os }}", GOARCH: "{{ arch }}"}
      commands:
        - 'cd ctl && go build -tags netgo,osusergo -ldflags "-s -w -X main.version={{ version_number }}" -o "{{ out }}/mixedctl{{ exe }}" .'
    # verify: mixedctl --version      # enable this if the command prints the version

    .larderignore <==
    # What is no part of the source that larder builds from this folder.
    /versions.yml
    /versions.lock
    /subsystems/
    --- stderr
    mixed  v0.1.0     as .goreleaser.yaml says
    left for you:
      .goreleaser.yaml:1: the version of `mixed`: GoReleaser takes it from the git tag, and larder from versions.yml: v0.1.0 is a start. Next: larder bump mixed VERSION
      .goreleaser.yaml:1: the channels of `mixed`: larder refuses them: the channels `homebrew`, `chocolatey` need `homepage`, and the recipe has none (add `homepage:` to this recipe)
      .goreleaser.yaml:5: the build `agent`: larder translates builds with go only, and this one is with rust
      .goreleaser.yaml:14: the build `ctl`: its `hooks` was not moved: check `build.commands`
      .goreleaser.yaml:28: `homebrew_casks:`: larder writes a formula, not a cask: people run `brew install` without `--cask`
    "#);
}
