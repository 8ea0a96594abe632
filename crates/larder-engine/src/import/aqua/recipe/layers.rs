//! Distributes the values of a key over a recipe's base and its `overrides`, so that the fewest lines say what holds where.

use std::collections::BTreeMap;

use larder_core::model::Platform;

/// The value for all platforms, and the exceptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layers<T> {
    /// The value outside `overrides`.
    pub(super) base: Option<T>,
    /// The values for an operating system, a processor or a platform.
    pub(super) overrides: BTreeMap<String, T>,
}

/// The layers for these values. Where some platforms have no value, there is no base, because an override can't remove one.
pub(super) fn layers<T: Clone + PartialEq>(values: &BTreeMap<Platform, Option<T>>) -> Layers<T> {
    let base = if values.values().any(Option::is_none) {
        None
    } else {
        most_common(values)
    };
    let of = |group: fn(&Platform) -> &'static str| {
        let mut overrides = BTreeMap::new();
        for (platform, value) in values {
            let Some(value) = value.as_ref().filter(|value| Some(*value) != base.as_ref()) else {
                continue;
            };
            let word = group(platform);
            let mut others = values.iter().filter(|(other, _)| group(other) == word);
            let word = if others.all(|(_, other)| other.as_ref() == Some(value)) {
                word.to_owned()
            } else {
                platform.to_string()
            };
            overrides.insert(word, value.clone());
        }
        overrides
    };
    let (by_os, by_arch) = (of(|platform| platform.os.as_str()), of(|p| p.arch.as_str()));
    let overrides = if by_arch.len() < by_os.len() {
        by_arch
    } else {
        by_os
    };
    Layers { base, overrides }
}

/// The value that most platforms have; the first one if several are as common.
fn most_common<T: Clone + PartialEq>(values: &BTreeMap<Platform, Option<T>>) -> Option<T> {
    let mut counts: Vec<(&T, usize)> = Vec::new();
    for value in values.values().flatten() {
        match counts.iter_mut().find(|(known, _)| *known == value) {
            Some((_, count)) => *count += 1,
            None => counts.push((value, 1)),
        }
    }
    let most = counts.iter().map(|(_, count)| *count).max()?;
    let found = counts.into_iter().find(|(_, count)| *count == most);
    found.map(|(value, _)| value.clone())
}

/// Merges an exception for one operating system into the base, where the two templates differ in a few plain characters:
/// `{{ 'zip' if os == 'windows' else 'tar.gz' }}`, or `{{ exe }}`. `words` are what `os` renders to on each platform.
pub(super) fn merge(layers: &mut Layers<String>, words: &BTreeMap<Platform, String>) {
    let mut overrides = layers.overrides.iter();
    let (Some(base), Some((system, over)), None) =
        (&layers.base, overrides.next(), overrides.next())
    else {
        return;
    };
    // Only Windows has an ending for programs.
    let exe = over.find(".exe").filter(|_| system == "windows");
    if let Some(at) = exe
        && format!("{}{}", &over[..at], &over[at + 4..]) == *base
    {
        *layers = Layers {
            base: Some(format!("{}{{{{ exe }}}}{}", &over[..at], &over[at + 4..])),
            overrides: BTreeMap::new(),
        };
        return;
    }
    let Some((before, ours, theirs, after)) = difference(base, over) else {
        return;
    };
    let is_its = |platform: &Platform| platform.os.as_str() == system.as_str();
    let mut its = words.iter().filter(|(platform, _)| is_its(platform));
    let Some((_, word)) = its.next() else {
        return;
    };
    let is_clear = words
        .iter()
        .all(|(platform, other)| is_its(platform) == (other == word));
    let is_plain = |text: &str| !text.contains(['\'', '\\', '{', '}', '%', '#']);
    if !is_clear || ![ours, theirs, word].into_iter().all(is_plain) {
        return;
    }
    let merged = format!("{before}{{{{ '{theirs}' if os == '{word}' else '{ours}' }}}}{after}");
    *layers = Layers {
        base: Some(merged),
        overrides: BTreeMap::new(),
    };
}

/// The common start, what differs, and the common end of two templates. `None` if what differs is or contains an expression.
fn difference<'a>(one: &'a str, other: &'a str) -> Option<(&'a str, &'a str, &'a str, &'a str)> {
    let common = one
        .bytes()
        .zip(other.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    let mut start = (0..=common).rev().find(|at| one.is_char_boundary(*at))?;
    // Neither in the middle of a word such as `tar.gz` nor of an expression.
    while start > 0 && !ends_word(&one[..start]) {
        start -= 1;
    }
    let rest = (&one[start..], &other[start..]);
    let common = rest.0.bytes().rev().zip(rest.1.bytes().rev());
    let mut end = common.take_while(|(a, b)| a == b).count();
    while end > 0
        && !(rest.0.is_char_boundary(rest.0.len() - end)
            && starts_word(&rest.0[rest.0.len() - end..]))
    {
        end -= 1;
    }
    let (ours, theirs) = (&rest.0[..rest.0.len() - end], &rest.1[..rest.1.len() - end]);
    let is_text = |text: &str| !text.contains("{{") && !text.contains("}}");
    (is_text(ours) && is_text(theirs))
        .then(|| (&one[..start], ours, theirs, &rest.0[rest.0.len() - end..]))
}

fn ends_word(text: &str) -> bool {
    is_closed(text) && (text.ends_with("}}") || text.ends_with(['-', '_', '.', '/']))
}

fn starts_word(text: &str) -> bool {
    is_closed(text) && (text.starts_with("{{") || text.starts_with(['-', '_', '.', '/']))
}

/// Whether a text has only whole expressions.
fn is_closed(text: &str) -> bool {
    text.matches("{{").count() == text.matches("}}").count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [&str; 6] = [
        "linux-amd64",
        "linux-arm64",
        "darwin-amd64",
        "darwin-arm64",
        "windows-amd64",
        "windows-arm64",
    ];

    fn values(of: [Option<&str>; 6]) -> BTreeMap<Platform, Option<String>> {
        let platforms = ALL.map(|text| text.parse().expect("a platform"));
        platforms
            .into_iter()
            .zip(of.map(|value| value.map(str::to_owned)))
            .collect()
    }

    #[test]
    fn few_lines_say_what_holds_where() {
        for (of, base, overrides) in [
            ([Some("a"); 6], Some("a"), vec![]),
            (
                [
                    Some("a"),
                    Some("a"),
                    Some("a"),
                    Some("a"),
                    Some("b"),
                    Some("b"),
                ],
                Some("a"),
                vec![("windows", "b")],
            ),
            (
                [
                    Some("a"),
                    Some("b"),
                    Some("a"),
                    Some("b"),
                    Some("a"),
                    Some("b"),
                ],
                Some("a"),
                vec![("arm64", "b")],
            ),
            (
                [
                    Some("a"),
                    Some("c"),
                    Some("a"),
                    Some("a"),
                    Some("a"),
                    Some("a"),
                ],
                Some("a"),
                vec![("linux-arm64", "c")],
            ),
            (
                [Some("a"), Some("a"), None, None, Some("b"), Some("c")],
                None,
                vec![
                    ("linux", "a"),
                    ("windows-amd64", "b"),
                    ("windows-arm64", "c"),
                ],
            ),
        ] {
            let layers = layers(&values(of));
            assert_eq!(layers.base.as_deref(), base);
            let found: Vec<(&str, &str)> = layers
                .overrides
                .iter()
                .map(|(word, value)| (word.as_str(), value.as_str()))
                .collect();
            assert_eq!(found, overrides);
        }
    }

    #[test]
    fn an_exception_for_one_system_is_merged() {
        let words = |windows: &str| -> BTreeMap<Platform, String> {
            ALL.map(|text| text.parse::<Platform>().expect("a platform"))
                .into_iter()
                .map(|platform| {
                    let word = platform.os.as_str();
                    let word = if word == "windows" { windows } else { word };
                    (platform, word.to_owned())
                })
                .collect()
        };
        for (base, over, windows, expected) in [
            (
                "t-{{ os }}",
                "t-{{ os }}.exe",
                "windows",
                Some("t-{{ os }}{{ exe }}"),
            ),
            (
                "t-{{ os }}.tar.gz",
                "t-{{ os }}.zip",
                "Win",
                Some("t-{{ os }}.{{ 'zip' if os == 'Win' else 'tar.gz' }}"),
            ),
            (
                "t_{{ arch }}.tar.xz.sha256",
                "t_{{ arch }}.zip.sha256",
                "windows",
                Some("t_{{ arch }}.{{ 'zip' if os == 'windows' else 'tar.xz' }}.sha256"),
            ),
            (
                "t-{{ os }}.gz",
                "t-{{ os }}.exe.gz",
                "windows",
                Some("t-{{ os }}{{ exe }}.gz"),
            ),
            ("t.tar.gz", "t.zip", "linux", None),
            ("t-{{ os }}", "t-{{ arch }}", "windows", None),
        ] {
            let mut layers = Layers {
                base: Some(base.to_owned()),
                overrides: [("windows".to_owned(), over.to_owned())].into(),
            };
            merge(&mut layers, &words(windows));
            assert_eq!(layers.base.as_deref(), Some(expected.unwrap_or(base)));
            assert_eq!(layers.overrides.is_empty(), expected.is_some());
        }
    }
}
