//! Tests of RPM packages, which read them back.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::GzDecoder;
use larder_core::project::publish::{Channel, ChannelConfig};

use super::*;
use crate::render::{Rendered, Skip};
use crate::tests::{Sample, read};

fn config(rpm: Rpm, post_install: Option<&str>) -> ChannelConfig {
    ChannelConfig {
        channel: Channel::Rpm(rpm),
        priority: 0,
        timeout: None,
        retry: None,
        prerelease: false,
        post_install: post_install.map(str::to_owned),
    }
}

fn number(bytes: &[u8]) -> usize {
    u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize
}

/// The values of a header as texts, and its length.
fn header(bytes: &[u8]) -> (BTreeMap<usize, Vec<String>>, usize) {
    assert!(bytes.starts_with(b"\x8e\xad\xe8\x01\0\0\0\0"));
    let (entries, size) = (number(&bytes[8..]), number(&bytes[12..]));
    let store = &bytes[16 + 16 * entries..][..size];
    let mut tags = BTreeMap::new();
    for n in 0..entries {
        let entry = &bytes[16 + 16 * n..];
        let (tag, kind, count) = (number(entry), number(&entry[4..]), number(&entry[12..]));
        let value = &store[number(&entry[8..])..];
        let values = match kind {
            3 => value
                .chunks(2)
                .take(count)
                .map(|two| u16::from_be_bytes([two[0], two[1]]).to_string())
                .collect(),
            4 => value
                .chunks(4)
                .take(count)
                .map(|four| number(four).to_string())
                .collect(),
            6 | 8 | 9 => value
                .split(|byte| *byte == 0)
                .take(count)
                .map(|text| String::from_utf8(text.to_vec()).unwrap())
                .collect(),
            _ => continue,
        };
        tags.insert(tag, values);
    }
    (tags, 16 + 16 * entries + size)
}

/// The tags of the one package of a sample, and its cpio. Digests and sizes are compared.
fn package(sample: &Sample, config: &ChannelConfig) -> (BTreeMap<usize, Vec<String>>, Vec<u8>) {
    let (rendered, folder) = sample.render_with(config);
    assert_eq!(rendered, Rendered::Files);
    let (_, bytes) = read(&folder).pop_first().unwrap();
    assert!(bytes.starts_with(b"\xed\xab\xee\xdb\x03\0\0\0\0\x01arc-"));
    let (signature, length) = header(&bytes[96..]);
    let main = &bytes[96 + length.next_multiple_of(8)..];
    let (tags, length) = header(main);
    let (main_header, payload) = main.split_at(length);
    assert_eq!(signature[&273], [Digest::of(main_header).to_string()]);
    assert_eq!(signature[&1000], [main.len().to_string()]);
    assert_eq!(tags[&5092], [Digest::of(payload).to_string()]);
    let mut cpio = Vec::new();
    GzDecoder::new(payload).read_to_end(&mut cpio).unwrap();
    assert_eq!(tags[&5097], [Digest::of(&cpio).to_string()]);
    assert_eq!(signature[&1007], [cpio.len().to_string()]);
    (tags, cpio)
}

#[test]
fn each_architecture_has_a_package() {
    let all = [
        "linux-amd64",
        "linux-amd64-gnu",
        "linux-arm64-musl",
        "linux-386",
        "linux-arm",
        "darwin-arm64",
    ];
    let sample = Sample::with_binaries("arc_2", "v1.2.3-rc.1", &["arc", "arcd"], &all);
    let (_, folder) = sample.render(Channel::Rpm(Rpm::default()));
    let names: Vec<String> = read(&folder).into_keys().collect();
    let wanted = ["aarch64", "armv7hl", "i686", "x86_64"]
        .map(|arch| format!("arc_2-1.2.3~rc.1-1.{arch}.rpm"));
    assert_eq!(names, wanted);
}

#[test]
fn the_headers_describe_the_files() {
    let sample = Sample::new("1.2.3", &["linux-amd64"]);
    let (tags, cpio) = package(&sample, &config(Rpm::default(), None));
    for (tag, wanted) in [
        (1000, "arc"),
        (1001, "1.2.3"),
        (1002, "1"),
        (1004, "Draws an arc on the terminal"),
        (1006, "315532800"),
        (1014, "MIT"),
        (1022, "x86_64"),
        (1081, "Acme Tools <tools@acme.example> - 1.2.3-1"),
        (1082, "- a first version"),
    ] {
        assert_eq!(tags[&tag], [wanted], "{tag}");
    }
    assert!(!tags.contains_key(&1024));
    let paths: Vec<String> = tags[&1117]
        .iter()
        .zip(&tags[&1116])
        .map(|(name, folder)| format!("{}{name}", tags[&1118][folder.parse::<usize>().unwrap()]))
        .collect();
    assert_eq!(
        paths,
        [
            "/usr/bin/arc",
            "/usr/share/licenses/arc",
            "/usr/share/licenses/arc/LICENSE",
            "/usr/share/man/man1/arc.1.gz",
        ]
    );
    let modes = [0o100_755, 0o040_755, 0o100_644, 0o100_644].map(|mode: u32| mode.to_string());
    assert_eq!(tags[&1030], modes);
    assert_eq!(tags[&1037], ["0", "0", "128", "2"]);
    assert_eq!(
        tags[&1035][0],
        Digest::of(b"arc for linux-amd64\n").to_string()
    );
    assert_eq!(tags[&1035][1], "");
    let text = String::from_utf8_lossy(&cpio);
    assert!(
        text.contains("./usr/bin/arc\0arc for linux-amd64\n070701"),
        "{text}"
    );
    assert!(text.trim_end_matches('\0').ends_with("TRAILER!!!"));
}

#[test]
fn dependencies_are_sorted_with_their_versions() {
    let sample = Sample::new("1.2.3-rc.1", &["linux-386"]);
    let rpm = Rpm {
        conflicts: vec!["other < 2".into()],
        provides: vec!["a-tool = 1".into(), "z-tool".into()],
        depends: vec!["glibc >= 2.28".into()],
        ..Rpm::default()
    };
    let (tags, _) = package(&sample, &config(rpm, Some("done")));
    assert_eq!(tags[&1054], ["other"]);
    assert_eq!(
        (&tags[&1055][0], &tags[&1053][0]),
        (&"2".into(), &"2".into())
    );
    assert_eq!(tags[&1047], ["a-tool", "arc", "arc(x86-32)", "z-tool"]);
    assert_eq!(tags[&1113], ["1", "1.2.3~rc.1-1", "1.2.3~rc.1-1", ""]);
    assert_eq!(tags[&1112], ["8", "8", "8", "0"]);
    assert_eq!(
        tags[&1049],
        [
            "/bin/sh",
            "glibc",
            "rpmlib(CompressedFileNames)",
            "rpmlib(FileDigests)",
            "rpmlib(PayloadFilesHavePrefix)",
            "rpmlib(TildeInVersions)",
        ]
    );
    assert_eq!(tags[&1048][..3], ["1280", "12", "16777226"]);
}

#[test]
fn texts_cannot_leave_their_place() {
    let mut sample = Sample::new("1.2.3", &["linux-amd64"]);
    sample.release.description = Some("arc: it's #{x} $x %{name} \0<&> 😀\n\nsecond".into());
    let (tags, _) = package(
        &sample,
        &config(Rpm::default(), Some("it's $x\n%{name} `y`")),
    );
    assert_eq!(tags[&1004], ["It's #{x} $x %{name} <&> 😀"]);
    let description = &tags[&1005][0];
    assert!(
        description.starts_with("arc: it's #{x} $x %{name} <&> 😀\n\nsecond\n\nThis package"),
        "{description}"
    );
    assert_eq!(
        tags[&1024],
        ["printf '%s\\n' 'it'\\''s $x'\nprintf '%s\\n' '%{name} `y`'"]
    );
    assert_eq!(tags[&1086], ["/bin/sh"]);
}

#[test]
fn what_rpm_cannot_express_is_skipped_or_an_error() {
    for (version, platform, skip) in [
        (
            "r12",
            "linux-amd64",
            Skip::Version("its versions start with a digit".into()),
        ),
        ("1.2.3", "windows-amd64", Skip::NoPlatform),
    ] {
        let (rendered, _) = Sample::new(version, &[platform]).render(Channel::Rpm(Rpm::default()));
        assert_eq!(rendered, Rendered::Skipped(skip), "{version} {platform}");
    }
    let sample = Sample::new("1.2.3", &["linux-amd64"]);
    let rpm = Rpm {
        depends: vec!["(a or b)".into()],
        ..Rpm::default()
    };
    let cancel = larder_core::cancel::Cancel::new();
    let folder = tempfile::tempdir().unwrap();
    let out = Output::new(folder.path().to_str().unwrap(), 1, &cancel);
    let error = rpm
        .render(&sample.release, &config(rpm.clone(), None), &out)
        .unwrap_err();
    assert_eq!(error.message(), "`(a or b)` in `rpm.depends` can't be read");
}
