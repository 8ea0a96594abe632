//! Tests of the program from outside. A fake arc records how it is called; larder's own tests run
//! the real one.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sync-test-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("in/sub")).unwrap();
        fs::create_dir_all(path.join("path")).unwrap();
        fs::write(path.join("in/a.txt"), "first\n").unwrap();
        fs::write(path.join("in/sub/run.sh"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(
            path.join("in/sub/run.sh"),
            fs::Permissions::from_mode(0o755),
        )
        .unwrap();
        std::os::unix::fs::symlink("a.txt", path.join("in/link")).unwrap();
        Self(path)
    }
    fn sync(&self, args: &[&str]) -> (i32, String) {
        let path = format!("{}:/usr/bin:/bin", self.0.join("path").display());
        let out = Command::new(env!("CARGO_BIN_EXE_sync"))
            .args(args)
            .env("PATH", path)
            .current_dir(&self.0)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&out.stdout).into_owned()
            + &String::from_utf8_lossy(&out.stderr);
        (out.status.code().unwrap(), text)
    }
    fn arc(&self, script: &str) {
        let path = self.path("path/arc");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn mirrors_and_then_has_nothing_to_do() {
    let t = Scratch::new("twice");
    assert_eq!(
        t.sync(&["in", "out"]),
        (0, "copied 3, removed 0, left 0 as they were\n".into())
    );
    assert_eq!(t.read("out/a.txt"), "first\n");
    assert_eq!(
        fs::read_link(t.path("out/link")).unwrap(),
        PathBuf::from("a.txt")
    );
    assert_eq!(
        fs::metadata(t.path("out/sub/run.sh"))
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o755
    );
    assert_eq!(
        t.sync(&["in", "out"]),
        (0, "copied 0, removed 0, left 3 as they were\n".into())
    );
}

#[test]
fn copies_what_changed_and_deletes_only_with_delete() {
    let t = Scratch::new("changed");
    t.sync(&["in", "out"]);
    fs::write(t.path("in/a.txt"), "changed\n").unwrap();
    fs::write(t.path("out/extra"), "").unwrap();
    assert_eq!(
        t.sync(&["in", "out"]).1,
        "copied 1, removed 0, left 2 as they were\n"
    );
    assert!(t.path("out/extra").exists());
    assert_eq!(
        t.sync(&["--delete", "in", "out"]).1,
        "copied 0, removed 1, left 3 as they were\n"
    );
    assert!(!t.path("out/extra").exists());
}

#[test]
fn content_decides_with_checksum() {
    let t = Scratch::new("content");
    t.sync(&["in", "out"]);
    let time = fs::metadata(t.path("out/a.txt"))
        .unwrap()
        .modified()
        .unwrap();
    fs::write(t.path("out/a.txt"), "fiRst\n").unwrap();
    fs::File::options()
        .append(true)
        .open(t.path("out/a.txt"))
        .unwrap()
        .set_modified(time)
        .unwrap();
    assert_eq!(
        t.sync(&["in", "out"]).1,
        "copied 0, removed 0, left 3 as they were\n"
    );
    assert_eq!(
        t.sync(&["--checksum", "in", "out"]).1,
        "copied 1, removed 0, left 2 as they were\n"
    );
    assert_eq!(t.read("out/a.txt"), "first\n");
}

#[test]
fn a_dry_run_changes_nothing() {
    let t = Scratch::new("dry");
    let (code, text) = t.sync(&["-n", "in", "out"]);
    assert!(
        code == 0
            && text.contains("copy out/a.txt\n")
            && text.ends_with("would have copied 3, removed 0, left 0 as they were\n"),
        "{text}"
    );
    assert!(!t.path("out").exists());
}

#[test]
fn runs_arc_on_the_mirror() {
    let t = Scratch::new("arc");
    t.arc("#!/bin/sh\necho \"$@\" >> calls\n");
    assert_eq!(t.sync(&["in", "out", "--archive", "x.tar"]).0, 0);
    assert_eq!(t.read("calls"), "pack x.tar out\nverify x.tar\n");
    t.arc("#!/bin/sh\nexit 4\n");
    let (code, text) = t.sync(&["in", "out", "--archive", "x.tar"]);
    assert!(
        code == 1 && text.contains("sync: arc ended with exit status: 4"),
        "{text}"
    );
    fs::remove_file(t.path("path/arc")).unwrap();
    let (code, text) = t.sync(&["in", "out", "--archive", "x.tar"]);
    assert!(code == 1 && text.contains("arc is not on PATH"), "{text}");
}

#[test]
fn folders_in_one_another_and_other_kinds_are_refused() {
    let t = Scratch::new("refused");
    for (from, to) in [
        ("in", "in/sub"),
        ("in", "in"),
        ("in/sub", "in"),
        ("in", "in/new/deep"),
    ] {
        let (code, text) = t.sync(&[from, to]);
        assert!(
            code == 2 && text.contains("contain one another"),
            "{from} {to}: {text}"
        );
    }
    t.sync(&["in", "out"]);
    fs::remove_file(t.path("out/a.txt")).unwrap();
    fs::create_dir(t.path("out/a.txt")).unwrap();
    assert_eq!(t.sync(&["in", "out"]).0, 2);
    assert_eq!(t.sync(&["--delete", "in", "out"]).0, 0);
    assert_eq!(t.read("out/a.txt"), "first\n");
    let (code, text) = t.sync(&["nowhere", "out"]);
    assert!(
        code == 1 && text.starts_with("sync: cannot find nowhere: "),
        "{text}"
    );
}

#[test]
fn temporary_files_of_a_killed_run_are_removed() {
    let t = Scratch::new("killed");
    t.sync(&["in", "out"]);
    fs::write(t.path("out/.sync-tmp-1-a.txt"), "half").unwrap();
    t.sync(&["in", "out"]);
    assert!(!t.path("out/.sync-tmp-1-a.txt").exists());
}

#[test]
fn version_and_help() {
    let t = Scratch::new("version");
    assert_eq!(
        t.sync(&["--version"]),
        (0, format!("sync {}\n", env!("CARGO_PKG_VERSION")))
    );
    assert!(t.sync(&["--help"]).1.contains("--archive FILE"));
}
