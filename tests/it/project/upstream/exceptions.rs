//! The exceptions of `upstream`: for platforms, for versions, and for platforms that run the programs
//! of others. What they render to, and the mistakes in them.

use larder_core::model::{FileName, Platform};
use larder_core::project::{Coordinate, Emulated, Keep, Original, Subsystem};

use crate::project::loading::Files;

fn platform(text: &str) -> Platform {
    text.parse().unwrap()
}

fn files(version: &str, recipe: &str) -> Files {
    let versions = format!(
        "versions: {{x: {version}}}\nplatforms: [linux-amd64, windows-amd64, windows-arm64, darwin-arm64]\n"
    );
    Files::new()
        .file("versions.yml", &versions)
        .file("subsystems/x/recipe.yml", recipe)
}

/// A subsystem with a version and a recipe.
fn subsystem(version: &str, recipe: &str) -> Subsystem {
    let project = files(version, recipe).load();
    let project = project.unwrap_or_else(|shown| panic!("{shown}"));
    project.subsystems.into_values().next().unwrap()
}

fn original(version: &str, recipe: &str, on: &str) -> Original {
    let original = subsystem(version, recipe).original(&platform(on));
    original.unwrap().unwrap()
}

fn url(original: &Original) -> &str {
    match &original.coordinate {
        Coordinate::Url(url) => url,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_range_that_has_the_version_applies() {
    const RECIPE: &str = "
binaries: [x]
upstream:
  url: 'https://h/{{ os }}-{{ arch }}-{{ version }}'
  replacements: {amd64: x64}
  overrides: {windows: {url: 'https://w/{{ arch }}.zip'}}
  versions:
    - {'<1.4': {url: 'https://old/{{ os }}-{{ arch }}', replacements: {arm64: a64}, overrides: {darwin: {replacements: {darwin: mac}}}}}
    - {'<2, >=1.4': {overrides: {windows-amd64: {url: 'https://middle/{{ arch }}'}}}}
    - {'^1': {url: 'https://never'}}
    - {v2.0.0: {keep: tree, binaries: [y, z]}}
";
    for (version, on, wanted) in [
        ("v1.3.9", "linux-amd64", "https://old/linux-x64"),
        ("1.3.9", "windows-amd64", "https://old/windows-x64"),
        ("v1.3.9", "darwin-arm64", "https://old/mac-a64"),
        ("v1.10.0", "linux-amd64", "https://h/linux-x64-v1.10.0"),
        ("v1.10.0", "windows-amd64", "https://middle/x64"),
        ("v1.10.0", "windows-arm64", "https://w/arm64.zip"),
        ("v2.0.0", "windows-amd64", "https://w/x64.zip"),
        ("v2.0.1", "linux-amd64", "https://h/linux-x64-v2.0.1"),
    ] {
        assert_eq!(
            url(&original(version, RECIPE, on)),
            wanted,
            "{version} {on}"
        );
    }
    let names = |version| {
        let names = subsystem(version, RECIPE).file_names(&platform("windows-amd64"));
        names.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(names("2.0.0"), ["y.exe", "z.exe"]);
    assert_eq!(names("2.0.1"), ["x.exe"]);
    assert_eq!(original("2.0.0", RECIPE, "linux-amd64").keep, Keep::Tree);
    assert_eq!(original("2.0.1", RECIPE, "linux-amd64").keep, Keep::Files);
}

#[test]
fn binaries_differ_by_platform_and_have_several_names() {
    let x = subsystem(
        "v1",
        "binaries: [bun, {name: bunx, link: bun}]\npackage: {include: [LICENSE]}\n\
         upstream: {url: 'https://h/x', overrides: {windows: {binaries: [bun, {name: bunx.cmd, link: bun}, run.sh]}, windows-arm64: {binaries: [a]}}}\n",
    );
    let texts =
        |names: Vec<FileName>| -> Vec<String> { names.iter().map(ToString::to_string).collect() };
    let names = |on: &str| texts(x.file_names(&platform(on)));
    assert_eq!(names("linux-amd64"), ["bun", "bunx", "LICENSE"]);
    assert_eq!(
        names("windows-amd64"),
        ["bun.exe", "bunx.cmd", "run.sh", "LICENSE"]
    );
    assert_eq!(names("windows-arm64"), ["a.exe", "LICENSE"]);
    assert_eq!(
        texts(x.binary_names()),
        ["bun", "bunx", "bunx.cmd", "run.sh", "a"]
    );
    let links = |on: &str| {
        let links = x.links(&platform(on)).into_iter();
        links
            .map(|(name, of)| format!("{name} {of}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(links("linux-amd64"), ["bunx bun"]);
    assert_eq!(links("windows-amd64"), ["bunx.cmd bun.exe"]);
    assert_eq!(x.package.name.as_str(), "bun");
}

#[test]
fn only_the_file_itself_needs_a_line_of_extract() {
    let x = "binaries: [bun, {name: bunx, link: bun}]\nupstream: {url: 'https://h/x', extract: {'*/bun{{ exe }}': 'bun{{ exe }}'}}\n";
    let original = original("v1", x, "windows-amd64");
    assert_eq!(
        original.extract,
        [("*/bun.exe".to_owned(), "bun.exe".parse().unwrap())]
    );
}

#[test]
fn an_emulated_platform_has_the_original_of_the_other_one_too() {
    let other = |recipe: &str, on: &str| -> Option<String> {
        let original = original("v1", recipe, on);
        let Emulated { platform, original } = *original.emulated?;
        assert_eq!(original.emulated, None);
        Some(format!("{platform} {}", url(&original)))
    };
    let with = |emulate: &str| {
        format!(
            "binaries: [x]\nupstream: {{url: 'https://h/{{{{ os }}}}-{{{{ arch }}}}', replacements: {{amd64: x64}}, {emulate}}}\n"
        )
    };
    for (emulate, on, wanted) in [
        (
            "emulate: true",
            "windows-arm64",
            Some("windows-amd64 https://h/windows-x64"),
        ),
        (
            "emulate: true",
            "darwin-arm64",
            Some("darwin-amd64 https://h/darwin-x64"),
        ),
        ("emulate: true", "windows-amd64", None),
        ("emulate: true", "linux-amd64", None),
        ("emulate: false", "windows-arm64", None),
        (
            "emulate: {windows-arm64: windows-386}",
            "windows-arm64",
            Some("windows-386 https://h/windows-386"),
        ),
        (
            "emulate: {windows-arm64: windows-386}",
            "darwin-arm64",
            None,
        ),
        (
            "emulate: true, overrides: {darwin: {emulate: false}}",
            "darwin-arm64",
            None,
        ),
        (
            "versions: [{'<2': {emulate: true}}]",
            "darwin-arm64",
            Some("darwin-amd64 https://h/darwin-x64"),
        ),
        (
            "emulate: true, overrides: {windows-amd64: {url: 'https://only/{{ arch }}'}}",
            "windows-arm64",
            Some("windows-amd64 https://only/x64"),
        ),
    ] {
        assert_eq!(
            other(&with(emulate), on).as_deref(),
            wanted,
            "{emulate} on {on}"
        );
    }
    // There may be no original for the platform itself at all.
    let only = "binaries: [x]\nplatforms: [windows-amd64, windows-arm64]\nupstream: {emulate: true, overrides: {windows-amd64: {url: 'https://h/x'}}}\n";
    assert_eq!(url(&original("v1", only, "windows-arm64")), "https://h/x");
    assert_eq!(
        other(only, "windows-arm64").as_deref(),
        Some("windows-amd64 https://h/x")
    );
}

#[test]
fn mistakes_have_a_place_and_a_hint() {
    for (recipe, texts) in [
        (
            "upstream: {url: 'https://h/x', versions: [{§'<1.4 >2': {}}]}",
            ["`<1.4 >2` is not a range of versions", "such as \"<1.4\""],
        ),
        (
            "upstream: {url: 'https://h/x', versions: [{'<1.4': {§urll: x}}]}",
            ["unknown key `urll` in `<1.4`", "did you mean `url`?"],
        ),
        (
            "upstream: {url: 'https://h/x', versions: [§{'<1': {}, '<2': {}}]}",
            [
                "an entry of `versions` has one range, not 2",
                "write `- {\"<1.4\"",
            ],
        ),
        (
            "upstream: {url: 'https://h/x', versions: [{'<1': {§versions: []}}]}",
            ["unknown key `versions` in `<1`", "known"],
        ),
        (
            // An entry for other versions is checked too.
            "§upstream: {url: 'https://h/x', versions: [{'<0.4': {github: a/b}}]}",
            [
                "`github` needs `asset`, which is missing for linux-amd64",
                "asset:",
            ],
        ),
        (
            "upstream: {url: 'https://h/x', versions: [{'<0.4': {overrides: {windows: {url: §'ftp://{{ arch }}'}}}}]}",
            ["`ftp://amd64` can't be used", ""],
        ),
        (
            "upstream: {url: 'https://h/x', versions: [{'<0.4': {url: 'https://{{ §arhc }}'}}]}",
            ["unknown variable `arhc`", "did you mean `arch`?"],
        ),
        (
            "upstream: {url: 'https://h/x', §binaries: [y]}",
            ["unknown key `binaries` in `upstream`", "known"],
        ),
        (
            "upstream: {url: 'https://h/x', overrides: {windows: {binaries: [§y.exe]}}}",
            ["`y.exe` is written with .exe", "write `y`"],
        ),
        (
            "upstream: {url: 'https://h/x', overrides: {windows: {binaries: [tool, {name: t, link: §tol}]}}}",
            [
                "`t` is another name of `tol`, which is no binary of this list",
                "did you mean `tool`?",
            ],
        ),
        (
            "upstream: {url: 'https://h/x', overrides: {windows: {binaries: [a, {name: b, link: a}, {name: c, link: §b}]}}}",
            [
                "`c` is another name of `b`, which is no binary",
                "no link itself",
            ],
        ),
        (
            "upstream: {url: 'https://h/x', overrides: {windows: {binaries: [a, §{name: b}]}}}",
            ["the key `link` is missing", "add `link:`"],
        ),
        (
            "upstream: {url: 'https://h/x', overrides: {windows: {binaries: [a, {name: b, link: a}], extract: {a: a.exe, b: §b.exe}}}}",
            ["`b.exe` is another name of `a.exe`", "remove this line"],
        ),
        (
            "upstream: {url: 'https://h/x', overrides: {windows: {binaries: [license]}}}\npackage: {include: [§LICENSE]}",
            ["the included file `LICENSE` has the name of a binary", ""],
        ),
        (
            "upstream: {url: 'https://h/x', emulate: §yes}",
            ["`yes` is neither true nor false", "write `true` or `false`"],
        ),
        (
            "upstream: {url: 'https://h/x', emulate: {windows-arm64: §linux-amd64}}",
            [
                "`windows-arm64` can't run the programs of `linux-amd64`",
                "such as windows-amd64",
            ],
        ),
        (
            "upstream: {url: 'https://h/x', emulate: {windows-arm64: §windows-arm64}}",
            ["`windows-arm64` does not emulate itself", ""],
        ),
        (
            "upstream: {url: 'https://h/x', emulate: {§windows-arm65: windows-amd64}}",
            ["unknown architecture `arm65`", ""],
        ),
        (
            "upstream: {url: 'https://h/x', keep: §all}",
            ["unknown `keep` value `all`", "files"],
        ),
        (
            // The mistake is in what is used for another platform.
            "platforms: [windows-arm64]\nupstream: {url: 'https://h/x', emulate: true, overrides: {windows-amd64: {url: §'ftp://{{ arch }}'}}}",
            ["`ftp://amd64` can't be used", ""],
        ),
    ] {
        // The mistake is behind the mark.
        let recipe = format!("binaries: [x]\n{recipe}\n");
        let (before, after) = recipe.split_once('§').unwrap();
        let (lines, line) = before.rsplit_once('\n').unwrap();
        let place = format!("{}:{}", lines.lines().count() + 1, line.len() + 1);
        let shown = files("v1", &[before, after].concat()).problems();
        assert!(
            shown.contains(&format!("recipe.yml:{place}\n")),
            "{place}:\n{shown}"
        );
        for text in texts {
            assert!(shown.contains(text), "{text}:\n{shown}");
        }
        assert_eq!(shown.matches("error:").count(), 1, "{shown}");
    }
}

#[test]
fn what_depends_on_the_version_is_not_judged_for_other_versions() {
    let x = "binaries: [x]\nupstream: {url: 'https://h/{{ version }}', versions: [{'<2024': {url: \"https://h/{{ version_number.split('-')[1] }}\"}}]}\n";
    assert_eq!(url(&original("2025", x, "linux-amd64")), "https://h/2025");
    let shown = files("1.0", x).problems();
    assert!(shown.contains("recipe.yml:2:"), "{shown}");
}
