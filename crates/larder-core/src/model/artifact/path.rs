//! Paths and targets of links in artifacts. They are those that every system can store.

use std::str::FromStr;

use crate::model::name::text_type;
use crate::model::{FileName, Invalid};

/// Longest path, in bytes.
const MAX_PATH: usize = 1024;
/// Longest part of a path, in bytes.
const MAX_PART: usize = 255;

text_type! {
    /// The path of a file in an artifact: a file name, or names separated by `/`. It never leads
    /// outside.
    ArtifactPath
}

text_type! {
    /// Where a link in an artifact leads, seen from its folder: names and `..`, separated by `/`.
    LinkTarget
}

impl FromStr for ArtifactPath {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.parse::<FileName>().is_ok() {
            return Ok(Self(text.to_owned()));
        }
        let refuse = |why: &str| Invalid::new(format!("`{}` {why}", text.escape_debug()));
        if text.len() > MAX_PATH {
            return Err(refuse("is longer than 1024 bytes"));
        }
        text.split('/').try_for_each(check_part).map_err(refuse)?;
        Ok(Self(text.to_owned()))
    }
}

impl From<FileName> for ArtifactPath {
    fn from(name: FileName) -> Self {
        Self(name.as_str().to_owned())
    }
}

impl FromStr for LinkTarget {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refuse = |why: &str| {
            let text = text.escape_debug();
            Invalid::new(format!("a link can't lead to `{text}`, which {why}"))
        };
        if text.len() > MAX_PATH {
            return Err(refuse("is longer than 1024 bytes"));
        }
        let mut parts = text.split('/').filter(|part| *part != "..");
        parts.try_for_each(check_part).map_err(refuse)?;
        Ok(Self(text.to_owned()))
    }
}

/// Checks one part of a path. The error is the end of a sentence about the path.
pub(super) fn check_part(part: &str) -> Result<(), &'static str> {
    const NOT_ON_WINDOWS: &str = r#"has one of < > : " | ? *, which Windows can't store in a name"#;
    match part {
        "" => return Err("has an empty part"),
        "." => return Err("contains `.` as a part"),
        ".." => return Err("contains `..`"),
        _ => {}
    }
    if part.len() > MAX_PART {
        return Err("has a part that is longer than 255 bytes");
    }
    if part.contains('\\') {
        return Err("contains a backslash");
    }
    if part.contains(char::is_control) {
        return Err("contains a control character");
    }
    if part.contains(['<', '>', ':', '"', '|', '?', '*']) {
        return Err(NOT_ON_WINDOWS);
    }
    if part.ends_with(['.', ' ']) {
        return Err("has a part that ends with a dot or a space, which Windows removes");
    }
    if is_device(part) {
        return Err("has a part that is the name of a device on Windows");
    }
    Ok(())
}

/// Whether a name, with any ending, is one of a device on Windows.
fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part).trim_end();
    let stem = stem.to_ascii_uppercase();
    let numbered = |name: &str| {
        stem.strip_prefix(name).is_some_and(|rest| {
            matches!(rest, "¹" | "²" | "³")
                || rest.parse::<u8>().is_ok_and(|n| n < 10) && rest.len() == 1
        })
    };
    matches!(&*stem, "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
        || numbered("COM")
        || numbered("LPT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_that_every_system_can_store() {
        for good in [
            "nvim",
            "bin/nvim",
            "share/nvim/runtime/doc/a b.txt",
            ".hidden/[.py",
            "share/é/ü",
            "lib/node_modules/@npmcli/a..b",
            "con",
            "lib/console",
            "lib/com10.txt",
        ] {
            assert_eq!(good.parse::<ArtifactPath>().unwrap().as_str(), good);
        }
        let long = "a/".repeat(600) + "a";
        let part = "b/".to_owned() + &"a".repeat(256);
        for bad in [
            "",
            "/",
            "/bin",
            "bin/",
            "a//b",
            "./a",
            "a/.",
            "..",
            "a/../b",
            "a\\b",
            "C:/x",
            "a/b:c",
            "a/b?",
            "a/\"b\"",
            "a/b.",
            "a/b ",
            "a/aux",
            "a/NUL.txt",
            "a/com1.c",
            "a/LPT9",
            "a/conin$",
            "a\0b",
            "a/\n",
            &long,
            &part,
        ] {
            assert!(bad.parse::<ArtifactPath>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn link_targets_are_relative() {
        for good in ["nvim", "../lib/x.so", "..", "../../a"] {
            assert!(good.parse::<LinkTarget>().is_ok(), "{good}");
        }
        for bad in ["", "/etc/passwd", "C:/x", "a//b", "./a", "a\\b", "a\nb"] {
            assert!(bad.parse::<LinkTarget>().is_err(), "{bad:?}");
        }
    }
}
