//! Tests of the files for Chocolatey.

use larder_core::model::Digest;
use larder_core::project::publish::{Channel, ChannelConfig};

use super::*;
use crate::render::{Rendered, Skip};
use crate::tests::{Sample, read};

fn config(post_install: Option<&str>) -> ChannelConfig {
    ChannelConfig {
        channel: Channel::Chocolatey(Chocolatey {
            owners: Some("acme & co".into()),
            push: None,
        }),
        priority: 0,
        timeout: None,
        retry: None,
        prerelease: true,
        post_install: post_install.map(str::to_owned),
    }
}

fn rendered(sample: &Sample, post_install: Option<&str>) -> [String; 2] {
    let (rendered, folder) = sample.render_with(&config(post_install));
    assert_eq!(rendered, Rendered::Files);
    let files = read(&folder);
    let text = |name: &str| String::from_utf8(files[name].clone()).unwrap();
    [
        text(&format!("{}.nuspec", sample.release.name)),
        text(SCRIPT),
    ]
}

#[test]
fn the_script_downloads_the_zip_of_the_architecture() {
    let all = [
        "windows-386",
        "windows-amd64",
        "windows-arm64",
        "linux-amd64",
    ];
    for (platforms, urls) in [(&all[..], 2), (&all[1..], 1)] {
        let sample = Sample::new("1.2.3", platforms);
        let [_, script] = rendered(&sample, None);
        assert_eq!(script.matches("https://").count(), urls, "{script}");
        let digest = Digest::of(b"arc-windows-amd64.zip");
        let wanted = format!(
            "  url64bit       = 'https://hub.example/arc-1.2.3/arc-windows-amd64.zip'\n  checksum64     = '{digest}'\n  checksumType64 = 'sha256'\n}}\n\nInstall-ChocolateyZipPackage @packageArgs\n"
        );
        assert!(script.ends_with(&wanted), "{script}");
    }
}

#[test]
fn texts_are_quoted_for_powershell_and_xml() {
    let mut sample = Sample::new("1.2.3", &["windows-amd64"]);
    sample.release.description = Some("\"<&>\" #{x} $x 😀\u{1}\nsecond".into());
    let [manifest, script] = rendered(&sample, Some("it's $x `y`\n‘ok’ 😀"));
    assert!(script.starts_with('\u{feff}'), "{script}");
    assert!(
        script.ends_with("Write-Host 'it''s $x `y`'\nWrite-Host '‘‘ok’’ 😀'\n"),
        "{script}"
    );
    for wanted in [
        "<description>&quot;&lt;&amp;&gt;&quot; #{x} $x 😀\nsecond</description>",
        "<summary>&quot;&lt;&amp;&gt;&quot; #{x} $x 😀 second</summary>",
        "<owners>acme &amp; co</owners>",
        "<authors>Acme Tools</authors>",
        "<licenseUrl>https://spdx.org/licenses/MIT.html</licenseUrl>",
    ] {
        assert!(manifest.contains(wanted), "{wanted}\nis not in\n{manifest}");
    }
    sample.release.license = Some("MIT OR Apache-2.0".into());
    let [manifest, _] = rendered(&sample, None);
    assert!(!manifest.contains("licenseUrl"), "{manifest}");
}

#[test]
fn versions_are_those_of_nuget() {
    for (text, wanted) in [
        ("v1.2.3", Ok("1.2.3")),
        ("1.02", Ok("1.2.0")),
        ("2026", Ok("2026.0.0")),
        ("1.2.3.4", Ok("1.2.3.4")),
        ("1.2.3.0", Ok("1.2.3")),
        ("1.2.3-rc.1", Ok("1.2.3-rc1")),
        (
            "1.2.3-1",
            Err("its pre-releases start with a letter and have at most 20 characters"),
        ),
        ("1.2.3+b", Err("its versions have no `+`")),
        (
            "1.2.3.4.5",
            Err("its versions are up to four numbers with dots between them"),
        ),
        (
            "r12",
            Err("its versions are up to four numbers with dots between them"),
        ),
        (
            "1.99999999999",
            Err("the numbers of its versions are at most 2147483647"),
        ),
    ] {
        let version_of = version(&text.parse().unwrap());
        assert_eq!(
            version_of,
            wanted.map(str::to_owned).map_err(str::to_owned),
            "{text}"
        );
    }
}

#[test]
fn what_chocolatey_cannot_install_is_skipped_or_an_error() {
    for (version, platform, skip) in [
        ("1.2.3", "windows-arm64", Skip::NoPlatform),
        ("1.2.3", "linux-amd64", Skip::NoPlatform),
        ("1.2.3-rc.1", "windows-amd64", Skip::Prerelease),
    ] {
        let sample = Sample::new(version, &[platform]);
        let (rendered, _) = sample.render(Channel::Chocolatey(Chocolatey::default()));
        assert_eq!(rendered, Rendered::Skipped(skip), "{version} {platform}");
    }
    let mut sample = Sample::new("1.2.3", &["windows-amd64"]);
    sample.release.platforms[0].asset = "arc-windows-amd64.tar.gz".parse().unwrap();
    let error = script(&sample.release, None).unwrap_err();
    assert_eq!(
        error.message(),
        "chocolatey can't install arc-windows-amd64.tar.gz"
    );
}

#[test]
fn the_package_has_the_parts_that_nuget_reads() {
    let sample = Sample::new("1.2.3", &["windows-amd64"]);
    let (_, folder) = sample.render_with(&config(None));
    let zip = read(&folder).remove("arc.1.2.3.nupkg").unwrap();
    let has = |text: &str| zip.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(zip.starts_with(b"PK\x03\x04") && has("[Content_Types].xml") && has("_rels/.rels"));
    assert!(has("arc.nuspec") && has(SCRIPT) && has(".psmdcp"));
}
