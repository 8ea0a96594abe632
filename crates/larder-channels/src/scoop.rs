//! Scoop: a manifest for Windows whose archives are the hub's own.
//!
//! The manifest has no `checkver` and no `autoupdate`: each release brings its own manifest.

use larder_core::error::Result;
use larder_core::model::{Arch, ChannelKind, Os, RequiredText};
use larder_core::project::publish::{ChannelConfig, Scoop};
use serde_json::{Map, Value, json};

use crate::output::Output;
use crate::quote::{self, lines, one_line};
use crate::release::{PlatformRelease, Release};
use crate::render::{Facts, Render};
use crate::spdx::{self, Expression};

/// What Scoop supports.
pub const FACTS: Facts = Facts {
    kind: ChannelKind::Scoop,
    takes: |platform| platform.os == Os::Windows && platform.arch != Arch::Arm,
    version: |version| Ok(version.number().to_owned()),
    prerelease: None,
    needs_urls: true,
    files: "`<name>.json`",
};

impl Render for Scoop {
    fn render(&self, release: &Release, config: &ChannelConfig, out: &Output<'_>) -> Result<()> {
        let manifest = manifest(release, config)?;
        out.text(&format!("{}.json", release.name), &quote::json(&manifest))
    }
}

/// The version of a manifest that is in a bucket.
pub fn published_version(manifest: &str) -> Option<String> {
    let manifest: Value = serde_json::from_str(manifest.trim_start_matches('\u{feff}')).ok()?;
    manifest["version"].as_str().map(str::to_owned)
}

fn manifest(release: &Release, config: &ChannelConfig) -> Result<Value> {
    let mut manifest = Map::new();
    let mut set = |key: &str, value: Value| manifest.insert(key.to_owned(), value);
    let text = |text| release.text(text).map(one_line);
    set("version", release.version.number().into());
    set("description", text(RequiredText::Description)?.into());
    set("homepage", text(RequiredText::Homepage)?.into());
    set("license", license(&text(RequiredText::License)?).into());
    if let Some(notes) = config
        .post_install
        .as_deref()
        .and_then(|text| list(lines(text)))
    {
        set("notes", notes);
    }

    let platforms: Vec<_> = [Arch::Amd64, Arch::I386, Arch::Arm64]
        .into_iter()
        .filter_map(|arch| release.best(Os::Windows, arch))
        .collect();
    let binaries: Vec<_> = platforms
        .iter()
        .map(|platform| binaries(release, platform))
        .collect();
    let same = binaries.iter().all(|list| *list == binaries[0]);
    let mut architectures = Map::new();
    for (platform, binaries) in platforms.iter().zip(&binaries) {
        // Scoop would replace a `$`.
        let url = platform.url()?.replace('$', "%24");
        let mut architecture = Map::new();
        architecture.insert("url".into(), url.into());
        architecture.insert("hash".into(), json!(platform.sidecar.sha256));
        if !same && let Some(binaries) = list(binaries.clone()) {
            architecture.insert("bin".into(), binaries);
        }
        architectures.insert(word(platform).into(), architecture.into());
    }
    set("architecture", architectures.into());
    if same && let Some(binaries) = list(binaries[0].clone()) {
        set("bin", binaries);
    }
    Ok(manifest.into())
}

/// Scoop's word for an architecture.
fn word(platform: &PlatformRelease) -> &'static str {
    match platform.platform().arch {
        Arch::Arm64 => "arm64",
        Arch::I386 => "32bit",
        _ => "64bit",
    }
}

fn binaries(release: &Release, platform: &PlatformRelease) -> Vec<String> {
    platform
        .binaries(release)
        .map(|file| file.name.to_string())
        .collect()
}

/// A list as Scoop has it: one text for one item. `None` for no item.
fn list(items: Vec<String>) -> Option<Value> {
    match &items[..] {
        [] => None,
        [one] => Some(one.as_str().into()),
        _ => Some(items.into()),
    }
}

/// A licence in Scoop's form: `|` between licences of which one can be chosen, `,` between those
/// that all apply. An expression that has both stays as it is.
fn license(text: &str) -> String {
    let plain = |list: &[Expression]| -> Option<Vec<String>> {
        let id = |item: &Expression| match item {
            Expression::License(id) => Some(id.clone()),
            _ => None,
        };
        list.iter().map(id).collect()
    };
    let joined = match spdx::parse(text) {
        Some(Expression::Any(list)) => plain(&list).map(|list| list.join("|")),
        Some(Expression::All(list)) => plain(&list).map(|list| list.join(",")),
        _ => None,
    };
    joined.unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{Rendered, Skip};
    use crate::tests::{Sample, read};
    use larder_core::model::Digest;
    use larder_core::project::publish::Channel;

    fn rendered(sample: &Sample, post_install: Option<&str>) -> String {
        let channel = Channel::Scoop(Scoop::default());
        let (rendered, folder) = sample.render_after(channel, post_install);
        assert_eq!(rendered, Rendered::Files);
        let mut files = read(&folder);
        let manifest = files.remove(&format!("{}.json", sample.release.name));
        assert!(files.is_empty(), "{files:?}");
        String::from_utf8(manifest.unwrap()).unwrap()
    }

    #[test]
    fn a_manifest_has_the_assets_for_windows() {
        let sample = Sample::new("v1.2.3", &["linux-amd64", "windows-amd64", "windows-arm64"]);
        let digest = |asset: &str| Digest::of(asset.as_bytes()).to_string();
        let expected = r#"{
    "version": "1.2.3",
    "description": "Draws an arc on the terminal",
    "homepage": "https://arc.example",
    "license": "MIT",
    "architecture": {
        "64bit": {
            "url": "https://hub.example/arc-v1.2.3/arc-windows-amd64.zip",
            "hash": "AMD64"
        },
        "arm64": {
            "url": "https://hub.example/arc-v1.2.3/arc-windows-arm64.zip",
            "hash": "ARM64"
        }
    },
    "bin": "arc.exe"
}
"#
        .replace("AMD64", &digest("arc-windows-amd64.zip"))
        .replace("ARM64", &digest("arc-windows-arm64.zip"));
        assert_eq!(rendered(&sample, None), expected);
    }

    #[test]
    fn the_version_of_a_manifest_is_read() {
        for (manifest, version) in [
            (r#"{"version": "1.2.3", "bin": "a.exe"}"#, Some("1.2.3")),
            ("\u{feff}{\"version\": \"1\"}", Some("1")),
            (r#"{"version": 1}"#, None),
            (r#"{"name": {"version": "1"}}"#, None),
            ("version: 1", None),
        ] {
            assert_eq!(
                published_version(manifest).as_deref(),
                version,
                "{manifest}"
            );
        }
    }

    #[test]
    fn texts_and_several_binaries_are_kept() {
        let mut sample = Sample::with_binaries(
            "arc-2d",
            "1.2.3",
            &["arc", "arcd", "run.cmd"],
            &["windows-386", "windows-arm"],
        );
        sample.release.description = Some("Draws \"#{x}\" $x\n<&> 🏹".into());
        sample.release.platforms[0].url = Some("https://hub.example/$x/a.zip".into());
        let manifest = rendered(&sample, Some("\n1 \"$x\"\n\n  2\n"));
        let manifest: Value = serde_json::from_str(&manifest).unwrap();
        assert_eq!(manifest["description"], "Draws \"#{x}\" $x <&> 🏹");
        assert_eq!(manifest["notes"], json!(["1 \"$x\"", "", "  2"]));
        assert_eq!(manifest["bin"], json!(["arc.exe", "arcd.exe", "run.cmd"]));
        let architectures = manifest["architecture"].as_object().unwrap();
        assert_eq!(architectures.keys().collect::<Vec<_>>(), ["32bit"]);
        let url = &architectures["32bit"]["url"];
        assert_eq!(url, "https://hub.example/%24x/a.zip");
    }

    #[test]
    fn binaries_that_differ_are_named_for_each_architecture() {
        let mut sample = Sample::with_binaries(
            "arc",
            "1.2.3",
            &["arc", "arcd"],
            &["windows-amd64", "windows-386"],
        );
        sample.release.platforms[0]
            .sidecar
            .content
            .files
            .retain(|file| file.name.as_str() != "arcd.exe");
        let few = word(&sample.release.platforms[0]);
        let manifest: Value = serde_json::from_str(&rendered(&sample, None)).unwrap();
        assert_eq!(manifest["bin"], Value::Null);
        for architecture in ["64bit", "32bit"] {
            let expected = if architecture == few {
                json!("arc.exe")
            } else {
                json!(["arc.exe", "arcd.exe"])
            };
            assert_eq!(manifest["architecture"][architecture]["bin"], expected);
        }
    }

    #[test]
    fn other_platforms_and_prereleases_are_skipped() {
        for (version, platforms, skip) in [
            (
                "1.2.3",
                &["linux-amd64", "windows-arm"][..],
                Skip::NoPlatform,
            ),
            ("1.2.3-rc.1", &["windows-amd64"], Skip::Prerelease),
        ] {
            let (rendered, _) =
                Sample::new(version, platforms).render(Channel::Scoop(Scoop::default()));
            assert_eq!(rendered, Rendered::Skipped(skip), "{version}");
        }
    }

    #[test]
    fn licences_are_joined_as_scoop_joins_them() {
        for (text, expected) in [
            ("MIT", "MIT"),
            ("MIT OR Apache-2.0", "MIT|Apache-2.0"),
            ("MIT AND ISC", "MIT,ISC"),
            ("MIT OR (ISC AND Zlib)", "MIT OR (ISC AND Zlib)"),
            (
                "MIT OR Apache-2.0 WITH LLVM-exception",
                "MIT OR Apache-2.0 WITH LLVM-exception",
            ),
            ("our own", "our own"),
        ] {
            assert_eq!(license(text), expected);
        }
    }
}
