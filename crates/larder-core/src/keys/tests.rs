//! Keys and identities must never change: released assets and lock lines are found by them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use camino::Utf8PathBuf;

use super::inputs::{self, Inputs};
use super::tree::Projects;
use super::{SourceDigests, Wanted, tree};
use crate::error::Result;
use crate::fs;
use crate::model::{Digest, Name, Origin, Platform};
use crate::project::user::UserConfig;
use crate::project::{Links, Project, SourceFolder};

/// Computes the digest of a source folder each time, without a cache.
struct Folders;

impl SourceDigests for Folders {
    fn dir(&self, folder: &SourceFolder) -> Result<Digest> {
        let listing = tree::list(folder, &Projects::default())?;
        tree::digest(&folder.path, &listing)
    }
}

const VERSIONS: &str = "\
project: acme
platforms: [linux-amd64, windows-amd64]
versions: {built: v1.2.0, gen: v0.3.1, released: v2.10.24, tarball: \"1.10\", npm: v0.25.0, python: v0.8.0, crate: v14.1.0}
";

const RECIPES: [(&str, &str); 7] = [
    (
        "released",
        r#"
description: a description is no part of the key
binaries: [nats-server, nats-top]
needs: [tarball]
upstream:
  github: nats-io/nats-server
  tag: "{{ version }}"
  asset: "nats-server-{{ version }}-{{ os }}-{{ arch }}.{{ 'zip' if os == 'windows' else 'tar.gz' }}"
  checksums: SHA256SUMS
  extract: {"*/nats-server{{ exe }}": "nats-server{{ exe }}", "**/top{{ exe }}": "nats-top{{ exe }}"}
  replacements: {amd64: x86_64}
  overrides: {windows: {asset: "nats-{{ os }}-{{ arch }}.zip"}}
package: {name: nats, include: [LICENSE], format: tar.zst}
verify: "nats-server --version"
"#,
    ),
    (
        "tarball",
        "binaries: [tarball]\nupstream: {url: \"https://host.example/{{ version }}/{{ target }}.txz\"}\n",
    ),
    (
        "npm",
        "binaries: [esbuild]\nupstream: {npm: \"@esbuild/{{ os }}-{{ arch }}\", replacements: {amd64: x64}}\n",
    ),
    ("python", "binaries: [ruff]\nupstream: {pypi: ruff}\n"),
    (
        "gen",
        "binaries: [gen]\nbuild: {source: {dir: src}, commands: [\"cp gen {{ out }}/gen\"]}\n",
    ),
    (
        "built",
        r#"
binaries: [app]
build:
  needs: [gen]
  tools: {go: "1.23", sh: ""}
  source: {git: "https://host.example/acme/app", rev: "{{ version }}"}
  env: {GOOS: "{{ os }}", CGO_ENABLED: 0, OUT: "{{ out }}"}
  commands: ["gen > {{ src }}/generated.go", "go build -o {{ out }}/app{{ exe }} ."]
  platforms: all
  timeout: 5m
package: {include: [docs/NOTICE]}
"#,
    ),
    (
        "crate",
        "binaries: [rg]\nbuild: {source: {crate: ripgrep}, platforms: all}\n",
    ),
];

fn project() -> (tempfile::TempDir, Project) {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write_atomic(&path, text.as_bytes()).unwrap();
    };
    write("versions.yml", VERSIONS);
    for (name, recipe) in RECIPES {
        write(&format!("subsystems/{name}/recipe.yml"), recipe);
    }
    for (path, text) in [
        ("gen", "#!/bin/sh\n"),
        ("deep/er/file", "content\n"),
        (".gitignore", "*.log\n"),
        ("made.log", "not part of the source\n"),
    ] {
        write(&format!("subsystems/gen/src/{path}"), text);
    }
    let project = Project::load(&root, &UserConfig::default()).unwrap();
    (dir, project)
}

fn wanted(project: &Project, name: &str, platform: &str) -> Wanted {
    let subsystem = &project.subsystems[&name.parse().unwrap()];
    inputs::wanted(project, subsystem, platform.parse().unwrap(), &Folders).unwrap()
}

#[test]
fn keys_never_change() {
    let (_dir, project) = project();
    let mut keys = String::new();
    for name in project.subsystems.keys() {
        for platform in ["linux-amd64", "windows-amd64"] {
            let wanted = wanted(&project, name.as_str(), platform);
            for origin in [Origin::Original, Origin::Build] {
                if let Some(inputs) = wanted.of(origin) {
                    writeln!(keys, "{name} {platform} {origin} {}", inputs.digest).unwrap();
                }
            }
        }
    }
    insta::assert_snapshot!(keys, @r"
    built linux-amd64 build b4cd848573998616c9f4f99f8b7fca29e33b898d9dab2b6da1a0b026902824c0
    built windows-amd64 build 320a11eeea255427aaf193e985140130308a2c54efc9a5599aa691560c4a6440
    crate linux-amd64 build 40bbe2577aa1ddd827040a82d669dfbc26beb434ae71fb3422329e5964c7f1a3
    crate windows-amd64 build 7036caab18d12dd21bff0bc1d3c97fc0b766f7d6ee34591cfa2c9db615cd4b61
    gen linux-amd64 build dc10f545619896c6a29c9bc3ab5b4414b4974195d9f8108dbad805aaba19925c
    gen windows-amd64 build 257326d7037e8583f3f6527e9417581fe661d7f2c5e9cabe0f9796a485fd3af1
    npm linux-amd64 original 573488fb578ecfcf6b423f47e2db7b7221b21543322337bced0ae939ea5fa42e
    npm windows-amd64 original 31dad4034e66f7116f8234471c0b8dd566f6962e243a8f0eeeea45c5b18c505a
    python linux-amd64 original 254307c50f98af95d84034b09d39b5a44b60939db5e111728ef15fa065156a3a
    python windows-amd64 original e380ae208f5f4f3374884714773a3253b8e135b9c4b76935103d8b09eaa0180d
    released linux-amd64 original 9526d2d33da5acea48f8d0c96be47bf76cadaa4b681b5f029028153ca87d8ebd
    released windows-amd64 original ee21ecfed7b185a1c0f97a1dd0e86580ff5f20dae352cc737382749b6934914e
    tarball linux-amd64 original 22b356922d9574e778898776806a8a44aed497bc15fca0d05b1a9b14e057cd03
    tarball windows-amd64 original 09036cc416e4f90e9143dc744394746d52c94cdda574ccb446940c1075e9bb2e
    ");
}

#[test]
fn a_key_is_computed_from_these_fields() {
    let (_dir, project) = project();
    let fields = |inputs: Option<Inputs>| {
        let fields = inputs.unwrap().fields;
        let lines: Vec<String> = fields
            .iter()
            .map(|(path, value)| format!("{path} = {value:?}"))
            .collect();
        lines.join("\n")
    };
    insta::assert_snapshot!(fields(wanted(&project, "released", "windows-amd64").original), @r#"
    origin = "original"
    name = "released"
    version = "v2.10.24"
    platform = "windows-amd64"
    upstream.url = "https://github.com/nats-io/nats-server/releases/download/v2.10.24/nats-windows-x86_64.zip"
    extract.**/top.exe = "nats-top.exe"
    extract.*/nats-server.exe = "nats-server.exe"
    binaries.0 = "nats-server"
    binaries.1 = "nats-top"
    include.0 = "LICENSE"
    "#);
    insta::assert_snapshot!(fields(wanted(&project, "built", "linux-amd64").build), @r#"
    origin = "build"
    name = "built"
    version = "v1.2.0"
    platform = "linux-amd64"
    source.git = "https://host.example/acme/app v1.2.0"
    env.CGO_ENABLED = "0"
    env.GOOS = "linux"
    env.OUT = "<out>"
    commands.0 = "gen > <src>/generated.go"
    commands.1 = "go build -o <out>/app ."
    tools.go = "1.23"
    tools.sh = ""
    binaries.0 = "app"
    include.0 = "docs/NOTICE"
    build.needs.gen = "38342793535d1ac965a193f02126171e58800aa077b59e6d646653d7302d6312"
    "#);
}

/// The fields of the key of the original of a recipe on Windows, and the identity that its build
/// has for another one.
fn fields(recipe: &str, platform: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    let versions = format!("platforms: [{platform}]\nversions: {{tool: v1.2.3}}\n");
    for (path, text) in [
        ("versions.yml", versions.as_str()),
        ("subsystems/tool/recipe.yml", recipe),
    ] {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write_atomic(&path, text.as_bytes()).unwrap();
    }
    let project = Project::load(&root, &UserConfig::default())
        .unwrap_or_else(|error| panic!("{error}: {:?}", error.file_problems()));
    let fields = wanted(&project, "tool", platform).original.unwrap().fields;
    let known = ["origin", "name", "version", "platform"];
    fields
        .into_iter()
        .filter(|(path, _)| !known.contains(&path.as_str()))
        .map(|(path, value)| format!("{path} = {value}"))
        .collect()
}

#[test]
fn the_exceptions_of_a_recipe_are_part_of_its_key() {
    let emulated = "binaries: [tool]\nupstream: {github: a/b, emulate: true, asset: 'x-{{ arch }}', \
                    extract: {'{{ arch }}/t': 'tool{{ exe }}'}, overrides: {amd64: {format: zip, keep: tree}}}\n";
    assert_eq!(
        fields(emulated, "windows-arm64"),
        [
            "upstream.url = https://github.com/a/b/releases/download/v1.2.3/x-arm64",
            "extract.arm64/t = tool.exe",
            "emulate.windows-amd64 = https://github.com/a/b/releases/download/v1.2.3/x-amd64",
            "emulate.windows-amd64.extract.amd64/t = tool.exe",
            "emulate.windows-amd64.format = zip",
            "emulate.windows-amd64.keep = tree",
            "binaries.0 = tool",
        ]
    );
    let same = "binaries: [tool]\nupstream: {npm: tool, emulate: {linux-arm64: linux-amd64}}\n";
    assert_eq!(
        fields(same, "linux-arm64"),
        [
            "upstream.npm = tool@1.2.3",
            "emulate.linux-amd64 = tool@1.2.3",
            "binaries.0 = tool",
        ]
    );
    let tree = "binaries: [a, {name: b, link: a}]\nupstream: {url: 'https://h/x', overrides: {windows: {binaries: [c.bat, {name: d, link: c.bat}]}}, versions: [{'^1.2': {keep: tree}}]}\n";
    assert_eq!(
        fields(tree, "windows-amd64"),
        [
            "upstream.url = https://h/x",
            "upstream.keep = tree",
            "binaries.0 = c.bat",
            "binaries.1 = d -> c.bat",
        ]
    );
    assert_eq!(fields(tree, "linux-amd64")[3], "binaries.1 = b -> a");
}

#[test]
fn the_digest_of_a_source_folder_never_changes() {
    let (_dir, project) = project();
    let folder = SourceFolder {
        path: project.root.join("subsystems/gen/src"),
        links: Links::Refuse,
    };
    let listing = tree::list(&folder, &Projects::default()).unwrap();
    let paths: Vec<&str> = listing.entries.iter().map(|e| e.path.as_str()).collect();
    assert_eq!(paths, [".gitignore", "deep/er/file", "gen"]);
    insta::assert_snapshot!(tree::digest(&folder.path, &listing).unwrap(), @"4ab06fbe70fac0f29c7fdb6c684c30159dd60dc9ff7a233062da720b8a314531");
}

/// Keeps the identities of needs, as a run does.
#[derive(Default)]
struct Remembering(RefCell<BTreeMap<Name, Digest>>);

impl SourceDigests for Remembering {
    fn dir(&self, folder: &SourceFolder) -> Result<Digest> {
        Folders.dir(folder)
    }
    fn known_identity(&self, name: &Name) -> Option<Digest> {
        self.0.borrow().get(name).copied()
    }
    fn keep_identity(&self, name: &Name, identity: Digest) {
        self.0.borrow_mut().insert(name.clone(), identity);
    }
}

#[test]
fn needs_to_which_many_paths_lead_are_computed_once() {
    let dir = tempfile::tempdir().unwrap();
    let root = &Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    let mut versions = "versions:\n".to_owned();
    // Each of 80 layers needs both of the layer below: 2^80 paths lead to the lowest.
    for layer in 0..80 {
        for side in ["a", "b"] {
            let _ = writeln!(versions, "  {side}{layer}: v1.0.0");
            let needs = match layer {
                0 => String::new(),
                _ => format!("  needs: [a{0}, b{0}]\n", layer - 1),
            };
            let recipe = format!(
                "binaries: [{side}{layer}]\nbuild:\n{needs}  source: {{git: \"https://github.com/acme/x\", rev: v1}}\n  commands: [make]\n"
            );
            let folder = root.join(format!("subsystems/{side}{layer}"));
            fs::create_dir_all(&folder).unwrap();
            fs::write_atomic(folder.join("recipe.yml"), recipe.as_bytes()).unwrap();
        }
    }
    fs::write_atomic(root.join("versions.yml"), versions.as_bytes()).unwrap();
    let project = Project::load(root, &UserConfig::default()).unwrap_or_else(|e| panic!("{e}"));
    let subsystem = &project.subsystems[&"a79".parse().unwrap()];
    let sources = Remembering::default();
    let wanted = inputs::wanted(&project, subsystem, Platform::host(), &sources).unwrap();
    let top = wanted.build.unwrap();
    assert_eq!(
        top.fields
            .iter()
            .filter(|(path, _)| path.starts_with("build.needs."))
            .count(),
        2
    );
}
