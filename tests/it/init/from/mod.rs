//! `init --from`: three files of each kind, written as their users write them, and what larder makes of them.
//!
//! Most tests are offline: the same files give the same recipes on every machine. `online` asks publishers on this machine.

mod configs;
mod goreleaser;
mod online;
mod publisher;
mod refused;
mod taskfile;

use crate::env::TestEnv;

/// A machine with these files of `tests/it/data/from` in its project: the name there, and the path in the project.
fn machine(files: &[(&str, &str)]) -> TestEnv {
    let env = TestEnv::new();
    for (from, to) in files {
        let path = format!("{}/tests/it/data/from/{from}", crate::env::REPO);
        env.write(to, std::fs::read(&path).expect("the file"));
    }
    env
}

/// What an offline run would write, without git's files, and what it says. Then the same is written, and must load.
fn offline(env: &TestEnv, file: &str) -> String {
    let dry = env
        .larder(["init", "--from", file, "--offline", "--dry-run"])
        .success();
    assert!(!env.exists("versions.yml"), "a dry run writes nothing");
    let files: Vec<&str> = dry
        .stdout
        .split("# ==> ")
        .filter(|part| !part.is_empty() && !part.starts_with(".git"))
        .map(str::trim_end)
        .collect();
    let written = env.larder(["init", "--from", file, "--offline"]).success();
    assert!(
        written.stderr.contains("wrote versions.yml"),
        "{}",
        written.stderr
    );
    for part in dry.stdout.split("# ==> ").filter(|part| !part.is_empty()) {
        let (path, text) = part.split_once(" <==\n").expect("a file");
        assert_eq!(env.read(path).trim_end(), text.trim_end(), "{path}");
    }
    env.larder(["check"]).success();
    format!("{}\n--- stderr\n{}", files.join("\n\n"), dry.stderr)
}
