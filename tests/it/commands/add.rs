//! `add`: from a release's assets to a subsystem that locks and installs.

mod guesses;

use crate::env::{TestEnv, host};
use crate::fake_github::{FakeGitHub, Origin, Visibility, WRITE};

/// A machine for which the fake GitHub is github.com, with one repository.
fn machine(visibility: Visibility) -> (TestEnv, FakeGitHub) {
    let github = FakeGitHub::start();
    github.repo("acme/tool", visibility);
    let mut env = TestEnv::new();
    env.set("LARDER_UPSTREAM_GITHUB", github.web_url());
    env.set("GITHUB_SERVER_URL", github.web_url())
        .set("GITHUB_API_URL", github.api_url());
    env.write(
        "versions.yml",
        format!(
            "# ours\nplatforms: [{}, darwin-arm64, windows-amd64]   # three\nversions: {{}}\n",
            host()
        ),
    );
    (env, github)
}

/// Publishes as the latest release the files that the shell lines create.
fn release(env: &TestEnv, github: &FakeGitHub, tag: &str, lines: &str) {
    env.sh(&format!(
        "rm -rf ../release && mkdir ../release && cd ../release && {lines}"
    ));
    let folder = env.base().join("release");
    let mut assets: Vec<(String, Vec<u8>)> = Vec::new();
    for entry in folder.read_dir_utf8().expect("the release") {
        let entry = entry.expect("entry");
        assets.push((
            entry.file_name().to_owned(),
            std::fs::read(entry.path()).expect("read"),
        ));
    }
    let assets: Vec<(&str, &[u8])> = assets
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    let id = github.put_release("acme/tool", tag, false, &assets);
    github.with_repo("acme/tool", |repo| {
        repo.releases
            .iter_mut()
            .for_each(|release| release.latest = release.id == id);
    });
}

/// Shell lines for an archive with a folder around a script, as goreleaser makes them.
const GORELEASER: &str = r##"
make() {  # system, processor, ending, .exe
  stem=tool_1.2.0_$1_$2; t=$(mktemp -d); mkdir -p $t/$stem/completions
  printf "#!/bin/sh\necho 'tool v1.2.0 on $1'\n" > $t/$stem/tool$4; chmod +x $t/$stem/tool$4
  echo "complete tool" > $t/$stem/completions/tool; echo text > $t/$stem/README.md
  case $3 in zip) (cd $t && zip -qr $OLDPWD/$stem.zip $stem);; *) tar czf $stem.tar.gz -C $t $stem;; esac
}
make Linux x86_64 tar.gz; make Linux arm64 tar.gz; make Darwin x86_64 tar.gz; make Darwin arm64 tar.gz
make Windows x86_64 zip .exe
sha256sum tool* > tool_1.2.0_checksums.txt
echo x > tool_1.2.0_linux_amd64.deb; echo x > tool_1.2.0_Linux_x86_64.tar.gz.sbom; echo x > tool_1.2.0_checksums.txt.sig
"##;

#[test]
fn an_added_subsystem_is_checked_locked_and_installed() {
    let (env, github) = machine(Visibility::Public);
    release(&env, &github, "v1.2.0", GORELEASER);
    let out = env.larder(["add", "tool", "github:acme/tool"]).success();
    let shown = out
        .stderr
        .replace(&format!("asset for {}", host()), "asset for [HOST]");
    insta::assert_snapshot!(shown, @r"
    tool v1.2.0, from the release v1.2.0 of github:acme/tool
      linux-amd64     tool_1.2.0_Linux_x86_64.tar.gz
      linux-arm64     tool_1.2.0_Linux_arm64.tar.gz
      darwin-amd64    tool_1.2.0_Darwin_x86_64.tar.gz
      darwin-arm64    tool_1.2.0_Darwin_arm64.tar.gz
      windows-amd64   tool_1.2.0_Windows_x86_64.zip
      windows-arm64   no asset, left out
      binaries        tool (seen in the asset for [HOST])
      checksums       tool_1.2.0_checksums.txt
      hint            `emulate: true` in the recipe takes the amd64 program for windows-arm64, which its system can run
    wrote subsystems/tool/recipe.yml
    wrote versions.yml
    next: larder lock tool --platform all
    ");
    insta::assert_snapshot!(env.read("subsystems/tool/recipe.yml"), @r#"
    binaries: [tool]
    platforms: [linux-amd64, linux-arm64, darwin-amd64, darwin-arm64, windows-amd64]
    upstream:
      github: acme/tool
      asset: "tool_{{ version_number }}_{{ os }}_{{ arch }}.{{ 'zip' if os == 'Windows' else 'tar.gz' }}"
      checksums: "tool_{{ version_number }}_checksums.txt"
      replacements: {amd64: x86_64, darwin: Darwin, linux: Linux, windows: Windows}
      # emulate: true      # with windows-arm64 in `platforms`: takes the amd64 program there
    # verify: tool --version      # enable this if the command prints the version
    "#);
    assert_eq!(
        env.read("versions.yml"),
        format!(
            "# ours\nplatforms: [{}, darwin-arm64, windows-amd64]   # three\nversions: {{tool: v1.2.0}}\n",
            host()
        )
    );
    // A public repository is read without credentials.
    assert_eq!(github.count(Origin::Api), 2, "{:?}", github.log());
    assert!(github.log().iter().all(|entry| !entry.token));
    env.larder(["check"]).success();
    env.larder(["lock", "--platform", "all"]).success();
    assert_eq!(
        env.read("versions.lock")
            .lines()
            .filter(|line| line.starts_with("tool "))
            .count(),
        3
    );
    env.larder(["ensure", "all", "--locked"]).success();
    assert!(
        env.run(env.path("subsystems/tool/.bin/tool").as_str(), [""; 0])
            .starts_with("tool v1.2.0 on ")
    );
    let out = env.larder(["add", "tool", "github:acme/tool"]).exits(2);
    assert!(
        out.stderr.contains("already has `tool`") && out.stderr.contains("bump"),
        "{}",
        out.stderr
    );
}

#[test]
fn an_interrupted_add_is_completed_by_the_same_command() {
    let (env, github) = machine(Visibility::Public);
    release(&env, &github, "v1.2.0", GORELEASER);
    let versions = env.read("versions.yml");
    let add = ["add", "tool", "github:acme/tool"];
    env.larder(add).success();
    let (recipe, pinned) = (
        env.read("subsystems/tool/recipe.yml"),
        env.read("versions.yml"),
    );
    // What it is after the recipe was written and before the version was.
    env.write("versions.yml", &versions);
    env.larder(["check"]).exits(2);
    env.larder(add).success();
    assert_eq!(env.read("versions.yml"), pinned);
    assert_eq!(env.read("subsystems/tool/recipe.yml"), recipe);
    // A recipe that somebody else wrote is not taken over.
    env.write("versions.yml", &versions);
    env.write("subsystems/tool/recipe.yml", format!("# Ours.\n{recipe}"));
    let out = env.larder(add).exits(2);
    assert!(out.stderr.contains("already exists"), "{}", out.stderr);
    assert_eq!(env.read("versions.yml"), versions);
    assert!(
        env.read("subsystems/tool/recipe.yml")
            .starts_with("# Ours.")
    );
}

#[test]
fn a_dry_run_of_add_shows_the_recipe_for_plain_files_and_a_prefixed_tag() {
    let (env, github) = machine(Visibility::Public);
    let lines = "for p in linux-amd64 linux-arm64 macos-amd64 macos-arm64 windows-amd64.exe; do
        printf '#!/bin/sh\\necho hi\\n' > tool-$p; done; echo x > tool-1.7.1.tar.gz; sha256sum tool-* > sha256sum.txt";
    release(&env, &github, "tool-1.7.1", lines);
    let before = env.read("versions.yml");
    let dry = env
        .larder(["add", "jay", "github:acme/tool", "--dry-run", "-q"])
        .success();
    insta::assert_snapshot!(dry.stdout, @r#"
    # versions.yml, under `versions`:
    #   jay: 1.7.1
    # subsystems/jay/recipe.yml:
    binaries: [tool]
    platforms: [linux-amd64, linux-arm64, darwin-amd64, darwin-arm64, windows-amd64]
    upstream:
      github: acme/tool
      tag: "tool-{{ version }}"
      asset: "tool-{{ os }}-{{ arch }}{{ exe }}"
      checksums: sha256sum.txt
      replacements: {darwin: macos}
      # emulate: true      # with windows-arm64 in `platforms`: takes the amd64 program there
    # verify: tool --version      # enable this if the command prints the version
    "#);
    assert_eq!(
        (
            dry.stderr.as_str(),
            env.read("versions.yml"),
            env.exists("subsystems")
        ),
        ("", before, false)
    );
    for version in ["1.7.1", "tool-1.7.1"] {
        let document = env
            .larder_json(["add", "jay", "github:acme/tool", version, "--dry-run"])
            .success()
            .document();
        assert_eq!(document["version"], "1.7.1");
        assert_eq!(document["assets"]["darwin-arm64"], "tool-macos-arm64");
        assert_eq!(document["missing"], serde_json::json!(["windows-arm64"]));
        assert_eq!(document["written"], serde_json::json!([]));
    }
    // The schema file that `init` writes for editors.
    env.write(".larder/schema/recipe.schema.json", "{}");
    let document = env
        .larder_json(["add", "jay", "github:acme/tool"])
        .success()
        .document();
    let first = "# yaml-language-server: $schema=../../.larder/schema/recipe.schema.json\nbinaries: [tool]\n";
    assert!(env.read("subsystems/jay/recipe.yml").starts_with(first));
    assert_eq!(
        document["written"],
        serde_json::json!(["subsystems/jay/recipe.yml", "versions.yml"])
    );
    assert_eq!(document["recipe"], env.read("subsystems/jay/recipe.yml"));
    env.larder(["lock", "--platform", "all"]).success();
    env.larder(["ensure", "all", "--locked"]).success();
    assert!(env.exists("subsystems/jay/.bin/tool"));
}

#[test]
fn add_finds_the_binaries_inside_the_archive() {
    let (env, github) = machine(Visibility::Public);
    let (os, arch) = host()
        .split_once('-')
        .map(|(os, arch)| (os.to_owned(), arch.to_owned()))
        .expect("a platform");
    // The file in it has another name than the program.
    let lines = format!(
        "printf '#!/bin/sh\\n' > tool_{os}_{arch} && chmod +x tool_{os}_{arch} && tar czf tool_{os}_{arch}.tar.gz tool_{os}_{arch} && rm tool_{os}_{arch}"
    );
    release(&env, &github, "v1.0.0", &lines);
    let document = env
        .larder_json(["add", "one", "github:acme/tool"])
        .success()
        .document();
    assert_eq!(document["binaries"], serde_json::json!(["tool"]));
    let recipe = env.read("subsystems/one/recipe.yml");
    assert!(
        recipe.contains(r#"extract: {"**/tool_{{ os }}_{{ arch }}{{ exe }}": "tool{{ exe }}"}"#),
        "{recipe}"
    );
    env.larder(["ensure", "one"]).success();
    assert!(env.exists("subsystems/one/.bin/tool"));
    // A checksums file that lists only other files: this is reported.
    let digests = "; echo 0000000000000000000000000000000000000000000000000000000000000000 other > checksums.txt";
    release(&env, &github, "v1.5.0", &(lines + digests));
    let out = env
        .larder(["add", "three", "github:acme/tool", "--dry-run"])
        .success();
    assert!(
        out.stderr
            .contains("checksums.txt does not list the asset for"),
        "{}",
        out.stderr
    );
    assert!(!out.stdout.contains("checksums:"), "{}", out.stdout);
    // Two programs, neither of which has a known name.
    let lines = format!(
        "for n in rg lint; do printf '#!/bin/sh\\n' > $n; chmod +x $n; done; tar czf pack-{os}-{arch}.tgz rg lint; rm rg lint"
    );
    release(&env, &github, "v2.0.0", &lines);
    let out = env.larder(["add", "two", "github:acme/tool"]).exits(1);
    assert!(
        out.stderr.contains("`--binary NAME`") && out.stderr.contains("`rg`"),
        "{}",
        out.stderr
    );
    assert!(!env.exists("subsystems/two"));
    env.larder(["add", "two", "github:acme/tool", "--binary", "rg"])
        .success();
    env.larder(["ensure", "two"]).success();
    assert!(env.exists("subsystems/two/.bin/rg") && !env.exists("subsystems/two/.bin/lint"));
}

#[test]
fn add_reads_a_private_repository_with_a_token() {
    let (mut env, github) = machine(Visibility::Private);
    release(&env, &github, "v1.2.0", GORELEASER);
    let out = env.larder(["add", "tool", "github:acme/tool"]).exits(1);
    assert!(
        out.stderr.contains("does not exist, is private"),
        "{}",
        out.stderr
    );
    env.set("GH_TOKEN", WRITE);
    env.larder(["add", "tool", "github:acme/tool"]).success();
    env.larder(["ensure", "tool"]).success();
}

#[test]
fn a_failed_add_leaves_every_file_unchanged() {
    let (env, github) = machine(Visibility::Public);
    release(&env, &github, "v1.2.0", GORELEASER);
    env.sh("git init -q . && git add --all && git commit -qm start");
    let untouched = |args: &[&str], code: i32, words: &str| {
        let out = env.larder([&["add"], args].concat()).exits(code);
        assert!(out.stderr.contains(words), "{args:?}: {}", out.stderr);
        assert_eq!(env.sh("git status --porcelain --ignored"), "", "{args:?}");
    };
    untouched(
        &["tool", "github:acme/tol"],
        1,
        "does not exist, is private",
    );
    untouched(&["tool", "github:acme/tool", "v9"], 1, "no release of v9");
    untouched(&["tool", "acme/tool"], 2, "github:owner/name");
    untouched(&["ensure", "github:acme/tool"], 2, "command word");
    untouched(
        &["tool", "github:acme/tool", "--binary", "other"],
        1,
        "choose the binaries",
    );
    untouched(&["tool", "github:acme/tool", "--offline"], 5, "--offline");
    let mut mirrored = env.command(["add", "tool", "github:acme/tool"]);
    let out = env.output({
        mirrored.env("GITHUB_SERVER_URL", "https://github.example");
        mirrored
    });
    assert!(
        out.exits(1)
            .stderr
            .contains("a mirror stands in for github.com")
    );
    // A digest that differs from the one that the publisher states.
    release(
        &env,
        &github,
        "v1.3.0",
        &GORELEASER.replace("1.2.0", "1.3.0").replace(
            "sha256sum tool*",
            "sha256sum tool* | sed s/^......../00000000/",
        ),
    );
    untouched(&["tool", "github:acme/tool"], 4, "checksums.txt");
    // A release without assets for any platform of the project.
    release(
        &env,
        &github,
        "v1.4.0",
        "echo x > tool-1.4.0.tar.gz; echo x > tool.deb",
    );
    untouched(&["tool", "github:acme/tool"], 1, "tool.deb");
    // Valid by itself, but it conflicts with this project: two subsystems with one package name.
    env.recipe(
        "other",
        "binaries: [tool]\nbuild: {source: {dir: .}, commands: [\"true\"]}\n",
    );
    env.edit("versions.yml", "versions: {}", "versions: {other: v1}");
    env.sh("git add --all && git commit -qm other");
    untouched(
        &["tool", "github:acme/tool", "v1.2.0"],
        2,
        "packages named `tool`",
    );
    env.write("subsystems/tool/notes.txt", "mine");
    env.sh("git add --all && git commit -qm notes");
    untouched(
        &["tool", "github:acme/tool", "v1.2.0"],
        2,
        "packages named `tool`",
    );
}

#[test]
fn add_derives_the_urls_of_the_other_platforms_from_one_url() {
    let env = TestEnv::new();
    let [first, second] = if host().starts_with("linux-arm64") {
        ["arm64", "amd64"]
    } else {
        ["amd64", "arm64"]
    };
    env.sh(&format!(
        "mkdir -p ../dl/tool/releases && cd ../dl/tool/releases && for p in linux_{first} linux_{second} darwin_{first} darwin_arm64; do \
         t=$(mktemp -d); mkdir -p $t/tool-1.33.0/usr/bin $t/tool-1.33.0/etc/logrotate.d; \
         printf '#!/bin/sh\\necho tool\\n' > $t/tool-1.33.0/usr/bin/tool; chmod +x $t/tool-1.33.0/usr/bin/tool; \
         echo x > $t/tool-1.33.0/etc/logrotate.d/tool; tar czf tool-1.33.0_$p.tar.gz -C $t tool-1.33.0; done; \
         t=$(mktemp -d); printf '#!/bin/sh\\n' > $t/tool.exe; (cd $t && zip -q $OLDPWD/tool-1.33.0_windows_amd64.zip tool.exe); \
         for f in tool-*; do sha256sum $f > $f.sha256; done"
    ));
    let server = crate::servers::files::FileServer::start(&env.base().join("dl"));
    env.write(
        "versions.yml",
        format!(
            "platforms: [{}, windows-amd64]\nversions:\n  zebra: v1\n",
            host()
        ),
    );
    env.recipe(
        "zebra",
        "binaries: [zebra]\nbuild: {source: {dir: .}, commands: [\"true\"]}\n",
    );
    let os = if cfg!(target_os = "macos") {
        "darwin"
    } else {
        "linux"
    };
    let url = format!(
        "{}/tool/releases/tool-1.33.0_{os}_{first}.tar.gz",
        server.url()
    );
    env.larder(["add", "tool", &url]).success();
    let recipe = env
        .read("subsystems/tool/recipe.yml")
        .replace(server.url(), "[SERVER]");
    insta::assert_snapshot!(recipe, @r#"
    binaries: [tool]
    platforms: [linux-amd64, linux-arm64, darwin-amd64, darwin-arm64, windows-amd64]
    upstream:
      url: "[SERVER]/tool/releases/tool-{{ version }}_{{ os }}_{{ arch }}.{{ 'zip' if os == 'windows' else 'tar.gz' }}"
      checksums: "[SERVER]/tool/releases/tool-{{ version }}_{{ os }}_{{ arch }}.{{ 'zip' if os == 'windows' else 'tar.gz' }}.sha256"
      # emulate: true      # with windows-arm64 in `platforms`: takes the amd64 program there
    # verify: tool --version      # enable this if the command prints the version
    "#);
    assert!(
        env.read("versions.yml")
            .contains("versions:\n  tool: 1.33.0\n  zebra: v1\n"),
        "{}",
        env.read("versions.yml")
    );
    env.larder(["lock", "tool", "--platform", "all"]).success();
    assert_eq!(
        env.larder_json(["ensure", "tool", "--locked"])
            .success()
            .outcomes(),
        ["tool=restored"]
    );
    let missing = env
        .larder(["add", "other", &url.replace("1.33.0", "1.34.0")])
        .exits(1);
    assert!(
        missing.stderr.contains("does not exist"),
        "{}",
        missing.stderr
    );
    let versionless = env
        .larder([
            "add",
            "other",
            &format!("{}/tool-linux-amd64", server.url()),
        ])
        .exits(2);
    assert!(
        versionless.stderr.contains("contains no version number"),
        "{}",
        versionless.stderr
    );
}
