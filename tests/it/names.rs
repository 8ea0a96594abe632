//! Names in the code: none of the words that larder's code once used and that newcomers had to ask about. And comments
//! cite only pages that are in the repository.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use crate::env::REPO;

/// Each old word, and the word to use. Names in the sense of the standard library, such as
/// `std::cell` and `.swap(…)`, are uses and not definitions, so they are no fault.
const OLD_WORDS: [(&str, &str); 13] = [
    ("beside", "siblings"),
    ("cell", "target"),
    ("exclusive", "locked, or what is held"),
    ("foretell", "predict or dry_run"),
    ("inside", "inspect, or what the function does"),
    ("look", "probe, inspect, read or check"),
    ("meant", "suggestions"),
    ("relock", "lock again, or what the function does"),
    ("silent", "unavailable"),
    ("standing", "hub_status"),
    ("swap", "replace"),
    ("tally", "counts"),
    ("via", "source"),
];

/// Names that are right: a table has cells.
const EXCEPTIONS: [(&str, &str); 1] = [("src/report/text/table.rs", "cells")];

/// What gives a thing a name: an item, a binding, a parameter or a field.
static DEFINITIONS: LazyLock<[Regex; 4]> = LazyLock::new(|| {
    [
        r"\b(?:fn|mod|struct|enum|trait|const|static|type|union)\s+([A-Za-z_]\w*)",
        r"\blet\s+(?:mut\s+)?(\w+)",
        r"[(,|]\s*(?:mut\s+)?([a-z_]\w*)\s*:\s",
        r"^\s*(?:pub(?:\([^)]*\))?\s+)?([a-z_]\w*)\s*:\s",
    ]
    .map(|pattern| Regex::new(pattern).expect("a pattern"))
});

/// A line without comment and without the contents of its string literals.
fn code(line: &str) -> String {
    static STRING: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#""(?:\\.|[^"\\])*""#).expect("a pattern"));
    let line = STRING.replace_all(line, "\"\"");
    line.split("//").next().unwrap_or_default().to_owned()
}

/// The names that a line of code defines.
fn defined(line: &str) -> BTreeSet<String> {
    let code = code(line);
    DEFINITIONS
        .iter()
        .flat_map(|definition| definition.captures_iter(&code))
        .map(|found| found[1].to_owned())
        .collect()
}

/// The old word in a name, with what to use instead.
fn old_word(name: &str) -> Option<(&'static str, &'static str)> {
    let mut words = String::new();
    for c in name.chars() {
        if c.is_uppercase() {
            words.push('_');
        }
        words.extend(c.to_lowercase());
    }
    OLD_WORDS.into_iter().find(|(old, _)| {
        words
            .split('_')
            .any(|word| word == *old || word.strip_suffix('s') == Some(old))
    })
}

/// Every file below some folders that has one of the extensions: its path in the repository, its text.
fn texts(folders: &[&str], extensions: &[&str]) -> Vec<(String, String)> {
    fn collect(folder: &Path, extensions: &[&str], found: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let extension = path.extension().and_then(|extension| extension.to_str());
            if path.is_dir() {
                collect(&path, extensions, found);
            } else if extensions.contains(&extension.unwrap_or_default()) {
                let text = std::fs::read_to_string(&path).expect("a text");
                let path = path.strip_prefix(REPO).expect("in the repository");
                found.push((path.display().to_string().replace('\\', "/"), text));
            }
        }
    }
    let mut found = Vec::new();
    for folder in folders {
        collect(&Path::new(REPO).join(folder), extensions, &mut found);
    }
    found
}

#[test]
fn names_have_no_old_words() {
    for (line, names) in [
        (
            "pub fn look_up(via: &str, n: u8) -> Cell {",
            vec!["look_up", "n", "via"],
        ),
        (
            "let mut tally = std::mem::swap(&mut a, b); // let swap",
            vec!["tally"],
        ),
        ("    pub(super) silent: Vec<String>,", vec!["silent"]),
        ("use std::cell::Cell;", vec![]),
        ("print(\"let swap = fn look\");", vec![]),
    ] {
        assert_eq!(
            defined(line),
            names.into_iter().map(str::to_owned).collect()
        );
    }
    assert!(old_word("HubStanding").is_some() && old_word("empty_cells").is_some());
    assert!(old_word("lookup").is_none() && old_word("trivial").is_none());

    let mut faults = Vec::new();
    for (path, text) in texts(&["crates", "src", "tests", "benches"], &["rs"]) {
        let mut test = false;
        for (number, line) in text.lines().enumerate() {
            // The name of a test is a sentence, in which any English word can be.
            let is_function = line.trim_start().starts_with("fn ");
            for name in defined(line) {
                if let Some((old, new)) = old_word(&name)
                    && !(test && is_function)
                    && !EXCEPTIONS.contains(&(path.as_str(), name.as_str()))
                {
                    faults.push(format!(
                        "{path}:{}: `{name}`: not {old}, but {new}",
                        number + 1
                    ));
                }
            }
            let attribute = line.trim_start().starts_with('#');
            test = attribute && (test || line.contains("test]"));
        }
    }
    let faults: Vec<String> = faults
        .into_iter()
        .filter(|fault| !fault.starts_with("tests/it/names.rs:"))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn comments_cite_pages_of_the_repository() {
    let page = Regex::new(r"[\w./<>:-]*\w\.md\b").expect("a pattern");
    let mut faults = Vec::new();
    let folders = [
        ".ci", ".config", ".github", "benches", "crates", "docs", "src", "tests",
    ];
    for (path, text) in texts(&folders, &["rs", "md", "sh", "py", "yml", "toml"]) {
        let folder = Path::new(&path).parent().unwrap_or(Path::new(""));
        for (number, line) in text.lines().enumerate() {
            let comment = line.trim_start();
            let cited = match path.rsplit('.').next() {
                Some("md") => line,
                Some("rs") if !comment.starts_with("//") => continue,
                Some("sh" | "py" | "yml" | "toml") if !comment.starts_with('#') => continue,
                _ => comment,
            };
            for found in page.find_iter(cited) {
                let name = found.as_str();
                // INSTALL.md is rendered for a release.
                let known = name.contains("://")
                    || name.ends_with("INSTALL.md")
                    || name.contains('<')
                    || [Path::new(""), Path::new("docs"), folder]
                        .iter()
                        .any(|base| Path::new(REPO).join(base).join(name).exists());
                if !known {
                    faults.push(format!("{path}:{}: there is no {name}", number + 1));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
