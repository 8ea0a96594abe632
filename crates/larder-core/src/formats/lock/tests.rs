#![expect(clippy::disallowed_methods, reason = "git itself merges")]

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use proptest::prelude::*;

use super::*;
use crate::error::Result;
use crate::file_lock::Waiting;
use crate::fs;

fn line(name: &str, version: &str, seed: &str) -> Line {
    Line::Bytes(
        Key {
            name: name.parse().unwrap(),
            version: version.parse().unwrap(),
            platform: "linux-amd64".parse().unwrap(),
            origin: Origin::Original,
            kind: PinKind::Upstream,
            inputs: Digest::of(format!("inputs of {name} {version}").as_bytes()),
        },
        Pin {
            artifact: None,
            sha256: Digest::of(seed.as_bytes()),
            size: 12,
            url: format!("https://host.example/{name}-{version}.tar.gz"),
        },
    )
}

fn commit(rev: &str, commit: char) -> Line {
    Line::Commit {
        name: "arc".parse().unwrap(),
        version: "v0.1.0".parse().unwrap(),
        url: "https://host.example/acme/arc".into(),
        rev: rev.into(),
        commit: commit.to_string().repeat(40),
    }
}

fn lock(lines: impl IntoIterator<Item = Line>) -> Lock {
    let mut lock = Lock::default();
    for line in lines {
        lock.insert(line).unwrap();
    }
    lock
}

fn parse(text: &str) -> Result<Lock> {
    Lock::parse(text, Utf8Path::new("/somewhere/versions.lock"))
}

fn problems(text: &str) -> String {
    let error = parse(text).unwrap_err();
    assert_eq!(error.kind(), crate::Kind::Usage);
    error
        .file_problems()
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_lock_text_has_a_header_and_sorted_lines() {
    insta::assert_snapshot!(lock([line("b", "v1", "x"), commit("v0.1.0", 'a'), line("a", "v2", "y"), line("a", "v10", "z")]).to_text(), @r"
    # larder lock v1: name version platform origin kind inputs artifact sha256 size url
    a v10 linux-amd64 original upstream b859f52e9a32b0316a21d635287e4769fc4c883c42881c0a5c55107773091162 - 594e519ae499312b29433b7dd8a97ff068defcba9755b6d5d00e84c524d67b06 12 https://host.example/a-v10.tar.gz
    a v2 linux-amd64 original upstream ed47ed8a7b3611161666be27172846583b8214edc99924baea364ca43503da08 - a1fce4363854ff888cff4b8e7875d600c2682390412a8cf79b37d0b11148b0fa 12 https://host.example/a-v2.tar.gz
    arc v0.1.0 - build commit - - - - https://host.example/acme/arc#v0.1.0@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
    b v1 linux-amd64 original upstream 5cf4fc575dcbcc2f6525d0f76a69874e2f5c14f4d89c329b3e14d56fdd3f95e6 - 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 12 https://host.example/b-v1.tar.gz
    ");
}

#[test]
fn line_ends_survive() {
    let text = lock([line("a", "v1", "x"), line("b", "v1", "y")]).to_text();
    let more = lock([
        line("a", "v1", "x"),
        line("b", "v1", "y"),
        line("c", "v1", "z"),
    ])
    .to_text();
    let crlf = |text: &str| text.replace('\n', "\r\n");
    let mixed = crlf(&text).replacen("\r\n", "\n", 1);
    let last_line_is_open = crlf(&text).trim_end().to_owned();
    for (before, after) in [
        (text.clone(), more.clone()),
        (crlf(&text), crlf(&more)),
        (format!("\u{feff}{}", crlf(&text)), crlf(&more)),
        (mixed, crlf(&more)),
        (last_line_is_open, crlf(&more)),
        (text.replacen('\n', "\r\n", 1), more.clone()),
        (String::new(), lock([line("c", "v1", "z")]).to_text()),
    ] {
        let mut lock = parse(&before).unwrap();
        assert!(lock.insert(line("c", "v1", "z")).unwrap());
        assert_eq!(lock.to_text(), after);
    }
}

#[test]
fn a_bad_line_is_reported_with_line_and_column() {
    let good = line("nats", "v1", "x").to_string();
    let digest = Digest::of(b"x").to_string();
    let text = format!(
        "# larder lock v1\n{good}\nnats v1 linux-amd64\n{}\n{}\n{}\n{}\n",
        good.replace("upstream", "sideways"),
        good.replace("linux-amd64", "plan9-amd64"),
        good.replace(&digest, "abc"),
        commit("v1", 'a').to_string().replace("aaaa", "zzzz"),
    );
    insta::assert_snapshot!(problems(&text), @r"
    versions.lock:3:1: a lock line has 10 fields with one space between them, this one has 3 (its fields are: name version platform origin kind inputs artifact sha256 size url; remove the line and run `larder lock` to write it again)
    versions.lock:4:30: unknown kind `sideways` (known: asset, upstream, commit)
    versions.lock:5:9: platform: unknown platform `plan9-amd64`: unknown os `plan9` (a platform is <os>-<arch>, such as linux-amd64, darwin-arm64, windows-amd64 or linux-amd64-musl)
    versions.lock:6:106: sha256: `abc` is not a sha256 digest (a sha256 digest has 64 hex digits)
    versions.lock:7:35: this is not a git source with its commit (it has the form <git url>#<rev>@<commit in full>)
    ");
    assert!(problems("# larder lock v2\n").contains("update larder"));
}

#[test]
fn a_merge_conflict_is_reported_as_a_merge_conflict() {
    let text = format!(
        "<<<<<<< HEAD\n{}\n=======\nrubbish\n>>>>>>> other\n",
        line("nats", "v1", "x")
    );
    insta::assert_snapshot!(problems(&text), @"versions.lock:1:1: the lock contains an unresolved merge conflict (keep the lines of both sides and remove the three marker lines; with `versions.lock merge=union` in .gitattributes git merges locks by itself)");
}

#[test]
fn conflicting_digests_are_a_problem_but_a_repeated_line_is_not() {
    let one = line("nats", "v1", "x");
    let twice = format!("{one}\r\n\n{one}\n");
    assert_eq!(parse(&twice).unwrap(), lock([one.clone()]));
    let other = line("nats", "v1", "y");
    insta::assert_snapshot!(problems(&format!("{one}\n{other}\n")), @"versions.lock:2:1: two lines pin the same thing with a different sha256: 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 in line 1, a1fce4363854ff888cff4b8e7875d600c2682390412a8cf79b37d0b11148b0fa here (keep the line that is right; if you don't know, remove both and run `larder lock --update nats`)");
    let moved = problems(&format!("{}\n{}\n", commit("v1", 'a'), commit("v1", 'b')));
    assert!(moved.contains("different commit"), "{moved}");
}

#[test]
fn a_lookup_compares_every_field_of_the_key() {
    let entry = line("nats", "v1", "x");
    let lock = lock([entry.clone(), commit("v0.1.0", 'a')]);
    let Line::Bytes(key, pin) = &entry else {
        unreachable!()
    };
    let Key {
        name,
        version,
        platform,
        origin,
        kind,
        inputs,
    } = key;
    assert_eq!(
        lock.lookup(name, version, platform, *origin, *kind, inputs),
        Some(pin)
    );
    assert_eq!(
        lock.lookup(name, version, platform, Origin::Build, *kind, inputs),
        None
    );
    assert_eq!(
        lock.lookup(name, version, platform, *origin, PinKind::Asset, inputs),
        None
    );
    assert_eq!(
        lock.lookup(
            name,
            version,
            platform,
            *origin,
            *kind,
            &Digest::of(b"stale")
        ),
        None
    );
    let (arc, version) = ("arc".parse().unwrap(), "v0.1.0".parse().unwrap());
    assert_eq!(
        lock.commit(&arc, &version, "https://host.example/acme/arc", "v0.1.0"),
        Some("a".repeat(40).as_str())
    );
    assert_eq!(
        lock.commit(&arc, &version, "https://host.example/acme/arc", "main"),
        None
    );
}

#[test]
fn a_line_with_other_inputs_is_stale_and_no_conflict() {
    let Line::Bytes(key, pin) = line("nats", "v1", "x") else {
        unreachable!()
    };
    // The recipe changed but the version did not: other inputs, other bytes.
    let today = Key {
        inputs: Digest::of(b"inputs of today"),
        ..key.clone()
    };
    let other = Pin {
        sha256: Digest::of(b"y"),
        ..pin.clone()
    };
    let mut lock = lock([Line::Bytes(key.clone(), pin.clone())]);
    assert!(
        lock.insert(Line::Bytes(today.clone(), other.clone()))
            .unwrap()
    );
    let find = |key: &Key| {
        let Key {
            name,
            version,
            platform,
            origin,
            kind,
            inputs,
        } = key;
        lock.lookup(name, version, platform, *origin, *kind, inputs)
    };
    assert_eq!((find(&key), find(&today)), (Some(&pin), Some(&other)));
    assert_eq!(lock.lines().count(), 2);
    assert_eq!(parse(&lock.to_text()).unwrap(), lock);
}

#[test]
fn an_existing_pin_changes_only_by_replace() {
    let mut lock = lock([line("nats", "v1", "x"), commit("v1", 'a')]);
    for other in [line("nats", "v1", "y"), commit("v1", 'b')] {
        let before = lock.clone();
        assert_eq!(
            lock.insert(other.clone()).unwrap_err().kind(),
            crate::Kind::Integrity
        );
        assert_eq!(lock, before);
        assert!(
            lock.replace(other.clone()) && !lock.replace(other),
            "replacing a line twice is a change only the first time"
        );
    }
    // The same bytes from another url are no change; an artifact digest that was missing is one.
    let Line::Bytes(key, pin) = line("nats", "v1", "y") else {
        unreachable!()
    };
    let mirror = Pin {
        url: "https://mirror.example/x".into(),
        ..pin.clone()
    };
    assert!(!lock.insert(Line::Bytes(key.clone(), mirror)).unwrap());
    let known = Pin {
        artifact: Some(Digest::of(b"files")),
        ..pin
    };
    assert!(
        lock.insert(Line::Bytes(key.clone(), known.clone()))
            .unwrap()
    );
    assert!(!lock.insert(Line::Bytes(key, known)).unwrap());
    assert!(lock.retain(|line| matches!(line, Line::Commit { .. })) && lock.lines().count() == 1);
}

fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    (dir, path)
}

#[test]
fn concurrent_appends_lose_no_line() {
    let (_dir, root) = folder();
    let (path, guard) = (root.join("versions.lock"), root.join(".larder/locks/lock"));
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let (path, guard) = (&path, &guard);
            scope.spawn(move || {
                for n in 0..6 {
                    assert!(
                        Lock::append_to(
                            path,
                            guard,
                            &Waiting::default(),
                            &[line(&format!("tool-{writer}"), &format!("v{n}"), "x")]
                        )
                        .unwrap()
                    );
                }
            });
        }
    });
    let lock = Lock::load(&path).unwrap();
    assert_eq!(lock.lines().count(), 48);
    assert_eq!(fs::read_text(&path).unwrap(), lock.to_text());
}

fn append_to(path: &Utf8Path, guard: &Utf8Path, lines: &[Line]) -> Result<bool> {
    Lock::append_to(path, guard, &Waiting::default(), lines)
}

#[test]
fn appending_keeps_hand_written_lines_and_writes_only_changes() {
    let (_dir, root) = folder();
    let (path, guard) = (root.join("versions.lock"), root.join(".larder/lock"));
    assert!(append_to(&path, &guard, &[line("nats", "v1", "x")]).unwrap());
    let text = fs::read_text(&path).unwrap();
    let by_hand = text.replacen('\n', "\n# ours\n\n", 1);
    fs::write_atomic(&path, by_hand.as_bytes()).unwrap();
    assert!(!append_to(&path, &guard, &[line("nats", "v1", "x")]).unwrap());
    assert_eq!(
        fs::read_text(&path).unwrap(),
        by_hand,
        "nothing changed, so nothing is written"
    );
    assert_eq!(
        append_to(&path, &guard, &[line("nats", "v1", "y")])
            .unwrap_err()
            .kind(),
        crate::Kind::Integrity
    );
    assert!(append_to(&path, &guard, &[line("nats", "v2", "y")]).unwrap());
    assert!(
        fs::read_text(&path).unwrap().contains("\n# ours\n"),
        "comments that people wrote are kept"
    );
    let broken = format!("{text}rubbish\n");
    fs::write_atomic(&path, broken.as_bytes()).unwrap();
    assert_eq!(
        append_to(&path, &guard, &[line("nats", "v3", "x")])
            .unwrap_err()
            .kind(),
        crate::Kind::Usage
    );
    assert_eq!(fs::read_text(&path).unwrap(), broken);
}

/// Two branches each add their own lines and one common line, and git merges the branches.
fn merged_by_git(attributes: &str) -> (bool, String) {
    let (_dir, root) = folder();
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command.current_dir(&root).args([
            "-c",
            "user.name=x",
            "-c",
            "user.email=x@host.example",
            "-c",
            "commit.gpgsign=false",
        ]);
        let output = command
            .args(args)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap();
        output.status.success()
    };
    let path = root.join("versions.lock");
    let append = |lines: &[Line]| {
        assert!(
            Lock::append_to(&path, &root.join(".git/guard"), &Waiting::default(), lines).unwrap()
        );
    };
    assert!(git(&["init", "-q", "-b", "main"]));
    fs::write_atomic(root.join(".gitattributes"), attributes.as_bytes()).unwrap();
    append(&[line("a", "v1", "x"), line("z", "v1", "x")]);
    assert!(
        git(&["add", "-A"])
            && git(&["commit", "-qm", "base"])
            && git(&["checkout", "-qb", "other"])
    );
    append(&[
        line("m", "v1", "x"),
        line("b", "v1", "x"),
        commit("v1", 'a'),
    ]);
    assert!(git(&["commit", "-qam", "other"]) && git(&["checkout", "-q", "main"]));
    append(&[
        line("m", "v1", "x"),
        line("n", "v1", "x"),
        line("z", "v2", "x"),
    ]);
    assert!(git(&["commit", "-qam", "ours"]));
    (
        git(&["merge", "-q", "--no-edit", "other"]),
        fs::read_text(&path).unwrap(),
    )
}

#[test]
#[cfg_attr(not(unix), ignore = "it needs git")]
fn git_merges_the_additions_of_two_branches() {
    let (clean, text) = merged_by_git(&format!("{GIT_ATTRIBUTES}\n"));
    assert!(clean, "{text}");
    let all = ["a", "b", "m", "n", "z"]
        .map(|name| line(name, "v1", "x"))
        .into_iter();
    assert_eq!(
        parse(&text).unwrap(),
        lock(all.chain([line("z", "v2", "x"), commit("v1", 'a')]))
    );
}

#[test]
#[cfg_attr(not(unix), ignore = "it needs git")]
fn a_merge_conflict_made_by_git_is_recognised() {
    let (clean, text) = merged_by_git("");
    assert!(!clean);
    assert!(problems(&text).contains("merge conflict"), "{text}");
}

fn any_digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest::from_bytes)
}

fn any_line() -> impl Strategy<Value = Line> {
    let names = ("[a-z0-9][a-z0-9_-]{0,8}x", "[A-Za-z0-9][A-Za-z0-9+_-]{0,8}");
    let platforms = prop::sample::select(vec![
        "linux-amd64",
        "linux-amd64-musl",
        "darwin-arm64",
        "windows-386",
    ]);
    let words = (platforms, any::<bool>(), any::<bool>());
    let pin = (
        any_digest(),
        prop::option::of(any_digest()),
        any_digest(),
        any::<u64>(),
        ".{1,20}",
    );
    let bytes = (names, words, pin).prop_map(
        |((name, version), (platform, build, asset), (inputs, artifact, sha256, size, url))| {
            let origin = if build {
                Origin::Build
            } else {
                Origin::Original
            };
            let kind = if asset {
                PinKind::Asset
            } else {
                PinKind::Upstream
            };
            let key = Key {
                name: name.parse().unwrap(),
                version: version.parse().unwrap(),
                platform: platform.parse().unwrap(),
                origin,
                kind,
                inputs,
            };
            // A single dash means that there is no url.
            Line::Bytes(
                key,
                Pin {
                    artifact,
                    sha256,
                    size,
                    url: url.replace('-', "_"),
                },
            )
        },
    );
    let commits = (names, ".{1,20}", ".{1,20}", "[0-9a-f]{40}").prop_map(
        |((name, version), url, rev, commit)| Line::Commit {
            name: name.parse().unwrap(),
            version: version.parse().unwrap(),
            url,
            rev,
            commit,
        },
    );
    prop_oneof![bytes, commits]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_written_lock_is_read_back_unchanged(lines in prop::collection::vec(any_line(), 0..12)) {
        let mut lock = Lock::default();
        for line in lines {
            let _ = lock.insert(line);
        }
        let text = lock.to_text();
        prop_assert_eq!(&parse(&text).unwrap(), &lock);
        // The order of lines and repeated lines do not matter.
        let mut shuffled: Vec<&str> = text.lines().rev().collect();
        shuffled.extend(text.lines());
        prop_assert_eq!(&parse(&shuffled.join("\n")).unwrap(), &lock);
        prop_assert_eq!(parse(&text).unwrap().to_text(), text);
    }

    #[test]
    fn parsing_random_text_never_panics(text in ".*", junk in "[ -~\n]{0,80}") {
        let _ = parse(&text);
        let _ = parse(&format!("{}\n{junk}", line("nats", "v1", "x")));
    }
}
