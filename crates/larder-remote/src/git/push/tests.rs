//! Tests with bare repositories on this machine.

use std::cell::Cell;
use std::process::Command as Process;

use camino::Utf8PathBuf;
use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_core::error::Kind;
use larder_core::fs;

use super::*;

struct World {
    dir: tempfile::TempDir,
    cancel: Cancel,
    copies: Cell<usize>,
}

impl World {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            cancel: Cancel::new(),
            copies: Cell::new(0),
        }
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(self.dir.path().join(name)).unwrap()
    }

    #[expect(clippy::disallowed_methods, reason = "the test plays other people")]
    fn git(&self, folder: &str, arguments: &[&str]) -> String {
        let output = Process::new("git")
            .current_dir(self.path(folder))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .args(["-c", "user.name=B", "-c", "user.email=b@acme.example"])
            .args(arguments)
            .output()
            .unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {err}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// An empty repository.
    fn bare(&self, branch: &str) {
        let option = format!("--initial-branch={branch}");
        self.git("", &["init", "--quiet", "--bare", &option, "tap.git"]);
    }

    /// A commit of another person.
    fn commit(&self, file: &str, text: &str) {
        let work = self.path("work");
        if !fs::exists(&work) {
            self.git("", &["clone", "--quiet", "tap.git", "work"]);
        }
        self.git("work", &["pull", "--quiet", "--rebase", "origin", "HEAD"]);
        fs::create_dir_all(work.join(file).parent().unwrap()).unwrap();
        fs::write_atomic(work.join(file), text.as_bytes()).unwrap();
        self.git("work", &["add", "-A"]);
        self.git("work", &["commit", "--quiet", "-m", "theirs"]);
        self.git("work", &["push", "--quiet", "origin", "HEAD"]);
    }

    fn first_commit(&self, file: &str, text: &str) {
        self.git("", &["clone", "--quiet", "tap.git", "work"]);
        let work = self.path("work");
        fs::create_dir_all(work.join(file).parent().unwrap()).unwrap();
        fs::write_atomic(work.join(file), text.as_bytes()).unwrap();
        self.git("work", &["add", "-A"]);
        self.git("work", &["commit", "--quiet", "-m", "theirs"]);
        self.git("work", &["push", "--quiet", "origin", "HEAD"]);
    }

    fn hook(&self, name: &str, lines: &str) {
        let hook = self.path(&format!("tap.git/hooks/{name}"));
        fs::create_dir_all(hook.parent().unwrap()).unwrap();
        fs::write_atomic(&hook, format!("#!/bin/sh\n{lines}\n").as_bytes()).unwrap();
        fs::set_mode(&hook, 0o755).unwrap();
    }

    fn environment(&self) -> Environment {
        [("PATH", "/usr/bin:/bin"), ("HOME", self.path("").as_str())]
            .into_iter()
            .collect()
    }

    /// Works with a copy of the repository.
    fn with<T>(&self, work: impl FnOnce(&mut DefaultBranch<'_>) -> T) -> Result<T> {
        self.with_place(&format!("file://{}", self.path("tap.git")), None, work)
    }

    fn with_place<T>(
        &self,
        url: &str,
        first_branch: Option<&'static str>,
        work: impl FnOnce(&mut DefaultBranch<'_>) -> T,
    ) -> Result<T> {
        let environment = self.environment();
        let git = Git::new(&environment, false, &self.cancel);
        let place = Place {
            url: url.to_owned(),
            token: None,
            first_branch,
        };
        self.copies.set(self.copies.get() + 1);
        let folder = self.path(&format!("copy-{}", self.copies.get()));
        Ok(work(&mut git.default_branch(&place, &folder)?))
    }

    fn subjects(&self, branch: &str) -> Vec<String> {
        let out = self.git("tap.git", &["log", "--format=%s", branch]);
        out.lines().map(str::to_owned).collect()
    }

    fn show(&self, what: &str) -> String {
        self.git("tap.git", &["show", what])
    }
}

fn author() -> Author {
    Author::of(Some("Acme Tools <tools@acme.example>"))
}

fn write(files: &[(&str, &str)]) -> Change {
    let content = |text: &str| Content::Bytes(text.as_bytes().to_vec());
    Change {
        message: "arc 1.2.3".into(),
        files: files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), content(text)))
            .collect(),
    }
}

/// Pushes one file whatever is there.
fn push(branch: &mut DefaultBranch<'_>, path: &str, text: &str) -> Result<Option<String>> {
    branch.push(&author(), &|_| Ok(Some(write(&[(path, text)]))))
}

#[test]
fn an_empty_repository_gets_the_branch_that_it_names_or_that_its_server_demands() {
    for (head, first, branch) in [
        ("main", None, "main"),
        ("trunk", None, "trunk"),
        ("main", Some("master"), "master"),
        ("master", Some("master"), "master"),
    ] {
        let world = World::new();
        world.bare(head);
        let url = world.path("tap.git").to_string();
        for url in [format!("file://{url}"), url] {
            world
                .with_place(&url, first, |copy| {
                    assert_eq!(copy.read("a.rb").unwrap().is_some(), !copy.is_empty());
                    push(copy, "a.rb", "one\n").unwrap();
                })
                .unwrap();
            assert_eq!(world.subjects(branch), ["arc 1.2.3"]);
        }
        let by = world.git("tap.git", &["log", "--format=%an %ae %cn %ce", branch]);
        let name = "Acme Tools tools@acme.example";
        assert_eq!(by.trim(), format!("{name} {name}"));
    }
}

#[test]
fn a_change_is_one_commit_on_the_default_branch_and_touches_nothing_else() {
    let world = World::new();
    world.bare("trunk");
    world.first_commit("README.md", "read me\n");
    world.commit("Formula/b.rb", "b\n");
    world.git(
        "work",
        &["push", "--quiet", "origin", "HEAD:refs/heads/other"],
    );
    world
        .with(|copy| {
            assert_eq!((copy.name(), copy.is_empty()), ("trunk", false));
            assert_eq!(copy.read("Formula/b.rb").unwrap().unwrap(), b"b\n");
            assert_eq!(copy.read("Formula/c.rb").unwrap(), None);
            copy.read("Formula").unwrap_err();
            let names = |deep| -> Vec<String> {
                let items = copy.list("", deep).unwrap();
                items.into_iter().map(|item| item.path).collect()
            };
            assert_eq!(names(false), ["Formula", "README.md"]);
            assert_eq!(names(true), ["Formula/b.rb", "README.md"]);
            push(copy, "Formula/a.rb", "a\n").unwrap().unwrap();
            // Nothing to change is no commit.
            assert_eq!(push(copy, "Formula/a.rb", "a\n").unwrap(), None);
            assert_eq!(copy.read("Formula/a.rb").unwrap().unwrap(), b"a\n");
        })
        .unwrap();
    assert_eq!(world.subjects("trunk"), ["arc 1.2.3", "theirs", "theirs"]);
    assert_eq!(world.show("trunk:Formula/b.rb"), "b\n");
    assert_eq!(world.show("trunk:README.md"), "read me\n");
    assert_eq!(world.subjects("other").len(), 2);
    world
        .with(|copy| {
            let change = Change {
                message: "remove".into(),
                files: vec![("Formula/a.rb".into(), Content::Removed)],
            };
            let make = |_: &DefaultBranch<'_>| Ok(Some(change.clone()));
            copy.push(&author(), &make).unwrap().unwrap();
            assert_eq!(copy.push(&author(), &make).unwrap(), None);
        })
        .unwrap();
    let files = world.git("tap.git", &["ls-tree", "-r", "--name-only", "trunk"]);
    assert_eq!(files, "Formula/b.rb\nREADME.md\n");
}

#[test]
fn a_link_in_the_repository_leads_nowhere() {
    let world = World::new();
    world.bare("main");
    world.first_commit("README.md", "");
    fs::symlink("/tmp", world.path("work/Formula")).unwrap();
    world.commit("x", "x");
    world
        .with(|copy| {
            assert_eq!(copy.read("Formula/a.rb").unwrap(), None);
            push(copy, "Formula/a.rb", "a\n").unwrap_err();
        })
        .unwrap();
    assert_eq!(world.subjects("main"), ["theirs", "theirs"]);
}

#[test]
fn a_change_goes_on_top_of_what_others_pushed_meanwhile() {
    let world = World::new();
    world.bare("main");
    world.first_commit("a.rb", "0\n");
    let seen = Cell::new(0);
    world
        .with(|copy| {
            let commit = copy.push(&author(), &|copy| {
                seen.set(seen.get() + 1);
                let now = String::from_utf8(copy.read("a.rb")?.unwrap()).unwrap();
                if seen.get() < 3 {
                    world.commit("b.rb", &format!("{}\n", seen.get()));
                }
                Ok(Some(write(&[("a.rb", &format!("{now}{}\n", seen.get()))])))
            });
            commit.unwrap().unwrap();
        })
        .unwrap();
    assert_eq!(seen.get(), 3);
    assert_eq!(world.show("main:a.rb"), "0\n3\n");
    assert_eq!(world.show("main:b.rb"), "2\n");
    let subjects = world.subjects("main");
    assert_eq!(subjects, ["arc 1.2.3", "theirs", "theirs", "theirs"]);
}

#[test]
fn what_somebody_else_has_done_meanwhile_is_not_done_again() {
    let world = World::new();
    world.bare("main");
    world.first_commit("a.rb", "0\n");
    world
        .with(|copy| {
            let commit = copy.push(&author(), &|copy| {
                if copy.read("a.rb")?.unwrap() == b"1\n" {
                    return Ok(None);
                }
                world.commit("a.rb", "1\n");
                Ok(Some(write(&[("a.rb", "1\n")])))
            });
            assert_eq!(commit.unwrap(), None);
        })
        .unwrap();
    assert_eq!(world.subjects("main"), ["theirs", "theirs"]);
}

#[test]
fn the_tries_are_bounded() {
    let world = World::new();
    world.bare("main");
    world.first_commit("a.rb", "0\n");
    let seen = Cell::new(0);
    let error = world
        .with(|copy| {
            let always = |_: &DefaultBranch<'_>| {
                seen.set(seen.get() + 1);
                world.commit("b.rb", &format!("{}\n", seen.get()));
                Ok(Some(write(&[("a.rb", "1\n")])))
            };
            copy.push(&author(), &always).unwrap_err()
        })
        .unwrap();
    assert_eq!((error.kind(), seen.get()), (Kind::Unavailable, TRIES));
}

#[test]
fn a_push_that_is_not_allowed_is_tried_once() {
    for hook in ["pre-receive", "update"] {
        let world = World::new();
        world.bare("main");
        world.first_commit("a.rb", "0\n");
        world.hook(
            hook,
            "echo x >> tries; echo only robots may push >&2; exit 1",
        );
        let error = world
            .with(|copy| push(copy, "a.rb", "1\n").unwrap_err())
            .unwrap();
        assert_eq!(error.kind(), Kind::Refused);
        let text = format!("{error:?}");
        assert!(text.contains("only robots may push"), "{text}");
        assert!(text.contains("contents: write"), "{text}");
        assert_eq!(fs::read_text(world.path("tap.git/tries")).unwrap(), "x\n");
        assert_eq!(world.subjects("main"), ["theirs"]);
    }
}

#[test]
fn a_repository_that_is_not_there_or_not_reachable_is_told() {
    let world = World::new();
    for (url, kind) in [
        (format!("file://{}", world.path("none.git")), Kind::Refused),
        ("http://127.0.0.1:1/a.git".to_owned(), Kind::Unavailable),
        ("--upload-pack=x".to_owned(), Kind::Usage),
    ] {
        let error = world.with_place(&url, None, |_| ()).unwrap_err();
        assert_eq!(error.kind(), kind, "{url}: {error:?}");
    }
}

#[test]
fn a_branch_is_found_where_the_default_one_does_not_exist() {
    let world = World::new();
    world.bare("main");
    world.first_commit("a.rb", "0\n");
    world.git("tap.git", &["symbolic-ref", "HEAD", "refs/heads/none"]);
    world
        .with(|copy| {
            assert_eq!(copy.read("a.rb").unwrap().unwrap(), b"0\n");
            push(copy, "a.rb", "1\n").unwrap().unwrap();
        })
        .unwrap();
    assert_eq!(world.show("main:a.rb"), "1\n");
    world.git("tap.git", &["branch", "second", "main"]);
    assert_eq!(world.with(|_| ()).unwrap_err().kind(), Kind::Failed);
}

#[test]
fn the_files_before_a_version_are_found_in_the_history() {
    let world = World::new();
    world.bare("main");
    world.git("tap.git", &["config", "uploadpack.allowFilter", "true"]);
    world.first_commit("a.rb", "1.0\n");
    world.commit("b", "of 1.0");
    world.commit("a.rb", "2.0\n");
    world.commit("a.rb", "2.0 with more\n");
    for number in 0..70 {
        world.commit("b", &format!("{number}"));
    }
    let before = |version: &'static str| {
        let paths = ["a.rb".to_owned(), "c".to_owned()];
        let holds = move |text: &[u8]| text.starts_with(version.as_bytes());
        world
            .with(|copy| copy.before(&paths, &holds).unwrap())
            .unwrap()
    };
    let old = Before::Files(vec![Some(b"1.0\n".to_vec()), None]);
    assert_eq!(before("2.0"), old);
    assert_eq!(before(""), Before::Nothing);
}

#[test]
fn little_is_copied_where_the_server_can_leave_out_the_rest() {
    let world = World::new();
    world.bare("main");
    world.git("tap.git", &["config", "uploadpack.allowFilter", "true"]);
    world.first_commit("a.rb", "first\n");
    world.commit("a.rb", "second\n");
    world.commit("large", &"x".repeat(1 << 20));
    world
        .with(|copy| {
            assert_eq!(copy.read("a.rb").unwrap().unwrap(), b"second\n");
            push(copy, "a.rb", "third\n").unwrap().unwrap();
            let folder = copy.folder.clone();
            let name = folder.file_name().unwrap();
            let objects = ["rev-list", "--objects", "--all", "--missing=print"];
            let objects = world.git(name, &objects);
            // The first commit and the large file are not there.
            assert_eq!(
                objects.lines().filter(|line| line.starts_with('?')).count(),
                1
            );
            assert_eq!(world.git(name, &["rev-list", "--all"]).lines().count(), 1);
        })
        .unwrap();
    assert_eq!(world.show("main:a.rb"), "third\n");
}

#[test]
fn a_right_is_asked_without_a_push() {
    for has_commits in [false, true] {
        let world = World::new();
        world.bare("main");
        if has_commits {
            world.first_commit("a.rb", "0\n");
        }
        let before = world.git("tap.git", &["rev-list", "--all"]);
        let asked = world.with(|copy| copy.check_right(&author())).unwrap();
        asked.unwrap();
        assert_eq!(world.git("tap.git", &["rev-list", "--all"]), before);
    }
}
