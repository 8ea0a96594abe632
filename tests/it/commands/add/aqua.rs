//! `add aqua:` and `search`: from definitions of aqua's registry to recipes. The definitions are those of `data/aqua.yaml`.

use serde_yaml::Value;

use crate::env::{TestEnv, host};
use crate::fake_github::{FakeGitHub, Visibility};
use crate::servers::files::FileServer;

/// A machine with a checkout of the registry, in the folder `registry` beside the project.
fn machine() -> TestEnv {
    let env = TestEnv::new();
    env.write("versions.yml", "versions: {}\n");
    let file: Value = serde_yaml::from_str(include_str!("../../data/aqua.yaml")).expect("YAML");
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    for package in file["packages"].as_sequence().expect("packages") {
        let name = match text(package, "name") {
            name if name.is_empty() => {
                format!(
                    "{}/{}",
                    text(package, "repo_owner"),
                    text(package, "repo_name")
                )
            }
            name => name,
        };
        let one = serde_yaml::to_string(package)
            .expect("YAML")
            .replace('\n', "\n    ");
        env.write(
            &format!("../registry/pkgs/{name}/registry.yaml"),
            format!("packages:\n  - {}\n", one.trim_end()),
        );
    }
    env
}

/// What `add` says of a package that it can't add.
fn refused(env: &TestEnv, package: &str, code: i32) -> String {
    let words = [
        "add",
        "tool",
        package,
        "--registry",
        "../registry",
        "--offline",
        "-n",
    ];
    env.larder(words).exits(code).stderr
}

/// The recipe of a package, without the lines that all have.
fn recipe(env: &TestEnv, package: &str) -> String {
    let source = format!("aqua:{package}");
    let words = [
        "add",
        "tool",
        &source,
        "--registry",
        "../registry",
        "--offline",
        "-n",
        "-q",
    ];
    let shown = env.larder(words).success().stdout;
    let (_, recipe) = shown.split_once("recipe.yml:\n").expect("a recipe");
    let is_common = |line: &str| {
        [
            "description:",
            "homepage:",
            "# from aqua-registry ",
            "# verify:",
        ]
        .iter()
        .any(|start| line.starts_with(start))
    };
    let lines: Vec<&str> = recipe.lines().filter(|line| !is_common(line)).collect();
    lines.join("\n")
}

#[test]
fn definitions_become_recipes() {
    let env = machine();
    insta::assert_snapshot!(recipe(&env, "acme/prefixed@cli-v1.4.0"), @r#"
    binaries: [prefixed]
    platforms: [linux-amd64, linux-arm64, darwin-amd64, darwin-arm64]
    upstream:
      github: acme/prefixed
      tag: "cli-{{ version }}"
      asset: "old_{{ version_number }}_{{ os }}_{{ arch }}.tgz"
    "#);
    insta::assert_snapshot!(recipe(&env, "acme/prefixed@v2.1.0"), @r#"
    binaries: [prefixed]
    upstream:
      github: acme/prefixed
      tag: "cli-{{ version }}"
      asset: "new-{{ version }}-{{ arch }}-{{ os }}.{{ 'zip' if os == 'pc-windows-msvc' else 'tar.xz' }}"
      checksums: "new-{{ version }}-{{ arch }}-{{ os }}.{{ 'zip' if os == 'pc-windows-msvc' else 'tar.xz' }}.sha256"
      extract: {"new-{{ version }}-{{ arch }}-{{ os }}/prefixed{{ exe }}": "prefixed{{ exe }}"}
      replacements: {amd64: x86_64, arm64: aarch64, darwin: apple-darwin, linux: unknown-linux-gnu, windows: pc-windows-msvc}
    "#);
    insta::assert_snapshot!(recipe(&env, "acme/emulated@v1.0.0"), @r#"
    binaries: [emulated, {name: emux, link: emulated}]
    upstream:
      github: acme/emulated
      asset: "emulated-{{ os }}-{{ arch }}.zip"
      checksums: SHASUMS256.txt
      extract: {"emulated-{{ os }}-{{ arch }}/emulated{{ exe }}": "emulated{{ exe }}"}
      emulate: true
      replacements: {amd64: x64}
    # the publisher's signature (cosign) is not checked by larder
    "#);
    insta::assert_snapshot!(recipe(&env, "acme/scripts@v1.0.0"), @r#"
    binaries: [scripts]
    upstream:
      github: acme/scripts
      asset: "scripts-{{ version_number }}.zip"
      extract: {"scripts-{{ version_number }}/bin/scripts{{ exe }}": "scripts{{ exe }}"}
      emulate: true
      overrides:
        windows:
          extract: {"scripts-{{ version_number }}/bin/scripts.bat": scripts.bat}
          binaries: [scripts.bat]
    # the archive has a folder `bin`: if the program reads the folders beside it, such as `lib`, add `keep: tree`
    # checksums are left out: the publisher states only sha1
    "#);
    insta::assert_snapshot!(recipe(&env, "acme/signed@v1.0.0"), @r#"
    binaries: [signed]
    platforms: [linux-amd64, linux-arm64, windows-amd64]
    upstream:
      url: "https://dl.example.com/{{ version }}/signed-{{ os|title }}-{{ arch }}{{ exe }}"
      checksums: "https://dl.example.com/{{ version }}/signed-{{ os|title }}-{{ arch }}.sha256"
      signature: {minisign: RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3, file: "https://dl.example.com/{{ version }}/signed-{{ os|title }}-{{ arch }}.minisig"}
    "#);
    insta::assert_snapshot!(recipe(&env, "acme/content@v1.0.0"), @r#"
    binaries: [content]
    platforms: [linux-amd64, linux-arm64, darwin-amd64, darwin-arm64]
    upstream:
      url: "https://github.com/acme/content/raw/{{ version }}/bin/content.sh"
    "#);
    insta::assert_snapshot!(recipe(&env, "acme/archive@v1.0.0"), @r#"
    binaries: [archive]
    platforms: [linux-amd64, linux-arm64, darwin-amd64, darwin-arm64]
    upstream:
      url: "https://github.com/acme/archive/archive/refs/tags/{{ version }}.tar.gz"
      extract: {"archive-{{ version_number }}/bin/archive": archive}
      keep: tree
    "#);
    insta::assert_snapshot!(recipe(&env, "go.example.com/tools/cmd/fmtr@v1.0.0"), @r#"
    binaries: [fmtr]
    build:
      tools: {go: ""}
      source: {dir: .}
      env: {GOBIN: "{{ out }}"}
      commands: ["go install go.example.com/tools/cmd/fmtr@{{ version }}"]
    "#);
    insta::assert_snapshot!(recipe(&env, "acme/mono/gobuilt@v1.0.0"), @r#"
    binaries: [gobuilt]
    build:
      tools: {go: ""}
      source: {git: "https://github.com/acme/mono", rev: "{{ version }}"}
      env: {GOOS: "{{ os }}", GOARCH: "{{ arch }}"}
      commands: ["cd tools && go build -o \"{{ out }}/gobuilt{{ exe }}\" ./cmd/gobuilt"]
      platforms: all
    "#);
    insta::assert_snapshot!(recipe(&env, "crates/ferris@1.0.0"), @r#"
    binaries: [fer]
    build:
      source: {crate: ferris}
    "#);
    insta::assert_snapshot!(recipe(&env, "old/mixed@v1.0.0"), @r#"
    binaries: [mixed]
    upstream:
      overrides:
        darwin: {github: acme/mixed, asset: "mixed-{{ os }}-{{ arch }}.tar.gz"}
        linux: {github: acme/mixed, asset: "mixed-{{ os }}-{{ arch }}.tar.gz"}
    build:
      tools: {go: ""}
      source: {dir: .}
      env: {GOBIN: "{{ out }}"}
      commands: ["go install github.com/acme/mixed/cmd/mixed@{{ version }}"]
    "#);
    insta::assert_snapshot!(recipe(&env, "acme/dmg@v1.0.0"), @r#"
    binaries: [dmg]
    platforms: [linux-amd64, windows-amd64]
    upstream:
      github: acme/dmg
      asset: "Dmg-{{ version }}-{{ os }}.tar.gz"
      replacements: {windows: win}
    # larder reads no `dmg`, which is the format for darwin-amd64: left out
    # larder reads no `dmg`, which is the format for darwin-arm64: left out
    "#);
    insta::assert_snapshot!(recipe(&env, "acme/musl@v1.0.0"), @r#"
    binaries: [musl]
    platforms: [linux-amd64, linux-arm64]
    upstream:
      github: acme/musl
      asset: "musl-{{ version }}-{{ os }}-{{ arch }}.gz"
    "#);
}

#[test]
fn what_can_t_be_added_is_refused_with_the_reason() {
    let env = machine();
    for (package, code, said) in [
        ("aqua:acme/prefixed@v2.0.1", 1, "this version has no files"),
        ("aqua:acme/asks@v1.0.0", 1, "it needs a value for `channel`"),
        (
            "aqua:acme/prefixd@v1",
            1,
            "did you mean `aqua:acme/prefixed`?",
        ),
        (
            "aqua:acme/nothing-like-it@v1",
            1,
            "`larder search nothing-like-it` looks for it",
        ),
        ("aqua:acme", 2, "can't be the name of a package"),
        ("aqua:../acme/x@v1", 2, "can't be the name of a package"),
        ("aqua:acme/emulated", 2, "which version of acme/emulated?"),
        ("aqua:acme/emulated@v1 0", 2, "is not a version"),
    ] {
        let text = refused(&env, package, code);
        assert!(text.contains(said), "{package}:\n{text}");
        assert_eq!(env.read("versions.yml"), "versions: {}\n", "{package}");
    }
    // The name must be written where the package's own can't be a subsystem's.
    env.write(
        "../registry/pkgs/acme/install/registry.yaml",
        "packages: [{type: cargo, name: acme/install, crate: x}]",
    );
    let words = [
        "add",
        "aqua:acme/install@1.0.0",
        "--registry",
        "../registry",
        "--offline",
    ];
    let text = env.larder(words).exits(2).stderr;
    assert!(text.contains("larder add NAME aqua:acme/install"), "{text}");
    let text = env.larder(["add", "tool"]).exits(2).stderr;
    assert!(text.contains("where is `tool` released?"), "{text}");
    let words = ["add", "tool", "github:acme/x", "--registry", "../registry"];
    let text = env.larder(words).exits(2).stderr;
    assert!(
        text.contains("`--registry` is only for packages of aqua's registry"),
        "{text}"
    );
}

#[test]
fn the_last_part_of_the_package_is_the_name_and_what_is_left_out_is_told() {
    let env = machine();
    let words = [
        "add",
        "aqua:acme/dmg",
        "v1.0.0",
        "--registry",
        "../registry",
        "--offline",
    ];
    let out = env.larder(words).success();
    insta::assert_snapshot!(out.stderr, @r"
    dmg v1.0.0, from the release v1.0.0 of aqua:acme/dmg
      linux-amd64     Dmg-v1.0.0-linux.tar.gz
      windows-amd64   Dmg-v1.0.0-win.tar.gz
      linux-arm64     no asset, left out
      darwin-amd64    no asset, left out
      darwin-arm64    no asset, left out
      windows-arm64   no asset, left out
      binaries        dmg
      checksums       the publisher states none; the first download of each asset is trusted and locked
      note            larder reads no `dmg`, which is the format for darwin-amd64: left out
      note            larder reads no `dmg`, which is the format for darwin-arm64: left out
    wrote subsystems/dmg/recipe.yml
    wrote versions.yml
    next: larder lock dmg --platform all
    ");
    assert_eq!(env.read("versions.yml"), "versions: {dmg: v1.0.0}\n");
    env.larder(["check"]).success();
    let words = [
        "add",
        "aqua:acme/scripts@v1.0.0",
        "--registry",
        "../registry",
        "--offline",
    ];
    let document = env.larder_json(words).success().document();
    assert_eq!(document["source"], "aqua:acme/scripts");
    assert!(document["seen"].is_null());
    assert_eq!(
        document["notes"],
        serde_json::json!([
            "the archive has a folder `bin`: if the program reads the folders beside it, such as `lib`, add `keep: tree`",
            "checksums are left out: the publisher states only sha1"
        ])
    );
}

/// The registry's files as GitHub or a mirror serves them.
fn served(env: &TestEnv) -> FileServer {
    let at = "../github.com/aquaproj/aqua-registry/raw/4d86e12d6fd055583d34fa3b9eefc28e7166ae59";
    env.sh(&format!("mkdir -p {at} && cp -r ../registry/pkgs {at}/"));
    env.write(
        &format!("{at}/registry.yaml"),
        include_str!("../../data/aqua.yaml"),
    );
    FileServer::start(&env.base().join("github.com"))
}

#[test]
fn a_definition_is_read_through_the_mirror_and_its_files_are_installed() {
    let mut env = machine();
    let server = served(&env);
    env.set("LARDER_UPSTREAM_GITHUB", server.url());
    let [os, arch] = [host().split('-').next(), host().split('-').nth(1)]
        .map(|word| word.expect("a word").to_owned());
    let platform = format!("{os}-{}", arch.replace("amd64", "x64"));
    env.sh(&format!(
        "d=../github.com/acme/emulated/releases/download/v1.0.0; mkdir -p $d ../t/emulated-{platform}; d=$(cd $d && pwd); cd ../t; \
         printf '#!/bin/sh\\necho hello\\n' > emulated-{platform}/emulated; chmod +x emulated-{platform}/emulated; \
         zip -qr $d/emulated-{platform}.zip .; cd $d; sha256sum *.zip > SHASUMS256.txt"
    ));
    // The publisher's list of digests does not mention the file for arm64, which does not exist.
    env.sh(
        "d=../github.com/acme/emulated/releases/download/v1.0.0; d=$(cd $d && pwd); mkdir -p ../m/emulated-darwin-x64; cd ../m; \
         printf '#!/bin/sh\\n' > emulated-darwin-x64/emulated; chmod +x emulated-darwin-x64/emulated; \
         zip -qr $d/emulated-darwin-x64.zip .; cd $d; sha256sum *.zip > SHASUMS256.txt",
    );
    // An alias is looked up in the merged file.
    env.larder(["add", "aqua:old/mixed@v1.0.0"]).success();
    assert!(env.read("subsystems/mixed/recipe.yml").starts_with(
        "# from aqua-registry acme/mixed at 4d86e12d6fd055583d34fa3b9eefc28e7166ae59 (MIT)\n"
    ));
    env.larder(["remove", "mixed"]).success();
    env.larder(["add", "aqua:acme/emulated@v1.0.0"]).success();
    env.larder(["ensure", "all"]).success();
    let words = ["collect", "emulated", "--platform", "darwin-arm64"];
    env.larder(words).success();
    for program in ["emulated", "emux"] {
        let program = env.path(format!("subsystems/emulated/.bin/{program}"));
        assert_eq!(env.run(program.as_str(), [""; 0]), "hello\n");
    }
}

#[test]
fn without_a_version_the_newest_one_that_the_definition_accepts_is_taken() {
    let mut env = machine();
    let github = FakeGitHub::start();
    github.repo("acme/emulated", Visibility::Public);
    env.set("LARDER_UPSTREAM_GITHUB", github.web_url());
    env.set("GITHUB_SERVER_URL", github.web_url())
        .set("GITHUB_API_URL", github.api_url());
    let id = github.put_release("acme/emulated", "v1.3.0", false, &[]);
    github.with_repo("acme/emulated", |repo| {
        for release in &mut repo.releases {
            release.latest = release.id == id;
        }
    });
    let words = [
        "add",
        "aqua:acme/emulated",
        "--registry",
        "../registry",
        "-n",
    ];
    let document = env.larder_json(words).success().document();
    assert_eq!(
        (&document["version"], &document["tag"]),
        (&"v1.3.0".into(), &"v1.3.0".into())
    );
    // Without the network, it is the one that the registry's own tests use.
    env.write(
        "../registry/pkgs/acme/emulated/pkg.yaml",
        "packages:\n  - name: acme/emulated@v1.2.0\n",
    );
    let words = [
        "add",
        "aqua:acme/emulated",
        "--registry",
        "../registry",
        "-n",
        "--offline",
    ];
    let document = env.larder_json(words).success().document();
    assert_eq!(document["version"], "v1.2.0");
}

#[test]
fn packages_are_found_and_the_copy_in_the_cache_is_searched_later() {
    let mut env = machine();
    let server = served(&env);
    env.set("LARDER_UPSTREAM_GITHUB", server.url());
    // No project is needed.
    env.remove("versions.yml");
    let out = env.larder(["search", "file", "--offline"]).exits(5);
    assert!(out.stderr.contains("registry.yaml"), "{}", out.stderr);
    let out = env.larder(["search", "file"]).success();
    insta::assert_snapshot!(out.stdout, @r"
    package            description
    aqua:acme/content  One file of the repository
    aqua:acme/scripts  A shell script, and a batch file on Windows
    ");
    assert_eq!(out.stderr, "next: larder add aqua:acme/content\n");
    assert_eq!(server.take().len(), 1);
    let document = env
        .larder_json(["search", "GO", "built", "--offline", "--limit", "1"])
        .success()
        .document();
    assert_eq!(document["packages"][0]["source"], "aqua:acme/mono/gobuilt");
    assert_eq!(document["found"], 1);
    let out = env.larder(["search", "emulatde"]).success();
    insta::assert_snapshot!(out.stderr, @r"
    none of 13 packages matches `emulatde`
    similar names: aqua:acme/emulated
    ");
    assert_eq!((out.stdout.as_str(), server.take().len()), ("", 0));
    // A checkout is read in place of the copy.
    let out = env
        .larder(["search", "crate", "--registry", "../registry"])
        .success();
    assert!(out.stdout.contains("aqua:crates/ferris"), "{}", out.stdout);
    let out = env
        .larder(["search", "crate", "--registry", "nowhere"])
        .exits(2);
    assert!(out.stderr.contains("there is no folder"), "{}", out.stderr);
    let out = env.larder(["search", "crate", "--registry", "."]).exits(2);
    assert!(
        out.stderr.contains("has no folder `pkgs`"),
        "{}",
        out.stderr
    );
    env.larder(["search", " "]).exits(2);
}
