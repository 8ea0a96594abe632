//! Laws of what is written and read again: names, versions, platforms, stamps, sidecars, and the
//! merging of locks.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};
use std::str::FromStr;

use proptest::prelude::*;

use super::{Lock, LockKey, LockLine, Observed, Pin, PinKind, Sidecar, stamp};
use crate::error::Result;
use crate::model::{
    Arch, Artifact, ArtifactFile, AssetName, Digest, FileName, Libc, Name, Origin, Os, Platform,
    Tag, Version, version_order::compare,
};

fn is_shown_as_written<T: FromStr<Err: Debug> + Display + PartialEq + Debug>(text: &str) {
    let value: T = text.parse().unwrap_or_else(|e| panic!("{text}: {e:?}"));
    assert_eq!(value.to_string(), text);
    assert_eq!(value.to_string().parse::<T>().unwrap(), value);
}

fn platforms() -> Vec<Platform> {
    let mut all = Vec::new();
    for os in [Os::Linux, Os::Darwin, Os::Windows] {
        for arch in [Arch::Amd64, Arch::Arm64, Arch::I386, Arch::Arm] {
            for libc in [None, Some(Libc::Musl), Some(Libc::Gnu)] {
                all.push(Platform { os, arch, libc });
            }
        }
    }
    all
}

#[test]
fn every_platform_is_read_as_it_is_written() {
    for platform in platforms() {
        is_shown_as_written::<Platform>(&platform.to_string());
        assert_eq!(platform.to_string().parse::<Platform>().unwrap(), platform);
    }
}

fn digest() -> impl Strategy<Value = Digest> {
    any::<u8>().prop_map(|n| Digest::of(&[n]))
}

fn artifact() -> impl Strategy<Value = Artifact> {
    let file = (any::<bool>(), any::<u64>(), digest());
    (
        prop::collection::btree_map("f([_+.-]?[A-Za-z0-9]){1,8}", file, 1..5),
        "v?[0-9]{1,3}(\\.[0-9]{1,3}){0,2}(-rc\\.[0-9])?",
        prop::sample::select(platforms()),
        any::<bool>(),
        digest(),
        prop::option::of("[0-9a-f]{40}"),
    )
        .prop_map(
            |(files, version, platform, is_build, inputs, commit)| Artifact {
                name: "tool".parse().unwrap(),
                version: version.parse().unwrap(),
                platform,
                emulated: None,
                origin: if is_build {
                    Origin::Build
                } else {
                    Origin::Original
                },
                inputs,
                commit,
                tree: None,
                files: files
                    .into_iter()
                    .map(|(name, (is_program, size, sha256))| ArtifactFile {
                        name: name.parse().unwrap(),
                        mode: if is_program { 0o755 } else { 0o644 },
                        size,
                        sha256,
                    })
                    .collect(),
            },
        )
}

/// A line of a small lock, so that two often are about the same thing.
fn line() -> impl Strategy<Value = LockLine> {
    let words = (any::<bool>(), any::<bool>(), any::<bool>(), 0_u8..2);
    let pin = (prop::option::of(0_u8..2), 0_u8..2, 0_u8..2);
    let bytes = (words, pin).prop_map(|((a, build, asset, inputs), (artifact, sha256, url))| {
        let key = LockKey {
            name: if a { "a" } else { "b" }.parse().unwrap(),
            version: "v1".parse().unwrap(),
            platform: "linux-amd64".parse().unwrap(),
            origin: if build {
                Origin::Build
            } else {
                Origin::Original
            },
            kind: if asset {
                PinKind::Asset
            } else {
                PinKind::Upstream
            },
            inputs: Digest::of(&[inputs]),
        };
        let artifact = artifact.map(|n| Digest::of(&[10 + n]));
        // An asset always says what is in it.
        let artifact = if asset {
            artifact.or(Some(Digest::of(&[10])))
        } else {
            artifact
        };
        let pin = Pin {
            artifact,
            sha256: Digest::of(&[20 + sha256]),
            size: 1,
            url: format!("https://host.example/{url}"),
        };
        LockLine::Bytes(key, pin)
    });
    let commit = (any::<bool>(), any::<bool>()).prop_map(|(rev, commit)| LockLine::Commit {
        name: "a".parse().unwrap(),
        version: "v1".parse().unwrap(),
        url: "https://host.example/a".into(),
        rev: if rev { "v1" } else { "main" }.into(),
        commit: if commit { "a" } else { "b" }.repeat(40),
    });
    prop_oneof![4 => bytes, 1 => commit]
}

/// The lock of these lines; `None` if some of them contradict each other.
fn lock<'a>(lines: impl IntoIterator<Item = &'a LockLine>) -> Option<Lock> {
    let mut lock = Lock::default();
    let added: Result<Vec<bool>> = lines
        .into_iter()
        .map(|line| lock.insert(line.clone()))
        .collect();
    added.is_ok().then_some(lock)
}

/// What a lock pins. The url is for people: of two mirrors, the first one stays.
fn pinned(lock: Option<&Lock>) -> Option<Vec<String>> {
    let without_url = |line: LockLine| match line {
        LockLine::Bytes(key, pin) => LockLine::Bytes(
            key,
            Pin {
                url: String::new(),
                ..pin
            },
        ),
        commit @ LockLine::Commit { .. } => commit,
    };
    let mut lines: Vec<String> = lock?
        .lines()
        .map(|line| without_url(line).to_string())
        .collect();
    lines.sort();
    Some(lines)
}

fn read(text: &str) -> Option<Lock> {
    Lock::parse(text, "versions.lock".into()).ok()
}

#[test]
fn a_comment_that_ends_in_carriage_returns_is_read_back_unchanged() {
    let lock = read("# a comment\r\r\r\n").unwrap();
    assert_eq!(read(&lock.to_text()), Some(lock));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn names_and_versions_are_shown_as_written(
        name in "x[0-9][a-z0-9]{0,8}(-[a-z0-9]{1,5}){0,2}",
        version in "v?[0-9]{1,4}(\\.[0-9]{1,4}){0,3}(-[a-z]{1,5}(\\.[0-9]{1,2})?)?(\\+[a-z0-9]{1,4})?",
        file in "f([_+.-]?[A-Za-z0-9]){1,8}",
    ) {
        is_shown_as_written::<Name>(&name);
        is_shown_as_written::<Version>(&version);
        is_shown_as_written::<FileName>(&file);
        is_shown_as_written::<Tag>(&format!("{name}-{version}"));
        is_shown_as_written::<AssetName>(&format!("{name}-linux-amd64.tar.gz"));
        is_shown_as_written::<Digest>(&Digest::of(name.as_bytes()).to_string());
    }

    #[test]
    fn versions_have_a_total_order(
        versions in prop::collection::vec("v?1(\\.[01]){0,2}(-(rc|a|1)(\\.?(9|10))?)?(\\+[ab])?", 3),
    ) {
        let [a, b, c] = &versions[..] else { unreachable!() };
        prop_assert_eq!(compare(a, b), compare(b, a).reverse());
        if compare(a, b) == compare(b, c) {
            prop_assert_eq!(compare(a, c), compare(a, b));
        }
    }

    #[test]
    fn a_written_stamp_is_read_back_unchanged(artifact in artifact()) {
        let text = stamp::render(&artifact);
        prop_assert_eq!(stamp::parse(&artifact.name, &text), Some(artifact));
    }

    #[test]
    fn a_written_sidecar_is_read_back_unchanged(
        artifact in artifact(),
        sha256 in digest(),
        size: u64,
        tools in prop::collection::btree_map("[a-z]{1,5}", "\\PC{0,20}", 0..3),
        texts in prop::array::uniform5(prop::option::of("\\PC{0,20}")),
        explanation in prop::collection::vec((".{0,10}", ".{0,10}"), 0..3),
    ) {
        let [commit, glibc, executor, run, time] = texts;
        let sidecar = Sidecar {
            schema: super::sidecar::SCHEMA,
            artifact: artifact.digest(),
            content: artifact,
            sha256,
            size,
            observed: Observed { commit, tools: BTreeMap::from_iter(tools), glibc, executor, run, time },
            explanation,
        };
        let written = sidecar.to_json();
        prop_assert_eq!(Sidecar::parse(written.as_bytes(), "x.json").unwrap(), sidecar);
    }

    /// Whoever adds first: the same bytes are pinned, or the contradiction is found.
    #[test]
    fn merging_locks_is_commutative_and_associative(
        a in prop::collection::vec(line(), 0..4),
        b in prop::collection::vec(line(), 0..4),
        c in prop::collection::vec(line(), 0..4),
    ) {
        let abc = lock(a.iter().chain(&b).chain(&c));
        for other in [
            lock(b.iter().chain(&a).chain(&c)),
            lock(c.iter().chain(&b).chain(&a)),
            lock(a.iter().chain(&c).chain(&b)),
        ] {
            prop_assert_eq!(pinned(other.as_ref()), pinned(abc.as_ref()));
        }
        if let Some(bc) = lock(b.iter().chain(&c)) {
            let bc: Vec<LockLine> = bc.lines().collect();
            prop_assert_eq!(pinned(lock(a.iter().chain(&bc)).as_ref()), pinned(abc.as_ref()));
        }
        // What git does with two branches: the lines of both, in any order.
        if let Some(((a, b), c)) = lock(&a).zip(lock(&b)).zip(lock(&c)) {
            let [a, b, c] = [a, b, c].map(|lock| lock.to_text());
            let merged = read(&format!("{a}{b}{c}"));
            for text in [format!("{b}{a}{c}"), format!("{c}{b}{a}")] {
                prop_assert_eq!(pinned(read(&text).as_ref()), pinned(merged.as_ref()));
            }
            if let Some(bc) = read(&format!("{b}{c}")) {
                let again = read(&format!("{a}{}", bc.to_text()));
                prop_assert_eq!(pinned(again.as_ref()), pinned(merged.as_ref()));
            }
            prop_assert_eq!(pinned(merged.as_ref()), pinned(abc.as_ref()));
        }
    }
}
