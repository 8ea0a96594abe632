//! Checks installed files from outside: the stamp and the files it lists.

use std::collections::BTreeMap;

use larder_core::model::Digest;

use crate::env::TestEnv;

/// Name and sha256 of each file that a stamp lists.
pub fn stamped(stamp: &str) -> BTreeMap<String, String> {
    let field = |line: &str, key: &str| {
        let rest = line.split_once(key)?.1;
        Some(rest.split([',', '}']).next()?.trim().to_owned())
    };
    stamp
        .lines()
        .filter_map(|line| Some((field(line, "name: ")?, field(line, "sha256: ")?)))
        .collect()
}

/// Asserts that every installed file of a subsystem has the digest that its stamp states.
pub fn assert_intact(env: &TestEnv, name: &str) {
    let bin = env.path(format!("subsystems/{name}/.bin"));
    let stamp = std::fs::read_to_string(bin.join(".version"))
        .unwrap_or_else(|e| panic!("{name} is not installed: {e}"));
    for (file, sha256) in stamped(&stamp) {
        let path = if bin.join(&file).exists() {
            bin.join(&file)
        } else {
            bin.join(".v/current").join(&file)
        };
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        assert_eq!(Digest::of(&bytes).to_string(), sha256, "{path}");
    }
}
