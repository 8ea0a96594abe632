//! The version of a tool in `build.tools`: the beginning of what the tool prints, and no requirement
//! with operators.

use schemars::{Schema, json_schema};

use crate::model::Invalid;
use crate::project::syntax::decode::Word;

/// The beginning of a tool's version, such as `1.23`; empty for any version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolVersion(pub String);

/// Words that other tools take for some version. No tool prints one of them as its own.
const NO_VERSIONS: [&str; 9] = [
    "any", "current", "default", "latest", "lts", "newest", "stable", "system", "x",
];

impl Word for ToolVersion {
    fn word(text: &str) -> Result<Self, Invalid> {
        const FORM: &str = "write the beginning of the version: `1.2` accepts 1.2 and 1.2.3, and not 1.20; `\"\"` accepts any";
        let is_word = NO_VERSIONS.contains(&text.to_ascii_lowercase().as_str());
        let plain = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
        if is_word || !text.chars().all(plain) {
            return Err(Invalid::new(format!(
                "`{}` is not the version of a tool",
                text.escape_debug()
            ))
            .hint(match beginning(text) {
                Some(beginning) => format!("{FORM}; here perhaps `{beginning}`"),
                None => FORM.to_owned(),
            }));
        }
        if let Some(known) = before_wildcard(text) {
            return Err(
                Invalid::new(format!("`{text}` is not the version of a tool"))
                    .hint(format!("write `{known}`, which accepts every {known}.x")),
            );
        }
        Ok(Self(text.to_owned()))
    }
    fn schema() -> Schema {
        json_schema!({ "x-type": "beginning of a version", "type": ["string", "number"], "pattern": "^[A-Za-z0-9._+-]*$" })
    }
}

/// The version in a requirement: `10` of `>=10`. A range or a list has several, so it has none.
fn beginning(text: &str) -> Option<&str> {
    let version = text.trim_start_matches(|c: char| "<>=~^! ".contains(c));
    let is_one = !version.is_empty()
        && version.starts_with(|c: char| c.is_ascii_digit())
        && version
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._+-*".contains(c));
    is_one.then(|| before_wildcard(version).unwrap_or(version))
}

/// What stands before a component that means any: `1` of `1.x`.
fn before_wildcard(text: &str) -> Option<&str> {
    let (known, last) = text.rsplit_once('.')?;
    match before_wildcard(known) {
        None if matches!(last, "x" | "X" | "*") => Some(known),
        shorter => shorter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_a_beginning_and_no_requirement() {
        for good in [
            "",
            "1",
            "1.23",
            "v20",
            "go1.23",
            "1.90.0-nightly",
            "nightly",
            "2.39+rev1",
            "10",
        ] {
            assert!(ToolVersion::word(good).is_ok(), "{good}");
        }
        for (bad, hint) in [
            (">=10", "perhaps `10`"),
            ("^1.2", "perhaps `1.2`"),
            ("~> 1.2", "perhaps `1.2`"),
            ("== 3", "perhaps `3`"),
            ("1.x", "write `1`"),
            ("1.2.X.x", "write `1.2`"),
            ("1.*", "perhaps `1`"),
            (">=1.x", "perhaps `1`"),
            ("latest", "any"),
            ("LTS", "any"),
            ("*", "any"),
            ("1.2 || 1.3", "any"),
            (">=1, <2", "any"),
        ] {
            let invalid = ToolVersion::word(bad).unwrap_err();
            let given = invalid.hint.unwrap_or_default();
            assert!(given.contains(hint), "{bad}: {given}");
        }
    }
}
