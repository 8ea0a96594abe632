//! Tombstones of versions that must not be used any more.

use super::{Key, Team, minisign};
use crate::env::list;

#[test]
fn a_yanked_version_is_refused_with_its_reason() {
    let team = Team::released();
    let installed = team.reader("installed");
    installed.larder(["ensure", "tool"]).success();
    let cached = team.reader("cached");
    cached.larder(["ensure", "tool"]).success();
    cached.larder(["clean", "all"]).success();
    let args = ["yank", "tool@v1.0.0", "--reason", "loses data"];
    team.release(&args).success();
    let folder = team.hub.join("tool-v1.0.0-yanked");
    let files = ["notes.md", "tombstone.json", "tombstone.json.minisig"].map(str::to_owned);
    assert_eq!(list(&folder), files.into());
    let before = std::fs::read(folder.join("tombstone.json.minisig")).unwrap();
    team.release(&args).success();
    assert_eq!(
        std::fs::read(folder.join("tombstone.json.minisig")).unwrap(),
        before
    );
    // The hub, the cache, a locked project, a dry run, a lock and another release.
    let locked = team.reader("locked");
    locked.write("versions.lock", team.env.read("versions.lock"));
    let reader = team.reader("reader");
    for (env, args) in [
        (&reader, &["ensure", "tool"][..]),
        (&reader, &["ensure", "tool", "-n"]),
        (&reader, &["lock", "tool"]),
        (&reader, &["ensure", "tool", "--source", "build"]),
        (&cached, &["ensure", "tool"]),
        (&locked, &["ensure", "tool", "--locked"]),
        (&installed, &["ensure", "tool", "--reinstall"]),
    ] {
        let out = env.larder(args).exits(4);
        assert!(
            out.stderr.contains("loses data"),
            "{args:?}: {}",
            out.stderr
        );
    }
    let out = team.release(&["release", "tool"]).exits(4);
    assert!(out.stderr.contains("was yanked"), "{}", out.stderr);
    assert!(!reader.exists("subsystems/tool/.bin/tool"));
    // What is installed is not asked about: such a run uses no network.
    let out = installed.larder_json(["ensure", "tool"]).success();
    assert_eq!(out.outcome("tool"), "up-to-date");
    // Loudly, if the user says so.
    let out = reader
        .larder(["ensure", "tool", "--allow-yanked"])
        .success();
    assert!(out.stderr.contains("loses data"), "{}", out.stderr);
    // It is no version that could be installed.
    let newest = team.env.another("newest");
    let out = newest.larder(["install", "tool", "--hub", team.hub.as_str(), "--to", "bin"]);
    out.success();
    assert!(newest.sh("bin/tool").contains("v1.0.0"));
}

/// Why a tombstone is ignored, and how it comes to that.
type Attack<'a> = (&'a str, Box<dyn Fn() + 'a>);

#[test]
fn a_tombstone_without_a_good_signature_is_ignored_and_told() {
    let team = Team::released();
    team.release(&["yank", "tool@v1.0.0"]).success();
    let folder = team.hub.join("tool-v1.0.0-yanked");
    let (file, signature) = (
        folder.join("tombstone.json"),
        folder.join("tombstone.json.minisig"),
    );
    let good = std::fs::read_to_string(&file).unwrap();
    let stranger = Key::new(&team.env, "stranger");
    let sign = |key: &Key, comment: &str| {
        let _ = std::fs::remove_file(&signature);
        minisign(&team.env, key, file.as_str(), comment);
    };
    let comment = "tool-v1.0.0-yanked tombstone.json";
    let put = |text: &str| std::fs::write(&file, text).unwrap();
    let attacks: Vec<Attack<'_>> = vec![
        (
            "it is not signed",
            Box::new(|| std::fs::remove_file(&signature).unwrap()),
        ),
        (
            "is none of `trust.keys`",
            Box::new(|| sign(&stranger, comment)),
        ),
        (
            "it was made for",
            Box::new(|| sign(&team.key, "tool-v0.9.0-yanked tombstone.json")),
        ),
        (
            "is no signature of the key",
            Box::new(|| {
                sign(&team.key, comment);
                put(&good.replace("v1.0.0", "v1.0.1"));
            }),
        ),
        (
            "it is about",
            Box::new(|| {
                put(&good.replace("v1.0.0", "v1.0.1"));
                sign(&team.key, comment);
            }),
        ),
    ];
    for (n, (why, attack)) in attacks.iter().enumerate() {
        put(&good);
        sign(&team.key, comment);
        attack();
        let reader = team.reader(&format!("reader-{n}"));
        let out = reader.larder(["ensure", "tool"]).success();
        assert!(
            out.stderr.contains("is ignored") && out.stderr.contains(why),
            "{why}: {}",
            out.stderr
        );
    }
    put(&good);
    sign(&team.key, comment);
    team.reader("last").larder(["ensure", "tool"]).exits(4);
}

#[test]
fn what_can_not_be_asked_is_told_and_what_can_not_be_yanked_is_said() {
    let team = Team::released();
    let reader = team.reader("reader");
    reader.larder(["ensure", "tool"]).success();
    team.release(&["yank", "tool@v1.0.0"]).success();
    reader.larder(["clean", "all"]).success();
    // Offline, the cache is used as ever.
    reader.larder(["ensure", "tool", "--offline"]).success();
    // A hub that is away: the cached, signed artifact is used, and a warning says what is unknown.
    reader.larder(["clean", "all"]).success();
    reader.versions(
        &[("tool", "v1.0.0")],
        &format!("hub: {{http: \"http://127.0.0.1:9\"}}\n{}", team.trust()),
    );
    let lock = team.env.read("versions.lock");
    reader.write("versions.lock", lock);
    let out = reader.larder(["ensure", "tool"]).success();
    assert!(
        out.stderr.contains("it is not known whether"),
        "{}",
        out.stderr
    );
    for (args, code) in [
        (&["yank", "tool"][..], 2),
        (&["yank", "toll@v1.0.0"], 2),
        (&["yank", "tool@v1.0.0", "--reason", "two\nlines"], 2),
    ] {
        team.release(args).exits(code);
    }
    team.env.larder(["yank", "tool@v1.0.0"]).exits(2);
    let stranger = Key::new(&team.env, "stranger");
    team.release_with(&stranger, &["yank", "tool@v1.0.0"])
        .exits(2);
}
