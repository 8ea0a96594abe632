//! The header `Range` (RFC 9110, section 14).

use std::ops::Range;

/// What a `Range` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ranged {
    /// The whole file: the header is malformed, has another unit, or names several ranges.
    Whole,
    /// One part of it.
    Part(Range<u64>),
    /// Something that the file does not have: 416.
    Unsatisfiable,
}

/// Reads the header for a file of this size.
pub fn parse(value: &[u8], size: u64) -> Ranged {
    match std::str::from_utf8(value).ok().and_then(single) {
        None => Ranged::Whole,
        Some(Wanted::Suffix(0)) => Ranged::Unsatisfiable,
        // The end of an empty file is satisfiable, but no `Content-Range` can say so.
        Some(Wanted::Suffix(_)) if size == 0 => Ranged::Whole,
        Some(Wanted::Suffix(length)) => Ranged::Part(size.saturating_sub(length)..size),
        Some(Wanted::From(first, _)) if first >= size => Ranged::Unsatisfiable,
        Some(Wanted::From(first, last)) => {
            let end = last.map_or(size, |last| last.saturating_add(1).min(size));
            Ranged::Part(first..end)
        }
    }
}

enum Wanted {
    From(u64, Option<u64>),
    Suffix(u64),
}

/// The one range of a header; `None` if it is malformed or has several.
fn single(value: &str) -> Option<Wanted> {
    let (unit, ranges) = value.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let trim = |text: &'_ str| -> String { text.trim_matches([' ', '\t']).to_owned() };
    let mut specs = ranges.split(',').map(trim).filter(|spec| !spec.is_empty());
    let spec = specs.next()?;
    if specs.next().is_some() {
        return None;
    }
    let (first, last) = spec.split_once('-')?;
    match (first, last) {
        ("", length) => number(length).map(Wanted::Suffix),
        (first, "") => number(first).map(|first| Wanted::From(first, None)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Wanted::From(first, Some(last)))
        }
    }
}

/// A number of any length. A position that no file has is as good as the largest one.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        let part = |range| Ranged::Part(range);
        let huge = "bytes=0-99999999999999999999999999";
        for (value, expected) in [
            ("bytes=0-0", part(0..1)),
            ("bytes=0-99", part(0..100)),
            ("bytes=0-100", part(0..100)),
            ("bytes=5-", part(5..100)),
            ("bytes=99-", part(99..100)),
            ("bytes=100-", Ranged::Unsatisfiable),
            ("bytes=100-200", Ranged::Unsatisfiable),
            ("bytes=-1", part(99..100)),
            ("bytes=-100", part(0..100)),
            ("bytes=-101", part(0..100)),
            ("bytes=-0", Ranged::Unsatisfiable),
            ("bytes=5-4", Ranged::Whole),
            ("bytes=0-0,2-2", Ranged::Whole),
            ("bytes=0-0,-1", Ranged::Whole),
            ("bytes=,5-6,", part(5..7)),
            ("bytes= 5-6", part(5..7)),
            ("Bytes=5-6", part(5..7)),
            ("bytes=5 - 6", Ranged::Whole),
            ("bytes=", Ranged::Whole),
            ("bytes=-", Ranged::Whole),
            ("bytes=--1", Ranged::Whole),
            ("bytes=a-b", Ranged::Whole),
            ("bytes=+1-2", Ranged::Whole),
            ("bytes=0x1-2", Ranged::Whole),
            ("bytes 1-2", Ranged::Whole),
            ("items=1-2", Ranged::Whole),
            ("", Ranged::Whole),
            (huge, part(0..100)),
            ("bytes=99999999999999999999999999-", Ranged::Unsatisfiable),
            ("bytes=-99999999999999999999999999", part(0..100)),
        ] {
            assert_eq!(parse(value.as_bytes(), 100), expected, "{value}");
        }
        for (value, expected) in [
            ("bytes=0-", Ranged::Unsatisfiable),
            ("bytes=-1", Ranged::Whole),
            ("bytes=-0", Ranged::Unsatisfiable),
        ] {
            assert_eq!(parse(value.as_bytes(), 0), expected, "{value} of nothing");
        }
        assert_eq!(parse(b"bytes=\xff-", 100), Ranged::Whole);
    }
}
