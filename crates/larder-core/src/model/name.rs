//! Names, versions, tags and file names. They become part of paths, urls and command lines, so
//! every one is checked here when it is parsed.

use std::str::FromStr;

use super::{Digest, Invalid, Platform};

/// The names of larder's commands, also of those that are reserved for later.
pub const COMMAND_WORDS: &[&str] = &[
    "ensure",
    "status",
    "why",
    "verify",
    "package",
    "bundle",
    "clean",
    "lock",
    "release",
    "collect",
    "install",
    "plan",
    "graph",
    "ci",
    "run",
    "add",
    "bump",
    "outdated",
    "rollback",
    "init",
    "check",
    "list",
    "env",
    "exec",
    "serve",
    "agent",
    "fleet",
    "publish",
    "unpublish",
    "changelog",
    "yank",
    "key",
    "hub",
    "up",
    "down",
    "logs",
    "search",
    "cache",
    "remove",
    "doctor",
    "schema",
    "completions",
    "man",
    "help",
];

/// Other words of command lines. Neither these nor the commands can name a subsystem.
const RESERVED: &[&str] = &[
    "all", "finalize", "abort", "project", "binary", "pages", "validate",
];

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl AsRef<camino::Utf8Path> for $name {
            fn as_ref(&self) -> &camino::Utf8Path {
                self.0.as_str().into()
            }
        }
        impl AsRef<std::path::Path> for $name {
            fn as_ref(&self) -> &std::path::Path {
                self.0.as_ref()
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(super) use text_type;

text_type! {
    /// The name of a subsystem: lower-case letters, digits, `-`, `_` and `.`. It starts with a
    /// letter or a digit and is not a command word.
    Name
}
text_type! {
    /// A version, kept as the text that was written (`1.10` stays `1.10`): letters, digits, `.`,
    /// `_`, `-` and `+`.
    Version
}
text_type! {
    /// The tag of a release: `<subsystem>-<version>`, or `v1.0.0` for a project release. It is
    /// always valid as one segment of a path and never looks like an option.
    Tag
}
text_type! {
    /// The name of an asset: characters of `[A-Za-z0-9._-]`, without a dot at its start or end,
    /// because hosts of releases rewrite such names.
    AssetName
}
text_type! {
    /// The name of a file in `.bin` and at the top of a package, without folders.
    FileName
}

fn check(
    what: &str,
    text: &str,
    max: usize,
    allowed: impl Fn(char) -> bool,
    allowed_words: &str,
) -> Result<(), Invalid> {
    if text.is_empty() {
        return Err(Invalid::new(format!("{what} is empty")));
    }
    if text.len() > max {
        return Err(Invalid::new(format!(
            "{what} is longer than {max} characters"
        )));
    }
    if let Some(bad) = text.chars().find(|c| !allowed(*c)) {
        return Err(Invalid::new(format!(
            "`{}` is not a {what}: it contains {bad:?}",
            text.escape_debug()
        ))
        .hint(format!("a {what} has only {allowed_words}")));
    }
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err(Invalid::new(format!(
            "`{text}` is not a {what}: it starts with {:?}",
            &text[..1]
        ))
        .hint(format!("a {what} starts with a letter or a digit")));
    }
    if text.contains("..") {
        return Err(Invalid::new(format!(
            "`{text}` is not a {what}: it contains `..`"
        )));
    }
    if text.ends_with('.') {
        return Err(Invalid::new(format!(
            "`{text}` is not a {what}: it ends with a dot"
        )));
    }
    Ok(())
}

impl FromStr for Name {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
        check(
            "subsystem name",
            text,
            64,
            allowed,
            "lower-case letters, digits, `-`, `_` and `.`",
        )?;
        if COMMAND_WORDS.contains(&text) || RESERVED.contains(&text) {
            return Err(Invalid::new(format!(
                "`{text}` can't be a subsystem name: it is a command word"
            ))
            .hint("choose another name"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for Version {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
        check(
            "version",
            text,
            128,
            allowed,
            "letters, digits, `.`, `-`, `_` and `+`",
        )?;
        Ok(Self(text.to_owned()))
    }
}

impl Version {
    /// The version without a leading `v` before a digit: `2.10.24` for `v2.10.24`.
    pub fn number(&self) -> &str {
        match self.0.strip_prefix('v') {
            Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => rest,
            _ => &self.0,
        }
    }
}

impl FromStr for Tag {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
        check(
            "tag",
            text,
            200,
            allowed,
            "letters, digits, `.`, `-`, `_` and `+`",
        )?;
        Ok(Self(text.to_owned()))
    }
}

impl Tag {
    /// The tag of a subsystem's cache release: `<subsystem>-<version>`.
    pub fn of(name: &Name, version: &Version) -> Self {
        Self(format!("{name}-{version}"))
    }
    /// The suffixed tag, which ends in the first 12 hex digits of the inputs. It is used where
    /// releases are immutable.
    pub fn suffixed(&self, inputs: &Digest) -> Self {
        Self(format!("{}-{}", self.0, inputs.short()))
    }
}

impl FromStr for AssetName {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        check(
            "asset name",
            text,
            200,
            allowed,
            "letters, digits, `.`, `-` and `_`",
        )?;
        Ok(Self(text.to_owned()))
    }
}

impl AssetName {
    /// `<package>-<platform>.<extension>`. The first 12 hex digits of `suffix`, the inputs, are
    /// added before the extension.
    pub fn of(
        package: &FileName,
        platform: &Platform,
        extension: &str,
        suffix: Option<&Digest>,
    ) -> Self {
        let suffix = suffix
            .map(|digest| format!("-{}", digest.short()))
            .unwrap_or_default();
        Self(format!("{package}-{platform}{suffix}.{extension}"))
    }
    /// The name of its sidecar: `<asset>.json`.
    pub fn sidecar(&self) -> Self {
        Self(format!("{}.json", self.0))
    }
    /// The name of the signature of its sidecar: `<asset>.json.minisig`.
    pub fn signature(&self) -> Self {
        Self(format!("{}.json.minisig", self.0))
    }
    /// Whether it is the name of a signature, which is never that of an asset.
    pub fn is_signature(&self) -> bool {
        self.0.ends_with(".minisig")
    }
}

impl FromStr for FileName {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        // Completions for zsh are called `_tool`.
        let rest = match text.strip_prefix('_') {
            Some(rest) if !rest.is_empty() => rest,
            _ => text,
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.+@".contains(c);
        check(
            "file name",
            rest,
            128 - (text.len() - rest.len()),
            allowed,
            "letters, digits, `.`, `-`, `_`, `+` and `@`, and no folders",
        )?;
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_texts_are_refused() {
        for bad in [
            "",
            "../x",
            "-o",
            "--exec=sh",
            "a/b",
            "a\\b",
            "a b",
            ".hidden",
            "a..b",
            "a\0b",
            "x.",
            "é",
            "a\nb",
        ] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
            assert!(bad.parse::<Version>().is_err(), "{bad:?}");
            assert!(bad.parse::<Tag>().is_err(), "{bad:?}");
            assert!(bad.parse::<AssetName>().is_err(), "{bad:?}");
            assert!(bad.parse::<FileName>().is_err(), "{bad:?}");
        }
        assert!("all".parse::<Name>().is_err());
        assert!("NATS".parse::<Name>().is_err());
    }

    #[test]
    fn a_file_name_may_start_with_an_underscore() {
        assert_eq!("_tool".parse::<FileName>().unwrap().as_str(), "_tool");
        for bad in ["_", "__x", "_-x", "_.x", "_/x"] {
            assert!(bad.parse::<FileName>().is_err(), "{bad}");
        }
        assert!("_tool".parse::<Name>().is_err());
        assert!("a".repeat(128).parse::<FileName>().is_ok());
        assert!("a".repeat(129).parse::<FileName>().is_err());
    }

    #[test]
    fn ordinary_texts_pass() {
        assert_eq!("v2.10.24".parse::<Version>().unwrap().number(), "2.10.24");
        assert_eq!("vnext".parse::<Version>().unwrap().number(), "vnext");
        assert_eq!("1.10".parse::<Version>().unwrap().as_str(), "1.10");
        let name: Name = "nats".parse().unwrap();
        assert_eq!(
            Tag::of(&name, &"v2.10.24".parse().unwrap()).as_str(),
            "nats-v2.10.24"
        );
        let package: FileName = "nats-server".parse().unwrap();
        let platform: Platform = "darwin-arm64".parse().unwrap();
        assert_eq!(
            AssetName::of(&package, &platform, "tar.gz", None).as_str(),
            "nats-server-darwin-arm64.tar.gz"
        );
    }
}
