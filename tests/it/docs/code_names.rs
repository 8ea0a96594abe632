//! Code that the documentation names is there: files, modules, types, functions and tests. Each attack that is listed has
//! a test.
//!
//! Only texts in `code` are checked, and only those that can be nothing but a name in this repository. Names with `<…>`,
//! `*` or `…` are patterns and are left out.

use std::collections::HashSet;

use camino::{Utf8Path, Utf8PathBuf};
use regex::Regex;

use super::pages::files_below;
use crate::env::REPO;

/// The attacks, each with its tests.
const ATTACKS: &str = "docs/attacks.md";

/// The pages that are checked: those that explain the code.
fn pages() -> Vec<Utf8PathBuf> {
    let repo = Utf8Path::new(REPO);
    let mut pages = [
        "CONTRIBUTING.md",
        "SECURITY.md",
        ATTACKS,
        "docs/architecture.md",
        "docs/glossary.md",
        "docs/reliability.md",
    ]
    .map(|page| repo.join(page))
    .to_vec();
    files_below(&repo.join("docs/design"), "md", &mut pages);
    pages
}

/// The texts in `code` of a page, without its code blocks.
fn quoted(page: &Utf8Path) -> Vec<String> {
    let text = std::fs::read_to_string(page).expect("a page");
    let mut block = false;
    let prose: Vec<&str> = text
        .lines()
        .filter(|line| {
            let fence = line.trim_start().starts_with("```");
            block ^= fence;
            !block && !fence
        })
        .collect();
    let texts = prose.join("\n");
    let texts = texts.split('`').skip(1).step_by(2);
    texts.map(|text| text.replace('\n', " ")).collect()
}

/// A Rust file.
struct RustFile {
    /// Its path in the repository, without `.rs` or `/mod.rs`.
    module: String,
    path: Utf8PathBuf,
    /// What it defines: items, variants of enums, tests that a macro makes from a table.
    defined: HashSet<String>,
    /// Its functions with `#[test]`.
    tests: HashSet<String>,
    /// Every word of its code.
    words: HashSet<String>,
}

/// The Rust files of the repository.
struct Code(Vec<RustFile>);

impl Code {
    fn read() -> Self {
        let mut paths = Vec::new();
        for folder in ["crates", "src", "tests", "benches"] {
            files_below(&Utf8Path::new(REPO).join(folder), "rs", &mut paths);
        }
        // This file has names that are nowhere.
        paths.retain(|path| !path.as_str().ends_with(file!()));
        let item = Regex::new(r"\b(?:fn|mod|struct|enum|trait|const|static|type) (\w+)")
            .expect("a pattern");
        let row = Regex::new(r"(?m)^\s*(\w+)\s*(?:$|[,({:=])").expect("a pattern");
        let test = Regex::new(r"#\[test\]\s+(?:#\[[^\n]*\]\s+)*fn (\w+)").expect("a pattern");
        let read = |path: Utf8PathBuf| {
            let text = std::fs::read_to_string(&path).expect("a text");
            let code: Vec<&str> = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect();
            let code = code.join("\n");
            let path = path.strip_prefix(REPO).expect("in the repository");
            let module = path.as_str().trim_end_matches(".rs");
            let defined = item.captures_iter(&code).chain(row.captures_iter(&code));
            let tests = test.captures_iter(&code);
            RustFile {
                module: module.trim_end_matches("/mod").to_owned(),
                path: path.to_owned(),
                defined: defined.map(|found| found[1].to_owned()).collect(),
                tests: tests.map(|found| found[1].to_owned()).collect(),
                words: code
                    .split(|c: char| !c.is_alphanumeric() && c != '_')
                    .map(str::to_owned)
                    .collect(),
            }
        };
        Self(paths.into_iter().map(read).collect())
    }

    fn has_word(&self, word: &str) -> bool {
        self.0.iter().any(|file| file.words.contains(word))
    }

    /// Whether a text is the name of a test as pages write it, such as `larder-core: x` or `http::tls::x`, or a script
    /// among the tests.
    fn has_test(&self, kinds: &[Kind], text: &str) -> bool {
        let name = text.rsplit([':', ' ']).next().unwrap_or(text);
        let is_script = text.starts_with("tests/") && text.ends_with(".sh");
        // The functions of larder-fuzz are run by a test that a macro makes of each.
        let is_test = || {
            text.starts_with("larder-fuzz: ") || self.0.iter().any(|file| file.tests.contains(name))
        };
        (is_script || is_test()) && fault(kinds, self, text).is_none()
    }

    /// Whether a module, or one in it, defines a name.
    fn defines(&self, module: &str, name: &str) -> bool {
        let below = format!("{module}/");
        self.0.iter().any(|file| {
            (file.module == module || file.module.starts_with(&below))
                && file.defined.contains(name)
        })
    }

    /// Whether there is a file, or a folder with files, whose path ends like this.
    fn has_file(&self, path: &str) -> bool {
        let end = format!("/{}", path.trim_end_matches('/'));
        let folder = format!("{end}/");
        Utf8Path::new(REPO).join(path).exists()
            || self.0.iter().any(|RustFile { path, .. }| {
                let path = format!("/{path}");
                path.ends_with(&end) || path.contains(&folder)
            })
    }

    /// Whether `a::b::c` is there. `a` is a crate, a type, or a module anywhere.
    fn has_path(&self, path: &str) -> bool {
        let (first, rest) = path.split_once("::").expect("a path");
        let rest: Vec<&str> = rest.split("::").collect();
        let name = first.strip_prefix("larder_").unwrap_or(first);
        if ["channels", "core", "engine", "process", "remote", "serve"].contains(&name)
            && self.is_in(&format!("crates/larder-{name}/src"), &rest)
        {
            return true;
        }
        if first.starts_with(char::is_uppercase) {
            let uses = self.0.iter().filter(|file| file.words.contains(first));
            return self.0.iter().any(|file| file.defined.contains(first))
                && uses
                    .into_iter()
                    .any(|file| rest.iter().all(|part| file.defined.contains(*part)));
        }
        let end = format!("/{first}");
        self.0
            .iter()
            .filter_map(|file| Some(format!("{}{end}", file.module.split_once(&end)?.0)))
            .any(|module| self.is_in(&module, &rest))
    }

    /// Whether a path is in a module: each part is a module or is defined in what is found so far.
    fn is_in(&self, module: &str, parts: &[&str]) -> bool {
        let Some((part, rest)) = parts.split_first() else {
            return true;
        };
        let next = format!("{module}/{part}");
        let below = format!("{next}/");
        let is_module = self
            .0
            .iter()
            .any(|file| file.module == next || file.module.starts_with(&below));
        is_module && self.is_in(&next, rest)
            || self.defines(module, part) && self.is_in(module, rest)
    }
}

/// A kind of name, by what it looks like.
struct Kind {
    pattern: Regex,
    /// Whether the code has it.
    is_there: fn(&Code, &str) -> bool,
    fault: &'static str,
}

/// The kinds, the first that matches a text counts; a text that matches none is no name in this repository.
fn kinds() -> [Kind; 4] {
    let kind = |pattern, is_there, fault| Kind {
        pattern: Regex::new(pattern).expect("a pattern"),
        is_there,
        fault,
    };
    [
        kind(
            r"^larder(-[a-z]+)?: \w+$",
            |code, text| {
                let (package, test) = text.split_once(": ").expect("the pattern has it");
                let module = match package {
                    "larder" => "src".to_owned(),
                    package => format!("crates/{package}/src"),
                };
                code.defines(&module, test)
            },
            "no such test",
        ),
        kind(
            r"^[\w:]+::\w+(\(\))?$",
            |code, text| {
                // Names of other crates are not in this repository.
                ["std::", "clap::"]
                    .iter()
                    .any(|other| text.starts_with(other))
                    || code.has_path(text.trim_end_matches("()"))
            },
            "no such item",
        ),
        kind(
            r"^[\w./-]*/[\w./-]*$|^\w+\.rs$",
            |code, text| {
                // What larder writes in a project, or cargo in this one.
                let ours = [".ci/", ".cargo/", ".config/", ".github/"];
                text.starts_with('.') && !ours.iter().any(|folder| text.starts_with(folder))
                    || text.starts_with("target/")
                    || code.has_file(text)
            },
            "no such file",
        ),
        kind(
            r"^[A-Z][a-z]+\w*$|^[a-z]+(_[a-z]+)+$|^[A-Z]+(_[A-Z]+)+$",
            Code::has_word,
            "no such name",
        ),
    ]
}

/// What is wrong with a text in `code`.
fn fault(kinds: &[Kind], code: &Code, text: &str) -> Option<&'static str> {
    let kind = kinds.iter().find(|kind| kind.pattern.is_match(text))?;
    (!(kind.is_there)(code, text)).then_some(kind.fault)
}

#[test]
fn code_that_pages_name_is_there() {
    let (code, kinds) = (Code::read(), kinds());
    let (mut faults, mut checked) = (Vec::new(), 0);
    for page in pages() {
        for text in quoted(&page) {
            checked += 1;
            if let Some(fault) = fault(&kinds, &code, &text) {
                let page = page.strip_prefix(REPO).expect("in the repository");
                faults.push(format!("{page}: `{text}`: {fault}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(checked > 800, "only {checked} texts were found");
}

#[test]
fn a_name_that_is_not_there_is_found() {
    let (code, kinds) = (Code::read(), kinds());
    for text in [
        "core::model::Platform",
        "Platform::host()",
        "engine::acquire::search",
        "core::error::Kind::Unavailable",
        "house::only_one_file_reads_the_environment",
        "acquire/policy.rs",
        "fetch.rs",
        "HubReader",
        ".larder/locks/",
        "std::fs",
        "larder status",
    ] {
        assert_eq!(fault(&kinds, &code, text), None, "{text}");
    }
    for text in [
        "core::model::Platforms",
        "Platform::hosts()",
        "engine::acquire::seek",
        "core::error::Kind::Gone",
        "house::nobody_reads_the_environment",
        "acquire/policies.rs",
        "no_such_file.rs",
        "HubReeder",
        "larder-core: no_such_test",
        "src/cli/nothing/",
    ] {
        assert!(fault(&kinds, &code, text).is_some(), "{text}");
    }
}

/// The rows of a page's tables, without their heads: the texts between the bars.
fn rows(page: &Utf8Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(page).expect("a page");
    let lines = text.lines().collect::<Vec<_>>();
    let is_line = |line: &str| line.starts_with("|---");
    let mut rows = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let is_head = lines.get(number + 1).is_some_and(|next| is_line(next));
        if !line.starts_with('|') || is_line(line) || is_head {
            continue;
        }
        let columns = line.trim_matches('|').split('|');
        rows.push(columns.map(|text| text.trim().to_owned()).collect());
    }
    rows
}

#[test]
fn every_attack_has_a_test() {
    let (code, kinds) = (Code::read(), kinds());
    let rows = rows(&Utf8Path::new(REPO).join(ATTACKS));
    let mut faults = Vec::new();
    for row in &rows {
        let [attack, who, happens, tests] = &row[..] else {
            faults.push(format!("{} columns: {row:?}", row.len()));
            continue;
        };
        if [attack, who, happens].iter().any(|text| text.is_empty()) {
            faults.push(format!("an empty column: {row:?}"));
        }
        let tests: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        if tests.is_empty() {
            faults.push(format!("no test: {attack}"));
        }
        for test in tests {
            if !code.has_test(&kinds, test) {
                faults.push(format!("no such test: {attack}: `{test}`"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(rows.len() >= 40, "only {} attacks are listed", rows.len());
    // Functions and tables that are no tests do not count.
    for text in [
        "http::redirects::bad_redirects_are_refused",
        "larder-core: hostile_texts_are_refused",
        "tests/cross/windows.sh",
    ] {
        assert!(code.has_test(&kinds, text), "{text}");
    }
    for text in [
        "trust::refused::ensure",
        "trust::refused::bad_redirects_are_refused",
        "larder-core: no_such_test",
        "tests/cross/nothing.sh",
        "docs/attacks.md",
    ] {
        assert!(!code.has_test(&kinds, text), "{text}");
    }
}
