//! mise.toml, .tool-versions, aqua.yaml and DotSlash files.

use super::{machine, offline};

#[test]
fn a_service_with_mise() {
    let env = machine(&[("mise-service.toml", "mise.toml")]);
    insta::assert_snapshot!(offline(&env, "mise.toml"), @r#"
    versions.yml <==
    # yaml-language-server: $schema=.larder/schema/versions.schema.json
    #
    # The versions that this project pins, from mise.toml. `larder ensure all` installs every pinned binary and verifies it.

    versions:
      air: 1.61.1
      # golangci-lint: 1.62.2      # not moved: larder add golangci-lint github:golangci/golangci-lint 1.62.2
      # migrate: v4.18.1      # not moved: larder add migrate github:golang-migrate/migrate v4.18.1
      # jq: 1.7      # not moved: larder add jq github:jqlang/jq

    # The platforms that the project supports. Default: the machine that larder runs on.
    # platforms: [linux-amd64, linux-arm64, darwin-amd64, darwin-arm64, windows-amd64, windows-arm64]

    # The store of your team's releases. Default: the folder .larder-hub, to try larder out.
    # hub: {github: owner/repo}

    # Named lists of commands, for `larder run NAME`.
    tasks:
      build:
        desc: Build the server
        needs: [ensure all]
        env: {DATABASE_URL: postgres://localhost/app}
        commands: [go build -o bin/server ./cmd/server]
      lint:
        needs: [ensure all]
        env: {DATABASE_URL: postgres://localhost/app}
        commands: [golangci-lint run]
      ci:
        desc: Everything
        needs: [ensure all, lint, build]
        env: {DATABASE_URL: postgres://localhost/app}
        commands:
          - go test ./...
          - migrate -version

    # The commands that `larder ci` runs, in CI and on your machine.
    ci: [check, ensure all]

    # Left for you. Remove what is done.
    # - mise.toml:5: the tool `go`: go 1.23: larder has no recipe for this toolchain, which is more than one program. Next: keep its installer; recipes that build with it say `build: {tools: {go: "1.23"}}`
    # - mise.toml:6: the tool `golangci-lint`: `golangci-lint` is looked up at its publisher, and `--offline` is set. Next: larder add golangci-lint github:golangci/golangci-lint 1.62.2
    # - mise.toml:7: the tool `migrate`: `migrate` is looked up at its publisher, and `--offline` is set. Next: larder add migrate github:golang-migrate/migrate v4.18.1
    # - mise.toml:9: the tool `jq`: `jq` is looked up at its publisher, and `--offline` is set. Next: larder add jq github:jqlang/jq
    # - mise.toml:13: `_.file`: larder reads no files of variables and adds no folders to PATH. Next: direnv does: see "Use the binaries" in the guide
    # - mise.toml:18: the task `build`: `sources` was not moved, so it always runs; `status:` can say when it need not
    # - mise.toml:19: the task `build`: `outputs` was not moved, so it always runs; `status:` can say when it need not

    subsystems/air/recipe.yml <==
    # yaml-language-server: $schema=../../.larder/schema/recipe.schema.json
    binaries: [air]
    build:
      tools: {go: ""}
      source: {dir: .}
      env: {CGO_ENABLED: "0", GOBIN: "{{ out }}"}
      commands: ["go install -trimpath github.com/air-verse/air@v{{ version_number }}"]
    # verify: air --version      # enable this if the command prints the version
    --- stderr
    golangci-lint  1.62.2     left for you, see below
    migrate        v4.18.1    left for you, see below
    air            1.61.1     as mise.toml says
    jq             1.7        left for you, see below
    tasks: build, lint, ci
    left for you:
      mise.toml:5: the tool `go`: go 1.23: larder has no recipe for this toolchain, which is more than one program. Next: keep its installer; recipes that build with it say `build: {tools: {go: "1.23"}}`
      mise.toml:6: the tool `golangci-lint`: `golangci-lint` is looked up at its publisher, and `--offline` is set. Next: larder add golangci-lint github:golangci/golangci-lint 1.62.2
      mise.toml:7: the tool `migrate`: `migrate` is looked up at its publisher, and `--offline` is set. Next: larder add migrate github:golang-migrate/migrate v4.18.1
      mise.toml:9: the tool `jq`: `jq` is looked up at its publisher, and `--offline` is set. Next: larder add jq github:jqlang/jq
      mise.toml:13: `_.file`: larder reads no files of variables and adds no folders to PATH. Next: direnv does: see "Use the binaries" in the guide
      mise.toml:18: the task `build`: `sources` was not moved, so it always runs; `status:` can say when it need not
      mise.toml:19: the task `build`: `outputs` was not moved, so it always runs; `status:` can say when it need not
    "#);
}

#[test]
fn a_web_page_with_mise() {
    let env = machine(&[("mise-web.toml", ".mise.toml")]);
    insta::assert_snapshot!(offline(&env, ".mise.toml"), @r#"
    versions.yml <==
    # yaml-language-server: $schema=.larder/schema/versions.schema.json
    #
    # The versions that this project pins, from .mise.toml. `larder ensure all` installs every pinned binary and verifies it.

    versions: {}
      # prettier: 3.4.2      # not moved: larder add prettier npm:prettier 3.4.2
      # bun: 1.1.38      # not moved: larder add bun github:oven-sh/bun 1.1.38
      # ruff: latest      # not moved: larder add ruff pypi:ruff
      # typos-cli: 1.28.2      # not moved: larder add typos-cli crate:typos-cli 1.28.2

    # The platforms that the project supports. Default: the machine that larder runs on.
    # platforms: [linux-amd64, linux-arm64, darwin-amd64, darwin-arm64, windows-amd64, windows-arm64]

    # The store of your team's releases. Default: the folder .larder-hub, to try larder out.
    # hub: {github: owner/repo}

    # Named lists of commands, for `larder run NAME`.
    tasks:
      fmt:
        needs: [ensure all]
        commands: [prettier --write .]
      serve:
        needs: [ensure all]
        env: {PORT: "8080"}
        commands:
          - |-
            cd web
            bun install
            bun run dev

    # The commands that `larder ci` runs, in CI and on your machine.
    ci: [check, ensure all]

    # Left for you. Remove what is done.
    # - .mise.toml:2: the tool `node`: its option `postinstall` was not moved: check the recipe
    # - .mise.toml:2: the tool `node`: node 22: larder has no recipe for this toolchain, which is more than one program. Next: keep its installer; recipes that build with it say `build: {tools: {node: "22"}}`
    # - .mise.toml:3: the tool `prettier`: `prettier` is looked up at its publisher, and `--offline` is set. Next: larder add prettier npm:prettier 3.4.2
    # - .mise.toml:4: the tool `bun`: `bun` is looked up at its publisher, and `--offline` is set. Next: larder add bun github:oven-sh/bun 1.1.38
    # - .mise.toml:5: the tool `ruff`: `ruff` is looked up at its publisher, and `--offline` is set. Next: larder add ruff pypi:ruff
    # - .mise.toml:6: the tool `typos-cli`: `typos-cli` is looked up at its publisher, and `--offline` is set. Next: larder add typos-cli crate:typos-cli 1.28.2
    # - .mise.toml:7: the tool `gem:mdl`: larder can't take tools from the backend `gem` of mise. Next: larder add mdl SOURCE 0.13.0
    # - .mise.toml:23: the task `deploy`: it contains a template of mise
    --- stderr
    prettier   3.4.2      left for you, see below
    bun        1.1.38     left for you, see below
    ruff       latest     left for you, see below
    typos-cli  1.28.2     left for you, see below
    tasks: fmt, serve
    left for you:
      .mise.toml:2: the tool `node`: its option `postinstall` was not moved: check the recipe
      .mise.toml:2: the tool `node`: node 22: larder has no recipe for this toolchain, which is more than one program. Next: keep its installer; recipes that build with it say `build: {tools: {node: "22"}}`
      .mise.toml:3: the tool `prettier`: `prettier` is looked up at its publisher, and `--offline` is set. Next: larder add prettier npm:prettier 3.4.2
      .mise.toml:4: the tool `bun`: `bun` is looked up at its publisher, and `--offline` is set. Next: larder add bun github:oven-sh/bun 1.1.38
      .mise.toml:5: the tool `ruff`: `ruff` is looked up at its publisher, and `--offline` is set. Next: larder add ruff pypi:ruff
      .mise.toml:6: the tool `typos-cli`: `typos-cli` is looked up at its publisher, and `--offline` is set. Next: larder add typos-cli crate:typos-cli 1.28.2
      .mise.toml:7: the tool `gem:mdl`: larder can't take tools from the backend `gem` of mise. Next: larder add mdl SOURCE 0.13.0
      .mise.toml:23: the task `deploy`: it contains a template of mise
    "#);
}

/// Without a tool that the file itself describes, and without a task, nothing can be done offline.
#[test]
fn files_with_versions_alone_need_their_publishers() {
    for (from, to) in [
        ("mise-tools.toml", ".config/mise/config.toml"),
        ("tool-versions-infra", ".tool-versions"),
        ("tool-versions-elixir", ".tool-versions"),
        ("tool-versions-mixed", ".tool-versions"),
        ("aqua-simple.yaml", "aqua.yaml"),
        ("aqua-registries.yaml", ".aqua.yaml"),
    ] {
        let env = machine(&[(from, to)]);
        let out = env.larder(["init", "--from", to, "--offline"]).exits(2);
        assert!(
            out.stderr.contains("can be taken over") && out.stderr.contains("larder add "),
            "{from}: {}",
            out.stderr
        );
        assert!(
            !env.exists("versions.yml") && !env.exists("subsystems"),
            "{from}"
        );
    }
}

#[test]
fn node_with_dotslash() {
    let env = machine(&[("dotslash-hermes", "bin/node")]);
    insta::assert_snapshot!(offline(&env, "bin/node"), @r#"
    versions.yml <==
    # yaml-language-server: $schema=.larder/schema/versions.schema.json
    #
    # The versions that this project pins, from bin/node. `larder ensure all` installs every pinned binary and verifies it.

    versions:
      node: 18.19.0

    # The platforms that the project supports. Default: the machine that larder runs on.
    # platforms: [linux-amd64, linux-arm64, darwin-amd64, darwin-arm64, windows-amd64, windows-arm64]

    # The store of your team's releases. Default: the folder .larder-hub, to try larder out.
    # hub: {github: owner/repo}

    # The commands that `larder ci` runs, in CI and on your machine.
    ci: [check, ensure all]

    # Left for you. Remove what is done.
    # - bin/node:7: `node-v18.19.0` for macos-aarch64: its digest is BLAKE3, which larder does not check: `larder lock` pins the SHA-256 of the first download
    # - bin/node:17: `node-v18.19.0` for linux-x86_64: its digest is BLAKE3, which larder does not check: `larder lock` pins the SHA-256 of the first download

    subsystems/node/recipe.yml <==
    # yaml-language-server: $schema=../../.larder/schema/recipe.schema.json
    binaries: [node]
    platforms: [darwin-arm64, linux-amd64]
    upstream:
      overrides:
        darwin-arm64:
          url: "https://nodejs.org/dist/v{{ version }}/node-v{{ version }}-darwin-arm64.tar.gz"
          extract: {"node-v{{ version }}-darwin-arm64/bin/node": node}
        linux-amd64:
          url: "https://nodejs.org/dist/v{{ version }}/node-v{{ version }}-linux-x64.tar.gz"
          extract: {"node-v{{ version }}-linux-x64/bin/node": node}
    # verify: node --version      # enable this if the command prints the version
    --- stderr
    node  18.19.0    as bin/node says
    left for you:
      bin/node:7: `node-v18.19.0` for macos-aarch64: its digest is BLAKE3, which larder does not check: `larder lock` pins the SHA-256 of the first download
      bin/node:17: `node-v18.19.0` for linux-x86_64: its digest is BLAKE3, which larder does not check: `larder lock` pins the SHA-256 of the first download
    "#);
}

#[test]
fn a_release_on_github_with_dotslash() {
    let env = machine(&[("dotslash-github", "buck2")]);
    insta::assert_snapshot!(offline(&env, "buck2"), @r#"
    versions.yml <==
    # yaml-language-server: $schema=.larder/schema/versions.schema.json
    #
    # The versions that this project pins, from buck2. `larder ensure all` installs every pinned binary and verifies it.

    versions:
      buck2: 2024-11-01

    # The platforms that the project supports. Default: the machine that larder runs on.
    # platforms: [linux-amd64, linux-arm64, darwin-amd64, darwin-arm64, windows-amd64, windows-arm64]

    # The store of your team's releases. Default: the folder .larder-hub, to try larder out.
    # hub: {github: owner/repo}

    # The commands that `larder ci` runs, in CI and on your machine.
    ci: [check, ensure all]

    # Left for you. Remove what is done.
    # - buck2:3: the program `buck2`: the recipe pins the SHA-256 of each platform, as this file did: with another version, change or remove `checksums:`

    subsystems/buck2/recipe.yml <==
    # yaml-language-server: $schema=../../.larder/schema/recipe.schema.json
    binaries: [buck2]
    platforms: [linux-amd64, darwin-arm64, windows-amd64]
    upstream:
      github: facebook/buck2
      checksums:
        darwin-arm64: "4bd4a5b1b0a0a1cb7e0e6f0f2e3f1d6d9d6cfa0f9c9f64e2c5b7d9fefc9c3d4e"
        linux-amd64: "3ad4a5b1b0a0a1cb7e0e6f0f2e3f1d6d9d6cfa0f9c9f64e2c5b7d9fefc9c3d4e"
        windows-amd64: "5cd4a5b1b0a0a1cb7e0e6f0f2e3f1d6d9d6cfa0f9c9f64e2c5b7d9fefc9c3d4e"
      overrides:
        linux-amd64: {asset: buck2-x86_64-unknown-linux-musl.zst}
        darwin-arm64: {asset: buck2-aarch64-apple-darwin.zst}
        windows-amd64: {asset: buck2-x86_64-pc-windows-msvc.exe.zst}
    # verify: buck2 --version      # enable this if the command prints the version
    --- stderr
    buck2  2024-11-01 as buck2 says
    left for you:
      buck2:3: the program `buck2`: the recipe pins the SHA-256 of each platform, as this file did: with another version, change or remove `checksums:`
    "#);
}

#[test]
fn a_plain_file_with_dotslash() {
    let env = machine(&[("dotslash-plain", "jq")]);
    insta::assert_snapshot!(offline(&env, "jq"), @r#"
    versions.yml <==
    # yaml-language-server: $schema=.larder/schema/versions.schema.json
    #
    # The versions that this project pins, from jq. `larder ensure all` installs every pinned binary and verifies it.

    versions:
      jq: 1.7.1

    # The platforms that the project supports. Default: the machine that larder runs on.
    # platforms: [linux-amd64, linux-arm64, darwin-amd64, darwin-arm64, windows-amd64, windows-arm64]

    # The store of your team's releases. Default: the folder .larder-hub, to try larder out.
    # hub: {github: owner/repo}

    # The commands that `larder ci` runs, in CI and on your machine.
    ci: [check, ensure all]

    # Left for you. Remove what is done.
    # - jq:2: the program `jq`: the recipe pins the SHA-256 of each platform, as this file did: with another version, change or remove `checksums:`
    # - jq:12: `jq` for freebsd-x86_64: larder does not know this platform

    subsystems/jq/recipe.yml <==
    # yaml-language-server: $schema=../../.larder/schema/recipe.schema.json
    binaries: [jq]
    platforms: [linux-amd64]
    upstream:
      github: jqlang/jq
      tag: "jq-{{ version }}"
      asset: jq-linux-amd64
      checksums: {linux-amd64: "5942c9b0934e510ee61eb3e30273f1b3fe2590df93933a93d7c58b81d19c8ff5"}
    # verify: jq --version      # enable this if the command prints the version
    --- stderr
    jq  1.7.1      as jq says
    left for you:
      jq:2: the program `jq`: the recipe pins the SHA-256 of each platform, as this file did: with another version, change or remove `checksums:`
      jq:12: `jq` for freebsd-x86_64: larder does not know this platform
    "#);
}
