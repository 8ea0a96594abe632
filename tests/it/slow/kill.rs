//! larder killed at every system call: what is visible is the old or the new set, whole; the next run heals and leaves no
//! litter.
//!
//! strace ends larder (or a child of it) at the n-th call of one kind, n = 1, 2, … until a run gets through. What follows
//! each kill is the same: look, run again, look. The run in CI takes strides through the frequent calls;
//! `LARDER_TEST_KILL=full` takes every n of every call and prints the table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;

use camino::Utf8PathBuf;
use larder_core::model::Digest;

use crate::env::{LARDER, TestEnv, remove};

/// Calls that change what is on disk, each n; the frequent ones that lie between such changes, in strides. One at a time:
/// strace counts no set of calls together. What a platform lacks is skipped (`?`).
const CALLS: &[(&str, usize)] = &[
    ("rename", 1),
    ("renameat", 1),
    ("renameat2", 1),
    ("symlink", 1),
    ("symlinkat", 1),
    ("unlink", 1),
    ("unlinkat", 1),
    ("rmdir", 1),
    ("fsync", 1),
    ("fdatasync", 1),
    ("link", 1),
    ("linkat", 1),
    ("chmod", 3),
    ("fchmod", 2),
    ("fchmodat", 2),
    ("mkdir", 3),
    ("mkdirat", 3),
    ("write", 3),
    ("pwrite64", 1),
    ("copy_file_range", 1),
    ("sendfile", 1),
    ("ftruncate", 1),
    ("flock", 1),
    ("utimensat", 1),
    ("openat", 13),
    ("close", 17),
    ("clone3", 1),
    ("vfork", 1),
    ("execve", 3),
    ("wait4", 1),
];

pub fn full() -> bool {
    std::env::var("LARDER_TEST_KILL").is_ok_and(|value| value == "full")
}

/// How a run under the knife ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// larder was killed, or a child of it and larder said that it failed.
    Killed,
    /// It got through.
    Through,
}

/// Runs larder; the n-th call of this kind in any of its threads is its last.
pub fn cut(env: &TestEnv, call: &str, n: usize, args: &[&str]) -> Cut {
    let mut command = env.program("strace");
    // Not with --seccomp-bpf: it counts wrongly.
    command.args([
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        &format!("trace=?{call}"),
    ]);
    command
        .args([
            "-e",
            &format!("inject=?{call}:signal=KILL:when={n}"),
            LARDER,
        ])
        .args(args);
    let output = env.output(command);
    match (output.code, output.signal) {
        (Some(0), _) => Cut::Through,
        (_, Some(9)) | (Some(137 | 1), _) => Cut::Killed,
        other => panic!("{call} {n}: {other:?}\n{}{}", output.stdout, output.stderr),
    }
}

/// One line of the table.
#[derive(Default)]
struct Tally {
    kills: usize,
    old: usize,
    new: usize,
}

/// Kills a run at every n (or in strides) of each kind of call, with `prepare` before and `check` after each kill; `check`
/// tells whether the new state was visible already.
pub fn sweep(
    title: &str,
    env: &TestEnv,
    args: &[&str],
    mut prepare: impl FnMut(usize),
    mut check: impl FnMut(usize, &str) -> bool,
) {
    let mut table = format!(
        "{title}\n{:20} {:>6} {:>6} {:>6}\n",
        "", "kills", "old", "new"
    );
    let mut round = 0;
    for (call, stride) in CALLS {
        let mut tally = Tally::default();
        let stride = if full() { 1 } else { *stride };
        let mut n = 1;
        loop {
            round += 1;
            prepare(round);
            let cut = cut(env, call, n, args);
            let new = check(round, &format!("{title}: {call} {n}"));
            if cut == Cut::Through {
                assert!(
                    new,
                    "{title}: {call} {n}: it got through, but the old state is there"
                );
                break;
            }
            tally.kills += 1;
            *(if new { &mut tally.new } else { &mut tally.old }) += 1;
            n += stride;
        }
        if tally.kills > 0 {
            let _ = writeln!(
                table,
                "{call:20} {:6} {:6} {:6}",
                tally.kills, tally.old, tally.new
            );
        }
    }
    println!("{table}");
}

/// A subsystem with binaries that come and go: `tool` in both versions, `left` only in the first, `right` in the second.
struct Tool {
    env: TestEnv,
}

const VERSIONS: [&str; 2] = ["v1.0.0", "v2.0.0"];

fn names(version: &str) -> [&'static str; 2] {
    if version == VERSIONS[0] {
        ["left", "tool"]
    } else {
        ["right", "tool"]
    }
}

impl Tool {
    fn new() -> Self {
        let tool = Self {
            env: TestEnv::new(),
        };
        tool.env.write("subsystems/tool/src/NOTICE", "for all\n");
        tool.want(VERSIONS[0]);
        tool
    }

    fn want(&self, version: &str) {
        let [other, tool] = names(version);
        self.env
            .versions(&[("tool", version)], "sources: [build]\n");
        self.env.recipe(
            "tool",
            &format!(
                "binaries: [{tool}, {other}]\nbuild:\n  source: {{dir: .}}\n  commands:\n    \
                 - \"for b in {tool} {other}; do printf '#!/bin/sh\\necho %s {{{{ version }}}}\\n' $b > {{{{ out }}}}/$b; done\"\n\
                 package: {{include: [src/NOTICE]}}\n"
            ),
        );
    }

    fn bin(&self) -> Utf8PathBuf {
        self.env.path("subsystems/tool/.bin")
    }

    /// The version that is installed, as anybody sees it; every name that is visible belongs to it and is whole.
    fn visible(&self, context: &str) -> Option<String> {
        let bin = self.bin();
        let stamp = std::fs::read_to_string(bin.join(".version")).ok();
        let version = stamp.as_ref().map(|text| {
            text.lines()
                .next()
                .unwrap()
                .strip_prefix("version: ")
                .unwrap()
                .to_owned()
        });
        let mut seen = BTreeSet::new();
        for entry in bin.read_dir_utf8().into_iter().flatten() {
            let entry = entry.unwrap();
            let name = entry.file_name().to_owned();
            // A link that leads nowhere is no binary.
            if name.starts_with('.') || !entry.path().exists() {
                continue;
            }
            let text = std::fs::read_to_string(entry.path()).unwrap();
            let version = version
                .as_deref()
                .unwrap_or_else(|| panic!("{context}: {name} is visible without a stamp"));
            assert_eq!(
                text,
                format!("#!/bin/sh\necho {name} {version}\n"),
                "{context}: {name} beside a stamp of {version}"
            );
            let mode = entry.path().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o755, "{context}: {name}");
            seen.insert(name);
        }
        let Some(version) = version else {
            assert!(seen.is_empty(), "{context}: {seen:?} without a stamp");
            return None;
        };
        assert_eq!(
            seen.iter().map(String::as_str).collect::<Vec<_>>(),
            names(&version),
            "{context}: names of {version}"
        );
        // The same through the pivot, by hash.
        let set = bin.join(".v").join(
            std::fs::read_link(bin.join(".v/current"))
                .unwrap()
                .to_str()
                .unwrap(),
        );
        assert_eq!(
            std::fs::read_to_string(set.join(".version")).ok(),
            stamp,
            "{context}"
        );
        let stamped = stamped(&stamp.unwrap());
        assert_eq!(stamped.len(), 3, "{context}: {stamped:?}");
        for (name, sha256) in stamped {
            let bytes =
                std::fs::read(set.join(&name)).unwrap_or_else(|e| panic!("{context}: {name}: {e}"));
            assert_eq!(Digest::of(&bytes).to_string(), sha256, "{context}: {name}");
        }
        Some(version)
    }

    /// Nothing is left of what was killed.
    fn tidy(&self, context: &str) {
        let bin = self.bin();
        let version = self.visible(context).unwrap();
        let wanted: BTreeSet<String> = names(&version)
            .iter()
            .map(ToString::to_string)
            .chain([".v".into(), ".version".into()])
            .collect();
        assert_eq!(list(&bin), wanted, "{context}: .bin");
        let mut wanted = BTreeSet::new();
        for link in ["current", "previous"] {
            if let Ok(target) = std::fs::read_link(bin.join(".v").join(link)) {
                wanted.extend([link.to_owned(), target.to_str().unwrap().to_owned()]);
            }
        }
        assert_eq!(list(&bin.join(".v")), wanted, "{context}: .bin/.v");
        assert_eq!(
            list(&self.env.path(".larder/work")),
            BTreeSet::new(),
            "{context}: .larder/work"
        );
        for folder in ["", ".larder"] {
            let staged = list(&self.env.path(folder))
                .into_iter()
                .find(|name| name.starts_with(".tmp-"));
            assert_eq!(staged, None, "{context}: {folder}");
        }
    }
}

/// Name and sha256 of each file of a stamp.
fn stamped(stamp: &str) -> BTreeMap<String, String> {
    let field = |line: &str, key: &str| {
        let rest = line.split_once(key)?.1;
        Some(rest.split([',', '}']).next()?.trim().to_owned())
    };
    stamp
        .lines()
        .filter_map(|line| Some((field(line, "name: ")?, field(line, "sha256: ")?)))
        .collect()
}

/// Every installed file of a subsystem is the one its stamp names.
pub fn whole(env: &TestEnv, name: &str) {
    let bin = env.path(format!("subsystems/{name}/.bin"));
    let stamp = std::fs::read_to_string(bin.join(".version"))
        .unwrap_or_else(|e| panic!("{name} is not installed: {e}"));
    for (file, sha256) in stamped(&stamp) {
        let path = if bin.join(&file).exists() {
            bin.join(&file)
        } else {
            bin.join(".v/current").join(&file)
        };
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        assert_eq!(Digest::of(&bytes).to_string(), sha256, "{path}");
    }
}

/// Names in a folder; none where there is no folder.
pub fn list(dir: &camino::Utf8Path) -> BTreeSet<String> {
    dir.read_dir_utf8()
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().to_owned())
        .collect()
}

/// After each kill: what is visible is one of the two; the next run, towards either version, heals.
fn upgrade(title: &str, args: &[&str], before: impl Fn(&Tool)) {
    let tool = Tool::new();
    for version in VERSIONS.iter().rev() {
        tool.want(version);
        tool.env.larder(["ensure", "all"]).success();
    }
    let (mut from, mut to) = (VERSIONS[0], VERSIONS[1]);
    let direction = std::cell::Cell::new((from, to));
    sweep(
        title,
        &tool.env,
        args,
        |_| {
            before(&tool);
            tool.want(direction.get().1);
        },
        |round, context| {
            let seen = tool
                .visible(context)
                .unwrap_or_else(|| panic!("{context}: nothing is installed any more"));
            assert!(seen == from || seen == to, "{context}: {seen}");
            // Every third time the project goes back to where it was: that run must heal, too.
            let wanted = if round % 3 == 0 { from } else { to };
            tool.want(wanted);
            tool.env.larder(["ensure", "all"]).success();
            assert_eq!(tool.visible(context).as_deref(), Some(wanted), "{context}");
            tool.tidy(context);
            let new = seen == to;
            if wanted == to {
                std::mem::swap(&mut from, &mut to);
            }
            direction.set((from, to));
            new
        },
    );
}

#[test]
fn killed_while_an_upgrade_is_restored() {
    upgrade("upgrade, restored", &["ensure", "all"], |_| {});
}

#[test]
fn killed_while_an_upgrade_is_built() {
    upgrade(
        "upgrade, built",
        &["ensure", "all", "--source", "build"],
        |_| {},
    );
}

#[test]
fn killed_while_first_installed() {
    let tool = Tool::new();
    tool.env.larder(["ensure", "all"]).success();
    sweep(
        "first installation",
        &tool.env,
        &["ensure", "all"],
        |round| {
            remove(&tool.bin());
            if round % 2 == 0 {
                tool.env.remove(".larder");
            }
        },
        |_, context| {
            let seen = tool.visible(context);
            tool.env.larder(["ensure", "all"]).success();
            assert_eq!(
                tool.visible(context).as_deref(),
                Some(VERSIONS[0]),
                "{context}"
            );
            tool.tidy(context);
            seen.is_some()
        },
    );
}

#[test]
fn killed_while_the_cache_is_written() {
    let tool = Tool::new();
    sweep(
        "cache",
        &tool.env,
        &["ensure", "all"],
        |_| {
            remove(&tool.bin());
            tool.env.drop_cache();
        },
        |_, context| {
            let seen = tool.visible(context);
            tool.env.larder(["ensure", "all"]).success();
            tool.tidy(context);
            // What is in the cache by now is whole: it alone gives the set once more.
            remove(&tool.bin());
            tool.env
                .larder(["ensure", "all", "--source", "cache"])
                .success();
            assert_eq!(
                tool.visible(context).as_deref(),
                Some(VERSIONS[0]),
                "{context}"
            );
            seen.is_some()
        },
    );
}

/// Names in a folder that are no one's but of a killed larder.
fn litter(env: &TestEnv, dir: &str) -> Vec<String> {
    list(&env.path(dir))
        .into_iter()
        .filter(|name| name.starts_with('.') && name != ".lock")
        .collect()
}

#[test]
fn killed_while_packaging() {
    let tool = Tool::new();
    let env = &tool.env;
    env.larder(["ensure", "all"]).success();
    env.larder(["package", "all"]).success();
    let asset = format!(".dist/left-{}.tar.gz", crate::env::host());
    let asset = if env.exists(&asset) {
        asset
    } else {
        asset.replace("left", "tool")
    };
    let wanted = std::fs::read(env.path(&asset)).unwrap();
    sweep(
        "package",
        env,
        &["package", "all"],
        |round| match round % 3 {
            0 => env.remove(".dist"),
            1 => env.remove(&format!("{asset}.json")),
            _ => env.remove(&asset),
        },
        |_, context| {
            let there = std::fs::read(env.path(&asset)).ok();
            assert!(
                there.as_ref().is_none_or(|bytes| *bytes == wanted),
                "{context}: half a package"
            );
            let sidecar = std::fs::read_to_string(env.path(format!("{asset}.json"))).ok();
            let whole = sidecar.is_some_and(|text| {
                text.contains(&Digest::of(&wanted).to_string()) && text.ends_with("}\n")
            });
            env.larder(["package", "all"]).success();
            assert_eq!(
                std::fs::read(env.path(&asset)).unwrap(),
                wanted,
                "{context}"
            );
            assert_eq!(litter(env, ".dist"), Vec::<String>::new(), "{context}");
            there.is_some() && whole
        },
    );
}

#[test]
fn killed_while_releasing_into_a_folder() {
    let tool = Tool::new();
    let env = &tool.env;
    env.larder(["ensure", "all"]).success();
    env.larder(["package", "all"]).success();
    let hub = ".larder-hub/tool-v1.0.0";
    env.larder(["release", "all"]).success();
    let snapshot = || -> BTreeMap<String, Vec<u8>> {
        let read = |name: String| {
            (
                name.clone(),
                std::fs::read(env.path(hub).join(&name)).unwrap(),
            )
        };
        list(&env.path(hub))
            .into_iter()
            .filter(|name| !name.starts_with('.'))
            .map(read)
            .collect()
    };
    let wanted = snapshot();
    assert_eq!(wanted.len(), 4, "{:?}", wanted.keys());
    let sidecar = wanted
        .keys()
        .find(|name| name.ends_with(".gz.json"))
        .unwrap()
        .clone();
    sweep(
        "release into a folder",
        env,
        &["release", "all"],
        |round| {
            if round % 2 == 0 {
                env.remove(".larder-hub");
            } else {
                env.remove(&format!("{hub}/{sidecar}"));
            }
        },
        |_, context| {
            for (name, bytes) in snapshot() {
                assert_eq!(bytes, wanted[&name], "{context}: {name} is not whole");
            }
            let whole = snapshot() == wanted;
            env.larder(["release", "all"]).success();
            assert_eq!(snapshot(), wanted, "{context}");
            assert_eq!(litter(env, hub), Vec::<String>::new(), "{context}");
            whole
        },
    );
}

#[test]
fn killed_while_downloaded_from_a_folder() {
    let tool = Tool::new();
    let env = &tool.env;
    env.larder(["ensure", "all"]).success();
    env.larder(["release", "all"]).success();
    env.edit("versions.yml", "[build]", "[managed]");
    sweep(
        "download",
        env,
        &["ensure", "all"],
        |_| {
            remove(&tool.bin());
            env.drop_cache();
            env.remove("versions.lock");
        },
        |_, context| {
            let seen = tool.visible(context);
            env.larder(["ensure", "all"]).success();
            tool.tidy(context);
            env.larder(["ensure", "all", "--locked", "--reinstall"])
                .success();
            tool.tidy(context);
            assert_eq!(
                env.read("versions.lock")
                    .lines()
                    .filter(|line| line.starts_with("tool"))
                    .count(),
                1,
                "{context}"
            );
            seen.is_some()
        },
    );
}

#[test]
fn what_killed_writers_left_is_removed_by_the_next_writer() {
    let tool = Tool::new();
    let left = [".larder/.tmp-state-x1y2z3", ".tmp-versions.lock-x1y2z3"];
    for file in left {
        tool.env.write(file, "half a file");
    }
    let pin = |env: &TestEnv| env.larder(["release", "all"]).success();
    tool.env.larder(["ensure", "all"]).success();
    pin(&tool.env);
    assert!(!tool.env.exists(left[0]), "of the state");
    assert!(!tool.env.exists(left[1]), "of the lock");
}
