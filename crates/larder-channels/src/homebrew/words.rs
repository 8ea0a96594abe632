//! The words of a formula: its class, its description, its licence, and where files go.

use regex::Regex;

use crate::included::{Included, included};
use crate::quote::{one_line, ruby, shorten};
use crate::spdx::{self, Expression};

/// The longest description that `brew audit` accepts.
const DESCRIPTION: usize = 80;

/// The name of the formula's class, made as Homebrew makes it. `None` if Ruby has no such name.
pub fn class_name(name: &str) -> Option<String> {
    let mut class = String::new();
    let mut chars = name.chars().peekable();
    if let Some(first) = chars.next() {
        class.push(first.to_ascii_uppercase());
    }
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('-' | '_' | '.', Some(next)) if next.is_ascii_alphanumeric() => {
                class.push(next.to_ascii_uppercase());
                chars.next();
            }
            ('+', _) => class.push('x'),
            ('@', Some(next)) if next.is_ascii_digit() => class.push_str("AT"),
            _ => class.push(c),
        }
    }
    let valid = class.starts_with(|c: char| c.is_ascii_uppercase())
        && class.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    valid.then_some(class)
}

/// A description that `brew audit` has nothing to say against: it starts with a capital letter,
/// not with an article or the formula's name, has no full stop and no pictures, and is short.
pub fn description(name: &str, text: &str) -> String {
    let regex = |pattern: &str| Regex::new(pattern).expect("the pattern is valid");
    let letters = name.chars().filter(|&c| c != '-');
    let letters: Vec<String> = letters.map(|c| regex::escape(&c.to_string())).collect();
    let name_at_start = format!(r"(?i)^{}\b", letters.join(r"[\s\-]?"));
    let introduction = format!(r"{name_at_start}[\s:,–—-]+(?:is\s+)?");

    let text = regex(r"[\p{So}\x{FE0F}\x{200D}\x{1F3FB}-\x{1F3FF}]").replace_all(text, "");
    let text = one_line(&text);
    let text = regex(r"(?i)(command) ?(line)").replace_all(&text, "$1-$2");
    let starts = [regex(&introduction), regex(r"(?i)^(?:the|an?)\s+")];
    let mut text: &str = &text;
    while let Some(found) = starts.iter().find_map(|start| start.find(text)) {
        text = &text[found.end()..];
    }
    while text.ends_with('.') && !text.ends_with("etc.") {
        text = text[..text.len() - 1].trim_end();
    }
    let mut text = text.to_owned();
    if text.is_empty() {
        text = format!("Program {name}");
    } else if regex(&name_at_start).is_match(&text) {
        text = format!("Program {text}");
    }
    let special = ["iOS", "iPhone", "macOS"];
    if text.starts_with(|c: char| c.is_ascii_lowercase())
        && !special.contains(&text.split(' ').next().unwrap_or_default())
    {
        text[..1].make_ascii_uppercase();
    }
    shorten(&text, DESCRIPTION)
}

/// The argument of `license`. Homebrew has a word for what no identifier of SPDX says.
pub fn license(text: &str) -> String {
    let text = one_line(text);
    if text.eq_ignore_ascii_case("public domain") {
        return ":public_domain".into();
    }
    match spdx::parse(&text) {
        Some(expression) if !refers(&expression) => license_argument(&expression),
        _ => ":cannot_represent".into(),
    }
}

/// Whether a licence is none of SPDX's list.
fn refers(expression: &Expression) -> bool {
    match expression {
        Expression::License(id) | Expression::With(id, _) => {
            id.contains("LicenseRef-") || id.contains(':')
        }
        Expression::All(list) | Expression::Any(list) => list.iter().any(refers),
    }
}

fn license_argument(expression: &Expression) -> String {
    let list = |word: &str, list: &[Expression]| {
        let items = list.iter().map(|item| match item {
            Expression::License(_) => license_argument(item),
            _ => format!("{{ {} }}", license_argument(item)),
        });
        format!("{word}: [{}]", items.collect::<Vec<_>>().join(", "))
    };
    match expression {
        Expression::License(id) => ruby(id),
        Expression::With(id, exception) => {
            format!("{} => {{ with: {} }}", ruby(id), ruby(exception))
        }
        Expression::All(items) => list("all_of", items),
        Expression::Any(items) => list("any_of", items),
    }
}

/// How an included file is installed. `None` for those that Homebrew installs by itself.
pub fn included_line(name: &str) -> Option<String> {
    let file = ruby(name);
    let named = |folder: &str, target: &str| {
        let target = match target {
            same if same == name => String::new(),
            other => format!(" => {}", ruby(other)),
        };
        format!("{folder}.install {file}{target}")
    };
    Some(match included(name) {
        Included::Man { section, .. } => format!("man{section}.install {file}"),
        Included::Bash(program) => named("bash_completion", program),
        Included::Zsh(program) => named("zsh_completion", &format!("_{program}")),
        Included::Fish(program) => named("fish_completion", &format!("{program}.fish")),
        Included::PowerShell(program) => named("pwsh_completion", &format!("_{program}.ps1")),
        _ if is_metafile(name) => return None,
        Included::License => format!("prefix.install {file}"),
        Included::Other => format!("pkgshare.install {file}"),
    })
}

/// Whether Homebrew installs a file into the prefix by itself, as it does with licences and readmes.
fn is_metafile(name: &str) -> bool {
    const LICENSES: [&str; 4] = ["copying", "copyright", "license", "licence"];
    const NAMES: [&str; 10] = [
        "about",
        "authors",
        "changelog",
        "changes",
        "history",
        "news",
        "notes",
        "notice",
        "readme",
        "todo",
    ];
    const ENDINGS: [&str; 7] = ["adoc", "asciidoc", "html", "markdown", "md", "rst", "txt"];
    let lower = name.to_ascii_lowercase();
    let first = lower.split(['.', '-']).next().unwrap_or_default();
    let stem = match lower.rsplit_once('.') {
        Some((stem, ending)) if ENDINGS.contains(&ending) => stem,
        _ => &lower,
    };
    LICENSES.contains(&first) || NAMES.contains(&stem)
}
