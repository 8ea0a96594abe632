//! Tests of the program from outside. GNU tar and sha256sum check its archives if they are
//! installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("arc-test-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("in/sub")).unwrap();
        fs::write(path.join("in/b.txt"), "second\n").unwrap();
        fs::write(path.join("in/a.txt"), "first\n").unwrap();
        fs::write(path.join("in/sub/big.bin"), vec![7; 200_000]).unwrap();
        fs::write(path.join("in/empty"), "").unwrap();
        Self(path)
    }
    fn run(&self, program: &str, args: &[&str]) -> Output {
        Command::new(program)
            .args(args)
            .current_dir(&self.0)
            .output()
            .unwrap()
    }
    fn arc(&self, args: &[&str]) -> (i32, String) {
        let out = self.run(env!("CARGO_BIN_EXE_arc"), args);
        let text = String::from_utf8_lossy(&out.stdout).into_owned()
            + &String::from_utf8_lossy(&out.stderr);
        (out.status.code().unwrap(), text)
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn installed(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|out| out.status.success())
}

#[test]
fn packs_lists_verifies_and_unpacks() {
    let t = Scratch::new("round");
    assert_eq!(
        t.arc(&["pack", "x.tar", "in"]),
        (0, "packed 4 files, 200013 bytes\n".into())
    );
    let (code, list) = t.arc(&["list", "x.tar"]);
    let names: Vec<_> = list
        .lines()
        .map(|line| line.rsplit(' ').next().unwrap())
        .collect();
    assert_eq!(
        (code, names),
        (
            0,
            vec!["a.txt", "b.txt", "empty", "sub/big.bin", "SHA256SUMS"]
        )
    );
    assert_eq!(
        t.arc(&["verify", "x.tar"]),
        (0, "verified 4 files, 200013 bytes\n".into())
    );
    assert_eq!(t.arc(&["unpack", "x.tar", "out"]).0, 0);
    assert_eq!(
        fs::read(t.path("out/sub/big.bin")).unwrap(),
        vec![7; 200_000]
    );
    assert_eq!(
        t.arc(&["unpack", "x.tar", "out"]).0,
        2,
        "a folder that is not empty is not changed"
    );
}

#[test]
fn same_files_give_the_same_bytes() {
    let t = Scratch::new("same");
    t.arc(&["pack", "x.tar", "in"]);
    fs::write(t.path("in/a.txt"), "first\n").unwrap();
    t.arc(&["pack", "y.tar", "in"]);
    assert_eq!(
        fs::read(t.path("x.tar")).unwrap(),
        fs::read(t.path("y.tar")).unwrap()
    );
}

#[test]
fn other_tools_read_and_check_it() {
    if !installed("tar") || !installed("sha256sum") {
        return;
    }
    let t = Scratch::new("oracle");
    t.arc(&["pack", "x.tar", "in"]);
    fs::create_dir(t.path("gnu")).unwrap();
    assert!(t.run("tar", &["xf", "x.tar", "-C", "gnu"]).status.success());
    let check = Command::new("sha256sum")
        .args(["-c", "--strict", "SHA256SUMS"])
        .current_dir(t.path("gnu"))
        .output()
        .unwrap();
    assert!(
        check.status.success(),
        "{}",
        String::from_utf8_lossy(&check.stderr)
    );
    // The reverse: an archive without checksums can be listed, but verifying it fails.
    assert!(
        t.run(
            "tar",
            &["--format=ustar", "-cf", "gnu.tar", "-C", "in", "a.txt"]
        )
        .status
        .success()
    );
    assert_eq!(t.arc(&["list", "gnu.tar"]).0, 0);
    assert_eq!(
        t.arc(&["verify", "gnu.tar"]),
        (4, "arc: gnu.tar is damaged: it has no SHA256SUMS\n".into())
    );
}

#[test]
fn damage_is_exit_4() {
    let t = Scratch::new("damage");
    t.arc(&["pack", "x.tar", "in"]);
    let good = fs::read(t.path("x.tar")).unwrap();
    let verify = |bytes: &[u8]| {
        fs::write(t.path("y.tar"), bytes).unwrap();
        t.arc(&["verify", "y.tar"])
    };
    let mut flipped = good.clone();
    let at = good.windows(6).position(|w| w == b"second").unwrap();
    flipped[at] ^= 1;
    let (code, text) = verify(&flipped);
    assert!(code == 4 && text.contains("b.txt has sha256"), "{text}");
    for cut in [0, 100, 513, 5_000, good.len() - 1024] {
        let (code, text) = verify(&good[..cut]);
        assert!(
            code == 4 && text.contains("ends too early"),
            "{cut}: {text}"
        );
    }
}

#[test]
fn errors_say_what_and_how_to_go_on() {
    let t = Scratch::new("errors");
    assert_eq!(
        t.arc(&["pakc"]),
        (2, "arc: unknown command `pakc`; see `arc --help`\n".into())
    );
    assert_eq!(
        t.arc(&["list"]),
        (
            2,
            "arc: wrong number of arguments for `list`; see `arc --help`\n".into()
        )
    );
    let (code, text) = t.arc(&["list", "nowhere.tar"]);
    assert!(
        code == 1 && text.starts_with("arc: cannot open nowhere.tar: "),
        "{text}"
    );
    fs::write(t.path("in/SHA256SUMS"), "").unwrap();
    let (code, text) = t.arc(&["pack", "x.tar", "in"]);
    assert!(
        code == 1 && text.contains("this name is reserved"),
        "{text}"
    );
    assert!(!t.path("x.tar").exists() && leftovers(&t.0).is_empty());
}

fn leftovers(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains(".tmp-")).collect()
}

#[test]
fn version_and_help() {
    let t = Scratch::new("version");
    assert_eq!(
        t.arc(&["--version"]),
        (0, format!("arc {}\n", env!("CARGO_PKG_VERSION")))
    );
    assert!(t.arc(&["--help"]).1.contains("arc verify ARCHIVE"));
}
