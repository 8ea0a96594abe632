//! Tests with bare repositories on this machine.

use std::process::Command as Process;

use camino::Utf8PathBuf;
use larder_channels::release::Release;
use larder_core::cancel::Cancel;
use larder_core::project::publish::{Aur, Homebrew, Winget};
use larder_remote::RemoteSettings;
use larder_remote::http::Client;

use super::*;

struct World {
    dir: tempfile::TempDir,
    remote: RemoteSettings,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().to_str().unwrap();
        let environment = [("PATH", "/usr/bin:/bin"), ("HOME", home)];
        let remote = RemoteSettings {
            environment: environment.into_iter().collect(),
            temp: dir.path().to_owned(),
            ..RemoteSettings::default()
        };
        let world = Self { dir, remote };
        world.git("", &["init", "--quiet", "--bare", "-b", "main", "tap.git"]);
        world
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

    /// A commit of another person.
    fn commit(&self, file: &str, text: &str) {
        let work = self.path("work");
        if fs::exists(&work) {
            fs::remove_dir_all(&work).unwrap();
        }
        self.git("", &["clone", "--quiet", "tap.git", "work"]);
        fs::create_dir_all(work.join(file).parent().unwrap()).unwrap();
        fs::write_atomic(work.join(file), text.as_bytes()).unwrap();
        self.git("work", &["add", "-A"]);
        self.git("work", &["commit", "--quiet", "-m", "theirs"]);
        self.git("work", &["push", "--quiet", "origin", "HEAD"]);
    }

    fn files(&self, branch: &str) -> Vec<String> {
        let out = self.git("tap.git", &["ls-tree", "-r", "--name-only", branch]);
        out.lines().map(str::to_owned).collect()
    }

    fn subjects(&self, branch: &str) -> Vec<String> {
        let out = self.git("tap.git", &["log", "--format=%s", branch]);
        out.lines().map(str::to_owned).collect()
    }

    fn repository(&self, kind: ChannelKind, layout: Layout, version: &str) -> Repository {
        let version: Version = version.parse().unwrap();
        Repository {
            kind,
            name: name(),
            written: channel_version(kind, &version).unwrap(),
            version,
            url: format!("file://{}", self.path("tap.git")),
            is_hosted: false,
            layout,
            author: Author::of(None),
        }
    }

    fn homebrew(&self, version: &str) -> Repository {
        let layout = repository::homebrew(&Homebrew::default(), &name());
        self.repository(ChannelKind::Homebrew, layout, version)
    }

    fn scoop(&self, version: &str) -> Repository {
        self.repository(ChannelKind::Scoop, repository::scoop(&name()), version)
    }

    fn aur(&self, version: &str) -> Repository {
        let layout = repository::aur(&Aur::default(), &name()).unwrap();
        self.repository(ChannelKind::Aur, layout, version)
    }

    fn winget(&self, version: &str) -> Repository {
        let winget = Winget {
            publisher: "Acme".into(),
            ..Winget::default()
        };
        let layout = repository::winget(&winget, &name()).unwrap();
        self.repository(ChannelKind::Winget, layout, version)
    }

    fn attempt(&self) -> Attempt<'_> {
        let cancel = Cancel::new();
        Attempt {
            client: Client::new(self.remote.http.clone(), cancel.clone()),
            remote: &self.remote,
            cancel,
            dry_run: false,
        }
    }

    /// Calls a method with rendered files.
    fn with<T>(
        &self,
        rendered: &[(&str, &str)],
        call: impl FnOnce(&Attempt<'_>, &Files<'_>) -> T,
    ) -> T {
        let folder = self.path("rendered");
        if fs::exists(&folder) {
            fs::remove_dir_all(&folder).unwrap();
        }
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in rendered {
            fs::write_atomic(folder.join(name), text.as_bytes()).unwrap();
        }
        let release = release();
        let files = Files {
            release: &release,
            folder: &folder,
        };
        call(&self.attempt(), &files)
    }

    fn found(&self, repository: &Repository, rendered: &[(&str, &str)]) -> Found {
        self.with(rendered, |attempt, files| {
            repository.inspect(attempt, files).unwrap()
        })
    }

    /// Pushes, and looks and pushes again, which changes nothing.
    fn push(&self, repository: &Repository, rendered: &[(&str, &str)]) {
        assert_eq!(self.found(repository, rendered), Found::Missing);
        self.with(rendered, |attempt, files| {
            repository.push(attempt, files).unwrap();
            assert_eq!(repository.inspect(attempt, files).unwrap(), Found::Same);
            let commits = self.git("tap.git", &["rev-list", "--all"]);
            repository.push(attempt, files).unwrap();
            assert_eq!(self.git("tap.git", &["rev-list", "--all"]), commits);
        });
    }

    fn there(&self, repository: &Repository) -> (Option<String>, bool) {
        let There { current, wanted } = repository.there(&self.attempt()).unwrap();
        (current, wanted)
    }
}

fn release() -> Release {
    Release {
        name: name(),
        version: "1.0".parse().unwrap(),
        project: "p".into(),
        binaries: Vec::new(),
        description: None,
        homepage: None,
        license: None,
        maintainer: None,
        time: 0,
        changelog: None,
        platforms: Vec::new(),
    }
}

fn name() -> Name {
    "arc".parse().unwrap()
}

fn formula(version: &str) -> String {
    format!("class Arc < Formula\n  version \"{version}\"\nend\n")
}

fn manifest(version: &str) -> String {
    format!("{{\"version\": \"{version}\"}}\n")
}

fn srcinfo(version: &str) -> String {
    format!("pkgbase = arc-bin\n\tpkgver = {version}\n\tpkgrel = 1\n")
}

fn done(now: &str) -> Withdrawn {
    Withdrawn::Done(format!("its users get {now} now"))
}

#[test]
fn a_formula_is_pushed_replaced_and_withdrawn() {
    let world = World::new();
    world.commit("README.md", "a tap\n");
    let one = world.homebrew("v1.0.0");
    assert_eq!(world.there(&one), (None, false));
    world.push(&one, &[("arc.rb", &formula("1.0.0"))]);
    assert_eq!(world.there(&one), (Some("1.0.0".into()), true));
    world.commit("Formula/other.rb", "theirs\n");
    let two = world.homebrew("v2.0.0");
    assert_eq!(world.there(&two), (Some("1.0.0".into()), false));
    world.push(&two, &[("arc.rb", &formula("2.0.0"))]);
    let files = ["Formula/arc.rb", "Formula/other.rb", "README.md"];
    assert_eq!(world.files("main"), files);
    let subjects = ["arc 2.0.0", "theirs", "arc 1.0.0", "theirs"];
    assert_eq!(world.subjects("main"), subjects);

    // An older version is never put over a newer one, and is not withdrawn from under it.
    let old = [("arc.rb", &formula("1.0.0")[..])];
    assert_eq!(world.found(&one, &old), Found::Newer("2.0.0".into()));
    let error = world.with(&old, |attempt, files| one.push(attempt, files).unwrap_err());
    assert_eq!(error.kind(), Kind::Failed);
    assert_eq!(one.withdraw(&world.attempt()).unwrap(), Withdrawn::Absent);
    assert_eq!(world.subjects("main"), subjects);

    assert_eq!(two.withdraw(&world.attempt()).unwrap(), done("1.0.0"));
    assert_eq!(two.withdraw(&world.attempt()).unwrap(), Withdrawn::Absent);
    assert_eq!(
        world.git("tap.git", &["show", "main:Formula/arc.rb"]),
        formula("1.0.0")
    );
    assert_eq!(one.withdraw(&world.attempt()).unwrap(), done("no version"));
    assert_eq!(world.files("main"), files[1..]);
    assert_eq!(world.subjects("main").len(), 6);
}

#[test]
fn other_bytes_under_the_same_version_are_found_and_never_replaced() {
    let world = World::new();
    world.commit("Formula/arc.rb", &formula("1.0.0"));
    world.commit("bucket/arc.json", &manifest("1.0.0"));
    world.commit("manifests/a/Acme/arc/1.0.0/Acme.arc.yaml", "theirs\n");
    world.commit(".SRCINFO", &srcinfo("1.0.0"));
    world.commit("PKGBUILD", "theirs\n");
    let digest = |text: &str| format!("sha256 {}", Digest::of(text.as_bytes()));
    for (repository, files, what, ours, theirs) in [
        (
            world.homebrew("1.0.0"),
            vec![("arc.rb", "ours")],
            "Formula/arc.rb",
            digest("ours"),
            digest(&formula("1.0.0")),
        ),
        (
            world.scoop("1.0.0"),
            vec![("arc.json", "ours")],
            "bucket/arc.json",
            digest("ours"),
            digest(&manifest("1.0.0")),
        ),
        (
            world.winget("1.0.0"),
            vec![("Acme.arc.yaml", "ours")],
            "manifests/a/Acme/arc/1.0.0/Acme.arc.yaml",
            digest("ours"),
            digest("theirs\n"),
        ),
        (
            world.aur("1.0.0"),
            vec![(".SRCINFO", &srcinfo("1.0.0")[..]), ("PKGBUILD", "ours")],
            "PKGBUILD",
            digest("ours"),
            digest("theirs\n"),
        ),
        (
            world.aur("1.0.0"),
            vec![
                (".SRCINFO", &srcinfo("1.0.0")[..]),
                ("PKGBUILD", "theirs\n"),
                ("arc-bin.install", "ours"),
            ],
            "arc-bin.install",
            digest("ours"),
            "no file".to_owned(),
        ),
    ] {
        let before = world.git("tap.git", &["rev-parse", "main"]);
        let what = what.to_owned();
        assert_eq!(
            world.found(&repository, &files),
            Found::Other { what, ours, theirs }
        );
        let error = world.with(&files, |attempt, files| {
            repository.push(attempt, files).unwrap_err()
        });
        assert_eq!(error.kind(), Kind::Integrity);
        assert_eq!(world.git("tap.git", &["rev-parse", "main"]), before);
    }
}

#[test]
fn a_file_whose_version_cannot_be_read_is_not_replaced() {
    let world = World::new();
    world.commit("Formula/arc.rb", "# somebody's own notes\n");
    world.commit("PKGBUILD", "theirs\n");
    for (repository, files) in [
        (world.homebrew("1.0.0"), vec![("arc.rb", "ours")]),
        (
            world.aur("1.0.0"),
            vec![(".SRCINFO", "x"), ("PKGBUILD", "y")],
        ),
    ] {
        world.with(&files, |attempt, files| {
            assert_eq!(
                repository.inspect(attempt, files).unwrap_err().kind(),
                Kind::Failed
            );
            assert_eq!(
                repository.push(attempt, files).unwrap_err().kind(),
                Kind::Failed
            );
        });
    }
    assert_eq!(world.subjects("main").len(), 2);
}

#[test]
fn a_manifest_of_scoop_goes_where_scoop_looks_for_it() {
    for (there, path) in [
        (None, "bucket/arc.json"),
        (Some("bucket/other.json"), "bucket/arc.json"),
        (Some("other.json"), "arc.json"),
    ] {
        let world = World::new();
        if let Some(there) = there {
            world.commit(there, "{}\n");
        }
        world.push(&world.scoop("1.0.0"), &[("arc.json", &manifest("1.0.0"))]);
        let files = world.files("main");
        assert!(files.iter().any(|file| file == path), "{files:?}");
        world.push(&world.scoop("1.1.0"), &[("arc.json", &manifest("1.1.0"))]);
        assert_eq!(world.files("main"), files);
        let withdrawn = world.scoop("1.1.0").withdraw(&world.attempt()).unwrap();
        assert_eq!(withdrawn, done("1.0.0"));
    }
}

#[test]
fn a_package_of_the_aur_lives_on_master() {
    let world = World::new();
    let files = |version: &str| {
        [
            (".SRCINFO", srcinfo(version)),
            ("PKGBUILD", format!("pkgver={version}\n")),
            ("arc-bin.install", format!("echo {version}\n")),
        ]
    };
    let push = |repository: &Repository, files: &[(&'static str, String)]| {
        let files: Vec<_> = files
            .iter()
            .map(|(name, text)| (*name, &text[..]))
            .collect();
        world.push(repository, &files);
    };
    let first = world.aur("1.0.0-rc.1");
    push(&first, &files("1.0.0_rc.1"));
    assert_eq!(
        world.files("master"),
        [".SRCINFO", "PKGBUILD", "arc-bin.install"]
    );
    assert_eq!(world.subjects("master"), ["arc 1.0.0-rc.1"]);
    assert_eq!(world.there(&first), (Some("1.0.0_rc.1".into()), true));
    let impossible = first.withdraw(&world.attempt()).unwrap();
    let Withdrawn::Impossible(why) = impossible else {
        panic!("{impossible:?}");
    };
    assert!(why.contains("deletion request"), "{why}");

    // The release comes after its candidate, and has no script.
    world.git("tap.git", &["symbolic-ref", "HEAD", "refs/heads/master"]);
    let second = world.aur("1.0.0");
    push(&second, &files("1.0.0")[..2]);
    assert_eq!(world.files("master"), [".SRCINFO", "PKGBUILD"]);
    assert_eq!(
        second.withdraw(&world.attempt()).unwrap(),
        done("1.0.0_rc.1")
    );
    assert_eq!(
        world.files("master"),
        [".SRCINFO", "PKGBUILD", "arc-bin.install"]
    );
    assert_eq!(world.subjects("master").len(), 3);
}

#[test]
fn manifests_of_winget_are_kept_for_every_version() {
    let world = World::new();
    let rendered = [
        ("Acme.arc.yaml", "a\n"),
        ("Acme.arc.installer.yaml", "b\n"),
        ("Acme.arc.locale.en-US.yaml", "c\n"),
    ];
    let folder = "manifests/a/Acme/arc";
    // Half of a version was added by hand.
    world.commit(&format!("{folder}/1.9.0/Acme.arc.yaml"), "a\n");
    world.commit(&format!("{folder}/1.9.0/Acme.arc.locale.de-DE.yaml"), "d\n");
    world.push(&world.winget("1.9.0"), &rendered);
    world.push(&world.winget("1.10.0"), &rendered);
    // A version of an older series changes nothing for those who have the newest.
    let old = world.winget("1.8.1");
    world.push(&old, &rendered);
    assert_eq!(world.there(&old), (Some("1.10.0".into()), true));
    assert_eq!(world.files("main").len(), 10);
    let new = world.winget("1.10.0");
    assert_eq!(new.withdraw(&world.attempt()).unwrap(), done("1.9.0"));
    assert_eq!(new.withdraw(&world.attempt()).unwrap(), Withdrawn::Absent);
    assert_eq!(world.files("main").len(), 7);
    assert_eq!(world.there(&new), (Some("1.9.0".into()), false));
}

#[test]
fn two_subsystems_push_into_one_tap_at_once() {
    let world = World::new();
    world.commit("README.md", "a tap\n");
    std::thread::scope(|scope| {
        for number in 0..4 {
            let world = &world;
            scope.spawn(move || {
                let name: Name = format!("arc{number}").parse().unwrap();
                let mut repository = world.homebrew("1.0.0");
                repository.layout = repository::homebrew(&Homebrew::default(), &name);
                repository.name = name.clone();
                let folder = world.path(name.as_str());
                fs::create_dir_all(&folder).unwrap();
                let text = formula("1.0.0");
                fs::write_atomic(folder.join(format!("{name}.rb")), text.as_bytes()).unwrap();
                let release = release();
                let files = Files {
                    release: &release,
                    folder: &folder,
                };
                repository.push(&world.attempt(), &files).unwrap();
            });
        }
    });
    assert_eq!(world.files("main").len(), 5);
    assert_eq!(world.subjects("main").len(), 5);
}
