//! The machines of a team that shares a hub: each has its own checkout, home and cache.

use std::collections::BTreeMap;

use camino::Utf8Path;
use serde_json::Value;

use super::place::Place;
use crate::env::{Output, TestEnv};
use crate::trust::Key;

/// The subsystem that the team releases.
pub const TOOL: &str = "tool";
/// The tag of its release.
pub const TAG: &str = "tool-v1.0.0";
/// The platforms of the project. larder builds a script for all of them.
pub const PLATFORMS: [&str; 6] = [
    "linux-amd64",
    "linux-arm64",
    "darwin-amd64",
    "darwin-arm64",
    "windows-amd64",
    "windows-arm64",
];

/// The name of the package for a platform.
pub fn asset(platform: &str) -> String {
    let ending = if platform.starts_with("windows") {
        "zip"
    } else {
        "tar.gz"
    };
    format!("tool-{platform}.{ending}")
}

/// A team and its hub.
pub struct Team {
    /// The hub.
    pub place: Place,
    root: TestEnv,
    key: Key,
}

impl Team {
    /// A team that has released nothing yet.
    pub fn new(place: Place) -> Self {
        let root = TestEnv::new();
        let key = Key::new(&root, "release");
        let team = Self { place, root, key };
        team.salt("");
        team
    }

    /// Where the builds of all machines find what their inputs do not say.
    fn salt_file(&self) -> String {
        self.root.base().join("salt").to_string()
    }

    /// From now on builds of the same inputs give other bytes.
    pub fn salt(&self, text: &str) {
        std::fs::write(self.salt_file(), format!("# {text}\n")).expect("write the salt");
    }

    /// A new machine with a checkout of the project.
    pub fn machine(&self, name: &str) -> TestEnv {
        let mut env = self.root.another(name);
        self.place.reach(&mut env);
        env.script_subsystem(TOOL, "v1.0.0");
        // The salt joins the program after it is made.
        let recipe = "subsystems/tool/recipe.yml";
        let made = env
            .read(recipe)
            .replace("{{ out }}/tool", "{{ out }}/tool{{ exe }}");
        let cat = format!(
            "    - \"cat {} >> {{{{ out }}}}/tool{{{{ exe }}}}\"\n",
            self.salt_file()
        );
        let made = made.replace("  commands:", "  platforms: all\n  commands:");
        env.write(
            recipe,
            made.replace("    - \"chmod", &format!("{cat}    - \"chmod")),
        );
        let text = format!(
            "platforms: [{}]\nbundle: {{name: tools}}\nhub: {}\ntrust:\n  keys: {{release: {}}}\n",
            PLATFORMS[..2].join(", "),
            self.place.setting(),
            self.key.public
        );
        env.write("versions.yml", env.read("versions.yml") + &text);
        env.set("LARDER_SIGNING_KEY_FILE", &self.key.file);
        env
    }

    /// A machine that has built one platform.
    pub fn builder(&self, name: &str, platform: &str) -> TestEnv {
        let env = self.machine(name);
        env.larder(ensure(platform)).success();
        env
    }

    /// What `release status` says about the tool: the state of each platform.
    pub fn states(env: &TestEnv) -> BTreeMap<String, String> {
        let output = env.larder(["release", "status", TOOL, "--json"]).success();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let document = output.document();
        let entries = document["subsystems"]
            .as_array()
            .expect("subsystems")
            .iter();
        entries
            .map(|entry| (text(&entry["platform"]), text(&entry["state"])))
            .collect()
    }

    /// Checks a release with `sha256sum`, an independent reader: every asset is in `checksums.txt`,
    /// and has a sidecar.
    pub fn assert_whole(&self, tag: &str, assets: &[String], context: &str) {
        let mut files = self.place.files(tag);
        files.retain(|name, _| Utf8Path::new(name).extension() != Some("minisig"));
        let folder = self.root.another("checked");
        for (name, bytes) in &files {
            folder.write(name, bytes);
        }
        let mut wanted: Vec<_> = assets.iter().map(|name| format!("{name}.json")).collect();
        wanted.extend(assets.iter().cloned());
        if self.place.keeps_derived_files() {
            wanted.extend(["checksums.txt", "manifest.json"].map(str::to_owned));
        }
        wanted.sort();
        let names: Vec<_> = files.keys().cloned().collect();
        assert_eq!(names, wanted, "{context}");
        if self.place.keeps_derived_files() {
            folder.sh("sha256sum --quiet --strict -c checksums.txt");
            let lines = folder.read("checksums.txt").lines().count();
            assert_eq!(lines, assets.len(), "{context}");
        }
        for name in assets {
            let sidecar: Value =
                serde_json::from_str(&folder.read(&format!("{name}.json"))).expect("JSON");
            let sum = folder.sh(&format!("sha256sum {name}"));
            assert_eq!(sidecar["sha256"], sum[..64], "{context}: {name}");
        }
        crate::env::remove(folder.project());
    }
}

/// Installs the tool for a platform.
pub fn ensure(platform: &str) -> [&str; 4] {
    ["ensure", TOOL, "--platform", platform]
}

/// Releases the tool for a platform.
pub fn release(platform: &str) -> [&str; 4] {
    ["release", TOOL, "--platform", platform]
}

/// The outcome of the only step of an action.
pub fn outcome(output: &Output, action: &str) -> String {
    let lines = output.finished(action);
    assert_eq!(lines.len(), 1, "{}{}", output.stdout, output.stderr);
    lines[0]["outcome"].as_str().expect("an outcome").to_owned()
}
