//! The law of keys: a key changes exactly if one of its inputs does. Random recipes, of which one
//! thing is changed.

use std::fmt::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use proptest::prelude::*;

use super::inputs::wanted;
use super::tree::{self, Projects};
use super::{SourceDigests, Wanted};
use crate::error::Result;
use crate::fs;
use crate::model::Digest;
use crate::project::user::UserConfig;
use crate::project::{Project, SourceFolder};

struct Folders;

impl SourceDigests for Folders {
    fn dir(&self, folder: &SourceFolder) -> Result<Digest> {
        let listing = tree::list(folder, &Projects::default())?;
        tree::digest(&folder.path, &listing)
    }
}

/// Which key of `tool` a part of a project belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Neither,
    Original,
    Build,
    Both,
}

use Of::{Both, Build, Neither, Original};

/// Where a part is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Versions,
    Pins,
    Recipe,
    Upstream,
    BuildKeys,
    Package,
    /// The recipe of `gen`, which the build needs.
    Need,
    /// A file in the source folder; a value is `path=content`.
    Source,
    /// A file in the source folder of `gen`.
    SourceOfNeed,
}

/// Each part of a project, with two or three values that mean different things.
const PARTS: &[(At, Of, &[&str])] = &[
    (At::Versions, Neither, &["", "# a comment\n"]),
    (At::Versions, Neither, &["", "hub: {dir: elsewhere}\n"]),
    (At::Versions, Neither, &["", "sources: [build, original]\n"]),
    (
        At::Versions,
        Neither,
        &["", "publish: {maintainer: A <a@b.example>}\n"],
    ),
    (
        At::Pins,
        Both,
        &["tool: v1", "tool: v1.0", "tool: v2 # a comment"],
    ),
    (At::Pins, Build, &["gen: v1", "gen: v2"]),
    (At::Pins, Neither, &["other: v1", "other: v2"]),
    (
        At::Recipe,
        Both,
        &["binaries: [tool, more]\n", "binaries: [more, tool]\n"],
    ),
    (
        At::Recipe,
        Neither,
        &["", "description: a text\n", "description: another\n"],
    ),
    (
        At::Recipe,
        Neither,
        &["", "license: MIT\n", "# a comment\n"],
    ),
    (At::Recipe, Neither, &["", "homepage: https://a.example\n"]),
    (At::Recipe, Neither, &["", "needs: [other]\n"]),
    (At::Recipe, Neither, &["", "verify: \"tool --version\"\n"]),
    (At::Recipe, Neither, &["", "limits: {entries: 5}\n"]),
    (
        At::Upstream,
        Original,
        &[
            "url: \"https://h.example/{{ version }}/{{ arch }}\"",
            "url: https://h.example/x",
        ],
    ),
    (
        At::Upstream,
        Neither,
        &["", "checksums: https://h.example/SHA256SUMS"],
    ),
    (
        At::Upstream,
        Original,
        &[
            "",
            "extract: {\"*/t\": tool, \"*/m\": more}",
            "extract: {\"*/u\": tool, \"*/m\": more}",
        ],
    ),
    (At::Upstream, Neither, &["", "replacements: {darwin: mac}"]),
    (At::Upstream, Original, &["", "keep: tree"]),
    (
        At::Upstream,
        Original,
        &[
            "",
            "emulate: {linux-amd64: linux-386}",
            "emulate: {linux-amd64: linux-arm64}",
        ],
    ),
    (
        At::Upstream,
        Neither,
        &["", "overrides: {windows: {binaries: [a]}}"],
    ),
    (
        At::Upstream,
        Neither,
        &[
            "",
            "versions: [{\"<0.1\": {keep: tree, format: zip}}]",
            "versions: [{\">0.1\": {}}]",
        ],
    ),
    (At::Upstream, Original, &["format: auto", "format: tar"]),
    (
        At::BuildKeys,
        Build,
        &[
            "commands: [make]",
            "commands: [make, \"true\"]",
            "commands: [\"make {{ out }}\"]",
        ],
    ),
    (At::BuildKeys, Build, &["", "env: {A: b}", "env: {A: c}"]),
    (
        At::BuildKeys,
        Build,
        &["", "tools: {go: \"1.2\"}", "tools: {go: \"1.3\"}"],
    ),
    (
        At::BuildKeys,
        Build,
        &["needs: [gen]", "needs: [gen, lint]"],
    ),
    (
        At::BuildKeys,
        Neither,
        &["platforms: all", "platforms: host"],
    ),
    (At::BuildKeys, Neither, &["", "timeout: 5m"]),
    (
        At::BuildKeys,
        Neither,
        &[
            "",
            "hermetic: true",
            concat!(
                "hermetic: true, remote: {image: \"docker://gcc@sha256:",
                "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"}"
            ),
        ],
    ),
    (At::Package, Both, &["", "include: [LICENSE]"]),
    (At::Package, Neither, &["", "name: another"]),
    (At::Package, Neither, &["", "format: zip"]),
    (
        At::Need,
        Build,
        &["commands: [make]", "commands: [make all]"],
    ),
    (At::Need, Build, &["", "env: {A: b}"]),
    (At::Need, Neither, &["", "timeout: 5m"]),
    (At::Source, Build, &["main.c=1", "main.c=2", "other.c=1"]),
    (At::Source, Build, &["", "deep/file=", "deep/er/file="]),
    (At::Source, Neither, &["", "made.log=1", "made.log=2"]),
    (At::Source, Neither, &["", ".git/config=1"]),
    (At::Source, Neither, &["", "empty/"]),
    (At::SourceOfNeed, Build, &["gen.c=1", "gen.c=2"]),
];

/// A choice of a value for each part.
type Choice = Vec<usize>;

fn value(choice: &Choice, part: usize) -> &'static str {
    let values = PARTS[part].2;
    values[choice[part] % values.len()]
}

/// The values at a place, in the order of the parts or turned.
fn values(choice: &Choice, at: At, is_turned: bool) -> Vec<&'static str> {
    let of_place = (0..PARTS.len()).filter(|part| PARTS[*part].0 == at);
    let mut values: Vec<_> = of_place.map(|part| value(choice, part)).collect();
    values.retain(|value| !value.is_empty());
    if is_turned {
        values.reverse();
    }
    values
}

/// Makes the project of a choice, and computes the keys of `tool`. If it is `turned`, all keys of
/// mappings have the opposite order.
fn keys(choice: &Choice, is_turned: bool) -> Wanted {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    let write = |path: &Utf8Path, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::io::Write::write_all(&mut fs::create(&path).unwrap(), text.as_bytes()).unwrap();
    };
    let of = |at| values(choice, at, is_turned);
    let flow = |at| of(at).join(", ");
    let mut versions = of(At::Versions).concat();
    versions.push_str("platforms: [linux-amd64]\nversions:\n  lint: v1\n");
    for pin in of(At::Pins) {
        writeln!(versions, "  {pin}").unwrap();
    }
    write("versions.yml".into(), &versions);
    let mut parts = of(At::Recipe);
    let upstream = format!("upstream: {{{}}}\n", flow(At::Upstream));
    let build = format!("build: {{source: {{dir: src}}, {}}}\n", flow(At::BuildKeys));
    let package = format!("package: {{{}}}\n", flow(At::Package));
    parts.extend([upstream.as_str(), &build, &package]);
    if is_turned {
        parts.reverse();
    }
    write("subsystems/tool/recipe.yml".into(), &parts.concat());
    let need = format!(
        "binaries: [gen]\nbuild: {{source: {{dir: src}}, {}}}\n",
        flow(At::Need)
    );
    write("subsystems/gen/recipe.yml".into(), &need);
    for name in ["other", "lint"] {
        let recipe = format!("binaries: [{name}]\nupstream: {{url: https://h.example/o}}\n");
        write(
            &Utf8PathBuf::from(format!("subsystems/{name}/recipe.yml")),
            &recipe,
        );
    }
    write("subsystems/tool/src/.gitignore".into(), "*.log\n");
    for (name, at) in [("tool", At::Source), ("gen", At::SourceOfNeed)] {
        let source = Utf8PathBuf::from(format!("subsystems/{name}/src"));
        for file in of(at) {
            match file.split_once('=') {
                Some((path, text)) => write(&source.join(path), text),
                None => fs::create_dir_all(root.join(&source).join(file)).unwrap(),
            }
        }
    }
    let project = Project::load(&root, &UserConfig::default()).unwrap_or_else(|error| {
        panic!(
            "{error}: {:?}\n{versions}\n{}",
            error.file_problems(),
            parts.concat()
        )
    });
    let tool = &project.subsystems[&"tool".parse().unwrap()];
    wanted(&project, tool, "linux-amd64".parse().unwrap(), &Folders).unwrap()
}

/// Which keys differ.
fn changed(a: &Wanted, b: &Wanted) -> Of {
    match (a.original != b.original, a.build != b.build) {
        (false, false) => Neither,
        (true, false) => Original,
        (false, true) => Build,
        (true, true) => Both,
    }
}

fn choice() -> impl Strategy<Value = Choice> {
    prop::collection::vec(0_usize..6, PARTS.len())
}

proptest! {
    // Every case changes each part once.
    #![proptest_config(ProptestConfig { cases: 3, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_key_changes_exactly_when_an_input_does(before in choice()) {
        let keys_before = keys(&before, false);
        for (part, (_, of, values)) in PARTS.iter().enumerate() {
            for step in 1..values.len() {
                let mut after = before.clone();
                after[part] += step;
                prop_assert_eq!(
                    changed(&keys_before, &keys(&after, false)), *of,
                    "{} became {}", value(&before, part), value(&after, part)
                );
            }
        }
        prop_assert_eq!(changed(&keys_before, &keys(&before, true)), Neither, "the order of keys");
    }
}
