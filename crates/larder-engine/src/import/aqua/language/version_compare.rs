//! Compares versions as aqua does in `semver("…")`: any number of parts, a leading `v` aside, and pre-releases by their parts.
//!
//! It is not larder's own order of versions, because a definition's ranges were written for this one.

use std::cmp::Ordering;

/// A version as aqua reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Parsed {
    numbers: Vec<u64>,
    prerelease: String,
}

/// Reads `v1.2.3-rc.1+build`; `None` if aqua would refuse it.
fn parse(text: &str) -> Option<Parsed> {
    let text = text.trim();
    let text = text.strip_prefix('v').unwrap_or(text);
    let (text, build) = match text.split_once('+') {
        Some((text, build)) => (text, Some(build)),
        None => (text, None),
    };
    if build.is_some_and(|build| !is_words(build)) {
        return None;
    }
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (numbers, mut rest) = text.split_at(end);
    // A dot before a word belongs to nothing.
    if numbers.ends_with('.') {
        return None;
    }
    let numbers = numbers
        .split('.')
        .map(|part| part.parse().ok())
        .collect::<Option<Vec<u64>>>()?;
    if !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('-') {
            rest = after;
        } else if !rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '~') {
            return None;
        }
        if !is_words(rest) {
            return None;
        }
    }
    Some(Parsed {
        numbers,
        prerelease: rest.to_owned(),
    })
}

fn is_words(text: &str) -> bool {
    text.split('.').all(|word| {
        !word.is_empty()
            && word
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '~'))
    })
}

fn compare(one: &Parsed, other: &Parsed) -> Ordering {
    let length = one.numbers.len().max(other.numbers.len());
    for n in 0..length {
        let part = |parsed: &Parsed| parsed.numbers.get(n).copied().unwrap_or_default();
        match part(one).cmp(&part(other)) {
            Ordering::Equal => {}
            decided => return decided,
        }
    }
    match (one.prerelease.as_str(), other.prerelease.as_str()) {
        (one, other) if one == other => Ordering::Equal,
        ("", _) => Ordering::Greater,
        (_, "") => Ordering::Less,
        (one, other) => prereleases(one, other),
    }
}

fn prereleases(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        let decided = match (one.next(), other.next()) {
            (None, None) => return Ordering::Equal,
            (Some(one), Some(other)) => match (one.parse::<u64>(), other.parse::<u64>()) {
                (Ok(one), Ok(other)) => one.cmp(&other),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => one.cmp(other),
            },
            // A missing part is before a number and after a word.
            (Some(more), None) => match more.parse::<u64>() {
                Ok(_) => Ordering::Greater,
                Err(_) => Ordering::Less,
            },
            (None, Some(more)) => match more.parse::<u64>() {
                Ok(_) => Ordering::Less,
                Err(_) => Ordering::Greater,
            },
        };
        if decided.is_ne() {
            return decided;
        }
    }
}

/// Whether a version satisfies comparisons such as `>= 1.2, < 2`. A commit or an unreadable version satisfies none.
pub(in crate::import::aqua) fn satisfies(constraint: &str, version: &str) -> bool {
    let is_commit = version.len() == 40
        && version
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let Some(version) = parse(version).filter(|_| !is_commit) else {
        return false;
    };
    constraint.trim().split(',').all(|part| {
        let part = part.trim();
        let Some((accepts, wanted)) = OPERATORS
            .iter()
            .find_map(|(operator, accepts)| Some((accepts, part.strip_prefix(operator)?)))
        else {
            return false;
        };
        parse(wanted).is_some_and(|wanted| accepts(compare(&version, &wanted)))
    })
}

type Accepts = fn(Ordering) -> bool;

const OPERATORS: [(&str, Accepts); 6] = [
    (">=", Ordering::is_ge),
    ("<=", Ordering::is_le),
    ("!=", Ordering::is_ne),
    (">", Ordering::is_gt),
    ("<", Ordering::is_lt),
    ("=", Ordering::is_eq),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_are_those_of_aqua() {
        for (constraint, version, expected) in [
            (">= 1.2.0", "v1.2.0", true),
            ("<= 1.2", "1.2.0", true),
            ("<= 1.2", "1.2.0.1", false),
            ("< 1.0.0", "v1.0.0-rc.1", true),
            ("<= 1.0.0-rc.2", "1.0.0-rc.10", false),
            ("<= 1.0.0-beta", "1.0.0-rc", false),
            (">= 1.0, < 2", "1.9.9", true),
            (">= 1.0, < 2", "2.0.0", false),
            ("= 1.0.0", "1.0.0+build.3", true),
            ("!= 1.0.0", "1.0.1", true),
            ("< 2024.05", "2024-01-02", true),
            ("<= 1.0", "nightly", false),
            (">= 0", "35661968adb8fa29ab1d4a8713c0547d9a6007bb", false),
            ("~> 1.0", "1.0.0", false),
            ("< 1.0.0", "1.0.0beta2", true),
        ] {
            assert_eq!(
                satisfies(constraint, version),
                expected,
                "{version} {constraint}"
            );
        }
    }
}
