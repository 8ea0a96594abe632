//! File names: `<name>-<version>-<platform>-<arch>[.exe]` as a coordinate, or the reason why a name
//! is none.
//!
//! Only the canonical words are accepted in file names, so a coordinate has exactly one file name.
//! Requests may use aliases: [`platform`] and [`arch`] know them.

use std::cmp::Ordering;
use std::fmt;

use larder_core::model::{Arch, Os, version_order};

/// The longest name of a file.
pub const LONGEST: usize = 255;

/// A version without a leading `v`, which is ordered as semantic versions are.
#[derive(Clone, Debug)]
pub struct Version {
    text: Box<str>,
    parsed: Option<semver::Version>,
}

impl Version {
    /// A version of any form, as a hub may have it.
    pub fn new(text: &str) -> Self {
        Self {
            text: text.into(),
            parsed: semver::Version::parse(text).ok(),
        }
    }

    /// A version as a request writes it: with or without a leading `v`.
    pub fn requested(text: &str) -> &str {
        match text.strip_prefix(['v', 'V']) {
            Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => rest,
            _ => text,
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is a pre-release.
    pub fn is_prerelease(&self) -> bool {
        match &self.parsed {
            Some(version) => !version.pre.is_empty(),
            None => version_order::is_prerelease(&self.text),
        }
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_rules = match (&self.parsed, &other.parsed) {
            (Some(a), Some(b)) => a.cmp(b),
            // The two orders differ behind the numbers, so semantic versions come first there.
            // Otherwise the order would not be total, and sorting may panic then.
            (a, b) => version_order::compare_releases(&self.text, &other.text)
                .then_with(|| a.is_none().cmp(&b.is_none()))
                .then_with(|| version_order::compare(&self.text, &other.text)),
        };
        by_rules.then_with(|| self.text.cmp(&other.text))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Version {}

/// What identifies a binary. The order is that of the listings: by name, the newest version first,
/// by platform and by architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coordinate {
    /// The name.
    pub name: Box<str>,
    /// The version.
    pub version: Version,
    /// The operating system.
    pub platform: Os,
    /// The architecture.
    pub arch: Arch,
}

impl Coordinate {
    /// The file name.
    pub fn file(&self) -> String {
        let exe = if self.platform == Os::Windows {
            ".exe"
        } else {
            ""
        };
        format!(
            "{}-{}-{}-{}{exe}",
            self.name,
            self.version.as_str(),
            self.platform.as_str(),
            arch_word(self.arch)
        )
    }
}

impl Ord for Coordinate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name
            .cmp(&other.name)
            .then_with(|| other.version.cmp(&self.version))
            .then_with(|| self.platform.as_str().cmp(other.platform.as_str()))
            .then_with(|| arch_word(self.arch).cmp(arch_word(other.arch)))
    }
}

impl PartialOrd for Coordinate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The word of this API for an architecture.
pub fn arch_word(arch: Arch) -> &'static str {
    match arch {
        Arch::Amd64 => "x86_64",
        Arch::Arm64 => "aarch64",
        Arch::Arm => "arm",
        Arch::I386 => "x86",
    }
}

/// A platform as a request writes it, aliases included.
pub fn platform(text: &str) -> Result<Os, String> {
    text.parse().map_err(|_| {
        let fixed = text.to_ascii_lowercase();
        let fixed = fixed.split_once(['_', '-']);
        match fixed {
            Some((os, rest)) if os.parse::<Os>().is_ok() && rest.parse::<Arch>().is_ok() => format!(
                "the platform `{text}` also names an architecture: write {os}/{rest}, with a slash between them"
            ),
            _ => format!("the platform `{text}` is not known: use linux, darwin or windows"),
        }
    })
}

/// An architecture as a request writes it, aliases included.
pub fn arch(text: &str) -> Result<Arch, String> {
    text.parse().map_err(|_| {
        format!("the architecture `{text}` is not known: use x86_64, aarch64, arm or x86")
    })
}

/// Whether a text is the name of a binary: `[A-Za-z0-9][A-Za-z0-9.-]*`.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-')
}

/// Why a file is not registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Its name starts with a dot.
    Hidden,
    /// It is a folder, a device or the like.
    NotRegular,
    /// It is a link that leads out of the folder, or to nothing.
    LeadsOut,
    /// Something is separated by an underscore; with the name that would be right, if there is one.
    Underscore(Option<String>),
    /// The version has a leading `v`; with the version that is meant.
    LeadingV(String),
    /// There is no version.
    NoVersion,
    /// What stands in place of the version is not a semantic version.
    NotSemantic(String),
    /// The platform is not one of the three words.
    Platform(String),
    /// The architecture is not one of the four words.
    Arch(String),
    /// It is for Windows and has no `.exe`.
    ExeMissing,
    /// It has `.exe` and is not for Windows.
    ExeSuperfluous,
    /// The name has a character that is not allowed.
    Name(String),
    /// The file can't be read.
    Unreadable(String),
    /// Another file is registered for the same name, version, platform and architecture.
    Second(String),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hidden => f.write_str("it is hidden"),
            Self::NotRegular => f.write_str("it is not a regular file"),
            Self::LeadsOut => f.write_str("it is a link that leads out of the folder or to nothing"),
            Self::Underscore(Some(right)) => {
                write!(f, "its parts are separated by an underscore; rename it to {right}")
            }
            Self::Underscore(None) => f.write_str(
                "it has an underscore (only the architecture x86_64 has one); separate the parts with dashes",
            ),
            Self::LeadingV(version) => {
                write!(f, "its version has a leading v; write {version}")
            }
            Self::NoVersion => {
                f.write_str("it has no version; write <name>-<version>-<platform>-<arch>")
            }
            Self::NotSemantic(text) => write!(
                f,
                "`{text}` is not a semantic version; write three numbers, such as 1.0.0"
            ),
            Self::Platform(text) => {
                write!(f, "the platform `{text}` is not one of linux, darwin and windows")
            }
            Self::Arch(text) => write!(
                f,
                "the architecture `{text}` is not one of x86_64, aarch64, arm and x86"
            ),
            Self::ExeMissing => f.write_str("it is for windows and does not end in .exe"),
            Self::ExeSuperfluous => f.write_str("it ends in .exe and is not for windows"),
            Self::Name(name) => write!(
                f,
                "the name `{name}` may only have letters, digits, dots and dashes, and starts with a letter or digit"
            ),
            Self::Unreadable(why) => write!(f, "it can't be read: {why}"),
            Self::Second(first) => write!(
                f,
                "{first} is registered for the same name, version, platform and architecture"
            ),
        }
    }
}

/// Reads a file name.
pub fn parse(file: &str) -> Result<Coordinate, Unfit> {
    if file.starts_with('.') {
        return Err(Unfit::Hidden);
    }
    strict(file).map_err(|unfit| {
        let is_clear = matches!(unfit, Unfit::LeadingV(_) | Unfit::ExeMissing);
        underscored(file).filter(|_| !is_clear).unwrap_or(unfit)
    })
}

fn strict(file: &str) -> Result<Coordinate, Unfit> {
    let (stem, has_exe) = match file.strip_suffix(".exe") {
        Some(stem) => (stem, true),
        None => (file, false),
    };
    let (rest, arch) = stem.rsplit_once('-').ok_or(Unfit::NoVersion)?;
    let arch = file_arch(arch)?;
    let (rest, platform) = rest.rsplit_once('-').ok_or(Unfit::NoVersion)?;
    let platform = match platform {
        "linux" => Os::Linux,
        "darwin" => Os::Darwin,
        "windows" => Os::Windows,
        other => return Err(Unfit::Platform(other.to_owned())),
    };
    let (name, version) = name_and_version(rest)?;
    if !is_name(name) {
        return Err(Unfit::Name(name.to_owned()));
    }
    match (platform, has_exe) {
        (Os::Windows, false) => Err(Unfit::ExeMissing),
        (Os::Linux | Os::Darwin, true) => Err(Unfit::ExeSuperfluous),
        _ => Ok(Coordinate {
            name: name.into(),
            version,
            platform,
            arch,
        }),
    }
}

fn file_arch(text: &str) -> Result<Arch, Unfit> {
    match text {
        "x86_64" => Ok(Arch::Amd64),
        "aarch64" => Ok(Arch::Arm64),
        "arm" => Ok(Arch::Arm),
        "x86" => Ok(Arch::I386),
        other => Err(Unfit::Arch(other.to_owned())),
    }
}

/// Splits at the leftmost dash after which a semantic version stands.
fn name_and_version(text: &str) -> Result<(&str, Version), Unfit> {
    let dashes = || {
        text.match_indices('-')
            .map(|(at, _)| (&text[..at], &text[at + 1..]))
    };
    for (name, rest) in dashes() {
        if let Ok(parsed) = semver::Version::parse(rest) {
            let version = Version {
                text: rest.into(),
                parsed: Some(parsed),
            };
            return Ok((name, version));
        }
    }
    for (_, rest) in dashes() {
        let version = Version::requested(rest);
        if version != rest {
            return Err(if semver::Version::parse(version).is_ok() {
                Unfit::LeadingV(version.to_owned())
            } else {
                Unfit::NotSemantic(rest.to_owned())
            });
        }
    }
    let number = dashes().find(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()));
    Err(match number {
        Some((_, rest)) => Unfit::NotSemantic(rest.to_owned()),
        None => Unfit::NoVersion,
    })
}

/// The reason for a name that has an underscore outside of `x86_64`.
fn underscored(file: &str) -> Option<Unfit> {
    const WORD: &str = "x86_64";
    let parts: Vec<&str> = file.split(WORD).collect();
    if !parts.iter().any(|part| part.contains('_')) {
        return None;
    }
    let dashed = file
        .replace(WORD, "\0")
        .replace('_', "-")
        .replace('\0', WORD);
    Some(Unfit::Underscore(strict(&dashed).is_ok().then_some(dashed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        for (file, name, version, platform, arch) in [
            (
                "storage-server-1.0.0-linux-x86_64",
                "storage-server",
                "1.0.0",
                "linux",
                "x86_64",
            ),
            (
                "storage-server-1.0.0-rc.1-linux-x86_64",
                "storage-server",
                "1.0.0-rc.1",
                "linux",
                "x86_64",
            ),
            ("a-1.2.3-darwin-aarch64", "a", "1.2.3", "darwin", "aarch64"),
            (
                "nats.io-0.0.1-alpha-1-linux-arm",
                "nats.io",
                "0.0.1-alpha-1",
                "linux",
                "arm",
            ),
            ("t-1.0.0-windows-x86.exe", "t", "1.0.0", "windows", "x86"),
            ("t-2-1.0.0-linux-x86", "t-2", "1.0.0", "linux", "x86"),
            (
                "t-1.0.0+k3s.1-linux-x86",
                "t",
                "1.0.0+k3s.1",
                "linux",
                "x86",
            ),
            (
                "t-1.0.0-2.0.0-linux-x86",
                "t",
                "1.0.0-2.0.0",
                "linux",
                "x86",
            ),
            ("7z-25.1.0-linux-x86_64", "7z", "25.1.0", "linux", "x86_64"),
        ] {
            let found = parse(file).unwrap_or_else(|unfit| panic!("{file}: {unfit}"));
            assert_eq!(
                (
                    &*found.name,
                    found.version.as_str(),
                    found.platform.as_str(),
                    arch_word(found.arch)
                ),
                (name, version, platform, arch)
            );
            assert_eq!(found.file(), file);
        }
    }

    #[test]
    fn what_is_no_name_has_a_reason() {
        let text = str::to_owned;
        for (file, unfit) in [
            (".t-1.0.0-linux-x86_64", Unfit::Hidden),
            ("t-v1.0.0-linux-x86_64", Unfit::LeadingV(text("1.0.0"))),
            (
                "t-V1.0.0-rc.1-linux-x86_64",
                Unfit::LeadingV(text("1.0.0-rc.1")),
            ),
            ("t-linux-x86_64", Unfit::NoVersion),
            ("storage-server-linux-x86_64", Unfit::NoVersion),
            ("README", Unfit::NoVersion),
            ("README.md", Unfit::NoVersion),
            ("t-1.0-linux-x86_64", Unfit::NotSemantic(text("1.0"))),
            ("t-v1-linux-x86_64", Unfit::NotSemantic(text("v1"))),
            ("t-01.0.0-linux-x86_64", Unfit::NotSemantic(text("01.0.0"))),
            (
                "t_1.0.0_linux_x86_64",
                Unfit::Underscore(Some(text("t-1.0.0-linux-x86_64"))),
            ),
            (
                "a_b-1.0.0-linux-x86_64",
                Unfit::Underscore(Some(text("a-b-1.0.0-linux-x86_64"))),
            ),
            (
                "t-1.0.0-linux_x86_64",
                Unfit::Underscore(Some(text("t-1.0.0-linux-x86_64"))),
            ),
            ("t_t", Unfit::Underscore(None)),
            ("t-1.0.0-macos-aarch64", Unfit::Platform(text("macos"))),
            ("t-1.0.0-plan9-x86_64", Unfit::Platform(text("plan9"))),
            ("t-1.0.0-linux-amd64", Unfit::Arch(text("amd64"))),
            ("t-1.0.0-linux-riscv64", Unfit::Arch(text("riscv64"))),
            ("t-1.0.0-windows-x86_64", Unfit::ExeMissing),
            ("t-1.0.0-linux-x86_64.exe", Unfit::ExeSuperfluous),
            (
                "t-1.0.0-linux-x86_64.sha256",
                Unfit::Arch(text("x86_64.sha256")),
            ),
            ("-1.0.0-linux-x86_64", Unfit::Name(String::new())),
            ("t é-1.0.0-linux-x86_64", Unfit::Name(text("t é"))),
            ("a\n-1.0.0-linux-x86_64", Unfit::Name(text("a\n"))),
        ] {
            assert_eq!(parse(file), Err(unfit), "{file}");
        }
    }

    #[test]
    fn versions_of_any_form_have_a_total_order() {
        let sorted = ["1.0.0-rc10", "1.0.0-rc9", "1.0-rc9.5", "1.0.0", "1.0.0.1"];
        for (n, a) in sorted.iter().enumerate() {
            for (m, b) in sorted.iter().enumerate() {
                assert_eq!(Version::new(a).cmp(&Version::new(b)), n.cmp(&m), "{a} {b}");
            }
        }
    }

    #[test]
    fn the_order_is_that_of_the_listings() {
        let sorted = [
            "a-1.10.0-linux-x86_64",
            "a-1.9.0-darwin-aarch64",
            "a-1.9.0-linux-aarch64",
            "a-1.9.0-linux-x86_64",
            "a-1.9.0-rc.10-linux-x86_64",
            "a-1.9.0-rc.9-linux-x86_64",
            "b-0.1.0-linux-x86_64",
        ];
        let mut read: Vec<_> = sorted
            .iter()
            .rev()
            .map(|file| parse(file).unwrap())
            .collect();
        read.sort();
        let read: Vec<_> = read.iter().map(Coordinate::file).collect();
        assert_eq!(read, sorted);
    }

    #[test]
    fn requests_may_use_aliases() {
        assert_eq!(platform("macOS"), Ok(Os::Darwin));
        assert_eq!(arch("amd64"), Ok(Arch::Amd64));
        assert_eq!(Version::requested("v1.0.0"), "1.0.0");
        assert_eq!(Version::requested("vault"), "vault");
        assert!(platform("linux_amd64").unwrap_err().contains("linux/amd64"));
        assert!(arch("riscv64").unwrap_err().contains("aarch64"));
    }
}
