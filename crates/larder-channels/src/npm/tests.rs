//! Tests of the packages. npm and a registry judge them in `tests/oracles`.

use larder_core::project::publish::{Channel, Npm};
use serde_json::{Value, json};

use super::*;
use crate::render::{Rendered, Skip};
use crate::tests::{Sample, read};

fn npm(package: Option<&str>) -> Channel {
    Channel::Npm(Npm {
        package: package.map(str::to_owned),
    })
}

#[test]
fn each_platform_has_a_package() {
    let sample = Sample::with_binaries(
        "arc-2",
        "1.2.3-rc.1",
        &["arc-2", "arcd"],
        &[
            "linux-amd64",
            "linux-amd64-musl",
            "darwin-arm64",
            "windows-386",
        ],
    );
    let (rendered, folder) = sample.render(npm(Some("@acme/arc")));
    assert_eq!(rendered, Rendered::Files);
    let files = read(&folder);
    let manifest = |name: &str| -> Value {
        serde_json::from_slice(&files[&format!("{name}/package.json")]).unwrap()
    };
    let main = manifest("@acme/arc");
    assert_eq!(
        main["bin"],
        json!({"arc-2": "bin/arc-2.js", "arcd": "bin/arcd.js"})
    );
    assert_eq!(
        main["publishConfig"],
        json!({"access": "public", "tag": "next"})
    );
    assert_eq!(main["man"], json!(["./man/arc.1"]));
    assert_eq!(main["scripts"], Value::Null);
    let version = "1.2.3-rc.1";
    assert_eq!(
        main["optionalDependencies"],
        json!({
            "@acme/arc-linux-x64": version,
            "@acme/arc-linux-x64-musl": version,
            "@acme/arc-darwin-arm64": version,
            "@acme/arc-win32-ia32": version,
        })
    );
    for (name, os, cpu, libc) in [
        ("@acme/arc-linux-x64", "linux", "x64", Value::Null),
        ("@acme/arc-linux-x64-musl", "linux", "x64", json!(["musl"])),
        ("@acme/arc-darwin-arm64", "darwin", "arm64", Value::Null),
        ("@acme/arc-win32-ia32", "win32", "ia32", Value::Null),
    ] {
        let manifest = manifest(name);
        assert_eq!(manifest["os"], json!([os]));
        assert_eq!(manifest["cpu"], json!([cpu]));
        assert_eq!(manifest["libc"], libc, "{name}");
        assert_eq!(manifest["version"], version);
        assert_eq!(manifest["preferUnplugged"], true);
        let end = if os == "win32" { ".exe" } else { "" };
        assert!(files.contains_key(&format!("{name}/bin/arcd{end}")));
        assert!(files.contains_key(&format!("{name}/LICENSE")));
        let tarball = name.replace("@acme/", "acme-");
        assert!(files.contains_key(&format!("{tarball}-{version}.tgz")));
    }
}

#[test]
fn a_package_that_needs_a_c_library_says_so() {
    for (platforms, expected) in [
        (
            vec!["linux-amd64-gnu"],
            vec![("arc-linux-x64", json!(["glibc"]))],
        ),
        (
            vec!["linux-amd64-musl"],
            vec![("arc-linux-x64-musl", json!(["musl"]))],
        ),
        (
            vec!["linux-amd64", "linux-amd64-gnu"],
            vec![
                ("arc-linux-x64", Value::Null),
                ("arc-linux-x64-gnu", json!(["glibc"])),
            ],
        ),
    ] {
        let sample = Sample::new("1.0.0", &platforms);
        let (_, folder) = sample.render(npm(None));
        let files = read(&folder);
        for (name, libc) in expected {
            let bytes = &files[&format!("{name}/package.json")];
            let manifest: Value = serde_json::from_slice(bytes).unwrap();
            assert_eq!(manifest["libc"], libc, "{platforms:?}: {name}");
        }
    }
}

#[test]
fn texts_of_the_recipe_stay_texts() {
    let mut sample = Sample::new("1.0.0", &["linux-amd64"]);
    sample.release.description = Some("It's \"quoted\" `x` $x\n<b> & 🎉".into());
    let (_, folder) = sample.render(npm(None));
    let files = read(&folder);
    let manifest: Value = serde_json::from_slice(&files["arc/package.json"]).unwrap();
    assert_eq!(manifest["description"], "It's \"quoted\" `x` $x <b> & 🎉");
    assert_eq!(manifest["publishConfig"], json!({"access": "public"}));
    let readme = String::from_utf8(files["arc/README.md"].clone()).unwrap();
    assert!(readme.contains("\\`x\\` \\$x\n\\<b\\> \\& 🎉"), "{readme}");
}

#[test]
fn versions_are_those_of_semver() {
    for (text, expected) in [
        ("1.2.3", Some("1.2.3")),
        ("v1.2", Some("1.2.0")),
        ("2", Some("2.0.0")),
        ("1.2.3-rc.1", Some("1.2.3-rc.1")),
        ("1.2-rc.1", Some("1.2.0-rc.1")),
        ("1.2.3+build", None),
        ("1.2.3.4", None),
        ("2026.01.02", None),
        ("9.8p1", None),
        ("main", None),
    ] {
        let version = version(&text.parse().unwrap());
        assert_eq!(version.as_deref().ok(), expected, "{text}: {version:?}");
    }
    let (rendered, _) = Sample::new("1.2.3.4", &["linux-amd64"]).render(npm(None));
    assert!(matches!(rendered, Rendered::Skipped(Skip::Version(_))));
}

#[test]
fn names_are_those_of_npm() {
    for (name, is_name) in [
        ("arc", true),
        ("arc-2.x_y", true),
        ("@acme/arc", true),
        ("Arc", false),
        ("_arc", false),
        ("@acme", false),
        ("@acme/a/b", false),
        ("a/b", false),
        ("../a", false),
    ] {
        assert_eq!(check_name(name).is_ok(), is_name, "{name}");
    }
}
