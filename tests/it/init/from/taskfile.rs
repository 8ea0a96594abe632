//! Taskfiles.

use super::{machine, offline};
use crate::env::TestEnv;

#[test]
fn tools_in_one_taskfile() {
    let env = machine(&[("taskfile-tools.yml", "Taskfile.yml")]);
    env.write(".env", "# Versions.\nRUFF_VERSION=0.8.1\n");
    insta::assert_snapshot!(offline(&env, "Taskfile.yml"), @r#"
    versions.yml <==
    # yaml-language-server: $schema=.larder/schema/versions.schema.json
    #
    # The versions that this project pins, from Taskfile.yml. `larder ensure all` installs every pinned binary and verifies it.

    versions:
      compose: v2.30.3
      goimports: v0.28.0
      helm: v3.16.3
      migrate: v4.18.1
      telegraf: 1.32.3
      # ruff: 0.8.1      # not moved: larder add ruff pypi:ruff 0.8.1

    # The platforms that the project supports. Default: the machine that larder runs on.
    # platforms: [linux-amd64, linux-arm64, darwin-amd64, darwin-arm64, windows-amd64, windows-arm64]

    # The store of your team's releases. Default: the folder .larder-hub, to try larder out.
    # hub: {github: owner/repo}

    # Named lists of commands, for `larder run NAME`.
    tasks:
      tools:
        desc: All tools
        needs: [ensure helm, ensure telegraf, ensure migrate, ensure goimports, node]
      node:
        env: {CGO_ENABLED: "0", RUFF_VERSION: "0.8.1"}
        commands:
          - "curl -L https://nodejs.org/dist/v22.11.0/node-v22.11.0-linux-x64.tar.xz | tar xJ"
      fmt:
        env: {CGO_ENABLED: "0", RUFF_VERSION: "0.8.1"}
        commands:
          - 'cd server && test -d src || { echo "run it in a checkout" >&2; exit 1; }'
          - "cd server && goimports -w src"
        status: ["cd server && test -f .formatted"]

    # The commands that `larder ci` runs, in CI and on your machine.
    ci: [check, ensure all]

    # Left for you. Remove what is done.
    # - Taskfile.yml:11: the variable `OLD_VERSION`: no task downloads or builds something with it. Next: larder add old SOURCE VERSION, if it is the version of a tool
    # - Taskfile.yml:27: the task `helm`: what it downloads was moved; it also runs `helm plugin install https://github.com/databus23/helm-diff`
    # - Taskfile.yml:47: the task `node`: larder has no recipe for this toolchain, which is more than one program. Next: keep its installer; recipes that build with it name it under `build: {tools: …}`
    # - Taskfile.yml:55: the task `build`: the variable `COMMIT` is the output of `git rev-parse --short HEAD`
    # - Taskfile.yml:57: the task `build`: `sources` was not moved, so it always runs; `status:` can say when it need not
    # - Taskfile.yml:62: the task `lint`: it has a `defer`: write the clean-up as a trap of the shell
    # - Taskfile.yml:81: the task `release`: it requires variables of the caller, and tasks of larder take arguments (`"$@"`)
    # - Taskfile.yml:85: the task `watch:*`: a task of larder has one name, without patterns
    # - .env:2: the tool `ruff`: `ruff` is looked up at its publisher, and `--offline` is set. Next: larder add ruff pypi:ruff 0.8.1

    subsystems/compose/recipe.yml <==
    # yaml-language-server: $schema=../../.larder/schema/recipe.schema.json
    binaries: [docker-compose]
    upstream:
      github: docker/compose
      asset: "docker-compose-{{ os }}-{{ arch }}"
      replacements: {linux: Linux, darwin: Darwin, windows: Windows, amd64: x86_64}
      overrides:
        linux-arm64:
          replacements: {arm64: aarch64}
    # verify: docker-compose --version      # enable this if the command prints the version

    subsystems/goimports/recipe.yml <==
    # yaml-language-server: $schema=../../.larder/schema/recipe.schema.json
    binaries: [goimports]
    build:
      tools: {go: ""}
      source: {dir: .}
      env: {CGO_ENABLED: "0", GOBIN: "{{ out }}"}
      commands: ["go install -trimpath golang.org/x/tools/cmd/goimports@v{{ version_number }}"]
    # verify: goimports --version      # enable this if the command prints the version

    subsystems/helm/recipe.yml <==
    # yaml-language-server: $schema=../../.larder/schema/recipe.schema.json
    binaries: [helm]
    upstream:
      url: "https://get.helm.sh/helm-{{ version }}-{{ os }}-{{ arch }}.tar.gz"
    # verify: helm --version      # enable this if the command prints the version

    subsystems/migrate/recipe.yml <==
    # yaml-language-server: $schema=../../.larder/schema/recipe.schema.json
    binaries: [migrate]
    upstream:
      github: golang-migrate/migrate
      asset: "migrate.{{ os }}-{{ arch }}.tar.gz"
    # verify: migrate --version      # enable this if the command prints the version

    subsystems/telegraf/recipe.yml <==
    # yaml-language-server: $schema=../../.larder/schema/recipe.schema.json
    binaries: [telegraf]
    upstream:
      url: "https://dl.influxdata.com/telegraf/releases/telegraf-{{ version }}_{{ os }}_{{ arch }}.tar.gz"
    # verify: telegraf --version      # enable this if the command prints the version
    --- stderr
    compose    v2.30.3    as Taskfile.yml says
    goimports  v0.28.0    as Taskfile.yml says
    helm       v3.16.3    as Taskfile.yml says
    migrate    v4.18.1    as Taskfile.yml says
    ruff       0.8.1      left for you, see below
    telegraf   1.32.3     as Taskfile.yml says
    tasks: tools, node, fmt
    6 tasks and keys are what larder's own commands do (-v lists them)
    left for you:
      Taskfile.yml:11: the variable `OLD_VERSION`: no task downloads or builds something with it. Next: larder add old SOURCE VERSION, if it is the version of a tool
      Taskfile.yml:27: the task `helm`: what it downloads was moved; it also runs `helm plugin install https://github.com/databus23/helm-diff`
      Taskfile.yml:47: the task `node`: larder has no recipe for this toolchain, which is more than one program. Next: keep its installer; recipes that build with it name it under `build: {tools: …}`
      Taskfile.yml:55: the task `build`: the variable `COMMIT` is the output of `git rev-parse --short HEAD`
      Taskfile.yml:57: the task `build`: `sources` was not moved, so it always runs; `status:` can say when it need not
      Taskfile.yml:62: the task `lint`: it has a `defer`: write the clean-up as a trap of the shell
      Taskfile.yml:81: the task `release`: it requires variables of the caller, and tasks of larder take arguments (`"$@"`)
      Taskfile.yml:85: the task `watch:*`: a task of larder has one name, without patterns
      .env:2: the tool `ruff`: `ruff` is looked up at its publisher, and `--offline` is set. Next: larder add ruff pypi:ruff 0.8.1
    "#);
}

#[test]
fn builds_in_included_taskfiles() {
    let env = machine(&[
        ("taskfile-builds.yml", "Taskfile.yml"),
        ("taskfile-builds-engine.yml", "engine/Taskfile.yml"),
        ("taskfile-builds-cli.yml", "cli/Taskfile.yml"),
    ]);
    env.write("cli/go.mod", "module acme\n");
    insta::assert_snapshot!(offline(&env, "Taskfile.yml"), @r#"
    versions.yml <==
    # yaml-language-server: $schema=.larder/schema/versions.schema.json
    #
    # The versions that this project pins, from Taskfile.yml. `larder ensure all` installs every pinned binary and verifies it.

    versions:
      cli: v0.1.0
      engine: v1.4.2

    # The platforms that the project supports. Default: the machine that larder runs on.
    # platforms: [linux-amd64, linux-arm64, darwin-amd64, darwin-arm64, windows-amd64, windows-arm64]

    # The store of your team's releases. Default: the folder .larder-hub, to try larder out.
    hub: {github: acme/platform}

    # Named lists of commands, for `larder run NAME`.
    tasks:
      all:
        needs: [ensure engine, ensure cli, engine:test]
      engine:test:
        commands: ["cd engine && engine --self-test"]
      cli:run:
        needs: [ensure cli]
        commands: ['acme "$@"']

    # The commands that `larder ci` runs, in CI and on your machine.
    ci: [check, ensure all]

    # Left for you. Remove what is done.
    # - Taskfile.yml:6: the include `remote`: larder reads files of the project only, not `https://example.com/Taskfile.yml`
    # - Taskfile.yml:15: the task `one`: it gives variables to the task `cli:run`
    # - Taskfile.yml:19: the task `check`: it runs the task `one`, which was not moved
    # - Taskfile.yml:21: the task `report`: it runs the task `check`, which was not moved
    # - cli/Taskfile.yml:7: the tool `cli`: no variable holds its version: v0.1.0 is a start. Next: larder bump cli VERSION
    # - engine/Taskfile.yml:35: the task `engine:bench`: it works in the checkout of the source, which larder has only while it builds

    subsystems/cli/recipe.yml <==
    # yaml-language-server: $schema=../../.larder/schema/recipe.schema.json
    binaries: [acme]
    build:
      tools: {go: ""}
      source: {dir: ../../cli}
      commands: ['CGO_ENABLED=0 go build -trimpath -o "{{ out }}/acme{{ exe }}" ./cmd/acme']
    # verify: acme --version      # enable this if the command prints the version

    subsystems/engine/recipe.yml <==
    # yaml-language-server: $schema=../../.larder/schema/recipe.schema.json
    binaries: [engine]
    build:
      tools: {cargo: ""}
      source: {git: https://github.com/acme/engine.git, rev: "{{ version }}"}
      env: {RUSTFLAGS: "-C strip=symbols"}
      commands:
        - cargo build --release --locked
        - "cp target/release/engine {{ out }}/engine"
    # verify: engine --version      # enable this if the command prints the version
    --- stderr
    cli     v0.1.0     as cli/Taskfile.yml says
    engine  v1.4.2     as engine/Taskfile.yml says
    tasks: all, engine:test, cli:run
    7 tasks and keys are what larder's own commands do (-v lists them)
    left for you:
      Taskfile.yml:6: the include `remote`: larder reads files of the project only, not `https://example.com/Taskfile.yml`
      Taskfile.yml:15: the task `one`: it gives variables to the task `cli:run`
      Taskfile.yml:19: the task `check`: it runs the task `one`, which was not moved
      Taskfile.yml:21: the task `report`: it runs the task `check`, which was not moved
      cli/Taskfile.yml:7: the tool `cli`: no variable holds its version: v0.1.0 is a start. Next: larder bump cli VERSION
      engine/Taskfile.yml:35: the task `engine:bench`: it works in the checkout of the source, which larder has only while it builds
    "#);
}

#[test]
fn the_example_with_eight_tools() {
    let env = TestEnv::new();
    env.copy_from_repo("examples/from-taskfile", "");
    insta::assert_snapshot!(offline(&env, "Taskfile.yml"), @r#"
    versions.yml <==
    # yaml-language-server: $schema=.larder/schema/versions.schema.json
    #
    # The versions that this project pins, from Taskfile.yml. `larder ensure all` installs every pinned binary and verifies it.

    versions:
      golangci-lint: v1.62.2
      greet: v0.3.0
      jq: 1.7.1
      nats: v2.10.24
      pc: v1.46.0
      yq: v4.44.3
      # gh: v2.83.2      # not moved: larder add gh github:cli/cli v2.83.2
      # just: 1.36.0      # not moved: larder add just github:casey/just 1.36.0

    # The platforms that the project supports. Default: the machine that larder runs on.
    # platforms: [linux-amd64, linux-arm64, darwin-amd64, darwin-arm64, windows-amd64, windows-arm64]

    # The store of your team's releases. Default: the folder .larder-hub, to try larder out.
    # hub: {github: owner/repo}

    # Named lists of commands, for `larder run NAME`.
    tasks:
      ensure:
        desc: Install everything
        needs: [ensure nats, ensure pc, ensure greet, tools:all]
      test:
        desc: Check the configuration of the brokers
        needs: [ensure nats, ensure yq, ensure greet]
        env: {LEVEL: debug}
        commands:
          - yq --version
          - 'greet "$@"'
      ci:
        needs: [ensure, test]
      nats:run:
        desc: Run the broker
        needs: [ensure nats]
        commands: [nats-server -p 4222]
      tools:all:
        desc: Install the tools of developers
        needs: [ensure jq, ensure yq, ensure golangci-lint]

    # The commands that `larder ci` runs, in CI and on your machine.
    ci: [check, ensure all]

    # Left for you. Remove what is done.
    # - Taskfile.yml:39: the task `logs`: the variable `PROC` is not set in the Taskfile
    # - tools/Taskfile.yml:7: the tool `just`: `just` is looked up at its publisher, and `--offline` is set. Next: larder add just github:casey/just 1.36.0
    # - tools/Taskfile.yml:9: the tool `gh`: `gh` is looked up at its publisher, and `--offline` is set. Next: larder add gh github:cli/cli v2.83.2

    subsystems/golangci-lint/recipe.yml <==
    # yaml-language-server: $schema=../../.larder/schema/recipe.schema.json
    binaries: [golangci-lint]
    upstream:
      github: golangci/golangci-lint
      asset: "golangci-lint-{{ version_number }}-{{ os }}-{{ arch }}.tar.gz"
    # verify: golangci-lint --version      # enable this if the command prints the version

    subsystems/greet/recipe.yml <==
    # yaml-language-server: $schema=../../.larder/schema/recipe.schema.json
    binaries: [greet]
    build:
      tools: {make: ""}
      source: {dir: .}
      commands:
        - "make VERSION={{ version }}"
        - "cp greet {{ out }}/greet"
    # verify: greet --version      # enable this if the command prints the version

    subsystems/jq/recipe.yml <==
    # yaml-language-server: $schema=../../.larder/schema/recipe.schema.json
    binaries: [jq]
    upstream:
      github: jqlang/jq
      tag: "jq-{{ version }}"
      asset: "jq-{% if os == 'darwin' %}macos{% else %}{{ os }}{% endif %}-{{ arch }}"
    # verify: jq --version      # enable this if the command prints the version

    subsystems/nats/recipe.yml <==
    # yaml-language-server: $schema=../../.larder/schema/recipe.schema.json
    binaries: [nats-server]
    upstream:
      github: nats-io/nats-server
      asset: "nats-server-{{ version }}-{{ os }}-{{ arch }}.tar.gz"
    # verify: nats-server --version      # enable this if the command prints the version

    subsystems/pc/recipe.yml <==
    # yaml-language-server: $schema=../../.larder/schema/recipe.schema.json
    binaries: [process-compose]
    upstream:
      github: F1bonacc1/process-compose
      asset: "process-compose_{{ os }}_{{ arch }}.tar.gz"
    # verify: process-compose --version      # enable this if the command prints the version

    subsystems/yq/recipe.yml <==
    # yaml-language-server: $schema=../../.larder/schema/recipe.schema.json
    binaries: [yq]
    upstream:
      github: mikefarah/yq
      asset: "yq_{{ os }}_{{ arch }}"
    # verify: yq --version      # enable this if the command prints the version
    --- stderr
    gh             v2.83.2    left for you, see below
    golangci-lint  v1.62.2    as tools/Taskfile.yml says
    greet          v0.3.0     as subsystems/greet/Taskfile.yml says
    jq             1.7.1      as tools/Taskfile.yml says
    just           1.36.0     left for you, see below
    nats           v2.10.24   as subsystems/nats/Taskfile.yml says
    pc             v1.46.0    as subsystems/pc/Taskfile.yml says
    yq             v4.44.3    as tools/Taskfile.yml says
    tasks: ensure, test, ci, nats:run, tools:all
    14 tasks and keys are what larder's own commands do (-v lists them)
    left for you:
      Taskfile.yml:39: the task `logs`: the variable `PROC` is not set in the Taskfile
      tools/Taskfile.yml:7: the tool `just`: `just` is looked up at its publisher, and `--offline` is set. Next: larder add just github:casey/just 1.36.0
      tools/Taskfile.yml:9: the tool `gh`: `gh` is looked up at its publisher, and `--offline` is set. Next: larder add gh github:cli/cli v2.83.2
    "#);
}
