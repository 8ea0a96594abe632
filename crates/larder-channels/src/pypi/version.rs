//! Versions as PEP 440 writes them.

use larder_core::model::Version;

/// `1.2.3-rc.1` → `1.2.3rc1`. A version that PEP 440 would sort in another place, or whose form it
/// does not have, can't be expressed.
pub fn version(version: &Version) -> Result<String, String> {
    let text = version.number().to_ascii_lowercase();
    if text.contains('+') {
        return Err("the index refuses local versions, which `+` makes".into());
    }
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    // A dot before a word separates it.
    let numbers = text[..end].strip_suffix('.').unwrap_or(&text[..end]);
    let release = numbers
        .split('.')
        .map(number)
        .collect::<Option<Vec<_>>>()
        .ok_or("it does not start with numbers")?;
    let rest = &text[numbers.len()..];
    let suffix = match rest {
        "" => String::new(),
        rest => suffix(rest).ok_or_else(|| {
            format!("`{rest}` is none of alpha, beta, rc, dev and post with a number")
        })?,
    };
    Ok(release.join(".") + &suffix)
}

/// `-rc.1` → `rc1`
fn suffix(text: &str) -> Option<String> {
    let separator = |text: &str| -> usize { usize::from(text.starts_with(['.', '-', '_'])) };
    let text = &text[separator(text)..];
    let end = text
        .find(|c: char| !c.is_ascii_lowercase())
        .unwrap_or(text.len());
    let word = match &text[..end] {
        "a" | "alpha" => "a",
        "b" | "beta" => "b",
        "c" | "rc" | "pre" | "preview" => "rc",
        "dev" => ".dev",
        "post" | "rev" | "r" => ".post",
        _ => return None,
    };
    let rest = &text[end..];
    let n = match rest {
        "" => "0".to_owned(),
        rest => number(&rest[separator(rest)..])?,
    };
    Some(format!("{word}{n}"))
}

/// Digits without leading zeros.
fn number(text: &str) -> Option<String> {
    if text.is_empty() || !text.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    match text.trim_start_matches('0') {
        "" => Some("0".to_owned()),
        digits => Some(digits.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_pep_440() {
        for (text, expected) in [
            ("1.2.3", Some("1.2.3")),
            ("v2", Some("2")),
            ("2026.01.02", Some("2026.1.2")),
            ("1.2.3.4", Some("1.2.3.4")),
            ("1.2.3-rc.1", Some("1.2.3rc1")),
            ("1.2.3-alpha", Some("1.2.3a0")),
            ("1.2.3-beta2", Some("1.2.3b2")),
            ("1.0rc1", Some("1.0rc1")),
            ("1.2.3-DEV.07", Some("1.2.3.dev7")),
            ("1.2.3.post1", Some("1.2.3.post1")),
            ("1.2.3-post.1", Some("1.2.3.post1")),
            ("1.2.3+build", None),
            ("1.2.3-1", None),
            ("1.2.3-rc.1.2", None),
            ("1.2.3-nightly.20260101", None),
            ("9.8p1", None),
            ("main", None),
        ] {
            let version = version(&text.parse().unwrap());
            assert_eq!(version.as_deref().ok(), expected, "{text}: {version:?}");
        }
    }
}
