//! Publishers: `upstream.signature`, and what `trust.original` and the user demand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::{Key, minisign};
use crate::env::{TestEnv, host};
use crate::servers::scripted::{Reply, Script};

const TOOL: &str = "#!/bin/sh\necho tool\n";
const EVIL: &str = "#!/bin/sh\necho evil\n";

/// A publisher of `tool`, with whatever files a test adds.
struct Publisher {
    env: TestEnv,
    key: Key,
    server: Script,
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl Publisher {
    fn start() -> Self {
        let env = TestEnv::new();
        let key = Key::new(&env, "publisher");
        let files = Arc::new(Mutex::new(BTreeMap::new()));
        let served: Arc<Mutex<BTreeMap<String, Vec<u8>>>> = Arc::clone(&files);
        let server = Script::start(move |seen, _| {
            match served
                .lock()
                .unwrap()
                .get(seen.path.trim_start_matches('/'))
            {
                Some(bytes) => Reply::ok(bytes.clone()),
                None => Reply::status(404),
            }
        });
        let publisher = Self {
            env,
            key,
            server,
            files,
        };
        publisher.put("tool", TOOL);
        publisher
    }

    fn put(&self, name: &str, bytes: impl Into<Vec<u8>>) {
        self.files
            .lock()
            .unwrap()
            .insert(name.to_owned(), bytes.into());
    }

    /// Signs bytes, of what is served or of something else, and publishes the signature.
    fn sign(&self, key: &Key, bytes: &str, name: &str, legacy: bool) {
        let file = self.env.write("to-sign", bytes);
        let mut args = vec!["-S", "-s", key.file.as_str(), "-m", file.as_str()];
        args.extend(legacy.then_some("-l"));
        self.env.run("minisign", args);
        let signature = std::fs::read(format!("{file}.minisig")).unwrap();
        std::fs::remove_file(format!("{file}.minisig")).unwrap();
        self.put(name, signature);
    }

    /// A machine with the project. `upstream` are further lines of the upstream, `settings` of
    /// versions.yml.
    fn project(&self, name: &str, upstream: &str, settings: &str) -> TestEnv {
        let env = self.env.another(name);
        env.versions(&[("tool", "v1.0.0")], settings);
        let url = self.server.at("/tool");
        env.recipe(
            "tool",
            &format!("binaries: [tool]\nupstream:\n  url: \"{url}\"\n{upstream}"),
        );
        env
    }

    /// The line that names the signature.
    fn signature(&self, of: &str) -> String {
        let at = self.server.at("/{{ asset }}.minisig");
        let at = if of == "checksums" {
            self.server.at("/SUMS.minisig")
        } else {
            at
        };
        format!(
            "  signature: {{minisign: {}, of: {of}, file: \"{at}\"}}\n",
            self.key.public
        )
    }
}

#[test]
fn a_publishers_signature_is_checked() {
    let publisher = Publisher::start();
    let stranger = Key::new(&publisher.env, "stranger");
    let lines = publisher.signature("asset");
    let mut n = 0;
    let mut run = |code: i32, why: &str| {
        n += 1;
        let env = publisher.project(&format!("machine-{n}"), &lines, "");
        let out = env.larder(["ensure", "tool"]).exits(code);
        assert!(out.stderr.contains(why), "{why}: {}", out.stderr);
        assert_eq!(env.exists("subsystems/tool/.bin/tool"), code == 0);
    };
    run(4, "its signature");
    publisher.put("tool.minisig", "no signature");
    run(4, "it is not a signature");
    for legacy in [false, true] {
        publisher.sign(&publisher.key, TOOL, "tool.minisig", legacy);
        run(0, "");
        publisher.put("tool", EVIL);
        run(4, "has no good signature");
        publisher.put("tool", TOOL);
        publisher.sign(&stranger, TOOL, "tool.minisig", legacy);
        run(4, "does not fit the key");
    }
    minisign(
        &publisher.env,
        &stranger,
        publisher.env.write("x", "x").as_str(),
        "c",
    );
}

#[test]
fn the_signature_of_a_checksums_file_is_checked() {
    let publisher = Publisher::start();
    let sums = |text: &str| {
        format!(
            "{}  tool\n",
            larder_core::model::Digest::of(text.as_bytes())
        )
    };
    let lines = format!(
        "  checksums: {}\n{}",
        publisher.server.at("/SUMS"),
        publisher.signature("checksums")
    );
    publisher.put("SUMS", sums(TOOL));
    publisher.sign(&publisher.key, &sums(TOOL), "SUMS.minisig", false);
    let env = publisher.project("one", &lines, "trust: {original: signature}\n");
    env.larder(["ensure", "tool"]).success();
    // File and checksums are exchanged together: only the signature shows it.
    publisher.put("tool", EVIL);
    publisher.put("SUMS", sums(EVIL));
    let env = publisher.project("two", &lines, "");
    let out = env.larder(["ensure", "tool"]).exits(4);
    assert!(out.stderr.contains("SUMS"), "{}", out.stderr);
    assert!(!env.exists("subsystems/tool/.bin/tool"));
}

/// The least that an original must have; what is cached or installed is judged by what was shown when
/// it was downloaded.
#[test]
fn an_original_must_have_what_the_project_or_the_user_demands() {
    let publisher = Publisher::start();
    publisher.sign(&publisher.key, TOOL, "tool.minisig", false);
    let digest = larder_core::model::Digest::of(TOOL.as_bytes());
    let pinned = format!("  checksums: {{{}: {digest}}}\n", host());
    let signed = publisher.signature("asset");
    let levels = [
        ("", [0, 4, 4]),
        (pinned.as_str(), [0, 0, 4]),
        (signed.as_str(), [0, 0, 0]),
    ];
    for (n, (lines, codes)) in levels.into_iter().enumerate() {
        for (level, code) in ["lock", "checksum", "signature"].into_iter().zip(codes) {
            let env = publisher.project(
                &format!("{level}-{n}"),
                lines,
                &format!("trust: {{original: {level}}}\n"),
            );
            let out = env.larder(["ensure", "tool"]).exits(code);
            assert_eq!(
                env.exists("subsystems/tool/.bin/tool"),
                code == 0,
                "{}",
                out.stderr
            );
        }
    }
    // Taken on first use, then demanded: neither the installed file nor the cached one is enough, but
    // the publisher states more by now.
    let env = publisher.project("later", "", "");
    env.larder(["ensure", "tool"]).success();
    env.write(
        "versions.yml",
        "versions: {tool: v1.0.0}\ntrust: {original: checksum}\n",
    );
    let out = env.larder(["ensure", "tool"]).exits(4);
    assert!(out.stderr.contains("trust.original"), "{}", out.stderr);
    env.larder(["verify", "tool"]).exits(4);
    let recipe = env.read("subsystems/tool/recipe.yml");
    env.write("subsystems/tool/recipe.yml", recipe.clone() + &pinned);
    env.larder(["ensure", "tool"]).success();
    // The user's demand, which the project can't loosen.
    let config = env.home().join(".config/larder");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("config.yml"), "require: signature\n").unwrap();
    let out = env.larder(["ensure", "tool"]).exits(4);
    assert!(out.stderr.contains("require: signature"), "{}", out.stderr);
    env.write("subsystems/tool/recipe.yml", recipe + &signed);
    env.larder(["ensure", "tool"]).success();
    let status = env.larder_json(["status", "tool"]).success().document();
    let shown = status["subsystems"][0]["signed"].to_string();
    assert!(shown.contains("signed by its publisher"), "{shown}");
    // Another key in the recipe: what the old one signed has to be shown anew.
    let stranger = Key::new(&publisher.env, "stranger");
    env.edit(
        "subsystems/tool/recipe.yml",
        &publisher.key.public,
        &stranger.public,
    );
    env.larder(["ensure", "tool"]).exits(4);
}
