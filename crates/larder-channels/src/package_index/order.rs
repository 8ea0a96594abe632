//! The order of versions of packages: that of dpkg, and that of rpm.

use std::cmp::Ordering;

/// Whose order of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Debian's: `[epoch:]upstream[-revision]`.
    Dpkg,
    /// That of rpm: `[epoch:]version[-release]`.
    Rpm,
}

impl Order {
    /// Compares two versions.
    pub fn compare(self, one: &str, other: &str) -> Ordering {
        let ((epoch, version, revision), others) = (parts(one), parts(other));
        let compare = match self {
            Self::Dpkg => dpkg,
            Self::Rpm => rpm,
        };
        epoch
            .cmp(&others.0)
            .then_with(|| compare(version, others.1))
            .then_with(|| compare(revision, others.2))
    }
}

/// The epoch, the version, and the revision, which may be empty.
fn parts(text: &str) -> (u64, &str, &str) {
    let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
    let (version, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch.parse().unwrap_or(0), version, revision)
}

/// Parts that are no digits and parts that are digits take turns.
fn dpkg(mut one: &str, mut other: &str) -> Ordering {
    while !one.is_empty() || !other.is_empty() {
        let (words, rest) = (split(&mut one, false), split(&mut other, false));
        let found = words_as_dpkg(words, rest);
        if found.is_ne() {
            return found;
        }
        let found = numbers(split(&mut one, true), split(&mut other, true));
        if found.is_ne() {
            return found;
        }
    }
    Ordering::Equal
}

/// Takes the digits, or what is none, off the start.
fn split<'a>(text: &mut &'a str, digits: bool) -> &'a str {
    let end = text.find(|c: char| c.is_ascii_digit() != digits);
    let (start, rest) = text.split_at(end.unwrap_or(text.len()));
    *text = rest;
    start
}

fn numbers(one: &str, other: &str) -> Ordering {
    let [one, other] = [one, other].map(|text| text.trim_start_matches('0'));
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

/// `~` is before the end, then letters, then everything else.
fn words_as_dpkg(one: &str, other: &str) -> Ordering {
    let weigh = |byte: u8| match byte {
        b'~' => -1,
        byte if byte.is_ascii_alphabetic() => i32::from(byte),
        byte => i32::from(byte) + 256,
    };
    let (mut one, mut other) = (one.bytes(), other.bytes());
    loop {
        let pair = (one.next(), other.next());
        if pair == (None, None) {
            return Ordering::Equal;
        }
        let [one, other] = [pair.0, pair.1].map(|byte| byte.map_or(0, weigh));
        if one != other {
            return one.cmp(&other);
        }
    }
}

/// Segments of digits or of letters are compared; what is between them only separates, but for `~`,
/// which is before the end, and `^`, which is after it and before everything else.
fn rpm(mut one: &str, mut other: &str) -> Ordering {
    loop {
        let separates = |c: char| !c.is_ascii_alphanumeric() && c != '~' && c != '^';
        one = one.trim_start_matches(separates);
        other = other.trim_start_matches(separates);
        for mark in ['~', '^'] {
            let rest = (one.strip_prefix(mark), other.strip_prefix(mark));
            match rest {
                (Some(first), Some(second)) => (one, other) = (first, second),
                (Some(_), None) if mark == '^' && other.is_empty() => return Ordering::Greater,
                (None, Some(_)) if mark == '^' && one.is_empty() => return Ordering::Less,
                (Some(_), None) => return Ordering::Less,
                (None, Some(_)) => return Ordering::Greater,
                (None, None) => continue,
            }
            break;
        }
        if one.starts_with(['~', '^']) || other.starts_with(['~', '^']) {
            continue;
        }
        if one.is_empty() || other.is_empty() {
            return one.len().cmp(&other.len());
        }
        let is_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        let found = match (is_number(one), is_number(other)) {
            (true, true) => numbers(split(&mut one, true), split(&mut other, true)),
            (true, false) => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            (false, false) => word(&mut one).cmp(word(&mut other)),
        };
        if found.is_ne() {
            return found;
        }
    }
}

fn word<'a>(text: &mut &'a str) -> &'a str {
    let end = text.find(|c: char| !c.is_ascii_alphabetic());
    let (start, rest) = text.split_at(end.unwrap_or(text.len()));
    *text = rest;
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_package_managers_do() {
        // Judged by `dpkg --compare-versions` and `rpm --eval '%{lua:print(rpm.vercmp(…))}'`.
        use Ordering::{Equal, Greater, Less};
        for (one, other, of_dpkg, of_rpm) in [
            ("1.2.3", "1.2.3", Equal, Equal),
            ("1.2.9", "1.2.10", Less, Less),
            ("1.2.3~rc.1", "1.2.3", Less, Less),
            ("1.2.3~rc.1", "1.2.3~rc.2", Less, Less),
            ("1.2.3", "1.2.3.1", Less, Less),
            ("1.2.3~~", "1.2.3~", Less, Less),
            ("9.8+p1", "9.8", Greater, Greater),
            ("9.8+p1", "9.8.1", Less, Less),
            ("1.01", "1.1", Equal, Equal),
            ("1:1.0", "2.0", Greater, Greater),
            ("1.0-2", "1.0-10", Less, Less),
            ("1.0a", "1.0", Greater, Greater),
            ("1.0a", "1.0.1", Less, Less),
            ("1.0^git1", "1.0", Greater, Greater),
            ("1.0^git1", "1.0.1", Greater, Less),
            ("1_0", "1.0", Greater, Equal),
        ] {
            assert_eq!(Order::Dpkg.compare(one, other), of_dpkg, "{one} {other}");
            assert_eq!(Order::Rpm.compare(one, other), of_rpm, "{one} {other}");
            assert_eq!(Order::Dpkg.compare(other, one), of_dpkg.reverse());
            assert_eq!(Order::Rpm.compare(other, one), of_rpm.reverse());
        }
    }
}
