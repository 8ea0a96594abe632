//! `larder key new`, signing keys of both kinds, and the second implementation.

use std::os::unix::fs::PermissionsExt;

use super::{Key, Team, asset, minisign};
use crate::env::{TestEnv, has_mode, list};

#[test]
fn a_new_key_is_two_files_and_the_secret_one_is_private() {
    let env = TestEnv::new();
    let out = env.larder(["key", "new"]).success();
    assert!(has_mode(&env.path("larder.key"), 0o600));
    let public = env.read("larder.pub");
    assert_eq!(public.lines().nth(1), Some(out.stdout.trim()));
    assert!(
        !out.stderr
            .contains(env.read("larder.key").lines().nth(1).unwrap())
    );
    // A key is never overwritten: it is needed again.
    let before = env.read("larder.key");
    let again = env.larder(["key", "new"]).exits(1);
    assert!(
        again.stderr.contains("larder.key exists already"),
        "{}",
        again.stderr
    );
    assert_eq!(env.read("larder.key"), before);
    // A run that was interrupted between the two files is completed, and another .pub is kept.
    env.remove("larder.pub");
    let completed = env.larder(["key", "new"]).success();
    assert_eq!(completed.stdout, out.stdout);
    assert_eq!(env.read("larder.pub"), public);
    assert_eq!(env.read("larder.key"), before);
    env.write("team.pub", "x");
    env.larder(["key", "new", "--out", "team"]).exits(1);
    env.remove("team.pub");
    env.larder(["key", "new", "--out", "other.key"]).success();
    let files = ["larder.key", "larder.pub", "other.key", "other.pub"].map(str::to_owned);
    assert_eq!(list(env.project()), files.into());
}

/// Debian's minisign reads larder's keys and signatures, and larder reads minisign's.
#[test]
fn larder_and_minisign_read_each_others_keys_and_signatures() {
    let team = Team::released();
    let env = &team.env;
    let out = env.run(
        "minisign",
        ["-V", "-P", &team.key.public, "-m", team.sidecar().as_str()],
    );
    assert!(
        out.contains(&format!("Trusted comment: tool-v1.0.0 {}", asset())),
        "{out}"
    );
    // minisign signs with larder's key, in both formats, and a reader accepts it.
    for (name, legacy) in [("prehashed", false), ("legacy", true)] {
        std::fs::remove_file(team.signature()).unwrap();
        let (sidecar, comment) = (team.sidecar(), format!("tool-v1.0.0 {}", asset()));
        let mut args = vec![
            "-S",
            "-s",
            team.key.file.as_str(),
            "-m",
            sidecar.as_str(),
            "-t",
            &comment,
        ];
        args.extend(legacy.then_some("-l"));
        env.run("minisign", args);
        let out = team.reader(name).larder_json(["ensure", "tool"]).success();
        assert_eq!(out.outcome("tool"), "downloaded", "{name}");
    }
    // larder signs with a key that minisign made.
    let base = env.base().join("theirs");
    env.run(
        "minisign",
        [
            "-G",
            "-W",
            "-p",
            &format!("{base}.pub"),
            "-s",
            &format!("{base}.key"),
        ],
    );
    let public = std::fs::read_to_string(format!("{base}.pub")).unwrap();
    let key = Key {
        file: format!("{base}.key").into(),
        public: public.lines().nth(1).unwrap().to_owned(),
    };
    team.settings(env, &super::trust(&key));
    team.release_with(&key, &["release", "tool", "--sign"])
        .success();
    env.run(
        "minisign",
        ["-V", "-P", &key.public, "-m", team.sidecar().as_str()],
    );
    minisign(env, &key, env.write("x", "x").as_str(), "c");
}

/// A key with a password is made and opened by both programs.
#[test]
fn an_encrypted_key_needs_its_password() {
    let mut env = TestEnv::new();
    env.set("LARDER_SIGNING_KEY_PASSWORD", "correct horse battery");
    let key = Key::new(&env, "locked");
    let text = std::fs::read_to_string(&key.file).unwrap();
    env.write("data", "data");
    env.sh(&format!(
        "echo 'correct horse battery' | minisign -S -s {} -m data && minisign -V -P {} -m data",
        key.file, key.public
    ));
    let mut team = Team::new();
    team.settings(&team.env, &super::trust(&key));
    team.env.larder(["ensure", "tool"]).success();
    // The text of the file is the value of a variable; a wrong or missing password is said, without
    // any part of the key.
    team.env.set("LARDER_SIGNING_KEY", &text);
    for (password, code) in [("", 2), ("wrong", 2), ("correct horse battery", 0)] {
        team.env.set("LARDER_SIGNING_KEY_PASSWORD", password);
        let out = team
            .env
            .larder(["release", "tool", "--sign", "-v"])
            .exits(code);
        let secret = text.lines().nth(1).unwrap();
        assert!(!(out.stdout + &out.stderr).contains(&secret[20..60]));
    }
    assert!(team.signature().exists());
}

#[test]
fn what_is_no_key_is_named_and_not_shown() {
    let mut team = Team::new();
    team.env.larder(["ensure", "tool"]).success();
    let none = team.env.larder(["release", "tool", "--sign"]).exits(2);
    assert!(
        none.stderr.contains("LARDER_SIGNING_KEY"),
        "{}",
        none.stderr
    );
    for (variable, value) in [
        (
            "LARDER_SIGNING_KEY",
            "untrusted comment: x\nc2VjcmV0c2VjcmV0c2VjcmV0\n",
        ),
        ("LARDER_SIGNING_KEY", "one-line-that-is-a-secret"),
        ("LARDER_SIGNING_KEY_FILE", "/nowhere/release.key"),
        ("LARDER_SIGNING_KEY_FILE", "/dev/zero"),
    ] {
        let mut command = team.env.command(["release", "tool", "--sign"]);
        command.env(variable, value);
        let out = team.env.output(command);
        assert_ne!(out.code, Some(0));
        assert!(
            !out.stderr.contains("c2VjcmV0c2VjcmV0c2VjcmV0"),
            "{}",
            out.stderr
        );
        assert!(!out.stderr.contains("that-is-a-secret"), "{}", out.stderr);
    }
    // A key that the project does not list signs nothing: nobody would accept it.
    let other = Key::new(&team.env, "other");
    let out = team
        .release_with(&other, &["release", "tool", "--sign"])
        .exits(2);
    assert!(
        out.stderr.contains("not listed in `trust.managed`"),
        "{}",
        out.stderr
    );
    assert!(!team.hub.join("tool-v1.0.0").exists());
    team.env.unset("HOME");
}

/// The key is in no file of the project, the cache or the hub, and no child process gets it.
#[test]
fn the_key_reaches_no_child_and_no_file() {
    let mut team = Team::new();
    let text = std::fs::read_to_string(&team.key.file).unwrap();
    let secret = text.lines().nth(1).unwrap().to_owned();
    team.env.edit(
        "subsystems/tool/recipe.yml",
        "  commands:\n",
        "  commands:\n    - \"env; cat /proc/$PPID/environ | tr '\\\\0' '\\\\n' || true\"\n",
    );
    team.env.set("LARDER_SIGNING_KEY", &text);
    team.env.larder(["ensure", "tool", "-v"]).success();
    team.env
        .larder(["release", "tool", "--sign", "-v"])
        .success();
    let found = team.env.sh(&format!(
        "grep -rlF '{secret}' {} {} {} || true",
        team.env.project(),
        team.env.cache(),
        team.hub
    ));
    assert_eq!(found, "");
    let mode = std::fs::metadata(team.signature())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(
        mode & 0o444,
        0o444,
        "everyone who may read the hub reads the signature"
    );
}
