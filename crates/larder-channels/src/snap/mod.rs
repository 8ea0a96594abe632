//! snap: the project file that snapcraft packs the hub's assets with, the file `snap.yaml` that such a
//! snap holds, and the snap of each architecture, which is what is pushed.

use std::fmt::Write as _;

use camino::Utf8Path;
use larder_core::error::{Error, Result};
use larder_core::model::{Arch, ChannelKind, Name, Os, Platform, RequiredText, Version};
use larder_core::project::publish::{ChannelConfig, Confinement, Grade, Snap};

use self::squashfs::{Content, Entry};
use crate::linux::text::{one_line, shorten};
use crate::output::Output;
use crate::release::{PlatformRelease, Release};
use crate::render::{Facts, Render};

mod squashfs;

/// What the channel supports.
pub(crate) const FACTS: Facts = Facts {
    kind: ChannelKind::Snap,
    takes,
    version,
    prerelease: None,
    needs_urls: true,
    files: "`snap/snapcraft.yaml`, `meta/snap.yaml`, `<name>_<version>_<arch>.snap`",
};

/// What snaps run on: Ubuntu 24.04, which there is not for 386.
const BASE: &str = "core24";
/// The interfaces that a confined program of the command line needs at least.
const PLUGS: [&str; 2] = ["home", "network"];
/// The most characters of a summary.
const SUMMARY: usize = 78;
/// The most characters of a name or a version.
const NAME: usize = 40;
const VERSION: usize = 32;

impl Render for Snap {
    fn render(&self, release: &Release, _config: &ChannelConfig, out: &Output<'_>) -> Result<()> {
        let name = name(release)?;
        let platforms: Vec<&PlatformRelease> = release
            .for_os(Os::Linux)
            .into_iter()
            .filter(|platform| takes(&platform.platform()))
            .collect();
        let head = head(self, &name, release)?;
        let apps = apps(self, release);
        let archs: Vec<&str> = platforms
            .iter()
            .map(|platform| architecture(platform.platform().arch))
            .collect();

        let mut project = format!("{head}platforms:\n");
        for arch in &archs {
            let _ = writeln!(
                project,
                "  {arch}:\n    build-on: [{arch}]\n    build-for: [{arch}]"
            );
        }
        project += &apps;
        project += &part(&name, release, &platforms)?;
        out.text("snap/snapcraft.yaml", &project)?;

        let yaml = |archs: &[&str]| {
            let list = archs.join("\n- ");
            format!("{head}architectures:\n- {list}\n{apps}")
        };
        out.text("meta/snap.yaml", &yaml(&archs))?;
        let version = version(&release.version).map_err(Error::usage)?;
        for (platform, arch) in platforms.iter().zip(&archs) {
            let file = format!("{name}_{version}_{arch}.snap");
            image(release, platform, &yaml(&[arch]), &file, out)?;
        }
        Ok(())
    }
}

/// Writes the snap of an architecture.
fn image(
    release: &Release,
    platform: &PlatformRelease,
    yaml: &str,
    file: &str,
    out: &Output<'_>,
) -> Result<()> {
    let mut programs: Vec<Entry> = platform
        .binaries(release)
        .map(|binary| Entry {
            name: binary.name.to_string(),
            mode: 0o755,
            content: Content::File(platform.path(binary), binary.size),
        })
        .collect();
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    let meta = Entry {
        name: "snap.yaml".into(),
        mode: 0o644,
        content: Content::Text(yaml.to_owned()),
    };
    let folders = [("bin", programs), ("meta", vec![meta])];
    let options = squashfs::Options {
        time: release.time,
        threads: out.threads(),
        cancel: out.cancel(),
    };
    out.file(file, 0o644, |to| squashfs::write(to, &folders, &options))
}

fn takes(platform: &Platform) -> bool {
    platform.os == Os::Linux && platform.arch != Arch::I386
}

fn version(version: &Version) -> std::result::Result<String, String> {
    let number = version.number();
    if number.len() > VERSION {
        return Err(format!("its versions have at most {VERSION} characters"));
    }
    if number.contains('_') {
        return Err("its versions have no underscore".into());
    }
    if number.ends_with('-') {
        return Err("its versions end with a letter, a digit, `+` or `~`".into());
    }
    Ok(number.to_owned())
}

/// The name of a release's snap.
pub(crate) fn name(release: &Release) -> Result<String> {
    name_of(&release.name)
}

/// The name of a subsystem's snap: lower-case letters, digits and single dashes, among them a letter.
pub fn name_of(subsystem: &Name) -> Result<String> {
    let name = dashed(subsystem.as_str());
    if name.len() > NAME || !name.contains(|c: char| c.is_ascii_lowercase()) {
        return Err(
            Error::usage(format!("`{subsystem}` can't be the name of a snap"))
                .cause(format!(
                    "such a name has at most {NAME} characters, among them a letter"
                ))
                .hint("rename the subsystem, or leave `snap` out of `publish`"),
        );
    }
    Ok(name)
}

/// A name in which everything but letters and digits is a single dash between them.
fn dashed(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("-")
}

fn architecture(arch: Arch) -> &'static str {
    match arch {
        Arch::Amd64 => "amd64",
        Arch::Arm64 => "arm64",
        Arch::I386 => "i386",
        Arch::Arm => "armhf",
    }
}

fn head(snap: &Snap, name: &str, release: &Release) -> Result<String> {
    let description = release.text(RequiredText::Description)?;
    let version = version(&release.version).map_err(Error::usage)?;
    let mut head = format!("name: {}\nbase: {BASE}\n", quoted(name));
    for (key, value) in [
        ("version", version),
        ("summary", shorten(&one_line(description), SUMMARY)),
        ("description", description.trim().to_owned()),
        ("license", release.license.clone().unwrap_or_default()),
    ] {
        if !value.is_empty() {
            let _ = writeln!(head, "{key}: {}", quoted(&value));
        }
    }
    let grade = match snap.grade {
        Grade::Stable => "stable",
        Grade::Devel => "devel",
    };
    let confinement = match snap.confinement {
        Confinement::Strict => "strict",
        Confinement::Classic => "classic",
        Confinement::Devmode => "devmode",
    };
    let _ = writeln!(head, "grade: {grade}\nconfinement: {confinement}");
    Ok(head)
}

fn apps(snap: &Snap, release: &Release) -> String {
    let plugs = match snap.confinement {
        Confinement::Classic => String::new(),
        Confinement::Strict | Confinement::Devmode => {
            format!("    plugs: [{}]\n", PLUGS.join(", "))
        }
    };
    let apps = release.binaries_for(Os::Linux).map(|binary| {
        let command = quoted(&format!("bin/{binary}"));
        let app = quoted(&dashed(binary.as_str()));
        format!("  {app}:\n    command: {command}\n{plugs}")
    });
    format!("apps:\n{}", apps.collect::<String>())
}

/// The part with the files of the asset of each architecture.
fn part(name: &str, release: &Release, platforms: &[&PlatformRelease]) -> Result<String> {
    let mut sources = String::new();
    let mut checksums = String::new();
    for platform in platforms {
        let asset = platform.asset.as_str();
        if !asset.ends_with(".tar.gz") && Utf8Path::new(asset).extension() != Some("zip") {
            return Err(Error::usage(format!("snapcraft can't unpack {asset}"))
                .cause("it knows tar.gz and zip")
                .hint("write `package: {format: tar.gz}` in the recipe"));
        }
        let arch = architecture(platform.platform().arch);
        let digest = platform.sidecar.sha256;
        let _ = writeln!(sources, "      - on {arch}: {}", quoted(platform.url()?));
        let _ = writeln!(
            checksums,
            "      - on {arch}: {}",
            quoted(&format!("sha256/{digest}"))
        );
    }
    let mut moved = String::new();
    for binary in release.binaries_for(Os::Linux) {
        let to = quoted(&format!("bin/{binary}"));
        let _ = writeln!(moved, "      {}: {to}", quoted(binary.as_str()));
    }
    Ok(format!(
        "parts:\n  {}:\n    plugin: dump\n    source:\n{sources}    source-checksum:\n{checksums}    organize:\n{moved}    prime:\n      - bin\n",
        quoted(name)
    ))
}

/// A text between double quotes. YAML reads those of JSON, if no character is left that it does not
/// allow.
fn quoted(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    let mut quoted = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\u{7f}'..='\u{9f}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use larder_core::cancel::Cancel;
    use larder_core::model::Digest;
    use larder_core::project::publish::Channel;

    use super::*;
    use crate::render::{Rendered, Skip};
    use crate::tests::{Sample, read};

    fn rendered(sample: &Sample, snap: Snap) -> BTreeMap<String, String> {
        let (rendered, folder) = sample.render(Channel::Snap(snap));
        assert_eq!(rendered, Rendered::Files);
        let files = read(&folder).into_iter();
        files
            .filter_map(|(name, bytes)| Some((name, String::from_utf8(bytes).ok()?)))
            .collect()
    }

    #[test]
    fn each_architecture_has_its_asset() {
        let sample = Sample::with_binaries(
            "arc_two.x",
            "v1.2.3",
            &["arc", "arc_d"],
            &[
                "linux-amd64",
                "linux-arm64-musl",
                "linux-386",
                "windows-amd64",
            ],
        );
        let files = rendered(&sample, Snap::default());
        let project = &files["snap/snapcraft.yaml"];
        for wanted in [
            "name: \"arc-two-x\"\nbase: core24\nversion: \"1.2.3\"\n",
            "  amd64:\n    build-on: [amd64]\n    build-for: [amd64]\n  arm64:\n",
            "      - on amd64: \"https://hub.example/arc_two.x-v1.2.3/arc-linux-amd64.tar.gz\"\n",
            "      - on arm64: \"https://hub.example/arc_two.x-v1.2.3/arc-linux-arm64-musl.tar.gz\"\n",
            "  \"arc-d\":\n    command: \"bin/arc_d\"\n    plugs: [home, network]\n",
            "      \"arc_d\": \"bin/arc_d\"\n",
        ] {
            assert!(project.contains(wanted), "{wanted}\nis not in\n{project}");
        }
        assert!(!project.contains("i386"), "{project}");
        assert!(files["meta/snap.yaml"].contains("architectures:\n- amd64\n- arm64\napps:\n"));
    }

    #[test]
    fn a_snap_is_an_image_for_each_architecture() {
        let sample = Sample::with_binaries(
            "arc",
            "v1.2.3",
            &["arc", "arc-d"],
            &["linux-amd64", "linux-arm64"],
        );
        // A file of several blocks, the last of which is not full, that can't be compressed.
        let mut state = 1_u32;
        let noise = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_le_bytes()[3]
        };
        let content: Vec<u8> = (0..300_000).map(noise).chain(vec![0; 200_000]).collect();
        let mut release = sample.release.clone();
        let platform = &mut release.platforms[0];
        let file = &mut platform.sidecar.content.files[0];
        larder_core::fs::write_atomic(platform.folder.join("arc"), &content).unwrap();
        file.size = content.len() as u64;
        file.sha256 = Digest::of(&content);
        let folder = sample.root().join("snap");
        larder_core::fs::create_dir_all(&folder).unwrap();
        let cancel = Cancel::new();
        let config = Sample::config(Channel::Snap(Snap::default()));
        let out = Output::new(&folder, 3, &cancel);
        crate::render::render(&release, &config, &out).unwrap();
        let image = larder_core::fs::read(folder.join("arc_1.2.3_amd64.snap")).unwrap();
        assert_eq!(image[..4], *b"hsqs");
        assert_eq!(image.len() % 4096, 0);
        // Zeros take no room.
        assert!((300_000..320_000).contains(&image.len()), "{}", image.len());
        let other = folder.join("arc_1.2.3_arm64.snap");
        assert!(larder_core::fs::exists(other));
    }

    #[test]
    fn settings_and_texts_are_written_as_yaml_reads_them() {
        let mut sample = Sample::new("1.2.3", &["linux-amd64"]);
        let description = "It's \"quoted\" #{x} $x `y` <&> 😀\u{85}\nand: more";
        sample.release.description = Some(description.into());
        let settings = Snap {
            confinement: Confinement::Classic,
            grade: Grade::Devel,
        };
        let files = rendered(&sample, settings);
        let head = &files["meta/snap.yaml"];
        assert!(
            head.contains("grade: devel\nconfinement: classic\n"),
            "{head}"
        );
        assert!(!head.contains("plugs"), "{head}");
        let wanted = r#"description: "It's \"quoted\" #{x} $x `y` <&> 😀\u0085\nand: more""#;
        assert!(head.contains(wanted), "{head}");
        let summary = head
            .lines()
            .find(|line| line.starts_with("summary"))
            .unwrap();
        assert_eq!(
            summary,
            r#"summary: "It's \"quoted\" #{x} $x `y` <&> 😀 and: more""#
        );
    }

    #[test]
    fn what_a_snap_cannot_express_is_skipped() {
        for (number, why) in [
            ("1_2", "its versions have no underscore"),
            (
                "1.2-",
                "its versions end with a letter, a digit, `+` or `~`",
            ),
            (
                "1.2.3+a-long-text-about-the-build.42",
                "its versions have at most 32 characters",
            ),
        ] {
            let sample = Sample::new(number, &["linux-amd64"]);
            let (rendered, _) = sample.render(Channel::Snap(Snap::default()));
            let skip = Skip::Version(why.into());
            assert_eq!(rendered, Rendered::Skipped(skip), "{number}");
        }
        for (version, platform, skip) in [
            ("1.2.3-rc.1", "linux-amd64", Skip::Prerelease),
            ("1.2.3", "linux-386", Skip::NoPlatform),
            ("1.2.3", "windows-amd64", Skip::NoPlatform),
        ] {
            let sample = Sample::new(version, &[platform]);
            let (rendered, _) = sample.render(Channel::Snap(Snap::default()));
            assert_eq!(rendered, Rendered::Skipped(skip), "{version} {platform}");
        }
    }

    #[test]
    fn names_that_no_snap_can_have_are_errors() {
        for bad in ["42", &"x".repeat(41)] {
            let mut sample = Sample::new("1.2.3", &["linux-amd64"]);
            sample.release.name = bad.parse().unwrap();
            let error = name(&sample.release).unwrap_err();
            assert!(error.message().contains("can't be the name of a snap"));
        }
    }
}
