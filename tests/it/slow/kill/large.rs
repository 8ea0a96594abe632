//! Killed while a large file is downloaded or restored: it is written twice at the same time, and
//! flushed by another thread while it is written.

use larder_core::model::Digest;

use super::{RunEnd, full, run_with_kill};
use crate::cache::files;
use crate::env::{TestEnv, list, remove};

/// The calls during such a run, with strides.
const CALLS: &[(&str, usize)] = &[
    ("write", 53),
    ("read", 151),
    ("fdatasync", 1),
    ("fsync", 3),
    ("rename", 1),
    ("renameat", 1),
    ("ioctl", 1),
    ("ftruncate", 1),
    ("mkdir", 4),
    ("clone3", 4),
];

/// A project whose hub has a binary of this size, and nothing else.
fn project(size: usize) -> TestEnv {
    let env = TestEnv::new();
    env.versions(&[("tool", "v1.0.0")], "upload: never\nhub: {dir: hub}\n");
    env.recipe(
        "tool",
        "binaries: [tool]\nbuild:\n  source: {dir: .}\n  commands: [\"mv tool {{ out }}\"]\n",
    );
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    let mut binary = b"#!/bin/sh\nexit 0\n".to_vec();
    binary.extend(noise.take(size / 8).flatten());
    std::fs::write(env.path("subsystems/tool/tool"), binary).unwrap();
    env.larder(["ensure", "all"]).success();
    env.larder(["release", "all"]).success();
    env.versions(
        &[("tool", "v1.0.0")],
        "upload: never\nhub: {dir: hub}\nsources: [managed]\n",
    );
    env
}

/// Kills runs that start with nothing installed. After each kill nothing or everything is visible,
/// and the cache has no file of other bytes than its name says; the next run leaves no leftovers.
fn kills(prepare: impl Fn(&TestEnv)) {
    let env = project(34_000_000);
    let bin = env.path("subsystems/tool/.bin");
    let whole = |context: &str| {
        let stamp = std::fs::read_to_string(bin.join(".version"));
        let tool = std::fs::read(bin.join("tool"));
        assert_eq!(stamp.is_ok(), tool.is_ok(), "{context}");
        for (name, sha256) in stamp
            .map(|text| crate::env::stamped(&text))
            .unwrap_or_default()
        {
            assert_eq!(name, "tool");
            let bytes = tool.as_ref().unwrap();
            assert_eq!(Digest::of(bytes).to_string(), sha256, "{context}");
        }
        tool.is_ok()
    };
    let cached = |context: &str| {
        for file in files(&env, "files") {
            let bytes = std::fs::read(&file).unwrap();
            assert_eq!(
                Some(&*Digest::of(&bytes).to_string()),
                file.file_name(),
                "{context}"
            );
        }
    };
    let mut kills = 0;
    for (call, stride) in CALLS {
        let mut n = 1;
        loop {
            remove(&bin);
            prepare(&env);
            let end = run_with_kill(&env, call, n, &["ensure", "all"]);
            let context = format!("{call} {n}");
            whole(&context);
            cached(&context);
            env.larder(["ensure", "all"]).success();
            assert!(whole(&context), "{context}");
            cached(&context);
            let current = std::fs::read_link(bin.join(".v/current")).unwrap();
            let current = current.to_str().unwrap().to_owned();
            assert_eq!(
                list(&bin.join(".v")),
                ["current".to_owned(), current].into()
            );
            assert_eq!(
                files(&env, "tmp"),
                Vec::<camino::Utf8PathBuf>::new(),
                "{context}"
            );
            if end == RunEnd::Completed {
                break;
            }
            kills += 1;
            n += if full() { 1 } else { *stride };
        }
    }
    assert!(kills > 10, "{kills}");
}

#[test]
fn a_kill_during_a_large_download_is_recovered() {
    kills(TestEnv::drop_cache);
}

#[test]
fn a_kill_during_a_large_restore_is_recovered() {
    kills(|_| ());
}
