//! Attacks on signatures. Each is refused with exit code 4 and installs nothing.

use super::{Key, Team, asset, minisign, refused, trust};
use crate::env::{TestEnv, copy_tree};
use crate::servers::scripted::{Reply, Script};

fn text(path: &camino::Utf8Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// Takes what this machine could build out of the project, so that only the hub has it.
fn ensure(reader: &TestEnv) -> crate::env::Output {
    reader.larder(["ensure", "tool"])
}

/// What is done, how, and why it is refused.
type Attack<'a> = (&'a str, Box<dyn Fn() + 'a>, &'a str);

#[test]
fn a_signature_counts_only_for_its_bytes_key_and_place() {
    let team = Team::released();
    let comment = format!("tool-v1.0.0 {}", asset());
    let good = (text(&team.sidecar()), text(&team.signature()));
    let stranger = Key::new(&team.env, "stranger");
    let sign = |key: &Key, comment: &str| {
        let _ = std::fs::remove_file(team.signature());
        minisign(&team.env, key, team.sidecar().as_str(), comment);
    };
    let attacks: Vec<Attack<'_>> = vec![
        (
            "no signature",
            Box::new(|| std::fs::remove_file(team.signature()).unwrap()),
            "nobody signed it",
        ),
        (
            "an empty signature",
            Box::new(|| std::fs::write(team.signature(), "").unwrap()),
            "it is not a signature",
        ),
        (
            "a changed signature",
            Box::new(|| {
                let lines: Vec<String> = good.1.lines().map(str::to_owned).collect();
                let flip = |line: &str| {
                    let (head, tail) = line.split_at(40);
                    let other = if tail.starts_with('A') { 'B' } else { 'A' };
                    format!("{head}{other}{}", &tail[1..])
                };
                let changed = [&lines[0], &flip(&lines[1]), &lines[2], &lines[3]]
                    .map(String::as_str)
                    .join("\n");
                std::fs::write(team.signature(), changed + "\n").unwrap();
            }),
            "is no signature of the key `release`",
        ),
        (
            "a changed trusted comment",
            Box::new(|| {
                std::fs::write(
                    team.signature(),
                    good.1.replace("tool-v1.0.0", "tool-v1.0.1"),
                )
                .unwrap();
            }),
            "is no signature of the key `release`",
        ),
        (
            "the signature of a stranger",
            Box::new(|| sign(&stranger, &comment)),
            "is none of `trust.keys`",
        ),
        (
            "a signature for another asset",
            Box::new(|| sign(&team.key, "tool-v1.0.0 other.tar.gz")),
            "it was made for",
        ),
        (
            "a signature for another tag",
            Box::new(|| sign(&team.key, &format!("tool-v0.9.0 {}", asset()))),
            "it was made for",
        ),
        (
            "a signature with no place",
            Box::new(|| sign(&team.key, "timestamp:1")),
            "it was made for",
        ),
        (
            "a sidecar that was edited afterwards",
            Box::new(|| {
                let edited =
                    good.0
                        .replacen("\"observed\": {", "\"observed\": {\"glibc\": \"2.1\", ", 1);
                assert_ne!(edited, good.0);
                std::fs::write(team.sidecar(), edited).unwrap();
            }),
            "is no signature of the key `release`",
        ),
    ];
    for (n, (what, attack, why)) in attacks.iter().enumerate() {
        std::fs::write(team.sidecar(), &good.0).unwrap();
        std::fs::write(team.signature(), &good.1).unwrap();
        attack();
        let reader = team.reader(&format!("reader-{n}"));
        println!("{what}");
        refused(ensure(&reader), &reader, why);
        refused(reader.larder(["ensure", "tool", "--dry-run"]), &reader, why);
        refused(reader.larder(["lock", "tool"]), &reader, why);
        assert!(!reader.exists("versions.lock"), "{what}");
    }
}

/// A writer of the hub swaps asset and sidecar together, and keeps the signature or takes another.
#[test]
fn a_swapped_asset_and_sidecar_are_refused() {
    let team = Team::released();
    let comment = format!("tool-v1.0.0 {}", asset());
    let signature = text(&team.signature());
    // The attacker makes a whole release of the same inputs with other bytes, without the key.
    let attacker = team.reader("attacker");
    let evil = attacker.base().join("evil");
    attacker.versions(&[("tool", "v1.0.0")], &format!("hub: {{dir: {evil}}}\n"));
    attacker.larder(["ensure", "tool"]).success();
    attacker.sh("printf '#!/bin/sh\\necho tool v1.0.0 evil\\n' > evil.sh");
    // Bytes of another build: the recipe's command is not pure.
    attacker.edit(
        "subsystems/tool/recipe.yml",
        "    - \"chmod",
        "    - \"echo '# evil' >> {{ out }}/tool\"\n    - \"chmod",
    );
    attacker.larder(["ensure", "tool"]).success();
    attacker.larder(["release", "tool"]).success();
    for name in [asset(), format!("{}.json", asset())] {
        std::fs::copy(evil.join("tool-v1.0.0").join(&name), team.file(&name)).unwrap();
    }
    let inputs = text(&team.sidecar());
    // The inputs are those of the recipe, as an attacker would write them.
    let wanted: serde_json::Value = serde_json::from_str(&signature_inputs(&team)).unwrap();
    let mut forged: serde_json::Value = serde_json::from_str(&inputs).unwrap();
    forged["inputs"] = wanted;
    std::fs::write(team.sidecar(), forged.to_string()).unwrap();
    std::fs::write(team.signature(), &signature).unwrap();
    let reader = team.reader("reader");
    let out = ensure(&reader).exits(4);
    assert!(
        !reader.exists("subsystems/tool/.bin/tool"),
        "{}",
        out.stderr
    );
    let stranger = Key::new(&team.env, "stranger");
    std::fs::remove_file(team.signature()).unwrap();
    minisign(&team.env, &stranger, team.sidecar().as_str(), &comment);
    ensure(&reader).exits(4);
    assert!(!reader.exists("subsystems/tool/.bin/tool"));
}

/// The inputs that the project wants, as JSON.
fn signature_inputs(team: &Team) -> String {
    let document = team
        .env
        .larder_json(["status", "tool"])
        .success()
        .document();
    document["subsystems"][0]["inputs"].to_string()
}

/// An old signed artifact is put in the place of a new one.
#[test]
fn an_old_signed_artifact_is_no_new_one() {
    let team = Team::released();
    let old = team.hub.join("tool-v1.0.0");
    let new = team.hub.join("tool-v2.0.0");
    copy_tree(&old, &new);
    let reader = team.reader("reader");
    reader.edit("versions.yml", "tool: v1.0.0", "tool: v2.0.0");
    // Its inputs are those of the old version, so it is none of the new one: it is built.
    let out = reader.larder_json(["ensure", "tool"]).success();
    assert_eq!(out.outcome("tool"), "built");
    reader.larder(["clean", "all"]).success();
    reader.drop_cache();
    // With the new inputs in its sidecar its signature is broken.
    let status = reader.larder_json(["why", "tool"]).success();
    drop(status);
    let sidecar = new.join(format!("{}.json", asset()));
    reader.larder(["ensure", "tool"]).success();
    let document = reader.larder_json(["status", "tool"]).success().document();
    let inputs = document["subsystems"][0]["inputs"]
        .as_str()
        .unwrap()
        .to_owned();
    reader.larder(["clean", "all"]).success();
    reader.drop_cache();
    let mut forged: serde_json::Value = serde_json::from_str(&text(&sidecar)).unwrap();
    forged["inputs"] = inputs.into();
    forged["version"] = "v2.0.0".into();
    std::fs::write(&sidecar, forged.to_string()).unwrap();
    ensure(&reader).exits(4);
    assert!(!reader.exists("subsystems/tool/.bin/tool"));
}

/// A signed artifact of another subsystem does not vouch for this one.
#[test]
fn a_signature_of_another_name_is_refused() {
    let team = Team::released();
    let other = team.reader("other");
    other.script_subsystem("twin", "v1.0.0");
    let mut command = other.command(["release", "twin", "--sign"]);
    command.env("LARDER_SIGNING_KEY_FILE", &team.key.file);
    other.larder(["ensure", "twin"]).success();
    other.output(command).success();
    let folder = team.hub.join("twin-v1.0.0");
    let name = format!("twin-{}.tar.gz.json.minisig", crate::env::host());
    std::fs::copy(folder.join(name), team.signature()).unwrap();
    let reader = team.reader("reader");
    refused(
        ensure(&reader),
        &reader,
        "is no signature of the key `release`",
    );
}

/// Without a signature nothing is taken, wherever it comes from.
#[test]
fn what_is_unsigned_is_refused_from_every_place() {
    let team = Team::new();
    team.settings(&team.env, "");
    team.env.larder(["ensure", "tool"]).success();
    team.env.larder(["release", "tool"]).success();
    // The hub.
    let reader = team.reader("reader");
    refused(ensure(&reader), &reader, "nobody signed it");
    // The cache: filled while the project asked for nothing.
    team.settings(&reader, "");
    ensure(&reader).success();
    reader.larder(["clean", "all"]).success();
    team.settings(&reader, &team.trust());
    refused(ensure(&reader), &reader, "nobody signed it");
    let cached = reader.larder(["ensure", "tool", "--source", "cache"]);
    assert_ne!(cached.code, Some(0));
    // A lock that names the artifact pins bytes, and vouches for nobody.
    let lock = team.env.read("versions.lock");
    reader.write("versions.lock", &lock);
    refused(
        reader.larder(["ensure", "tool", "--locked"]),
        &reader,
        "nobody signed it",
    );
    refused(
        reader.larder(["install", "tool", "--to", "bin"]),
        &reader,
        "nobody signed it",
    );
    assert!(!reader.exists("bin/tool"));
    // An asset without a sidecar can't be adopted.
    std::fs::remove_file(team.sidecar()).unwrap();
    reader.remove("versions.lock");
    let out = reader.larder(["lock", "--adopt", "tool"]).exits(4);
    assert!(out.stderr.contains("no sidecar"), "{}", out.stderr);
    reader.write("versions.lock", &lock);
    refused(ensure(&reader), &reader, "no signature");
}

/// A change of a cache entry.
type Change = fn(&mut serde_json::Value);

/// An entry of the cache is a claim: its signature is checked again, and it must be of this artifact.
#[test]
fn a_planted_cache_entry_is_passed_over() {
    let team = Team::released();
    let reader = team.reader("reader");
    ensure(&reader).success();
    reader.larder(["clean", "all"]).success();
    std::fs::remove_dir_all(&team.hub).unwrap();
    let folder = reader.cache().join("v1/index/build");
    let name = std::fs::read_dir(&folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .file_name();
    let path = folder.join(name.to_str().unwrap());
    let entry = text(&path);
    let (_, json) = entry.split_once('\n').unwrap();
    let plant = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value: serde_json::Value = serde_json::from_str(json).unwrap();
        change(&mut value);
        let text = serde_json::to_string_pretty(&value).unwrap() + "\n";
        let digest = larder_core::model::Digest::of(text.as_bytes());
        std::fs::write(&path, format!("larder-entry-2 {digest}\n{text}")).unwrap();
    };
    let taken = || reader.larder(["ensure", "tool", "--source", "cache"]);
    plant(&|_| {});
    taken().success();
    reader.larder(["clean", "all"]).success();
    reader.remove(".larder");
    let changes: [(&str, Change); 4] = [
        ("no proof", |entry| {
            drop(entry.as_object_mut().unwrap().remove("proof"));
        }),
        ("a comment of another place", |entry| {
            entry["proof"]["asset"] = "other.tar.gz".into();
        }),
        ("other bytes in the archive", |entry| {
            entry["file"]["sha256"] = "0".repeat(64).into();
        }),
        ("another sidecar", |entry| {
            let text = entry["proof"]["sidecar"]
                .as_str()
                .unwrap()
                .replacen("0755", "0755 ", 1)
                + " ";
            entry["proof"]["sidecar"] = text.into();
        }),
    ];
    for (what, change) in changes {
        plant(&change);
        let out = taken();
        assert_ne!(out.code, Some(0), "{what}");
        assert!(!reader.exists("subsystems/tool/.bin/tool"), "{what}");
    }
}

/// A mirror of the hub on a static server is no better than the hub.
#[test]
fn an_http_hub_is_judged_like_any_other() {
    let team = Team::released();
    let hub = team.hub.clone();
    let server = Script::start(move |seen, _| {
        match std::fs::read(hub.join(seen.path.trim_start_matches('/'))) {
            Ok(bytes) => Reply::ok(bytes),
            Err(_) => Reply::status(404),
        }
    });
    let project = |env: &TestEnv| {
        env.versions(
            &[("tool", "v1.0.0")],
            &format!("hub: {{http: \"{}\"}}\n{}", server.at(""), trust(&team.key)),
        );
    };
    let reader = team.reader("reader");
    project(&reader);
    let out = reader.larder_json(["ensure", "tool"]).success();
    assert_eq!(out.outcome("tool"), "downloaded");
    std::fs::remove_file(team.signature()).unwrap();
    let second = team.reader("second");
    project(&second);
    refused(ensure(&second), &second, "nobody signed it");
}
