//! What is rendered for winget.

use super::*;
use crate::render::Rendered;
use crate::tests::{Sample, read};
use larder_core::model::Digest;
use larder_core::project::publish::Channel;
use serde_yaml::Value;
use std::collections::BTreeMap;

fn acme() -> Winget {
    Winget {
        publisher: "Acme".into(),
        ..Winget::default()
    }
}

fn rendered(sample: &Sample, winget: Winget, notes: Option<&str>) -> BTreeMap<String, String> {
    let (rendered, folder) = sample.render_after(Channel::Winget(winget), notes);
    assert_eq!(rendered, Rendered::Files);
    read(&folder)
        .into_iter()
        .map(|(name, bytes)| (name, String::from_utf8(bytes).unwrap()))
        .collect()
}

fn parsed(files: &BTreeMap<String, String>, name: &str) -> Value {
    serde_yaml::from_str(&files[name]).unwrap()
}

#[test]
fn a_version_has_three_manifests() {
    let mut sample = Sample::with_binaries(
        "arc",
        "v1.2.3",
        &["arc", "arcd"],
        &["windows-amd64", "windows-arm64", "linux-amd64"],
    );
    sample.release.time = 1_769_861_000;
    let files = rendered(&sample, acme(), None);
    let digest = |asset: &str| Digest::of(asset.as_bytes()).to_string().to_uppercase();
    let head = |kind: &str| {
        format!(
            "# Rendered by larder.
# yaml-language-server: $schema=https://aka.ms/winget-manifest.{kind}.1.12.0.schema.json

PackageIdentifier: \"Acme.arc\"
PackageVersion: \"1.2.3\"
"
        )
    };
    let expected = [
        (
            "Acme.arc.yaml",
            "version",
            "DefaultLocale: en-US
"
            .to_owned(),
        ),
        (
            "Acme.arc.installer.yaml",
            "installer",
            "InstallerType: zip
NestedInstallerType: portable
NestedInstallerFiles:
- RelativeFilePath: \"arc.exe\"
  PortableCommandAlias: \"arc\"
- RelativeFilePath: \"arcd.exe\"
  PortableCommandAlias: \"arcd\"
ReleaseDate: \"2026-01-31\"
Installers:
- Architecture: x64
  InstallerUrl: \"https://hub.example/arc-v1.2.3/arc-windows-amd64.zip\"
  InstallerSha256: \"AMD64\"
- Architecture: arm64
  InstallerUrl: \"https://hub.example/arc-v1.2.3/arc-windows-arm64.zip\"
  InstallerSha256: \"ARM64\"
"
            .replace("AMD64", &digest("arc-windows-amd64.zip"))
            .replace("ARM64", &digest("arc-windows-arm64.zip")),
        ),
        (
            "Acme.arc.locale.en-US.yaml",
            "defaultLocale",
            "PackageLocale: en-US
Publisher: \"Acme\"
PackageName: \"arc\"
PackageUrl: \"https://arc.example\"
License: \"MIT\"
ShortDescription: \"Draws an arc on the terminal\"
Moniker: \"arc\"
ReleaseNotes: \"- a first version\"
"
            .to_owned(),
        ),
    ];
    assert_eq!(files.len(), expected.len());
    for (name, kind, body) in expected {
        let end = format!("ManifestType: {kind}\nManifestVersion: 1.12.0\n");
        assert_eq!(files[name], format!("{}{body}{end}", head(kind)), "{name}");
    }
}

#[test]
fn texts_are_kept_and_obey_the_limits() {
    let mut sample = Sample::new("1.0.0", &["windows-386"]);
    let long = format!("Draws \"#{{x}}\" $x: <&> 🏹\n\n{}", "word ".repeat(100));
    sample.release.description = Some(long);
    sample.release.homepage = Some("arc.example".into());
    sample.release.license = Some("X".into());
    sample.release.changelog = Some("x".repeat(20_000));
    let winget = Winget {
        publisher: "A".into(),
        name: Some("x".into()),
        ..acme()
    };
    let files = rendered(&sample, winget, Some("1: \"$x\"\n  - 2\n"));
    let locale = parsed(&files, "A.x.locale.en-US.yaml");
    let text = |key: &str| locale[key].as_str().unwrap().to_owned();
    assert_eq!(text("Publisher"), "A acme-tools");
    assert_eq!(text("PackageName"), "A x");
    assert_eq!(text("License"), "X licence");
    assert!(text("ShortDescription").starts_with("Draws \"#{x}\" $x: <&> 🏹 word"));
    assert!(text("ShortDescription").chars().count() <= 256);
    assert!(text("Description").starts_with("Draws \"#{x}\" $x: <&> 🏹\n\nword"));
    assert_eq!(text("ReleaseNotes").chars().count(), 10_000);
    assert_eq!(text("InstallationNotes"), "1: \"$x\"\n  - 2");
    assert!(locale.get("PackageUrl").is_none());
    let installer = parsed(&files, "A.x.installer.yaml");
    assert_eq!(installer["Installers"][0]["Architecture"], "x86");
    // 1980-01-01 is no date of a release.
    assert!(installer.get("ReleaseDate").is_none());
}

#[test]
fn programs_that_differ_are_named_for_each_architecture() {
    let mut sample = Sample::with_binaries(
        "arc",
        "1.0.0",
        &["arc", "run.cmd", &"a".repeat(41)],
        &["windows-amd64", "windows-arm"],
    );
    let arm = sample
        .release
        .platforms
        .iter_mut()
        .find(|platform| platform.platform().arch == Arch::Arm)
        .unwrap();
    let files = &mut arm.sidecar.content.files;
    files.retain(|file| !file.name.as_str().starts_with("aaa"));
    let files = rendered(&sample, acme(), None);
    let installer = parsed(&files, "Acme.arc.installer.yaml");
    assert!(installer.get("NestedInstallerFiles").is_none());
    let nested = |n: usize| &installer["Installers"][n]["NestedInstallerFiles"];
    assert_eq!(nested(0).as_sequence().unwrap().len(), 2);
    assert!(nested(0)[1].get("PortableCommandAlias").is_none());
    assert_eq!(nested(1).as_sequence().unwrap().len(), 1);
    assert_eq!(nested(1)[0]["PortableCommandAlias"], "arc");
}

#[test]
fn identifiers_are_clean_or_refused() {
    for (publisher, name, expected) in [
        ("Acme", None, Some("Acme.arc-2d.v1")),
        (
            "Acme Tools, Inc.",
            Some("Arc CLI"),
            Some("AcmeToolsInc.ArcCLI"),
        ),
        ("Ärzte", Some("a..b"), Some("Ärzte.a.b")),
        ("<?>", None, None),
        ("Acme", Some("?"), None),
        ("Acme", Some("a.b.c.d.e.f.g.h"), None),
        ("Acme", Some("a2345678901234567890123456789012x"), None),
    ] {
        let winget = Winget {
            publisher: publisher.into(),
            name: name.map(str::to_owned),
            ..Winget::default()
        };
        let sample = Sample::with_binaries("arc-2d.v1", "1.0.0", &["arc"], &["windows-amd64"]);
        let id = identifier(&winget, &sample.release.name);
        assert_eq!(id.ok().as_deref(), expected, "{publisher} {name:?}");
    }
}

#[test]
fn what_winget_cannot_install_is_an_error() {
    let sample = Sample::with_binaries("arc", "1.0.0", &["run.cmd"], &["windows-amd64"]);
    let error = installers(Manifest::new("installer"), &sample.release).err();
    assert!(error.unwrap().causes()[0].contains("`.exe`"));

    let mut sample = Sample::new("1.0.0", &["windows-amd64"]);
    sample.release.platforms[0].asset = "arc-windows-amd64.tar.gz".parse().unwrap();
    let error = installers(Manifest::new("installer"), &sample.release).err();
    let error = error.unwrap();
    assert_eq!(
        error.message(),
        "winget can't install arc-windows-amd64.tar.gz"
    );
    assert!(error.hints()[0].contains("package.format"));
}
