//! Ranges of versions, such as `>=1.4, <2`, by the order of [`version_order`]: they also work for
//! dates and for versions with four numbers.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use super::{Invalid, Version, version_order};

/// A range of versions: every comparison of it must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRange {
    text: String,
    comparisons: Vec<Comparison>,
}

/// A comparison with a version.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Comparison {
    operator: Operator,
    version: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    /// `^1.2.3`: not older, and the numbers up to the first that is not 0 are the same.
    Compatible,
    /// `~1.2.3`: not older, and the first two numbers are the same (`~1`: the first).
    Patch,
}

/// The operators. A longer one comes before the shorter one that it starts with.
const OPERATORS: [(&str, Operator); 7] = [
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("=", Operator::Equal),
    ("^", Operator::Compatible),
    ("~", Operator::Patch),
];

impl VersionRange {
    /// The range of all versions.
    pub fn any() -> Self {
        Self {
            text: "any version".to_owned(),
            comparisons: Vec::new(),
        }
    }

    /// Whether a version is in the range.
    pub fn contains(&self, version: &Version) -> bool {
        let version = version.as_str();
        self.comparisons.iter().all(|wanted| wanted.holds(version))
    }
}

impl Comparison {
    fn holds(&self, version: &str) -> bool {
        let Self {
            operator,
            version: bound,
        } = self;
        let order = version_order::compare(version, bound);
        let begins = |count: usize| {
            let (of_version, of_bound) = (
                version_order::numbers(version),
                version_order::numbers(bound),
            );
            let number = |numbers: &[u128], n: usize| numbers.get(n).copied().unwrap_or(0);
            (0..count).all(|n| number(&of_version, n) == number(&of_bound, n))
        };
        match operator {
            Operator::Less => order == Ordering::Less,
            Operator::LessOrEqual => order != Ordering::Greater,
            Operator::Greater => order == Ordering::Greater,
            Operator::GreaterOrEqual => order != Ordering::Less,
            Operator::Equal => order == Ordering::Equal,
            Operator::Compatible => {
                let numbers = version_order::numbers(bound);
                let first = numbers.iter().position(|number| *number != 0);
                order != Ordering::Less && begins(first.map_or(numbers.len(), |first| first + 1))
            }
            Operator::Patch => {
                order != Ordering::Less && begins(version_order::numbers(bound).len().min(2))
            }
        }
    }
}

impl FromStr for VersionRange {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let comparisons = text.split(',').map(|part| comparison(text, part.trim()));
        Ok(Self {
            text: text.to_owned(),
            comparisons: comparisons.collect::<Result<_, _>>()?,
        })
    }
}

fn comparison(text: &str, part: &str) -> Result<Comparison, Invalid> {
    let bad = |why: String| {
        Invalid::new(format!("`{text}` is not a range of versions: {why}")).hint(
            "comparisons with a comma between them, such as \"<1.4\", \">=1.4, <2\", \"^1.2\" or \"1.0.3\"",
        )
    };
    if part.is_empty() {
        return Err(bad("a comparison is empty".into()));
    }
    let operator = OPERATORS
        .iter()
        .find_map(|(word, operator)| Some((part.strip_prefix(word)?, *operator)));
    let (version, operator) = operator.unwrap_or((part, Operator::Equal));
    let version = version.trim_start();
    if let Some(word) = ["||", " "].iter().find(|word| version.contains(**word)) {
        let why = match *word {
            "||" => "it has an alternative; write an entry for each".to_owned(),
            _ => format!("`{part}` is more than one comparison, or not one"),
        };
        return Err(bad(why));
    }
    if version.parse::<Version>().is_err() || version_order::numbers(version).is_empty() {
        return Err(bad(format!("`{part}` does not compare with a version")));
    }
    Ok(Comparison {
        operator,
        version: version.to_owned(),
    })
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(range: &str, version: &str) -> bool {
        let range: VersionRange = range.parse().unwrap();
        range.contains(&version.parse().unwrap())
    }

    #[test]
    fn a_range_contains_the_versions_for_which_all_comparisons_hold() {
        for (range, inside, outside) in [
            ("<1.4", "v1.3.9 1.3 0.9 1.4.0-rc.1", "v1.4 1.4.0 1.10 2"),
            ("<=1.4", "1.4.0 v1.3", "1.4.1"),
            (">1.4", "1.4.1 1.10 v2", "1.4 1.4.0 1.3"),
            (">=v1.4, <2", "1.4.0 v1.99.1 1.10", "1.3.9 2.0.0 v2"),
            ("1.0.3", "1.0.3 v1.0.3", "1.0.4 1.0.3-rc1 1.0"),
            ("= 1.0", "1.0 1.0.0", "1.0.1"),
            ("^1.2.3", "1.2.3 1.9.0 v1.10", "1.2.2 2.0.0 2.0.0-rc.1 0.9"),
            ("^0.2.3", "0.2.3 0.2.9", "0.3.0 0.2.2 1.2.3"),
            ("^0", "0.0.0 0.9", "1.0 2"),
            ("^0.0.3", "0.0.3", "0.0.4 0.1.3 0.0.2"),
            ("~1.2.3", "1.2.3 1.2.30", "1.3.0 1.2.2"),
            ("~1", "1.0 1.99", "2.0 0.9"),
            ("<2024.6", "2024.05.31 2023.12.1", "2024.6.1 2024.10.1"),
            (">=1.2.3.4", "1.2.3.4 1.2.3.10 1.2.4", "1.2.3.3 1.2.3"),
            (
                "<RELEASE.2024-02-01T00-00-00Z",
                "RELEASE.2024-01-13T03-04-05Z",
                "RELEASE.2024-11-01T00-00-00Z",
            ),
        ] {
            for version in inside.split(' ') {
                assert!(contains(range, version), "{version} is in {range}");
            }
            for version in outside.split(' ') {
                assert!(!contains(range, version), "{version} is not in {range}");
            }
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for bad in [
            "", ",", "<", "1.2,", "< 1 2", ">=1 <2", "<1 || >2", "latest", "*", "~>1.2", "=>1",
            "!1",
        ] {
            let range = bad.parse::<VersionRange>();
            assert!(range.is_err(), "{bad:?} is {range:?}");
        }
    }
}
