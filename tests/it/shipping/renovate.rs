//! The preset for Renovate, with the patterns that Renovate would apply.

use camino::Utf8Path;
use regex::Regex;
use serde_json::Value;

fn preset() -> Value {
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read(root.join("renovate/larder.json")).expect("the preset");
    serde_json::from_slice(&text).expect("JSON")
}

/// The only pattern in a list of the preset's manager.
fn pattern(key: &str) -> Regex {
    let preset = preset();
    let manager = &preset["customManagers"][0];
    assert_eq!(manager["customType"], "regex");
    let text = manager[key][0].as_str().expect("a pattern");
    // A pattern of files stands between slashes.
    let text = text
        .strip_prefix('/')
        .and_then(|t| t.strip_suffix('/'))
        .unwrap_or(text);
    Regex::new(text).expect("a regular expression")
}

#[test]
fn versions_yml_of_any_folder_is_read() {
    let files = pattern("managerFilePatterns");
    for file in ["versions.yml", "platform/versions.yml"] {
        assert!(files.is_match(file), "{file}");
    }
    for file in ["versions.yml.orig", "my-versions.yml", "versions.yaml"] {
        assert!(!files.is_match(file), "{file}");
    }
}

#[test]
fn pinned_versions_with_a_comment_are_found() {
    let text = "\
project: tools
versions:
  # renovate: datasource=github-releases depName=nats-io/nats-server
  nats: v2.10.24                # the server
  # renovate: datasource=npm depName=@acme/esbuild versioning=npm
  es-build2: \"0.25.0\"
  # not followed
  arc: v0.1.0
  # renovate: datasource=pypi depName=ruff
  ruff.lint: '0.9'
";
    let found: Vec<[&str; 4]> = pattern("matchStrings")
        .captures_iter(text)
        .map(|found| {
            ["datasource", "depName", "versioning", "currentValue"]
                .map(|name| found.name(name).map_or("", |part| part.as_str()))
        })
        .collect();
    assert_eq!(
        found,
        [
            ["github-releases", "nats-io/nats-server", "", "v2.10.24"],
            ["npm", "@acme/esbuild", "npm", "0.25.0"],
            ["pypi", "ruff", "", "0.9"],
        ]
    );
}
