//! Decides which of two versions is newer: by the rules of semver where they apply, otherwise
//! number by number. All comparisons of versions use this module.
//!
//! Build metadata (`+k3s2`) decides last. What follows the numbers is a pre-release where semver
//! says so (`1.2.3-x`) or where a word does (`1.0rc1`, `2.0-beta`); anything else is a later
//! revision (`9.8p1`, `3.5a`).
//!
//! This order is not the `Ord` of [`Version`]: that one orders texts, as maps need it. `1.0` and
//! `1.0.0` are two texts, and neither is newer than the other. [`Version::sort_key`] is the key to
//! sort by.

use std::cmp::Ordering;

use super::Version;

/// Words that say that a version is a pre-release.
const PRERELEASE_WORDS: [&str; 14] = [
    "alpha",
    "beta",
    "rc",
    "cr",
    "pre",
    "preview",
    "dev",
    "snapshot",
    "nightly",
    "canary",
    "next",
    "milestone",
    "test",
    "insiders",
];

/// The parts of a version.
#[derive(Debug, PartialEq, Eq)]
struct Parts<'a> {
    numbers: Vec<u128>,
    stage: Stage,
    rest: &'a str,
    build: &'a str,
}

/// Whether a version is before, at or after the release with its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    PreRelease,
    Release,
    Revision,
}

/// A version as a sort key: a newer one is greater. Two keys are equal where neither is newer,
/// whatever the texts are.
#[derive(Clone, Copy, Debug)]
pub struct SortKey<'a>(&'a str);

impl Ord for SortKey<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self.0, other.0)
    }
}

impl PartialOrd for SortKey<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for SortKey<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for SortKey<'_> {}

impl Version {
    /// The key that sorts versions of one series from the oldest to the newest.
    pub fn sort_key(&self) -> SortKey<'_> {
        SortKey(self.as_str())
    }
    /// Whether this version is older than another version of its series.
    pub fn is_older_than(&self, other: &Self) -> bool {
        self.sort_key() < other.sort_key()
    }
    /// Whether it is a pre-release.
    pub fn is_prerelease(&self) -> bool {
        is_prerelease(self.as_str())
    }
}

/// The newest of some versions of one series. A pre-release only counts where there is no release.
pub fn newest(versions: impl IntoIterator<Item = Version>) -> Option<Version> {
    versions
        .into_iter()
        .max_by(|a, b| (!a.is_prerelease(), a.sort_key()).cmp(&(!b.is_prerelease(), b.sort_key())))
}

/// The text before a version's first digit: `v`, nothing, or a word. All versions of one series
/// have the same prefix.
pub fn prefix(version: &str) -> &str {
    &version[..version
        .find(|c: char| c.is_ascii_digit())
        .unwrap_or(version.len())]
}

/// The numbers at a version's start.
pub(super) fn numbers(version: &str) -> Vec<u128> {
    parts(version).numbers
}

/// Whether it is a pre-release.
pub fn is_prerelease(version: &str) -> bool {
    parts(version).stage == Stage::PreRelease
}

/// Which of two versions of one series is newer.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (parts(a), parts(b));
    by_release(&a, &b)
        .then_with(|| natural(a.rest, b.rest))
        .then_with(|| natural(a.build, b.build))
}

/// As [`compare`], but only by the numbers, and by whether a version is a pre-release of them, their
/// release, or a revision of it. The order of semantic versions begins with the same.
pub fn compare_releases(a: &str, b: &str) -> Ordering {
    by_release(&parts(a), &parts(b))
}

fn by_release(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    let length = a.numbers.len().max(b.numbers.len());
    let number = |parts: &Parts<'_>, n: usize| parts.numbers.get(n).copied().unwrap_or(0);
    (0..length)
        .map(|n| number(a, n).cmp(&number(b, n)))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
        .then_with(|| a.stage.cmp(&b.stage))
}

fn parts(version: &str) -> Parts<'_> {
    let version = &version[prefix(version).len()..];
    let (version, build) = version.split_once('+').unwrap_or((version, ""));
    let mut numbers = Vec::new();
    let mut rest = version;
    loop {
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        if end == 0 {
            break;
        }
        // A number that does not fit counts as larger than any other.
        numbers.push(rest[..end].parse().unwrap_or(u128::MAX));
        rest = &rest[end..];
        match rest.strip_prefix('.') {
            Some(after) if after.starts_with(|c: char| c.is_ascii_digit()) => rest = after,
            _ => break,
        }
    }
    Parts {
        stage: stage(version, rest),
        numbers,
        rest,
        build,
    }
}

fn stage(version: &str, rest: &str) -> Stage {
    if rest.is_empty() {
        return Stage::Release;
    }
    if semver::Version::parse(version).is_ok_and(|version| !version.pre.is_empty()) {
        return Stage::PreRelease;
    }
    let rest = rest
        .trim_start_matches(['.', '-', '_', '~'])
        .to_ascii_lowercase();
    let word = &rest[..rest
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(rest.len())];
    let numbered = rest[word.len()..].starts_with(|c: char| c.is_ascii_digit());
    if PRERELEASE_WORDS.contains(&word) || matches!(word, "a" | "b" | "c" | "m") && numbered {
        Stage::PreRelease
    } else {
        Stage::Revision
    }
}

/// Compares texts that contain numbers: `rc.10` comes after `rc.9`. Numbers come before words, as
/// in semver.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (chunks(a), chunks(b));
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => match (a.parse::<u128>(), b.parse::<u128>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => a.cmp(b),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Splits a text into runs of digits and runs of letters.
fn chunks(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .flat_map(|word| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let digits = rest.chars().next()?.is_ascii_digit();
                let (chunk, after) = rest.split_at(
                    rest.find(|c: char| c.is_ascii_digit() != digits)
                        .unwrap_or(rest.len()),
                );
                rest = after;
                Some(chunk)
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_is_newer() {
        for ascending in [
            &["v1.2.9", "v1.2.10", "v1.10.0", "v2"][..],
            &[
                "1.0.0-alpha",
                "1.0.0-alpha.1",
                "1.0.0-alpha.beta",
                "1.0.0-beta",
                "1.0.0-beta.2",
                "1.0.0-beta.11",
                "1.0.0-rc.1",
                "1.0.0",
            ],
            &["2.0b1", "2.0rc1", "2.0rc10", "2.0", "2.0.1"],
            &["3.5", "3.5a", "3.6"],
            &["9.8", "9.8p1", "9.8p2", "9.9"],
            &[
                "v1.30.0+k3s1",
                "v1.30.0+k3s2",
                "v1.30.0+k3s10",
                "v1.30.1-rc1+k3s1",
                "v1.30.1+k3s1",
            ],
            &["2024.01.15", "2024.1.16", "2024.2.1"],
            &[
                "RELEASE.2024-01-02T03-04-05Z",
                "RELEASE.2024-01-13T03-04-05Z",
                "RELEASE.2024-11-01T00-00-00Z",
            ],
        ] {
            for (n, a) in ascending.iter().enumerate() {
                for (m, b) in ascending.iter().enumerate() {
                    assert_eq!(compare(a, b), n.cmp(&m), "{a} and {b}");
                }
            }
        }
        assert_eq!(compare("1.0", "1.0.0"), Ordering::Equal);
    }

    #[test]
    fn equally_new_versions_are_still_two_texts() {
        let [short, long]: [Version; 2] = ["1.0", "1.0.0"].map(|text| text.parse().unwrap());
        assert_eq!(short.sort_key(), long.sort_key());
        assert_ne!(short, long);
        assert!(!short.is_older_than(&long) && !long.is_older_than(&short));
    }

    #[test]
    fn a_release_is_newest_before_any_pre_release() {
        let newest = |texts: &[&str]| {
            let versions = texts.iter().map(|text| text.parse().unwrap());
            newest(versions).map(|version: Version| version.as_str().to_owned())
        };
        assert_eq!(
            newest(&["v2.9.1", "v2.10.24", "v2.10.9", "v3.0.0-rc.1"]).as_deref(),
            Some("v2.10.24")
        );
        assert_eq!(
            newest(&["v1.0.0-rc.9", "v1.0.0-rc.10", "v1.0.0-rc.2"]).as_deref(),
            Some("v1.0.0-rc.10")
        );
        assert_eq!(newest(&[]), None);
    }

    #[test]
    fn prereleases_are_recognized() {
        for prerelease in [
            "1.0.0-rc.1",
            "v1.0.0-0",
            "2.0b1",
            "1.0rc1",
            "1.0-beta",
            "v3.0.0-next.4",
            "8.0-M2",
            "1.2.dev3",
        ] {
            assert!(is_prerelease(prerelease), "{prerelease}");
        }
        for release in [
            "1.0.0",
            "v1.0.0+rc1",
            "3.5a",
            "9.8p1",
            "RELEASE.2024-01-02T03-04-05Z",
            "2024-01-02",
            "1.2.3.4",
            "1.0-2",
        ] {
            assert!(!is_prerelease(release), "{release}");
        }
    }
}
