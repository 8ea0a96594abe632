//! Recipes from the publishers' releases, on a machine whose GitHub is a fake.

use super::publisher;
use crate::fake_github::{Act, Fault};

/// The story of the guide: a Taskfile with eight tools becomes a project whose tools are all installed.
#[test]
fn a_taskfile_with_eight_tools_is_installed() {
    let (env, github) = publisher::machine();
    env.copy_from_repo("examples/from-taskfile", "");
    let before = env.read("tools/Taskfile.yml");
    let out = env.larder(["init", "--from", "Taskfile.yml"]).success();
    insta::assert_snapshot!(out.stderr, @r"
    looking up gh v2.83.2
    looking up golangci-lint v1.62.2
    looking up jq 1.7.1
    looking up just 1.36.0
    looking up nats v2.10.24
    looking up pc v1.46.0
    looking up yq v4.44.3
    gh             v2.83.2    from github:cli/cli
    golangci-lint  v1.62.2    from github:golangci/golangci-lint
    greet          v0.3.0     as subsystems/greet/Taskfile.yml says
    jq             1.7.1      from github:jqlang/jq
    just           1.36.0     from github:casey/just
    nats           v2.10.24   from github:nats-io/nats-server
    pc             v1.46.0    from github:F1bonacc1/process-compose
    yq             v4.44.3    from github:mikefarah/yq
    tasks: ensure, test, ci, nats:run, tools:all
    14 tasks and keys are what larder's own commands do (-v lists them)
    left for you:
      Taskfile.yml:39: the task `logs`: the variable `PROC` is not set in the Taskfile
    wrote versions.yml
    wrote subsystems/gh/recipe.yml
    wrote subsystems/golangci-lint/recipe.yml
    wrote subsystems/greet/recipe.yml
    wrote subsystems/jq/recipe.yml
    wrote subsystems/just/recipe.yml
    wrote subsystems/nats/recipe.yml
    wrote subsystems/pc/recipe.yml
    wrote subsystems/yq/recipe.yml
    wrote .gitignore
    wrote .gitattributes
    next: larder ensure all
    ");
    insta::assert_snapshot!(env.read("versions.yml"), @r#"
    # yaml-language-server: $schema=.larder/schema/versions.schema.json
    #
    # The versions that this project pins, from Taskfile.yml. `larder ensure all` installs every pinned binary and verifies it.

    versions:
      gh: v2.83.2
      golangci-lint: v1.62.2
      greet: v0.3.0
      jq: 1.7.1
      just: 1.36.0
      nats: v2.10.24
      pc: v1.46.0
      yq: v4.44.3

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
        needs: [ensure jq, ensure yq, ensure just, ensure golangci-lint, ensure gh]

    # The commands that `larder ci` runs, in CI and on your machine.
    ci: [check, ensure all]

    # Left for you. Remove what is done.
    # - Taskfile.yml:39: the task `logs`: the variable `PROC` is not set in the Taskfile
    "#);
    let recipes: Vec<String> = [
        "gh",
        "golangci-lint",
        "greet",
        "jq",
        "just",
        "nats",
        "pc",
        "yq",
    ]
    .iter()
    .map(|name| {
        let text = env.read(&format!("subsystems/{name}/recipe.yml"));
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        format!("{name}:\n{}", lines.join("\n"))
    })
    .collect();
    insta::assert_snapshot!(recipes.join("\n\n"), @r#"
    gh:
    binaries: [gh]
    upstream:
      github: cli/cli
      asset: "gh_{{ version_number }}_{{ os }}_{{ arch }}.{{ 'tar.gz' if os == 'linux' else 'zip' }}"
      checksums: "gh_{{ version_number }}_checksums.txt"
      replacements: {darwin: macOS}

    golangci-lint:
    binaries: [golangci-lint]
    upstream:
      github: golangci/golangci-lint
      asset: "golangci-lint-{{ version_number }}-{{ os }}-{{ arch }}.{{ 'zip' if os == 'windows' else 'tar.gz' }}"
      checksums: "golangci-lint-{{ version_number }}-checksums.txt"

    greet:
    binaries: [greet]
    build:
      tools: {make: ""}
      source: {dir: .}
      commands:
        - "make VERSION={{ version }}"
        - "cp greet {{ out }}/greet"

    jq:
    binaries: [jq]
    upstream:
      github: jqlang/jq
      tag: "jq-{{ version }}"
      asset: "jq-{{ os }}-{{ arch }}{{ exe }}"
      checksums: sha256sum.txt
      replacements: {darwin: macos}

    just:
    binaries: [just]
    upstream:
      github: casey/just
      asset: "just-{{ version }}-{{ arch }}-{{ os }}.{{ 'zip' if os == 'pc-windows-msvc' else 'tar.gz' }}"
      checksums: SHA256SUMS
      replacements: {amd64: x86_64, arm64: aarch64, darwin: apple-darwin, linux: unknown-linux-musl, windows: pc-windows-msvc}

    nats:
    binaries: [nats-server]
    upstream:
      github: nats-io/nats-server
      asset: "nats-server-{{ version }}-{{ os }}-{{ arch }}.{{ 'zip' if os == 'windows' else 'tar.gz' }}"
      checksums: SHA256SUMS

    pc:
    binaries: [process-compose]
    upstream:
      github: F1bonacc1/process-compose
      asset: "process-compose_{{ os }}_{{ arch }}.{{ 'zip' if os == 'windows' else 'tar.gz' }}"
      checksums: process-compose_checksums.txt

    yq:
    binaries: [yq]
    upstream:
      github: mikefarah/yq
      asset: "yq_{{ os }}_{{ arch }}{{ exe }}"
    "#);
    assert!(
        github.log().iter().all(|entry| !entry.token),
        "public releases need no token"
    );
    assert_eq!(env.read("tools/Taskfile.yml"), before);
    env.larder(["check"]).success();
    let ensured = env.larder_json(["ensure", "all"]).success();
    assert_eq!(
        ensured.outcomes(),
        [
            "gh=downloaded",
            "golangci-lint=downloaded",
            "greet=built",
            "jq=downloaded",
            "just=downloaded",
            "nats=downloaded",
            "pc=downloaded",
            "yq=downloaded"
        ]
    );
    let run = env.larder(["run", "test", "--", "you"]).success();
    assert_eq!(
        run.stdout,
        "yq v4.44.3 --version\ngreet v0.3.0: hello you\n"
    );
    let lock = env.larder(["lock", "--platform", "all"]).success();
    assert!(!lock.stderr.contains("fail"), "{}", lock.stderr);
}

/// A recipe downloads what the file downloads, even if `add` would choose something else.
#[test]
fn the_asset_of_the_file_precedes_a_guess() {
    let (env, github) = publisher::machine();
    publisher::hugo(&env, &github);
    env.write(
        "Taskfile.yml",
        "version: '3'\nvars: {HUGO_VERSION: v0.140.2}\ntasks:\n  hugo:\n    cmds:\n      - curl -L https://github.com/gohugoio/hugo/releases/download/{{.HUGO_VERSION}}/hugo_extended_{{trimPrefix \"v\" .HUGO_VERSION}}_{{OS}}-{{ARCH}}.tar.gz | tar xz -C bin hugo\n",
    );
    let out = env.larder(["init", "--from", "Taskfile.yml"]).success();
    assert!(
        out.stderr.contains("from github:gohugoio/hugo"),
        "{}",
        out.stderr
    );
    env.larder(["ensure", "all"]).success();
    let hugo = env.path("subsystems/hugo/.bin/hugo");
    assert_eq!(env.run(hugo.as_str(), [""; 0]), "hugo extended \n");
}

/// Versions that are the start of one, or the newest, are looked up.
#[test]
fn series_and_newest_versions_are_resolved() {
    let (env, github) = publisher::machine();
    publisher::jq(&env, &github, "1.6.0");
    publisher::jq(&env, &github, "1.8.0");
    env.write(
        "mise.toml",
        "[tools]\njq = \"1.7\"\n\"github:mikefarah/yq\" = \"latest\"\ngh = \"2.83.2\"\n",
    );
    let document = env
        .larder_json(["init", "--from", "mise.toml"])
        .success()
        .document();
    let tools: Vec<String> = document["tools"]
        .as_array()
        .expect("tools")
        .iter()
        .map(|tool| {
            let text = |key: &str| tool[key].as_str().unwrap_or("-").to_owned();
            format!(
                "{} {} {} {}",
                text("name"),
                text("version"),
                text("state"),
                text("note")
            )
        })
        .collect();
    insta::assert_snapshot!(tools.join("\n"), @r"
    jq 1.7.1 moved `1.7` is now 1.7.1
    yq v4.44.3 moved `latest` is now v4.44.3
    gh v2.83.2 moved -
    ");
    env.larder(["ensure", "all"]).success();
}

#[test]
fn an_asdf_version_is_exact_if_it_exists() {
    let (env, github) = publisher::machine();
    publisher::jq(&env, &github, "1.7");
    env.write(".tool-versions", "jq 1.7\njust 1.36.0\n");
    env.larder(["init", "--from", ".tool-versions"]).success();
    assert!(env.read("versions.yml").contains("\n  jq: 1.7\n"));
    env.larder(["ensure", "all"]).success();
}

#[test]
fn an_aqua_file_is_installed() {
    let (env, _github) = publisher::machine();
    env.write(
        "imports/k8s.yaml",
        "packages:\n  - name: casey/just@1.36.0\n",
    );
    env.write(
        "aqua.yaml",
        "registries: [{type: standard, ref: v4.268.0}]\npackages:\n  - name: cli/cli@v2.83.2\n  - import: imports/*.yaml\n  - import: none.yaml\n  - name: jqlang/jq\n    version: jq-1.7.1\n",
    );
    let out = env.larder(["init", "--from", "aqua.yaml"]).success();
    assert!(
        out.stderr
            .contains("aqua.yaml:5: the import `none.yaml`: there is no such file"),
        "{}",
        out.stderr
    );
    let versions = env.read("versions.yml");
    assert!(
        versions.contains("versions:\n  gh: v2.83.2\n  jq: 1.7.1\n  just: 1.36.0\n"),
        "{versions}"
    );
    env.larder(["ensure", "all"]).success();
}

/// A checkout of aqua's registry is read without a network.
#[test]
fn a_registry_on_this_machine_is_read_offline() {
    let env = crate::env::TestEnv::new();
    env.write(
        "../registry/pkgs/casey/just/registry.yaml",
        "packages:\n  - type: github_release\n    repo_owner: casey\n    repo_name: just\n    description: A command runner\n    asset: just-{{.Version}}-{{.Arch}}-{{.OS}}.tar.gz\n    format: tar.gz\n    replacements: {amd64: x86_64, arm64: aarch64, darwin: apple-darwin, linux: unknown-linux-musl}\n    supported_envs: [linux, darwin]\n",
    );
    env.write("aqua.yaml", "packages:\n  - name: casey/just@1.36.0\n");
    env.larder([
        "init",
        "--from",
        "aqua.yaml",
        "--offline",
        "--registry",
        "../registry",
    ])
    .success();
    let recipe = env.read("subsystems/just/recipe.yml");
    assert!(recipe.contains("github: casey/just"), "{recipe}");
    env.larder(["check"]).success();
}

/// Two files at once: what the first one says precedes.
#[test]
fn several_files_make_one_project() {
    let (env, _github) = publisher::machine();
    env.write(".tool-versions", "jq 1.7.1\nyq 4.44.3\n");
    env.write(
        "mise.toml",
        "[tools]\njq = \"1.6\"\njust = \"1.36.0\"\n[env]\nLEVEL = \"high\"\n[tasks]\nlevel = \"echo $LEVEL\"\n",
    );
    let out = env
        .larder(["init", "--from", ".tool-versions", "--from", "mise.toml"])
        .success();
    assert!(
        out.stderr.contains(
            "mise.toml:2: the tool `jq` 1.6: .tool-versions:1 says 1.7.1, and that is taken"
        ),
        "{}",
        out.stderr
    );
    assert_eq!(env.larder(["run", "level"]).success().stdout, "high\n");
    assert!(
        env.exists("subsystems/just/.bin/just"),
        "a task of mise needs its tools"
    );
}

/// A tool that does not exist, and one whose publisher does not answer, do not lose the others.
#[test]
fn one_tool_that_fails_does_not_lose_the_rest() {
    let (env, github) = publisher::machine();
    env.write(".tool-versions", "jq 1.7.1\njust 9.9.9\n");
    let out = env.larder(["init", "--from", ".tool-versions"]).exits(1);
    insta::assert_snapshot!(out.redacted(), @r"
    exit: 1
    --- stdout
    --- stderr
    looking up jq 1.7.1
    looking up just 9.9.9
    jq    1.7.1      from github:jqlang/jq
    just  9.9.9      NOT MOVED, see below
    left for you:
      .tool-versions:2: the tool `just`: casey/just has no release of 9.9.9. Next: larder add just github:casey/just 9.9.9
    wrote versions.yml
    wrote subsystems/jq/recipe.yml
    wrote .gitignore
    wrote .gitattributes
    next: larder ensure all
    error: 1 tool could not be moved
      caused by: just: casey/just has no release of 9.9.9
      help: larder add just github:casey/just 9.9.9
    ");
    let versions = env.read("versions.yml");
    assert!(versions.contains("\n  jq: 1.7.1\n  # just: 9.9.9      # not moved: larder add just github:casey/just 9.9.9\n"), "{versions}");
    env.larder(["ensure", "all"]).success();

    let other = env.another("other");
    other.write(
        "aqua.yaml",
        "packages:\n  - name: jqlang/jq@jq-1.7.1\n  - name: casey/just@1.36.0\n",
    );
    let mut other = other;
    other.set("LARDER_UPSTREAM_GITHUB", github.web_url());
    other
        .set("GITHUB_SERVER_URL", github.web_url())
        .set("GITHUB_API_URL", github.api_url());
    github.fault(
        Fault::on(
            "GET",
            "/repos/casey/just/releases",
            Act::Answer(503, Vec::new(), String::new()),
        )
        .times(1000),
    );
    let out = other.larder_json(["init", "--from", "aqua.yaml"]).exits(5);
    let document: serde_json::Value =
        serde_json::from_str(out.stdout.lines().next().expect("a document")).expect("JSON");
    assert_eq!(document["tools"][1]["state"], "failed", "{document}");
    assert!(other.read("versions.yml").contains("\n  jq: 1.7.1\n"));
    // If nothing at all could be looked up, the same command can be tried again.
    let third = env.another("third");
    third.write(".tool-versions", "just 9.9.9\n");
    let mut third = third;
    third.set("LARDER_UPSTREAM_GITHUB", github.web_url());
    third
        .set("GITHUB_SERVER_URL", github.web_url())
        .set("GITHUB_API_URL", github.api_url());
    third.larder(["init", "--from", ".tool-versions"]).exits(5);
    assert!(!third.exists("versions.yml"));
}
