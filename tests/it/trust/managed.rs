//! The way of a signed release: signed, read, cached, installed and judged again.

use super::{Key, Team, asset, refused, trust};
use crate::env::list;

#[test]
fn a_signed_release_is_installed_and_shown() {
    let team = Team::released();
    let reader = team.reader("reader");
    let plan = reader
        .larder_json(["ensure", "tool", "--dry-run"])
        .success();
    assert_eq!(plan.outcome("tool"), "downloaded");
    let out = reader.larder_json(["ensure", "tool"]).success();
    assert_eq!(out.outcome("tool"), "downloaded");
    // From the cache as well, without the hub.
    reader.larder(["clean", "all"]).success();
    let hidden = team.hub.with_file_name("hidden");
    std::fs::rename(&team.hub, &hidden).unwrap();
    let out = reader.larder_json(["ensure", "tool"]).success();
    assert_eq!(out.outcome("tool"), "restored");
    // And without its state, because the cache keeps the signature.
    reader.remove(".larder/state");
    let out = reader.larder_json(["ensure", "tool"]).success();
    assert_eq!(out.outcome("tool"), "up-to-date");
    for command in [&["verify", "tool"][..], &["package", "tool"]] {
        reader.larder(command).success();
    }
    let status = reader.larder_json(["status", "tool"]).success().document();
    assert_eq!(status["subsystems"][0]["signed"], "signed by release");
    let status = team
        .env
        .larder_json(["status", "tool"])
        .success()
        .document();
    assert_eq!(
        status["subsystems"][0]["signed"],
        "unsigned: built by this machine"
    );
}

/// With a line in the lock an asset needs no sidecar, but its signature does.
#[test]
fn a_locked_asset_needs_its_signature_too() {
    let team = Team::released();
    let lock = team.env.read("versions.lock");
    let reader = team.reader("reader");
    reader.write("versions.lock", &lock);
    let out = reader.larder_json(["ensure", "tool", "--locked"]).success();
    assert_eq!(out.outcome("tool"), "downloaded");
    std::fs::remove_file(team.signature()).unwrap();
    let second = team.reader("second");
    second.write("versions.lock", &lock);
    for args in [
        &["ensure", "tool"][..],
        &["ensure", "tool", "--locked"],
        &["ensure", "tool", "-n"],
    ] {
        refused(second.larder(args), &second, "nobody signed it");
    }
}

#[test]
fn a_second_run_writes_nothing_and_an_unsigned_release_gets_its_signature() {
    let team = Team::new();
    team.settings(&team.env, "");
    team.env.larder(["ensure", "tool"]).success();
    team.env.larder(["release", "tool"]).success();
    assert!(!team.signature().exists());
    team.settings(&team.env, &team.trust());
    let out = team
        .release(&["release", "tool", "--sign", "--json"])
        .success();
    assert_eq!(out.finished("release")[0]["outcome"], "released");
    let times = || {
        let folder = team.hub.join("tool-v1.0.0");
        let mut all: Vec<_> = list(&folder)
            .into_iter()
            .filter(|name| name != ".lock")
            .map(|name| {
                let meta = std::fs::metadata(folder.join(&name)).unwrap();
                (name, meta.modified().unwrap())
            })
            .collect();
        all.sort();
        all
    };
    let before = times();
    let out = team
        .release(&["release", "tool", "--sign", "--json"])
        .success();
    assert_eq!(out.finished("release")[0]["outcome"], "up-to-date");
    assert_eq!(times(), before);
    // Signatures are no assets: neither listed, nor in the manifest, nor in the checksums.
    for file in ["manifest.json", "checksums.txt"] {
        let text = std::fs::read_to_string(team.file(file)).unwrap();
        assert!(
            text.contains(&asset()) && !text.contains("minisig"),
            "{text}"
        );
    }
    let status = team
        .env
        .larder_json(["release", "status"])
        .success()
        .document();
    assert_eq!(status["complete"], true);
    assert!(!status.to_string().contains("minisig"));
}

/// A signer signs what it would say itself, and not what somebody wrote to the hub.
#[test]
fn a_sidecar_that_says_something_else_is_not_signed() {
    let team = Team::new();
    team.settings(&team.env, "");
    team.env.larder(["ensure", "tool"]).success();
    team.env.larder(["release", "tool"]).success();
    team.settings(&team.env, &team.trust());
    let good = std::fs::read_to_string(team.sidecar()).unwrap();
    let mut forged: serde_json::Value = serde_json::from_str(&good).unwrap();
    forged["explanation"][0][1] = "else".into();
    std::fs::write(team.sidecar(), forged.to_string()).unwrap();
    let out = team.release(&["release", "tool", "--sign"]).exits(4);
    assert!(out.stderr.contains("something else"), "{}", out.stderr);
    assert!(!team.signature().exists());
    std::fs::write(team.sidecar(), good).unwrap();
    team.release(&["release", "tool", "--sign"]).success();
}

/// What this machine built is used here and marked unsigned. It satisfies nobody else.
#[test]
fn what_is_built_here_is_used_here_and_not_released_without_a_signature() {
    let team = Team::new();
    let out = team.env.larder_json(["ensure", "tool"]).success();
    assert_eq!(out.outcome("tool"), "built");
    let out = team.env.larder_json(["ensure", "tool"]).success();
    assert_eq!(out.outcome("tool"), "up-to-date");
    team.env.larder(["clean", "all"]).success();
    let out = team.env.larder_json(["ensure", "tool"]).success();
    assert_eq!(out.outcome("tool"), "restored");
    team.env.larder(["package", "tool"]).success();
    let out = team.env.larder(["release", "tool"]).exits(4);
    assert!(out.stderr.contains("--sign"), "{}", out.stderr);
    assert!(!team.file(&asset()).exists());
    // With a key at hand it is signed without being asked.
    team.release(&["release", "tool"]).success();
    assert!(team.signature().exists());
}

/// A package of another job is signed where it is released, or was signed before.
#[test]
fn a_handed_over_package_is_signed_here_or_was_signed_before() {
    let team = Team::new();
    team.env.larder(["ensure", "tool"]).success();
    team.env.larder(["package", "tool"]).success();
    let releaser = team.reader("releaser");
    let packages = releaser.base().join("packages");
    let copy = || {
        std::fs::create_dir_all(&packages).unwrap();
        for name in list(&team.env.path(".dist")) {
            std::fs::copy(team.env.path(".dist").join(&name), packages.join(&name)).unwrap();
        }
    };
    copy();
    let from = ["release", "tool", "--from", packages.as_str()];
    let out = releaser.larder(from).exits(4);
    assert!(out.stderr.contains("nobody signed it"), "{}", out.stderr);
    assert!(!team.hub.exists());
    // Signed by whoever made it; the comment says for which release.
    let sidecar = packages.join(format!("{}.json", asset()));
    super::minisign(
        &team.env,
        &team.key,
        sidecar.as_str(),
        "tool-v0.9.0 other.tar.gz",
    );
    let out = releaser.larder(from).exits(4);
    assert!(out.stderr.contains("it was made for"), "{}", out.stderr);
    super::minisign(
        &team.env,
        &team.key,
        sidecar.as_str(),
        &format!("tool-v1.0.0 {}", asset()),
    );
    releaser.larder(from).success();
    let reader = team.reader("reader");
    reader.larder(["ensure", "tool"]).success();
    // Or signed here.
    std::fs::remove_dir_all(&team.hub).unwrap();
    std::fs::remove_dir_all(&packages).unwrap();
    copy();
    let mut command = releaser.command(from);
    command
        .arg("--sign")
        .env("LARDER_SIGNING_KEY_FILE", &team.key.file);
    releaser.output(command).success();
    team.reader("second").larder(["ensure", "tool"]).success();
}

/// A key's removal is a statement: what it signed is refused, also where it is installed, and a run
/// that has nothing to do is still one that reads metadata only.
#[test]
fn what_is_installed_is_judged_again_when_the_keys_change() {
    let team = Team::released();
    let reader = team.reader("reader");
    reader.larder(["ensure", "tool"]).success();
    let new = Key::new(&team.env, "new");
    let changes = [
        (trust(&new), "is none of `trust.keys`"),
        (
            format!(
                "trust:\n  keys: {{old: {{key: {}, until: v0.9.0}}}}\n  managed: [old]\n",
                team.key.public
            ),
            "is accepted only until v0.9.0",
        ),
        (
            format!(
                "trust:\n  keys: {{old: {}, new: {}}}\n  managed: [new]\n",
                team.key.public, new.public
            ),
            "`old`",
        ),
    ];
    for (lines, why) in changes {
        team.settings(&reader, &lines);
        let status = reader.larder_json(["status", "tool"]).success().document();
        assert_eq!(status["fresh"], false, "{lines}");
        for command in [&["ensure", "tool"][..], &["ensure", "tool", "--locked"]] {
            let out = reader.larder(command).exits(4);
            assert!(out.stderr.contains(why), "{lines}: {}", out.stderr);
        }
        for command in [&["verify", "tool"][..], &["package", "tool"], &["bundle"]] {
            let out = reader.larder(command).exits(4);
            assert!(
                out.stderr.contains("signature"),
                "{command:?}: {}",
                out.stderr
            );
        }
        team.settings(&reader, &team.trust());
        let out = reader.larder_json(["ensure", "tool"]).success();
        assert_eq!(out.outcome("tool"), "up-to-date");
    }
    // `until` reaches the version: accepted.
    team.settings(
        &reader,
        &format!(
            "trust:\n  keys: {{old: {{key: {}, until: v1.0}}}}\n  managed: [old]\n",
            team.key.public
        ),
    );
    reader.larder(["ensure", "tool"]).success();
    let (output, calls) = reader.strace("%file,%network", None, ["ensure", "tool"]);
    output.success();
    let opened = calls
        .iter()
        .filter(|call| call.name.starts_with("open") && call.line.contains("project/"))
        .count();
    assert!(opened <= 3, "the state, and no more: {opened}");
}

/// The user's configuration counts as well, also on a run with nothing to do.
#[test]
fn the_users_demand_holds_for_what_is_installed_and_no_project_loosens_it() {
    let team = Team::new();
    team.settings(&team.env, "");
    team.env.larder(["ensure", "tool"]).success();
    team.env.larder(["release", "tool"]).success();
    let reader = team.reader("reader");
    team.settings(&reader, "");
    reader.larder(["ensure", "tool"]).success();
    reader.larder(["ensure", "tool"]).success();
    let config = reader.home().join(".config/larder");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("config.yml"), "require: signature\n").unwrap();
    for lines in [
        String::new(),
        "trust: {original: lock}\n".to_owned(),
        format!("trust: {{keys: {{release: {}}}}}\n", team.key.public),
    ] {
        team.settings(&reader, &lines);
        let out = reader.larder(["ensure", "tool"]).exits(4);
        assert!(out.stderr.contains("require: signature"), "{}", out.stderr);
    }
    // A project that names keys satisfies it, once its release is signed.
    team.settings(&reader, &team.trust());
    reader.larder(["ensure", "tool"]).exits(4);
    team.settings(&team.env, &team.trust());
    team.release(&["release", "tool", "--sign"]).success();
    reader.larder(["ensure", "tool"]).success();
    // A key that a project's own file would call the user's setting is refused.
    team.settings(&reader, &format!("{}  require: none\n", team.trust()));
    reader.larder(["ensure", "tool"]).exits(2);
}
