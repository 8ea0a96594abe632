//! `docs/channels.md`: what each channel supports, from the code of the channels.

use std::fmt::Write as _;

use larder_channels::render::{Facts, channel_version, facts};
use larder_core::model::{Arch, ChannelKind, Libc, Os, Platform, Version};

const HEAD: &str = "<!-- Generated from the code of the channels; edits here are lost. -->\n\n\
# Channels\n\n\
A channel is a package manager that is fed from the hub's release. The hub holds the only copies of the bytes: \
`larder publish --render` renders the files of a channel from the sidecars and the packages of a release, and never builds or \
repacks anything else. The [guide](guide.md#publish-to-package-managers) shows how to turn channels on, and the \
[reference of the files](files.md) lists their keys.\n\n\
The files of a channel are below `<out>/<name>/<channel>/`; `<out>` is `.dist/channels`, or the folder after `--out`. Beside the \
channels, `<out>/<name>/` has `INSTALL.md` and `README` with the instructions for people, `sbom.cdx.json` with what the release \
contains, and `provenance.intoto.jsonl` with how it was made.\n\n";

/// Versions that show how channels write them.
const VERSIONS: [&str; 2] = ["v1.2.3", "v1.2.3-rc.1"];

/// The whole page.
pub fn markdown() -> String {
    let mut text = String::from(HEAD);
    text.push_str(
        "| channel | platforms | pre-releases | needs in the recipe | needs public urls | files |\n\
         |---|---|---|---|---|---|\n",
    );
    for kind in ChannelKind::ALL {
        let Facts {
            kind: _,
            takes,
            version: _,
            prerelease,
            needs_urls,
            files,
        } = facts(kind);
        let texts: Vec<String> = kind
            .required_texts()
            .iter()
            .map(|text| format!("`{}`", text.key()))
            .collect();
        let _ = writeln!(
            text,
            "| {kind} | {} | {} | {} | {} | {files} |",
            platforms(*takes),
            prerelease.unwrap_or("no"),
            if texts.is_empty() {
                "-".to_owned()
            } else {
                texts.join(", ")
            },
            if *needs_urls { "yes" } else { "no" },
        );
    }
    text.push_str(
        "\n`maintainer` is `publish.maintainer` of `versions.yml`; the other texts are keys of the recipe. A channel without a word \
         for pre-releases skips them, unless its configuration says `prerelease: true`. A channel also skips a release that has no \
         asset for any platform that it knows, and a version that it can't write.\n\n\
         ## Versions\n\n| channel |",
    );
    for version in VERSIONS {
        let _ = write!(text, " {version} |");
    }
    text.push_str("\n|---|---|---|\n");
    for kind in ChannelKind::ALL {
        let _ = write!(text, "| {kind} |");
        for version in VERSIONS {
            let version: Version = version.parse().expect("it is a version");
            match channel_version(kind, &version) {
                Ok(written) if facts(kind).prerelease.is_some() || !version.is_prerelease() => {
                    let _ = write!(text, " `{written}` |");
                }
                _ => text.push_str(" skipped |"),
            }
        }
        text.push('\n');
    }
    text
}

/// The platforms that a channel takes, by operating system.
fn platforms(takes: fn(&Platform) -> bool) -> String {
    let mut all = Vec::new();
    for os in [Os::Linux, Os::Darwin, Os::Windows] {
        let archs: Vec<&str> = [Arch::Amd64, Arch::Arm64, Arch::I386, Arch::Arm]
            .into_iter()
            .filter(|arch| {
                [None, Some(Libc::Gnu), Some(Libc::Musl)]
                    .iter()
                    .any(|libc| {
                        takes(&Platform {
                            os,
                            arch: *arch,
                            libc: *libc,
                        })
                    })
            })
            .map(Arch::as_str)
            .collect();
        if !archs.is_empty() {
            all.push(format!("{}: {}", os.as_str(), archs.join(" ")));
        }
    }
    if all.is_empty() {
        "any".to_owned()
    } else {
        all.join("; ")
    }
}
