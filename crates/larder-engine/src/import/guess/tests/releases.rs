//! The asset names of real projects' releases. Where a release has dozens of system packages, signatures and the like, only
//! some of them are listed.

use std::fmt::Write as _;

use std::collections::BTreeMap;

use larder_core::model::{Platform, Version};

use super::super::{Guess, Naming, Seen, Wanted, guess, plain_name, siblings, version_in_url};
use super::SIX;

/// A guess from names alone: no header is read.
fn from_names(names: &[&str; 2], version: &Version, assets: &[String]) -> Option<Guess> {
    let platforms = SIX.map(|text| text.parse::<Platform>().unwrap());
    let wanted = Wanted {
        assets,
        version,
        platforms: &platforms,
        name: names[0],
        repository: names[1],
        given: &BTreeMap::new(),
    };
    guess(&wanted, &mut |_| Ok(Seen::default())).unwrap_or_default()
}

/// The guess as text. Checks that the templates render to every asset.
fn guessed(names: &[&str], version: &str, assets: &str) -> String {
    let assets: Vec<String> = assets.split_whitespace().map(str::to_owned).collect();
    let version: Version = version.parse().unwrap();
    let platforms = SIX.map(|text| text.parse::<Platform>().unwrap());
    let names = [names[0], names.get(1).copied().unwrap_or(names[0])];
    let Some(guess) = from_names(&names, &version, &assets) else {
        return "nothing".into();
    };
    let mut text = format!("{}: {}\n", guess.program, guess.asset);
    if !guess.replacements.is_empty() {
        writeln!(text, "replacements {:?}", guess.replacements).unwrap();
    }
    for (place, template) in &guess.overrides {
        writeln!(text, "{place}: {template}").unwrap();
    }
    for platform in &platforms {
        let Some(asset) = guess.assets.get(platform) else {
            writeln!(text, "nothing for {platform}").unwrap();
            continue;
        };
        let place = |place: String| guess.overrides.get(&place);
        let template = place(platform.to_string())
            .or_else(|| place(platform.os.as_str().to_owned()))
            .unwrap_or(&guess.asset);
        let word = |word: &str| {
            guess
                .replacements
                .get(word)
                .cloned()
                .unwrap_or_else(|| word.to_owned())
        };
        let context = minijinja::context! {
            version => version.as_str(), version_number => version.number(), exe => platform.exe(),
            os => word(platform.os.as_str()), arch => word(platform.arch.as_str()),
        };
        let rendered = minijinja::Environment::new()
            .render_str(template, context)
            .unwrap();
        assert_eq!(&rendered, asset, "{platform}");
    }
    for sums in &guess.checksums {
        let template = |platform| guess.checksums_template(sums, &version, platform);
        let Some(first) = platforms.iter().find_map(|platform| template(*platform)) else {
            continue;
        };
        let files = match sums.kind {
            Naming::Sums => first,
            Naming::PerAsset(_) | Naming::PerStem(_) => sums.describe(),
        };
        let covered = sums.names.len() == guess.assets.len();
        let some = if covered { "" } else { " (some)" };
        writeln!(text, "checksums{some}: {files}").unwrap();
    }
    text
}

#[test]
fn nats_server() {
    insta::assert_snapshot!(guessed(&["nats", "nats-server"], "v2.10.24", "
        nats-server-v2.10.24-386.deb nats-server-v2.10.24-amd64.deb nats-server-v2.10.24-amd64.rpm nats-server-v2.10.24-arm64.deb
        nats-server-v2.10.24-darwin-amd64.tar.gz nats-server-v2.10.24-darwin-amd64.zip nats-server-v2.10.24-darwin-arm64.tar.gz
        nats-server-v2.10.24-darwin-arm64.zip nats-server-v2.10.24-freebsd-amd64.tar.gz nats-server-v2.10.24-freebsd-amd64.zip
        nats-server-v2.10.24-linux-386.tar.gz nats-server-v2.10.24-linux-386.zip nats-server-v2.10.24-linux-amd64.tar.gz
        nats-server-v2.10.24-linux-amd64.zip nats-server-v2.10.24-linux-arm64.tar.gz nats-server-v2.10.24-linux-arm64.zip
        nats-server-v2.10.24-linux-arm6.tar.gz nats-server-v2.10.24-linux-arm7.tar.gz nats-server-v2.10.24-linux-mips64le.zip
        nats-server-v2.10.24-linux-ppc64le.tar.gz nats-server-v2.10.24-linux-s390x.tar.gz nats-server-v2.10.24-windows-386.zip
        nats-server-v2.10.24-windows-amd64.tar.gz nats-server-v2.10.24-windows-amd64.zip nats-server-v2.10.24-windows-arm64.zip
        nats-server-v2.10.24-windows-arm7.zip SHA256SUMS"), @r"
    nats-server: nats-server-{{ version }}-{{ os }}-{{ arch }}.{{ 'zip' if os == 'windows' else 'tar.gz' }}
    checksums: SHA256SUMS
    ");
}

#[test]
fn hugo() {
    insta::assert_snapshot!(guessed(&["docs", "hugo"], "v0.140.2", "
        hugo_0.140.2_checksums.txt hugo_0.140.2_darwin-universal.tar.gz hugo_0.140.2_dragonfly-amd64.tar.gz
        hugo_0.140.2_freebsd-amd64.tar.gz hugo_0.140.2_Linux-64bit.tar.gz hugo_0.140.2_linux-amd64.deb
        hugo_0.140.2_linux-amd64.tar.gz hugo_0.140.2_linux-arm.tar.gz hugo_0.140.2_linux-arm64.deb hugo_0.140.2_linux-arm64.tar.gz
        hugo_0.140.2_windows-amd64.zip hugo_0.140.2_windows-arm64.zip hugo_extended_0.140.2_darwin-universal.tar.gz
        hugo_extended_0.140.2_Linux-64bit.tar.gz hugo_extended_0.140.2_linux-amd64.deb hugo_extended_0.140.2_linux-amd64.tar.gz
        hugo_extended_0.140.2_linux-arm64.tar.gz hugo_extended_0.140.2_windows-amd64.zip
        hugo_extended_withdeploy_0.140.2_darwin-universal.tar.gz hugo_extended_withdeploy_0.140.2_linux-amd64.tar.gz"), @r"
    hugo: hugo_{{ version_number }}_{{ os }}-{{ arch }}.{{ 'zip' if os == 'windows' else 'tar.gz' }}
    darwin: hugo_{{ version_number }}_{{ os }}-universal.tar.gz
    checksums: hugo_{{ version_number }}_checksums.txt
    ");
}

#[test]
fn gh() {
    insta::assert_snapshot!(guessed(&["gh", "cli"], "v2.63.2", "
        gh_2.63.2_checksums.txt gh_2.63.2_linux_386.deb gh_2.63.2_linux_386.tar.gz gh_2.63.2_linux_amd64.deb gh_2.63.2_linux_amd64.rpm
        gh_2.63.2_linux_amd64.tar.gz gh_2.63.2_linux_arm64.deb gh_2.63.2_linux_arm64.tar.gz gh_2.63.2_linux_armv6.tar.gz
        gh_2.63.2_macOS_amd64.zip gh_2.63.2_macOS_arm64.zip gh_2.63.2_macOS_universal.pkg gh_2.63.2_windows_386.msi
        gh_2.63.2_windows_386.zip gh_2.63.2_windows_amd64.msi gh_2.63.2_windows_amd64.zip gh_2.63.2_windows_arm64.zip"), @r#"
    gh: gh_{{ version_number }}_{{ os }}_{{ arch }}.{{ 'tar.gz' if os == 'linux' else 'zip' }}
    replacements {"darwin": "macOS"}
    checksums: gh_{{ version_number }}_checksums.txt
    "#);
}

#[test]
fn caddy() {
    insta::assert_snapshot!(guessed(&["caddy"], "v2.10.0", "
        caddy_2.10.0_buildable-artifact.pem caddy_2.10.0_buildable-artifact.tar.gz caddy_2.10.0_buildable-artifact.tar.gz.sig
        caddy_2.10.0_checksums.txt caddy_2.10.0_checksums.txt.pem caddy_2.10.0_checksums.txt.sig caddy_2.10.0_freebsd_amd64.tar.gz
        caddy_2.10.0_linux_amd64.deb caddy_2.10.0_linux_amd64.pem caddy_2.10.0_linux_amd64.sbom caddy_2.10.0_linux_amd64.sbom.pem
        caddy_2.10.0_linux_amd64.tar.gz caddy_2.10.0_linux_amd64.tar.gz.sig caddy_2.10.0_linux_arm64.deb
        caddy_2.10.0_linux_arm64.tar.gz caddy_2.10.0_linux_armv7.tar.gz caddy_2.10.0_linux_ppc64le.tar.gz
        caddy_2.10.0_mac_amd64.pem caddy_2.10.0_mac_amd64.tar.gz caddy_2.10.0_mac_arm64.tar.gz caddy_2.10.0_src.tar.gz
        caddy_2.10.0_src.tar.gz.sig caddy_2.10.0_windows_amd64.zip caddy_2.10.0_windows_amd64.zip.sig
        caddy_2.10.0_windows_arm64.zip"), @r#"
    caddy: caddy_{{ version_number }}_{{ os }}_{{ arch }}.{{ 'zip' if os == 'windows' else 'tar.gz' }}
    replacements {"darwin": "mac"}
    checksums: caddy_{{ version_number }}_checksums.txt
    "#);
}

#[test]
fn flyctl() {
    insta::assert_snapshot!(guessed(&["flyctl"], "v0.3.162", "
        flyctl_0.3.162_checksums.txt flyctl_0.3.162_Linux_arm64.tar.gz flyctl_0.3.162_Linux_x86_64.tar.gz
        flyctl_0.3.162_macOS_arm64.tar.gz flyctl_0.3.162_macOS_x86_64.tar.gz flyctl_0.3.162_Windows_arm64.zip
        flyctl_0.3.162_Windows_x86_64.zip"), @r#"
    flyctl: flyctl_{{ version_number }}_{{ os }}_{{ arch }}.{{ 'zip' if os == 'Windows' else 'tar.gz' }}
    replacements {"amd64": "x86_64", "darwin": "macOS", "linux": "Linux", "windows": "Windows"}
    checksums: flyctl_{{ version_number }}_checksums.txt
    "#);
}

#[test]
fn process_compose() {
    insta::assert_snapshot!(guessed(&["pc", "process-compose"], "v1.43.0", "
        process-compose_checksums.txt process-compose_darwin_amd64.tar.gz process-compose_darwin_arm64.tar.gz
        process-compose_linux_386.tar.gz process-compose_linux_amd64.tar.gz process-compose_linux_arm.tar.gz
        process-compose_linux_arm64.tar.gz process-compose_windows_amd64.zip process-compose_windows_arm64.zip"), @r"
    process-compose: process-compose_{{ os }}_{{ arch }}.{{ 'zip' if os == 'windows' else 'tar.gz' }}
    checksums: process-compose_checksums.txt
    ");
}

#[test]
fn ripgrep() {
    insta::assert_snapshot!(guessed(&["rg", "ripgrep"], "14.1.1", "
        ripgrep-14.1.1-aarch64-apple-darwin.tar.gz ripgrep-14.1.1-aarch64-apple-darwin.tar.gz.sha256
        ripgrep-14.1.1-aarch64-unknown-linux-gnu.tar.gz ripgrep-14.1.1-aarch64-unknown-linux-gnu.tar.gz.sha256
        ripgrep-14.1.1-armv7-unknown-linux-gnueabihf.tar.gz ripgrep-14.1.1-armv7-unknown-linux-musleabi.tar.gz
        ripgrep-14.1.1-i686-pc-windows-msvc.zip ripgrep-14.1.1-i686-unknown-linux-gnu.tar.gz
        ripgrep-14.1.1-powerpc64-unknown-linux-gnu.tar.gz ripgrep-14.1.1-s390x-unknown-linux-gnu.tar.gz
        ripgrep-14.1.1-x86_64-apple-darwin.tar.gz ripgrep-14.1.1-x86_64-apple-darwin.tar.gz.sha256
        ripgrep-14.1.1-x86_64-pc-windows-gnu.zip ripgrep-14.1.1-x86_64-pc-windows-gnu.zip.sha256
        ripgrep-14.1.1-x86_64-pc-windows-msvc.zip ripgrep-14.1.1-x86_64-pc-windows-msvc.zip.sha256
        ripgrep-14.1.1-x86_64-unknown-linux-musl.tar.gz ripgrep-14.1.1-x86_64-unknown-linux-musl.tar.gz.sha256
        ripgrep_14.1.1-1_amd64.deb ripgrep_14.1.1-1_amd64.deb.sha256"), @r#"
    ripgrep: ripgrep-{{ version }}-{{ arch }}-{{ os }}.{{ 'zip' if os == 'pc-windows-msvc' else 'tar.gz' }}
    replacements {"amd64": "x86_64", "arm64": "aarch64", "darwin": "apple-darwin", "linux": "unknown-linux-musl", "windows": "pc-windows-msvc"}
    linux-arm64: ripgrep-{{ version }}-{{ arch }}-unknown-linux-gnu.tar.gz
    nothing for windows-arm64
    checksums: <asset>.sha256
    "#);
}

#[test]
fn fd() {
    insta::assert_snapshot!(guessed(&["fd"], "v10.2.0", "
        fd-musl_10.2.0_amd64.deb fd-musl_10.2.0_i686.deb fd-v10.2.0-aarch64-apple-darwin.tar.gz
        fd-v10.2.0-aarch64-unknown-linux-gnu.tar.gz fd-v10.2.0-aarch64-unknown-linux-musl.tar.gz
        fd-v10.2.0-arm-unknown-linux-gnueabihf.tar.gz fd-v10.2.0-arm-unknown-linux-musleabihf.tar.gz
        fd-v10.2.0-i686-pc-windows-msvc.zip fd-v10.2.0-i686-unknown-linux-gnu.tar.gz fd-v10.2.0-x86_64-apple-darwin.tar.gz
        fd-v10.2.0-x86_64-pc-windows-gnu.zip fd-v10.2.0-x86_64-pc-windows-msvc.zip fd-v10.2.0-x86_64-unknown-linux-gnu.tar.gz
        fd-v10.2.0-x86_64-unknown-linux-musl.tar.gz fd_10.2.0_amd64.deb fd_10.2.0_arm64.deb"), @r#"
    fd: fd-{{ version }}-{{ arch }}-{{ os }}.{{ 'zip' if os == 'pc-windows-msvc' else 'tar.gz' }}
    replacements {"amd64": "x86_64", "arm64": "aarch64", "darwin": "apple-darwin", "linux": "unknown-linux-musl", "windows": "pc-windows-msvc"}
    nothing for windows-arm64
    "#);
}

#[test]
fn jq() {
    insta::assert_snapshot!(guessed(&["jq"], "1.7.1", "
        jq-1.7.1.tar.gz jq-1.7.1.zip jq-linux-amd64 jq-linux-arm64 jq-linux-armel jq-linux-armhf jq-linux-i386 jq-linux-mips64
        jq-linux-ppc64el jq-linux-riscv64 jq-linux-s390x jq-linux64 jq-macos-amd64 jq-macos-arm64 jq-osx-amd64 jq-win64.exe
        jq-windows-amd64.exe jq-windows-i386.exe sha256sum.txt"), @r#"
    jq: jq-{{ os }}-{{ arch }}{{ exe }}
    replacements {"darwin": "macos"}
    nothing for windows-arm64
    checksums: sha256sum.txt
    "#);
}

#[test]
fn just() {
    insta::assert_snapshot!(guessed(&["just"], "1.36.0", "
        just-1.36.0-aarch64-apple-darwin.tar.gz just-1.36.0-aarch64-pc-windows-msvc.zip just-1.36.0-aarch64-unknown-linux-musl.tar.gz
        just-1.36.0-arm-unknown-linux-musleabihf.tar.gz just-1.36.0-armv7-unknown-linux-musleabihf.tar.gz
        just-1.36.0-x86_64-apple-darwin.tar.gz just-1.36.0-x86_64-pc-windows-msvc.zip just-1.36.0-x86_64-unknown-linux-musl.tar.gz
        SHA256SUMS"), @r#"
    just: just-{{ version }}-{{ arch }}-{{ os }}.{{ 'zip' if os == 'pc-windows-msvc' else 'tar.gz' }}
    replacements {"amd64": "x86_64", "arm64": "aarch64", "darwin": "apple-darwin", "linux": "unknown-linux-musl", "windows": "pc-windows-msvc"}
    checksums: SHA256SUMS
    "#);
}

#[test]
fn uv() {
    insta::assert_snapshot!(guessed(&["uv"], "0.5.11", "
        dist-manifest.json sha256.sum source.tar.gz source.tar.gz.sha256 uv-aarch64-apple-darwin.tar.gz
        uv-aarch64-apple-darwin.tar.gz.sha256 uv-aarch64-pc-windows-msvc.zip uv-aarch64-pc-windows-msvc.zip.sha256
        uv-aarch64-unknown-linux-gnu.tar.gz uv-aarch64-unknown-linux-gnu.tar.gz.sha256 uv-aarch64-unknown-linux-musl.tar.gz
        uv-aarch64-unknown-linux-musl.tar.gz.sha256 uv-arm-unknown-linux-musleabihf.tar.gz uv-i686-pc-windows-msvc.zip
        uv-i686-unknown-linux-gnu.tar.gz uv-installer.ps1 uv-installer.sh uv-powerpc64-unknown-linux-gnu.tar.gz
        uv-x86_64-apple-darwin.tar.gz uv-x86_64-apple-darwin.tar.gz.sha256 uv-x86_64-pc-windows-msvc.zip
        uv-x86_64-pc-windows-msvc.zip.sha256 uv-x86_64-unknown-linux-gnu.tar.gz uv-x86_64-unknown-linux-gnu.tar.gz.sha256
        uv-x86_64-unknown-linux-musl.tar.gz uv-x86_64-unknown-linux-musl.tar.gz.sha256"), @r#"
    uv: uv-{{ arch }}-{{ os }}.{{ 'zip' if os == 'pc-windows-msvc' else 'tar.gz' }}
    replacements {"amd64": "x86_64", "arm64": "aarch64", "darwin": "apple-darwin", "linux": "unknown-linux-musl", "windows": "pc-windows-msvc"}
    checksums: sha256.sum
    checksums: <asset>.sha256
    "#);
}

#[test]
fn k9s() {
    insta::assert_snapshot!(guessed(&["k9s"], "v0.32.7", "
        checksums.sha256 k9s_Darwin_amd64.tar.gz k9s_Darwin_amd64.tar.gz.sbom k9s_Darwin_arm64.tar.gz k9s_Darwin_arm64.tar.gz.sbom
        k9s_Freebsd_amd64.tar.gz k9s_linux_amd64.apk k9s_linux_amd64.deb k9s_linux_amd64.rpm k9s_Linux_amd64.tar.gz
        k9s_Linux_amd64.tar.gz.sbom k9s_linux_arm64.apk k9s_Linux_arm64.tar.gz k9s_Linux_armv7.tar.gz k9s_Linux_ppc64le.tar.gz
        k9s_Linux_s390x.tar.gz k9s_Windows_amd64.zip k9s_Windows_amd64.zip.sbom k9s_Windows_arm64.zip"), @r#"
    k9s: k9s_{{ os }}_{{ arch }}.{{ 'zip' if os == 'Windows' else 'tar.gz' }}
    replacements {"darwin": "Darwin", "linux": "Linux", "windows": "Windows"}
    checksums: checksums.sha256
    "#);
}

#[test]
fn yq() {
    insta::assert_snapshot!(guessed(&["yq"], "v4.44.3", "
        checksums checksums-bsd checksums_hashes_order extract-checksum.sh yq_darwin_amd64 yq_darwin_amd64.tar.gz yq_darwin_arm64
        yq_darwin_arm64.tar.gz yq_freebsd_amd64 yq_linux_386 yq_linux_amd64 yq_linux_amd64.tar.gz yq_linux_arm64
        yq_linux_arm64.tar.gz yq_linux_mips yq_man_page_only.tar.gz yq_windows_386.exe yq_windows_amd64.exe
        yq_windows_amd64.zip yq_windows_arm64.exe"), @r"
    yq: yq_{{ os }}_{{ arch }}{{ exe }}
    checksums: checksums
    checksums: checksums-bsd
    checksums: checksums_hashes_order
    ");
}

#[test]
fn bun() {
    insta::assert_snapshot!(guessed(&["bun"], "1.1.42", "
        bun-darwin-aarch64-profile.zip bun-darwin-aarch64.zip bun-darwin-x64-baseline.zip bun-darwin-x64.zip
        bun-linux-aarch64-musl.zip bun-linux-aarch64.zip bun-linux-x64-baseline.zip bun-linux-x64-musl.zip bun-linux-x64.zip
        bun-windows-x64-baseline.zip bun-windows-x64.zip SHASUMS256.txt SHASUMS256.txt.asc"), @r#"
    bun: bun-{{ os }}-{{ arch }}.zip
    replacements {"amd64": "x64", "arm64": "aarch64"}
    nothing for windows-arm64
    checksums: SHASUMS256.txt
    "#);
}

#[test]
fn telegraf_s_urls() {
    let base = "https://dl.example/telegraf/releases/";
    let urls: String = [
        "telegraf-1.33.0_linux_amd64.tar.gz",
        "telegraf-1.33.0_linux_arm64.tar.gz",
        "telegraf-1.33.0_darwin_amd64.tar.gz",
        "telegraf-1.33.0_darwin_arm64.tar.gz",
        "telegraf-1.33.0_windows_amd64.zip",
        "telegraf-1.33.0_windows_arm64.zip",
    ]
    .map(|name| format!("{base}{name} "))
    .concat();
    insta::assert_snapshot!(guessed(&["telegraf"], "v1.33.0", &urls), @r"telegraf: https://dl.example/telegraf/releases/telegraf-{{ version_number }}_{{ os }}_{{ arch }}.{{ 'zip' if os == 'windows' else 'tar.gz' }}");
}

#[test]
fn unusable_assets_give_no_guess() {
    for assets in [
        "",
        "tool.deb tool-1.0.tar.gz tool-1.0-freebsd-amd64.tar.gz tool-linux-amd64.sig",
        "source.zip README.md",
    ] {
        assert_eq!(guessed(&["tool"], "1.0", assets), "nothing", "{assets}");
    }
}

#[test]
fn names_in_archives_become_plain_binary_names() {
    let version = "v4.44.3".parse().unwrap();
    for (file, plain) in [
        ("yq_linux_amd64", "yq"),
        ("yq", "yq"),
        ("tool-v4.44.3-x86_64-apple-darwin", "tool"),
        ("process-compose", "process-compose"),
    ] {
        assert_eq!(plain_name(file, &version, &[]), plain);
    }
}

/// Generated releases: with any words, order and separators, each platform's asset is found and rendered.
#[test]
fn all_common_naming_schemes_are_understood() {
    let systems = [
        ["linux", "darwin", "windows"],
        ["Linux", "macOS", "Windows"],
        ["linux", "osx", "win"],
        ["unknown-linux-gnu", "apple-darwin", "pc-windows-msvc"],
        ["linux-musl", "macos", "windows"],
    ];
    let processors = [
        ["amd64", "arm64"],
        ["x86_64", "aarch64"],
        ["x64", "arm64"],
        ["64bit", "arm64"],
    ];
    let endings = [
        ["tar.gz", "zip"],
        ["tgz", "tgz"],
        ["tar.xz", "zip"],
        ["zip", "zip"],
        ["", "exe"],
        ["gz", "zip"],
    ];
    let mut seen = 0;
    for (systems, processors, [unix, windows], between, manner) in
        naming_styles(&systems, &processors, &endings)
    {
        let mut assets = String::new();
        for (os, system) in systems.iter().enumerate() {
            for processor in processors {
                let ending = if os == 2 { windows } else { unix };
                let words = match manner {
                    0 => ["tool", "1.2.3", system, processor],
                    1 => ["tool", system, processor, "1.2.3"],
                    2 => ["tool", "v1.2.3", processor, system],
                    _ => ["my-tool", "", processor, system],
                };
                let name = words
                    .iter()
                    .filter(|word| !word.is_empty())
                    .copied()
                    .collect::<Vec<_>>()
                    .join(between);
                let dot = if ending.is_empty() { "" } else { "." };
                write!(
                    assets,
                    "{name}{dot}{ending} {name}{dot}{ending}.sha256 {name}.deb "
                )
                .unwrap();
            }
        }
        let text = guessed(&["tool"], "v1.2.3", &assets);
        assert!(!text.contains("nothing"), "{assets}\n{text}");
        assert!(
            text.contains("checksums: <asset>.sha256"),
            "{assets}\n{text}"
        );
        seen += 1;
    }
    assert_eq!(seen, 5 * 4 * 6 * 3 * 4);
}

type Manner<'a> = (
    &'a [&'a str; 3],
    &'a [&'a str; 2],
    [&'a str; 2],
    &'static str,
    usize,
);

fn naming_styles<'a>(
    systems: &'a [[&'a str; 3]],
    processors: &'a [[&'a str; 2]],
    endings: &'a [[&'a str; 2]],
) -> impl Iterator<Item = Manner<'a>> {
    let ends = move |(s, p)| endings.iter().map(move |e| (s, p, *e));
    let words = systems
        .iter()
        .flat_map(move |s| processors.iter().map(move |p| (s, p)));
    let betweens = |(s, p, e)| ["-", "_", "."].map(|b| (s, p, e, b));
    words
        .flat_map(ends)
        .flat_map(betweens)
        .flat_map(|(s, p, e, b)| (0..4).map(move |m| (s, p, e, b, m)))
}

proptest::proptest! {
    #[test]
    fn guessing_from_random_names_never_panics(assets in proptest::collection::vec("[a-z0-9é._-]{0,12}(linux|darwin|win64|x64|v1|\\PC){0,4}(\\.gz|\\.exe|)", 0..12), version in "v?[0-9]{1,2}(\\.[0-9]){0,2}") {
        let version: Version = version.parse().unwrap();
        let _ = from_names(&["tool", "tool"], &version, &assets);
        for asset in &assets {
            let _ = (version_in_url(asset), siblings(asset, &version, Platform::host()), plain_name(asset, &version, &["tool"]));
        }
    }
}
