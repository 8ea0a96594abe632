//! `larder verify --all`: what is proven, what differs, and what can't be proven.

use serde_json::Value;

use super::{Team, asset};
use crate::env::{Output, TestEnv, list};

/// The states of everything in a place.
fn states(document: &Value, place: &str) -> Vec<String> {
    let entries = document["entries"].as_array().unwrap().iter();
    entries
        .filter(|entry| entry["place"] == place)
        .map(|entry| entry["state"].as_str().unwrap().to_owned())
        .collect()
}

fn prove(env: &TestEnv) -> Output {
    env.larder_json(["verify", "--all"])
}

#[test]
fn everything_is_proven_or_named() {
    let team = Team::released();
    // Nobody signed what the publisher's machine has: it was built there. That alone is exit 0.
    team.env.write("versions.lock", "");
    team.env.remove("versions.lock");
    let out = prove(&team.env).success().document();
    assert_eq!(states(&out, "installed"), ["unproven"], "{out}");
    let shown = team.env.larder(["verify", "--all"]).success();
    assert!(
        shown.stdout.contains("built by this machine"),
        "{}",
        shown.stdout
    );
    // What came from the hub is proven by its signature, which is checked again.
    let reader = team.reader("reader");
    reader.larder(["ensure", "tool"]).success();
    reader.larder(["package", "tool"]).success();
    let out = prove(&reader).success().document();
    assert_eq!(
        (&out["different"], &out["unproven"]),
        (&0.into(), &0.into()),
        "{out}"
    );
    for place in ["installed", "cached", "packaged"] {
        assert_eq!(states(&out, place), ["proven"], "{out}");
    }
    // Without the cache's copy the signature is read from the hub; without both nothing proves it.
    reader.drop_cache();
    assert_eq!(
        states(&prove(&reader).success().document(), "installed"),
        ["proven"]
    );
    let out = reader
        .larder_json(["verify", "--all", "--offline"])
        .success()
        .document();
    assert_eq!(states(&out, "installed"), ["unproven"], "{out}");
    // A yanked version differs from what should be there.
    team.release(&["yank", "tool@v1.0.0", "--reason", "loses data"])
        .success();
    let out = reader.larder(["verify", "--all"]).exits(4);
    assert!(out.stdout.contains("loses data"), "{}", out.stdout);
}

#[test]
fn every_changed_byte_is_found() {
    let team = Team::released();
    let reader = team.reader("reader");
    reader.larder(["ensure", "tool"]).success();
    reader.larder(["package", "tool"]).success();
    prove(&reader).success();
    let cached = || -> camino::Utf8PathBuf {
        let files = reader.cache().join("v1/files");
        let shard = list(&files).into_iter().next().unwrap();
        let name = list(&files.join(&shard)).into_iter().next().unwrap();
        files.join(shard).join(name)
    };
    let package = reader.path(".dist").join(asset());
    let sidecar = reader.path(".dist").join(format!("{}.json", asset()));
    for (file, place) in [
        (reader.path("subsystems/tool/.bin/tool"), "installed"),
        (cached(), "cached"),
        (package, "packaged"),
        (sidecar, "packaged"),
    ] {
        let before = std::fs::read(&file).unwrap();
        crate::env::flip_bit(&file);
        let out = prove(&reader).exits(4).document();
        assert!(
            states(&out, place).contains(&"different".to_owned()),
            "{file}: {out}"
        );
        // Nothing was repaired or set aside.
        assert_ne!(std::fs::read(&file).unwrap(), before, "{file}");
        std::fs::write(&file, before).unwrap();
        prove(&reader).success();
    }
    // A file of the cache that belongs to another project.
    let name = "0".repeat(64);
    let other = reader.cache().join("v1/files/00").join(&name);
    std::fs::create_dir_all(other.parent().unwrap()).unwrap();
    std::fs::write(&other, "x").unwrap();
    let out = reader.larder(["verify", "--all"]).exits(4);
    assert!(out.stdout.contains("different"), "{}", out.stdout);
    std::fs::remove_file(&other).unwrap();
    // A key that is gone: everything that it signed differs.
    team.settings(&reader, &super::trust(&super::Key::new(&team.env, "new")));
    let out = prove(&reader).exits(4).document();
    for place in ["installed", "cached", "packaged"] {
        assert_eq!(states(&out, place), ["different"], "{out}");
    }
}

#[test]
fn a_collection_is_proven_by_the_lock() {
    let env = TestEnv::new();
    let server = crate::servers::scripted::Script::start(|_, _| {
        crate::servers::scripted::Reply::ok("#!/bin/sh\necho tool\n")
    });
    env.versions(&[("tool", "v1.0.0")], "");
    let url = server.at("/tool");
    env.recipe(
        "tool",
        &format!("binaries: [tool]\nupstream:\n  url: \"{url}\"\n"),
    );
    env.larder(["collect", "tool"]).success();
    let out = prove(&env).success().document();
    assert_eq!(states(&out, "collected"), ["proven"], "{out}");
    let base = format!(".collection/binaries/tool/v1.0.0/{}", crate::env::host());
    let file = env.path(format!("{base}/tool"));
    let before = std::fs::read(&file).unwrap();
    // Bytes and manifest are changed together: the lock shows it.
    std::fs::write(&file, "#!/bin/sh\necho evil\n").unwrap();
    prove(&env).exits(4);
    let manifest = ".collection/binaries/tool/v1.0.0/manifest.json";
    let text = env.read(manifest);
    let digest = |bytes: &[u8]| larder_core::model::Digest::of(bytes).to_string();
    env.write(
        manifest,
        text.replace(&digest(&before), &digest(b"#!/bin/sh\necho evil\n")),
    );
    let out = prove(&env).exits(4).document();
    assert_eq!(states(&out, "collected"), ["different"], "{out}");
    std::fs::write(&file, &before).unwrap();
    env.write(manifest, &text);
    env.write(&format!("{base}/odd"), "x");
    prove(&env).exits(4);
    env.remove(&format!("{base}/odd"));
    env.remove("versions.lock");
    let out = prove(&env).success().document();
    assert_eq!(states(&out, "collected"), ["unproven"], "{out}");
}
