//! Types for single values in the files that the model has no type for: durations, sizes,
//! repositories, version requirements and others.

use std::str::FromStr;
use std::time::Duration;

use schemars::{Schema, json_schema};

use crate::human;
use crate::model::{Digest, FileFormat, FileName, Invalid, Name, Platform, Version, VersionRange};

use crate::project::syntax::decode::Word;
use crate::project::syntax::keys::words;

/// Any text.
impl Word for String {
    fn word(text: &str) -> Result<Self, Invalid> {
        Ok(text.to_owned())
    }
    fn schema() -> Schema {
        json_schema!({ "type": "string" })
    }
}

macro_rules! from_str_word {
    ($($type:ty, $aliases:literal => $schema:tt,)*) => {
        $(impl Word for $type {
            const ALIASES: bool = $aliases;
            fn word(text: &str) -> Result<Self, Invalid> {
                text.parse()
            }
            fn schema() -> Schema {
                json_schema!($schema)
            }
        })*
    };
}

from_str_word! {
    Name, false => { "x-type": "subsystem name", "type": "string", "pattern": "^[a-z0-9][a-z0-9._-]*$", "maxLength": 64 },
    // An unquoted `1.10` is a number for an editor, so its schema allows one;
    // larder keeps the text.
    Version, false => { "x-type": "version", "type": ["string", "number"], "pattern": "^[A-Za-z0-9][A-Za-z0-9._+-]*$", "maxLength": 128 },
    FileName, false => { "x-type": "file name", "type": "string", "pattern": "^_?[A-Za-z0-9][A-Za-z0-9._+@-]*$", "maxLength": 128 },
    Platform, true => { "x-type": "platform", "type": "string", "examples": ["linux-amd64", "linux-arm64", "darwin-arm64", "windows-amd64", "linux-amd64-musl"] },
    VersionRange, false => { "x-type": "range of versions", "type": "string" },
    Digest, false => { "x-type": "SHA-256 digest", "type": "string", "pattern": "^(sha256:)?[0-9a-fA-F]{64}$" },
}

/// The value of an environment variable or the version of a tool. A number or `true` is kept as the
/// text that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value(pub String);

impl Word for Value {
    fn word(text: &str) -> Result<Self, Invalid> {
        if text.contains('\0') {
            return Err(Invalid::new("a value can't contain a NUL character"));
        }
        Ok(Self(text.to_owned()))
    }
    fn schema() -> Schema {
        json_schema!({ "x-type": "text, number or boolean", "type": ["string", "number", "boolean"] })
    }
}

/// The name of an environment variable: letters, digits and `_`, not starting with a digit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvName(pub String);

impl Word for EnvName {
    fn word(text: &str) -> Result<Self, Invalid> {
        let mut chars = text.chars();
        let first = chars
            .next()
            .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        if first && chars.all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Ok(Self(text.to_owned()));
        }
        Err(
            Invalid::new(format!("`{text}` can't name an environment variable"))
                .hint("letters, digits and `_`, not starting with a digit"),
        )
    }
    fn schema() -> Schema {
        json_schema!({ "x-type": "name of an environment variable", "type": "string" })
    }
}

/// The name of a task: letters, digits, `-`, `_`, `.` and `:`, starting with a letter or a digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskName(pub String);

impl Word for TaskName {
    fn word(text: &str) -> Result<Self, Invalid> {
        let good = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        if text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(good) {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new(format!("`{text}` can't name a task"))
            .hint("letters, digits, `-`, `_`, `.` and `:`, starting with a letter or digit"))
    }
    fn schema() -> Schema {
        json_schema!({ "x-type": "task name", "type": "string" })
    }
}

/// The name of a project, which can be part of a file name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectName(pub String);

impl Word for ProjectName {
    fn word(text: &str) -> Result<Self, Invalid> {
        match text.parse::<FileName>() {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(_) => Err(Invalid::new(format!("`{text}` can't name a project"))
                .hint("letters, digits, `-`, `_` and `.`: it becomes part of file names")),
        }
    }
    fn schema() -> Schema {
        json_schema!({ "x-type": "file name", "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._+@-]*$" })
    }
}

/// A GitHub repository, written as `owner/name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repo(pub String);

impl Word for Repo {
    fn word(text: &str) -> Result<Self, Invalid> {
        let part = |part: &str| {
            !part.is_empty()
                && !part.starts_with(['.', '-'])
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        match text.split_once('/') {
            Some((owner, name)) if part(owner) && part(name) && text.len() <= 140 => {
                Ok(Self(text.to_owned()))
            }
            _ => {
                let short = [
                    "https://github.com/",
                    "http://github.com/",
                    "github.com/",
                    "git@github.com:",
                    "github:",
                ]
                .iter()
                .find_map(|prefix| text.strip_prefix(prefix))
                .map(|rest| rest.trim_end_matches('/').trim_end_matches(".git"));
                let hint = match short {
                    Some(short) if short.matches('/').count() == 1 => format!("write `{short}`"),
                    _ => "write it as owner/name, such as nats-io/nats-server".to_owned(),
                };
                Err(Invalid::new(format!("`{text}` is not a GitHub repository")).hint(hint))
            }
        }
    }
    fn schema() -> Schema {
        json_schema!({ "x-type": "owner/name of a GitHub repository", "type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]*/[A-Za-z0-9_][A-Za-z0-9._-]*$" })
    }
}

/// A host name or an IP address, without a scheme and without a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(pub String);

impl Word for HostName {
    fn word(text: &str) -> Result<Self, Invalid> {
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if bare.parse::<std::net::IpAddr>().is_ok()
            || text.starts_with(char::is_alphanumeric) && text.chars().all(good)
        {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new(format!("`{text}` is not a host"))
            .hint("its name alone, such as mirror.example.com: no scheme, no port"))
    }
    fn schema() -> Schema {
        json_schema!({ "x-type": "host name", "type": "string", "examples": ["mirror.example.com"] })
    }
}

/// The value of `requires:`: the versions of larder that a project works with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement(pub semver::VersionReq);

impl Word for Requirement {
    fn word(text: &str) -> Result<Self, Invalid> {
        semver::VersionReq::parse(text).map(Self).map_err(|error| {
            Invalid::new(format!("`{text}` is not a version requirement: {error}"))
                .hint("such as \">=0.1\", \"0.3\" or \">=0.2, <1\"")
        })
    }
    fn schema() -> Schema {
        json_schema!({ "x-type": "version requirement", "type": ["string", "number"] })
    }
}

/// A length of time from one second to a week, such as `90s`, `30m`, `1h` or `1h30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout(pub Duration);

impl Word for Timeout {
    fn word(text: &str) -> Result<Self, Invalid> {
        let bad = |why: &str| {
            Invalid::new(format!("`{text}` is not a time: {why}"))
                .hint("such as 90s, 30m, 1h or 1h30m")
        };
        let mut seconds: u64 = 0;
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let number: u64 = rest[..digits]
                .parse()
                .map_err(|_| bad("a number comes first"))?;
            let unit = rest[digits..]
                .chars()
                .next()
                .ok_or_else(|| bad("it has no unit"))?;
            let factor = match unit {
                's' => 1,
                'm' => 60,
                'h' => 3600,
                _ => return Err(bad("the units are s, m and h")),
            };
            seconds = number
                .checked_mul(factor)
                .and_then(|n| n.checked_add(seconds))
                .ok_or_else(|| bad("too long"))?;
            rest = &rest[digits + 1..];
        }
        match seconds {
            0 => Err(bad("it must be longer than nothing")),
            1..=604_800 => Ok(Self(Duration::from_secs(seconds))),
            _ => Err(bad("longer than a week")),
        }
    }
    fn schema() -> Schema {
        json_schema!({ "x-type": "time", "type": "string", "pattern": "^([0-9]+[smh])+$" })
    }
}

/// A number of bytes greater than 0, such as `8GiB`, `500MB` or `1073741824`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl Word for Size {
    fn word(text: &str) -> Result<Self, Invalid> {
        human::parse_bytes(text)
            .map(Self)
            .ok_or_else(|| Invalid::new(format!("`{text}` is not a size")).hint(human::BYTES_HINT))
    }
    fn schema() -> Schema {
        json_schema!({ "x-type": "number of bytes", "type": ["string", "integer"], "pattern": "^[0-9]+ ?([kKMGT]i?)?B?$" })
    }
}

/// `true` or `false`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag(pub bool);

impl Word for Flag {
    fn word(text: &str) -> Result<Self, Invalid> {
        match text {
            "true" => Ok(Self(true)),
            "false" => Ok(Self(false)),
            _ => Err(Invalid::new(format!("`{text}` is neither true nor false"))
                .hint("write `true` or `false`")),
        }
    }
    fn schema() -> Schema {
        json_schema!({ "x-type": "`true` or `false`", "type": "boolean" })
    }
}

/// A positive whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(pub u64);

impl Word for Count {
    fn word(text: &str) -> Result<Self, Invalid> {
        match u64::from_str(text) {
            Ok(number @ 1..) => Ok(Self(number)),
            _ => Err(
                Invalid::new(format!("`{text}` is not a positive whole number"))
                    .hint("such as 200"),
            ),
        }
    }
    fn schema() -> Schema {
        json_schema!({ "x-type": "positive whole number", "type": "integer", "minimum": 1 })
    }
}

words! {
    /// A value of `upload:`.
    pub enum UploadWord("`upload` value") {
        /// Release after a build in CI only.
        Ci = "ci",
        /// Release only when a command asks for it.
        Never = "never",
        /// Release after every build; allowed for folder hubs only.
        Always = "always",
    }
}

words! {
    /// A value of `trust: {lock: …}`.
    pub enum LockWord("`trust.lock` value") {
        /// With `--locked`, an asset of the hub needs a line in the lock.
        Required = "required",
    }
}

words! {
    /// A value of `build.source.links:`.
    pub enum LinksWord("`links` value") {
        /// What the links lead to is part of the source.
        Follow = "follow",
    }
}

words! {
    /// An entry of `sources:`.
    pub enum SourceWord("source") {
        /// The team's hub.
        Managed = "managed",
        /// The publisher's release.
        Original = "original",
        /// A build on this machine.
        Build = "build",
    }
}

words! {
    /// A value of `upstream.format:`.
    pub enum FileFormatWord("format") {
        /// The file's bytes say what it is.
        Auto = "auto",
        /// A tar archive, compressed in any way or not at all.
        Tar = "tar",
        /// A zip archive.
        Zip = "zip",
        /// A 7z archive.
        SevenZip = "7z",
        /// A Debian package.
        Deb = "deb",
        /// One file, compressed with gzip.
        Gz = "gz",
        /// One file, compressed with xz.
        Xz = "xz",
        /// One file, compressed with Zstandard.
        Zst = "zst",
        /// One file, compressed with bzip2.
        Bz2 = "bz2",
        /// One file, compressed with LZ4.
        Lz4 = "lz4",
        /// One file, compressed with LZMA.
        Lzma = "lzma",
        /// The file itself.
        Plain = "plain",
    }
}

impl From<FileFormatWord> for FileFormat {
    fn from(word: FileFormatWord) -> Self {
        match word {
            FileFormatWord::Auto => Self::Auto,
            FileFormatWord::Tar => Self::Tar,
            FileFormatWord::Zip => Self::Zip,
            FileFormatWord::SevenZip => Self::SevenZip,
            FileFormatWord::Deb => Self::Deb,
            FileFormatWord::Gz => Self::Gz,
            FileFormatWord::Xz => Self::Xz,
            FileFormatWord::Zst => Self::Zst,
            FileFormatWord::Bz2 => Self::Bz2,
            FileFormatWord::Lz4 => Self::Lz4,
            FileFormatWord::Lzma => Self::Lzma,
            FileFormatWord::Plain => Self::Plain,
        }
    }
}

words! {
    /// A value of `upstream.keep:`.
    pub enum KeepWord("`keep` value") {
        /// The binaries and the included files.
        Files = "files",
        /// Every file of the archive.
        Tree = "tree",
    }
}

words! {
    /// A value of `package.format:`.
    pub enum FormatWord("package format") {
        /// `.tar.gz`
        TarGz = "tar.gz",
        /// `.tar.zst`
        TarZst = "tar.zst",
        /// `.zip`
        Zip = "zip",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes() {
        for (text, seconds) in [("90s", 90), ("30m", 1800), ("1h", 3600), ("1h30m", 5400)] {
            assert_eq!(
                Timeout::word(text),
                Ok(Timeout(Duration::from_secs(seconds)))
            );
        }
        for bad in [
            "",
            "30",
            "m",
            "0s",
            "1d",
            "-1s",
            "99999999999999999999h",
            "8784h",
            "1h 30m",
            "1é",
        ] {
            assert!(Timeout::word(bad).is_err(), "{bad}");
        }
        for (text, bytes) in [
            ("8GiB", 8 << 30),
            ("500MB", 500_000_000),
            ("17", 17),
            ("1 KiB", 1024),
        ] {
            assert_eq!(Size::word(text), Ok(Size(bytes)));
        }
        for bad in ["", "GiB", "0", "1XB", "-1", "99999999999TiB", "1.5GiB"] {
            assert!(Size::word(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_repository_is_owner_and_name() {
        assert!(Repo::word("nats-io/nats-server").is_ok());
        for bad in [
            "",
            "nats",
            "a/b/c",
            "a/..",
            "../b",
            "-a/b",
            "a/b?x",
            "https://example.com/a/b",
        ] {
            assert!(Repo::word(bad).is_err(), "{bad}");
        }
        let invalid = Repo::word("https://github.com/nats-io/nats-server.git").unwrap_err();
        assert_eq!(invalid.hint.as_deref(), Some("write `nats-io/nats-server`"));
    }
}
