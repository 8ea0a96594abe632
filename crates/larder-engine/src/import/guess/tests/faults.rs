//! What guesses got wrong once: a table for each kind of fault. The names are made up; the schemes are those of real
//! releases.

use std::collections::{BTreeMap, BTreeSet};

use larder_core::error::Result;
use larder_core::model::{Arch, Os, Platform, Version};

use super::super::{Guess, Seen, Wanted, guess, plain_name};
use super::SIX;

/// What the headers of assets say: the asset, then platforms, or `script`.
type Headers<'a> = &'a [(&'a str, &'a str)];

/// A guess for a subsystem of a repository (`name of repository`), with the headers that are read on the way.
struct Release<'a> {
    names: &'a str,
    version: &'a str,
    assets: &'a str,
    headers: Headers<'a>,
    given: &'a str,
}

impl Release<'_> {
    /// The assets by platform, and the assets whose headers were read.
    fn guess(&self) -> (Result<Option<Guess>>, Vec<String>) {
        let assets: Vec<String> = self.assets.split_whitespace().map(str::to_owned).collect();
        let (name, repository) = self
            .names
            .split_once(" of ")
            .unwrap_or((self.names, self.names));
        let version = self.version.parse().unwrap();
        let given: BTreeMap<Platform, String> = (self.given.split_whitespace())
            .map(|text| text.split_once('=').unwrap())
            .map(|(platform, asset)| (platform.parse().unwrap(), asset.to_owned()))
            .collect();
        let wanted = Wanted {
            assets: &assets,
            version: &version,
            platforms: &SIX.map(|text| text.parse().unwrap()),
            name,
            repository,
            given: &given,
        };
        let mut read = Vec::new();
        let mut read_header = |asset: &str| {
            read.push(asset.to_owned());
            let says = self.headers.iter().find(|(name, _)| *name == asset);
            let says = says.map_or("", |(_, says)| says);
            let native: BTreeSet<(Os, Arch)> = says
                .split_whitespace()
                .filter_map(|text| text.parse::<Platform>().ok())
                .map(|platform| (platform.os, platform.arch))
                .collect();
            Ok(Seen {
                native,
                script: says == "script",
            })
        };
        let guess = guess(&wanted, &mut read_header);
        (guess, read)
    }

    fn found(&self) -> BTreeMap<String, String> {
        let (guess, _) = self.guess();
        let assets = guess.unwrap().map(|guess| guess.assets).unwrap_or_default();
        (assets.into_iter())
            .map(|(platform, asset)| (platform.to_string(), asset))
            .collect()
    }
}

/// Checks the guesses of releases: names, assets, headers, and what is right (`platform=asset`).
fn check(releases: &[(&str, &str, Headers<'_>, &str)]) {
    for (names, assets, headers, right) in releases {
        let release = Release {
            names,
            version: "v1.2.0",
            assets,
            headers,
            given: "",
        };
        let right: BTreeMap<String, String> = (right.split_whitespace())
            .map(|text| text.split_once('=').unwrap())
            .map(|(platform, asset)| (platform.to_owned(), asset.to_owned()))
            .collect();
        assert_eq!(release.found(), right, "{names}: {assets}");
    }
}

#[test]
fn a_header_tells_what_a_name_does_not() {
    check(&[
        (
            "boat",
            "boat boat-arm64 boat-darwin boat-darwin-arm64 boat.exe boat-1.2.0.tar.gz boat.sha256",
            &[
                ("boat", "linux-amd64"),
                ("boat-arm64", "linux-arm64"),
                ("boat-darwin", "darwin-amd64"),
                ("boat.exe", "windows-amd64"),
            ],
            "linux-amd64=boat linux-arm64=boat-arm64 darwin-amd64=boat-darwin
             darwin-arm64=boat-darwin-arm64 windows-amd64=boat.exe",
        ),
        (
            "kite",
            "kite.zip kite-1.2.0.tar.gz",
            &[("kite.zip", "darwin-amd64 darwin-arm64")],
            "darwin-amd64=kite.zip darwin-arm64=kite.zip",
        ),
        // One of the two files for a Mac is for one processor only, and a Windows program has 32 bit.
        (
            "kite",
            "linux-artifacts.zip macOS-artifacts.zip windows-artifacts.zip kite-1.2.0.tar.gz",
            &[
                ("linux-artifacts.zip", "linux-amd64"),
                ("macOS-artifacts.zip", "darwin-arm64"),
                ("windows-artifacts.zip", "windows-386"),
            ],
            "linux-amd64=linux-artifacts.zip darwin-arm64=macOS-artifacts.zip",
        ),
        (
            "crane",
            "crane.amd64 crane.arm64 crane.sha256sum",
            &[
                ("crane.amd64", "linux-amd64"),
                ("crane.arm64", "linux-arm64"),
            ],
            "linux-amd64=crane.amd64 linux-arm64=crane.arm64",
        ),
        // `arm` and `x86` often mean 64 bit, and sometimes they don't.
        (
            "ink",
            "ink_linux-arm ink_macos-arm ink_windows-x86.exe",
            &[
                ("ink_linux-arm", "linux-arm64"),
                ("ink_macos-arm", "darwin-arm64"),
                ("ink_windows-x86.exe", "windows-386"),
            ],
            "linux-arm64=ink_linux-arm darwin-arm64=ink_macos-arm",
        ),
        (
            "note",
            "note.sh note-linux.tar.gz note-1.2.0.zip",
            &[("note-linux.tar.gz", "script")],
            "linux-amd64=note-linux.tar.gz linux-arm64=note-linux.tar.gz",
        ),
        (
            "note",
            "Note-1.2.0-x86_64.AppImage Note-1.2.0-arm64.AppImage",
            &[],
            "linux-amd64=Note-1.2.0-x86_64.AppImage linux-arm64=Note-1.2.0-arm64.AppImage",
        ),
    ]);
}

#[test]
fn headers_are_read_only_where_they_are_needed_and_not_without_end() {
    let six = "t-linux-amd64 t-linux-arm64 t-darwin-amd64 t-darwin-arm64 t-windows-amd64.exe t-windows-arm64.exe";
    let many: Vec<String> = (1..40)
        .map(|n| format!("t-{}.zip", "x".repeat(n)))
        .collect();
    let many = many.join(" ");
    for (assets, most) in [
        (format!("{six} t t.zip t-1.2.0.tar.gz"), 0),
        // The source code is not read where other names tell the platform.
        ("t-linux-amd64 t-1.2.0.tar.gz t-1.2.0.zip".to_owned(), 0),
        ("t-1.2.0.tar.gz t-1.2.0.zip".to_owned(), 2),
        (many, 8),
    ] {
        let release = Release {
            names: "t",
            version: "v1.2.0",
            assets: &assets,
            headers: &[],
            given: "",
        };
        let (_, read) = release.guess();
        assert!(read.len() <= most, "{assets}: {read:?}");
    }
}

#[test]
fn words_of_the_name_outrank_those_of_the_repository() {
    let two = "plan_1.2.0_linux_amd64.tar.gz plan_1.2.0_darwin_arm64.tar.gz
               match_1.2.0_linux_amd64.tar.gz match_1.2.0_darwin_arm64.tar.gz";
    let ctl = "moon-linux-amd64 moonctl-linux-amd64 moonctl-windows-amd64.exe";
    check(&[
        (
            "match of plan",
            two,
            &[],
            "linux-amd64=match_1.2.0_linux_amd64.tar.gz darwin-arm64=match_1.2.0_darwin_arm64.tar.gz",
        ),
        (
            "plan of plan",
            two,
            &[],
            "linux-amd64=plan_1.2.0_linux_amd64.tar.gz darwin-arm64=plan_1.2.0_darwin_arm64.tar.gz",
        ),
        // Another product's program does not stand in where one is missing.
        ("moon", ctl, &[], "linux-amd64=moon-linux-amd64"),
        (
            "moonctl of moon",
            ctl,
            &[],
            "linux-amd64=moonctl-linux-amd64 windows-amd64=moonctl-windows-amd64.exe",
        ),
        (
            "go-plugin-json of go-plugin",
            "go-plugin-yaml-linux-amd64 go-plugin-json-linux-amd64 go-plugin-yaml-darwin-arm64",
            &[],
            "linux-amd64=go-plugin-json-linux-amd64",
        ),
    ]);
}

#[test]
fn a_release_with_several_products_is_asked_about() {
    for (names, assets) in [
        (
            "tunnel",
            "tunnel-client-linux-amd64 tunnel-server-linux-amd64",
        ),
        (
            "net of tunnel",
            "abc-linux-amd64 xyz-linux-amd64 xyz-linux-arm64",
        ),
    ] {
        let release = Release {
            names,
            version: "v1.2.0",
            assets,
            headers: &[],
            given: "",
        };
        let error = release.guess().0.unwrap_err();
        assert!(error.message().contains("several products"), "{error}");
        assert!(error.hints()[0].contains("--asset linux-"), "{error}");
        let answer = assets.split(' ').nth(1).unwrap();
        let given = format!("linux-amd64={answer}");
        let found = Release {
            given: &given,
            ..release
        }
        .found();
        assert_eq!(found["linux-amd64"], answer);
    }
    let unknown = Release {
        names: "tunnel",
        version: "v1.2.0",
        assets: "tunnel-linux-amd64",
        headers: &[],
        given: "linux-amd64=tunel",
    };
    let error = unknown.guess().0.unwrap_err();
    assert!(error.message().contains("no asset tunel"), "{error}");
}

#[test]
fn words_for_systems_and_processors_are_understood() {
    let pairs = |list: &str| -> Vec<(String, String)> {
        (list.split_whitespace())
            .map(|text| text.split_once('=').unwrap())
            .map(|(asset, platform)| (asset.to_owned(), platform.to_owned()))
            .collect()
    };
    for (asset, platform) in pairs(
        "t-win32-x64.zip=windows-amd64 t-win32-arm64.exe=windows-arm64 t_linux_x86-64.zip=linux-amd64
         t_Linux_x86_64v1.tar.gz=linux-amd64 t-x86_64-apple=darwin-amd64 t-winarm64.zip=windows-arm64
         t_macos_intel_64.tgz=darwin-amd64 t-osx64.tgz=darwin-amd64 t-windows64.zip=windows-amd64
         t.exe.tgz=windows-amd64 t_macos_arm_64.zip=darwin-arm64 t_manylinux_aarch64=linux-arm64
         t-linux-arm64.bin=linux-arm64 t-all-linux-amd64=linux-amd64",
    ) {
        let header = [(asset.as_str(), platform.as_str())];
        check(&[("t", &asset, &header, &format!("{platform}={asset}"))]);
    }
}

#[test]
fn marks_inside_the_own_name_do_not_count() {
    for own in [
        "src-cli",
        "terra-docs",
        "wasm-tools",
        "go-provenance",
        "setup",
        "all-in",
        "man",
        "mac-debug",
    ] {
        let assets = format!(
            "{own}-1.2.0-src.tar.gz {own}_1.2.0_source.tar.gz {own}_1.2.0_linux_amd64.tar.gz \
             {own}_1.2.0_windows_arm64.zip {own}_1.2.0_docs.tar.gz"
        );
        let right = format!(
            "linux-amd64={own}_1.2.0_linux_amd64.tar.gz windows-arm64={own}_1.2.0_windows_arm64.zip"
        );
        check(&[(own, &assets, &[], &right)]);
    }
    // As words of other names they do.
    check(&[(
        "t",
        "t-src-linux-amd64.tar.gz t-docs-linux-amd64.zip",
        &[],
        "",
    )]);
}

#[test]
fn names_of_programs_are_not_cut_at_neutral_words() {
    let version: Version = "v1.2.0".parse().unwrap();
    for (file, own, plain) in [
        ("agent-release", &[][..], "agent-release"),
        ("agent-static-linux-amd64", &[], "agent-static"),
        ("agent-static-linux-amd64", &["agent"], "agent"),
        ("terra-docs", &[], "terra-docs"),
        ("wasm-tools_1.2.0_darwin", &["wasm-tools"], "wasm-tools"),
        ("linux", &["linux"], "linux"),
        ("tool-v1.2.0", &[], "tool"),
        ("tool_windows_amd64", &["other"], "tool"),
    ] {
        assert_eq!(plain_name(file, &version, own), plain, "{file}");
    }
}

#[test]
fn packages_that_cannot_be_opened_are_named() {
    let release = Release {
        names: "safe",
        version: "v1.2.0",
        assets: "safe-linux-amd64 safe-darwin-arm64.dmg safe-x64.msi safe-1.2.0.pkg",
        headers: &[],
        given: "",
    };
    let guess = release.guess().0.unwrap().unwrap();
    let named: Vec<String> = (guess.unreadable.iter())
        .map(|(platform, package)| format!("{platform} {package}"))
        .collect();
    assert_eq!(
        named,
        [
            "darwin-amd64 safe-1.2.0.pkg",
            "darwin-arm64 safe-darwin-arm64.dmg",
            "windows-amd64 safe-x64.msi"
        ]
    );
}

/// The files that may state digests, the best first: the platforms they are for, and the template for the first of them.
#[test]
fn files_with_digests_are_found_where_they_exist() {
    let three = "t-linux-amd64.tgz t-darwin-arm64.tgz t-windows-amd64.zip";
    let all = "linux-amd64 darwin-arm64 windows-amd64";
    for (files, covered, template) in [
        ("hashes.sha256", all, "hashes.sha256"),
        (
            "t-1.2.0.sha256sums",
            all,
            "t-{{ version_number }}.sha256sums",
        ),
        ("t-v1.2.0.sha256sum", all, "t-{{ version }}.sha256sum"),
        ("SHASUMS512.txt", all, "SHASUMS512.txt"),
        (
            "t-v1.2.0.checksums.txt",
            all,
            "t-{{ version }}.checksums.txt",
        ),
        ("checksums.sha256.txt", all, "checksums.sha256.txt"),
        ("tchecksums.txt", all, "tchecksums.txt"),
        (
            "other-checksums.txt checksums.t.txt checksums.txt",
            all,
            "checksums.t.txt",
        ),
        (
            "sha256sums-linux.txt sha256sums-darwin.txt",
            "linux-amd64 darwin-arm64",
            "sha256sums-{{ os }}.txt",
        ),
        (
            "sha256sum-amd64.txt",
            "linux-amd64 windows-amd64",
            "sha256sum-amd64.txt",
        ),
        (
            "t-linux-amd64.sha256 t-darwin-arm64.sha256 t-windows-amd64.sha256",
            all,
            "t-{{ os }}-{{ arch }}.sha256",
        ),
        (
            "t-linux-amd64.tgz.sha256 t-darwin-arm64.tgz.sha256",
            "linux-amd64 darwin-arm64",
            "t-{{ os }}-{{ arch }}.{{ 'zip' if os == 'windows' else 'tgz' }}.sha256",
        ),
        ("sha256sums-freebsd.txt", "", ""),
        ("t-linux-amd64.tgz.sig", "", ""),
    ] {
        let assets = format!("{three} {files}");
        let release = Release {
            names: "t",
            version: "v1.2.0",
            assets: &assets,
            headers: &[],
            given: "",
        };
        let guess = release.guess().0.unwrap().unwrap();
        let found = guess.checksums.first();
        let platforms: Vec<String> = found
            .map(|files| files.names.keys().map(ToString::to_string).collect())
            .unwrap_or_default();
        assert_eq!(platforms.join(" "), covered, "{files}");
        let version = "v1.2.0".parse().unwrap();
        let first = found.and_then(|files| {
            let platform = *files.names.keys().next()?;
            guess.checksums_template(files, &version, platform)
        });
        assert_eq!(first.unwrap_or_default(), template, "{files}");
    }
}
